"""Read MATSim transit schedules and vehicles: stop facilities, lines, routes as patterns, departures as trips."""

from typing import Any

import polars as pl

from greentrip_networks.formats import ReadOptions
from greentrip_networks.formats.checks import check_known, check_unique
from greentrip_networks.formats.csv_tables import LINE, Field, tell, typed_frame
from greentrip_networks.formats.frames import placed
from greentrip_networks.formats.sources import Source
from greentrip_networks.formats.xml_stream import Rows, parse_xml, root_of
from greentrip_networks.layers import MODES, SCHEMAS, STOP_KINDS, Layers, Notes
from greentrip_networks.problems import Problems

SERVICE = "day"
MODE_OF = {**{m: m for m in MODES}, "subway": "metro", "train": "rail", "pt": "other", "light_rail": "tram"}
STOP_OWN = ("name_en", "code", "kind", "parent", "platform", "level", "fare_zone", "node_id")
LINE_OWN = ("long_name", "name_en", "agency", "colour", "text_colour", "fare_cny")
PATTERN_OWN = ("direction", "headsign", "distance_m", "laid_between")
_TRUE = {"": True, "true": True, "false": False}

_STOPS = (
    Field("id", to="stop_id", needed=True),
    Field("x", "number", to="lon", needed=True),
    Field("y", "number", to="lat", needed=True),
    Field("name", default=""),
    Field("kind", "choice", choices={k: k for k in STOP_KINDS}, default="stop"),
    *(Field(n, default="") for n in STOP_OWN if n not in ("kind", "level")),
    Field("level", "number"),
)
_LINES = (
    Field("id", to="line_id", needed=True),
    Field("name", default=""),
    *(Field(n, default="") for n in LINE_OWN if n != "fare_cny"),
    Field("fare_cny", "number", low=0),
)
_PATTERNS = (
    Field("id", to="pattern_id", needed=True),
    Field("line", to="line_id", needed=True),
    Field("mode", default=""),
    Field("direction", "whole", low=0, high=1, default=0),
    Field("headsign", default=""),
    Field("distance_m", default=""),
    Field("laid_between", default=""),
)
_CALLS = (
    Field("pattern", to="pattern_id", needed=True),
    Field("order", "whole", needed=True),
    Field("refId", to="stop_id", needed=True),
    Field("arrivalOffset", "time", to="arrive_s"),
    Field("departureOffset", "time", to="depart_s"),
    Field("allowBoarding", "flag", to="board", choices=_TRUE, default=True),
    Field("allowAlighting", "flag", to="alight", choices=_TRUE, default=True),
)
_DEPARTURES = (
    Field("id", to="trip_id", needed=True),
    Field("pattern", to="pattern_id", needed=True),
    Field("departureTime", "time", to="start_s", needed=True),
    Field("vehicleRefId", to="vehicle", default=""),
)
_TRANSFERS = (
    Field("fromStop", to="from_stop", needed=True),
    Field("toStop", to="to_stop", needed=True),
    Field("transferTime", "number", to="min_s", low=0, high=86400, needed=True),
)


class ScheduleReader:
    """Schedules and vehicles while they are read."""

    def __init__(self, options: ReadOptions, problems: Problems) -> None:
        self.options, self.problems = options, problems
        self.files: list[str] = []
        self.stops = Rows("id", "x", "y", "name", *STOP_OWN)
        self.lines = Rows("id", "name", *LINE_OWN)
        self.patterns = Rows("id", "line", "mode", *PATTERN_OWN)
        self.calls = Rows(
            "pattern", "order", "refId", "arrivalOffset", "departureOffset", "allowBoarding", "allowAlighting"
        )
        self.departures = Rows("id", "pattern", "departureTime", "vehicleRefId")
        self.transfers = Rows("fromStop", "toStop", "transferTime")
        self.type_of: dict[str, str] = {}
        self.persons: dict[str, float] = {}
        self.crs = self.attribute = self.line_id = self.pattern_id = self.type_id = ""
        self.seen: set[str] = set()
        self.owner: Rows | None = None
        self.order = 0

    def read(self, source: Source, name: str) -> None:
        """Take a file in."""
        if root_of(source, name) == "transitSchedule":
            self.files.append(name)
            parse_xml(source, name, self.start, self.end)
        else:
            parse_xml(source, name, self.vehicle)

    def start(self, tag: str, attributes: dict[str, str], line: int) -> None:
        """Take an element of a schedule in."""
        if tag == "stop":
            row = {**attributes, "pattern": self.pattern_id, "order": str(self.order)}
            self.order += 1
            self.calls.add(row, line)
        elif tag == "departure":
            self.departures.add({**attributes, "pattern": self.pattern_id}, line)
            self.owner = None
        elif tag == "stopFacility":
            self.stops.add({**attributes, "parent": "", "kind": ""}, line)
            self.owner = self.stops
        elif tag == "transitLine":
            self.line_id = attributes.get("id", "")
            self.lines.add(attributes, line)
            self.owner = self.lines
        elif tag == "transitRoute":
            given = attributes.get("id", "")
            self.pattern_id = given if given not in self.seen else f"{self.line_id} {given}"  # unique in its line only
            self.seen.add(self.pattern_id)
            self.patterns.add({"id": self.pattern_id, "line": self.line_id}, line)
            self.owner, self.order = self.patterns, 0
        elif tag == "relation":
            self.transfers.add(attributes, line)
        elif tag == "attribute":
            self.attribute = attributes.get("name", "")

    def end(self, tag: str, text: str) -> None:
        """Take the text of an element in."""
        if tag == "transportMode":
            self.patterns.set("mode", text)
        elif tag == "attribute" and self.attribute:
            own = (*STOP_OWN, *LINE_OWN, *PATTERN_OWN)
            if self.attribute == "coordinateReferenceSystem" and self.owner is None:
                self.crs = text
            elif self.owner is not None and self.attribute in own and self.attribute in self.owner.columns:
                self.owner.set(self.attribute, text)
            self.attribute = ""
        elif tag in ("stopFacility", "transitLine", "transitRoute"):
            self.owner = None

    def vehicle(self, tag: str, attributes: dict[str, str], line: int) -> None:  # noqa: ARG002 - see parse_xml
        """Take an element of the vehicles in."""
        if tag == "vehicleType":
            self.type_id = attributes.get("id", "")
        elif tag == "vehicle":
            self.type_of[attributes.get("id", "")] = attributes.get("type", "")
        elif tag in ("capacity", "seats", "standingRoom"):
            for key in ("seats", "standingRoomInPersons", "persons"):
                text = attributes.get(key, "0")
                if text.isascii() and text.isdigit() and len(text) < 9:
                    self.persons[self.type_id] = self.persons.get(self.type_id, 0.0) + float(text)

    def layers(self, network_crs: str) -> Layers:
        """Return the timetable."""
        file = self.files[0]
        problems = self.problems

        def typed(rows: Rows, fields: Any) -> pl.DataFrame:
            return typed_frame(rows.frame(), fields, problems, file=file)

        stops = check_unique(typed(self.stops, _STOPS), "stop_id", problems, file=file, line=LINE)
        said = self.crs or network_crs
        stops = placed(stops, self.options, problems, file=file, id_column="stop_id", said=said, fields=("x", "y"))
        lines = check_unique(typed(self.lines, _LINES), "line_id", problems, file=file, line=LINE)
        patterns = typed(self.patterns, _PATTERNS)
        calls = typed(self.calls, _CALLS)
        calls = check_known(
            calls.rename({"stop_id": "refId"}), "refId", stops["stop_id"], problems, file=file, what="stop", line=LINE
        )
        calls = self.times(calls.rename({"refId": "stop_id"}))
        calls = self.along(calls, patterns)
        trips = check_unique(
            self.unique_trips(typed(self.departures, _DEPARTURES)), "trip_id", problems, file=file, line=LINE
        )
        transfers = typed(self.transfers, _TRANSFERS)
        for column, name in (("from_stop", "fromStop"), ("to_stop", "toStop")):
            transfers = check_known(
                transfers.rename({column: name}), name, stops["stop_id"], problems, file=file, what="stop", line=LINE
            ).rename({name: column})
        mode = patterns.group_by("line_id", maintain_order=True).agg(pl.col("mode").first())
        words = (
            pl.col("mode")
            .fill_null("")
            .str.to_lowercase()
            .replace_strict(MODE_OF, default="other", return_dtype=pl.String)
        )
        lines = lines.join(mode, on="line_id", how="left", maintain_order="left").with_columns(words)
        lines = lines.join(self.capacities(trips, patterns), on="line_id", how="left", maintain_order="left")
        counts = {
            "stopFacility": len(stops),
            "transitLine": len(lines),
            "transitRoute": len(patterns),
            "departure": len(trips),
        }
        return Layers(
            stops=stops.drop(LINE),
            lines=lines.drop(LINE),
            patterns=patterns.select("pattern_id", "line_id", "direction", "headsign"),
            pattern_stops=calls.select(list(SCHEMAS["pattern_stops"])),
            trips=trips.select("trip_id", "pattern_id", "start_s", service_id=pl.lit(SERVICE)),
            calendars=pl.DataFrame({"service_id": [SERVICE], "days": ["1111111"]}) if len(trips) else pl.DataFrame(),
            transfers=transfers.select("from_stop", "to_stop", "min_s", kind=pl.lit("minimum")).unique(
                ["from_stop", "to_stop"], keep="first", maintain_order=True
            ),
            notes=Notes(
                format="matsim",
                files=tuple(self.files),
                crs=said or "EPSG:4326",
                counts=counts,
                assumptions=("A MATSim schedule is one day: its departures run every day.",),
            ),
        )

    def times(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Fill times that stand for each other, and name calls without any or before the one they follow."""
        none = calls.filter(pl.col("arrive_s").is_null() & pl.col("depart_s").is_null())
        expected = "arrivalOffset or departureOffset"
        tell(self.problems, "error", "no-time", expected, none, file=self.files[0], record="stop_id")
        calls = calls.with_columns(
            arrive_s=pl.coalesce("arrive_s", "depart_s"), depart_s=pl.coalesce("depart_s", "arrive_s")
        ).with_columns(arrive_s=pl.when(pl.col("order") == 0).then(pl.lit(0)).otherwise("arrive_s"))
        before = pl.col("depart_s").shift(1).over("pattern_id", order_by="order")
        back = calls.filter((pl.col("arrive_s") < before) | (pl.col("depart_s") < pl.col("arrive_s")))
        tell(
            self.problems, "error", "time-travel", "times that do not go back", back, file=self.files[0],
            record="pattern_id", field="arrivalOffset",
        )  # fmt: skip
        return calls

    def along(self, calls: pl.DataFrame, patterns: pl.DataFrame) -> pl.DataFrame:
        """Add where along its pattern a stop is, and which times were laid between others, from our own attributes."""
        metres = dict(zip(patterns["pattern_id"], patterns["distance_m"].str.split(" "), strict=True))
        laid = {p: set(v) for p, v in zip(patterns["pattern_id"], patterns["laid_between"].str.split(" "), strict=True)}
        distance, stated = [], []
        for pattern, order in calls.select("pattern_id", "order").iter_rows():
            parts = metres.get(pattern, [])
            distance.append(parts[order] if order < len(parts) else "")
            stated.append(str(order) not in laid.get(pattern, set()))
        made = pl.Series("distance_m", distance, pl.String).cast(pl.Float64, strict=False)
        made = made.set(~made.is_finite().fill_null(value=True), None)
        return calls.with_columns(made, pl.Series("stated", stated, pl.Boolean))

    def unique_trips(self, trips: pl.DataFrame) -> pl.DataFrame:
        """Put the pattern in front of departure ids that several patterns use: MATSim's are unique in a route only."""
        again = trips["trip_id"].is_duplicated() & ~trips.select("trip_id", "pattern_id").is_duplicated()
        longer = pl.col("pattern_id") + " " + pl.col("trip_id")
        return trips.with_columns(trip_id=pl.when(again).then(longer).otherwise("trip_id"))

    def capacities(self, trips: pl.DataFrame, patterns: pl.DataFrame) -> pl.DataFrame:
        """Return the largest number of persons of the vehicles of each line."""
        kind = {v: self.persons.get(t) for v, t in self.type_of.items()}
        known = {v: int(n) for v, n in kind.items() if n}
        nobody = pl.Series([None] * len(trips), dtype=pl.Int32)
        nobody = pl.Series([None] * len(trips), dtype=pl.Int32)
        persons = trips["vehicle"].replace_strict(known, default=None, return_dtype=pl.Int32) if known else nobody
        lines = patterns.select("pattern_id", "line_id")
        runs = trips.select("pattern_id", persons.alias("capacity")).join(lines, on="pattern_id", maintain_order="left")
        return runs.group_by("line_id", maintain_order=True).agg(pl.col("capacity").max())
