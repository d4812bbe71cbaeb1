"""What no set of routes can beat: floors of the mean trip and of the summed route length.

Passengers: nobody is quicker than the shortest road path without a transfer.

Operator: the links that routes use join all nodes, so they hold a spanning tree, and each of the R routes is a path
with enough nodes. Split the time w of every link into a part `a >= 0` and the rest. Then the summed length is at least
the least spanning tree under `a`, plus R times the least path under `w - a`, whatever `a` is. The best split is sought
by subgradient steps; paths are relaxed to walks that do not turn straight back (a floor stays a floor). Every split is
in 65536ths, so that sums are exact.
"""

import math

import numpy as np
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

from greentrip_optimizer.route_design.instance import Instance

_PARTS = 65536.0


def passenger_bound(instance: Instance) -> float:
    """Return the demand-weighted mean of shortest road times in minutes."""
    trips = instance.demand
    return float((instance.shortest * trips).sum() / trips.sum() / instance.scale)


def operator_bound(instance: Instance, steps: int = 20_000) -> float:
    """Return a proven floor of the summed one-way route length in minutes, by at most `steps` splits of link times."""
    ends = np.argwhere(np.triu(instance.links >= 0, 1)).astype(np.int64)
    time = instance.links[ends[:, 0], ends[:, 1]].astype(np.float64)
    rules = instance.rules
    best = _best_split(instance.nodes, ends, time, rules.routes, rules.min_nodes, rules.max_nodes, steps)
    return math.ceil(best - 1e-9) / instance.scale


@njit()
def _best_split(
    n: int, ends: NDArray[np.int64], time: NDArray[np.float64], routes: int, fewest: int, most: int, steps: int
) -> float:
    """Return the largest floor met over the splits tried."""
    m = ends.shape[0]
    split = time.copy()
    parent = np.zeros(n, dtype=np.int64)
    in_tree = np.zeros(m, dtype=np.int64)
    in_walk = np.zeros(m, dtype=np.int64)
    value = np.zeros((most + 1, n, 2))
    came = np.zeros((most + 1, n, 2), dtype=np.int64)
    rank = np.zeros((most + 1, n, 2), dtype=np.int64)
    by = np.zeros((most + 1, n, 2), dtype=np.int64)
    best, since, scale = -1.0, 0, 1.0
    for _ in range(steps):
        tree = _least_tree(n, ends, split, parent, in_tree)
        walk = _least_walk(n, ends, time - split, fewest, most, value, came, rank, by, in_walk)
        floor = tree + routes * walk
        since += 1
        if floor > best + 1e-9:
            best, since = floor, 0
        elif since > 30:
            since, scale = 0, scale * 0.7
        square = 0.0
        for e in range(m):
            square += float(in_tree[e] - routes * in_walk[e]) ** 2
        if square == 0.0 or scale < 1e-6:
            break
        step = scale * 0.2 * max(best, 1.0) / square
        for e in range(m):
            moved = split[e] + step * (in_tree[e] - routes * in_walk[e])
            split[e] = max(0.0, np.rint(moved * _PARTS) / _PARTS)
    return best


@njit()
def _least_tree(
    n: int, ends: NDArray[np.int64], weight: NDArray[np.float64], parent: NDArray[np.int64], chosen: NDArray[np.int64]
) -> float:
    """Return the weight of a least spanning tree and mark its links (Kruskal)."""
    for v in range(n):
        parent[v] = v
    chosen[:] = 0
    total = 0.0
    for e in np.argsort(weight):
        i, j = ends[e, 0], ends[e, 1]
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        while parent[j] != j:
            parent[j] = parent[parent[j]]
            j = parent[j]
        if i != j:
            parent[i] = j
            chosen[e] = 1
            total += weight[e]
    return total


@njit()
def _least_walk(
    n: int,
    ends: NDArray[np.int64],
    weight: NDArray[np.float64],
    fewest: int,
    most: int,
    value: NDArray[np.float64],
    came: NDArray[np.int64],
    rank: NDArray[np.int64],
    by: NDArray[np.int64],
    uses: NDArray[np.int64],
) -> float:
    """Return the weight of a least walk of `fewest` to `most` nodes that never turns straight back; count its links.

    The two best walks to each node, from different neighbours, suffice to tell the best that may go on.
    """
    far = 1e18
    value[:] = far
    came[:] = -1
    value[1, :, 0] = 0.0
    best, end, nodes = far, -1, 0
    for k in range(2, most + 1):
        for e in range(ends.shape[0]):
            for turn in range(2):
                i, j = ends[e, turn], ends[e, 1 - turn]
                from_rank = 1 if came[k - 1, i, 0] == j else 0
                total = value[k - 1, i, from_rank] + weight[e]
                if total >= far / 2:
                    continue
                if total < value[k, j, 0]:
                    value[k, j, 1], came[k, j, 1] = value[k, j, 0], came[k, j, 0]
                    rank[k, j, 1], by[k, j, 1] = rank[k, j, 0], by[k, j, 0]
                    value[k, j, 0], came[k, j, 0], rank[k, j, 0], by[k, j, 0] = total, i, from_rank, e
                elif total < value[k, j, 1]:
                    value[k, j, 1], came[k, j, 1], rank[k, j, 1], by[k, j, 1] = total, i, from_rank, e
        if k >= fewest:
            for j in range(n):
                if value[k, j, 0] < best:
                    best, end, nodes = value[k, j, 0], j, k
    uses[:] = 0
    at, here = end, 0
    for k in range(nodes, 1, -1):
        uses[by[k, at, here]] += 1
        at, here = came[k, at, here], rank[k, at, here]
    return best
