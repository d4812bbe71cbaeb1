"""Tables for people about experiments and comparisons of scenarios."""

from collections.abc import Mapping, Sequence
from typing import Any

from greentrip.plain import plain
from greentrip.show import Cell, console, number, spans, table
from greentrip.v1 import comparison_pb2, experiment_pb2, plan_pb2


def line(made: experiment_pb2.Experiment) -> str:
    """Return an experiment in one line."""
    p = made.progress
    state = experiment_pb2.ExperimentState.Name(made.state).removeprefix("EXPERIMENT_STATE_").lower()
    parts = [f"{made.name}  {state}  {p.succeeded} of {p.runs} runs done"]
    parts += [
        f"{count} {word}"
        for count, word in (
            (p.reused, "reused"),
            (p.failed, "failed"),
            (p.cancelled, "cancelled"),
            (p.running, "running"),
            (p.waiting, "waiting"),
        )
        if count
    ]
    if p.seconds_left:
        parts.append(f"about {duration(p.seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


_ACROSS = 3  # indicators side by side within 100 columns
_MOST_BESIDE = 6  # scenarios whose pairs are printed; each of them with each other
_LARGEST = 10  # rows of a table of parts, lines, stations or links


def _cell(scenario: experiment_pb2.ScenarioFigures, name: str) -> str:
    """Return a mean and half its interval."""
    found = next((f for f in scenario.figures if f.indicator == name), None)
    if found is None:
        return "-"
    half = f" ± {(found.interval.high - found.interval.low) / 2:.3f}" if found.HasField("interval") else ""
    return number(found.mean, 3) + half


def experiment(made: experiment_pb2.Experiment, result: experiment_pb2.ExperimentResult) -> None:
    """Print how an experiment stands, the figures of its scenarios and what is missing."""
    out = console()
    out.print(line(made), markup=False)
    if made.spec.question:
        out.print(made.spec.question, markup=False)
    names = list(dict.fromkeys(f.indicator for s in result.scenarios for f in s.figures))
    for start in range(0, len(names), _ACROSS):
        part = names[start : start + _ACROSS]
        rows: list[Sequence[Cell]] = [
            (scenario.scenario, str(len(scenario.seeds)), *(_cell(scenario, name) for name in part))
            for scenario in result.scenarios
        ]
        out.print(table("Mean of the seeds ± 95 % of its seed noise", ("scenario", "seeds", *part), rows))
    for text in result.missing:
        out.print(text, markup=False)


def comparison(found: comparison_pb2.ScenarioComparison) -> None:
    """Print what differs from the baseline, how sure that is, the ranking, and what the trips tell."""
    out = console()
    summary: Mapping[str, Any] = plain(found.summary)
    for text in found.missing:
        out.print(text, markup=False)
    for name in dict.fromkeys(d.indicator for d in found.differences):
        rows: list[Sequence[Cell]] = [
            (
                d.scenario,
                f"{d.change:+.4f}",
                f"[{d.interval.low:+.4f}, {d.interval.high:+.4f}]" if d.HasField("interval") else "-",
                f"{d.p_holm:.3f}" if d.HasField("p_holm") else "-",
                "yes" if d.found else "no",
                f"{d.probability_better:.2f}" if d.HasField("probability_better") else "-",
                f"{d.seeds}" + ("" if d.paired else " unpaired"),
                f"{d.further_seeds}" if d.HasField("further_seeds") else "-",
            )
            for d in found.differences
            if d.indicator == name
        ]
        columns = (
            "scenario",
            "change",
            f"{found.level:.0%} interval",
            "p Holm",
            "found",
            "P better",
            "seeds",
            "further",
        )
        out.print(table(f"{name} against {found.baseline}", columns, rows))
    if found.ranking:
        ranked: list[Sequence[Cell]] = [
            (str(r.rank), r.scenario, f"{r.mean:.3f}", f"{r.held:.0%}", f"{r.best:.0%}") for r in found.ranking
        ]
        out.print(table("Ranking on the first indicator", ("rank", "scenario", "mean", "rank held", "best"), ranked))
    _pairs(out, summary)
    if found.pareto:
        out.print(f"Beaten by none on every indicator: {', '.join(found.pareto)}", markup=False)
    for row in summary["cost_effectiveness"]:
        out.print(f"{row['scenario']}: {row['says']}", markup=False)
    for scenario, detail in summary.get("detail", {}).items():
        _detail(out, scenario, detail, found.level)


def _pairs(out: Any, summary: Mapping[str, Any]) -> None:
    """Print for each two scenarios how probably the first is better, and the seeds that would tell them apart."""
    scenarios = [s["scenario"] for s in summary["scenarios"]]
    if len(scenarios) > _MOST_BESIDE:
        out.print(
            f"Which of two of the {len(scenarios)} scenarios is better, and the seeds that would tell them apart: "
            "summary.beats and summary.between of --json; figures/between.csv of `greentrip report`",
            markup=False,
        )
        return
    better = {
        (b["indicator"], x, y): _decimals(b["probability"][i][j])
        for b in summary["beats"]
        if b["probability"]
        for i, x in enumerate(b["scenarios"])
        for j, y in enumerate(b["scenarios"])
    }
    names = list(dict.fromkeys(name for name, _, _ in better))
    first = next((b["indicator"] for b in summary["between"]), "")
    pairs = [(b["a"], b["b"], number(b["further_seeds"], 0)) for b in summary["between"] if b["indicator"] == first]
    for start in range(0, max(len(names), 1), _ACROSS):
        part, begins = names[start : start + _ACROSS], start == 0
        rows: list[Sequence[Cell]] = [
            (a, b, *(better.get((name, a, b), "-") for name in part), *([further] if begins else []))
            for a, b, further in pairs
        ]
        if rows:
            told = f"; further seeds to tell them apart by {first}" if begins else ""
            heads = ("A", "B", *part, *(["further"] if begins else []))
            out.print(table(f"Probability that A is better than B{told}", heads, rows))


def _detail(out: Any, scenario: str, detail: Mapping[str, Any], level: float) -> None:
    """Print a scenario's flows, groups, parts, loads and verdict."""
    flows: list[Sequence[Cell]] = [(f["from"], f["to"], round(f["trips"])) for f in detail["flows"][:6]]
    if flows:
        out.print(table(f"{scenario}: who left what for what, trips a weekday", ("from", "to", "trips"), flows))
    groups: list[Sequence[Cell]] = [
        (p["part"], round(p["win"]), round(p["lose"]), round(p["switch"]), f"{p['minutes']:+.3f}")
        for p in detail["people"]
        if p["by"] != "district"
    ]
    columns = ("who", "easier", "harder", "other mode", "minutes a trip")
    out.print(table(f"{scenario}: trips a weekday that become easier or harder", columns, groups))
    _gains(out, scenario, detail)
    for by, parts in detail["shares"].items():
        _changes(out, f"{scenario}: green share by {by}, % of trips", by, parts, ("part",), level)
    for what, title, keys in _LOADS:
        _changes(out, f"{scenario}: {title}", what.removesuffix("s"), detail[what], keys, level)
    head = detail["headline"]
    out.print(f"{scenario}: verdict {head['verdict']} ({head['note']})", markup=False)


_LOADS = (
    ("lines", "boardings a weekday by line", ("name_en",)),
    ("stations", "passengers who enter a weekday by station", ("name_en", "name_zh")),
    ("links", "vehicles by street link and period", ("from_node", "to_node", "period")),
)


def _changes(
    out: Any, title: str, what: str, rows: Sequence[Mapping[str, Any]], keys: Sequence[str], level: float
) -> None:
    """Print the largest changes of a table of parts."""
    largest = sorted(rows, key=lambda r: -abs(r["change"]))[:_LARGEST]
    digits, finer = (2, 3) if "part" in keys else (0, 0)  # shares; persons and vehicles
    told: list[Sequence[Cell]] = [
        (
            " ".join(str(r[k]) for k in keys),
            number(float(r["base"]), digits),
            number(float(r["other"]), digits),
            f"{r['change']:+,.{finer}f}",
            "-" if r["low"] is None else f"[{r['low']:+,.{finer}f}, {r['high']:+,.{finer}f}]",
        )
        for r in largest
    ]
    if told:
        few = f"; the {len(told)} largest changes" if len(told) < len(rows) else ""
        out.print(table(title + few, (what, "before", "after", "change", f"{level:.0%} interval"), told))


def _gains(out: Any, scenario: str, detail: Mapping[str, Any]) -> None:
    """Print who gains, how equal access is, and exhaust."""
    if detail.get("not_told"):
        out.print(f"{scenario}: who gains, access and exhaust cannot be told: {detail['not_told']}", markup=False)
        return
    gains: list[Sequence[Cell]] = [
        (
            g["part"], number(g["persons"], 0), f"{g['minutes']:+.3f}", f"{g['cny']:+.3f}", number(g["gain"], 0),
            number(g["lose"], 0), f"{g['green_before']:.2f}", f"{g['green_after'] - g['green_before']:+.3f}",
        )
        for g in detail["gains"]
    ]  # fmt: skip
    heads = ("who", "persons", "min a trip", "CNY a trip", "gain", "lose", "green %", "points")
    out.print(table(f"{scenario}: who gains, all modes on offer valued (positive: easier)", heads, gains))
    kinds = ("mean", "gini", "palma")
    reach: list[Sequence[Cell]] = [
        (f"{a['of']} in {a['minutes']:g} min", a["figure"], _decimals(a["base"]), _decimals(a["other"]))
        for a in detail["access"]
        if a["figure"] in kinds
    ]
    out.print(table(f"{scenario}: reached by public transport (mean: % of all)", ("of", "", "before", "after"), reach))
    whole = {(e["mode"], e["what"]): e for e in detail["emissions"]}
    modes = list(dict.fromkeys(e["mode"] for e in detail["emissions"]))
    amounts = ("energy_gj", "co2_t", "nox_kg", "pm_kg")
    burnt: list[Sequence[Cell]] = [
        (
            mode,
            *(x for what in amounts for x in (number(whole[mode, what]["base"], 1),
                                              f"{whole[mode, what]['change']:+,.2f}")),
        )
        for mode in modes
    ]  # fmt: skip
    columns = ("mode", "GJ", "change", "t CO2", "change", "kg NOx", "change", "kg PM", "change")
    out.print(table(f"{scenario}: energy and exhaust of a weekday", columns, burnt))


def _decimals(value: float | None) -> str:
    """Return a figure with three decimals."""
    return "-" if value is None else f"{value:.3f}"


def plan_difference(found: plan_pb2.PlanDifference) -> None:
    """Print two plans side by side."""
    out = console()
    rows: list[Sequence[Cell]] = [
        (
            _kind(r),
            r.station,
            r.before or "-",
            r.after or "-",
            f"+{len(r.stops_added)} -{len(r.stops_dropped)}",
            _arrow(*(spans([h] if h else []) for h in (r.headways_s_before, r.headways_s_after))),
            _sides(r.vehicles_before, r.vehicles_after),
            round(r.residents),
        )
        for r in found.routes
    ]
    columns = ("route", "station", "before", "after", "stops", "am/off/pm min", "buses", "residents")
    out.print(table(f"{found.before} and {found.after}", columns, rows))
    out.print(
        f"Buses {found.vehicles_before} -> {found.vehicles_after}; "
        f"CNY a day {found.cost_cny_day_before:,.0f} -> {found.cost_cny_day_after:,.0f}"
    )
    out.print(
        f"Residents within {found.walk_m:.0f} m of a stop: "
        f"{found.residents_before:,.0f} -> {found.residents_after:,.0f} "
        f"(gain {found.residents_gain:,.0f}, lose {found.residents_lose:,.0f}; "
        f"more often {found.residents_more_often:,.0f}, less often {found.residents_less_often:,.0f})"
    )


def _kind(route: plan_pb2.RouteDifference) -> str:
    """Return what becomes of a route, and whether it is a loop."""
    if route.before and route.after and route.loop_before != route.loop_after:
        return f"{route.kind} {'to' if route.loop_after else 'from'} a loop"
    return f"{route.kind}, a loop" if route.loop_before or route.loop_after else route.kind


def _sides(before: float, after: float) -> str:
    """Return a figure before and after, once where equal; 0 means there is none."""
    return _arrow(*(f"{x:.3g}" if x else "-" for x in (before, after)))


def _arrow(before: str, after: str) -> str:
    """Return what was and what is, once where equal."""
    return before if before == after else f"{before} -> {after}"
