"""Shares, loads and boardings by district, purpose, income, link, line and station: one run, seeds or scenarios."""

from typing import Any

import polars as pl
from greentrip_networks.network import Network

from greentrip_agents.statistics.figures import levels

SHARES_BY = ("district", "purpose", "income")
INCOME_GROUPS = ("lowest fifth", "second fifth", "middle fifth", "fourth fifth", "highest fifth")


def shares(runs: Any, network: Network, by: str) -> pl.DataFrame:
    """Return trips a day and the share of each mode, percent, by a property of the traveller.

    Parameters
    ----------
    runs
        A run, runs by seed, or runs by scenario and seed: each level adds a column.
    network
        The network the runs are of, for zones' districts.
    by
        `district` (of the home), `purpose`, or `income` (fifths of the sampled persons, lowest first).

    Returns
    -------
        Columns (scenario, seed,) `part`, `mode`, `trips`, `percent`; counted trips that found a mode only.

    """
    frames = []
    for index, run in levels(runs):
        trips = _parted(run.trips.filter(pl.col("counted") & (pl.col("mode") != "unserved")), network, by)
        found = trips.group_by("part", "mode").agg(pl.col("weight").sum().alias("trips"))
        total = found.group_by("part").agg(pl.col("trips").sum().alias("all"))
        frames.append(
            found.join(total, on="part")
            .select(
                *(pl.lit(v).alias(k) for k, v in index.items()),
                "part",
                "mode",
                "trips",
                (100 * pl.col("trips") / pl.col("all")).alias("percent"),
            )
            .sort("part", "mode")
        )
    return pl.concat(frames)


def _parted(trips: pl.DataFrame, network: Network, by: str) -> pl.DataFrame:
    """Add the column `part`."""
    if by == "purpose":
        return trips.with_columns(part=pl.col("purpose"))
    if by == "income":
        return trips.with_columns(part=income_fifth(trips))
    if by == "district":
        zones = pl.DataFrame({"home_zone": list(network.zones.id), "part": list(network.zones.district_en)})
        return trips.join(zones, on="home_zone", how="left", maintain_order="left")
    raise ValueError(f"by: saw {by!r}; expected one of {', '.join(SHARES_BY)}")


def income_fifth(trips: pl.DataFrame) -> pl.Series:
    """Return each trip's income group: fifths of the persons who travel, by income, ties together."""
    people = trips.group_by("person").agg(pl.col("income_cny_year").first()).sort("income_cny_year", "person")
    rank = people.with_columns(
        group=(pl.int_range(pl.len()) * len(INCOME_GROUPS) // pl.len()).replace_strict(
            dict(enumerate(INCOME_GROUPS)), return_dtype=pl.String
        )
    ).select("person", "group")
    groups: pl.Series = trips.select("person").join(rank, on="person", how="left", maintain_order="left")["group"]
    return groups


def links(runs: Any) -> pl.DataFrame:
    """Return vehicles and seconds by street link and period: columns (scenario, seed,) and those of a run's links."""
    return _stacked(runs, "links", ["link", "from_node", "to_node", "period", "facility", "vehicles", "seconds"])


def lines(runs: Any) -> pl.DataFrame:
    """Return boardings and load factor by line and period."""
    return _stacked(runs, "lines", ["line", "name_en", "name_zh", "mode", "period", "boardings", "load_factor"])


def stations(runs: Any) -> pl.DataFrame:
    """Return passengers a day who enter and leave each station: columns (scenario, seed,) station, entries, exits."""
    frames = []
    for index, run in levels(runs):
        trips: pl.DataFrame = run.trips.filter(pl.col("board") != "")
        entries = trips.group_by(pl.col("board").alias("station")).agg(pl.col("weight").sum().alias("entries"))
        exits = trips.group_by(pl.col("leave").alias("station")).agg(pl.col("weight").sum().alias("exits"))
        found = entries.join(exits, on="station", how="full", coalesce=True).fill_null(0.0).sort("station")
        frames.append(found.select(*(pl.lit(v).alias(k) for k, v in index.items()), pl.all()))
    return pl.concat(frames)


def _stacked(runs: Any, table: str, columns: list[str]) -> pl.DataFrame:
    """Return a table of all runs with their index."""
    frames: list[pl.DataFrame] = [
        getattr(run, table).select(*(pl.lit(v).alias(k) for k, v in index.items()), *columns)
        for index, run in levels(runs)
    ]
    return pl.concat(frames)
