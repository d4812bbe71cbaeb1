"""Write a network's timetable as a GTFS feed that validators accept."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from greentrip_networks.formats.flat import lengths_m, take_flat
from greentrip_networks.formats.gtfs_fields import PATTERN, TYPE_OF, WEEKDAYS
from greentrip_networks.layers import PATHWAY_KINDS, STOP_KINDS, TRANSFER_KINDS, Layers
from greentrip_networks.problems import Problems

SHORT = 12  # characters of a name that may stand on a vehicle
_STAMP = (2020, 1, 1, 0, 0, 0)  # the same bytes for the same content
_NOT_HELD = ("nodes", "links", "turns", "zones")
_UNKNOWN_URL = "https://example.org/"


def write_gtfs(layers: Layers, path: Path, problems: Problems) -> None:
    """Write a zip archive; streets, zones and matrices cannot be held and are named in warnings."""
    if not len(layers.patterns) or not (len(layers.trips) or len(layers.headways)):
        problems.error("no-timetable", "patterns with trips or headways", remedy="GTFS holds timetables only")
        return
    for name in (*_NOT_HELD, "matrices"):
        number = len(getattr(layers, name))
        if number:
            problems.warn("not-held", "a timetable", saw=f"{number:,} {name}", remedy="written in other formats only")
    if layers.lines["capacity"].is_not_null().any():
        problems.warn("not-held", "a timetable", saw="capacities of vehicles", remedy="they are left out")
    part = path.with_name(path.name + ".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, frame in feed_tables(layers):
            sink = io.BytesIO()
            frame.write_csv(sink)
            info = zipfile.ZipInfo(name, _STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, sink.getvalue())
    part.replace(path)


def feed_tables(layers: Layers) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each file's name and content; files with nothing to say are left out."""
    agencies = _agencies(layers)
    yield "agency.txt", agencies
    yield "stops.txt", _stops(layers.stops)
    levels = layers.stops["level"].drop_nulls().unique().sort()
    if len(levels):
        yield "levels.txt", pl.DataFrame({"level_id": levels.map_elements(_level, pl.String), "level_index": levels})
    yield "routes.txt", _routes(layers, agencies)
    trips, times, frequencies = _trips(layers)
    yield "trips.txt", trips
    yield "stop_times.txt", times
    if len(frequencies):
        yield "frequencies.txt", frequencies
    if len(layers.calendars):
        days = {d: pl.col("days").str.slice(i, 1) for i, d in enumerate(WEEKDAYS)}
        dates = {"start_date": pl.col("start").dt.strftime("%Y%m%d"), "end_date": pl.col("end").dt.strftime("%Y%m%d")}
        yield "calendar.txt", layers.calendars.select("service_id", **days, **dates)
    if len(layers.calendar_dates):
        yield (
            "calendar_dates.txt",
            layers.calendar_dates.select(
                "service_id",
                pl.col("date").dt.strftime("%Y%m%d"),
                exception_type=pl.when(pl.col("runs")).then(1).otherwise(2),
            ),
        )
    if len(layers.shapes):
        yield "shapes.txt", _shapes(layers)
    if len(layers.transfers):
        yield "transfers.txt", _transfers(layers.transfers)
    if len(layers.pathways):
        yield "pathways.txt", _pathways(layers.pathways)
    if len(layers.fares):
        yield from _fares(layers, agencies)
    english = _translations(layers)
    if len(english):
        yield "translations.txt", english
    yield "feed_info.txt", _info(layers, agencies)


def _clock(seconds: pl.Expr) -> pl.Expr:
    """Return H:MM:SS of seconds after midnight."""
    return pl.format(
        "{}:{}:{}",
        (seconds // 3600).cast(pl.String).str.zfill(2),
        (seconds % 3600 // 60).cast(pl.String).str.zfill(2),
        (seconds % 60).cast(pl.String).str.zfill(2),
    )


def _level(value: float) -> str:
    return f"level-{value:g}"


def _agencies(layers: Layers) -> pl.DataFrame:
    """Return agency.txt; a network without agencies gets one, named after it."""
    frame = layers.agencies
    if not len(frame):
        ids = layers.lines["agency"].unique().sort().to_list() or [""]
        name = layers.notes.name or "Greentrip"
        zone = str(layers.notes.extra.get("timezone", "Asia/Shanghai"))
        rows = [{"agency_id": i or "agency", "name": i or name, "url": _UNKNOWN_URL, "timezone": zone} for i in ids]
        frame = pl.DataFrame(rows).with_columns(lang=pl.lit(str(layers.notes.extra.get("lang", ""))))
    return frame.select(
        "agency_id", agency_name="name", agency_url="url", agency_timezone="timezone", agency_lang="lang"
    )


def _stops(stops: pl.DataFrame) -> pl.DataFrame:
    level = pl.when(pl.col("level").is_null()).then(pl.lit(""))
    return stops.select(
        "stop_id",
        stop_code="code",
        stop_name="name",
        stop_lat="lat",
        stop_lon="lon",
        zone_id="fare_zone",
        location_type=pl.col("kind").replace_strict(list(STOP_KINDS), list(range(len(STOP_KINDS)))),
        parent_station="parent",
        platform_code="platform",
        level_id=level.otherwise(pl.col("level").map_elements(_level, pl.String)),
    )


def _routes(layers: Layers, agencies: pl.DataFrame) -> pl.DataFrame:
    fits = pl.col("name").str.len_chars() <= SHORT
    short = (pl.col("long_name") != "") | fits
    only = agencies["agency_id"][0]
    return layers.lines.select(
        route_id="line_id",
        agency_id=pl.when(pl.col("agency") == "").then(pl.lit(only)).otherwise("agency"),
        route_short_name=pl.when(short).then("name").otherwise(pl.lit("")),
        route_long_name=pl.when(short).then("long_name").otherwise("name"),
        route_type=pl.col("mode").replace_strict(TYPE_OF, default="1700"),
        route_color="colour",
        route_text_color="text_colour",
    )


def _trips(layers: Layers) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return trips.txt, stop_times.txt and frequencies.txt; what runs by frequency gets a trip for its windows."""
    windows = layers.headways.sort("pattern_id", "service_id", "start_s", "end_s", maintain_order=True)
    windows = windows.with_columns(pl.Series("lane", _lanes(windows), dtype=pl.Int32))
    # a trip is named so that no trip of the network has its name
    mark = "@"
    while len(layers.trips) and bool(layers.trips["trip_id"].str.contains(mark, literal=True).any()):
        mark += "@"
    name = pl.format("{}{}{}", "pattern_id", pl.lit(mark), "service_id")
    name = pl.when(pl.col("lane") > 0).then(pl.format("{}{}{}", name, pl.lit(mark), "lane")).otherwise(name)
    windows = windows.with_columns(trip_id=name)
    templates = windows.group_by("trip_id", maintain_order=True).agg(
        pl.col("pattern_id", "service_id").first(), pl.col("start_s").first(), block=pl.lit("").first()
    )
    trips = pl.concat([layers.trips, templates.select(layers.trips.columns)])
    wide = trips.join(layers.patterns, on="pattern_id", how="left", maintain_order="left").select(
        "trip_id",
        route_id="line_id",
        service_id="service_id",
        trip_headsign="headsign",
        direction_id="direction",
        block_id="block",
        shape_id="shape_id",
        **{PATTERN: pl.col("pattern_id")},
    )
    calls = layers.pattern_stops.sort("pattern_id", "order")
    arrive, depart = pl.col("start_s") + pl.col("arrive_s"), pl.col("start_s") + pl.col("depart_s")
    times = (
        trips.select("trip_id", "pattern_id", "start_s")
        .join(calls, on="pattern_id", how="inner", maintain_order="left_right")
        .select(
            "trip_id",
            arrival_time=_clock(arrive),
            departure_time=_clock(depart),
            stop_id="stop_id",
            stop_sequence=pl.col("order") + 1,
            pickup_type=(~pl.col("board")).cast(pl.Int8),
            drop_off_type=(~pl.col("alight")).cast(pl.Int8),
            shape_dist_traveled="distance_m",
            timepoint=pl.col("stated").cast(pl.Int8),
        )
    )
    frequencies = windows.select(
        "trip_id",
        start_time=_clock(pl.col("start_s")),
        end_time=_clock(pl.col("end_s")),
        headway_secs="headway_s",
        exact_times=pl.col("exact").cast(pl.Int8),
    )
    return wide, times, frequencies


def _lanes(windows: pl.DataFrame) -> list[int]:
    """Number windows of one pattern and service so that those of one number do not overlap."""
    made: list[int] = []
    until: list[int] = []
    last: tuple[str, str] | None = None
    for pattern, service, start, end in windows.select("pattern_id", "service_id", "start_s", "end_s").iter_rows():
        if (pattern, service) != last:
            last, until = (pattern, service), []
        lane = next((i for i, u in enumerate(until) if u <= start), len(until))
        if lane == len(until):
            until.append(end)
        else:
            until[lane] = end
        made.append(lane)
    return made


def _shapes(layers: Layers) -> pl.DataFrame:
    """Return shapes.txt, measured so that no pattern is longer than its shape."""
    lon, lat, first = take_flat(layers.shapes["geometry"])
    along, whole = lengths_m(lon, lat, first)
    furthest = layers.pattern_stops.group_by("pattern_id").agg(pl.col("distance_m").max())
    longest = layers.patterns.join(furthest, on="pattern_id").group_by("shape_id").agg(pl.col("distance_m").max())
    wanted = layers.shapes.join(longest, on="shape_id", how="left", maintain_order="left")["distance_m"].to_numpy()
    scale = np.where((wanted > whole) & (whole > 0), wanted / np.maximum(whole, 1e-9), 1.0)
    of = np.repeat(np.arange(len(whole)), np.diff(first))
    measured = along * scale[of]
    last = first[1:] - 1
    fix = (first[:-1] < first[1:]) & (wanted > whole)
    measured[last[fix]] = wanted[fix]
    return pl.DataFrame(
        {
            "shape_id": layers.shapes["shape_id"][of],
            "shape_pt_lat": lat,
            "shape_pt_lon": lon,
            "shape_pt_sequence": (np.arange(len(lon)) - first[of] + 1).astype(np.int32),
            "shape_dist_traveled": measured,
        }
    )


def _transfers(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        from_stop_id="from_stop",
        to_stop_id="to_stop",
        from_route_id="from_line",
        to_route_id="to_line",
        from_trip_id="from_trip",
        to_trip_id="to_trip",
        transfer_type=pl.col("kind").replace_strict(list(TRANSFER_KINDS), list(range(len(TRANSFER_KINDS)))),
        min_transfer_time="min_s",
    )


def _pathways(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "pathway_id",
        from_stop_id="from_stop",
        to_stop_id="to_stop",
        pathway_mode=pl.col("kind").replace_strict(list(PATHWAY_KINDS), list(range(1, len(PATHWAY_KINDS) + 1))),
        is_bidirectional=pl.col("both_ways").cast(pl.Int8),
        length="length_m",
        traversal_time="walk_s",
        stair_count="stairs",
    )


def _fares(layers: Layers, agencies: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    prices = layers.fares.unique("fare_id", keep="first", maintain_order=True)
    yield (
        "fare_attributes.txt",
        prices.select(
            "fare_id",
            "price",
            currency_type="currency",
            payment_method=pl.lit(0),
            transfers="transfers",
            transfer_duration="transfer_s",
            agency_id=pl.lit(agencies["agency_id"][0] if len(agencies) > 1 else ""),
        ),
    )
    rules = layers.fares.filter((pl.col("line_id") != "") | (pl.col("from_zone") != "") | (pl.col("to_zone") != ""))
    if len(rules):
        yield (
            "fare_rules.txt",
            rules.select("fare_id", route_id="line_id", origin_id="from_zone", destination_id="to_zone"),
        )


def _translations(layers: Layers) -> pl.DataFrame:
    fits = (pl.col("long_name") != "") | (pl.col("name").str.len_chars() <= SHORT)
    parts = [
        layers.stops.filter(pl.col("name_en") != "").select(
            table_name=pl.lit("stops"),
            field_name=pl.lit("stop_name"),
            language=pl.lit("en"),
            translation="name_en",
            record_id="stop_id",
        ),
        layers.lines.filter(pl.col("name_en") != "").select(
            table_name=pl.lit("routes"),
            field_name=pl.when(fits).then(pl.lit("route_short_name")).otherwise(pl.lit("route_long_name")),
            language=pl.lit("en"),
            translation="name_en",
            record_id="line_id",
        ),
    ]
    return pl.concat(parts)


def _info(layers: Layers, agencies: pl.DataFrame) -> pl.DataFrame:
    days = pl.concat([layers.calendars["start"], layers.calendars["end"], layers.calendar_dates["date"]])
    days = days.drop_nulls().dt.strftime("%Y%m%d")
    lang = next((v for v in agencies["agency_lang"] if v), "mul")
    row = {
        "feed_publisher_name": "Greentrip",
        "feed_publisher_url": _UNKNOWN_URL,
        "feed_lang": lang,
        "feed_start_date": str(days.min()) if len(days) else "",
        "feed_end_date": str(days.max()) if len(days) else "",
        "feed_version": layers.content_hash()[:16],
    }
    return pl.DataFrame([row])
