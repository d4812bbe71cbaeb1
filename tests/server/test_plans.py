import io
import zipfile

import pytest
from greentrip.client import CallError, Client, Runs
from greentrip.v1 import plan_pb2, scenario_pb2


@pytest.fixture(scope="module")
def plan(client: Client, base: Runs) -> plan_pb2.Plan:
    return client.design_feeders(base, ["Harbour", "Lakeside"], vehicles=8, name="north")


def test_a_design_has_routes_that_end_at_the_stations(client: Client, plan: plan_pb2.Plan) -> None:
    assert plan.name == "plans/north"
    assert plan.routes
    assert {r.station for r in plan.routes} <= set(plan.stations)
    assert plan.vehicles <= 8
    assert client.plan("north") == plan
    assert plan.name in {p.name for p in client.plans()}


def test_a_design_repeats(client: Client, base: Runs, plan: plan_pb2.Plan) -> None:
    again = client.design_feeders(base, ["Harbour", "Lakeside"], vehicles=8)
    assert list(again.routes) == list(plan.routes)
    assert again.objective == plan.objective


def test_a_plan_is_simulated_compared_and_reported(client: Client, base: Runs, plan: plan_pb2.Plan) -> None:
    after = client.simulate("tiny", plan=plan, seeds=(0, 1), sample=0.002, max_days=3)
    compared = after.compare(base)
    assert list(compared.seeds) == [0, 1]
    assert compared.headline.target_percent == 75
    assert sum(m.change_points for m in compared.modes) == pytest.approx(0, abs=1e-6)
    page = client.report(base, after, plan.name).decode()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert (
        client.simulate("tiny", plan=plan, seeds=(0,), sample=0.002, max_days=2).runs[0].scenario
        == after.runs[0].scenario
    )


def test_a_comparison_with_itself_changes_nothing(client: Client, base: Runs) -> None:
    compared = client.compare(base, base)
    assert compared.headline.change_points == 0
    assert all(m.change_points == 0 for m in compared.modes)


def test_runs_that_do_not_pair_are_refused(client: Client, base: Runs) -> None:
    with pytest.raises(CallError, match="expected the same as base_runs") as caught:
        client.compare(base, base.names[:1])
    assert "other_runs" in caught.value.fields


def test_a_plan_exports_to_gtfs(client: Client, plan: plan_pb2.Plan) -> None:
    with zipfile.ZipFile(io.BytesIO(client.export_plan(plan.name))) as feed:
        assert {"agency.txt", "stops.txt", "routes.txt", "trips.txt", "stop_times.txt"} <= set(feed.namelist())


def test_a_plan_written_by_hand_keeps_its_routes(client: Client, plan: plan_pb2.Plan) -> None:
    made = client.create_plan("tiny", plan.routes, name="by-hand")
    assert list(made.routes) == list(plan.routes)
    assert made.bound_kind == ""


@pytest.mark.parametrize(
    ("stations", "vehicles", "code", "text"),
    [
        (["Harbor"], 3, "NOT_FOUND", "nearest: .*Harbour"),
        ([], 3, "INVALID_ARGUMENT", "at least one station"),
        (["Harbour"], 0, "INVALID_ARGUMENT", "1 to 100000 buses"),
        (["Harbour", "harbour"], 3, "INVALID_ARGUMENT", "twice"),
    ],
)
def test_a_bad_design_is_refused_before_work(
    client: Client, base: Runs, stations: list[str], vehicles: int, code: str, text: str
) -> None:
    with pytest.raises(CallError, match=text) as caught:
        client.design_feeders(base, stations, vehicles=vehicles)
    assert caught.value.code == code


def test_two_plans_are_compared_route_by_route(client: Client, plan: plan_pb2.Plan) -> None:
    fewer = client.create_plan("tiny", plan.routes[1:], name="fewer")
    found = client.compare_plans("north", fewer.name)
    assert [r.kind for r in found.routes if r.kind != "kept"] == ["dropped"]
    assert found.vehicles_before - found.vehicles_after == plan.routes[0].vehicles
    assert found.residents_lose > 0
    assert found.residents_gain == 0
    with pytest.raises(CallError, match="unknown plan"):
        client.compare_plans("north", "south-by-southwest")


def test_routes_by_hand_are_kept_by_a_new_design(client: Client, base: Runs, plan: plan_pb2.Plan) -> None:
    fixed = client.create_plan("tiny", plan.routes[:1], name="fixed")
    made = client.design_feeders(base, ["Harbour", "Lakeside"], vehicles=8, keep=fixed.name)
    assert made.routes[0] == plan.routes[0]
    assert list(made.indicators["kept_routes"]) == [plan.routes[0].id]
    assert made.vehicles <= 8
    with pytest.raises(CallError, match="unknown plan 'plans/nothing'"):
        client.design_feeders(base, ["Harbour"], vehicles=8, keep="nothing")


def test_a_short_range_needs_more_buses(client: Client, base: Runs, plan: plan_pb2.Plan) -> None:
    far = client.design_feeders(base, ["Harbour", "Lakeside"], vehicles=8, range_km=1000.0)
    assert list(far.routes) == list(plan.routes)
    near = client.design_feeders(base, ["Harbour", "Lakeside"], vehicles=8, range_km=40.0, charge_km_h=10.0)
    assert near.objective < plan.objective
    with pytest.raises(CallError, match="range_km: saw -1"):
        client.design_feeders(base, ["Harbour"], vehicles=8, range_km=-1.0)


def test_turning_at_the_last_stop_takes_a_way_round(client: Client, base: Runs, plan: plan_pb2.Plan) -> None:
    made = client.design_feeders(base, ["Harbour", "Lakeside"], vehicles=8, turn_m=3000.0)
    assert made.objective < plan.objective
    with pytest.raises(CallError, match="turn_m: saw -1"):
        client.design_feeders(base, ["Harbour"], vehicles=8, turn_m=-1.0)


def test_loops_are_designed_when_asked_for(client: Client, base: Runs, plan: plan_pb2.Plan) -> None:
    made = client.design_feeders(base, ["Harbour", "Lakeside"], vehicles=8, loops=True)
    assert made.objective >= plan.objective - 0.01
    assert "loops_listed" in made.indicators
    assert "loops_listed" not in plan.indicators


def test_buses_through_a_street_are_limited(client: Client, base: Runs, plan: plan_pb2.Plan) -> None:
    made = client.design_feeders(base, ["Harbour", "Lakeside"], vehicles=8, street_buses_h=200.0)
    assert list(made.routes) == list(plan.routes)
    assert made.indicators["street_buses_h"] == 200.0
    assert made.indicators["fullest_streets"][0]["feeder_buses_h"] > 0
    assert "fullest_streets" not in plan.indicators
    for limit in (0.0, float("nan")):
        with pytest.raises(CallError, match="street_buses_h: saw"):
            client.design_feeders(base, ["Harbour"], vehicles=8, street_buses_h=limit)
    with pytest.raises(CallError, match=r"street_buses_h: saw 1; expected at least 3"):
        client.design_feeders(base, ["Harbour"], vehicles=8, street_buses_h=1.0)


def test_a_design_ends_early_and_starts_from_a_plan(client: Client, base: Runs, plan: plan_pb2.Plan) -> None:
    told: list[plan_pb2.PlanMetadata] = []
    near = client.design_feeders(base, ["Harbour", "Lakeside"], vehicles=8, gap=0.2, progress=told.append)
    assert near.gap <= 0.2
    assert near.indicators["stopped_on"] in ("gap", "proved")
    assert near.indicators["repeatable"] is True
    assert told[-1].incumbent == pytest.approx(near.objective, abs=0.01)
    assert told[-1].bound == pytest.approx(near.bound, abs=0.01)
    hasty = client.design_feeders(base, ["Harbour", "Lakeside"], vehicles=8, seconds=1e-3, start="north", rounds=1)
    assert hasty.indicators["stopped_on"] == "time"
    assert hasty.indicators["repeatable"] is False
    assert len(hasty.indicators["start_not_used"]) == 0
    assert plan.objective - 0.01 <= hasty.objective <= hasty.bound
    in_rounds = client.design_feeders(base, ["Harbour"], vehicles=8, start="north", rounds=2, gap=0.1)
    assert "start_not_used" in in_rounds.indicators
    assert not {"stopped_on", "start_not_used"} & set(plan.indicators)
    for field, value in (("gap", 1.0), ("gap", -0.1), ("seconds", float("nan")), ("seconds", 1e6)):
        with pytest.raises(CallError, match=f"{field}: saw") as caught:
            client.design_feeders(base, ["Harbour"], vehicles=8, **{field: value})
        assert caught.value.code == "INVALID_ARGUMENT"
    with pytest.raises(CallError, match="unknown plan 'plans/nothing'"):
        client.design_feeders(base, ["Harbour"], vehicles=8, start="nothing")


def test_rules_by_name_are_kept_and_bad_ones_named(client: Client, base: Runs) -> None:
    made = client.design_feeders(
        base, ["Harbour"], vehicles=8, rules={"headways_min": [12, 20], "max_routes_station": 1}
    )
    assert len(made.routes) == 1
    assert {tuple(r.headways_s) for r in made.routes} <= {(720.0, 1440.0, 720.0), (1200.0, 2400.0, 1200.0)}
    for rules, text in (
        ({"headway_min": [5]}, "nearest: headways_min"),
        ({"headways_min": [20, 12]}, "rules: headways_min: .*expected ascending"),
        ({"headway_classes": [[5, 20, 8], [5, 15, 8]]}, "rules: headway_classes: .*expected ascending"),
        ({"bus_types": [{"name": "6 m"}]}, r"rules: bus_types\[0\].capacity: is missing"),
        ({"vehicles": 3}, "unknown rule of a design 'vehicles'"),
    ):
        with pytest.raises(CallError, match=text):
            client.design_feeders(base, ["Harbour"], vehicles=8, rules=rules)


def test_rounds_end_with_an_interval_over_placements(client: Client, base: Runs) -> None:
    made = client.design_feeders(base, ["Harbour"], vehicles=8, rounds=2, placements=3)
    low, high = made.indicators["simulated"]["interval"]
    assert low <= made.indicators["simulated"]["change_points"] <= high
    with pytest.raises(CallError, match="placements: saw 3 without rounds"):
        client.design_feeders(base, ["Harbour"], vehicles=8, placements=3)


def test_a_loop_drawn_by_hand_is_kept_compared_and_exported(client: Client, base: Runs) -> None:
    route = scenario_pb2.FeederRoute(
        id="round", station="harbour", stops=["n1205", "n1304"], path=["n1204", "n1205", "n1305", "n1304", "n1204"],
        ride_s=[340.0, 120.0], ride_out_s=[100.0, 320.0], length_m=2900.0, vehicles=2, capacity=60,
        cost_cny_day=4000.0, headways_s=[600.0, 1200.0, 720.0],
    )  # fmt: skip
    made = client.create_plan("tiny", [route], name="round")
    assert list(made.routes) == [route]
    beside = client.design_feeders(base, ["Harbour"], vehicles=8, keep="round")
    assert beside.routes[0] == route
    rounds = client.design_feeders(base, ["Harbour"], vehicles=8, keep="round", loops=True, street_buses_h=90, rounds=2)
    assert rounds.routes[0] == route
    assert len(rounds.indicators["rounds"]) == 2
    assert rounds.indicators["street_buses_h"] == 90.0
    assert "loops_listed" in rounds.indicators
    flat = scenario_pb2.FeederRoute()
    flat.CopyFrom(route)
    del flat.ride_out_s[:]
    there = client.create_plan("tiny", [flat], name="there-and-back")
    (found,) = client.compare_plans(there.name, made.name).routes
    assert (found.kind, found.loop_before, found.loop_after) == ("changed", False, True)
    assert list(found.headways_s_before) == list(found.headways_s_after) == [600.0, 1200.0, 720.0]
    with zipfile.ZipFile(io.BytesIO(client.export_plan("round"))) as feed:
        assert len(feed.read("trips.txt").decode().splitlines()) == 1 + 3
    route.path.pop()
    with pytest.raises(CallError, match=r"plan.routes: .*a loop begins and ends at the same street node"):
        client.create_plan("tiny", [route])


def test_bus_lines_are_fitted_to_rail_and_simulated(client: Client, base: Runs) -> None:
    made = client.adjust_lines(base, near_m=900.0, least_share=0.2, full=0.05, vehicles=400, name="lines")
    assert made.lines
    assert all("demonstration" in line.label for line in made.lines)
    assert made.bound_kind == "estimate"  # over the changes considered, not over every one there could be
    assert made.indicators["shadow_prices"]["bus_cny_day"] >= 0
    assert all("next_best" in row for row in made.indicators["changes"])
    after = client.simulate("tiny", plan=made, seeds=(0,), sample=0.002, max_days=2)
    steps = client.scenario(after.runs[0].scenario).interventions
    assert [s.run_bus_line.line or s.withdraw_lines.lines[0] for s in steps] == [x.line for x in made.lines]
    asked = {
        "name": "fitted", "network": "tiny", "sample": 0.002, "max_days": 2, "seeds": [0], "plans": ["lines"],
        "scenario": [{"name": "today"}],
    }  # fmt: skip
    client.run_experiment(asked)
    done = list(client.watch_experiment("fitted"))[-1]
    assert [r.run for r in done.runs if r.scenario == "lines"] == [after.names[0]]  # the very run made above
    cost = made.indicators["cost_cny_day_after"] - made.indicators["cost_cny_day_before"]
    assert {s.name: s.cost_million_cny_year for s in done.scenarios}["lines"] == pytest.approx(cost * 250 / 1e6)
    again = client.compare_plans("lines", made.name)
    assert {r.kind for r in again.routes} == {"kept"}
    with pytest.raises(CallError, match="near_m: saw -3"):
        client.adjust_lines(base, near_m=-3.0)


def test_customised_buses_say_that_they_are_not_simulated(client: Client, base: Runs) -> None:
    made = client.design_commuter_buses(base, vehicles=5, seats=20, prices_cny=[5.0], arrive=["08:00-08:30"])
    assert "commuter_routes" in made.indicators
    assert "bus_cny_day" in made.indicators["shadow_prices"]
    assert made.assumptions[0].startswith("Not simulated")
    assert made.vehicles <= 5
    with pytest.raises(ValueError, match="no scenario can run"):
        client.simulate("tiny", plan=made, seeds=(0,), sample=0.002, max_days=2)
    with pytest.raises(CallError, match="expected a window such as"):
        client.design_commuter_buses(base, vehicles=5, arrive=["eight"])


def test_questions_about_given_lines_are_answered(client: Client) -> None:
    lines = [{"name": "north", "cycle_min": 50, "riders": 600}, {"name": "south", "cycle_min": 80, "riders": 250}]
    fleet = client.schedule_lines("frequencies", {"lines": lines, "fleet": 14})
    assert sum(fleet["buses"].values()) == 14
    assert fleet["waiting_min"] >= fleet["bound_min"]
    trips = [
        {"start_min": 360 + 30 * k, "end_min": 380 + 30 * k, "start_place": k % 2, "end_place": 1 - k % 2}
        for k in range(4)
    ]
    blocks = client.schedule_lines("blocks", {"trips": trips, "deadhead_min": [[0, 10], [10, 0]], "layover_min": 5})
    assert blocks["vehicles"] == 1
    assert blocks["proven"] is True
    electric = {"trips": [{**t, "km": 30} for t in trips], "deadhead_min": [[0, 10], [10, 0]], "deadhead_km_h": 60}
    given = {**electric, "range_km": 100, "charge_km_h": 60, "charge_places": [1]}
    charged = client.schedule_lines("blocks", given)
    assert (charged["vehicles"], charged["bound"], charged["proven"]) == (1, 1, True)
    assert charged["left_km"] == [[70, 50, 20, 0]]
    assert charged["charges"] == [[{"after": k, "place": 1, "minutes": 10, "km": 10} for k in (0, 2)]]
    with pytest.raises(CallError, match=r"charge_km_h: saw 60\.0 without range_km"):
        client.schedule_lines("blocks", {"trips": trips, "deadhead_min": [[0, 10], [10, 0]], "charge_km_h": 60})
    met = {"ride_min": 20, "walk_min": 3, "trains_min": [380, 390, 400, 410], "to_train": 60}
    given = {"lines": [{"name": "north", "headway_min": 10, "connections": [met]}], "start_min": 360, "end_min": 400}
    found = client.schedule_lines("offsets", given)["lines"][0]
    assert found["offset_min"] == 7
    assert found["wait_min"] < found["average_min"]
    with pytest.raises(CallError, match=r"lines\[0\].cycle: is not known"):
        client.schedule_lines("frequencies", {"lines": [{"cycle": 3}], "fleet": 2})
    with pytest.raises(CallError, match="expected one of frequencies, blocks, offsets"):
        client.schedule_lines("crews", {})
