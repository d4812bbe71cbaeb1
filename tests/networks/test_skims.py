import networkx as nx
import numpy as np
from greentrip_networks import Network
from greentrip_networks.skims import free_skims


def test_skims_are_those_of_networkx(city: Network) -> None:
    made = free_skims(city)
    assert set(made) == {"drive_min", "drive_km", "walk_km"}
    roads = city.compiled.roads
    at = [roads.nodes[i] for i in roads.zone_node]
    cars = nx.MultiDiGraph((u, v, k, d) for u, v, k, d in city.roads.edges(keys=True, data=True) if "auto" in d["uses"])

    def minutes(_u: str, _v: str, links: dict) -> float:
        return min(d["length_m"] / d["free_speed_kmh"] * 0.06 for d in links.values())

    for i in (0, 7):
        found = nx.single_source_dijkstra_path_length(cars, at[i], weight=minutes)
        np.testing.assert_allclose(made["drive_min"].values[i], [found[n] for n in at], rtol=1e-9, atol=1e-6)
    walk = made["walk_km"].values
    np.testing.assert_allclose(walk, walk.T)
    assert (np.diag(walk) == 0).all()
