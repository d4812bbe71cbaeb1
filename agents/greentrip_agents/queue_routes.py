"""Routes of many pairs out of shortest-path trees, as slices of one store of links."""

import numpy as np
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


def routes_of(via: Int32s, start: Int32s, tail: Int32s, origin: Int64s, destination: Int64s) -> tuple[Int64s, Int32s]:
    """Follow every pair's tree from its destination back to its origin.

    Parameters
    ----------
    via
        (origins, nodes) the link that reaches each node, -1 where none does, as `paths.trees` fills it.
    start
        (origins,) node at which each tree starts.
    tail
        (links,) node that each link leaves.
    origin, destination
        (pairs,) row of the tree, and node.

    Returns
    -------
    first, link
        Route p is ``link[first[p]:first[p + 1]]``; it is empty where no road connects the pair.
    """
    size = np.empty(len(origin), np.int64)
    _measure(via, start, tail, origin, destination, size)
    first = np.concatenate([[0], np.cumsum(size)])
    link = np.empty(int(first[-1]), np.int32)
    _trace(via, tail, origin, destination, first, link)
    return first, link


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
