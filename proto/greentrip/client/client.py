"""The service's verbs as methods; a call that is refused raises CallError with the server's reasons."""

import hashlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict

from greentrip.client.channels import Credentials, open_channel
from greentrip.client.embedded import Embedded
from greentrip.client.errors import CallError, ConnectError, call_error, from_status
from greentrip.client.frames import frame
from greentrip.client.indicators import Indicators
from greentrip.client.networks import NetworkFiles
from greentrip.client.runs import Runs
from greentrip.interventions import to_message
from greentrip.v1 import (
    comparison_pb2,
    comparison_pb2_grpc,
    experiment_pb2,
    experiment_pb2_grpc,
    network_pb2,
    network_pb2_grpc,
    plan_pb2,
    plan_pb2_grpc,
    report_pb2,
    report_pb2_grpc,
    run_pb2,
    run_pb2_grpc,
    scenario_pb2,
    scenario_pb2_grpc,
)

Request = TypeVar("Request")
Reply = TypeVar("Reply")

DEFAULT_DATA_DIR = "greentrip-data"
REACH_S = 5.0  # a server on this machine answers at once
WATCH_TRIES = 15  # about half a minute
TERMINAL = (run_pb2.RUN_STATE_SUCCEEDED, run_pb2.RUN_STATE_FAILED, run_pb2.RUN_STATE_CANCELLED)


def connect(
    address: str | None = None,
    data_dir: str | Path | None = None,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    credentials: Credentials | None = None,
) -> "Client":
    """Return a client of a server, or of one that is started on a data directory and ends with the client.

    Parameters
    ----------
    address
        `host:port` of a running server; None for the data directory's own.
    data_dir
        Data directory; None means GREENTRIP_DATA, else `greentrip-data`.
    workers
        Worker processes at most, when a server is started; None means one a core.
    cluster
        `ray://host:port` of a Ray cluster that a server started here sends its runs to; None computes here.
    credentials
        Token, authority and certificate for a server elsewhere; None means as the environment says.

    Raises
    ------
    ConnectError
        When no server answers or starts, or one is running already that computes elsewhere than on the cluster.

    """
    if address is None:
        folder = Path(data_dir or os.environ.get("GREENTRIP_DATA") or DEFAULT_DATA_DIR)
        return Client(Embedded(folder, workers, cluster))
    if cluster is not None:
        raise ConnectError(
            f"{address} chooses for itself where it computes; start it with `greentrip serve --cluster {cluster}`"
        )
    channel = open_channel(address, credentials or Credentials.from_environment())
    try:
        grpc.channel_ready_future(channel).result(timeout=REACH_S)
    except grpc.FutureTimeoutError:
        channel.close()
        raise ConnectError(
            f"no server answers at {address}; start one with `greentrip serve`, or name its certificate's authority "
            "in GREENTRIP_CA"
        ) from None
    return Client(channel)


class Client:
    """One server; close it, or use it in a `with` block."""

    def __init__(self, server: Embedded | grpc.Channel) -> None:
        self._server = server
        self.channel = server.channel if isinstance(server, Embedded) else server
        self._networks = network_pb2_grpc.NetworkServiceStub(self.channel)
        self._scenarios = scenario_pb2_grpc.ScenarioServiceStub(self.channel)
        self._plans = plan_pb2_grpc.PlanServiceStub(self.channel)
        self._runs = run_pb2_grpc.RunServiceStub(self.channel)
        self._comparisons = comparison_pb2_grpc.ComparisonServiceStub(self.channel)
        self._experiments = experiment_pb2_grpc.ExperimentServiceStub(self.channel)
        self._reports = report_pb2_grpc.ReportServiceStub(self.channel)
        self._operations = operations_pb2_grpc.OperationsStub(self.channel)
        self.indicators = Indicators(self.channel)
        self.network_files = NetworkFiles(self.channel)

    def __enter__(self) -> Self:
        """Use the client in a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Close the channel; a server that this client started ends, unfinished runs go on when it is next started."""
        self._server.close()

    def networks(self) -> list[str]:
        """Return the names of the networks."""
        found = _pages(self._networks.ListNetworks, network_pb2.ListNetworksRequest(), "networks")
        return [n.name.removeprefix("networks/") for n in found]

    def network(self, name: str) -> network_pb2.Network:
        """Return one network with its counts."""
        return _call(self._networks.GetNetwork, network_pb2.GetNetworkRequest(name=_in("networks", name)))

    def create_scenario(
        self,
        network: str,
        interventions: Iterable[Any] = (),
        *,
        name: str = "",
        description: str = "",
        request_id: str = "",
        validate_only: bool = False,
    ) -> scenario_pb2.Scenario:
        """Store a scenario; interventions are messages, the model's dataclasses or mappings with a `kind`."""
        request = scenario_pb2.CreateScenarioRequest(
            scenario=scenario_pb2.Scenario(
                network=_in("networks", network),
                interventions=[to_message(step) for step in interventions],
                description=description,
            ),
            scenario_id=name.removeprefix("scenarios/"),
            request_id=request_id or _new_request(),
            validate_only=validate_only,
        )
        return _call(self._scenarios.CreateScenario, request)

    def scenario(self, name: str) -> scenario_pb2.Scenario:
        """Return one scenario."""
        return _call(self._scenarios.GetScenario, scenario_pb2.GetScenarioRequest(name=_in("scenarios", name)))

    def scenarios(self, filter: str = "", *, show_archived: bool = False) -> list[scenario_pb2.Scenario]:  # noqa: A002
        """Return scenarios, oldest first: all, or those that a filter such as `creator = "lin"` leaves."""
        request = scenario_pb2.ListScenariosRequest(filter=filter, show_archived=show_archived)
        return list(_pages(self._scenarios.ListScenarios, request, "scenarios"))

    def delete_scenario(self, name: str) -> None:
        """Remove a scenario that no run refers to."""
        _call(self._scenarios.DeleteScenario, scenario_pb2.DeleteScenarioRequest(name=_in("scenarios", name)))

    def create_run(
        self,
        scenario: str,
        *,
        seed: int = 0,
        sample: float = 0.005,
        max_days: int = 60,
        placement: int = 0,
        parameters: Mapping[str, float] | None = None,
        name: str = "",
        request_id: str = "",
        validate_only: bool = False,
    ) -> run_pb2.Run:
        """Queue a run of `scenarios/x` or `networks/x`; with `validate_only` return an empty one if it could be."""
        request = run_pb2.CreateRunRequest(
            run=run_pb2.Run(
                scenario=self._simulated(scenario),
                seed=seed,
                sample=sample,
                max_days=max_days,
                placement=placement,
                parameters=parameters,
            ),
            run_id=name.removeprefix("runs/"),
            request_id=request_id or _new_request(),
            validate_only=validate_only,
        )
        operation = _call(self._runs.CreateRun, request)
        made = run_pb2.Run()
        operation.metadata.Unpack(made)
        return made

    def run(self, name: str) -> run_pb2.Run:
        """Return one run as it stands."""
        return _call(self._runs.GetRun, run_pb2.GetRunRequest(name=_in("runs", name)))

    def runs(self, filter: str = "", *, show_archived: bool = False) -> list[run_pb2.Run]:  # noqa: A002
        """Return runs, oldest first: all, or those that a filter such as `creator = "lin"` leaves."""
        request = run_pb2.ListRunsRequest(filter=filter, show_archived=show_archived)
        return list(_pages(self._runs.ListRuns, request, "runs"))

    def watch(self, run: str) -> Iterator[run_pb2.Run]:
        """Yield a run whenever it changes, until it ends; a server that is away for a while is waited for."""
        request, last, tries = run_pb2.WatchRunRequest(name=_in("runs", run)), None, 0
        while True:
            try:
                for last in _stream(self._runs.WatchRun, request):
                    tries = 0
                    yield last
            except CallError as error:
                tries += 1
                if error.code != "UNAVAILABLE" or tries > WATCH_TRIES:
                    raise
                time.sleep(min(2.0, 0.2 * tries))
                continue
            if last is not None and last.state in TERMINAL:
                return

    def retry(self, run: str) -> run_pb2.Run:
        """Queue a failed or cancelled run again."""
        operation = _call(self._runs.RetryRun, run_pb2.RetryRunRequest(name=_in("runs", run)))
        made = run_pb2.Run()
        operation.metadata.Unpack(made)
        return made

    def update_run(
        self, run: str, *, description: str | None = None, archived: bool | None = None, etag: str = ""
    ) -> run_pb2.Run:
        """Change a run's description, or archive it; with an etag only as it was read."""
        changed = run_pb2.Run(name=_in("runs", run), description=description or "", archived=bool(archived), etag=etag)
        request = run_pb2.UpdateRunRequest(run=changed, update_mask=_mask(description=description, archived=archived))
        return _call(self._runs.UpdateRun, request)

    def update_scenario(
        self, name: str, *, description: str | None = None, archived: bool | None = None, etag: str = ""
    ) -> scenario_pb2.Scenario:
        """Change a scenario's description, or archive it; with an etag only as it was read."""
        changed = scenario_pb2.Scenario(
            name=_in("scenarios", name), description=description or "", archived=bool(archived), etag=etag
        )
        mask = _mask(description=description, archived=archived)
        return _call(
            self._scenarios.UpdateScenario, scenario_pb2.UpdateScenarioRequest(scenario=changed, update_mask=mask)
        )

    def update_plan(
        self, name: str, *, description: str | None = None, archived: bool | None = None, etag: str = ""
    ) -> plan_pb2.Plan:
        """Change a plan's description, or archive it; with an etag only as it was read."""
        changed = plan_pb2.Plan(
            name=_in("plans", name), description=description or "", archived=bool(archived), etag=etag
        )
        request = plan_pb2.UpdatePlanRequest(
            plan=changed, update_mask=_mask(description=description, archived=archived)
        )
        return _call(self._plans.UpdatePlan, request)

    def cancel(self, run: str) -> run_pb2.Run:
        """Stop a run; its worker is gone when this returns."""
        return _call(self._runs.CancelRun, run_pb2.CancelRunRequest(name=_in("runs", run)))

    def delete_run(self, run: str) -> None:
        """Remove a run that has ended, and its tables."""
        _call(self._runs.DeleteRun, run_pb2.DeleteRunRequest(name=_in("runs", run)))

    def result(self, run: str) -> run_pb2.RunResult:
        """Return what a finished run found."""
        return _call(self._runs.GetRunResult, run_pb2.GetRunResultRequest(name=_in("runs", run)))

    def table(self, run: str, table: str, *, output: str = "arrow", **options: Any) -> bytes:
        """Return a table of a finished run as the bytes of an Arrow IPC stream, or of CSV.

        Parameters
        ----------
        run
            Its name.
        table
            One that the run keeps, such as `trips`, or one made of them, such as `screenlines`.
        output
            `arrow` or `csv`.
        options
            Fields of `TableOptions`, such as `places=["5th Ring Road"]` or `link="n5>n6"`.

        """
        return self.table_with_notes(run, table, output=output, **options)[0]

    def layer(self, run: str, table: str, **options: Any) -> bytes:
        """Return the map layer of a table made of a run, GeoJSON; options as for `table`."""
        return self.indicators.layer(_table_request(run, table, "", options))

    def table_with_notes(
        self, run: str, table: str, *, output: str = "arrow", **options: Any
    ) -> tuple[bytes, list[str]]:
        """Return what `table` does, and what it rests on and leaves out.

        A stream that breaks goes on from where it broke.
        """
        request, held = _table_request(run, table, output, options), bytearray()
        notes: list[str] = []
        tries = 0
        while True:
            request.offset = len(held)
            try:
                for piece in _stream(self._runs.StreamTable, request):
                    held += piece.content
                    notes = notes or list(piece.notes)
                return bytes(held), notes
            except CallError as error:
                tries += 1
                if error.code != "UNAVAILABLE" or tries > WATCH_TRIES:
                    raise
                time.sleep(min(2.0, 0.2 * tries))

    def frame(self, run: str, table: str, kind: str = "polars", **options: Any) -> Any:
        """Return a table of a finished run as a data frame of `polars` or `pandas`, whichever is installed."""
        return frame(self.table(run, table, **options), kind)

    def simulate(
        self,
        scenario: str,
        *,
        plan: str | plan_pb2.Plan | None = None,
        seeds: Sequence[int] = (0,),
        sample: float = 0.005,
        max_days: int = 60,
        placement: int = 0,
        progress: Callable[[run_pb2.Run], None] | bool | None = None,
    ) -> Runs:
        """Simulate a scenario or network, with a plan's routes if given, once for each seed, and wait.

        Parameters
        ----------
        scenario
            `scenarios/x`, `networks/x` or the plain name of either.
        plan
            A plan or its name, whose routes are added.
        seeds, sample, max_days, placement
            As in a run; residents' share, days, seed of the placement rule.
        progress
            Called, one call at a time, with every run that changed; True draws bars, in a notebook too.

        Raises
        ------
        CallError
            When a run is refused or fails; the others are cancelled, as they are on Ctrl-C.

        """
        if progress is True:
            from greentrip import show

            with show.bars(quiet=False) as bars:
                return self.simulate(
                    scenario,
                    plan=plan,
                    seeds=seeds,
                    sample=sample,
                    max_days=max_days,
                    placement=placement,
                    progress=bars.run(scenario),
                )
        name = self._simulated(scenario) if plan is None else self._with_plan(scenario, plan)
        queued = [
            self.create_run(name, seed=seed, sample=sample, max_days=max_days, placement=placement)
            for seed in dict.fromkeys(seeds)
        ]
        lock = threading.Lock()

        def follow(run: run_pb2.Run) -> run_pb2.Run:
            last = run
            for last in self.watch(run.name):
                if callable(progress):
                    with lock:
                        progress(last)
            if last.state == run_pb2.RUN_STATE_FAILED:
                raise from_status(last.error)
            if last.state == run_pb2.RUN_STATE_CANCELLED:
                raise CallError("CANCELLED", f"{run.name} was cancelled", {}, ())
            return last

        with ThreadPoolExecutor(max(1, len(queued))) as pool:
            following = [pool.submit(follow, run) for run in queued]
            try:
                return Runs(self, [f.result() for f in following])
            except BaseException:
                for run in queued:
                    self.cancel(run.name)
                raise

    def design_feeders(
        self,
        run: str | Runs,
        stations: Sequence[str],
        *,
        vehicles: int,
        budget_cny_day: float | None = None,
        seed: int = 0,
        rounds: int = 1,
        name: str = "",
        request_id: str = "",
        progress: Callable[[plan_pb2.PlanMetadata], None] | None = None,
    ) -> plan_pb2.Plan:
        """Design feeder routes around stations from a finished run (the first, of several) and wait for the plan.

        With several `rounds`, each plan is simulated and demand priced anew until the plan stays.
        """
        request = plan_pb2.DesignFeedersRequest(
            run=_in("runs", run if isinstance(run, str) else run.names[0]),
            stations=stations,
            vehicles=vehicles,
            budget_cny_day=budget_cny_day,
            seed=seed,
            rounds=rounds,
            plan_id=name.removeprefix("plans/"),
            request_id=request_id or _new_request(),
        )
        operation = _call(self._plans.DesignFeeders, request)
        try:
            while not operation.done:
                wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=Duration(nanos=500_000_000))
                operation = _call(self._operations.WaitOperation, wait)
                if progress is not None:
                    metadata = plan_pb2.PlanMetadata()
                    operation.metadata.Unpack(metadata)
                    progress(metadata)
        except KeyboardInterrupt:
            _call(self._operations.CancelOperation, operations_pb2.CancelOperationRequest(name=operation.name))
            raise
        if operation.HasField("error"):
            raise from_status(operation.error)
        made = plan_pb2.Plan()
        operation.response.Unpack(made)
        return made

    def create_plan(
        self, network: str, routes: Iterable[Any], *, name: str = "", request_id: str = ""
    ) -> plan_pb2.Plan:
        """Store routes written elsewhere as a plan."""
        adding = to_message({"kind": "AddFeeders", "routes": list(routes)})
        plan = plan_pb2.Plan(network=_in("networks", network), routes=adding.add_feeders.routes)
        request = plan_pb2.CreatePlanRequest(
            plan=plan, plan_id=name.removeprefix("plans/"), request_id=request_id or _new_request()
        )
        return _call(self._plans.CreatePlan, request)

    def plan(self, name: str) -> plan_pb2.Plan:
        """Return one plan."""
        return _call(self._plans.GetPlan, plan_pb2.GetPlanRequest(name=_in("plans", name)))

    def plans(self, filter: str = "", *, show_archived: bool = False) -> list[plan_pb2.Plan]:  # noqa: A002
        """Return plans, oldest first: all, or those that a filter such as `creator = "lin"` leaves."""
        request = plan_pb2.ListPlansRequest(filter=filter, show_archived=show_archived)
        return list(_pages(self._plans.ListPlans, request, "plans"))

    def compare_plans(self, before: str, after: str) -> plan_pb2.PlanDifference:
        """Return what one plan changes of another: routes added, dropped and changed, and the people it touches."""
        request = plan_pb2.ComparePlansRequest(before=_in("plans", before), after=_in("plans", after))
        return _call(self._plans.ComparePlans, request)

    def export_plan(self, name: str) -> bytes:
        """Return a plan as the bytes of a zipped GTFS feed."""
        request = plan_pb2.ExportPlanRequest(name=_in("plans", name))
        return b"".join(piece.content for piece in _stream(self._plans.ExportPlan, request))

    def compare(self, base: Sequence[str] | Runs, other: Sequence[str] | Runs) -> comparison_pb2.Comparison:
        """Compare finished runs of two scenarios, paired by seed."""
        request = comparison_pb2.CompareRunsRequest(base_runs=_names(base), other_runs=_names(other))
        return _call(self._comparisons.CompareRuns, request)

    def report(self, base: Sequence[str] | Runs, other: Sequence[str] | Runs, plan: str) -> bytes:
        """Return a self-contained HTML page on a plan and the runs without and with it."""
        request = report_pb2.RenderReportRequest(
            base_runs=_names(base), other_runs=_names(other), plan=_in("plans", plan)
        )
        return b"".join(piece.content for piece in _stream(self._reports.RenderReport, request))

    def compare_scenarios(
        self,
        *sides: str | Sequence[str] | Runs,
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
        texts = [side if isinstance(side, str) else ",".join(_names(side)) for side in sides]
        request = comparison_pb2.CompareScenariosRequest(
            sides=texts, baseline=baseline, indicators=indicators, level=level, detail=detail
        )
        return _call(self._comparisons.CompareScenarios, request)

    def run_experiment(
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
        return _call(self._experiments.RunExperiment, request)

    def experiment(self, name: str) -> experiment_pb2.Experiment:
        """Return one experiment as it stands."""
        request = experiment_pb2.GetExperimentRequest(name=_in("experiments", name))
        return _call(self._experiments.GetExperiment, request)

    def experiments(self) -> list[experiment_pb2.Experiment]:
        """Return all experiments without their scenarios and runs, oldest first."""
        return list(_pages(self._experiments.ListExperiments, experiment_pb2.ListExperimentsRequest(), "experiments"))

    def watch_experiment(self, name: str) -> Iterator[experiment_pb2.Experiment]:
        """Yield an experiment whenever it changes, until it is done, paused or cancelled."""
        request = experiment_pb2.WatchExperimentRequest(name=_in("experiments", name))
        return _stream(self._experiments.WatchExperiment, request)

    def pause_experiment(self, name: str) -> experiment_pb2.Experiment:
        """Start no further run of an experiment."""
        request = experiment_pb2.PauseExperimentRequest(name=_in("experiments", name))
        return _call(self._experiments.PauseExperiment, request)

    def resume_experiment(self, name: str) -> experiment_pb2.Experiment:
        """Go on with an experiment that was paused or cancelled."""
        request = experiment_pb2.ResumeExperimentRequest(name=_in("experiments", name))
        return _call(self._experiments.ResumeExperiment, request)

    def cancel_experiment(self, name: str) -> experiment_pb2.Experiment:
        """Stop an experiment and its runs; what has finished stays."""
        request = experiment_pb2.CancelExperimentRequest(name=_in("experiments", name))
        return _call(self._experiments.CancelExperiment, request)

    def query_experiment(self, name: str, sql: str, output: str = "arrow") -> bytes:
        """Return the answer to one SELECT over trips, links, lines, figures and scenarios, as arrow, csv or json."""
        request = experiment_pb2.QueryExperimentRequest(name=_in("experiments", name), sql=sql, format=output)
        return b"".join(piece.content for piece in _stream(self._experiments.QueryExperiment, request))

    def experiment_report(self, name: str, *, baseline: str = "", detailed: int = 4) -> dict[str, bytes]:
        """Return the files of a report on an experiment by path: HTML, PDF, CSV, XLSX and the specification."""
        request = report_pb2.RenderExperimentRequest(
            experiment=_in("experiments", name), baseline=baseline, detailed=detailed
        )
        found: dict[str, bytes] = {}
        for piece in _stream(self._reports.RenderExperiment, request):
            found[piece.path] = found.get(piece.path, b"") + piece.content
        return found

    def experiment_result(self, name: str) -> experiment_pb2.ExperimentResult:
        """Return the figures of the runs that have finished, and what is missing."""
        request = experiment_pb2.GetExperimentResultRequest(name=_in("experiments", name))
        return _call(self._experiments.GetExperimentResult, request)

    def _simulated(self, name: str) -> str:
        """Return a scenario's or network's resource name."""
        if "/" in name:
            return name
        return f"networks/{name}" if name in self.networks() else f"scenarios/{name}"

    def _with_plan(self, scenario: str, plan: str | plan_pb2.Plan) -> str:
        """Return the scenario that adds a plan's routes, stored once however often it is asked for."""
        routes = (self.plan(plan) if isinstance(plan, str) else plan).routes
        name = self._simulated(scenario)
        network, steps = name, []
        if name.startswith("scenarios/"):
            base = self.scenario(name)
            network, steps = base.network, list(base.interventions)
        steps.append(scenario_pb2.Intervention(add_feeders=scenario_pb2.AddFeeders(routes=routes)))
        content = hashlib.sha256(network.encode() + b"".join(s.SerializeToString(deterministic=True) for s in steps))
        return self.create_scenario(network, steps, request_id=f"with-plan-{content.hexdigest()[:32]}").name


def _new_request() -> str:
    """Return a request_id of its own, so that a create whose answer was lost can be made again."""
    return str(uuid.uuid4())


def _in(collection: str, name: str) -> str:
    """Return a name with its collection."""
    return name if "/" in name else f"{collection}/{name}"


def _table_request(run: str, table: str, output: str, options: Mapping[str, Any]) -> run_pb2.StreamTableRequest:
    """Return a request for a table."""
    told = run_pb2.TableOptions(**options)
    return run_pb2.StreamTableRequest(name=_in("runs", run), table=table, output=output, options=told)


def _mask(**values: object) -> FieldMask:
    """Return the mask of what is given."""
    return FieldMask(paths=[name for name, value in values.items() if value is not None])


def _names(runs: Sequence[str] | Runs) -> list[str]:
    """Return resource names of runs."""
    return list(runs.names) if isinstance(runs, Runs) else [_in("runs", name) for name in runs]


def _call(method: Callable[[Request], Reply], request: Request) -> Reply:
    """Call, and raise what the server says."""
    try:
        return method(request)
    except grpc.RpcError as error:
        raise call_error(error) from None


def _stream(method: Callable[[Request], Iterator[Reply]], request: Request) -> Iterator[Reply]:
    """Call, yield what comes, and raise what the server says."""
    try:
        yield from method(request)
    except grpc.RpcError as error:
        raise call_error(error) from None


def _pages(method: Callable[[Any], Any], request: Any, field: str) -> Iterator[Any]:
    """Yield the items of every page."""
    while True:
        page = _call(method, request)
        yield from getattr(page, field)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
