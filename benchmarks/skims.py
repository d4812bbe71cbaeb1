"""Measure skims of all modes between the zones of a bundled city, period by period.

    python benchmarks/skims.py [--city beijing-2019] [--threads 1] --json

Prints one JSON object. `seconds` is, by period, the median of five skims of car, bicycle, walk, bus and rail (minutes,
kilometres, felt minutes) between all pairs of zones, the traffic of the streets new each time; graphs are laid out
once (`layout_seconds`) and the first skim, which loads or compiles kernels, is not timed (`first_seconds`).
`processor_seconds`, of all threads together, leave out the waiting for other work on the machine. `parts` are the modes
of the last period one by one. `strategies_seconds` is rail and bus as one system instead, by optimal strategies, laid
out and skimmed once.
"""

import argparse
import json
import os
import statistics
import sys
import time

RUNS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--city", default="beijing-2019")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    os.environ["NUMBA_NUM_THREADS"] = str(args.threads)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    import numpy as np
    from greentrip_agents.skims import ZoneSkims
    from greentrip_agents.strategies import StrategyGraph
    from greentrip_agents.transit_graph import alpha_of, transit_links, zone_walks
    from greentrip_networks import PERIODS, load

    clock = time.perf_counter
    city = load(args.city)
    free = city.compiled.roads.free_s
    start = clock()
    laid_out = ZoneSkims(city)
    layout = clock() - start
    start = clock()
    laid_out.period("am")
    first = clock() - start
    rng = np.random.default_rng(1)
    seconds: dict[str, float] = {}
    processor: dict[str, float] = {}
    for name in PERIODS:
        taken, used = [], []
        for _ in range(args.runs):
            traffic = free * rng.uniform(1.0, 2.0, len(free))
            start, at_work = clock(), time.process_time()
            laid_out.period(name, traffic)
            taken.append(clock() - start)
            used.append(time.process_time() - at_work)
        seconds[name], processor[name] = statistics.median(taken), statistics.median(used)
    parts: dict[str, float] = {}
    for mode, streets in laid_out._streets.items():  # noqa: SLF001 - one by one
        start = clock()
        streets.skim(free / 60, laid_out._access.seconds / 60)  # noqa: SLF001
        parts[mode] = clock() - start
    bus, rail = laid_out._buses[-1], laid_out._rail[-1]  # noqa: SLF001
    for mode, skim in (("bus", bus.skim), ("rail stations", rail.skim)):
        start = clock()
        skim()
        parts[mode] = clock() - start
    p = laid_out.parameters
    walks = zone_walks(city, p, laid_out._access.x_m, laid_out._access.y_m)  # noqa: SLF001
    strategies = []
    for _ in range(2):
        start = clock()
        links = transit_links(city, 0, 2.0, p, walks, walks)
        graph = StrategyGraph(
            links.nodes, links.tail, links.head, links.fixed + links.ride, links.frequency, alpha=alpha_of(p)
        )
        graph.skim(links.origin, links.destination)
        strategies.append(clock() - start)
    out = {
        "city": args.city, "zones": len(city.zones), "links": len(free), "threads": args.threads, "runs": args.runs,
        "seconds": seconds, "processor_seconds": processor, "layout_seconds": layout, "first_seconds": first,
        "parts": parts, "strategies_seconds": strategies[-1],
    }  # fmt: skip
    if args.json:
        print(json.dumps(out))
        return
    print(f"{args.city}: {out['zones']} zones, {out['links']} links, {args.threads} threads")
    for name, value in seconds.items():
        print(f"  {name:<4} all modes {value:6.2f} s, processor {processor[name]:.2f} s")
    print("  " + ", ".join(f"{mode} {value:.2f} s" for mode, value in parts.items()))
    print(f"  layout {layout:.2f} s; rail and bus by strategies {strategies[-1]:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
