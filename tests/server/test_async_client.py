"""The client that is awaited: the same verbs over a real channel, with the same answers and the same refusals."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import greentrip
import pytest
from greentrip.client import AsyncClient, CallError, Client, Runs
from greentrip.v1 import indicator_pb2, run_pb2


def awaited(client: Client, work: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        async with await greentrip.connect_async(client._server.address) as other:  # type: ignore[union-attr]
            return await work(other)

    return asyncio.run(inside())


def verbs(of: type) -> set[str]:
    return {name for name, held in inspect.getmembers(of, callable) if not name.startswith("_")} - {"close"}


def test_every_verb_is_there_with_the_same_parameters() -> None:
    assert len(verbs(Client)) > 35
    for name in verbs(Client):
        waits, is_awaited = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(waits) == inspect.signature(is_awaited), name
        assert inspect.iscoroutinefunction(is_awaited) or inspect.isasyncgenfunction(is_awaited), name
        assert waits.__doc__ == is_awaited.__doc__


def test_runs_side_by_side_tell_progress_and_give_the_same_bytes(client: Client, base: Runs) -> None:
    seen: list[run_pb2.Run] = []

    async def work(other: AsyncClient) -> tuple[Any, ...]:
        runs = await other.simulate("tiny", seeds=(0, 1), sample=0.002, max_days=3, progress=seen.append)
        watched = [run.state async for run in other.watch(runs.names[0])]
        tables = [await other.table(name, "trips") for name in runs.names]
        return runs, watched, tables, await runs.trips(), await runs.table("lines", "pandas"), await runs.results()

    runs, watched, tables, trips, lines, results = awaited(client, work)
    assert watched == [run_pb2.RUN_STATE_SUCCEEDED]
    assert {run.name for run in seen} == set(runs.names)
    assert tables == [client.table(name, "trips") for name in base.names]
    assert trips.equals(base.trips())
    assert lines.equals(base.table("lines", "pandas"))
    assert [r.days for r in results] == [r.days for r in base.results()]


def test_refusals_carry_the_servers_reasons(client: Client) -> None:
    async def work(other: AsyncClient) -> CallError:
        with pytest.raises(CallError) as caught:
            await other.create_run("networks/tiny", sample=2.0)
        assert caught.value.fields.keys() == {"run.sample"}
        with pytest.raises(CallError) as caught:
            [run async for run in other.watch("runs/none-such")]
        return caught.value

    assert awaited(client, work).code == "NOT_FOUND"


def test_whoever_stops_waiting_stops_the_runs(client: Client) -> None:
    async def work(other: AsyncClient) -> tuple[int, int]:
        begun = asyncio.Event()
        names: list[str] = []

        def progress(run: run_pb2.Run) -> None:
            names.append(run.name)
            begun.set()

        waiting = asyncio.create_task(other.simulate("tiny", seeds=(77,), sample=0.5, max_days=1000, progress=progress))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return names[0], (await other.run(names[0])).state

    name, state = awaited(client, work)
    assert state == run_pb2.RUN_STATE_CANCELLED
    client.delete_run(name)


def test_lists_and_layers_and_who_asks(client: Client, base: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENTRIP_CLIENT", "lin")
    request = indicator_pb2.MeasureCoverageRequest(network="networks/tiny")

    async def work(other: AsyncClient) -> tuple[Any, ...]:
        made = await other.create_scenario("tiny", [], description="by another")
        await other.delete_scenario(made.name)
        found = await asyncio.gather(other.networks(), other.runs(), other.indicators.layer_frame(request))
        return made.creator, *found

    creator, networks, runs, layer = awaited(client, work)
    assert creator == "lin"
    assert networks == client.networks()
    assert set(base.names) <= {run.name for run in runs}
    assert layer.equals(client.indicators.layer_frame(request))
    assert layer.crs.to_epsg() == 4326
    assert len(layer) > 5


def test_a_stream_can_be_left(client: Client, base: Runs) -> None:
    async def work(other: AsyncClient) -> int:
        async for run in other.watch(base.names[0]):
            return run.state
        return 0

    assert awaited(client, work) == run_pb2.RUN_STATE_SUCCEEDED
    assert next(client.watch(base.names[0])).state == run_pb2.RUN_STATE_SUCCEEDED


def test_nobody_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greentrip.client.async_client.REACH_S", 0.3)
    with pytest.raises(greentrip.client.ConnectError, match="no server answers"):
        asyncio.run(greentrip.connect_async("127.0.0.1:1"))
