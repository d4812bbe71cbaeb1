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

    def trips(self, kind: str = "polars") -> Any:
        """Return all trips as a data frame with a column `seed`."""
        return self.table("trips", kind)

    def table(self, name: str, kind: str = "polars") -> Any:
        """Return a table (`trips`, `links` or `lines`) of all runs as a data frame with a column `seed`.

        kind is `polars` or `pandas`; the library of that name must be installed.
        """
        frames = [self._client.frame(run.name, name, kind) for run in self.runs]
        library = import_module(kind)
        if kind == "pandas":
            named = [made.assign(seed=run.seed) for made, run in zip(frames, self.runs, strict=True)]
            return library.concat(named, ignore_index=True)
        return library.concat(
            [
                made.with_columns(seed=library.lit(run.seed, library.Int64))
                for made, run in zip(frames, self.runs, strict=True)
            ]
        )
