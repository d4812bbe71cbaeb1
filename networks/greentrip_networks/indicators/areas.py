"""Named parts of a city: whole zones, or what lies inside a ring road or a polygon."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from greentrip_networks.errors import LimitError, TableError, UnknownNameError
from greentrip_networks.indicators.shapes import link_lines
from greentrip_networks.network import Bools, Floats, Ints, Network

WHOLE = "whole city"
MOST_AREAS = 100
_INSIDE = "inside "
_RING_KM2 = 1.0  # a ring road encloses at least this
_GAP_M = 500.0  # where a ring shares its way with another road, its two ends may be this far apart


@dataclass(frozen=True, eq=False)
class Area:
    """A part of a city: the zones that belong to it, or a polygon on the network's plane (metres)."""

    name: str
    zones: Bools | None = None
    shape: BaseGeometry | None = None

    def holds(self, zone: Ints, x_m: Floats, y_m: Floats) -> Bools:
        """Return which points belong: those of its zones, or those inside its polygon."""
        if self.shape is not None:
            shapely.prepare(self.shape)
            inside: Bools = np.asarray(shapely.contains_xy(self.shape, x_m, y_m), np.bool_)
            return inside
        if self.zones is None:
            return np.ones(len(zone), np.bool_)
        chosen: Bools = self.zones[zone]
        return chosen


def areas_of(network: Network) -> tuple[Area, ...]:
    """Return the areas a network has names for: those of its zones, then the inside of each closed ring road."""
    named = [Area(name, zones=mask) for name, mask in network.zones.areas.items()]
    return (*named, *rings_of(network))


def area_named(network: Network, name: str) -> Area:
    """Return an area by name.

    Parameters
    ----------
    network
        The city.
    name
        One of `areas_of`, a ring road in English or Chinese, a district or a zone in either, `whole city`, or a
        polygon in WGS-84 degrees as WKT; areas of zones may be joined by `+`.

    Raises
    ------
    UnknownNameError
        With the nearest known names.
    TableError
        If a polygon cannot be read, crosses itself or has no area.

    """
    if re.match(r"\s*(MULTI)?POLYGON\b", name, re.IGNORECASE):
        return _drawn(network, name)
    known = areas_of(network)
    folded = name.strip().casefold()
    for area in known:
        if folded in (area.name.casefold(), area.name.casefold().removeprefix(_INSIDE)):
            return area
    if folded == WHOLE:
        return Area(WHOLE)
    for text_zh, ring in _ring_names(network):
        if name.strip() in (text_zh, f"{text_zh}内"):
            return next(a for a in known if a.name == _INSIDE + ring)
    if "+" in name:
        return _joined(name, [area_named(network, part.strip()) for part in name.split("+")])
    zones = network.zones
    for names in (zones.district_en, zones.district_zh, zones.id, zones.name_en, zones.name_zh):
        mask = np.array([n.casefold() == folded for n in names], np.bool_)
        if mask.any():
            return Area(name.strip(), zones=mask)
    raise UnknownNameError(
        "area", name, (*(a.name for a in known), WHOLE, *dict.fromkeys(zones.district_en), *zones.name_en)
    )


def areas_named(network: Network, names: Sequence[str]) -> list[Area]:
    """Return areas by name, every one that the network has a name for if none is asked for.

    Raises LimitError for more than 100, and what `area_named` raises.
    """
    if len(names) > MOST_AREAS:
        raise LimitError("areas", len(names), MOST_AREAS, "areas")
    return [area_named(network, name) for name in names] or list(areas_of(network)) or [Area(WHOLE)]


def rings_of(network: Network) -> tuple[Area, ...]:
    """Return the inside of each road whose links close a ring around at least 1 km², the smallest first."""
    return _rings(network)


@lru_cache(maxsize=4)
def _rings(network: Network) -> tuple[Area, ...]:
    """Find the rings once for a network."""
    by_name: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for u, v, data in network.roads.edges(data=True):
        if "ring" in data["name"].casefold() or "环" in data["name_zh"]:
            by_name.setdefault(data["name"] or data["name_zh"], []).append((u, v, data))
    found = []
    for name, links in by_name.items():
        lines = shapely.union_all([*link_lines(network, links), *_gap(network, links)])
        holes = [p for p in shapely.get_parts(shapely.polygonize([lines])) if p.area > 0]
        if holes:
            shape = shapely.Polygon(max(shapely.get_parts(shapely.union_all(holes)), key=lambda p: p.area).exterior)
            if shape.area >= _RING_KM2 * 1e6:
                found.append(Area(f"{_INSIDE}{name}", shape=shape))
    return tuple(sorted(found, key=lambda a: (a.shape.area if a.shape is not None else 0.0, a.name)))


def _joined(name: str, parts: Sequence[Area]) -> Area:
    """Return the zones of several areas as one."""
    masks = [a.zones for a in parts if a.zones is not None]
    if len(masks) < len(parts):
        raise TableError("area", "areas of zones between +, no ring road and no polygon", column="name", value=name)
    return Area(name, zones=np.logical_or.reduce(masks))


def _gap(network: Network, links: Sequence[tuple[str, str, dict[str, Any]]]) -> list[BaseGeometry]:
    """Return the line between the ends of a road that has just two, close to each other."""
    pairs = {(u, v) if u < v else (v, u) for u, v, _ in links}
    nodes, count = np.unique([n for pair in pairs for n in pair], return_counts=True)
    ends = [network.roads.nodes[n] for n in nodes[count == 1].tolist()]
    line = shapely.linestrings([(d["x_m"], d["y_m"]) for d in ends]) if len(ends) == 2 else None
    return [line] if line is not None and line.length <= _GAP_M else []


def _ring_names(network: Network) -> list[tuple[str, str]]:
    """Return the Chinese and English names of the roads that are rings."""
    rings = {a.name.removeprefix(_INSIDE) for a in rings_of(network)}
    pairs = {(d["name_zh"], d["name"]) for _, _, d in network.roads.edges(data=True) if d["name"] in rings}
    return sorted(pairs)


def shape_of(text: str, table: str, what: str) -> BaseGeometry:
    """Read a shape in degrees from WKT; raise TableError, naming table and what is expected, if it is none on earth."""
    try:
        with np.errstate(over="ignore"):  # a number beyond all bounds is infinite, and refused as that
            shape = shapely.from_wkt(text)
    except shapely.errors.GEOSException as error:
        reason = " ".join(str(error).split())
        raise refused_wkt(table, text, f"{what} as WKT, longitude before latitude ({reason})") from None
    low_x, low_y, high_x, high_y = shape.bounds if not shape.is_empty else (np.nan,) * 4
    if not (-180 <= low_x <= high_x <= 180 and -90 <= low_y <= high_y <= 90):
        raise refused_wkt(table, text, "WGS-84 degrees, longitude before latitude")
    return shape


def laid(network: Network, shape: BaseGeometry) -> BaseGeometry:
    """Return a shape in degrees laid on the network's plane, metres."""
    return shapely.transform(shape, lambda at: np.column_stack(network.plane.to_metres(at[:, 0], at[:, 1])))


def refused_wkt(table: str, text: str, expected: str) -> TableError:
    """Return the error about a shape that does not do."""
    return TableError(table, expected, column="WKT", value=text[:60])


def _drawn(network: Network, text: str) -> Area:
    """Read a polygon."""
    shape = shape_of(text, "area", "a polygon")
    if not shape.is_valid:
        raise refused_wkt("area", text, f"a polygon that does not cross itself ({shapely.is_valid_reason(shape)})")
    made = laid(network, shape)
    if not made.area > 0:
        raise refused_wkt("area", text, "a polygon with an area")
    return Area("drawn area", shape=made)
