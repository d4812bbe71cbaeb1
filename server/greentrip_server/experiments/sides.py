"""What a comparison is between: an experiment's scenarios or sets of runs, found by what a person types."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from greentrip_agents import Run
from greentrip_agents.statistics import figures
from greentrip_networks.errors import UnknownNameError

from greentrip_server.directory import DataDirectory
from greentrip_server.errors import FieldError, StateError
from greentrip_server.experiments.members import EXPERIMENTS, Members
from greentrip_server.jobs import Jobs
from greentrip_server.kinds import RUNS
from greentrip_server.tables import SUCCEEDED, TERMINAL, ExperimentRow, JobRow


class StoredRuns(Mapping[int, Run]):
    """Runs by seed that are read from disk when asked for and not kept, so that a thousand take no more than one."""

    def __init__(self, folders: Mapping[int, Path]) -> None:
        self._folders = dict(sorted(folders.items()))

    def __getitem__(self, seed: int) -> Run:
        """Read one run."""
        return Run.load(self._folders[seed])

    def __iter__(self) -> Iterator[int]:
        """Go through the seeds."""
        return iter(self._folders)

    def __len__(self) -> int:
        """Count the seeds."""
        return len(self._folders)


@dataclass
class Side:
    """One scenario: its finished runs by seed, what they were of, and what it costs."""

    name: str
    rows: dict[int, JobRow] = field(default_factory=dict)
    cost: float | None = None
    missing: list[str] = field(default_factory=list)
    point: Mapping[str, Any] = field(default_factory=dict)

    def figures(self) -> dict[int, dict[str, float]]:
        """Return indicators by seed."""
        return {seed: figures(row.result or {}) for seed, row in sorted(self.rows.items())}

    def runs(self, directory: DataDirectory) -> StoredRuns:
        """Return the runs, read when asked for."""
        return StoredRuns({seed: directory.folder(row.id) for seed, row in self.rows.items()})


@dataclass(frozen=True)
class Sides:
    """All sides of a comparison, and what the experiment that they come from asked for."""

    sides: dict[str, Side]
    baseline: str
    indicators: tuple[str, ...]


def find_sides(texts: Sequence[str], baseline: str, jobs: Jobs, members: Members) -> Sides:
    """Return the sides that texts mean.

    Parameters
    ----------
    texts
        `north` (every scenario of an experiment), `north:metro` (one of them), or runs separated by commas.
    baseline
        A side's name or text; empty takes the experiment's, or else the first side.
    jobs, members
        Where runs and experiments are found.

    Raises
    ------
    FieldError
        When fewer than two sides are named, one twice, or runs of one side share a seed or differ in sample.
    UnknownNameError
        When an experiment, scenario or run is unknown, with the nearest names.

    """
    found: dict[str, Side] = {}
    wanted, indicators = "", ()
    for i, text in enumerate(texts):
        place = f"sides[{i}]"
        experiment = _experiment(text, members)
        if experiment is None:
            sides = [_of_runs(text, place, jobs)]
        else:
            sides = _of_experiment(experiment, text.partition(":")[2], jobs, members)
            wanted = wanted or experiment.spec["baseline"]
            indicators = indicators or tuple(experiment.spec["indicators"])
        for side in sides:
            if side.name in found:
                side.name = f"{text.partition(':')[0]}:{side.name}"
            if side.name in found:
                raise FieldError(place, f"{side.name!r} is named twice; name each side once")
            found[side.name] = side
    if len(found) < 2:
        raise FieldError("sides", f"saw {len(found)}; expected two scenarios or more, or an experiment that has them")
    chosen = baseline.partition(":")[2] if baseline not in found and ":" in baseline else baseline
    if chosen and chosen not in found:
        raise UnknownNameError("scenario", baseline, found)
    first = next(iter(found))
    _check_alike(found)
    return Sides(found, chosen or (wanted if wanted in found else first), indicators)


def _experiment(text: str, members: Members) -> ExperimentRow | None:
    """Return the experiment that a text begins with; None when it means runs."""
    if text.startswith(f"{RUNS}/") or "," in text:
        return None
    name = text.partition(":")[0]
    try:
        return members.get(name if "/" in name else f"{EXPERIMENTS}/{name}")
    except UnknownNameError:
        if ":" in text or name.startswith(f"{EXPERIMENTS}/"):
            raise
        return None


def _of_experiment(row: ExperimentRow, scenario: str, jobs: Jobs, members: Members) -> list[Side]:
    """Return an experiment's scenarios, or the one named, with the runs that have finished."""
    names = [p["name"] for p in row.points]
    if scenario and scenario not in names:
        raise UnknownNameError("scenario", scenario, names)
    sides = {p["name"]: Side(p["name"], cost=p["cost_million_cny_year"], point=p) for p in row.points}
    for member in members.of(row.id):
        side = sides[member.scenario]
        if member.state == SUCCEEDED:
            side.rows[member.seed] = jobs.get(JobRow, member.run, RUNS)
        else:
            why = (member.error or {}).get("message", "")
            side.missing.append(
                f"{member.scenario}: seed {member.seed} {member.state or 'has not begun'} {why}".strip()
            )
    return [sides[scenario]] if scenario else list(sides.values())


def _of_runs(text: str, place: str, jobs: Jobs) -> Side:
    """Return a side of runs named one by one."""
    side = Side(text)
    for part in text.replace("，", ",").split(","):
        name = part.strip()
        row = jobs.get(JobRow, name if "/" in name else f"{RUNS}/{name}", RUNS, place)
        if row.state != SUCCEEDED:
            remedy = "create it anew" if row.state in TERMINAL else "wait for it"
            raise StateError(f"{row.name} is {row.state}, it has no result", remedy)
        seed = int(row.input["seed"])
        if seed in side.rows:
            raise FieldError(place, f"{row.name} and {side.rows[seed].name} both have seed {seed}; give each seed once")
        side.rows[seed] = row
    return side


def _check_alike(sides: Mapping[str, Side]) -> None:
    """Refuse to compare runs of different samples or placements."""
    for what in ("sample", "placement"):
        seen = {str(row.input[what]): name for name, side in sides.items() for row in side.rows.values()}
        if len(seen) > 1:
            told = ", ".join(f"{name} {value}" for value, name in seen.items())
            raise FieldError("sides", f"differ in {what} ({told}); compare like with like")
