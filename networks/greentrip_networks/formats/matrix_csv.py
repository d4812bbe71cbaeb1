"""Matrices from zone to zone as CSV: one row a pair (origin, destination, columns of values), or a square table."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.csv_tables import LINE, Field, read_csv
from greentrip_networks.formats.frames import not_held
from greentrip_networks.formats.omx import ZONES, check_values
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import Layers, Matrix, Notes
from greentrip_networks.problems import Problems

_WORDS = ("{0}", "{0}_zone", "{0}_id", "{0}_zone_id")
ORIGINS = tuple(w.format(n) for n in ("origin", "from", "orig", "o") for w in _WORDS)
DESTINATIONS = tuple(w.format(n) for n in ("destination", "to", "dest", "d") for w in _WORDS)
COLUMNS = 200  # of values


def is_matrix_csv(source: Source) -> bool:
    """Say whether a CSV file's header is that of a matrix."""
    if len(source.files) != 1:
        return False
    names = _header(source, next(iter(source.files)))
    return _pair(names) is not None or _square(names)


def _header(source: Source, name: str) -> list[str]:
    """Return the names of the first line, none if it is no text."""
    line = source.head(name, 1 << 20).split(b"\n", 1)[0]
    try:
        return [n.strip() for n in next(csv.reader([line.decode("utf-8-sig").rstrip("\r")]), [])]
    except (UnicodeDecodeError, csv.Error):
        return []


def _pair(names: Sequence[str]) -> tuple[str, str] | None:
    """Return the columns of origin and destination of a list of pairs."""
    low = {n.casefold().replace(" ", "_"): n for n in names}
    origin = next((low[n] for n in ORIGINS if n in low), None)
    destination = next((low[n] for n in DESTINATIONS if n in low), None)
    return (origin, destination) if origin is not None and destination is not None and len(names) > 2 else None


def _square(names: Sequence[str]) -> bool:
    """Say whether a header is an empty or plain corner and then zones that are numbers."""
    return (
        len(names) > 2
        and names[0].casefold() in ("", "zone", "zone_id", "o/d", "od")
        and all(re.fullmatch(r"\d{1,9}", n) for n in names[1:])
    )


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read files; a list gives one matrix for each column of values, a square table one named after its file."""
    matrices: dict[str, Matrix] = {}
    for source in sources:
        name = next(iter(source.files))
        names = _header(source, name)
        pair = _pair(names)
        if pair:
            values = [n for n in names if n not in pair][:COLUMNS]
            found = _long(source, name, pair, values, options, problems)
        elif _square(names):
            found = _wide(source, name, names, options, problems)
        else:
            problems.error(
                "no-matrix", "columns origin, destination and values", file=name, line=1, saw=",".join(names)[:100]
            )
            continue
        for key, matrix in found.items():
            matrices[key if key not in matrices else f"{Path(name).stem}/{key}"] = matrix
    return Layers(
        matrices=matrices,
        notes=Notes(format="matrix-csv", files=tuple(s.name for s in sources), counts={"matrices": len(matrices)}),
    )


def _long(
    source: Source, name: str, pair: tuple[str, str], values: list[str], options: ReadOptions, problems: Problems
) -> dict[str, Matrix]:
    fields = [Field(pair[0], to="origin", needed=True), Field(pair[1], to="destination", needed=True)]
    frame = read_csv(
        source, name, [*fields, *(Field(v, "number") for v in values)], problems, encoding=options.encoding
    )
    again = frame.select(~pl.struct("origin", "destination").is_first_distinct()).to_series()
    if again.any():
        rows = frame.filter(again).head(20)
        saw = [f"{a}, {b}" for a, b in rows.select("origin", "destination").iter_rows()]
        lines = rows[LINE].to_list()
        count = int(again.sum())
        problems.many("error", "duplicate-pair", "each pair once", count=count, lines=lines, saw=saw, file=name)
    ids = _ordered(
        pl.concat([frame["origin"].alias("z"), frame["destination"].alias("z")]).unique(maintain_order=True).to_list()
    )
    if len(ids) > ZONES:
        problems.error("too-many-zones", f"at most {ZONES:,} zones", file=name, saw=f"{len(ids):,}")
        return {}
    row = {z: i for i, z in enumerate(ids)}
    at = [
        frame[c].replace_strict(row, return_dtype=pl.Int64).to_numpy() if len(frame) else np.empty(0, np.int64)
        for c in ("origin", "destination")
    ]
    made = {}
    for column in values:
        matrix = np.zeros((len(ids), len(ids)))
        matrix[at[0], at[1]] = frame[column].fill_null(np.nan).to_numpy()
        check_values(matrix, problems, name, column)
        made[column] = Matrix(tuple(ids), matrix)
    return made


def _ordered(ids: list[str]) -> list[str]:
    """Return ids in order: by number if all are numbers, else by text."""
    if all(i.isascii() and i.isdigit() and len(i) < 16 for i in ids):
        return sorted(ids, key=lambda i: (int(i), i))
    return sorted(ids)


def _wide(source: Source, name: str, names: list[str], options: ReadOptions, problems: Problems) -> dict[str, Matrix]:
    corner, zones = names[0], names[1:]
    if len(zones) > ZONES or len(set(zones)) < len(zones):
        problems.error(
            "bad-header", f"at most {ZONES:,} zones, each once", file=name, line=1, saw=f"{len(zones)} zones"
        )
        return {}
    frame = read_csv(
        source,
        name,
        [Field(corner, to="origin", needed=True), *(Field(z, "number", to=f"to {z}") for z in zones)],
        problems,
        encoding=options.encoding,
    )
    if sorted(frame["origin"].to_list()) != sorted(zones):
        unknown = [z for z in frame["origin"].to_list() if z not in set(zones)]
        problems.error(
            "not-square",
            "a row for each zone of the header, once",
            file=name,
            saw=unknown[0] if unknown else f"{len(frame)} rows",
        )
        return {}
    row = {z: i for i, z in enumerate(zones)}
    order = [row[z] for z in frame["origin"].to_list()]
    values = np.zeros((len(zones), len(zones)))
    values[order] = frame.select(pl.exclude("origin", LINE)).fill_null(np.nan).to_numpy()
    check_values(values, problems, name, Path(name).stem)
    return {Path(name).stem: Matrix(tuple(zones), values)}


def write(layers: Layers, path: Path, problems: Problems) -> None:
    """Write every pair of zones as a row with a column for each matrix; NaN is an empty cell."""
    zones: list[str] = sorted({z for m in layers.matrices.values() for z in m.zones})
    if not layers.matrices:
        problems.error("no-matrix", "at least one matrix", field="matrices")
        return
    n = len(zones)
    columns: dict[str, Any] = {
        "origin": np.repeat(np.array(zones, object), n),
        "destination": np.tile(np.array(zones, object), n),
    }
    for name, matrix in layers.matrices.items():
        values = np.full((n, n), np.nan)
        row = {z: i for i, z in enumerate(zones)}
        at = [row[z] for z in matrix.zones]
        values[np.ix_(at, at)] = matrix.values
        columns[name] = pl.Series(values.ravel()).fill_nan(None)
    pl.DataFrame(columns, schema_overrides={"origin": pl.String, "destination": pl.String}).write_csv(path)
    not_held(layers, (), problems, matrices=True)


FORMAT = Format(
    name="matrix-csv",
    title="Matrices as CSV (pairs or square)",
    detect=is_matrix_csv,
    read=read,
    write=write,
    suffix=".csv",
)
