"""The verbs on experiments and comparisons of many scenarios."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import ParseDict

from greentrip.client.asking import RunSet, names_of, pages, within
from greentrip.client.wire import Wire
from greentrip.v1 import (
    comparison_pb2,
    comparison_pb2_grpc,
    experiment_pb2,
    experiment_pb2_grpc,
    report_pb2,
    report_pb2_grpc,
)


class ExperimentVerbs:
    """What one does with experiments."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._experiments = experiment_pb2_grpc.ExperimentServiceStub(wire.channel)
        self._comparisons = comparison_pb2_grpc.ComparisonServiceStub(wire.channel)
        self._reports = report_pb2_grpc.ReportServiceStub(wire.channel)

    async def compare_scenarios(
        self,
        *sides: str | Sequence[str] | RunSet,
        baseline: str = "",
        indicators: Sequence[str] = (),
        level: float = 0.95,
        detail: bool = False,
    ) -> comparison_pb2.ScenarioComparison:
        """Compare any number of scenarios with one of them.

        Parameters
        ----------
        sides
            An experiment (all its scenarios), `experiment:scenario`, or runs: names separated by commas, or a set.
        baseline
            The side compared with; empty takes the experiment's, or else the first.
        indicators
            Names or their beginnings; none means the experiment's, or else the usual ones.
        level
            Confidence of intervals.
        detail
            Read the trips too: districts, flows, winners and losers, lines, stations, links, verdict.

        """
        texts = [side if isinstance(side, str) else ",".join(names_of(side)) for side in sides]
        request = comparison_pb2.CompareScenariosRequest(
            sides=texts, baseline=baseline, indicators=indicators, level=level, detail=detail
        )
        return await self.wire.ask(self._comparisons.CompareScenarios, request)

    async def run_experiment(
        self,
        spec: str | Mapping[str, Any] | experiment_pb2.ExperimentSpec,
        *,
        seeds: Sequence[int] = (),
        validate_only: bool = False,
    ) -> experiment_pb2.Experiment:
        """Store an experiment, or change the one of its name, and start the runs that are missing; does not wait.

        Parameters
        ----------
        spec
            The text of a TOML file, the same as a mapping, or a message.
        seeds
            Seeds instead of the specification's own.
        validate_only
            Check and count only.

        """
        request = experiment_pb2.RunExperimentRequest(seeds=seeds, validate_only=validate_only)
        if isinstance(spec, str):
            request.toml = spec
        elif isinstance(spec, Mapping):
            ParseDict(dict(spec), request.spec)
        else:
            request.spec.CopyFrom(spec)
        return await self.wire.ask(self._experiments.RunExperiment, request)

    async def experiment(self, name: str) -> experiment_pb2.Experiment:
        """Return one experiment as it stands."""
        request = experiment_pb2.GetExperimentRequest(name=within("experiments", name))
        return await self.wire.ask(self._experiments.GetExperiment, request)

    async def experiments(self) -> list[experiment_pb2.Experiment]:
        """Return all experiments without their scenarios and runs, oldest first."""
        return [
            item
            async for item in pages(
                self.wire, self._experiments.ListExperiments, experiment_pb2.ListExperimentsRequest(), "experiments"
            )
        ]

    async def watch_experiment(self, name: str) -> AsyncIterator[experiment_pb2.Experiment]:
        """Yield an experiment whenever it changes, until it is done, paused or cancelled."""
        request = experiment_pb2.WatchExperimentRequest(name=within("experiments", name))
        async for made in self.wire.stream(self._experiments.WatchExperiment, request):
            yield made

    async def pause_experiment(self, name: str) -> experiment_pb2.Experiment:
        """Start no further run of an experiment."""
        request = experiment_pb2.PauseExperimentRequest(name=within("experiments", name))
        return await self.wire.ask(self._experiments.PauseExperiment, request)

    async def resume_experiment(self, name: str) -> experiment_pb2.Experiment:
        """Go on with an experiment that was paused or cancelled."""
        request = experiment_pb2.ResumeExperimentRequest(name=within("experiments", name))
        return await self.wire.ask(self._experiments.ResumeExperiment, request)

    async def cancel_experiment(self, name: str) -> experiment_pb2.Experiment:
        """Stop an experiment and its runs; what has finished stays."""
        request = experiment_pb2.CancelExperimentRequest(name=within("experiments", name))
        return await self.wire.ask(self._experiments.CancelExperiment, request)

    async def query_experiment(self, name: str, sql: str, output: str = "arrow") -> bytes:
        """Return the answer to one SELECT over trips, sums, links, lines, figures, scenarios, as arrow, csv or json."""
        request = experiment_pb2.QueryExperimentRequest(name=within("experiments", name), sql=sql, format=output)
        return b"".join([piece.content async for piece in self.wire.stream(self._experiments.QueryExperiment, request)])

    async def experiment_report(self, name: str, *, baseline: str = "", detailed: int = 4) -> dict[str, bytes]:
        """Return the files of a report on an experiment by path: HTML, PDF, CSV, XLSX and the specification."""
        request = report_pb2.RenderExperimentRequest(
            experiment=within("experiments", name), baseline=baseline, detailed=detailed
        )
        found: dict[str, bytes] = {}
        async for piece in self.wire.stream(self._reports.RenderExperiment, request):
            found[piece.path] = found.get(piece.path, b"") + piece.content
        return found

    async def experiment_result(self, name: str) -> experiment_pb2.ExperimentResult:
        """Return the figures of the runs that have finished, and what is missing."""
        request = experiment_pb2.GetExperimentResultRequest(name=within("experiments", name))
        return await self.wire.ask(self._experiments.GetExperimentResult, request)
