"""The figures of a network agree with its tables."""

import json

import pytest
from greentrip_networks import Network, summary


def test_the_tiny_city_in_figures(city: Network) -> None:
    figures = summary(city)
    assert (figures["zones"], figures["stations"], figures["lines"], figures["bus_lines"]) == (20, 12, 2, 6)
    assert (
        figures["road_links"]
        == figures["road_links_named"] + figures["road_links_generated"]
        == city.roads.number_of_edges()
    )
    assert figures["residents"] == pytest.approx(city.zones.residents.sum())
    assert figures["rail_km"] == pytest.approx(sum(figures["rail_km_by_line"].values()), abs=0.1)
    assert sum(figures["road_km_by_facility"].values()) == pytest.approx(
        figures["road_km_named"] + figures["road_km_generated"], abs=0.3
    )
    assert (figures["road_pieces"], figures["rail_pieces"]) == (1, 1)
    assert 0 < figures["near_station_area_share"] < figures["near_station_residents_share"] < 1
    assert json.loads(json.dumps(figures)) == figures
