"""Loops: routes that leave the station, serve stops in one direction and come back by other streets."""

from typing import NamedTuple

import numpy as np
from greentrip_networks.compiled import Floats, Int32s
from greentrip_networks.kernels import njit

from greentrip_optimizer.area import Area
from greentrip_optimizer.evaluate import (
    DETOUR,
    DWELL,
    EXTRA,
    LENGTH,
    SLACK,
    STOPS,
    WayPrices,
    cell_values,
    loop_ride,
    loop_times,
    running_cost,
)
from greentrip_optimizer.listing import Priced, rank_in

_TRIED = 50  # ways tried for each loop that may be listed, before giving up


class Loops(NamedTuple):
    """Loops of one station: loop r is `stop[first[r]:first[r + 1]]`, places in the order served, the station last."""

    first: Int32s  # (loops + 1,)
    stop: Int32s


def loops_of(area: Area, limit: int, nodes: int) -> tuple[Loops, bool]:
    """Return a station's loops, and whether these are all of them.

    If there are more than `limit`, only loops count that go on from each stop to one of its nearest, of as many as
    keeps them within the limit.
    """
    stops = len(area.stop_node) - 1
    nearest = stops
    while True:
        loops, within = list_loops(area, limit, nearest, nodes)
        if within or nearest == 0:
            return loops, within and nearest == stops
        nearest //= 2


def pick_loops(loops: Loops, rows: Int32s) -> Loops:
    """Return some of the loops."""
    chosen = [loops.stop[loops.first[r] : loops.first[r + 1]] for r in rows.tolist()]
    first = np.append(0, np.cumsum([len(c) for c in chosen])).astype(np.int32)
    return Loops(first, np.concatenate(chosen) if chosen else loops.stop[:0])


@njit()
def _clear(area: Area, a: int, b: int, ends: int, passed: Int32s) -> bool:
    """Say whether the way from place a to b passes no node passed before; its last `ends` nodes are left out."""
    leg = a * len(area.stop_node) + b
    for k in range(area.leg_first[leg], area.leg_first[leg + 1] - ends):  # noqa: SIM110  # kernels have no generators
        if passed[area.leg_node[k]] > 0:
            return False
    return True


@njit()
def _mark(area: Area, a: int, b: int, passed: Int32s, value: int) -> int:
    """Set the nodes on the way from place a to b to a value and return how many there are, the start not counted."""
    leg = a * len(area.stop_node) + b
    for k in range(area.leg_first[leg], area.leg_first[leg + 1]):
        passed[area.leg_node[k]] = value
    return int(area.leg_first[leg + 1] - area.leg_first[leg])


@njit()
def list_loops(area: Area, limit: int, nearest: int, nodes: int) -> tuple[Loops, bool]:
    """List loops depth first; give up (False) beyond `limit` of them, or beyond fifty ways tried for each.

    From a stop a loop goes on to one of the `nearest` stops by driving time, by the quickest way. It passes no street
    node twice but the station's, and at least two others, so that it never turns on the spot; it makes no banned turn;
    both ways each rider's time keeps the limit of detour, and it is at most as long as a route there and back.
    """
    rule, n, deepest = area.rule, len(area.stop_node) - 1, int(area.rule[STOPS])
    first, stop = np.zeros(min(limit, 1024) + 1, np.int32), np.zeros(4096, np.int32)
    chain, following = np.full(deepest + 1, n, np.int32), np.zeros(deepest + 1, np.int32)
    clock, metres, latest = np.zeros(deepest + 1), np.zeros(deepest + 1), np.full(deepest + 1, np.inf)
    driven = np.zeros(deepest + 1, np.int32)  # nodes passed since the station
    passed = np.zeros(nodes, np.int32)
    passed[area.stop_node[n]] = 1
    turns = len(area.barred) > 0
    loops, used, tried, depth = 0, 0, 0, 0
    while depth >= 0:
        cur = chain[depth]
        choices = n if depth == 0 else min(nearest + 1, n)  # each stop is nearest to itself
        if depth == deepest or following[depth] >= choices:
            following[depth] = 0
            if depth > 0:
                _mark(area, chain[depth - 1], cur, passed, 0)
            depth -= 1
            continue
        new = following[depth] if depth == 0 else area.near[cur, following[depth]]
        following[depth] += 1
        back, out = area.drive_s[new, n], clock[depth] + area.drive_s[cur, new]
        if passed[area.stop_node[new]] > 0 or not np.isfinite(back) or not np.isfinite(out):
            continue
        if turns and depth > 0 and area.barred[chain[depth - 1], cur, new]:
            continue
        if not out <= rule[DETOUR] * area.drive_s[n, new] + rule[EXTRA] or not np.isfinite(area.drive_s[n, new]):
            continue
        home = min(latest[depth], out + rule[DETOUR] * back + rule[EXTRA])  # when the first of its riders must be there
        driven_m = metres[depth] + area.length_m[cur, new]
        if out + back > home or driven_m > 2 * rule[LENGTH] or not _clear(area, cur, new, 0, passed):
            continue
        tried += 1
        if tried > _TRIED * limit:
            return Loops(first[: loops + 1].copy(), stop[:used].copy()), False
        driven[depth + 1] = driven[depth] + _mark(area, cur, new, passed, 1)
        before = cur
        depth += 1
        chain[depth] = new
        clock[depth] = out + rule[DWELL]
        metres[depth] = driven_m
        latest[depth] = home
        if driven_m + area.length_m[new, n] > 2 * rule[LENGTH] or (turns and area.barred[before, new, n]):
            continue
        leg = new * (n + 1) + n
        others = driven[depth] + area.leg_first[leg + 1] - area.leg_first[leg] - 1
        if others < 2 or not _clear(area, new, n, 1, passed):
            continue
        if loops == limit:
            return Loops(first[: loops + 1].copy(), stop[:used].copy()), False
        if loops + 1 == len(first):
            longer = np.zeros(min(limit, 2 * loops) + 1, np.int32)
            longer[: loops + 1] = first
            first = longer
        if used + depth + 1 > len(stop):
            wider = np.zeros(2 * len(stop), np.int32)
            wider[:used] = stop[:used]
            stop = wider
        for k in range(1, depth + 1):
            stop[used + k - 1] = chain[k]
        stop[used + depth] = n
        used += depth + 1
        loops += 1
        first[loops] = used
    return Loops(first[: loops + 1].copy(), stop[:used].copy()), True


@njit()
def price_loops(
    area: Area,
    loops: Loops,
    cell_price: Floats,
    cost_price: float,
    vehicle_price: float,
    bay_price: float,
    bays: int,
    least: float,
    each: int,
    most: int,
    ways: WayPrices | None = None,
) -> Priced:
    """Find each loop's profit at its best headway, and the loops that are asked for, as `price_routes` does for routes.

    Every stop of a loop has the same mean ride, so a cell's best stop is the one nearest on foot.
    """
    n, cells = len(area.stop_node) - 1, len(area.cell)
    headways, periods = len(area.service.headway_s), len(area.service.load_share)
    top = np.full(bays, -np.inf)
    walk, seen, served = np.zeros(cells), np.full(cells, -1, np.int32), np.zeros(cells, np.int32)
    gain, load = np.zeros(headways), np.zeros((headways, periods))
    worth, riding = np.zeros(headways), np.zeros((headways, periods))
    out_s, toll = np.zeros(int(area.rule[STOPS]) + 1), np.zeros(headways)
    best, best_row = np.full(n, least), np.full(n, -1, np.int32)
    room = 0 if each else most + 1
    row, profit = np.zeros(room, np.int32), np.zeros(room)
    found = 0
    for r in range(len(loops.first) - 1):
        route = loops.stop[loops.first[r] : loops.first[r + 1]]
        around, metres = loop_times(area, route, out_s)
        ride = loop_ride(area, around) / 60
        count = 0
        for i in range(len(route) - 1):
            for e in range(area.reach_first[route[i]], area.reach_first[route[i] + 1]):
                c = area.reach_cell[e]
                if seen[c] != r:
                    seen[c] = r
                    walk[c] = area.reach_min[e]
                    served[count] = c
                    count += 1
                else:
                    walk[c] = min(walk[c], area.reach_min[e])
        gain[:] = 0.0
        load[:] = 0.0
        for k in range(count):
            c = served[k]
            cell_values(area, c, walk[c] + ride, worth, riding)
            for h in range(headways):
                gain[h] += max(worth[h] - cell_price[c], 0.0)
                for t in range(periods):
                    load[h, t] += riding[h, t]
        takes = np.inf
        if ways is not None:
            before = n
            toll[:] = 0.0
            for s in route:
                toll += ways.leg_price[:, before, s]
                takes = min(takes, ways.leg_room[before, s])
                before = s
        p = -np.inf
        for h in range(headways):
            if gain[h] - bay_price <= p or area.service.buses_h[h] > takes + SLACK:
                continue
            cost, vehicles, _ = running_cost(area, h, around, 0.0, metres, load)
            p = max(p, gain[h] - cost_price * cost - vehicle_price * vehicles - bay_price - toll[h])
        rank_in(top, p)
        last = route[len(route) - 2]
        if each:
            if p > best[last]:
                best[last], best_row[last] = p, r
        elif p > least and found <= most:
            row[found], profit[found] = r, p
            found += 1
    if each:
        kept = np.sort(best_row[best_row >= 0])
        value = np.zeros(len(kept))
        for k in range(len(kept)):
            value[k] = best[loops.stop[loops.first[kept[k] + 1] - 2]]
        return Priced(top, kept, value)
    return Priced(top, row[:found].copy(), profit[:found].copy())
