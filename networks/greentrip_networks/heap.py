"""A heap of four branches in two arrays, where a node may be put in anew instead of being moved up."""

import numpy as np
from numpy.typing import NDArray

from greentrip_networks.kernels import njit

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]


@njit(bare=True, taken_in=True)
def push(key: Floats, node: Int32s, size: int, new_key: float, new_node: int) -> None:
    """Put a node in; size is the heap's before."""
    at = size
    while at > 0:
        parent = (at - 1) >> 2
        if key[parent] <= new_key:
            break
        key[at], node[at] = key[parent], node[parent]
        at = parent
    key[at], node[at] = new_key, new_node


@njit(bare=True, taken_in=True)
def drop_first(key: Floats, node: Int32s, size: int) -> None:
    """Fill the place of the first, which was taken, with the last entry; size is the heap's without the first."""
    k, v = key[size], node[size]
    at = 0
    while True:
        child = 4 * at + 1
        if child >= size:
            break
        least = child
        for other in range(child + 1, min(child + 4, size)):
            if key[other] < key[least]:
                least = other
        if key[least] >= k:
            break
        key[at], node[at] = key[least], node[least]
        at = least
    key[at], node[at] = k, v
