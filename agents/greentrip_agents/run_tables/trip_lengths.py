"""How far and how long people travel: trips by mode, purpose and band of kilometres or minutes."""

import polars as pl
import shapely
from greentrip_networks.indicators.shapes import Feature
from greentrip_networks.network import Network

from greentrip_agents.run import Run
from greentrip_agents.run_tables.asked import Asked, Made, in_period, weighted_mean

BANDS = {"km": (1, 2, 3, 5, 8, 12, 20, 30, 50), "minutes": (10, 20, 30, 45, 60, 90, 120)}
ALL = "all"


def trip_lengths(run: Run, network: Network, asked: Asked) -> Made:
    """Return the distribution of counted trips over bands of street km and of door-to-door minutes.

    Columns: `of` (km or minutes), `mode` and `purpose` (each also `all`), `low` and `high` of the band (null: no upper
    end), `trips` a weekday, `percent` of the mode's and purpose's trips, `mean` of the whole
    distribution. The map layer has a point a zone: the trips of those who live there and their mean km and minutes.
    """
    trips = in_period(run.trips.filter(pl.col("counted") & (pl.col("mode") != "unserved")), asked.period)
    if asked.mode:
        trips = trips.filter(pl.col("mode") == asked.mode)
    parts = []
    for of, edges in BANDS.items():
        ends = pl.DataFrame({"band": range(len(edges) + 1), "low": [0, *edges], "high": [*edges, None]})
        banded = trips.select(
            "mode", "purpose", "weight", pl.col(of).alias("value"),
            band=sum(((pl.col(of) >= edge).cast(pl.Int64) for edge in edges), pl.lit(0, pl.Int64)),
        )  # fmt: skip
        for mode in (pl.col("mode"), pl.lit(ALL)):
            for purpose in (pl.col("purpose"), pl.lit(ALL)):
                keys = ["mode", "purpose"]
                rows = banded.with_columns(mode=mode, purpose=purpose)
                whole = rows.group_by(keys).agg(
                    all_trips=pl.col("weight").sum(),
                    mean=(pl.col("value") * pl.col("weight")).sum() / pl.col("weight").sum(),
                )
                found = rows.group_by([*keys, "band"]).agg(trips=pl.col("weight").sum())
                parts.append(
                    found.join(whole, on=keys)
                    .join(ends, on="band")
                    .select(
                        pl.lit(of).alias("of"), "mode", "purpose", pl.col("low").cast(pl.Float64),
                        pl.col("high").cast(pl.Float64), "trips",
                        (100 * pl.col("trips") / pl.col("all_trips")).alias("percent"), "mean",
                    )
                )  # fmt: skip
    table = pl.concat(parts).sort("of", "mode", "purpose", "low")
    return Made(
        table,
        _by_home(trips, network),
        ("km along streets, as the crow flies times the model's detour; minutes door to door",),
    )


def _by_home(trips: pl.DataFrame, network: Network) -> list[Feature]:
    """Return a point a zone with its residents' trips, mean km and mean minutes."""
    zones = network.zones
    at = {name: (float(x), float(y)) for name, x, y in zip(zones.id, zones.x_m, zones.y_m, strict=True)}
    names = dict(zip(zones.id, zones.name_en, strict=True))
    found = (
        trips.group_by("home_zone")
        .agg(trips=pl.col("weight").sum(), km=weighted_mean("km"), minutes=weighted_mean("minutes"))
        .sort("home_zone")
    )
    return [
        (
            shapely.Point(at[r["home_zone"]]),
            {"zone": names[r["home_zone"]], "trips": round(r["trips"]), "km": round(r["km"], 2),
             "minutes": round(r["minutes"], 1)},
        )
        for r in found.iter_rows(named=True)
    ]  # fmt: skip
