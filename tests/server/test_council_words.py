"""What the council's report says in words: measures, who has not settled, and the Chinese of fixed sentences."""

from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest
from greentrip_agents.comparison import NOTE
from greentrip_agents.parameters import default_parameters
from greentrip_agents.statistics import compare_scenarios
from greentrip_agents.units import parameter_units
from greentrip_networks import load
from greentrip_networks.scenario import INTERVENTIONS, intervention_from_dict
from greentrip_server.report.assumptions import chinese as of_a_city
from greentrip_server.report.council import phrases
from greentrip_server.report.council.compared import alarms, compared_blocks, only_in
from greentrip_server.report.council.document import Paragraph, Table
from greentrip_server.report.council.facts import Compared, Facts, seeds_in_short
from greentrip_server.report.council.measures import in_words

ROUTE = {
    "id": "f1", "station": "west-mill", "stops": ["a", "b"], "path": ["a", "b", "c"], "ride_s": [60, 30],
    "length_m": 900, "headways_s": [300, 750, 360], "vehicles": 3, "capacity": 30, "cost_cny_day": 1000,
}  # fmt: skip
SAID = [
    ({"kind": "RailOfYear", "year": 2017}, "rail as open at the end of 2017", "轨道按 2017 年底开通状况"),
    (
        {"kind": "AddFeeders", "routes": [ROUTE, {**ROUTE, "id": "f2", "headways_s": [600, 600, 600]}]},
        "2 feeder routes with 6 buses at West Mill, every 5/12.5/6 or 10/10/10 min (am/off/pm)",
        "西磨坊新增 2 条接驳线，配车 6 辆，早高峰/平峰/晚高峰间隔 5/12.5/6 或 10/10/10 分钟",
    ),
    ({"kind": "SetHeadway", "line": "1", "headway_s": 150}, "Line 1 every 2.5 min", "1号线间隔 2.5 分钟"),
    (
        {"kind": "SetHeadway", "line": "x", "headway_s": 120, "period": "am"},
        "x every 2 min, 07–09",
        "x早高峰（07–09）间隔 2 分钟",
    ),
    ({"kind": "SetFare", "system": "fuel", "factor": 1.5}, "fuel price × 1.5", "燃油价格 × 1.5"),
    (
        {"kind": "SetParkingPrice", "place": "老城区", "cny_h": 12},
        "parking in Old City 12 CNY/h",
        "老城区停车每小时 12 元",
    ),
    (
        {"kind": "MoveResidents", "from_place": "z01", "to_place": "central six", "residents": 1500},
        "1,500 residents move from West Mill to central six",
        "1,500 名居民由西磨坊迁往中心城六区",
    ),
    ({"kind": "SwitchOff", "policy": "ebikes"}, "no e-bikes", "没有电动自行车"),
    ({"kind": "SetBackground", "traffic": "freight", "factor": 0}, "freight traffic × 0", "货车交通 × 0"),
    ({"kind": "WithdrawLines", "lines": ["b1"]}, "1 bus line withdrawn: b1", "停运 1 条公交：b1"),
    (
        {"kind": "RunBusLine", "line": "b1", "stops": ["a", "b", "c"], "headway_s": [300, 600, 300]},
        "bus line b1 over 3 stops every 5 / 10 / 5 min",
        "公交 b1：3 站，间隔 5 / 10 / 5 分钟",
    ),
]


@pytest.mark.parametrize(("step", "en", "zh"), SAID, ids=[str(s["kind"]) for s, _, _ in SAID])
def test_a_measure_is_told_in_both_languages(step: dict[str, Any], en: str, zh: str) -> None:
    (told,) = in_words([intervention_from_dict(step)], load("tiny"))
    assert (told.en, told.zh) == (en, zh)


def test_every_kind_of_measure_has_words() -> None:
    assert {s["kind"] for s, _, _ in SAID} == set(INTERVENTIONS)
    for cls in INTERVENTIONS.values():
        assert all(get_args(h) or h in (int, float, str) for h in (get_type_hints(cls)[f.name] for f in fields(cls)))


def test_many_bus_lines_share_one_line() -> None:
    step = {"kind": "RunBusLine", "stops": ["a", "b"], "headway_s": [300]}
    (told,) = in_words([intervention_from_dict({**step, "line": f"b{i}"}) for i in range(9)], load("tiny"))
    assert told.en == "9 bus lines changed or new: b0, b1, b2, b3 and 5 more"
    assert told.zh.startswith("调整或新增 9 条公交：b0、b1、b2、b3 等 9 个")


def told(blocks: list[Any]) -> str:
    return " ".join(b.words.en + b.words.zh for b in blocks if isinstance(b, Paragraph))


def test_every_scenario_has_a_row_with_what_it_changes() -> None:
    steps = tuple(intervention_from_dict(s) for s, _, _ in SAID)
    scenarios = [
        Compared("today", "tiny", asked=2, results={0: {"converged": True, "served": 1.0}}),
        Compared(
            "all", "tiny", description="everything at once", plan="plans/north", steps=steps, asked=2,
            parameters={"weight.walk": 1.6, "constant.car": 1.0, "speed.walk_m_s": 1.1}, values={"f": 2.0, "g": "am"},
            cost_million_cny_year=3.5, results={s: {"converged": s > 0, "served": 0.999} for s in (0, 1)},
        ),
    ]  # fmt: skip
    note, table = compared_blocks(scenarios, "today", load("tiny"))
    assert isinstance(note, Paragraph)
    assert isinstance(table, Table)
    today, whole = (dict(zip([c.en for c in table.columns], row, strict=True)) for row in table.rows)
    assert (today["measures"], today["million CNY a year"], today["runs done"], today["of"]) == (None, None, 1, 2)
    assert whole["description"] == "everything at once"
    assert (whole["network"], whole["plan"], whole["swept values"]) == ("tiny", "north", "f = 2, g = am")
    assert str(whole["measures"]).count("\n") == len(SAID) - 1
    assert "speed.walk_m_s = 1.1 m/s, otherwise 1.2 · 步行速度，米/秒：1.1，原为 1.2" in str(whole["parameters"])
    assert "constant.car = 1 utility" in str(whole["parameters"])
    assert (whole["million CNY a year"], whole["runs done"], whole["not settled"]) == (3.5, 2, 1)
    assert whole["unserved at most, %"] == pytest.approx(0.1)
    assert whole["seeds done"] == "0, 1"
    shown = table.printed()
    assert len(shown.columns) < len(table.columns)
    assert shown.rows[0][1] == "nothing is changed · 不作改变"
    assert "more: compared.csv · 另有" in str(shown.rows[1][1])
    assert str(shown.rows[1][1]).endswith("f = 2, g = am")


def test_runs_that_bear_no_verdict_are_named_whichever_scenario_they_are_of() -> None:
    good, bad = {"converged": True, "served": 1.0}, {"converged": False, "served": 0.99}
    one = Compared("today", "tiny", asked=3, results={0: good, 1: good})
    assert alarms([one]) == []
    mixed = told(alarms([one, Compared("dear", "tiny", asked=3, results={0: good, 1: bad, 2: bad})]))
    assert "dear (seed 1, 2)" in mixed
    assert "dear（种子 1, 2）" in mixed
    assert "Up to 1.00 % of the demand is served by no mode" in mixed
    assert "today" not in mixed
    whole = told(alarms([Compared(n, "tiny", asked=1, results={0: bad}) for n in "abc"]))
    assert "all runs of all scenarios" in whole
    assert "所有情景的全部运行" in whole


def test_lists_are_shortened() -> None:
    assert seeds_in_short([0, 1, 2, 3, 7, 9, 10]) == "0–3, 7, 9, 10"
    assert seeds_in_short([]) == ""
    assert only_in(["b", "a"], ["a", "b"]).en == ""
    assert only_in(["b"], ["a", "b"]).zh == "（仅 b）"
    assert only_in([f"s{i}" for i in range(40)], [f"s{i}" for i in range(41)]).en.endswith("s11 and 28 more)")


def test_commands_name_the_options_used() -> None:
    common: dict[str, Any] = {
        "name": "x", "question": "", "question_zh": "", "asked": {}, "content_hash": "", "code": "", "versions": "",
        "sample": 0.1, "max_days": 2, "seeds": (0,), "compared": (),
    }  # fmt: skip
    assert Facts(**common).commands()[1] == "greentrip report x --to DIR"
    chosen = Facts(**common, chosen_baseline="m~f=2", detailed=9).commands()[1]
    assert chosen == "greentrip report x --baseline 'm~f=2' --detailed 9 --to DIR"


def test_all_that_a_comparison_finds_missing_has_its_chinese() -> None:
    green, both = {"green_share": 50.0, "mode_share.car": 20.0}, {0: {"green_share": 50.0}, 1: {"green_share": 51.0}}
    few = dict.fromkeys(range(2), green)
    cases: list[dict[str, Any]] = [
        {"a": few, "b": {}, "c": {5: green}},
        {"a": few, "b": both, "c": {1: green, 2: green}},
        {"a": {0: green | {"converged": 0.0}, 1: green}, "b": few, "c": few},
        {"a": dict.fromkeys(range(9), green), "b": dict.fromkeys(range(9), green), "c": few},
        {"a": dict.fromkeys(range(4), green), "b": {0: green, 1: green}, "c": {2: green, 3: green}},
        {f"s{i}": few for i in range(42)},
    ]
    found = [
        m
        for values in cases
        for names in (["green_share", "mode_share"], ["green_share"])
        for costs in ({}, {"c": 2.0})
        for m in compare_scenarios(values, baseline=next(iter(values)), indicators=names, costs=costs)["missing"]
    ]
    kinds = ("no verdict", "middle one", "have more", "cost is unknown", "the best 40", "no finished", "not ranked")
    assert [k for k in kinds if not any(k in m for m in found)] == []
    assert [m for m in found if not phrases.chinese(m)] == []
    assert phrases.chinese("metro~f=2: seed 3 failed because: {x}") == "metro~f=2：随机种子 3 运行失败 because: {x}"


def test_warnings_and_notes_of_the_model_have_their_chinese() -> None:
    said = [
        "FAILED: 1.25 % of the demand is served by no mode (limit 0.5 %)",
        "0.01 % of the demand is served by no mode",
        "NOT CONVERGED after 60 days: gap 0.002 (limit 0.001), drift 0.0214 points; no verdict",
        NOTE,
        f"one seed gives no interval; {NOTE}",
        "the model reacts outside the range of published reviews: metro_fare -0.90 (published: -0.6 to -0.1)",
        "switched off: ebikes",
    ]
    assert [s for s in said if not phrases.chinese(s)] == []
    assert "0.0214 个百分点" in phrases.both(said[2])
    assert phrases.both("my own words") == "my own words"
    assert not [s for n in ("tiny", "beijing-2019") for s in load(n).sources if not of_a_city(s)]


def test_every_parameter_has_a_unit() -> None:
    assert set(default_parameters().values) == set(parameter_units())
    assert parameter_units()["weight.walk"] == "-"
