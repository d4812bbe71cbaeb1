"""The fullest sections: highest load and load factor of each line by direction and period, or hour."""

import polars as pl
import shapely
from greentrip_networks.network import Network

from greentrip_agents.parameters import Parameters
from greentrip_agents.run import Run
from greentrip_agents.run_tables.asked import HOURS, Asked, Made, in_hours, in_period
from greentrip_agents.run_tables.hours import BUS_NOTE, RAIL_NOTE, hourly_sections, told


def section_loads(run: Run, network: Network, parameters: Parameters, asked: Asked) -> Made:
    """Return the section of each line, direction and period with the highest load (最大断面), fullest first.

    Columns: `mode`, `line`, `name_en`, `name_zh`, `direction`, `from`, `to` (stations or stops by name), `period` (or
    the hour: `07`), `persons_h` and `places_h` on it, `load_factor` (满载率, persons over places). `asked.mode` metro
    or bus; `asked.most` rows; `asked.by` hour. The whole table of sections is the run's table `sections`.
    """
    wanted = {"metro": "rail", "pr": "rail", "bus": "bus"}.get(asked.mode)
    if hours_asked := asked.hours():
        rows = in_hours(hourly_sections(run, network, parameters), hours_asked)
        kinds = {"rail": RAIL_NOTE, "bus": BUS_NOTE}
        shown = (wanted,) if wanted in kinds else tuple(kinds)
        notes = (*told(network, *shown), *(kinds[kind] for kind in shown))
    else:
        rows = in_period(run.table("sections"), asked.period)
        notes = ("an hour is the mean hour of its period (07-09, 17-19, the rest); hours are had by the hour",)
    if wanted:
        rows = rows.filter(pl.col("mode") == wanted)
    hours = pl.col("period").replace_strict(HOURS, return_dtype=pl.Float64)
    top = (
        rows.with_columns(
            persons_h=pl.col("persons") / hours, places_h=pl.col("places") / hours,
            load_factor=pl.col("persons") / pl.col("places"),
        )
        .sort(["persons_h", "section"], descending=[True, False])
        .group_by("mode", "line", "direction", "period", maintain_order=True)
        .first()
        .sort(["load_factor", "mode", "line", "direction", "period"], descending=[True, False, False, False, False])
        .head(asked.most)
    )  # fmt: skip
    at = {n: (d["x_m"], d["y_m"], d["name_en"], d["name_zh"]) for n, d in network.rail.nodes(data=True)}
    nodes = network.roads.nodes
    lines = {line.id: line for line in (*network.lines, *network.buses.lines)}

    def place(mode: str, stop: str) -> tuple[float, float, str]:
        if mode == "rail":
            x, y, en, zh = at[stop]
            return x, y, f"{en} {zh}".strip()
        node = nodes[stop]
        return node["x_m"], node["y_m"], node["name"] or stop

    features, ends = [], []
    for r in top.iter_rows(named=True):
        (xa, ya, a), (xb, yb, b) = place(r["mode"], r["from"]), place(r["mode"], r["to"])
        ends.append((a, b, lines[r["line"]].name_en, lines[r["line"]].name_zh))
        features.append((
            shapely.LineString([(xa, ya), (xb, yb)]),
            {"line": r["line"], "direction": r["direction"], "from": a, "to": b, "period": r["period"],
             "persons_h": round(r["persons_h"]), "load_factor": round(r["load_factor"], 3)},
        ))  # fmt: skip
    table = top.with_columns(
        pl.Series("from", [e[0] for e in ends], pl.String), pl.Series("to", [e[1] for e in ends], pl.String),
        pl.Series("name_en", [e[2] for e in ends], pl.String), pl.Series("name_zh", [e[3] for e in ends], pl.String),
    ).select(
        "mode", "line", "name_en", "name_zh", "direction", "from", "to", "period", "persons_h", "places_h",
        "load_factor",
    )  # fmt: skip
    return Made(table, features, notes)
