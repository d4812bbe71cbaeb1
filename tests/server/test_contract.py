"""What every resource answers alike: pages, filters, masks, etags, archives, histories, bounds of requests."""

import io
import time
from itertools import pairwise

import polars as pl
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from greentrip.client import CallError, Client, Runs
from greentrip.client.errors import call_error
from greentrip.v1 import run_pb2, run_pb2_grpc, scenario_pb2, scenario_pb2_grpc


@pytest.fixture(scope="module")
def scenarios(client: Client) -> scenario_pb2_grpc.ScenarioServiceStub:
    for i in range(7):
        client.create_scenario("tiny", name=f"page-{i}", description="even" if i % 2 == 0 else "odd")
    return scenario_pb2_grpc.ScenarioServiceStub(client.channel)


@pytest.fixture(scope="module")
def runs(client: Client) -> run_pb2_grpc.RunServiceStub:
    return run_pb2_grpc.RunServiceStub(client.channel)


def refused(call, request) -> CallError:
    import grpc

    def ask() -> None:
        answer = call(request)
        if hasattr(answer, "__next__"):
            list(answer)

    with pytest.raises(grpc.RpcError) as caught:
        ask()
    return call_error(caught.value)


def test_pages_give_everything_once_in_order_though_rows_come_and_go(client: Client, scenarios) -> None:
    request = scenario_pb2.ListScenariosRequest(page_size=2, filter='name : "scenarios/page-"')
    seen = []
    while True:
        page = scenarios.ListScenarios(request)
        seen += [s.name for s in page.scenarios]
        if len(seen) == 2:
            client.create_scenario("tiny", name="page-late")
            client.delete_scenario("page-0")
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == [f"scenarios/page-{i}" for i in range(7)] + ["scenarios/page-late"]
    client.create_scenario("tiny", name="page-0", description="even")


def test_a_page_token_goes_with_its_own_list(scenarios) -> None:
    token = scenarios.ListScenarios(scenario_pb2.ListScenariosRequest(page_size=1)).next_page_token
    for wrong in (
        scenario_pb2.ListScenariosRequest(page_token=token, filter="description = even"),
        scenario_pb2.ListScenariosRequest(page_token="7"),
        scenario_pb2.ListScenariosRequest(page_token="\u00e9\u4e2d"),
        scenario_pb2.ListScenariosRequest(page_size=-1),
    ):
        error = refused(scenarios.ListScenarios, wrong)
        assert error.code == "INVALID_ARGUMENT"
        assert set(error.fields) <= {"page_token", "page_size"}


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('description = even AND name : "page-"', {0, 2, 4, 6}),
        ('NOT description = even AND name : "page-" AND name != "scenarios/page-late"', {1, 3, 5}),
        ('name = "scenarios/page-3" AND create_time > "2020-01-01T00:00:00Z"', {3}),
        ('name = "scenarios/page-3" AND create_time > "2999-01-01T00:00:00+08:00"', set()),
        ('name : "page-_"', set()),  # a percent sign or underscore is a character like any other
    ],
)
def test_a_filter_leaves_what_it_says(client: Client, scenarios, written: str, found: set[int]) -> None:
    assert {s.name for s in client.scenarios(written)} == {f"scenarios/page-{i}" for i in found}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("colour = red", "expected a field"),
        ("name", "expected one of"),
        ("name >", "expected one of"),
        ("name =", "expected text"),
        ("name = a OR name = b", "expected AND"),
        ("name = a AND", "one more comparison"),
        ("create_time > yesterday", "a time such as"),
        ("create_time > 2026-01-01", "a time such as"),
        ('name = "unclosed', "double quotes"),
        ("name = a" + " AND name = a" * 30, "more than 20"),
    ],
)
def test_a_wrong_filter_says_where_and_what(scenarios, written: str, text: str) -> None:
    error = refused(scenarios.ListScenarios, scenario_pb2.ListScenariosRequest(filter=written))
    assert error.code == "INVALID_ARGUMENT"
    assert text in error.fields["filter"]


def test_runs_are_filtered_by_what_they_were_asked(client: Client, base: Runs) -> None:
    names = {run.name for run in client.runs("state = RUN_STATE_SUCCEEDED AND seed = 1 AND sample <= 0.002")}
    assert base.names[1] in names
    assert base.names[0] not in names
    assert not client.runs("state = failed AND seed > 9000000000000000000")


def test_a_read_mask_leaves_the_rest_out(scenarios) -> None:
    request = scenario_pb2.GetScenarioRequest(name="scenarios/page-1", read_mask=FieldMask(paths=["network"]))
    assert scenarios.GetScenario(request) == scenario_pb2.Scenario(network="networks/tiny")
    request.read_mask.paths[:] = ["colour"]
    assert "read_mask" in refused(scenarios.GetScenario, request).fields


def test_an_update_changes_what_its_mask_names_and_only_as_it_was_read(client: Client, scenarios) -> None:
    first = client.scenario("page-2")
    second = client.update_scenario("page-2", description="new", etag=first.etag)
    assert (second.description, second.create_time) == ("new", first.create_time)
    assert second.etag != first.etag
    with pytest.raises(CallError, match="read it again") as caught:
        client.update_scenario("page-2", description="other", etag=first.etag)
    assert caught.value.code == "ABORTED"
    with pytest.raises(CallError) as caught:
        client.update_scenario("page-2", description="x" * 4001)
    assert "scenario.description" in caught.value.fields
    wrong = scenario_pb2.UpdateScenarioRequest(
        scenario=scenario_pb2.Scenario(name="scenarios/page-2", network="networks/x"),
        update_mask=FieldMask(paths=["network"]),
    )
    assert "set once" in refused(scenarios.UpdateScenario, wrong).fields["update_mask"]
    stale = scenario_pb2.DeleteScenarioRequest(name="scenarios/page-2", etag=first.etag)
    assert refused(scenarios.DeleteScenario, stale).code == "ABORTED"
    client.update_scenario("page-2", description="even")


def test_what_is_archived_is_left_out_unless_asked_for(client: Client, base: Runs) -> None:
    run = client.update_run(base.names[0], archived=True)
    assert run.archived
    assert run.name not in {r.name for r in client.runs()}
    assert run.name in {r.name for r in client.runs(show_archived=True)}
    assert not client.update_run(run.name, archived=False).archived
    assert run.name in {r.name for r in client.runs()}


def test_a_history_tells_every_state_in_order(client: Client, base: Runs) -> None:
    run = client.run(base.names[0])
    states = [run_pb2.RunState.Name(change.state) for change in run.history]
    assert states == ["RUN_STATE_QUEUED", "RUN_STATE_RUNNING", "RUN_STATE_SUCCEEDED"]
    times = [change.time.ToNanoseconds() for change in run.history]
    assert all(a <= b for a, b in pairwise(times))


def test_a_cancelled_run_can_be_retried_and_a_succeeded_one_not(client: Client, base: Runs) -> None:
    run = client.create_run("networks/tiny", seed=77, sample=0.002, max_days=2)
    client.cancel(run.name)
    again = client.retry(run.name)
    assert again.name == run.name
    assert client.retry(run.name).name == run.name  # a repeat is harmless
    last = list(client.watch(run.name))[-1]
    assert last.state == run_pb2.RUN_STATE_SUCCEEDED
    assert [c.state for c in last.history].count(run_pb2.RUN_STATE_QUEUED) == 2
    with pytest.raises(CallError, match="create a new one") as caught:
        client.retry(run.name)
    assert caught.value.code == "FAILED_PRECONDITION"


def test_a_run_over_its_time_is_stopped_within_a_second_and_says_so(client: Client, runs) -> None:
    run = run_pb2.Run(scenario="networks/tiny", sample=0.5, max_days=1000, seed=8)
    run.time_limit.FromSeconds(1)
    made = run_pb2.Run()
    runs.CreateRun(run_pb2.CreateRunRequest(run=run)).metadata.Unpack(made)
    seen = list(client.watch(made.name))
    assert seen[-1].state == run_pb2.RUN_STATE_FAILED
    assert seen[-1].error.code == 4  # DEADLINE_EXCEEDED
    assert "the limit is 1 s" in seen[-1].error.message
    assert seen[-1].end_time.ToNanoseconds() - seen[-1].start_time.ToNanoseconds() < 2.5e9
    for wrong in (0, -1):
        run.time_limit.FromSeconds(wrong)
        assert "run.time_limit" in refused(runs.CreateRun, run_pb2.CreateRunRequest(run=run)).fields


def test_a_table_goes_on_from_any_byte(client: Client, base: Runs, runs) -> None:
    whole = client.table(base.names[0], "trips")
    assert pl.read_ipc_stream(io.BytesIO(whole)).height == base.results()[0].trips
    for offset in (0, 1, len(whole) // 2, len(whole) - 1, len(whole), len(whole) + 10):
        request = run_pb2.StreamTableRequest(name=base.names[0], table="trips", offset=offset)
        pieces = list(runs.StreamTable(request))
        assert pieces[0].offset == offset
        assert b"".join(p.content for p in pieces) == whole[offset:]
    assert "offset" in refused(runs.StreamTable, run_pb2.StreamTableRequest(name=base.names[0], offset=-1)).fields
    error = refused(runs.StreamTable, run_pb2.StreamTableRequest(name=base.names[0], table="trip"))
    assert error.code == "NOT_FOUND"
    assert "trips" in error.nearest


def test_a_field_of_a_newer_contract_is_refused_by_its_number(client: Client) -> None:
    call = client.channel.unary_unary("/greentrip.v1.RunService/GetRun")
    error = refused(call, run_pb2.GetRunRequest(name="runs/x").SerializeToString() + b"\x98\x06\x01")
    assert error.code == "INVALID_ARGUMENT"
    assert "field 99" in str(error)


def test_bytes_that_are_no_message_are_the_callers_mistake(client: Client) -> None:
    get = client.channel.unary_unary("/greentrip.v1.RunService/GetRun")
    upload = client.channel.stream_unary("/greentrip.v1.NetworkService/ImportNetwork")
    for call, sent in ((get, b"\xff\xff"), (upload, iter([b"\xff\xff"]))):
        error = refused(call, sent)
        assert error.code == "INVALID_ARGUMENT"
        assert "cannot be read" in str(error)


def test_text_that_a_database_cannot_keep_is_refused(client: Client) -> None:
    with pytest.raises(CallError) as caught:
        client.create_scenario("tiny", description="a\x00b")
    assert "NUL" in caught.value.fields["scenario.description"]


def test_creates_at_the_same_time_with_one_request_id_make_one_run(client: Client) -> None:
    from concurrent.futures import ThreadPoolExecutor

    before = len(client.runs())
    asked = {"sample": 0.002, "max_days": 2, "seed": 4242, "request_id": "at-once"}
    with ThreadPoolExecutor(8) as pool:
        names = {f.result().name for f in [pool.submit(client.create_run, "networks/tiny", **asked) for _ in range(16)]}
    assert len(names) == 1
    assert len(client.runs()) == before + 1
    list(client.watch(names.pop()))


def test_waiting_ends_at_its_deadline(client: Client, runs) -> None:
    import grpc

    run = client.create_run("networks/tiny", seed=5, sample=0.5, max_days=1000)
    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        list(runs.WatchRun(run_pb2.WatchRunRequest(name=run.name), timeout=0.5))
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 1.5
    client.cancel(run.name)
