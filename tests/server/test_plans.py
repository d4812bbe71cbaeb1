import io
import zipfile

import pytest
from greentrip.client import CallError, Client, Runs
from greentrip.v1 import plan_pb2


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
