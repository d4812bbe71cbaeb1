"""Streets as lines on the plane, and lines and polygons as GeoJSON in degrees."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from greentrip_networks.geo import Plane
from greentrip_networks.network import Network

Feature = tuple[BaseGeometry, dict[str, Any]]


def link_lines(network: Network, links: Iterable[tuple[str, str, dict[str, Any]]]) -> Sequence[BaseGeometry]:
    """Return a line on the plane for each (from, to, edge data): its geometry if stated, else straight.

    A geometry is WKT in degrees, of either direction; a text that is none counts as not stated.
    """
    place = {n: (d["x_m"], d["y_m"]) for n, d in network.roads.nodes(data=True)}
    rows = list(links)
    ends = np.array([(place[u], place[v]) for u, v, _ in rows], np.float64).reshape(-1, 2, 2)
    lines = shapely.linestrings(ends)
    for i, (_, _, data) in enumerate(rows):
        text = data.get("geometry")
        if not text:
            continue
        drawn = shapely.from_wkt(text, on_invalid="ignore") if isinstance(text, str) else text
        if drawn is None or drawn.geom_type != "LineString" or drawn.is_empty:
            continue
        points = shapely.get_coordinates(drawn)
        at = np.column_stack(network.plane.to_metres(points[:, 0], points[:, 1]))
        if np.hypot(*(at[0] - ends[i, 0])) > np.hypot(*(at[-1] - ends[i, 0])):
            at = at[::-1]
        lines[i] = shapely.linestrings(np.vstack([ends[i, :1], at, ends[i, 1:]]))
    return list(lines)


def to_degrees(plane: Plane, shape: BaseGeometry) -> BaseGeometry:
    """Turn a shape on the plane into WGS-84 degrees, to about a metre."""
    return shapely.transform(shape, lambda at: np.round(np.column_stack(plane.to_degrees(at[:, 0], at[:, 1])), 5))


def geojson(plane: Plane, features: Iterable[Feature]) -> str:
    """Return features as GeoJSON (RFC 7946: WGS-84, outer rings anticlockwise); empty shapes are left out."""
    kept = [(to_degrees(plane, shape), about) for shape, about in features if not shape.is_empty]
    listed = [
        {"type": "Feature", "geometry": json.loads(shapely.to_geojson(_right_handed(shape))), "properties": about}
        for shape, about in kept
    ]
    return json.dumps(
        {"type": "FeatureCollection", "features": listed}, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def _right_handed(shape: BaseGeometry) -> BaseGeometry:
    """Return polygons with their outer rings anticlockwise."""
    made: BaseGeometry = shapely.orient_polygons(shape, exterior_cw=False)
    return made
