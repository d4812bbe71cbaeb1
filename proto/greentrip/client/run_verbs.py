"""The verbs on networks, scenarios and runs, written once for the client that waits and the one that is awaited."""

import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from greentrip.client.asking import mask_of, new_request, pages, within
from greentrip.client.errors import CallError, from_status
from greentrip.client.frames import frame
from greentrip.client.indicators import IndicatorVerbs
from greentrip.client.wire import Wire
from greentrip.interventions import to_message
from greentrip.v1 import (
    network_pb2,
    network_pb2_grpc,
    plan_pb2,
    plan_pb2_grpc,
    run_pb2,
    run_pb2_grpc,
    scenario_pb2,
    scenario_pb2_grpc,
)

WATCH_TRIES = 15  # about half a minute
TERMINAL = (run_pb2.RUN_STATE_SUCCEEDED, run_pb2.RUN_STATE_FAILED, run_pb2.RUN_STATE_CANCELLED)


class RunVerbs:
    """What one does with networks, scenarios and runs."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._networks = network_pb2_grpc.NetworkServiceStub(wire.channel)
        self._scenarios = scenario_pb2_grpc.ScenarioServiceStub(wire.channel)
        self._plans = plan_pb2_grpc.PlanServiceStub(wire.channel)
        self._runs = run_pb2_grpc.RunServiceStub(wire.channel)

    async def networks(self) -> list[str]:
        """Return the names of the networks."""
        request = network_pb2.ListNetworksRequest()
        return [
            n.name.removeprefix("networks/")
            async for n in pages(self.wire, self._networks.ListNetworks, request, "networks")
        ]

    async def network(self, name: str) -> network_pb2.Network:
        """Return one network with its counts."""
        return await self.wire.ask(
            self._networks.GetNetwork, network_pb2.GetNetworkRequest(name=within("networks", name))
        )

    async def create_scenario(
        self,
        network: str,
        interventions: Iterable[Any] = (),
        *,
        name: str = "",
        description: str = "",
        request_id: str = "",
        validate_only: bool = False,
    ) -> scenario_pb2.Scenario:
        """Store a scenario; interventions are messages, the model's dataclasses or mappings with a `kind`."""
        request = scenario_pb2.CreateScenarioRequest(
            scenario=scenario_pb2.Scenario(
                network=within("networks", network),
                interventions=[to_message(step) for step in interventions],
                description=description,
            ),
            scenario_id=name.removeprefix("scenarios/"),
            request_id=request_id or new_request(),
            validate_only=validate_only,
        )
        return await self.wire.ask(self._scenarios.CreateScenario, request)

    async def scenario(self, name: str) -> scenario_pb2.Scenario:
        """Return one scenario."""
        return await self.wire.ask(
            self._scenarios.GetScenario, scenario_pb2.GetScenarioRequest(name=within("scenarios", name))
        )

    async def scenarios(self, filter: str = "", *, show_archived: bool = False) -> list[scenario_pb2.Scenario]:  # noqa: A002
        """Return scenarios, oldest first: all, or those that a filter such as `creator = "lin"` leaves."""
        request = scenario_pb2.ListScenariosRequest(filter=filter, show_archived=show_archived)
        return [item async for item in pages(self.wire, self._scenarios.ListScenarios, request, "scenarios")]

    async def delete_scenario(self, name: str) -> None:
        """Remove a scenario that no run refers to."""
        await self.wire.ask(
            self._scenarios.DeleteScenario, scenario_pb2.DeleteScenarioRequest(name=within("scenarios", name))
        )

    async def create_run(
        self,
        scenario: str,
        *,
        seed: int = 0,
        sample: float = 0.005,
        max_days: int = 60,
        placement: int = 0,
        parameters: Mapping[str, float] | None = None,
        name: str = "",
        request_id: str = "",
        validate_only: bool = False,
    ) -> run_pb2.Run:
        """Queue a run of `scenarios/x` or `networks/x`; with `validate_only` return an empty one if it could be."""
        request = run_pb2.CreateRunRequest(
            run=run_pb2.Run(
                scenario=await self.simulated(scenario),
                seed=seed,
                sample=sample,
                max_days=max_days,
                placement=placement,
                parameters=parameters,
            ),
            run_id=name.removeprefix("runs/"),
            request_id=request_id or new_request(),
            validate_only=validate_only,
        )
        operation = await self.wire.ask(self._runs.CreateRun, request)
        made = run_pb2.Run()
        operation.metadata.Unpack(made)
        return made

    async def run(self, name: str) -> run_pb2.Run:
        """Return one run as it stands."""
        return await self.wire.ask(self._runs.GetRun, run_pb2.GetRunRequest(name=within("runs", name)))

    async def runs(self, filter: str = "", *, show_archived: bool = False) -> list[run_pb2.Run]:  # noqa: A002
        """Return runs, oldest first: all, or those that a filter such as `creator = "lin"` leaves."""
        request = run_pb2.ListRunsRequest(filter=filter, show_archived=show_archived)
        return [item async for item in pages(self.wire, self._runs.ListRuns, request, "runs")]

    async def watch(self, run: str) -> AsyncIterator[run_pb2.Run]:
        """Yield a run whenever it changes, until it ends; a server that is away for a while is waited for."""
        request, last, tries = run_pb2.WatchRunRequest(name=within("runs", run)), None, 0
        while True:
            try:
                async for last in self.wire.stream(self._runs.WatchRun, request):
                    tries = 0
                    yield last
            except CallError as error:
                tries += 1
                if error.code != "UNAVAILABLE" or tries > WATCH_TRIES:
                    raise
                await self.wire.sleep(min(2.0, 0.2 * tries))
                continue
            if last is not None and last.state in TERMINAL:
                return

    async def retry(self, run: str) -> run_pb2.Run:
        """Queue a failed or cancelled run again."""
        operation = await self.wire.ask(self._runs.RetryRun, run_pb2.RetryRunRequest(name=within("runs", run)))
        made = run_pb2.Run()
        operation.metadata.Unpack(made)
        return made

    async def update_run(
        self, run: str, *, description: str | None = None, archived: bool | None = None, etag: str = ""
    ) -> run_pb2.Run:
        """Change a run's description, or archive it; with an etag only as it was read."""
        changed = run_pb2.Run(
            name=within("runs", run), description=description or "", archived=bool(archived), etag=etag
        )
        request = run_pb2.UpdateRunRequest(run=changed, update_mask=mask_of(description=description, archived=archived))
        return await self.wire.ask(self._runs.UpdateRun, request)

    async def update_scenario(
        self, name: str, *, description: str | None = None, archived: bool | None = None, etag: str = ""
    ) -> scenario_pb2.Scenario:
        """Change a scenario's description, or archive it; with an etag only as it was read."""
        changed = scenario_pb2.Scenario(
            name=within("scenarios", name), description=description or "", archived=bool(archived), etag=etag
        )
        mask = mask_of(description=description, archived=archived)
        return await self.wire.ask(
            self._scenarios.UpdateScenario, scenario_pb2.UpdateScenarioRequest(scenario=changed, update_mask=mask)
        )

    async def cancel(self, run: str) -> run_pb2.Run:
        """Stop a run; its worker is gone when this returns."""
        return await self.wire.ask(self._runs.CancelRun, run_pb2.CancelRunRequest(name=within("runs", run)))

    async def delete_run(self, run: str) -> None:
        """Remove a run that has ended, and its tables."""
        await self.wire.ask(self._runs.DeleteRun, run_pb2.DeleteRunRequest(name=within("runs", run)))

    async def result(self, run: str) -> run_pb2.RunResult:
        """Return what a finished run found."""
        return await self.wire.ask(self._runs.GetRunResult, run_pb2.GetRunResultRequest(name=within("runs", run)))

    async def table(self, /, run: str, table: str, *, output: str = "arrow", **options: Any) -> bytes:
        """Return a table of a finished run as the bytes of an Arrow IPC stream, or of CSV.

        Parameters
        ----------
        run
            Its name.
        table
            One that the run keeps, such as `trips`, or one made of them, such as `screenlines`.
        output
            `arrow` or `csv`.
        options
            Fields of `TableOptions`, such as `places=["5th Ring Road"]` or `link="n5>n6"`.

        """
        return (await self.table_with_notes(run, table, output=output, **options))[0]

    async def layer(self, /, run: str, table: str, **options: Any) -> bytes:
        """Return the map layer of a table made of a run, GeoJSON; options as for `table`."""
        return await IndicatorVerbs(self.wire).layer(_table_request(run, table, "", options))

    async def table_with_notes(
        self, /, run: str, table: str, *, output: str = "arrow", **options: Any
    ) -> tuple[bytes, list[str]]:
        """Return what `table` does, and what it rests on and leaves out.

        A stream that breaks goes on from where it broke.
        """
        request, held = _table_request(run, table, output, options), bytearray()
        notes: list[str] = []
        tries = 0
        while True:
            request.offset = len(held)
            try:
                async for piece in self.wire.stream(self._runs.StreamTable, request):
                    held += piece.content
                    notes = notes or list(piece.notes)
                return bytes(held), notes
            except CallError as error:
                tries += 1
                if error.code != "UNAVAILABLE" or tries > WATCH_TRIES:
                    raise
                await self.wire.sleep(min(2.0, 0.2 * tries))

    async def frame(self, /, run: str, table: str, kind: str = "polars", **options: Any) -> Any:
        """Return a table of a finished run as a data frame of `polars` or `pandas`, whichever is installed."""
        return frame(await self.table(run, table, **options), kind)

    async def simulate_each(
        self,
        scenario: str,
        *,
        plan: str | plan_pb2.Plan | None = None,
        seeds: Sequence[int] = (0,),
        sample: float = 0.005,
        max_days: int = 60,
        placement: int = 0,
        progress: Callable[[run_pb2.Run], None] | bool | None = None,
    ) -> list[run_pb2.Run]:
        """Simulate a scenario or network, with a plan's routes if given, once for each seed, and wait.

        Parameters
        ----------
        scenario
            `scenarios/x`, `networks/x` or the plain name of either.
        plan
            A plan or its name, whose routes are added.
        seeds, sample, max_days, placement
            As in a run; residents' share, days, seed of the placement rule.
        progress
            Called, one call at a time, with every run that changed; True draws bars, in a notebook too.

        Raises
        ------
        CallError
            When a run is refused or fails; the others are cancelled, as they are on Ctrl-C.

        """
        if progress is True:
            from greentrip import show

            with show.bars(quiet=False) as bars:
                return await self.simulate_each(
                    scenario,
                    plan=plan,
                    seeds=seeds,
                    sample=sample,
                    max_days=max_days,
                    placement=placement,
                    progress=bars.run(scenario),
                )
        name = await self.simulated(scenario) if plan is None else await self._with_plan(scenario, plan)
        queued = [
            await self.create_run(name, seed=seed, sample=sample, max_days=max_days, placement=placement)
            for seed in dict.fromkeys(seeds)
        ]
        lock = threading.Lock()

        async def follow(run: run_pb2.Run) -> run_pb2.Run:
            last = run
            async for last in self.watch(run.name):
                if callable(progress):
                    with lock:
                        progress(last)
            if last.state == run_pb2.RUN_STATE_FAILED:
                raise from_status(last.error)
            if last.state == run_pb2.RUN_STATE_CANCELLED:
                raise CallError("CANCELLED", f"{run.name} was cancelled", {}, ())
            return last

        async def undo() -> None:
            for run in queued:
                await self.cancel(run.name)

        return await self.wire.together([follow(run) for run in queued], undo)

    async def simulated(self, name: str) -> str:
        """Return a scenario's or network's resource name."""
        if "/" in name:
            return name
        return f"networks/{name}" if name in await self.networks() else f"scenarios/{name}"

    async def _with_plan(self, scenario: str, plan: str | plan_pb2.Plan) -> str:
        """Return the scenario that does what a plan says, stored once however often it is asked for."""
        whole = await self._plan(plan) if isinstance(plan, str) else plan
        if not whole.routes and not whole.lines and "commuter_routes" in whole.indicators:
            raise ValueError(f"{whole.name} holds customised buses, which no scenario can run; riders are estimates")
        name = await self.simulated(scenario)
        network, steps = name, []
        if name.startswith("scenarios/"):
            base = await self.scenario(name)
            network, steps = base.network, list(base.interventions)
        if whole.routes or not whole.lines:
            steps.append(scenario_pb2.Intervention(add_feeders=scenario_pb2.AddFeeders(routes=whole.routes)))
        for c in whole.lines:
            run = scenario_pb2.RunBusLine(line=c.line, stops=c.stops, headway_s=c.headway_s, capacity=c.capacity)
            gone = scenario_pb2.WithdrawLines(lines=[c.line])
            steps.append(
                scenario_pb2.Intervention(run_bus_line=run)
                if c.stops
                else scenario_pb2.Intervention(withdraw_lines=gone)
            )
        content = hashlib.sha256(network.encode() + b"".join(s.SerializeToString(deterministic=True) for s in steps))
        made = await self.create_scenario(network, steps, request_id=f"with-plan-{content.hexdigest()[:32]}")
        return made.name

    async def _plan(self, name: str) -> plan_pb2.Plan:
        """Return a stored plan."""
        return await self.wire.ask(self._plans.GetPlan, plan_pb2.GetPlanRequest(name=within("plans", name)))


def _table_request(run: str, table: str, output: str, options: Mapping[str, Any]) -> run_pb2.StreamTableRequest:
    """Return a request for a table."""
    told = run_pb2.TableOptions(**options)
    return run_pb2.StreamTableRequest(name=within("runs", run), table=table, output=output, options=told)
