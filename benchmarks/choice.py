"""Measure the nested logit's keyed draws: a million persons over eight modes in three nests, utilities given.

`python benchmarks/choice.py [--persons 1000000] [--threads 1 2] [--json]`: medians of five after a pass that compiles.
With `--city beijing-2019` it also plans every tour of a sample, costs of all modes in both directions included.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from greentrip_agents import choice
from greentrip_agents.costs import taste
from greentrip_agents.model import CommuterModel
from greentrip_agents.parameters import default_parameters
from greentrip_networks import load, tiny
from greentrip_networks.kernels import njit, prange
from numba import set_num_threads

ROWS = 512  # drawn by one thread at a time


@njit(bare=True)
def _draw_rows(
    first: int, last: int, utility: choice.Floats, t: choice.Taste, rate: choice.Floats, out: choice.Int8s
) -> None:
    """Draw the mode of some persons."""
    for i in range(first, last):
        out[i] = choice.choose(0, i, 0, utility[i], t, rate)


@njit(parallel=True)
def _draw(utility: choice.Floats, t: choice.Taste, out: choice.Int8s) -> None:
    """Draw everybody's mode."""
    n = out.shape[0]
    for block in prange((n + ROWS - 1) // ROWS):
        first = block * ROWS
        _draw_rows(first, min(first + ROWS, n), utility, t, np.empty(choice.N_MODES), out)


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--city", default="")
    parser.add_argument("--sample", type=float, default=0.03)
    parser.add_argument("--json", action="store_true", help="as one line")
    asked = parser.parse_args()
    likes = taste(tiny(), default_parameters())
    utility = np.random.default_rng(0).normal(-3, 2, (asked.persons, choice.N_MODES))
    out = np.empty(asked.persons, np.int8)
    found = {"persons": asked.persons, "modes": choice.N_MODES, "nests": choice.N_NESTS}
    found["seconds"] = _medians(lambda: _draw(utility, likes, out), asked.threads)
    if asked.city:
        m = CommuterModel(load(asked.city), sample=asked.sample)
        found |= {"city": asked.city, "tours": len(m.tours)}
        found["seconds_with_costs"] = _medians(
            lambda: choice.plan_tours(
                0, len(m.tours), m.key, 1, 1.0, m.travellers, m.local_speed, m.costs, m.taste, m.forced, m.plans
            ),
            asked.threads,
        )
    sys.stdout.write(json.dumps(found, indent=None if asked.json else 2) + "\n")


def _medians(work: Callable[[], None], threads: list[int]) -> dict[str, float]:
    """Return the median seconds of five passes by number of threads."""
    out = {}
    for count in threads:
        set_num_threads(count)
        seconds = []
        for _ in range(6):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        out[str(count)] = round(statistics.median(seconds[1:]), 4)
    return out


if __name__ == "__main__":
    main()
