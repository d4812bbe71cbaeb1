"""The routes that a run keeps carry exactly the vehicles of its links."""

import json

import numpy as np
import polars as pl
import pytest
from greentrip_agents import Run
from greentrip_agents.run_tables.asked import Asked
from greentrip_agents.run_tables.select_link import select_link
from greentrip_networks.errors import UnknownNameError
from greentrip_networks.network import Network


def test_routes_add_up_to_the_vehicles_of_every_link(run: Run) -> None:
    for period in ("am", "off", "pm"):
        routes = run.table("routes").filter(pl.col("period") == period)
        links = run.links.filter(pl.col("period") == period)
        size = routes["links"].list.len().to_numpy()
        flow = np.bincount(
            routes["links"].explode().to_numpy(),
            np.repeat(routes["vehicles"].to_numpy(), size),
            links["link"].max() + 1,
        )
        assert np.allclose(flow[links["link"].to_numpy()], links["vehicles"].to_numpy(), rtol=1e-6, atol=1e-6)


def test_a_links_pairs_carry_its_vehicles(run: Run, city: Network) -> None:
    busiest = run.links.filter(pl.col("period") == "am").sort("vehicles")[-1]
    made = select_link(run, city, Asked(link=str(busiest["link"].item()), period="am", most=10_000))
    assert made.table["vehicles"].sum() == pytest.approx(busiest["vehicles"].item())
    assert made.table["percent_of_link"].sum() == pytest.approx(100)
    assert made.table["percent_of_pair"].max() <= 100 + 1e-9
    features = json.loads(made.geojson(city.plane))["features"]
    chosen = [f for f in features if f["properties"]["selected"]]
    assert len(chosen) == 1
    assert chosen[0]["properties"]["vehicles"] == pytest.approx(busiest["vehicles"].item(), abs=0.1)
    assert all(f["properties"]["vehicles"] <= chosen[0]["properties"]["vehicles"] + 0.1 for f in features)
    ends = f"{busiest['from_node'].item()}>{busiest['to_node'].item()}"
    assert select_link(run, city, Asked(link=ends, period="am", most=10_000)).table.equals(made.table)


@pytest.mark.parametrize("link", ["", "999999", "n0101>nowhere", "id:none"])
def test_unknown_links_are_named(run: Run, city: Network, link: str) -> None:
    with pytest.raises(UnknownNameError):
        select_link(run, city, Asked(link=link))
