"""What a council is told of the scenarios themselves: what each is and changes, what it costs, what was computed."""

from collections.abc import Mapping, Sequence

from greentrip_agents.parameters import default_parameters
from greentrip_agents.units import parameter_units
from greentrip_networks.network import Network

from greentrip_server.report import assumptions
from greentrip_server.report.council import names
from greentrip_server.report.council.document import Block, Cell, Paragraph, Table, Words
from greentrip_server.report.council.facts import Compared, seeds_in_short
from greentrip_server.report.council.measures import in_words

_MOST_LINES = 10  # of one scenario in print; the files beside it hold all
_MOST_NAMED = 12  # scenarios in one sentence


def compared_blocks(scenarios: Sequence[Compared], baseline: str, network: Network) -> list[Block]:
    """Return the section that says what is compared: a row a scenario.

    Parameters
    ----------
    scenarios
        In the order of the experiment.
    baseline
        The scenario that the others are compared with.
    network
        The baseline's, where stations, lines and places have their names.

    """
    networks = list(dict.fromkeys(s.network for s in scenarios))
    one = len(networks) == 1
    note = Words(
        f'The scenarios differ in nothing but what stands here; the others are compared with "{baseline}".'
        + (f" All are of the network {networks[0]}." if one else ""),
        f"各情景仅在下表所列内容上不同；其余情景均与“{baseline}”比较。" + (f"路网均为 {networks[0]}。" if one else ""),
    )
    filed, printed = [], []
    for one_of in scenarios:
        measures = in_words(one_of.steps, network)
        parameters = [_parameter(name, value, one_of.network) for name, value in sorted(one_of.parameters.items())]
        values = ", ".join(f"{name} = {_short(value)}" for name, value in one_of.values.items())
        figures: tuple[Cell, ...] = (
            one_of.cost_million_cny_year, len(one_of.results), one_of.asked, len(one_of.unsettled) or None,
            max(one_of.unserved.values(), default=None), seeds_in_short(list(one_of.results)) or "–",
        )  # fmt: skip
        filed.append((
            one_of.name, one_of.description or None, one_of.network, one_of.plan.removeprefix("plans/") or None,
            _lines(measures) or None, _lines(parameters) or None, values or None, *figures,
        ))  # fmt: skip
        told = [Words(one_of.description, one_of.description)] if one_of.description else []
        told += [] if one else [Words(f"network {one_of.network}", f"路网 {one_of.network}")]
        told += [Words(f"plan {name}", f"方案 {name}") for name in [one_of.plan.removeprefix("plans/")] if name]
        told += [*measures, *parameters] or ([] if one_of.plan else [Words("nothing is changed", "不作改变")])
        if len(told) > _MOST_LINES:
            more = len(told) - _MOST_LINES
            told[_MOST_LINES:] = [Words(f"{more} more: compared.csv", f"另有 {more} 项，见 compared.csv")]
        told += [Words(values, values)] if values else []
        printed.append((one_of.name, _lines(told), *figures))
    counted = (
        Words("million CNY a year", "百万元/年"), Words("runs done", "完成运行"), Words("of", "计划运行"),
        Words("not settled", "未收敛"), Words("unserved at most, %", "最多未服务，%"), Words("seeds done", "随机种子"),
    )  # fmt: skip
    title = Words("The scenarios", "各情景")
    columns = (
        Words("scenario", "情景"), Words("description", "说明"), Words("network", "路网"), Words("plan", "方案"),
        Words("measures", "措施"), Words("parameters", "参数"), Words("swept values", "扫描取值"), *counted,
    )  # fmt: skip
    shown = (Words("scenario", "情景"), Words("what it is", "内容"), *counted)
    return [
        Paragraph(note),
        Table(
            "compared",
            title,
            columns,
            tuple(filed),
            as_read=Table("compared", title, shown, tuple(printed)).as_filled().as_read,
        ),
    ]


def alarms(scenarios: Sequence[Compared]) -> list[Block]:
    """Return what must be read first: the runs of any scenario that did not settle or left demand unserved."""
    blocks: list[Block] = []
    unsettled = {s.name: s.unsettled for s in scenarios if s.unsettled}
    if unsettled:
        where = _runs(unsettled, scenarios)
        blocks.append(
            Paragraph(
                Words(
                    "Read this first: runs that did not converge, or left too much demand unserved, bear no verdict: "
                    f"{where.en}.",
                    f"请先阅读：下列运行未收敛或有过多需求未被服务，不作结论：{where.zh}。",
                ),
                strong=True,
            )
        )
    unserved = {s.name: list(s.unserved) for s in scenarios if s.unserved}
    if unserved:
        where = _runs(unserved, scenarios)
        most = max(max(s.unserved.values()) for s in scenarios if s.unserved)
        blocks.append(
            Paragraph(
                Words(
                    f"Up to {most:.2f} % of the demand is served by no mode: {where.en}.",
                    f"最多 {most:.2f}% 的需求没有任何方式可以服务：{where.zh}。",
                ),
                strong=True,
            )
        )
    return blocks


def only_in(having: Sequence[str], everyone: Sequence[str]) -> Words:
    """Return which scenarios have something, in brackets; nothing when all have it."""
    if set(having) >= set(everyone):
        return Words("", "")
    few = _few(having)
    return Words(f" (only {few.en})", f"（仅 {few.zh}）")


def _runs(seeds: Mapping[str, Sequence[int]], scenarios: Sequence[Compared]) -> Words:
    """Return runs by scenario and seed, in short where all of them are meant."""
    done = {s.name: len(s.results) for s in scenarios if s.results}
    if all(len(seeds.get(name, ())) == count for name, count in done.items()):
        return Words("all runs of all scenarios", "所有情景的全部运行")
    en, zh = [], []
    for name, found in list(seeds.items())[:_MOST_NAMED]:
        short = seeds_in_short(found)
        whole = len(found) == done[name]
        en.append(f"{name} ({'all seeds' if whole else f'seed {short}'})")
        zh.append(f"{name}（{'全部种子' if whole else f'种子 {short}'}）")
    more = len(seeds) - _MOST_NAMED
    if more > 0:
        en.append(f"and {more} more scenarios")
        zh.append(f"另有 {more} 个情景")
    return Words(", ".join(en), "、".join(zh))


def _few(listed: Sequence[str]) -> Words:
    """Return the first names of a list and how many more there are."""
    more = len(listed) - _MOST_NAMED
    en, zh = ", ".join(listed[:_MOST_NAMED]), "、".join(listed[:_MOST_NAMED])
    return Words(f"{en} and {more} more", f"{zh} 等 {len(listed)} 个情景") if more > 0 else Words(en, zh)


def _parameter(name: str, value: float, network: str) -> Words:
    """Return a changed parameter with its unit and what it is otherwise."""
    shipped = default_parameters(network)
    mode = name.removeprefix("constant.")
    usual = shipped.constants.get(mode) if mode != name else shipped.values.get(name)
    unit = "utility" if mode != name else parameter_units().get(name, "-")
    amount = f"{value:g}" + (f" {unit}" if unit != "-" else "")
    label = assumptions.chinese(f"{name} = {value:g}")
    if mode in names.MODES and mode != name:
        label = f"{names.MODES[mode].zh}的方式常数"
    return Words(
        f"{name} = {amount}" + (f", otherwise {usual:g}" if usual is not None else ""),
        (f"{label}：{value:g}" if label else f"{name}：{amount}") + (f"，原为 {usual:g}" if usual is not None else ""),
    )


def _lines(told: Sequence[Words]) -> str:
    """Return a cell with a line each, the Chinese after the English."""
    return "\n".join(w.en if w.en == w.zh else f"{w.en} · {w.zh}" for w in told)


def _short(value: object) -> str:
    """Return a swept value as it appears in a scenario's name."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
