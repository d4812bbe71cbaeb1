"""Matrices from zone to zone as OpenMatrix files (OMX, HDF5)."""

import json
import subprocess
import sys
import tempfile
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
SECONDS = 900.0  # for one file
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
    """Read one file in a process of its own (`omx_apart`): a damaged HDF5 file can kill the process that reads it."""
    made: dict[str, Matrix] = {}
    with tempfile.TemporaryDirectory(prefix="greentrip-omx-") as folder:
        script = str(Path(__file__).with_name("omx_apart.py"))
        command = [sys.executable, "-I", script, str(source.on_disk(name).resolve()), folder, str(ZONES), str(BYTES)]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)  # noqa: S603 - our own
            answer = json.loads(done.stdout or b"{}")
        except (subprocess.TimeoutExpired, ValueError) as error:
            answer = {"error": error}
        if "matrices" not in answer:
            saw = answer.get("error", "the HDF5 library stopped while reading it")
            raise bad_input("omx", source.name, "unreadable", "a whole OMX file", saw=saw, file=name)
        for problem in answer["problems"]:
            problems.error(
                problem["code"], problem["expected"], file=name, record=problem["record"], saw=problem["saw"]
            )
        for row in answer["matrices"]:
            values = np.load(Path(folder, row["place"]))
            check_values(values, problems, name, row["name"])
            zones = _zones(answer["lookups"], len(values), name, options, problems)
            made[row["name"]] = Matrix(zones, values, row["unit"])
    return made


def _zones(
    lookups: dict[str, list[str]], count: int, name: str, options: ReadOptions, problems: Problems
) -> tuple[str, ...]:
    """Return the ids of zones from a lookup."""
    wanted = options.more.get("lookup", "")
    if wanted and wanted not in lookups:
        problems.error("no-lookup", f"one of {', '.join(lookups) or 'none'}", file=name, saw=wanted)
    key = wanted or next((n for n in (*NAMES, *lookups) if n in lookups), "")
    if key in lookups:
        ids = tuple(lookups[key])
        if len(ids) == count and len(set(ids)) == count:
            return ids
        saw = f"{len(set(ids))} of {len(ids)}"
        problems.error("bad-lookup", f"{count} ids, each once", file=name, record=key, saw=saw)
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
