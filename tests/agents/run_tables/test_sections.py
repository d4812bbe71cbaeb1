"""The fullest sections are those of the lines table."""

import polars as pl
import pytest
from greentrip_agents import Run
from greentrip_agents.run_tables.asked import Asked
from greentrip_agents.run_tables.sections import section_loads
from greentrip_networks.network import Network


def test_the_highest_of_both_directions_is_the_lines_table_s(run: Run, city: Network) -> None:
    made = section_loads(run, city, Asked(period="am", most=10_000))
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
    assert section_loads(run, city, Asked(mode="bus")).table["mode"].unique().to_list() == ["bus"]
