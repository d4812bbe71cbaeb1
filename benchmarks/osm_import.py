"""Write a synthetic city as .osm.pbf, read it, and say seconds and memory per million nodes, also for a 1 GB extract.

    python benchmarks/osm_import.py [--nodes 8] [--file city.osm.pbf] [--json]

The city is a grid of bent streets with classes, lanes, speed limits, one-way streets, signals and turn restrictions,
and around them houses, as in real extracts: about one node in eight belongs to a street. It is invented, and its
streets are more regular than real ones, so the extrapolation is linear and no more than that.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import osmium
from greentrip_networks.formats import read_layers
from greentrip_networks.hashing import uniform
from osmium.osm.mutable import Node, Relation, Way

CLASSES = ("primary", "secondary", "tertiary", "residential", "residential", "service", "footway")


def write_city(path: Path, million_nodes: float, seed: int = 0, per_cell: int = 11) -> dict[str, int]:
    """Write a city of so many nodes; return how many of what."""
    per_block = 1 + 2 * 3 + 6 * per_cell  # a junction, bends of two streets, and houses: nodes of one cell of the grid
    side = max(3, int((million_nodes * 1e6 / per_block) ** 0.5))
    count = {"nodes": 0, "ways": 0, "restrictions": 0, "street nodes": 0}
    path.unlink(missing_ok=True)
    header = osmium.io.Header()
    header.set("generator", "greentrip benchmark")
    with osmium.SimpleWriter(str(path), header=header) as out:
        noise = uniform(seed, np.arange(side * side)).reshape(side, side)
        step = 0.0015
        west, south = 116.0, 39.5
        node = 0

        shake = ((uniform(seed, np.arange(1 << 20)) - 0.5) * 4e-5).tolist()  # surveyed places share no digits

        def add(lon: float, lat: float, tags: dict[str, str] | None = None) -> int:
            nonlocal node
            node += 1
            lon += shake[(2 * node) % len(shake)]
            lat += shake[(2 * node + 1) % len(shake)]
            when = 1_500_000_000 + int(shake[node % len(shake)] * 1e12)
            out.add_node(Node(id=node, location=(lon, lat), version=1, changeset=when % 90_000_000, tags=tags or {}))
            return node

        junction = np.zeros((side, side), np.int64)
        bends: dict[tuple[int, int, int], list[int]] = {}
        houses: list[list[int]] = []
        for i in range(side):
            for j in range(side):
                lon, lat, r = west + i * step, south + j * step, noise[i, j]
                junction[i, j] = add(lon, lat, {"highway": "traffic_signals"} if r < 0.15 else None)
                for d, (dx, dy) in enumerate(((1, 0), (0, 1))):
                    bends[i, j, d] = [
                        add(lon + dx * step * k / 4 + dy * 1e-4 * r, lat + dy * step * k / 4 + dx * 1e-4 * r)
                        for k in (1, 2, 3)
                    ]
                for h in range(per_cell):
                    x, y = lon + step * (0.2 + 0.06 * h), lat + step * (0.3 + 0.4 * r)
                    corners = ((0, 0), (8e-5, 0), (8e-5, 4e-5), (9e-5, 6e-5), (8e-5, 8e-5), (0, 8e-5))
                    houses.append([add(x + a, y + b) for a, b in corners])
        way = 0
        street: dict[tuple[int, int], int] = {}
        for d in range(2):
            for line in range(side):
                kind = CLASSES[line % len(CLASSES)]
                for start in range(0, side - 1, 5):
                    refs = []
                    for k in range(start, min(start + 5, side - 1)):
                        at = (k, line) if d == 0 else (line, k)
                        refs += [int(junction[at]), *bends[(*at, d)]]
                    end = min(start + 5, side - 1)
                    refs.append(int(junction[(end, line) if d == 0 else (line, end)]))
                    way += 1
                    tags = {"highway": kind, "name": f"Street {d} {line}"}
                    if kind in ("primary", "secondary"):
                        tags |= {"lanes": "4", "maxspeed": "60"}
                    if line % 4 == 3:
                        tags["oneway"] = "yes" if line % 8 == 3 else "-1"
                    out.add_way(Way(id=way, nodes=refs, tags=tags, version=1))
                    street[refs[0], d] = way
                    count["street nodes"] += len(refs)
        for corners in houses:
            way += 1
            out.add_way(Way(id=way, nodes=[*corners, corners[0]], tags={"building": "yes"}, version=1))
        for i in range(5, side - 5, 10):
            for j in range(5, side - 5, 10):
                at = int(junction[i, j])
                if (at, 0) in street and (at, 1) in street:
                    count["restrictions"] += 1
                    members = [("w", street[at, 0], "from"), ("n", at, "via"), ("w", street[at, 1], "to")]
                    tags = {"type": "restriction", "restriction": "no_left_turn"}
                    out.add_relation(Relation(id=count["restrictions"], members=members, tags=tags, version=1))
    return count | {"nodes": node, "ways": way}


def measure(path: Path) -> dict[str, float]:
    """Read an extract; return seconds, peak memory and sizes."""
    with tempfile.TemporaryDirectory() as folder:
        warm = Path(folder, "warm.osm.pbf")
        write_city(warm, 0.01)
        read_layers(warm)  # compiles kernels
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    layers = read_layers(path)
    return {
        "seconds": time.perf_counter() - start,
        "before_mb": before,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "links": len(layers.links),
        "street_nodes": layers.notes.counts["nodes"],
        "megabytes": path.stat().st_size / 1e6,
    }


def main() -> None:
    """Write, read, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--nodes", type=float, default=8.0, help="millions of nodes")
    parser.add_argument("--houses", type=int, default=11, help="houses beside each junction; 0: all nodes are streets'")
    parser.add_argument("--file", type=Path, help="keep the extract here, and use it if it is there")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--read", type=Path, help="only read this extract and print what it took, as JSON")
    args = parser.parse_args()
    if args.read:
        print(json.dumps(measure(args.read)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = args.file or Path(folder, "city.osm.pbf")
        count = None if path.exists() else write_city(path, args.nodes, per_cell=args.houses)
        child = subprocess.run([sys.executable, __file__, "--read", path], check=True, capture_output=True)
        got = json.loads(child.stdout)
    million = (count["nodes"] if count else args.nodes * 1e6) / 1e6
    got |= {"million_nodes": million, "seconds_per_million_nodes": got["seconds"] / million}
    got["mb_per_million_nodes"] = (got["peak_mb"] - got["before_mb"]) / million
    scale = 1000.0 / got["megabytes"]
    got["seconds_for_1_gb"] = got["seconds"] * scale
    got["peak_mb_for_1_gb"] = got["before_mb"] + (got["peak_mb"] - got["before_mb"]) * scale
    if args.json:
        print(json.dumps(got))
        return
    print(f"{got['megabytes']:.1f} MB, {million:.2f} million nodes, {got['street_nodes'] / 1e6:.2f} million of streets")
    print(f"read in {got['seconds']:.1f} s into {got['links']:,.0f} links; peak {got['peak_mb']:,.0f} MB")
    print(
        f"per million nodes {got['seconds_per_million_nodes']:.2f} s and {got['mb_per_million_nodes']:.0f} MB above the"
        f" {got['before_mb']:.0f} MB of the program"
    )
    print(f"1 GB, linearly: {got['seconds_for_1_gb']:.0f} s, {got['peak_mb_for_1_gb']:,.0f} MB")


if __name__ == "__main__":
    main()
