"""Street arrays agree with networkx on what cars can reach and leave."""

import networkx as nx
import numpy as np
from greentrip_networks import Network
from greentrip_networks.road_arrays import drivable, links_of, on_streets
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 569), max_size=300))
def test_drivable_is_the_largest_strong_component(city: Network, closed: set[int]) -> None:
    roads = nx.MultiDiGraph(city.roads)
    edges = list(roads.edges(keys=True))
    roads.remove_edges_from([edges[i] for i in sorted(closed)])
    cars = nx.MultiDiGraph((u, v, k) for u, v, k, d in roads.edges(keys=True, data=True) if "auto" in d["uses"])
    cars.add_nodes_from(roads.nodes)
    links = links_of(roads)
    mine = {links.nodes[i] for i in np.flatnonzero(drivable(links))}
    parts = list(nx.strongly_connected_components(cars))
    assert mine in parts
    assert len(mine) == max(len(p) for p in parts)


def test_front_doors_are_not_on_the_expressway(city: Network) -> None:
    links = links_of(city.roads)
    assert [links.nodes[i].startswith("n") for i in range(len(links.nodes))] == on_streets(links).tolist()
