"""The report's charts: shares against what is published, by district and distance, and how the runs settled."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from greentrip_server.report.figures import BANDS_KM, PRIVATE, Subject, distance_shares, mean
from greentrip_server.report.markup import CLASSES, MODES, figure, mode_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greentrip_agents import Run

_X = {"fixedrange": True, "gridcolor": "#e6eaee", "zeroline": False}
_Y = {"fixedrange": True, "gridcolor": "#e6eaee", "zeroline": False}


def class_chart(subject: Subject) -> str:
    """Draw the published classes: published, modelled today, modelled with the plan."""
    classes = [c for c in CLASSES if mean(subject.base_runs, "class_share", subject.area, subject.base, c) is not None]
    names = ["<br>".join(CLASSES[c]) for c in classes]
    bars: list[tuple[str, str, list[float]]] = []
    if subject.observed is not None:
        shares = subject.observed.shares
        bars.append(
            (f"Published {subject.observed.year} 公布值", "#90a4ae", [float(shares.get(c, 0.0)) for c in classes])
        )
    for label, colour, runs in (
        ("Modelled today 模型现状", "#1565c0", subject.base_runs),
        ("Modelled with the plan 模型方案", "#2e7d32", subject.with_runs),
    ):
        bars.append((label, colour, [mean(runs, "class_share", subject.area, subject.base, c) or 0.0 for c in classes]))
    data = [
        {
            "type": "bar",
            "name": label,
            "x": names,
            "y": [round(v, 3) for v in values],
            "marker": {"color": colour},
            "text": [f"{v:.1f}" for v in values],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertemplate": "%{x}: %{y:.2f} %<extra></extra>",
        }
        for label, colour, values in bars
    ]
    top = max(max(values) for _, _, values in bars)
    layout = {
        "barmode": "group",
        "xaxis": {**_X, "automargin": True},
        "yaxis": {**_Y, "title": {"text": "% of trips 出行比例"}, "automargin": True, "range": [0, top * 1.15]},
    }
    return figure("shares", data, layout, height=360)


def district_chart(subject: Subject) -> str:
    """Draw the modes of each district's residents, today, the greenest first."""
    found = district_names(subject)
    found.reverse()  # the first is drawn at the top
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": mode_name(mode),
            "y": [label for _, label in found],
            "x": [round(mean(subject.base_runs, "by_district", name, mode) or 0.0, 3) for name, _ in found],
            "marker": {"color": colour},
            "hovertemplate": "%{y}: %{x:.1f} %<extra>" + mode_name(mode) + "</extra>",
        }
        for mode, (_, _, colour) in MODES.items()
    ]
    layout = {
        "barmode": "stack",
        "xaxis": {**_X, "range": [0, 100], "ticksuffix": " %"},
        "yaxis": {**_Y, "automargin": True},
        "legend": {"orientation": "h", "y": -0.08, "yanchor": "top", "x": 0, "traceorder": "normal"},
        "margin": {"l": 10, "r": 16, "t": 10, "b": 90},
    }
    return figure("districts", data, layout, height=150 + 26 * len(found))


def district_names(subject: Subject) -> list[tuple[str, str]]:
    """Return (English name, label in two languages) of the districts, least car and taxi first."""
    zones = subject.network.zones
    chinese = dict(zip(zones.district_en, zones.district_zh, strict=True))
    found = [
        (sum(mean(subject.base_runs, "by_district", name, m) or 0.0 for m in PRIVATE), name)
        for name in dict.fromkeys(zones.district_en)
        if mean(subject.base_runs, "by_district", name, "walk") is not None
    ]
    return [(name, f"{name} {chinese[name]}") for _, name in sorted(found)]


def distance_chart(trips: pl.DataFrame) -> str:
    """Draw which modes make the trips of each length, as parts of all trips of the headline."""
    shares = distance_shares(trips)
    labels = [f"{a:g}–{b:g} km" if b < float("inf") else f"over {a:g} km" for a, b in pairwise(BANDS_KM)]
    data = [
        {
            "type": "bar",
            "name": mode_name(mode),
            "x": labels,
            "y": [round(shares.get((i, mode), 0.0), 3) for i in range(len(labels))],
            "marker": {"color": colour},
            "hovertemplate": "%{x}: %{y:.2f} % of all trips<extra>" + mode_name(mode) + "</extra>",
        }
        for mode, (_, _, colour) in MODES.items()
    ]
    layout = {
        "barmode": "stack",
        "xaxis": {**_X, "title": {"text": "street distance 出行距离"}},
        "yaxis": {**_Y, "title": {"text": "% of all trips 占全部出行"}, "automargin": True},
        "legend": {"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0, "traceorder": "normal"},
        "margin": {"l": 10, "r": 10, "t": 10, "b": 110},
    }
    return figure("distance", data, layout, height=400)


def convergence_charts(subject: Subject, limit: float) -> str:
    """Draw gap and green share day by day for every run; `limit` is the gap at which a run may stop."""
    sides: list[tuple[str, str, Sequence[Run]]] = [
        ("today 现状", "#1565c0", subject.base_runs),
        ("with the plan 方案", "#2e7d32", subject.with_runs),
    ]
    gaps: list[dict[str, Any]] = []
    greens: list[dict[str, Any]] = []
    longest = 1
    for label, colour, runs in sides:
        for i, run in enumerate(runs):
            log = run.indicators["days_log"]
            days = [int(row["day"]) for row in log]
            longest = max([longest, *days])
            line = {
                "type": "scatter",
                "mode": "lines",
                "name": f"{label}, seed {run.indicators['seed']}",
                "x": days,
                "line": {"color": colour, "width": 1.8, "dash": ("solid", "dot", "dash", "dashdot")[i % 4]},
            }
            gaps.append(
                {
                    **line,
                    "y": [row["gap"] if row["gap"] is None or row["gap"] > 0 else 1e-9 for row in log],
                    "showlegend": False,
                }
            )
            greens.append({**line, "y": [round(float(row["green_share"]), 4) for row in log]})
    stop = {
        "type": "scatter",
        "mode": "lines",
        "x": [1, longest],
        "y": [limit, limit],
        "line": {"color": "#b3261e", "width": 1, "dash": "dash"},
        "name": f"limit {limit:g}",
        "showlegend": False,
        "hoverinfo": "name",
    }
    day = {**_X, "title": {"text": "day 天"}}
    one = figure(
        "gap",
        [*gaps, stop],
        {
            "title": {"text": "Gap 相对差距", "x": 0, "font": {"size": 13}},
            "xaxis": day,
            "yaxis": {**_Y, "type": "log", "automargin": True, "exponentformat": "power", "dtick": 1},
        },
        height=300,
    )
    two = figure(
        "green",
        greens,
        {
            "title": {"text": "Green share, % 绿色出行比例", "x": 0, "font": {"size": 13}},
            "xaxis": day,
            "yaxis": {**_Y, "automargin": True},
            "showlegend": True,
            "legend": {"orientation": "h", "y": -0.25, "yanchor": "top", "x": 0},
            "margin": {"l": 10, "r": 10, "t": 30, "b": 90},
        },
        height=360,
    )
    return f'<div class="two"><div>{one}</div><div>{two}</div></div>'
