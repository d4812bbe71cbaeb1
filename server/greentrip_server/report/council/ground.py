"""What a council is told of the ground that all rests on: method, what was computed, what is missing and assumed."""

from collections.abc import Mapping
from typing import Any

from greentrip_server.report import assumptions
from greentrip_server.report.council import phrases
from greentrip_server.report.council.compared import only_in
from greentrip_server.report.council.document import Block, Cell, Listing, Paragraph, Table, Words
from greentrip_server.report.council.facts import Facts, seeds_in_short

_METHOD = Words(
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


def ground_blocks(facts: Facts, summary: Mapping[str, Any]) -> list[Block]:
    """Say how it was computed, what is missing and assumed, and how to compute it again."""
    networks = dict.fromkeys(s.network for s in facts.compared)
    known: tuple[tuple[Cell, ...], ...] = (
        ("network 路网", ", ".join(networks)),
        ("share of residents simulated 抽样率", f"{facts.sample:g}"),
        ("simulated days at most 最多模拟天数", str(facts.max_days)),
        ("seeds 随机种子", seeds_in_short(facts.seeds)),
        ("runs 运行数", str(sum(len(s.results) for s in facts.compared))),
        ("interval level 置信水平", f"{summary['level']:g}"),
        ("code 代码", facts.code),
        ("versions 版本", facts.versions),
        ("content hash 内容哈希", facts.content_hash),
    )
    blocks: list[Block] = [
        Paragraph(_METHOD),
        Table("facts", Words("What was computed", "计算内容"), (Words("what", "项目"), Words("value", "内容")), known),
    ]
    if summary["missing"]:
        blocks.append(Listing(Words("Missing", "缺失"), tuple(phrases.both(m) for m in summary["missing"])))
    warned = _warnings(facts)
    if warned.rows:
        blocks.append(warned)
    blocks += [
        Listing(Words("How to compute this again", "复现命令"), facts.commands(), code=True),
        Listing(Words("Assumptions", "假设"), _assumptions(facts)),
        Listing(Words("Sources", "数据来源"), tuple(assumptions.in_two_languages(facts.sources))),
    ]
    return blocks


def _warnings(facts: Facts) -> Table:
    """Return the warnings of every scenario's runs."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.name, seed, warning, phrases.chinese(warning) or None)
        for one in facts.compared
        for seed, found in sorted(one.results.items())
        for warning in dict.fromkeys(found.get("warnings", ()))
    )
    columns = (Words("scenario", "情景"), Words("seed", "随机种子"), Words("in English", "英文"),
               Words("in Chinese", "中文"))  # fmt: skip
    return Table("warnings", Words("Warnings of the runs", "运行的警告"), columns, rows)


def _assumptions(facts: Facts) -> tuple[str, ...]:
    """Return what the runs of any scenario assume, each once, with the scenarios that assume it where not all do."""
    having: dict[str, dict[str, None]] = {}
    for one in facts.compared:
        for found in one.results.values():
            for sentence in found.get("assumptions", ()):
                having.setdefault(sentence, {})[one.name] = None
    everyone = [one.name for one in facts.compared if one.results]
    lines = []
    for sentence, scenarios in having.items():
        only = only_in(list(scenarios), everyone)
        zh = (assumptions.chinese(sentence) or phrases.chinese(sentence)) + only.zh
        lines.append(f"{sentence}{only.en}" + (f" · {zh}" if zh else ""))
    return tuple(lines)
