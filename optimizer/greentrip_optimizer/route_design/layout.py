"""The arrays the search works on: an instance made compact, and the routes in hand with every journey's time.

Times are whole numbers in the narrowest type that holds them, rows padded to whole vectors, so that the inner loops
compare 16 or 32 journeys an instruction. A time of `far` or more means that there is none.
"""

from typing import NamedTuple

import numpy as np
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

from greentrip_optimizer.route_design.instance import Instance, InstanceError

_VECTOR = 32
# Two rides of no journey and a third must not overflow: 3 * miss below the type's largest number.
_LIMITS = ((np.int16, 4000, 8000), (np.int32, 1 << 27, 1 << 28))
_MOST_PIECES = 1_000_000


class Problem(NamedTuple):
    """An instance as the kernels read it.

    `sizes` is nodes, routes, fewest nodes, most nodes; `costs` is transfer, far, miss (what stands for no journey).
    Nodes beside node i are `beside[start[i]:start[i + 1]]`. Stretches of road from a to b with at most three nodes
    between are rows `pieces_start[a * nodes + b]` on of `pieces`: the count between, then the nodes. `demand` is
    symmetric: both directions of a pair summed, in parts of a trip where trips are not whole numbers.
    """

    sizes: NDArray[np.int64]
    costs: NDArray[np.int64]
    link: NDArray[np.int32]
    start: NDArray[np.int32]
    beside: NDArray[np.int32]
    shortest: NDArray[np.int32]
    three_rides: NDArray[np.int16]
    demand: NDArray[np.int32]
    pieces_start: NDArray[np.int32]
    pieces: NDArray[np.int16]


class State(NamedTuple):
    """Routes and what follows from them, kept in step by every accepted change.

    `route` (routes, most nodes) with `calls` nodes each; `covered[v]` routes call at node v. `high[v, r]` and
    `low[v, r]` are the time along route r to node v, and where r does not call, +miss and -miss: so
    `abs(high[i] - low[j])` is far wherever a route misses one of the two. `ride` (nodes, padded) is the best single
    ride with a transfer charged, `two` the best of at most two. `totals` is: the sum of demand * min(two, three
    rides' least), the exact sum, the summed length.
    """

    route: NDArray[np.int32]
    calls: NDArray[np.int64]
    covered: NDArray[np.int64]
    high: NDArray[np.int16]
    low: NDArray[np.int16]
    ride: NDArray[np.int16]
    two: NDArray[np.int16]
    row_sum: NDArray[np.float64]
    totals: NDArray[np.float64]


class Trial(NamedTuple):
    """One change being weighed: at most two routes anew, and scratch for what follows.

    `route[k]`, `calls[k]`, `which[k]` say the new nodes of route `which[k]`; `sizes` is routes changed, pairs changed,
    nodes in them. `pair` rows are (i, j, ride before, ride after); `node` lists the nodes in pairs, `mark` and `seen`
    hold the number of the trial that met a pair or node last; `two` and `stale` are rows of the nodes in pairs
    (`stale_words` is `stale` eight entries at a time), `three` a row of at most three rides.
    """

    route: NDArray[np.int32]
    calls: NDArray[np.int64]
    which: NDArray[np.int64]
    old: NDArray[np.int32]
    old_at: NDArray[np.int32]
    at: NDArray[np.int32]
    new_at: NDArray[np.int32]
    before: NDArray[np.int32]
    old_count: NDArray[np.int64]
    sizes: NDArray[np.int64]
    pair: NDArray[np.int32]
    node: NDArray[np.int64]
    mark: NDArray[np.int64]
    seen: NDArray[np.int64]
    two: NDArray[np.int16]
    stale: NDArray[np.uint8]
    stale_words: NDArray[np.uint64]
    three: NDArray[np.int16]
    parent: NDArray[np.int64]


def padded(count: int) -> int:
    """Return the next whole number of vectors."""
    return -(-count // _VECTOR) * _VECTOR


def problem(instance: Instance) -> Problem:
    """Return the instance as arrays, in 16 bits where every journey surely fits, else 32."""
    n, rules = instance.nodes, instance.rules
    links = instance.links
    longest = (n - 1) * (int(links.max()) + instance.transfer) + instance.transfer
    kind, far, miss = next((row for row in _LIMITS if longest < row[1]), (None, 0, 0))
    if kind is None:
        raise InstanceError(
            f"{instance.name}: journeys of up to {longest} units; expected less than {_LIMITS[-1][1]}; shorten times"
        )
    wide = padded(n)
    three = np.full((n, wide), 3 * miss, dtype=kind)  # nobody travels to the padding
    three[:, :n] = instance.shortest + 3 * instance.transfer
    np.fill_diagonal(three, 0)
    both = instance.demand + instance.demand.T
    # Whole trips as they are; others in parts small enough to tell, large enough that a row's sum fits 32 bits.
    most = (2**31 - 1) / (float(both.sum(axis=1).max()) * float(three[:, :n].max()))
    whole = bool((both == np.rint(both)).all()) and most >= 1
    parts = 1.0 if whole else 2.0 ** np.floor(np.log2(most / 2))
    demand = np.zeros((n, wide), dtype=np.int32)
    demand[:, :n] = np.rint(both * parts)
    ends = [np.flatnonzero(row >= 0) for row in links]
    start = np.concatenate([[0], np.cumsum([len(e) for e in ends])]).astype(np.int32)
    beside = np.concatenate(ends).astype(np.int32)
    shortest = instance.shortest.astype(np.int32)
    link = links.astype(np.int32)
    for between in (3, 2, 1, 0):
        size = _pieces(link, start, beside, shortest, between, 2 * instance.transfer, None, None)
        if size <= _MOST_PIECES:
            break
    pieces_start = np.zeros(n * n + 1, dtype=np.int32)
    pieces = np.zeros((size, 4), dtype=np.int16)
    _pieces(link, start, beside, shortest, between, 2 * instance.transfer, pieces_start, pieces)
    return Problem(
        np.array([n, rules.routes, rules.min_nodes, rules.max_nodes], dtype=np.int64),
        np.array([instance.transfer, far, miss], dtype=np.int64),
        link,
        start,
        beside,
        shortest,
        three,
        demand,
        pieces_start,
        pieces,
    )


@njit()
def _pieces(
    link: NDArray[np.int32],
    start: NDArray[np.int32],
    beside: NDArray[np.int32],
    shortest: NDArray[np.int32],
    between: int,
    slack: int,
    begins: NDArray[np.int32] | None,
    out: NDArray[np.int16] | None,
) -> int:
    """Count, and where arrays are given list, simple stretches at most `slack` longer than the shortest."""
    n = link.shape[0]
    path = np.zeros(between + 2, dtype=np.int64)
    edge = np.zeros(between + 2, dtype=np.int64)
    time = np.zeros(between + 2, dtype=np.int64)
    fill = np.zeros(n * n + 1, dtype=np.int64)
    total = 0
    for listing in range(2):
        if listing == 1:
            if out is None or begins is None:
                break
            for k in range(n * n):
                fill[k + 1] += fill[k]
            for k in range(n * n + 1):
                begins[k] = fill[k]
        for a in range(n):
            path[0], edge[0], time[0], depth = a, start[a], 0, 0
            while depth >= 0:
                here = path[depth]
                if edge[depth] == start[here + 1]:
                    depth -= 1
                    continue
                b = beside[edge[depth]]
                edge[depth] += 1
                met = False
                for k in range(depth + 1):
                    if path[k] == b:
                        met = True
                if met:
                    continue
                took = time[depth] + link[here, b]
                if took <= shortest[a, b] + slack:
                    if listing == 0:
                        fill[a * n + b + 1] += 1
                        total += 1
                    elif out is not None:
                        row = fill[a * n + b]
                        fill[a * n + b] += 1
                        out[row, 0] = depth
                        for k in range(depth):
                            out[row, k + 1] = path[k + 1]
                if depth < between:
                    depth += 1
                    path[depth], edge[depth], time[depth] = b, start[b], took
    return total


def state(made: Problem) -> State:
    """Return an empty state of the problem's sizes; `delta.load` fills it with routes."""
    n, routes, _, most = (int(v) for v in made.sizes)
    kind = made.three_rides.dtype
    wide = made.three_rides.shape[1]
    return State(
        np.zeros((routes, most), dtype=np.int32),
        np.zeros(routes, dtype=np.int64),
        np.zeros(n, dtype=np.int64),
        np.zeros((n, padded(routes)), dtype=kind),
        np.zeros((n, padded(routes)), dtype=kind),
        np.zeros((n, wide), dtype=kind),
        np.zeros((n, wide), dtype=kind),
        np.zeros(n),
        np.zeros(3),
    )


def trial(made: Problem) -> Trial:
    """Return scratch for weighing changes."""
    n, _, _, most = (int(v) for v in made.sizes)
    wide = made.three_rides.shape[1]
    stale = np.zeros((n, wide), dtype=np.uint8)
    return Trial(
        np.zeros((2, most + 8), dtype=np.int32),
        np.zeros(2, dtype=np.int64),
        np.zeros(2, dtype=np.int64),
        np.zeros((2, most), dtype=np.int32),
        np.zeros((2, most), dtype=np.int32),
        np.zeros(most + 8, dtype=np.int32),
        np.zeros(most + 8, dtype=np.int32),
        np.full(n, -1, dtype=np.int32),
        np.zeros(2, dtype=np.int64),
        np.zeros(4, dtype=np.int64),
        np.zeros((n * n, 4), dtype=np.int32),
        np.zeros(n, dtype=np.int64),
        np.zeros((n, n), dtype=np.int64),
        np.zeros(n, dtype=np.int64),
        np.zeros((n, wide), dtype=made.three_rides.dtype),
        stale,
        stale.view(np.uint64),
        np.full(wide, made.costs[2], dtype=made.three_rides.dtype),
        np.zeros(n, dtype=np.int64),
    )
