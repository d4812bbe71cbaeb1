"""Traces: a span of every call, in the caller's trace, and one of every attempt; nothing unless asked for."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import grpc
import pytest
from greentrip.v1 import network_pb2, network_pb2_grpc, run_pb2, run_pb2_grpc
from greentrip_server import app
from greentrip_server.errors import StateError
from greentrip_server.settings import Settings

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_nothing_of_it_is_loaded_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "greentrip_server.traces", None)
    assert app._traces(Settings()) is None


def test_asking_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry", None)
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.propagate", None)
    with pytest.raises(StateError, match=r"greentrip\[otel\]"):
        app._traces(Settings(traces="http://127.0.0.1:4317"))


def test_an_endpoint_is_an_address() -> None:
    with pytest.raises(ValueError, match="traces"):
        Settings(traces="collector")


def test_calls_and_attempts_have_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    from greentrip_server.traces import Traces

    kept = memory.InMemorySpanExporter()
    monkeypatch.setattr(app, "_traces", lambda _: Traces(exporter=kept))

    async def calls(address: str) -> None:
        async with grpc.aio.insecure_channel(address) as channel:
            networks, runs = network_pb2_grpc.NetworkServiceStub(channel), run_pb2_grpc.RunServiceStub(channel)
            above = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"),)
            await networks.ListNetworks(network_pb2.ListNetworksRequest(), metadata=above)
            with pytest.raises(grpc.RpcError):
                await runs.GetRun(run_pb2.GetRunRequest(name="runs/none"))
            asked = run_pb2.Run(scenario="networks/tiny", sample=0.002, max_days=2)
            await runs.CreateRun(run_pb2.CreateRunRequest(run=asked, run_id="traced"))
            async for _ in runs.WatchRun(run_pb2.WatchRunRequest(name="runs/traced")):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    async def both() -> None:
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(app.serve(Settings(data=tmp_path, workers=1), address.set_result))
        await calls(await address)
        await serving

    asyncio.run(both())
    spans: dict[str, Any] = {span.name: span for span in kept.get_finished_spans()}
    listed = spans["greentrip.v1.NetworkService/ListNetworks"]
    assert f"{listed.context.trace_id:032x}" == TRACE
    assert listed.attributes["rpc.grpc.status_code"] == 0
    refused = spans["greentrip.v1.RunService/GetRun"]
    assert refused.attributes["rpc.grpc.status_code"] == grpc.StatusCode.NOT_FOUND.value[0]
    assert refused.status.is_unset  # the caller's mistake, not the server's
    assert spans["greentrip.v1.RunService/CreateRun"].attributes["greentrip.resource"] == "traced"
    assert "greentrip.v1.RunService/WatchRun" in spans
    attempt = spans["run"]
    assert attempt.attributes["greentrip.job"] == "runs/traced"
    assert attempt.attributes["greentrip.outcome"] == "done"
    assert attempt.end_time - attempt.start_time > 1e8
