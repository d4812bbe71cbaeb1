"""Gather what a report on an experiment needs, and write it."""

from collections.abc import Mapping, Sequence
from typing import Any

from greentrip_networks.network import FeederRoute

from greentrip_server.cities import Cities
from greentrip_server.code import code_version
from greentrip_server.directory import DataDirectory
from greentrip_server.experiments.compare import compare_sides, detail_of, network_of
from greentrip_server.experiments.members import EXPERIMENTS, Members, hash_of
from greentrip_server.experiments.sides import find_sides
from greentrip_server.jobs import Jobs
from greentrip_server.report.council import council_report
from greentrip_server.report.council.content import Facts
from greentrip_server.report.sections import versions
from greentrip_server.tables import ExperimentRow


def experiment_report(
    row: ExperimentRow,
    baseline: str,
    detailed: int,
    jobs: Jobs,
    members: Members,
    cities: Cities,
    directory: DataDirectory,
) -> dict[str, bytes]:
    """Return the files of a report on an experiment by name; scenarios without a finished run are named as missing.

    Parameters
    ----------
    row
        The experiment.
    baseline
        The scenario compared with; empty takes the experiment's own.
    detailed
        How many scenarios are shown in detail, the best first.
    jobs, members, cities, directory
        Where things are.

    """
    found = find_sides([f"{EXPERIMENTS}/{row.id}"], baseline, jobs, members)
    summary = compare_sides(found, indicators=(), level=0.95, detail=False, cities=cities, directory=directory)
    base = found.sides[found.baseline]
    network = network_of(base, cities)
    first: list[Any] = next((r["order"] for r in summary["rankings"]), [])
    names = [o["scenario"] for o in first] or list(found.sides)
    shown = [n for n in names if n != found.baseline and found.sides[n].rows.keys() & base.rows.keys()][:detailed]
    summary["detail"] = {
        n: detail_of(base, found.sides[n], network, cities, directory, summary["level"]) for n in shown
    }
    facts = Facts(
        name=row.id,
        question=row.spec["question"],
        question_zh=row.spec["question_zh"],
        asked=row.spec["asked"],
        content_hash=hash_of(row),
        code=code_version(),
        versions=versions(),
        sample=row.spec["sample"],
        max_days=row.spec["max_days"],
        placement=row.spec["placement"],
        seeds=tuple(row.spec["seeds"]),
        runs=sum(len(side.rows) for side in found.sides.values()),
        indicators=[r.result or {} for _, r in sorted(base.rows.items())],
        routes={name: _routes(side.point.get("interventions", ())) for name, side in found.sides.items()},
    )
    return council_report(facts, summary, network)


def _routes(interventions: Sequence[Mapping[str, Any]]) -> tuple[FeederRoute, ...]:
    """Return the feeder routes that a scenario adds."""
    from greentrip_networks.scenario import AddFeeders, intervention_from_dict

    steps = [intervention_from_dict(s) for s in interventions]
    return tuple(r for step in steps if isinstance(step, AddFeeders) for r in step.routes)
