"""Several servers on one PostgreSQL: work is claimed once, a dead server's is taken over, a lost connection is met."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import greentrip
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from greentrip.v1 import run_pb2
from greentrip_server.backup import backup, restore
from greentrip_server.database import open_database
from greentrip_server.directory import DataDirectory
from greentrip_server.errors import StateError
from greentrip_server.jobs import Jobs, queued_run
from greentrip_server.kinds import RUNS
from greentrip_server.tables import Base, JobRow
from sqlalchemy import create_engine, text

_spec = importlib.util.spec_from_file_location("postgres", Path(__file__).parent / "postgres.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

ASKED = {"sample": 0.05, "max_days": 6}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with _module.postgres() as url:
        yield url


@pytest.fixture
def url(cluster: str, request: pytest.FixtureRequest) -> str:
    name = f"db{abs(hash(request.node.name))}"
    engine = create_engine(cluster.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return cluster.replace("/postgres?", f"/{name}?")


def row(name: str) -> JobRow:
    return queued_run({"n": name}, parent="networks/tiny", request_hash=name)


def start(url: str, folder: Path, number: int) -> tuple["subprocess.Popen[str]", str]:
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "greentrip_server", "--workers=1"),
            *(f"--data={folder / str(number)}", f"--results={folder / 'results'}"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "GREENTRIP_DATABASE": url,
            "GREENTRIP_LEASE_S": "2",
        },
    )
    assert server.stdout is not None
    return server, json.loads(server.stdout.readline())["address"]


def stop(server: "subprocess.Popen[str]", number: int = signal.SIGKILL) -> None:
    server.send_signal(number)
    server.wait()
    assert server.stdout is not None
    server.stdout.close()


def test_migrations_make_the_tables_of_the_model(url: str) -> None:
    engine = open_database(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    open_database(url).dispose()
    engine.dispose()


def test_servers_that_start_at_once_make_the_tables_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(open_database, [url] * 4))
        marks = set(pool.map(lambda e: Jobs(e).mark(), engines))
    assert len(marks) == 1
    for engine in engines:
        engine.dispose()


def test_work_is_claimed_once_however_many_ask(url: str) -> None:
    engines = [open_database(url) for _ in range(4)]
    servers = [Jobs(engine) for engine in engines]
    for i in range(40):
        servers[0].add(row(f"j{i}"), f"j{i}", "run_id")

    def claim_all(jobs: Jobs) -> list[str]:
        found = []
        while (job := jobs.claim(60)) is not None:
            found.append(job.id)
        return found

    with ThreadPoolExecutor(4) as pool:
        claimed = [name for names in pool.map(claim_all, servers) for name in names]
    assert sorted(claimed) == sorted(f"j{i}" for i in range(40))
    for engine in engines:
        engine.dispose()


def test_creates_at_the_same_time_on_several_servers_make_one(url: str) -> None:
    engines = [open_database(url) for _ in range(4)]
    servers = [Jobs(engine) for engine in engines]

    def create(i: int) -> int:
        made = queued_run({"n": 1}, parent="networks/tiny", request_id=f"once-{i // 8}", request_hash="same")
        return servers[i % 4].add(made, "", "run_id").number

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(create, range(64)))
    assert [len(set(numbers[i : i + 8])) for i in range(0, 64, 8)] == [1] * 8
    assert len(set(numbers)) == 8
    for engine in engines:
        engine.dispose()


def test_a_servers_own_clock_decides_no_lease(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Jobs(open_database(url)), Jobs(open_database(url))
    one.add(row("a"), "a", "run_id")
    first = one.claim(60)
    assert first is not None
    ahead = time.time() + 86400
    monkeypatch.setattr(time, "time", lambda: ahead)
    assert two.claim(60) is None
    assert one.renew(first.number, 60, {})
    for jobs in (one, two):
        jobs.close()


@pytest.mark.slow
def test_a_dead_servers_run_is_taken_over_with_the_same_bytes(url: str, tmp_path: Path) -> None:
    first, address = start(url, tmp_path, 1)
    with greentrip.connect(address) as client:
        asked = {**ASKED, "sample": 0.2, "max_days": 12}
        run = client.create_run("networks/tiny", seed=3, **asked)
        reached = next(r for r in client.watch(run.name) if r.progress.day >= 2 or r.state > run_pb2.RUN_STATE_RUNNING)
        assert reached.state == run_pb2.RUN_STATE_RUNNING
        stop(first)
    second, other = start(url, tmp_path, 2)
    with greentrip.connect(other) as client:
        last = list(client.watch(run.name))[-1]
        assert (last.state, last.attempt) == (run_pb2.RUN_STATE_SUCCEEDED, 2)
        assert "its server was not heard of" in [c.reason for c in last.history]
        whole = client.create_run("networks/tiny", seed=3, **asked)
        list(client.watch(whole.name))
        assert client.table(whole.name, "trips") == client.table(run.name, "trips")
    stop(second, signal.SIGTERM)


def test_a_run_survives_the_loss_of_every_connection_and_a_cancel_reaches_another_server(
    url: str, tmp_path: Path
) -> None:
    first, one = start(url, tmp_path, 1)
    with greentrip.connect(one) as client:
        run = client.create_run("networks/tiny", seed=4, **ASKED)
        next(r for r in client.watch(run.name) if r.progress.day >= 1)
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        for _ in range(3):
            with engine.connect() as connection:
                connection.execute(
                    text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
                )
            time.sleep(0.2)
        last = list(client.watch(run.name))[-1]
        assert last.state == run_pb2.RUN_STATE_SUCCEEDED, last.error.message
        engine.dispose()
        long = client.create_run("networks/tiny", seed=5, sample=0.5, max_days=1000)
        next(r for r in client.watch(long.name) if r.progress.memory_mb)
        second, two = start(url, tmp_path, 2)
        with greentrip.connect(two) as other:
            assert other.cancel(long.name).state == run_pb2.RUN_STATE_CANCELLED
        began = time.monotonic()
        log = tmp_path / "1" / "server.log"
        while '"no longer ours"' not in log.read_text():
            assert time.monotonic() - began < 3
            time.sleep(0.05)
    for server in (first, second):
        stop(server, signal.SIGTERM)


def test_a_server_with_another_results_folder_is_refused(url: str, tmp_path: Path) -> None:
    engine = open_database(url)
    directory = DataDirectory(tmp_path / "1", tmp_path / "results")
    with directory.owned():
        directory.check_mark(Jobs(engine).mark())
        directory.check_mark(Jobs(engine).mark())
        with pytest.raises(StateError, match="another store"):
            directory.check_mark("other")
    engine.dispose()


def test_a_backup_of_sqlite_comes_back_to_postgresql(url: str, tmp_path: Path) -> None:
    old = DataDirectory(tmp_path / "old")
    with old.owned():
        lite = open_database(old.database)
        jobs = Jobs(lite)
        made = [jobs.add(row(f"j{i}"), f"j{i}", "run_id") for i in range(3)]
        counts = backup(lite, old, tmp_path / "all.tar")
        lite.dispose()
    new = DataDirectory(tmp_path / "new")
    with new.owned():
        engine = open_database(url)
        assert restore(tmp_path / "all.tar", engine, new)["rows"] == counts["rows"] == 3
        again = Jobs(engine)
        found = again.get(JobRow, "runs/j2", RUNS)
        assert (found.number, found.input, found.history) == (made[2].number, made[2].input, made[2].history)
        assert again.add(row("next"), "next", "run_id").number > made[2].number
        engine.dispose()


def test_a_database_that_is_not_there_is_said_so_without_its_password() -> None:
    with pytest.raises(StateError, match="cannot be opened") as caught:
        open_database("postgresql://lin:hidden@127.0.0.1:1/none")
    assert "hidden" not in str(caught.value)
    for wrong in ("mysql://host/db", "nonsense"):
        with pytest.raises(StateError, match="postgresql://"):
            open_database(wrong)
