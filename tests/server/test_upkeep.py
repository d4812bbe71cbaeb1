"""What time does to a store: upgrades with work pending, deletion of what was archived, the end of a server in use."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import greentrip
import pytest
from alembic import command
from alembic.config import Config
from greentrip.client import CallError
from greentrip.v1 import run_pb2
from greentrip_server.database import MIGRATIONS, open_database
from greentrip_server.directory import DataDirectory
from greentrip_server.housekeeping import Housekeeping
from greentrip_server.jobs import Jobs
from greentrip_server.kinds import RUNS
from greentrip_server.settings import Settings
from greentrip_server.tables import FAILED, SUCCEEDED, JobRow, ScenarioRow
from sqlalchemy import create_engine, text

ASKED = {"network": "networks/tiny", "interventions": [], "placement": 0, "sample": 0.002, "max_days": 2}


def store_of_the_first_version(data: Path) -> None:
    """Lay down the store that the first tables held, with a run that waits and one whose server is gone."""
    data.mkdir()
    engine = create_engine(f"sqlite:///{data / 'greentrip.sqlite'}")
    with engine.connect() as connection, connection.begin():
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for seed, state in enumerate(("queued", "running")):
            connection.execute(
                text(
                    "INSERT INTO jobs (kind, id, parent, input, input_hash, request_hash, state, attempt, lease_owner,"
                    " lease_until, progress, created) VALUES ('runs', :id, 'networks/tiny', :input, 'x', :id, :state,"
                    " :attempt, :owner, 0, '{}', :created)"
                ),
                {
                    "id": f"was-{state}",
                    "input": json.dumps({**ASKED, "seed": seed}),
                    "state": state,
                    "attempt": seed,
                    "owner": "an older server" if seed else "",
                    "created": time.time() - 60,
                },
            )
    engine.dispose()


def test_an_upgrade_goes_on_with_what_waited_and_what_ran(tmp_path: Path) -> None:
    store_of_the_first_version(tmp_path / "old")
    with greentrip.connect(data_dir=tmp_path / "old", workers=1) as client:
        ended = {name: list(client.watch(f"runs/{name}"))[-1] for name in ("was-queued", "was-running")}
        assert {run.state for run in ended.values()} == {run_pb2.RUN_STATE_SUCCEEDED}
        assert ended["was-running"].attempt == 2
        fresh = client.simulate("networks/tiny", seeds=(0,), sample=0.002, max_days=2).names[0]
        assert client.table("runs/was-queued", "trips") == client.table(fresh, "trips")


def test_what_was_archived_long_ago_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    directory.results.mkdir(parents=True)
    jobs = Jobs(open_database(directory.database))
    scenario = {"network": "networks/tiny", "interventions": [], "description": "", "content_hash": "c"}
    held = {"kind": RUNS, "input": {}, "input_hash": "x", "attempt": 1, "lease_owner": "", "lease_until": 0.0}

    def add(name: str, parent: str, state: str, days_ago: float | None) -> None:
        made = jobs.add(
            JobRow(**held, parent=parent, state=state, progress={}, request_hash=name, created=time.time()),
            name,
            "run_id",
        )
        with jobs.session(write=True) as session, session.begin():
            session.get_one(JobRow, made.number).archived = days_ago and time.time() - 86400 * days_ago
        directory.folder(name).mkdir()

    for name in ("used", "unused"):
        row = jobs.add(ScenarioRow(**scenario, request_hash=name, created=time.time()), name, "scenario_id")
        with jobs.session(write=True) as session, session.begin():
            session.get_one(ScenarioRow, row.number).archived = time.time() - 86400 * 40
    add("old", "networks/tiny", SUCCEEDED, 40)
    add("recent", "networks/tiny", FAILED, 20)
    add("kept", "scenarios/used", SUCCEEDED, None)
    Housekeeping(jobs, directory, Settings(data=tmp_path)).tidy()
    assert len(jobs.page(JobRow, 0, "")[0]) == 3  # without a setting nothing is ever deleted
    Housekeeping(jobs, directory, Settings(data=tmp_path, retention_days=30)).tidy()
    assert [row.id for row in jobs.page(JobRow, 0, "")[0]] == ["recent", "kept"]
    assert sorted(p.name for p in directory.results.iterdir()) == ["kept", "recent"]
    assert [row.id for row in jobs.page(ScenarioRow, 0, "")[0]] == ["used"]
    jobs.close()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "subprocess.Popen[str]":
    monkeypatch.setenv("PYTHONPATH", ":".join(p for p in sys.path if p))
    monkeypatch.setenv("GREENTRIP_QUEUE_OF_CLIENT", "2")
    monkeypatch.setenv("GREENTRIP_DRAIN_S", "60")
    return subprocess.Popen(
        [sys.executable, "-m", "greentrip_server", f"--data={tmp_path}", "--workers=1"],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_full_queue_is_named_and_a_drained_server_ends_its_run(server, tmp_path: Path) -> None:
    with server, greentrip.connect(json.loads(server.stdout.readline())["address"]) as client:
        client.create_run("networks/tiny", name="short", sample=0.002, max_days=3)
        client.create_run("networks/tiny", name="waiting", sample=0.5, max_days=1000)
        with pytest.raises(CallError, match="queue_of_client") as caught:
            client.create_run("networks/tiny", seed=3)
        assert caught.value.code == "RESOURCE_EXHAUSTED"
        next(r for r in client.watch("runs/short") if r.state >= run_pb2.RUN_STATE_RUNNING)
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=90) == 0
    jobs = Jobs(open_database(DataDirectory(tmp_path).database))
    states = {row.id: row.state for row in jobs.page(JobRow, 0, "")[0]}
    jobs.close()
    assert states["short"] == SUCCEEDED
    assert states["waiting"] == "queued"
