"""Shift flow between a pair's paths: Newton steps from the dearer to the cheapest, pair after pair, links priced at once.

The step is that of the projected gradient on path flows (Jayakrishnan et al. 1994), repeated on the same two paths while
it overshoots or falls short (safeguarded, since delay may bend sharply); each step sees the link times that the pairs
before it left.
"""

import numpy as np
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

from greentrip_agents.equilibrium_delay import Delays, Floats, price
from greentrip_agents.equilibrium_paths import Choices

Int8s = NDArray[np.int8]

STEPS = 4  # Newton steps at most on two paths in a row
CLOSE = 0.2  # of the difference in cost: what is left may wait for the next sweep
REST = 3  # sweeps that a pair at rest is left alone
AT_REST = 0.01  # of the tolerance


@njit()
def sweep(
    chosen: int, pairs: Choices, path_flow: Floats, volume: Floats, delays: Delays, extra: Floats, units: Floats,
    time: Floats, slope: Floats, mark: Int8s, rest: Int8s, tolerance: float,
) -> float:  # fmt: skip
    """Go once over the pairs with a choice; return the excess cost met (vehicles times cost beyond the cheapest).

    Pairs whose excess is below the tolerance are left as they are. mark is scratch, zero throughout; rest counts down
    the sweeps that a pair still rests.
    """
    excess = 0.0
    most = 0
    for k in range(chosen):
        most = max(most, pairs.first[k + 1] - pairs.first[k])
    costs = np.empty(most)
    for k in range(chosen):
        if rest[k] > 0:
            rest[k] -= 1
            continue
        a, b = pairs.first[k], pairs.first[k + 1]
        vehicle = pairs.vehicle[k]
        best = a
        low = np.inf
        for p in range(a, b):
            c = 0.0
            for i in range(pairs.start[p], pairs.start[p + 1]):
                link = pairs.link[i]
                c += time[link] + extra[vehicle, link]
            costs[p - a] = c
            if c < low:
                low = c
                best = p
        over = 0.0
        for p in range(a, b):
            over += path_flow[pairs.path[p]] * (costs[p - a] - low)
        excess += over
        if over <= tolerance:
            if over <= AT_REST * tolerance:
                rest[k] = REST
            continue
        for p in range(a, b):
            if p != best and path_flow[pairs.path[p]] > 0.0:
                _shift(p, best, b - a > 2, vehicle, pairs, path_flow, volume, delays, extra, units, time, slope, mark)
    return excess


@njit()
def _shift(
    dear: int, best: int, common: bool, vehicle: int, pairs: Choices, path_flow: Floats, volume: Floats, delays: Delays,
    extra: Floats, units: Floats, time: Floats, slope: Floats, mark: Int8s,
) -> None:  # fmt: skip
    """Move flow from one path to the best until they cost about the same; mark tells links that both use."""
    d0, d1 = pairs.start[dear], pairs.start[dear + 1]
    b0, b1 = pairs.start[best], pairs.start[best + 1]
    from_path, to_path = pairs.path[dear], pairs.path[best]
    unit = units[vehicle]
    if common:  # 1: the best path's alone, 2: of both
        for i in range(b0, b1):
            mark[pairs.link[i]] = 1
        for i in range(d0, d1):
            if mark[pairs.link[i]] == 1:
                mark[pairs.link[i]] = 2
    first = 0.0
    moved = 0.0
    for step in range(STEPS):
        gap = 0.0
        bend = 0.0
        for i in range(d0, d1):
            link = pairs.link[i]
            if mark[link] != 2:
                gap += time[link] + extra[vehicle, link]
                bend += slope[link]
        for i in range(b0, b1):
            link = pairs.link[i]
            if mark[link] != 2:
                gap -= time[link] + extra[vehicle, link]
                bend += slope[link]
        if step == 0:
            first = gap
            if gap <= 0.0:
                break
        elif abs(gap) <= CLOSE * first:
            break
        if bend > 0.0:
            move = gap / (bend * unit)
        else:
            move = path_flow[from_path] if gap > 0.0 else -moved
        move = min(move, path_flow[from_path])
        if move < -0.5 * moved:  # never back past the start: halve instead
            move = -0.5 * moved
        if move == 0.0:
            break
        moved += move
        path_flow[from_path] -= move
        path_flow[to_path] += move
        load = move * unit
        for i in range(d0, d1):
            link = pairs.link[i]
            if mark[link] != 2:
                volume[link] = max(volume[link] - load, 0.0)
                price(link, volume[link], delays, time, slope)
        for i in range(b0, b1):
            link = pairs.link[i]
            if mark[link] != 2:
                volume[link] = max(volume[link] + load, 0.0)
                price(link, volume[link], delays, time, slope)
        if path_flow[from_path] <= 0.0:
            break
    if common:
        for i in range(b0, b1):
            mark[pairs.link[i]] = 0
