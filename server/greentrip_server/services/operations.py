"""The google.longrunning service over jobs: `operations/runs/x` and `operations/plans/x`."""

import asyncio
import time

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.empty_pb2 import Empty

from greentrip_server import convert, filters
from greentrip_server.answer import unary
from greentrip_server.dispatcher import Dispatcher
from greentrip_server.errors import FieldError
from greentrip_server.jobs import Jobs
from greentrip_server.kinds import PLANS, RUNS
from greentrip_server.services.plans import plan_of
from greentrip_server.tables import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED, TERMINAL, JobRow

FILTERS = {
    "kind": filters.word(JobRow.kind, (RUNS, PLANS)),
    "state": filters.word(JobRow.state, (QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED)),
    "creator": filters.text(JobRow.client),
    "create_time": filters.time(JobRow.created),
}


class OperationService(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]
    """Gets, lists, waits for and cancels operations."""

    def __init__(self, jobs: Jobs, dispatcher: Dispatcher) -> None:
        self._jobs, self._dispatcher = jobs, dispatcher

    @unary
    def GetOperation(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:  # noqa: N802
        """Return an operation as it stands."""
        return self._describe(self._job(request.name))

    @unary
    def ListOperations(self, request: operations_pb2.ListOperationsRequest) -> operations_pb2.ListOperationsResponse:  # noqa: N802
        """List operations, oldest first."""
        rows, token = self._jobs.page(
            JobRow,
            request.page_size,
            request.page_token,
            where=filters.conditions(request.filter, FILTERS),
            asked=request.filter,
        )
        return operations_pb2.ListOperationsResponse(
            operations=[self._describe(r) for r in rows], next_page_token=token
        )

    @unary
    async def CancelOperation(self, request: operations_pb2.CancelOperationRequest) -> Empty:  # noqa: N802
        """Stop an operation's work; one that has ended stays as it is."""
        await self._dispatcher.cancel(await asyncio.to_thread(self._job, request.name))
        return Empty()

    @unary
    def DeleteOperation(self, request: operations_pb2.DeleteOperationRequest) -> Empty:  # noqa: N802
        """Say that operations go with their resource."""
        raise FieldError("name", f"{request.name} goes when its run or plan is deleted; delete that")

    @unary
    async def WaitOperation(self, request: operations_pb2.WaitOperationRequest) -> operations_pb2.Operation:  # noqa: N802
        """Return the operation once it is done, or as it stands when the timeout is over."""
        limit = request.timeout.seconds + request.timeout.nanos / 1e9 if request.HasField("timeout") else float("inf")
        started = time.monotonic()
        async for _ in self._dispatcher.changes():
            row = await asyncio.to_thread(self._job, request.name)
            if row.state in TERMINAL or time.monotonic() - started >= limit:
                break
        return await asyncio.to_thread(self._describe, row)

    def _job(self, name: str) -> JobRow:
        """Return the job of an operation."""
        resource = name.removeprefix("operations/")
        kind = resource.partition("/")[0]
        if resource == name or kind not in (RUNS, PLANS):
            raise FieldError("name", f"saw {name!r}; expected operations/runs/ or operations/plans/ and an id")
        return self._jobs.get(JobRow, resource, kind)

    def _describe(self, row: JobRow) -> operations_pb2.Operation:
        """Return a job as an operation."""
        return convert.operation(row, self._dispatcher.progress(row), plan_of(self._jobs, row))
