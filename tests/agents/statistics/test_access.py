"""Inequality of access: known cases, and bounds on a run."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from greentrip_agents import Run, default_parameters
from greentrip_agents.statistics.access import access, access_changes, gini, palma
from greentrip_agents.statistics.gains import Setting
from greentrip_networks.network import Network
from hypothesis import given
from hypothesis import strategies as st


def test_known_distributions() -> None:
    one = np.ones(10)
    assert gini(one, one) == pytest.approx(0)
    assert gini(np.array([0.0] * 9 + [1.0]), one) == pytest.approx(0.9)
    assert gini(np.arange(1.0, 3.0), np.array([1.0, 1.0])) == pytest.approx(1 / 6)
    assert palma(one, one) == pytest.approx(0.25)
    assert palma(np.arange(1.0, 11.0), one) == pytest.approx(10 / 10)
    assert palma(np.array([0.0] * 9 + [1.0]), one) is None


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.01, 1e3)), min_size=1, max_size=30), st.floats(0.1, 10))
def test_scale_does_not_matter_and_gini_has_its_range(rows: list[tuple[float, float]], k: float) -> None:
    value, weight = (np.array([r[i] for r in rows]) for i in (0, 1))
    found = gini(value, weight)
    assert 0 <= found < 1
    assert gini(k * value, weight) == pytest.approx(found, abs=1e-6)
    split = gini(np.repeat(value, 2), np.repeat(weight / 2, 2))
    assert split == pytest.approx(found, abs=1e-6)


def test_slower_trains_reach_less(run: Run, city: Network) -> None:
    setting = Setting(city, default_parameters("tiny"))
    now = access(run, setting)
    assert now["mean"].is_between(0, 100).all()
    assert now["gini"].is_between(0, 1).all()
    slow = {**run.costs, "rail_min": run.costs["rail_min"] + 30, "bus_min": run.costs["bus_min"] + 30}
    table = access_changes({3: run}, {3: dataclasses.replace(run, costs=slow)}, setting, setting)
    means = table.filter((pl.col("figure") == "mean") & (pl.col("minutes") == 45))
    assert (means["change"] < 0).all()
    assert set(table["of"]) == {"jobs", "residents"}
