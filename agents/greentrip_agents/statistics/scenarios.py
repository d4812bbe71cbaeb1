"""Many scenarios against one: what differs on each indicator, how sure that is, the ranking, and what it costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from greentrip_networks.errors import ScenarioError, UnknownNameError

from greentrip_agents.statistics.figures import direction, select
from greentrip_agents.statistics.intervals import (
    difference,
    holm,
    mean_interval,
    probability_above,
    seeds_needed,
)
from greentrip_agents.statistics.ranking import beats, pareto, ranking

Values = Mapping[str, Mapping[int, Mapping[str, float]]]  # scenario, seed, indicator


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
        Cost of each scenario, million CNY a year; None where unknown. The baseline's counts as 0 when unknown.
    key
        Key of the bootstrap.

    Returns
    -------
    Plain data: `baseline`, `level`, `indicators`, `scenarios` (means with intervals), `differences` (one row a scenario
    and indicator: change, interval, p, p_holm, found, probability_better, seeds, and the further seeds that would find
    the change as it is now, corrected too, in four of five tries), `between` (each two scenarios on the first
    indicator: probability that one is above the other, further seeds to tell them apart), `beats` (for each indicator
    with a direction the probability that each scenario is better than each other), `rankings`, `pareto`,
    `cost_effectiveness` and `missing`.

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
    missing = [f"{name}: no finished run" for name, seeds in values.items() if not seeds]
    have = {name: seeds for name, seeds in values.items() if seeds}
    if baseline not in have:
        raise ScenarioError("baseline", f"{baseline!r} has no finished run; wait for one, or take another baseline")
    known = list(next(iter(have[baseline].values())))
    names = select(known, indicators)
    rows = _differences(have, baseline, names, level, missing)
    return {
        "baseline": baseline,
        "level": level,
        "indicators": [{"name": n, "direction": direction(n)} for n in names],
        "scenarios": [_means(name, seeds, names, level) for name, seeds in have.items()],
        "differences": rows,
        "between": _between(have, names[0], level),
        "beats": [_beats(have, n) for n in names if direction(n)],
        "rankings": [_ranking(have, n, key, missing) for n in names if direction(n)],
        "pareto": _pareto(have, names, costs or {}, missing),
        "cost_effectiveness": _effectiveness(rows, names[0], baseline, costs or {}),
        "missing": list(dict.fromkeys(missing)),
    }


def _column(seeds: Mapping[int, Mapping[str, float]], name: str) -> dict[int, float]:
    """Return an indicator by seed where it is known."""
    return {s: f[name] for s, f in sorted(seeds.items()) if name in f and np.isfinite(f[name])}


def _means(
    scenario: str, seeds: Mapping[int, Mapping[str, float]], names: Sequence[str], level: float
) -> dict[str, Any]:
    """Return a scenario's own means."""
    found = []
    for name in names:
        column = _column(seeds, name)
        mean, interval = mean_interval(list(column.values()), level) if column else (None, None)
        found.append({"indicator": name, "mean": mean, "interval": _ends(interval), "values": list(column.values())})
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
            a, b = _column(base, name), _column(seeds, name)
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
    for row, p in zip(tested, holm([float(r["p"]) for r in tested]), strict=True):
        row["p_holm"] = p
        needed = seeds_needed(row[effect], row["sd"], level=strict) if row[effect] else None
        if needed is not None:
            row |= {"seeds_needed": needed, "further_seeds": max(0, needed - row["seeds"])}


def _between(have: Values, name: str, level: float) -> list[dict[str, Any]]:
    """Return for each two scenarios how far the second is above the first, and the seeds that would tell them apart."""
    rows: list[dict[str, Any]] = []
    scenarios = [s for s in have if _column(have[s], name)]
    for i, a in enumerate(scenarios):
        for b in scenarios[i + 1 :]:
            d = difference(_column(have[a], name), _column(have[b], name), level)
            rows.append({
                "a": a, "b": b, "indicator": name, "b_above_a": d.mean, "interval": _ends(d.interval), "p": d.p,
                "sd": d.sd, "probability_b_above_a": probability_above(d), "seeds": d.seeds,
            })  # fmt: skip
    _correct(rows, "b_above_a", level)
    return rows


def _beats(have: Values, name: str) -> dict[str, Any]:
    """Return the probability that each scenario (row) is better than each other (column); no rows without two seeds."""
    seeds, scenarios = _common(have, [name]), list(have)
    rows: list[list[float]] = []
    if len(seeds) > 1:
        table = np.array([[have[s][seed][name] for seed in seeds] for s in scenarios])
        rows = beats(table, larger_is_better=direction(name) > 0).tolist()
    return {"indicator": name, "seeds": seeds, "scenarios": scenarios, "probability": rows}


def _common(have: Values, names: Sequence[str]) -> list[int]:
    """Return the seeds for which every scenario has every indicator."""
    sets = [set(_column(seeds, n)) for seeds in have.values() for n in names]
    return sorted(set.intersection(*sets)) if sets else []


def _ranking(have: Values, name: str, key: int, missing: list[str]) -> dict[str, Any]:
    """Return scenarios from best to worst on one indicator, or why they cannot be ranked."""
    seeds, scenarios = _common(have, [name]), list(have)
    if len(scenarios) < 2 or len(seeds) < 2:
        why = f"{name}: not ranked: {len(scenarios)} scenarios share {len(seeds)} seeds; 2 of each are needed"
        missing.append(why)
        return {"indicator": name, "seeds": seeds, "order": [], "refused": why}
    table = np.array([[have[s][seed][name] for seed in seeds] for s in scenarios])
    found = ranking(table, larger_is_better=direction(name) > 0, key=key)
    return {
        "indicator": name,
        "seeds": seeds,
        "order": [
            {
                "rank": found.rank[i],
                "scenario": scenarios[i],
                "mean": float(table[i].mean()),
                "held": found.held[i],
                "best": found.best[i],
                "ranks": list(found.ranks[i]),
            }
            for i in found.order
        ],
        "refused": "",
    }


def _pareto(
    have: Values, names: Sequence[str], costs: Mapping[str, float | None], missing: list[str]
) -> dict[str, Any]:
    """Return the scenarios that no other beats on every indicator that has a direction, cost among them if known."""
    counted = [n for n in names if direction(n)]
    seeds, scenarios = _common(have, counted), list(have)
    if len(seeds) < 1 or not counted:
        missing.append("Pareto set: the scenarios share no seed on which every indicator is known")
        return {"indicators": [], "scenarios": [], "beaten": []}
    columns = [[float(np.mean([have[s][seed][n] for seed in seeds])) for s in scenarios] for n in counted]
    up = [direction(n) > 0 for n in counted]
    known = {s: costs.get(s) for s in scenarios}
    if any(v is not None for v in known.values()):
        columns.append([known[s] or 0.0 for s in scenarios])
        up.append(False)
        counted = [*counted, "cost_million_cny_year"]
    kept = pareto(np.array(columns).T, up)
    return {
        "indicators": counted,
        "scenarios": [s for s, k in zip(scenarios, kept, strict=True) if k],
        "beaten": [s for s, k in zip(scenarios, kept, strict=True) if not k],
    }


def _effectiveness(
    rows: Sequence[Mapping[str, Any]], name: str, baseline: str, costs: Mapping[str, float | None]
) -> list[dict[str, Any]]:
    """Return what each million CNY a year buys on the first indicator, where a scenario costs something."""
    found = []
    for row in rows:
        cost = costs.get(row["scenario"])
        if row["indicator"] != name or cost is None:
            continue
        extra = cost - (costs.get(baseline) or 0.0)
        if extra == 0:
            continue
        ends = sorted(x / extra for x in row["interval"]) if row["interval"] is not None else None
        found.append({
            "scenario": row["scenario"], "indicator": name, "million_cny_year": extra, "change": row["change"],
            "per_million": row["change"] / extra, "interval": ends,
        })  # fmt: skip
    return found


def _ends(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [float(interval[0]), float(interval[1])]
