"""Find good routes of a station by growing them outwards stop by stop, keeping the best few labels at each stop."""

import numpy as np
from greentrip_networks.compiled import Floats, Int32s
from greentrip_networks.kernels import njit

from greentrip_optimizer.area import Area
from greentrip_optimizer.evaluate import (
    DWELL,
    SLACK,
    STOPS,
    WayPrices,
    cell_value,
    mark_leg,
    may_extend,
    running_cost,
)


@njit()
def grow_routes(
    area: Area,
    h: int,
    cell_price: Floats,
    cost_price: float,
    vehicle_price: float,
    beam: int,
    branch: int,
    nodes: int,
    ways: WayPrices | None = None,
) -> tuple[Floats, Int32s, Int32s, Int32s]:
    """Grow routes at one headway class against prices; the best few labels of each length stay at each last stop.

    A label's profit is what its cells gain beyond `cell_price` (CNY, by local cell), less its cost times `cost_price`,
    its buses at `vehicle_price` and, where streets have a limit, what its `ways` ask; it takes none that are too full.
    Routes only go outwards, so stops already served keep their ride and gains only add.

    Returns
    -------
    profit, parent, stop, depth
        One entry a kept label; follow `parent` (-1 at the first stop) to read the route.
    """
    n, cells = len(area.stop_node) - 1, len(area.cell)
    deepest = int(area.rule[STOPS])
    room = n * beam * deepest + 1
    profit, parent = np.full(room, -np.inf), np.full(room, -1, np.int32)
    stop, depth = np.zeros(room, np.int32), np.zeros(room, np.int32)
    ride, out_s = np.zeros(room), np.zeros(room)
    in_m, out_m, gain = np.zeros(room), np.zeros(room), np.zeros(room)
    headways, periods = len(area.service.headway_s), len(area.service.load_share)
    load, l1 = np.zeros((room, periods)), np.zeros((headways, periods))  # of l1 and its like only row h is used
    p0, p1 = np.zeros((headways, periods)), np.zeros((headways, periods))
    toll, buses_h = np.zeros(room), area.service.buses_h[h]  # toll: what the ways out and back ask
    reach = np.empty((room, cells))  # minutes to the station by cell; a row is filled when its label is kept
    mark_in, mark_out = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    # the best candidates of the stage for each last stop: profit, parent
    slot_profit = np.full((n, beam), -np.inf)
    slot_from = np.full((n, beam), -1, np.int32)
    slot_gain, slot_load = np.zeros((n, beam)), np.zeros((n, beam, periods))
    chain = np.zeros(deepest + 1, np.int32)
    used, stage_first, stage_last = 0, 0, 0
    stamp = 0
    for stage in range(deepest):
        slot_profit[:] = -np.inf
        sources = 1 if stage == 0 else stage_last - stage_first
        for q in range(sources):
            label = -1 if stage == 0 else stage_first + q
            cur = n if stage == 0 else stop[label]
            stamp += 1
            if stage == 0:
                mark_in[area.stop_node[n]] = stamp
                mark_out[area.stop_node[n]] = stamp
            else:
                length, at = 0, label
                while at >= 0:
                    chain[length] = stop[at]
                    length += 1
                    at = parent[at]
                before = n
                for i in range(length - 1, -1, -1):
                    mark_leg(area, before, chain[i], mark_in, mark_out, stamp)
                    before = chain[i]
            r0 = 0.0 if stage == 0 else ride[label]
            m0 = 0.0 if stage == 0 else in_m[label]
            b0 = 0.0 if stage == 0 else out_m[label]
            o0 = 0.0 if stage == 0 else out_s[label]
            g0 = 0.0 if stage == 0 else gain[label]
            t0 = 0.0 if stage == 0 else toll[label]
            tried = 0
            barred = stage > 0 and len(area.ban) > 0
            prev = n if stage == 0 or parent[label] < 0 else stop[parent[label]]
            for k in range(n):
                new = k if stage == 0 else area.near[cur, k]
                if stage > 0 and tried >= branch:
                    break
                if barred and area.ban[prev, cur, new]:
                    continue
                if not may_extend(area, cur, new, r0, m0, b0, mark_in, mark_out, stamp):
                    continue
                asked = 0.0
                if ways is not None:
                    takes = min(ways.leg_room[cur, new], ways.leg_room[new, cur], ways.turn_room[cur, new])
                    if buses_h > takes + SLACK:
                        continue
                    legs = ways.leg_price[h, cur, new] + ways.leg_price[h, new, cur]
                    asked = t0 + legs + ways.turn_price[h, cur, new]
                tried += 1
                r1 = r0 + area.drive_s[new, cur] + (area.rule[DWELL] if cur != n else 0.0)
                g1 = g0
                for t in range(periods):
                    l1[h, t] = 0.0 if stage == 0 else load[label, t]
                for e in range(area.reach_first[new], area.reach_first[new + 1]):
                    c = area.reach_cell[e]
                    now = area.reach_min[e] + r1 / 60
                    old = np.inf if label < 0 else reach[label, c]
                    if now < old:
                        g1 += max(cell_value(area, c, now, h, p1) - cell_price[c], 0.0)
                        for t in range(periods):
                            l1[h, t] += p1[h, t]
                        if old < np.inf:
                            g1 -= max(cell_value(area, c, old, h, p0) - cell_price[c], 0.0)
                            for t in range(periods):
                                l1[h, t] -= p0[h, t]
                metres = m0 + b0 + area.length_m[new, cur] + area.length_m[cur, new] + area.turn_m[cur, new]
                out = o0 + area.drive_s[cur, new] + area.rule[DWELL] + area.turn_s[cur, new]
                cost, vehicles, _ = running_cost(area, h, r1 + area.rule[DWELL], out, metres, l1)
                if cost == np.inf:
                    continue
                p = g1 - cost_price * cost - vehicle_price * vehicles - asked
                # insert into the stop's slots, best first; ties keep the earlier
                place = beam
                while place > 0 and p > slot_profit[new, place - 1] + 1e-9:
                    place -= 1
                if place < beam:
                    for j in range(beam - 1, place, -1):
                        slot_profit[new, j], slot_from[new, j] = slot_profit[new, j - 1], slot_from[new, j - 1]
                        slot_gain[new, j], slot_load[new, j] = slot_gain[new, j - 1], slot_load[new, j - 1]
                    slot_profit[new, place], slot_from[new, place] = p, label
                    slot_gain[new, place], slot_load[new, place] = g1, l1[h]
        stage_first = used
        for new in range(n):
            for j in range(beam):
                if slot_profit[new, j] == -np.inf:
                    break
                label = slot_from[new, j]
                cur = n if label < 0 else stop[label]
                profit[used], parent[used], stop[used], depth[used] = slot_profit[new, j], label, new, stage + 1
                ride[used] = (0.0 if label < 0 else ride[label] + area.rule[DWELL]) + area.drive_s[new, cur]
                out_s[used] = (0.0 if label < 0 else out_s[label]) + area.drive_s[cur, new] + area.rule[DWELL]
                in_m[used] = (0.0 if label < 0 else in_m[label]) + area.length_m[new, cur]
                out_m[used] = (0.0 if label < 0 else out_m[label]) + area.length_m[cur, new]
                gain[used], load[used] = slot_gain[new, j], slot_load[new, j]
                if ways is not None:
                    legs = ways.leg_price[h, cur, new] + ways.leg_price[h, new, cur]
                    toll[used] = (0.0 if label < 0 else toll[label]) + legs
                for c in range(cells):
                    reach[used, c] = reach[label, c] if label >= 0 else np.inf
                for e in range(area.reach_first[new], area.reach_first[new + 1]):
                    c = area.reach_cell[e]
                    reach[used, c] = min(reach[used, c], area.reach_min[e] + ride[used] / 60)
                used += 1
        stage_last = used
        if stage_last == stage_first:
            break
    return profit[:used].copy(), parent[:used].copy(), stop[:used].copy(), depth[:used].copy()
