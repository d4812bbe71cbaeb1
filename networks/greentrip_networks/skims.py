"""Matrices from zone to zone of an empty network, for tools that take them as a start."""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from greentrip_networks.layers import Matrix
from greentrip_networks.network import Bools, Floats, Network


def free_skims(network: Network) -> dict[str, Matrix]:
    """Return `drive_min` (quickest by car, empty streets), `drive_km` (shortest by car) and `walk_km` (shortest walk).

    From and to the street node where a zone's trips start; nothing is added for access inside zones, so the diagonal is
    zero. Infinite values (no way) are NaN. People walk streets in both directions.
    """
    roads = network.compiled.roads
    kinds = (
        ("drive_min", "minutes", roads.auto, roads.free_s / 60.0, True),
        ("drive_km", "km", roads.auto, roads.length_m / 1000.0, True),
        ("walk_km", "km", roads.walk, roads.length_m / 1000.0, False),
    )
    made = {}
    for name, unit, use, cost, directed in kinds:
        values = _shortest(network, use, cost, directed=directed)
        made[name] = Matrix(network.zones.id, values, unit)
    return made


def _shortest(network: Network, use: Bools, cost: Floats, *, directed: bool) -> Floats:
    roads = network.compiled.roads
    n = len(roads.nodes)
    tail, head = roads.tail[use].astype(np.int64), roads.head[use].astype(np.int64)
    order = np.lexsort((cost[use], head, tail))  # of parallel links the cheapest: a sparse matrix would add them up
    key = tail[order] * n + head[order]
    first = np.ones(len(key), bool)
    first[1:] = key[1:] != key[:-1]
    kept = order[first]
    graph = csr_matrix((np.maximum(cost[use][kept], 1e-9), (tail[kept], head[kept])), shape=(n, n))
    at = roads.zone_node.astype(np.int64)
    found = np.asarray(dijkstra(graph, directed=directed, indices=at))[:, at]
    return np.where(np.isfinite(found), found, np.nan)
