"""Differences of energy and exhaust between two sides."""

import dataclasses

import polars as pl
import pytest
from greentrip_agents import Run, default_parameters
from greentrip_agents.statistics.footprint import emission_changes
from greentrip_agents.statistics.gains import Setting
from greentrip_networks.network import Network


def test_half_the_cars_on_the_streets(run: Run, city: Network) -> None:
    setting = Setting(city, default_parameters("tiny"))
    fewer = dataclasses.replace(run, links=run.links.with_columns(pl.col("vehicles") / 2))
    table = emission_changes({0: run}, {0: fewer}, setting, setting)
    change = {(m, w): (b, c) for m, w, b, c in table.select("mode", "what", "base", "change").iter_rows()}
    assert change["rail", "co2_t"][1] == 0
    base, less = change["car", "nox_kg"]
    assert -0.5 * base <= less < -0.3 * base  # trips within a zone stay
    assert change["all", "co2_t"][1] == pytest.approx(change["car", "co2_t"][1] + change["taxi", "co2_t"][1])
    assert table["mode"][0] == "all"
