"""Read and write a made-up city in every format; say records a second.

    python benchmarks/formats.py [--side 60] [--trips 2000] [--json]

The city is a grid of SIDE x SIDE nodes with about 4 * SIDE * SIDE links, zones along one edge, a line with TRIPS trips
and a matrix. Records are the rows of what was read: nodes, links, turns, zones, stops, calls, trips, matrix cells. Each
format is read twice and the better time counts, so that compiling does not.
"""

import argparse
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

from greentrip_networks.formats import formats, read_layers, write_layers
from greentrip_networks.formats.samples import city, valid_files
from greentrip_networks.layers import Layers


def records(layers: Layers) -> int:
    """Return the rows of every frame and the cells of every matrix."""
    return sum(len(f) for _, f in layers.frames()) + sum(m.values.size for m in layers.matrices.values())


def best(work: object, times: int = 2) -> float:
    """Return the least seconds of a few runs."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        work()  # type: ignore[operator]
        took.append(time.perf_counter() - start)
    return min(took)


def main() -> None:
    """Write, read, time."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=60)
    parser.add_argument("--trips", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = valid_files(folder / "in", args.side, args.trips)
        layers = city(args.side, args.trips)
        for name, path in files.items():
            read = read_layers(path)
            row = {"format": name, "records": records(read), "read_s": best(lambda p=path: read_layers(p))}
            kind = formats()[name.split("/")[0]]
            if kind.write and "/" not in name:
                target = folder / f"out-{name}{path.suffix if path.is_file() else ''}"
                part = layers.with_(matrices={}) if name == "population" else layers
                row["write_s"] = best(lambda t=target, p=part, n=name: (_clear(t), write_layers(p, t, n)))
            rows.append(row)
    for row in rows:
        row["read_per_s"] = row["records"] / row["read_s"]
        if "write_s" in row:
            row["write_per_s"] = row["records"] / row["write_s"]
    if args.json:
        print(json.dumps({"side": args.side, "trips": args.trips, "formats": rows}))
        return
    print(f"{'format':20}{'records':>10}{'read s':>9}{'read/s':>12}{'write s':>9}{'write/s':>12}")
    for row in rows:
        wrote = f"{row['write_s']:>9.3f}{row['write_per_s']:>12,.0f}" if "write_s" in row else f"{'-':>9}{'-':>12}"
        print(f"{row['format']:20}{row['records']:>10,}{row['read_s']:>9.3f}{row['read_per_s']:>12,.0f}{wrote}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def _clear(path: Path) -> None:
    """Remove what was written before."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
