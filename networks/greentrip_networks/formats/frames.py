"""What several readers need to make frames: places in degrees, links between known nodes, WKT and flat geometries."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from greentrip_networks.crs import WGS84, CrsError, gcj02_to_wgs84, paths_m, segment_m, to_wgs84
from greentrip_networks.formats import ReadOptions
from greentrip_networks.formats.checks import check_coordinates, check_known, check_unique
from greentrip_networks.formats.csv_tables import LINE
from greentrip_networks.formats.flat import take_flat
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import KEYS, Layers
from greentrip_networks.problems import LISTED, Problems

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]


def merged(parts: Sequence[Layers]) -> Layers:
    """Put the networks of several files of one format into one; a row that another part has too is kept once."""
    if len(parts) == 1:
        return parts[0]
    from greentrip_networks.formats import join

    made = join(parts)
    unique = {
        name: frame.unique(list(KEYS[name]), keep="first", maintain_order=True)
        for name, frame in made.frames()
        if len(frame)
    }
    return made.with_(**unique)


def text_frame(names: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[int]) -> pl.DataFrame:
    """Return rows of text as the columns that `csv_tables.typed_frame` takes."""
    columns: dict[str, Any] = {n: [r[i].strip() for r in rows] for i, n in enumerate(names)}
    schema = {**dict.fromkeys(names, pl.String), LINE: pl.UInt32}
    return pl.DataFrame({**columns, LINE: list(lines)}, schema=schema)


def degrees(
    x: Floats, y: Floats, options: ReadOptions, said: str, problems: Problems, file: str
) -> tuple[Floats, Floats]:
    """Turn a file's coordinates into WGS-84 degrees; `said` is the system the file names, which an option overrides."""
    crs = options.crs or said or WGS84
    try:
        lon, lat = to_wgs84(x, y, crs)
    except CrsError as error:
        problems.error("unknown-crs", "a coordinate system", file=file, saw=crs, remedy=str(error))
        return x, y
    return gcj02_to_wgs84(lon, lat) if options.gcj02 else (lon, lat)


def placed(
    frame: pl.DataFrame,
    options: ReadOptions,
    problems: Problems,
    *,
    file: str,
    id_column: str,
    said: str = "",
    fields: tuple[str, str] = ("lon", "lat"),
) -> pl.DataFrame:
    """Return a frame whose columns lon and lat, in the file's system until now, are WGS-84; bad places are problems."""
    if not len(frame):
        return frame
    x, y = (frame[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("lon", "lat"))
    lon, lat = degrees(x, y, options, said, problems, file)
    frame = frame.with_columns(lon=pl.Series(lon), lat=pl.Series(lat))
    check_coordinates(frame, problems, file=file, id_column=id_column, lines=_lines(frame), fields=fields)
    return frame


def _lines(frame: pl.DataFrame) -> list[int] | None:
    return frame[LINE].to_list() if LINE in frame.columns else None


def roads(
    nodes: pl.DataFrame, links: pl.DataFrame, problems: Problems, *, files: tuple[str, str], fields: tuple[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Keep each id once and links between known nodes; measure links without length; return (nodes, links, measured).

    `files` are those of nodes and links, `fields` what the file calls a link's nodes; the frame has from_node, to_node.
    """
    line = LINE if LINE in links.columns else ""
    nodes = check_unique(nodes, "node_id", problems, file=files[0], line=LINE if LINE in nodes.columns else "")
    links = check_unique(links, "link_id", problems, file=files[1], line=line)
    links = links.with_row_index("_at")
    kept = links["_at"]
    for column, name in zip(("from_node", "to_node"), fields, strict=True):  # each on all links, so that both are told
        known = check_known(
            links.rename({column: name}), name, nodes["node_id"], problems, file=files[1], what="node", line=line
        )
        kept = kept.filter(kept.is_in(known["_at"].implode()))
    links = links.filter(pl.col("_at").is_in(kept.implode())).drop("_at")
    links, measured = with_lengths(nodes, links)
    return nodes, links, measured


def with_lengths(nodes: pl.DataFrame, links: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Give links without a length that of their geometry, or of the straight line; return how many."""
    if "length_m" not in links.columns:
        links = links.with_columns(length_m=pl.lit(None, pl.Float64))
    empty = links["length_m"].is_null()
    if not empty.any() or not len(nodes):
        return links, 0
    metres = measured_m(nodes, links)
    made = pl.Series(metres).fill_nan(None)
    links = links.with_columns(length_m=pl.when(empty).then(made).otherwise(pl.col("length_m")))
    return links, int((empty & made.is_not_null()).sum())


def measured_m(nodes: pl.DataFrame, links: pl.DataFrame) -> Floats:
    """Return the metres of each link on the ellipsoid, along its geometry or straight; NaN where places are unknown."""
    ends = []
    place = nodes.select("node_id", "lon", "lat").unique("node_id", keep="first")
    for column in ("from_node", "to_node"):
        at = links.select(node_id=column).join(place, on="node_id", how="left", maintain_order="left")
        ends += [at[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("lon", "lat")]
    with np.errstate(invalid="ignore"):
        metres = segment_m(*ends) if len(links) else np.empty(0)
    if "geometry" in links.columns and len(links):
        lon, lat, first = take_flat(links["geometry"])
        bent = np.flatnonzero(np.diff(first) > 1)
        if len(bent):
            of = np.concatenate([[0], np.cumsum(np.diff(first)[bent])])
            metres[bent] = paths_m(lon, lat, of.astype(np.int64))
    return metres


def flat_of_wkt(
    text: pl.Series, lines: Sequence[int], problems: Problems, *, file: str, field: str
) -> tuple[Floats, Floats, Int64s]:
    """Return x, y and first rows of LINESTRING texts (empty: no points); what is none is a warning and left empty."""
    import shapely

    with np.errstate(over="ignore"):  # a number beyond all bounds is infinite, and refused as that
        made = shapely.from_wkt(text.to_numpy(), on_invalid="ignore")
    kind = shapely.get_type_id(made)
    bad = ((kind != 1) & (text != "").to_numpy()) | ~np.isfinite(_extreme(made))
    if bad.any():
        rows = np.flatnonzero(bad)[:LISTED]
        problems.many(
            "warning",
            "bad-geometry",
            "LINESTRING (x y, x y, ...)",
            count=int(bad.sum()),
            lines=[lines[i] for i in rows],
            saw=[text[int(i)] for i in rows],
            file=file,
            field=field,
            remedy="taken as straight",
        )
    made[bad | (kind != 1)] = None
    points = shapely.get_coordinates(made)
    first = np.concatenate([[0], np.cumsum(shapely.get_num_coordinates(made))]).astype(np.int64)
    return points[:, 0].copy(), points[:, 1].copy(), first


def _extreme(made: NDArray[Any]) -> Floats:
    """Return a number that is not finite where a geometry has coordinates that are not."""
    import shapely

    with np.errstate(invalid="ignore", over="ignore"):
        points, row = shapely.get_coordinates(made, return_index=True)
        total = np.zeros(len(made))
        np.add.at(total, row, np.where(np.isfinite(points).all(axis=1), 0.0, np.inf))
    return total


def wkt_of_flat(column: pl.Series) -> pl.Series:
    """Return a column of flat geometries as LINESTRING texts, "" for a straight link; every digit is kept."""
    texts = []
    for flat in column.to_list():
        pairs = ", ".join(f"{x!r} {y!r}" for x, y in zip(flat[0::2], flat[1::2], strict=True))
        texts.append(f"LINESTRING ({pairs})" if pairs else "")
    return pl.Series(texts, dtype=pl.String)


def not_held(layers: Layers, held: Sequence[str], problems: Problems, matrices: bool = False) -> None:
    """Warn of the frames that a format cannot hold and that are left out."""
    for name, count in layers.counts().items():
        if name not in held and not (name == "matrices" and matrices):
            problems.warn(
                "not-held", "a format that holds it", field=name, saw=f"{count} rows", remedy="left out of this file"
            )


LEFT_OUT = frozenset(  # problems whose row a reader leaves out anyway
    {
        *(
            "empty",
            "bad-number",
            "bad-whole",
            "bad-flag",
            "bad-time",
            "bad-date",
            "bad-choice",
            "bad-row",
            "bad-update",
        ),
        *("no-id", "duplicate-id", "unknown-node", "unknown-link", "unknown-stop", "unknown-line", "unknown-profile"),
    }
)
Read = Callable[[Sequence[Source], ReadOptions, Problems], Layers]


def mending(read: Read) -> Read:
    """Return a reader for which, with `options.repair`, rows that it leaves out are warnings and no errors."""

    @wraps(read)
    def mended(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
        if not options.repair:
            return read(sources, options, problems)
        found = Problems(problems.listed)
        try:
            return read(sources, options, found)
        finally:
            kept = [replace(p, level="warning", remedy="left out") if p.code in LEFT_OUT else p for p in found.kept]
            counted = Counter[tuple[str, str]]()
            for (level, code), count in found.counted.items():
                counted["warning" if code in LEFT_OUT else level, code] += count
            found.kept, found.counted = kept, counted
            problems.extend(found)

    return mended
