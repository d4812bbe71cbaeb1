"""What a network says of its travellers beside zones' totals: who they are, observed trips, policies, other traffic."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

POLICIES = ("plate_restriction", "licence_lottery", "ebikes", "shared_bicycles", "ride_hailing")
"""What the base year had and a scenario may switch off; `[without]` of parameters.toml says what that changes."""

BACKGROUND = ("freight", "visitors", "through", "empty_taxis")
"""Classes of traffic beside the residents'; `[background]` of parameters.toml says how much there is, by period."""

AGES = ("child", "adult", "elderly")  # 0 to 14, 15 to 64, 65 and over
FIFTHS = 5  # of the residents of a zone, by income

TRIPS = "trips"
"""First word of the matrices of a stored network that are its demand: "trips work am", "trips home pm"."""


@dataclass(frozen=True, eq=False)
class People:
    """Who lives in each zone, by class; one row a class of a zone, sorted by zone, shape (rows,)."""

    zone: NDArray[np.int64]
    age: NDArray[np.int8]  # row of AGES
    works: NDArray[np.bool_]
    car: NDArray[np.bool_]  # lives in a household with a car
    bicycle: NDArray[np.bool_]  # has one
    income_fifth: NDArray[np.int8]  # 0 to 4, of the zone's residents
    income_cny_year: NDArray[np.float64]  # mean of the class
    persons: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Demand:
    """Who travels, as far as it is not zones' totals and parameters."""

    switched_off: tuple[str, ...] = ()  # of POLICIES
    background: Mapping[str, float] = field(default_factory=dict)  # multiplier by class of BACKGROUND; 1 where left out
    people: People | None = None  # None: drawn from zones' totals and parameters
    # trips a day (zones, zones) by purpose and period, "work am", from home; and home again, "home pm"
    trips: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def background_factor(self, traffic: str) -> float:
        """Return what a class of background traffic is multiplied with: 1 as assumed, 0 left out."""
        return self.background.get(traffic, 1.0)
