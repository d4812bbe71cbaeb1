"""What a run keeps for later questions, saved and read again."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from greentrip_agents import Run, choice
from greentrip_agents.detail import DETAIL, costs_of, travellers_of
from greentrip_networks.errors import ScenarioError


def test_details_are_saved_and_read(run: Run, tmp_path: Path) -> None:
    run.save(tmp_path / "run")
    again = Run.load(tmp_path / "run")
    assert set(again.detail) == set(DETAIL)
    for name in DETAIL:
        assert again.table(name).equals(run.table(name))


def test_what_an_older_version_kept_is_named(run: Run) -> None:
    with pytest.raises(ScenarioError, match=r"travellers without has_car: .* simulate it again"):
        travellers_of(run.table("travellers").drop("has_car"))
    with pytest.raises(ScenarioError, match="costs without car_km"):
        costs_of({name: values for name, values in run.costs.items() if name != "car_km"})
    assert costs_of(run.costs)._fields == choice.Costs._fields


def test_travellers_are_those_of_the_trips(run: Run) -> None:
    table = run.table("travellers")
    assert 2 * table.height == run.trips.height
    who = travellers_of(table)
    assert who._fields == choice.Travellers._fields
    joined = run.trips.filter(pl.col("direction") == "out").join(
        table.with_columns(pl.col("number").cast(pl.Int16)), left_on=["person", "tour"], right_on=["key", "number"]
    )
    assert joined.height == table.height
    assert np.allclose(joined["weight"], joined["weight_right"])
    assert (joined["has_car"] == joined["has_car_right"]).all()
