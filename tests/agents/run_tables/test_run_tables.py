"""Every table of a run is made with its layer; what is asked for and is not there is named."""

import dataclasses
import json

import pytest
from greentrip_agents import Run, default_parameters
from greentrip_agents.run_tables import TABLES, Asked, Count, make_table
from greentrip_networks.errors import LimitError, ScenarioError, UnknownNameError
from greentrip_networks.network import Network


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_rows_and_a_layer(run: Run, city: Network, name: str) -> None:
    asked = Asked(link="42", counts=(Count("42", "pm", 10.0),))
    made = make_table(name, run, city, default_parameters("tiny"), asked)
    assert made.table.height > 0
    assert made.notes
    assert json.loads(made.geojson(city.plane))["type"] == "FeatureCollection"


def test_words_that_nothing_knows_are_named(run: Run, city: Network) -> None:
    p = default_parameters("tiny")
    for asked in (Asked(by="planet"), Asked(period="noon"), Asked(mode="rocket")):
        with pytest.raises(UnknownNameError):
            make_table("trip_lengths", run, city, p, asked)
    with pytest.raises(UnknownNameError, match="this table has no hours"):
        make_table("trip_lengths", run, city, p, Asked(period="07"))
    with pytest.raises(UnknownNameError, match="district"):
        make_table("desire_lines", run, city, p, Asked(by="hour"))
    with pytest.raises(UnknownNameError, match="an hour from 05 to 21"):
        make_table("section_loads", run, city, p, Asked(period="22"))
    with pytest.raises(LimitError):
        make_table("trip_lengths", run, city, p, Asked(most=0))
    with pytest.raises(UnknownNameError, match="screenlines"):
        make_table("screenline", run, city, p, Asked())


def test_a_run_without_details_says_so(run: Run, city: Network) -> None:
    old = dataclasses.replace(run, detail={})
    with pytest.raises(ScenarioError, match="simulate it again"):
        make_table("section_loads", old, city, default_parameters("tiny"), Asked())
