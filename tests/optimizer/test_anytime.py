"""A design that ends early, or starts from a plan: what it says of itself holds beside the optimum found at leisure."""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks import Network, tiny
from greentrip_networks.errors import ScenarioError
from greentrip_optimizer import FeederOptions, Plan, design
from greentrip_optimizer.area import Area, station_area
from greentrip_optimizer.ending import Ending
from greentrip_optimizer.evaluate import evaluate
from greentrip_optimizer.instances import INSTANCES
from greentrip_optimizer.listing import list_routes, stops_of
from greentrip_optimizer.master import _solve
from greentrip_optimizer.start import may_run
from greentrip_optimizer.streets import bus_streets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ortools.sat.python import cp_model

OPTIONS = FeederOptions(vehicles=INSTANCES["beijing-6"].vehicles)
GROWN = replace(OPTIONS, exhaustive_routes=10)
SMALL = FeederOptions(vehicles=6, max_stops=6, stop_spacing_m=700.0, headways_min=(5.0, 10.0))
Demands = list[CatchmentDemand]


@pytest.fixture(scope="module")
def best(city: Network, demands: Demands) -> Plan:
    """The proved optimum of a station with six stops."""
    return design([demands[1]], city, SMALL)


@pytest.mark.parametrize("gap", [0.3, 0.1, 0.03, 0.001])
def test_a_gap_asked_for_is_kept(city: Network, demands: Demands, plan: Plan, gap: float) -> None:
    near = design(demands, city, replace(OPTIONS, gap=gap))
    assert near.gap <= gap
    assert near.bound_kind == "proved"
    assert near.objective <= plan.objective + 0.01 <= near.bound + 0.02
    assert near.indicators["stopped_on"] in ("gap", "proved")
    assert near.indicators["repeatable"] is True
    assert design(demands, city, replace(OPTIONS, gap=gap)).content_hash == near.content_hash


def test_a_wide_gap_ends_the_search_sooner(city: Network, demands: Demands, plan: Plan) -> None:
    told: list[str] = []
    near = design(demands, city, replace(OPTIONS, gap=0.3), progress=lambda message, _: told.append(message))
    assert near.indicators["stopped_on"] == "gap"
    assert near.gap > plan.gap
    assert not any(message.startswith("choosing") for message in told)


def test_left_to_itself_a_plan_says_nothing_of_endings(city: Network, demands: Demands, best: Plan) -> None:
    assert not {"stopped_on", "repeatable", "start_not_used"} & set(best.indicators)
    leisure = design([demands[1]], city, replace(SMALL, seconds=3600.0))
    assert leisure.indicators["stopped_on"] == "proved"
    assert leisure.indicators["repeatable"] is True
    assert (leisure.routes, leisure.objective, leisure.bound) == (best.routes, best.objective, best.bound)


@pytest.mark.parametrize(("options", "kind"), [(OPTIONS, "proved"), (GROWN, "estimate")])
def test_out_of_time_there_is_a_plan_and_a_bound(
    city: Network, demands: Demands, plan: Plan, options: FeederOptions, kind: str
) -> None:
    begun = time.monotonic()
    hasty = design(demands, city, replace(options, seconds=1e-3))
    assert time.monotonic() - begun < 60
    assert hasty.indicators["stopped_on"] == "time"
    assert hasty.indicators["repeatable"] is False
    assert hasty.bound_kind == kind
    assert 0 < hasty.objective <= hasty.bound
    assert hasty.objective <= plan.objective + 0.01
    assert hasty.vehicles <= options.vehicles
    if kind == "proved":
        assert hasty.bound >= plan.objective - 0.01
    for row in hasty.indicators["stations_without_route"]:
        assert row["reason"].startswith("the search ended")


@pytest.mark.parametrize("asked", [1, 2, 3, 4, 5, 7, 10, 15, 25, 50])
def test_whenever_it_is_stopped_the_bound_holds(city: Network, demands: Demands, best: Plan, asked: int) -> None:
    count = itertools.count(1)
    made = design([demands[1]], city, SMALL, stop=lambda: next(count) >= asked)
    assert made.bound_kind == "proved"
    assert 0 < made.objective <= best.objective + 0.01
    assert made.bound >= best.objective - 0.01
    assert made.gap == pytest.approx((made.bound - made.objective) / made.bound, abs=1e-5)
    stopped = made.indicators["stopped_on"] == "stop"
    assert stopped or made.indicators["stopped_on"] == "proved"
    assert made.indicators["repeatable"] is not stopped
    if asked == 1:
        assert stopped


@pytest.mark.parametrize("asked", [1, 4, 8, 20])
def test_the_bound_holds_where_streets_have_a_limit(
    demand_around: Callable[[Network, str], CatchmentDemand], asked: int
) -> None:
    city = tiny()
    demands = [demand_around(city, s) for s in ("scholars", "willow-bank")]
    options = replace(SMALL, vehicles=14, detour_factor=3.0, street_buses_h=60.0)
    finished, count = design(demands, city, options), itertools.count(1)
    made = design(demands, city, options, stop=lambda: next(count) >= asked)
    assert finished.bound_kind == made.bound_kind == "proved"
    assert made.bound >= finished.objective - 0.01 >= made.objective - 0.02
    assert "street_cny_day" in made.indicators["shadow_prices"]


def hard_model() -> tuple[cp_model.CpSolver, cp_model.CpModel, list[cp_model.IntVar]]:
    """A knapsack in several dimensions that nobody solves in minutes, and a solver that would try."""
    rng = np.random.default_rng(1)
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in range(250)]
    weights = rng.integers(1, 1000, (30, 250))
    for weight in weights.tolist():
        model.add(cp_model.LinearExpr.weighted_sum(x, weight) <= sum(weight) // 2)
    worth = weights.mean(axis=0).astype(int) + rng.integers(0, 500, 250)  # Chu and Beasley (1998): the hard kind
    model.maximize(cp_model.LinearExpr.weighted_sum(x, worth.tolist()))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = 120.0
    return solver, model, x


def test_cp_sat_is_stopped_in_the_middle() -> None:
    solver, model, x = hard_model()
    begun = time.monotonic()
    status = _solve(solver, model, lambda: time.monotonic() > begun + 1.0)
    assert 1.0 <= time.monotonic() - begun < 60.0
    assert status in (cp_model.FEASIBLE, cp_model.UNKNOWN)  # unknown where others keep the machine busy
    if status == cp_model.FEASIBLE:
        assert any(solver.boolean_value(v) for v in x)
        assert solver.best_objective_bound >= solver.objective_value


def test_what_a_stop_raises_reaches_the_caller() -> None:
    solver, model, _ = hard_model()
    solver.parameters.max_time_in_seconds = 1.0

    def stop() -> bool:
        raise ZeroDivisionError(threading.current_thread().name)

    with pytest.raises(ZeroDivisionError):
        _solve(solver, model, stop)


def test_an_ending_keeps_its_first_reason() -> None:
    assert not Ending().early
    assert Ending().asked is None
    ending = Ending(gap=0.1, stop=lambda: True)
    assert not ending.near(89.0, 100.0)
    assert ending.near(90.0, 100.0)
    assert ending.over()
    assert ending.reason == "gap"
    assert Ending(gap=0.1).near(0.0, 0.0)
    late = Ending(gap=0.1, seconds=0.0)
    assert late.over()
    assert not late.near(100.0, 100.0)
    assert late.reason == "time"


def test_from_its_own_optimum_a_design_comes_back_to_it(city: Network, demands: Demands, plan: Plan) -> None:
    again = design(demands, city, OPTIONS, start=plan.routes)
    assert again.routes == plan.routes
    # what would replace a route best is looked for among the routes met, which differ
    met = [[{k: v for k, v in row.items() if k != "next_best"} for row in p.explain()] for p in (again, plan)]
    assert met[0] == met[1]
    assert (again.objective, again.bound_kind) == (plan.objective, plan.bound_kind)
    assert again.bound == pytest.approx(plan.bound, abs=0.05)
    assert again.indicators["start_routes"] == len(plan.routes)
    assert again.indicators["start_not_used"] == []
    assert design(demands, city, OPTIONS, start=plan.routes).content_hash == again.content_hash


@pytest.mark.parametrize("options", [OPTIONS, GROWN])
def test_with_no_time_at_all_the_start_stays(
    city: Network, demands: Demands, plan: Plan, options: FeederOptions
) -> None:
    hasty = design(demands, city, replace(options, seconds=1e-3), start=plan.routes)
    assert hasty.objective >= plan.objective - 0.01
    assert hasty.bound >= hasty.objective
    assert hasty.indicators["start_not_used"] == []


def worth_together(area: Area, routes: list[tuple[tuple[int, ...], int]]) -> float:
    """Routes (places from the station outwards, headway) as the evaluator values them together, CNY a day."""
    gained: dict[int, float] = {}
    cost = 0.0
    for places, h in routes:
        made = evaluate(area, np.array([0, len(places)], np.int32), np.array(places, np.int32))
        cost += float(made.cost[0, h])
        for c, w in zip(made.cell.tolist(), made.worth[h].tolist(), strict=True):
            gained[c] = max(gained.get(c, 0.0), w)
    return sum(gained.values()) - cost


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(factors=st.lists(st.floats(0.3, 2.0), min_size=7, max_size=7), asked=st.integers(1, 12))
def test_a_design_is_worth_no_less_than_its_start(
    city: Network, demands: Demands, best: Plan, factors: list[float], asked: int
) -> None:
    demand, count = demands[1], itertools.count(1)
    weight = np.array(factors)[np.arange(len(demand.cells)) % len(factors)][:, None]
    other = replace(demand, riders=demand.riders * weight, benefit_min=demand.benefit_min * weight)
    made = design([other], city, SMALL, start=best.routes, stop=lambda: next(count) >= asked)
    unused = {row["route"] for row in made.indicators["start_not_used"]}
    area = station_area(other, city, bus_streets(city.compiled.roads, SMALL), SMALL)
    node, place = city.compiled.roads.nodes, {int(k): i for i, k in enumerate(area.stop_node)}
    used = [
        (
            tuple(place[node.index(s)] for s in r.stops[::-1]),
            int(np.flatnonzero(area.service.headway_s[:, 0] == r.headways_s[0])[0]),
        )
        for r in best.routes
        if r.id not in unused
    ]
    assert made.objective >= worth_together(area, used) - 0.01
    assert made.bound >= design([other], city, SMALL).objective - 0.01


def test_fewer_buses_start_from_what_they_can_run(city: Network, demands: Demands, plan: Plan) -> None:
    fewer = replace(OPTIONS, vehicles=OPTIONS.vehicles // 2)
    made = design(demands, city, fewer, start=plan.routes)
    assert made.vehicles <= fewer.vehicles
    assert 0 < made.indicators["start_routes"] < len(plan.routes)
    assert {row["reason"] for row in made.indicators["start_not_used"]} == {
        "the others leave no buses, money, bay or streets for it, or run its way"
    }
    assert made.objective == pytest.approx(design(demands, city, fewer).objective, rel=1e-6)


def test_routes_that_cannot_be_started_from_are_named(city: Network, demands: Demands, best: Plan) -> None:
    good = best.routes[0]
    long = next((r for r in best.routes if len(r.stops) > 1), good)
    wrong = {
        "elsewhere": (replace(good, station="nowhere"), "no routes are designed for its station, nowhere"),
        "hurried": (
            replace(good, headways_s=(300.0, 600.0, 420.0)),
            r"it runs every 5/10/7 minutes \(am/off/pm\); expected one of 5/10/5, 10/20/10",
        ),
        "lost": (replace(good, stops=("?", *good.stops[1:])), "1 of its .* no candidate stops .* such as [?]"),
        "round": (replace(good, ride_out_s=(1.0,) * len(good.stops)), "it is a loop, and no loops are designed"),
        "empty": (replace(good, stops=()), "it has no stop"),
        "twice": (replace(long, stops=(*long.stops, long.stops[0])), "it breaks a rule for routes"),
    }
    start = [replace(route, id=name) for name, (route, _) in wrong.items()]
    made = design([demands[1]], city, SMALL, start=start)
    told = {row["route"]: row["reason"] for row in made.indicators["start_not_used"]}
    assert list(told) == list(wrong)
    for name, (_, reason) in wrong.items():
        with pytest.raises(AssertionError, match=reason):
            raise AssertionError(told[name])
    assert (made.routes, made.objective) == (best.routes, best.objective)
    kept = design([demands[1]], city, SMALL, start=best.routes, keep=best.routes[:1])
    assert kept.indicators["start_not_used"][0] == {"route": good.id, "reason": "it is among the routes kept"}
    poor = replace(demands[1], riders=demands[1].riders * 0.01, benefit_min=demands[1].benefit_min * 0.01)
    cheap = design([poor], city, SMALL, start=best.routes)
    assert "CNY a day and would bring" in cheap.indicators["start_not_used"][0]["reason"]
    idle = design([demands[1]], city, replace(SMALL, vehicles=0, gap=0.1), start=best.routes)
    assert len(idle.indicators["start_not_used"]) == len(best.routes)
    assert idle.indicators["stopped_on"] == "proved"


def test_what_may_run_is_what_is_listed(city: Network, demands: Demands) -> None:
    area = station_area(demands[1], city, bus_streets(city.compiled.roads, SMALL), SMALL)
    nodes, stops = len(city.compiled.roads.nodes), len(area.stop_node) - 1
    listed, _ = list_routes(area, 5000, nodes)
    first, stop = stops_of(listed, np.arange(len(listed.stop), dtype=np.int32))
    found = {tuple(stop[a:b].tolist()) for a, b in itertools.pairwise(first)}
    every = [r for k in range(1, stops + 1) for r in itertools.permutations(range(stops), k)]
    assert {r for r in every if may_run(area, r, nodes)} == found


def test_values_and_bounds_are_told_as_they_are_found(city: Network, demands: Demands) -> None:
    told: list[tuple[float | None, float | None]] = []
    made = design(demands, city, OPTIONS, found=lambda value, bound: told.append((value, bound)))
    assert told[0][0] is None
    assert told[0][1] is not None
    values = [v for v, _ in told if v is not None]
    assert values == sorted(values)
    bounds = [b for _, b in told if b is not None]
    assert bounds == sorted(bounds, reverse=True)
    assert all(v <= b for v, b in told if v is not None and b is not None)
    assert told[-1] == pytest.approx((made.objective, made.bound), abs=0.01)


@pytest.mark.parametrize(
    ("field", "value"),
    [("gap", 1.0), ("gap", -0.1), ("gap", float("nan")), ("seconds", 0.0), ("seconds", -1.0), ("seconds", np.inf)],
)
def test_senseless_endings_are_refused(field: str, value: float) -> None:
    with pytest.raises(ScenarioError, match=f"{field}: saw"):
        replace(OPTIONS, **{field: value})
