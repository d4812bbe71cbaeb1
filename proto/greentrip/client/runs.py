"""A set of finished runs that answers like one: results, tables and comparisons over all its seeds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from greentrip.client.frames import with_seeds
from greentrip.v1 import comparison_pb2, run_pb2

if TYPE_CHECKING:
    from greentrip.client.async_client import AsyncClient
    from greentrip.client.client import Client


class _Set:
    """Runs of one scenario, one for each seed."""

    def __init__(self, client: Any, runs: Sequence[run_pb2.Run]) -> None:
        self._client = client
        self.runs = tuple(runs)

    @property
    def names(self) -> tuple[str, ...]:
        """Resource names, in the order of the seeds asked for."""
        return tuple(r.name for r in self.runs)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds."""
        return tuple(r.seed for r in self.runs)


class Runs(_Set):
    """Runs of one scenario, one for each seed."""

    _client: "Client"

    def results(self) -> list[run_pb2.RunResult]:
        """Return what each run found."""
        return [self._client.result(name) for name in self.names]

    def compare(self, base: "Runs") -> comparison_pb2.Comparison:
        """Compare with runs of another scenario under the same seeds."""
        return self._client.compare(base.names, self.names)

    def trips(self, kind: str = "polars") -> Any:
        """Return all trips as a data frame with a column `seed`."""
        return self.table("trips", kind)

    def table(self, name: str, kind: str = "polars") -> Any:
        """Return a table (`trips`, `links` or `lines`) of all runs as a data frame with a column `seed`.

        kind is `polars` or `pandas`; the library of that name must be installed.
        """
        return with_seeds([self._client.frame(run, name, kind) for run in self.names], self.seeds, kind)


class AsyncRuns(_Set):
    """Runs of one scenario, one for each seed; what is asked of them is awaited."""

    _client: "AsyncClient"

    async def results(self) -> list[run_pb2.RunResult]:
        """Return what each run found."""
        return [await self._client.result(name) for name in self.names]

    async def compare(self, base: "AsyncRuns") -> comparison_pb2.Comparison:
        """Compare with runs of another scenario under the same seeds."""
        return await self._client.compare(base.names, self.names)

    async def trips(self, kind: str = "polars") -> Any:
        """Return all trips as a data frame with a column `seed`."""
        return await self.table("trips", kind)

    async def table(self, name: str, kind: str = "polars") -> Any:
        """Return a table of all runs as a data frame, as `Runs.table` does."""
        return with_seeds([await self._client.frame(run, name, kind) for run in self.names], self.seeds, kind)
