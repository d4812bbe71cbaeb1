"""Serve every stop of an instance by feeder routes at the least cost, with a proven bound.

    python benchmarks/feeder.py --instance benchmarks/instances/feeder-55.json --seconds 60 --seed 0 --json

Prints cost, bound, gap (a fraction) and routes (stops from the station outwards), beside OR-Tools' routing solver
used plainly on the same instance in the same run (for a tenth of the time, at most 20 s, included in `--seconds`).
Kernels are compiled before the clock starts; reading the instance counts. Without `--seconds` the run stops on work
(`--steps` of search) and repeats exactly. `--write N STATIONS` writes a made-up instance instead.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from greentrip_networks.errors import GreentripError
from greentrip_optimizer.everystop.check import check_plan
from greentrip_optimizer.everystop.generate import STYLES, make_instance
from greentrip_optimizer.everystop.instance import instance_from, read_instance
from greentrip_optimizer.everystop.naive import routed
from greentrip_optimizer.everystop.solve import Limits, solve


def main() -> None:
    """Solve one instance and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instance", type=Path)
    parser.add_argument("--seconds", type=float, help="wall-clock limit; such a run need not repeat")
    parser.add_argument("--steps", type=int, default=200_000, help="steps of search where no seconds are given")
    parser.add_argument("--gap", type=float, default=0.0, help="stop at this gap, a fraction")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--certificate", type=Path, help="write the prices that prove the bound here")
    parser.add_argument("--no-naive", action="store_true", help="leave OR-Tools' routing solver out")
    parser.add_argument("--write", nargs=2, type=int, metavar=("STOPS", "STATIONS"), help="print a made-up instance")
    parser.add_argument("--style", choices=STYLES, default="towns")
    parser.add_argument("--metric", choices=("rectilinear", "euclidean"), default="rectilinear")
    asked = parser.parse_args()
    if asked.write:
        print(json.dumps(make_instance(*asked.write, asked.seed, style=asked.style, metric=asked.metric)))
        return
    if asked.instance is None:
        parser.error("--instance is needed")
    if asked.seconds is not None and not asked.seconds > 0:
        parser.error(f"--seconds: saw {asked.seconds:g}; expected more than 0")
    solve(instance_from(make_instance(12, 2, 0)), 0, Limits(steps=100))  # compile
    begun, begun_cpu = time.perf_counter(), time.process_time()
    try:
        instance = read_instance(asked.instance)
    except GreentripError as error:
        sys.exit(f"error: {error}")
    data = json.loads(asked.instance.read_text(encoding="utf-8"))
    aside = 0.0 if asked.no_naive else min(20.0, 0.1 * (asked.seconds or 50.0))
    seconds = None if asked.seconds is None else max(0.0, 0.98 * asked.seconds - aside)
    answer = solve(
        instance,
        asked.seed,
        Limits(gap=asked.gap, steps=asked.steps, seconds=seconds),
        None if asked.json else lambda line: print(line, flush=True),
    )
    took, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    routes = [
        {"station": instance.station_ids[r.station], "stops": [instance.stop_ids[s] for s in r.stops]}
        for r in answer.routes
    ]
    cost, wrong = check_plan(data, routes)
    naive = None if asked.no_naive else routed(instance, data, aside)
    if asked.certificate:
        asked.certificate.write_text(json.dumps(answer.certificate), encoding="utf-8")
    out = {
        "instance": instance.name,
        "cost": cost,
        "bound": answer.bound,
        "gap": max(0.0, (cost - answer.bound) / cost),
        "bound_kind": "proved",
        "routes": routes,
        "seconds": round(took, 2),
        "cpu_seconds": round(cpu, 2),
        "seed": asked.seed,
        "repeatable": asked.seconds is None,
        "rules_broken": wrong,
        "naive_ortools": naive and {"cost": naive["cost"], "seconds": naive["seconds"]},
        "log": answer.log,
    }
    if asked.json:
        print(json.dumps(out))
    else:
        beside = (
            f"OR-Tools routing {naive['cost']:.4f} ({naive['cost'] / cost - 1:+.2%})" if naive and naive["cost"] else ""
        )
        print(
            f"cost {cost:.4f}  bound {answer.bound:.4f} (proved)  gap {out['gap']:.4%}  {took:.1f} s "
            f"(CPU {cpu:.1f})  {beside}"
        )
        for r in routes:
            print(f"  {r['station']}: {' '.join(str(s) for s in r['stops'])}")
    if wrong:
        sys.exit("error: the plan breaks rules: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
