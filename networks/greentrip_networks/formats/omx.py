"""Matrices from zone to zone as OpenMatrix files (OMX, HDF5)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import Layers, Matrix, Notes
from greentrip_networks.problems import Problems, bad_input

MAGIC = b"\x89HDF\r\n\x1a\n"
ZONES = 20_000  # a matrix of so many zones takes 3.2 GB
BYTES = 8 << 30  # all matrices of a file together
NAMES = ("zone_id", "zone", "zones", "taz", "TAZ", "ZONE", "zone number", "NO")


def is_omx(source: Source) -> bool:
    """Say whether a file is HDF5."""
    return len(source.files) == 1 and source.head(next(iter(source.files)), 8) == MAGIC


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read every matrix; zones are named by the file's lookup (or `more`: `lookup=NAME`), else 1, 2, ..."""
    matrices: dict[str, Matrix] = {}
    for source in sources:
        name = next(iter(source.files))
        for key, matrix in _read_one(source, name, options, problems).items():
            matrices[key if key not in matrices else f"{Path(name).stem}/{key}"] = matrix
    files = tuple(s.name for s in sources)
    return Layers(matrices=matrices, notes=Notes(format="omx", files=files, counts={"matrices": len(matrices)}))


def _read_one(source: Source, name: str, options: ReadOptions, problems: Problems) -> dict[str, Matrix]:
    import tables

    try:
        with tables.open_file(str(source.on_disk(name)), "r") as file:
            return _matrices(file, name, options, problems)
    except (
        tables.HDF5ExtError,
        tables.NoSuchNodeError,
        OSError,
        ValueError,
        KeyError,
        RuntimeError,
        AttributeError,
        TypeError,
        IndexError,
    ) as error:
        text = str(error).strip().splitlines()
        raise bad_input(
            "omx", source.name, "unreadable", "a whole OMX file", saw=text[-1] if text else error, file=name
        ) from None


def _matrices(file: Any, name: str, options: ReadOptions, problems: Problems) -> dict[str, Matrix]:
    """Return the matrices of an open file."""
    import tables

    if "data" not in file.root:
        problems.error("no-matrix", "a group /data with matrices", file=name)
        return {}
    held = [n for n in file.root.data._f_iter_nodes() if isinstance(n, tables.Array)]  # noqa: SLF001 - its public name
    shapes = {n.name: tuple(int(s) for s in n.shape) for n in held}
    bad = {k: s for k, s in shapes.items() if len(s) != 2 or s[0] != s[1] or s[0] < 1 or s[0] > ZONES}
    for key, shape in bad.items():
        problems.error("bad-shape", f"as many rows as columns, at most {ZONES:,}", file=name, record=key, saw=shape)
    if not held:
        problems.error("no-matrix", "at least one matrix in /data", file=name)
    total = sum(8 * s[0] * s[1] for k, s in shapes.items() if k not in bad)
    if total > BYTES:
        problems.error("too-large", f"matrices of at most {BYTES:,} bytes together", file=name, saw=f"{total:,}")
        return {}
    made: dict[str, Matrix] = {}
    for node in held:
        if node.name in bad:
            continue
        if node.dtype.kind not in "fiub":
            problems.error("bad-type", "numbers", file=name, record=node.name, saw=node.dtype)
            continue
        values = np.asarray(node.read(), np.float64)
        check_values(values, problems, name, node.name)
        unit = str(node.attrs["unit"]) if "unit" in node.attrs else "trips"
        made[node.name] = Matrix(_zones(file, len(values), name, options, problems), values, unit)
    return made


def _zones(file: Any, count: int, name: str, options: ReadOptions, problems: Problems) -> tuple[str, ...]:
    """Return the ids of zones from a lookup."""
    lookups = {n.name: n for n in file.root.lookup._f_iter_nodes()} if "lookup" in file.root else {}  # noqa: SLF001
    wanted = options.more.get("lookup", "")
    if wanted and wanted not in lookups:
        problems.error("no-lookup", f"one of {', '.join(lookups) or 'none'}", file=name, saw=wanted)
    key = wanted or next((n for n in (*NAMES, *lookups) if n in lookups), "")
    if key in lookups:
        values = np.asarray(lookups[key].read()).ravel()
        ids = tuple(
            v.decode("utf-8", "replace").rstrip("\0") if isinstance(v, bytes) else str(v) for v in values.tolist()
        )
        if len(ids) == count and len(set(ids)) == count:
            return ids
        problems.error(
            "bad-lookup", f"{count} ids, each once", file=name, record=key, saw=f"{len(set(ids))} of {len(ids)}"
        )
    return tuple(str(i) for i in range(1, count + 1))


def check_values(values: np.ndarray[Any, np.dtype[np.float64]], problems: Problems, file: str, record: str) -> None:
    """Add an error for infinite values and a warning for negative ones; NaN means none."""
    infinite, negative = np.isinf(values), values < 0
    for flags, level, code, expected in (
        (infinite, "error", "not-finite", "finite numbers"),
        (negative, "warning", "negative", "numbers of at least 0"),
    ):
        if flags.any():
            i, j = (int(k) for k in np.argwhere(flags)[0])
            problems.add(
                level,
                code,
                expected,
                file=file,
                record=f"{record}[{i + 1}, {j + 1}]",
                saw=values[i, j],
                times=int(flags.sum()),
            )


def write(layers: Layers, path: Path, problems: Problems) -> None:
    """Write every matrix with the zones' ids as lookup zone_id; all must have the same zones."""
    import openmatrix
    import tables

    zones = {m.zones for m in layers.matrices.values()}
    if len(zones) != 1:
        problems.error(
            "zones-differ", "matrices of the same zones", field="matrices", saw=f"{len(zones)} sets of zones"
        )
        return
    path.unlink(missing_ok=True)
    ids = next(iter(zones))
    with openmatrix.open_file(str(path), "w", filters=tables.Filters(complevel=1, complib="zlib")) as file:
        for name, matrix in layers.matrices.items():
            key = name.replace("/", "_") or "matrix"
            if key != name:
                problems.warn("renamed", "names without /", field="matrices", saw=name, remedy=f"written as {key}")
            file[key] = matrix.values
            file[key].attrs["unit"] = matrix.unit
        if all(i.isascii() and i.isdigit() and len(i) < 10 and str(int(i)) == i for i in ids):
            file.create_mapping("zone_id", [int(i) for i in ids])
        else:
            encoded = np.array([i.encode() for i in ids])
            if "lookup" not in file.root:
                file.create_group(file.root, "lookup")
            file.create_array(file.root.lookup, "zone_id", obj=encoded)
    for name in layers.counts():
        if name != "matrices":
            problems.warn("not-held", "a format that holds it", field=name, remedy="left out of this file")


FORMAT = Format(name="omx", title="OpenMatrix (OMX)", detect=is_omx, read=read, write=write, suffix=".omx")
