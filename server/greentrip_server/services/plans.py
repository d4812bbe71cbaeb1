"""The plan service: design, keep and export feeder routes."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from greentrip.interventions import message_to_dict
from greentrip.v1 import plan_pb2, plan_pb2_grpc
from greentrip_networks.errors import ScenarioError

from greentrip_server import convert, filters
from greentrip_server.answer import changes, masked, pieces, streaming, unary
from greentrip_server.cities import Cities
from greentrip_server.dispatcher import Dispatcher
from greentrip_server.errors import FieldError
from greentrip_server.jobs import Jobs, check_description, digest, last_part, queued
from greentrip_server.kinds import PLANS
from greentrip_server.services.runs import finished, time_limit_s
from greentrip_server.services.scenarios import stored
from greentrip_server.settings import Settings
from greentrip_server.tables import JobRow, PlanRow

MOST_VEHICLES = 100_000
MOST_ROUNDS = 10  # of design and simulation
FILTERS = {
    "name": filters.text(f"{PLANS}/" + PlanRow.id),
    "network": filters.text(PlanRow.network),
    "run": filters.text(PlanRow.run),
    "description": filters.text(PlanRow.description),
    "creator": filters.text(PlanRow.client),
    "create_time": filters.time(PlanRow.created),
    "update_time": filters.time(PlanRow.updated),
}


class PlanService(plan_pb2_grpc.PlanServiceServicer):
    """Keeps plans."""

    def __init__(self, jobs: Jobs, cities: Cities, dispatcher: Dispatcher, settings: Settings) -> None:
        self._jobs, self._cities, self._dispatcher, self._settings = jobs, cities, dispatcher, settings

    @unary
    async def DesignFeeders(self, request: plan_pb2.DesignFeedersRequest) -> operations_pb2.Operation:  # noqa: N802
        """Queue a design on a finished run."""
        row = await asyncio.to_thread(self._queue, request)
        if request.validate_only:
            return operations_pb2.Operation(done=True)
        self._dispatcher.wake()
        plans = await asyncio.to_thread(plan_of, self._jobs, row)
        return convert.operation(row, self._dispatcher.progress(row), plans)

    def _queue(self, request: plan_pb2.DesignFeedersRequest) -> JobRow:
        """Check a design and store it as queued."""
        if not request.stations:
            raise FieldError("stations", "is empty; expected at least one station's id or name")
        if not 1 <= request.vehicles <= MOST_VEHICLES:
            raise FieldError("vehicles", f"saw {request.vehicles}; expected 1 to {MOST_VEHICLES} buses")
        if not 0 <= request.rounds <= MOST_ROUNDS:
            raise FieldError("rounds", f"saw {request.rounds}; expected 0 to {MOST_ROUNDS}")
        if request.seed < 0:
            raise FieldError("seed", f"saw {request.seed}; expected 0 or more")
        check_description(request.description, "description")
        if request.HasField("budget_cny_day") and not request.budget_cny_day > 0:
            raise FieldError(
                "budget_cny_day", f"saw {request.budget_cny_day:g}; expected more than 0 CNY a day, or unset"
            )
        run = finished(self._jobs, request.run, "run")
        asked = run.input
        network = self._cities.build(asked["network"], asked["placement"], asked["interventions"])
        stations = [network.station(name) for name in request.stations]
        twice = [name for i, name in enumerate(request.stations) if stations[i] in stations[:i]]
        if twice:
            raise FieldError("stations", f"names {twice[0]!r} twice; name each station once")
        content = {
            "network": asked["network"],
            "placement": asked["placement"],
            "interventions": asked["interventions"],
            "run": run.input_hash,
            "stations": stations,
            "vehicles": request.vehicles,
            "budget_cny_day": request.budget_cny_day if request.HasField("budget_cny_day") else None,
            "seed": request.seed,
        }
        if request.rounds > 1:
            content["rounds"] = request.rounds
            content["simulated"] = {k: asked.get(k) for k in ("sample", "max_days", "parameters")}
        limit_s = time_limit_s(request.time_limit, "time_limit") if request.HasField("time_limit") else None
        row = queued(
            PLANS,
            content,
            parent=request.run,
            request_id=request.request_id,
            request_hash=digest(
                {**content, "of": [request.run, request.plan_id, request.description], "limit_s": limit_s}
            ),
            description=request.description,
            time_limit_s=limit_s,
        )
        most = {"queue": self._settings.queue, "queue_of_client": self._settings.queue_of_client}
        return self._jobs.add(row, request.plan_id, "plan_id", dry=request.validate_only, at_most=most)

    @unary
    def CreatePlan(self, request: plan_pb2.CreatePlanRequest) -> plan_pb2.Plan:  # noqa: N802
        """Store routes that run on the network."""
        last_part(request.plan.network, "networks", "plan.network")
        check_description(request.plan.description, "plan.description")
        if not request.plan.routes:
            raise FieldError("plan.routes", "is empty; expected at least one route")
        routes = [message_to_dict(r) for r in request.plan.routes]
        step = {"kind": "AddFeeders", "routes": routes}
        try:
            self._cities.build(request.plan.network, 0, [step])
        except ScenarioError as error:
            raise FieldError("plan.routes", str(error)) from error
        document = {
            "name": request.plan_id,
            "routes": routes,
            "objective": 0.0,
            "bound": 0.0,
            "gap": 0.0,
            "bound_kind": "",
            "stations": list(dict.fromkeys(r["station"] for r in routes)),
            "indicators": {"cost_cny_day": sum(r["cost_cny_day"] for r in routes)},
            "assumptions": ["written by hand, not designed"],
        }
        row = PlanRow(
            network=request.plan.network,
            placement=0,
            run="",
            document=document,
            description=request.plan.description,
            request_id=request.request_id or None,
            request_hash=digest(
                {"network": request.plan.network, "document": document, "description": request.plan.description}
            ),
            created=time.time(),
        )
        return convert.plan(self._jobs.add(row, request.plan_id, "plan_id", dry=request.validate_only))

    @unary
    def GetPlan(self, request: plan_pb2.GetPlanRequest) -> plan_pb2.Plan:  # noqa: N802
        """Return one plan."""
        return masked(convert.plan(self._jobs.get(PlanRow, request.name, PLANS)), request.read_mask)

    @unary
    def ListPlans(self, request: plan_pb2.ListPlansRequest) -> plan_pb2.ListPlansResponse:  # noqa: N802
        """List plans, oldest first."""
        rows, token = self._jobs.page(
            PlanRow,
            request.page_size,
            request.page_token,
            where=filters.conditions(request.filter, FILTERS),
            asked=request.filter,
            archived=request.show_archived,
        )
        found = [masked(convert.plan(row), request.read_mask) for row in rows]
        return plan_pb2.ListPlansResponse(plans=found, next_page_token=token)

    @unary
    def UpdatePlan(self, request: plan_pb2.UpdatePlanRequest) -> plan_pb2.Plan:  # noqa: N802
        """Change the description, or whether it is archived."""
        asked = request.plan
        values = stored(changes(asked, request.update_mask, ("description", "archived"), "the plan"), "plan")
        return convert.plan(self._jobs.update(PlanRow, asked.name, PLANS, asked.etag, values))

    @unary
    def DeletePlan(self, request: plan_pb2.DeletePlanRequest) -> Empty:  # noqa: N802
        """Remove a plan."""
        self._jobs.delete(self._jobs.get(PlanRow, request.name, PLANS), request.etag)
        return Empty()

    @unary
    def ComparePlans(self, request: plan_pb2.ComparePlansRequest) -> plan_pb2.PlanDifference:  # noqa: N802
        """Compare two plans as sets of routes."""
        from greentrip_optimizer import Plan
        from greentrip_optimizer.plan_diff import plan_diff

        rows = [self._jobs.get(PlanRow, getattr(request, f), PLANS, f) for f in ("before", "after")]
        if rows[0].network != rows[1].network:
            raise FieldError("after", f"is on {rows[1].network}, before on {rows[0].network}; expected one network")
        network = self._cities.get(rows[0].network, rows[0].placement)
        before, after = (Plan.from_dict(row.document) for row in rows)
        return convert.plan_difference(plan_diff(before, after, network).to_dict(), [f"{PLANS}/{r.id}" for r in rows])

    @streaming
    async def ExportPlan(self, request: plan_pb2.ExportPlanRequest) -> AsyncIterator[plan_pb2.ExportPlanResponse]:  # noqa: N802
        """Stream a plan as zipped GTFS."""
        if request.offset < 0:
            raise FieldError("offset", f"saw {request.offset}; expected 0 or more")
        for piece in pieces((await asyncio.to_thread(self._gtfs, request.name))[request.offset :]):
            yield plan_pb2.ExportPlanResponse(content=piece)

    def _gtfs(self, name: str) -> bytes:
        """Return a plan's zipped feed."""
        from greentrip_optimizer import Plan

        row = self._jobs.get(PlanRow, name, PLANS)
        network = self._cities.get(row.network, row.placement)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "feed.zip"
            Plan.from_dict(row.document).write_gtfs(path, network)
            return path.read_bytes()


def plan_of(jobs: Jobs, row: JobRow) -> PlanRow | None:
    """Return the plan that a finished design made."""
    if row.kind != PLANS or row.state != "succeeded":
        return None
    return jobs.get(PlanRow, row.name, PLANS)
