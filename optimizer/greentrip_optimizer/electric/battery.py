"""An electric bus: how far it runs on a full battery, where it charges, and what the timetable asks of it."""

from dataclasses import dataclass

import numpy as np
from greentrip_networks.errors import ScenarioError
from numpy.typing import NDArray

from greentrip_optimizer.blocks import Trips

EPSILON = 1e-9  # km and minutes


@dataclass(frozen=True, eq=False)
class Battery:
    """An electric bus and the kilometres to run.

    `range_km` is how far a full battery lasts. Each hour of waiting at a place of `charges` (by place) gives back
    `charge_km_h` km of range, up to full. `trip_km` are kilometres by trip, `deadhead_km` those between places.
    """

    range_km: float
    charge_km_h: float
    charges: NDArray[np.bool_]
    trip_km: NDArray[np.float64]
    deadhead_km: NDArray[np.float64]

    def first_km(self, trips: Trips, depot: int | None) -> NDArray[np.float64]:
        """Return the charge with which a bus can begin its day, by its first trip; minus infinity where it cannot.

        It leaves the depot full, at any time, so it is full where the trip begins if that place charges.
        """
        if depot is None:
            return np.full(len(trips), self.range_km)
        left = self.range_km - self.deadhead_km[depot, trips.start_place]
        return np.where(left < -EPSILON, -np.inf, np.where(self.charges[trips.start_place], self.range_km, left))

    def home_km(self, trips: Trips, depot: int | None) -> NDArray[np.float64]:
        """Return the charge that a bus needs to end its day, by its last trip; infinite where it cannot.

        It returns at any time, so where the trip's end charges it needs none.
        """
        if depot is None:
            return np.zeros(len(trips))
        home = self.deadhead_km[trips.end_place, depot]
        return np.where(
            home > self.range_km + EPSILON, np.inf, np.where(self.charges[trips.end_place], 0.0, np.maximum(home, 0.0))
        )


def check(battery: Battery, trips: Trips, deadhead_min: NDArray[np.float64], depot: int | None) -> None:
    """Raise ScenarioError where a value is out of bounds or a trip alone is more than a battery."""
    _positive("range_km", battery.range_km, above=True)
    _positive("charge_km_h", battery.charge_km_h)
    if battery.deadhead_km.shape != deadhead_min.shape:
        raise ScenarioError(
            "deadhead_km", f"saw shape {battery.deadhead_km.shape}; expected that of deadhead_min, {deadhead_min.shape}"
        )
    wrong = np.isfinite(deadhead_min) & ~((battery.deadhead_km >= 0) & np.isfinite(battery.deadhead_km))
    for p, q in np.argwhere(wrong)[:1].tolist():
        raise ScenarioError(f"deadhead_km[{p}][{q}]", f"saw {battery.deadhead_km[p, q]:g} km; expected 0 or more")
    first, home = battery.first_km(trips, depot), battery.home_km(trips, depot)
    for k in range(len(trips)):
        field, km = f"trips[{k}].km", float(battery.trip_km[k])
        _positive(field, km)
        if not trips.end_min[k] - trips.start_min[k] > EPSILON:
            saw = f"saw {trips.end_min[k]:g}, when it starts"
            raise ScenarioError(
                f"trips[{k}].end_min", f"{saw}; expected a later minute, as trips with a range take time"
            )
        if first[k] - km < home[k] - EPSILON:
            ways = ""
            if depot is not None:
                out = battery.deadhead_km[depot, trips.start_place[k]]
                back = battery.deadhead_km[trips.end_place[k], depot]
                ways = f" with {out:g} km from the depot and {back:g} km back"
            most = f"at most what a battery lasts for, range_km {battery.range_km:g} km"
            raise ScenarioError(field, f"saw {km:g} km{ways}; expected {most}")


def _positive(field: str, km: float, *, above: bool = False) -> None:
    """Raise unless a number of kilometres is 0 or more (`above`: more than 0)."""
    if not (0 < km < np.inf if above else 0 <= km < np.inf):
        raise ScenarioError(field, f"saw {km:g} km; expected {'more than 0' if above else '0 or more'}")
