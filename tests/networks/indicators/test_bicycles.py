"""Bicycle streets: lengths and pieces as networkx counts them, gaps where streets are closed."""

import json

import networkx as nx
import pytest
from greentrip_networks import Network
from greentrip_networks.errors import UnknownNameError
from greentrip_networks.indicators import measure_bicycles
from greentrip_networks.indicators.areas import Area
from greentrip_networks.indicators.links import links_in, links_table


def closed(city: Network, facility: str) -> Network:
    """The city with a class of street closed to bicycles."""
    roads = city.roads.copy()
    for _, _, data in roads.edges(data=True):
        if data["facility"] == facility:
            data["uses"] = data["uses"] - {"bike"}
    return city.with_(roads=roads)


@pytest.mark.parametrize("shut", ["", "arterial", "local"])
def test_length_and_pieces_are_networkxs(city: Network, shut: str) -> None:
    network = closed(city, shut)
    found = measure_bicycles(network, area="whole city")
    graph = nx.Graph()
    for u, v, data in network.roads.edges(data=True):
        if "bike" in data["uses"]:
            graph.add_edge(u, v, m=data["length_m"])
    lengths = sorted(graph.subgraph(c).size("m") / 1000 for c in nx.connected_components(graph))
    assert found.km == pytest.approx(sum(lengths))
    assert found.pieces == len(lengths)
    assert found.largest_piece_km == pytest.approx(lengths[-1])
    assert sum(r.km for r in found.rows) == pytest.approx(found.km)
    assert 0 < found.largest_piece_share <= 1


def test_leaving_a_class_out_is_closing_it(city: Network) -> None:
    asked = measure_bicycles(city, area="central six", without=["arterial"])
    shut = measure_bicycles(closed(city, "arterial"), area="central six")
    assert (asked.km, asked.pieces, asked.largest_piece_km) == (shut.km, shut.pieces, shut.largest_piece_km)
    row = next(r for r in asked.rows if r.facility == "arterial")
    assert row.km == 0
    assert row.gap_km > 0


def test_gaps_are_closed_streets_between_open_ones(city: Network) -> None:
    network = closed(city, "arterial")
    found = next(r for r in measure_bicycles(network, area="whole city").rows if r.facility == "arterial")
    graph = nx.Graph((u, v) for u, v, d in network.roads.edges(data=True) if "bike" in d["uses"])
    piece = {n: i for i, nodes in enumerate(nx.connected_components(graph)) for n in nodes}
    shut = {frozenset((u, v)) for u, v, d in network.roads.edges(data=True) if d["facility"] == "arterial"}
    gaps = [tuple(pair) for pair in shut if all(n in piece for n in pair)]
    assert found.gaps == len(gaps) > 0
    assert found.joining == sum(piece[a] != piece[b] for a, b in gaps)


def test_the_layer_holds_the_length(city: Network) -> None:
    found = measure_bicycles(city, without=["arterial"])
    layer = json.loads(found.geojson())["features"]
    drawn = [f["properties"] for f in layer if f["properties"]["layer"] != "gap"]
    assert sum(f["km"] for f in drawn) == pytest.approx(found.km, abs=0.01)
    gaps = [f["properties"]["joins"] for f in layer if f["properties"]["layer"] == "gap"]
    assert (len(gaps), sum(gaps)) == (sum(r.gaps for r in found.rows), sum(r.joining for r in found.rows))


def test_areas_divide_the_streets(city: Network) -> None:
    """Every street is in exactly one zone."""
    import numpy as np

    links, zones = links_table(city), len(city.zones)
    times = sum(links_in(city, links, Area(str(z), zones=np.arange(zones) == z)).astype(int) for z in range(zones))
    assert (times == 1).all()


def test_an_unknown_class_is_named(city: Network) -> None:
    with pytest.raises(UnknownNameError, match="class of street 'arteral'; nearest: arterial"):
        measure_bicycles(city, without=["arteral"])
