"""Where a customised bus stops in a zone, and how far its residents or jobs are from there on foot."""

from dataclasses import dataclass

import numpy as np
from greentrip_networks.compiled import Floats
from greentrip_networks.network import Network

from greentrip_optimizer.commuter_options import CommuterOptions

PARTS = 5  # of a zone's people, from those next to its stop to those farthest from it


@dataclass(frozen=True, eq=False)
class Stops:
    """One stop a zone."""

    node: tuple[str, ...]  # (zones,) street nodes
    walk_min: Floats  # (zones, PARTS) plain minutes on foot, means of equal parts of those who live or work in the zone

    @property
    def mean_walk_min(self) -> Floats:
        """Plain minutes on foot of all who live or work in each zone, shape (zones,)."""
        return np.asarray(self.walk_min.mean(axis=1), np.float64)


def zone_stops(network: Network, share: Floats, options: CommuterOptions) -> Stops:
    """Return each zone's stop, the street node of the cell with most homes or jobs, and the walks to it.

    `share` is the part of the zone's homes or jobs in each cell, shape (cells,). Distances are from the cells' centres
    as the crow flies, lengthened by the streets' detour. A zone without cells has its stop where its car trips start,
    and half of `walk_min` to walk.
    """
    cells, roads, first = network.cells, network.compiled.roads, network.compiled.zone_first_cell
    per_m = options.street_detour / options.walk_m_s / 60
    nodes: list[str] = []
    walk = np.full((len(first) - 1, PARTS), options.walk_min / 2)
    for z, (a, b) in enumerate(zip(first[:-1].tolist(), first[1:].tolist(), strict=True)):
        part = share[a:b]
        if a == b or part.sum() <= 0:
            nodes.append(roads.nodes[roads.zone_node[z]])
            continue
        nodes.append(cells.node[a + int(part.argmax())])
        at = network.roads.nodes[nodes[-1]]
        walk[z] = part_means(np.hypot(cells.x_m[a:b] - at["x_m"], cells.y_m[a:b] - at["y_m"]), part) * per_m
    return Stops(tuple(nodes), walk)


def part_means(values: Floats, weights: Floats) -> Floats:
    """Return the means of `PARTS` parts of equal weight, in ascending order; what lies across two is split."""
    order = np.argsort(values, kind="stable")
    weight = np.append(0.0, np.cumsum(weights[order])) / weights.sum()
    total = np.append(0.0, np.cumsum((weights * values)[order])) / weights.sum()
    return np.asarray(np.diff(np.interp(np.linspace(0.0, 1.0, PARTS + 1), weight, total)) * PARTS, np.float64)
