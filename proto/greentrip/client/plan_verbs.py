"""The verbs on plans, comparisons and reports of two sides."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict

from greentrip.client.asking import RunSet, mask_of, names_of, new_request, pages, within
from greentrip.client.errors import from_status
from greentrip.client.wire import Wire
from greentrip.interventions import to_message
from greentrip.v1 import (
    comparison_pb2,
    comparison_pb2_grpc,
    plan_pb2,
    plan_pb2_grpc,
    report_pb2,
    report_pb2_grpc,
)


class PlanVerbs:
    """What one does with plans."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._plans = plan_pb2_grpc.PlanServiceStub(wire.channel)
        self._comparisons = comparison_pb2_grpc.ComparisonServiceStub(wire.channel)
        self._reports = report_pb2_grpc.ReportServiceStub(wire.channel)
        self._operations = operations_pb2_grpc.OperationsStub(wire.channel)

    async def update_plan(
        self, name: str, *, description: str | None = None, archived: bool | None = None, etag: str = ""
    ) -> plan_pb2.Plan:
        """Change a plan's description, or archive it; with an etag only as it was read."""
        changed = plan_pb2.Plan(
            name=within("plans", name), description=description or "", archived=bool(archived), etag=etag
        )
        request = plan_pb2.UpdatePlanRequest(
            plan=changed, update_mask=mask_of(description=description, archived=archived)
        )
        return await self.wire.ask(self._plans.UpdatePlan, request)

    async def design_feeders(
        self,
        run: str | RunSet,
        stations: Sequence[str],
        *,
        vehicles: int,
        budget_cny_day: float | None = None,
        seed: int = 0,
        rounds: int = 1,
        keep: str = "",
        range_km: float = 0.0,
        charge_km_h: float = 0.0,
        turn_m: float = 0.0,
        loops: bool = False,
        street_buses_h: float | None = None,
        gap: float = 0.0,
        seconds: float = 0.0,
        start: str = "",
        placements: int = 0,
        rules: Mapping[str, Any] | None = None,
        name: str = "",
        request_id: str = "",
        progress: Callable[[plan_pb2.PlanMetadata], None] | None = None,
    ) -> plan_pb2.Plan:
        """Design feeder routes around stations from a finished run (the first, of several) and wait for the plan.

        With several `rounds`, each plan is simulated and demand priced anew until the plan stays. The routes of the
        plan named by `keep` run as they are. `range_km` limits what a bus runs on a battery (0: no limit), `turn_m`
        the way round by which it turns at its last stop (0: it turns where it stands). `loops` designs loops too. At
        most `street_buses_h` buses an hour run through one direction of a street in the peak, those of lines included
        (None: no limit).

        The search ends once the plan is worth at most `gap` of the bound less than it (0: look on), or after so many
        `seconds` with the best plan found (0: no limit), and starts from the plan named by `start`, whose routes do not
        bind. An interrupt cancels the design: then there is no plan. What the last of several rounds found is an
        interval over `placements` of the population (0: five). `rules` are further options of the design by name.
        """
        request = plan_pb2.DesignFeedersRequest(
            run=_first(run),
            stations=stations,
            vehicles=vehicles,
            budget_cny_day=budget_cny_day,
            seed=seed,
            rounds=rounds,
            keep=within("plans", keep) if keep else "",
            range_km=range_km,
            charge_km_h=charge_km_h,
            turn_m=turn_m,
            loops=loops,
            street_buses_h=street_buses_h,
            gap=gap,
            seconds=seconds,
            start=within("plans", start) if start else "",
            placements=placements,
            plan_id=name.removeprefix("plans/"),
            request_id=request_id or new_request(),
        )
        if rules:
            request.rules.update(rules)
        return await self._designed(await self.wire.ask(self._plans.DesignFeeders, request), progress)

    async def adjust_lines(
        self,
        run: str | RunSet,
        *,
        near_m: float = 0.0,
        least_share: float = 0.0,
        full: float = 0.0,
        vehicles: int | None = None,
        seed: int = 0,
        name: str = "",
        request_id: str = "",
        progress: Callable[[plan_pb2.PlanMetadata], None] | None = None,
    ) -> plan_pb2.Plan:
        """Fit bus lines to rail from a finished run's loads and wait for the plan; 0 leaves a limit to the service."""
        request = plan_pb2.AdjustLinesRequest(
            run=_first(run),
            near_m=near_m,
            least_share=least_share,
            full=full,
            vehicles=vehicles,
            seed=seed,
            plan_id=name.removeprefix("plans/"),
            request_id=request_id or new_request(),
        )
        return await self._designed(await self.wire.ask(self._plans.AdjustLines, request), progress)

    async def design_commuter_buses(
        self,
        run: str | RunSet,
        *,
        vehicles: int,
        seats: int = 0,
        prices_cny: Sequence[float] = (),
        arrive: Sequence[str] = (),
        seed: int = 0,
        name: str = "",
        request_id: str = "",
        progress: Callable[[plan_pb2.PlanMetadata], None] | None = None,
    ) -> plan_pb2.Plan:
        """Design customised buses for those who drive to work in a finished run, and wait for the plan."""
        request = plan_pb2.DesignCommuterBusesRequest(
            run=_first(run),
            vehicles=vehicles,
            seats=seats,
            prices_cny=prices_cny,
            arrive=arrive,
            seed=seed,
            plan_id=name.removeprefix("plans/"),
            request_id=request_id or new_request(),
        )
        return await self._designed(await self.wire.ask(self._plans.DesignCommuterBuses, request), progress)

    async def schedule_lines(self, question: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return how often given lines run (`frequencies`), which vehicle runs which trip (`blocks`), or `offsets`."""
        request = plan_pb2.ScheduleLinesRequest(question=question)
        request.given.update(given)
        return MessageToDict((await self.wire.ask(self._plans.ScheduleLines, request)).answer)

    async def _designed(
        self, operation: operations_pb2.Operation, progress: Callable[[plan_pb2.PlanMetadata], None] | None
    ) -> plan_pb2.Plan:
        """Wait for the plan of a design; an interrupt cancels it."""
        try:
            while not operation.done:
                wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=Duration(nanos=500_000_000))
                operation = await self.wire.ask(self._operations.WaitOperation, wait)
                if progress is not None:
                    metadata = plan_pb2.PlanMetadata()
                    operation.metadata.Unpack(metadata)
                    progress(metadata)
        except (KeyboardInterrupt, asyncio.CancelledError):
            await self.wire.ask(
                self._operations.CancelOperation, operations_pb2.CancelOperationRequest(name=operation.name)
            )
            raise
        if operation.HasField("error"):
            raise from_status(operation.error)
        made = plan_pb2.Plan()
        operation.response.Unpack(made)
        return made

    async def create_plan(
        self, network: str, routes: Iterable[Any], *, name: str = "", request_id: str = ""
    ) -> plan_pb2.Plan:
        """Store routes written elsewhere as a plan."""
        adding = to_message({"kind": "AddFeeders", "routes": list(routes)})
        plan = plan_pb2.Plan(network=within("networks", network), routes=adding.add_feeders.routes)
        request = plan_pb2.CreatePlanRequest(
            plan=plan, plan_id=name.removeprefix("plans/"), request_id=request_id or new_request()
        )
        return await self.wire.ask(self._plans.CreatePlan, request)

    async def plan(self, name: str) -> plan_pb2.Plan:
        """Return one plan."""
        return await self.wire.ask(self._plans.GetPlan, plan_pb2.GetPlanRequest(name=within("plans", name)))

    async def plans(self, filter: str = "", *, show_archived: bool = False) -> list[plan_pb2.Plan]:  # noqa: A002
        """Return plans, oldest first: all, or those that a filter such as `creator = "lin"` leaves."""
        request = plan_pb2.ListPlansRequest(filter=filter, show_archived=show_archived)
        return [item async for item in pages(self.wire, self._plans.ListPlans, request, "plans")]

    async def compare_plans(self, before: str, after: str) -> plan_pb2.PlanDifference:
        """Return what one plan changes of another: routes added, dropped and changed, and the people it touches."""
        request = plan_pb2.ComparePlansRequest(before=within("plans", before), after=within("plans", after))
        return await self.wire.ask(self._plans.ComparePlans, request)

    async def export_plan(self, name: str) -> bytes:
        """Return a plan as the bytes of a zipped GTFS feed."""
        request = plan_pb2.ExportPlanRequest(name=within("plans", name))
        return b"".join([piece.content async for piece in self.wire.stream(self._plans.ExportPlan, request)])

    async def compare(self, base: Sequence[str] | RunSet, other: Sequence[str] | RunSet) -> comparison_pb2.Comparison:
        """Compare finished runs of two scenarios, paired by seed."""
        request = comparison_pb2.CompareRunsRequest(base_runs=names_of(base), other_runs=names_of(other))
        return await self.wire.ask(self._comparisons.CompareRuns, request)

    async def report(self, base: Sequence[str] | RunSet, other: Sequence[str] | RunSet, plan: str) -> bytes:
        """Return a self-contained HTML page on a plan and the runs without and with it."""
        request = report_pb2.RenderReportRequest(
            base_runs=names_of(base), other_runs=names_of(other), plan=within("plans", plan)
        )
        return b"".join([piece.content async for piece in self.wire.stream(self._reports.RenderReport, request)])


def _first(run: str | RunSet) -> str:
    """Return the full name of a run, the first of several."""
    return within("runs", run if isinstance(run, str) else run.names[0])
