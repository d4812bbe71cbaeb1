"""Frames of a network as tables with geometries (WKB) and back, for the file formats of geographic systems.

A table that has a frame's name and its keys is taken column by column. Anything else is somebody's own layer: lines are
streets, polygons are zones, points are stops or squares with residents, with columns found by their usual names.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from greentrip_networks.formats import ReadOptions
from greentrip_networks.formats.flat import make_flat, take_flat
from greentrip_networks.formats.frames import degrees, with_lengths
from greentrip_networks.formats.geo_foreign import foreign_layer
from greentrip_networks.formats.polygons import checked
from greentrip_networks.layers import FLAG, FLAT, KEYS, NUMBER, SCHEMAS, TEXT, WHOLE, Layers, Notes
from greentrip_networks.problems import LISTED, Problems

POINTS, LINES, POLYGONS = ("nodes", "stops"), ("links", "shapes"), ("zones",)
KIND = {**dict.fromkeys(POINTS, "Point"), **dict.fromkeys(LINES, "LineString"), **dict.fromkeys(POLYGONS, "Unknown")}
FLAGS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, eq=False)
class Table:
    """One layer of a file: attributes, geometries as WKB (None: it has none) and the system of their coordinates."""

    name: str
    columns: pl.DataFrame
    wkb: NDArray[Any] | None
    crs: str = ""


def tables_of(layers: Layers) -> list[Table]:
    """Return every frame with rows as a table; flat geometries become lines, lists and dates become text."""
    import shapely

    made = []
    place = layers.nodes.select("node_id", "lon", "lat")
    for name, frame in layers.frames():
        if not len(frame):
            continue
        wkb: NDArray[Any] | None = None
        if name in POINTS:
            lon, lat = (frame[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("lon", "lat"))
            points = shapely.points(lon, lat)
            points[~(np.isfinite(lon) & np.isfinite(lat))] = None
            wkb, frame = shapely.to_wkb(points), frame.drop("lon", "lat")  # noqa: PLW2901 - what is left of it
        elif name in LINES:
            column = frame["geometry"]
            if name == "links":
                column = straightened(frame, place)
            wkb, frame = lines_of(column), frame.drop("geometry")  # noqa: PLW2901 - what is left of it
        elif name in POLYGONS:
            wkb, frame = np.array(frame["geometry"].to_list(), object), frame.drop("geometry")  # noqa: PLW2901
        lists = [c for c, kind in SCHEMAS[name].items() if isinstance(kind, pl.List) and c in frame.columns]
        for c in lists:
            texts = [json.dumps(v, ensure_ascii=False) for v in frame[c].to_list()]
            frame = frame.with_columns(pl.Series(c, texts, pl.String))  # noqa: PLW2901
        dates = [c for c, kind in SCHEMAS[name].items() if kind == pl.Date and c in frame.columns]
        frame = frame.with_columns(pl.col(c).dt.to_string("%Y-%m-%d") for c in dates)  # noqa: PLW2901
        made.append(Table(name, frame, wkb))
    return made


def straightened(links: pl.DataFrame, place: pl.DataFrame) -> pl.Series:
    """Return geometries in which a straight link has the two points of its nodes (none if a node has no place)."""
    ends = []
    for column in ("from_node", "to_node"):
        at = links.select(node_id=column).join(place.unique("node_id"), on="node_id", how="left", maintain_order="left")
        ends += [at["lon"], at["lat"]]
    two = pl.concat_list([pl.lit(s) for s in ends])
    known = ends[0].is_not_null() & ends[1].is_not_null() & ends[2].is_not_null() & ends[3].is_not_null()
    empty = links["geometry"].list.len() == 0
    return links.select(pl.when(pl.lit(empty & known)).then(two).otherwise("geometry").alias("geometry"))["geometry"]


def lines_of(column: pl.Series) -> NDArray[Any]:
    """Return flat geometries as WKB lines, None where there are no points."""
    import shapely

    lon, lat, first = take_flat(column)
    count = np.diff(first)
    made = np.full(len(column), None, object)
    some = np.flatnonzero(count > 1)
    if len(some):
        rows = np.repeat(np.arange(len(column)), count)
        keep = count[rows] > 1
        index = np.searchsorted(some, rows[keep])
        made[some] = shapely.linestrings(np.column_stack([lon, lat])[keep], indices=index)
    return np.asarray(shapely.to_wkb(made), object)


def layers_of(tables: list[Table], options: ReadOptions, problems: Problems, *, format_name: str, file: str) -> Layers:
    """Return the network that tables hold; see the module."""
    frames: dict[str, pl.DataFrame] = {}
    assumed: list[str] = []
    crs = ""
    for table in tables:
        crs = crs or table.crs
        if table.name in SCHEMAS and set(KEYS[table.name]) <= set(table.columns.columns):
            found = {table.name: _own(table, options, problems, file)}
        else:
            found = foreign_layer(table.name, table.columns, table.wkb, table.crs, options, problems, file, assumed)
        for name, frame in found.items():
            frames[name] = pl.concat([frames[name], frame], how="diagonal_relaxed") if name in frames else frame
    if not frames and not problems.errors:
        problems.error(
            "no-layer", "a layer of lines, polygons or points", file=file, saw=", ".join(t.name for t in tables)
        )
    if "links" in frames and "nodes" in frames:
        frames["links"] = _bent(frames["links"], frames["nodes"])
        frames["links"], measured = with_lengths(frames["nodes"], frames["links"])
        if measured:
            assumed.append(f"{measured} links without a length got that of their geometry.")
    counts = {t.name: len(t.columns) for t in tables}
    notes = Notes(
        format=format_name,
        files=(file,),
        crs=options.crs or crs or "EPSG:4326",
        counts=counts,
        assumptions=tuple(assumed),
    )
    return Layers(notes=notes).with_(**frames)


def _bent(links: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Empty the geometry of links that are straight from node to node."""
    straight = straightened(links.with_columns(geometry=pl.lit([], FLAT)), nodes.select("node_id", "lon", "lat"))
    same = (links["geometry"].list.len() == 4) & links["geometry"].eq_missing(straight)
    return links.with_columns(geometry=pl.when(pl.lit(same)).then(pl.lit([], FLAT)).otherwise("geometry"))


def _own(table: Table, options: ReadOptions, problems: Problems, file: str) -> pl.DataFrame:
    """Return a frame from a table of ours: columns cast to their types, geometry in WGS-84."""
    columns: dict[str, pl.Series] = {}
    place = f"{file}/{table.name}" if file != table.name else file
    for name, kind in SCHEMAS[table.name].items():
        if name in table.columns.columns and name != "geometry":
            columns[name] = _cast(table.columns[name], kind, problems, place, name)
    for key in KEYS[table.name][:1]:
        again = (
            ~columns[key].is_first_distinct() if len(KEYS[table.name]) == 1 else pl.Series([False] * len(columns[key]))
        )
        if again.any():
            rows = again.arg_true().head(LISTED).to_list()
            seen = [columns[key][i] for i in rows]
            problems.many(
                "error",
                "duplicate-id",
                "an id used once",
                count=int(again.sum()),
                lines=[i + 1 for i in rows],
                saw=seen,
                file=place,
                field=key,
            )
    if table.name in POINTS:  # without a geometry, places that are not known
        columns |= {
            c: pl.Series([None] * len(table.columns), dtype=pl.Float64) for c in ("lon", "lat") if c not in columns
        }
    frame = pl.DataFrame(columns)
    if table.wkb is None or table.name not in KIND or not len(frame):
        return frame
    shapes = shapes_of(table.wkb, problems, place)
    lines = list(range(1, len(frame) + 1))
    if table.name in POLYGONS:
        named = pl.Series(["" if w is None else "shape" for w in table.wkb])
        wkb = checked(shapes, named, lines, options, table.crs, problems, file=place, field="geometry")
        return frame.with_columns(wkb.alias("geometry"))
    wanted = 0 if table.name in POINTS else 1
    lon, lat, first = coordinates(shapes, wanted, options, table.crs, problems, place)
    if table.name in POINTS:
        x, y = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
        some = np.diff(first) > 0
        x[some], y[some] = lon[first[:-1][some]], lat[first[:-1][some]]
        return frame.with_columns(lon=pl.Series(x).fill_nan(None), lat=pl.Series(y).fill_nan(None))
    return frame.with_columns(make_flat(lon, lat, first).alias("geometry"))


def _cast(column: pl.Series, kind: Any, problems: Problems, file: str, name: str) -> pl.Series:
    """Return a column as its declared type; values that cannot be are null, with a warning."""
    text = column.cast(pl.String, strict=False)
    if isinstance(kind, pl.List):
        lists = []
        for value in text.to_list():
            try:
                made = json.loads(value) if value else []
            except ValueError:
                made = None
            lists.append([str(v) for v in made] if isinstance(made, list) else None)
        value = pl.Series(name, lists, kind)
    elif kind == FLAG:
        value = (
            column
            if column.dtype == pl.Boolean
            else text.str.to_lowercase().replace_strict(FLAGS, default=None, return_dtype=FLAG)
        )
    elif kind == pl.Date:
        value = text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    elif kind in (NUMBER, WHOLE):
        value = column.cast(NUMBER, strict=False)
        value = value.set(~value.is_finite().fill_null(value=True), None)
        value = value.round().clip(-(2**31), 2**31 - 1).cast(WHOLE) if kind == WHOLE else value
    else:
        value = text
    lost = value.is_null() & column.is_not_null() & (text != "")
    if lost.any():
        rows = lost.arg_true().head(LISTED).to_list()
        seen = text if column.dtype.is_temporal() else column  # a date may lie beyond the years that Python knows
        problems.many(
            "error" if kind == TEXT else "warning",
            "bad-value",
            f"{kind}",
            count=int(lost.sum()),
            lines=[i + 1 for i in rows],
            saw=[seen[i] for i in rows],
            file=file,
            field=name,
            remedy="taken as empty",
        )
    return value


def shapes_of(wkb: NDArray[Any], problems: Problems, file: str) -> NDArray[Any]:
    """Return geometries; what cannot be decoded is an error and None."""
    import shapely

    shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    given = np.array([w is not None for w in wkb], bool)
    bad = given & np.array([s is None for s in shapes], bool)
    if bad.any():
        lines = (np.flatnonzero(bad)[:LISTED] + 1).tolist()
        problems.many(
            "error",
            "bad-geometry",
            "a geometry that can be decoded",
            count=int(bad.sum()),
            lines=lines,
            file=file,
            field="geometry",
        )
    return np.asarray(shapes, object)


def coordinates(
    shapes: NDArray[Any], wanted: int, options: ReadOptions, crs: str, problems: Problems, file: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return degrees and first rows of geometries of one type (0 point, 1 line); what is none is an error."""
    import shapely

    kind = shapely.get_type_id(shapes)
    bad = (kind != wanted) & (kind != -1)
    points = shapely.get_coordinates(shapes)
    count = shapely.get_num_coordinates(shapes)
    count[bad] = 0
    row = np.repeat(np.arange(len(shapes)), shapely.get_num_coordinates(shapes))
    points = points[~bad[row]]
    lon, lat = degrees(points[:, 0], points[:, 1], options, crs, problems, file)
    row = row[~bad[row]]
    with np.errstate(invalid="ignore"):
        outside = ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    for flags, code, expected in (
        (np.flatnonzero(bad), "bad-geometry", ("points", "lines")[wanted]),
        (np.unique(row[outside]), "out-of-range", "finite degrees, -180 to 180 and -90 to 90"),
    ):
        if len(flags):
            lines = (flags[:LISTED] + 1).tolist()
            saw = [str(shapes[i])[:60] for i in flags[:LISTED]]
            problems.many("error", code, expected, count=len(flags), lines=lines, saw=saw, file=file, field="geometry")
    return lon, lat, np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
