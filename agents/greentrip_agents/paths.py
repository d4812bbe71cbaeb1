"""Shortest paths from one node on arrays, by a heap."""

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
