"""The least that finishing a partial route can cost: a relaxation that forgets which stops were visited.

Partial routes grow from the outermost stop inwards. What operation and waiting cost, f(demand, length), is concave in
both, not additive; but over the routes whose best frequency lies between F1 and F2 it is at least

    4 o F1 F2 / (F1 + F2) x length + w / (F1 + F2) x demand      (frequency set by waiting: equal at both ends)
    2 o F1 x length + w / (2 F2) (2 - F1 / F2) x demand          (frequency set by the load)

with o for operating and w for waiting. Each such line (a slope of length, one of demand, and the most demand a route of
that class may have) makes costs additive, so a table by stop and demand aboard, filled backwards, gives the least cost
of going on to any station, never straight back to the stop before (two-cycle elimination).
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from greentrip_networks.compiled import Floats
from greentrip_networks.kernels import njit

from greentrip_optimizer.everystop.cost import Costs

_RATIO = 1.12  # between the frequencies at the ends of a class
_PIECES = 24  # classes at most


class Lines(NamedTuple):
    """Additive minorants of operation and waiting, one for each class of routes."""

    length: Floats  # (lines,)
    demand: Floats
    most: Floats  # demand of a route of the class at most, ascending


class Completion(NamedTuple):
    """Least costs to finish, by stop, demand aboard (a step) and line; `other` avoids `next_stop` as the next."""

    least: Floats  # (stops, steps, lines)
    other: Floats
    next_stop: "np.ndarray[tuple[int, int, int], np.dtype[np.int16]]"  # -1 for a station
    bonus: float  # what stops too small for the steps could add to any route


class Steps(NamedTuple):
    """How demand is counted: whole steps of `width`, rounded down."""

    width: float
    number: int
    small: "np.ndarray[tuple[int], np.dtype[np.bool_]]"  # (stops,) less than a step


def demand_steps(c: Costs, most: int) -> Steps:
    """Choose steps that count demand exactly where its unit allows, else at most `most` of them."""
    whole = c.max_demand * (1 - 1e-12)
    total = min(whole, float(c.demand.sum()))
    for unit in (50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.25, 0.1):
        if total / unit <= most and np.allclose(c.demand / unit, np.round(c.demand / unit), rtol=0, atol=1e-9):
            return Steps(unit, int(total / unit + 1e-6) + 1, np.zeros(len(c.demand), np.bool_))
    width = min(float(c.demand.min()), total / 50)
    width = max(width, total / most)
    return Steps(width, int(total / width + 1e-6) + 1, c.demand < width * (1 - 1e-9))


def cost_lines(c: Costs, pieces: int = _PIECES) -> Lines:
    """Return lines that lie below operation and waiting of every route, by class of its frequency, `pieces` at most."""
    top = c.max_frequency
    q = float(c.demand.min())
    low = max(q / c.capacity, float(np.sqrt(c.waiting * q / (4 * c.operating * c.max_length))))
    low = min(low, top) * (1 - 1e-9)
    pieces = max(1, min(pieces, int(np.ceil(np.log(top / low) / np.log(_RATIO)))))
    edge = low * (top / low) ** (np.arange(pieces + 1) / pieces)
    length, demand, most = [2 * c.operating * top], [c.waiting / (2 * top)], [c.max_demand]
    for f1, f2 in pairwise(edge):
        reach = 4 * c.operating * f2**2 * c.max_length / c.waiting if c.waiting > 0 else 0.0
        length.append(4 * c.operating * f1 * f2 / (f1 + f2))
        demand.append(c.waiting / (f1 + f2))
        most.append(min(c.capacity * f2, reach) * (1 + 1e-9))
        if 4 * c.operating * f2 * c.max_length >= c.waiting * c.capacity * (1 - 1e-9):  # the load can set it
            length.append(2 * c.operating * f1)
            demand.append(c.waiting / (2 * f2) * (2 - f1 / f2))
            most.append(c.capacity * f2 * (1 + 1e-9))
    reach_most = np.minimum(np.array(most), c.max_demand)
    order = np.argsort(reach_most, kind="stable")
    order = order[reach_most[order] >= q]
    return Lines(np.array(length)[order], np.array(demand)[order], reach_most[order])


@njit()
def completion(c: Costs, lines: Lines, steps: Steps, price: Floats) -> Completion:
    """Fill the table of least costs to finish at the stops' prices, from the fullest bus down."""
    n, m, k = len(c.demand), len(c.onward), len(lines.length)
    least = np.full((n, steps.number, k), np.inf)
    other = np.full((n, steps.number, k), np.inf)
    next_stop = np.full((n, steps.number, k), -1, np.int16)
    jump = np.zeros(n, np.int64)
    bonus = 0.0
    for s in range(n):
        jump[s] = int(c.demand[s] / steps.width + 1e-9)
        if steps.small[s]:
            bonus += max(price[s], 0.0)
    for b in range(steps.number - 1, -1, -1):
        aboard = b * steps.width
        lowest = 0
        while lowest < k and lines.most[lowest] < aboard - 1e-9:
            lowest += 1
        for j in range(n):
            if b < jump[j]:
                continue
            row, second, succ = least[j, b], other[j, b], next_stop[j, b]
            for t in range(m):
                d = c.to_station[j, t]
                if d > c.max_length:
                    continue
                base = c.ride * aboard * d + c.onward[t] * aboard
                for f in range(lowest, k):
                    row[f] = min(row[f], base + lines.length[f] * d)
            for f in range(lowest, k):
                second[f] = row[f]
            for s in range(n):
                after = b + jump[s]
                d = c.apart[j, s]
                if s == j or steps.small[s] or after >= steps.number or d > c.max_length:
                    continue
                base = c.ride * aboard * d - price[s]
                ahead, ahead_other, ahead_next = least[s, after], other[s, after], next_stop[s, after]
                q = c.demand[s]
                for f in range(lowest, k):
                    v = ahead_other[f] if ahead_next[f] == j else ahead[f]
                    v += base + lines.length[f] * d + lines.demand[f] * q
                    if v < row[f]:
                        second[f] = row[f]
                        row[f] = v
                        succ[f] = s
                    elif v < second[f]:
                        second[f] = v
    return Completion(least, other, next_stop, bonus)


@njit()
def least_finish(lines: Lines, table: Completion, j: int, before: int, b: int, demand: float, length: float) -> float:
    """Return the least operation, waiting, riding and prices still to come for a partial route that stands at `j`."""
    best = np.inf
    row, second, succ = table.least[j, b], table.other[j, b], table.next_stop[j, b]
    lowest = 0
    while lowest < len(lines.most) and lines.most[lowest] < demand * (1 - 1e-9):
        lowest += 1
    for f in range(lowest, len(lines.length)):
        v = second[f] if before >= 0 and succ[f] == before else row[f]
        best = min(best, v + lines.length[f] * length + lines.demand[f] * demand)
    return best - table.bonus


@njit()
def least_by_start(c: Costs, lines: Lines, steps: Steps, table: Completion, price: Floats) -> Floats:
    """Return for each stop the least reduced cost (0 or less) of a route that has it outermost; shape (stops,)."""
    n = len(c.demand)
    out = np.zeros(n)
    for j in range(n):
        b = int(c.demand[j] / steps.width + 1e-9)
        v = least_finish(lines, table, j, -1, b, c.demand[j], 0.0) - price[j]
        out[j] = min(v, 0.0)
    return out
