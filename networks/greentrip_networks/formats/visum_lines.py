"""The timetable of a Visum network: stops, lines, time profiles as patterns, vehicle journeys as trips."""

from typing import TYPE_CHECKING, Any

import polars as pl

from greentrip_networks.formats import ReadOptions
from greentrip_networks.formats.checks import check_unique
from greentrip_networks.formats.csv_tables import LINE, Field, tell
from greentrip_networks.formats.frames import placed
from greentrip_networks.problems import Problems

if TYPE_CHECKING:
    from greentrip_networks.formats.visum import Tables

SERVICE = "day"
MODE_WORDS = (
    ("metro", "metro"),
    ("subway", "metro"),
    ("u-bahn", "metro"),
    ("tram", "tram"),
    ("light rail", "tram"),
    ("strassenbahn", "tram"),
    ("train", "rail"),
    ("rail", "rail"),
    ("bahn", "rail"),
    ("ferry", "ferry"),
    ("bus", "bus"),
)
_TSYS = (Field("CODE", to="code", needed=True), Field("NAME", to="name", default=""))
_STOPS = (
    Field("NO", to="no", needed=True),
    Field("NAME", to="name", default=""),
    Field("CODE", to="code", default=""),
    Field("XCOORD", "number", to="lon"),
    Field("YCOORD", "number", to="lat"),
)
_AREAS = (Field("NO", to="no", needed=True), Field("STOPNO", to="stop", default=""))
_POINTS = (
    Field("NO", to="stop_id", needed=True),
    Field("STOPAREANO", to="area", default=""),
    Field("NAME", to="name", default=""),
    Field("CODE", to="code", default=""),
    Field("NODENO", to="node_id", default=""),
    Field("FROMNODENO", to="link_from", default=""),
)
_LINES = (Field("NAME", to="line_id", needed=True), Field("TSYSCODE", to="tsys", default=""))
_KEYS = (
    Field("LINENAME", to="line_id", needed=True),
    Field("LINEROUTENAME", to="route", needed=True),
    Field("DIRECTIONCODE", to="way", default=""),
)
_ROUTE_ITEMS = (
    *_KEYS,
    Field("INDEX", "whole", to="index", needed=True),
    Field("STOPPOINTNO", to="stop_id", default=""),
    Field("POSTLENGTH", "number", to="metres", low=0),
)
_ITEMS = (
    *_KEYS,
    Field("TIMEPROFILENAME", to="profile", needed=True),
    Field("INDEX", "whole", to="order", needed=True),
    Field("LRITEMINDEX", "whole", to="index", needed=True),
    Field("ARR", "time", to="arrive_s"),
    Field("DEP", "time", to="depart_s"),
    Field("BOARD", "flag", to="board", default=True),
    Field("ALIGHT", "flag", to="alight", default=True),
)
_JOURNEYS = (
    Field("NO", to="trip_id", needed=True),
    Field("DEP", "time", to="start_s", needed=True),
    *_KEYS,
    Field("TIMEPROFILENAME", to="profile", needed=True),
)
PROFILE = ("line_id", "route", "way", "profile")


def transit(
    tables: "Tables", nodes: pl.DataFrame, options: ReadOptions, said: str, problems: Problems
) -> dict[str, pl.DataFrame]:
    """Return the frames of the timetable, none if the file has no stop points."""
    if "STOPPOINT" not in tables.rows:
        return {}
    stops = _stops(tables, nodes, options, said, problems)
    lines = check_unique(tables.frame("LINE", _LINES), "line_id", problems, file=tables.file, line=LINE)
    names = {c: f"{c} {n}".casefold() for c, n in tables.frame("TSYS", _TSYS).select("code", "name").iter_rows()}
    mode = {c: next((m for w, m in MODE_WORDS if w in text), "other") for c, text in names.items()}
    lines = lines.select(
        "line_id", name="line_id", mode=pl.col("tsys").replace_strict(mode, default="other", return_dtype=pl.String)
    )
    calls = _calls(tables, stops, problems)
    ident = pl.concat_str([pl.col(c) for c in PROFILE], separator=" ")
    calls = calls.with_columns(pattern_id=ident)
    patterns = calls.unique("pattern_id", keep="first", maintain_order=True).select(
        "pattern_id", "line_id", direction=(pl.col("way") == "<").cast(pl.Int32)
    )
    unknown = patterns.filter(~pl.col("line_id").is_in(lines["line_id"].implode()))
    for line in unknown["line_id"].unique(maintain_order=True).head(20):
        problems.error("unknown-line", "a line of $LINE", file=tables.file, saw=line, field="LINENAME")
    trips = check_unique(
        tables.frame("VEHJOURNEY", _JOURNEYS), "trip_id", problems, file=tables.file, line=LINE
    ).with_columns(pattern_id=ident)
    lost = trips.filter(~pl.col("pattern_id").is_in(patterns["pattern_id"].implode()))
    expected = "a time profile with items"
    tell(
        problems,
        "error",
        "unknown-profile",
        expected,
        lost,
        file=tables.file,
        saw="pattern_id",
        field="TIMEPROFILENAME",
    )
    trips = trips.filter(pl.col("pattern_id").is_in(patterns["pattern_id"].implode()))
    return {
        "stops": stops,
        "lines": lines,
        "patterns": patterns,
        "pattern_stops": calls.select(
            "pattern_id", "order", "stop_id", "distance_m", "arrive_s", "depart_s", "board", "alight"
        ),
        "trips": trips.select("trip_id", "pattern_id", "start_s", service_id=pl.lit(SERVICE)),
        "calendars": pl.DataFrame({"service_id": [SERVICE], "days": ["1111111"]}) if len(trips) else pl.DataFrame(),
    }


def _stops(tables: "Tables", nodes: pl.DataFrame, options: ReadOptions, said: str, problems: Problems) -> pl.DataFrame:
    """Return stop points at their nodes (or the start of their link), and stops as their stations."""
    file = tables.file
    stations = check_unique(tables.frame("STOP", _STOPS), "no", problems, file=file, line=LINE)
    areas = dict(tables.frame("STOPAREA", _AREAS).select("no", "stop").iter_rows())
    points = check_unique(tables.frame("STOPPOINT", _POINTS), "stop_id", problems, file=file, line=LINE)
    known = set(stations["no"])
    parents = [areas.get(a, "") for a in points["area"]]
    node = pl.when((pl.col("node_id") != "") & (pl.col("node_id") != "0")).then("node_id").otherwise("link_from")
    points = points.with_columns(
        node_id=node, parent=pl.Series([f"station {p}" if p in known else "" for p in parents], dtype=pl.String)
    )
    place = nodes.select("node_id", "lon", "lat").unique("node_id")
    points = points.join(place, on="node_id", how="left", maintain_order="left")
    lost = points.filter(pl.col("lon").is_null())
    tell(problems, "error", "unknown-node", "a node of the network", lost, file=file, saw="node_id", field="NODENO")
    stations = stations.filter(pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
    stations = placed(stations, options, problems, file=file, id_column="no", said=said, fields=("XCOORD", "YCOORD"))
    kept = set(stations["no"])
    above = pl.col("parent").str.strip_prefix("station ").is_in(sorted(kept))
    return pl.concat(
        [
            stations.select(
                stop_id="station " + pl.col("no"),
                name="name",
                code="code",
                lon="lon",
                lat="lat",
                kind=pl.lit("station"),
            ),
            points.select(
                "stop_id",
                "name",
                "code",
                "lon",
                "lat",
                "node_id",
                kind=pl.lit("stop"),
                parent=pl.when(above).then("parent").otherwise(pl.lit("")),
            ),
        ],
        how="diagonal",
    )


def _calls(tables: "Tables", stops: pl.DataFrame, problems: Problems) -> pl.DataFrame:
    """Return the stops of every time profile in order, with times and metres from its first stop."""
    keys = ["line_id", "route", "way"]
    items = tables.frame("LINEROUTEITEM", _ROUTE_ITEMS).sort(*keys, "index", maintain_order=True)
    factor = 1609.344 if tables.unit.startswith("MI") else 1000.0
    after = pl.col("metres").fill_null(0.0) * _scale(tables, factor)
    along = (after.cum_sum() - after).over(keys)
    known = items["metres"].null_count() < len(items)
    items = items.with_columns(along=along if known else pl.lit(None, pl.Float64)).unique(
        [*keys, "index"], keep="first", maintain_order=True
    )
    calls = tables.frame("TIMEPROFILEITEM", _ITEMS)
    calls = calls.join(
        items.select(*keys, "index", "stop_id", "along"), on=[*keys, "index"], how="left", maintain_order="left"
    )
    bad = calls["stop_id"].is_null() | ~calls["stop_id"].is_in(stops["stop_id"].implode())
    expected = "an item of the line route at a stop point"
    tell(
        problems,
        "error",
        "unknown-stop",
        expected,
        calls.filter(bad),
        file=tables.file,
        saw="index",
        field="LRITEMINDEX",
    )
    calls = calls.filter(~bad).sort(*PROFILE, "order", maintain_order=True)
    none = calls.filter(pl.col("arrive_s").is_null() & pl.col("depart_s").is_null())
    tell(problems, "error", "no-time", "ARR or DEP", none, file=tables.file, field="DEP")
    first: Any = pl.col("depart_s").first().over(PROFILE)
    calls = calls.with_columns(
        arrive_s=pl.coalesce("arrive_s", "depart_s"), depart_s=pl.coalesce("depart_s", "arrive_s")
    )
    calls = calls.with_columns(arrive_s=pl.col("arrive_s") - first, depart_s=pl.col("depart_s") - first)
    calls = calls.with_columns(
        order=pl.int_range(pl.len()).over(PROFILE), distance_m=pl.col("along") - pl.col("along").first().over(PROFILE)
    ).with_columns(arrive_s=pl.when(pl.col("order") == 0).then(0).otherwise("arrive_s"))
    before = pl.col("depart_s").shift(1).over(PROFILE)
    back = calls.filter((pl.col("arrive_s") < before) | (pl.col("depart_s") < pl.col("arrive_s")))
    tell(problems, "error", "time-travel", "times that do not go back", back, file=tables.file, field="ARR")
    return calls


def _scale(tables: "Tables", factor: float) -> float:
    """Return the metres of a unit of POSTLENGTH: 1 where cells carry their unit."""
    names = tables.names["LINEROUTEITEM"]
    cells = (
        [r[names.index("POSTLENGTH")].strip() for r in tables.rows.get("LINEROUTEITEM", [])]
        if "POSTLENGTH" in names
        else []
    )
    return 1.0 if any(c and not c[-1].isdigit() for c in cells) else factor
