"""Measure road equilibrium on a TNTP instance, with other engines on the same instance in the same run.

    python benchmarks/road_equilibrium.py --net N_net.tntp --trips N_trips.tntp --gap 1e-6 --threads 1 \
        [--peers pytraf,aequilibrae] [--flows OUT.csv] --json

Prints one JSON object. Every measurement is a process of its own, pinned to as many processors as threads, engines in
turn, five times; seconds and peak memory are medians. Timed is the way from network and trips in memory to link flows
(Greentrip's includes laying out the graph; peers get their graph objects ready-made). A tiny instance is solved first:
its time, compilation included, is ``warm_up_seconds``. Gap, (TSTT - SPTT) / TSTT, and objective are recomputed
from each engine's link flows by other code (scipy's shortest paths), not taken from the engine.

A link's cost is its delay + toll weight x toll + distance weight x length; the weights of published solutions are known
by file name and printed. Links of power 0 have a constant delay; where a peer rejects them (or a free-flow time of 0)
it gets the same constant as b = 0, power 1, free-flow time x (1 + b), the extra cost moved into it. A peer that stops
above the asked gap is asked for less until it is at most that.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers import asked_peers

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from greentrip_networks.tntp import TntpNetwork, TntpTrips
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RUNS = 5
PEERS = ("pytraf", "aequilibrae")
WEIGHTS = {"ChicagoSketch_net": (0.02, 0.04)}  # toll, distance: those of the published solution
EXACT = 1e-9  # at gaps asked of at most this, volumes must have settled too
SETTLED = 1e-4  # vehicles
TRIES = 8  # times that a peer's target is lowered


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", required=True, type=Path)
    parser.add_argument("--trips", required=True, type=Path)
    parser.add_argument("--gap", type=float, default=1e-6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers", default="", help=f"of {', '.join(PEERS)}, separated by commas")
    parser.add_argument("--flows", type=Path, help="write link flows to this CSV file")
    parser.add_argument("--toll-weight", type=float)
    parser.add_argument("--distance-weight", type=float)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", choices=("greentrip", *PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--ask", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    known = WEIGHTS.get(args.net.stem, (0.0, 0.0))
    args.toll_weight = known[0] if args.toll_weight is None else args.toll_weight
    args.distance_weight = known[1] if args.distance_weight is None else args.distance_weight
    return args


def peak_rss_mb() -> float:
    """Return this process's peak resident memory."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return float(line.split()[1]) / 1024
    raise OSError("no VmHWM in /proc/self/status")


def evaluate(network: "TntpNetwork", trips: "TntpTrips", extra: "Floats", volume: "Floats") -> dict[str, float]:
    """Return gap and objective of link volumes, by scipy; trips that no path serves are left out of both."""
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    flow = np.where(network.power > 0, network.b, 0) * (volume / np.maximum(network.capacity, 1e-300)) ** network.power
    constant = np.where(network.power > 0, 1.0, 1.0 + network.b)
    cost = network.free_flow_time * (constant + flow) + extra
    beckmann = volume * (network.free_flow_time * (constant + flow / (network.power + 1)) + extra)
    n = network.nodes  # a node that is not passed starts as itself and ends as a second node
    head = np.where(network.no_through[network.head], network.head + n, network.head)
    order = np.lexsort((cost, head, network.tail))
    first = np.ones(len(order), bool)  # the cheapest of parallel links
    first[1:] = (np.diff(network.tail[order]) != 0) | (np.diff(head[order]) != 0)
    use = order[first]
    matrix = csr_array((np.maximum(cost[use], 1e-300), (network.tail[use], head[use])), shape=(2 * n, 2 * n))
    origins, at = np.unique(trips.origin, return_inverse=True)
    ends = np.where(network.no_through[trips.destination], trips.destination + n, trips.destination)
    shortest = dijkstra(matrix, indices=origins)[at, ends]
    use = np.isfinite(shortest) & (trips.origin != trips.destination)
    total = float(volume @ cost)
    best = float(trips.vehicles[use] @ shortest[use])
    return {"gap": (total - best) / total, "objective": float(beckmann.sum())}


def constant_as_bpr(network: "TntpNetwork", extra: "Floats") -> "tuple[Floats, Floats, Floats, Floats]":
    """Return free-flow time, b, power and extra cost with every constant delay as b = 0, power 1 (see the top)."""
    import numpy as np

    constant = (network.power == 0) | (network.b == 0) | (network.free_flow_time == 0)
    free = network.free_flow_time * np.where(network.power == 0, 1 + network.b, 1.0)
    free = np.where(constant, free + extra, free)
    return (
        free,
        np.where(constant, 0.0, network.b),
        np.where(constant, 1.0, network.power),
        np.where(constant, 0.0, extra),
    )


Measured = tuple["Floats", int, float, float]  # volumes, iterations, seconds, seconds of the warm-up


def timed(solve: "Callable[[], Any]") -> tuple[Any, float]:
    """Return what a call returns and the seconds it took."""
    start = time.perf_counter()
    result = solve()
    return result, time.perf_counter() - start


def greentrip(network: "TntpNetwork", trips: "TntpTrips", extra: "Floats", args: argparse.Namespace) -> Measured:
    """Measure Greentrip."""
    import numpy as np
    from greentrip_agents.equilibrium import RoadEquilibrium
    from greentrip_agents.equilibrium_delay import bpr
    from greentrip_agents.equilibrium_problem import Links, VehicleClass

    def warm_up() -> None:
        tail, head = np.array([0, 0, 1, 1, 2], np.int32), np.array([1, 2, 2, 3, 3], np.int32)
        links = Links(4, tail, head, bpr(np.ones(5), np.full(5, 2.0)))
        to = VehicleClass(np.zeros(2, np.int32), np.array([2, 3], np.int32), np.array([2.0, 3.0]), extra=np.ones(5))
        roads = RoadEquilibrium(links, [to])
        roads.solve(1e-9)
        roads.change(links)
        roads.solve(1e-9)

    _, compiling = timed(warm_up)
    links = Links(
        network.nodes,
        network.tail,
        network.head,
        bpr(network.free_flow_time, network.capacity, network.b, network.power),
        network.no_through,
    )
    vehicles = VehicleClass(trips.origin, trips.destination, trips.vehicles, extra=extra)
    settled = SETTLED if args.ask <= EXACT else np.inf
    done, seconds = timed(lambda: RoadEquilibrium(links, [vehicles]).solve(args.ask, flow_change=settled))
    return done.volume, done.iterations, seconds, compiling


def pytraf(network: "TntpNetwork", trips: "TntpTrips", extra: "Floats", args: argparse.Namespace) -> Measured:
    """Measure PyTraf's gradient projection."""
    import numpy as np
    import pytraf as engine

    def warm_up() -> None:
        ends = np.array([0, 0, 1]), np.array([1, 2, 2])
        small = engine.Network(3, *ends, np.ones(3), np.full(3, 2.0))
        small.assign(engine.Demand(3, np.array([0]), np.array([2]), np.array([3.0])), threads=args.threads)

    _, compiling = timed(warm_up)
    free, b, power, rest = constant_as_bpr(network, extra)
    roads = engine.Network(
        network.nodes,
        network.tail.astype(np.int64),
        network.head.astype(np.int64),
        free,
        network.capacity,
        b,
        power,
        network.no_through,
    )
    demand = engine.Demand(
        network.nodes, trips.origin.astype(np.int64), trips.destination.astype(np.int64), trips.vehicles
    )
    cars = engine.TrafficClass(demand, extra_link_cost=rest)
    done, seconds = timed(
        lambda: roads.assign(cars, gap=args.ask, max_iter=100_000, threads=args.threads, unreachable="skip")
    )
    return np.asarray(done.links.flow), int(done.iterations), seconds, compiling


def aequilibrae(network: "TntpNetwork", trips: "TntpTrips", extra: "Floats", args: argparse.Namespace) -> Measured:
    """Measure AequilibraE's bi-conjugate Frank-Wolfe."""
    import logging
    import warnings

    import numpy as np

    warnings.simplefilter("ignore")
    import pandas as pd
    from aequilibrae.matrix import AequilibraeMatrix
    from aequilibrae.paths import Graph, TrafficAssignment, TrafficClass

    logging.disable(logging.CRITICAL)
    free, b, power, rest = constant_as_bpr(network, extra)
    links = np.arange(len(free)) + 1
    table = pd.DataFrame(
        {"link_id": links, "a_node": network.tail + 1, "b_node": network.head + 1, "direction": 1, "id": links}
        | {"capacity": network.capacity, "free_flow_time": np.maximum(free, 1e-12), "b": b, "power": power}
        | {"extra": rest}
    )
    zones = np.arange(network.zones) + 1
    graph = Graph()
    graph.network = table
    graph.prepare_graph(zones)
    graph.set_graph("free_flow_time")
    graph.set_skimming([])
    graph.set_blocked_centroid_flows(bool(network.no_through.any()))
    matrix = AequilibraeMatrix()
    matrix.create_empty(zones=network.zones, matrix_names=["trips"], memory_only=True)
    matrix.index[:] = zones
    matrix.matrix["trips"][:] = 0.0
    other = trips.origin != trips.destination
    matrix.matrix["trips"][trips.origin[other], trips.destination[other]] = trips.vehicles[other]
    matrix.computational_view(["trips"])
    cars = TrafficClass("cars", graph, matrix)
    if rest.any():
        cars.set_fixed_cost("extra", 1.0)
    engine = TrafficAssignment()
    engine.set_classes([cars])
    engine.set_vdf("BPR")
    engine.set_vdf_parameters({"alpha": "b", "beta": "power"})
    engine.set_capacity_field("capacity")
    engine.set_time_field("free_flow_time")
    engine.set_algorithm("bfw")
    engine.set_cores(args.threads)
    engine.max_iter = 100_000
    engine.rgap_target = args.ask
    _, seconds = timed(lambda: engine.execute(log_specification=False))
    volume = engine.results()["PCE_AB"].reindex(links).fillna(0.0).to_numpy()
    return volume, int(engine.assignment.iter), seconds, 0.0


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure one engine once, in this process."""
    processors = sorted(os.sched_getaffinity(0))[: args.threads]
    os.sched_setaffinity(0, processors)
    from greentrip_networks.tntp import read_network, read_trips

    network = read_network(args.net)
    trips = read_trips(args.trips, network.zones)
    extra = args.toll_weight * network.toll + args.distance_weight * network.length
    engine = {"greentrip": greentrip, "pytraf": pytraf, "aequilibrae": aequilibrae}[args.measure]
    volume, iterations, seconds, warm_up = engine(network, trips, extra, args)
    memory = peak_rss_mb()
    if args.flows:
        with args.flows.open("w", newline="", encoding="ascii") as file:
            writer = csv.writer(file)
            writer.writerow(("init_node", "term_node", "volume"))
            writer.writerows(
                zip((network.tail + 1).tolist(), (network.head + 1).tolist(), volume.tolist(), strict=True)
            )
    return {
        **evaluate(network, trips, extra, volume),
        "iterations": iterations,
        "seconds": seconds,
        "peak_rss_mb": memory,
        "warm_up_seconds": warm_up,
        "findings": [str(f) for f in (*network.findings, *trips.findings)],
    }


def run(engine: str, ask: float, args: argparse.Namespace, *, flows: bool) -> dict[str, Any]:
    """Measure one engine once, in a process of its own."""
    threads = dict.fromkeys(("NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"), str(args.threads))
    threads["AEQ_SHOW_PROGRESS"] = "FALSE"  # drawing progress would slow that peer
    command = [sys.executable, __file__, "--measure", engine, "--net", str(args.net), "--trips", str(args.trips)]
    command += ["--gap", repr(args.gap), "--ask", repr(ask), "--threads", str(args.threads)]
    command += ["--toll-weight", repr(args.toll_weight), "--distance-weight", repr(args.distance_weight)]
    command += ["--flows", str(args.flows)] if flows and args.flows else []
    done = subprocess.run(command, env=os.environ | threads, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode:
        raise SystemExit(f"{engine} failed on {args.net} (exit {done.returncode}); its message is above")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def target(engine: str, args: argparse.Namespace) -> float:
    """Return the gap to ask a peer for so that its recomputed gap is at most the asked one."""
    ask = float(args.gap)
    for _ in range(TRIES):
        reached = run(engine, ask, args, flows=False)["gap"]
        if reached <= args.gap:
            return ask
        ask *= min(0.8, 0.9 * args.gap / reached)
    raise SystemExit(f"{engine} did not come down to a gap of {args.gap:g} on {args.net}")


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one engine's figures: those of the run with the median time, and every time."""
    seconds = [r["seconds"] for r in runs]
    figures = {k: runs[0][k] for k in ("gap", "objective", "iterations")}
    figures["seconds"] = statistics.median(seconds)
    figures["peak_rss_mb"] = statistics.median(r["peak_rss_mb"] for r in runs)
    return figures | {
        "seconds_of_runs": seconds,
        "warm_up_seconds": statistics.median(r["warm_up_seconds"] for r in runs),
    }


def main() -> None:
    """Measure and print."""
    args = arguments()
    if args.measure:
        print(json.dumps(measure(args)))
        return
    peers = asked_peers(args.peers, PEERS)
    asks = {"greentrip": args.gap} | {p: target(p, args) for p in peers}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in asks}
    for turn in range(args.runs):
        for name, ask in asks.items():
            runs[name].append(run(name, ask, args, flows=turn == 0 and name == "greentrip"))
    ours = medians(runs["greentrip"])
    out: dict[str, Any] = {
        "net": args.net.name,
        "trips": args.trips.name,
        "gap_asked": args.gap,
        "threads": args.threads,
        "runs": args.runs,
        "toll_weight": args.toll_weight,
        "distance_weight": args.distance_weight,
        **ours,
        "findings": runs["greentrip"][0]["findings"],
        "peers": {},
    }
    for name in peers:
        theirs = medians(runs[name])
        in_band = args.gap / 10 <= theirs["gap"] <= args.gap
        out["peers"][name] = theirs | {
            "gap_target": asks[name], "gap_in_band": in_band, "time_of_ours": ours["seconds"] / theirs["seconds"],
        }  # fmt: skip
    if args.json:
        print(json.dumps(out))
        return
    print(f"{out['net']} to a gap of {args.gap:g}, toll weight {args.toll_weight:g}, distance {args.distance_weight:g}")
    for name, row in {"greentrip": out, **out["peers"]}.items():
        print(
            f"{name:<12}{row['seconds']:>10.4f} s{row['iterations']:>7} rounds  gap {row['gap']:.2e}"
            f"  objective {row['objective']:.6f}{row['peak_rss_mb']:>8.0f} MB"
        )


if __name__ == "__main__":
    main()
