"""Who changed what between two scenarios: flows between modes, winners and losers, person by person, seed by seed."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from greentrip_networks.network import Network

from greentrip_agents.statistics.breakdown import INCOME_GROUPS, income_fifth
from greentrip_agents.statistics.figures import by_scenario, each_scenario
from greentrip_agents.statistics.intervals import mean_interval

_KEYS = ["person", "tour", "direction"]
FELT_MIN = 0.5  # generalised minutes a trip; a smaller change nobody notices


def flows(base: Mapping[int, Any], other: Mapping[Any, Any]) -> pl.DataFrame:
    """Return trips a weekday that went from one mode to another, mean of the common seeds with its interval.

    Parameters
    ----------
    base, other
        Runs by seed; the other also by scenario and seed. Only persons in both runs of a seed are followed.

    Returns
    -------
        Columns (scenario,) `from`, `to`, `trips`, `low`, `high` (null for a single seed), largest first; modes that
        stay left out. Each row's interval stands by itself: it is not corrected for the number of rows.

    """
    if by_scenario(other):
        return each_scenario(base, other, lambda name: flows(base, other[name]))
    seeds = sorted(base.keys() & other.keys())
    found: dict[tuple[str, str], list[float]] = {}
    for i, seed in enumerate(seeds):
        joined = _joined(base[seed], other[seed]).filter(pl.col("mode") != pl.col("to"))
        table = joined.group_by("mode", "to").agg(pl.col("weight").sum()).sort("mode", "to")
        for before, after, weight in table.iter_rows():
            found.setdefault((before, after), [0.0] * len(seeds))[i] = float(weight)
    rows = []
    for (before, after), values in found.items():
        mean, interval = mean_interval(values)
        low, high = interval if interval is not None else (None, None)
        rows.append({"from": before, "to": after, "trips": mean, "low": low, "high": high})
    schema = {"from": pl.String, "to": pl.String, "trips": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(rows, schema=schema).sort(["trips", "from", "to"], descending=[True, False, False])


def winners_and_losers(base: Mapping[int, Any], other: Mapping[Any, Any], network: Network) -> pl.DataFrame:
    """Return how many trips a weekday become easier and harder, by income, car and district.

    A trip wins when it keeps its mode and its generalised cost falls by more than FELT_MIN minutes; the same person
    and tour are compared under the same seed. Trips that change mode are counted apart: two modes' costs differ by
    what people like and dislike about them, so they say nothing of who gains.

    Parameters
    ----------
    base, other
        Runs by seed; the other also by scenario and seed.
    network
        For the districts of homes.

    Returns
    -------
        Columns (scenario,) `by`, `part`, `trips`, `win`, `lose`, `switch` (trips a weekday, mean of the seeds) and
        `minutes` (mean change of generalised cost a trip that keeps its mode, negative is a gain).

    """
    if by_scenario(other):
        return each_scenario(base, other, lambda name: winners_and_losers(base, other[name], network))
    seeds = sorted(base.keys() & other.keys())
    zones = pl.DataFrame({"home_zone": list(network.zones.id), "district": list(network.zones.district_en)})
    frames = []
    for seed in seeds:
        joined = _joined(base[seed], other[seed]).with_columns(change=pl.col("cost_after") - pl.col("cost_min"))
        joined = joined.filter(pl.col("change").is_finite())
        joined = joined.join(zones, on="home_zone", how="left", maintain_order="left")
        frames.append(
            joined.with_columns(
                income=income_fifth(joined),
                car=pl.when(pl.col("has_car")).then(pl.lit("with a car")).otherwise(pl.lit("without a car")),
                all=pl.lit("everybody"),
            )
        )
    if not frames:
        return pl.DataFrame()
    together, n = pl.concat(frames), len(seeds)
    parts = []
    for by in ("all", "income", "car", "district"):
        weight, change, stay = pl.col("weight"), pl.col("change"), pl.col("mode") == pl.col("to")
        parts.append(
            together.group_by(pl.col(by).alias("part"))
            .agg(
                (weight.sum() / n).alias("trips"),
                (weight.filter(stay & (change < -FELT_MIN)).sum() / n).alias("win"),
                (weight.filter(stay & (change > FELT_MIN)).sum() / n).alias("lose"),
                (weight.filter(~stay).sum() / n).alias("switch"),
                ((weight * change).filter(stay).sum() / weight.filter(stay).sum()).alias("minutes"),
            )
            .with_columns(by=pl.lit(by), order=pl.col("part").replace_strict(_ORDER, default=0, return_dtype=pl.Int64))
            .sort("order", "part")
            .select("by", "part", "trips", "win", "lose", "switch", "minutes")
        )
    return pl.concat(parts)


_ORDER = {name: i for i, name in enumerate(INCOME_GROUPS)}


def _joined(base: Any, other: Any) -> pl.DataFrame:
    """Return the counted trips of two runs side by side."""
    trips: pl.DataFrame = base.trips
    return (
        trips.filter(pl.col("counted"))
        .select(*_KEYS, "home_zone", "mode", "weight", "cost_min", "income_cny_year", "has_car")
        .join(
            other.trips.select(*_KEYS, pl.col("mode").alias("to"), pl.col("cost_min").alias("cost_after")),
            on=_KEYS,
            maintain_order="left",
        )
    )
