"""Validation finds what is wrong with a network and says where and what to do."""

import networkx as nx
from greentrip_networks import Network, rail_of_year, validate


def test_the_tiny_city_is_sound(city: Network) -> None:
    assert validate(city) == []
    assert validate(rail_of_year(city, 2015)) == []


def test_links_that_cannot_be_are_listed(city: Network) -> None:
    roads = nx.MultiDiGraph()
    roads.add_nodes_from(city.roads.nodes(data=True))
    roads.add_edges_from((u, v, k, dict(d)) for u, v, k, d in city.roads.edges(keys=True, data=True))
    (u, v, k), (a, b, c), (e, f, g), (h, i, j) = list(roads.edges(keys=True))[:4]
    roads.edges[u, v, k]["length_m"] = 0.0
    roads.edges[a, b, c]["free_speed_kmh"] = 500.0
    roads.edges[e, f, g]["capacity_veh_h"] = 0.0
    roads.edges[h, i, j]["length_m"] = 10.0
    found = [str(p) for p in validate(city.with_(roads=roads))]
    assert [t.split(":")[0] for t in found] == ["error", "error", "error", "warning"]
    for key, words in (
        (k, "length_m not above 0"),
        (c, "free_speed_kmh"),
        (g, "no capacity"),
        (j, "shorter than the straight line"),
    ):
        assert any(key in t and words in t for t in found)


def test_pieces_are_counted(city: Network) -> None:
    rail = nx.MultiDiGraph(city.rail)
    rail.remove_edges_from([(u, v, k) for u, v, k in rail.edges(keys=True) if "harbour" in (u, v)])
    roads = nx.MultiDiGraph(city.roads)
    roads.remove_edges_from(list(roads.in_edges("n0000", keys=True)) + list(roads.out_edges("n0000", keys=True)))
    found = [str(p) for p in validate(city.with_(rail=rail, roads=roads))]
    assert any("2 pieces (stations: 11, 1), apart from the largest: Harbour" in t for t in found)
    assert any("2 pieces (nodes: 159, 1), no zone is cut off" in t for t in found)


def test_one_way_ends_and_far_stations_are_warned_about(city: Network) -> None:
    roads = nx.MultiDiGraph(city.roads)
    roads.remove_edges_from(list(roads.out_edges("n0000", keys=True)))
    rail = nx.MultiDiGraph(city.rail)
    rail.add_node("harbour", **{**city.rail.nodes["harbour"], "node_m": 5000.0})
    found = [str(p) for p in validate(city.with_(roads=roads, rail=rail))]
    assert any("cannot both reach and leave 1 nodes: n0000" in t for t in found)
    assert any("station Harbour: 5000 m from the nearest street" in t for t in found)


def test_what_is_shared_with_a_sound_network_is_not_looked_at_again(city: Network) -> None:
    bad = nx.MultiDiGraph()
    bad.add_nodes_from(city.roads.nodes(data=True))
    bad.add_edges_from((u, v, k, {**d, "length_m": -1.0}) for u, v, k, d in city.roads.edges(keys=True, data=True))
    broken = city.with_(roads=bad)
    assert validate(broken, known=city) == validate(broken) != []
    assert validate(broken, known=broken) == []
    assert validate(city.with_(fares=city.fares), known=city) == []
