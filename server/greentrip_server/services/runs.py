"""The run service: queue a simulation, follow it, read its tables."""

import asyncio
import io
import shutil
from collections.abc import AsyncIterator

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from greentrip.v1 import run_pb2, run_pb2_grpc
from greentrip_agents.forecast import check_limits, forecast
from greentrip_agents.parameters import default_parameters
from greentrip_networks.errors import UnknownNameError

from greentrip_server import convert
from greentrip_server.answer import pieces, streaming, unary
from greentrip_server.cities import Cities
from greentrip_server.directory import DataDirectory
from greentrip_server.dispatcher import Dispatcher
from greentrip_server.errors import FieldError, StateError
from greentrip_server.jobs import RUNS, Jobs, digest, queued_run, run_content
from greentrip_server.settings import Settings
from greentrip_server.tables import SUCCEEDED, TERMINAL, JobRow, ScenarioRow

TABLES = ("trips", "links", "lines")
DEFAULT_SAMPLE = 0.005
DEFAULT_MAX_DAYS = 60


class RunService(run_pb2_grpc.RunServiceServicer):
    """Starts and reads runs."""

    def __init__(
        self, jobs: Jobs, cities: Cities, directory: DataDirectory, dispatcher: Dispatcher, settings: Settings
    ) -> None:
        self._jobs, self._cities, self._directory, self._dispatcher = jobs, cities, directory, dispatcher
        self._settings = settings

    @unary
    async def CreateRun(self, request: run_pb2.CreateRunRequest) -> operations_pb2.Operation:  # noqa: N802
        """Queue a run whose scenario builds."""
        row = await asyncio.to_thread(self._create, request)
        if request.validate_only:
            return operations_pb2.Operation(done=True)
        self._dispatcher.wake()
        return convert.operation(row, self._dispatcher.progress(row))

    def _create(self, request: run_pb2.CreateRunRequest) -> JobRow:
        """Check a run and store it as queued."""
        asked = request.run
        sample, max_days = asked.sample or DEFAULT_SAMPLE, asked.max_days or DEFAULT_MAX_DAYS
        if not 0 < sample <= 1:
            raise FieldError("run.sample", f"saw {sample:g}; expected above 0 to 1, a share of residents")
        if not 2 <= max_days <= 1000:
            raise FieldError("run.max_days", f"saw {max_days}; expected 2 to 1000 days")
        for field in ("seed", "placement"):
            if getattr(asked, field) < 0:
                raise FieldError(f"run.{field}", f"saw {getattr(asked, field)}; expected 0 or more")
        if asked.scenario.startswith("networks/"):
            network, steps = asked.scenario, []
        elif asked.scenario.startswith("scenarios/"):
            scenario = self._jobs.get(ScenarioRow, asked.scenario, "scenarios", "run.scenario")
            network, steps = scenario.network, scenario.interventions
        else:
            raise FieldError("run.scenario", f"saw {asked.scenario!r}; expected scenarios/ or networks/ and an id")
        city = self._cities.build(network, asked.placement, steps)
        parameters = default_parameters(city.name).with_(asked.parameters)
        expected = forecast(city, sample=sample, parameters=parameters, max_days=max_days)
        check_limits(expected, memory_mb=self._settings.run_memory_mb, hours=self._settings.run_hours)
        content = run_content(
            network=network,
            interventions=steps,
            placement=asked.placement,
            seed=asked.seed,
            sample=sample,
            max_days=max_days,
            parameters=dict(asked.parameters),
        )
        row = queued_run(
            content,
            parent=asked.scenario,
            request_id=request.request_id,
            request_hash=digest({**content, "scenario": asked.scenario, "id": request.run_id}),
        )
        return self._jobs.add(row, request.run_id, "run_id", dry=request.validate_only)

    @unary
    def GetRun(self, request: run_pb2.GetRunRequest) -> run_pb2.Run:  # noqa: N802
        """Return one run."""
        return self._run(request.name)

    @unary
    def ListRuns(self, request: run_pb2.ListRunsRequest) -> run_pb2.ListRunsResponse:  # noqa: N802
        """List runs, oldest first."""
        rows, token = self._jobs.page(JobRow, request.page_size, request.page_token, kind=RUNS)
        return run_pb2.ListRunsResponse(
            runs=[convert.run(r, self._dispatcher.progress(r)) for r in rows], next_page_token=token
        )

    @unary
    def DeleteRun(self, request: run_pb2.DeleteRunRequest) -> Empty:  # noqa: N802
        """Remove a run that has ended, and its tables."""
        row = self._jobs.get(JobRow, request.name, RUNS)
        self._jobs.delete(row)
        shutil.rmtree(self._directory.folder(row.id), ignore_errors=True)
        return Empty()

    @unary
    async def CancelRun(self, request: run_pb2.CancelRunRequest) -> run_pb2.Run:  # noqa: N802
        """Stop a run and free its worker's slot."""
        await self._dispatcher.cancel(await asyncio.to_thread(self._jobs.get, JobRow, request.name, RUNS))
        return await asyncio.to_thread(self._run, request.name)

    @streaming
    async def WatchRun(self, request: run_pb2.WatchRunRequest) -> AsyncIterator[run_pb2.Run]:  # noqa: N802
        """Stream a run until it ends."""
        last = None
        async for _ in self._dispatcher.changes():
            row = await asyncio.to_thread(self._jobs.get, JobRow, request.name, RUNS)
            now = convert.run(row, self._dispatcher.progress(row))
            if now != last:
                yield now
                last = now
            if row.state in TERMINAL:
                return

    @unary
    def GetRunResult(self, request: run_pb2.GetRunResultRequest) -> run_pb2.RunResult:  # noqa: N802
        """Return what a run found."""
        return convert.run_result(self._finished(request.name))

    @streaming
    async def StreamTable(self, request: run_pb2.StreamTableRequest) -> AsyncIterator[run_pb2.StreamTableResponse]:  # noqa: N802
        """Stream a table's Arrow bytes."""
        for piece in pieces(await asyncio.to_thread(self._table, request)):
            yield run_pb2.StreamTableResponse(content=piece)

    def _table(self, request: run_pb2.StreamTableRequest) -> bytes:
        """Return a table as an Arrow IPC stream."""
        from greentrip_agents import Run

        row = self._finished(request.name)
        if request.table not in TABLES:
            raise UnknownNameError("table", request.table, TABLES)
        frame = getattr(Run.load(self._directory.folder(row.id)), request.table)
        buffer = io.BytesIO()
        frame.write_ipc_stream(buffer)
        return buffer.getvalue()

    def _run(self, name: str) -> run_pb2.Run:
        """Return a run as it stands."""
        row = self._jobs.get(JobRow, name, RUNS)
        return convert.run(row, self._dispatcher.progress(row))

    def _finished(self, name: str) -> JobRow:
        """Return a run that succeeded, or say what to do."""
        return finished(self._jobs, name, "name")


def finished(jobs: Jobs, name: str, field: str) -> JobRow:
    """Return a run that succeeded; raise StateError with what to do when it has not."""
    row = jobs.get(JobRow, name, RUNS, field)
    if row.state != SUCCEEDED:
        remedy = "create a run anew" if row.state in TERMINAL else "wait for it with WatchRun"
        raise StateError(f"{name} is {row.state}, it has no result", remedy)
    return row
