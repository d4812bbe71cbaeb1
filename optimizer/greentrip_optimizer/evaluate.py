"""What a route is worth: the exact value of a column (a route at headways) to each cell, its cost, buses and load."""

from typing import NamedTuple

import numpy as np
from greentrip_networks.compiled import Floats, Int32s
from greentrip_networks.kernels import njit

from greentrip_optimizer.area import Area

VALUE, FARE, SHIFT, DWELL, LENGTH, DETOUR, EXTRA, LAYOVER, LAYOVER_MIN, STOPS, RANGE, CHARGE = range(12)
SLACK = 1e-6  # buses an hour: what rounding may take a street beyond its limit


class Columns(NamedTuple):
    """Routes of one station at every headway class; entry lists are by route and hold each cell once."""

    first: Int32s  # (routes + 1,)
    cell: Int32s  # (entries,) local cell rows
    worth: Floats  # (headways, entries) CNY a day to the cell if the route serves it
    cost: Floats  # (routes, headways) CNY a day, inf if the load does not fit the largest bus
    vehicles: Floats  # (routes, headways)
    bus: Int32s  # (routes, headways) row of the bus type
    load: Floats  # (routes, headways, periods that may fill a bus) persons in the busiest hour and direction


class WayPrices(NamedTuple):
    """What the streets between two places of a station still take, and what they ask, by pair of places.

    A way runs from the first place to the second; turning is at the second, coming from the first.
    """

    leg_room: Floats  # buses an hour through the fullest street of the way
    turn_room: Floats
    leg_price: Floats  # CNY a day by headway, which comes first
    turn_price: Floats


@njit(inline=True)
def step_value(at: Floats, worth: Floats, m: int, g: float) -> float:
    """Interpolate a curve of m points; 0 beyond the last point, level below the first."""
    if g >= at[m - 1]:
        return 0.0
    if g <= at[0]:
        return float(worth[0])
    lo, hi = 0, m - 1
    while hi - lo > 1:
        mid = (lo + hi) // 2
        if at[mid] <= g:
            lo = mid
        else:
            hi = mid
    w = (g - at[lo]) / (at[hi] - at[lo])
    return float(worth[lo] * (1 - w) + worth[hi] * w)


@njit()
def cell_value(area: Area, c: int, reach: float, h: int, load: Floats) -> float:
    """Return a cell's gain (CNY a day: time saved, and fares paid) if access takes `reach` minutes.

    `load` is filled as by `cell_values`, at this headway class only.
    """
    rule, runs, m = area.rule, area.service, area.points[c]
    worth, base = 0.0, area.at_min[c, area.points[c] - 1]
    load[h] = 0.0
    for t in range(len(runs.share)):
        g = reach + area.wait_min[h, t]
        if g >= base:
            continue
        riders = step_value(area.at_min[c], area.riders[c], m, g)
        if rule[SHIFT] > 0 and base - g < rule[SHIFT]:
            riders *= (base - g) / rule[SHIFT]
        saved = step_value(area.at_min[c], area.saved_min[c], m, g)
        worth += runs.share[t] * (rule[VALUE] * saved + rule[FARE] * riders)
        if t < len(runs.load_share):
            load[h, t] = runs.load_share[t] * riders
    return worth


@njit(bare=True)
def cell_values(area: Area, c: int, reach: float, worth: Floats, load: Floats) -> None:
    """Fill a cell's gain at every headway class, and its riders in the busiest hour by class and period.

    Classes ascend, so the curves are followed instead of searched, backwards where a period's headways do not.
    """
    rule, runs, m = area.rule, area.service, area.points[c]
    base = area.at_min[c, m - 1]
    for t in range(len(runs.share)):
        part, counts = runs.share[t], t < len(runs.load_share)
        lo = 0
        for h in range(area.wait_min.shape[0]):
            if t == 0:
                worth[h] = 0.0
            if counts:
                load[h, t] = 0.0
            g = reach + area.wait_min[h, t]
            if g >= base:
                continue
            riders, saved = area.riders[c, 0], area.saved_min[c, 0]
            if g > area.at_min[c, 0]:
                while lo > 0 and area.at_min[c, lo] > g:
                    lo -= 1
                while lo + 2 < m and area.at_min[c, lo + 1] <= g:
                    lo += 1
                w = (g - area.at_min[c, lo]) / (area.at_min[c, lo + 1] - area.at_min[c, lo])
                riders = area.riders[c, lo] * (1 - w) + area.riders[c, lo + 1] * w
                saved = area.saved_min[c, lo] * (1 - w) + area.saved_min[c, lo + 1] * w
            if rule[SHIFT] > 0 and base - g < rule[SHIFT]:
                riders *= (base - g) / rule[SHIFT]
            worth[h] += part * (rule[VALUE] * saved + rule[FARE] * riders)
            if counts:
                load[h, t] = runs.load_share[t] * riders


@njit(bare=True, taken_in=True)
def running_cost(
    area: Area, h: int, in_s: float, out_s: float, metres: float, load: Floats
) -> tuple[float, float, int]:
    """Return CNY a day, buses in the fullest period and the smallest bus type that carries every period's load.

    `load` is by headway class and period; the cost is infinite if no type carries it. With a range, there are at least
    as many buses as can run the day's kilometres on one battery each and what all charge in their layovers. A way out
    that takes for ever, where no bus can turn, costs infinitely much.
    """
    if out_s == np.inf:
        return np.inf, 1.0, 0
    rule, runs = area.rule, area.service
    running = in_s + out_s
    layover = max(rule[LAYOVER_MIN], rule[LAYOVER] * running)
    cycle = running + layover
    fleet, hours, often = 0.0, 0.0, 0.0
    for t in range(len(runs.hours)):
        buses = np.ceil(cycle / runs.headway_s[h, t] - 1e-9)
        fleet = max(fleet, buses)
        hours += buses * runs.hours[t]
        often += runs.hours[t] * (runs.headway_s[h, 0] / runs.headway_s[h, t])
    trips = 3600 / runs.headway_s[h, 0] * often
    if rule[RANGE] > 0:
        km = trips * (metres / 1000 - rule[CHARGE] * layover / 3600)
        fleet = max(fleet, np.ceil(km / rule[RANGE] - 1e-9))
    for k in range(len(area.bus)):
        fits = True
        for t in range(len(runs.load_share)):
            if load[h, t] > 3600 / runs.headway_s[h, t] * area.bus[k, 0]:
                fits = False
        if fits:
            return hours * area.bus[k, 1] + trips * metres / 1000 * area.bus[k, 2] + fleet * area.bus[k, 3], fleet, k
    return np.inf, fleet, len(area.bus) - 1


@njit()
def loop_times(area: Area, route: Int32s, out_s: Floats) -> tuple[float, float]:
    """Fill each stop's ride from the station; return seconds and metres once round, every stop's standing included.

    `route` lists places in the order served, the station last. From a stop the ride to the station is what is left of
    the loop: all of it, less the ride out and the standing there.
    """
    cur, clock, metres, last = len(area.stop_node) - 1, 0.0, 0.0, len(route) - 1
    for i in range(last):
        s = route[i]
        clock += area.drive_s[cur, s]
        metres += area.length_m[cur, s]
        out_s[i] = clock
        clock += area.rule[DWELL]
        cur = s
    return clock + area.drive_s[cur, route[last]], metres + area.length_m[cur, route[last]]


@njit()
def loop_ride(area: Area, around_s: float) -> float:
    """Return the mean of a loop's ride in and ride out, seconds: the same for every stop."""
    return float(around_s - area.rule[DWELL]) / 2


@njit()
def route_times(area: Area, route: Int32s, ride_s: Floats) -> tuple[float, float, float, float]:
    """Fill each stop's ride to the station; return seconds inbound and outbound and metres inbound and outbound.

    `route` lists places from the station outwards, without the station. Turning at the last stop counts as outbound.
    If the station comes last it is a loop: a ride is then the mean of those in and out, and all of the loop inbound.
    """
    rule, n = area.rule, len(area.stop_node) - 1
    if route[-1] == n:
        around, length = loop_times(area, route, ride_s)
        ride_s[: len(route) - 1] = loop_ride(area, around)
        return around, 0.0, length, 0.0
    cur, ride, out, metres, back, before = n, 0.0, 0.0, 0.0, 0.0, n
    for i in range(len(route)):
        s = route[i]
        ride += area.drive_s[s, cur] + (rule[DWELL] if cur != n else 0.0)
        out += area.drive_s[cur, s] + rule[DWELL]
        metres += area.length_m[s, cur]
        back += area.length_m[cur, s]
        ride_s[i] = ride
        before, cur = cur, s
    return ride + rule[DWELL], out + area.turn_s[before, cur], metres, back + area.turn_m[before, cur]


@njit()
def may_extend(
    area: Area,
    cur: int,
    new: int,
    ride_s: float,
    in_m: float,
    out_m: float,
    mark_in: Int32s,
    mark_out: Int32s,
    stamp: int,
) -> bool:
    """Say whether a route that now ends at `cur` may go on to `new`.

    It may if it leads away from the station, keeps within length and detour limits, and passes no street node twice in
    either direction (`mark_in` and `mark_out` hold `stamp` at the nodes passed so far).
    """
    rule, n = area.rule, len(area.stop_node) - 1
    here = 0.0 if cur == n else area.drive_s[cur, n]
    direct = area.drive_s[new, n]
    if not (direct > here and np.isfinite(area.drive_s[new, cur]) and np.isfinite(area.drive_s[cur, new])):
        return False
    ride = ride_s + area.drive_s[new, cur] + (rule[DWELL] if cur != n else 0.0)
    if ride > rule[DETOUR] * direct + rule[EXTRA]:
        return False
    if in_m + area.length_m[new, cur] > rule[LENGTH] or out_m + area.length_m[cur, new] > rule[LENGTH]:
        return False
    leg = new * (n + 1) + cur
    if mark_in[area.stop_node[new]] == stamp or mark_out[area.stop_node[new]] == stamp:
        return False
    for k in range(area.leg_first[leg], area.leg_first[leg + 1] - 1):
        if mark_in[area.leg_node[k]] == stamp:
            return False
    leg = cur * (n + 1) + new
    for k in range(area.leg_first[leg], area.leg_first[leg + 1]):  # noqa: SIM110  # kernels have no generators
        if mark_out[area.leg_node[k]] == stamp:
            return False
    return True


@njit()
def mark_leg(area: Area, cur: int, new: int, mark_in: Int32s, mark_out: Int32s, stamp: int) -> None:
    """Stamp the nodes passed between two places, inbound from `new` to `cur` and outbound back."""
    n = len(area.stop_node) - 1
    mark_in[area.stop_node[new]] = stamp
    leg = new * (n + 1) + cur
    for k in range(area.leg_first[leg], area.leg_first[leg + 1]):
        mark_in[area.leg_node[k]] = stamp
    leg = cur * (n + 1) + new
    for k in range(area.leg_first[leg], area.leg_first[leg + 1]):
        mark_out[area.leg_node[k]] = stamp
    mark_out[area.stop_node[cur]] = stamp


@njit()
def evaluate(area: Area, first: Int32s, stop: Int32s) -> Columns:
    """Evaluate routes at every headway class; route r is `stop[first[r]:first[r + 1]]`, from the station outwards.

    A loop ends with the station's place. Its busiest hour is taken to be that of a route there and back: at most all
    who ride in, or all who ride out, are on the bus at once, as where both spread alike over the stops.
    """
    n = len(area.stop_node) - 1
    routes, cells = len(first) - 1, len(area.cell)
    headways, periods = len(area.service.headway_s), len(area.service.load_share)
    best = np.full(cells, np.inf)
    seen = np.full(cells, -1, np.int32)
    room = 0
    for k in range(len(stop)):
        if stop[k] != n:
            room += area.reach_first[stop[k] + 1] - area.reach_first[stop[k]]
    cell, out_first = np.empty(room, np.int32), np.zeros(routes + 1, np.int32)
    worth = np.zeros((headways, room))
    cost, vehicles = np.zeros((routes, headways)), np.zeros((routes, headways))
    bus, loads = np.zeros((routes, headways), np.int32), np.zeros((routes, headways, periods))
    ride_s = np.zeros(64)
    gains, riding = np.zeros(headways), np.zeros((headways, periods))
    used = 0
    for r in range(routes):
        route = stop[first[r] : first[r + 1]]
        in_s, out_s, in_m, out_m = route_times(area, route, ride_s)
        start = used
        for i in range(len(route) - 1 if route[-1] == n else len(route)):
            for k in range(area.reach_first[route[i]], area.reach_first[route[i] + 1]):
                c = area.reach_cell[k]
                reach = area.reach_min[k] + ride_s[i] / 60
                if seen[c] != r:
                    seen[c] = r
                    best[c] = reach
                    cell[used] = c
                    used += 1
                elif reach < best[c]:
                    best[c] = reach
        for k in range(start, used):
            cell_values(area, cell[k], best[cell[k]], gains, riding)
            for h in range(headways):
                worth[h, k] = gains[h]
                for t in range(periods):
                    loads[r, h, t] += riding[h, t]
        for h in range(headways):
            cost[r, h], vehicles[r, h], bus[r, h] = running_cost(area, h, in_s, out_s, in_m + out_m, loads[r])
        out_first[r + 1] = used
    return Columns(out_first, cell[:used].copy(), worth[:, :used].copy(), cost, vehicles, bus, loads)
