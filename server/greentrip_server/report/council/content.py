"""What a council is told: the answer first, then what changes, for whom, where, at what cost, and what it rests on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from greentrip_networks.network import FeederRoute, Network

from greentrip_server.report.assumptions import in_two_languages
from greentrip_server.report.council import names, svg
from greentrip_server.report.council.detail import flows, loads, people, where
from greentrip_server.report.council.document import (
    Block,
    Cell,
    Document,
    Drawing,
    Listing,
    Paragraph,
    Section,
    Table,
    Words,
)
from greentrip_server.report.council.gains import exhaust_blocks, gain_blocks

_MOST_BESIDE = 8  # scenarios that fit beside each other on a page


@dataclass(frozen=True)
class Facts:
    """What an experiment asked and what computed it."""

    name: str
    question: str
    question_zh: str
    asked: Mapping[str, Any]
    content_hash: str
    code: str
    versions: str
    sample: float
    max_days: int
    placement: int
    seeds: tuple[int, ...]
    runs: int
    indicators: Sequence[Mapping[str, Any]] = field(default_factory=tuple)  # of the baseline's runs
    routes: Mapping[str, tuple[FeederRoute, ...]] = field(default_factory=dict)  # by scenario

    def experiment_json(self) -> bytes:
        """Return the specification, ready to be run again."""
        return (json.dumps(self.asked, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def document(facts: Facts, summary: Mapping[str, Any], network: Network) -> Document:
    """Return the report."""
    city = f"{network.name_en} {network.year}"
    baseline = summary["baseline"]
    question = facts.question or f"How do {len(summary['scenarios'])} scenarios change green trips?"
    asked_zh = facts.question_zh or f"{len(summary['scenarios'])} 个情景如何改变绿色出行？"
    detail: Mapping[str, Any] = summary.get("detail", {})
    sections = [
        Section(Words("The answer", "结论"), tuple(_answer(summary, network))),
        Section(Words("What changes", "变化"), tuple(_changes(summary))),
        Section(Words("Which is best, and how sure that is", "排序及其稳定性"), tuple(_order(summary))),
    ]
    if detail:
        sections += [
            Section(Words("Who changes how they travel", "出行方式转移"), tuple(flows(detail, baseline))),
            Section(Words("Who gains and who loses", "受益者与受损者"), (*gain_blocks(detail), *people(detail))),
            Section(Words("Energy and exhaust", "能耗与排放"), tuple(exhaust_blocks(detail))),
            Section(Words("Where", "空间分布"), tuple(where(facts.routes, detail, network))),
            Section(Words("Lines, stations and streets", "线路、车站与道路"), tuple(loads(detail, network))),
        ]
    sections.append(Section(Words("Method, assumptions and how to repeat this", "方法、假设与复现"),
                            tuple(_ground(facts, summary, network))))  # fmt: skip
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
        verdict = names.VERDICTS.get(head.get("verdict", ""), Words("–", "–"))
        rows.append((
            row["scenario"], svg.signed(row["change"], 3), _span(row["interval"]), row["probability_better"],
            "yes 是" if row["found"] else "no 否", head.get("forecast"), f"{verdict.en} {verdict.zh}",
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
                Words("interval", "区间"), Words("probability it is better", "更优概率"), Words("found", "显著"),
                Words("forecast %", "预测 %"), Words("verdict", "结论"),
            ),
            tuple(rows),
        ),
        *(Paragraph(Words(f"Of the verdicts: {note}.", _note_zh(note))) for note in notes[:2]),
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
        blocks.append(
            Table(
                "cost",
                Words("What a million CNY a year buys", "每年每百万元的效果"),
                (Words("scenario", "情景"), Words("million CNY a year", "百万元/年"), Words("change", "变化"),
                 Words("per million", "每百万元"), Words("interval", "区间")),
                tuple(
                    (c["scenario"], c["million_cny_year"], c["change"], c["per_million"], _span(c["interval"], 4))
                    for c in summary["cost_effectiveness"]
                ),
                digits=4,
            )
        )  # fmt: skip
    return blocks


def _ground(facts: Facts, summary: Mapping[str, Any], network: Network) -> list[Block]:
    """Say how it was computed, what is assumed and missing, and how to compute it again."""
    method = Words(
        "Every scenario is simulated with the same seeds, so that the same person meets the same luck (common random "
        "numbers). Differences are taken seed by seed; intervals are Student's over these differences; probabilities "
        "are corrected for the number of differences looked at (Holm 1979). Further seeds are those that would find "
        "the change as it is now in four of five tries. The intervals hold the noise of the seeds only: parameters, "
        "placement of homes and the form of the model are not in them.",
        "所有情景使用相同随机种子（公共随机数），逐种子求差；区间为差值的学生 t 区间；"
        "概率按比较次数校正（Holm 1979）。"
        "“尚需种子”指以当前变化在五次中四次能够检出所需增加的种子数。"
        "区间仅含种子波动，不含参数、居住地分布与模型形式的不确定性。",
    )
    seeds = ", ".join(str(s) for s in facts.seeds)
    known: tuple[tuple[Cell, ...], ...] = (
        ("network 路网", network.name),
        ("share of residents simulated 抽样率", f"{facts.sample:g}"),
        ("simulated days at most 最多模拟天数", str(facts.max_days)),
        ("seeds 随机种子", seeds),
        ("runs 运行数", str(facts.runs)),
        ("interval level 置信水平", f"{summary['level']:g}"),
        ("code 代码", facts.code),
        ("versions 版本", facts.versions),
        ("content hash 内容哈希", facts.content_hash),
    )
    assumed = in_two_languages(a for i in facts.indicators for a in i.get("assumptions", ()))
    warned = list(dict.fromkeys(f"seed {i['seed']}: {w}" for i in facts.indicators for w in i.get("warnings", ())))
    blocks: list[Block] = [
        Paragraph(method),
        Table("facts", Words("What was computed", "计算内容"), (Words("what", "项目"), Words("value", "内容")), known),
    ]
    if summary["missing"]:
        blocks.append(Listing(Words("Missing", "缺失"), tuple(summary["missing"])))
    if warned:
        blocks.append(Listing(Words("Warnings of the baseline's runs", "基准运行的警告"), tuple(warned)))
    blocks += [
        Listing(
            Words("How to compute this again", "复现命令"),
            ("greentrip experiment run experiment.json", f"greentrip report {facts.name} --to DIR"),
            code=True,
        ),
        Listing(Words("Assumptions", "假设"), tuple(assumed)),
        Listing(Words("Sources", "数据来源"), tuple(str(s) for s in network.sources)),
    ]
    return blocks


def _named(name: str, *, change: bool = False) -> str:
    """Return an indicator and its unit in both languages."""
    units = names.unit(name, change=change)
    return names.both(names.indicator(name)) + (f", {names.both(units)}" if units.en else "")


def _axis(name: str) -> str:
    """Return what a chart of an indicator's changes shows."""
    units = names.unit(name, change=True)
    told = Words("change against the baseline", "与基准之差")
    return names.both(Words(f"{told.en}, {units.en}", f"{told.zh}，{units.zh}") if units.en else told)


def _span(interval: Sequence[float] | None, digits: int = 3) -> str:
    return "–" if interval is None else f"[{svg.signed(interval[0], digits)}, {svg.signed(interval[1], digits)}]"


def _note_zh(note: str) -> str:
    """Return the Chinese of a verdict's note."""
    if "simulation noise only" in note:
        return "关于结论：初步结论，区间仅含模拟波动，不含参数、居住地分布与模型形式。"
    if "did not converge" in note:
        return "关于结论：有运行未收敛或有需求未被服务，不作结论。"
    return f"关于结论：{note}"
