"""What a council is told: the answer first, then what changes, for whom, where, at what cost, and what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from greentrip_networks.network import Network

from greentrip_server.report.council import names, phrases, svg
from greentrip_server.report.council.compared import alarms, compared_blocks
from greentrip_server.report.council.detail import flows, loads, people, where
from greentrip_server.report.council.document import (
    Block,
    Cell,
    Document,
    Drawing,
    Paragraph,
    Section,
    Table,
    Words,
)
from greentrip_server.report.council.facts import Facts
from greentrip_server.report.council.gains import exhaust_blocks, gain_blocks
from greentrip_server.report.council.ground import ground_blocks

_MOST_BESIDE = 8  # scenarios that fit beside each other on a page


def document(facts: Facts, summary: Mapping[str, Any], network: Network) -> Document:
    """Return the report."""
    city = f"{network.name_en} {network.year}"
    baseline = summary["baseline"]
    question = facts.question or f"How do {len(summary['scenarios'])} scenarios change green trips?"
    asked_zh = facts.question_zh or f"{len(summary['scenarios'])} 个情景如何改变绿色出行？"
    detail: Mapping[str, Any] = summary.get("detail", {})
    sections = [
        Section(Words("The answer", "结论"), (*alarms(facts.compared), *_answer(summary, network))),
        Section(Words("What is compared", "比较的方案"), tuple(compared_blocks(facts.compared, baseline, network))),
        Section(Words("What changes", "变化"), tuple(_changes(summary))),
        Section(Words("Which is best, and how sure that is", "排序及其稳定性"), tuple(_order(summary))),
    ]
    if detail:
        sections += [
            Section(Words("Who changes how they travel", "出行方式转移"), tuple(flows(detail, baseline))),
            Section(Words("Who gains and who loses", "受益者与受损者"), (*gain_blocks(detail), *people(detail))),
            Section(Words("Energy and exhaust", "能耗与排放"), tuple(exhaust_blocks(detail))),
            Section(
                Words("Where", "空间分布"), tuple(where({s.name: s.routes for s in facts.compared}, detail, network))
            ),
            Section(Words("Lines, stations and streets", "线路、车站与道路"), tuple(loads(detail))),
        ]
    sections.append(Section(Words("Method, assumptions and how to repeat this", "方法、假设与复现"),
                            tuple(ground_blocks(facts, summary))))  # fmt: skip
    return Document(
        Words(question, asked_zh),
        Words(
            f'{city}; experiment "{facts.name}", compared with "{baseline}"',
            f"{network.name_zh} {network.year}；实验“{facts.name}”，与“{baseline}”比较",
        ),
        tuple(sections),
    )


def _answer(summary: Mapping[str, Any], network: Network) -> list[Block]:
    """Say the verdict, and the best scenario as far as it is sure."""
    first = summary["indicators"][0]["name"]
    detail: Mapping[str, Any] = summary.get("detail", {})
    goal = network.target
    rows: list[tuple[Cell, ...]] = []
    for row in (r for r in summary["differences"] if r["indicator"] == first):
        head = detail.get(row["scenario"], {}).get("headline", {})
        verdict = head.get("verdict", "–")
        rows.append((
            row["scenario"], row["change"], *_ends(row["interval"]), row["probability_better"],
            "yes 是" if row["found"] else "no 否", head.get("forecast"),
            names.both(names.VERDICTS.get(verdict, Words(verdict, verdict))),
        ))  # fmt: skip
    found = [r for r in summary["differences"] if r["indicator"] == first and r["found"]]
    order: list[Any] = next((r["order"] for r in summary["rankings"] if r["indicator"] == first), [])
    units, change = names.unit(first), names.unit(first, change=True)
    if order:
        best, sure = order[0], order[0]["best"]
        said = Paragraph(
            Words(
                f'By {names.indicator(first).en}, "{best["scenario"]}" comes first ({best["mean"]:.2f} {units.en}); it '
                f"stays first in {sure:.0%} of the resampled seeds. {len(found)} of {len(rows)} scenarios differ from "
                f'"{summary["baseline"]}" beyond chance, after correction for the number of comparisons.',
                f"按{names.indicator(first).zh}，“{best['scenario']}”居首（{best['mean']:.2f} {units.zh}），"
                f"在 {sure:.0%} 的重抽样中保持第一。"
                f"{len(rows)} 个情景中有 {len(found)} 个经多重比较校正后与“{summary['baseline']}”有显著差异。",
            ),
            strong=True,
        )
    else:
        said = Paragraph(
            Words("The scenarios cannot be ranked yet; what is missing is listed at the end.",
                  "情景尚无法排序；缺失内容见文末。"),
            strong=True,
        )  # fmt: skip
    notes = sorted({str(d["headline"].get("note", "")) for d in detail.values() if d["headline"].get("note")})
    return [
        said,
        Paragraph(
            Words(
                f"The target: {goal.name} of {goal.value:g} % by {goal.year}. The forecast is the published share plus "
                "the modelled change; intervals here hold the seeds' noise only.",
                f"目标：{goal.year} 年绿色出行比例达到 {goal.value:g}%。预测值为公布值加模型变化；"
                "此处区间仅含随机种子的波动。",
            )
        ),
        Table(
            "answer",
            Words("Each scenario against the baseline", "各情景与基准比较"),
            (
                Words("scenario", "情景"), Words(f"change, {change.en}", f"变化，{change.zh}"),
                Words("low", "下限"), Words("high", "上限"), Words("probability it is better", "更优概率"),
                Words("found", "显著"), Words("forecast %", "预测 %"), Words("verdict", "结论"),
            ),
            tuple(rows),
            digits=3,
        ),
        *(
            Paragraph(Words(f"Of the verdicts: {note}.", f"关于结论：{phrases.chinese(note) or note}。"))
            for note in notes[:2]
        ),
    ]  # fmt: skip


def _changes(summary: Mapping[str, Any]) -> list[Block]:
    """Draw and list every difference."""
    blocks: list[Block] = []
    for one in summary["indicators"][:4]:
        name = one["name"]
        rows = [r for r in summary["differences"] if r["indicator"] == name]
        if rows:
            drawn = [(r["scenario"], r["change"], tuple(r["interval"]) if r["interval"] else None) for r in rows[:30]]
            blocks.append(
                Drawing(
                    Words(f"Change of {names.indicator(name).en}", f"{names.indicator(name).zh}的变化"),
                    svg.intervals(drawn, _axis(name), better=one["direction"]),
                )
            )
    blocks.append(
        Table(
            "differences",
            Words("All differences", "全部差异"),
            (
                Words("scenario", "情景"), Words("indicator", "指标"), Words("change", "变化"),
                Words("low", "下限"), Words("high", "上限"), Words("p", "p"), Words("p, Holm", "校正 p"),
                Words("seeds", "种子数"), Words("further seeds", "尚需种子"), Words("key", "键名"),
            ),
            tuple(
                (
                    r["scenario"], _named(r["indicator"], change=True), r["change"],
                    *(r["interval"] or (None, None)), r["p"], r["p_holm"], r["seeds"], r["further_seeds"],
                    r["indicator"],
                )
                for r in summary["differences"]
            ),
            digits=4,
            keyed=True,
        )
    )  # fmt: skip
    blocks.append(
        Table(
            "means",
            Words("Means of the seeds", "各情景均值"),
            (Words("scenario", "情景"), Words("indicator", "指标"), Words("mean", "均值"), Words("low", "下限"),
             Words("high", "上限"), Words("key", "键名")),
            tuple(
                (s["scenario"], _named(f["indicator"]), f["mean"], *(f["interval"] or (None, None)), f["indicator"])
                for s in summary["scenarios"]
                for f in s["figures"]
            ),
            digits=3,
            keyed=True,
        )
    )  # fmt: skip
    return blocks


def _order(summary: Mapping[str, Any]) -> list[Block]:
    """Rank, name the Pareto set and say what a million buys."""
    blocks: list[Block] = []
    ranked = next((r for r in summary["rankings"]), None)
    if ranked is not None and ranked["order"]:
        blocks.append(
            Table(
                "ranking",
                Words(f"Ranking by {names.indicator(ranked['indicator']).en}, seeds resampled 2,000 times",
                      f"按{names.indicator(ranked['indicator']).zh}排序（重抽样 2000 次）"),
                (Words("rank", "名次"), Words("scenario", "情景"), Words("mean", "均值"),
                 Words("rank held", "保持名次"), Words("first", "居首"), Words("ranks, 95 %", "名次范围")),
                tuple(
                    (o["rank"], o["scenario"], o["mean"], f"{o['held']:.0%}", f"{o['best']:.0%}",
                     "–".join(str(x) for x in dict.fromkeys(o["ranks"])))
                    for o in ranked["order"]
                ),
            )
        )  # fmt: skip
    pairs = next((b for b in summary["beats"] if 2 <= len(b["probability"]) <= _MOST_BESIDE), None)
    if pairs is not None:
        blocks.append(
            Table(
                "beats",
                Words(f"Probability that the row beats the column, by {names.indicator(pairs['indicator']).en}",
                      f"行优于列的概率（按{names.indicator(pairs['indicator']).zh}）"),
                (Words("scenario", "情景"), *(Words(s, s) for s in pairs["scenarios"])),
                tuple(
                    (s, *(None if s == other else p for other, p in zip(pairs["scenarios"], row, strict=True)))
                    for s, row in zip(pairs["scenarios"], pairs["probability"], strict=True)
                ),
            )
        )  # fmt: skip
    blocks.append(_between(summary))
    best = summary["pareto"]["scenarios"]
    if best:
        listed = ", ".join(best)
        blocks.append(
            Paragraph(
                Words(
                    f"No other scenario is as good on every indicator and better on one than: {listed}.",
                    f"没有其他情景在所有指标上不差且至少一项更好（帕累托集）：{listed}。",
                )
            )
        )
    if summary["cost_effectiveness"]:
        blocks.append(_cost(summary["cost_effectiveness"]))
    return blocks


def _cost(found: Sequence[Mapping[str, Any]]) -> Table:
    """Say what money buys, or what saving it costs."""
    name = names.indicator(found[0]["indicator"])
    title = Words(f"What a million CNY a year buys, in {name.en}", f"每年每百万元的效果（{name.zh}）")
    columns = (
        Words("scenario", "情景"), Words("million CNY a year more", "增加的百万元/年"), Words("change", "变化"),
        Words("what it does", "效果"), Words("per million", "每百万元"), Words("low", "下限"), Words("high", "上限"),
        Words("lost per million saved", "每节省百万元的损失"), Words("low, lost", "损失下限"),
        Words("high, lost", "损失上限"),
    )  # fmt: skip
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (c["scenario"], c["million_cny_year"], c["change"], names.bought(c["kind"]), c["per_million"],
         *_ends(c["interval"]), c["lost_per_million_saved"], *_ends(c["lost_interval"]))
        for c in found
    )  # fmt: skip
    return Table("cost", title, columns, rows, digits=4).as_filled()


def _between(summary: Mapping[str, Any]) -> Table:
    """Set each two scenarios beside each other; all indicators, and many scenarios, are for the files only."""
    found = summary["between"]
    first = found[0]["indicator"] if found else ""
    name = names.indicator(first)
    title = Words(
        f"Each two scenarios: how far B is above A by {name.en}, and the seeds that would tell them apart",
        f"两两比较：按{name.zh}，B 比 A 高多少，以及分辨二者尚需的种子数",
    )
    columns = (
        Words("A", "A"), Words("B", "B"), Words("B above A", "B 减 A"), Words("low", "下限"), Words("high", "上限"),
        Words("probability B is above", "B 较高的概率"), Words("p, Holm", "校正 p"), Words("further seeds", "尚需种子"),
        Words("key", "键名"),
    )  # fmt: skip
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (b["a"], b["b"], b["b_above_a"], *_ends(b["interval"]), b["probability_b_above_a"], b["p_holm"],
         b["further_seeds"], b["indicator"])
        for b in found
    )  # fmt: skip
    few = len(summary["scenarios"]) <= _MOST_BESIDE
    shown = tuple(row for row in rows if few and row[-1] == first)
    made = Table("between", title, columns, rows, digits=3, keyed=True)
    return replace(made, as_read=replace(made, rows=shown).printed())


def _named(name: str, *, change: bool = False) -> str:
    """Return an indicator and its unit in both languages."""
    units = names.unit(name, change=change)
    return names.both(names.indicator(name)) + (f", {names.both(units)}" if units.en else "")


def _axis(name: str) -> str:
    """Return what a chart of an indicator's changes shows."""
    units = names.unit(name, change=True)
    told = Words("change against the baseline", "与基准之差")
    return names.both(Words(f"{told.en}, {units.en}", f"{told.zh}，{units.zh}") if units.en else told)


def _ends(interval: Sequence[float] | None) -> tuple[float | None, float | None]:
    """Return the ends of an interval, or nothing where there is none."""
    return (None, None) if interval is None else (interval[0], interval[1])
