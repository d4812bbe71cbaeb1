"""The comparison service: runs of two scenarios, paired by seed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from greentrip.v1 import comparison_pb2, comparison_pb2_grpc

from greentrip_server import convert
from greentrip_server.answer import unary
from greentrip_server.clerks import Clerks
from greentrip_server.desk import Desk
from greentrip_server.errors import FieldError
from greentrip_server.services.runs import finished
from greentrip_server.tables import JobRow

if TYPE_CHECKING:
    from greentrip_networks.network import Network


class ComparisonService(comparison_pb2_grpc.ComparisonServiceServicer):
    """Compares runs."""

    def __init__(self, clerks: Clerks) -> None:
        self._clerks = clerks

    @unary
    async def CompareScenarios(  # noqa: N802
        self, request: comparison_pb2.CompareScenariosRequest
    ) -> comparison_pb2.ScenarioComparison:
        """Compare any number of scenarios with one of them."""
        return await self._clerks.ask(scenario_comparison, request)

    @unary
    async def CompareRuns(self, request: comparison_pb2.CompareRunsRequest) -> comparison_pb2.Comparison:  # noqa: N802
        """Pair runs by seed and compare them."""
        return await self._clerks.ask(run_comparison, request)


def scenario_comparison(
    desk: Desk, request: comparison_pb2.CompareScenariosRequest
) -> comparison_pb2.ScenarioComparison:
    """Compare scenarios with one of them."""
    from greentrip_server.experiments.compare import compare_sides
    from greentrip_server.experiments.sides import find_sides

    summary = compare_sides(
        find_sides(request.sides, request.baseline, desk.jobs, desk.members),
        indicators=request.indicators,
        level=request.level or 0.95,
        detail=request.detail,
        cities=desk.cities,
        directory=desk.directory,
    )
    return convert.scenario_comparison(summary)


def run_comparison(desk: Desk, request: comparison_pb2.CompareRunsRequest) -> comparison_pb2.Comparison:
    """Compare runs in pairs."""
    from greentrip_agents import compare

    network, base, other = load_pairs(desk, request.base_runs, request.other_runs)
    return convert.comparison(compare(base, other, network).summary)


def load_pairs(
    desk: Desk, base_runs: Sequence[str], other_runs: Sequence[str]
) -> "tuple[Network, list[Any], list[Any]]":
    """Return the base network and the runs of both sides; raise FieldError when they do not pair."""
    from greentrip_agents import Run

    sides: list[list[JobRow]] = []
    for field, names in (("base_runs", base_runs), ("other_runs", other_runs)):
        if not names:
            raise FieldError(field, "is empty; expected at least one finished run")
        sides.append([finished(desk.jobs, name, f"{field}[{i}]") for i, name in enumerate(names)])
    base, other = ([_pair_key(row) for row in side] for side in sides)
    if sorted(base) != sorted(other) or len(set(base)) != len(base):
        raise FieldError(
            "other_runs",
            f"has (network, placement, sample, seed) {sorted(other)}; "
            f"expected the same as base_runs, each once: {sorted(base)}",
        )
    asked = sides[0][0].input
    network = desk.cities.build(asked["network"], asked["placement"], asked["interventions"])
    loaded = [[Run.load(desk.directory.folder(row.id)) for row in side] for side in sides]
    return network, loaded[0], loaded[1]


def _pair_key(row: JobRow) -> tuple[str, int, float, int]:
    """Return what must be equal in a pair."""
    asked = row.input
    return asked["network"], asked["placement"], asked["sample"], asked["seed"]
