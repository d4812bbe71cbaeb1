import json
import subprocess
import sys
from dataclasses import replace

import networkx as nx
import pytest
from greentrip_networks.errors import ScenarioError, UnknownNameError
from greentrip_optimizer import FeederOptions, Plan, design
from greentrip_optimizer.feeders import known_stations
from greentrip_optimizer.instances import INSTANCES
from greentrip_optimizer.nearest import nearest_stop_plan

VEHICLES = INSTANCES["beijing-6"].vehicles


def test_beats_nearest_stop_routes_on_the_named_instance(city, demands, plan):
    naive = nearest_stop_plan(demands, city, FeederOptions(vehicles=VEHICLES))
    assert naive.routes
    assert plan.objective > 1.05 * naive.objective
    assert plan.objective <= plan.bound
    assert plan.gap < 0.03


def test_the_same_input_gives_the_same_plan(city, demands, plan):
    again = design(demands, city, FeederOptions(vehicles=VEHICLES))
    assert again.content_hash == plan.content_hash


def test_growing_routes_finds_what_listing_them_all_proves(city, demands, plan):
    grown = design(demands, city, FeederOptions(vehicles=VEHICLES, exhaustive_routes=10))
    assert grown.bound_kind == "estimate"
    assert plan.bound_kind == "proved"
    assert 0.99 * plan.objective <= grown.objective <= plan.bound + 0.01


def test_limits_hold_and_routes_run_on_streets(city, plan):
    options = FeederOptions(vehicles=VEHICLES)
    assert 0 < sum(r.vehicles for r in plan.routes) <= VEHICLES
    for route in plan.routes:
        assert route.path[0] == route.stops[0]
        assert len(set(route.path)) == len(route.path), "a street node is passed twice"
        assert set(route.stops) <= set(route.path)
        order = [route.path.index(s) for s in route.stops]
        assert order == sorted(order)
        assert all(city.roads.has_edge(a, b) for a, b in zip(route.path, route.path[1:], strict=False))
        for a, b in zip(route.path, route.path[1:], strict=False):
            assert any(
                "auto" in d["uses"] and d["facility"] not in options.no_bus_facilities
                for d in city.roads[a][b].values()
            )
        assert list(route.ride_s) == sorted(route.ride_s, reverse=True)
        assert 0 < route.length_m <= options.max_length_m
        assert tuple(s / 60 for s in route.headways_s) in options.classes_min
        assert route.cost_cny_day > 0


def test_the_budget_holds(city, demands):
    plan = design(demands[:3], city, FeederOptions(vehicles=30, budget_cny_day=20_000.0))
    assert sum(r.cost_cny_day for r in plan.routes) <= 20_000
    assert plan.routes


def test_no_buses_give_a_plan_without_routes(city, demands):
    plan = design(demands, city, FeederOptions(vehicles=0))
    assert plan.routes == ()
    assert plan.objective == plan.bound == plan.gap == 0
    assert {s["reason"] for s in plan.indicators["stations_without_route"]} == {"no buses at hand"}
    assert plan.intervention().apply(city).feeders == ()


def test_a_plan_survives_json(city, plan):
    again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan or again.to_dict() == plan.to_dict()
    assert again.content_hash == plan.content_hash
    assert len(plan.intervention().apply(city).feeders) == len(plan.routes)
    with pytest.raises(UnknownNameError, match="routs"):
        Plan.from_dict({**plan.to_dict(), "routs": []})
    with pytest.raises(ScenarioError, match="bound"):
        Plan.from_dict({k: v for k, v in plan.to_dict().items() if k != "bound"})


def test_every_route_explains_itself(plan):
    rows = plan.explain()
    assert [r["id"] for r in rows] == [r.id for r in plan.routes]
    for row in rows:
        assert row["residents"] > 0
        assert row["riders_day"] > 0
        assert row["minutes_saved_day"] > 0
        assert row["worth_cny_day"] > 0
    assert sum(r["worth_cny_day"] for r in rows) == pytest.approx(plan.objective, rel=1e-6)
    assert any("gap" in text for _, text in plan.summary())


def test_a_station_worth_no_route_is_named(city, demands):
    poor = replace(demands[0], riders=demands[0].riders * 0.001, benefit_min=demands[0].benefit_min * 0.001)
    plan = design([poor], city, FeederOptions(vehicles=10))
    assert not plan.routes
    assert plan.indicators["stations_without_route"][0]["reason"] == "no route saves as much as it costs"
    assert any(name == "no route" for name, _ in plan.summary())


def test_an_unknown_station_is_refused_with_the_nearest(city):
    with pytest.raises(UnknownNameError, match=r"nearest: .*望京西"):
        known_stations(city, ["望京西口"])


def test_a_station_named_twice_is_refused(city):
    with pytest.raises(ScenarioError, match="same station"):
        known_stations(city, ["望京西", "Wangjing West"])


def test_a_station_no_street_reaches_is_refused(city, demands):
    station = demands[0].station
    rail = nx.MultiDiGraph(city.rail)
    rail.add_node(station, **(rail.nodes[station] | {"x_m": 300_000.0}))
    with pytest.raises(ScenarioError, match="no street that buses may use reaches"):
        design(demands[:1], city.with_(rail=rail), FeederOptions(vehicles=5))


@pytest.mark.parametrize(
    ("field", "value"),
    [("vehicles", -1), ("vehicles", 2.5), ("budget_cny_day", -1.0), ("headways_min", (1.0, 5.0)),
     ("headways_min", (90.0,)),
     ("headways_min", ()),
     ("headways_min", (10.0, 5.0)), ("max_length_m", float("nan"))],
)  # fmt: skip
def test_senseless_options_are_refused_by_name(field, value):
    with pytest.raises(ScenarioError, match=field):
        FeederOptions(**({"vehicles": 10} | {field: value}))


def test_a_headway_longer_than_a_peak_is_refused():
    with pytest.raises(ScenarioError, match=r"headways_min\[1\]: saw 30; expected at most the 15 minutes of a peak"):
        FeederOptions(vehicles=10, headways_min=(10.0, 30.0), peak_hours=0.5)
    assert FeederOptions(vehicles=10, headways_min=(10.0, 30.0), peak_hours=1.0).peak_hours == 1.0


def test_demand_of_the_wrong_shape_is_refused(city, demands):
    bad = replace(demands[0], riders=demands[0].riders[:, :-1])
    with pytest.raises(ScenarioError, match="riders"):
        design([bad], city, FeederOptions(vehicles=5))


def test_progress_is_told_and_can_stop_the_design(city, demands):
    told = []
    design(demands[3:4], city, FeederOptions(vehicles=4), progress=lambda m, f: told.append((m, f)))
    assert [f for _, f in told] == sorted(f for _, f in told)
    assert told[-1][1] == 1.0

    def stop(message: str, fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        design(demands[3:4], city, FeederOptions(vehicles=4), progress=stop)


def test_without_or_tools_the_step_says_so():
    script = (
        "import sys; sys.modules['ortools'] = None\n"
        "from greentrip_networks import tiny\n"
        "from greentrip_optimizer import FeederOptions, SolverMissingError, design\n"
        "try:\n    design([], tiny(), FeederOptions(vehicles=1))\n"
        "except SolverMissingError as e:\n    print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert "feeder design needs OR-Tools" in done.stdout, done.stderr


def test_kept_routes_stay_and_new_ones_gain_beside_them(city, demands, plan):
    kept = plan.routes[:2]
    beside = design(demands, city, FeederOptions(vehicles=VEHICLES), keep=kept)
    assert beside.routes[:2] == kept
    assert sum(r.vehicles for r in beside.routes) <= VEHICLES
    assert len({r.id for r in beside.routes}) == len(beside.routes)
    worth = {row["id"]: row["worth_cny_day"] for row in plan.explain()}
    assert beside.objective < plan.objective
    assert beside.objective > plan.objective - 1.2 * sum(worth[r.id] for r in kept) - 1.0


def test_kept_routes_beyond_the_means_are_named(city, demands, plan):
    buses = sum(r.vehicles for r in plan.routes)
    with pytest.raises(ScenarioError, match=f"at least {buses}"):
        design(demands, city, FeederOptions(vehicles=buses - 1), keep=plan.routes)
    with pytest.raises(ScenarioError, match="budget_cny_day"):
        design(demands, city, FeederOptions(vehicles=buses, budget_cny_day=10.0), keep=plan.routes)


def test_a_plan_prices_buses_and_names_the_next_best(city, demands, plan):
    price = plan.indicators["shadow_prices"]["bus_cny_day"]
    more = design(demands, city, FeederOptions(vehicles=VEHICLES + 1))
    assert price > 0
    # prices of the relaxation: one more bus earns its price at most
    assert more.objective <= plan.indicators["relaxation_bound"] + price + 0.01
    for row in plan.explain():
        # what is chosen is best, so no replacement gains; leaving out loses no more than the route is worth alone
        assert row["next_best"]["loses_cny_day"] >= -0.05


def test_zero_demand_is_named_before_solving(city, demands):
    nobody = [replace(d, riders=d.riders * 0, benefit_min=d.benefit_min * 0) for d in demands[:2]]
    with pytest.raises(ScenarioError, match="demand is zero around Wangjing West"):
        design(nobody, city, FeederOptions(vehicles=5))
    told = []
    some = design(
        [nobody[0], demands[2]], city, FeederOptions(vehicles=5), progress=lambda message, _share: told.append(message)
    )
    assert told[0].startswith("demand is zero around")
    assert some.indicators["stations_without_route"][0]["reason"].startswith("demand is zero")


def test_a_kept_route_that_never_comes_is_named(city, demands, plan):
    route = replace(plan.routes[0], headways_s=(600.0, 600.0, 9000.0))
    with pytest.raises(ScenarioError, match=r"keep\[0\].headways_s\[2\]: saw 9000"):
        design(demands, city, FeederOptions(vehicles=VEHICLES), keep=[route])
