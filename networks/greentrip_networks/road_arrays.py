"""A street graph as arrays: links sorted by from node, to node and key."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    import networkx as nx

Int32s = NDArray[np.int32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HIGHWAYS = ("motorway", "ramp")  # no stops, no front doors


@dataclass(frozen=True, eq=False)
class Links:
    """The columns of a street graph; rows of nodes in the graph's order, links sorted."""

    nodes: tuple[str, ...]
    row: dict[str, int]
    x_m: Floats
    y_m: Floats
    first_out: Int32s
    tail: Int32s
    head: Int32s
    length_m: Floats
    free_s: Floats
    capacity_veh_h: Floats
    auto: Bools
    walk: Bools
    bike: Bools
    generated: Bools
    facility: tuple[str, ...]


def links_of(roads: "nx.MultiDiGraph[str]") -> Links:
    """Turn a street graph into arrays."""
    nodes = tuple(roads.nodes)
    row = {n: i for i, n in enumerate(nodes)}
    x = np.array([d["x_m"] for _, d in roads.nodes(data=True)], np.float64)
    y = np.array([d["y_m"] for _, d in roads.nodes(data=True)], np.float64)
    edges: list[tuple[int, int, str, dict[str, Any]]] = [
        (row[u], row[v], str(k), d) for u, v, k, d in roads.edges(keys=True, data=True)
    ]
    edges.sort(key=lambda e: e[:3])
    tail = np.array([e[0] for e in edges], np.int32)
    head = np.array([e[1] for e in edges], np.int32)
    data = [e[3] for e in edges]
    length = np.array([d["length_m"] for d in data], np.float64)
    speed = np.array([d["free_speed_kmh"] for d in data], np.float64)
    return Links(
        nodes=nodes,
        row=row,
        x_m=x,
        y_m=y,
        first_out=np.searchsorted(tail, np.arange(len(nodes) + 1)).astype(np.int32),
        tail=tail,
        head=head,
        length_m=length,
        free_s=length / (speed / 3.6),
        capacity_veh_h=np.array([d["capacity_veh_h"] for d in data], np.float64),
        auto=np.array(["auto" in d["uses"] for d in data], np.bool_),
        walk=np.array(["walk" in d["uses"] for d in data], np.bool_),
        bike=np.array(["bike" in d["uses"] for d in data], np.bool_),
        generated=np.array([d["generated"] for d in data], np.bool_),
        facility=tuple(d["facility"] for d in data),
    )


def drivable(links: Links) -> Bools:
    """Return which nodes cars can reach and leave: the largest strongly connected part of the links they may use."""
    n = len(links.nodes)
    use = links.auto
    graph = coo_matrix((np.ones(int(use.sum()), np.int8), (links.tail[use], links.head[use])), shape=(n, n))
    count, label = connected_components(graph, directed=True, connection="strong")
    made: Bools = label == np.argmax(np.bincount(label, minlength=count))
    return made


def on_streets(links: Links) -> Bools:
    """Return which nodes have a street with front doors: a walkable link that is no highway."""
    street = links.walk & np.array([f not in HIGHWAYS for f in links.facility], np.bool_)
    made = np.zeros(len(links.nodes), bool)
    made[links.tail[street]] = True
    made[links.head[street]] = True
    return made
