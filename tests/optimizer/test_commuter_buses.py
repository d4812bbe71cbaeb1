"""Commuter buses: who switches, which routes are chosen, and what a plan says."""

import itertools

import pytest
from greentrip_agents import simulate
from greentrip_networks import tiny
from greentrip_networks.errors import ScenarioError
from greentrip_optimizer import Plan
from greentrip_optimizer.commuter_buses import (
    CommuterOptions,
    _choose,
    _columns,
    design_commuter_buses,
    drivers_to_work,
    switching,
)
from hypothesis import given
from hypothesis import strategies as st

OPTIONS = CommuterOptions(
    vehicles=6, least_km=2.0, least_riders=5.0, destinations=4, seeds=3, equal_share=0.4, detour_factor=3.0
)


@pytest.fixture(scope="module")
def city():
    return tiny()


@pytest.fixture(scope="module")
def run(city):
    return simulate(city, sample=0.02, max_days=3)


@given(worse=st.floats(-60, 60), more=st.floats(0.1, 30))
def test_a_worse_bus_wins_fewer_drivers_and_gives_them_less(worse, more):
    share, gain = switching(worse, OPTIONS)
    fewer, less = switching(worse + more, OPTIONS)
    assert 0 < fewer < share < 1
    assert 0 < less < gain
    assert (gain - less) / more == pytest.approx((share + fewer) / 2, abs=0.1)  # the surplus is the share's integral
    assert switching(0.0, OPTIONS)[0] == pytest.approx(OPTIONS.equal_share)


def test_drivers_are_those_of_the_run(city, run):
    import polars as pl

    drivers = drivers_to_work(city, run)
    mine = run.trips.filter(
        (pl.col("mode") == "car") & (pl.col("purpose") == "work") & (pl.col("direction") == "out")
        & (pl.col("period") == "am")
    )  # fmt: skip
    assert drivers.trips.sum() == pytest.approx(mine["weight"].sum())
    assert (drivers.trips * drivers.minutes).sum() == pytest.approx((mine["weight"] * mine["minutes"]).sum())


def test_the_choice_equals_trying_every_set(city, run):
    columns = sorted(_columns(city, run, drivers_to_work(city, run), OPTIONS), key=lambda c: -c.value)[:14]
    assert len(columns) > 4
    best = 0.0
    for n in range(1, 7):
        for group in itertools.combinations(columns, n):
            pairs = [(a, z, c.window) for c in group for a in c.pickups for z in c.drops]
            if len(set(pairs)) == len(pairs) and sum(c.buses for c in group) <= OPTIONS.vehicles:
                best = max(best, sum(c.value for c in group))
    _, value, bound = _choose(columns, OPTIONS)
    assert value == pytest.approx(best, abs=0.2)
    assert bound == pytest.approx(best, abs=0.2)


def test_a_plan_explains_every_route_and_keeps_the_limits(city, run):
    plan = design_commuter_buses(city, run, OPTIONS)
    again = design_commuter_buses(city, run, OPTIONS)
    assert plan.content_hash == again.content_hash == Plan.from_dict(plan.to_dict()).content_hash
    rows = plan.indicators["commuter_routes"]
    assert rows
    assert sum(r["buses"] for r in rows) <= OPTIONS.vehicles
    assert plan.objective == pytest.approx(sum(r["worth_cny_day"] for r in rows), abs=0.1)
    for r in rows:
        assert 0 < r["riders_day"] <= 2 * r["seats"] + 1e-6
        assert r["price_cny"] in OPTIONS.prices_cny
        assert r["fast_leg_min"] <= r["minutes"] <= OPTIONS.most_minutes + 20
        times = [s["time"] for s in (*r["pick_ups"], *r["drop_offs"])]
        assert times == sorted(times)
        assert r["arrive"].split("-")[0] <= times[-1] <= r["arrive"].split("-")[1]
        assert all(s["node"] in city.roads for s in (*r["pick_ups"], *r["drop_offs"]))
        assert sum(s["riders"] for s in r["pick_ups"]) * 2 == pytest.approx(r["riders_day"], abs=0.5)
        gained = r["minutes_saved_day"] * OPTIONS.value_cny_h / 60
        assert r["worth_cny_day"] == pytest.approx(r["fares_cny_day"] + gained - r["cost_cny_day"], abs=0.1)
    assert plan.interventions() == ()
    assert plan.assumptions[0].startswith("Not simulated")


def test_more_buses_never_lower_the_objective(city, run):
    values = [
        design_commuter_buses(city, run, CommuterOptions(**{**vars(OPTIONS), "vehicles": n})).objective
        for n in (0, 1, 3, 6)
    ]
    assert values[0] == 0
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("field", "value"),
    [("vehicles", -1), ("seats", 0), ("prices_cny", ()), ("arrive", ("8-9", "x", "y")), ("equal_share", 1.0)],
)
def test_senseless_options_are_refused_by_name(field, value):
    with pytest.raises(ScenarioError, match=field):
        CommuterOptions(**{"vehicles": 3, field: value})
