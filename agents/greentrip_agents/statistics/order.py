"""Which scenarios can be put in order together, and their order: ranking, who beats whom, and what nothing else beats.

Scenarios are ranked on seeds that all of them have, so that one with few seeds would take them from all the others.
Such scenarios are left out and named; the others keep their ranking.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from greentrip_agents.statistics.figures import Values, column, direction
from greentrip_agents.statistics.ranking import beats, pareto, ranking

LEAST_SEEDS = 2  # a ranking on fewer says nothing of its own noise
COST = "cost_million_cny_year"


@dataclass(frozen=True)
class Comparable:
    """Scenarios that can be put in order together, the seeds that all of them have, and why others cannot."""

    scenarios: tuple[str, ...]
    seeds: tuple[int, ...]
    left_out: Mapping[str, str]


def comparable(have: Values, names: Sequence[str], baseline: str, least: int = LEAST_SEEDS) -> Comparable:
    """Return which scenarios can be put in order together.

    A seed counts for a scenario when all the indicators are known under it. Left out are, one after the other,
    scenarios with fewer than the least seeds in common with the baseline; those with fewer than half as many as the
    middle one of the rest (the upper median, so that neither one weak nor one rich scenario decides for all); and,
    going from many seeds to few, those that would leave fewer than the least to the ones already in.

    Parameters
    ----------
    have
        Figures by scenario, seed and indicator; every scenario has a seed.
    names
        Indicators, at least one.
    baseline
        One of the scenarios; it is always in.
    least
        Seeds that all must share.

    """
    known = {s: set.intersection(*(set(column(seeds, n)) for n in names)) for s, seeds in have.items()}
    shared = {s: seeds & known[baseline] for s, seeds in known.items() if s != baseline}
    counts = sorted(len(seeds) for seeds in shared.values() if len(seeds) >= least)
    middle = counts[len(counts) // 2] if counts else 0
    common, kept, left_out = known[baseline], {baseline}, {}
    for scenario in sorted(shared, key=lambda s: -len(shared[s])):
        count = len(shared[scenario])
        if count < least:
            left_out[scenario] = f"saw {count} seeds in common with {baseline}; expected at least {least}"
        elif 2 * count < middle:
            left_out[scenario] = (
                f"saw {count} seeds in common with {baseline}; expected at least half of the {middle} that the middle "
                "one of the scenarios has"
            )
        elif len(common & shared[scenario]) < least:
            left_out[scenario] = (
                f"saw {len(common & shared[scenario])} seeds in common with scenarios that have more; expected at "
                f"least {least}"
            )
        else:
            common = common & shared[scenario]
            kept.add(scenario)
    return Comparable(tuple(s for s in have if s in kept), tuple(sorted(common)), left_out)


def ranked(have: Values, name: str, baseline: str, key: int, missing: list[str]) -> dict[str, Any]:
    """Return scenarios from best to worst on one indicator, who is left out, or why they cannot be ranked."""
    found = comparable(have, [name], baseline)
    scenarios, seeds = found.scenarios, found.seeds
    made: dict[str, Any] = {
        "indicator": name, "seeds": list(seeds), "order": [], "left_out": dict(found.left_out), "refused": "",
    }  # fmt: skip
    if len(scenarios) < 2 or len(seeds) < LEAST_SEEDS:
        why = f"{name}: not ranked: {len(scenarios)} scenarios share {len(seeds)} seeds; 2 of each are needed"
        missing.append(why)
        return {**made, "refused": why}
    missing += [f"{s}: not ranked with the others: {why}" for s, why in found.left_out.items()]
    table = np.array([[have[s][seed][name] for seed in seeds] for s in scenarios])
    order = ranking(table, larger_is_better=direction(name) > 0, key=key)
    made["order"] = [
        {
            "rank": order.rank[i],
            "scenario": scenarios[i],
            "mean": float(table[i].mean()),
            "held": order.held[i],
            "best": order.best[i],
            "ranks": list(order.ranks[i]),
        }
        for i in order.order
    ]
    return made


def beating(have: Values, name: str) -> dict[str, Any]:
    """Return the probability that each scenario (row) is better than each other (column) on the seeds the two share.

    None stands for two that share fewer than two seeds; there are no rows where no two share as many. `seeds` holds
    the number that each two share.
    """
    columns = {s: column(seeds, name) for s, seeds in have.items()}
    union = sorted({seed for values in columns.values() for seed in values})
    table = np.array([[values.get(seed, np.nan) for seed in union] for values in columns.values()])
    there = np.isfinite(table).astype(np.int64)
    shared = there @ there.T
    rows: list[list[float | None]] = []
    if len(shared) > 1 and np.triu(shared, 1).max() >= LEAST_SEEDS:
        chances = beats(table, larger_is_better=direction(name) > 0)
        rows = [[float(p) if np.isfinite(p) else None for p in row] for row in chances]
    return {"indicator": name, "seeds": shared.tolist(), "scenarios": list(columns), "probability": rows}


def unbeaten(
    have: Values, names: Sequence[str], baseline: str, costs: Mapping[str, float | None], missing: list[str]
) -> dict[str, Any]:
    """Return the scenarios that no other beats on every indicator that has a direction, and on cost where known.

    When the cost of any scenario beside the baseline is known, cost counts, and scenarios of unknown cost are left out
    and named: they are never taken for free. The baseline costs nothing when its cost is unknown.
    """
    counted = [n for n in names if direction(n)]
    if not counted:
        missing.append("Pareto set: no indicator has a direction")
        return {"indicators": [], "seeds": [], "scenarios": [], "beaten": [], "left_out": {}}
    priced = {s: cost for s in have if (cost := costs.get(s)) is not None}
    unknown: dict[str, str] = {}
    if priced.keys() - {baseline}:
        priced.setdefault(baseline, 0.0)
        unknown = {s: "its cost is unknown, and cost counts" for s in have if s not in priced}
    among = {s: seeds for s, seeds in have.items() if s not in unknown}
    found = comparable(among, counted, baseline)
    if len(found.scenarios) < 2:  # means of one seed can be compared, as far as they go
        found = comparable(among, counted, baseline, least=1)
    left_out = {**unknown, **found.left_out}
    missing += [f"{s}: not considered for the Pareto set: {why}" for s, why in left_out.items()]
    if not found.seeds:
        missing.append("Pareto set: the scenarios share no seed on which every indicator is known")
        return {"indicators": [], "seeds": [], "scenarios": [], "beaten": [], "left_out": left_out}
    scenarios = found.scenarios
    columns = [[float(np.mean([have[s][seed][n] for seed in found.seeds])) for s in scenarios] for n in counted]
    up = [direction(n) > 0 for n in counted]
    if priced.keys() - {baseline}:
        columns.append([priced[s] for s in scenarios])
        up.append(False)
        counted = [*counted, COST]
    kept = pareto(np.array(columns).T, up)
    return {
        "indicators": counted,
        "seeds": list(found.seeds),
        "scenarios": [s for s, k in zip(scenarios, kept, strict=True) if k],
        "beaten": [s for s, k in zip(scenarios, kept, strict=True) if not k],
        "left_out": left_out,
    }
