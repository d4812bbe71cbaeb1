"""What the trips tell a council: who changes mode, who gains and loses, where, and what lines and streets carry."""

from collections.abc import Mapping
from typing import Any

from greentrip_networks.network import FeederRoute, Network

from greentrip_server.report.council import names, svg
from greentrip_server.report.council.document import Block, Cell, Drawing, Paragraph, Table, Words

MOST_ROWS = 15


def flows(detail: Mapping[str, Any], baseline: str) -> list[Block]:
    """Show who left what for what."""
    blocks: list[Block] = []
    rows: list[tuple[Cell, ...]] = []
    for scenario, told in detail.items():
        rows += [
            (scenario, names.mode(f["from"]), names.mode(f["to"]), round(f["trips"]), f["low"], f["high"])
            for f in told["flows"]
        ]
        drawn = [(f"{names.mode(f['from'])} → {names.mode(f['to'])}", float(f["trips"])) for f in told["flows"][:8]]
        if drawn:
            blocks.append(
                Drawing(
                    Words(f"{scenario}: largest moves", f"{scenario}：主要转移"),
                    svg.bars(drawn, "trips a weekday 次/工作日"),
                )
            )
    note = Words(
        f'The same persons under the same seeds, compared with "{baseline}"; mean of the seeds.',
        f"同一居民、同一随机种子下与“{baseline}”比较；各种子均值。",
    )
    columns = (Words("scenario", "情景"), Words("from", "原方式"), Words("to", "新方式"),
               Words("trips a weekday", "次/工作日"), Words("low", "下限"), Words("high", "上限"))  # fmt: skip
    title = Words("Trips that changed mode", "方式转移")
    return [Paragraph(note), *blocks, Table("flows", title, columns, tuple(rows), digits=0)]


def people(detail: Mapping[str, Any]) -> list[Block]:
    """Show who gains and who loses."""
    rows = tuple(
        (scenario, names.part(p["part"]), round(p["trips"]), round(p["win"]), round(p["lose"]), round(p["switch"]),
         p["minutes"])
        for scenario, told in detail.items()
        for p in told["people"]
        if p["by"] != "district"
    )  # fmt: skip
    note = Words(
        "A trip is easier or harder when it keeps its mode and its generalised cost changes by more than half a "
        "minute; trips that change mode are counted apart.",
        "出行方式不变且广义成本变化超过半分钟者计为受益或受损；改变方式者另计。",
    )
    columns = (
        Words("scenario", "情景"),
        Words("who", "人群"),
        Words("trips", "出行"),
        Words("easier", "受益"),
        Words("harder", "受损"),
        Words("other mode", "改变方式"),
        Words("minutes a trip", "分钟/次"),
    )
    parts = tuple(
        (scenario, by, names.part(p["part"]), p["base"], p["other"], p["change"], p["low"], p["high"])
        for scenario, told in detail.items()
        for by in ("purpose", "income")
        for p in told["shares"][by]
    )
    named = (
        Words("scenario", "情景"),
        Words("by", "分类"),
        Words("part", "类别"),
        Words("before %", "原 %"),
        Words("after %", "后 %"),
        Words("change, points", "变化"),
        Words("low", "下限"),
        Words("high", "上限"),
    )
    return [
        Paragraph(note),
        Table("people", Words("Easier and harder trips", "受益与受损的出行"), columns, rows, digits=3),
        Table(
            "groups", Words("Green share by purpose and income", "按目的与收入的绿色出行比例"), named, parts, digits=3
        ),
    ]


def where(routes: Mapping[str, tuple[FeederRoute, ...]], detail: Mapping[str, Any], network: Network) -> list[Block]:
    """Map the change by district, for each scenario shown."""
    blocks: list[Block] = []
    zones, rail = network.zones, network.rail
    largest = float(zones.residents.max()) or 1.0
    at = network.rail.nodes
    pairs = sorted({tuple(sorted((str(u), str(v)))) for u, v in rail.edges()})
    lines = [[(at[u]["x_m"], at[u]["y_m"]), (at[v]["x_m"], at[v]["y_m"])] for u, v in pairs]
    node = network.roads.nodes
    for scenario, told in list(detail.items())[:2]:
        change = {p["part"]: float(p["change"]) for p in told["shares"]["district"]}
        points = [
            (float(zones.x_m[i]), float(zones.y_m[i]), float((zones.residents[i] / largest) ** 0.5),
             change.get(zones.district_en[i]))
            for i in range(len(zones))
        ]  # fmt: skip
        paths = [[(node[n]["x_m"], node[n]["y_m"]) for n in r.path] for r in routes.get(scenario, ())]
        blocks.append(
            Drawing(
                Words(f"{scenario}: change of residents' green share by district",
                      f"{scenario}：各区居民绿色出行比例的变化"),
                svg.city(points, lines, paths, "points 百分点"),
            )
        )  # fmt: skip
    zh = dict(zip(zones.district_en, zones.district_zh, strict=True))
    rows = tuple(
        (scenario, f"{p['part']} {zh.get(p['part'], '')}", p["base"], p["other"], p["change"], p["low"], p["high"])
        for scenario, told in detail.items()
        for p in told["shares"]["district"]
    )
    columns = (Words("scenario", "情景"), Words("district", "区"), Words("before %", "原 %"), Words("after %", "后 %"),
               Words("change, points", "变化"), Words("low", "下限"), Words("high", "上限"))  # fmt: skip
    title = Words("Green share of residents by district", "各区居民绿色出行比例")
    return [*blocks, Table("districts", title, columns, rows, digits=3)]


def loads(detail: Mapping[str, Any]) -> list[Block]:
    """List the largest changes on lines, at stations and on streets."""
    blocks: list[Block] = []
    for what, title, keys in (
        ("lines", Words("Boardings a day by line", "各线日上车量"), ("name_en", "name_zh")),
        ("stations", Words("Passengers who enter, a day, by station", "各站日进站量"), ("name_en", "name_zh")),
        ("links", Words("Vehicles by street link and period", "各路段车辆数"), ("from_node", "to_node", "period")),
    ):
        rows = tuple(
            (scenario, " ".join(dict.fromkeys(str(r[k]) for k in keys if r[k])), round(r["base"]),
             round(r["other"]), round(r["change"]), r["low"], r["high"])
            for scenario, told in detail.items()
            for r in told[what][:MOST_ROWS]
        )  # fmt: skip
        columns = (Words("scenario", "情景"), Words("where", "位置"), Words("before", "原"), Words("after", "后"),
                   Words("change", "变化"), Words("low", "下限"), Words("high", "上限"))  # fmt: skip
        blocks.append(Table(what, title, columns, rows, digits=0))
    return blocks
