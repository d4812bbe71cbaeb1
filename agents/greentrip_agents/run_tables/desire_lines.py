"""Desire lines: the largest flows of trips between districts or zones, as straight lines between where people are."""

import polars as pl
import shapely
from greentrip_networks.network import Network

from greentrip_agents.run import Run
from greentrip_agents.run_tables.asked import Asked, Made, in_period, weighted_mean


def desire_lines(run: Run, network: Network, asked: Asked) -> Made:
    """Return the largest flows between two different places, both ways added up.

    Columns: `from`, `to`, their `from_lon` ... `to_lat` (residents' mean place), `trips` a weekday, `green_percent`,
    `minutes` and `km` (means). `asked.by` is district or zone; mode and period narrow the trips.
    """
    z = network.zones
    places = pl.DataFrame({
        "zone": list(z.id),
        "name": list(z.district_en if asked.by == "district" else z.id),
        "label": list(z.district_en if asked.by == "district" else z.name_en),
        "weight": z.residents + z.jobs + 1e-6,
        "lon": z.lon, "lat": z.lat, "x": z.x_m, "y": z.y_m,
    })  # fmt: skip
    middle = places.group_by("name", maintain_order=True).agg(
        pl.col("label").first(), *(weighted_mean(c).alias(c) for c in ("lon", "lat", "x", "y"))
    )
    trips = in_period(run.trips.filter(pl.col("counted") & (pl.col("mode") != "unserved")), asked.period)
    if asked.mode:
        trips = trips.filter(pl.col("mode") == asked.mode)
    green = [m for m, ok in run.indicators["definition"]["green"].items() if ok]
    named = places.select("zone", "name")
    ends = trips.join(named, left_on="from_zone", right_on="zone").join(
        named, left_on="to_zone", right_on="zone", suffix="_to"
    )
    flows = (
        ends.filter(pl.col("name") != pl.col("name_to"))
        .with_columns(a=pl.min_horizontal("name", "name_to"), b=pl.max_horizontal("name", "name_to"))
        .group_by("a", "b")
        .agg(
            trips=pl.col("weight").sum(),
            green_percent=100 * (pl.col("weight") * pl.col("mode").is_in(green)).sum() / pl.col("weight").sum(),
            minutes=weighted_mean("minutes"),
            km=weighted_mean("km"),
        )
        .sort(["trips", "a", "b"], descending=[True, False, False])
        .head(asked.most)
        .join(middle, left_on="a", right_on="name", maintain_order="left")
        .join(middle, left_on="b", right_on="name", suffix="_to", maintain_order="left")
    )
    features = [
        (
            shapely.LineString([(r["x"], r["y"]), (r["x_to"], r["y_to"])]),
            {"from": r["label"], "to": r["label_to"], "trips": round(r["trips"]),
             "green_percent": round(r["green_percent"], 1)},
        )
        for r in flows.iter_rows(named=True)
    ]  # fmt: skip
    table = flows.select(
        pl.col("label").alias("from"), pl.col("label_to").alias("to"), pl.col("lon").alias("from_lon"),
        pl.col("lat").alias("from_lat"), pl.col("lon_to").alias("to_lon"), pl.col("lat_to").alias("to_lat"),
        "trips", "green_percent", "minutes", "km",
    )  # fmt: skip
    return Made(table, features, ("trips within a place are left out; both directions together",))
