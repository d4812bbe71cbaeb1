"""Transit routes for a benchmark instance: `python benchmarks/transit_design.py --instance DIR/Mumford1`.

The instance is a prefix of files or a folder (see docs/route-design.md). By --seconds the answer depends on the
machine; by --evaluations it repeats.
"""

import argparse
import json
import sys

from greentrip_networks.errors import GreentripError
from greentrip_optimizer.route_design.instance import KNOWN, Rules, read, with_rules
from greentrip_optimizer.route_design.search import OBJECTIVES, design_routes


def main() -> int:
    """Design routes and print what they are worth; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instance", required=True, help="DIR/NAME, or the folder of the instance")
    parser.add_argument("--objective", choices=OBJECTIVES, default="passenger")
    parser.add_argument("--weight", type=float, default=0.5, help="the passengers' share of the weighted objective")
    parser.add_argument("--seconds", type=float, help="stop after this time (default 60; not repeatable)")
    parser.add_argument("--evaluations", type=int, help="stop after this many proposals (repeatable)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--routes", type=int, help=f"number of routes; known for {', '.join(KNOWN)}")
    parser.add_argument("--min-nodes", type=int)
    parser.add_argument("--max-nodes", type=int)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    given = (asked.routes, asked.min_nodes, asked.max_nodes)
    try:
        rules = Rules(*given) if all(v is not None for v in given) else None
        instance = read(asked.instance, rules)
        if any(v is not None for v in given):
            instance = with_rules(instance, routes=given[0], min_nodes=given[1], max_nodes=given[2])
        seconds = asked.seconds if asked.seconds or asked.evaluations else 60.0
        found = design_routes(
            instance,
            asked.objective,
            seed=asked.seed,
            evaluations=asked.evaluations,
            seconds=seconds,
            weight=asked.weight,
        )
    except (GreentripError, ValueError) as error:
        print(f"transit_design: {error}", file=sys.stderr)
        return 2
    out = {
        "instance": instance.name,
        "objective": asked.objective,
        **found.worth.as_dict(),
        "value": found.value,
        "bound": found.bound,
        "gap": found.gap,
        "seed": asked.seed,
        "evaluations": found.evaluations,
        "seconds": round(found.seconds, 1),
        "repeatable": found.repeatable,
        "routes": [list(r) for r in found.routes],
    }
    if asked.json:
        print(json.dumps(out))
        return 0
    for name, value in out.items():
        if name != "routes":
            print(f"{name:<12}{value}")
    for route in found.routes:
        print("-".join(str(v) for v in route))
    return 0


if __name__ == "__main__":
    sys.exit(main())
