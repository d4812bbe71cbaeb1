"""Designed feeders beside nearest-stop routes on named instances: `python benchmarks/feeder_nearest.py [--json]`.

The instances are bundled networks with demand by a stated formula, so they need no simulation and repeat anywhere.
"""

import argparse
import json
import time

from greentrip_networks import load
from greentrip_optimizer import FeederOptions, design
from greentrip_optimizer.instances import INSTANCES, made_up_demand
from greentrip_optimizer.nearest import nearest_stop_plan


def main() -> None:
    """Run every instance and print what both plans are worth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instance", choices=sorted(INSTANCES), action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--loops", action="store_true", help="design loops too")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = []
    for name in asked.instance or sorted(INSTANCES):
        instance = INSTANCES[name]
        network = load(instance.network)
        demands = made_up_demand(network, [network.station(s) for s in instance.stations])
        options = FeederOptions(vehicles=instance.vehicles, seed=asked.seed, loops=asked.loops)
        network.compiled  # noqa: B018  # compile before the clock starts
        design(demands[:1], network, FeederOptions(vehicles=2, loops=asked.loops))
        start = time.perf_counter()
        plan = design(demands, network, options)
        seconds = time.perf_counter() - start
        naive = nearest_stop_plan(demands, network, options)
        rows.append(
            {
                "instance": name,
                "stations": len(demands),
                "vehicles": instance.vehicles,
                "designed_cny_day": plan.objective,
                "bound_cny_day": plan.bound,
                "gap": plan.gap,
                "bound_kind": plan.bound_kind,
                "nearest_cny_day": naive.objective,
                "seconds": round(seconds, 1),
                "hash": plan.content_hash[:16],
            }
        )
    if asked.json:
        print(json.dumps(rows))
        return
    print(
        f"{'instance':<14}{'stations':>9}{'buses':>6}{'designed':>12}{'nearest':>12}{'bound':>12}{'gap':>8}"
        f"  kind      {'s':>5}"
    )
    for r in rows:
        print(
            f"{r['instance']:<14}{r['stations']:>9}{r['vehicles']:>6}{r['designed_cny_day']:>12,.0f}{r['nearest_cny_day']:>12,.0f}"
            f"{r['bound_cny_day']:>12,.0f}{r['gap']:>8.2%}  {r['bound_kind']:<9}{r['seconds']:>5}"
        )


if __name__ == "__main__":
    main()
