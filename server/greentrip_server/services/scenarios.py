"""The scenario service: scenarios that are known to build."""

import time

from google.protobuf.empty_pb2 import Empty
from greentrip.interventions import KINDS, to_dict
from greentrip.v1 import scenario_pb2, scenario_pb2_grpc
from greentrip_networks.errors import ScenarioError

from greentrip_server import convert
from greentrip_server.answer import unary
from greentrip_server.cities import Cities
from greentrip_server.jobs import Jobs, digest, last_part
from greentrip_server.tables import ScenarioRow


class ScenarioService(scenario_pb2_grpc.ScenarioServiceServicer):
    """Keeps scenarios."""

    def __init__(self, jobs: Jobs, cities: Cities) -> None:
        self._jobs, self._cities = jobs, cities

    @unary
    def CreateScenario(self, request: scenario_pb2.CreateScenarioRequest) -> scenario_pb2.Scenario:  # noqa: N802
        """Build the scenario, then store it."""
        asked = request.scenario
        last_part(asked.network, "networks", "scenario.network")
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
    def GetScenario(self, request: scenario_pb2.GetScenarioRequest) -> scenario_pb2.Scenario:  # noqa: N802
        """Return one scenario."""
        return convert.scenario(self._jobs.get(ScenarioRow, request.name, "scenarios"))

    @unary
    def ListScenarios(self, request: scenario_pb2.ListScenariosRequest) -> scenario_pb2.ListScenariosResponse:  # noqa: N802
        """List scenarios, oldest first."""
        rows, token = self._jobs.page(ScenarioRow, request.page_size, request.page_token)
        return scenario_pb2.ListScenariosResponse(scenarios=[convert.scenario(r) for r in rows], next_page_token=token)

    @unary
    def DeleteScenario(self, request: scenario_pb2.DeleteScenarioRequest) -> Empty:  # noqa: N802
        """Remove a scenario that no run refers to."""
        self._jobs.delete(self._jobs.get(ScenarioRow, request.name, "scenarios"))
        return Empty()


def _path(error: ScenarioError) -> str:
    """Return the request's field that an error of the model means, such as `interventions[0].set_headway.headway_s`."""
    place, _, kind = error.field.removesuffix(")").partition(" (")
    inner = error.__cause__
    parts = [place, KINDS.get(kind, ""), inner.field if isinstance(inner, ScenarioError) else ""]
    return ".".join(part for part in parts if part)
