"""Check a network's timetable: order of times, speeds between stops, services that run, lines that are served."""

import polars as pl

from greentrip_networks.layers import Layers
from greentrip_networks.problems import LISTED, Problems

FASTEST = {"bus": 130.0, "trolleybus": 100.0, "tram": 110.0, "metro": 160.0, "rail": 420.0, "ferry": 90.0}  # km/h
FASTEST_ELSE = 200.0
ROUNDING_S = 60  # times are often given in whole minutes


def check_timetable(layers: Layers, problems: Problems) -> None:
    """Add problems of patterns, trips, headways and calendars; see `validate_layers`."""
    if not len(layers.patterns) and not len(layers.lines):
        return
    legs = legs_of(layers)
    _times(legs, layers, problems)
    _services(layers, problems)
    _unused(layers, problems)


def legs_of(layers: Layers) -> pl.DataFrame:
    """Return the calls of patterns in order with the departure, distance and order of the call before."""
    return layers.pattern_stops.sort("pattern_id", "order").with_columns(
        pl.col("depart_s", "distance_m", "order", "stop_id").shift(1).over("pattern_id").name.suffix("_before")
    )


def travels_back(legs: pl.DataFrame) -> pl.DataFrame:
    """Return the calls that arrive before the departure at the stop before, or depart before they arrive."""
    return legs.filter((pl.col("arrive_s") < pl.col("depart_s_before")) | (pl.col("depart_s") < pl.col("arrive_s")))


def _times(legs: pl.DataFrame, layers: Layers, problems: Problems) -> None:
    def say(level: str, code: str, expected: str, bad: pl.DataFrame, saw: list[str], remedy: str) -> None:
        if len(bad):
            problems.many(
                level,
                code,
                expected,
                count=len(bad),
                saw=saw[:LISTED],
                remedy=remedy,
                file="pattern_stops",
                records=[
                    f"{p}, call {k + 1} at {s}"
                    for p, k, s in bad.head(LISTED).select("pattern_id", "order", "stop_id").iter_rows()
                ],
            )

    few = layers.patterns.join(
        layers.pattern_stops.group_by("pattern_id").len("stops"), on="pattern_id", how="left"
    ).filter(pl.col("stops").fill_null(0) < 2)
    if len(few):
        problems.many(
            "error",
            "one-stop",
            "at least two stops",
            count=len(few),
            records=few["pattern_id"].head(LISTED).to_list(),
            file="patterns",
            remedy="repair leaves the pattern out",
        )
    again = legs.filter(pl.col("order") == pl.col("order_before"))
    say(
        "error",
        "duplicate-id",
        "each place in the order once",
        again,
        [str(o) for o in again["order"].head(LISTED)],
        "",
    )
    untimed = legs.filter(pl.col("arrive_s").is_null() | pl.col("depart_s").is_null())
    say("error", "no-time", "a time at every stop", untimed, [], "repair leaves the pattern out")
    back = travels_back(legs)
    seen = [
        f"arrival {a} s, departure {d} s, departure before {b} s"
        for a, d, b in back.head(LISTED).select("arrive_s", "depart_s", "depart_s_before").iter_rows()
    ]
    say("error", "time-travel", "times that do not go back", back, seen, "repair leaves the pattern and its trips out")
    gone = legs.filter(pl.col("distance_m") < pl.col("distance_m_before") - 1.0)
    seen = [
        f"{x:.0f} m after {y:.0f} m" for x, y in gone.head(LISTED).select("distance_m", "distance_m_before").iter_rows()
    ]
    say("warning", "distance", "distances that do not shrink", gone, seen, "repair takes straight lines between stops")
    mode = layers.patterns.select("pattern_id", "line_id").join(layers.lines.select("line_id", "mode"), on="line_id")
    limit = pl.col("mode").replace_strict(FASTEST, default=FASTEST_ELSE, return_dtype=pl.Float64)
    metres = pl.col("distance_m") - pl.col("distance_m_before")
    seconds = pl.col("arrive_s") - pl.col("depart_s_before")
    fast = (
        legs.join(mode.select("pattern_id", limit.alias("limit")), on="pattern_id", maintain_order="left")
        .with_columns(kmh=metres / (seconds + ROUNDING_S) * 3.6)
        .filter((seconds >= 0) & (pl.col("kmh") > pl.col("limit")))
    )
    say(
        "warning",
        "too-fast",
        "a speed that vehicles reach",
        fast,
        [f"{v:.0f} km/h" for v in fast["kmh"].head(LISTED)],
        "check times and places",
    )


def _services(layers: Layers, problems: Problems) -> None:
    known = pl.concat([layers.calendars["service_id"], layers.calendar_dates["service_id"]]).unique()
    for name, key in (("trips", "trip_id"), ("headways", "pattern_id")):
        frame = getattr(layers, name)
        bad = frame.filter(~pl.col("service_id").is_in(known.implode()))
        if len(bad):
            problems.many(
                "error",
                "unknown-service_id",
                "a service with a calendar",
                count=len(bad),
                file=name,
                field="service_id",
                records=bad[key].head(LISTED).to_list(),
                saw=bad["service_id"].head(LISTED).to_list(),
                remedy="repair leaves the row out",
            )
    headways = layers.headways
    bad = headways.filter(
        (pl.col("headway_s") <= 0) | (pl.col("end_s") <= pl.col("start_s")) | pl.col("headway_s").is_null()
    )
    if len(bad):
        problems.many(
            "error",
            "bad-headway",
            "a headway above 0 s and an end after the start",
            count=len(bad),
            file="headways",
            records=bad["pattern_id"].head(LISTED).to_list(),
            saw=[
                f"{h} s from {a} to {b}"
                for h, a, b in bad.head(LISTED).select("headway_s", "start_s", "end_s").iter_rows()
            ],
            remedy="repair leaves the row out",
        )
    added = layers.calendar_dates.filter("runs")["service_id"].unique()
    never = layers.calendars.filter(
        ((pl.col("days") == "0000000") | (pl.col("end") < pl.col("start")))
        & ~pl.col("service_id").is_in(added.implode())
    )
    if len(never):
        problems.many(
            "warning",
            "never-runs",
            "a service that runs on some day",
            count=len(never),
            file="calendars",
            records=never["service_id"].head(LISTED).to_list(),
            remedy="check days and dates",
        )


def _unused(layers: Layers, problems: Problems) -> None:
    def warn(frame: pl.DataFrame, key: str, file: str, expected: str) -> None:
        if len(frame):
            problems.many(
                "warning",
                "unused",
                expected,
                count=len(frame),
                records=frame[key].head(LISTED).to_list(),
                file=file,
                remedy="repair does not touch it",
            )

    run = pl.concat([layers.trips["pattern_id"], layers.headways["pattern_id"]]).unique()
    warn(
        layers.patterns.filter(~pl.col("pattern_id").is_in(run.implode())),
        "pattern_id",
        "patterns",
        "a trip or a headway",
    )
    served = layers.patterns["line_id"].unique()
    warn(layers.lines.filter(~pl.col("line_id").is_in(served.implode())), "line_id", "lines", "a pattern")
    called = layers.pattern_stops["stop_id"].unique()
    warn(
        layers.stops.filter((pl.col("kind") == "stop") & ~pl.col("stop_id").is_in(called.implode())),
        "stop_id",
        "stops",
        "a pattern that calls",
    )
