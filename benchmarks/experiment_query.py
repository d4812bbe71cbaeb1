"""How soon are all trips of an experiment asked: 1,000 runs of 100,000 trips, with DuckDB over the data set on disk.

One real run of the tiny city gives the rows; `--files` different trip tables are drawn from it, keyed, and linked in
turn into `--runs` partitions, as an experiment lays its runs. Each question is asked in a process of its own; the first
time may read the disk, the median of the others is what a user waits who asks again.

    python benchmarks/experiment_query.py --json
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from greentrip_networks.hashing import uniform
from greentrip_server.experiments import store

QUESTIONS = {
    "green share by scenario": "SELECT scenario, 100 * sum(weight) FILTER (mode IN ('walk', 'bicycle', 'ebike', 'bus', "
    "'metro', 'pr')) / sum(weight) AS green FROM trips WHERE counted GROUP BY scenario ORDER BY green DESC",
    "trips by scenario and mode": "SELECT scenario, mode, sum(weight) AS trips FROM trips WHERE counted GROUP BY ALL",
    "minutes by purpose": "SELECT purpose, sum(minutes * weight) / sum(weight) AS minutes FROM trips "
    "WHERE counted AND mode = 'metro' GROUP BY ALL",
    "one scenario by home zone": "SELECT home_zone, mode, sum(weight) AS trips FROM trips "
    "WHERE scenario = 's7' AND counted GROUP BY ALL",
    "the same from the sums": "SELECT scenario, 100 * sum(trips) FILTER (mode IN ('walk', 'bicycle', 'ebike', 'bus', "
    "'metro', 'pr')) / sum(trips) AS green FROM sums WHERE counted GROUP BY scenario ORDER BY green DESC",
    "a figure of every run": "SELECT scenario, avg(value) FROM figures WHERE indicator = 'green_share' GROUP BY ALL",
}


def lay(root: Path, runs: int, trips: int, files: int, seeds: int) -> dict[str, Any]:
    """Write the data set; return its size."""
    from greentrip_agents import simulate
    from greentrip_networks import tiny

    run = simulate(tiny(), sample=0.02, max_days=2)
    folders = []
    for i in range(files):
        rows = (uniform(3, i, np.arange(trips)) * run.trips.height).astype(np.int64)
        some = run.trips[rows].with_columns(person=pl.Series(rows // 2), minutes=pl.col("minutes") + i / files)
        folder = root / "runs" / str(i)
        folder.mkdir(parents=True)
        some.sort("person", "tour", "direction").write_parquet(folder / "trips.parquet", compression="lz4")
        run.links.write_parquet(folder / "links.parquet")
        run.lines.write_parquet(folder / "lines.parquet")
        folders.append(folder)
    names = [f"s{i}" for i in range(-(-runs // seeds))]
    point = {"family": "", "network": "networks/tiny", "plan": "", "description": "", "cost_million_cny_year": None}
    store.clear(root / "data", [{**point, "name": name, "values": {}} for name in names])
    started = time.perf_counter()
    for i in range(runs):
        store.add(root / "data", names[i // seeds], i % seeds, folders[i % files], run.indicators)
    laid = time.perf_counter() - started
    return {
        "runs": runs,
        "trips_a_run": trips,
        "different_files": files,
        "megabytes_a_run": sum(f.stat().st_size for f in folders[0].iterdir()) / 1e6,
        "laying_ms_a_run": 1000 * laid / runs,
    }


def asked(root: Path, sql: str, answer: Any) -> None:
    """Ask one question and send how long it took, s, how long all processors took, s, and the rows."""
    wall, processor = time.perf_counter(), time.process_time()
    found = store.ask(root, sql)
    answer.send((time.perf_counter() - wall, time.process_time() - processor, found.height))


def main() -> None:
    """Lay, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--trips", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=40, help="trip tables that differ")
    parser.add_argument("--seeds", type=int, default=5, help="runs of a scenario")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="lay the data set here, or ask the one that is there")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or Path(temporary)
        size: dict[str, Any] = {}
        if not (root / "data").is_dir():
            size = lay(root, options.runs, options.trips, options.files, options.seeds)
        context = multiprocessing.get_context("spawn")
        questions = {}
        for name, sql in QUESTIONS.items():
            took = []
            for _ in range(options.times):
                ours, theirs = context.Pipe()
                process = context.Process(target=asked, args=(root / "data", sql, theirs))
                process.start()
                took.append(ours.recv())
                process.join()
            questions[name] = {
                "first_s": round(took[0][0], 3),
                "median_s": round(statistics.median(t[0] for t in took[1:] or took), 3),
                "processor_s": round(statistics.median(t[1] for t in took[1:] or took), 3),
                "rows": took[0][2],
            }
    result = {**size, "cores": os.cpu_count(), "load": os.getloadavg()[0], "questions": questions}
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
