"""Random draws that are keyed, not sequential: the same key gives the same number in any order, thread or scenario.

The generator mixes a key with SplitMix64's finaliser (Steele, Lea and Flood 2014), once a word of the key.
"""

import numpy as np
from greentrip_networks.kernels import njit, prange
from numpy.typing import NDArray

# What a draw is for; part of its key, so that no two uses share luck.
(
    PLACE,
    AGE,
    WORKER,
    INCOME,
    OWNS_CAR,
    OWNS_EBIKE,
    OWNS_BICYCLE,
    PLATE,
    TOURS,
    DESTINATION,
    PERIOD,
    NEST,
    ALTERNATIVE,
    RECONSIDER,
    PLACE_IN_ZONE,
    LISTED,
    REROUTE,
    FAR,
    WANTED,
    TIMING,
) = range(20)


@njit(inline=True)
def mix(x: np.uint64) -> np.uint64:
    """Scramble 64 bits so that near keys give unrelated ones."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(inline=True)
def person_key(seed: int, person: int) -> np.uint64:
    """Return the part of a key that all draws of one person share."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    x = mix(np.uint64(seed) * golden + golden)
    return mix(x ^ (np.uint64(person) * golden + np.uint64(1)))


@njit(inline=True)
def uniform_of(person: np.uint64, use: int, index: int) -> float:
    """Return a number in the open interval (0, 1) that belongs to a person's key, a use and an index alone."""
    x = mix(person ^ (np.uint64(use) * np.uint64(0xD1B54A32D192ED03) + np.uint64(index) + np.uint64(2)))
    return (np.float64(x >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@njit(inline=True)
def exponential(person: np.uint64, use: int, index: int) -> float:
    """Return a standard exponential draw for a person's key, a use and an index; minus its log is a Gumbel draw."""
    return float(-np.log(uniform_of(person, use, index)))


@njit()
def uniform(seed: int, person: int, use: int, index: int) -> float:
    """Return a number in the open interval (0, 1) that belongs to this key alone."""
    return float(uniform_of(person_key(seed, person), use, index))


@njit(parallel=True)
def uniforms_at(seed: int, persons: NDArray[np.int64], use: int, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return one uniform draw a row, each with an index of its own, shape (rows,)."""
    out = np.empty(persons.shape[0])
    for i in prange(persons.shape[0]):
        out[i] = uniform(seed, persons[i], use, index[i])
    return out


@njit(parallel=True)
def uniforms(seed: int, persons: NDArray[np.int64], use: int, index: int) -> NDArray[np.float64]:
    """Return one uniform draw a person, shape (persons,)."""
    out = np.empty(persons.shape[0])
    for i in prange(persons.shape[0]):
        out[i] = uniform(seed, persons[i], use, index)
    return out
