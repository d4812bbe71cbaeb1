"""The day's starts by hour are the periods' trips, spread as published."""

import polars as pl
import pytest
from greentrip_agents import Run
from greentrip_agents.run_tables.asked import Asked
from greentrip_agents.run_tables.hourly_profile import hourly_profile
from greentrip_networks.network import Network


def test_each_modes_hours_are_its_trips(run: Run, city: Network) -> None:
    made = hourly_profile(run, city.with_(name="beijing-2019"), Asked())
    trips = run.trips.filter(pl.col("counted") & (pl.col("mode") != "unserved"))
    for (mode,), rows in trips.group_by("mode"):
        mine = made.table.filter(pl.col("mode") == mode)
        assert mine["trips"].sum() == pytest.approx(rows["weight"].sum(), rel=1e-9)
        assert mine["percent"].sum() == pytest.approx(100, rel=1e-9)
    metro = made.table.filter((pl.col("mode") == "metro") & (pl.col("hour") == "08"))
    assert metro["published_percent"].to_list() == [13.38]
    am = trips.filter((pl.col("mode") == "metro") & (pl.col("period") == "am"))["weight"].sum()
    assert metro["trips"].to_list() == pytest.approx([am * 13.38 / (12.61 + 13.38)])


def test_one_hour_and_the_stations_in_it(run: Run, city: Network) -> None:
    made = hourly_profile(run, city, Asked(period="08", mode="metro"))
    assert made.table["hour"].to_list() == ["08"]
    assert made.table["published_percent"].to_list() == [None]
    assert {about["hour"] for _, about in made.features} == {"08"}
    rail = run.trips.filter((pl.col("board") != "") & (pl.col("period") == "am"))["weight"].sum()
    assert sum(about["riders_h"] for _, about in made.features) == pytest.approx(rail / 2, rel=0.02)
    assert hourly_profile(run, city, Asked(mode="unserved")).table.height == 0
