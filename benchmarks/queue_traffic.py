"""Measure queue traffic on a TNTP network, every vehicle, beside SUMO's mesoscopic model and UXsim's C++ engine.

``python benchmarks/queue_traffic.py --net N_net.tntp --trips N_trips.tntp --scale 0.5 [--peers sumo,uxsim] [--json]``

The trips of the file, scaled, depart evenly over ``--hours``; all engines run until ``--until-hours`` or until
everybody has arrived. Whole vehicles a pair come from rounding the running total, so that totals hold. Routes come from
``--rounds`` rounds of incremental loading on the project's shortest paths; vehicles of a pair take them in turn. SUMO
drives the same routes; UXsim chooses its own as it goes, on travel times met so far. All have the same lengths, free
speeds, lanes (one for each begun 1800 vehicles an hour), and a wave of 5 m/s (7.5 m a vehicle, 1.5 s; SUMO keeps its
own time gaps). Ours has no signals here, as the files have none; spill-back is on everywhere.

Every run is a process of its own, pinned to as many processors as ``--threads``, engines in turn; figures are medians
of ``--repeats`` runs, of one for a peer that takes longer than a minute. ``warm_up_s`` is compiling, not counted.
``seconds`` is the simulation; ``seconds_with_setup`` has also everything from the parsed tables on: network, routes,
vehicles, and for SUMO files and netconvert, but not finding the routes.
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import asked_peers

METRES = {"(ft)": 0.3048, "(feet)": 0.3048, "mile": 1609.344, "(mi)": 1609.344, "(km)": 1000.0}
LANE_CAPACITY_VEH_H = 1800.0
FASTEST_MS = 40.0  # links whose file gives no time, or less than this speed needs, take this speed, in every engine
SPACING_M = 7.5
GAP_S = 1.5
LONG_S = 60.0
PEERS = ("sumo", "uxsim")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scenario:
    """A network in metres and seconds, and whole vehicles by pair of zones."""

    nodes: int
    through: int  # nodes below this are centroids that nobody drives through
    tail: Ints
    head: Ints
    length_m: Floats
    free_s: Floats
    capacity_veh_h: Floats
    lanes: Ints
    origin: Ints
    destination: Ints
    vehicles: Ints
    hours: float
    until_s: int


def read_scenario(a: argparse.Namespace) -> Scenario:
    """Read the files and fix the demand."""
    from greentrip_networks.tntp import read_network, read_trips

    net, trips = read_network(a.net), read_trips(a.trips)
    head = Path(a.net).read_text(encoding="utf-8", errors="replace").lower().partition("init_node")[0]
    metres = a.metres_per_unit or next((m for word, m in METRES.items() if word in head), 1000.0)
    length = net.length * metres
    free = np.maximum(net.free_flow_time * a.seconds_per_unit, np.maximum(length, 1.0) / FASTEST_MS)
    apart = trips.origin != trips.destination
    running = np.rint(np.cumsum(trips.vehicles[apart] * a.scale)).astype(np.int64)
    return Scenario(
        net.nodes, net.first_through_node - 1, net.tail.astype(np.int64), net.head.astype(np.int64), length, free,
        net.capacity, np.maximum(1, np.ceil(net.capacity / LANE_CAPACITY_VEH_H)).astype(np.int64),
        trips.origin[apart].astype(np.int64), trips.destination[apart].astype(np.int64), np.diff(running, prepend=0),
        a.hours, round(a.until_hours * 3600),
    )  # fmt: skip


def find_routes(s: Scenario, rounds: int) -> tuple[Ints, NDArray[np.int32]]:
    """Load the demand in rounds on shortest paths; return slices (round by round, pair by pair) of links, and these."""
    from greentrip_agents.queue_routes import shortest_routes

    # links out of a centroid start at a copy of it that no link enters
    tail = np.where(s.tail < s.through, s.tail + s.nodes, s.tail)
    order = np.argsort(tail, kind="stable").astype(np.int32)
    tail_sorted, head_sorted = tail[order].astype(np.int32), s.head[order].astype(np.int32)
    first_out = np.searchsorted(tail_sorted, np.arange(s.nodes + s.through + 1)).astype(np.int32)
    zones = np.arange(int(max(s.origin.max(), s.destination.max())) + 1)
    start = np.where(zones < s.through, zones + s.nodes, zones).astype(np.int32)
    flow = np.zeros(len(tail))
    parts, sizes = [], []
    for done in range(rounds):
        load = flow / s.hours * (rounds / max(done, 1)) / np.maximum(s.capacity_veh_h, 1.0)
        seconds = s.free_s * (1.0 + 0.15 * load**4)
        first, link = shortest_routes(
            first_out, tail_sorted, head_sorted, seconds[order], start, s.origin, s.destination
        )
        parts.append(order[link])
        sizes.append(np.diff(first))
        flow += np.bincount(parts[-1], np.repeat(s.vehicles / rounds, sizes[-1]), len(tail))
    return np.concatenate([[0], np.cumsum(np.concatenate(sizes))]), np.concatenate(parts)


def departures(s: Scenario, rounds: int) -> tuple[Floats, Ints, Ints]:
    """Return each vehicle's second of departure, in order, its route and its pair.

    A pair's vehicles are evenly apart; pairs start at fractions of the golden ratio, so that they do not coincide.
    """
    pair = np.repeat(np.arange(len(s.origin)), s.vehicles)
    nth = np.arange(len(pair)) - np.repeat(np.cumsum(s.vehicles) - s.vehicles, s.vehicles)
    depart = (nth + (pair * 0.6180339887498949) % 1.0) / s.vehicles[pair] * s.hours * 3600.0
    order = np.argsort(depart, kind="stable")
    return depart[order], (pair + len(s.origin) * ((nth + pair) % rounds))[order], pair[order]


def run_greentrip(s: Scenario, a: argparse.Namespace) -> dict[str, Any]:
    """Run ours once."""
    from greentrip_agents.queue_traffic import Paths, QueueRoads, QueueTraffic, Vehicles

    began = time.perf_counter()
    first, link = find_routes(s, a.rounds)
    depart, route, _ = departures(s, a.rounds)
    roads = QueueRoads(
        s.tail, s.head, s.length_m, s.free_s, s.capacity_veh_h, s.lanes, jam_spacing_m=SPACING_M,
        wave_speed_ms=SPACING_M / GAP_S,
    )  # fmt: skip
    traffic = QueueTraffic(roads, Paths(first, link), Vehicles(depart, route), end_s=s.until_s)
    ready = time.perf_counter()
    traffic.advance(s.until_s)
    ended = time.perf_counter()
    r = traffic.result()
    return {
        "vehicles": len(depart), "arrived": r.fates.get("arrived", 0), "fates": r.fates,
        "link_traversals": r.link_traversals, "seconds": ended - ready, "seconds_with_setup": ended - began,
        "gridlock_rings": r.gridlock_rings, "gridlock_moves": r.gridlock_moves, "treated_links": r.treated,
        "mean_travel_s": float(np.nanmean(r.arrived_s - np.where(r.fate == 0, depart, np.nan))),
        "wave_speed_ms": SPACING_M / GAP_S, "simulated_s": r.now_s,
        "routes": f"{a.rounds} rounds of incremental loading, fixed",
    }  # fmt: skip


def run_uxsim(s: Scenario, a: argparse.Namespace) -> dict[str, Any]:
    """Run UXsim's C++ engine once, without vehicle logs, on routes it chooses itself."""
    import uxsim

    began = time.perf_counter()
    world = uxsim.World(
        cpp=True, deltan=a.deltan, reaction_time=GAP_S, tmax=s.until_s, random_seed=0, print_mode=0, save_mode=0,
        show_mode=0, vehicle_logging_timestep_interval=-1, threads=a.threads,
    )  # fmt: skip
    for n in range(s.nodes):
        world.addNode(f"n{n}", n % 100, n // 100)
    for i in range(len(s.tail)):
        world.addLink(
            f"l{i}", f"n{s.tail[i]}", f"n{s.head[i]}", float(max(s.length_m[i], 1.0)),
            free_flow_speed=float(max(s.length_m[i], 1.0) / s.free_s[i]), jam_density_per_lane=1.0 / SPACING_M,
            number_of_lanes=int(s.lanes[i]), merge_priority=float(s.capacity_veh_h[i]),
            capacity_out=float(s.capacity_veh_h[i] / 3600.0),
        )  # fmt: skip
    platoons = np.diff(np.rint(np.cumsum(s.vehicles) / a.deltan).astype(np.int64), prepend=0)
    for o, d, n in zip(s.origin.tolist(), s.destination.tolist(), platoons.tolist(), strict=True):
        if n:  # a hair more than n platoons, so that rounding does not lose the last
            world.adddemand(f"n{o}", f"n{d}", 0.0, s.hours * 3600.0, volume=a.deltan * n + 1e-3)
    world.finalize_scenario()
    ready = time.perf_counter()
    world.exec_simulation()
    ended = time.perf_counter()
    states = [v.state for v in world.VEHICLES.values()]
    return {
        "vehicles": len(states) * a.deltan, "arrived": states.count("end") * a.deltan,
        "link_traversals": round(sum(float(link.cum_departure[-1]) for link in world.LINKS)),
        "seconds": ended - ready, "seconds_with_setup": ended - began, "deltan": a.deltan, "gridlock_rings": None,
        "wave_speed_ms": SPACING_M / GAP_S, "routes": "its own (dynamic user optimum, updated every 600 s)",
    }  # fmt: skip


def run_sumo(s: Scenario, a: argparse.Namespace) -> dict[str, Any]:
    """Run SUMO's mesoscopic model once on our routes."""
    import sumo

    bin_folder = Path(sumo.SUMO_HOME) / "bin"
    first, link = find_routes(s, a.rounds)
    depart, route, _ = departures(s, a.rounds)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        began = time.perf_counter()
        write_sumo(at, s, first, link, depart, route)
        subprocess.run(
            [bin_folder / "netconvert", "-n", at / "n.nod.xml", "-e", at / "n.edg.xml", "-x", at / "n.con.xml", "-o",
             at / "n.net.xml", "--no-internal-links", "--no-warnings"],
            check=True, capture_output=True,
        )  # fmt: skip
        made = subprocess.run(
            [bin_folder / "sumo", "--mesosim", "-n", at / "n.net.xml", "-r", at / "n.rou.xml", "-a", at / "n.add.xml",
             "--no-step-log", "--no-warnings", "--duration-log.statistics", "--end", str(s.until_s),
             "--threads", str(a.threads)],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        ended = time.perf_counter()
        edges = (at / "edges.xml").read_text()

    def figure(pattern: str) -> float:
        found = re.search(pattern, made)
        return float(found[1]) if found else 0.0

    left = sum(int(n) for n in re.findall(r' (?:left|arrived)="(\d+)"', edges))
    running = int(figure(r"Running: (\d+)"))
    return {
        "vehicles": len(depart), "arrived": int(figure(r"Inserted: (\d+)")) - running,
        "running": running, "waiting": int(figure(r"Waiting: (\d+)")), "teleports": int(figure(r"Teleports: (\d+)")),
        "link_traversals": left, "seconds": figure(r"Duration: ([\d.]+)\s*s"), "seconds_with_setup": ended - began,
        "gridlock_rings": None, "wave_speed_ms": None, "routes": "ours",
    }  # fmt: skip


def write_sumo(at: Path, s: Scenario, first: Ints, link: Ints, depart: Floats, route: Ints) -> None:
    """Write SUMO's plain network, routes and vehicles; nodes lie on a circle, since lengths are given."""
    angle = np.arange(s.nodes) * (2.0 * np.pi / s.nodes)
    rows = [
        f'<node id="n{n}" x="{x:.2f}" y="{y:.2f}" type="priority"/>'
        for n, (x, y) in enumerate(zip(1e5 * np.cos(angle), 1e5 * np.sin(angle), strict=True))
    ]
    (at / "n.nod.xml").write_text("<nodes>" + "\n".join(rows) + "</nodes>")
    rows = [
        f'<edge id="l{i}" from="n{s.tail[i]}" to="n{s.head[i]}" numLanes="{s.lanes[i]}" '
        f'speed="{max(s.length_m[i], 1.0) / s.free_s[i]:.4f}" length="{max(s.length_m[i], 1.0):.2f}"/>'
        for i in range(len(s.tail))
    ]
    (at / "n.edg.xml").write_text("<edges>" + "\n".join(rows) + "</edges>")
    inside = np.ones(len(link), bool)
    inside[first[1:][first[1:] > first[:-1]] - 1] = False  # a route's last link leads to no other
    follow = np.flatnonzero(inside)
    used = np.unique(np.column_stack([link[follow], link[follow + 1]]), axis=0)
    rows = [f'<connection from="l{x}" to="l{y}"/>' for x, y in used]
    (at / "n.con.xml").write_text("<connections>" + "\n".join(rows) + "</connections>")
    names = [" ".join(f"l{x}" for x in link[first[p] : first[p + 1]]) for p in range(len(first) - 1)]
    rows = [f'<route id="r{p}" edges="{name}"/>' for p, name in enumerate(names) if name]
    rows += [
        f'<vehicle id="{v}" depart="{t:.2f}" route="r{r}"/>'
        for v, (t, r) in enumerate(zip(depart.tolist(), route.tolist(), strict=True))
    ]
    (at / "n.rou.xml").write_text("<routes>" + "\n".join(rows) + "</routes>")
    (at / "n.add.xml").write_text('<additional><edgeData id="e" file="edges.xml"/></additional>')


RUN = {"greentrip": run_greentrip, "uxsim": run_uxsim, "sumo": run_sumo}


def measure(engine: str, a: argparse.Namespace) -> dict[str, Any]:
    """Run an engine once in this process, after a warm-up, and return its figures."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: a.threads])
    began = time.perf_counter()
    scenario = read_scenario(a)
    read = time.perf_counter() - began
    compiling = 0.0
    if engine != "uxsim":  # the routes' kernels, and ours
        began = time.perf_counter()
        warm = argparse.Namespace(**vars(a) | {"rounds": 1})
        few = np.arange(len(scenario.origin)) < 1
        one = Scenario(**vars(scenario) | {"vehicles": np.where(few, 1, 0)})
        run_greentrip(one, warm)
        compiling = time.perf_counter() - began
    result = RUN[engine](scenario, a)
    who = resource.RUSAGE_CHILDREN if engine == "sumo" else resource.RUSAGE_SELF
    result["peak_rss_mb"] = round(resource.getrusage(who).ru_maxrss / 1024)
    return result | {"reading_s": round(read, 3), "warm_up_s": round(compiling, 3)}


def run_apart(engine: str, threads: int) -> dict[str, Any]:
    """Run an engine once in a process of its own."""
    child = subprocess.run(
        [sys.executable, *sys.argv, "--engine", engine],
        env=os.environ | {"NUMBA_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if child.returncode:
        sys.stderr.write(f"{engine} failed\n")
        raise SystemExit(1)
    made: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return made


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the first run with the medians of what was measured."""
    result = dict(runs[0])
    for name in ("seconds", "seconds_with_setup", "peak_rss_mb", "reading_s"):
        result[name] = round(statistics.median(r[name] for r in runs), 4)
    result["warm_up_s"] = max(r["warm_up_s"] for r in runs)  # the first compiles, unless that was kept
    result["traversals_per_s"] = round(result["link_traversals"] / result["seconds"])
    result["runs"] = len(runs)
    return result


def main() -> None:
    """Print one JSON object, or a small table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", required=True)
    parser.add_argument("--trips", required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="of the file's trips")
    parser.add_argument("--hours", type=float, default=1.0, help="over which they depart")
    parser.add_argument("--until-hours", type=float, default=3.0, help="when every engine stops")
    parser.add_argument("--rounds", type=int, default=4, help="of incremental loading for the routes")
    parser.add_argument("--peers", default="", help="sumo,uxsim")
    parser.add_argument("--deltan", type=int, default=1, help="vehicles in a platoon of UXsim")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--metres-per-unit", type=float, help="of the file's lengths; read from its header otherwise")
    parser.add_argument("--seconds-per-unit", type=float, default=60.0, help="of the file's times")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--engine", choices=sorted(RUN), help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.engine:
        print(json.dumps(measure(a.engine, a)))
        return
    peers = asked_peers(a.peers, PEERS)
    runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in ("greentrip", *peers)}
    for again in range(a.repeats):
        for engine, made in runs.items():
            if not again or engine == "greentrip" or made[0]["seconds_with_setup"] < LONG_S:
                made.append(run_apart(engine, a.threads))
    done = {engine: medians(made) for engine, made in runs.items()}
    ours = done["greentrip"]
    result: dict[str, Any] = {"net": Path(a.net).name, "scale": a.scale, "hours": a.hours, "threads": a.threads} | ours
    result["peers"] = {p: done[p] for p in peers}
    result["times_their_traversals_per_s"] = {
        p: round(ours["traversals_per_s"] / done[p]["traversals_per_s"], 1) for p in peers
    }
    result["their_seconds_with_setup_over_ours"] = {
        p: round(done[p]["seconds_with_setup"] / ours["seconds_with_setup"], 1) for p in peers
    }
    if a.json:
        print(json.dumps(result))
        return
    print(
        f"{'':<11}{'vehicles':>10}{'arrived':>10}{'traversals':>12}{'s':>9}{'with set-up':>12}{'a second':>12}{'MB':>7}"
    )
    for engine, row in done.items():
        print(
            f"{engine:<11}{row['vehicles']:>10}{row['arrived']:>10}{row['link_traversals']:>12}{row['seconds']:>9.3f}"
            f"{row['seconds_with_setup']:>12.3f}{row['traversals_per_s']:>12}{row['peak_rss_mb']:>7}"
        )


if __name__ == "__main__":
    main()
