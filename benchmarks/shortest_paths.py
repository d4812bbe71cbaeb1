"""Measure one-to-all shortest paths with their trees, with other engines on the same network in the same run.

    python benchmarks/shortest_paths.py --net N_net.tntp [--net beijing-2019] [--peers edsger,scipy,igraph,networkx] \
        --threads 1 --json

Prints one JSON object. A network is a TNTP file, at free-flow times, or a bundled city by name, at free driving times;
of parallel links only the cheapest is given to any engine. Origins are its zones. Every measurement is a process of its
own pinned to as many processors as threads, engines in turn, five times; figures are medians. Timed are rounds over all
origins until a second has passed; `rate` is trees a second: of processor time with one thread, so that other work on
the machine counts less, of the clock with more. A tree is the cost to every node and the link or node
before it; igraph returns costs only, which is said (`tree` false). Graphs are laid out beforehand: `layout_seconds`.

`greentrip` orders the nodes once for a network (`layout_seconds`) and prices the ways once for new costs
(`price_seconds`): `rate_priced` prices anew for every round over the zones, as an assignment would. `greentrip-search`
is our search with a heap, which needs neither. `difference` is the largest relative difference of costs to scipy's,
over the first origins; every engine is checked, whether or not scipy was asked for as a peer.
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

RUNS = 5
OURS = ("greentrip", "greentrip-search")
PEERS = ("edsger", "scipy", "igraph", "networkx")
SECONDS = 1.0
CHECKED = 8  # origins whose costs are compared


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", required=True, action="append", help="a TNTP file or a bundled network; may repeat")
    parser.add_argument("--peers", default="", help=f"of {', '.join(PEERS)}, separated by commas")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--graph", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def lay_out(net: str, path: Path) -> dict[str, int]:
    """Write a network's links, the cheapest of parallel ones, sorted by tail, and its origins."""
    import numpy as np

    if net.endswith(".tntp"):
        from greentrip_networks.tntp import read_network

        read = read_network(Path(net))
        nodes, tail, head, cost = read.nodes, read.tail, read.head, read.free_flow_time
        origins = np.arange(read.zones)
    else:
        from greentrip_networks import load

        roads = load(net).compiled.roads
        use = roads.auto
        nodes, tail, head, cost = len(roads.nodes), roads.tail[use], roads.head[use], roads.free_s[use]
        origins = roads.zone_node
    order = np.lexsort((cost, head, tail))
    tail, head, cost = tail[order], head[order], cost[order]
    first = np.ones(len(tail), bool)
    first[1:] = (np.diff(tail) != 0) | (np.diff(head) != 0)
    first &= tail != head
    np.savez(path, nodes=nodes, tail=tail[first], head=head[first], cost=cost[first], origins=origins)
    return {"nodes": int(nodes), "links": int(first.sum()), "origins": len(origins)}


Trees = tuple["Callable[[NDArray[np.int64]], NDArray[np.float64]]", "Callable[[], object]"]


def engine_of(name: str, n: int, tail: Any, head: Any, cost: Any) -> Trees:
    """Return a function from origins to costs, and one that prices anew (nothing to do for most)."""
    import numpy as np

    def nothing() -> None:
        """Need no pricing."""

    if name == "greentrip":
        from greentrip_networks.hierarchy import Hierarchy

        order = Hierarchy.of(n, tail, head)
        priced = [order.price(cost)]
        return lambda origins: priced[0].trees(origins)[0], lambda: priced.__setitem__(0, order.price(cost))
    if name == "greentrip-search":
        from greentrip_networks.search import spread

        first = np.searchsorted(tail, np.arange(n + 1)).astype(np.int32)
        heads, zero = head.astype(np.int32), np.zeros(1)
        return lambda origins: np.array(
            [spread(first, heads, cost, o, zero)[0] for o in origins.astype(np.int32)[:, None]]
        ), nothing
    if name == "scipy":
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import dijkstra

        graph = csr_matrix((cost, (tail, head)), shape=(n, n))
        return lambda origins: dijkstra(graph, indices=origins, return_predecessors=True)[0], nothing
    if name == "edsger":
        import pandas as pd
        from edsger.path import Dijkstra

        table = pd.DataFrame({"tail": tail, "head": head, "weight": cost})
        engine = Dijkstra(table, orientation="out")
        return lambda origins: np.array([engine.run(int(o), path_tracking=True) for o in origins]), nothing
    if name == "igraph":
        import igraph

        graph = igraph.Graph(n=n, edges=np.stack([tail, head], axis=1).tolist(), directed=True)
        weights = cost.tolist()
        return lambda origins: np.array(graph.distances(source=origins.tolist(), weights=weights)), nothing
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_weighted_edges_from(zip(tail.tolist(), head.tolist(), cost.tolist(), strict=True))

    def search(origins: Any) -> Any:
        out = np.full((len(origins), n), np.inf)
        for i, o in enumerate(origins.tolist()):
            _, found = nx.dijkstra_predecessor_and_distance(graph, o)
            out[i, list(found)] = list(found.values())
        return out

    return search, nothing


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure one engine once, in this process."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    import numpy as np

    with np.load(args.graph) as made:
        n, tail, head, cost, origins = int(made["nodes"]), made["tail"], made["head"], made["cost"], made["origins"]
    clock = time.process_time if args.threads == 1 else time.perf_counter
    engine_of(args.measure, n, tail, head, cost)[0](origins[:1])  # compiled or loaded
    start = clock()
    trees, price = engine_of(args.measure, n, tail, head, cost)
    laid_out = clock() - start
    few = origins[:20] if args.measure == "networkx" else origins
    price()
    trees(few)
    start = clock()
    price()
    pricing = clock() - start
    rounds, start = 0, clock()
    while clock() - start < SECONDS:
        trees(few)
        rounds += 1
    seconds = (clock() - start) / rounds
    found = trees(origins[:CHECKED])
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    known = dijkstra(csr_matrix((cost, (tail, head)), shape=(n, n)), indices=origins[:CHECKED])
    if (np.isfinite(found) != np.isfinite(known)).any():
        raise SystemExit(f"{args.measure} does not reach the same nodes as scipy")
    reached = np.isfinite(known)
    wrong = np.abs(found[reached] - known[reached]) / np.maximum(known[reached], cost[cost > 0].min())
    return {
        "rate": len(few) / seconds,
        "rate_priced": len(few) / (seconds + pricing),
        "layout_seconds": laid_out,
        "price_seconds": pricing,
        "difference": float(wrong.max()),
        "tree": args.measure != "igraph",
    }


def run(engine: str, graph: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Measure one engine once, in a process of its own."""
    one = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), str(args.threads))
    command = [sys.executable, __file__, "--measure", engine, "--graph", str(graph), "--threads", str(args.threads)]
    done = subprocess.run(
        [*command, "--net", "-"], env=os.environ | one, stdout=subprocess.PIPE, check=False, text=True
    )
    if done.returncode:
        raise SystemExit(f"{engine} failed (exit {done.returncode}); its message is above")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Measure and print."""
    args = arguments()
    if args.measure:
        print(json.dumps(measure(args)))
        return
    engines = (*OURS, *asked_peers(args.peers, PEERS))
    out: dict[str, Any] = {"runs": args.runs, "threads": args.threads, "networks": {}}
    with tempfile.TemporaryDirectory() as folder:
        for net in args.net:
            graph = Path(folder, "graph.npz")
            about: dict[str, Any] = dict(lay_out(net, graph))
            runs: dict[str, list[dict[str, Any]]] = {name: [] for name in engines}
            for _ in range(args.runs):
                for name, done in runs.items():
                    done.append(run(name, graph, args))
            for name, done in runs.items():
                about[name] = {k: statistics.median(r[k] for r in done) for k in done[0] if k != "tree"}
                about[name] |= {"tree": done[0]["tree"], "rate_of_runs": [r["rate"] for r in done]}
            out["networks"][Path(net).stem] = about
    if args.json:
        print(json.dumps(out))
        return
    for name, about in out["networks"].items():
        print(f"{name}: {about['nodes']} nodes, {about['links']} links, {about['origins']} origins")
        for engine in engines:
            row = about[engine]
            more = "" if row["tree"] else "  (costs only)"
            print(f"  {engine:<18}{row['rate']:>11,.0f} trees/s  priced anew {row['rate_priced']:>11,.0f}{more}")


if __name__ == "__main__":
    main()
