"""Journeys by timetable: earliest arrivals and whole windows of departures, from one place to all stops.

Times are seconds after midnight of the service day and may pass 86,400. A change at a stop takes at least that stop's
minimum time, a change between stops the walk between them, one walk a change: walks are not chained, so state every
walk that is allowed. Staying aboard takes no change. Trips may overtake one another.
"""

from dataclasses import dataclass

import numpy as np
from greentrip_networks.errors import TableError
from numpy.typing import ArrayLike, NDArray

from greentrip_agents.timetable_kernel import Connections, mean_all, one_profile, scan_all

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY_S = 86_400.0
CHANGE_S = 60.0


@dataclass(frozen=True, eq=False)
class Origins:
    """Places that journeys start from, each with the stops it reaches on foot, by bicycle or as the caller likes."""

    first: Ints  # (origins + 1,) rows of stop and seconds
    stop: Ints
    seconds: Floats

    @classmethod
    def at(cls, stops: ArrayLike) -> "Origins":
        """Return origins that are stops, with no way from them but vehicles."""
        rows = np.asarray(stops, np.int64).ravel()
        return cls(np.arange(len(rows) + 1), rows, np.zeros(len(rows)))


@dataclass(frozen=True, eq=False)
class Profile:
    """Every useful journey from one origin to each stop for those who leave within a window.

    Journeys of stop s are rows first[s] to first[s + 1], in order of departure; departure and arrival both rise. One
    that leaves after the window counts as leaving at its end. Reaching a stop on foot alone is in `walk`.
    """

    window: tuple[float, float]
    first: Ints  # (stops + 1,)
    departure: Floats
    arrival: Floats
    walk: Floats  # (stops,) seconds on foot alone, infinite beyond reach

    def arrive(self, departure: float) -> Floats:
        """Return the earliest arrival at each stop for who leaves at a time within the window."""
        if not self.window[0] <= departure <= self.window[1]:
            raise TableError("profile", f"a departure within {self.window}", column="departure", value=departure)
        out = departure + self.walk
        for s in range(len(self.walk)):
            a, b = self.first[s], self.first[s + 1]
            row = a + int(np.searchsorted(self.departure[a:b], departure, side="left"))
            if row < b:
                out[s] = min(out[s], self.arrival[row])
        return out


class Timetable:
    """Trips laid out as connections in order of departure.

    `trip_first` (trips + 1) holds the rows of each trip's calls in the order they are made; `stop`, `arrival_s` and
    `departure_s` have a row a call. `change_s` is one minimum time or one a stop; `walks` are (from, to, seconds)
    between different stops; both take at least a second. With `daily` the timetable is the same every day: yesterday's
    trips still run after midnight, and tomorrow's follow today's. Raises TableError naming the row of a stop that is
    not there, a time that is not a number, and time that runs backwards within a trip.
    """

    def __init__(
        self,
        stops: int,
        trip_first: ArrayLike,
        stop: ArrayLike,
        arrival_s: ArrayLike,
        departure_s: ArrayLike,
        *,
        change_s: ArrayLike = CHANGE_S,
        walks: tuple[ArrayLike, ArrayLike, ArrayLike] = ((), (), ()),
        daily: bool = False,
    ) -> None:
        first, at = np.asarray(trip_first, np.int64).ravel(), np.asarray(stop, np.int64).ravel()
        arrival, departure = np.asarray(arrival_s, np.float64).ravel(), np.asarray(departure_s, np.float64).ravel()
        if not len(first) or first[0] != 0 or (np.diff(first) < 0).any() or first[-1] != len(at):
            raise TableError("trips", f"rows that rise from 0 to the {len(at)} calls", column="trip_first")
        for name, column in (("arrival_s", arrival), ("departure_s", departure)):
            if len(column) != len(at):
                raise TableError("stop times", f"{len(at)} rows", column=name, value=len(column))
            _check("stop times", name, column, ~np.isfinite(column), "a time, seconds after midnight")
        _check("stop times", "stop", at, (at < 0) | (at >= stops), f"a stop from 0 to {stops - 1}")
        late = departure < arrival
        _check("stop times", "departure_s", departure, late, "no time before the arrival at the same call")
        begins = np.zeros(len(at) + 1, bool)
        begins[first[:-1]] = True
        legs = np.flatnonzero(~begins[1:-1])  # calls that another of the same trip follows
        back = np.zeros(len(at), bool)
        back[legs + 1] = arrival[legs + 1] < departure[legs]
        _check("stop times", "arrival_s", arrival, back, "no time before the departure from the call before")
        change = np.broadcast_to(np.asarray(change_s, np.float64), (stops,)).copy()
        _check("stops", "change_s", change, ~(change >= 1), "at least 1 second")
        here, there = np.asarray(walks[0], np.int64).ravel(), np.asarray(walks[1], np.int64).ravel()
        seconds = np.asarray(walks[2], np.float64).ravel()
        for name, end in (("from", here), ("to", there)):
            _check("walks", name, end, (end < 0) | (end >= stops), f"a stop from 0 to {stops - 1}")
        _check("walks", "to", there, there == here, "another stop: changes at one stop are change_s")
        _check("walks", "seconds", seconds, ~(seconds >= 1), "at least 1 second")

        trip = np.repeat(np.arange(len(first) - 1), np.diff(first))[legs]
        trips = len(first) - 1
        start, end, leaves, comes = at[legs], at[legs + 1], departure[legs], arrival[legs + 1]
        if daily:
            shift = np.repeat([-DAY_S, 0.0, DAY_S], len(legs))
            copy = np.repeat([0, 1, 2], len(legs))
            leaves, comes = np.tile(leaves, 3) + shift, np.tile(comes, 3) + shift
            start, end, trip = np.tile(start, 3), np.tile(end, 3), np.tile(trip, 3) + trips * copy
            trips *= 3
        order = np.argsort(leaves, kind="stable")  # stable: a trip's connections keep their order
        walk_order = np.lexsort((there, here))
        self.stops = int(stops)
        self._c = Connections(
            start[order].astype(np.int32), end[order].astype(np.int32), leaves[order], comes[order],
            trip[order].astype(np.int32), trips, change,
            np.concatenate([[0], np.cumsum(np.bincount(here, minlength=stops))]).astype(np.int32),
            there[walk_order].astype(np.int32), seconds[walk_order],
        )  # fmt: skip

    @property
    def connections(self) -> int:
        """Return how many runs from call to call there are."""
        return len(self._c.start)

    def earliest(self, origins: Origins, departure_s: ArrayLike, *, within_s: float = np.inf) -> Floats:
        """Return the earliest arrivals (origins, stops) for who leaves each origin at a time; infinite where none.

        `departure_s` is one time or one an origin. Vehicles that depart more than `within_s` later are not looked at.
        """
        self._check_origins(origins)
        count = len(origins.first) - 1
        leave = np.broadcast_to(np.asarray(departure_s, np.float64), (count,)).copy()
        _check("origins", "departure_s", leave, ~np.isfinite(leave), "a time, seconds after midnight")
        out = np.empty((count, self.stops))
        first = np.searchsorted(self._c.departure, leave)
        scan_all(
            self._c, first, leave + within_s, origins.first, origins.stop.astype(np.int32), origins.seconds, leave, out
        )
        return out

    def profile(
        self, origins: Origins, origin: int, window: tuple[float, float], *, within_s: float = np.inf
    ) -> Profile:
        """Return every useful journey from one of the origins for those who leave within a window."""
        self._check_origins(origins)
        earliest, latest = self._window(window)
        a, b = origins.first[origin], origins.first[origin + 1]
        stop, seconds = origins.stop[a:b].astype(np.int32), origins.seconds[a:b]
        first = int(np.searchsorted(self._c.departure, earliest))
        rows, leave, arrive = one_profile(self._c, first, latest + within_s, stop, seconds, earliest, latest)
        walk = np.full(self.stops, np.inf)
        np.minimum.at(walk, stop, seconds)
        return Profile((earliest, latest), rows, leave, arrive, walk)

    def mean_seconds(self, origins: Origins, window: tuple[float, float], *, within_s: float = np.inf) -> Floats:
        """Return mean times (origins, stops), waiting included, over departures evenly spread over a window.

        Infinite where those who leave last have no journey.
        """
        self._check_origins(origins)
        earliest, latest = self._window(window)
        out = np.empty((len(origins.first) - 1, self.stops))
        first = int(np.searchsorted(self._c.departure, earliest))
        mean_all(
            self._c, first, latest + within_s, origins.first, origins.stop.astype(np.int32), origins.seconds, earliest,
            latest, out,
        )  # fmt: skip
        return out

    def _check_origins(self, origins: Origins) -> None:
        """Raise TableError at a stop that is not there or seconds that are not."""
        bad = (origins.stop < 0) | (origins.stop >= self.stops)
        _check("origins", "stop", origins.stop, bad, f"a stop from 0 to {self.stops - 1}")
        _check("origins", "seconds", origins.seconds, ~(origins.seconds >= 0), "seconds of at least 0")

    @staticmethod
    def _window(window: tuple[float, float]) -> tuple[float, float]:
        """Return the window's ends, in order and finite."""
        earliest, latest = map(float, window)
        if not (np.isfinite(earliest) and np.isfinite(latest) and earliest < latest):
            raise TableError("profile", "two times, the earlier first", column="window", value=window)
        return earliest, latest


def _check(table: str, column: str, values: NDArray[np.float64] | Ints, bad: NDArray[np.bool_], expected: str) -> None:
    """Raise TableError at the first bad value."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise TableError(table, expected, row=row, column=column, value=values[row].item())
