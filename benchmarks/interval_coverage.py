"""Are the statistics honest? A/A tests, planted effects, announced seeds, and what common random numbers save.

A pool of real runs is simulated once: the same seeds without and with one small change (metro fares 10 % up). Tries
draw seeds from the pool without replacement, keyed, so that every try is another set of real runs:

- equal seeds: the two sides must differ by exactly zero;
- disjoint seeds of the same scenario: found different (p < 0.05) in about 5 % of the tries;
- planted effect: 0.2 point of green share is added to the pairs' own differences (less their pool's mean, so that the
  truth is known); the 95 % interval must cover it in about 95 % of the tries;
- seeds announced from a pilot, as a user has them announced: a try runs a pilot of a few seeds with the effect planted,
  is told from the pilot's own change and spread how many more would find it, adds those and looks again; must find the
  0.2 point in about 80 %;
- seeds announced from the whole pool's spread, which no user knows: that `seeds_needed` itself is right;
- variance: that of independent differences over that of paired ones.

    python benchmarks/interval_coverage.py --json                       # the tiny city, some minutes
    python benchmarks/interval_coverage.py --network beijing-2019 --sample 0.001 --pool 8 --variance-only
"""

import argparse
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from greentrip_agents import simulate
from greentrip_agents.statistics import Difference, difference, figures, ratio_of_variances, seeds_needed
from greentrip_networks import load
from greentrip_networks.hashing import uniform
from greentrip_networks.scenario import SetFare

TRIES, SEEDS, EFFECT, INDICATOR = 200, 10, 0.2, "green_share"
PILOTS = (3, 5, 10)


def pool(network: str, sample: float, seeds: int, max_days: int) -> dict[str, Any]:
    """Simulate every seed without and with the change; return the indicator by seed, shape (seeds,) each."""
    base = load(network)
    started = time.perf_counter()
    sides = [
        [figures(simulate(city, sample=sample, seed=s, max_days=max_days).indicators)[INDICATOR] for s in range(seeds)]
        for city in (base, SetFare("metro", 1.1).apply(base))
    ]
    return {"base": sides[0], "other": sides[1], "seconds": time.perf_counter() - started}


def drawn(key: int, try_: int, of: int, count: int) -> list[int]:
    """Return seeds drawn without replacement."""
    return [int(i) for i in np.argsort(uniform(key, try_, np.arange(of)), kind="stable")[:count]]


def rejections(values: Sequence[float], tries: int, *, equal: bool) -> tuple[int, float]:
    """Return how often two sides of the same scenario are found different, and the largest difference seen."""
    found, largest = 0, 0.0
    for t in range(tries):
        seeds = drawn(1, t, len(values), 2 * SEEDS)
        a = {s: values[s] for s in seeds[:SEEDS]}
        b = dict(a) if equal else {s: values[s] for s in seeds[SEEDS:]}
        d = difference(a, b)
        found += d.p is not None and d.p < 0.05
        largest = max(largest, abs(d.mean))
    return found, largest


def planted(base: Sequence[float], other: Sequence[float], tries: int, seeds: int) -> tuple[int, int]:
    """Return in how many tries the interval covers the planted effect, and in how many the effect is found."""
    covered = found = 0
    for t in range(tries):
        one = with_effect(base, other, drawn(2, t, len(base), seeds))
        assert one.interval is not None
        assert one.p is not None
        covered += one.interval[0] <= EFFECT <= one.interval[1]
        found += one.p < 0.05
    return covered, found


def with_effect(base: Sequence[float], other: Sequence[float], seeds: Sequence[int]) -> Difference:
    """Return the difference that seeds show when exactly the effect is planted into the pool."""
    b = np.asarray(base)
    d = np.asarray(other) - b
    after = b + (d - d.mean()) + EFFECT
    return difference({s: float(b[s]) for s in seeds}, {s: float(after[s]) for s in seeds})


def announced_by_pilot(base: Sequence[float], other: Sequence[float], tries: int, pilot: int) -> dict[str, Any]:
    """Return how often the effect is found with the seeds that each try's own pilot announces, and how many those are.

    The seeds of the pilot are kept: the announced number is of all seeds together, and never below the pilot's.
    """
    found, counts = 0, []
    for t in range(tries):
        order = drawn(3, t, len(base), len(base))
        first = with_effect(base, other, order[:pilot])
        needed = seeds_needed(first.mean, first.sd or 0.0) or pilot
        counts.append(min(max(needed, pilot), len(base)))
        p = with_effect(base, other, order[: counts[-1]]).p
        found += p is not None and p < 0.05
    low, middle, high = np.quantile(counts, [0.1, 0.5, 0.9], method="nearest")
    return {
        "pilot": pilot,
        "promised": 0.8,
        "found": found,
        "power": found / tries,
        "seeds_10_50_90_percent": [int(low), int(middle), int(high)],
    }


def main() -> None:
    """Simulate the pool, try, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="tiny")
    parser.add_argument("--sample", type=float, default=0.005)
    parser.add_argument("--max-days", type=int, default=12)
    parser.add_argument("--pool", type=int, default=600, help="seeds simulated on each side")
    parser.add_argument("--variance-only", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    runs = pool(options.network, options.sample, options.pool, options.max_days)
    base, other = runs["base"], runs["other"]
    pairs = np.asarray(other) - np.asarray(base)
    result: dict[str, Any] = {
        "network": options.network,
        "sample": options.sample,
        "max_days": options.max_days,
        "pool": options.pool,
        "pool_seconds": runs["seconds"],
        "indicator": INDICATOR,
        "sd_of_a_run": float(np.std(base, ddof=1)),
        "sd_of_a_pair": float(np.std(pairs, ddof=1)),
        "change_points": float(pairs.mean()),
        "variance_reduction": ratio_of_variances(base, other),
    }
    if not options.variance_only:
        announced = seeds_needed(EFFECT, result["sd_of_a_pair"]) or 0
        same, largest = rejections(base, TRIES, equal=True)
        covered, _ = planted(base, other, TRIES, SEEDS)
        _, found = planted(base, other, TRIES, announced)
        result |= {
            "tries": TRIES,
            "seeds_a_try": SEEDS,
            "equal_seeds": {"rejections": same, "largest_difference": largest},
            "disjoint_seeds": {"rejections": rejections(base, TRIES, equal=False)[0]},
            "planted": {"effect_points": EFFECT, "covered": covered, "coverage": covered / TRIES},
            "announced_by_a_pilot": [announced_by_pilot(base, other, TRIES, pilot) for pilot in PILOTS],
            "announced_by_the_whole_pool": {
                "seeds": announced,
                "promised": 0.8,
                "found": found,
                "power": found / TRIES,
            },
        }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
