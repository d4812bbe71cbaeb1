"""Every route a station may have, listed once as a tree, and what each is worth at prices, in one walk over it."""

from typing import NamedTuple

import numpy as np
from greentrip_networks.compiled import Floats, Int32s
from greentrip_networks.kernels import njit

from greentrip_optimizer.area import Area
from greentrip_optimizer.evaluate import (
    DWELL,
    SLACK,
    STOPS,
    WayPrices,
    cell_values,
    mark_leg,
    may_extend,
    running_cost,
)


class Listed(NamedTuple):
    """Routes of one station depth first: route r adds `stop[r]` to the last route before it with one stop fewer."""

    depth: Int32s  # (routes,) how many stops
    stop: Int32s  # (routes,) the outermost, a place of the area


class Priced(NamedTuple):
    """Routes found at prices.

    `top` are the largest profits there are, one a route and as many as the station has bays, descending; `row` and
    `profit` are the routes asked for, in the order listed.
    """

    top: Floats
    row: Int32s
    profit: Floats


@njit()
def list_routes(area: Area, limit: int, nodes: int) -> tuple[Listed, bool]:
    """List every route a station may have, depth first; give up (False) once there are more than `limit`."""
    n, deepest = len(area.stop_node) - 1, int(area.rule[STOPS])
    depths, stops = np.zeros(min(limit, 1024), np.int32), np.zeros(min(limit, 1024), np.int32)
    chain, following = np.zeros(deepest + 1, np.int32), np.zeros(deepest + 1, np.int32)
    ride, in_m, out_m = np.zeros(deepest + 1), np.zeros(deepest + 1), np.zeros(deepest + 1)
    mark_in, mark_out = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    routes, depth, stamp, changed = 0, 0, 0, True
    while depth >= 0:
        cur = n if depth == 0 else chain[depth - 1]
        if depth == deepest or following[depth] >= n:
            following[depth] = 0
            depth -= 1
            changed = True
            continue
        new = following[depth]
        following[depth] += 1
        if area.drive_s[new, n] <= (0.0 if cur == n else area.drive_s[cur, n]):
            continue
        if depth > 0 and len(area.ban) > 0 and area.ban[chain[depth - 2] if depth > 1 else n, cur, new]:
            continue
        if changed:
            changed = False
            stamp += 1
            mark_in[area.stop_node[n]] = stamp
            mark_out[area.stop_node[n]] = stamp
            before = n
            for i in range(depth):
                mark_leg(area, before, chain[i], mark_in, mark_out, stamp)
                before = chain[i]
        if not may_extend(area, cur, new, ride[depth], in_m[depth], out_m[depth], mark_in, mark_out, stamp):
            continue
        if routes == limit:
            return Listed(depths[:0].copy(), stops[:0].copy()), False
        if routes == len(depths):
            more = np.zeros(min(limit, 2 * routes), np.int32)
            more[:routes] = depths
            depths = more
            more = np.zeros(min(limit, 2 * routes), np.int32)
            more[:routes] = stops
            stops = more
        chain[depth] = new
        ride[depth + 1] = ride[depth] + area.drive_s[new, cur] + (area.rule[DWELL] if cur != n else 0.0)
        in_m[depth + 1] = in_m[depth] + area.length_m[new, cur]
        out_m[depth + 1] = out_m[depth] + area.length_m[cur, new]
        depths[routes], stops[routes] = depth + 1, new
        routes += 1
        depth += 1
        changed = True
        following[depth] = 0
    return Listed(depths[:routes].copy(), stops[:routes].copy()), True


@njit(bare=True, taken_in=True)
def rank_in(top: Floats, value: float) -> None:
    """Put a value in its place among the largest, descending, if it is one of them."""
    place = len(top)
    while place > 0 and value > top[place - 1]:
        place -= 1
    if place < len(top):
        for j in range(len(top) - 1, place, -1):
            top[j] = top[j - 1]
        top[place] = value


@njit()
def price_routes(
    area: Area,
    listed: Listed,
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
    """Find each listed route's profit at its best headway, and the routes that are asked for.

    A profit is what the route's cells gain beyond `cell_price` (CNY, by local cell), less its cost times `cost_price`,
    its buses at `vehicle_price`, its bay and, where streets have a limit, what its `ways` ask at that headway;
    a headway that they cannot take does not count. Asked for are routes with a profit above `least`: the best at each
    outermost stop (`each` is 1), or every one (0), at most `most` and one more, which says that there are too many.
    """
    n, cells = len(area.stop_node) - 1, len(area.cell)
    headways, periods = len(area.service.headway_s), len(area.service.load_share)
    deepest = int(area.rule[STOPS])
    top = np.full(bays, -np.inf)
    reach = np.empty((deepest + 1, cells))
    reach[0] = np.inf
    gain, load = np.zeros((deepest + 1, headways)), np.zeros((deepest + 1, headways, periods))
    ride, out_s, metres = np.zeros(deepest + 1), np.zeros(deepest + 1), np.zeros(deepest + 1)
    chain = np.full(deepest + 1, n, np.int32)
    worth, riding = np.zeros(headways), np.zeros((headways, periods))
    old_worth, old_riding = np.zeros(headways), np.zeros((headways, periods))
    best, best_row = np.full(n, least), np.full(n, -1, np.int32)
    toll, takes = np.zeros((deepest + 1, headways)), np.full(deepest + 1, np.inf)  # of the ways out and back
    room = 0 if each else most + 1
    row, profit = np.zeros(room, np.int32), np.zeros(room)
    found = 0
    for r in range(len(listed.stop)):
        d, new = listed.depth[r], listed.stop[r]
        cur = chain[d - 1]
        ride[d] = ride[d - 1] + area.drive_s[new, cur] + (area.rule[DWELL] if cur != n else 0.0)
        out_s[d] = out_s[d - 1] + area.drive_s[cur, new] + area.rule[DWELL]
        metres[d] = metres[d - 1] + area.length_m[new, cur] + area.length_m[cur, new]
        chain[d] = new
        reach[d] = reach[d - 1]
        gain[d] = gain[d - 1]
        load[d] = load[d - 1]
        for e in range(area.reach_first[new], area.reach_first[new + 1]):
            c = area.reach_cell[e]
            now, old = area.reach_min[e] + ride[d] / 60, reach[d, c]
            if now >= old:
                continue
            reach[d, c] = now
            cell_values(area, c, now, worth, riding)
            for h in range(headways):
                gain[d, h] += max(worth[h] - cell_price[c], 0.0)
                for t in range(periods):
                    load[d, h, t] += riding[h, t]
            if old < np.inf:
                cell_values(area, c, old, old_worth, old_riding)
                for h in range(headways):
                    gain[d, h] -= max(old_worth[h] - cell_price[c], 0.0)
                    for t in range(periods):
                        load[d, h, t] -= old_riding[h, t]
        if ways is not None:
            toll[d] = toll[d - 1] + ways.leg_price[:, cur, new] + ways.leg_price[:, new, cur]
            takes[d] = min(takes[d - 1], ways.leg_room[cur, new], ways.leg_room[new, cur])
        p = -np.inf
        for h in range(headways):
            if gain[d, h] - bay_price <= p:
                continue
            asked = 0.0
            if ways is not None:
                if area.service.buses_h[h] > min(takes[d], ways.turn_room[cur, new]) + SLACK:
                    continue
                asked = toll[d, h] + ways.turn_price[h, cur, new]
            out, driven = out_s[d] + area.turn_s[cur, new], metres[d] + area.turn_m[cur, new]
            cost, vehicles, _ = running_cost(area, h, ride[d] + area.rule[DWELL], out, driven, load[d])
            p = max(p, gain[d, h] - cost_price * cost - vehicle_price * vehicles - bay_price - asked)
        rank_in(top, p)
        if each:
            if p > best[new]:
                best[new], best_row[new] = p, r
        elif p > least and found <= most:
            row[found], profit[found] = r, p
            found += 1
    if each:
        kept = np.sort(best_row[best_row >= 0])
        return Priced(top, kept, best[listed.stop[kept]])
    return Priced(top, row[:found].copy(), profit[:found].copy())


@njit()
def stops_of(listed: Listed, rows: Int32s) -> tuple[Int32s, Int32s]:
    """Return the stops of some routes (rows ascending): the first entry of each, and places from the station on."""
    first = np.zeros(len(rows) + 1, np.int32)
    for k in range(len(rows)):
        first[k + 1] = first[k] + listed.depth[rows[k]]
    out = np.zeros(first[-1], np.int32)
    for k in range(len(rows)):
        at, r = first[k + 1], rows[k]
        wanted = listed.depth[r]
        while wanted > 0:
            if listed.depth[r] == wanted:
                at -= 1
                out[at] = listed.stop[r]
                wanted -= 1
            r -= 1
    return first, out
