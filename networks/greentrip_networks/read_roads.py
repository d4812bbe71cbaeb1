"""Read a street graph in the General Modeling Network Specification and find the nearest street node of points."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from greentrip_networks.errors import TableError, UnknownNameError
from greentrip_networks.geo import Plane
from greentrip_networks.network import Floats, Ints
from greentrip_networks.tables import Column, read_table

USES = ("auto", "walk", "bike")
FACILITIES = (
    "motorway",
    "trunk",
    "expressway",
    "ring",
    "arterial",
    "primary",
    "secondary",
    "collector",
    "local",
    "connector",
)

_NODES = (
    Column("node_id", unique=True),
    Column("x_coord", "number", -180, 180),
    Column("y_coord", "number", -85, 85),
    Column("name", empty=True, optional=True, default=""),
)
_LINKS = (
    Column("link_id", unique=True),
    Column("from_node_id"),
    Column("to_node_id"),
    Column("directed", "flag"),
    Column("name", empty=True),
    Column("name_zh", empty=True, optional=True, default=""),
    Column("length", "number", 0.001, 1e6),
    Column("facility_type"),
    Column("capacity", "number", 0.0, 1e5),
    Column("free_speed", "number", 1, 140),
    Column("lanes", "number", 0, 20),
    Column("allowed_uses"),
    Column("geometry", empty=True, optional=True, default=""),
    Column("generated", "flag"),
)


@dataclass(frozen=True, eq=False)
class StreetNodes:
    """Street nodes that people may walk to, for finding the nearest one, and how much street there is around."""

    nodes: tuple[str, ...]
    x_m: Floats
    y_m: Floats
    tree: Any
    link_x_m: Floats  # (links,) midpoints
    link_y_m: Floats
    link_m: Floats
    link_facility: tuple[str, ...]

    def find(self, x_m: ArrayLike, y_m: ArrayLike) -> tuple[Ints, Floats]:
        """Return the row of the nearest node of each point and the metres to it as the crow flies."""
        points = np.column_stack([np.asarray(x_m, np.float64), np.asarray(y_m, np.float64)])
        distance, row = self.tree.query(points)
        return np.asarray(row, np.int64), np.asarray(distance, np.float64)


def nearest_nodes(roads: "nx.MultiDiGraph[str]") -> StreetNodes:
    """Index the walkable nodes and the links of a street graph."""
    walkable: dict[str, None] = {}
    mid: list[tuple[float, float, float]] = []
    facility: list[str] = []
    place = {n: (d["x_m"], d["y_m"]) for n, d in roads.nodes(data=True)}
    for u, v, data in roads.edges(data=True):
        if "walk" in data["uses"]:
            walkable[u] = walkable[v] = None
        (xu, yu), (xv, yv) = place[u], place[v]
        mid.append(((xu + xv) / 2, (yu + yv) / 2, data["length_m"]))
        facility.append(data["facility"])
    nodes = tuple(n for n in roads.nodes if n in walkable)
    if not nodes:
        raise TableError("roads/link.csv", "links that allow walk", column="allowed_uses")
    xy = np.array([place[n] for n in nodes], np.float64)
    middle: NDArray[np.float64] = np.array(mid, np.float64).reshape(-1, 3)
    return StreetNodes(
        nodes, xy[:, 0], xy[:, 1], cKDTree(xy), middle[:, 0], middle[:, 1], middle[:, 2], tuple(facility)
    )


def read_roads(folder: Path, plane: Plane) -> tuple["nx.MultiDiGraph[str]", StreetNodes]:
    """Read node.csv and link.csv into a street graph.

    Lengths are metres, speeds km/h, capacity vehicles an hour and lane, lanes those of one direction; a link that is
    not directed becomes two edges with the same key. Node attributes: lon, lat, x_m, y_m, name. Edge attributes:
    name, name_zh, facility, length_m, lanes, free_speed_kmh, capacity_veh_h (per direction), uses, generated,
    geometry.
    """
    nodes = read_table(folder / "node.csv", _NODES)
    links = read_table(folder / "link.csv", _LINKS)
    lon, lat = nodes.numbers("x_coord"), nodes.numbers("y_coord")
    x, y = plane.to_metres(lon, lat)
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    graph.add_nodes_from(
        (n, {"lon": a, "lat": b, "x_m": c, "y_m": d, "name": e})
        for n, a, b, c, d, e in zip(
            nodes["node_id"], lon.tolist(), lat.tolist(), x.tolist(), y.tolist(), nodes["name"], strict=True
        )
    )
    known = set(nodes["node_id"])
    uses_of: dict[str, frozenset[str]] = {}
    edges: list[tuple[str, str, str, dict[str, Any]]] = []
    for i in range(len(links)):
        u, v = links["from_node_id"][i], links["to_node_id"][i]
        for column, end in (("from_node_id", u), ("to_node_id", v)):
            if end not in known:
                raise links.error(
                    i, column, f"a node of node.csv; {UnknownNameError('street node', end, sorted(known))}"
                )
        if u == v:
            raise links.error(i, "to_node_id", "another node than from_node_id")
        text = links["allowed_uses"][i]
        if text not in uses_of:
            uses = frozenset(t.strip() for t in text.replace(";", ",").split(",") if t.strip())
            if not uses or uses - set(USES):
                raise links.error(i, "allowed_uses", f"some of {', '.join(USES)}, separated by commas")
            uses_of[text] = uses
        lanes = links["lanes"][i]
        data = {
            "name": links["name"][i],
            "name_zh": links["name_zh"][i],
            "facility": links["facility_type"][i],
            "length_m": links["length"][i],
            "lanes": lanes,
            "free_speed_kmh": links["free_speed"][i],
            "capacity_veh_h": links["capacity"][i] * lanes,
            "uses": uses_of[text],
            "generated": links["generated"][i],
            "geometry": links["geometry"][i],
        }
        if "auto" in data["uses"] and not data["capacity_veh_h"] > 0:
            raise links.error(i, "capacity", "more than 0 on a link with lanes that cars may use")
        key = links["link_id"][i]
        edges.append((u, v, key, data))
        if not links["directed"][i]:
            edges.append((v, u, key, dict(data)))
    for u, v, key, data in edges:
        graph.add_edge(u, v, key=key, **data)
    return graph, nearest_nodes(graph)
