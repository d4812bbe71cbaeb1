"""Shortest routes of many pairs, as slices of one store of links."""

import numpy as np
from greentrip_networks.kernels import njit, prange
from numpy.typing import NDArray

from greentrip_agents.paths import dijkstra

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


def shortest_routes(
    first_out: Int32s, tail: Int32s, head: Int32s, cost: Floats, start: Int32s, origin: Int64s, destination: Int64s
) -> tuple[Int64s, Int32s]:
    """Return the cheapest route of every pair.

    Parameters
    ----------
    first_out, tail, head, cost
        Links sorted by tail: those that leave node i are rows ``first_out[i]`` to ``first_out[i + 1]``.
    start
        (origins,) node at which each origin's trips start.
    origin, destination
        (pairs,) row of ``start``, and node.

    Returns
    -------
    first, link
        Route p is ``link[first[p]:first[p + 1]]``; it is empty where no road connects the pair.
    """
    via = np.empty((len(start), len(first_out) - 1), np.int32)
    _trees(start, first_out, head, cost, via)
    size = np.empty(len(origin), np.int64)
    _measure(via, start, tail, origin, destination, size)
    first = np.concatenate([[0], np.cumsum(size)])
    link = np.empty(int(first[-1]), np.int32)
    _trace(via, tail, origin, destination, first, link)
    return first, link


@njit(parallel=True)
def _trees(start: Int32s, first_out: Int32s, head: Int32s, cost: Floats, via: Int32s) -> None:
    for o in prange(start.shape[0]):
        _tree(start[o], first_out, head, cost, via[o])


@njit()
def _tree(source: int, first_out: Int32s, head: Int32s, cost: Floats, via: Int32s) -> None:
    nodes = via.shape[0]
    dijkstra(source, first_out, head, cost, np.empty(nodes), via, np.empty(nodes, np.int32), np.empty(nodes, np.int32))


@njit()
def _measure(via: Int32s, start: Int32s, tail: Int32s, origin: Int64s, destination: Int64s, size: Int64s) -> None:
    for p in range(origin.shape[0]):
        o, node = origin[p], destination[p]
        links = 0
        while node != start[o] and via[o, node] >= 0:
            links += 1
            node = tail[via[o, node]]
        size[p] = links if node == start[o] else 0


@njit()
def _trace(via: Int32s, tail: Int32s, origin: Int64s, destination: Int64s, first: Int64s, link: Int32s) -> None:
    for p in range(origin.shape[0]):
        node = destination[p]
        for at in range(first[p + 1] - 1, first[p] - 1, -1):
            link[at] = via[origin[p], node]
            node = tail[link[at]]
