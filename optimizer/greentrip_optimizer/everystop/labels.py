"""Find routes that cost less than the prices of their stops: partial routes grown from the outermost stop inwards.

A partial route stands at its last stop with the demand aboard, the length driven and what it cost so far beyond prices:
riding adds up leg by leg (those aboard times the leg), operation and waiting come when it reaches a station. Both grow
with demand and length, so a partial route that has no less of anything than another at the same stop cannot end
better, if it may still visit no stop that the other may not. Routes may come back to a stop once they are out of the
neighbourhood that remembers it (ng-routes, Baldacci, Mingozzi and Roberti 2011); cuts over three stops (subset-row,
Jepsen et al. 2008) are counted on the way.
"""

from typing import NamedTuple

import numpy as np
from greentrip_networks.compiled import Floats, Int32s
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

from greentrip_optimizer.everystop.completion import Completion, Lines, Steps, least_finish
from greentrip_optimizer.everystop.cost import Costs, service_cost

Words = NDArray[np.uint64]


class Rules(NamedTuple):
    """How partial routes are kept."""

    remember: Words  # (stops, words) neighbourhood of each stop, itself included
    in_cut: Words  # (stops,) bits of the cuts that hold the stop
    cut_price: Floats  # (64,) 0 or more
    below: float  # only routes whose reduced cost is less
    beam: int  # partial routes kept by stop and step of demand; 0 keeps all that may matter
    same_stops: bool  # compare only partial routes over the same stops: every route is listed
    room: int  # partial routes at most
    work: int  # comparisons at most; looking at what is to come counts as ten


class Grown(NamedTuple):
    """Partial routes and finished ones; follow `parent` from `last` to read a route from the station outwards."""

    stop: Int32s
    parent: Int32s
    last: Int32s  # (routes,)
    station: Int32s
    reduced: Floats
    by_last: Floats  # (stops,) least reduced cost of a route with the stop nearest its station, 0 if none is less
    complete: bool  # False if room or work did not suffice


@njit()
def _subset(a: Words, i: int, j: int) -> bool:
    """Say whether row i of `a` is within row j."""
    for w in range(a.shape[1]):  # noqa: SIM110  # kernels have no generators
        if a[i, w] & ~a[j, w]:
            return False
    return True


@njit()
def _owed(bits: np.uint64, price: Floats) -> float:
    """Return the price of the cuts whose bits are set."""
    total, k = 0.0, 0
    while bits:
        if bits & np.uint64(1):
            total += price[k]
        bits >>= np.uint64(1)
        k += 1
    return total


@njit()
def grow(c: Costs, lines: Lines, steps: Steps, table: Completion, price: Floats, rules: Rules) -> Grown:
    """Grow partial routes in order of demand aboard and return those that end below `rules.below`."""
    n, words, room = len(c.demand), rules.remember.shape[1], rules.room
    stop, parent = np.zeros(room, np.int32), np.full(room, -1, np.int32)
    demand, length, cost = np.zeros(room), np.zeros(room), np.zeros(room)
    promise = np.zeros(room)
    seen, odd = np.zeros((room, words), np.uint64), np.zeros(room, np.uint64)
    following = np.full(room, -1, np.int32)
    dead, done = np.zeros(room, np.bool_), np.zeros(room, np.bool_)
    head = np.full((n, steps.number), -1, np.int32)
    size = np.zeros((n, steps.number), np.int32)
    cheapest = np.full((n, steps.number), np.inf)
    nearest = np.zeros(n)
    last, station, reduced = np.zeros(room, np.int32), np.zeros(room, np.int32), np.zeros(room)
    by_last = np.zeros(n)
    used, routes, compared = 0, 0, 0
    fresh = np.zeros((1, words), np.uint64)
    for s in range(n):
        nearest[s] = np.inf
        for t in range(len(c.onward)):
            nearest[s] = min(nearest[s], c.to_station[s, t])
    for s in range(n):
        b = int(c.demand[s] / steps.width + 1e-9)
        worth = least_finish(lines, table, s, -1, b, c.demand[s], 0.0) - price[s]
        if worth >= rules.below:
            continue
        stop[used], demand[used], cost[used], promise[used] = s, c.demand[s], -price[s], worth
        seen[used, s // 64] = np.uint64(1) << np.uint64(s % 64)
        odd[used] = rules.in_cut[s]
        following[used] = head[s, b]
        head[s, b] = used
        size[s, b] += 1
        cheapest[s, b] = min(cheapest[s, b], -price[s])
        used += 1
    for b in range(steps.number):
        again = True
        while again:
            again = False
            for j in range(n):
                label = head[j, b]
                while label >= 0:
                    if done[label] or dead[label]:
                        label = following[label]
                        continue
                    done[label] = True
                    again = True
                    # a partial route kept later may be better in everything
                    if rules.beam == 0 and not rules.same_stops:
                        for e in range(b + 1):
                            if cheapest[j, e] > cost[label]:
                                continue
                            k = head[j, e]
                            while k > label:  # chains run from the latest to the earliest
                                compared += 1
                                if (
                                    not dead[k]
                                    and cost[k] <= cost[label]
                                    and length[k] <= length[label]
                                    and demand[k] <= demand[label]
                                    and _subset(seen, k, label)
                                    and cost[k] + _owed(odd[k] & ~odd[label], rules.cut_price) <= cost[label]
                                ):
                                    dead[label] = True
                                    break
                                k = following[k]
                            if dead[label]:
                                break
                        if dead[label]:
                            label = following[label]
                            continue
                    q, l, z = demand[label], length[label], cost[label]
                    best, best_t = np.inf, -1
                    for t in range(len(c.onward)):
                        d = c.to_station[j, t]
                        if l + d <= c.max_length:
                            v = z + (c.ride * d + c.onward[t]) * q + service_cost(c, q, l + d)
                            if v < best:
                                best, best_t = v, t
                    by_last[j] = min(by_last[j], best)
                    if best < rules.below:
                        last[routes], station[routes], reduced[routes] = label, best_t, best
                        routes += 1
                    for s in range(n):
                        bit = np.uint64(1) << np.uint64(s % 64)
                        if seen[label, s // 64] & bit:
                            continue
                        d = c.apart[j, s]
                        q1, l1 = q + c.demand[s], l + d
                        if q1 > c.max_demand or l1 + nearest[s] > c.max_length:
                            continue
                        z1 = z + c.ride * q * d - price[s]
                        b1 = min(int(q1 / steps.width + 1e-9), steps.number - 1)
                        compared += 10
                        worth = z1 + least_finish(lines, table, s, j, b1, q1, l1)
                        if worth >= rules.below:
                            continue
                        o1 = odd[label]
                        if rules.in_cut[s]:
                            full = o1 & rules.in_cut[s]
                            if full:
                                owed = _owed(full, rules.cut_price)
                                z1 += owed
                                worth += owed
                                if worth >= rules.below:
                                    continue
                            o1 ^= rules.in_cut[s]
                        for w in range(words):
                            fresh[0, w] = seen[label, w] & rules.remember[s, w]
                        fresh[0, s // 64] |= bit
                        worse = False
                        if rules.same_stops:
                            k = head[s, b1]
                            while k >= 0:
                                compared += 1
                                if cost[k] <= z1 and length[k] <= l1:
                                    same = True
                                    for w in range(words):
                                        same = same and seen[k, w] == fresh[0, w]
                                    if same:
                                        worse = True
                                        break
                                k = following[k]
                        else:
                            for e in range(b1 + 1):
                                if cheapest[s, e] > z1:
                                    continue
                                k = head[s, e]
                                while k >= 0:
                                    compared += 1
                                    if not dead[k] and cost[k] <= z1 and length[k] <= l1 and demand[k] <= q1:
                                        inside = True
                                        if rules.beam == 0:
                                            for w in range(words):
                                                if seen[k, w] & ~fresh[0, w]:
                                                    inside = False
                                                    break
                                        if inside and cost[k] + _owed(odd[k] & ~o1, rules.cut_price) <= z1:
                                            worse = True
                                            break
                                    k = following[k]
                                if worse:
                                    break
                        if worse:
                            continue
                        if rules.beam > 0 and size[s, b1] >= rules.beam:
                            k, worst = head[s, b1], -1
                            while k >= 0:
                                if not dead[k] and (worst < 0 or promise[k] > promise[worst]):
                                    worst = k
                                k = following[k]
                            if promise[worst] <= worth:
                                continue
                            dead[worst] = True
                            size[s, b1] -= 1
                        if used == room or compared > rules.work:
                            return Grown(
                                stop, parent, last[:routes].copy(), station[:routes].copy(),
                                reduced[:routes].copy(), by_last, False,
                            )  # fmt: skip
                        stop[used], parent[used], promise[used] = s, label, worth
                        demand[used], length[used], cost[used], odd[used] = q1, l1, z1, o1
                        for w in range(words):
                            seen[used, w] = fresh[0, w]
                        following[used] = head[s, b1]
                        head[s, b1] = used
                        size[s, b1] += 1
                        cheapest[s, b1] = min(cheapest[s, b1], z1)
                        used += 1
                    label = following[label]
    return Grown(
        stop[:used].copy(), parent[:used].copy(), last[:routes].copy(), station[:routes].copy(),
        reduced[:routes].copy(), by_last, True,
    )  # fmt: skip


def read_route(grown: Grown, k: int) -> tuple[int, ...]:
    """Return a finished route's stops from the station outwards."""
    out, label = [], int(grown.last[k])
    while label >= 0:
        out.append(int(grown.stop[label]))
        label = int(grown.parent[label])
    return tuple(out)


def neighbourhoods(near: Int32s, size: int) -> Words:
    """Return for each stop the bits of its `size` nearest stops, itself included; shape (stops, words)."""
    n = len(near)
    out = np.zeros((n, (n + 63) // 64), np.uint64)
    for s in range(n):
        for k in near[s, : max(size, 1)]:
            out[s, k // 64] |= np.uint64(1 << int(k % 64))
        out[s, s // 64] |= np.uint64(1 << (s % 64))
    return out
