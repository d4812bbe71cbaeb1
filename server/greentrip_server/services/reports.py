"""The report service: a page about a plan, and the files of a report on an experiment."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from greentrip.v1 import report_pb2, report_pb2_grpc

from greentrip_server.answer import pieces, streaming
from greentrip_server.clerks import Clerks
from greentrip_server.desk import Desk
from greentrip_server.kinds import PLANS
from greentrip_server.services.comparisons import load_pairs
from greentrip_server.tables import PlanRow


class ReportService(report_pb2_grpc.ReportServiceServicer):
    """Writes reports."""

    def __init__(self, clerks: Clerks) -> None:
        self._clerks = clerks

    @streaming
    async def RenderExperiment(  # noqa: N802
        self, request: report_pb2.RenderExperimentRequest
    ) -> AsyncIterator[report_pb2.RenderExperimentResponse]:
        """Stream the files of a report on an experiment."""
        for path, content in (await self._clerks.ask(experiment_files, request)).items():
            for piece in pieces(content):
                yield report_pb2.RenderExperimentResponse(path=path, content=piece)

    @streaming
    async def RenderReport(  # noqa: N802
        self, request: report_pb2.RenderReportRequest
    ) -> AsyncIterator[report_pb2.RenderReportResponse]:
        """Stream the page."""
        for piece in pieces(await self._clerks.ask(plan_page, request)):
            yield report_pb2.RenderReportResponse(content=piece)


def experiment_files(desk: Desk, request: report_pb2.RenderExperimentRequest) -> dict[str, bytes]:
    """Return the files of a report on an experiment."""
    from greentrip_server.experiments.report import experiment_report

    row = desk.members.get(request.experiment)
    return experiment_report(
        row, request.baseline, request.detailed, desk.jobs, desk.members, desk.cities, desk.directory
    )


def plan_page(desk: Desk, request: report_pb2.RenderReportRequest) -> bytes:
    """Return the page about a plan."""
    from greentrip_agents import compare
    from greentrip_optimizer import Plan

    from greentrip_server.report import write_report

    row = desk.jobs.get(PlanRow, request.plan, PLANS, "plan")
    network, base, other = load_pairs(desk, request.base_runs, request.other_runs)
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
