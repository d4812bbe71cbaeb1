"""The Chinese of sentences that the model and the comparison put together from fixed words, names and figures.

What varies in a sentence, such as a scenario's name, a figure or an error's own text, is kept as it is.
"""

import re

from greentrip_agents.comparison import NOTE

_NOTE_ZH = "初步结论：区间仅含模拟波动，不含参数、居住地分布与模型形式的不确定性"
_PATTERNS = {
    # what is missing in a comparison
    r"(.+): no finished run": "{}：没有完成的运行",
    r"(.+): shares no seed with (.+); compared as independent samples": "{}：与 {} 没有共同的随机种子，按独立样本比较",
    r"(.+): only (\d+) seeds are common with (.+); the others are left out": (
        "{0}：与 {2} 仅有 {1} 个共同的随机种子，其余未计入"
    ),
    r"(.+): (.+) is not known on both sides": "{}：指标 {} 并非两侧均有",
    r"(.+): not ranked: (\d+) scenarios share (\d+) seeds; 2 of each are needed": (
        "{}：未排序：{} 个情景共有 {} 个随机种子，二者各需至少 2 个"
    ),
    r"Pareto set: the scenarios share no seed on which every indicator is known": (
        "帕累托集：各情景没有全部指标均已知的共同随机种子"
    ),
    r"Pareto set: no indicator has a direction": "帕累托集：没有可分优劣的指标",
    r"(.+): did not converge, or left demand unserved, under seeds? (.+): its differences and ranks are no verdict": (
        "{}：在种子 {} 下未收敛或有需求未被服务，其差异与名次不作结论"
    ),
    r"(.+): only the best (\d+) of the scenarios are compared with each other": "{}：仅两两比较最好的 {} 个情景",
    r"(.+): not considered for the Pareto set: its cost is unknown, and cost counts": (
        "{}：未计入帕累托集：成本未知，而成本计入比较"
    ),
    **{
        rf"(.+): {left} saw (\d+) seeds in common with {other}": f"{{}}：{zh}：{but}"
        for left, zh in (
            ("not ranked with the others:", "未与其他情景一同排序"),
            ("not considered for the Pareto set:", "未计入帕累托集"),
        )
        for other, but in (
            (r"scenarios that have more; expected at least (\d+)", "与种子更多的情景仅有 {} 个共同种子，至少需 {} 个"),
            (
                r"(.+); expected at least half of the (\d+) that the middle one of the scenarios has",
                "仅有 {} 个与 {} 共同的种子，至少需居中情景 {} 个的一半",
            ),
            (r"(.+); expected at least (\d+)", "仅有 {} 个与 {} 共同的种子，至少需 {} 个"),
        )
    },
    r"(.+): seed (\d+) has not begun": "{}：随机种子 {} 尚未开始",
    r"(.+): seed (\d+) queued": "{}：随机种子 {} 正在排队",
    r"(.+): seed (\d+) running": "{}：随机种子 {} 正在运行",
    r"(.+): seed (\d+) cancelled": "{}：随机种子 {} 已取消",
    r"(.+): seed (\d+) failed(.*)": "{}：随机种子 {} 运行失败{}",
    # warnings of a run
    r"FAILED: (\S+) % of the demand is served by no mode \(limit (\S+) %\)": (
        "失败：{}% 的需求没有任何方式可以服务（上限 {}%）"
    ),
    r"(\S+) % of the demand is served by no mode": "{}% 的需求没有任何方式可以服务",
    r"NOT CONVERGED after (\d+) days: gap (\S+) \(limit (\S+)\), drift (\S+) points; no verdict": (
        "{} 天后仍未收敛：差距 {}（上限 {}），漂移 {} 个百分点；不作结论"
    ),
    # notes of a verdict, and why there is none
    re.escape(NOTE): _NOTE_ZH,
    "one seed gives no interval; " + re.escape(NOTE): f"仅有一个随机种子，没有区间；{_NOTE_ZH}",
    r"no observed share of this year to pivot on": "该年份没有可作基准的公布值",
    r"a run did not converge or left demand unserved": "有运行未收敛，或有需求未被服务",
    r"the model reacts outside the range of published reviews: (.+)": "模型的反应超出已发表综述的范围：{}",
    r"(.+): the runs differ in it \((.+)\); compare like with like": "各运行的 {} 不同（{}），只能同类相比",
    r"run: keeps (\S+) without (.+): an older version made it; simulate it again": (
        "运行由旧版本生成，其 {} 缺少 {}；请重新模拟"
    ),
    r"run: keeps no table (\S+): an older version made it; simulate it again": (
        "运行由旧版本生成，没有表 {}；请重新模拟"
    ),
    # what a scenario or an imported network adds to what is assumed
    r"switched off: (.+)": "停用：{}",
    r"background traffic, (.+): times (\S+)": "背景交通 {}：乘以 {}",
    r'the area "(.+)" is the whole network, since no zone says': "小区未说明，“{}”取为整个路网",
    r"school places where zones do not say: (\S+) a resident": "小区未说明的学位：每位居民 {} 个",
    r"parking where zones do not say: (\S+) CNY an hour": "小区未说明的停车价格：每小时 {} 元",
    r"(\S+) street nodes that are cut off from the others are left out": "略去与其余路网不连通的 {} 个街道节点",
    r"fares that the network does not say are those of Beijing in 2019, in its own currency": (
        "路网未说明的票价取北京 2019 年票价，以其自身货币计"
    ),
    r"the timetable is that of (.+)": "时刻表取自 {}",
    r"(\S+) of (\S+) patterns run as the longest of their line and direction": (
        "{1} 个运行方式中有 {0} 个按其线路与方向上最长者运行"
    ),
    r"(\S+) calls of buses at stops more than (\S+) m from a street for buses are left out": (
        "略去距公交可行街道超过 {1} 米的 {0} 次公交停靠"
    ),
    r"a bus line runs back the way it came, along the quickest streets from stop to stop": (
        "公交线路原路返回，站间走最快的街道"
    ),
    r"residents are synthesised from zone margins": "居民由小区边际分布合成",
}
_KNOWN = tuple((re.compile(pattern, re.DOTALL), zh) for pattern, zh in _PATTERNS.items())


def chinese(sentence: str) -> str:
    """Return the Chinese of a sentence; nothing for one that is not known."""
    for pattern, zh in _KNOWN:
        found = pattern.fullmatch(sentence)
        if found is not None:
            return zh.format(*found.groups())
    return ""


def both(sentence: str) -> str:
    """Return a sentence and, where it is known, its Chinese after it."""
    zh = chinese(sentence)
    return f"{sentence} · {zh}" if zh else sentence
