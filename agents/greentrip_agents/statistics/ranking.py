"""Which scenario is best, how stable that is over the seeds, and which ones nothing else beats on every indicator."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from greentrip_networks.hashing import uniform
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Ranking:
    """Scenarios from best to worst.

    `order` holds rows of the input, best first, and `rank[i]` the place of row i, 1 the best; equal ones share a rank.
    `held[i]` is the share of resamples in which row i keeps its rank, `best[i]` that in which none is above it;
    `ranks[i]` is the range of ranks that holds 95 % of its resamples.
    """

    order: tuple[int, ...]
    rank: tuple[int, ...]
    held: tuple[float, ...]
    best: tuple[float, ...]
    ranks: tuple[tuple[int, int], ...]


def ranking(values: ArrayLike, *, larger_is_better: bool = True, key: int = 0, resamples: int = RESAMPLES) -> Ranking:
    """Rank scenarios by their mean over seeds, and say how stable the ranks are when seeds are drawn anew (bootstrap).

    Parameters
    ----------
    values
        Shape (scenarios, seeds): an indicator under seeds that all scenarios share; two seeds at least.
    larger_is_better
        Which way the indicator counts.
    key
        Key of the resampling; the same key gives the same figures.
    resamples
        Number of times the seeds are drawn, with replacement, the same for every scenario.

    Raises
    ------
    ValueError
        When there are fewer than two seeds or a value is missing: such a ranking would mean nothing.

    """
    score = _scores(values, larger_is_better=larger_is_better)
    rank = _ranks(score.mean(axis=1)[None, :])[0]
    drawn = _ranks(_resampled_means(score, key, resamples))
    edges = np.quantile(drawn, [0.025, 0.975], axis=0, method="nearest")
    return Ranking(
        order=tuple(int(i) for i in np.argsort(rank, kind="stable")),
        rank=tuple(int(r) + 1 for r in rank),
        held=tuple(float(x) for x in (drawn == rank).mean(axis=0)),
        best=tuple(float(x) for x in (drawn == 0).mean(axis=0)),
        ranks=tuple((int(low) + 1, int(high) + 1) for low, high in edges.T),
    )


def beats(values: ArrayLike, *, larger_is_better: bool = True) -> NDArray[np.float64]:
    """Return the probability that each row is truly better than each column, read off Student's t over paired seeds.

    Parameters
    ----------
    values
        Shape (scenarios, seeds): an indicator; NaN where a scenario lacks a seed. Each two scenarios are compared on
        the seeds that both have.
    larger_is_better
        Which way the indicator counts.

    Returns
    -------
        Shape (scenarios, scenarios); exactly equal scenarios, and the diagonal, have one half. NaN for two that share
        fewer than two seeds.

    """
    score = np.asarray(values, np.float64) * (1.0 if larger_is_better else -1.0)
    d = score[:, None, :] - score[None, :, :]
    both = np.isfinite(d)
    seeds = both.sum(axis=2)
    some = np.maximum(seeds, 1)
    mean = np.where(both, d, 0.0).sum(axis=2) / some
    squares = (np.where(both, d - mean[:, :, None], 0.0) ** 2).sum(axis=2)
    se = np.sqrt(squares / np.maximum(seeds - 1, 1) / some)
    sure = np.where(mean > 0, 1.0, np.where(mean < 0, 0.0, 0.5))  # every pair differs by the same
    t = np.divide(mean, se, out=np.zeros_like(mean), where=se > 0)
    chance = np.where(se > 0, special.stdtr(np.maximum(seeds - 1.0, 1.0), t), sure)
    return np.asarray(np.where(seeds > 1, chance, np.nan), np.float64)


def pareto(scores: ArrayLike, larger_is_better: Sequence[bool]) -> NDArray[np.bool_]:
    """Return which rows no other row beats: as good on every column and better on one.

    Parameters
    ----------
    scores
        Shape (scenarios, indicators).
    larger_is_better
        Which way each column counts.

    """
    s = np.asarray(scores, np.float64) * np.where(larger_is_better, 1.0, -1.0)
    as_good = (s[:, None, :] >= s[None, :, :]).all(axis=2)
    better = (s[:, None, :] > s[None, :, :]).any(axis=2)
    return np.asarray(~(as_good & better).any(axis=0), np.bool_)


def _scores(values: ArrayLike, *, larger_is_better: bool) -> NDArray[np.float64]:
    """Return an indicator of shape (scenarios, seeds) so that larger is better; raise ValueError if it cannot rank."""
    v = np.asarray(values, np.float64)
    if v.ndim != 2 or v.shape[1] < 2 or not np.isfinite(v).all():
        raise ValueError(f"values: saw shape {v.shape}; expected scenarios x at least 2 common seeds, none missing")
    return v if larger_is_better else -v


def _resampled_means(score: NDArray[np.float64], key: int, resamples: int) -> NDArray[np.float64]:
    """Return means over seeds drawn with replacement, shape (resamples, scenarios)."""
    seeds = score.shape[1]
    drawn = (uniform(key, np.arange(resamples)[:, None], np.arange(seeds)[None, :]) * seeds).astype(np.int64)
    weight = np.zeros((resamples, seeds))
    np.add.at(weight, (np.arange(resamples)[:, None], drawn), 1.0)
    means: NDArray[np.float64] = weight @ score.T / seeds
    return means


def _ranks(means: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many are larger, 0 for the largest; equal ones share a rank; shape of the input."""
    return np.asarray(stats.rankdata(-means, method="min", axis=1) - 1, np.int64)
