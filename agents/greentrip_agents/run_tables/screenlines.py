"""Screenlines and cordons: who crosses a line, or the edge of an area, by mode, direction and period or hour."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
import shapely
from greentrip_networks.errors import LimitError
from greentrip_networks.indicators.areas import Area, area_named, laid, refused_wkt, rings_of, shape_of
from greentrip_networks.indicators.links import zones_at
from greentrip_networks.indicators.shapes import Feature
from greentrip_networks.network import Network
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from greentrip_agents.hours import profile_of
from greentrip_agents.parameters import Parameters
from greentrip_agents.run import Run
from greentrip_agents.run_tables.asked import HOURS, Asked, Made, in_hours, in_period
from greentrip_agents.run_tables.hours import RAIL_NOTE, by_hour, hourly_rail, told
from greentrip_agents.run_tables.links import drawn

Floats = NDArray[np.float64]
Ints = NDArray[np.int8]

MOST_PLACES = 20
RING_M = 150.0  # a ring road's cordon runs this far outside it, so that the ring itself and its ramps lie inside
_HOW = (
    "cars: assigned vehicles, traffic outside the model left out; rail and bus: loads between stops, drawn straight; "
    "on foot and by bicycle: straight from end to end, so an area's edge sees only trips with one end in it"
)
_SPREAD = {"car": "car", "bus": "bus", "slow": "walk"}  # by whose profile; rail has hours of its own at each section
WAYS = {1: ("in", "left to right"), -1: ("out", "right to left")}  # of areas, of lines


@dataclass(frozen=True)
class Screen:
    """A line or an area's edge; `crossing` says of segments (x, y to x, y) whether they cross: 1, -1 or 0."""

    name: str
    crossing: Callable[[Floats, Floats, Floats, Floats], Ints]
    closed: bool
    shape: BaseGeometry | None


def screenlines(run: Run, network: Network, parameters: Parameters, asked: Asked) -> Made:
    """Return the flows over screenlines and cordons.

    Columns: `line`, `mode` (car: cars and taxis; rail; bus; walk, bicycle, ebike), `direction` (in and out of an area;
    left to right and back, seen along a line), `period` (or the hour: `07`), `persons`, `vehicles` (cars and taxis),
    `persons_h`.
    Places are named areas, ring roads, districts, zones or polygons as `area_named` takes them, or lines in degrees as
    WKT; none asked for means every ring road, or else every named area. `asked.by` may be hour. The map layer has the
    lines and the streets that cross them.
    """
    screens = [screen_of(network, place) for place in asked.places or _usual(network)]
    if len(screens) > MOST_PLACES:
        raise LimitError("places", len(screens), MOST_PLACES, "lines")
    segments = _segments(run, network, parameters, asked)
    hours, profiles = asked.hours(), {kind: profile_of(network.name, mode) for kind, mode in _SPREAD.items()}
    parts, features = [], []
    for screen in screens:
        for kind, frame in segments.items():
            ends = [frame[c].to_numpy() for c in ("xa", "ya", "xb", "yb")]
            way = screen.crossing(*ends)
            over = frame.with_columns(way=pl.Series(way)).filter(pl.col("way") != 0)
            if hours and kind in profiles:
                over = by_hour(over, profiles[kind], "persons", "vehicles")
            if hours:
                over = in_hours(over, hours)
            parts.append(
                over.group_by("mode", "way", "period")
                .agg(pl.col("persons").sum(), pl.col("vehicles").sum())
                .select(pl.lit(screen.name).alias("line"), "mode", pl.lit(screen.closed).alias("closed"), "way",
                        "period", "persons", "vehicles")
            )  # fmt: skip
            if kind == "car":
                features += _layer(network, screen, over)
    lasts = pl.col("period").replace_strict(HOURS, return_dtype=pl.Float64)
    named = {(closed, way): words[0 if closed else 1] for way, words in WAYS.items() for closed in (True, False)}
    table = pl.concat(parts).sort("line", "mode", "period", "way", descending=[False, False, False, True])
    direction = pl.Series("direction", [named[c, w] for c, w in table.select("closed", "way").iter_rows()], pl.String)
    return Made(
        table.with_columns(direction, persons_h=pl.col("persons") / lasts).select(
            "line", "mode", "direction", "period", "persons", "vehicles", "persons_h"
        ),
        features,
        (
            f"a ring road's cordon runs {RING_M:.0f} m outside it",
            _HOW,
            *((*told(network, "rail", "bus", "car", "walk"), RAIL_NOTE) if hours else ()),
        ),
    )


def _usual(network: Network) -> list[str]:
    """Return what is measured when nothing is asked for."""
    rings = [a.name.removeprefix("inside ") for a in rings_of(network)]
    return rings or list(network.zones.areas)


def screen_of(network: Network, text: str) -> Screen:
    """Return a screenline or cordon by what people call it; raise what `area_named` raises, or TableError."""
    if re.match(r"\s*LINESTRING\b", text, re.IGNORECASE):
        return _line(network, text)
    area = area_named(network, text)
    if area.shape is not None and area.name in {a.name for a in rings_of(network)}:
        area = Area(area.name, shape=area.shape.buffer(RING_M))
    edge = area.shape.exterior if isinstance(area.shape, shapely.Polygon) else area.shape

    def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
        zone = zones_at(network, x, y) if area.zones is not None else np.zeros(len(x), np.int64)
        return area.holds(zone, x, y)

    def crossing(xa: Floats, ya: Floats, xb: Floats, yb: Floats) -> Ints:
        return inside(xb, yb).astype(np.int8) - inside(xa, ya).astype(np.int8)

    return Screen(area.name.removeprefix("inside "), crossing, True, edge)


def _line(network: Network, text: str) -> Screen:
    """Read a line."""
    line = laid(network, shape_of(text, "screenline", "a line"))
    if not line.length > 0:
        raise refused_wkt("screenline", text, "a line with a length")
    points = shapely.get_coordinates(line)

    def crossing(xa: Floats, ya: Floats, xb: Floats, yb: Floats) -> Ints:
        """Return 1 from the line's left to its right, -1 the other way; crossings there and back cancel."""
        total = np.zeros(len(xa), np.int8)
        for (x1, y1), (x2, y2) in pairwise(points):
            sa = (x2 - x1) * (ya - y1) - (y2 - y1) * (xa - x1)  # positive on the left
            sb = (x2 - x1) * (yb - y1) - (y2 - y1) * (xb - x1)
            ta = (xb - xa) * (y1 - ya) - (yb - ya) * (x1 - xa)
            tb = (xb - xa) * (y2 - ya) - (yb - ya) * (x2 - xa)
            meets = ((sa > 0) != (sb > 0)) & ((ta > 0) != (tb > 0))
            total += np.where(meets, np.where(sa > 0, 1, -1), 0).astype(np.int8)
        return np.sign(total).astype(np.int8)

    return Screen(text.strip()[:60], crossing, False, line)


def _segments(run: Run, network: Network, parameters: Parameters, asked: Asked) -> dict[str, pl.DataFrame]:
    """Return what moves as straight pieces: mode, period, persons, vehicles, xa, ya, xb, yb.

    Where hours are asked for, rail has an hour for its period.
    """
    roads, rail = network.compiled.roads, network.compiled.rail
    columns = ("mode", "period", "persons", "vehicles", "xa", "ya", "xb", "yb")
    links = in_period(run.links, asked.period).filter(pl.col("vehicles") > 0)
    row = links["link"].to_numpy()
    occupancy = parameters["population.car_occupancy"]
    cars = links.select("period", "vehicles", pl.col("link")).with_columns(
        mode=pl.lit("car"), persons=pl.col("vehicles") * occupancy,
        xa=roads.x_m[roads.tail[row]], ya=roads.y_m[roads.tail[row]],
        xb=roads.x_m[roads.head[row]], yb=roads.y_m[roads.head[row]],
    )  # fmt: skip
    stops = pl.concat([
        pl.DataFrame({"mode": "rail", "stop": list(rail.stations), "x": rail.x_m, "y": rail.y_m}),
        pl.DataFrame({"mode": "bus", "stop": list(roads.nodes), "x": roads.x_m, "y": roads.y_m}),
    ])  # fmt: skip
    sections = in_period(run.table("sections"), asked.period)
    if asked.hours():
        sections = pl.concat([sections.filter(pl.col("mode") == "bus"), hourly_rail(run, network, parameters)])
    public = (
        sections.filter(pl.col("persons") > 0)
        .join(stops.rename({"x": "xa", "y": "ya"}), left_on=["mode", "from"], right_on=["mode", "stop"])
        .join(stops.rename({"x": "xb", "y": "yb"}), left_on=["mode", "to"], right_on=["mode", "stop"])
        .with_columns(vehicles=pl.lit(0.0))
        .select(columns)
    )
    ends = run.table("travellers").select(
        pl.col("key").alias("person"), pl.col("number").cast(pl.Int16).alias("tour"), "home_x", "home_y", "x", "y"
    )
    out = pl.col("direction") == "out"
    slow = (
        in_period(run.trips, asked.period)
        .filter(pl.col("counted") & pl.col("mode").is_in(["walk", "bicycle", "ebike"]))
        .select("person", "tour", "direction", "mode", "period", pl.col("weight").alias("persons"))
        .join(ends, on=["person", "tour"])
        .with_columns(
            vehicles=pl.lit(0.0),
            xa=pl.when(out).then("home_x").otherwise("x"), ya=pl.when(out).then("home_y").otherwise("y"),
            xb=pl.when(out).then("x").otherwise("home_x"), yb=pl.when(out).then("y").otherwise("home_y"),
        )
        .select(columns)
    )  # fmt: skip
    rail_or_bus = {mode: public.filter(pl.col("mode") == mode) for mode in ("rail", "bus")}
    found = {"car": cars, **rail_or_bus, "slow": slow}
    if asked.mode:
        kinds = {"metro": "rail", "pr": "rail", "taxi": "car"}
        wanted = kinds.get(asked.mode, asked.mode)
        found = {k: f.filter(pl.col("mode") == wanted) for k, f in found.items()}
    return found


def _layer(network: Network, screen: Screen, cars: pl.DataFrame) -> list[Feature]:
    """Return the screen and the streets over it with their vehicles."""
    out: list[Feature] = []
    if screen.shape is not None:
        out.append((screen.shape, {"line": screen.name}))
    over = cars.group_by("link", "way").agg(pl.col("vehicles").sum()).sort("link")
    words = {way: told[0 if screen.closed else 1] for way, told in WAYS.items()}
    for r, shape in zip(over.iter_rows(named=True), drawn(network, over["link"].to_numpy()), strict=True):
        about = {"line": screen.name, "link": r["link"], "direction": words[r["way"]], "vehicles": round(r["vehicles"])}
        out.append((shape, about))
    return out
