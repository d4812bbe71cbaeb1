"""The report's sections in their order, each a function from the subject to HTML."""

import platform
from collections.abc import Callable, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from statistics import fmean
from typing import Any

import greentrip
from greentrip_agents.parameters import default_parameters

from greentrip_server.report.assumptions import in_two_languages
from greentrip_server.report.charts import (
    class_chart,
    convergence_charts,
    distance_chart,
    district_chart,
    district_names,
)
from greentrip_server.report.figures import (
    PRIVATE,
    Subject,
    busiest_roads,
    change,
    exchanges,
    mean,
    pooled_trips,
    rail_lines,
    zone_shares,
)
from greentrip_server.report.maps import city_map, station_panels
from greentrip_server.report.markup import MODES, Cell, class_name, mode_name, number, signed, span, table
from greentrip_server.report.verdict import BASES, area_name, base_name

PURPOSES = {"work": "work 上班", "school": "school 上学", "errand": "errand 购物办事", "leisure": "leisure 休闲"}


def _changes(s: Subject) -> str:
    """Say what changed: shares by class and mode, and who left what for what."""
    rows: list[list[Cell]] = [
        [mode_name(mode), f["base"], f["other"], signed(f["change"], 3), span(f["interval"], 3)]
        for mode, f in ((m, s.summary["shares"][m]) for m in MODES if m in s.summary["shares"])
    ]
    modes = table(
        ("mode 方式", "today % 现状", "with plan % 方案", "change, points 变化", "interval over seeds 区间"),
        rows,
        digits=2,
        caption=f"Main mode of trips, {base_name(s.base)}, {area_name(s.area)}",
    )
    found = exchanges(s.summary)
    diversion = table(
        ("from 原方式", "to 新方式", "trips a weekday 次/日", "the other way 反向", "net 净转移"),
        [[mode_name(a), mode_name(b), round(n), round(back), round(n - back)] for a, b, n, back in found[:14]],
        text=2,
        caption="Who left what for what 出行方式转移",
    )
    if not found:
        diversion = "<p>No trip changed its mode. 没有出行改变方式。</p>"
    bases: list[list[Cell]] = [
        [
            area_name(area),
            base_name(base),
            mean(s.base_runs, "green_share", area, base),
            signed(change(s, "green_share", area, base), 3),
            mean(s.base_runs, "trips_million", area, base),
        ]
        for area in s.definition["areas"]
        for base in BASES
    ]
    sensitivity = table(
        (
            "area 区域",
            "trips counted 统计口径",
            "modelled green % 模型",
            "change, points 变化",
            "million trips a day 百万次/日",
        ),
        bases,
        digits=2,
        text=2,
        caption="The green share on each base 不同口径的绿色出行比例",
    )
    return class_chart(s) + modes + diversion + sensitivity


def _feeders(s: Subject) -> str:
    """Show the routes as maps and table, and how good the plan is."""
    designed = {row["id"]: row for row in s.plan.indicators.get("routes", ())}
    simulated = [r.indicators.get("feeder_riders", {}) for r in s.with_runs]
    rows: list[list[Cell]] = []
    for route in s.plan.routes:
        station = s.network.rail.nodes[route.station]
        ridden = [float(found[route.id]) for found in simulated if route.id in found]
        name = f"{route.id} (loop 环线)" if route.loop else route.id
        rows.append([
            name, f"{station['name_en']} {station['name_zh']}", len(route.stops), round(route.length_m / 1000, 1),
            route.every_min, route.vehicles, _whole(designed.get(route.id, {}).get("residents")),
            _whole(designed.get(route.id, {}).get("riders_day")), _whole(fmean(ridden) if ridden else None),
            round(route.cost_cny_day),
        ])  # fmt: skip
    if rows:
        sums = [_total(rows, i) if i in {2, 3, 5, 6, 7, 8, 9} else None for i in range(10)]
        rows.append(["all 合计", "", *(c if c is not None else "" for c in sums[2:])])
    listed = table(
        (
            "route 线路", "station 车站", "stops 站数", "km", "headway am/off/pm, min 间隔（早/平/晚）",
            "buses 车辆",
            "residents reached 覆盖居民",
            "riders a day, design 设计客流", "riders a day, simulated 模拟客流", "CNY a day 元/日",
        ),
        rows,
        text=2,
        total=bool(rows),
        caption="Feeder routes 接驳线路",
    )  # fmt: skip
    p = s.plan
    over = "every admissible route" if p.bound_kind == "proved" else "the routes or changes that were generated"
    quality = table(
        ("what 项目", "value 数值"),
        [
            ["worth, CNY a day net 净效益", p.objective],
            ["bound: no plan is worth more 上界", p.bound],
            ["gap 差距", f"{p.gap:.2%}"],
            ["kind of bound 上界性质", f"{p.bound_kind}, over {over}"],
        ],
        digits=0,
        caption="How good the design is 方案质量",
    )
    missing = [
        f"<li>{escape(x['name_en'])}: {escape(x['reason'])}</li>"
        for x in p.indicators.get("stations_without_route", ())
    ]
    none = f"<p>Stations without a route 未设线路的车站:</p><ul>{''.join(missing)}</ul>" if missing else ""
    note = (
        "<p class=note>Point at a line or stop for its headway. Grey: streets; dashed: rail. Design riders are sums of "
        "choice probabilities over every resident around the station; simulated riders are sampled residents, mean of "
        "the seeds, with crowding and traffic.</p>"
    )
    return station_panels(s) + note + listed + none + quality


def _whole(value: Any) -> int | None:
    """Return a figure as a whole number, or nothing."""
    return None if value is None else round(float(value))


def _total(rows: Sequence[Sequence[Cell]], i: int) -> int | float | None:
    """Return a column's sum, or nothing when a row lacks it."""
    values = [row[i] for row in rows]
    figures = [v for v in values if isinstance(v, int | float)]
    total = sum(figures)
    return None if len(figures) < len(values) else (total if isinstance(total, int) else round(total, 1))


def _city(s: Subject) -> str:
    """Map the city."""
    trips = pooled_trips(s, s.base_runs)
    note = (
        "<p class=note>Circles: sub-districts, larger with more residents, coloured by the share of car and taxi among "
        "residents' trips today. Drag to move, use the buttons to zoom. Drawn from the network's own coordinates."
        + (
            " Stations © OpenStreetMap contributors (ODbL)."
            if any("OpenStreetMap" in x for x in s.network.sources)
            else ""
        )
        + "</p>"
    )
    return city_map(s, zone_shares(trips)) + note


def _districts(s: Subject) -> str:
    """Show shares by district."""
    rows: list[list[Cell]] = []
    for name, label in district_names(s):
        car = [mean(runs, "car_share_by_district", name) for runs in (s.base_runs, s.with_runs)]
        rows.append([
            label,
            *(mean(s.base_runs, "by_district", name, m) for m in MODES if m not in PRIVATE),
            *(mean(s.base_runs, "by_district", name, m) for m in PRIVATE),
            car[0],
            signed(None if car[0] is None or car[1] is None else car[1] - car[0]),
        ])  # fmt: skip
    columns = ["district 区", *(mode_name(m) for m in MODES if m not in PRIVATE), *(mode_name(m) for m in PRIVATE)]
    return district_chart(s) + table(
        (*columns, "car + taxi", "change, points 变化"),
        rows,
        caption="Main mode of residents' trips today, % 各区居民出行方式",
    )


def _distances(s: Subject) -> str:
    """Show distance and time by mode, and shares by purpose."""
    rows: list[list[Cell]] = [
        [mode_name(m), *(mean(runs, k, m) for k in ("mean_km", "mean_minutes") for runs in (s.base_runs, s.with_runs))]
        for m in MODES
    ]  # fmt: skip
    by_mode = table(
        ("mode 方式", "km today 现状", "km with plan 方案", "min today 现状", "min with plan 方案"),
        rows,
        digits=2,
        caption="Mean distance and time, door to door 平均距离与时间",
    )
    purposes = [p for p in PURPOSES if mean(s.base_runs, "by_purpose", p, "walk") is not None]
    purpose = table(
        ("mode 方式", *(PURPOSES[p] for p in purposes)),
        [[mode_name(m), *(mean(s.base_runs, "by_purpose", p, m) for p in purposes)] for m in MODES],
        caption="Main mode by purpose today, % 各目的出行方式",
    )
    return (
        distance_chart(pooled_trips(s, s.base_runs))
        + f'<div class="two"><div>{by_mode}</div><div>{purpose}</div></div>'
    )


def _loads(s: Subject) -> str:
    """Show the busiest rail lines with their fullest section, and the busiest roads."""
    before, after = rail_lines(s.base_runs), rail_lines(s.with_runs)
    rows: list[list[Cell]] = []
    for line, row in list(before.items())[:14]:
        now = after.get(line, {})
        rows.append([
            f"{row['name_en']} {row['name_zh']}", round(row["boardings"]), _whole(now.get("boardings")),
            round(row["highest_load"]), f"{100 * row['load_factor']:.0f} %",
            f"{100 * now['load_factor']:.0f} %" if now else None,
        ])  # fmt: skip
    rail = table(
        (
            "line 线路", "boardings a day, today 日上车量", "with plan 方案", "busiest section 07–09, persons 最大断面",
            "of its places 满载率", "with plan 方案",
        ),
        rows,
        caption="Busiest rail lines 客流最大的轨道线路",
    )  # fmt: skip
    roads = table(
        ("road 道路", "vehicles 07–09 车辆", "of capacity 饱和度", "km/h", "free km/h 自由流"),
        [
            [
                " ".join(x for x in (r["name"], r["name_zh"] if r["name_zh"] != r["name"] else "") if x),
                round(r["vehicles"]),
                f"{100 * r['vehicles'] / r['capacity']:.0f} %",
                r["kmh"],
                r["free_kmh"],
            ]
            for r in busiest_roads(s.network, s.base_runs)
        ],
        caption="Busiest section of the busiest roads, one direction, today 最繁忙路段",
    )
    speeds = ", ".join(
        f"{name} {number(mean(s.base_runs, 'street_speed_kmh', period))} km/h"
        for period, name in (("am", "07–09"), ("pm", "17–19"), ("off", "else 其他"))
    )
    return rail + roads + f"<p class=note>Mean speed of cars on the modelled streets today 平均车速: {speeds}.</p>"


def _calibration(s: Subject) -> str:
    """Set the model's shares beside the published ones."""
    told = f"<p>Constants were fitted to: {escape(s.base_runs[0].indicators['calibrated_on'])}.</p>"
    if s.observed is None:
        return told + f"<p>No shares are published for {s.network.year}.</p>"
    rows: list[list[Cell]] = []
    for name, published in s.observed.shares.items():
        model = mean(s.base_runs, "class_share", s.area, s.base, name)
        rows.append([class_name(name), published, model, signed(None if model is None else model - published)])
    model_trips = mean(s.base_runs, "trips_million", s.area, s.base)
    fit = table(
        ("class 类别", "published % 公布", "modelled % 模型", "residual, points 残差"),
        rows,
        digits=2,
        caption=f"Shares of {s.observed.year}, {area_name(s.observed.area)}",
    )
    told += (
        f"<p>Million trips a day: published {number(s.observed.trips_million)}, modelled {number(model_trips)}. "
        "One constant a mode was fitted to these shares, so agreement with them proves nothing: judge the model by the "
        "distances and districts above.</p>"
    )
    return told + fit + f"<p class=note>Published in: {escape(s.observed.source)}</p>"


def _settling(s: Subject) -> str:
    """Show how each run settled."""
    rows: list[list[Cell]] = []
    for label, runs in (("today 现状", s.base_runs), ("with the plan 方案", s.with_runs)):
        for run in runs:
            i = run.indicators
            drift = float(i["drift"]) if i["drift"] is not None else float("inf")
            rows.append([
                label, str(i["seed"]), i["residents"], i["tours"] * 2, i["days"], f"{i['gap']:.2g}",
                f"{drift:.3f}" if drift < float("inf") else "–", f"{100 * i['served']:.2f} %",
                "yes 是" if i["converged"] else "NO 否",
            ])  # fmt: skip
    columns = (
        "run 运行", "seed", "residents sampled 样本居民", "trips 出行", "days 天数", "gap 差距",
        "drift, points", "served 已服务", "converged 收敛",
    )  # fmt: skip
    return convergence_charts(s, default_parameters(s.network.name)["learning.gap"]) + table(columns, rows, text=2)


def _ground(s: Subject) -> str:
    """List definitions, assumptions, sources, seeds, sample and versions."""
    d, n, goal, first = s.definition, s.network, s.network.target, s.base_runs[0].indicators
    green = ", ".join(mode_name(m) for m in MODES if d["green"].get(m))
    facts: list[list[Cell]] = [
        ["trip 出行", f"one way, door to door, one purpose, at least {d['minimum_m']:g} m on streets"],
        ["main mode 主要方式", "the first used of: " + ", ".join(mode_name(m) for m in d["hierarchy"])],
        ["green 绿色出行", green],
        ["headline 主指标", f"{area_name(s.area)}; {base_name(s.base)}"],
        ["target 目标", f"{goal.name}, {goal.value:g} % by {goal.year}; source: {goal.source}"],
        ["network 路网", f"{n.name}: {len(n.zones)} zones, {n.rail.number_of_nodes()} rail stations, "
         f"{n.roads.number_of_edges():,} directed street links" + (", buses generated" if n.buses.generated else "")],
        ["sample 抽样率",
         f"{first['sample']:g}: {first['residents']:,} residents for {first['residents_represented']:,.0f}"],
        ["seeds 随机种子", ", ".join(str(x) for x in s.summary["seeds"])],
        ["plan 方案", f"{s.plan.name}, SHA-256 {s.plan.content_hash[:16]}"],
        ["versions 版本", versions()],
    ]  # fmt: skip
    lists = [
        (
            "Assumptions of the city and the model",
            "城市与模型假设",
            in_two_languages(first["assumptions"]),
        ),
        ("Assumptions of the design", "方案假设", s.plan.assumptions),
        ("Sources", "数据来源", s.network.sources),
    ]
    made = [table(("what 项目", "value 内容"), facts, text=2)]
    for english, chinese, items in lists:
        listed = "".join(f"<li>{escape(str(x))}</li>" for x in items)
        made.append(f"<h3>{english} <span class=zh>{chinese}</span></h3><ul class=fine>{listed}</ul>")
    return "".join(made)


def versions() -> str:
    """Return the versions of what computed the figures."""
    found = [f"greentrip {greentrip.__version__}", f"Python {platform.python_version()}"]
    for name in ("mesa", "networkx", "numpy", "numba", "scipy", "ortools", "polars", "plotly"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


SECTIONS: tuple[tuple[str, str, str, Callable[[Subject], str]], ...] = (
    ("changes", "What changes", "变化", _changes),
    ("feeders", "The feeder routes", "接驳线路", _feeders),
    ("map", "The city", "城市", _city),
    ("by-district", "By district", "分区", _districts),
    ("distances", "Distances, times and purposes", "距离、时间与目的", _distances),
    ("loads", "Rail lines and roads", "轨道与道路", _loads),
    ("calibration", "Model against published figures", "模型与公布值", _calibration),
    ("settling", "How the simulation settled", "收敛过程", _settling),
    ("ground", "What this rests on", "定义、假设与来源", _ground),
)
