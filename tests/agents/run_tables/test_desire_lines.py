"""Desire lines hold the trips between places."""

import json

import polars as pl
import pytest
from greentrip_agents import Run
from greentrip_agents.run_tables.asked import Asked
from greentrip_agents.run_tables.desire_lines import desire_lines
from greentrip_networks.network import Network


@pytest.mark.parametrize("by", ["district", "zone"])
def test_all_lines_together_are_all_trips_between_places(run: Run, city: Network, by: str) -> None:
    made = desire_lines(run, city, Asked(by=by, most=10_000))
    names = dict(zip(city.zones.id, city.zones.district_en if by == "district" else city.zones.id, strict=True))
    trips = run.trips.filter(pl.col("counted") & (pl.col("mode") != "unserved"))
    between = sum(w for a, b, w in trips.select("from_zone", "to_zone", "weight").iter_rows() if names[a] != names[b])
    assert abs(made.table["trips"].sum() - between) < 1e-6 * between
    assert made.table["trips"].is_sorted(descending=True)


def test_the_layer_has_a_line_a_row_inside_the_city(run: Run, city: Network) -> None:
    made = desire_lines(run, city, Asked(by="zone", most=5, mode="car"))
    layer = json.loads(made.geojson(city.plane))
    assert len(layer["features"]) == made.table.height == 5
    lon, lat = layer["features"][0]["geometry"]["coordinates"][0]
    assert city.zones.lon.min() <= lon <= city.zones.lon.max()
    assert city.zones.lat.min() <= lat <= city.zones.lat.max()
    assert set(made.table["green_percent"]) == {0.0}  # cars are not green
