"""The comparison service: runs of two scenarios, paired by seed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from greentrip.v1 import comparison_pb2, comparison_pb2_grpc

from greentrip_server import convert
from greentrip_server.answer import unary
from greentrip_server.cities import Cities
from greentrip_server.directory import DataDirectory
from greentrip_server.errors import FieldError
from greentrip_server.experiments.members import Members
from greentrip_server.jobs import Jobs
from greentrip_server.services.runs import finished
from greentrip_server.tables import JobRow

if TYPE_CHECKING:
    from greentrip_networks.network import Network


class Pairs:
    """Loads runs from storage and compares them."""

    def __init__(self, jobs: Jobs, cities: Cities, directory: DataDirectory) -> None:
        self.jobs, self.cities, self.directory = jobs, cities, directory

    def load(self, base_runs: Sequence[str], other_runs: Sequence[str]) -> "tuple[Network, list[Any], list[Any]]":
        """Return the base network and the runs of both sides; raise FieldError when they do not pair."""
        from greentrip_agents import Run

        sides: list[list[JobRow]] = []
        for field, names in (("base_runs", base_runs), ("other_runs", other_runs)):
            if not names:
                raise FieldError(field, "is empty; expected at least one finished run")
            sides.append([finished(self.jobs, name, f"{field}[{i}]") for i, name in enumerate(names)])
        base, other = ([self._key(row) for row in side] for side in sides)
        if sorted(base) != sorted(other) or len(set(base)) != len(base):
            raise FieldError(
                "other_runs",
                f"has (network, placement, sample, seed) {sorted(other)}; "
                f"expected the same as base_runs, each once: {sorted(base)}",
            )
        asked = sides[0][0].input
        network = self.cities.build(asked["network"], asked["placement"], asked["interventions"])
        loaded = [[Run.load(self.directory.folder(row.id)) for row in side] for side in sides]
        return network, loaded[0], loaded[1]

    @staticmethod
    def _key(row: JobRow) -> tuple[str, int, float, int]:
        """Return what must be equal in a pair."""
        asked = row.input
        return asked["network"], asked["placement"], asked["sample"], asked["seed"]


class ComparisonService(comparison_pb2_grpc.ComparisonServiceServicer):
    """Compares runs."""

    def __init__(self, pairs: Pairs, members: Members) -> None:
        self._pairs, self._members = pairs, members

    @unary
    def CompareScenarios(  # noqa: N802
        self, request: comparison_pb2.CompareScenariosRequest
    ) -> comparison_pb2.ScenarioComparison:
        """Compare any number of scenarios with one of them."""
        from greentrip_server.experiments.compare import compare_sides
        from greentrip_server.experiments.sides import find_sides

        found = find_sides(request.sides, request.baseline, self._pairs.jobs, self._members)
        summary = compare_sides(
            found,
            indicators=request.indicators,
            level=request.level or 0.95,
            detail=request.detail,
            cities=self._pairs.cities,
            directory=self._pairs.directory,
        )
        return convert.scenario_comparison(summary)

    @unary
    def CompareRuns(self, request: comparison_pb2.CompareRunsRequest) -> comparison_pb2.Comparison:  # noqa: N802
        """Pair runs by seed and compare them."""
        from greentrip_agents import compare

        network, base, other = self._pairs.load(request.base_runs, request.other_runs)
        return convert.comparison(compare(base, other, network).summary)
