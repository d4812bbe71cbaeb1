"""Connection scans over a timetable: earliest arrivals, and every useful departure of a time window, from one origin.

A connection is a vehicle's run from one call to the next. Sorted by departure they are looked at once, in order, as in
the connection scan of Dibbelt, Pajor, Strasser and Wagner (2018). No order of trips among themselves is assumed, so
trips that overtake one another need no care. Every change takes time, so connections of equal departure never feed
each other except along a trip, whose connections keep their order.
"""

from typing import NamedTuple

import numpy as np
from greentrip_networks.kernels import njit, prange
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Connections(NamedTuple):
    """Connections sorted by departure, and the ways between stops on foot. Times are seconds after midnight."""

    start: Int32s  # stop left
    end: Int32s  # stop reached
    departure: Floats
    arrival: Floats
    trip: Int32s
    trips: int
    change: Floats  # (stops,) seconds between two vehicles at the stop, above 0
    first_walk: Int32s  # (stops + 1)
    walk_to: Int32s
    walk: Floats  # seconds, above 0


@njit()
def scan(
    c: Connections, first: int, until: float, stops: Int32s, walks: Floats, leave: float, arrive: Floats
) -> None:  # fmt: skip
    """Fill the earliest arrival at every stop for who leaves at a time and reaches some stops on foot.

    first is the first connection that matters; connections that depart after `until` are not looked at.
    """
    ready = np.full(arrive.shape[0], np.inf)  # from when one can board at a stop
    aboard = np.zeros(c.trips, np.bool_)
    arrive[:] = np.inf
    for k in range(stops.shape[0]):
        at = leave + walks[k]
        ready[stops[k]] = min(ready[stops[k]], at)
        arrive[stops[k]] = min(arrive[stops[k]], at)
    for k in range(first, c.start.shape[0]):
        departure = c.departure[k]
        if departure > until:
            break
        if not aboard[c.trip[k]]:
            if ready[c.start[k]] > departure:
                continue
            aboard[c.trip[k]] = True
        s = c.end[k]
        at = c.arrival[k]
        arrive[s] = min(arrive[s], at)
        ready[s] = min(ready[s], at + c.change[s])
        for w in range(c.first_walk[s], c.first_walk[s + 1]):
            t = c.walk_to[w]
            there = at + c.walk[w]
            ready[t] = min(ready[t], there)
            arrive[t] = min(arrive[t], there)


@njit(parallel=True)
def scan_all(
    c: Connections, first: Int64s, until: Floats, first_access: Int64s, stops: Int32s, walks: Floats, leave: Floats,
    arrive: Floats,
) -> None:  # fmt: skip
    """Fill the earliest arrivals of many origins, a row each."""
    for o in prange(leave.shape[0]):
        a, b = first_access[o], first_access[o + 1]
        scan(c, first[o], until[o], stops[a:b], walks[a:b], leave[o], arrive[o])


@njit()
def _enter(
    top: Int32s, stop: int, at: float, leaves: float, when: Floats, left: Floats, after: Int32s, used: int
) -> int:
    """Enter a journey into a stop's list, latest first, unless another leaves no earlier and is there no later.

    Journeys that it makes useless go. Returns the number of entries used.
    """
    before = -1  # the entry that stays in front of the new one
    e = top[stop]
    while e >= 0 and when[e] >= at:
        if when[e] == at and left[e] >= leaves:
            return used
        if left[e] > leaves:
            before = e  # those after it that arrive no earlier go: both columns fall along the list
        e = after[e]
    if e >= 0 and left[e] >= leaves:
        return used
    when[used] = at
    left[used] = leaves
    after[used] = e
    if before < 0:
        top[stop] = used
    else:
        after[before] = used
    return used + 1


@njit()
def _profile(
    c: Connections, first: int, until: float, stops: Int32s, walks: Floats, earliest: float, latest: float
) -> tuple[Int64s, Floats, Floats]:  # fmt: skip
    """Return every stop's useful journeys: first (stops + 1), departure from the origin, arrival, earliest first."""
    count = c.first_walk.shape[0] - 1
    access = np.full(count, np.inf)
    for k in range(stops.shape[0]):
        access[stops[k]] = min(access[stops[k]], walks[k])
    ready, there = np.full(count, -1, np.int32), np.full(count, -1, np.int32)
    room = 4096
    when, left, after = np.empty(room), np.empty(room), np.empty(room, np.int32)
    used = 0
    on = np.full(c.trips, -np.inf)  # the latest departure from the origin of who can be aboard
    done = np.full(count, np.inf)  # arrival of who leaves last: nothing later is useful
    for k in range(first, c.start.shape[0]):
        departure = c.departure[k]
        if departure > until:
            break
        s = c.start[k]
        leaves = on[c.trip[k]]
        by_foot = min(departure - access[s], latest)
        if by_foot >= earliest and by_foot > leaves:
            leaves = by_foot
        if leaves < latest:
            e = ready[s]
            while e >= 0 and when[e] > departure:
                e = after[e]
            if e >= 0 and left[e] > leaves:
                leaves = left[e]
        if leaves == -np.inf:
            continue
        on[c.trip[k]] = leaves
        s = c.end[k]
        at = c.arrival[k]
        needed = used + 2 * (c.first_walk[s + 1] - c.first_walk[s] + 1)
        if needed > room:
            grown = max(2 * room, needed)
            new_when, new_left, new_after = np.empty(grown), np.empty(grown), np.empty(grown, np.int32)
            new_when[:used], new_left[:used], new_after[:used] = when[:used], left[:used], after[:used]
            when, left, after, room = new_when, new_left, new_after, grown
        if at < done[s]:
            used = _enter(there, s, at, leaves, when, left, after, used)
            if leaves == latest:
                done[s] = at
        used = _enter(ready, s, at + c.change[s], leaves, when, left, after, used)
        for w in range(c.first_walk[s], c.first_walk[s + 1]):
            t = c.walk_to[w]
            then = at + c.walk[w]
            if then < done[t]:
                used = _enter(there, t, then, leaves, when, left, after, used)
                if leaves == latest:
                    done[t] = then
            used = _enter(ready, t, then, leaves, when, left, after, used)
    rows = np.zeros(count + 1, np.int64)
    for s in range(count):
        e = there[s]
        rows[s + 1] = rows[s]
        while e >= 0:
            rows[s + 1] += 1
            e = after[e]
    leave_s, arrive_s = np.empty(rows[count]), np.empty(rows[count])
    for s in range(count):
        e = there[s]
        row = rows[s + 1]
        while e >= 0:
            row -= 1
            leave_s[row] = left[e]
            arrive_s[row] = when[e]
            e = after[e]
    return rows, leave_s, arrive_s


@njit()
def _mean_of(
    rows: Int64s, leave_s: Floats, arrive_s: Floats, access: Floats, earliest: float, latest: float, out: Floats
) -> None:
    """Fill the mean time to each stop, over departures evenly spread over the window; infinite where some fail."""
    for s in range(out.shape[0]):
        walk = access[s]
        total = 0.0
        since = earliest
        for row in range(rows[s], rows[s + 1]):
            # who leaves after `since` and by leave_s: waits, unless walking is quicker for those who leave first
            turn = min(max(arrive_s[row] - walk, since), leave_s[row])
            if turn > since:
                total += walk * (turn - since)
            total += (leave_s[row] - turn) * (arrive_s[row] - 0.5 * (leave_s[row] + turn))
            since = leave_s[row]
        if since < latest:
            total += walk * (latest - since)
        out[s] = total / (latest - earliest)


@njit()
def _one_mean(
    c: Connections, first: int, until: float, stops: Int32s, walks: Floats, earliest: float, latest: float,
    out: Floats,
) -> None:  # fmt: skip
    """Fill one origin's mean times."""
    rows, leave_s, arrive_s = _profile(c, first, until, stops, walks, earliest, latest)
    access = np.full(out.shape[0], np.inf)
    for k in range(stops.shape[0]):
        access[stops[k]] = min(access[stops[k]], walks[k])
    _mean_of(rows, leave_s, arrive_s, access, earliest, latest, out)


@njit()
def one_profile(
    c: Connections, first: int, until: float, stops: Int32s, walks: Floats, earliest: float, latest: float
) -> tuple[Int64s, Floats, Floats]:  # fmt: skip
    """Return one origin's useful journeys (see `_profile`)."""
    return _profile(c, first, until, stops, walks, earliest, latest)


@njit(parallel=True)
def mean_all(
    c: Connections, first: int, until: float, first_access: Int64s, stops: Int32s, walks: Floats, earliest: float,
    latest: float, out: Floats,
) -> None:  # fmt: skip
    """Fill the mean times of many origins, a row each."""
    for o in prange(out.shape[0]):
        a, b = first_access[o], first_access[o + 1]
        _one_mean(c, first, until, stops[a:b], walks[a:b], earliest, latest, out[o])
