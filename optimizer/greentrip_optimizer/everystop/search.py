"""Ruin and recreate: take strings of neighbouring stops out of routes and put each back where it costs least.

After Christiaens and Vanden Berghe, Slack induction by string removals for vehicle routing problems, Transportation
Science 54 (2020), with this problem's cost. Every route of an accepted plan is kept for the column pool.
"""

from typing import NamedTuple

import numpy as np
from greentrip_networks.compiled import Floats, Int32s
from greentrip_networks.kernels import njit

from greentrip_optimizer.everystop.cost import Costs, service_cost

_REMOVED = 10.0  # stops taken out a step, on average
_STRING = 10.0  # longest string
_BLINK = 0.01


class Found(NamedTuple):
    """What a search found: its best plan, and distinct routes met on the way; stops run from the station outwards."""

    cost: float
    first: Int32s  # routes of the best plan
    stop: Int32s
    station: Int32s
    pool_first: Int32s
    pool_stop: Int32s
    pool_station: Int32s


@njit()
def _random(state: "np.ndarray[tuple[int], np.dtype[np.uint64]]") -> float:
    """Return the next number of splitmix64, 0 to below 1."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit()
def _measure(
    c: Costs,
    r: int,
    route: Int32s,
    count: Int32s,
    station: Int32s,
    at: Floats,
    beyond: Floats,
    cost: Floats,
    where: Int32s,
    place: Int32s,
) -> None:
    """Bring a route's distances from the station, the demand from each stop outwards, and its cost up to date."""
    n = count[r]
    if n == 0:
        cost[r] = 0.0
        return
    d, riding = 0.0, 0.0
    for k in range(n):
        s = route[r, k]
        d += c.to_station[s, station[r]] if k == 0 else c.apart[route[r, k - 1], s]
        at[r, k] = d
        riding += c.demand[s] * d
        where[s], place[s] = r, k
    total = 0.0
    for k in range(n - 1, -1, -1):
        total += c.demand[route[r, k]]
        beyond[r, k] = total
    beyond[r, n] = 0.0
    cost[r] = service_cost(c, total, d) + c.ride * riding + c.onward[station[r]] * total


@njit()
def _insert(
    c: Costs,
    stop: int,
    route: Int32s,
    count: Int32s,
    station: Int32s,
    at: Floats,
    beyond: Floats,
    cost: Floats,
    blink: float,
    state: "np.ndarray[tuple[int], np.dtype[np.uint64]]",
) -> tuple[int, int, int]:
    """Return route, position and station that take a stop at the least extra cost; an empty route opens a new one."""
    q = c.demand[stop]
    best, best_r, best_p, best_t = np.inf, -1, 0, 0
    empty = -1
    for r in range(len(count)):
        n = count[r]
        if n == 0:
            if empty < 0:
                empty = r
            continue
        total = beyond[r, 0] + q
        if total > c.max_demand:
            continue
        t, length = station[r], at[r, n - 1]
        if c.apart[stop, route[r, n - 1]] > 2 * c.max_length:
            continue
        riding = 0.0  # of the route as it is
        base = cost[r]
        for p in range(n + 1):
            if blink > 0.0 and _random(state) < blink:
                continue
            if p == 0:
                for u in range(len(c.onward)):
                    head = c.to_station[stop, u]
                    extra = head + c.apart[stop, route[r, 0]] - at[r, 0]
                    if length + extra > c.max_length:
                        continue
                    delta = c.ride * (q * head + extra * beyond[r, 0])
                    delta += c.onward[u] * total - c.onward[t] * (total - q)
                    delta += service_cost(c, total, length + extra) - service_cost(c, total - q, length)
                    if delta < best:
                        best, best_r, best_p, best_t = delta, r, 0, u
                continue
            before = route[r, p - 1]
            here = at[r, p - 1] + c.apart[before, stop]
            extra = c.apart[before, stop]
            if p < n:
                extra += c.apart[stop, route[r, p]] - c.apart[before, route[r, p]]
            if length + extra > c.max_length:
                continue
            delta = c.ride * (q * here + extra * beyond[r, p]) + c.onward[t] * q
            if delta >= best:
                continue
            delta += service_cost(c, total, length + extra) - service_cost(c, total - q, length)
            if delta < best:
                best, best_r, best_p, best_t = delta, r, p, t
        riding += base
    if empty >= 0:
        for u in range(len(c.onward)):
            d = c.to_station[stop, u]
            if d > c.max_length:
                continue
            delta = c.ride * q * d + c.onward[u] * q + service_cost(c, q, d)
            if delta < best:
                best, best_r, best_p, best_t = delta, empty, 0, u
    return best_r, best_p, best_t


@njit()
def ruin_and_recreate(
    c: Costs, near: Int32s, steps: int, seed: int, hot: float, cold: float, room: int, start_first: Int32s,
    start_stop: Int32s, start_station: Int32s,
) -> Found:  # fmt: skip
    """Search for `steps` steps from a plan (or nothing); `near` lists each stop's neighbours, itself first.

    `hot` and `cold` are the first and last temperature in the cost's unit; `room` is how many distinct routes to keep.
    """
    n = len(c.demand)
    state = np.zeros(1, np.uint64)
    state[0] = np.uint64(seed) * np.uint64(2654435761) + np.uint64(12345)
    route = np.zeros((n + 1, n + 1), np.int32)
    count, station = np.zeros(n + 1, np.int32), np.zeros(n + 1, np.int32)
    at, beyond, cost = np.zeros((n + 1, n + 1)), np.zeros((n + 1, n + 2)), np.zeros(n + 1)
    where, place = np.full(n, -1, np.int32), np.zeros(n, np.int32)
    old_route = np.zeros((n + 1, n + 1), np.int32)
    old_count, old_station = np.zeros(n + 1, np.int32), np.zeros(n + 1, np.int32)
    old_cost = np.zeros(n + 1)
    touched, touch_list, touches = np.zeros(n + 1, np.bool_), np.zeros(n + 1, np.int32), 0
    out, order_key = np.zeros(n, np.int32), np.zeros(n)
    for r in range(len(start_first) - 1):
        station[r] = start_station[r]
        for k in range(start_first[r], start_first[r + 1]):
            route[r, count[r]] = start_stop[k]
            count[r] += 1
        _measure(c, r, route, count, station, at, beyond, cost, where, place)
    for s in range(n):
        if where[s] < 0:
            r, p, t = _insert(c, s, route, count, station, at, beyond, cost, 0.0, state)
            for k in range(count[r], p, -1):
                route[r, k] = route[r, k - 1]
            route[r, p], station[r] = s, t
            count[r] += 1
            _measure(c, r, route, count, station, at, beyond, cost, where, place)
    now = cost.sum()
    best = now
    best_route, best_count, best_station = route.copy(), count.copy(), station.copy()
    # a route's key in the pool: its stops' random numbers added up
    key = np.zeros(n, np.uint64)
    keys_state = np.full(1, np.uint64(77), np.uint64)
    for s in range(n):
        key[s] = np.uint64(_random(keys_state) * 9007199254740992.0) * np.uint64(0x9E3779B97F4A7C15)
    slots = 1
    while slots < 3 * room:
        slots *= 2
    table = np.full(slots, -1, np.int32)
    pool_key, pool_cost = np.zeros(room, np.uint64), np.zeros(room)
    pool_at, pool_size = np.zeros(room, np.int32), np.zeros(room, np.int32)
    pool_station = np.zeros(room, np.int32)
    pool_stop = np.zeros(room * 12 + n, np.int32)
    used, filled = 0, 0
    ratio = (cold / hot) ** (1.0 / max(steps, 1))
    heat = hot
    for step in range(steps + 1):
        if step > 0:
            heat *= ratio
            # ruin
            routes = 0
            for r in range(n + 1):
                routes += count[r] > 0
            longest = min(_STRING, n / routes)
            strings = int(1 + _random(state) * (4.0 * _REMOVED / (1.0 + longest) - 1.0))
            seed_stop = int(_random(state) * n)
            taken, ruined = 0, 0
            for g in range(near.shape[1]):
                if ruined >= strings:
                    break
                s = near[seed_stop, g]
                r = where[s]
                if r < 0 or touched[r]:
                    continue
                touched[r] = True
                touch_list[touches] = r
                touches += 1
                old_count[r], old_station[r], old_cost[r] = count[r], station[r], cost[r]
                for k in range(count[r]):
                    old_route[r, k] = route[r, k]
                length = int(1 + _random(state) * min(float(count[r]), longest))
                length = min(length, count[r])
                kept = 0
                if length > 1 and length < count[r] and _random(state) < 0.5:
                    kept = 1
                    while length + kept < count[r] and _random(state) > 0.01 and kept < 3:
                        kept += 1
                span = length + kept
                low = max(0, place[s] - span + 1)
                high = min(place[s], count[r] - span)
                begin = low + int(_random(state) * (high - low + 1))
                hole = begin + 1 + int(_random(state) * max(length - 1, 1)) if kept else begin + span
                w = begin
                for k in range(begin, count[r]):
                    inside = k < begin + span and not (hole <= k < hole + kept)
                    if inside:
                        out[taken] = route[r, k]
                        where[route[r, k]] = -1
                        taken += 1
                    else:
                        route[r, w] = route[r, k]
                        w += 1
                count[r] = w
                _measure(c, r, route, count, station, at, beyond, cost, where, place)
                ruined += 1
            # recreate
            kind = _random(state) * 11.0
            for k in range(taken):
                s = out[k]
                if kind < 4.0:
                    order_key[k] = _random(state)
                elif kind < 8.0:
                    order_key[k] = -c.demand[s]
                else:
                    d = np.inf
                    for u in range(len(c.onward)):
                        d = min(d, c.to_station[s, u])
                    order_key[k] = -d if kind < 10.0 else d
            for k in np.argsort(order_key[:taken]):
                s = out[k]
                r, p, t = _insert(c, s, route, count, station, at, beyond, cost, _BLINK, state)
                if r < 0:
                    r, p, t = _insert(c, s, route, count, station, at, beyond, cost, 0.0, state)
                if not touched[r]:
                    touched[r] = True
                    touch_list[touches] = r
                    touches += 1
                    old_count[r], old_station[r], old_cost[r] = count[r], station[r], cost[r]
                    for j in range(count[r]):
                        old_route[r, j] = route[r, j]
                for j in range(count[r], p, -1):
                    route[r, j] = route[r, j - 1]
                route[r, p], station[r] = s, t
                count[r] += 1
                _measure(c, r, route, count, station, at, beyond, cost, where, place)
            change = 0.0
            for k in range(touches):
                change += cost[touch_list[k]] - old_cost[touch_list[k]]
            if change >= -heat * np.log(max(_random(state), 1e-300)):
                for k in range(touches):
                    r = touch_list[k]
                    count[r], station[r] = old_count[r], old_station[r]
                    for j in range(count[r]):
                        route[r, j] = old_route[r, j]
                for k in range(touches):
                    r = touch_list[k]
                    _measure(c, r, route, count, station, at, beyond, cost, where, place)
                    touched[r] = False
                    old_cost[r] = 0.0
                touches = 0
                continue
            now += change
        # keep the routes that changed
        for k in range(touches if step > 0 else n + 1):
            r = touch_list[k] if step > 0 else k
            if count[r] == 0 or used >= room or filled + count[r] > len(pool_stop) - n:
                continue
            h = np.uint64(0)
            for j in range(count[r]):
                h += key[route[r, j]]
            slot = int(h >> np.uint64(20)) & (slots - 1)
            while table[slot] >= 0 and pool_key[table[slot]] != h:
                slot = (slot + 1) & (slots - 1)
            i = table[slot]
            if i < 0:
                i = used
                used += 1
                table[slot] = i
                pool_key[i], pool_cost[i], pool_at[i], pool_size[i] = h, np.inf, filled, count[r]
                filled += count[r]
            if cost[r] < pool_cost[i] - 1e-9:
                pool_cost[i], pool_station[i] = cost[r], station[r]
                for j in range(count[r]):
                    pool_stop[pool_at[i] + j] = route[r, j]
        if now < best - 1e-9:
            best = now
            best_route[:], best_count[:], best_station[:] = route, count, station
        for k in range(touches):
            touched[touch_list[k]] = False
            old_cost[touch_list[k]] = 0.0
        touches = 0
    first = np.zeros(n + 2, np.int32)
    stops, stations = np.zeros(n, np.int32), np.zeros(n + 1, np.int32)
    m, total = 0, 0.0
    for r in range(n + 1):
        if best_count[r] == 0:
            continue
        stations[m] = best_station[r]
        for k in range(best_count[r]):
            stops[first[m] + k] = best_route[r, k]
        first[m + 1] = first[m] + best_count[r]
        m += 1
    pool_first = np.zeros(used + 1, np.int32)
    for i in range(used):
        pool_first[i + 1] = pool_at[i] + pool_size[i]
    total = best
    return Found(
        total, first[: m + 1].copy(), stops, stations[:m].copy(), pool_first, pool_stop[:filled].copy(),
        pool_station[:used].copy(),
    )  # fmt: skip
