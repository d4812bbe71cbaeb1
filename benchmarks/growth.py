"""Draw how a day's time and memory grow with residents and threads, and trees with links: docs/images/growth.svg.

`python benchmarks/growth.py [--samples 0.01 0.1 1] [--json]` runs benchmarks/day.py for two days at each sample and
thread count in a process of its own, and times all shortest-path trees from 331 origins on square grids. Takes some
minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
ORIGINS = 331
SIDES = (30, 60, 100, 170)  # nodes a side
COLOURS = ("#1b6ca8", "#d1495b")


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=float, nargs="+", default=[0.01, 0.1, 1.0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", action="store_true", help="as one line")
    asked = parser.parse_args()
    days = [_day(sample, threads) for sample in asked.samples for threads in asked.threads]
    links = [_trees(side) for side in SIDES]
    (ROOT / "docs" / "images" / "growth.svg").write_text(_draw(days, links, asked.threads), encoding="utf-8")
    sys.stdout.write(json.dumps({"days": days, "trees": links}, indent=None if asked.json else 2) + "\n")


def _day(sample: float, threads: int) -> dict[str, Any]:
    """Return a second day's seconds and the memory at a sample rate."""
    command = [sys.executable, str(ROOT / "benchmarks" / "day.py"), "--sample", str(sample), "--days", "2", "--json"]
    environment = os.environ | {"NUMBA_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    second = found["log"][1]["seconds"] - found["log"][0]["seconds"]
    return {
        "sample": sample, "threads": threads, "residents": found["residents"], "seconds_day": round(second, 2),
        "seconds_first_day": found["log"][0]["seconds"], "peak_rss_mb": found["peak_rss_mb"],
    }  # fmt: skip


def _trees(side: int) -> dict[str, Any]:
    """Return the seconds for all trees from ORIGINS nodes of a square grid with streets both ways."""
    from greentrip_agents.equilibrium import RoadEquilibrium
    from greentrip_agents.equilibrium_delay import bpr
    from greentrip_agents.equilibrium_problem import Links, VehicleClass

    n = side * side
    at = np.arange(n).reshape(side, side)
    pairs = [(at[:, :-1], at[:, 1:]), (at[:, 1:], at[:, :-1]), (at[:-1], at[1:]), (at[1:], at[:-1])]
    tail = np.concatenate([a.ravel() for a, _ in pairs])
    head = np.concatenate([b.ravel() for _, b in pairs])
    cost = 20.0 + 40.0 * ((tail * 7919 + head * 104729) % 1000) / 1000
    links = Links(n, tail.astype(np.int32), head.astype(np.int32), bpr(cost, 1000.0))
    sources = np.linspace(0, n - 1, ORIGINS).astype(np.int32)
    roads = RoadEquilibrium(links, [VehicleClass(sources[:0], sources[:0], np.zeros(0), sources=sources)])
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        roads.expect(cost)
        seconds.append(time.perf_counter() - start)
    return {"links": len(tail), "seconds": round(float(np.median(seconds[1:])), 4)}


def _draw(days: list[dict[str, Any]], links: list[dict[str, Any]], threads: list[int]) -> str:
    """Return three log-log charts side by side as SVG."""
    of = [[d for d in days if d["threads"] == t] for t in threads]
    names = [f"{t} thread{'s' if t > 1 else ''}" for t in threads]
    charts = [
        ("a day, seconds", "residents", [[(d["residents"], d["seconds_day"]) for d in rows] for rows in of], names),
        ("peak memory, MB", "residents", [[(d["residents"], d["peak_rss_mb"]) for d in rows] for rows in of], names),
        (
            f"trees of {ORIGINS} origins, seconds",
            "links",
            [[(r["links"], r["seconds"]) for r in links]],
            ["all threads"],
        ),
    ]
    body = "".join(_chart(20 + 320 * i, *chart) for i, chart in enumerate(charts))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="980" height="280" font-family="sans-serif" font-size="12">'
        f'<rect width="980" height="280" fill="white"/>{body}</svg>\n'
    )


def _chart(left: int, title: str, below: str, lines: list[list[tuple[float, float]]], names: list[str]) -> str:
    """Return one chart with every measured point labelled."""
    width, height, top, margin = 230, 170, 40, 50
    xs = np.log10([x for line in lines for x, _ in line])
    ys = np.log10([y for line in lines for _, y in line])
    x0, x1, y0, y1 = xs.min() - 0.1, xs.max() + 0.1, ys.min() - 0.2, ys.max() + 0.3
    parts = [
        f'<text x="{left + margin}" y="22" font-weight="bold">{title}</text>',
        f'<rect x="{left + margin}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#999"/>',
        f'<text x="{left + margin + width / 2}" y="{top + height + 36}" text-anchor="middle">{below}</text>',
    ]
    for tick in range(int(np.ceil(x0)), int(np.floor(x1)) + 1):
        x = left + margin + (tick - x0) / (x1 - x0) * width
        parts.append(f'<text x="{x:.0f}" y="{top + height + 16}" text-anchor="middle" fill="#666">10^{tick}</text>')
    for line, colour, name, row in zip(lines, COLOURS, names, range(len(names)), strict=False):
        at = [
            (
                left + margin + (np.log10(x) - x0) / (x1 - x0) * width,
                top + height - (np.log10(y) - y0) / (y1 - y0) * height,
            )
            for x, y in line
        ]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), (_, value) in zip(at, line, strict=True):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            parts.append(
                f'<text x="{x:.1f}" y="{y - 8 + 24 * row:.1f}" text-anchor="middle" fill="{colour}">{value:g}</text>'
            )
        parts.append(f'<text x="{left + margin + 8}" y="{top + 16 + 15 * row}" fill="{colour}">{name}</text>')
    return "".join(parts)


if __name__ == "__main__":
    main()
