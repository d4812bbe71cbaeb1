"""Do the comparisons keep what they promise, on pools whose truth is known? 200 tries each, all keyed.

The pools are drawn: runs scatter as those of Beijing at a thousandth of the residents do (0.29 point), pairs under the
same seeds by less. `benchmarks/interval_coverage.py` does the same with pools of real runs.
"""

from typing import Any

import numpy as np
import pytest
from greentrip_agents.statistics import compare_scenarios
from greentrip_networks.hashing import uniform
from scipy import special

TRIES, SEEDS, EFFECT = 200, 10, 0.2
POOL = 600
RUN_SD, PAIR_SD = 0.29, 0.2  # points of green share


def pool() -> tuple[np.ndarray, np.ndarray]:
    """Return the green share without and with a change of exactly EFFECT on average, shape (POOL,) each."""
    base = 57 + RUN_SD * special.ndtri(uniform(1, 0, np.arange(POOL)))
    pairs = PAIR_SD * special.ndtri(uniform(1, 1, np.arange(POOL)))
    return base, base + (pairs - pairs.mean()) + EFFECT


def drawn(key: int, try_: int, count: int) -> list[int]:
    """Return seeds drawn without replacement."""
    return [int(i) for i in np.argsort(uniform(key, try_, np.arange(POOL)), kind="stable")[:count]]


def told(base: np.ndarray, other: np.ndarray, mine: list[int], theirs: list[int]) -> dict[str, Any]:
    """Return the difference that the comparison reports."""
    values = {
        name: {s: {"green_share": float(side[s])} for s in seeds}
        for name, side, seeds in (("today", base, mine), ("other", other, theirs))
    }
    (row,) = compare_scenarios(values, baseline="today", indicators=["green_share"])["differences"]
    return dict(row)


def test_equal_runs_differ_by_exactly_nothing() -> None:
    base, _ = pool()
    for t in range(20):
        row = told(base, base, drawn(2, t, SEEDS), drawn(2, t, SEEDS))
        assert (row["change"], row["interval"], row["p"], row["found"]) == (0.0, [0.0, 0.0], 1.0, False)


def test_other_seeds_of_the_same_scenario_are_found_different_as_often_as_announced() -> None:
    base, _ = pool()
    picked = [drawn(3, t, 2 * SEEDS) for t in range(TRIES)]
    found = sum(told(base, base, s[:SEEDS], s[SEEDS:])["found"] for s in picked)
    assert 4 <= found <= 16


def test_a_planted_effect_is_covered_as_often_as_announced() -> None:
    base, other = pool()
    ends = [told(base, other, s, s)["interval"] for s in (drawn(4, t, SEEDS) for t in range(TRIES))]
    assert 184 <= sum(low <= EFFECT <= high for low, high in ends) <= 196


@pytest.mark.parametrize("pilot", [5, 8])
def test_the_seeds_announced_from_a_pilot_find_the_effect(pilot: int) -> None:
    """As a user does: run a few seeds, read how many more would find the change, run those and look again."""
    base, other = pool()
    found = longer = 0
    for t in range(TRIES):
        order = drawn(5, t, POOL)
        first = told(base, other, order[:pilot], order[:pilot])
        seeds = order[: pilot + (first["further_seeds"] or 0)]
        longer += len(seeds) > pilot
        found += told(base, other, seeds, seeds)["found"]
    assert found >= 160
    assert longer > TRIES / 2  # the pilot alone would mostly not have done
