"""Shortest paths from one node on arrays: by a heap, or by a ring of buckets where link costs allow it."""

import numpy as np
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]


@njit(bare=True)
def dijkstra(
    source: int, first_out: Int32s, head: Int32s, cost: Floats, dist: Floats, via: Int32s, heap: Int32s, place: Int32s
) -> None:
    """Fill dist and via (the link that reaches each node, -1 at the source) from one node; ties keep the lower link.

    heap and place are scratch of one entry a node.
    """
    n = dist.shape[0]
    for i in range(n):
        dist[i] = np.inf
        via[i] = -1
        place[i] = -1
    dist[source] = 0.0
    heap[0] = source
    place[source] = 0
    size = 1
    while size > 0:
        u = heap[0]
        place[u] = -2
        size -= 1
        if size > 0:
            moved = heap[size]
            at = 0
            d = dist[moved]
            while True:
                child = 2 * at + 1
                if child >= size:
                    break
                if child + 1 < size and dist[heap[child + 1]] < dist[heap[child]]:
                    child += 1
                if dist[heap[child]] >= d:
                    break
                heap[at] = heap[child]
                place[heap[at]] = at
                at = child
            heap[at] = moved
            place[moved] = at
        du = dist[u]
        for link in range(first_out[u], first_out[u + 1]):
            c = cost[link]
            v = head[link]
            d = du + c
            if d == dist[v] and link < via[v] and c > 0.0:  # a free link might close a ring
                via[v] = link
            if d < dist[v]:
                dist[v] = d
                via[v] = link
                at = place[v]
                if at == -1:
                    at = size
                    size += 1
                while at > 0:
                    parent = (at - 1) >> 1
                    if dist[heap[parent]] <= d:
                        break
                    heap[at] = heap[parent]
                    place[heap[at]] = at
                    at = parent
                heap[at] = v
                place[v] = at


@njit(bare=True)
def bucket_tree(
    source: int, first_out: Int32s, head: Int32s, cost: Floats, width: float, buckets: int, dist: Floats, via: Int32s,
    order: Int32s, start: Int32s, after: Int32s, before: Int32s,
) -> int:  # fmt: skip
    """Fill dist and via from one node by a ring of buckets (Dial 1969), exact if width is at most the least link cost.

    Fills order with the nodes reached, none before the one that it is reached from, and returns how many. start has
    one entry a bucket and must be -1 throughout, as it is again at the end; after and before are scratch of one entry
    a node. The ring must span the dearest link: buckets > dearest / width + 1. Equal costs keep the lower link.
    """
    n = dist.shape[0]
    for i in range(n):
        dist[i] = np.inf
        via[i] = -1
    dist[source] = 0.0
    start[0] = source
    after[source] = -1
    before[source] = -1
    waiting = 1
    level = 0
    reached = 0
    while waiting > 0:
        b = level % buckets
        u = start[b]
        if u < 0:
            level += 1
            continue
        start[b] = after[u]
        if after[u] >= 0:
            before[after[u]] = -1
        waiting -= 1
        order[reached] = u
        reached += 1
        du = dist[u]
        for link in range(first_out[u], first_out[u + 1]):
            d = du + cost[link]
            v = head[link]
            if d < dist[v]:
                if dist[v] < np.inf:  # already in a bucket: unlink
                    old = int(dist[v] / width) % buckets
                    if before[v] >= 0:
                        after[before[v]] = after[v]
                    else:
                        start[old] = after[v]
                    if after[v] >= 0:
                        before[after[v]] = before[v]
                    waiting -= 1
                dist[v] = d
                via[v] = link
                new = int(d / width) % buckets
                after[v] = start[new]
                before[v] = -1
                if start[new] >= 0:
                    before[start[new]] = v
                start[new] = v
                waiting += 1
            elif d == dist[v] and link < via[v]:
                via[v] = link
    return reached
