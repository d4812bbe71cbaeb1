"""Commuter buses: who switches, which routes are chosen, and what a plan says."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from greentrip_agents import simulate
from greentrip_networks import tiny
from greentrip_networks.errors import ScenarioError
from greentrip_optimizer import Plan
from greentrip_optimizer.commuter_buses import choose_routes, design_commuter_buses
from greentrip_optimizer.commuter_options import CommuterOptions, commuter_options
from greentrip_optimizer.commuter_routes import drivers_to_work, possible_routes, switching
from greentrip_optimizer.commuter_stops import PARTS, part_means, zone_stops
from hypothesis import given
from hypothesis import strategies as st

OPTIONS = CommuterOptions(
    vehicles=6, least_km=2.0, least_riders=5.0, destinations=4, seeds=3, equal_share=0.9, detour_factor=3.0
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


@pytest.fixture(scope="module")
def columns(city, run):
    homes, jobs = (zone_stops(city, share, OPTIONS) for share in (city.cells.home_share, city.cells.work_share))
    found = possible_routes(city, run, drivers_to_work(city, run), homes, jobs, OPTIONS)
    return sorted(found, key=lambda c: -c.value)[:14]


def best_by_trying(columns, vehicles):
    """Return the best value of any set of routes that keeps the limits."""
    best = 0.0
    for n in range(1, vehicles + 1):
        for group in itertools.combinations(columns, n):
            pairs = [(a, z, c.window) for c in group for a in c.pickups for z in c.drops]
            if len(set(pairs)) == len(pairs) and sum(c.buses for c in group) <= vehicles:
                best = max(best, sum(c.value for c in group))
    return best


def test_the_choice_equals_trying_every_set(columns):
    assert len(columns) > 4
    best = best_by_trying(columns, OPTIONS.vehicles)
    found, _ = choose_routes(columns, OPTIONS)
    assert found.value == pytest.approx(best, abs=0.2)
    assert found.bound == pytest.approx(best, abs=0.2)


@pytest.mark.parametrize("vehicles", [0, 1, 3])
def test_the_next_best_and_the_worth_of_a_bus_equal_trying_every_set(columns, vehicles):
    options = CommuterOptions(**{**vars(OPTIONS), "vehicles": vehicles})
    best, others = choose_routes(columns, options)
    assert others.one_more.value == pytest.approx(best_by_trying(columns, vehicles + 1), abs=0.2)
    assert set(others.without) == set(best.picks)
    for i, without in others.without.items():
        rest = [c for k, c in enumerate(columns) if k != i]
        assert i not in without.picks
        assert without.value == pytest.approx(best_by_trying(rest, vehicles), abs=0.2)


def test_people_walk_from_where_they_live(city):
    cells, options = city.cells, commuter_options(city, vehicles=3)
    for share in (cells.home_share, cells.work_share):
        stops = zone_stops(city, share, options)
        for z in range(len(city.zones.id)):
            here = [c for c in range(len(cells.zone)) if cells.zone[c] == z]
            stop = cells.node[max(here, key=lambda c: (share[c], -c))]
            at = city.roads.nodes[stop]
            mean_m = sum(share[c] * np.hypot(cells.x_m[c] - at["x_m"], cells.y_m[c] - at["y_m"]) for c in here)
            assert stops.node[z] == stop
            assert (np.diff(stops.walk_min[z]) >= -1e-9).all()
            assert stops.mean_walk_min[z] == pytest.approx(
                mean_m / sum(share[c] for c in here) * options.street_detour / options.walk_m_s / 60
            )
    assert stops.mean_walk_min.max() > stops.mean_walk_min.min()


@given(
    values=st.lists(st.integers(0, 30), min_size=1, max_size=6),
    data=st.data(),
)
def test_parts_of_people_are_equal_and_sorted_by_their_walk(values, data):
    counts = data.draw(st.lists(st.integers(1, 4), min_size=len(values), max_size=len(values)))
    people = sorted(v for v, n in zip(values, counts, strict=True) for _ in range(n * PARTS))
    parts = np.array(people, float).reshape(PARTS, -1).mean(axis=1)
    assert part_means(np.array(values, float), np.array(counts, float)) == pytest.approx(parts)


def test_where_a_zone_has_no_cells_the_walk_is_the_stated_one(city):
    n = len(city.compiled.zone_first_cell)
    bare = SimpleNamespace(
        cells=city.cells,
        roads=city.roads,
        compiled=SimpleNamespace(roads=city.compiled.roads, zone_first_cell=np.zeros(n, np.int32)),
    )
    stops = zone_stops(bare, city.cells.home_share, OPTIONS)
    assert (stops.walk_min == OPTIONS.walk_min / 2).all()
    assert all(node in city.roads for node in stops.node)


def test_slower_walkers_are_fewer_riders(city, run):
    slow = design_commuter_buses(city, run, CommuterOptions(**{**vars(OPTIONS), "walk_m_s": 0.4}))
    usual = design_commuter_buses(city, run, OPTIONS)
    assert slow.objective < usual.objective
    assert slow.indicators["riders_day"] < usual.indicators["riders_day"]


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
    assert plan.bound_kind == "estimate"
    assert plan.explain() == rows
    assert plan.indicators["shadow_prices"]["bus_cny_day"] >= 0
    assert plan.indicators["next_best_told"] == len(rows)
    for r in rows:
        assert 0 <= r["next_best"]["loses_cny_day"] <= r["worth_cny_day"] + 0.5  # leaving it out loses its worth
        assert r["id"] not in r["next_best"]["also_left_out"]


def test_more_buses_never_lower_the_objective(city, run):
    values = [
        design_commuter_buses(city, run, CommuterOptions(**{**vars(OPTIONS), "vehicles": n})).objective
        for n in (0, 1, 3, 6)
    ]
    assert values[0] == 0
    assert values == sorted(values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vehicles", -1),
        ("seats", 0),
        ("prices_cny", ()),
        ("arrive", ("8-9", "x", "y")),
        ("equal_share", 1.0),
        ("walk_m_s", 0.0),
    ],
)
def test_senseless_options_are_refused_by_name(field, value):
    with pytest.raises(ScenarioError, match=field):
        CommuterOptions(**{"vehicles": 3, field: value})
