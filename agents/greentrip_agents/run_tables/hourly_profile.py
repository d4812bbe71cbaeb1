"""When the day's trips start: each mode's trips by hour, and the stations' riders as a map layer."""

from dataclasses import replace

import numpy as np
import polars as pl
import shapely
from greentrip_networks.indicators.shapes import Feature
from greentrip_networks.network import Network

from greentrip_agents.hours import profile_of
from greentrip_agents.run import Run
from greentrip_agents.run_tables.asked import Asked, Made, in_hours
from greentrip_agents.run_tables.hours import by_hour, rail_riders, told

LIKE = {"metro": "rail", "pr": "rail", "taxi": "car"}  # whose profile a mode has, where not its own


def hourly_profile(run: Run, network: Network, asked: Asked) -> Made:
    """Return the counted trips of each mode that start in each hour.

    Columns: `mode`, `hour`, `trips`, `percent` of the mode's trips of a weekday, `published_percent` (of the journeys
    that the profile is of; null where none is published). How trips spread within a period is set by that profile, how
    many each period has is the model's. The map layer has each rail station's riders, counted trips or not, who start
    there in an hour, of the busiest of those asked for; it is empty for a mode that does not ride on rail.
    """
    trips = run.trips.filter(pl.col("counted") & (pl.col("mode") != "unserved"))
    if asked.mode:
        trips = trips.filter(pl.col("mode") == asked.mode)
    totals = trips.group_by("mode", "period", maintain_order=True).agg(trips=pl.col("weight").sum())
    hours = replace(asked, by="hour").hours()
    parts = []
    for (mode,), rows in totals.sort("mode", "period").group_by("mode", maintain_order=True):
        profile = profile_of(network.name, LIKE.get(str(mode), str(mode)))
        published = {f"{h:02d}": None if np.isnan(v) else float(v) for h, v in enumerate(profile.percent)}
        parts.append(
            in_hours(by_hour(rows, profile, "trips"), hours)
            .select(
                "mode", pl.col("period").alias("hour"), "trips", percent=100 * pl.col("trips") / rows["trips"].sum(),
                published_percent=pl.col("period").replace_strict(published, return_dtype=pl.Float64),
            )
            .sort("hour")
        )  # fmt: skip
    numbers = dict.fromkeys(("trips", "percent", "published_percent"), pl.Float64)
    table = pl.concat([pl.DataFrame(schema={"mode": pl.String, "hour": pl.String, **numbers}), *parts])
    modes = dict.fromkeys(LIKE.get(m, m) for m in table["mode"].unique(maintain_order=True))
    notes = (
        "how many trips a period has is the model's, their hours within it are set: agreement there validates nothing",
        *told(network, *modes),
    )
    by_rail = LIKE.get(asked.mode, asked.mode) in ("", "rail")
    return Made(table, _stations(run, network, hours) if by_rail else [], notes)


def _stations(run: Run, network: Network, hours: tuple[str, ...]) -> list[Feature]:
    """Return a point a rail station with the riders who start there in the busiest of some hours."""
    stations = network.compiled.rail.stations
    riders, starts = rail_riders(run, stations, profile_of(network.name, "rail").share)
    at = [int(hour) for hour in hours]
    weight, kind, board = (riders[c].to_numpy() for c in ("weight", "kind", "board_row"))
    entries = np.zeros((len(stations), len(at)))
    np.add.at(entries, board, weight[:, None] * starts[kind][:, at])
    nodes = network.rail.nodes
    return [
        (
            shapely.Point(nodes[s]["x_m"], nodes[s]["y_m"]),
            {"station": f"{nodes[s]['name_en']} {nodes[s]['name_zh']}".strip(), "hour": hours[int(row.argmax())],
             "riders_h": round(float(row.max()))},
        )
        for s, row in zip(stations, entries, strict=True)
    ]  # fmt: skip
