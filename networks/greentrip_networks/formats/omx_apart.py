"""Take the matrices out of an HDF5 file, in a process of its own: a damaged file can kill the library that reads it.

Run as a script with the file, a folder for the arrays, the most zones and the most bytes; it needs numpy and tables
only. The answer is JSON on standard output: matrices with their place, lookups, and what is wrong.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

SPARE = 4 << 30  # address space beside the matrices


def take_out(path: str, folder: Path, zones: int, most: int) -> dict[str, Any]:
    """Write each matrix as a .npy file of 64-bit floats; return what there is and what is wrong."""
    import numpy as np
    import tables

    problems: list[dict[str, Any]] = []
    matrices: list[dict[str, Any]] = []
    lookups: dict[str, list[str]] = {}

    def say(code: str, expected: str, record: str = "", saw: object = None) -> None:
        problems.append(
            {"code": code, "expected": expected, "record": record, "saw": None if saw is None else str(saw)}
        )

    with tables.open_file(path, "r") as file:
        if "/data" not in file:
            say("no-matrix", "a group /data with matrices")
            return {"matrices": [], "lookups": {}, "problems": problems}
        held = [n for n in file.iter_nodes("/data") if isinstance(n, tables.Array)]
        shapes = {n.name: tuple(int(s) for s in n.shape) for n in held}
        bad = {k for k, s in shapes.items() if len(s) != 2 or s[0] != s[1] or not 0 < s[0] <= zones}
        for key in sorted(bad):
            say("bad-shape", f"as many rows as columns, at most {zones:,}", key, shapes[key])
        if not held:
            say("no-matrix", "at least one matrix in /data")
        total = sum(8 * s[0] * s[1] for k, s in shapes.items() if k not in bad)
        if total > most:
            say("too-large", f"matrices of at most {most:,} bytes together", "", f"{total:,}")
            return {"matrices": [], "lookups": {}, "problems": problems}
        for i, node in enumerate(n for n in held if n.name not in bad):
            if node.dtype.kind not in "fiub":
                say("bad-type", "numbers", node.name, node.dtype)
                continue
            place = folder / f"{i}.npy"
            np.save(place, np.ascontiguousarray(node.read(), np.float64))
            unit = str(node.attrs["unit"]) if "unit" in node.attrs else "trips"
            matrices.append({"name": node.name, "place": place.name, "unit": unit[:100]})
        for node in file.iter_nodes("/lookup") if "/lookup" in file else ():
            if isinstance(node, tables.Array) and node.nrows <= zones:
                values = np.asarray(node.read()).ravel().tolist()
                texts = [v.decode("utf-8", "replace").rstrip("\0") if isinstance(v, bytes) else str(v) for v in values]
                lookups[node.name] = texts
    return {"matrices": matrices, "lookups": lookups, "problems": problems}


if __name__ == "__main__":
    limit = int(sys.argv[4]) + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    known = [n for n in (limit, soft, hard) if n != resource.RLIM_INFINITY]  # never above what is set already
    resource.setrlimit(resource.RLIMIT_AS, (min(known), hard))
    try:
        answer = take_out(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the file cannot be read
        text = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        sys.stdout.write(json.dumps({"error": text[:300]}))
    else:
        sys.stdout.write(json.dumps(answer))
