"""GeoParquet 1.0: a folder with one file for each frame of a network, and anybody's file of streets, zones or stops."""

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import polars as pl

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.frames import not_held
from greentrip_networks.formats.geo_frames import Table, layers_of, tables_of
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import SCHEMAS, Layers
from greentrip_networks.problems import Problems, bad_input

SUFFIXES = (".parquet", ".geoparquet")
ROWS = 50_000_000  # of one file: columns of one repeated value need no bytes, so rows are what is bounded


def is_geoparquet(source: Source) -> bool:
    """Say whether files are Parquet with the metadata of GeoParquet, or named after frames of ours."""
    return any(_is_one(source, name) for name in _files(source))


def _files(source: Source) -> list[str]:
    return [n for n in source.files if n.casefold().endswith(SUFFIXES)]


def _is_one(source: Source, name: str) -> bool:
    if source.head(name, 4) != b"PAR1":
        return False
    if PurePosixPath(name).stem in SCHEMAS and len(source.files) > 1:
        return True
    try:
        import pyarrow.parquet as pq

        return b"geo" in (pq.read_schema(source.on_disk(name)).metadata or {})
    except Exception:  # noqa: BLE001 - whatever is wrong is said when the file is read
        return False


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read files or folders of files; each file is a layer named after it."""
    tables = [read_table(s, name) for s in sources for name in _files(s) or list(s.files)]
    file = sources[0].name
    return layers_of(tables, options, problems, format_name="geoparquet", file=file)


def read_table(source: Source, name: str) -> Table:
    """Read one Parquet file, its geometry as WKB if its metadata names one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source.on_disk(name))
        rows = file.metadata.num_rows
        size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        if rows > ROWS or size > source.limits.file_bytes:
            raise bad_input(
                "parquet",
                source.name,
                "too-large",
                f"at most {ROWS:,} rows",
                saw=f"{rows:,} rows, {size:,} bytes",
                file=name,
            )
        table = file.read()
        table.validate(full=True)
        metadata = table.schema.metadata or {}
        geo: Any = json.loads(metadata.get(b"geo", b"{}"))
        column = geo.get("primary_column", "")
        crs = _crs(geo.get("columns", {}).get(column, {}))
    except (pa.ArrowException, OSError, ValueError, AttributeError, TypeError) as error:
        raise bad_input("parquet", source.name, "unreadable", "a whole Parquet file", saw=error, file=name) from None
    wkb: Any = None
    if column in table.column_names:
        try:
            wkb = np.array([None if v is None else bytes(v) for v in table.column(column).to_pylist()], object)
        except (TypeError, ValueError):
            raise bad_input(
                "parquet", source.name, "bad-geometry", "geometries as WKB", file=name, field=column
            ) from None
        table = table.drop_columns([column])
    for i, field in reversed(list(enumerate(table.schema))):
        if not (
            pa.types.is_primitive(field.type) or pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ):
            table = table.remove_column(i)
    bare = pa.Table.from_arrays(table.columns, names=table.column_names)  # polars panics at metadata that is no text
    return Table(PurePosixPath(name).stem, pl.DataFrame(pl.from_arrow(bare)), wkb, crs)


def _crs(column: Any) -> str:
    """Return the system that GeoParquet's metadata names: PROJJSON, or longitude and latitude if it names none."""
    crs = column.get("crs")
    return json.dumps(crs) if crs else ""


def write(layers: Layers, path: Path, problems: Problems) -> None:
    """Write NAME.parquet for every frame with rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.mkdir(parents=True, exist_ok=True)
    for table in tables_of(layers):
        arrow = table.columns.to_arrow(compat_level=pl.CompatLevel.oldest())
        if table.wkb is not None:
            arrow = arrow.append_column("geometry", pa.array(table.wkb.tolist(), pa.binary()))
            about = {
                "version": "1.0.0",
                "primary_column": "geometry",
                "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}},
            }
            arrow = arrow.replace_schema_metadata({"geo": json.dumps(about)})
        pq.write_table(arrow, path / f"{table.name}.parquet")
    not_held(layers, tuple(SCHEMAS), problems)


FORMAT = Format(
    name="geoparquet",
    title="GeoParquet (a file, or a folder of one a layer)",
    detect=is_geoparquet,
    read=read,
    write=write,
    folder=True,
)
