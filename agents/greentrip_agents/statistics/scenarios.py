"""Many scenarios against one: what differs on each indicator, how sure that is, the ranking, and what it costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from greentrip_networks.errors import ScenarioError, UnknownNameError

from greentrip_agents.statistics.cost_effectiveness import cost_effectiveness
from greentrip_agents.statistics.figures import Values, column, direction, select
from greentrip_agents.statistics.intervals import (
    difference,
    holm,
    mean_interval,
    probability_above,
    seeds_needed_each,
)
from greentrip_agents.statistics.order import beating, ranked, unbeaten

MOST_BETWEEN = 40  # scenarios each two of which are told apart on an indicator: 780 pairs


def compare_scenarios(
    values: Values,
    *,
    baseline: str,
    indicators: Sequence[str] = (),
    level: float = 0.95,
    costs: Mapping[str, float | None] | None = None,
    key: int = 0,
) -> dict[str, Any]:
    """Compare scenarios with a baseline, seed by seed where they share seeds.

    Who can be ranked with whom, and on which seeds, is the rule of `order.comparable`.

    Parameters
    ----------
    values
        Figures by scenario, seed and indicator (`statistics.figures`). A scenario without any seed is named as
        missing and left out.
    baseline
        The scenario that the others are compared with.
    indicators
        Names or their beginnings; none means the usual ones.
    level
        Of intervals and of the Holm-corrected findings; 0.5 to below 1.
    costs
        Cost of each scenario, million CNY a year; None where unknown, which never counts as free. The baseline's alone
        counts as 0 when unknown.
    key
        Key of the bootstrap.

    Returns
    -------
        Plain data: `baseline`, `level`, `indicators`, `scenarios` (means with intervals), `differences` (one row a
        scenario and indicator: change, interval, p, p_holm, found, probability_better, seeds, whether the runs
        `converged`, and the further seeds that would find the change as it is now, corrected too, in four of five
        tries), `between` (the same of each two scenarios on every indicator with a direction, b less a, corrected
        together; of more than MOST_BETWEEN scenarios the best), `beats` (for each indicator with a direction the
        probability that each scenario is better than each other, on the seeds the two share), `rankings` and `pareto`
        (with who is `left_out` and why), `cost_effectiveness`, `unsettled` (seeds that did not converge, by scenario)
        and `missing`: sentences on what is unsettled, missing or left out, what is unsettled first.

    Raises
    ------
    UnknownNameError
        When the baseline or an indicator is unknown.
    ScenarioError
        When the baseline has no finished run.

    """
    if not 0.5 <= level < 1:
        raise ScenarioError("level", f"saw {level:g}; expected 0.5 to below 1")
    if baseline not in values:
        raise UnknownNameError("scenario", baseline, values)
    unsettled = _unsettled(values)
    missing = [
        f"{name}: did not converge, or left demand unserved, under {_listed(seeds)}: its differences and ranks are no "
        "verdict"
        for name, seeds in unsettled.items()
    ]
    missing += [f"{name}: no finished run" for name, seeds in values.items() if not seeds]
    have = {name: seeds for name, seeds in values.items() if seeds}
    if baseline not in have:
        raise ScenarioError("baseline", f"{baseline!r} has no finished run; wait for one, or take another baseline")
    known = list(next(iter(have[baseline].values())))
    names = select(known, indicators)
    rows = _differences(have, baseline, names, level, missing)
    for row in rows:
        row["converged"] = not unsettled.keys() & {baseline, row["scenario"]}
    directed = [n for n in names if direction(n)]
    rankings = [ranked(have, n, baseline, key, missing) for n in directed]
    for one in rankings:
        resting = [o["scenario"] for o in one["order"] if o["scenario"] in unsettled]
        one["warning"] = f"rests on runs that did not converge, of {', '.join(resting)}" if resting else ""
    return {
        "baseline": baseline,
        "level": level,
        "indicators": [{"name": n, "direction": direction(n)} for n in names],
        "scenarios": [_means(name, seeds, names, level) for name, seeds in have.items()],
        "differences": rows,
        "between": _between(have, directed or names[:1], level, missing),
        "beats": [beating(have, n) for n in directed],
        "rankings": rankings,
        "pareto": unbeaten(have, names, baseline, costs or {}, missing),
        "cost_effectiveness": cost_effectiveness(have, names, baseline, costs or {}, level),
        "unsettled": unsettled,
        "missing": list(dict.fromkeys(missing)),
    }


def _unsettled(values: Values) -> dict[str, list[int]]:
    """Return the seeds under which a scenario's run did not converge or left demand unserved."""
    found = {s: [seed for seed, f in sorted(seeds.items()) if f.get("converged") == 0] for s, seeds in values.items()}
    return {scenario: seeds for scenario, seeds in found.items() if seeds}


def _listed(seeds: Sequence[int]) -> str:
    """Return seeds as text."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(str(s) for s in seeds)}"


def _means(
    scenario: str, seeds: Mapping[int, Mapping[str, float]], names: Sequence[str], level: float
) -> dict[str, Any]:
    """Return a scenario's own means."""
    found = []
    for name in names:
        by_seed = list(column(seeds, name).values())
        mean, interval = mean_interval(by_seed, level) if by_seed else (None, None)
        found.append({"indicator": name, "mean": mean, "interval": _ends(interval), "values": by_seed})
    return {"scenario": scenario, "seeds": sorted(seeds), "figures": found}


def _differences(
    have: Values, baseline: str, names: Sequence[str], level: float, missing: list[str]
) -> list[dict[str, Any]]:
    """Return one row a scenario and indicator, corrected together for their number."""
    rows: list[dict[str, Any]] = []
    base = have[baseline]
    for scenario, seeds in have.items():
        if scenario == baseline:
            continue
        common = base.keys() & seeds.keys()
        if not common:
            missing.append(f"{scenario}: shares no seed with {baseline}; compared as independent samples")
        elif common != base.keys() or common != seeds.keys():
            missing.append(f"{scenario}: only {len(common)} seeds are common with {baseline}; the others are left out")
        for name in names:
            a, b = column(base, name), column(seeds, name)
            if not a or not b:
                missing.append(f"{scenario}: {name} is not known on both sides")
                continue
            d = difference(a, b, level)
            above, sign = probability_above(d), direction(name)
            rows.append({
                "scenario": scenario,
                "indicator": name,
                "change": d.mean,
                "interval": _ends(d.interval),
                "p": d.p,
                "paired": d.paired,
                "seeds": d.seeds,
                "sd": d.sd,
                "probability_above": above,
                "probability_better": above if sign > 0 else None if above is None or not sign else 1 - above,
            })  # fmt: skip
    _correct(rows, "change", level)
    for row in rows:
        row["found"] = row["p_holm"] is not None and row["p_holm"] < 1 - level
    return rows


def _correct(rows: Sequence[dict[str, Any]], effect: str, level: float) -> None:
    """Correct p for the number of rows, and say how many seeds would find each effect at the corrected level."""
    tested = [r for r in rows if r["p"] is not None]
    strict = 1 - (1 - level) / max(len(tested), 1)  # Holm's first step, which the hardest finding must pass
    for row in rows:
        row |= {"p_holm": None, "seeds_needed": None, "further_seeds": None}
    needed = seeds_needed_each([r[effect] for r in tested], [r["sd"] for r in tested], level=strict)
    for row, p, seeds in zip(tested, holm([r["p"] for r in tested]), needed, strict=True):
        row["p_holm"] = p
        if seeds is not None:
            row |= {"seeds_needed": seeds, "further_seeds": max(0, seeds - row["seeds"])}


def _between(have: Values, names: Sequence[str], level: float, missing: list[str]) -> list[dict[str, Any]]:
    """Return how far of each two scenarios the second is above the first, and the seeds that would tell them apart."""
    rows: list[dict[str, Any]] = []
    for name in names:
        columns = {s: found for s, seeds in have.items() if (found := column(seeds, name))}
        if len(columns) > MOST_BETWEEN:
            sign = direction(name) or 1
            best = sorted(columns, key=lambda s: -sign * float(np.mean(list(columns[s].values()))))[:MOST_BETWEEN]
            columns = {s: found for s, found in columns.items() if s in best}
            missing.append(f"{name}: only the best {MOST_BETWEEN} of the scenarios are compared with each other")
        scenarios = list(columns)
        for i, a in enumerate(scenarios):
            for b in scenarios[i + 1 :]:
                d = difference(columns[a], columns[b], level)
                rows.append({
                    "a": a, "b": b, "indicator": name, "b_above_a": d.mean, "interval": _ends(d.interval), "p": d.p,
                    "sd": d.sd, "probability_b_above_a": probability_above(d), "seeds": d.seeds,
                })  # fmt: skip
    _correct(rows, "b_above_a", level)
    return rows


def _ends(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [float(interval[0]), float(interval[1])]
