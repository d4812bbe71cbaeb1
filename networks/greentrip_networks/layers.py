"""One neutral form of a network, between every format that is read and every format that is written.

A `Layers` holds data frames (polars) with declared columns, `SCHEMAS`. A reader fills the frames it knows and leaves
the others out; every frame is then there, empty if need be, and every column too. The rules:

- **Ids are text**, unique in their frame, and stable: the file's own id wherever the format has one.
- **Places are WGS-84** degrees, longitude first. Lengths are metres, times seconds, speeds km/h, money CNY
  (`notes.currency` says if it is not), capacities vehicles an hour.
- **What the format does not say is null** (numbers) or "" (text), never a guess; `greentrip_networks.repair` fills gaps
  by stated rules and lists them. Flags are never null.
- **A link is one direction.** A two-way street is two rows with ids of their own (`opposite(link_id)` names the usual
  one). People who may walk or cycle against a one-way street get a row of their own with `drive` false.
- **A geometry is flat**: `[lon, lat, lon, lat, ...]` with both ends; an empty list means straight from node to node.
  Zones hold polygons as WKB.
- **A pattern is an ordered stop list with its times** (seconds from the departure at the first stop). Trips of a line
  that take other times between the same stops have a pattern of their own, so a trip is a pattern and a start, and
  `headways` is the same said by frequency.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from greentrip_networks.errors import GreentripError

VERSION = 1  # of the form: goes up when a stored network of before would be read wrongly

TEXT, FLAG, NUMBER, WHOLE = pl.String, pl.Boolean, pl.Float64, pl.Int32
FLAT = pl.List(pl.Float64)

NAMES_OF_LINKS = (
    "motorway",
    "trunk",
    "primary",
    "secondary",
    "tertiary",
    "residential",
    "service",
    "path",
    "connector",
)
MODES = ("metro", "tram", "rail", "bus", "trolleybus", "ferry", "cable", "gondola", "funicular", "monorail", "other")
STOP_KINDS = ("stop", "station", "entrance", "node", "boarding")
TRANSFER_KINDS = ("recommended", "timed", "minimum", "impossible", "in_seat", "leave_seat")
PATHWAY_KINDS = ("walkway", "stairs", "travelator", "escalator", "elevator", "gate", "exit_gate")
CONTROLS = ("none", "signal", "stop", "give_way", "roundabout", "other")

SCHEMAS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "nodes": {
            "node_id": TEXT,
            "lon": NUMBER,  # null where the format has no coordinates
            "lat": NUMBER,
            "name": TEXT,
            "control": TEXT,  # one of CONTROLS
            "zone_id": TEXT,  # the zone whose trips start and end here (a centroid), else ""
        },
        "links": {
            "link_id": TEXT,
            "from_node": TEXT,
            "to_node": TEXT,
            "kind": TEXT,  # of NAMES_OF_LINKS where it fits, else the format's own word
            "name": TEXT,
            "name_en": TEXT,
            "length_m": NUMBER,
            "lanes": NUMBER,  # of this direction
            "free_kmh": NUMBER,
            "capacity_vph": NUMBER,  # of this direction, all lanes together
            "drive": FLAG,
            "cycle": FLAG,
            "walk": FLAG,
            "bus": FLAG,  # buses may, be it among cars or alone
            "bus_lane": FLAG,  # a lane of their own
            "toll_cny": NUMBER,
            "b": NUMBER,  # time = free * (1 + b * (flow / capacity) ** power)
            "power": NUMBER,
            "generated": FLAG,  # made by a rule, not surveyed
            "geometry": FLAT,
        },
        "turns": {
            "from_link": TEXT,
            "to_link": TEXT,
            "kind": TEXT,  # "banned" or "delay"; an "only" turn is read as bans of the others
            "delay_s": NUMBER,
        },
        "zones": {
            "zone_id": TEXT,
            "name": TEXT,
            "name_en": TEXT,
            "district": TEXT,
            "district_en": TEXT,
            "lon": NUMBER,
            "lat": NUMBER,
            "area_km2": NUMBER,
            "residents": NUMBER,
            "jobs": NUMBER,
            "school_places": NUMBER,
            "parking_cny_h": NUMBER,
            "areas": pl.List(pl.String),  # named areas it belongs to, such as "central six"
            "geometry": pl.Binary,  # WKB polygon or multipolygon, WGS-84; null: only the centre is known
        },
        "people": {  # residents by class, where they are known; as many as the zone has residents
            "zone_id": TEXT,
            "age": TEXT,  # child (0 to 14), adult, elderly (65 and over)
            "works": FLAG,
            "car": FLAG,  # lives in a household with a car
            "bicycle": FLAG,  # has one
            "income_fifth": WHOLE,  # 1 to 5, of the zone's residents
            "income_cny_year": NUMBER,  # mean of the class
            "persons": NUMBER,
        },
        "agencies": {
            "agency_id": TEXT,
            "name": TEXT,
            "url": TEXT,
            "timezone": TEXT,
            "lang": TEXT,
        },
        "stops": {
            "stop_id": TEXT,
            "name": TEXT,
            "name_en": TEXT,
            "code": TEXT,
            "lon": NUMBER,
            "lat": NUMBER,
            "kind": TEXT,  # one of STOP_KINDS
            "parent": TEXT,  # the station it belongs to, else ""
            "platform": TEXT,
            "level": NUMBER,  # floor, 0 is the street
            "fare_zone": TEXT,
            "node_id": TEXT,  # the street node it is at, where the format says so
        },
        "lines": {
            "line_id": TEXT,
            "name": TEXT,  # as people say it: "52", "1号线"
            "long_name": TEXT,  # where it says more, else ""
            "name_en": TEXT,
            "mode": TEXT,  # one of MODES
            "agency": TEXT,
            "colour": TEXT,  # six hex digits, no sign
            "text_colour": TEXT,
            "capacity": WHOLE,  # persons a vehicle or train
            "fare_cny": NUMBER,  # flat price of a ride, where there is one; see also fares
        },
        "patterns": {
            "pattern_id": TEXT,
            "line_id": TEXT,
            "direction": WHOLE,  # 0 or 1
            "headsign": TEXT,
            "shape_id": TEXT,  # "": straight from stop to stop
        },
        "shapes": {
            "shape_id": TEXT,
            "geometry": FLAT,
        },
        "pattern_stops": {
            "pattern_id": TEXT,
            "order": WHOLE,  # 0, 1, ...
            "stop_id": TEXT,
            "distance_m": NUMBER,  # along the pattern from its first stop
            "arrive_s": WHOLE,  # after the departure at the first stop (there: 0 or below)
            "depart_s": WHOLE,
            "board": FLAG,
            "alight": FLAG,
            "stated": FLAG,  # false: the time was laid between its neighbours
        },
        "headways": {
            "pattern_id": TEXT,
            "service_id": TEXT,
            "start_s": WHOLE,  # after midnight; may pass 86400
            "end_s": WHOLE,
            "headway_s": WHOLE,
            "exact": FLAG,  # departures at exactly start + k * headway
        },
        "trips": {
            "trip_id": TEXT,
            "pattern_id": TEXT,
            "service_id": TEXT,
            "start_s": WHOLE,  # departure at the first stop
            "block": TEXT,
        },
        "calendars": {
            "service_id": TEXT,
            "days": TEXT,  # "1111100": Monday to Friday
            "start": pl.Date,
            "end": pl.Date,
        },
        "calendar_dates": {
            "service_id": TEXT,
            "date": pl.Date,
            "runs": FLAG,  # true: added on that day, false: left out
        },
        "transfers": {
            "from_stop": TEXT,
            "to_stop": TEXT,
            "from_line": TEXT,
            "to_line": TEXT,
            "from_trip": TEXT,
            "to_trip": TEXT,
            "kind": TEXT,  # one of TRANSFER_KINDS
            "min_s": WHOLE,
        },
        "pathways": {
            "pathway_id": TEXT,
            "from_stop": TEXT,
            "to_stop": TEXT,
            "kind": TEXT,  # one of PATHWAY_KINDS
            "both_ways": FLAG,
            "length_m": NUMBER,
            "walk_s": WHOLE,
            "stairs": WHOLE,
        },
        "fares": {
            "fare_id": TEXT,
            "price": NUMBER,
            "currency": TEXT,  # ISO 4217
            "transfers": WHOLE,  # rides more that the price includes; null: any number
            "transfer_s": WHOLE,
            "line_id": TEXT,  # "" any line
            "from_zone": TEXT,  # fare zones; "" any
            "to_zone": TEXT,
        },
    }
)

KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nodes": ("node_id",),
        "links": ("link_id",),
        "turns": ("from_link", "to_link"),
        "zones": ("zone_id",),
        "people": ("zone_id", "age", "works", "car", "bicycle", "income_fifth"),
        "agencies": ("agency_id",),
        "stops": ("stop_id",),
        "lines": ("line_id",),
        "patterns": ("pattern_id",),
        "shapes": ("shape_id",),
        "pattern_stops": ("pattern_id", "order"),
        "headways": ("pattern_id", "service_id", "start_s"),
        "trips": ("trip_id",),
        "calendars": ("service_id",),
        "calendar_dates": ("service_id", "date"),
        "transfers": ("from_stop", "to_stop", "from_line", "to_line", "from_trip", "to_trip"),
        "pathways": ("pathway_id",),
        "fares": ("fare_id", "line_id", "from_zone", "to_zone"),
    }
)

_LATER = frozenset({"people"})
FLAGS_TRUE = frozenset({("pattern_stops", "board"), ("pattern_stops", "alight"), ("pattern_stops", "stated")})
TEXT_DEFAULTS = {("nodes", "control"): "none", ("stops", "kind"): "stop", ("turns", "kind"): "banned"}


class LayersError(GreentripError):
    """A frame that does not follow the declared form: a fault of the code that made it, not of the user's file."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """A table from every zone to every zone: trips, minutes, metres or money."""

    zones: tuple[str, ...]
    values: NDArray[np.float64]  # (zones, zones), from row to column; NaN: none
    unit: str = "trips"

    def __post_init__(self) -> None:
        """Hold the shape and the type."""
        values = np.ascontiguousarray(self.values, np.float64)
        if values.shape != (len(self.zones), len(self.zones)):
            raise LayersError(f"a matrix of shape {values.shape} for {len(self.zones)} zones")
        object.__setattr__(self, "values", values)


@dataclass(frozen=True)
class Notes:
    """Where a network came from and what was assumed on the way."""

    name: str = ""  # of the network, as people say it
    format: str = ""  # it was read from
    files: tuple[str, ...] = ()
    crs: str = "EPSG:4326"  # the coordinates as they were in the files
    currency: str = "CNY"
    counts: Mapping[str, int] = field(default_factory=dict)  # records read, by the file's or element's name
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()  # attribution and licence
    extra: Mapping[str, Any] = field(default_factory=dict)  # plain data a format wants back when written again


@dataclass(frozen=True, eq=False)
class Layers:
    """A network as frames; see the module. Frames given are brought to their declared columns when it is made.

    A frame may lack columns (they are filled with null, "" or false) and may have them in any order; a column the form
    does not have is a LayersError, and so is a text where a number must be.
    """

    nodes: pl.DataFrame = field(default_factory=pl.DataFrame)
    links: pl.DataFrame = field(default_factory=pl.DataFrame)
    turns: pl.DataFrame = field(default_factory=pl.DataFrame)
    zones: pl.DataFrame = field(default_factory=pl.DataFrame)
    people: pl.DataFrame = field(default_factory=pl.DataFrame)
    agencies: pl.DataFrame = field(default_factory=pl.DataFrame)
    stops: pl.DataFrame = field(default_factory=pl.DataFrame)
    lines: pl.DataFrame = field(default_factory=pl.DataFrame)
    patterns: pl.DataFrame = field(default_factory=pl.DataFrame)
    shapes: pl.DataFrame = field(default_factory=pl.DataFrame)
    pattern_stops: pl.DataFrame = field(default_factory=pl.DataFrame)
    headways: pl.DataFrame = field(default_factory=pl.DataFrame)
    trips: pl.DataFrame = field(default_factory=pl.DataFrame)
    calendars: pl.DataFrame = field(default_factory=pl.DataFrame)
    calendar_dates: pl.DataFrame = field(default_factory=pl.DataFrame)
    transfers: pl.DataFrame = field(default_factory=pl.DataFrame)
    pathways: pl.DataFrame = field(default_factory=pl.DataFrame)
    fares: pl.DataFrame = field(default_factory=pl.DataFrame)
    matrices: Mapping[str, Matrix] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        """Bring every frame to its declared columns."""
        for name in SCHEMAS:
            object.__setattr__(self, name, conform(name, getattr(self, name)))

    def __repr__(self) -> str:
        """Say what there is in one line."""
        parts = [f"{len(frame):,} {name}" for name, frame in self.frames() if len(frame)]
        parts += [f"matrix {name}" for name in self.matrices]
        return f"Layers({self.notes.name or self.notes.format}: {', '.join(parts) or 'empty'})"

    def frames(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield every frame with its name."""
        for name in SCHEMAS:
            yield name, getattr(self, name)

    def with_(self, **changes: Any) -> "Layers":
        """Return a copy with some frames, matrices or notes replaced."""
        return replace(self, **changes)

    def assuming(self, *assumptions: str) -> "Layers":
        """Return a copy whose notes say more of what was assumed."""
        more = tuple(a for a in dict.fromkeys(assumptions) if a not in self.notes.assumptions)
        return self.with_(notes=replace(self.notes, assumptions=(*self.notes.assumptions, *more)))

    def counts(self) -> dict[str, int]:
        """Return the number of rows of every frame that has any, and of matrices."""
        made = {name: len(frame) for name, frame in self.frames() if len(frame)}
        return made | ({"matrices": len(self.matrices)} if self.matrices else {})

    def sorted(self) -> "Layers":
        """Return a copy whose rows are in the order of their keys."""
        return self.with_(**{n: f.sort(KEYS[n], maintain_order=True) for n, f in self.frames() if len(f)})

    def content_hash(self) -> str:
        """Return the SHA-256 of frames and matrices, rows in the order of their keys; notes do not count."""
        total = hashlib.sha256(f"layers {VERSION}".encode())
        for name, frame in self.sorted().frames():
            if name in _LATER and not len(frame):
                continue  # networks of before this frame keep their hash
            total.update(f"{name} {len(frame)} ".encode())
            for column in frame:
                _hash_column(total, column)
        for name in sorted(self.matrices):
            matrix = self.matrices[name]
            total.update("\0".join((name, matrix.unit, *matrix.zones)).encode())
            total.update(matrix.values.tobytes())
        return total.hexdigest()


def _hash_column(total: "hashlib._Hash", column: pl.Series) -> None:
    """Add a column's values, whatever its memory looks like: where it is null, lengths of what has any, values."""
    total.update(f"{column.name} {column.dtype} ".encode())
    total.update(column.is_null().to_numpy().tobytes())
    if isinstance(column.dtype, pl.List):
        sizes = column.list.len().fill_null(0)
        total.update(sizes.to_numpy().tobytes())
        if sizes.sum():
            _hash_column(total, column.filter(sizes > 0).explode())
    elif column.dtype == pl.String:
        text = column.fill_null("")
        total.update(text.str.len_bytes().to_numpy().tobytes())
        total.update("".join(text.to_list()).encode())
    elif column.dtype == pl.Binary:
        blobs = [b or b"" for b in column]
        total.update(np.array([len(b) for b in blobs], np.int64).tobytes())
        total.update(b"".join(blobs))
    elif column.dtype == pl.Date:
        total.update(column.cast(pl.Int32).fill_null(0).to_numpy().tobytes())
    elif column.dtype == pl.Boolean:
        total.update(column.fill_null(value=False).to_numpy().tobytes())
    else:
        total.update((column.fill_null(0).to_numpy() + 0).tobytes())  # one zero: -0.0 + 0 is 0.0


def conform(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with exactly the columns declared for it, in order, of their types, gaps filled as declared.

    Raises
    ------
    LayersError
        If it has a column the form does not know, or values that cannot be of the declared type.
    """
    schema = SCHEMAS[name]
    unknown = [c for c in frame.columns if c not in schema]
    if unknown:
        raise LayersError(f"{name} has no column {', '.join(unknown)}; it has {', '.join(schema)}")
    made: list[pl.Expr] = []
    for column, kind in schema.items():
        value = pl.col(column) if column in frame.columns else pl.lit(None)
        value = value.cast(kind)
        if kind == TEXT:
            value = value.fill_null(TEXT_DEFAULTS.get((name, column), ""))
        elif kind == FLAG:
            value = value.fill_null((name, column) in FLAGS_TRUE)
        elif kind == NUMBER:
            value = value.fill_nan(None)
        elif isinstance(kind, pl.List):
            value = value.fill_null([])
        made.append(value.alias(column))
    if not frame.columns:
        return pl.DataFrame(schema=dict(schema))
    try:
        held = frame.select(made)
    except pl.exceptions.PolarsError as error:
        raise LayersError(f"{name}: {error}") from None
    for column, kind in schema.items():
        if kind == FLAT and (held[column].list.len() % 2 == 1).any():
            raise LayersError(f"{name}.{column}: a longitude without its latitude")
    return held


def opposite(link_id: str) -> str:
    """Return the id for the other direction of a street that a format knows as one two-way link."""
    return link_id[1:] if link_id.startswith("-") else f"-{link_id}"


def differences(a: Layers, b: Layers, tolerance: float = 0.0) -> list[str]:
    """Say in words where two networks differ, rows taken in the order of their keys; an empty list means equal.

    Numbers may differ by `tolerance`, absolutely (degrees, metres, seconds alike).
    """
    found: list[str] = []
    one, two = a.sorted(), b.sorted()
    for (name, left), (_, right) in zip(one.frames(), two.frames(), strict=True):
        if len(left) != len(right):
            found.append(f"{name}: {len(left)} rows and {len(right)}")
            continue
        for column, kind in SCHEMAS[name].items():
            x, y = left[column], right[column]
            same = x.eq_missing(y)
            if tolerance and kind == NUMBER:
                same = same | ((x - y).abs() <= tolerance).fill_null(value=False)
            elif tolerance and kind == FLAT and not same.all():
                same = pl.Series([_near(p, q, tolerance) for p, q in zip(x, y, strict=True)], dtype=pl.Boolean)
            if not same.all():
                at = int((~same).arg_max() or 0)
                key = ", ".join(str(left[k][at]) for k in KEYS[name])
                found.append(f"{name}.{column}: {int((~same).sum())} rows; first {key}: {x[at]!r} and {y[at]!r}")
    if set(one.matrices) != set(two.matrices):
        found.append(f"matrices: {sorted(one.matrices)} and {sorted(two.matrices)}")
    for name in sorted(set(one.matrices) & set(two.matrices)):
        p, q = one.matrices[name], two.matrices[name]
        if p.zones != q.zones or not np.allclose(p.values, q.values, rtol=0, atol=tolerance, equal_nan=True):
            found.append(f"matrix {name}: other zones or values")
    return found


def _near(p: pl.Series, q: pl.Series, tolerance: float) -> bool:
    return len(p) == len(q) and bool(np.allclose(p.to_numpy(), q.to_numpy(), rtol=0, atol=tolerance))


assert tuple(SCHEMAS) == tuple(f.name for f in fields(Layers))[: len(SCHEMAS)]
