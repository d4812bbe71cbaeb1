"""Shift flow between a pair's paths: Newton steps from the dearer to the cheapest, links priced at once.

The step is that of the projected gradient on path flows (Jayakrishnan et al. 1994), repeated on the same two paths
while it overshoots or falls short (safeguarded, since delay may bend sharply); pair after pair, each step sees the link
times that the steps before it left. Pairs and classes that share congested links trade flow in many small steps, so now
and then a sweep's whole change is stretched by a line search; without it two classes with tolls take ten times the
sweeps.
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
STRETCH = 5  # every which sweep is followed by a stretch
FAR = 1e5  # times the last sweep's change that a stretch may go
HALVES = 20  # of a stretch that goes too far, at most


@njit()
def settle(
    chosen: int, pairs: Choices, path_flow: Floats, volume: Floats, delays: Delays, extra: Floats, units: Floats,
    time: Floats, slope: Floats, tolerance: float, stop: float, sweeps: int,
) -> None:  # fmt: skip
    """Sweep over the pairs with a choice until a sweep meets no more excess cost than `stop`, or so many times."""
    most = 0
    for k in range(chosen):
        most = max(most, pairs.first[k + 1] - pairs.first[k])
    costs = np.empty(most)
    mark = np.zeros(volume.shape[0], np.int8)
    rest = np.zeros(chosen, np.int8)
    before = np.empty(pairs.first[chosen])
    for k in range(sweeps):
        stretch = k % STRETCH == STRETCH - 1
        if stretch:
            for p in range(before.shape[0]):
                before[p] = path_flow[pairs.path[p]]
        if (
            _sweep(chosen, pairs, path_flow, volume, delays, extra, units, time, slope, mark, rest, costs, tolerance)
            <= stop
        ):
            break
        if stretch:
            _stretch(chosen, pairs, path_flow, before, volume, delays, extra, units, time, slope)


@njit()
def _stretch(
    chosen: int, pairs: Choices, path_flow: Floats, before: Floats, volume: Floats, delays: Delays, extra: Floats,
    units: Floats, time: Floats, slope: Floats,
) -> None:  # fmt: skip
    """Go on in the direction of the last sweep as far as the objective falls along it and no flow falls below zero."""
    links = volume.shape[0]
    turn = np.zeros(links)  # of volume
    fall = 0.0
    far = FAR
    any_turn = False
    for k in range(chosen):
        a, b = pairs.first[k], pairs.first[k + 1]
        reach = np.inf
        for p in range(a, b):
            flow = path_flow[pairs.path[p]]
            if flow < before[p]:
                reach = min(reach, flow / (before[p] - flow))
        if reach < 1.0:  # would stop the others
            for p in range(a, b):
                before[p] = path_flow[pairs.path[p]]
            continue
        any_turn |= reach < np.inf
        far = min(far, reach)
        vehicle = pairs.vehicle[k]
        for p in range(a, b):
            load = (path_flow[pairs.path[p]] - before[p]) * units[vehicle]
            if load != 0.0:
                for i in range(pairs.start[p], pairs.start[p + 1]):
                    turn[pairs.link[i]] += load
                    fall += load * extra[vehicle, pairs.link[i]]
    bend = 0.0
    for link in range(links):
        fall += time[link] * turn[link]
        bend += slope[link] * turn[link] * turn[link]
    if fall >= 0.0 or not any_turn:
        return
    step = min(far, -fall / bend) if bend > 0.0 else far
    rest = fall
    for link in range(links):
        rest -= time[link] * turn[link]  # what extra costs fall by
    for _ in range(HALVES):
        after = rest
        for link in range(links):
            if turn[link] != 0.0:
                price(link, max(volume[link] + step * turn[link], 0.0), delays, time, slope)
                after += time[link] * turn[link]
        if after <= 0.0:
            break
        step *= 0.5
    else:
        step = 0.0
    for k in range(chosen):
        a, b = pairs.first[k], pairs.first[k + 1]
        left = 0.0  # rounding, grown by the step: given to the largest flow
        largest = a
        for p in range(a, b):
            flow = path_flow[pairs.path[p]]
            to = max(flow + step * (flow - before[p]), 0.0)
            left += flow - to
            path_flow[pairs.path[p]] = to
            if to > path_flow[pairs.path[largest]]:
                largest = p
        path_flow[pairs.path[largest]] += left
    for link in range(links):
        volume[link] = max(volume[link] + step * turn[link], 0.0)
        price(link, volume[link], delays, time, slope)


@njit(bare=True)
def _sweep(
    chosen: int, pairs: Choices, path_flow: Floats, volume: Floats, delays: Delays, extra: Floats, units: Floats,
    time: Floats, slope: Floats, mark: Int8s, rest: Int8s, costs: Floats, tolerance: float,
) -> float:  # fmt: skip
    """Go once over the pairs with a choice; return the excess cost met (vehicles times cost beyond the cheapest).

    Pairs whose excess is below the tolerance are left as they are. mark and costs are scratch, mark zero throughout;
    rest counts down the sweeps that a pair still rests.
    """
    excess = 0.0
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


@njit(bare=True, taken_in=True)
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
        move = gap / (bend * unit) if bend > 0.0 else np.inf if gap > 0.0 else -np.inf
        move = min(max(move, -0.5 * moved), path_flow[from_path])  # never back past the start: halve instead
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
