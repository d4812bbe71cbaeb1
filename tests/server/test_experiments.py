"""Experiments over a real channel: runs are made once, reused, stopped, and their failures kept apart."""

import json
import time
from pathlib import Path
from typing import Any

import greentrip
import polars as pl
import pytest
from greentrip.client import CallError, Client
from greentrip.plain import plain
from greentrip.v1 import experiment_pb2, run_pb2

DONE = experiment_pb2.EXPERIMENT_STATE_DONE


def spec(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "network": "tiny",
        "sample": 0.002,
        "max_days": 2,
        "seeds": [0, 1],
        "scenario": [
            {"name": "today"},
            {
                "name": "metro",
                "interventions": [{"kind": "SetFare", "system": "metro", "factor": "$f"}],
                "sweep": {"method": "grid", "values": {"f": [0.5, 2.0]}},
            },
        ],
        **changes,
    }


def finish(client: Client, name: str) -> experiment_pb2.Experiment:
    return list(client.watch_experiment(name))[-1]


@pytest.fixture(scope="module")
def done(client: Client) -> experiment_pb2.Experiment:
    client.run_experiment(spec("fares"))
    return finish(client, "fares")


def test_every_scenario_is_run_with_every_seed(client: Client, done: experiment_pb2.Experiment) -> None:
    assert done.state == DONE
    assert [s.name for s in done.scenarios] == ["today", "metro~f=0.5", "metro~f=2"]
    assert {(r.scenario, r.seed) for r in done.runs} == {(s.name, seed) for s in done.scenarios for seed in (0, 1)}
    assert all(r.state == run_pb2.RUN_STATE_SUCCEEDED for r in done.runs)
    result = client.experiment_result("fares")
    assert not result.missing
    by = {s.scenario: {f.indicator: f for f in s.figures} for s in result.scenarios}
    run = next(r for r in done.runs if r.scenario == "metro~f=2" and r.seed == 1)
    found = plain(client.result(run.run).indicators)
    definition = found["definition"]
    assert by["metro~f=2"]["green_share"].values[1] == found["green_share"][definition["area"]][definition["base"]]
    assert by["metro~f=0.5"]["mode_share.metro"].mean > by["metro~f=2"]["mode_share.metro"].mean


def test_more_seeds_compute_only_what_is_new_and_the_rest_keeps_its_runs(
    client: Client, done: experiment_pb2.Experiment
) -> None:
    before = {(r.scenario, r.seed): r.run for r in done.runs}
    known = {r.name for r in client.runs()}
    client.run_experiment(spec("fares"), seeds=(0, 1, 2))
    after = finish(client, "fares")
    runs = {(r.scenario, r.seed): r.run for r in after.runs}
    assert {k: runs[k] for k in before} == before
    assert {r.name for r in client.runs()} - known == {runs[s.name, 2] for s in after.scenarios}
    assert (after.progress.reused, after.progress.succeeded) == (6, 9)


def test_another_experiment_reuses_runs_of_equal_content(client: Client, done: experiment_pb2.Experiment) -> None:
    known = {r.name for r in client.runs()}
    same = {"kind": "SetFare", "factor": 2, "system": "metro"}
    client.run_experiment(spec("again", scenario=[{"name": "dear", "interventions": [same]}]))
    after = finish(client, "again")
    assert {r.name for r in client.runs()} == known
    assert all(r.reused for r in after.runs)
    assert {r.run for r in after.runs} == {r.run for r in done.runs if r.scenario == "metro~f=2"}


def test_a_run_that_cannot_be_is_recorded_and_the_rest_goes_on(client: Client) -> None:
    move = {"kind": "MoveResidents", "from_place": "Harbour", "to_place": "Lakeside", "residents": "$n"}
    family = {
        "name": "move",
        "interventions": [move],
        "sweep": {"method": "list", "values": {"n": [100, 1e9, 200]}},  # the first and last are checked at once
    }
    client.run_experiment(spec("broken", scenario=[{"name": "today"}, family], seeds=[0]))
    after = finish(client, "broken")
    states = {r.scenario: r.state for r in after.runs}
    assert states["move~n=1000000000"] == run_pb2.RUN_STATE_FAILED
    assert after.progress.failed == 1
    assert after.progress.succeeded == 3
    broken = next(r for r in after.runs if r.state == run_pb2.RUN_STATE_FAILED)
    assert "expected more than 0 and at most the" in broken.error.message
    assert any("move~n=1000000000: seed 0 failed" in m for m in client.experiment_result("broken").missing)


def test_what_would_be_too_much_or_is_unknown_is_refused_before_anything_is_stored(client: Client) -> None:
    known = [e.name for e in client.experiments()]
    with pytest.raises(
        CallError, match=r"1,200 runs asked for, predicted to take [\d.,]+ h; the limit is 1000 runs"
    ) as caught:
        client.run_experiment(spec("big"), seeds=range(400))
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    steps = {"low": 0.1, "high": 2.0, "steps": 90_000}
    two = {"kind": "SetFare", "system": "bus", "factor": "$g"}
    huge = {
        "name": "huge",
        "interventions": [{"kind": "SetFare", "system": "metro", "factor": "$f"}, two],
        "sweep": {"method": "grid", "values": {"f": steps, "g": steps}},
    }
    with pytest.raises(CallError, match=r"16,200,000,000 runs asked for, predicted to take [\d.,]+ h"):
        client.run_experiment(spec("huge", scenario=[huge]))
    with pytest.raises(CallError, match=r"weight\.walk"):
        client.run_experiment(spec("typo", scenario=[{"name": "a", "parameters": {"weight.wolk": 1}}]))
    step = {"kind": "SetFair", "system": "metro"}
    with pytest.raises(CallError, match=r"scenario 'a'.*SetFare"):
        client.run_experiment(spec("typo", scenario=[{"name": "a", "interventions": [step]}]))
    with pytest.raises(CallError, match="unknown plan"):
        client.run_experiment(spec("typo", plans=["nowhere"]))
    assert [e.name for e in client.experiments()] == known


def test_checking_counts_without_storing(client: Client) -> None:
    made = client.run_experiment(spec("only-looked-at"), seeds=range(50), validate_only=True)
    assert (made.progress.runs, made.progress.waiting) == (150, 150)
    assert made.progress.seconds_left > 0  # forecast: nothing has run yet
    with pytest.raises(CallError):
        client.experiment("only-looked-at")


def test_runs_that_are_no_longer_asked_for_stop_and_what_ended_since_a_pause_can_be_asked_about(tmp_path: Path) -> None:
    with greentrip.connect(data_dir=tmp_path, workers=1) as client:
        client.run_experiment(spec("shrinks", max_days=60, sample=0.01, seeds=[0, 1, 2]))
        going = next(
            r for e in client.watch_experiment("shrinks") for r in e.runs if r.state == run_pb2.RUN_STATE_RUNNING
        )
        assert going.scenario == "today"
        quick = spec("shrinks", scenario=spec("x")["scenario"][1:], seeds=[0])
        client.run_experiment(quick)
        for _ in range(100):
            if client.run(going.run).state == run_pb2.RUN_STATE_CANCELLED:
                break
            time.sleep(0.1)
        assert client.run(going.run).state == run_pb2.RUN_STATE_CANCELLED
        begun = (run_pb2.RUN_STATE_RUNNING, run_pb2.RUN_STATE_SUCCEEDED)
        next(e for e in client.watch_experiment("shrinks") if any(r.state in begun for r in e.runs))
        client.pause_experiment("shrinks")
        for _ in range(600):
            if client.experiment("shrinks").progress.running == 0:
                break
            time.sleep(0.1)
        through = client.experiment("shrinks").progress.succeeded
        assert through >= 1
        found = client.query_experiment("shrinks", "SELECT count(DISTINCT scenario) AS n FROM figures", "json")
        assert json.loads(found) == [{"n": through}]


@pytest.mark.slow
def test_pause_stops_starting_resume_goes_on_cancel_ends(tmp_path: Path) -> None:
    with greentrip.connect(data_dir=tmp_path, workers=1) as client:
        client.run_experiment(spec("slow", max_days=60, sample=0.01, seeds=list(range(12))))
        paused = client.pause_experiment("slow")
        assert paused.state == experiment_pb2.EXPERIMENT_STATE_PAUSED
        for _ in range(600):
            now = client.experiment("slow").progress
            if now.running == 0:
                break
            time.sleep(0.2)
        settled = client.experiment("slow").progress
        assert settled.succeeded < settled.runs
        time.sleep(0.5)
        assert client.experiment("slow").progress == settled
        client.resume_experiment("slow")
        moved = next(e for e in client.watch_experiment("slow") if e.progress.succeeded > settled.succeeded)
        assert moved.progress.seconds_left > 0
        cancelled = client.cancel_experiment("slow")
        assert cancelled.state == experiment_pb2.EXPERIMENT_STATE_CANCELLED
        assert cancelled.progress.running == 0
        assert cancelled.progress.succeeded >= moved.progress.succeeded  # what has finished stays usable
        assert any(s.seeds for s in client.experiment_result("slow").scenarios)


def test_a_specification_reads_the_same_from_toml_and_from_a_message(client: Client) -> None:
    text = """
        name = "toml"
        network = "tiny"
        sample = 0.002
        max_days = 2
        seeds = [0]
        [[scenario]]
        name = "a"
        interventions = [{ kind = "SetFare", system = "bus", factor = 2 }]
    """
    step = {"kind": "SetFare", "system": "bus", "factor": 2.0}
    message = spec("toml", seeds=[0], scenario=[{"name": "a", "interventions": [step]}])
    one, two = (client.run_experiment(s, validate_only=True) for s in (text, message))
    assert one == two
    assert json.dumps(plain(one)) == json.dumps(plain(two))


def test_scenarios_are_compared_by_name_and_equal_ones_differ_by_nothing(
    client: Client, done: experiment_pb2.Experiment
) -> None:
    found = client.compare_scenarios("fares", indicators=["green_share", "mode_share"], detail=True)
    assert found.baseline == "today"
    assert {d.scenario for d in found.differences} == {"metro~f=0.5", "metro~f=2"}
    by = {(d.scenario, d.indicator): d for d in found.differences}
    assert by["metro~f=0.5", "mode_share.metro"].change > 0 > by["metro~f=2", "mode_share.metro"].change
    result = {s.scenario: s for s in client.experiment_result("fares").scenarios}
    means = {n: {f.indicator: f.mean for f in s.figures} for n, s in result.items()}
    assert by["metro~f=2", "green_share"].change == pytest.approx(
        means["metro~f=2"]["green_share"] - means["today"]["green_share"]
    )
    assert len(found.ranking) == 3
    detail = plain(found.summary)["detail"]["metro~f=2"]
    assert sum(f["trips"] for f in detail["flows"] if f["from"] == "metro") > 0
    assert {p["by"] for p in detail["people"]} == {"all", "income", "car", "district"}
    assert {"district", "purpose", "income"} == set(detail["shares"])
    assert detail["lines"]
    assert detail["stations"]
    assert all(r["name_en"] != r["station"] and r["name_zh"] for r in detail["stations"])
    assert detail["links"]
    turned = client.compare_scenarios("fares", baseline="metro~f=2", indicators=["green_share"])
    assert turned.baseline == "metro~f=2"
    back = next(d for d in turned.differences if d.scenario == "today")
    assert back.change == pytest.approx(-by["metro~f=2", "green_share"].change)
    runs = {r.scenario: r for r in done.runs if r.seed == 0}
    one = client.compare_scenarios("fares:today", runs["today"].run)  # the same run under another name
    assert {d.change for d in one.differences} == {0.0}


def test_a_comparison_says_what_is_missing_and_refuses_what_it_cannot(
    client: Client, done: experiment_pb2.Experiment
) -> None:
    runs = {(r.scenario, r.seed): r.run for r in done.runs}
    few = client.compare_scenarios("fares:today", runs["metro~f=2", 0])
    assert not few.ranking
    assert any("not ranked" in m for m in few.missing)
    assert not few.differences[0].HasField("interval")
    for sides, text in (
        (["fares:toady", "fares:today"], "unknown scenario 'toady'; nearest: today"),
        (["fares:today"], "expected two scenarios or more"),
        (["farse:today", "fares"], "unknown experiment"),
        (["fares", "runs/nowhere"], "unknown run"),
        ([runs["today", 0], f"{runs['metro~f=2', 0]},{runs['metro~f=0.5', 0]}"], "both have seed 0"),
    ):
        with pytest.raises(CallError, match=text):
            client.compare_scenarios(*sides)
    with pytest.raises(CallError, match="green_share"):
        client.compare_scenarios("fares", indicators=["gren_share"])
    with pytest.raises(CallError, match=r"expected 0\.5 to below 1"):
        client.compare_scenarios("fares", level=95)


def test_the_data_set_answers_in_sql_what_the_runs_say_and_nothing_else(
    client: Client, done: experiment_pb2.Experiment, tmp_path: Path
) -> None:
    sql = "SELECT scenario, seed, sum(weight) AS w FROM trips WHERE mode = 'metro' GROUP BY ALL ORDER BY ALL"
    rows = json.loads(client.query_experiment("fares", sql, "json"))
    assert {r["scenario"] for r in rows} == {s.name for s in done.scenarios}
    for row in rows:
        run = next((r for r in done.runs if (r.scenario, r.seed) == (row["scenario"], row["seed"])), None)
        if run is not None:
            trips = pl.read_ipc_stream(client.table(run.run, "trips"))
            assert row["w"] == pytest.approx(trips.filter(pl.col("mode") == "metro")["weight"].sum())
    summed = sql.replace("weight", "trips").replace("FROM trips", "FROM sums")
    assert [pytest.approx(r) for r in rows] == json.loads(client.query_experiment("fares", summed, "json"))
    figures = "SELECT avg(value) AS mean FROM figures WHERE indicator = 'green_share' AND scenario = 'today'"
    told = client.experiment_result("fares").scenarios[0].figures[0].mean
    assert json.loads(client.query_experiment("fares", figures, "json"))[0]["mean"] == pytest.approx(told)
    assert client.query_experiment("fares", "SELECT count(*) AS n FROM scenarios", "csv") == b"n\n3\n"
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for bad, text in (
        (f"SELECT * FROM read_csv('{secret}')", "disabled|Permission|not allowed"),
        ("SELECT nothing FROM trips", "nothing"),
        ("DROP VIEW trips", "expected one SELECT"),
        ("SELECT 1; SELECT 2", "expected one SELECT"),
        (f"COPY trips TO '{tmp_path}/out.csv'", "expected one SELECT"),
    ):
        with pytest.raises(CallError, match=text):
            client.query_experiment("fares", bad)
    assert not (tmp_path / "out.csv").exists()
