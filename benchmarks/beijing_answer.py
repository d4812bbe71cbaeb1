"""Ask what feeders, bus lines fitted to rail and the plan's other measures together would have brought to the 75 %.

    python benchmarks/beijing_answer.py [--stations 40] [--fleets 50,400] [--placements 5] [--total 12] [--runs FOLDER]

Bus lines are fitted to rail on the base run; feeders are designed on a run with these lines; packages add one measure
after the other (`proto/greentrip/examples/beijing-75.toml` holds them one by one). Every package is simulated for each
placement of the population (a seed) beside the base on the same seed; changes of the green share are their mean with
its 95 % interval (simulation only: parameters and model form are not in it; `--total` adds the total interval of bus
lines and the last feeders together, from so many cities that could be). Costs are those of buses, 250 weekdays at
assumed unit costs; what fares no longer bring in, or parking does, is not counted.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from feeder_beijing import base_run, pick
from greentrip_agents import simulate
from greentrip_agents.comparison import compare
from greentrip_agents.parameters import default_parameters
from greentrip_agents.run import Run
from greentrip_agents.uncertainty import uncertainty
from greentrip_networks import Scenario, SetFare, beijing
from greentrip_networks.network import Network
from greentrip_optimizer import design_feeders
from greentrip_optimizer.line_actions import LineOptions
from greentrip_optimizer.lines import adjust_lines
from greentrip_optimizer.loop import million_a_year, moved_to_metro
from greentrip_optimizer.plan import Plan

# One after the other, each on top of those before: name, interventions, parameters (assumed, as in the example).
MEASURES: tuple[tuple[str, tuple[Any, ...], dict[str, float]], ...] = (
    ("bicycle roads", (), {"weight.bicycle": 1.3, "weight.ebike": 1.15}),
    ("metro half fare", (SetFare("metro", 0.5),), {}),
    (
        "parking enforced",
        (),
        {"parking.pays.work": 0.5, "parking.pays.errand": 0.9, "parking.pays.leisure": 0.9},
    ),
)


def main() -> None:
    """Design, simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", default="40", help="a number, or central")
    parser.add_argument("--fleets", default="50,400")
    parser.add_argument("--placements", type=int, default=5)
    parser.add_argument("--sample", type=float, default=0.005)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--total", type=int, default=0, help="cities of the total interval; 0: none")
    parser.add_argument("--runs", type=Path, help="folder that keeps the base runs")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    city, begun = beijing(2019), time.perf_counter()
    parameters = default_parameters(city.name)

    def tell(what: str) -> None:
        print(f"{time.perf_counter() - begun:8.1f} s  {what}", file=sys.stderr, flush=True)

    def run_of(network: Network, seed: int, changed: dict[str, float] | None = None) -> Run:
        with_ = parameters.with_(changed or {})
        return simulate(network, sample=asked.sample, seed=seed, max_days=asked.days, parameters=with_)

    def changed_by(network: Network, steps: tuple[Any, ...]) -> Network:
        return Scenario(name="", base=network.name, interventions=steps).build(network) if steps else network

    base = []
    for seed in range(asked.placements):
        folder = asked.runs / f"base-{seed}-{asked.sample:g}-{asked.days}" if asked.runs else None
        base.append(base_run(city, folder, sample=asked.sample, seed=seed, max_days=asked.days))
        tell(f"base, placement {seed}")

    rows: list[dict[str, Any]] = []

    def judge(name: str, network: Network, plans: tuple[Plan, ...], changed: dict[str, float] | None = None) -> None:
        runs = [run_of(network, seed, changed) for seed in range(asked.placements)]
        found = compare(base, runs, city).summary
        head, cost = found["headline"], sum(million_a_year(p) for p in plans)
        row = {
            "package": name,
            "buses": sum(p.vehicles for p in plans),
            "million_cny_year": round(cost, 2),
            "green_share_change_points": head["change_points"],
            "interval": head["interval"],
            "forecast": head["forecast"],
            "points_per_100_million_cny": round(100 * head["change_points"] / cost, 4) if cost > 0 else None,
            "converged": all(r.indicators["converged"] for r in runs),
            "to_metro_from": moved_to_metro(found["diversion"]),
        }
        rows.append(row)
        tell(f"{name}: {head['change_points']:+.3f} points {head['interval']}, {cost:,.0f} million CNY a year")

    stations = pick(city, asked.stations)
    lines = adjust_lines(city, base[0], LineOptions())
    fitted = changed_by(city, lines.interventions())
    judge("lines fitted to rail", fitted, (lines,))
    on_fitted = run_of(fitted, 0)
    plan = None
    for fleet in (int(f) for f in asked.fleets.split(",")):
        plan = design_feeders(fitted, on_fitted, stations=stations, vehicles=fleet)
        network = changed_by(fitted, plan.interventions())
        judge(f"fitted lines, feeders with {fleet} buses", network, (lines, plan))
    assert plan is not None
    steps = (*lines.interventions(), *plan.interventions())
    total = None
    if asked.total:
        total = uncertainty(
            lambda placement: (both := beijing(2019, placement=placement), changed_by(both, steps)),
            points=asked.total,
            progress=lambda k, of, change: tell(f"city {k} of {of}: {change:+.3f}"),
        )
    name, given = "", dict[str, float]()
    for measure, changes, more in MEASURES:
        network, given = changed_by(network, changes), given | more
        name += f" + {measure}"
        judge(f"the last{name}", network, (lines, plan), given)
    out = {
        "stations": len(stations),
        "placements": asked.placements,
        "sample": asked.sample,
        "packages": rows,
        "total": total,
    }
    print(json.dumps(out, ensure_ascii=False, indent=None if asked.json else 1))


if __name__ == "__main__":
    main()
