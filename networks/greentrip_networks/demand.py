"""What a network says of its travellers beside zones' totals: policies switched off, traffic that no resident makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

POLICIES = ("plate_restriction", "licence_lottery", "ebikes", "shared_bicycles", "ride_hailing")
"""What the base year had and a scenario may switch off; `[without]` of parameters.toml says what that changes."""

BACKGROUND = ("freight", "visitors", "through", "empty_taxis")
"""Classes of traffic beside the residents'; `[background]` of parameters.toml says how much there is, by period."""


@dataclass(frozen=True, eq=False)
class Demand:
    """Who travels, as far as it is not zones' totals and parameters."""

    switched_off: tuple[str, ...] = ()  # of POLICIES
    background: Mapping[str, float] = field(default_factory=dict)  # multiplier by class of BACKGROUND; 1 where left out

    def background_factor(self, traffic: str) -> float:
        """Return what a class of background traffic is multiplied with: 1 as assumed, 0 left out."""
        return self.background.get(traffic, 1.0)
