"""Walking along streets: the streets people may walk as lines, where points meet them, and distances along them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from greentrip_networks.indicators.shapes import link_lines
from greentrip_networks.network import Floats, Ints, Network

_LEAST_M = 1e-6  # a link of no length would be no link of a sparse matrix


@dataclass(frozen=True, eq=False)
class Streets:
    """Streets that people may walk, each once for both directions; walking knows no one-way streets."""

    nodes: int
    tail: Ints
    head: Ints
    length_m: Floats
    lines: NDArray[np.object_]
    index: Any  # a tree of the lines

    def meet(self, x_m: Floats, y_m: Floats) -> "Feet":
        """Return where points meet the nearest street, straight ahead."""
        points = shapely.points(x_m, y_m)
        street = np.asarray(self.index.nearest(points), np.int64) if len(points) else np.zeros(0, np.int64)
        line = self.lines[street]
        share = np.asarray(shapely.line_locate_point(line, points, normalized=True), np.float64)
        off = np.asarray(shapely.distance(line, points), np.float64)
        return Feet(street, np.nan_to_num(share), off, np.asarray(x_m, np.float64), np.asarray(y_m, np.float64))


@dataclass(frozen=True, eq=False)
class Feet:
    """Where points meet streets; all arrays have shape (points,)."""

    street: Ints
    share: Floats  # of the street's length, from its tail
    off_m: Floats  # from the point to the street, straight
    x_m: Floats
    y_m: Floats

    def part(self, rows: Ints) -> "Feet":
        """Return some of them."""
        return Feet(self.street[rows], self.share[rows], self.off_m[rows], self.x_m[rows], self.y_m[rows])


def walkable(network: Network) -> Streets:
    """Return the streets that people may walk; of parallel ones the shortest."""
    return _walkable(network)


@lru_cache(maxsize=4)
def _walkable(network: Network) -> Streets:
    """Lay out the streets once for a network."""
    row = {n: i for i, n in enumerate(network.roads.nodes)}
    best: dict[tuple[int, int], tuple[float, str, str, dict[str, Any]]] = {}
    for u, v, data in network.roads.edges(data=True):
        if "walk" in data["uses"]:
            pair = (row[u], row[v]) if row[u] < row[v] else (row[v], row[u])
            if pair not in best or data["length_m"] < best[pair][0]:
                best[pair] = (data["length_m"], u, v, data)
    kept = sorted(best.items())
    links = [(u, v, data) if row[u] == pair[0] else (v, u, data) for pair, (_, u, v, data) in kept]
    lines = np.array(link_lines(network, links), dtype=object)
    ends = np.array([pair for pair, _ in kept], np.int64).reshape(-1, 2)
    length = np.maximum(np.array([found[0] for _, found in kept], np.float64), _LEAST_M)
    return Streets(len(row), ends[:, 0], ends[:, 1], length, lines, shapely.STRtree(lines))


def distances_m(streets: Streets, sources: Feet, points: Feet, limit_m: float) -> Floats:
    """Return metres along streets from each point to the nearest source; infinite beyond a limit.

    A walk goes straight to the nearest street, along streets, and straight to the source; it is never counted
    shorter than the straight line between the two points.
    """
    out = np.full(len(points.x_m), np.inf)
    if not len(sources.x_m) or not len(points.x_m):
        return out
    at_node = _to_nodes(streets, sources, limit_m)
    length = streets.length_m[points.street]
    there = at_node[streets.tail[points.street]] + points.share * length
    back = at_node[streets.head[points.street]] + (1 - points.share) * length
    out = np.minimum(there, back) + points.off_m
    _along_one_street(streets, sources, points, out)
    out[out > limit_m] = np.inf
    return out


def _to_nodes(streets: Streets, sources: Feet, limit_m: float) -> Floats:
    """Return metres from each node to the nearest source along streets."""
    n, many = streets.nodes, len(sources.x_m)
    start = n + np.arange(many)
    length = streets.length_m[sources.street]
    tail = np.concatenate([streets.tail, streets.head, start, start])
    head = np.concatenate([streets.head, streets.tail, streets.tail[sources.street], streets.head[sources.street]])
    metres = np.concatenate(
        [
            streets.length_m,
            streets.length_m,
            sources.off_m + sources.share * length,
            sources.off_m + (1 - sources.share) * length,
        ]
    )
    graph = csr_matrix((np.maximum(metres, _LEAST_M), (tail, head)), shape=(n + many, n + many))
    found = np.asarray(dijkstra(graph, indices=start, min_only=True, limit=limit_m), np.float64)
    nodes: Floats = found[:n]
    return nodes


def _along_one_street(streets: Streets, sources: Feet, points: Feet, out: Floats) -> None:
    """Improve the distances of points that meet the same street as a source, without going by its ends."""
    order = np.argsort(points.street, kind="stable")
    ordered = points.street[order]
    for s in range(len(sources.x_m)):
        street = sources.street[s]
        first, last = np.searchsorted(ordered, [street, street + 1])
        mine = order[first:last]
        along = np.abs(points.share[mine] - sources.share[s]) * streets.length_m[street]
        out[mine] = np.minimum(out[mine], points.off_m[mine] + along + sources.off_m[s])
