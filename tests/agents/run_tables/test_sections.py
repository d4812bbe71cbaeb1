"""The fullest sections are those of the lines table."""

import polars as pl
import pytest
from greentrip_agents import Run, default_parameters
from greentrip_agents.hours import PERIOD_AT
from greentrip_agents.run_tables.asked import Asked
from greentrip_agents.run_tables.hours import rail_hours
from greentrip_agents.run_tables.sections import section_loads
from greentrip_networks.network import Network

P = default_parameters("tiny")


def test_the_highest_of_both_directions_is_the_lines_table_s(run: Run, city: Network) -> None:
    made = section_loads(run, city, P, Asked(period="am", most=10_000))
    highest = made.table.group_by("line").agg(pl.col("persons_h").max()).sort("line")
    lines = run.lines.filter(pl.col("period") == "am").sort("line")
    assert highest["line"].to_list() == lines["line"].to_list()
    assert (2 * highest["persons_h"]).to_list() == pytest.approx(lines["highest_load"].to_list())
    assert len(made.features) == made.table.height


def test_sections_run_along_their_line(run: Run, city: Network) -> None:
    one = run.table("sections").filter(
        (pl.col("mode") == "rail") & (pl.col("line") == "1") & (pl.col("direction") == 0) & (pl.col("period") == "am")
    ).sort("section")  # fmt: skip
    assert one["section"].to_list() == list(range(one.height))
    assert one["to"][:-1].to_list() == one["from"][1:].to_list()
    assert section_loads(run, city, P, Asked(mode="bus")).table["mode"].unique().to_list() == ["bus"]


def test_the_fullest_sections_by_hour(run: Run, city: Network) -> None:
    made = section_loads(run, city, P, Asked(by="hour", mode="metro", most=10_000))
    assert sorted(made.table["period"].unique()) == list(PERIOD_AT)
    assert {about["period"] for _, about in made.features} == set(PERIOD_AT)
    loads = rail_hours(run, city, P).sum(axis=0)
    assert made.table.filter(pl.col("period") == "08")["persons_h"].max() == pytest.approx(loads[:, 8].max())
    whole = section_loads(run, city, P, Asked(mode="metro", most=10_000)).table
    offered = {line: rows["places_h"] for (line,), rows in whole.group_by("line")}
    for r in made.table.iter_rows(named=True):
        assert offered[r["line"]].min() * 0.999 <= r["places_h"] <= offered[r["line"]].max() * 1.001
        assert r["load_factor"] == pytest.approx(r["persons_h"] / r["places_h"])
    assert any("even within each period" in note for note in made.notes)


def test_hours_of_a_period_or_one_alone(run: Run, city: Network) -> None:
    peak = section_loads(run, city, P, Asked(by="hour", period="am", most=10_000)).table
    assert set(peak["period"]) == {"07", "08"}
    assert set(peak["mode"]) == {"rail", "bus"}
    alone = section_loads(run, city, P, Asked(period="08", most=10_000)).table
    assert alone.equals(peak.filter(pl.col("period") == "08"))
