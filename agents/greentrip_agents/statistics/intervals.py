"""Means and differences over seeds: Student's intervals, Holm's correction, and how many seeds a difference needs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

MOST_SEEDS = 100_000  # beyond this a difference is not worth finding
_X, _W = np.polynomial.legendre.leggauss(200)
_NODES, _WEIGHTS = (_X + 1) / 2, _W / 2


@dataclass(frozen=True)
class Difference:
    """What one side is above another.

    `interval` is None where the seeds give none (one pair). `p` is that of no difference; `pairs` says how many seeds
    both sides share, 0 when the two sides were compared as independent samples.
    """

    mean: float
    interval: tuple[float, float] | None
    p: float | None
    sd: float | None
    pairs: int
    seeds: int

    @property
    def paired(self) -> bool:
        """Whether the sides share their seeds."""
        return self.pairs > 0


def mean_interval(values: ArrayLike, level: float = 0.95) -> tuple[float, tuple[float, float] | None]:
    """Return the mean of independent values and Student's interval of it; None for a single value."""
    v = np.asarray(values, np.float64)
    mean = float(v.mean())
    if len(v) < 2:
        return mean, None
    half = float(special.stdtrit(len(v) - 1, 0.5 + level / 2) * v.std(ddof=1) / math.sqrt(len(v)))
    return mean, (mean - half, mean + half)


def difference(base: Mapping[int, float], other: Mapping[int, float], level: float = 0.95) -> Difference:
    """Return how far the other side is above the base.

    Seeds that both sides have are paired (common random numbers): the interval is Student's over the pairs'
    differences. Sides without a common seed are independent samples, compared by Welch's test.

    Parameters
    ----------
    base, other
        An indicator's value by seed; at least one each.
    level
        Of the interval, above 0 and below 1.

    """
    common = sorted(base.keys() & other.keys())
    if common:
        return _paired([float(other[s] - base[s]) for s in common], level)
    return _welch(np.array([base[s] for s in sorted(base)]), np.array([other[s] for s in sorted(other)]), level)


def _paired(d: list[float], level: float) -> Difference:
    """Return the difference of pairs; pairs that are all exactly zero are exactly equal."""
    n, mean = len(d), math.fsum(d) / len(d)
    if not any(d):
        return Difference(0.0, (0.0, 0.0), 1.0, 0.0, n, n)
    if n < 2:
        return Difference(mean, None, None, None, n, n)
    sd = math.sqrt(math.fsum((x - mean) ** 2 for x in d) / (n - 1))  # plain sums: pairs are few, tables of them many
    se = sd / math.sqrt(n)
    if se == 0:  # every pair differs by the same
        return Difference(mean, (mean, mean), 0.0, 0.0, n, n)
    half = float(special.stdtrit(n - 1, 0.5 + level / 2)) * se
    p = float(2 * special.stdtr(n - 1, -abs(mean) / se))
    return Difference(mean, (mean - half, mean + half), p, sd, n, n)


def _welch(a: NDArray[np.float64], b: NDArray[np.float64], level: float) -> Difference:
    """Return the difference of independent samples (Welch 1947); sd is that of one pair drawn from both."""
    mean, seeds = float(b.mean() - a.mean()), min(len(a), len(b))
    if len(a) < 2 or len(b) < 2:
        return Difference(mean, None, None, None, 0, seeds)
    va, vb = float(a.var(ddof=1)) / len(a), float(b.var(ddof=1)) / len(b)
    sd = math.sqrt(float(a.var(ddof=1)) + float(b.var(ddof=1)))
    if va + vb == 0:
        return Difference(mean, (mean, mean), 1.0 if mean == 0 else 0.0, 0.0, 0, seeds)
    se = math.sqrt(va + vb)
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    half = float(special.stdtrit(freedom, 0.5 + level / 2)) * se
    p = float(2 * special.stdtr(freedom, -abs(mean) / se))
    return Difference(mean, (mean - half, mean + half), p, sd, 0, seeds)


def probability_above(found: Difference) -> float | None:
    """Return the probability that the true difference is above zero, read off its confidence distribution.

    With a flat prior this is the posterior probability under Student's t; exactly equal sides give one half.
    """
    if found.p is None:
        return None
    if found.mean == 0:
        return 0.5
    return 1 - found.p / 2 if found.mean > 0 else found.p / 2


def holm(p: ArrayLike) -> list[float]:
    """Return p-values adjusted for being looked at together (Holm 1979), in the order given.

    An adjusted value below 0.05 keeps the chance of any false finding among all of them below 5 %.
    """
    raw = np.asarray(p, np.float64)
    order = np.argsort(raw, kind="stable")
    adjusted = np.empty(len(raw))
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, np.arange(len(raw), 0, -1) * raw[order]))
    return [float(x) for x in adjusted]


def power(effect: float, sd: float, pairs: int, level: float = 0.95) -> float:
    """Return the probability that pairs find an effect, exact under normal differences (noncentral t)."""
    if pairs < 2:
        return 0.0
    if sd == 0:
        return 1.0 if effect else 0.0
    shift = np.array([abs(effect) / sd * math.sqrt(pairs)])
    return float(_power(shift, np.array([pairs]), _spread(np.array([pairs])), level)[0])


def _spread(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what a sample's own sd may turn out as, over the true one; shape (pairs, nodes)."""
    freedom = (pairs - 1.0)[:, None]
    return np.asarray(np.sqrt(2 * special.gammaincinv(freedom / 2, _NODES) / freedom), np.float64)


def _power(
    shift: NDArray[np.float64], pairs: NDArray[np.int64], spread: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """Return the power at noncentralities: the mean over what the sd may be; scipy's own gives nan for some shifts."""
    scaled = special.stdtrit(pairs - 1.0, 0.5 + level / 2)[:, None] * spread
    return np.asarray(
        (special.ndtr(shift[:, None] - scaled) + special.ndtr(-shift[:, None] - scaled)) @ _WEIGHTS, np.float64
    )


def seeds_needed(effect: float, sd: float, *, level: float = 0.95, chance: float = 0.8) -> int | None:
    """Return how many paired seeds find an effect with a chance; None when MOST_SEEDS would not do.

    Parameters
    ----------
    effect
        Difference to be found, in the indicator's unit.
    sd
        Standard deviation of one pair's difference, same unit.
    level, chance
        Confidence of the test and power wanted.

    """
    if effect == 0 or power(effect, sd, MOST_SEEDS, level) < chance:
        return None
    low, high = 1, 2
    while power(effect, sd, high, level) < chance:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, sd, middle, level) >= chance else (middle, high)
    return high


def seeds_needed_each(
    effects: Sequence[float], sds: Sequence[float], *, level: float = 0.95, chance: float = 0.8
) -> list[int | None]:
    """Return `seeds_needed` of many effects at once: equal to it up to 40 seeds, beyond that within one in a thousand.

    The seeds needed depend on the effect in standard deviations alone, so that the effects are read off one table.
    """
    ladder, _ = _ladder()
    steps = _thresholds(level, chance) ** -2.0
    found: list[int | None] = []
    for effect, sd in zip(effects, sds, strict=True):
        x = math.inf if effect == 0 else min(sd / abs(effect), 1e9) ** 2
        near = max(float(np.interp(x, steps, ladder)), 2.0)  # seeds are all but linear in one over the effect squared
        found.append(None if x > steps[-1] else math.ceil(near - 1e-9))
    return found


@cache
def _ladder() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return numbers of seeds, each up to 40 and then a tenth apart up to MOST_SEEDS, with their `_spread`."""
    far = np.geomspace(41, MOST_SEEDS, 83).round().astype(np.int64)
    pairs = np.concatenate([np.arange(2, 41), far])
    return pairs, _spread(pairs)


@lru_cache(maxsize=64)
def _thresholds(level: float, chance: float) -> NDArray[np.float64]:
    """Return the least effect, in standard deviations, that each number of seeds of the ladder finds."""
    pairs, spread = _ladder()
    low, high = np.full(len(pairs), -10.0), np.full(len(pairs), 25.0)  # logarithms
    for _ in range(44):
        middle = (low + high) / 2
        enough = _power(np.exp(middle) * np.sqrt(pairs), pairs, spread, level) >= chance
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.asarray(np.exp(high), np.float64)
