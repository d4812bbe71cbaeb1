"""The report service: one self-contained page about a plan."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from greentrip.v1 import report_pb2, report_pb2_grpc

from greentrip_server.answer import pieces, streaming
from greentrip_server.jobs import PLANS, Jobs
from greentrip_server.services.comparisons import Pairs
from greentrip_server.tables import PlanRow


class ReportService(report_pb2_grpc.ReportServiceServicer):
    """Writes reports."""

    def __init__(self, jobs: Jobs, pairs: Pairs) -> None:
        self._jobs, self._pairs = jobs, pairs

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
