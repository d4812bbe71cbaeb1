"""The General Transit Feed Specification (static): read and write feeds, as a zip archive or a folder.

Read are agencies, stops (stations, entrances, levels), routes, trips, stop times, frequencies, calendars, shapes,
transfers, pathways, fares of version 1 and translations; several feeds become one network with prefixed ids. Trips that
call at the same stops after the same times become one pattern.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import polars as pl

from greentrip_networks.formats import Format, ReadOptions, join
from greentrip_networks.formats.checks import check_coordinates, check_known, check_unique
from greentrip_networks.formats.csv_tables import LINE, TYPES, Field, read_csv, tell
from greentrip_networks.formats.gtfs_fields import (
    AGENCY,
    DATES,
    FARE_RULES,
    FARES,
    FREQUENCIES,
    LEVELS,
    PATHWAYS,
    ROUTES,
    SHAPES,
    STOPS,
    TRANSFERS,
    TRANSLATIONS,
    TRIPS,
    WEEK,
    WEEKDAYS,
    mode_of,
)
from greentrip_networks.formats.gtfs_shapes import make_shapes
from greentrip_networks.formats.gtfs_times import read_times
from greentrip_networks.formats.gtfs_write import write_gtfs
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import KEYS, SCHEMAS, Layers, Notes
from greentrip_networks.problems import Problems

NEEDED = ("stops.txt", "routes.txt", "trips.txt", "stop_times.txt")
NOT_READ = ("fare_products.txt", "fare_leg_rules.txt", "booking_rules.txt", "locations.geojson", "location_groups.txt")
_REFERENCES = {  # columns with ids, by what they name: prefixed when feeds are merged
    "agencies": ("agency_id",),
    "stops": ("stop_id", "parent", "fare_zone"),
    "lines": ("line_id", "agency"),
    "patterns": ("pattern_id", "line_id", "shape_id"),
    "shapes": ("shape_id",),
    "pattern_stops": ("pattern_id", "stop_id"),
    "headways": ("pattern_id", "service_id"),
    "trips": ("trip_id", "pattern_id", "service_id", "block"),
    "calendars": ("service_id",),
    "calendar_dates": ("service_id",),
    "transfers": ("from_stop", "to_stop", "from_line", "to_line", "from_trip", "to_trip"),
    "pathways": ("pathway_id", "from_stop", "to_stop"),
    "fares": ("fare_id", "line_id", "from_zone", "to_zone"),
}


def is_gtfs(source: Source) -> bool:
    """Return whether a folder or archive holds the files every feed has."""
    return sum(source.find(name) is not None for name in NEEDED) >= 3


def read_gtfs(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read feeds; with more than one, every id gets its feed's name and a colon in front."""
    if len(sources) == 1:
        return read_feed(sources[0], options, problems)
    parts: list[Layers] = []
    taken: set[str] = set()
    for source in sources:
        stem = PurePosixPath(source.name).stem
        name = next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, len(sources) + 2))) if n not in taken)
        taken.add(name)
        feed = read_feed(source, options, problems)
        counts = {f"{name}/{file}": n for file, n in feed.notes.counts.items()}
        parts.append(prefixed(feed, f"{name}:").with_(notes=replace(feed.notes, counts=counts)))
    return join(parts).with_(notes=replace(join(parts).notes, format="gtfs"))


def prefixed(layers: Layers, prefix: str) -> Layers:
    """Return a timetable whose ids all start with a prefix; empty references stay empty."""
    made = {}
    for name, columns in _REFERENCES.items():
        made[name] = getattr(layers, name).with_columns(
            pl.when(pl.col(c) == "").then(pl.col(c)).otherwise(pl.lit(prefix) + pl.col(c)).alias(c) for c in columns
        )
    return layers.with_(**made)


class _Feed:
    """One feed while it is read: its files, what was counted, what was assumed."""

    def __init__(self, source: Source, options: ReadOptions, problems: Problems) -> None:
        self.source, self.options, self.problems = source, options, problems
        self.level = "warning" if options.repair else "error"
        self.counts: dict[str, int] = {}
        self.files: list[str] = []
        self.assumed: list[str] = []

    def table(self, name: str, fields: Sequence[Field]) -> pl.DataFrame:
        """Read one file; empty if the feed does not have it."""
        file = self.source.find(name)
        if file is None:
            if name in NEEDED:
                self.problems.error("no-file", "this file", file=name, saw="no such file")
            return pl.DataFrame(schema={**{f.column: TYPES[f.kind] for f in fields}, LINE: pl.UInt32})
        frame = read_csv(self.source, file, fields, self.problems, encoding=self.options.encoding, level=self.level)
        self.counts[name] = len(frame)
        self.files.append(name)
        return frame

    def known(
        self, frame: pl.DataFrame, column: str, known: pl.Series, file: str, what: str, **more: bool
    ) -> pl.DataFrame:
        """Leave out rows that refer to nothing known, with a problem each."""
        return check_known(
            frame, column, known, self.problems, file=file, what=what, line=LINE, level=self.level, **more
        )

    def tell(self, code: str, expected: str, rows: pl.DataFrame, *, file: str, record: str = "") -> None:
        """Add a problem for each row that is left out."""
        tell(self.problems, self.level, code, expected, rows, file=file, record=record)

    def unique(self, frame: pl.DataFrame, column: str, file: str) -> pl.DataFrame:
        """Leave out rows whose id stood before, with a problem each."""
        return check_unique(frame, column, self.problems, file=file, line=LINE)


def read_feed(source: Source, options: ReadOptions, problems: Problems) -> Layers:
    """Read one feed."""
    feed = _Feed(source, options, problems)
    for name in NOT_READ:
        if source.find(name) is not None:
            problems.warn("not-read", "a file that is read", file=name, remedy="its content is left out")
    agencies = feed.table("agency.txt", AGENCY)
    stops = _stops(feed)
    lines = _lines(feed, agencies)
    trips = feed.unique(feed.table("trips.txt", TRIPS), "trip_id", "trips.txt")
    trips = feed.known(trips, "line_id", lines["line_id"], "trips.txt", "route")
    calendars, dates = _calendars(feed)
    services = pl.concat([calendars["service_id"], dates["service_id"]]).unique()
    trips = feed.known(trips, "service_id", services, "trips.txt", "service")
    shape_table = feed.table("shapes.txt", SHAPES)
    shapes, shape_m = make_shapes(shape_table, problems, feed.level)
    del shape_table
    trips = _shape_of_trips(feed, trips, shapes)
    made = read_times(source, trips, stops, shape_m, problems, options, feed.counts, feed.assumed)
    frequencies = feed.table("frequencies.txt", FREQUENCIES)
    frequencies = feed.known(frequencies, "trip_id", trips["trip_id"], "frequencies.txt", "trip")
    headways = (
        frequencies.join(made.trips, on="trip_id", how="inner")
        .filter(pl.col("end_s") > pl.col("begin_s"))
        .select("pattern_id", "service_id", start_s="begin_s", end_s="end_s", headway_s="headway_s", exact="exact")
        .sort("pattern_id", "service_id", "start_s", maintain_order=True)
    )
    timed = made.trips.join(frequencies.select("trip_id").unique(), on="trip_id", how="anti", maintain_order="left")
    stops, lines = _translated(feed, stops, lines)
    pathways = _pathways(feed, stops["stop_id"])
    fares = _fares(feed, lines["line_id"])
    transfers = _transfers(feed, stops["stop_id"], lines["line_id"], trips["trip_id"])
    used = made.patterns["shape_id"].unique()
    return Layers(
        agencies=_only(agencies, "agencies"),
        stops=_only(stops, "stops"),
        lines=_only(lines, "lines"),
        patterns=made.patterns,
        shapes=shapes.filter(pl.col("shape_id").is_in(used.implode())),
        pattern_stops=made.pattern_stops,
        headways=headways,
        trips=timed,
        calendars=calendars,
        calendar_dates=dates,
        transfers=transfers,
        pathways=pathways,
        fares=fares,
        notes=Notes(
            name=options.name,
            format="gtfs",
            files=tuple(f"{source.name}/{f}" for f in feed.files),
            currency=str(fares["currency"].mode().sort()[0]) if len(fares) else "CNY",
            counts=feed.counts,
            assumptions=tuple(feed.assumed),
        ),
    )


def _only(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.select(c for c in SCHEMAS[name] if c in frame.columns)


def _stops(feed: _Feed) -> pl.DataFrame:
    stops = feed.unique(feed.table("stops.txt", STOPS), "stop_id", "stops.txt")
    must = stops["kind"].is_in(["stop", "station", "entrance"])
    placeless = must & (stops["lon"].is_null() | stops["lat"].is_null())
    feed.tell("no-place", "finite stop_lat and stop_lon", stops.filter(placeless), file="stops.txt", record="stop_id")
    placed = stops.filter(stops["lon"].is_not_null() & stops["lat"].is_not_null())
    fine = check_coordinates(
        placed,
        feed.problems,
        file="stops.txt",
        id_column="stop_id",
        lines=placed[LINE].to_list(),
        fields=("stop_lon", "stop_lat"),
    )
    bad = pl.concat([stops.filter(placeless)["stop_id"], placed.filter(~fine)["stop_id"]])
    stops = stops.filter(~pl.col("stop_id").is_in(bad.implode()))
    stations = stops.filter(pl.col("kind") == "station")["stop_id"]
    parents = pl.concat([stations, stops.filter(pl.col("kind") == "stop")["stop_id"]])
    checked = check_known(
        stops,
        "parent",
        parents,
        feed.problems,
        file="stops.txt",
        what="station",
        line=LINE,
        level="warning",
        may_be_empty=True,
    )
    if len(checked) < len(stops):
        lost = stops.join(checked.select("stop_id"), on="stop_id", how="anti")["stop_id"]
        stops = stops.with_columns(
            parent=pl.when(pl.col("stop_id").is_in(lost.implode())).then(pl.lit("")).otherwise("parent")
        )
    levels = feed.table("levels.txt", LEVELS).unique("level_id", keep="first", maintain_order=True)
    return stops.join(levels.select("level_id", "level"), on="level_id", how="left", maintain_order="left")


def _lines(feed: _Feed, agencies: pl.DataFrame) -> pl.DataFrame:
    routes = feed.unique(feed.table("routes.txt", ROUTES), "line_id", "routes.txt")
    modes = routes["route_type"].map_elements(mode_of, return_dtype=pl.String, skip_nulls=False)
    other = modes == "other"
    strange, kind = routes.filter(other), "route_type"
    tell(
        feed.problems, "warning", "unknown-mode", "a route_type of the specification", strange, file="routes.txt",
        saw=kind, field=kind,
    )  # fmt: skip
    if len(agencies) == 1:  # an agency may then go without saying
        only = agencies["agency_id"][0]
        routes = routes.with_columns(agency=pl.when(pl.col("agency") == "").then(pl.lit(only)).otherwise("agency"))
    checked = check_known(
        routes,
        "agency",
        agencies["agency_id"],
        feed.problems,
        file="routes.txt",
        what="agency",
        line=LINE,
        level="warning",
        may_be_empty=True,
    )
    del checked
    short, long = pl.col("name"), pl.col("long_name")
    return routes.with_columns(
        mode=modes,
        name=pl.when(short == "").then(long).otherwise(short),
        long_name=pl.when(short == "").then(pl.lit("")).otherwise(long),
        colour=pl.col("colour").str.to_uppercase(),
        text_colour=pl.col("text_colour").str.to_uppercase(),
    )


def _calendars(feed: _Feed) -> tuple[pl.DataFrame, pl.DataFrame]:
    weeks = feed.unique(feed.table("calendar.txt", WEEK), "service_id", "calendar.txt")
    days = pl.concat_str([pl.when(pl.col(d)).then(pl.lit("1")).otherwise(pl.lit("0")) for d in WEEKDAYS])
    calendars = weeks.select("service_id", days.alias("days"), "start", "end")
    backward = weeks["end"] < weeks["start"]
    expected = "end_date not before start_date"
    tell(feed.problems, "warning", "backward-dates", expected, weeks.filter(backward), file="calendar.txt")
    dates = feed.table("calendar_dates.txt", DATES)
    if not feed.counts.get("calendar.txt") and not feed.counts.get("calendar_dates.txt"):
        feed.problems.error(
            "no-file", "calendar.txt or calendar_dates.txt", file="calendar.txt", saw="neither, or both empty"
        )
    again = (
        ~dates.select("service_id", "date").is_unique()
        & ~dates.select(pl.struct("service_id", "date").is_first_distinct()).to_series()
    )
    feed.tell("duplicate-id", "each service and date once", dates.filter(again), file="calendar_dates.txt")
    return calendars, dates.filter(~again).select("service_id", "date", runs=pl.col("exception") == "added")


def _shape_of_trips(feed: _Feed, trips: pl.DataFrame, shapes: pl.DataFrame) -> pl.DataFrame:
    checked = check_known(
        trips,
        "shape_id",
        shapes["shape_id"],
        feed.problems,
        file="trips.txt",
        what="shape",
        line=LINE,
        level="warning",
        may_be_empty=True,
    )
    if len(checked) == len(trips):
        return trips
    known = pl.col("shape_id").is_in(shapes["shape_id"].implode())
    return trips.with_columns(shape_id=pl.when(known).then("shape_id").otherwise(pl.lit("")))


def _translated(feed: _Feed, stops: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take English names from translations.txt, by record or by value."""
    rows = feed.table("translations.txt", TRANSLATIONS).filter(
        pl.col("language").str.to_lowercase().str.starts_with("en")
    )

    def english(frame: pl.DataFrame, key: str, table: str, fields: Sequence[str]) -> pl.DataFrame:
        mine = rows.filter((pl.col("table_name") == table) & pl.col("field_name").is_in(list(fields)))
        by_id = mine.filter(pl.col("record_id") != "").unique("record_id", keep="first", maintain_order=True)
        by_value = mine.filter((pl.col("record_id") == "") & (pl.col("field_value") != "")).unique(
            "field_value", keep="first", maintain_order=True
        )
        return (
            frame.join(
                by_id.select(pl.col("record_id").alias(key), a="translation"), on=key, how="left", maintain_order="left"
            )
            .join(by_value.select(name="field_value", b="translation"), on="name", how="left", maintain_order="left")
            .with_columns(name_en=pl.coalesce("a", "b", pl.lit("")))
            .drop("a", "b")
        )

    return (
        english(stops, "stop_id", "stops", ("stop_name",)),
        english(lines, "line_id", "routes", ("route_short_name", "route_long_name")),
    )


def _transfers(feed: _Feed, stops: pl.Series, lines: pl.Series, trips: pl.Series) -> pl.DataFrame:
    frame = feed.table("transfers.txt", TRANSFERS)
    for column, known, what in (
        ("from_stop", stops, "stop"),
        ("to_stop", stops, "stop"),
        ("from_line", lines, "route"),
        ("to_line", lines, "route"),
        ("from_trip", trips, "trip"),
        ("to_trip", trips, "trip"),
    ):
        frame = feed.known(frame, column, known, "transfers.txt", what, may_be_empty=True)
    frame = frame.unique(KEYS["transfers"], keep="first", maintain_order=True)
    return _only(frame, "transfers")


def _pathways(feed: _Feed, stops: pl.Series) -> pl.DataFrame:
    frame = feed.unique(feed.table("pathways.txt", PATHWAYS), "pathway_id", "pathways.txt")
    for column in ("from_stop", "to_stop"):
        frame = feed.known(frame, column, stops, "pathways.txt", "stop")
    return _only(frame, "pathways")


def _fares(feed: _Feed, lines: pl.Series) -> pl.DataFrame:
    prices = feed.unique(feed.table("fare_attributes.txt", FARES), "fare_id", "fare_attributes.txt")
    rules = feed.table("fare_rules.txt", FARE_RULES)
    rules = feed.known(rules, "fare_id", prices["fare_id"], "fare_rules.txt", "fare")
    rules = feed.known(rules, "line_id", lines, "fare_rules.txt", "route", may_be_empty=True)
    through = rules["contains"] != ""
    tell(
        feed.problems, "warning", "not-read", "fares by line, first and last zone", rules.filter(through),
        file="fare_rules.txt", field="contains_id", remedy="the row is left out",
    )  # fmt: skip
    rules = rules.filter(~through).drop(LINE, "contains").unique(maintain_order=True)
    made = prices.join(rules, on="fare_id", how="left", maintain_order="left")
    return _only(made, "fares")


FORMAT = Format(
    name="gtfs",
    title="General Transit Feed Specification, static",
    detect=is_gtfs,
    read=read_gtfs,
    write=write_gtfs,
    suffix=".zip",
)
