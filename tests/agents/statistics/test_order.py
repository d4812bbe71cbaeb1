"""Who can be ranked with whom: one weak scenario spoils nothing for the others, and what is unknown is never free."""

import time
from typing import Any

import numpy as np
import pytest
from greentrip_agents.statistics import comparable, compare_scenarios, difference, probability_above
from greentrip_networks.hashing import uniform
from scipy import special

INDICATORS = ("green_share", "mode_share.car")


def seeds(name: int, count: int, first: int = 0, lift: float = 0.0, **more: float) -> dict[int, dict[str, float]]:
    """Return figures by seed: what all scenarios share under a seed, and a little luck of their own."""
    found = {}
    for s in range(first, first + count):
        luck = special.ndtri(uniform(7, s, np.arange(2))) + 0.1 * special.ndtri(uniform(8, name, s, np.arange(2)))
        found[s] = {"green_share": 50 + lift + luck[0], "mode_share.car": 30 - lift + luck[1], **more}
    return found


def compare(values: dict[str, Any], **options: Any) -> dict[str, Any]:
    return compare_scenarios(values, baseline="today", indicators=INDICATORS, **options)


def full() -> dict[str, Any]:
    return {"today": seeds(0, 10), "a": seeds(1, 10, lift=1), "b": seeds(2, 10, lift=2)}


@pytest.mark.parametrize("few", [1, 2, 4])
def test_a_scenario_with_few_seeds_leaves_the_others_their_ranking(few: int) -> None:
    alone, found = compare(full()), compare({**full(), "weak": seeds(3, few, lift=3)})
    for before, after in zip(alone["rankings"], found["rankings"], strict=True):
        assert after["order"] == before["order"]
        assert after["seeds"] == list(range(10))
        assert set(after["left_out"]) == {"weak"}
    assert found["pareto"]["scenarios"] == alone["pareto"]["scenarios"]
    assert any(m.startswith("weak: not ranked with the others") for m in found["missing"])
    assert any(m.startswith("weak: not considered for the Pareto set") for m in found["missing"])


def test_half_of_the_middle_ones_seeds_are_enough_and_one_rich_scenario_decides_nothing() -> None:
    found = compare({**full(), "weak": seeds(3, 5, lift=3)})
    assert [o["scenario"] for o in found["rankings"][0]["order"]] == ["weak", "b", "a", "today"]
    assert found["rankings"][0]["seeds"] == [0, 1, 2, 3, 4]
    values = {"today": seeds(0, 30), "rich": seeds(4, 30), "a": seeds(1, 5), "b": seeds(2, 5), "c": seeds(3, 5)}
    assert comparable(values, INDICATORS, "today").left_out == {}
    assert comparable(values, INDICATORS, "today").seeds == (0, 1, 2, 3, 4)


def test_scenarios_whose_seeds_do_not_meet_are_left_out_and_not_all() -> None:
    values = {"today": seeds(0, 6), "a": seeds(1, 4), "b": seeds(2, 3), "c": seeds(3, 3, first=3)}
    found = comparable(values, INDICATORS, "today")
    assert (found.scenarios, found.seeds) == (("today", "a", "b"), (0, 1, 2))
    assert found.left_out == {"c": "saw 0 seeds in common with scenarios that have more; expected at least 2"}


def test_each_pair_is_told_who_beats_whom_on_the_seeds_that_it_shares() -> None:
    values = {**full(), "weak": seeds(3, 3, lift=3), "one": seeds(4, 1), "other": seeds(5, 4, first=20)}
    (green, _) = compare(values)["beats"]
    names, p = green["scenarios"], green["probability"]
    assert names == list(values)
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            shared = len(values[a].keys() & values[b].keys())
            assert green["seeds"][i][j] == shared
            if shared < 2:
                assert p[i][j] is None
            elif i != j:
                one, two = ({s: f["green_share"] for s, f in values[x].items()} for x in (b, a))
                assert p[i][j] == pytest.approx(probability_above(difference(one, two)))


def test_each_two_scenarios_are_told_apart_on_every_indicator_and_in_no_time() -> None:
    found = compare(full())["between"]
    assert [(r["indicator"], r["a"], r["b"]) for r in found if r["a"] == "a"] == [
        ("green_share", "a", "b"), ("mode_share.car", "a", "b")
    ]  # fmt: skip
    assert all(r["p_holm"] >= r["p"] and r["further_seeds"] is not None for r in found)
    names = [f"mode_share.{m}" for m in ("car", "walk", "bus", "metro", "taxi", "ebike")]
    many = {"today" if i == 0 else f"s{i}": seeds(i, 5, lift=0.05 * i) for i in range(45)}
    for i, by in enumerate(many.values()):
        for s, one in by.items():
            one |= dict(zip(names, (10 + i * uniform(9, i, s, np.arange(len(names)))).tolist(), strict=True))
    started = time.process_time()
    told = compare_scenarios(many, baseline="today", indicators=["green_share", "mode_share"])
    assert time.process_time() - started < 3  # a fraction of a second on a quiet machine
    green = [r for r in told["between"] if r["indicator"] == "green_share"]
    assert len(green) == 40 * 39 / 2
    assert {r["a"] for r in green} | {r["b"] for r in green} == {f"s{i}" for i in range(5, 45)}
    assert "green_share: only the best 40 of the scenarios are compared with each other" in told["missing"]


def test_unknown_cost_is_never_free() -> None:
    values = {**full(), "c": seeds(3, 10, lift=3)}
    found = compare(values, costs={"a": 5.0, "b": 1.0, "c": None})
    assert found["pareto"]["indicators"][-1] == "cost_million_cny_year"
    assert found["pareto"]["scenarios"] == ["today", "b"]
    assert found["pareto"]["beaten"] == ["a"]
    assert "c" in found["pareto"]["left_out"]
    assert "c: not considered for the Pareto set: its cost is unknown, and cost counts" in found["missing"]
    free = compare(values, costs={"a": 5.0, "b": 1.0, "c": 0.0})
    assert free["pareto"]["scenarios"] == ["c"]
    none = compare(values, costs={"today": 3.0})
    assert none["pareto"]["indicators"] == list(INDICATORS)
    assert none["pareto"]["scenarios"] == ["c"]


def test_what_money_buys_and_what_savings_lose() -> None:
    lifts = {"today": 0.0, "buys": 2.0, "wastes": -1.0, "dominates": 1.0, "cuts": -1.0, "same": 1.0, "dark": 1.0}
    values = {name: seeds(i, 6, lift=x) for i, (name, x) in enumerate(lifts.items())}
    costs = {"today": 10.0, "buys": 20.0, "wastes": 15.0, "dominates": 5.0, "cuts": 5.0, "same": 10.0, "dark": None}
    found = {r["scenario"]: r for r in compare_scenarios(
        values, baseline="today", indicators=["mode_share.car"], costs=costs
    )["cost_effectiveness"]}  # fmt: skip
    assert list(found) == ["buys", "wastes", "dominates", "cuts", "same"]
    assert {r["indicator"] for r in found.values()} == {"green_share"}  # whichever were asked for
    kinds = {n: r["kind"] for n, r in found.items()}
    assert kinds == {
        "buys": "buys", "wastes": "costs and does not gain", "dominates": "saves and gains", "cuts": "saves and loses",
        "same": "costs the same",
    }  # fmt: skip
    assert [n for n, r in found.items() if r["per_million"] is not None] == ["buys", "wastes"]
    assert found["buys"]["per_million"] == pytest.approx(found["buys"]["change"] / 10)
    low, high = found["buys"]["interval"]
    assert low < found["buys"]["per_million"] < high
    cut = found["cuts"]
    assert cut["lost_per_million_saved"] == pytest.approx(-cut["change"] / 5)
    assert cut["lost_interval"][0] < cut["lost_per_million_saved"] < cut["lost_interval"][1]
    assert "saves 5.00 million CNY a year and loses" in cut["says"]
    assert "dominates the baseline" in found["dominates"]["says"]


def test_runs_that_did_not_converge_are_named_before_all_else() -> None:
    values = {**full(), "late": seeds(3, 10, lift=3, converged=1.0), "none": {}}
    values["late"][4]["converged"] = values["late"][7]["converged"] = 0.0
    found = compare(values)
    assert found["missing"][0].startswith("late: did not converge, or left demand unserved, under seeds 4, 7")
    assert found["unsettled"] == {"late": [4, 7]}
    assert {r["scenario"]: r["converged"] for r in found["differences"]} == {"a": True, "b": True, "late": False}
    assert found["rankings"][0]["warning"] == "rests on runs that did not converge, of late"
    assert all(r["warning"] == "" for r in compare(full())["rankings"])
