"""How a zone's cars reach the streets: connectors of no capacity limit from its centre to its people's nodes.

Loading a zone's traffic on one node would choke the few streets around it; spread over the nodes next to its homes and
jobs it enters the network where it does in life.
"""

from dataclasses import dataclass

import numpy as np
from greentrip_networks.network import Network
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]

NODES_PER_ZONE = 12  # at most; computation
SPEED_M_S = 25 / 3.6  # assumed, on lanes and yards between the door and the street
DETOUR = 1.3


@dataclass(frozen=True, eq=False)
class StreetAccess:
    """Connectors (zone, node, metres), sorted by zone, and the centres they start from."""

    zone: Ints
    node: Ints
    metres: Floats
    x_m: Floats  # (zones,)
    y_m: Floats

    @property
    def seconds(self) -> Floats:
        """Return the time on each connector."""
        return self.metres / SPEED_M_S

    def joined(self, nodes: int, tail: Int32s, head: Int32s) -> tuple[Int32s, Int32s, Int32s, Int32s]:
        """Return (start, end, tail, head): streets with two more nodes a zone, where it starts and where it ends.

        So nobody goes through a zone's centre. Connectors follow the links given, those from the starts first.
        """
        zones = len(self.x_m)
        start = (nodes + np.arange(zones)).astype(np.int32)
        end = (nodes + zones + np.arange(zones)).astype(np.int32)
        return (
            start,
            end,
            np.concatenate([tail, start[self.zone], self.node]).astype(np.int32),
            np.concatenate([head, self.node, end[self.zone]]).astype(np.int32),
        )


def find_street_access(network: Network) -> StreetAccess:
    """Connect each zone to the drivable nodes nearest its homes and jobs, the most used first; at least one each."""
    z, cells, roads = network.zones, network.cells, network.compiled.roads
    fast = np.array([f in ("motorway", "expressway") for f in roads.facility])
    ordinary = roads.auto & ~fast
    allowed = np.zeros(len(roads.nodes), bool)
    allowed[roads.tail[ordinary]] = True
    allowed[roads.head[ordinary]] = True
    leaves, enters = np.zeros(len(roads.nodes), bool), np.zeros(len(roads.nodes), bool)
    leaves[roads.tail[roads.auto]] = True
    enters[roads.head[roads.auto]] = True
    nodes = np.flatnonzero(allowed & leaves & enters)
    at = np.column_stack([roads.x_m[nodes], roads.y_m[nodes]])
    near = np.asarray(cKDTree(at).query(np.column_stack([cells.x_m, cells.y_m]))[1], np.int64)
    people = cells.home_share * z.residents[cells.zone] + cells.work_share * z.jobs[cells.zone]
    people = np.maximum(people, 1e-6)
    total = np.bincount(cells.zone, weights=people, minlength=len(z))
    x = np.bincount(cells.zone, weights=people * cells.x_m, minlength=len(z)) / total
    y = np.bincount(cells.zone, weights=people * cells.y_m, minlength=len(z)) / total
    zone: list[int] = []
    chosen: list[int] = []
    first = network.compiled.zone_first_cell
    for i in range(len(z)):
        mine = slice(first[i], first[i + 1])
        used, where = np.unique(near[mine], return_inverse=True)
        pull = np.bincount(where, weights=people[mine])
        best = used[np.lexsort((used, -pull))][:NODES_PER_ZONE]
        zone.extend([i] * len(best))
        chosen.extend(sorted(int(nodes[b]) for b in best))
    zones, node = np.array(zone, np.int64), np.array(chosen, np.int64)
    metres = np.hypot(roads.x_m[node] - x[zones], roads.y_m[node] - y[zones]) * DETOUR
    return StreetAccess(zones, node, np.maximum(metres, 50.0), x, y)
