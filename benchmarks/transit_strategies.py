"""Measure optimal strategies over about 25,000 links, with AequilibraE's HyperpathGenerating in the same run.

    python benchmarks/transit_strategies.py [--links 25000] [--peers aequilibrae] --json

Prints one JSON object. Two networks are made, always the same: `city`, lines that ride between the stops of a square
grid with boarding, alighting and walking links (only boardings wait), and `grid`, a square grid of one-way links that
all wait. Timed, on graphs laid out beforehand, is one call for 40 destinations: the strategy from every node to each
destination and the loading of one person from each of 100 origins to each. `rate` is destinations a second. Every
measurement is a process of its own on one processor, engines in turn, five times; figures are medians. The first call
of a process, compilation or loading of compiled code included, is `warm_up_seconds` and is not timed. With a peer,
`flow_difference` and `cost_difference` are the largest differences of link flows and of the costs to one destination.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers import asked_peers

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Made = tuple[int, Ints, Ints, Floats, Floats, Ints]  # nodes, tail, head, minutes, frequency, places to travel

RUNS = 5
PEERS = ("aequilibrae",)
NETWORKS = ("city", "grid")
DESTINATIONS, ORIGINS = 40, 100
_CALLS = 30  # of a line


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=25_000)
    parser.add_argument("--peers", default="", help=f"of {', '.join(PEERS)}, separated by commas")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", choices=("greentrip", *PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--network", choices=NETWORKS, default="city", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def city(links: int) -> "Made":
    """Make lines over a grid of stops, about nine in ten links of lines and one in ten walks."""
    import numpy as np

    rng = np.random.default_rng(1989)
    side = max(round((links / 27.6) ** 0.5), 3)
    stops = side * side
    at = np.arange(stops).reshape(side, side)
    walks = [(at[:, :-1], at[:, 1:]), (at[:, 1:], at[:, :-1]), (at[:-1], at[1:]), (at[1:], at[:-1])]
    tails, heads = [w[0].ravel() for w in walks], [w[1].ravel() for w in walks]
    minutes = [np.full(len(t), 8.0) for t in tails]
    frequency = [np.full(len(t), np.inf) for t in tails]
    lines = round((links - sum(map(len, tails))) / (3 * _CALLS - 1))
    step = np.arange(_CALLS)
    for line in range(lines):
        x, y = rng.integers(0, side, 2)
        across, down = ((1, 0), (0, 1), (-1, 0), (0, -1))[line % 4]
        stop = at[(x + across * step) % side, (y + down * step) % side]
        on = stops + line * _CALLS + step
        tails += [stop, on, on[:-1]]
        heads += [on, stop, on[1:]]
        minutes += [np.zeros(_CALLS), np.zeros(_CALLS), 1.0 + 2.0 * rng.random(_CALLS - 1)]
        headway = rng.choice([3.0, 5.0, 8.0, 10.0, 15.0])
        frequency += [np.full(_CALLS, 1 / headway), np.full(_CALLS, np.inf), np.full(_CALLS - 1, np.inf)]
    return (
        stops + lines * _CALLS, *(np.concatenate(c) for c in (tails, heads, minutes, frequency)), np.arange(stops),
    )  # fmt: skip


def grid(links: int) -> "Made":
    """Make a grid of links to the right and down, every one of which waits."""
    import numpy as np

    rng = np.random.default_rng(1989)
    side = round((1 + (1 + 2 * links) ** 0.5) / 2)
    at = np.arange(side * side).reshape(side, side)
    tail = np.concatenate([at[:, :-1].ravel(), at[:-1].ravel()])
    head = np.concatenate([at[:, 1:].ravel(), at[1:].ravel()])
    return side * side, tail, head, rng.random(len(tail)), 1 / rng.random(len(tail)), at.ravel()


def timed(solve: "Callable[[], Any]") -> tuple[Any, float]:
    """Return what a call returns and the seconds it took."""
    start = time.perf_counter()
    result = solve()
    return result, time.perf_counter() - start


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure one engine once, in this process, on one processor."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    import numpy as np

    nodes, tail, head, minutes, frequency, places = {"city": city, "grid": grid}[args.network](args.links)
    destinations = places[-1 - (np.arange(DESTINATIONS) * len(places)) // (2 * DESTINATIONS)]
    origins = places[(np.arange(ORIGINS) * len(places)) // (2 * ORIGINS)]
    if args.measure == "greentrip":
        from greentrip_agents.strategies import RANDOM_ARRIVALS, StrategyGraph

        graph = StrategyGraph(nodes, tail, head, minutes, frequency, alpha=RANDOM_ARRIVALS)
        persons = np.ones((ORIGINS, DESTINATIONS))
        _, warm_up = timed(lambda: graph.assign(origins[:1], destinations[:1], persons[:1, :1]))
        done, seconds = timed(lambda: graph.assign(origins, destinations, persons))
        flow, cost = done.flow, graph.solve(destinations[:1]).cost[0]
    else:
        import logging
        import warnings

        warnings.simplefilter("ignore")
        import pandas as pd
        from aequilibrae.paths.cython.public_transport import HyperpathGenerating

        logging.disable(logging.CRITICAL)
        table = pd.DataFrame({"tail": tail, "head": head, "trav_time": minutes, "freq": frequency})
        every = np.arange(nodes)
        engine = HyperpathGenerating(table, nodes_to_indices=every, o_vert_ids=every, d_vert_ids=every)
        _, warm_up = timed(lambda: engine.run(int(origins[0]), int(destinations[0]), 1.0))
        cost = np.where(engine.u_i_vec > 1e300, np.inf, engine.u_i_vec)
        pairs = np.repeat(origins, DESTINATIONS), np.tile(destinations, ORIGINS), np.ones(ORIGINS * DESTINATIONS)
        _, seconds = timed(lambda: engine.assign(*pairs, threads=1))
        flow = engine._edges["volume"].to_numpy()  # noqa: SLF001 - where it keeps its result
    if args.out:
        np.savez(args.out, flow=flow, cost=cost)
    return {"nodes": nodes, "links": len(tail), "seconds": seconds, "warm_up_seconds": warm_up}


def run(engine: str, network: str, args: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Measure one engine once, in a process of its own."""
    one = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--measure", engine, "--network", network, "--links", str(args.links)]
    command += ["--out", str(out)]
    done = subprocess.run(command, env=os.environ | one, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode:
        raise SystemExit(f"{engine} failed on {network} (exit {done.returncode}); its message is above")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def differences(ours: Path, theirs: Path) -> dict[str, float]:
    """Return the largest differences of two results; nodes that do not reach the destination must be the same."""
    import numpy as np

    with np.load(ours) as a, np.load(theirs) as b:
        reached = np.isfinite(a["cost"])
        if (reached != np.isfinite(b["cost"])).any():
            raise SystemExit("the engines do not reach the destination from the same nodes")
        return {
            "flow_difference": float(np.abs(a["flow"] - b["flow"]).max()),
            "cost_difference": float(np.abs(a["cost"][reached] - b["cost"][reached]).max()),
        }


def main() -> None:
    """Measure and print."""
    args = arguments()
    if args.measure:
        print(json.dumps(measure(args)))
        return
    peers = asked_peers(args.peers, PEERS)
    out: dict[str, Any] = {"runs": args.runs, "threads": 1, "destinations": DESTINATIONS, "origins": ORIGINS}
    with tempfile.TemporaryDirectory() as folder:
        for network in NETWORKS:
            runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ("greentrip", *peers)}
            for _ in range(args.runs):
                for name, done in runs.items():
                    done.append(run(name, network, args, Path(folder, f"{name}.npz")))
            out[network] = {k: runs["greentrip"][0][k] for k in ("nodes", "links")}
            for name, done in runs.items():
                seconds = statistics.median(r["seconds"] for r in done)
                out[network][name] = {
                    "rate": DESTINATIONS / seconds,
                    "seconds": seconds,
                    "seconds_of_runs": [r["seconds"] for r in done],
                    "warm_up_seconds": statistics.median(r["warm_up_seconds"] for r in done),
                }
            for name in peers:
                row = out[network][name]
                row["rate_of_ours"] = out[network]["greentrip"]["rate"] / row["rate"]
                row |= differences(Path(folder, "greentrip.npz"), Path(folder, f"{name}.npz"))
    if args.json:
        print(json.dumps(out))
        return
    for network in NETWORKS:
        print(f"{network}: {out[network]['nodes']} nodes, {out[network]['links']} links")
        for name in ("greentrip", *peers):
            row = out[network][name]
            more = f"  ours {row['rate_of_ours']:.2f} times" if name in peers else ""
            print(f"  {name:<12}{row['rate']:>9.1f} strategies/s  warm-up {row['warm_up_seconds']:.2f} s{more}")


if __name__ == "__main__":
    main()
