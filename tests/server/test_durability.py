"""What is left after a server is killed, and who may own a data directory."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import greentrip
import pytest
from greentrip.client import ConnectError
from greentrip.v1 import run_pb2

ASKED = {"sample": 0.1, "max_days": 12}
TABLES = ("trips", "links", "lines")


def start(data: Path) -> tuple["subprocess.Popen[str]", str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "greentrip_server", f"--data={data}", "--workers=1"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert server.stdout is not None
    return server, json.loads(server.stdout.readline())["address"]


def stop(server: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> None:
    server.send_signal(number)
    server.wait()
    assert server.stdout is not None
    server.stdout.close()


@pytest.mark.slow
def test_a_killed_servers_run_is_finished_by_the_next_with_the_same_bytes(tmp_path: Path) -> None:
    server, address = start(tmp_path / "killed")
    with greentrip.connect(address) as client:
        run = client.create_run("networks/tiny", seed=3, name="cut", **ASKED)
        waiting = client.create_run("networks/tiny", seed=4, name="waiting", **ASKED)
        reached = next(r for r in client.watch(run.name) if r.progress.day >= 2 or r.state > run_pb2.RUN_STATE_RUNNING)
        assert reached.state == run_pb2.RUN_STATE_RUNNING
        stop(server, signal.SIGKILL)
    server, address = start(tmp_path / "killed")
    with greentrip.connect(address) as client:
        told = list(client.watch(run.name))
        last = told[-1]
        assert (last.state, last.attempt) == (run_pb2.RUN_STATE_SUCCEEDED, 2)
        lived = [r.progress.day for r in told if r.attempt == 2 and r.progress.day]
        assert min(lived) > reached.progress.day  # it went on from its last day
        resumed = [client.table(run.name, t) for t in TABLES]
        client.cancel(waiting.name)
    stop(server)
    with greentrip.connect(data_dir=tmp_path / "whole") as client:
        whole = client.simulate("networks/tiny", seeds=(3,), **ASKED)
        assert [client.table(whole.names[0], t) for t in TABLES] == resumed
        assert whole.runs[0].input_hash == last.input_hash
    assert not [p for p in (tmp_path / "killed" / "runs").glob(".*") if p.name != ".store"]


def test_a_second_client_finds_the_owner(tmp_path: Path) -> None:
    with greentrip.connect(data_dir=tmp_path) as first:
        made = first.create_scenario("tiny", name="shared")
        with greentrip.connect(data_dir=tmp_path) as second:
            assert second.scenario("shared") == made


def test_a_second_server_on_one_directory_is_refused(tmp_path: Path) -> None:
    server, _ = start(tmp_path)
    try:
        second = subprocess.run(
            [sys.executable, "-m", "greentrip_server", f"--data={tmp_path}"],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            check=False,
        )
    finally:
        stop(server)
    assert second.returncode == 75
    assert f"owned by process {server.pid}" in second.stderr


@pytest.mark.slow
def test_a_dead_workers_job_is_started_again(tmp_path: Path) -> None:
    server, address = start(tmp_path)
    with greentrip.connect(address) as client:
        run = client.create_run("networks/tiny", seed=3, **ASKED)
        next(r for r in client.watch(run.name) if r.progress.day >= 1)
        log = [json.loads(line) for line in (tmp_path / "server.log").read_text().splitlines()]
        os.kill(next(e["pid"] for e in log if e["event"] == "started"), signal.SIGKILL)
        last = list(client.watch(run.name))[-1]
    stop(server)
    assert (last.state, last.attempt) == (run_pb2.RUN_STATE_SUCCEEDED, 2)


def test_a_server_that_does_not_answer_is_said_so() -> None:
    with pytest.raises(ConnectError, match="greentrip serve"):
        greentrip.connect("127.0.0.1:1")


def test_workers_end_with_their_killed_server(tmp_path: Path) -> None:
    server, address = start(tmp_path)
    with greentrip.connect(address) as client:
        run = client.create_run("networks/tiny", seed=3, **ASKED)
        next(r for r in client.watch(run.name) if r.progress.day >= 1)
        log = [json.loads(line) for line in (tmp_path / "server.log").read_text().splitlines()]
        worker = next(e["pid"] for e in log if e["event"] == "started")
        stop(server, signal.SIGKILL)
    until = time.monotonic() + 10
    while Path(f"/proc/{worker}/stat").exists() and Path(f"/proc/{worker}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < until
        time.sleep(0.1)
