"""The scenario service: scenarios that are known to build."""

import time
from typing import Any

from google.protobuf.empty_pb2 import Empty
from greentrip.interventions import KINDS, to_dict
from greentrip.v1 import scenario_pb2, scenario_pb2_grpc
from greentrip_networks.errors import ScenarioError

from greentrip_server import convert, filters
from greentrip_server.answer import Remembered, RememberedLists, changes, masked, reading, unary
from greentrip_server.cities import Cities
from greentrip_server.errors import FieldError
from greentrip_server.jobs import Jobs, check_description, digest, last_part
from greentrip_server.tables import ScenarioRow

MOST_INTERVENTIONS = 1000
FILTERS = {
    "name": filters.text("scenarios/" + ScenarioRow.id),
    "network": filters.text(ScenarioRow.network),
    "description": filters.text(ScenarioRow.description),
    "creator": filters.text(ScenarioRow.client),
    "create_time": filters.time(ScenarioRow.created),
    "update_time": filters.time(ScenarioRow.updated),
}


class ScenarioService(scenario_pb2_grpc.ScenarioServiceServicer):
    """Keeps scenarios."""

    def __init__(self, jobs: Jobs, cities: Cities) -> None:
        self._jobs, self._cities = jobs, cities
        self._made = Remembered(convert.scenario)
        self._lists = RememberedLists[scenario_pb2.ListScenariosResponse](jobs)

    @unary
    def CreateScenario(self, request: scenario_pb2.CreateScenarioRequest) -> scenario_pb2.Scenario:  # noqa: N802
        """Build the scenario, then store it."""
        asked = request.scenario
        last_part(asked.network, "networks", "scenario.network")
        check_description(asked.description, "scenario.description")
        if len(asked.interventions) > MOST_INTERVENTIONS:
            raise FieldError(
                "scenario.interventions", f"saw {len(asked.interventions)}; expected at most {MOST_INTERVENTIONS}"
            )
        steps = [to_dict(step) for step in asked.interventions]
        for i, step in enumerate(steps):
            if not step["kind"]:
                raise ScenarioError(
                    f"scenario.interventions[{i}]",
                    "is empty, or of a kind that this server does not know; set one kind",
                )
        content = {"network": asked.network, "interventions": steps}
        row = ScenarioRow(
            network=asked.network,
            interventions=steps,
            description=asked.description,
            content_hash=digest(content),
            request_id=request.request_id or None,
            request_hash=digest({**content, "description": asked.description, "id": request.scenario_id}),
            created=time.time(),
        )
        try:
            self._cities.build(asked.network, 0, steps)
        except ScenarioError as error:
            raise ScenarioError(f"scenario.{_path(error)}", str(error).removeprefix(f"{error.field}: ")) from error
        return convert.scenario(self._jobs.add(row, request.scenario_id, "scenario_id", dry=request.validate_only))

    @unary
    async def GetScenario(self, request: scenario_pb2.GetScenarioRequest) -> scenario_pb2.Scenario:  # noqa: N802
        """Return one scenario."""
        row = self._jobs.known(ScenarioRow, request.name, "scenarios")
        if row is None:
            row = await reading(self._jobs.get, ScenarioRow, request.name, "scenarios")
        return masked(self._made(row), request.read_mask)

    @unary
    async def ListScenarios(  # noqa: N802
        self, request: scenario_pb2.ListScenariosRequest
    ) -> scenario_pb2.ListScenariosResponse:
        """List scenarios, oldest first."""
        return await self._lists.answer(request, lambda: (self._list(request), True))

    def _list(self, request: scenario_pb2.ListScenariosRequest) -> scenario_pb2.ListScenariosResponse:
        """Return a page of scenarios."""
        rows, token = self._jobs.page(
            ScenarioRow,
            request.page_size,
            request.page_token,
            where=filters.conditions(request.filter, FILTERS),
            asked=request.filter,
            archived=request.show_archived,
        )
        found = [masked(convert.scenario(row), request.read_mask) for row in rows]
        return scenario_pb2.ListScenariosResponse(scenarios=found, next_page_token=token)

    @unary
    def UpdateScenario(self, request: scenario_pb2.UpdateScenarioRequest) -> scenario_pb2.Scenario:  # noqa: N802
        """Change the description, or whether it is archived."""
        asked = request.scenario
        values = stored(changes(asked, request.update_mask, ("description", "archived"), "the scenario"), "scenario")
        return convert.scenario(self._jobs.update(ScenarioRow, asked.name, "scenarios", asked.etag, values))

    @unary
    def DeleteScenario(self, request: scenario_pb2.DeleteScenarioRequest) -> Empty:  # noqa: N802
        """Remove a scenario that no run refers to."""
        self._jobs.delete(self._jobs.get(ScenarioRow, request.name, "scenarios"), request.etag)
        return Empty()


def stored(values: dict[str, Any], place: str) -> dict[str, Any]:
    """Return what an update changes as columns: an archived resource keeps since when."""
    if "description" in values:
        check_description(values["description"], f"{place}.description")
    if "archived" in values:
        values["archived"] = time.time() if values["archived"] else None
    return values


def _path(error: ScenarioError) -> str:
    """Return the request's field that an error of the model means, such as `interventions[0].set_headway.headway_s`."""
    place, _, kind = error.field.removesuffix(")").partition(" (")
    inner = error.__cause__
    parts = [place, KINDS.get(kind, ""), inner.field if isinstance(inner, ScenarioError) else ""]
    return ".".join(part for part in parts if part)
