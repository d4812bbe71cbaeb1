"""An experiment's rows: which runs it is made of, which of them stand where, which are still to be started."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from greentrip_networks.errors import UnknownNameError
from sqlalchemy import delete, select, update

from greentrip_server.errors import FieldError
from greentrip_server.experiments.expand import Point
from greentrip_server.experiments.spec import Spec
from greentrip_server.jobs import Jobs, digest, last_part, page_after, page_token, run_content, run_hash
from greentrip_server.kinds import RUNS
from greentrip_server.tables import (
    CANCELLED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    TERMINAL,
    ExperimentRow,
    JobRow,
    MemberRow,
)

EXPERIMENTS = "experiments"
PAUSED, DONE = "paused", "done"
WAITING = ""


@dataclass(frozen=True)
class Member:
    """One scenario under one seed and where it stands; `state` is empty before its run was started."""

    scenario: str
    seed: int
    run: str
    reused: bool
    state: str
    error: Mapping[str, Any] | None
    started: float | None
    ended: float | None
    number: int


def content_of(point: Mapping[str, Any], spec: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return what one run of an experiment is computed from; an imported network may change under its name."""
    imported = {"network_content": point["network_content"]} if point.get("network_content") else {}
    return imported | run_content(
        network=point["network"],
        interventions=point["interventions"],
        placement=spec["placement"],
        seed=seed,
        sample=spec["sample"],
        max_days=spec["max_days"],
        parameters=point["parameters"],
    )


def plain_point(point: Point) -> dict[str, Any]:
    """Return a scenario as plain data, interventions written as the model writes them: equal ones hash equal."""
    from greentrip_networks.scenario import intervention_from_dict, intervention_to_dict

    steps = [intervention_to_dict(intervention_from_dict(step)) for step in point.interventions]
    return {**point.to_dict(), "interventions": [_listed(step) for step in steps]}


def _listed(value: Any) -> Any:
    """Return plain data as JSON gives it back: lists for tuples."""
    if isinstance(value, Mapping):
        return {k: _listed(v) for k, v in value.items()}
    return [_listed(v) for v in value] if isinstance(value, list | tuple) else value


def plain_spec(spec: Spec, asked: Mapping[str, Any], forecast_s: float) -> dict[str, Any]:
    """Return a specification as plain data: what was asked, what runs and comparisons need, a run's forecast."""
    return {
        "question": spec.question,
        "question_zh": spec.question_zh,
        "sample": spec.sample,
        "max_days": spec.max_days,
        "placement": spec.placement,
        "seeds": list(spec.seeds),
        "baseline": spec.baseline,
        "indicators": list(spec.indicators),
        "max_runs": spec.max_runs,
        "max_hours": spec.max_hours,
        "forecast_s": forecast_s,
        "asked": {**_listed(asked), "seeds": list(spec.seeds)},
    }


def hash_of(row: ExperimentRow) -> str:
    """Return a hash over the inputs, code and seeds of all of an experiment's runs."""
    return digest(sorted(run_hash(content_of(p, row.spec, s)) for p in row.points for s in row.spec["seeds"]))


class Members:
    """The experiments of one database."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def store(self, name: str, spec: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> ExperimentRow:
        """Store an experiment or change the one of the name: runs that it still asks for keep their result.

        Members whose inputs or code changed, and those that failed or were cancelled, wait to be started anew. Runs
        go seed by seed, so that all scenarios can be compared as soon as one seed is through.
        """
        wanted = {
            (p["name"], seed): (run_hash(content_of(p, spec, seed)), i * len(points) + j)
            for i, seed in enumerate(spec["seeds"])
            for j, p in enumerate(points)
        }
        again = {(m.scenario, m.seed) for m in self.of(name) if m.state in (FAILED, CANCELLED)}
        with self._jobs.session(write=True) as session, session.begin():
            row = session.scalar(select(ExperimentRow).where(ExperimentRow.id == name))
            if row is None:
                row = ExperimentRow(id=name, created=time.time())
                session.add(row)
            row.spec, row.points, row.state = dict(spec), [dict(p) for p in points], RUNNING
            for old in session.scalars(select(MemberRow).where(MemberRow.experiment == name)).all():
                key = (old.scenario, old.seed)
                found = wanted.pop(key, None)
                if found is None:
                    session.delete(old)
                    continue
                if found[0] != old.input_hash or key in again:
                    old.input_hash, old.run, old.reused, old.error = found[0], "", False, None
                old.order = found[1]
                old.reused = bool(old.run)
            session.add_all(
                MemberRow(
                    experiment=name, scenario=scenario, seed=seed, order=order, input_hash=key, run="", reused=False
                )
                for (scenario, seed), (key, order) in wanted.items()
            )
        return row

    def get(self, name: str) -> ExperimentRow:
        """Return an experiment by resource name; raise UnknownNameError with the nearest names."""
        wanted = last_part(name, EXPERIMENTS, "name")
        with self._jobs.session() as session:
            row = session.scalar(select(ExperimentRow).where(ExperimentRow.id == wanted))
            if row is None:
                known = session.scalars(select(ExperimentRow.id).order_by(ExperimentRow.number.desc()).limit(2000))
                raise UnknownNameError("experiment", name[:200], [f"{EXPERIMENTS}/{k}" for k in known])
            return row

    def page(self, size: int, token: str) -> tuple[Sequence[ExperimentRow], str]:
        """Return experiments in order of creation after the token's, and the next page's token."""
        if size < 0:
            raise FieldError("page_size", f"saw {size}; expected 0 or more")
        limit = min(size or 100, 1000)
        later = select(ExperimentRow).where(ExperimentRow.number > page_after(token, EXPERIMENTS))
        with self._jobs.session() as session:
            rows = session.scalars(later.order_by(ExperimentRow.number).limit(limit + 1)).all()
        return rows[:limit], page_token(rows[limit - 1].number, EXPERIMENTS) if len(rows) > limit else ""

    def of(self, name: str) -> list[Member]:
        """Return an experiment's runs in the order of their start."""
        own = (MemberRow.scenario, MemberRow.seed, MemberRow.run, MemberRow.reused, MemberRow.error, MemberRow.number)
        joined = (
            select(*own, JobRow.state, JobRow.error, JobRow.started, JobRow.ended)
            .outerjoin(JobRow, (JobRow.id == MemberRow.run) & (JobRow.kind == RUNS))
            .where(MemberRow.experiment == name)
            .order_by(MemberRow.order)
        )
        with self._jobs.session() as session:
            rows = session.execute(joined).all()
        return [
            Member(
                scenario=scenario,
                seed=seed,
                run=f"{RUNS}/{run}" if run and state else "",
                reused=reused,
                state=FAILED if refused else state or WAITING,
                error=refused or error,
                started=started,
                ended=ended,
                number=number,
            )
            for scenario, seed, run, reused, refused, number, state, error, started, ended in rows
        ]

    def assign(self, number: int, run: str, *, reused: bool) -> None:
        """Note the run that computes a member."""
        self._set(number, run=run.removeprefix(f"{RUNS}/"), reused=reused)

    def refuse(self, number: int, error: Mapping[str, Any]) -> None:
        """Note why a member's run could not be started."""
        self._set(number, error=dict(error))

    def set_state(self, name: str, state: str, *, only: Sequence[str] = ()) -> None:
        """Change an experiment's state, if it is one of `only`."""
        change = update(ExperimentRow).where(ExperimentRow.id == name)
        if only:
            change = change.where(ExperimentRow.state.in_(only))
        with self._jobs.session(write=True) as session, session.begin():
            session.execute(change.values(state=state))

    def retry(self, name: str) -> None:
        """Let members that were cancelled wait to be started again."""
        for member in self.of(name):
            if member.state == CANCELLED:
                self._set(member.number, run="", reused=False)

    def running(self) -> list[ExperimentRow]:
        """Return the experiments whose runs are being started, oldest first."""
        with self._jobs.session() as session:
            return list(
                session.scalars(
                    select(ExperimentRow).where(ExperimentRow.state == RUNNING).order_by(ExperimentRow.number)
                )
            )

    def used_elsewhere(self, run: str, experiment: str) -> bool:
        """Return whether another experiment that goes on waits for a run."""
        with self._jobs.session() as session:
            found = session.scalar(
                select(MemberRow.number)
                .join(ExperimentRow, ExperimentRow.id == MemberRow.experiment)
                .where(
                    MemberRow.run == run.removeprefix(f"{RUNS}/"),
                    MemberRow.experiment != experiment,
                    ExperimentRow.state == RUNNING,
                )
                .limit(1)
            )
        return found is not None

    def forget(self, name: str) -> None:
        """Remove an experiment; its runs stay."""
        with self._jobs.session(write=True) as session, session.begin():
            session.execute(delete(MemberRow).where(MemberRow.experiment == name))
            session.execute(delete(ExperimentRow).where(ExperimentRow.id == name))

    def _set(self, number: int, **values: Any) -> None:
        with self._jobs.session(write=True) as session, session.begin():
            session.execute(update(MemberRow).where(MemberRow.number == number).values(**values))


def counts(members: Sequence[Member]) -> dict[str, int]:
    """Return how many runs stand where."""
    states = [m.state for m in members]
    return {
        "runs": len(members),
        "succeeded": states.count(SUCCEEDED),
        "reused": sum(m.reused for m in members),
        "failed": states.count(FAILED),
        "cancelled": states.count(CANCELLED),
        "running": states.count(RUNNING),
        "waiting": states.count(QUEUED) + states.count(WAITING),
    }


def ended(members: Sequence[Member]) -> bool:
    """Return whether every run has ended."""
    return all(m.state in TERMINAL for m in members)
