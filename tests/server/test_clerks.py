"""Processes that answer: a caller who leaves stops them, one that dies is replaced, errors come through whole."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import greentrip
import grpc
import pytest
from greentrip.v1 import network_pb2, network_pb2_grpc
from greentrip_server.caller import CALLER, Caller
from greentrip_server.clerks import Clerks
from greentrip_server.desk import Desk
from greentrip_server.errors import BusyError, ElsewhereError, FieldError
from greentrip_server.settings import Settings


def pid(_: Desk) -> int:
    return os.getpid()


def spin(_: Desk, mark: str) -> None:
    Path(mark).write_text(str(os.getpid()))
    while True:
        pass


def die(_: Desk) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(_: Desk, message: str) -> None:
    raise FieldError("place", message)


def remember(desk: Desk, key: str) -> int:
    value: int = desk.remembered(key, time.monotonic_ns)
    return value


def settings(folder: Path, workers: int = 1) -> Settings:
    return Settings(data=folder, workers=workers, threads=1)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clerks import the functions of this file."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


def written(mark: Path) -> int:
    while not mark.exists() or not mark.read_text():
        time.sleep(0.01)
    return int(mark.read_text())


def gone(process: int) -> float:
    began = time.monotonic()
    while Path(f"/proc/{process}").exists():
        time.sleep(0.01)
    return time.monotonic() - began


def test_a_caller_who_leaves_stops_the_work_and_frees_the_place(tmp_path: Path) -> None:
    async def story() -> None:
        clerks = Clerks(settings(tmp_path))
        asked = asyncio.create_task(clerks.ask(spin, str(tmp_path / "mark")))
        busy = await asyncio.to_thread(written, tmp_path / "mark")
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await asyncio.to_thread(gone, busy) < 1.0
        assert await clerks.ask(pid) != busy
        clerks.close()

    asyncio.run(story())


def test_a_clerk_is_kept_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    async def story() -> None:
        clerks = Clerks(settings(tmp_path))
        first = await clerks.ask(pid)
        assert await clerks.ask(pid) == first
        assert await clerks.ask(remember, "a") == await clerks.ask(remember, "a") != await clerks.ask(remember, "b")
        with pytest.raises(BusyError, match="ended by the system"):
            await clerks.ask(die)
        assert await clerks.ask(pid) != first
        clerks.close()

    asyncio.run(story())


def test_errors_come_with_their_status_and_where_they_were_raised(tmp_path: Path) -> None:
    async def story() -> None:
        clerks = Clerks(settings(tmp_path))
        with pytest.raises(ElsewhereError, match="place: not there") as caught:
            await clerks.ask(refuse, "not there")
        assert caught.value.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert "def refuse" in caught.value.trace or "in refuse" in caught.value.trace
        clerks.close()

    asyncio.run(story())


def test_no_more_clerks_than_workers(tmp_path: Path) -> None:
    async def story() -> None:
        clerks = Clerks(settings(tmp_path))
        assert len(set(await asyncio.gather(*(clerks.ask(pid) for _ in range(5))))) == 1
        clerks.close()

    asyncio.run(story())


def note(_: Desk, log: str, name: str) -> None:
    with Path(log).open("a") as out:
        out.write(name)


def test_clients_take_turns(tmp_path: Path) -> None:
    log = str(tmp_path / "log")

    async def story() -> None:
        clerks = Clerks(settings(tmp_path))

        async def asked(name: str) -> None:
            CALLER.set(Caller(name))
            await clerks.ask(note, log, name)

        async def leaves() -> None:
            CALLER.set(Caller("b"))
            await asyncio.wait_for(clerks.ask(note, log, "never"), 0.01)

        greedy = [asyncio.create_task(asked("a")) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await leaves()
        await asyncio.gather(*greedy, asyncio.create_task(asked("b")))
        clerks.close()

    asyncio.run(story())
    assert sorted(Path(log).read_text()) == ["a"] * 4 + ["b"]
    assert Path(log).read_text().index("b") <= 2


def test_a_deadline_stops_what_the_server_computes(tmp_path: Path) -> None:
    with greentrip.connect(data_dir=tmp_path):
        facts = json.loads((tmp_path / "server.json").read_text())
        server, stub = facts["pid"], network_pb2_grpc.NetworkServiceStub(grpc.insecure_channel(facts["address"]))
        request = network_pb2.ExportNetworkRequest(name="networks/beijing-2019", format="gtfs")
        with pytest.raises(grpc.RpcError) as caught:  # Beijing alone takes longer to load
            list(stub.ExportNetwork(request, timeout=1.0))
        left = time.monotonic()
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        while computing(server):
            assert time.monotonic() - left < 1.0
            time.sleep(0.02)


def computing(server: int) -> list[int]:
    """Return a process's children that were spawned to compute and have not ended."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            facts = status.read_text()
            words = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if f"PPid:\t{server}\n" in facts and b"spawn_main" in words:
            found.append(int(status.parent.name))
    return found
