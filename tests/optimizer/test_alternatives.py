"""What could be chosen instead, where searches end before their proof or nothing is possible."""

from math import inf

import pytest
from greentrip_optimizer.alternatives import (
    MOST_TOLD,
    Answer,
    Program,
    alternatives,
    fleet_of,
    next_best,
    possible,
    shadow_prices,
    solve,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from ortools.sat.python import cp_model


def knapsack(values, buses):
    """Return a program of picks worth so many CNY that take so many buses."""
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in values]
    fleet = fleet_of(model, cp_model.LinearExpr.weighted_sum(x, buses))
    model.maximize(cp_model.LinearExpr.weighted_sum(x, [100 * v for v in values]))
    return Program(model, x, fleet, 0)


def most(values, buses, fleet):
    """Return the best value by dynamic programming over buses."""
    best = [0] * (fleet + 1)
    for v, b in zip(values, buses, strict=True):
        for n in range(fleet, b - 1, -1):
            best[n] = max(best[n], best[n - b] + v)
    return best[fleet]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 5)), min_size=1, max_size=30), st.integers(0, 40))
def test_what_is_lost_and_what_a_bus_brings_equal_dynamic_programming(items, fleet):
    values, buses = zip(*items, strict=True)
    program = knapsack(values, buses)
    best = solve(program, fleet, 6.0)
    assert best.value == most(values, buses, fleet)
    others = alternatives(program, fleet, best, values, 6.0)
    assert len(others.without) == min(MOST_TOLD, len(best.picks))
    assert min((values[i] for i in others.without), default=0) >= max(
        (values[i] for i in best.picks if i not in others.without), default=0
    )
    for i, without in others.without.items():
        rest = [k for k in range(len(values)) if k != i]
        lost = best.value - most([values[k] for k in rest], [buses[k] for k in rest], fleet)
        assert next_best(best, without) == {"loses_cny_day": lost}
    assert shadow_prices(best, others.one_more) == {"bus_cny_day": most(values, buses, fleet + 1) - best.value}


def test_a_search_without_work_says_what_is_open():
    program = knapsack((5, 4, 3), (1, 1, 1))
    best = Answer((0, 1), 9.0, 9.0)
    others = alternatives(program, 2, best, (5, 4, 3), 0.0)
    for i, without in others.without.items():
        row = next_best(best, without)
        assert i not in (without.picks or ())
        assert row["loses_cny_day"] is None or row.get("loses_at_least_cny_day", row["loses_cny_day"]) <= (2, 1)[i]


def test_what_is_impossible_is_told_apart_from_what_was_not_found():
    program = knapsack((5,), (2,))
    assert possible(program, 0, 6.0)
    program.model.add(program.pick[0] == 1)
    assert possible(program, 1, 6.0) is False
    assert solve(program, 1, 6.0).impossible
    best = solve(program, 2, 6.0)
    row = next_best(best, alternatives(program, 2, best, (5,), 6.0).without[0])
    assert row == {"loses_cny_day": None, "reason": "no plan without it keeps the limits"}
    missing = Answer(None, -inf, inf)
    assert next_best(best, missing)["reason"] == "no plan without it was found within the work allowed"
    assert shadow_prices(best, missing) == {"bus_cny_day": None}


def test_a_figure_that_is_not_proved_stands_beside_its_bound():
    best = Answer((0,), 10.0, 10.0)
    assert next_best(best, Answer((1,), 7.0, 8.5)) == {"loses_cny_day": 3.0, "loses_at_least_cny_day": 1.5}
    found = shadow_prices(best, Answer((0, 1), 12.0, 13.0))
    assert found == {"bus_cny_day": 2.0, "bus_at_most_cny_day": pytest.approx(3.0)}
