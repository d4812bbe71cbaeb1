"""GEH: modelled traffic beside counted traffic, link by link."""

import numpy as np
import polars as pl
from greentrip_networks.errors import TableError, UnknownNameError
from greentrip_networks.network import Network

from greentrip_agents.hours import PERIOD_AT, profile_of
from greentrip_agents.run import Run
from greentrip_agents.run_tables.asked import HOURS, TIMES, Asked, Made
from greentrip_agents.run_tables.hours import told as told_of_hours
from greentrip_agents.run_tables.links import drawn, find_link

GOOD = 5.0  # GEH below which a link is taken to agree; 85 % of links are commonly asked for (UK DMRB, WebTAG M3.1)


def geh(modelled: pl.Expr, counted: pl.Expr) -> pl.Expr:
    """Return the GEH statistic of two hourly flows: the root of 2 (m - c)^2 / (m + c)."""
    return (2 * (modelled - counted) ** 2 / (modelled + counted).clip(lower_bound=1e-9)).sqrt()


def count_check(run: Run, network: Network, asked: Asked) -> Made:
    """Return modelled and counted vehicles an hour on each counted link, worst GEH first.

    Columns: `link`, `direction`, `period` (or the hour: `07`), `counted_h`, `modelled_h` (the model's vehicles and
    `outside_h`, the traffic outside the model as the run assumed it), `outside_h`, `geh`, `agrees` (GEH below 5).
    An hour has the city's share of its period's cars; traffic outside the model is even over a period.

    Raises TableError for a count that is none, on a link or in a period that is not there, or given twice.
    """
    if not asked.counts:
        raise TableError("counts", "at least one count: link, direction, period, vehicles an hour")
    links = run.links.join(run.table("outside").rename({"vehicles": "outside"}), on=["link", "period"])
    known: dict[tuple[int, str], int] = {}
    rows = []
    for i, one in enumerate(asked.counts):
        place = i + 2  # the first line of a file is its head
        if one.period not in HOURS:
            raise TableError("counts", TIMES, row=place, column="period", value=one.period)
        if not (np.isfinite(one.vehicles_h) and one.vehicles_h >= 0):
            raise TableError("counts", "vehicles an hour, 0 or more", row=place, column="count", value=one.vehicles_h)
        try:
            row = find_link(network, one.link, one.direction)
        except UnknownNameError as error:
            told = f"a street link and its direction ({error})"
            raise TableError("counts", told, row=place, column="link", value=one.link) from None
        if (row, one.period) in known:
            told = f"each link and period or hour once; row {known[row, one.period]} has it too"
            raise TableError("counts", told, row=place, column="link", value=one.link)
        known[row, one.period] = place
        rows.append((one.link, row, one.direction, one.period, one.vehicles_h))
    schema = {"link": pl.String, "row": pl.Int32, "direction": pl.String, "period": pl.String, "counted_h": pl.Float64}
    share = profile_of(network.name, "car").share
    parts = {name: 1 / hours for name, hours in HOURS.items()} | {h: float(share[int(h)]) for h in PERIOD_AT}
    counted = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        within=pl.col("period").replace(PERIOD_AT),
        part=pl.col("period").replace_strict(parts, return_dtype=pl.Float64),
    )
    joined = counted.join(
        links.select(pl.col("link").alias("row"), pl.col("period").alias("within"), "vehicles", "outside"),
        on=["row", "within"], how="left", maintain_order="left",
    )  # fmt: skip
    closed = joined.filter(pl.col("vehicles").is_null())
    if closed.height:
        first = closed.row(0, named=True)
        place = known[first["row"], first["period"]]
        raise TableError("counts", "a link that cars may use", row=place, column="link", value=first["link"])
    table = (
        joined.with_columns(
            outside_h=pl.col("outside") / pl.col("within").replace_strict(HOURS, return_dtype=pl.Float64)
        )
        .with_columns(modelled_h=pl.col("vehicles") * pl.col("part") + pl.col("outside_h"))
        .with_columns(geh=geh(pl.col("modelled_h"), pl.col("counted_h")))
        .with_columns(agrees=pl.col("geh") < GOOD)
        .sort(["geh", "link", "period"], descending=[True, False, False])
    )
    shapes = drawn(network, table["row"].to_numpy())
    features = [
        (shape, {"link": r["link"], "period": r["period"], "counted_h": r["counted_h"],
                 "modelled_h": round(r["modelled_h"], 1), "geh": round(r["geh"], 2)})
        for shape, r in zip(shapes, table.iter_rows(named=True), strict=True)
    ]  # fmt: skip
    agreed = 100 * float(table["agrees"].mean() or 0.0)  # type: ignore[arg-type]
    notes = (
        f"{agreed:.0f} % of {table.height} counts have a GEH below 5 (85 % are commonly asked for)",
        "modelled: the period's mean hour, or the hour's share of its cars",
        "the traffic outside the model that the run assumed is in it, even over a period",
        *(told_of_hours(network, "car") if any(one.period in PERIOD_AT for one in asked.counts) else ()),
    )
    columns = ("link", "direction", "period", "counted_h", "modelled_h", "outside_h", "geh", "agrees")
    return Made(table.select(columns), features, notes)
