"""What a reader meets first: what went wrong, if anything, and the answer to the question with its interval."""

from html import escape

from greentrip_server.report.figures import Subject, net_to_green
from greentrip_server.report.markup import both, number, signed, span

PRELIMINARY = "preliminary: simulation noise only"
BASES = {
    "one_end": ("trips with at least one end in the area", "至少一端在区域内的出行"),
    "both_ends": ("trips with both ends in the area", "两端均在区域内的出行"),
    "residents": ("trips of the area's residents", "区域居民的出行"),
}
AREAS = {"central six": "中心城六区", "central city": "中心城（五环内）"}


def area_name(area: str) -> str:
    """Return an area's name in two languages; one without a Chinese name keeps its own."""
    return f"{area} {AREAS[area]}" if area in AREAS else area


def base_name(base: str) -> str:
    """Return in two languages which trips are counted."""
    return " ".join(BASES[base])


def alarm(subject: Subject) -> str:
    """Return the warnings of the runs, above everything else; nothing when there are none."""
    found = subject.warnings()
    if not found:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in found)
    title = "Read this first" if subject.settled else "No verdict: the simulation is not finished"
    chinese = "请先阅读" if subject.settled else "不作结论：模拟尚未收敛"
    return f'<div class="alarm"><strong>{both(title, chinese)}</strong><ul>{items}</ul></div>'


def verdict_box(subject: Subject) -> str:
    """Return the question, the target, what was observed, the modelled change with its interval, and the verdict."""
    head, plan, goal = subject.summary["headline"], subject.plan, subject.network.target
    seeds = len(subject.summary["seeds"])
    where = area_name(subject.area)
    if not subject.settled:
        verdict = "no verdict: the simulation is not finished"
    elif head["verdict"] == "none":
        verdict = f"no verdict: {head['note']}"
    else:
        verdict = str(head["verdict"]) + ("" if PRELIMINARY in str(head["verdict"]) else f" ({PRELIMINARY})")
    riders = plan.indicators.get("riders_day")
    cost = sum(r.cost_cny_day for r in plan.routes)
    reached = f"{len(plan.routes)} routes at {len({r.station for r in plan.routes})} of {len(plan.stations)} stations"
    tiles = [
        (
            "Observed 已公布",
            f"{number(head['observed'])} %",
            f"{subject.observed.year if subject.observed else subject.network.year}, {where}",
        ),
        (
            "Modelled change 模型变化",
            f"{signed(head['change_points'], 3)}",
            f"points 百分点; {span(head['interval'], 3)} over {seeds} seeds",
        ),
        ("Forecast 预测", f"{number(head['forecast'], 2)} %", "observed + change 观测值加变化"),
        ("Target 目标", f"{number(goal.value)} %", f"by the end of {goal.year} 年底"),
    ]
    boxes = "".join(
        f'<div class="tile"><span>{escape(a)}</span><b>{escape(b)}</b><span>{escape(c)}</span></div>'
        for a, b, c in tiles
    )
    leave = number(net_to_green(subject), 0)
    sentences = [
        f"The plan has {reached}, {number(plan.vehicles)} buses in the peak, at {number(cost, 0)} CNY a day"
        + (f"; the design expects {number(float(riders), 0)} riders a day." if riders is not None else "."),
        (
            f"In the whole city {leave} trips a weekday leave car and taxi, net of those who went the other way. "
            "Riders who took the metro before add nothing to the share."
        ),
        f"Counted are {BASES[subject.base][0]}, walking included; the change is modelled, the level is published.",
    ]
    text = "".join(f"<p>{escape(s)}</p>" for s in sentences)
    note = f'<p class="note">{escape(str(head["note"]))}</p>' if head.get("note") else ""
    kind = "box" if subject.settled and verdict.startswith("met") else "box open"
    question = f"Would this plan lift the {goal.name} of the {subject.area} districts to {goal.value:g} %?"
    chinese = f"该方案能否使{AREAS.get(subject.area, subject.area)}绿色出行比例达到 {goal.value:g}%？"
    return (
        f'<div class="{kind}" id="verdict"><p>{escape(question)}<br><span class="soft">{escape(chinese)}</span></p>'
        f'<p class="answer">{escape(verdict)}</p>{_gauge(subject)}<div class="tiles">{boxes}</div>{text}{note}</div>'
    )


def _gauge(subject: Subject) -> str:
    """Draw observed, forecast with its interval and target on one scale, as SVG; nothing where none is published."""
    head, goal = subject.summary["headline"], subject.network.target.value
    if head["observed"] is None:
        return ""
    observed, forecast = float(head["observed"]), float(head["forecast"])
    interval = head["interval"]
    ends = (
        [observed + float(e) for e in interval] if interval is not None and all(e is not None for e in interval) else []
    )
    marks = [observed, forecast, goal, *ends]
    low, high = min(marks), max(marks)
    pad = max(0.12 * (high - low), 0.1)
    low, high = low - pad, high + pad

    def x(value: float) -> float:
        return round(20 + 600 * (value - low) / (high - low), 1)

    near = abs(x(goal) - x(observed)) < 200  # their labels would touch: set one to each side
    left, right = ("end", "start") if near else ("start", "end")
    whisker = (
        f'<path d="M{x(ends[0])} 46H{x(ends[1])}" stroke="#1565c0" stroke-width="5" stroke-opacity=".45"/>'
        if ends
        else ""
    )
    return (
        '<svg viewBox="0 0 640 92" class="gauge" role="img" '
        'aria-label="observed, forecast and target on one scale" '
        'font-size="15" font-family="inherit"><path d="M20 46H620" stroke="#b0bac4" stroke-width="2"/>'
        f'<path d="M{x(goal)} 24V68" stroke="#1b7f4b" stroke-width="4"/>'
        f'<text x="{x(goal)}" y="17" text-anchor="{right if goal >= observed else left}" fill="#1b7f4b">'
        f"target 目标 {goal:g} %</text>"
        f'<path d="M{x(observed)} 30V62" stroke="#37474f" stroke-width="3"/>'
        f'<text x="{x(observed)}" y="17" text-anchor="{left if goal >= observed else right}" fill="#37474f">'
        f"observed 观测 {observed:.1f} %</text>"
        f'{whisker}<circle cx="{x(forecast)}" cy="46" r="7" fill="#1565c0"/>'
        f'<text x="{x(forecast)}" y="86" text-anchor="{_anchor(x(forecast))}" fill="#1565c0">'
        f"forecast with the plan 预测 {forecast:.2f} %</text></svg>"
    )


def _anchor(x: float) -> str:
    """Return where a text at a position must be held to stay within the drawing."""
    return "start" if x < 120 else ("end" if x > 520 else "middle")
