"""Scenarios against a baseline: what the table says, what it leaves out, and the levels of its index."""

from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from greentrip_agents import MODES, Run, default_parameters, simulate
from greentrip_agents.statistics import (
    Setting,
    access_changes,
    compare_scenarios,
    direction,
    emission_changes,
    figure_table,
    figures,
    flows,
    gains,
    holm,
    lines,
    load_changes,
    select,
    share_changes,
    shares,
    stations,
    winners_and_losers,
)
from greentrip_agents.statistics.figures import HEADS
from greentrip_networks import Network, load
from greentrip_networks.errors import ScenarioError, UnknownNameError
from greentrip_networks.scenario import SetFare
from polars.testing import assert_frame_equal


@cache
def network() -> Network:
    return load("tiny")


@cache
def run(seed: int, factor: float = 1.0) -> Run:
    city = network() if factor == 1 else SetFare("metro", factor).apply(network())
    return simulate(city, sample=0.005, seed=seed, max_days=3)


def runs(factor: float = 1.0, seeds: tuple[int, ...] = (0, 1, 2)) -> dict[int, Run]:
    return {s: run(s, factor) for s in seeds}


def values(**scenarios: dict[int, Run]) -> dict[str, dict[int, dict[str, float]]]:
    return {n: {s: figures(r.indicators) for s, r in by.items()} for n, by in scenarios.items()}


def row(found: dict[str, Any], scenario: str, indicator: str) -> dict[str, Any]:
    return next(r for r in found["differences"] if (r["scenario"], r["indicator"]) == (scenario, indicator))


def test_one_table_for_a_run_seeds_and_scenarios() -> None:
    one = figure_table(run(0), ["green_share"])
    many = figure_table(runs(), ["green_share"])
    all_ = figure_table({"today": runs(), "dear": runs(3.0)}, ["green_share"])
    assert one.columns[-2:] == many.columns[-2:] == all_.columns[-2:] == ["indicator", "value"]
    assert (many.columns[:1], all_.columns[:2]) == (["seed"], ["scenario", "seed"])
    assert many.filter(pl.col("seed") == 0)["value"][: one.height].to_list() == one["value"].to_list()
    assert all_.filter(pl.col("scenario") == "today").drop("scenario").equals(many)
    parts = shares({"today": runs()}, network(), "income")
    assert parts.columns == ["scenario", "seed", "part", "mode", "trips", "percent"]
    assert parts.group_by("part", "seed").agg(pl.col("percent").sum())["percent"].to_list() == pytest.approx(
        [100.0] * 15
    )


def test_shares_by_purpose_and_district_are_the_runs_own() -> None:
    purposes = shares(run(0), network(), "purpose")
    total = purposes["trips"].sum()
    counted = run(0).trips.filter(pl.col("counted") & (pl.col("mode") != "unserved"))["weight"].sum()
    assert total == pytest.approx(counted)
    districts = shares(run(0), network(), "district")
    for (part,), rows in districts.group_by("part"):
        own = run(0).indicators["by_district"][part]
        assert dict(rows.select("mode", "percent").iter_rows()) == pytest.approx(
            {m: p for m, p in own.items() if p > 0}
        )


def test_equal_scenarios_differ_by_exactly_nothing() -> None:
    found = compare_scenarios(values(a=runs(), b=runs()), baseline="a")
    assert {r["change"] for r in found["differences"]} == {0.0}
    assert not any(r["found"] for r in found["differences"])
    assert flows(runs(), runs()).is_empty()
    assert winners_and_losers(runs(), runs(), network())["win"].sum() == 0


def test_a_dear_metro_loses_riders_and_the_table_says_so() -> None:
    found = compare_scenarios(
        values(today=runs(), dear=runs(4.0)), baseline="today", costs={"today": 0.0, "dear": -5.0}
    )
    metro = row(found, "dear", "mode_share.metro")
    assert metro["change"] < 0
    assert metro["probability_above"] < 0.5
    assert metro["paired"]
    assert metro["seeds"] == 3
    ranked = next(r for r in found["rankings"] if r["indicator"] == "mode_share.metro")
    assert [o["scenario"] for o in ranked["order"]] == ["today", "dear"]
    assert set(found["pareto"]["scenarios"]) == {"today", "dear"}  # the dear one saves money
    cost = found["cost_effectiveness"][0]
    lost = row(found, "dear", "green_share")["change"] / -5.0
    assert (cost["kind"], cost["lost_per_million_saved"]) == ("saves and loses", pytest.approx(lost))
    left = flows(runs(), runs(4.0)).filter(pl.col("from") == "metro")["trips"].sum()
    joined = flows(runs(), runs(4.0)).filter(pl.col("to") == "metro")["trips"].sum()
    assert left > joined
    people = winners_and_losers(runs(), runs(4.0), network())
    everybody = people.filter(pl.col("by") == "all").row(0, named=True)
    assert everybody["lose"] > everybody["win"]
    assert everybody["minutes"] > 0
    for by in ("income", "car", "district"):
        assert people.filter(pl.col("by") == by)["trips"].sum() == pytest.approx(everybody["trips"])


def test_what_is_missing_is_said_and_what_cannot_be_ranked_is_refused() -> None:
    found = compare_scenarios(
        {**values(today=runs(), few=runs(2.0, (0,)), other=runs(2.0, (7, 8))), "none": {}}, baseline="today"
    )
    told = " ".join(found["missing"])
    assert "none: no finished run" in told
    assert "few: only 1 seeds are common" in told
    assert "other: shares no seed" in told
    assert "not ranked" in told
    assert all(r["order"] == [] and r["refused"] for r in found["rankings"])
    assert row(found, "few", "green_share")["interval"] is None
    assert not row(found, "other", "green_share")["paired"]
    with pytest.raises(ScenarioError, match="no finished run"):
        compare_scenarios({"none": {}, **values(a=runs())}, baseline="none")
    with pytest.raises(UnknownNameError, match="nearest: today"):
        compare_scenarios(values(today=runs()), baseline="toady")


def test_differences_take_scenarios_as_tables_do_an_index_level_more() -> None:
    setting = Setting(network(), default_parameters("tiny"))
    dear = Setting(SetFare("metro", 4.0).apply(network()), default_parameters("tiny"))
    many = {"dear": runs(4.0, (0, 1)), "same": runs(seeds=(0, 1)), "apart": runs(2.0, (7,))}
    settings = {"dear": dear, "same": setting}
    tables = {
        "flows": lambda other, _: flows(runs(), other),
        "people": lambda other, _: winners_and_losers(runs(), other, network()),
        "shares": lambda other, _: share_changes(runs(), other, network(), "district"),
        "lines": lambda other, _: load_changes(runs(), other, "lines"),
        "gains": lambda other, after: gains(runs(), other, setting, after),
        "access": lambda other, after: access_changes(runs(), other, setting, after),
        "emissions": lambda other, after: emission_changes(runs(), other, setting, after),
    }
    for name, table in tables.items():
        found = table(many, settings)
        assert found.columns[0] == "scenario", name
        assert set(found["scenario"]) <= {"dear", "same"}, name  # one that shares no seed is left out
        one = table(many["dear"], dear)
        assert_frame_equal(found.filter(pl.col("scenario") == "dear").drop("scenario"), one)
    with pytest.raises(ScenarioError, match="settings of dear, same; expected one"):
        gains(runs(), runs(4.0), setting, settings)


def test_rows_of_a_breakdown_are_corrected_for_their_number() -> None:
    setting = Setting(network(), default_parameters("tiny"))
    for table in (
        share_changes(runs(), runs(4.0), network(), "district"),
        emission_changes(runs(), runs(4.0), setting, setting),
        gains(runs(), runs(4.0), setting, setting),
    ):
        assert table["p_holm"].to_list() == pytest.approx(holm(table["p"]))
        outside = (table["low"] > 0) | (table["high"] < 0)
        assert ((table["p"] < 0.05) == outside).all()
    all_ = load_changes(runs(), runs(4.0), "lines", most=10_000)
    few = load_changes(runs(), runs(4.0), "lines", most=2)
    assert few.equals(all_.head(2))  # corrected for all lines, not for those shown
    alone = share_changes(runs(seeds=(0,)), runs(4.0, (0,)), network(), "district")
    assert alone["p"].null_count() == alone["p_holm"].null_count() == alone.height


def test_indicators_are_found_by_name_or_beginning() -> None:
    known = figures(run(0).indicators)
    assert select(known, ["mode_share"]) == [f"mode_share.{m}" for m in MODES]
    assert len(select(known, ["mode_share.central six"])) == 3 * len(MODES)
    assert select(known)[0] == "green_share"
    heads = {name.split(".")[0] for name in known}
    assert heads <= set(HEADS)
    assert set(HEADS) - heads <= {"feeder_riders", "street_speed_kmh"}  # empty where there is nothing to tell of
    with pytest.raises(UnknownNameError, match="green_share"):
        select(known, ["gren_share"])
    assert [direction(n) for n in ("green_share", "mode_share.car", "passenger_km_metro_million")] == [1, -1, 0]


def test_stations_and_lines_count_the_trips() -> None:
    entered = stations(runs())
    ridden = sum(r.trips.filter(pl.col("board") != "")["weight"].sum() for r in runs().values())
    assert entered["entries"].sum() == pytest.approx(ridden)
    assert lines(runs()).columns[0] == "seed"


def test_each_pair_is_told_who_beats_whom_as_the_paired_difference_does() -> None:
    found = compare_scenarios(values(a=runs(), b=runs(2.0), c=runs()), baseline="a", indicators=["green_share"])
    (told,) = found["beats"]
    p = np.array(told["probability"])
    assert told["scenarios"] == ["a", "b", "c"]
    assert np.allclose(p + p.T, 1)
    assert p[0, 2] == p[0, 0] == 0.5
    assert p[1, 0] == pytest.approx(row(found, "b", "green_share")["probability_better"])
    alone = compare_scenarios(values(a=runs(seeds=(0,)), b=runs(2.0, (0,))), baseline="a")
    assert all(b["probability"] == [] for b in alone["beats"])
