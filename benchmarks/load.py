"""Load: many clients that read, create, watch and cancel while two runs compute; and reads beside a bare echo.

`python benchmarks/load.py --minutes 30` prints one JSON line: latency of reads, errors nobody asked for, memory,
sequential reads as a share of what a bare grpc.aio echo does in the same minutes, seconds to ready (the median of
several starts on a new directory) and memory when idle. `--only-rates` leaves the storm out.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import greentrip
import grpc
import numpy as np
from greentrip.v1 import network_pb2, run_pb2, run_pb2_grpc, scenario_pb2, scenario_pb2_grpc

ECHO = """
import asyncio, grpc, sys
async def main():
    server = grpc.aio.server()
    async def echo(request, context):
        return request
    handler = grpc.method_handlers_generic_handler("e.E", {"Echo": grpc.unary_unary_rpc_method_handler(echo)})
    server.add_generic_rpc_handlers((handler,))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.sleep(1e6)
asyncio.run(main())
"""
STARTS = 5
LONG = {"scenario": "networks/tiny", "sample": 0.5, "max_days": 1000}


def resident_mb(pid: int) -> float:
    """Return a process's resident memory, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def start(folder: Path, workers: int) -> tuple["subprocess.Popen[str]", str, float]:
    """Start a server; return it, its address and the seconds until it answered."""
    began = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "-m", "greentrip_server", f"--data={folder}", f"--workers={workers}", "--threads=1"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert server.stdout is not None
    address = json.loads(server.stdout.readline())["address"]
    return server, address, time.monotonic() - began


class Load:
    """Clients of one server, and what they met."""

    def __init__(self, address: str, generator: random.Random, done: str) -> None:
        self.address, self._generator, self._done = address, generator, done
        self.reads: list[float] = []
        self.calls: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    async def client(self, number: int, until: float, pause_s: float) -> None:
        """Make calls until the time is over."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(self.address, options=options) as channel:
            runs, scenarios = run_pb2_grpc.RunServiceStub(channel), scenario_pb2_grpc.ScenarioServiceStub(channel)
            await asyncio.sleep(self._generator.random() * pause_s)
            while time.monotonic() < until:
                kind = self._generator.choices(("get", "list", "create", "watch", "cancel"), (70, 15, 5, 5, 5))[0]
                self.calls[kind] += 1
                began = time.monotonic()
                try:
                    await getattr(self, f"_{kind}")(runs, scenarios, number)
                except grpc.RpcError as error:
                    self.errors[f"{kind} {error.code().name}"] += 1
                if kind in ("get", "list"):
                    self.reads.append(time.monotonic() - began)
                await asyncio.sleep(self._generator.expovariate(1 / pause_s))

    async def _get(self, runs: Any, *_: Any) -> None:
        await runs.GetRun(run_pb2.GetRunRequest(name=self._done), timeout=10)

    async def _list(self, _: Any, scenarios: Any, *__: Any) -> None:
        await scenarios.ListScenarios(scenario_pb2.ListScenariosRequest(page_size=10), timeout=10)

    async def _create(self, _: Any, scenarios: Any, number: int) -> None:
        name = f"load-{number}-{self.calls['create']}"
        asked = scenario_pb2.Scenario(network="networks/tiny", description=name)
        made = await scenarios.CreateScenario(
            scenario_pb2.CreateScenarioRequest(scenario=asked, scenario_id=name, request_id=name), timeout=10
        )
        await scenarios.DeleteScenario(scenario_pb2.DeleteScenarioRequest(name=made.name), timeout=10)

    async def _watch(self, runs: Any, *_: Any) -> None:
        async for _run in runs.WatchRun(run_pb2.WatchRunRequest(name=self._done), timeout=10):
            pass

    async def _cancel(self, runs: Any, _: Any, number: int) -> None:
        mark = f"stop-{number}-{self.calls['cancel']}"
        asked = run_pb2.Run(**LONG, seed=number)
        await runs.CreateRun(run_pb2.CreateRunRequest(run=asked, run_id=mark, request_id=mark), timeout=10)
        await runs.CancelRun(run_pb2.CancelRunRequest(name=f"runs/{mark}"), timeout=10)
        await runs.DeleteRun(run_pb2.DeleteRunRequest(name=f"runs/{mark}"), timeout=10)


def slope_mb_h(samples: list[tuple[float, float]]) -> float:
    """Return how fast memory grows over the second half of the samples, MB an hour."""
    half = samples[len(samples) // 2 :]
    if len(half) < 3:
        return float("nan")
    return 3600 * float(np.polyfit(*zip(*half, strict=True), 1)[0])


async def storm(
    load: Load, clients: int, minutes: float, pause_s: float, pid: int, busy: list[str]
) -> tuple[list[tuple[float, float]], list[int]]:
    """Let the clients loose while two runs compute; return memory over time, and how many computed at each moment."""
    began = time.monotonic()
    until = began + 60 * minutes
    samples: list[tuple[float, float]] = []
    computing: list[int] = []

    async def keep_busy(runs: Any) -> None:
        """Begin another run for each that has ended."""
        states = [(await runs.GetRun(run_pb2.GetRunRequest(name=name))).state for name in busy]
        computing.append(sum(state == run_pb2.RUN_STATE_RUNNING for state in states))
        for i, state in enumerate(states):
            if state > run_pb2.RUN_STATE_RUNNING:
                busy[i] = f"runs/busy-{i}-{len(samples)}"
                asked = run_pb2.Run(**LONG, seed=len(samples))
                await runs.CreateRun(run_pb2.CreateRunRequest(run=asked, run_id=busy[i].partition("/")[2]))

    async def sample() -> None:
        async with grpc.aio.insecure_channel(load.address) as channel:
            runs = run_pb2_grpc.RunServiceStub(channel)
            while time.monotonic() < until:
                samples.append((time.monotonic() - began, resident_mb(pid)))
                await keep_busy(runs)
                await asyncio.sleep(1)

    await asyncio.gather(sample(), *(load.client(i, until, pause_s) for i in range(clients)))
    return samples, computing


def rates(address: str, run: str, scenario: str, turns: int, calls: int) -> dict[str, float]:
    """Return sequential calls a second of a bare echo and of reads, by turns."""
    asked: dict[str, Any] = {
        "RunService/GetRun": run_pb2.GetRunRequest(name=run),
        "RunService/GetRunResult": run_pb2.GetRunResultRequest(name=run),
        "ScenarioService/GetScenario": scenario_pb2.GetScenarioRequest(name=scenario),
        "NetworkService/ListNetworks": network_pb2.ListNetworksRequest(),
        "ScenarioService/ListScenarios": scenario_pb2.ListScenariosRequest(),
        "RunService/ListRuns": run_pb2.ListRunsRequest(),
    }
    with subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True) as echo:
        assert echo.stdout is not None
        port = int(echo.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as bare, grpc.insecure_channel(address) as ours:
            made: dict[str, Any] = {"echo": (bare.unary_unary("/e.E/Echo"), asked["RunService/GetRun"])}
            made |= {name: (ours.unary_unary(f"/greentrip.v1.{name}"), request) for name, request in asked.items()}
            found: dict[str, list[float]] = {name: [] for name in made}
            for _ in range(turns):
                for name, (call, request) in made.items():
                    content = request.SerializeToString()
                    began = time.perf_counter()
                    for _ in range(calls):
                        call(content)
                    found[name].append(calls / (time.perf_counter() - began))
        echo.kill()
    return {name.partition("/")[2] or name: float(np.median(each)) for name, each in found.items()}


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between a client's calls, on average")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only-rates", action="store_true", help="start, idle memory and sequential reads only")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        starts = [0.0] * STARTS
        for i in range(STARTS):
            server, address, starts[i] = start(Path(name, str(i)), asked.workers)
            if i < STARTS - 1:
                server.terminate()
                server.wait()
        ready_s = float(np.median(starts))
        try:
            time.sleep(2)
            idle_mb = resident_mb(server.pid)
            found: dict[str, Any] = {"ready_s": round(ready_s, 2), "idle_mb": round(idle_mb)}
            with greentrip.connect(address) as client:
                done = client.simulate("tiny", seeds=(0,), sample=0.002, max_days=2).names[0]
                scenario = client.create_scenario("tiny", name="kept").name
                each = rates(address, done, scenario, 7, 200)
                echo = each.pop("echo")
                found |= {"echo_per_s": round(echo), "share": {k: round(v / echo, 2) for k, v in each.items()}}
                found["used_mb"] = round(resident_mb(server.pid))  # a network was loaded to check a run
                if not asked.only_rates:
                    busy = [client.create_run("networks/tiny", seed=s, sample=0.5, max_days=1000).name for s in (0, 1)]
                    while any(client.run(name).progress.day == 0 for name in busy):
                        time.sleep(0.2)  # until both compute
                    load = Load(address, random.Random(0), done)
                    storming = storm(load, asked.clients, asked.minutes, asked.pause, server.pid, busy)
                    samples, computing = asyncio.run(storming)
                    cut = np.quantile(load.reads, (0.5, 0.9, 0.99, 0.999))
                    found |= {
                        "minutes": asked.minutes,
                        "clients": asked.clients,
                        "calls": dict(load.calls),
                        "calls_per_s": round(load.calls.total() / (60 * asked.minutes)),
                        "read_ms": dict(
                            zip(("p50", "p90", "p99", "p999"), (1000 * cut).round(1).tolist(), strict=True)
                        ),
                        "errors": dict(load.errors),
                        "memory_mb": [round(samples[0][1]), round(samples[-1][1])],
                        "memory_slope_mb_h": round(slope_mb_h(samples), 1),
                        "runs_computing": round(float(np.mean(computing)), 2),
                    }
                    for run in busy:
                        with contextlib.suppress(greentrip.client.CallError):
                            client.cancel(run)
        finally:
            server.terminate()
            server.wait()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
