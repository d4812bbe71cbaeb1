"""Quickest paths between pairs of nodes on link arrays, for bus lines; a search stops at its target."""

import numpy as np
from numpy.typing import NDArray

from greentrip_networks.kernels import njit

Int32s = NDArray[np.int32]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit()
def quickest_paths(
    first_out: Int32s, tail: Int32s, head: Int32s, cost: Floats, origin: Int32s, target: Int32s
) -> tuple[Ints, Int32s]:
    """Return (first, links): pair p drives links[first[p]:first[p + 1]] in this order, none if unreachable.

    A link of infinite cost is closed. Equal costs are settled by the lower node, then the lower link.
    """
    n = first_out.shape[0] - 1
    pairs = origin.shape[0]
    dist = np.empty(n, np.float64)
    via = np.empty(n, np.int32)
    stamp = np.full(n, -1, np.int64)
    done = np.full(n, -1, np.int64)
    heap_cost = np.empty(head.shape[0] + 1, np.float64)
    heap_node = np.empty(head.shape[0] + 1, np.int32)
    first = np.zeros(pairs + 1, np.int64)
    links = np.empty(max(16 * pairs, 1024), np.int32)
    used = 0
    for p in range(pairs):
        a, b = origin[p], target[p]
        size = 1
        heap_cost[0], heap_node[0] = 0.0, a
        dist[a], via[a], stamp[a] = 0.0, -1, p
        while size > 0:
            d, u = heap_cost[0], heap_node[0]
            size -= 1
            last_cost, last_node = heap_cost[size], heap_node[size]
            at = 0
            while True:
                child = 2 * at + 1
                if child >= size:
                    break
                right = child + 1
                if right < size and (
                    heap_cost[right] < heap_cost[child]
                    or (heap_cost[right] == heap_cost[child] and heap_node[right] < heap_node[child])
                ):
                    child = right
                if heap_cost[child] < last_cost or (heap_cost[child] == last_cost and heap_node[child] < last_node):
                    heap_cost[at], heap_node[at] = heap_cost[child], heap_node[child]
                    at = child
                else:
                    break
            heap_cost[at], heap_node[at] = last_cost, last_node
            if done[u] == p:
                continue
            done[u] = p
            if u == b:
                break
            for link in range(first_out[u], first_out[u + 1]):
                v = head[link]
                new = d + cost[link]
                if new == np.inf or done[v] == p or (stamp[v] == p and new >= dist[v]):
                    continue
                dist[v], via[v], stamp[v] = new, link, p
                at = size
                size += 1
                while at > 0:
                    up = (at - 1) // 2
                    if heap_cost[up] > new or (heap_cost[up] == new and heap_node[up] > v):
                        heap_cost[at], heap_node[at] = heap_cost[up], heap_node[up]
                        at = up
                    else:
                        break
                heap_cost[at], heap_node[at] = new, v
        count = 0
        if done[b] == p:
            v = b
            while v != a:
                count += 1
                v = tail[via[v]]
            if used + count > links.shape[0]:
                more = np.empty(2 * (used + count), np.int32)
                more[:used] = links[:used]
                links = more
            v = b
            for k in range(count - 1, -1, -1):
                links[used + k] = via[v]
                v = tail[via[v]]
        used += count
        first[p + 1] = used
    return first, links[:used].copy()
