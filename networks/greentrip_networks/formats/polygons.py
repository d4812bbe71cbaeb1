"""Polygons of zones between WKT, WKB and coordinate systems."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from greentrip_networks.formats import ReadOptions
from greentrip_networks.formats.frames import degrees
from greentrip_networks.problems import LISTED, Problems

POLYGON, MULTIPOLYGON = 3, 6


def wkb_of_wkt(
    text: pl.Series, lines: Sequence[int], options: ReadOptions, said: str, problems: Problems, *, file: str, field: str
) -> pl.Series:
    """Return polygon texts as WGS-84 WKB, null where empty; what is no polygon is an error."""
    import shapely

    with np.errstate(over="ignore"):  # a number beyond all bounds is infinite, and refused as that
        made = shapely.from_wkt(text.to_numpy(), on_invalid="ignore")
    return checked(made, text, lines, options, said, problems, file=file, field=field)


def checked(
    shapes: NDArray[Any],
    text: pl.Series,
    lines: Sequence[int],
    options: ReadOptions,
    said: str,
    problems: Problems,
    *,
    file: str,
    field: str,
) -> pl.Series:
    """Return polygons as WGS-84 WKB; what is none (and whose text is not empty) is an error, an odd one a warning."""
    import shapely

    kind = shapely.get_type_id(shapes)
    fine = np.isin(kind, (POLYGON, MULTIPOLYGON))
    bad = ~fine & (text != "").to_numpy()
    if bad.any():
        rows = np.flatnonzero(bad)[:LISTED]
        problems.many(
            "error",
            "bad-geometry",
            "POLYGON or MULTIPOLYGON",
            count=int(bad.sum()),
            lines=[lines[i] for i in rows],
            saw=[text[int(i)] for i in rows],
            file=file,
            field=field,
        )
    shapes[~fine] = None
    shapes = shapely.force_2d(shapes)
    points = shapely.get_coordinates(shapes)
    lon, lat = degrees(points[:, 0], points[:, 1], options, said, problems, file)
    outside = ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    if outside.any():
        i = int(np.argmax(outside))
        problems.error(
            "out-of-range",
            "polygons in degrees, -180 to 180 and -90 to 90",
            saw=f"{points[i, 0]:g}, {points[i, 1]:g}",
            file=file,
            field=field,
            times=int(outside.sum()),
            remedy="name their CRS with --crs",
        )
        return pl.Series([None] * len(shapes), dtype=pl.Binary)
    shapes = shapely.set_coordinates(shapes, np.column_stack([lon, lat]))
    crossing = fine & ~shapely.is_valid(shapes)
    if crossing.any():
        rows = np.flatnonzero(crossing)[:LISTED]
        problems.many(
            "warning",
            "crossed-polygon",
            "a polygon whose border does not cross itself",
            count=int(crossing.sum()),
            lines=[lines[i] for i in rows],
            saw=[shapely.is_valid_reason(shapes[i]) for i in rows],
            file=file,
            field=field,
        )
    return pl.Series(shapely.to_wkb(shapes).tolist(), dtype=pl.Binary)


def wkt_of_wkb(column: pl.Series) -> pl.Series:
    """Return WKB polygons as texts that keep every digit; "" where there is none."""
    import shapely

    shapes = shapely.from_wkb(np.array(column.to_list(), object)) if len(column) else np.array([], object)
    texts = shapely.to_wkt(shapes, rounding_precision=-1, trim=True) if len(column) else []
    return pl.Series(["" if t is None else t for t in texts], dtype=pl.String)
