"""The experiment service: check a batch, store it, follow, pause and stop it, read its figures."""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from greentrip.v1 import comparison_pb2, experiment_pb2, experiment_pb2_grpc, run_pb2
from greentrip_networks.errors import ScenarioError, UnknownNameError

from greentrip_server import convert
from greentrip_server.answer import pieces, streaming, unary
from greentrip_server.cities import Cities
from greentrip_server.clerks import Clerks
from greentrip_server.desk import Desk
from greentrip_server.dispatcher import Dispatcher
from greentrip_server.errors import FieldError, status_from_json
from greentrip_server.experiments.batch import Batches
from greentrip_server.experiments.expand import check_size, expand, expand_family
from greentrip_server.experiments.members import (
    EXPERIMENTS,
    WAITING,
    Member,
    Members,
    content_of,
    counts,
    hash_of,
    plain_point,
    plain_spec,
)
from greentrip_server.experiments.spec import Family, Spec, read_spec, read_toml
from greentrip_server.experiments.store import ask
from greentrip_server.jobs import Jobs, run_hash
from greentrip_server.kinds import PLANS, RUNS
from greentrip_server.settings import Settings
from greentrip_server.tables import (
    CANCELLED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    ExperimentRow,
    JobRow,
    PlanRow,
    ScenarioRow,
)

_WATCH_S = 0.4  # between two looks of a watcher at least: a look reads every run of the experiment
FORMATS = ("arrow", "csv", "json")


class ExperimentService(experiment_pb2_grpc.ExperimentServiceServicer):
    """Runs and reads batches."""

    def __init__(
        self,
        jobs: Jobs,
        members: Members,
        batches: Batches,
        cities: Cities,
        dispatcher: Dispatcher,
        clerks: Clerks,
        settings: Settings,
    ) -> None:
        self._jobs, self._members, self._batches, self._clerks = jobs, members, batches, clerks
        self._cities, self._dispatcher, self._settings = cities, dispatcher, settings
        self._hashes: dict[str, tuple[Any, Any, str]] = {}  # by experiment: what it asks for, and its hash

    @unary
    async def RunExperiment(self, request: experiment_pb2.RunExperimentRequest) -> experiment_pb2.Experiment:  # noqa: N802
        """Check, store and start."""
        made, dropped = await asyncio.to_thread(self._store, request)
        if request.validate_only:
            return made
        await self._batches.drop(made.name.removeprefix(f"{EXPERIMENTS}/"), dropped)
        await self._batches.step()
        return await asyncio.to_thread(self._get, made.name)

    def _store(self, request: experiment_pb2.RunExperimentRequest) -> tuple[experiment_pb2.Experiment, list[Member]]:
        """Return an experiment that was checked, and unless asked not to, stored; and live runs it no longer needs."""
        if request.WhichOneof("source") is None:
            raise FieldError("source", "is empty; expected spec or toml")
        data = (
            read_toml(request.toml)
            if request.WhichOneof("source") == "toml"
            else MessageToDict(request.spec, preserving_proto_field_name=True)
        )
        if request.seeds:
            data = {**data, "seeds": list(request.seeds)}
        data = {**data, "seeds": _whole(data.get("seeds"))}
        spec = read_spec(data)
        seconds = self._check(spec)
        points = [
            {**plain_point(p), "network_content": self._cities.content(p.network)}
            for p in expand(spec, self._stored, self._planned)
        ]
        plain = plain_spec(spec, data, seconds)
        waiting = {run_hash(content_of(p, plain, seed)) for p in points for seed in spec.seeds}
        finished = sum(row.state == SUCCEEDED for row in self._jobs.reusable(waiting).values())
        check_size(spec, seconds, self._dispatcher.runs_at_a_time, known=finished)
        names = [p["name"] for p in points]
        if spec.baseline and spec.baseline not in names:
            raise UnknownNameError("scenario", spec.baseline, names)
        if request.validate_only:
            row = ExperimentRow(id=spec.name, spec=plain, points=points, state=RUNNING, created=0.0)
            todo = [(p["name"], s) for s in spec.seeds for p in points]
            return self._message(row, [Member(n, s, "", False, WAITING, None, None, None, 0) for n, s in todo]), []
        before = self._members.of(spec.name)
        made = self._members.store(spec.name, plain, points)
        self._batches.begin(made)
        after = self._members.of(spec.name)
        kept = {m.run for m in after}
        dropped = [m for m in before if m.state in (QUEUED, RUNNING) and m.run not in kept]
        return self._message(made, after), dropped

    def _check(self, spec: Spec) -> float:
        """Refuse too many runs, what is unknown and what cannot be built; return the forecast seconds of a run."""
        seconds = 0.0
        for family in spec.families:
            seconds = max(seconds, self._check_family(family, spec))
        if spec.size > spec.max_runs:
            check_size(spec, seconds, self._dispatcher.runs_at_a_time)
        return seconds

    def _check_family(self, family: Family, spec: Spec) -> float:
        """Build a family's first and last scenario; return the seconds that one run is expected to take.

        Of a family too large by itself only the first is built: its refusal says how long it would take.
        """
        from greentrip_agents.forecast import check_limits, forecast
        from greentrip_agents.parameters import default_parameters

        place = f"scenario {family.name!r}"
        scenarios = expand_family(family, self._stored, self._planned)
        found = [next(scenarios)] if family.size > spec.max_runs else list(scenarios)
        seconds = 0.0
        for point in {p.name: p for p in (found[0], found[-1])}.values():
            try:
                plain = plain_point(point)
                city = self._cities.build(plain["network"], spec.placement, plain["interventions"])
                parameters = default_parameters(city.name).with_(point.parameters)
            except (ScenarioError, UnknownNameError) as error:
                raise ScenarioError(place, str(error)) from error
            expected = forecast(city, sample=spec.sample, parameters=parameters, max_days=spec.max_days)
            check_limits(expected, memory_mb=self._settings.run_memory_mb, hours=self._settings.run_hours)
            seconds = max(seconds, expected.seconds)
        return seconds

    def _stored(self, name: str) -> tuple[str, list[Mapping[str, Any]]]:
        """Return a stored scenario's network and interventions."""
        row = self._jobs.get(ScenarioRow, name if "/" in name else f"scenarios/{name}", "scenarios", "scenario")
        return row.network, list(row.interventions)

    def _planned(self, name: str) -> tuple[list[Mapping[str, Any]], float]:
        """Return a plan's changes as interventions, and what they add to the operating cost, CNY a day."""
        from greentrip_networks.scenario import intervention_to_dict
        from greentrip_optimizer import Plan

        row = self._jobs.get(PlanRow, name if "/" in name else f"{PLANS}/{name}", PLANS, "plan")
        plan = Plan.from_dict(row.document)
        if "commuter_routes" in plan.indicators:
            raise FieldError("plan", f"{name} holds customised buses, which no scenario can run; expected another plan")
        return [intervention_to_dict(step) for step in plan.interventions()], plan.cost_cny_day

    @unary
    def GetExperiment(self, request: experiment_pb2.GetExperimentRequest) -> experiment_pb2.Experiment:  # noqa: N802
        """Return one experiment."""
        return self._get(request.name)

    @unary
    def ListExperiments(  # noqa: N802
        self, request: experiment_pb2.ListExperimentsRequest
    ) -> experiment_pb2.ListExperimentsResponse:
        """List experiments, oldest first."""
        rows, token = self._members.page(request.page_size, request.page_token)
        made = [self._message(row, self._members.of(row.id), brief=True) for row in rows]
        return experiment_pb2.ListExperimentsResponse(experiments=made, next_page_token=token)

    @streaming
    async def WatchExperiment(  # noqa: N802
        self, request: experiment_pb2.WatchExperimentRequest
    ) -> AsyncIterator[experiment_pb2.Experiment]:
        """Stream an experiment until it no longer runs."""
        last = None
        async for _ in self._dispatcher.changes():
            now = await asyncio.to_thread(self._get, request.name)
            if now != last:
                yield now
                last = now
            if now.state != experiment_pb2.EXPERIMENT_STATE_RUNNING:
                return
            await asyncio.sleep(_WATCH_S)

    @unary
    async def PauseExperiment(self, request: experiment_pb2.PauseExperimentRequest) -> experiment_pb2.Experiment:  # noqa: N802
        """Start no further run."""
        row = await asyncio.to_thread(self._row, request.name)
        await self._batches.pause(row.id)
        return await asyncio.to_thread(self._get, request.name)

    @unary
    async def ResumeExperiment(self, request: experiment_pb2.ResumeExperimentRequest) -> experiment_pb2.Experiment:  # noqa: N802
        """Go on."""
        row = await asyncio.to_thread(self._row, request.name)
        await self._batches.resume(row.id)
        return await asyncio.to_thread(self._get, request.name)

    @unary
    async def CancelExperiment(self, request: experiment_pb2.CancelExperimentRequest) -> experiment_pb2.Experiment:  # noqa: N802
        """Stop."""
        row = await asyncio.to_thread(self._row, request.name)
        await self._batches.cancel(row.id)
        return await asyncio.to_thread(self._get, request.name)

    @unary
    def GetExperimentResult(  # noqa: N802
        self, request: experiment_pb2.GetExperimentResultRequest
    ) -> experiment_pb2.ExperimentResult:
        """Return the figures there are."""
        from greentrip_agents.statistics import mean_interval  # not before it is asked for: it takes a server's second

        row = self._row(request.name)
        members = self._members.of(row.id)
        made = experiment_pb2.ExperimentResult(experiment=f"{EXPERIMENTS}/{row.id}", missing=missing(members))
        values = figures_by_seed(self._jobs, members)
        names = _names(values, row.spec["indicators"])
        for point in row.points:
            seeds = values.get(point["name"], {})
            found = made.scenarios.add(scenario=point["name"], seeds=sorted(seeds))
            for name in names:
                column = [seeds[s][name] for s in sorted(seeds) if name in seeds[s]]
                if not column:
                    continue
                mean, interval = mean_interval(column)
                found.figures.add(
                    indicator=name,
                    mean=mean,
                    values=column,
                    interval=comparison_pb2.Interval(low=interval[0], high=interval[1]) if interval else None,
                )
        return made

    @streaming
    async def QueryExperiment(  # noqa: N802
        self, request: experiment_pb2.QueryExperimentRequest
    ) -> AsyncIterator[experiment_pb2.QueryExperimentResponse]:
        """Stream the answer to a question."""
        if request.format not in ("", *FORMATS):
            raise UnknownNameError("format", request.format, FORMATS)
        row = await asyncio.to_thread(self._row, request.name)
        await self._batches.lay(row.id)  # runs that ended since a pause
        root = self._batches.root(row.id)
        for piece in pieces(await self._clerks.ask(query_answer, root, request.sql, request.format)):
            yield experiment_pb2.QueryExperimentResponse(content=piece)

    def _row(self, name: str) -> ExperimentRow:
        return self._members.get(name)

    def _get(self, name: str) -> experiment_pb2.Experiment:
        """Return an experiment as it stands."""
        row = self._row(name)
        return self._message(row, self._members.of(row.id))

    def _hash(self, row: ExperimentRow) -> str:
        """Return the hash of all of an experiment's runs, made anew only when the experiment changed."""
        known = self._hashes.get(row.id)
        if known is None or known[:2] != (row.spec, row.points):
            known = self._hashes[row.id] = (row.spec, row.points, hash_of(row))
        return known[2]

    def _message(
        self, row: ExperimentRow, members: Sequence[Member], *, brief: bool = False
    ) -> experiment_pb2.Experiment:
        """Return an experiment's message."""
        made = experiment_pb2.Experiment(
            name=f"{EXPERIMENTS}/{row.id}",
            state=experiment_pb2.ExperimentState.Value(f"EXPERIMENT_STATE_{row.state.upper()}"),
            progress=experiment_pb2.ExperimentProgress(
                **counts(members),
                seconds_left=self._batches.seconds_left(list(members), row.spec.get("forecast_s", 0.0)),
            ),
            create_time=convert.timestamp(row.created) if row.created else None,
        )
        kept = {k: row.spec[k] for k in ("sample", "max_days", "placement", "seeds", "baseline")}
        limits = {"runs": row.spec["max_runs"], "hours": row.spec["max_hours"]}
        ParseDict({**row.spec["asked"], **kept, "name": row.id, "limits": limits}, made.spec)
        if brief:
            return made
        for point in row.points:
            made.scenarios.add(
                name=point["name"],
                family=point["family"],
                values=convert.struct(point["values"]),
                network=point["network"],
                interventions=len(point["interventions"]),
                description=point["description"],
                cost_million_cny_year=point["cost_million_cny_year"],
            )
        made.runs.extend(_run(m) for m in members)
        made.content_hash = self._hash(row)
        return made


def query_answer(_: Desk, root: Path, sql: str, form: str) -> bytes:
    """Return the answer to a question in a format's bytes."""
    found = ask(root, sql)
    buffer = io.BytesIO()
    if form == "csv":
        found.write_csv(buffer)
    elif form == "json":
        found.write_json(buffer)
    else:
        found.write_ipc_stream(buffer)
    return buffer.getvalue()


def figures_by_seed(jobs: Jobs, members: Sequence[Member]) -> dict[str, dict[int, dict[str, float]]]:
    """Return the figures of finished runs by scenario and seed."""
    from greentrip_agents.statistics import figures

    found: dict[str, dict[int, dict[str, float]]] = {}
    for member in members:
        column = found.setdefault(member.scenario, {})
        if member.state == SUCCEEDED:
            column[member.seed] = figures(jobs.get(JobRow, member.run, RUNS).result or {})
    return found


def missing(members: Sequence[Member]) -> list[str]:
    """Say which runs have no figures, one sentence each state and scenario."""
    said: list[str] = []
    by: dict[tuple[str, str], list[Member]] = {}
    for member in members:
        if member.state != SUCCEEDED:
            by.setdefault((member.scenario, member.state), []).append(member)
    for (scenario, state), rows in by.items():
        seeds = ", ".join(str(m.seed) for m in rows)
        why = f": {(rows[0].error or {}).get('message', '')}" if state == FAILED else ""
        word = {FAILED: "failed", CANCELLED: "was cancelled", RUNNING: "is running"}.get(state, "has not begun")
        said.append(f"{scenario}: seed {seeds} {word}{why}")
    return said


def _names(values: Mapping[str, Mapping[int, Mapping[str, float]]], wanted: Sequence[str]) -> list[str]:
    """Return the indicators to report; what was asked for must be known to some run."""
    from greentrip_agents.statistics import select

    known: dict[str, None] = {}
    for seeds in values.values():
        for found in seeds.values():
            known.update(dict.fromkeys(found))
    return select(known, wanted) if known else []


def _run(member: Member) -> experiment_pb2.ExperimentRun:
    """Return a member's message."""
    state = f"RUN_STATE_{member.state.upper()}" if member.state else "RUN_STATE_UNSPECIFIED"
    return experiment_pb2.ExperimentRun(
        scenario=member.scenario,
        seed=member.seed,
        run=member.run,
        state=run_pb2.RunState.Value(state),
        reused=member.reused,
        error=status_from_json(dict(member.error)) if member.error else None,
    )


def _whole(seeds: Any) -> Any:
    """Return seeds as numbers: a message's 64-bit ones become text on their way to plain data."""
    if not isinstance(seeds, list):
        return seeds
    return [int(s) if isinstance(s, str) and s.isdecimal() and len(s) < 20 else s for s in seeds]
