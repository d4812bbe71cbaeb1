"""Shortest paths by one search with a heap, from several starts at once and up to a limit: for queries asked once."""

import numpy as np
from numpy.typing import NDArray

from greentrip_networks.heap import drop_first, push
from greentrip_networks.kernels import njit

Int32s = NDArray[np.int32]
Floats = NDArray[np.float64]


def spread(
    first_out: Int32s, head: Int32s, cost: Floats, start: Int32s, start_cost: Floats, limit: float = np.inf
) -> tuple[Floats, Int32s]:
    """Return (cost, link): the least cost from any start to each node within a limit, and the link that reaches it.

    Parameters
    ----------
    first_out, head, cost
        Links sorted by tail: those of node i are rows first_out[i] to first_out[i + 1]. Costs are 0 or more.
    start, start_cost
        Nodes to start from and what each costs to begin with.
    limit
        Nodes that cost more stay infinite, with link -1.

    """
    nodes = len(first_out) - 1
    dist, via = np.full(nodes, np.inf), np.full(nodes, -1, np.int32)
    room = len(head) + len(start) + 1
    spread_into(
        first_out, head, cost, np.asarray(start, np.int32), np.asarray(start_cost, np.float64), limit, dist, via,
        np.empty(room), np.empty(room, np.int32),
    )  # fmt: skip
    return dist, via


@njit(bare=True)
def spread_into(
    first_out: Int32s, head: Int32s, cost: Floats, start: Int32s, start_cost: Floats, limit: float, dist: Floats,
    via: Int32s, key: Floats, node: Int32s,
) -> None:  # fmt: skip
    """Fill dist (infinite) and via (-1); key and node are the heap's scratch, an entry a link and start and one."""
    size = 0
    for i in range(start.shape[0]):
        v, d = start[i], start_cost[i]
        if d <= limit and d < dist[v]:
            dist[v] = d
            push(key, node, size, d, v)
            size += 1
    while size > 0:
        du, u = key[0], node[0]
        size -= 1
        drop_first(key, node, size)
        if du > dist[u]:  # was put in again, nearer
            continue
        for link in range(first_out[u], first_out[u + 1]):
            d = du + cost[link]
            v = head[link]
            if d < dist[v] and d <= limit:
                dist[v] = d
                via[v] = link
                push(key, node, size, d, v)
                size += 1
