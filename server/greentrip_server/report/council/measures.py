"""What a scenario changes, in words: each intervention as one short line in English and Chinese."""

from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any

from greentrip_networks.errors import UnknownNameError
from greentrip_networks.network import FeederRoute, Line, Network
from greentrip_networks.scenario import (
    AddFeeders,
    Intervention,
    MoveResidents,
    RailOfYear,
    RunBusLine,
    SetBackground,
    SetFare,
    SetHeadway,
    SetParkingPrice,
    SwitchOff,
    WithdrawLines,
)

from greentrip_server.report.council.document import Words
from greentrip_server.report.verdict import AREAS

PERIODS = {
    "am": Words("07–09", "早高峰（07–09）"),
    "off": Words("outside the peaks", "平峰"),
    "pm": Words("17–19", "晚高峰（17–19）"),
}
_PRICES = {
    "metro": Words("metro fares", "地铁票价"), "bus": Words("bus fares", "公交票价"),
    "feeder": Words("feeder fares", "接驳票价"), "taxi": Words("taxi fares", "出租车价格"),
    "fuel": Words("fuel price", "燃油价格"),
}  # fmt: skip
_OFF = {
    "plate_restriction": Words("no plate restriction", "取消尾号限行"),
    "licence_lottery": Words("no licence lottery", "取消小客车摇号"),
    "ebikes": Words("no e-bikes", "没有电动自行车"),
    "shared_bicycles": Words("no shared bicycles", "没有共享单车"),
    "ride_hailing": Words("no ride-hailing", "没有网约车"),
}
_TRAFFIC = {
    "freight": Words("freight traffic", "货车交通"), "visitors": Words("visitors' cars", "外来小汽车"),
    "through": Words("through traffic", "过境交通"), "empty_taxis": Words("empty taxis", "空驶出租车"),
    "all": Words("all background traffic", "全部背景交通"),
}  # fmt: skip
_NAMED = 4  # stations and lines named in one line; the rest are counted


def in_words(steps: Sequence[Intervention], network: Network) -> list[Words]:
    """Return what interventions change, a line each; bus lines changed one after another share a line.

    Parameters
    ----------
    steps
        The interventions in their order.
    network
        Where stations, lines and places have their names; what it does not know keeps the name it was given.

    """
    found: list[Words] = []
    for kind, alike in groupby(steps, type):
        same = list(alike)
        found += _bus_lines(same, network) if kind is RunBusLine else [_line(step, network) for step in same]
    return found


def _line(step: Intervention, network: Network) -> Words:
    """Return one intervention in words."""
    match step:
        case RailOfYear(year):
            return Words(f"rail as open at the end of {year}", f"轨道按 {year} 年底开通状况")
        case AddFeeders(routes):
            buses = sum(r.vehicles for r in routes)
            at = _several([_station(s, network) for s in dict.fromkeys(r.station for r in routes)])
            often = _every(routes)
            return Words(
                f"{_count(len(routes), 'feeder route')} with {_count(buses, 'bus', 'buses')} at {at.en}{often.en}",
                f"{at.zh}新增 {len(routes)} 条接驳线，配车 {buses} 辆{often.zh}",
            )
        case SetHeadway(line, headway_s, period):
            named, when = _named_line(line, network), PERIODS.get(period, Words(period, period))
            every = _minutes(headway_s)
            return Words(
                f"{named.en} every {every} min" + (f", {when.en}" if period else ""),
                f"{named.zh}{when.zh if period else ''}间隔 {every} 分钟",
            )
        case SetFare(system, factor):
            price = _PRICES.get(system, Words(system, system))
            return Words(f"{price.en} × {factor:g}", f"{price.zh} × {factor:g}")
        case SetParkingPrice(place, cny_h):
            where = _place(place, network)
            return Words(f"parking in {where.en} {cny_h:g} CNY/h", f"{where.zh}停车每小时 {cny_h:g} 元")
        case MoveResidents(source, target, residents):
            a, b = _place(source, network), _place(target, network)
            return Words(
                f"{residents:,.0f} residents move from {a.en} to {b.en}",
                f"{residents:,.0f} 名居民由{a.zh}迁往{b.zh}",
            )
        case SwitchOff(policy):
            return _OFF.get(policy, Words(f"no {policy}", f"停用 {policy}"))
        case SetBackground(traffic, factor):
            what = _TRAFFIC.get(traffic, Words(traffic, traffic))
            return Words(f"{what.en} × {factor:g}", f"{what.zh} × {factor:g}")
        case WithdrawLines(lines):
            gone = _several([_named_line(line, network) for line in lines])
            return Words(
                f"{_count(len(lines), 'bus line')} withdrawn: {gone.en}", f"停运 {len(lines)} 条公交：{gone.zh}"
            )
    told = ", ".join(f"{f.name} {getattr(step, f.name)}" for f in fields(step))  # type: ignore[arg-type]
    return Words(f"{type(step).__name__}: {told}", f"{type(step).__name__}：{told}")


def _bus_lines(steps: Sequence[Any], network: Network) -> list[Words]:
    """Return bus lines that are run anew or changed: one with its stops and headway, many by their names."""
    if len(steps) == 1:
        (step,) = steps
        named, stops = _named_line(step.line, network), len(step.stops)
        every = " / ".join(_minutes(h) for h in step.headway_s)
        return [
            Words(
                f"bus line {named.en} over {stops} stops every {every} min",
                f"公交 {named.zh}：{stops} 站，间隔 {every} 分钟",
            )
        ]
    named = _several([_named_line(step.line, network) for step in steps])
    return [Words(f"{len(steps)} bus lines changed or new: {named.en}", f"调整或新增 {len(steps)} 条公交：{named.zh}")]


def _every(routes: Sequence[FeederRoute]) -> Words:
    """Return how often feeder routes run by period, or nothing where too many ways to read."""
    told = list(dict.fromkeys(r.every_min for r in routes))
    if not 0 < len(told) <= _NAMED:
        return Words("", "")
    return Words(f", every {' or '.join(told)} min (am/off/pm)", f"，早高峰/平峰/晚高峰间隔 {' 或 '.join(told)} 分钟")


def _several(names: Sequence[Words]) -> Words:
    """Return the first names of a list and how many more there are."""
    more = len(names) - _NAMED
    en, zh = ", ".join(n.en for n in names[:_NAMED]), "、".join(n.zh for n in names[:_NAMED])
    return Words(f"{en} and {more} more", f"{zh} 等 {len(names)} 个") if more > 0 else Words(en, zh)


def _count(number: int, one: str, many: str = "") -> str:
    """Return a number and what it counts."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _minutes(seconds: float) -> str:
    """Return seconds as minutes, with no more decimals than needed."""
    return f"{seconds / 60:.3g}"


def _station(name: str, network: Network) -> Words:
    """Return a rail station's names."""
    if name not in network.rail:
        return Words(name, name)
    data = network.rail.nodes[name]
    return _names(name, data.get("name_en"), data.get("name_zh"))


def _named_line(name: str, network: Network) -> Words:
    """Return a rail or bus line's names."""
    try:
        line: Line = network.line(name)
    except UnknownNameError:
        return Words(name, name)
    return _names(name, line.name_en, line.name_zh)


def _place(name: str, network: Network) -> Words:
    """Return the names of an area, a district or a zone, whichever language it was given in."""
    if name in AREAS:
        return Words(name, AREAS[name])
    zones = network.zones
    if name in zones.areas:
        return Words(name, name)
    for pair in zip(zones.district_en, zones.district_zh, strict=True):
        if name in pair:
            return _names(name, *pair)
    try:
        row = zones.find(name)
    except UnknownNameError:
        return Words(name, name)
    return _names(name, zones.name_en[row], zones.name_zh[row])


def _names(given: str, en: object, zh: object) -> Words:
    """Return names in two languages; one that is missing is taken from the other, or as it was given."""
    first, second = str(en or ""), str(zh or "")
    return Words(first or second or given, second or first or given)
