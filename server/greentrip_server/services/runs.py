"""The run service: queue a simulation, follow it, read its tables."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from greentrip.v1 import run_pb2, run_pb2_grpc
from greentrip_networks.errors import UnknownNameError
from sqlalchemy import BigInteger, Double, cast

from greentrip_server import convert, filters
from greentrip_server.answer import Remembered, RememberedLists, changes, masked, reading, streaming, unary
from greentrip_server.cities import Cities
from greentrip_server.clerks import Clerks
from greentrip_server.desk import Desk
from greentrip_server.directory import DataDirectory
from greentrip_server.dispatcher import Dispatcher
from greentrip_server.errors import FieldError, StateError
from greentrip_server.jobs import Jobs, check_description, digest, queued_run, run_content
from greentrip_server.kinds import RUNS
from greentrip_server.services.scenarios import stored
from greentrip_server.settings import Settings
from greentrip_server.table_stream import made_pieces, table_names, table_pieces
from greentrip_server.tables import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED, TERMINAL, JobRow, ScenarioRow

DEFAULT_SAMPLE = 0.005
DEFAULT_MAX_DAYS = 60
MOST_LIMIT_S = 1e7  # about four months
FILTERS = {
    "name": filters.text(f"{RUNS}/" + JobRow.id),
    "scenario": filters.text(JobRow.parent),
    "state": filters.word(JobRow.state, (QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED), "RUN_STATE_"),
    "seed": filters.whole(cast(JobRow.input["seed"].as_string(), BigInteger)),
    "sample": filters.real(cast(JobRow.input["sample"].as_string(), Double)),
    "max_days": filters.whole(cast(JobRow.input["max_days"].as_string(), BigInteger)),
    "placement": filters.whole(cast(JobRow.input["placement"].as_string(), BigInteger)),
    "attempt": filters.whole(cast(JobRow.attempt, BigInteger)),
    "description": filters.text(JobRow.description),
    "creator": filters.text(JobRow.client),
    "create_time": filters.time(JobRow.created),
    "start_time": filters.time(JobRow.started),
    "end_time": filters.time(JobRow.ended),
}


class RunService(run_pb2_grpc.RunServiceServicer):
    """Starts and reads runs."""

    def __init__(
        self,
        jobs: Jobs,
        cities: Cities,
        directory: DataDirectory,
        dispatcher: Dispatcher,
        clerks: Clerks,
        settings: Settings,
    ) -> None:
        self._jobs, self._cities, self._directory, self._dispatcher = jobs, cities, directory, dispatcher
        self._clerks, self._settings = clerks, settings
        self._ended: Remembered[JobRow, run_pb2.Run] = Remembered(lambda row: convert.run(row, row.progress))
        self._results = Remembered(convert.run_result)
        self._lists = RememberedLists[run_pb2.ListRunsResponse](jobs)

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
        from greentrip_agents.forecast import check_limits, forecast
        from greentrip_agents.parameters import default_parameters

        asked = request.run
        sample, max_days = asked.sample or DEFAULT_SAMPLE, asked.max_days or DEFAULT_MAX_DAYS
        if not 0 < sample <= 1:
            raise FieldError("run.sample", f"saw {sample:g}; expected above 0 to 1, a share of residents")
        if not 2 <= max_days <= 1000:
            raise FieldError("run.max_days", f"saw {max_days}; expected 2 to 1000 days")
        check_description(asked.description, "run.description")
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
        limit_s = time_limit_s(asked.time_limit, "run.time_limit") if asked.HasField("time_limit") else None
        row = queued_run(
            content,
            parent=asked.scenario,
            request_id=request.request_id,
            request_hash=digest(
                {**content, "of": [asked.scenario, request.run_id, asked.description], "limit_s": limit_s}
            ),
            description=asked.description,
            time_limit_s=limit_s,
        )
        most = {"queue": self._settings.queue, "queue_of_client": self._settings.queue_of_client}
        return self._jobs.add(row, request.run_id, "run_id", dry=request.validate_only, at_most=most)

    @unary
    async def GetRun(self, request: run_pb2.GetRunRequest) -> run_pb2.Run:  # noqa: N802
        """Return one run."""
        row = self._jobs.known(JobRow, request.name, RUNS)
        if row is None:
            row = await reading(self._jobs.get, JobRow, request.name, RUNS)
        if row.state not in TERMINAL:
            return masked(convert.run(row, self._dispatcher.progress(row)), request.read_mask)
        return masked(self._ended(row), request.read_mask)

    @unary
    async def ListRuns(self, request: run_pb2.ListRunsRequest) -> run_pb2.ListRunsResponse:  # noqa: N802
        """List runs, oldest first."""
        return await self._lists.answer(request, lambda: self._list(request))

    def _list(self, request: run_pb2.ListRunsRequest) -> tuple[run_pb2.ListRunsResponse, bool]:
        """Return a page of runs, and whether none of them is at work."""
        rows, token = self._jobs.page(
            JobRow,
            request.page_size,
            request.page_token,
            kind=RUNS,
            where=filters.conditions(request.filter, FILTERS),
            asked=request.filter,
            archived=request.show_archived,
        )
        found = [masked(convert.run(row, self._dispatcher.progress(row)), request.read_mask) for row in rows]
        ended = all(row.state in TERMINAL for row in rows)
        return run_pb2.ListRunsResponse(runs=found, next_page_token=token), ended

    @unary
    async def UpdateRun(self, request: run_pb2.UpdateRunRequest) -> run_pb2.Run:  # noqa: N802
        """Change the description, or whether it is archived."""
        asked = request.run
        values = stored(changes(asked, request.update_mask, ("description", "archived"), "the run"), "run")
        row = await asyncio.to_thread(self._jobs.update, JobRow, asked.name, RUNS, asked.etag, values)
        await self._dispatcher.notify()
        return convert.run(row, self._dispatcher.progress(row))

    @unary
    def DeleteRun(self, request: run_pb2.DeleteRunRequest) -> Empty:  # noqa: N802
        """Remove a run that has ended, and its tables."""
        row = self._jobs.get(JobRow, request.name, RUNS)
        self._jobs.delete(row, request.etag)
        shutil.rmtree(self._directory.folder(row.id), ignore_errors=True)
        return Empty()

    @unary
    async def CancelRun(self, request: run_pb2.CancelRunRequest) -> run_pb2.Run:  # noqa: N802
        """Stop a run and free its worker's slot."""
        await self._dispatcher.cancel(await asyncio.to_thread(self._jobs.get, JobRow, request.name, RUNS))
        return await asyncio.to_thread(self._run, request.name)

    @unary
    async def RetryRun(self, request: run_pb2.RetryRunRequest) -> operations_pb2.Operation:  # noqa: N802
        """Queue a failed or cancelled run again."""
        row = await asyncio.to_thread(self._jobs.get, JobRow, request.name, RUNS)
        row = await asyncio.to_thread(self._jobs.retry, row.number, request.etag)
        self._dispatcher.wake()
        await self._dispatcher.notify()
        return convert.operation(row, self._dispatcher.progress(row))

    @streaming
    async def WatchRun(self, request: run_pb2.WatchRunRequest) -> AsyncIterator[run_pb2.Run]:  # noqa: N802
        """Stream a run until it ends."""
        last = None
        async for _ in self._dispatcher.changes():
            row = await reading(self._jobs.get, JobRow, request.name, RUNS)
            now = convert.run(row, self._dispatcher.progress(row))
            if now != last:
                yield now
                last = now
            if row.state in TERMINAL:
                return

    @unary
    async def GetRunResult(self, request: run_pb2.GetRunResultRequest) -> run_pb2.RunResult:  # noqa: N802
        """Return what a run found."""
        row = self._jobs.known(JobRow, request.name, RUNS)
        if row is None or row.state != SUCCEEDED:
            row = await reading(self._finished, request.name)
        return self._results(row)

    @streaming
    async def StreamTable(self, request: run_pb2.StreamTableRequest) -> AsyncIterator[run_pb2.StreamTableResponse]:  # noqa: N802
        """Stream a table's Arrow bytes."""
        if request.offset < 0:
            raise FieldError("offset", f"saw {request.offset}; expected 0 or more")
        row = await asyncio.to_thread(self._finished, request.name)
        folder = self._directory.folder(row.id)
        kept, notes = table_names(folder), list[str]()
        if request.table in kept:
            pieces = table_pieces(folder, request.table, request.offset, request.output)
        else:
            table, notes = await self._clerks.ask(run_table, request, kept)
            pieces = made_pieces(table, request.table, request.offset, request.output)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            offset, content = piece
            yield run_pb2.StreamTableResponse(content=content, offset=offset, notes=notes)
            notes = []

    def _run(self, name: str) -> run_pb2.Run:
        """Return a run as it stands."""
        row = self._jobs.get(JobRow, name, RUNS)
        return convert.run(row, self._dispatcher.progress(row))

    def _finished(self, name: str) -> JobRow:
        """Return a run that succeeded, or say what to do."""
        return finished(self._jobs, name, "name")


def run_table(desk: Desk, request: run_pb2.StreamTableRequest, kept: list[str]) -> tuple[Any, list[str]]:
    """Make a table of a finished run that it does not keep; return its frame and what is to be said of it."""
    from greentrip_server.run_tables import TABLES, make_run_table

    if request.table not in TABLES:
        raise UnknownNameError("table", request.table[:100], [*kept, *TABLES])
    made = make_run_table(finished(desk.jobs, request.name, "name"), request, desk.cities, desk.directory)
    return made.table, list(made.notes)


def finished(jobs: Jobs, name: str, field: str) -> JobRow:
    """Return a run that succeeded; raise StateError with what to do when it has not."""
    row = jobs.get(JobRow, name, RUNS, field)
    if row.state != SUCCEEDED:
        remedy = "create a run anew" if row.state in TERMINAL else "wait for it with WatchRun"
        raise StateError(f"{name} is {row.state}, it has no result", remedy)
    return row


def time_limit_s(limit: Duration, field: str) -> float:
    """Return a time limit in seconds; raise FieldError for one that is none."""
    seconds = limit.seconds + limit.nanos / 1e9
    if not 0 < seconds <= MOST_LIMIT_S:
        raise FieldError(field, f"saw {seconds:g} s; expected above 0 to {MOST_LIMIT_S:g} s, or unset")
    return seconds
