"""Design feeders for many stations of bundled Beijing, each with its own catchment, and time it.

    python benchmarks/feeder_beijing.py [--stations 40 | central] [--vehicles N] [--run FOLDER] [--json]

`--stations 40` takes the stations with most residents within 3 km, each at least 3 km from all taken before.
`central` takes every station of the central six districts. The base run is simulated once (and kept in `--run` if
given) before the clock starts; kernels are compiled before it too. Demand around the stations counts in the time.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
from greentrip_agents import simulate
from greentrip_agents.run import Run
from greentrip_networks import beijing
from greentrip_networks.network import Network
from greentrip_optimizer import design_feeders


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


def main() -> None:
    """Run the base, design, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", default="40", help="a number, or central")
    parser.add_argument("--vehicles", type=int, help="buses at hand [ten a station]")
    parser.add_argument("--run", type=Path, help="folder of the base run; made if there is none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    city = beijing(2019)
    if asked.run and (asked.run / "indicators.json").is_file():
        base = Run.load(asked.run)
    else:
        base = simulate(city)
        if asked.run:
            base.save(asked.run)
    stations = pick(city, asked.stations)
    vehicles = asked.vehicles if asked.vehicles is not None else 10 * len(stations)
    design_feeders(city, base, stations=stations[:1], vehicles=2)  # compile
    begun, begun_cpu, log = time.perf_counter(), time.process_time(), []

    def tell(message: str, share: float) -> None:
        log.append(f"{time.perf_counter() - begun:7.1f} s {share:5.0%}  {message}")
        if not asked.json:
            print(log[-1], flush=True)

    plan = design_feeders(city, base, stations=stations, vehicles=vehicles, seed=asked.seed, progress=tell)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    out = {
        "stations": len(stations),
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
