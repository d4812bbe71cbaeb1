"""Design feeders in the loop with the simulation, and draw green share against cost over plans of several sizes.

    python benchmarks/feeder_loop.py [--stations 40] [--fleets 20,40,...] [--placements 5] [--chart front.svg] [--json]

For each fleet: design, simulate, price anew, at most `--rounds` times. Every plan is then simulated for each placement
of the population (a seed), beside the base on the same seed; the change of the green share is their mean with its 95 %
interval (simulation only: parameters and model form are not in it). Costs are of 250 weekdays at assumed unit costs.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from feeder_beijing import base_run, pick
from greentrip_agents import simulate
from greentrip_agents.comparison import compare
from greentrip_agents.run import Run
from greentrip_networks import beijing
from greentrip_networks.network import Network
from greentrip_optimizer.feeders import options_of
from greentrip_optimizer.loop import design_in_loop, million_a_year, moved_to_metro, pareto


def draw(points: list[dict], target: float, path: Path) -> None:
    """Draw green share against cost, the front joined, with intervals."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5))
    for p in points:
        low, high = p["interval"] or (p["green_share_change_points"],) * 2
        x, y = p["million_cny_year"], p["green_share_change_points"]
        axes.plot([x, x], [low, high], color="0.7", lw=1.5, zorder=1)
        axes.plot(x, y, "o", color="tab:green" if p["front"] else "0.6", zorder=2)
        axes.annotate(str(p["vehicles"]), (x, y), textcoords="offset points", xytext=(5, 5), fontsize=8)
    front = sorted((p for p in points if p["front"]), key=lambda p: p["million_cny_year"])
    axes.plot(
        [p["million_cny_year"] for p in front], [p["green_share_change_points"] for p in front], color="tab:green"
    )
    axes.axhline(target, color="tab:red", lw=1, ls="--")
    axes.text(
        0.01, target, f"target: {target:+.2f} points", color="tab:red", va="bottom", fontsize=8,
        transform=axes.get_yaxis_transform(),
    )  # fmt: skip
    axes.set_xlabel("operating cost, million CNY a year (250 weekdays, unit costs assumed)")
    axes.set_ylabel("change of green share, central six, points")
    axes.set_title("Feeders: green share against cost, simulated; numbers: buses; bars: 95 % over placements")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Design, simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", default="40", help="a number, or central")
    parser.add_argument("--fleets", default="10,20,40,80,120,200,300,400")
    parser.add_argument("--placements", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=float, default=0.005)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--runs", type=Path, help="folder that keeps the base runs")
    parser.add_argument("--chart", type=Path, help="PNG or SVG to draw")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    city = beijing(2019)
    begun = time.perf_counter()

    def tell(what: str) -> None:
        print(f"{time.perf_counter() - begun:8.1f} s  {what}", file=sys.stderr, flush=True)

    def run_of(network: Network, seed: int) -> Run:
        return simulate(network, sample=asked.sample, seed=seed, max_days=asked.days)

    base = []
    for seed in range(asked.placements):
        folder = asked.runs / f"base-{seed}-{asked.sample:g}-{asked.days}" if asked.runs else None
        base.append(base_run(city, folder, sample=asked.sample, seed=seed, max_days=asked.days))
        tell(f"base, placement {seed}")
    stations, points = pick(city, asked.stations), []
    for fleet in (int(f) for f in asked.fleets.split(",")):
        options = options_of(city, vehicles=fleet)
        loop = design_in_loop(
            city, base[:1], run_of, stations=stations, options=options, most_rounds=asked.rounds,
            progress=lambda what, _share, n=fleet: tell(f"{n} buses: {what}"),
        )  # fmt: skip
        with_plan = city.with_(feeders=(*city.feeders, *loop.plan.routes))
        runs = [run_of(with_plan, seed) for seed in range(asked.placements)]
        judged = compare(base, runs, city).summary
        head = judged["headline"]
        points.append(
            {
                "vehicles": loop.plan.vehicles,
                "routes": len(loop.plan.routes),
                "million_cny_year": round(million_a_year(loop.plan), 3),
                "green_share_change_points": head["change_points"],
                "interval": head["interval"],
                "forecast": head["forecast"],
                "verdict": head["verdict"],
                "to_metro_from": moved_to_metro(judged["diversion"]),
                "rounds": loop.rounds,
                "settled": loop.settled,
                "bound_kind": loop.plan.bound_kind,
                "gap": loop.plan.gap,
                "hash": loop.plan.content_hash[:16],
            }
        )
        tell(f"{fleet} buses: {head['change_points']:+.4f} points {head['interval']}")
    for p, on in zip(points, pareto(points), strict=True):
        p["front"] = on
    if asked.chart:
        draw(points, city.target.value - (judged["headline"]["observed"] or 0.0), asked.chart)
    out = {"stations": len(stations), "placements": asked.placements, "sample": asked.sample, "plans": points}
    print(json.dumps(out, ensure_ascii=False, indent=None if asked.json else 1))


if __name__ == "__main__":
    main()
