"""A street graph's directed links as columns, in the order of the compiled arrays, and which of them lie in an area."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greentrip_networks.cells import SIDE_M, divide
from greentrip_networks.indicators.areas import Area
from greentrip_networks.network import Bools, Floats, Ints, Network, Zones

Texts = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Links:
    """Directed links sorted by from node, to node and key; all arrays but `nodes` and x_m, y_m are (links,)."""

    nodes: tuple[str, ...]
    x_m: Floats  # (nodes,)
    y_m: Floats
    tail: Ints
    head: Ints
    name: Texts
    facility: Texts
    lanes: Floats
    capacity_veh_h: Floats
    length_m: Floats
    auto: Bools
    walk: Bools
    bike: Bools

    @property
    def street(self) -> Ints:
        """Return a number a pair of nodes, the same for both directions and for parallel links."""
        low, high = np.minimum(self.tail, self.head), np.maximum(self.tail, self.head)
        return low * len(self.nodes) + high


def links_table(network: Network) -> Links:
    """Return the columns of a network's streets."""
    return _links_table(network)


@lru_cache(maxsize=4)
def _links_table(network: Network) -> Links:
    """Lay them out once for a network."""
    nodes = tuple(network.roads.nodes)
    row = {n: i for i, n in enumerate(nodes)}
    edges = sorted(
        ((row[u], row[v], str(k), d) for u, v, k, d in network.roads.edges(keys=True, data=True)), key=lambda e: e[:3]
    )
    data = [e[3] for e in edges]
    return Links(
        nodes=nodes,
        x_m=np.array([d["x_m"] for _, d in network.roads.nodes(data=True)], np.float64),
        y_m=np.array([d["y_m"] for _, d in network.roads.nodes(data=True)], np.float64),
        tail=np.array([e[0] for e in edges], np.int64),
        head=np.array([e[1] for e in edges], np.int64),
        name=np.array([d["name"] or d["name_zh"] for d in data], np.str_),
        facility=np.array([d["facility"] for d in data], np.str_),
        lanes=np.array([d["lanes"] for d in data], np.float64),
        capacity_veh_h=np.array([d["capacity_veh_h"] for d in data], np.float64),
        length_m=np.array([d["length_m"] for d in data], np.float64),
        auto=np.array(["auto" in d["uses"] for d in data], np.bool_),
        walk=np.array(["walk" in d["uses"] for d in data], np.bool_),
        bike=np.array(["bike" in d["uses"] for d in data], np.bool_),
    )


def zones_at(network: Network, x_m: Floats, y_m: Floats) -> Ints:
    """Return the zone of each point: that of the nearest square of 500 m, as squares are divided among zones."""
    zone, squares = _squares(network.zones)
    if not len(x_m):
        return np.zeros(0, np.int64)
    return np.asarray(zone[squares.query(np.column_stack([x_m, y_m]))[1]], np.int64)


@lru_cache(maxsize=4)
def _squares(zones: Zones) -> tuple[Ints, Any]:
    """Return the zone of each square and a tree of their middles, once for some zones."""
    zone, ix, iy = divide(zones)
    return zone, cKDTree(np.column_stack([ix + 0.5, iy + 0.5]) * SIDE_M)


def links_in(network: Network, links: Links, area: Area) -> Bools:
    """Return which links have their middle, halfway between their ends, in an area."""
    x = (links.x_m[links.tail] + links.x_m[links.head]) / 2
    y = (links.y_m[links.tail] + links.y_m[links.head]) / 2
    zone = np.zeros(len(x), np.int64) if area.zones is None else zones_at(network, x, y)
    return area.holds(zone, x, y)


def area_km2(network: Network, area: Area) -> float:
    """Return the size of an area: of its polygon, or what is published of its zones."""
    if area.shape is not None:
        return float(area.shape.area) / 1e6
    km2 = network.zones.area_km2
    return float(km2.sum() if area.zones is None else km2[area.zones].sum())
