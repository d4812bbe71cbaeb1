"""Design feeders for many stations of bundled Beijing, each with its own catchment, and time it.

    python benchmarks/feeder_beijing.py [--stations 40 | central] [--demand simulated | formula] [--run FOLDER]

`--stations 40` takes the stations with most residents within 3 km, each at least 3 km from all taken before; `central`
takes every station of the central six districts. The base run is simulated once (and kept in `--run` if given) before
the clock starts; kernels are compiled before it too. Demand around the stations counts in the time. A cell belongs to
the nearest of the stations (`--overlap` lets every station within 3 km have it). `--demand formula` takes a binary
logit instead of a run, so that the figures can be had in a minute.
"""

import argparse
import json
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from greentrip_agents import simulate
from greentrip_agents.catchment import CatchmentDemand, catchment_demand
from greentrip_agents.run import Run
from greentrip_networks import beijing
from greentrip_networks.network import Network
from greentrip_optimizer import FeederOptions, design
from greentrip_optimizer.feeders import options_of
from greentrip_optimizer.instances import made_up_demand


def pick(network: Network, asked: str) -> list[str]:
    """Return the stations asked for: a number of them, or those of the central six districts."""
    rail, cells = network.compiled.rail, network.cells
    people = cells.home_share * network.zones.residents[cells.zone]
    if asked == "central":
        zone = [int(np.hypot(cells.x_m - x, cells.y_m - y).argmin()) for x, y in zip(rail.x_m, rail.y_m, strict=True)]
        inside = network.zones.areas["central six"][cells.zone[zone]]
        return [s for s, yes in zip(rail.stations, inside, strict=True) if yes]
    near = [
        float(people[np.hypot(cells.x_m - x, cells.y_m - y) <= 3000].sum())
        for x, y in zip(rail.x_m, rail.y_m, strict=True)
    ]
    taken: list[int] = []
    for s in np.argsort(near, kind="stable")[::-1]:
        if all(np.hypot(rail.x_m[s] - rail.x_m[t], rail.y_m[s] - rail.y_m[t]) >= 3000 for t in taken):
            taken.append(int(s))
        if len(taken) == int(asked):
            break
    return [rail.stations[s] for s in taken]


def base_run(city: Network, folder: Path | None, **asked: Any) -> Run:
    """Load or simulate the base as asked (`simulate`'s words), and keep it if a folder is given."""
    if folder and (folder / "indicators.json").is_file():
        return Run.load(folder)
    base = simulate(city, **asked)
    if folder:
        base.save(folder)
    return base


def own_cells(city: Network, demands: list[CatchmentDemand]) -> list[CatchmentDemand]:
    """Leave each cell to the nearest of the stations."""
    rail, cells = city.compiled.rail, city.cells
    rows = [rail.stations.index(d.station) for d in demands]
    far = np.array([np.hypot(cells.x_m - rail.x_m[r], cells.y_m - rail.y_m[r]) for r in rows])
    nearest, out = far.argmin(axis=0), []
    for k, d in enumerate(demands):
        mine = nearest[d.cells] == k
        out.append(
            replace(
                d,
                cells=d.cells[mine],
                riders=d.riders[mine],
                benefit_min=d.benefit_min[mine],
                base_min=d.base_min[mine],
            )
        )
    return out


def main() -> None:
    """Run the base, design, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", default="40", help="a number, or central")
    parser.add_argument("--demand", choices=("simulated", "formula"), default="simulated")
    parser.add_argument("--overlap", action="store_true", help="let catchments overlap")
    parser.add_argument("--vehicles", type=int, help="buses at hand [ten a station]")
    parser.add_argument("--run", type=Path, help="folder of the base run; made if there is none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    city = beijing(2019)
    base = None if asked.demand == "formula" else base_run(city, asked.run)
    stations = pick(city, asked.stations)
    vehicles = asked.vehicles if asked.vehicles is not None else 10 * len(stations)
    design(made_up_demand(city, stations[:1]), city, FeederOptions(vehicles=2))  # compile
    begun, begun_cpu, log = time.perf_counter(), time.process_time(), []

    def tell(message: str, share: float) -> None:
        log.append(f"{time.perf_counter() - begun:7.1f} s {share:5.0%}  {message}")
        if not asked.json:
            print(log[-1], flush=True)

    if base is None:
        plan = design(
            made_up_demand(city, stations), city, FeederOptions(vehicles=vehicles, seed=asked.seed), progress=tell
        )
    else:
        demands = catchment_demand(city, base, stations)
        tell("demand is known", 0.2)
        if not asked.overlap:
            demands = own_cells(city, demands)
        options = options_of(city, vehicles=vehicles, seed=asked.seed)
        peak_s = (base.costs["link_s_am"] + base.costs["link_s_pm"]) / 2
        plan = design(demands, city, options, link_s=peak_s, progress=tell)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    out = {
        "stations": len(stations),
        "demand": asked.demand,
        "vehicles_at_hand": vehicles,
        "vehicles": plan.indicators["vehicles"],
        "routes": len(plan.routes),
        "objective_cny_day": plan.objective,
        "bound_cny_day": plan.bound,
        "bound_kind": plan.bound_kind,
        "gap": plan.gap,
        "riders_day": plan.indicators["riders_day"],
        "cost_cny_day": plan.indicators["cost_cny_day"],
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "hash": plan.content_hash[:16],
    }
    if asked.json:
        print(json.dumps({**out, "log": log}))
    else:
        print("  ".join(f"{k} {v}" for k, v in out.items()))


if __name__ == "__main__":
    main()
