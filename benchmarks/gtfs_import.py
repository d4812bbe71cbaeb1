"""Import a GTFS feed of national size: generate it, read it in a process of its own, print time and memory.

    python benchmarks/gtfs_import.py [--stop-times 5000000] [--seed 1]

The feed is made up: 1,000 bus lines of 40 patterns' worth of running times, each trip calling at 25 of 30,000 stops,
with shapes of 200 points, on five services. It says nothing about a real country except the number of rows.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

CALLS = 25
LINES = 1_000
STOPS = 30_000
PATTERNS = 40  # different running times of one line


def clock(seconds: np.ndarray) -> pl.Series:
    """Return HH:MM:SS texts."""
    part = [pl.Series(x).cast(pl.String).str.zfill(2) for x in (seconds // 3600, seconds % 3600 // 60, seconds % 60)]
    return part[0] + ":" + part[1] + ":" + part[2]


def generate(path: Path, stop_times: int, seed: int) -> None:
    """Write the feed."""
    draw = np.random.default_rng(seed)
    trips = stop_times // CALLS
    x, y = draw.uniform(100, 120, STOPS), draw.uniform(25, 45, STOPS)
    first = draw.integers(0, STOPS - CALLS, LINES)
    order = np.lexsort((y, np.floor(x * 10)))
    x, y = x[order], y[order]
    line = np.sort(draw.integers(0, LINES, trips))
    runs = np.cumsum(draw.integers(60, 240, (LINES * PATTERNS, CALLS)), axis=1)
    runs -= runs[:, :1]
    which = line * PATTERNS + draw.integers(0, PATTERNS, trips)
    start = draw.integers(5 * 3600, 23 * 3600, trips)
    seconds = (start[:, None] + runs[which]).ravel()
    trip = pl.Series(np.arange(trips)).cast(pl.String)
    at = clock(seconds)
    steps = np.tile(np.linspace(0, 1, 200 // CALLS, endpoint=False), CALLS - 1)
    leg = np.repeat(np.arange(CALLS - 1), 200 // CALLS)
    row = first[:, None] + leg
    shape_x = (x[row] + (x[row + 1] - x[row]) * steps).ravel()
    shape_y = (y[row] + (y[row + 1] - y[row]) * steps).ravel()
    each = np.arange(trips * CALLS)
    tables = {
        "agency.txt": pl.DataFrame(
            {
                "agency_id": ["A"],
                "agency_name": ["Made up"],
                "agency_url": ["https://example.org/"],
                "agency_timezone": ["Asia/Shanghai"],
            }
        ),
        "stops.txt": pl.DataFrame(
            {"stop_id": [f"s{i}" for i in range(STOPS)], "stop_name": "Stop", "stop_lat": y, "stop_lon": x}
        ),
        "routes.txt": pl.DataFrame(
            {"route_id": [f"r{i}" for i in range(LINES)], "route_short_name": "x", "route_type": 3}
        ),
        "trips.txt": pl.DataFrame(
            {
                "route_id": "r" + pl.Series(line).cast(pl.String),
                "service_id": "w" + pl.Series(draw.integers(0, 5, trips)).cast(pl.String),
                "trip_id": "trip-" + trip,
                "shape_id": "h" + pl.Series(line).cast(pl.String),
            }
        ),
        "stop_times.txt": pl.DataFrame(
            {
                "trip_id": ("trip-" + trip)[each // CALLS],
                "arrival_time": at,
                "departure_time": at,
                "stop_id": "s" + pl.Series(first[line][each // CALLS] + each % CALLS).cast(pl.String),
                "stop_sequence": each % CALLS,
            }
        ),
        "calendar.txt": pl.DataFrame(
            {
                "service_id": [f"w{i}" for i in range(5)],
                **dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), 1),
                "start_date": "20240101",
                "end_date": "20241231",
            }
        ),
        "shapes.txt": pl.DataFrame(
            {
                "shape_id": np.repeat([f"h{i}" for i in range(LINES)], len(leg)),
                "shape_pt_lat": shape_y,
                "shape_pt_lon": shape_x,
                "shape_pt_sequence": np.tile(np.arange(len(leg)), LINES),
            }
        ),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, frame in tables.items():
            archive.writestr(name, frame.write_csv())


def measure(path: str) -> None:
    """Read the feed and print what it took, in this process alone."""
    from greentrip_networks.formats import read_layers

    begin, used = time.perf_counter(), time.process_time()
    layers = read_layers(path)
    print(
        json.dumps(
            {
                "seconds": round(time.perf_counter() - begin, 1),
                "cpu_seconds": round(time.process_time() - used, 1),
                "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
                "stop_times": layers.notes.counts["stop_times.txt"],
                "trips": len(layers.trips),
                "patterns": len(layers.patterns),
            }
        )
    )


def main() -> None:
    """Generate a feed, read it in a new process, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stop-times", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--read", help="read this feed and print time and memory")
    given = parser.parse_args()
    if given.read:
        measure(given.read)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "feed.zip")
        generate(path, given.stop_times, given.seed)
        print(f"feed of {path.stat().st_size / 2**20:.0f} MiB packed", file=sys.stderr)
        subprocess.run([sys.executable, __file__, "--read", str(path)], check=True)


if __name__ == "__main__":
    main()
