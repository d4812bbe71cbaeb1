"""A set of finished runs that answers like one: results, tables and comparisons over all its seeds."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from greentrip.v1 import comparison_pb2, run_pb2

if TYPE_CHECKING:
    from greentrip.client.client import Client


class Runs:
    """Runs of one scenario, one for each seed."""

    def __init__(self, client: "Client", runs: Sequence[run_pb2.Run]) -> None:
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

    def results(self) -> list[run_pb2.RunResult]:
        """Return what each run found."""
        return [self._client.result(name) for name in self.names]

    def compare(self, base: "Runs") -> comparison_pb2.Comparison:
        """Compare with runs of another scenario under the same seeds."""
        return self._client.compare(base.names, self.names)

    def trips(self) -> Any:
        """Return all trips as a polars DataFrame with a column `seed`."""
        return self.table("trips")

    def table(self, name: str) -> Any:
        """Return a table (`trips`, `links` or `lines`) of all runs as a polars DataFrame with a column `seed`."""
        # Imported by name: without this call the client needs neither polars nor numpy.
        polars = import_module("polars")
        frames = [
            polars.read_ipc_stream(self._client.table(run.name, name)).with_columns(
                seed=polars.lit(run.seed, polars.Int64)
            )
            for run in self.runs
        ]
        return polars.concat(frames)
