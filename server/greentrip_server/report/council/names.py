"""What the model's names are called before a council: modes, verdicts, groups of people and indicators."""

from greentrip_server.report.council.document import Words
from greentrip_server.report.council.gains import GROUPS

MODES = {
    "walk": Words("walk", "步行"), "bicycle": Words("bicycle", "自行车"), "ebike": Words("e-bike", "电动自行车"),
    "bus": Words("bus", "公交"), "metro": Words("metro", "地铁"), "pr": Words("park and ride", "停车换乘"),
    "car": Words("car", "小汽车"), "taxi": Words("taxi", "出租车"), "unserved": Words("unserved", "未服务"),
}  # fmt: skip
VERDICTS = {
    "met": Words("the target is met", "达到目标"),
    "missed": Words("the target is missed", "未达到目标"),
    "undecided": Words("undecided", "尚不能判定"),
    "none": Words("no verdict", "不作结论"),
}
_BOUGHT = {
    "buys": "有收益", "costs and does not gain": "成本增加而无收益", "saves and gains": "节省且有收益",
    "saves and changes nothing": "节省且无变化", "saves and loses": "节省但有损失", "costs the same": "成本相同",
}  # fmt: skip
PARTS = GROUPS | {"work": "上班", "school": "上学", "errand": "购物办事", "leisure": "休闲"}
_POINTS = Words("points", "百分点")
_MINUTES, _MILLION = Words("minutes", "分钟"), Words("million", "百万人次")
_INDICATORS = {  # name: what it is, unit of its value, unit of its change
    "green_share": (Words("green share of trips", "绿色出行比例"), Words("%", "%"), _POINTS),
    "mean_commute_minutes": (Words("mean commute", "平均通勤时间"), _MINUTES, _MINUTES),
    "metro_boardings_million": (Words("metro boardings a day", "地铁日上车量"), _MILLION, _MILLION),
    "bus_boardings_million": (Words("bus boardings a day", "公交日上车量"), _MILLION, _MILLION),
}


def mode(name: str) -> str:
    """Return a mode in both languages."""
    words = MODES.get(name)
    return f"{words.en} {words.zh}" if words is not None else name


def part(name: str) -> str:
    """Return a group of people or purpose in both languages."""
    return f"{name} {PARTS[name]}" if name in PARTS else name


def bought(kind: str) -> str:
    """Return what money does, in both languages."""
    return f"{kind} {_BOUGHT[kind]}" if kind in _BOUGHT else kind


def indicator(name: str) -> Words:
    """Return what an indicator is; one that has no words of its own keeps its dotted name."""
    return _known(name)[0]


def unit(name: str, *, change: bool = False) -> Words:
    """Return the unit of an indicator, or of its change; empty where it is not known."""
    return _known(name)[2 if change else 1]


def _known(name: str) -> tuple[Words, Words, Words]:
    head, _, which = name.partition(".")
    if head == "mode_share" and which in MODES:
        words = MODES[which]
        return Words(f"{words.en} share", f"{words.zh}分担率"), Words("%", "%"), _POINTS
    return _INDICATORS.get(name, (Words(name, name), Words("", ""), Words("", "")))


def both(words: Words) -> str:
    """Return words in one line, once where the languages agree."""
    return words.en if words.en == words.zh else f"{words.en} {words.zh}".strip()
