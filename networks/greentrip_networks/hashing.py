"""Reproducible noise from keys: the same key gives the same number, whatever the order it is asked in."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


def hash64(*keys: ArrayLike) -> NDArray[np.uint64]:
    """Mix integer keys, broadcast together, into 64 bits by the SplitMix64 finaliser (Steele and others 2014)."""
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(k, np.int64)) for k in keys))
    state = np.zeros(arrays[0].shape, np.uint64)
    with np.errstate(over="ignore"):
        for key in arrays:
            z = (state ^ key.astype(np.uint64)) + _GOLDEN
            z = (z ^ (z >> np.uint64(30))) * _MIX1
            z = (z ^ (z >> np.uint64(27))) * _MIX2
            state = z ^ (z >> np.uint64(31))
    return state


def uniform(*keys: ArrayLike) -> NDArray[np.float64]:
    """Return numbers in the open interval (0, 1), one for each row of keys."""
    return ((hash64(*keys) >> np.uint64(12)).astype(np.float64) + 0.5) / 2.0**52


def normal(*keys: ArrayLike) -> NDArray[np.float64]:
    """Return standard normal numbers, one for each row of keys (Box and Muller 1958)."""
    made: NDArray[np.float64] = np.sqrt(-2.0 * np.log(uniform(*keys, 1))) * np.cos(2.0 * np.pi * uniform(*keys, 2))
    return made
