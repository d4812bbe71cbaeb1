"""The plan service: design, keep and export feeder routes."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from greentrip.interventions import message_to_dict
from greentrip.v1 import plan_pb2, plan_pb2_grpc
from greentrip_networks.errors import ScenarioError, UnknownNameError

from greentrip_server import convert, filters
from greentrip_server.answer import Remembered, RememberedLists, changes, masked, pieces, reading, streaming, unary
from greentrip_server.cities import Cities
from greentrip_server.clerks import Clerks
from greentrip_server.desk import Desk
from greentrip_server.dispatcher import Dispatcher
from greentrip_server.errors import FieldError
from greentrip_server.jobs import Jobs, check_description, digest, last_part, queued
from greentrip_server.kinds import PLANS
from greentrip_server.services.runs import finished, time_limit_s
from greentrip_server.services.scenarios import stored
from greentrip_server.settings import Settings
from greentrip_server.tables import JobRow, PlanRow

if TYPE_CHECKING:
    from greentrip_networks.network import Network

MOST_VEHICLES = 100_000
MOST_RANGE_KM = 10_000
MOST_TURN_M = 20_000
MOST_STREET_BUSES_H = 10_000
MOST_GAP = 0.99
MOST_SECONDS = 86_400
MOST_ROUNDS = 10  # of design and simulation
PLACEMENTS, MOST_PLACEMENTS = 5, 20  # of the population, for which the plan of several rounds is simulated
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

    def __init__(self, jobs: Jobs, cities: Cities, dispatcher: Dispatcher, clerks: Clerks, settings: Settings) -> None:
        self._jobs, self._cities, self._dispatcher, self._settings = jobs, cities, dispatcher, settings
        self._clerks = clerks
        self._made = Remembered(convert.plan)
        self._lists = RememberedLists[plan_pb2.ListPlansResponse](jobs)

    @unary
    async def DesignFeeders(self, request: plan_pb2.DesignFeedersRequest) -> operations_pb2.Operation:  # noqa: N802
        """Queue a design on a finished run."""
        return await self._queued(request, self._queue)

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
            content["simulated"] = {k: asked.get(k) for k in ("sample", "max_days")}
            content["placements"] = request.placements or PLACEMENTS
        if asked.get("parameters"):
            content["parameters"] = asked["parameters"]
        if not 0 <= request.placements <= MOST_PLACEMENTS:
            raise FieldError("placements", f"saw {request.placements}; expected 0 to {MOST_PLACEMENTS}")
        if request.placements > 1 and request.rounds <= 1:
            raise FieldError("placements", f"saw {request.placements} without rounds; expected rounds of 2 or more")
        for name, most, unit in (
            ("range_km", MOST_RANGE_KM, "km"),
            ("charge_km_h", MOST_RANGE_KM, "km"),
            ("turn_m", MOST_TURN_M, "m"),
            ("gap", MOST_GAP, "of the bound"),
            ("seconds", MOST_SECONDS, "s"),
        ):
            value = getattr(request, name)
            if not 0 <= value <= most:
                raise FieldError(name, f"saw {value:g}; expected 0 to {most} {unit}")
            if value:
                content[name] = value
        if request.loops:
            content["loops"] = True
        if request.HasField("street_buses_h"):
            if not 0 < request.street_buses_h <= MOST_STREET_BUSES_H:
                expected = f"more than 0 and at most {MOST_STREET_BUSES_H} buses an hour, or unset"
                raise FieldError("street_buses_h", f"saw {request.street_buses_h:g}; expected {expected}")
            content["street_buses_h"] = request.street_buses_h
        if request.HasField("rules"):
            limits = {k: content.get(k) for k in ("vehicles", "budget_cny_day", "street_buses_h")}
            content["rules"] = self._rules(MessageToDict(request.rules), limits)
        if request.keep:
            content["keep"] = self._kept(request.keep, network)
        if request.start:
            content["start"] = self._routes_of(request.start, "start")
        return self._add(request, content)

    def _rules(self, asked: dict[str, Any], limits: dict[str, Any]) -> dict[str, Any]:
        """Return rules of a design as plain data, once they make sense alone, together and with its limits."""
        from greentrip_optimizer.options import FeederOptions
        from greentrip_optimizer.rules import rules_of

        try:
            FeederOptions(**limits, **rules_of(asked))
        except ScenarioError as error:
            raise ScenarioError("rules", str(error)) from error
        return asked

    def _kept(self, name: str, network: "Network") -> list[dict[str, Any]]:
        """Return a plan's routes, if the run's network has their streets and does not run them already."""
        from greentrip_networks.scenario import intervention_from_dict

        routes = self._routes_of(name, "keep")
        try:
            intervention_from_dict({"kind": "AddFeeders", "routes": routes}).apply(network)
        except (ScenarioError, UnknownNameError) as error:
            raise FieldError("keep", f"{name}: {error}") from error
        return routes

    def _routes_of(self, name: str, field: str) -> list[dict[str, Any]]:
        """Return a plan's routes, at least one."""
        routes = self._jobs.get(PlanRow, name, PLANS, field).document["routes"]
        if not routes:
            raise FieldError(field, f"{name} has no routes; expected a plan with at least one")
        return list(routes)

    @unary
    async def AdjustLines(self, request: plan_pb2.AdjustLinesRequest) -> operations_pb2.Operation:  # noqa: N802
        """Queue a fitting of bus lines to rail."""
        return await self._queued(request, self._lines)

    def _lines(self, request: plan_pb2.AdjustLinesRequest) -> JobRow:
        """Check what lines may become and store the job as queued."""
        from greentrip_optimizer.line_actions import LineOptions

        content, network = self._of_run(request, "lines")
        if not network.buses.lines:
            raise FieldError("run", f"is of {content['network']}, which has no bus line; expected lines to adjust")
        given = {n: getattr(request, n) for n in ("near_m", "least_share", "full") if getattr(request, n)}
        if request.HasField("vehicles"):
            given["vehicles"] = request.vehicles
        _checked(LineOptions, given)
        return self._add(request, {**content, "options": given})

    @unary
    async def DesignCommuterBuses(  # noqa: N802
        self, request: plan_pb2.DesignCommuterBusesRequest
    ) -> operations_pb2.Operation:
        """Queue a design of customised buses."""
        return await self._queued(request, self._commuter_buses)

    def _commuter_buses(self, request: plan_pb2.DesignCommuterBusesRequest) -> JobRow:
        """Check a design of customised buses and store it as queued."""
        from greentrip_optimizer.commuter_options import CommuterOptions

        content, _ = self._of_run(request, "commuter-buses")
        if not 1 <= request.vehicles <= MOST_VEHICLES:
            raise FieldError("vehicles", f"saw {request.vehicles}; expected 1 to {MOST_VEHICLES} buses")
        given: dict[str, Any] = {"vehicles": request.vehicles}
        if request.seats:
            given["seats"] = request.seats
        if request.prices_cny:
            given["prices_cny"] = sorted(set(request.prices_cny))
        if request.arrive:
            given["arrive"] = list(request.arrive)
            given["arrive_share"] = [1 / len(request.arrive)] * len(request.arrive)
        _checked(CommuterOptions, given)
        return self._add(request, {**content, "options": given})

    @unary
    async def ScheduleLines(  # noqa: N802
        self, request: plan_pb2.ScheduleLinesRequest
    ) -> plan_pb2.ScheduleLinesResponse:
        """Answer a question about given lines."""
        return await self._clerks.ask(schedule, request)

    async def _queued(self, request: Any, check: Callable[[Any], JobRow]) -> operations_pb2.Operation:
        """Queue a job that makes a plan and return its operation."""
        row = await asyncio.to_thread(check, request)
        if request.validate_only:
            return operations_pb2.Operation(done=True)
        self._dispatcher.wake()
        plans = await asyncio.to_thread(plan_of, self._jobs, row)
        return convert.operation(row, self._dispatcher.progress(row), plans)

    def _of_run(self, request: Any, design: str) -> tuple[dict[str, Any], "Network"]:
        """Return what every job on a finished run holds, and the run's network."""
        if request.seed < 0:
            raise FieldError("seed", f"saw {request.seed}; expected 0 or more")
        check_description(request.description, "description")
        run = finished(self._jobs, request.run, "run")
        asked = run.input
        network = self._cities.build(asked["network"], asked["placement"], asked["interventions"])
        content = {
            "design": design,
            "network": asked["network"],
            "placement": asked["placement"],
            "interventions": asked["interventions"],
            "run": run.input_hash,
            "seed": request.seed,
            **({"parameters": asked["parameters"]} if asked.get("parameters") else {}),
        }
        return content, network

    def _add(self, request: Any, content: dict[str, Any]) -> JobRow:
        """Store a job that makes a plan as queued."""
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
    async def GetPlan(self, request: plan_pb2.GetPlanRequest) -> plan_pb2.Plan:  # noqa: N802
        """Return one plan."""
        row = self._jobs.known(PlanRow, request.name, PLANS)
        if row is None:
            row = await reading(self._jobs.get, PlanRow, request.name, PLANS)
        return masked(self._made(row), request.read_mask)

    @unary
    async def ListPlans(self, request: plan_pb2.ListPlansRequest) -> plan_pb2.ListPlansResponse:  # noqa: N802
        """List plans, oldest first."""
        return await self._lists.answer(request, lambda: (self._list(request), True))

    def _list(self, request: plan_pb2.ListPlansRequest) -> plan_pb2.ListPlansResponse:
        """Return a page of plans."""
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
    async def ComparePlans(self, request: plan_pb2.ComparePlansRequest) -> plan_pb2.PlanDifference:  # noqa: N802
        """Compare two plans as sets of routes."""
        return await self._clerks.ask(plan_difference, request)

    @streaming
    async def ExportPlan(self, request: plan_pb2.ExportPlanRequest) -> AsyncIterator[plan_pb2.ExportPlanResponse]:  # noqa: N802
        """Stream a plan as zipped GTFS."""
        if request.offset < 0:
            raise FieldError("offset", f"saw {request.offset}; expected 0 or more")
        for piece in pieces((await self._clerks.ask(plan_feed, request.name))[request.offset :]):
            yield plan_pb2.ExportPlanResponse(content=piece)


def schedule(_: Desk, request: plan_pb2.ScheduleLinesRequest) -> plan_pb2.ScheduleLinesResponse:
    """Answer a question about given lines."""
    from greentrip_optimizer.given_lines import QUESTIONS, answer

    if request.question not in QUESTIONS:
        raise FieldError("question", f"saw {request.question!r}; expected one of {', '.join(QUESTIONS)}")
    try:
        found = answer(request.question, MessageToDict(request.given))
    except ScenarioError as error:
        raise FieldError("given", str(error)) from error
    return plan_pb2.ScheduleLinesResponse(answer=convert.struct(found))


def plan_difference(desk: Desk, request: plan_pb2.ComparePlansRequest) -> plan_pb2.PlanDifference:
    """Compare two plans of one network."""
    from greentrip_optimizer import Plan
    from greentrip_optimizer.plan_diff import plan_diff

    rows = [desk.jobs.get(PlanRow, getattr(request, f), PLANS, f) for f in ("before", "after")]
    if rows[0].network != rows[1].network:
        raise FieldError("after", f"is on {rows[1].network}, before on {rows[0].network}; expected one network")
    network = desk.cities.get(rows[0].network, rows[0].placement)
    before, after = (Plan.from_dict(row.document) for row in rows)
    return convert.plan_difference(plan_diff(before, after, network).to_dict(), [f"{PLANS}/{r.id}" for r in rows])


def plan_feed(desk: Desk, name: str) -> bytes:
    """Return a plan's zipped feed."""
    from greentrip_optimizer import Plan

    row = desk.jobs.get(PlanRow, name, PLANS)
    network = desk.cities.get(row.network, row.placement)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "feed.zip"
        Plan.from_dict(row.document).write_gtfs(path, network)
        return path.read_bytes()


def _checked(kind: type[Any], given: Mapping[str, Any]) -> None:
    """Raise FieldError for options that the design would refuse."""
    try:
        kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    except ScenarioError as error:
        raise FieldError("options", str(error)) from error


def plan_of(jobs: Jobs, row: JobRow) -> PlanRow | None:
    """Return the plan that a finished design made."""
    if row.kind != PLANS or row.state != "succeeded":
        return None
    return jobs.get(PlanRow, row.name, PLANS)
