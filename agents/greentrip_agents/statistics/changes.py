"""How parts of a result differ between two scenarios: districts, purposes, incomes, links, lines and stations."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from greentrip_networks.network import Network
from numpy.typing import NDArray
from scipy import special

from greentrip_agents.statistics.breakdown import lines, links, shares, stations
from greentrip_agents.statistics.figures import by_scenario, each_scenario
from greentrip_agents.statistics.intervals import holm


def changes(
    base: pl.DataFrame, other: pl.DataFrame, keys: Sequence[str], value: str, level: float = 0.95
) -> pl.DataFrame:
    """Return the mean of both sides and of their paired difference for each combination of keys.

    Parameters
    ----------
    base, other
        Tables with `seed`, the keys and the value, as `shares`, `lines`, `links` and `stations` return for runs by
        seed. Only seeds that both have are used; a row that one side lacks counts as 0 there.
    keys, value
        Columns.
    level
        Of Student's interval over the pairs' differences.

    Returns
    -------
        The keys, `base`, `other`, `change`, `low`, `high`, `p` and `p_holm` (null for a single seed), largest change
        first. The intervals are each row's own; `p_holm` is corrected for the number of rows (Holm 1979), so that a
        row picked because it stands out is judged as one of many.

    """
    common = sorted(set(base["seed"]) & set(other["seed"]))
    on = ["seed", *keys]
    a, b = (f.filter(pl.col("seed").is_in(common)).group_by(on).agg(pl.col(value).sum()) for f in (base, other))
    joined = a.join(b.rename({value: "other"}), on=on, how="full", coalesce=True).with_columns(
        pl.col(value).fill_null(0.0), pl.col("other").fill_null(0.0)
    )
    n = len(common)
    d = pl.col("other") - pl.col(value)
    found = joined.group_by(keys).agg(
        (pl.col(value).sum() / n).alias("base"),
        (pl.col("other").sum() / n).alias("other"),
        (d.sum() / n).alias("change"),
        (d**2).sum().alias("squares"),
    )
    nothing = pl.lit(None, dtype=pl.Float64)
    found = found.with_columns(low=nothing, high=nothing, p=nothing, p_holm=nothing, size=pl.col("change").abs())
    if n > 1:
        variance = (pl.col("squares") - n * pl.col("change") ** 2).clip(lower_bound=0.0) / (n - 1)
        found = found.with_columns(error=(variance / n).sqrt())
        half = float(special.stdtrit(n - 1, 0.5 + level / 2)) * pl.col("error")
        p = _p_values(found["change"].to_numpy(), found["error"].to_numpy(), n - 1)
        found = found.with_columns(
            low=pl.col("change") - half, high=pl.col("change") + half, p=pl.Series(p), p_holm=pl.Series(holm(p))
        )
    return found.sort(["size", *keys], descending=[True, *([False] * len(keys))]).select(
        *keys, "base", "other", "change", "low", "high", "p", "p_holm"
    )


def _p_values(change: NDArray[np.float64], error: NDArray[np.float64], freedom: int) -> NDArray[np.float64]:
    """Return the p of no change by Student's t; pairs that all differ by the same are sure, by nothing are equal."""
    t = np.divide(np.abs(change), error, out=np.zeros_like(change), where=error > 0)
    sure = np.where(change == 0, 1.0, 0.0)
    return np.asarray(np.where(error > 0, 2 * special.stdtr(freedom, -t), sure), np.float64)


def share_changes(
    base: Mapping[int, Any], other: Mapping[Any, Any], network: Network, by: str, level: float = 0.95
) -> pl.DataFrame:
    """Return the green share of each part, percent, and its change: (scenario,) `part` and the columns of `changes`.

    Parameters
    ----------
    base, other
        Runs by seed; the other also by scenario and seed.
    network, by
        As `shares` takes them.
    level
        Of the interval.

    """
    if by_scenario(other):
        return each_scenario(base, other, lambda name: share_changes(base, other[name], network, by, level))
    green = next(iter(base.values())).indicators["definition"]["green"]
    modes = [m for m, ok in green.items() if ok]
    sides = [shares(runs, network, by).filter(pl.col("mode").is_in(modes)) for runs in (base, other)]
    return changes(sides[0], sides[1], ["part"], "percent", level).sort("part")


def load_changes(
    base: Mapping[int, Any], other: Mapping[Any, Any], what: str, level: float = 0.95, most: int = 50
) -> pl.DataFrame:
    """Return the largest changes of daily boardings by line, of entries by station, or of vehicles by link and period.

    `p_holm` is corrected for every line, station or link there is, not for those returned alone.

    Parameters
    ----------
    base, other
        Runs by seed; the other also by scenario and seed.
    what
        `lines`, `stations` or `links`.
    level
        Of the interval.
    most
        Rows at most, of each scenario.

    """
    if by_scenario(other):
        return each_scenario(base, other, lambda name: load_changes(base, other[name], what, level, most))
    read, keys, value = {
        "lines": (lines, ["line", "name_en", "name_zh"], "boardings"),
        "stations": (stations, ["station"], "entries"),
        "links": (links, ["from_node", "to_node", "period"], "vehicles"),
    }[what]
    found = changes(read(base), read(other), keys, value, level)
    return found.filter(pl.col("change") != 0).head(most)


def ratio_of_variances(a: Sequence[float], b: Sequence[float]) -> float:
    """Return how many times smaller the variance of paired differences is than that of independent samples.

    Parameters
    ----------
    a, b
        An indicator under the same seeds, in the same order.

    """
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    paired = float((y - x).var(ddof=1))
    return float("inf") if paired == 0 else float(x.var(ddof=1) + y.var(ddof=1)) / paired
