"""What a council is told of who gains and loses, of equal access, and of energy and exhaust."""

from collections.abc import Mapping
from typing import Any

from greentrip_server.report.council import phrases, svg
from greentrip_server.report.council.document import Block, Cell, Drawing, Paragraph, Table, Words

GROUPS = {
    "under 15": "15 岁以下", "15 to 64": "15 至 64 岁", "65 and over": "65 岁及以上",
    "within 500 m of rail": "距轨道站 500 米内", "500 to 1,000 m": "500 至 1000 米", "1 to 2 km": "1 至 2 公里",
    "beyond 2 km": "2 公里以外", "everybody": "全体", "lowest fifth": "收入最低五分之一",
    "second fifth": "较低五分之一",
    "middle fifth": "中间五分之一", "fourth fifth": "较高五分之一", "highest fifth": "收入最高五分之一",
    "with a car": "有车", "without a car": "无车",
}  # fmt: skip
VEHICLES = {
    "all": "合计", "car": "小汽车", "taxi": "出租车", "bus": "公交", "rail": "轨道", "ebike": "电动自行车",
}  # fmt: skip
AMOUNTS = {
    "vehicle_km": Words("vehicle-km", "车公里"), "energy_gj": Words("energy, GJ", "能耗 GJ"),
    "electricity_mwh": Words("of it electricity, MWh", "其中电力 MWh"), "co2_t": Words("CO2, t", "二氧化碳 吨"),
    "nox_kg": Words("NOx, kg", "氮氧化物 千克"), "pm_kg": Words("PM, kg", "颗粒物 千克"),
}  # fmt: skip
FIGURES = {
    "mean": Words("mean, % of all", "平均，%"), "gini": Words("Gini", "基尼系数"),
    "palma": Words("Palma", "帕尔马比值"),
}  # fmt: skip
_DRAWN = 2  # scenarios that get a chart


def gain_blocks(detail: Mapping[str, Any]) -> list[Block]:
    """Say who gains by everybody's logsum, and how equal access is."""
    blocks: list[Block] = [
        Paragraph(
            Words(
                "Minutes gained a trip: the change of what all modes on offer are worth to the same persons (the "
                "logsum), mode changes included; positive is easier. Winners and losers are persons whose trips change "
                "by more than half a minute each. Income, car and age of persons are drawn by assumption.",
                "每次出行获益（分钟）：同一居民可选各方式总效用（logsum）的变化，含方式转移；正值为受益。"
                "受益者与受损者指每次出行变化超过半分钟的居民。居民的收入、车辆与年龄按假设生成。",
            )
        )
    ]
    for scenario, told in list(detail.items())[:_DRAWN]:
        rows = [
            (_group(g["part"]), float(g["minutes"]), (g["low"], g["high"]) if g["low"] is not None else None)
            for g in told["gains"]
            if g["by"] != "district"
        ]
        if rows:
            title = Words(f"{scenario}: minutes gained a trip", f"{scenario}：每次出行获益（分钟）")
            blocks.append(Drawing(title, svg.intervals(rows, "minutes a trip 分钟/次", better=1)))
    untold = dict.fromkeys(t["not_told"] for t in detail.values() if t.get("not_told"))
    blocks += [Paragraph(Words(why, phrases.chinese(why) or why)) for why in untold]
    gained = tuple(
        (scenario, _group(g["part"]), round(g["persons"]), g["minutes"], g["cny"], g["million_cny"], round(g["gain"]),
         round(g["lose"]), g["green_before"], g["green_after"] - g["green_before"])
        for scenario, told in detail.items()
        for g in told["gains"]
    )  # fmt: skip
    columns = (
        Words("scenario", "情景"), Words("who", "人群"), Words("persons", "人数"), Words("minutes a trip", "分钟/次"),
        Words("CNY a trip", "元/次"), Words("million CNY a weekday", "百万元/工作日"), Words("win", "受益人数"),
        Words("lose", "受损人数"), Words("green %", "绿色 %"), Words("change, points", "变化"),
    )  # fmt: skip
    blocks.append(Table("gains", Words("Who gains and who loses", "受益与受损"), columns, gained, digits=3))
    reached: tuple[tuple[Cell, ...], ...] = tuple(
        (scenario, f"{a['of']} {'岗位' if a['of'] == 'jobs' else '居民'}", int(a["minutes"]), _figure(a["figure"]),
         a["base"], a["other"], a["change"])
        for scenario, told in detail.items()
        for a in told["access"]
    )  # fmt: skip
    heads = (
        Words("scenario", "情景"), Words("reached", "可达对象"), Words("minutes", "分钟"), Words("figure", "指标"),
        Words("before", "原"), Words("after", "后"), Words("change", "变化"),
    )  # fmt: skip
    title = Words("Within reach by public transport, and how equally", "公共交通可达性及其公平性")
    blocks.append(Table("access", title, heads, reached, digits=3))
    return blocks


def exhaust_blocks(detail: Mapping[str, Any]) -> list[Block]:
    """Say what is burnt and emitted by mode, and how that changes."""
    blocks: list[Block] = [
        Paragraph(
            Words(
                "A weekday's energy and hot exhaust from link speeds and volumes by published speed-dependent factors "
                "(EMEP/EEA); the fleet's mix is assumed. CO2 of electricity is counted at the grid's mean, its NOx and "
                "PM are not; cold starts, brakes, tyres and traffic outside the model are left out.",
                "按路段速度与流量及公开的速度相关排放因子（EMEP/EEA）计算的工作日能耗与热态排放；车队构成为假设。"
                "电力的二氧化碳按电网平均因子计入，其氮氧化物与颗粒物不计；不含冷启动、制动、轮胎磨损及模型外交通。",
            )
        )
    ]
    for scenario, told in list(detail.items())[:_DRAWN]:
        rows = [
            (
                f"{e['mode']} {VEHICLES[e['mode']]}",
                float(e["change"]),
                (e["low"], e["high"]) if e["low"] is not None else None,
            )
            for e in told["emissions"]
            if e["what"] == "co2_t"
        ]
        if rows:
            title = Words(f"{scenario}: change of CO2 by mode", f"{scenario}：各方式二氧化碳排放变化")
            blocks.append(Drawing(title, svg.intervals(rows, "t a weekday 吨/工作日", better=-1)))
    burnt = tuple(
        (scenario, f"{e['mode']} {VEHICLES[e['mode']]}", f"{AMOUNTS[e['what']].en} {AMOUNTS[e['what']].zh}", e["base"],
         e["other"], e["change"], e["low"], e["high"])
        for scenario, told in detail.items()
        for e in told["emissions"]
    )  # fmt: skip
    columns = (
        Words("scenario", "情景"), Words("mode", "方式"), Words("amount", "项目"), Words("before", "原"),
        Words("after", "后"), Words("change", "变化"), Words("low", "下限"), Words("high", "上限"),
    )  # fmt: skip
    blocks.append(Table("exhaust", Words("Energy and exhaust of a weekday", "工作日能耗与排放"), columns, burnt))
    return blocks


def _group(name: str) -> str:
    return f"{name} {GROUPS[name]}" if name in GROUPS else name


def _figure(name: str) -> str:
    words = FIGURES.get(name)
    return f"{words.en} {words.zh}" if words is not None else f"mean, {name} 平均，{GROUPS.get(name, name)}"
