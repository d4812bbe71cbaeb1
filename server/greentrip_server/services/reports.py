"""The report service: one self-contained page about a plan."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from greentrip.v1 import report_pb2, report_pb2_grpc

from greentrip_server.answer import pieces, streaming
from greentrip_server.experiments.members import Members
from greentrip_server.jobs import Jobs
from greentrip_server.kinds import PLANS
from greentrip_server.services.comparisons import Pairs
from greentrip_server.tables import PlanRow


class ReportService(report_pb2_grpc.ReportServiceServicer):
    """Writes reports."""

    def __init__(self, jobs: Jobs, pairs: Pairs, members: Members) -> None:
        self._jobs, self._pairs, self._members = jobs, pairs, members

    @streaming
    async def RenderExperiment(  # noqa: N802
        self, request: report_pb2.RenderExperimentRequest
    ) -> AsyncIterator[report_pb2.RenderExperimentResponse]:
        """Stream the files of a report on an experiment."""
        for path, content in (await asyncio.to_thread(self._experiment, request)).items():
            for piece in pieces(content):
                yield report_pb2.RenderExperimentResponse(path=path, content=piece)

    def _experiment(self, request: report_pb2.RenderExperimentRequest) -> dict[str, bytes]:
        """Return the files of a report on an experiment."""
        from greentrip_server.experiments.report import experiment_report

        return experiment_report(
            self._members.get(request.experiment),
            request.baseline,
            request.detailed or 4,
            self._jobs,
            self._members,
            self._pairs.cities,
            self._pairs.directory,
        )

    @streaming
    async def RenderReport(  # noqa: N802
        self, request: report_pb2.RenderReportRequest
    ) -> AsyncIterator[report_pb2.RenderReportResponse]:
        """Stream the page."""
        for piece in pieces(await asyncio.to_thread(self._render, request)):
            yield report_pb2.RenderReportResponse(content=piece)

    def _render(self, request: report_pb2.RenderReportRequest) -> bytes:
        """Return the page's bytes."""
        from greentrip_agents import compare
        from greentrip_optimizer import Plan

        from greentrip_server.report import write_report

        row = self._jobs.get(PlanRow, request.plan, PLANS, "plan")
        network, base, other = self._pairs.load(request.base_runs, request.other_runs)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "report.html"
            write_report(
                path,
                network=network,
                base_runs=base,
                plan=Plan.from_dict(row.document),
                with_runs=other,
                comparison=compare(base, other, network),
            )
            return path.read_bytes()
