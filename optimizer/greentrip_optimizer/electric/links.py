"""What a bus may do between two trips, and the charge with which it arrives.

A bus drives straight to where its next trip begins. It waits where it can charge: where the one trip ends, where the
other begins, or, if both charge, in the first for the layover and what the drive needs, then in the second. Where
neither charges it may drive by way of one place that does, if it could also drive straight. Charging begins at once on
arrival. More charge before is never less after, so of two buses at one trip the fuller one can do all the other can.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from greentrip_optimizer.blocks import Trips, follows
from greentrip_optimizer.electric.battery import EPSILON, Battery

Floats = NDArray[np.float64]


class Stop(NamedTuple):
    """A stay at a place that charges: minutes of charging and the km of range they give back."""

    place: int
    minutes: float
    km: float


@dataclass(frozen=True, eq=False)
class Links:
    """All ways from a trip to a next one; trips are in order of their starts.

    Way 0 leads straight to the next trip and way w by way of place `by[w]`. `open` says by way, next trip and trip
    before whether it is there, `least_min` by next trip and trip before how few minutes are driven empty. `first_km`
    and `home_km` are the charge of a bus that begins with a trip, and what one needs to end with it; `out_min` and
    `back_min` the empty minutes of that.
    """

    trips: Trips
    battery: Battery
    deadhead_min: Floats
    layover_min: float
    by: tuple[int, ...]
    open: NDArray[np.bool_]
    least_min: Floats
    wait_min: Floats  # between arrival and leaving for the next trip, by next trip and trip before
    first_km: Floats
    home_km: Floats
    out_min: Floats
    back_min: Floats
    depot: int | None

    def __len__(self) -> int:
        """Return the number of trips."""
        return len(self.trips)

    @property
    def most_min(self) -> float:
        """Return the empty minutes of a schedule that takes the longest link to every trip and a bus for each."""
        longest = np.where(self.open[0], self.least_min, 0.0).max(axis=1, initial=0.0)
        return float(longest.sum() + self.out_min.sum() + self.back_min.sum())

    def empty_min(self, way: int, after: int, before: NDArray[np.int64]) -> Floats:
        """Return the minutes driven empty to trip `after` from the trips `before`."""
        end, start = self.trips.end_place[before], int(self.trips.start_place[after])
        if way == 0:
            return np.asarray(self.deadhead_min[end, start])
        return np.asarray(self.deadhead_min[end, self.by[way]] + self.deadhead_min[self.by[way], start])

    def arrive(self, way: int, after: int, before: NDArray[np.int64], charge: Floats) -> Floats:
        """Return the charge, km, at the start of trip `after` of buses that end `before` with `charge` left.

        Minus infinity where the battery does not last.
        """
        full, rate = self.battery.range_km, self.battery.charge_km_h / 60
        end, start = self.trips.end_place[before], int(self.trips.start_place[after])
        km, charges = self.battery.deadhead_km, self.battery.charges
        if way > 0:
            place = self.by[way]
            left = charge - km[end, place]
            wait = self._wait_by(way, after, before)
            then = np.minimum(full, left + rate * wait) - km[place, start]
            return np.where((left < -EPSILON) | (then < -EPSILON), -np.inf, then)
        wait, drive, here = self.wait_min[after, before], km[end, start], charges[end]
        stay = self._stay(wait, drive, charge) if charges[start] else wait
        left = np.where(here, np.minimum(full, charge + rate * stay), charge) - drive
        then = left
        if charges[start]:
            then = np.minimum(full, left + rate * np.where(here, wait - stay, wait - self.layover_min))
        return np.where(left < -EPSILON, -np.inf, then)

    def _stay(self, wait: Floats, drive: Floats, charge: Floats) -> Floats:
        """Return the minutes to stay before driving on where both places charge."""
        needed = (drive - charge) * 60 / self.battery.charge_km_h
        return np.minimum(np.maximum(needed, self.layover_min), wait)

    def _wait_by(self, way: int, after: int, before: NDArray[np.int64]) -> Floats:
        """Return the minutes of waiting at the place by which a bus drives."""
        end, start = self.trips.end_place[before], int(self.trips.start_place[after])
        until = self.trips.start_min[after] - self.deadhead_min[self.by[way], start]
        return np.asarray(
            until - (self.trips.end_min[before] + self.layover_min + self.deadhead_min[end, self.by[way]])
        )

    def stops(self, way: int, after: int, before: int, charge: float) -> list[Stop]:
        """Return where a bus charges between two trips."""
        rows, left = np.array([before]), np.array([charge])
        end, start = int(self.trips.end_place[before]), int(self.trips.start_place[after])
        km, charges = self.battery.deadhead_km, self.battery.charges
        if way > 0:
            place = self.by[way]
            return self.stay(place, charge - float(km[end, place]), float(self._wait_by(way, after, rows)[0]))
        wait, found = float(self.wait_min[after, before]), []
        stay = self.layover_min
        if charges[end]:
            stay = float(self._stay(np.array([wait]), km[[end], [start]], left)[0]) if charges[start] else wait
            found = self.stay(end, charge, stay)
            charge += sum(s.km for s in found)
        if charges[start]:
            found += self.stay(start, charge - float(km[end, start]), wait - stay)
        return found

    def stay(self, place: int, charge: float, minutes: float) -> list[Stop]:
        """Return the charging of a stay, in a list; an empty one where the battery is full or no time is left."""
        rate = self.battery.charge_km_h / 60
        gained = min(self.battery.range_km - charge, rate * minutes)
        return [Stop(place, gained / rate, gained)] if gained > EPSILON else []


def links(trips: Trips, deadhead_min: Floats, battery: Battery, layover_min: float, depot: int | None) -> Links:
    """Return the links of trips that are in order of their starts."""
    can = follows(trips, deadhead_min, layover_min).T
    end, start = trips.end_place, trips.start_place
    straight_min = deadhead_min[end[None, :], start[:, None]]
    straight_km = battery.deadhead_km[end[None, :], start[:, None]]
    wait = np.where(can, trips.start_min[:, None] - trips.end_min[None, :] - straight_min, 0.0)
    by, ways, least = [-1], [can], np.where(can, straight_min, np.inf)
    lacking = can & ~battery.charges[end][None, :] & ~battery.charges[start][:, None]
    rate = battery.charge_km_h / 60
    for place in np.flatnonzero(battery.charges).tolist() if rate > 0 else []:
        there, on = deadhead_min[end, place], deadhead_min[place, start]
        stay = (trips.start_min - on)[:, None] - (trips.end_min + layover_min + there)[None, :]
        way = lacking & (stay > EPSILON)
        taken = battery.deadhead_km[end, place][None, :] + battery.deadhead_km[place, start][:, None]
        way &= np.where(way, rate * stay - taken > -straight_km, False)
        if way.any():
            by.append(place)
            ways.append(way)
            least = np.where(way, np.minimum(least, there[None, :] + on[:, None]), least)
    zero = np.zeros(len(trips))
    return Links(
        trips,
        battery,
        deadhead_min,
        layover_min,
        tuple(by),
        np.ascontiguousarray(np.stack(ways)),
        least,
        wait,
        battery.first_km(trips, depot),
        battery.home_km(trips, depot),
        zero if depot is None else deadhead_min[depot, start],
        zero if depot is None else deadhead_min[end, depot],
        depot,
    )
