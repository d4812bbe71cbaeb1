import os
import time
from contextlib import suppress
from pathlib import Path

import greentrip
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from greentrip.client import CallError, Client, Runs
from greentrip.plain import plain
from greentrip.v1 import run_pb2

LONG = {"sample": 0.5, "max_days": 1000}


def test_a_run_streams_to_its_end(client: Client) -> None:
    run = client.create_run("tiny", seed=5, sample=0.002, max_days=2)
    seen = list(client.watch(run.name))
    assert seen[-1].state == run_pb2.RUN_STATE_SUCCEEDED
    assert seen[-1].attempt == 1
    assert [s.state for s in seen] == sorted(s.state for s in seen)
    assert seen[-1].progress.day >= 1


def test_the_result_is_the_models(client: Client, base: Runs) -> None:
    result = base.results()[0]
    found = plain(result.indicators)
    assert result.gap == found["gap"]
    assert found["seed"] == 0
    assert result.residents > 0
    by_base: dict[tuple[str, str], float] = {}
    for share in result.mode_shares:
        by_base[share.area, share.base] = by_base.get((share.area, share.base), 0.0) + share.percent
    assert by_base
    assert all(total == pytest.approx(100, abs=0.1) for total in by_base.values())


def test_tables_come_as_frames_with_their_seed(base: Runs) -> None:
    for name in ("trips", "links", "lines"):
        frame = base.table(name)
        assert set(frame["seed"].unique()) <= {0, 1}
    assert base.trips().height > 0


def test_the_same_inputs_give_the_same_bytes(client: Client, base: Runs) -> None:
    again = client.simulate("tiny", seeds=(0,), sample=0.002, max_days=3)
    assert again.runs[0].input_hash == base.runs[0].input_hash
    for name in ("trips", "links", "lines"):
        assert client.table(again.names[0], name) == client.table(base.names[0], name)


def test_a_repeated_request_returns_the_same_run(client: Client) -> None:
    first = client.create_run("tiny", sample=0.002, max_days=2, request_id="one-run")
    assert client.create_run("tiny", sample=0.002, max_days=2, request_id="one-run").name == first.name
    with pytest.raises(CallError) as caught:
        client.create_run("tiny", sample=0.002, max_days=3, request_id="one-run")
    assert caught.value.code == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"sample": 1.5}, "run.sample"), ({"max_days": 1}, "run.max_days"), ({"seed": -1}, "run.seed")],
)
def test_a_bad_run_is_refused_before_it_is_queued(client: Client, wrong: dict, field: str) -> None:
    before = len(client.runs())
    with pytest.raises(CallError) as caught:
        client.create_run("networks/tiny", **wrong)
    assert field in caught.value.fields
    assert len(client.runs()) == before


def test_validate_only_queues_nothing(client: Client) -> None:
    before = len(client.runs())
    assert not client.create_run("networks/tiny", validate_only=True).name
    assert len(client.runs()) == before


def test_an_unknown_scenario_is_not_found(client: Client) -> None:
    with pytest.raises(CallError) as caught:
        client.create_run("scenarios/none")
    assert caught.value.code == "NOT_FOUND"


def test_cancel_ends_the_worker_within_a_second_and_frees_its_slot(client: Client) -> None:
    runs = [client.create_run("tiny", seed=seed, **LONG) for seed in range((os.cpu_count() or 1) + 1)]
    running = next(r for r in client.watch(runs[0].name) if r.state == run_pb2.RUN_STATE_RUNNING)
    with pytest.raises(CallError, match="wait for it") as caught:
        client.result(running.name)
    assert caught.value.code == "FAILED_PRECONDITION"
    before = _workers()
    for run in reversed(runs):
        started = time.monotonic()
        assert client.cancel(run.name).state == run_pb2.RUN_STATE_CANCELLED
        assert time.monotonic() - started < 1
    assert len(before - _workers()) >= 1
    done = client.simulate("tiny", seeds=(9,), sample=0.002, max_days=2)
    assert done.runs[0].state == run_pb2.RUN_STATE_SUCCEEDED


def test_operations_stand_for_runs(client: Client, base: Runs) -> None:
    stub = operations_pb2_grpc.OperationsStub(client.channel)
    operation = stub.GetOperation(operations_pb2.GetOperationRequest(name=f"operations/{base.names[0]}"))
    found = run_pb2.Run()
    assert operation.done
    assert operation.response.Unpack(found)
    assert found == client.run(base.names[0])
    listed = stub.ListOperations(operations_pb2.ListOperationsRequest(page_size=1000))
    assert operation.name in {o.name for o in listed.operations}


def test_a_finished_run_stays_when_cancelled_and_goes_when_deleted(client: Client) -> None:
    run = client.simulate("tiny", seeds=(7,), sample=0.002, max_days=2).names[0]
    assert client.cancel(run).state == run_pb2.RUN_STATE_SUCCEEDED
    client.delete_run(run)
    with pytest.raises(CallError) as caught:
        client.run(run)
    assert caught.value.code == "NOT_FOUND"


def _workers() -> set[int]:
    """Return the ids of this machine's spawned worker processes."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and b"multiprocessing.spawn" in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return found


def test_a_run_beyond_a_limit_is_refused_before_work_by_the_limits_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENTRIP_RUN_MEMORY_MB", "100")
    with greentrip.connect(data_dir=tmp_path) as small, pytest.raises(CallError, match="memory: asked for") as refused:
        small.create_run("tiny", seed=1, sample=0.01)
    assert refused.value.code == "RESOURCE_EXHAUSTED"
    monkeypatch.setenv("GREENTRIP_RUN_MEMORY_MB", "100000")
    monkeypatch.setenv("GREENTRIP_RUN_HOURS", "0.000001")
    with greentrip.connect(data_dir=tmp_path) as hurried, pytest.raises(CallError, match="time: asked for"):
        hurried.create_run("tiny", seed=1, sample=0.01)


def test_a_run_says_what_it_will_take(client: Client) -> None:
    run = client.create_run("tiny", seed=6, sample=0.002, max_days=3)
    states = [r for r in client.watch(run.name) if r.state == run_pb2.RUN_STATE_RUNNING]
    lived = [r.progress for r in states if r.progress.memory_mb]
    assert lived
    assert all(p.memory_mb > 100 and p.seconds_left >= 0 for p in lived)


def test_a_runs_own_parameters_change_its_result_and_its_hash(client: Client, base: Runs) -> None:
    made = client.create_run("tiny", seed=0, sample=0.002, max_days=3, parameters={"weight.walk": 2.5})
    last = list(client.watch(made.name))[-1]
    assert last.state == run_pb2.RUN_STATE_SUCCEEDED
    assert plain(last)["parameters"] == {"weight.walk": 2.5}
    assert last.input_hash != base.runs[0].input_hash
    walked = [plain(client.result(n).indicators)["mode_share"] for n in (made.name, base.names[0])]
    assert walked[0] != walked[1]
    with pytest.raises(CallError, match=r"weight\.walk"):
        client.create_run("tiny", parameters={"weight.wlk": 2.0})
