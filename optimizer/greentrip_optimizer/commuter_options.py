"""What customised buses cost, what limits them, and how drivers weigh them against their car."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from greentrip_agents.parameters import Parameters, default_parameters
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Network


@dataclass(frozen=True)
class CommuterOptions:
    """Limits, costs and how drivers react; values without a source are assumed."""

    vehicles: int
    seats: int = 45
    prices_cny: tuple[float, ...] = (6.0, 8.0, 10.0, 12.0, 15.0, 20.0)  # a ride; the best for each route is taken
    arrive: tuple[str, ...] = ("07:30-08:00", "08:00-08:30", "08:30-09:00")
    arrive_share: tuple[float, ...] = (0.3, 0.4, 0.3)  # of the morning's drivers to work
    most_pickups: int = 4
    most_drops: int = 2
    pickup_radius_m: float = 2500.0  # between the first chosen pick-up and the others
    drop_radius_m: float = 1500.0
    least_km: float = 6.0  # as the crow flies, for a fast leg to be worth it
    least_riders: float = 15.0  # a run
    most_minutes: float = 90.0  # on board
    detour_factor: float = 1.5  # of a rider's time on board over the way without other stops
    local_over_car: float = 1.15  # a bus's time between pick-ups over a car's
    fast_over_car: float = 1.05  # and on the fast leg, which may use expressways
    stop_min: float = 1.0
    walk_min: float = 6.0  # to the pick-up and from the drop-off, together, where a zone has no cells to walk from
    walk_m_s: float = 1.2
    street_detour: float = 1.3  # metres on foot per metre as the crow flies
    walk_weight: float = 2.0
    wait_min: float = 3.0
    wait_weight: float = 2.0
    equal_share: float = 0.2  # of drivers who would take the bus if it felt as good as their car
    per_minute: float = 0.05  # of the logit between the two, a felt minute
    value_cny_h: float = 24.58
    cny_vehicle_hour: float = 110.0
    cny_km: float = 3.5
    cny_vehicle_day: float = 625.0
    destinations: int = 60  # with most drivers, looked at
    seeds: int = 12  # first pick-ups tried for each
    seed: int = 0
    work: float = 6.0  # CP-SAT's deterministic time

    def __post_init__(self) -> None:
        """Refuse values that make no sense, naming the field."""
        if isinstance(self.vehicles, bool) or self.vehicles != int(self.vehicles) or self.vehicles < 0:
            raise ScenarioError("vehicles", f"saw {self.vehicles!r}; expected a whole number, 0 or more")
        if not 1 <= self.seats <= 300:
            raise ScenarioError("seats", f"saw {self.seats!r}; expected 1 to 300")
        if not self.prices_cny or not all(isfinite(x) and 0 <= x <= 1000 for x in self.prices_cny):
            raise ScenarioError("prices_cny", f"saw {self.prices_cny!r}; expected at least one price, 0 to 1000 CNY")
        if len(self.arrive) != len(self.arrive_share) or not 0 < sum(self.arrive_share) <= 1 + 1e-9:
            raise ScenarioError("arrive_share", "expected one share a window, together more than 0 and at most 1")
        for i, window in enumerate(self.arrive):
            window_min(window, f"arrive[{i}]")
        for name, low, high in (("walk_min", 0.0, 600.0), ("walk_m_s", 0.1, 10.0), ("street_detour", 1.0, 10.0)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ScenarioError(name, f"saw {value!r}; expected {low:g} to {high:g}")
        if not 0 < self.equal_share < 1:
            raise ScenarioError("equal_share", f"saw {self.equal_share!r}; expected between 0 and 1")
        if not 1 <= self.most_pickups <= 5 or not 1 <= self.most_drops <= 2:
            raise ScenarioError("most_pickups", "expected 1 to 5 pick-ups and 1 or 2 drop-offs a route")


def commuter_options(network: Network, parameters: Parameters | None = None, **given: Any) -> CommuterOptions:
    """Return options that weigh time and money as the simulation does with the parameters; some are given."""
    p = parameters if parameters is not None else default_parameters(network.name)
    known = {
        "value_cny_h": p["value_of_time.mean_cny_h"],
        "per_minute": p["choice.per_minute.work"],
        "walk_m_s": p["speed.walk_m_s"],
        "street_detour": p["distance.street_detour"],
        "walk_weight": p["weight.walk_access"],
        "wait_weight": p["weight.wait"],
    }
    return CommuterOptions(**{**known, **given})


def window_min(text: str, place: str) -> tuple[float, float]:
    """Return minutes after midnight of a window such as 08:00-08:30."""
    try:
        first, last = (float(t[:2]) * 60 + float(t[3:5]) for t in text.split("-"))
    except ValueError:
        raise ScenarioError(place, f"saw {text!r}; expected a window such as 08:00-08:30") from None
    if not 0 <= first < last <= 1440:
        raise ScenarioError(place, f"saw {text!r}; expected a window that ends after it begins")
    return first, last
