"""Measure days of a bundled city's commuters: choice, roads, transit and learning, with the time of each part.

`python benchmarks/day.py --city beijing-2019 --sample 0.1 --days 1 --json`; `--days 0` runs to equilibrium. Compilation
is done before, on the tiny city, and reported apart. Prints one JSON object.
"""

import argparse
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from greentrip_agents.calibration import classes, shares_percent
from greentrip_agents.forecast import forecast
from greentrip_agents.model import BusOperator, CommuterModel, RailOperator, RoadAuthority
from greentrip_agents.run import drift, finish
from greentrip_networks import load
from greentrip_server.warm import warm

PARTS: tuple[tuple[type, str, str], ...] = (
    (CommuterModel, "answer", "choice"),
    (CommuterModel, "regret", "choice"),
    (CommuterModel, "_zone_demand", "demand"),
    (CommuterModel, "_station_demand", "demand"),
    (RoadAuthority, "begin", "roads"),
    (RoadAuthority, "load", "roads"),
    (RoadAuthority, "measure", "roads"),
    (RoadAuthority, "skim", "roads"),
    (RoadAuthority, "equilibrate", "roads"),
    (RailOperator, "load", "rail"),
    (RailOperator, "skim", "rail"),
    (BusOperator, "load", "buses"),
    (BusOperator, "run", "buses"),
    (BusOperator, "settle", "buses"),
)


def main() -> None:
    """Print the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--city", default="beijing-2019")
    parser.add_argument("--sample", type=float, default=0.1)
    parser.add_argument("--days", type=int, default=1, help="0: until the run has settled")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="as one line")
    asked = parser.parse_args()

    started = time.perf_counter()
    warm()
    compiled = time.perf_counter() - started

    seconds: Counter[str] = Counter()
    for owner, name, part in PARTS:
        _timed(owner, name, part, seconds)
    network, seconds["network"] = _measure(lambda: load(asked.city))
    model, seconds["population and first costs"] = _measure(
        lambda: CommuterModel(network, sample=asked.sample, seed=asked.seed)
    )
    expected = forecast(network, sample=asked.sample, parameters=model.parameters)
    before = seconds["network"] + seconds["population and first costs"]
    for _, _, part in PARTS:  # what the parts did for the first costs is in those already
        seconds.pop(part, None)
    begun = time.perf_counter()
    log: list[dict[str, Any]] = []
    if asked.days > 0:
        for _ in range(asked.days):
            model.step()
            log.append(_tell(model, begun))
        converged, moved, gap = False, float("inf"), float(model.gap)
    else:
        run = finish(model, progress=lambda *_: log.append(_tell(model, begun)))
        converged, moved, gap = run.indicators["converged"], drift(run.indicators["days_log"]), run.indicators["gap"]
    lived = time.perf_counter() - begun
    named = {k: v for k, v in seconds.items() if k in {part for _, _, part in PARTS}}
    seconds["learning and the rest of the days"] = lived - sum(named.values())
    roads = network.compiled.roads
    found = {
        "city": network.name,
        "residents": len(model.people),
        "trips": 2 * len(model.tours),
        "days": model.day,
        "gap": gap,
        "gap_parts": {k: v for k, v in model.gap_parts.items() if v == v},  # noqa: PLR0124 - not a number: not measured
        "drift_points": moved if moved < float("inf") else None,
        "converged": converged,
        "green_share": model.green_share(),
        "class_share": {k: round(v, 3) for k, v in classes(shares_percent(model), model).items()},
        "links": len(roads.tail),
        "nodes": len(roads.nodes),
        "served": model.served(),
        "seconds_total": round(before + lived, 2),
        "seconds_days": round(lived, 2),
        "seconds_by_part": {k: round(v, 2) for k, v in seconds.items()},
        "seconds_compiling": round(compiled, 2),
        "seconds_forecast": round(expected.seconds, 1),
        "memory_forecast_mb": round(expected.memory_mb),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "log": log,
    }
    sys.stdout.write(json.dumps(found, indent=None if asked.json else 2) + "\n")


def _timed(owner: type, name: str, part: str, seconds: "Counter[str]") -> None:
    """Add the time of a method's calls to a part."""
    inner = getattr(owner, name)

    def outer(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return inner(*args, **kwargs)
        finally:
            seconds[part] += time.perf_counter() - start

    setattr(owner, name, outer)


def _measure(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what work returns and its seconds."""
    start = time.perf_counter()
    made = work()
    return made, time.perf_counter() - start


def _tell(model: CommuterModel, begun: float) -> dict[str, Any]:
    """Return a day's line of the log, and show it."""
    row = {
        "day": model.day,
        "gap": float(model.gap),
        "green_share": round(model.green_share(), 4),
        "seconds": round(time.perf_counter() - begun, 1),
    }
    sys.stderr.write(f"day {row['day']}: gap {row['gap']:.2e}, green share {row['green_share']}, {row['seconds']} s\n")
    return row


if __name__ == "__main__":
    main()
