"""Gather what a report on an experiment needs, and write it."""

from typing import Any

from greentrip_server.cities import Cities
from greentrip_server.code import code_version
from greentrip_server.directory import DataDirectory
from greentrip_server.experiments.compare import compare_sides, detail_of, network_of
from greentrip_server.experiments.members import EXPERIMENTS, Members, hash_of
from greentrip_server.experiments.sides import Side, Sides, find_sides
from greentrip_server.jobs import Jobs
from greentrip_server.report.council import council_report
from greentrip_server.report.council.facts import Compared, Facts
from greentrip_server.report.sections import versions
from greentrip_server.tables import ExperimentRow

DETAILED = 4  # scenarios shown in detail unless the caller says otherwise


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
        How many scenarios are shown in detail, the best first; 0 takes DETAILED.
    jobs, members, cities, directory
        Where things are.

    """
    found = find_sides([f"{EXPERIMENTS}/{row.id}"], baseline, jobs, members)
    summary = compare_sides(found, indicators=(), level=0.95, detail=False, cities=cities, directory=directory)
    base = found.sides[found.baseline]
    network = network_of(base, cities)
    first: list[Any] = next((r["order"] for r in summary["rankings"]), [])
    names = [o["scenario"] for o in first] or list(found.sides)
    shown = [n for n in names if n != found.baseline and found.sides[n].rows.keys() & base.rows.keys()]
    summary["detail"] = {
        n: detail_of(base, found.sides[n], network, cities, directory, summary["level"])
        for n in shown[: detailed or DETAILED]
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
        seeds=tuple(row.spec["seeds"]),
        compared=[_compared(side, len(row.spec["seeds"])) for side in found.sides.values()],
        sources=_sources(found, row.spec["placement"], cities),
        chosen_baseline=baseline,
        detailed=detailed if detailed not in (0, DETAILED) else None,
    )
    return council_report(facts, summary, network)


def _compared(side: Side, asked: int) -> Compared:
    """Return what a side is and what its finished runs found; `asked` runs are wanted of it."""
    from greentrip_networks.scenario import intervention_from_dict

    point = side.point
    return Compared(
        name=side.name,
        network=point["network"].removeprefix("networks/"),
        description=point["description"],
        plan=point["plan"],
        steps=tuple(intervention_from_dict(step) for step in point["interventions"]),
        parameters=point["parameters"],
        values=point["values"],
        cost_million_cny_year=side.cost,
        asked=asked,
        results={seed: done.result or {} for seed, done in sorted(side.rows.items())},
    )


def _sources(found: Sides, placement: int, cities: Cities) -> tuple[str, ...]:
    """Return the sources of every network that was simulated, each once, the baseline's first."""
    sides = [found.sides[found.baseline], *found.sides.values()]
    networks = dict.fromkeys(side.point["network"] for side in sides if side.rows)
    return tuple(dict.fromkeys(source for name in networks for source in cities.get(name, placement).sources))
