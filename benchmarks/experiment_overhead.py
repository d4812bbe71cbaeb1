"""What an experiment costs beyond its simulations, and whether the memory of server and workers stays flat.

Bare: as many processes as workers, each loads the city once and simulates its share of scenarios and seeds, keeping
nothing; with `--bare N` only N of them, every scenario before a second seed, and their times count for all. Experiment:
the same scenarios and seeds through a server of its own, over gRPC: rows, leases, progress, days kept, tables written
and synced, the data set laid. The share that counts on a busy machine is that of processor time; that of the clock is
printed beside it. Memory is read every second; the slope is a line through the second half.

    python benchmarks/experiment_overhead.py --scenarios 8 --seeds 2 --sample 0.001 --json
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
_TICKS = os.sysconf("SC_CLK_TCK")


def factor(i: int) -> float:
    """Return the metro fare of a scenario, as a share of today's; the first is today's."""
    return 1.0 + 0.025 * i


def bare(network: str, pairs: list[tuple[int, int]], sample: float, max_days: int, answer: Any) -> None:
    """Simulate scenarios and seeds one after another; send seconds of the clock and the processor spent simulating."""
    from greentrip_agents import simulate
    from greentrip_networks import load
    from greentrip_networks.scenario import SetFare

    city, wall, processor = load(network), 0.0, 0.0
    for i, seed in pairs:
        w, p = time.perf_counter(), time.process_time()
        simulate(SetFare("metro", factor(i)).apply(city), sample=sample, seed=seed, max_days=max_days)
        wall, processor = wall + time.perf_counter() - w, processor + time.process_time() - p
    answer.send((wall, processor, time.process_time()))


def run_bare(options: argparse.Namespace) -> dict[str, float]:
    """Run all pairs in as many processes as there are workers."""
    pairs = [(i, seed) for seed in range(options.seeds) for i in range(options.scenarios)]
    runs, pairs = len(pairs), pairs[: options.bare or len(pairs)]
    context = multiprocessing.get_context("spawn")
    started, made = time.perf_counter(), []
    for k in range(options.workers):
        ours, theirs = context.Pipe()
        share = (options.network, pairs[k :: options.workers], options.sample, options.max_days, theirs)
        process = context.Process(target=bare, args=share)
        process.start()
        made.append((ours, process))
    told = [ours.recv() for ours, _ in made]
    for _, process in made:
        process.join()
    clock, wall, simulating, processor = time.perf_counter() - started, *(sum(t[k] for t in told) for k in range(3))
    more = runs / len(pairs) - 1  # start and loading count once
    return {
        "runs": len(pairs),
        "clock_s": clock + more * wall / options.workers,
        "processor_s": processor + more * simulating,
        "simulating_processor_s": (1 + more) * simulating,
    }


class Watch(threading.Thread):
    """Reads the memory of a server and its workers every second, and the processor time they have taken."""

    def __init__(self, server: int) -> None:
        super().__init__(daemon=True)
        self.server, self.done, self.stopped = server, 0, threading.Event()
        self.memory: list[tuple[int, int, float]] = []  # runs done, process, MB

    def run(self) -> None:
        """Read until stopped."""
        while not self.stopped.wait(1.0):
            for pid in self.processes():
                self.memory.append((self.done, pid, rss_mb(pid)))

    def processes(self) -> list[int]:
        """Return the server and its children."""
        found = [self.server]
        for task in Path(f"/proc/{self.server}/task").iterdir():
            found += [int(p) for p in (task / "children").read_text().split()]
        return found

    def processor_s(self) -> float:
        """Return the processor time of the server, of its children and of those that have ended."""
        total = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(x) for x in (fields[11:15] if pid == self.server else fields[11:13]))
        return total / _TICKS

    def told(self, of: set[int]) -> dict[str, float]:
        """Return the memory of some processes together: at the middle, at the end, and its slope between, MB a run."""
        by_run: dict[int, list[float]] = {}
        for done, pid, mb in self.memory:
            if pid in of:
                by_run.setdefault(done, []).append(mb)
        points = [(done, max(values)) for done, values in sorted(by_run.items())]
        late = points[len(points) // 2 :]
        if len(late) < 2:
            return {"last_mb": points[-1][1] if points else 0.0, "slope_mb_a_run": 0.0}
        mean_x = sum(x for x, _ in late) / len(late)
        mean_y = sum(y for _, y in late) / len(late)
        slope = sum((x - mean_x) * (y - mean_y) for x, y in late) / sum((x - mean_x) ** 2 for x, _ in late)
        return {"middle_mb": late[0][1], "last_mb": late[-1][1], "slope_mb_a_run": slope}


def rss_mb(pid: int) -> float:
    """Return the memory a process holds, MB; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError):
        return 0.0


def run_experiment(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run all pairs as one experiment."""
    import greentrip
    from greentrip.v1 import run_pb2

    fare = {"kind": "SetFare", "system": "metro", "factor": "$f"}
    factors = [factor(i) for i in range(options.scenarios)]
    spec = {
        "name": "overhead",
        "network": options.network,
        "sample": options.sample,
        "max_days": options.max_days,
        "seeds": list(range(options.seeds)),
        "scenario": [
            {"name": "fare", "interventions": [fare], "sweep": {"method": "list", "values": {"f": factors}}},
        ],
    }
    clock, mine = time.perf_counter(), time.process_time()
    with greentrip.connect(data_dir=folder, workers=options.workers) as client:
        server = json.loads((folder / "server.json").read_text())["pid"]
        watch = Watch(server)
        watch.start()
        client.run_experiment(spec)
        for made in client.watch_experiment("overhead"):
            watch.done = made.progress.succeeded
        ended = time.perf_counter() - clock
        watch.stopped.set()
        watch.join()
        processor = watch.processor_s() + time.process_time() - mine
        failed = [r.scenario for r in made.runs if r.state != run_pb2.RUN_STATE_SUCCEEDED]
    return {
        "clock_s": ended,
        "processor_s": processor,
        "failed": failed,
        "server_memory": watch.told({server}),
        "worker_memory": watch.told({pid for _, pid, _ in watch.memory if pid != server}),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="beijing-2019")
    parser.add_argument("--sample", type=float, default=0.001)
    parser.add_argument("--scenarios", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--max-days", type=int, default=10)
    parser.add_argument(
        "--bare", type=int, default=0, help="runs made bare, 0: all; the others are taken to cost as much"
    )
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.bare % options.workers:
        parser.error(f"--bare: a multiple of {options.workers} workers, so that none of them waits for the others")
    os.environ |= dict.fromkeys(ONE_THREAD, "1")
    plain = run_bare(options)
    with tempfile.TemporaryDirectory() as folder:
        batch = run_experiment(options, Path(folder))
    result = {
        **{k: v for k, v in vars(options).items() if k != "json"},
        "runs": options.scenarios * options.seeds,
        "bare": plain,
        "experiment": batch,
        "overhead_processor": batch["processor_s"] / plain["processor_s"] - 1,
        "overhead_clock": batch["clock_s"] / plain["clock_s"] - 1,
        "load": os.getloadavg()[0],
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
