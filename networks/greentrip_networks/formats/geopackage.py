"""GeoPackage: every frame of a network as a layer of one file, and anybody's layers of streets, zones or stops."""

import sqlite3
import warnings
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.frames import merged, not_held
from greentrip_networks.formats.geo_frames import KIND, Table, layers_of, tables_of
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import SCHEMAS, Layers
from greentrip_networks.problems import Problems, bad_input

MAGIC = b"SQLite format 3\0"
ROWS = 50_000_000  # of one layer


def is_geopackage(source: Source) -> bool:
    """Say whether a file is an SQLite database with the tables of a GeoPackage."""
    if len(source.files) != 1:
        return False
    head = source.head(next(iter(source.files)), 1 << 16)
    return head.startswith(MAGIC) and (head[68:72] in (b"GPKG", b"GP10", b"GP11") or b"gpkg_contents" in head)


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read the layers of files; `options.more` may name some: `layers=roads,zones`."""
    return merged([_read_one(source, options, problems) for source in sources])


def _read_one(source: Source, options: ReadOptions, problems: Problems) -> Layers:
    name = next(iter(source.files))
    path = source.on_disk(name).resolve()
    wanted = [w for w in options.more.get("layers", "").split(",") if w]
    tables = []
    for layer in _layers(path, source, problems):
        if wanted and layer not in wanted:
            continue
        tables.append(read_ogr(path, layer, source.name, name, problems))
    for layer in wanted:
        if layer not in {t.name for t in tables}:
            problems.error("no-layer", "a layer of the file", file=name, saw=layer)
    return layers_of(tables, options, problems, format_name="geopackage", file=name)


def _layers(path: Path, source: Source, problems: Problems) -> list[str]:
    """Return the layers that are tables; a view could run anything, so it is not opened."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as base:
            base.execute("PRAGMA trusted_schema = OFF")
            kinds = dict(
                base.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
            )
            contents = base.execute(
                "SELECT table_name FROM gpkg_contents WHERE data_type IN ('features', 'attributes')"
            )
            names = [str(n) for (n,) in contents.fetchmany(10_000)]
    except (sqlite3.Error, UnicodeDecodeError, ValueError) as error:
        raise bad_input(
            "geopackage", source.name, "unreadable", "a whole GeoPackage", saw=error, file=source.name
        ) from None
    for view in (n for n in names if kinds.get(n) != "table"):
        problems.error("no-table", "a layer that is a table", file=source.name, saw=view, remedy="save it as a layer")
    return [n for n in names if kinds.get(n) == "table"]


def read_ogr(path: Path, layer: str | None, source_name: str, file: str, problems: Problems) -> Table:
    """Read one layer through GDAL, whose own warnings become warnings of ours."""
    import pyarrow as pa
    import pyogrio

    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            info = pyogrio.read_info(path, layer=layer, force_feature_count=True)
        if info["features"] > ROWS:
            raise bad_input(
                "gis", source_name, "too-many-rows", f"at most {ROWS:,} rows", saw=info["features"], file=file
            )
        with warnings.catch_warnings(record=True) as also:
            warnings.simplefilter("always")
            meta, table = pyogrio.read_arrow(path, layer=layer)
        table.validate(full=True)  # GDAL passes on text that is no UTF-8
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        pyogrio.errors.FieldError,
        pa.ArrowException,
        ValueError,
        RuntimeError,
        OSError,
    ) as error:
        raise bad_input(
            "gis", source_name, "unreadable", "a whole layer", saw=error, file=file, record=layer or ""
        ) from None
    for text in dict.fromkeys(str(w.message) for w in (*told, *also)):
        problems.warn("gdal", "a layer without oddities", file=file, record=layer or "", saw=text)
    shape = meta["geometry_name"] or "wkb_geometry"
    wkb: Any = None
    if shape in table.column_names:
        wkb = np.array(table.column(shape).to_pylist(), object)
        table = table.drop_columns([shape])
    for i, column in reversed(list(enumerate(table.schema))):
        if not (
            pa.types.is_primitive(column.type)
            or pa.types.is_string(column.type)
            or pa.types.is_large_string(column.type)
        ):
            table = table.remove_column(i)
    frame = pl.DataFrame(pl.from_arrow(table))
    if wkb is not None and all(w is None for w in wkb) and info["geometry_type"] is None:
        wkb = None
    return Table(layer or Path(file).stem, frame, wkb, meta["crs"] or "")


def write(layers: Layers, path: Path, problems: Problems) -> None:
    """Write every frame with rows as a layer (those without places as plain tables)."""
    path.unlink(missing_ok=True)
    for table in tables_of(layers):
        write_ogr(table, path, "GPKG", layer=table.name)
    not_held(layers, tuple(SCHEMAS), problems)


def write_ogr(table: Table, path: Path, driver: str, layer: str, **options: str) -> None:
    """Write one table through GDAL."""
    import pyarrow as pa
    import pyogrio

    arrow = table.columns.to_arrow(compat_level=pl.CompatLevel.oldest())
    if table.wkb is None and driver == "GPKG":
        pyogrio.write_arrow(arrow, path, layer=layer, driver=driver, ASPATIAL_VARIANT="GPKG_ATTRIBUTES")
        return
    wkb = table.wkb if table.wkb is not None else np.full(len(table.columns), None, object)
    arrow = arrow.append_column("geom", pa.array(wkb.tolist(), pa.binary()))
    kind = KIND.get(table.name, "Unknown")
    pyogrio.write_arrow(
        arrow, path, layer=layer, driver=driver, geometry_name="geom", geometry_type=kind, crs="EPSG:4326", **options
    )


FORMAT = Format(name="geopackage", title="GeoPackage", detect=is_geopackage, read=read, write=write, suffix=".gpkg")
