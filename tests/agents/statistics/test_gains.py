"""Gains against what theory says of them: none, all one way, and the derivative of the logsum."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from greentrip_agents import Run, choice, default_parameters
from greentrip_agents.costs import taste
from greentrip_agents.definitions import METRO, PR, RESIDENT
from greentrip_agents.detail import travellers_of
from greentrip_agents.response import expected
from greentrip_agents.statistics.gains import GROUPS, Setting, gains, tours
from greentrip_networks.network import Network


@pytest.fixture(scope="module")
def setting(city: Network) -> Setting:
    return Setting(city, default_parameters("tiny"))


def _dearer_rail(run: Run, minutes: float) -> Run:
    return dataclasses.replace(run, costs={**run.costs, "rail_cost": run.costs["rail_cost"] + minutes})


def test_nothing_changes_nothing(run: Run, setting: Setting) -> None:
    table = gains({3: run}, {3: run}, setting, setting)
    assert table["minutes"].abs().max() == 0
    assert table["gain"].sum() == table["lose"].sum() == 0
    assert set(table["by"]) == set(GROUPS)
    people = table.group_by("by").agg(pl.col("persons").sum())["persons"]
    assert people.max() == pytest.approx(people.min())
    green = run.indicators["green_share"]["central city"]["one_end"]
    assert abs(table["green_before"][0] - green) < 15  # of everybody, expected; that is of the area, drawn


def test_a_dearer_mode_costs_its_share_of_trips(run: Run, setting: Setting) -> None:
    """By the envelope theorem a minute more on rail costs each trip the probability of going by rail."""
    step = 0.01
    found = gains({3: run}, {3: _dearer_rail(run, step)}, setting, setting).row(0, named=True)
    residents = run.table("travellers").filter(pl.col("kind") == RESIDENT)
    who = travellers_of(residents)
    costs = choice.Costs(**{k: run.costs[k] for k in choice.Costs._fields})
    speed = np.empty((3, len(setting.network.zones)))
    choice.local_speeds(costs.car_min, costs.car_km, speed)
    weight = residents["weight"].to_numpy()
    trips, _ = expected(who, weight, speed, costs, taste(setting.network, setting.parameters))
    assert found["minutes"] * found["trips"] == pytest.approx(-step * (trips[METRO] + trips[PR]), rel=0.02)


def test_all_lose_where_something_only_gets_worse(run: Run, setting: Setting) -> None:
    table = gains({3: run, 4: run}, {3: _dearer_rail(run, 20), 4: _dearer_rail(run, 10)}, setting, setting)
    assert (table["minutes"] < 0).all()
    assert table["gain"].sum() == 0
    assert table["lose"][0] > 0
    assert (table["low"] < table["minutes"]).all()
    assert (table["green_after"] <= table["green_before"] + 1e-9).all()
    near = dict(table.filter(pl.col("by") == "rail").select("part", "minutes").iter_rows())
    assert near["within 500 m of rail"] < near["beyond 2 km"]


def test_tours_do_not_depend_on_luck(run: Run, setting: Setting) -> None:
    a, b = tours(run, setting), tours(run, setting)
    assert a.equals(b)
    assert a["green"].is_between(0, 1).all()
