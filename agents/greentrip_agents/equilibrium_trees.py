"""Trees of cheapest paths, one for every origin of every vehicle class, and the first loading of demand on them.

Trees are found by elimination, the order of nodes kept and only prices made anew (`greentrip_networks.hierarchy`).
Costs are then added up along the trees, link by link from the origin, so that a tree's path costs exactly what the same
path costs elsewhere.
"""

from typing import NamedTuple

import numpy as np
from greentrip_networks.hierarchy import Hierarchy, sum_to
from greentrip_networks.kernels import njit, prange
from greentrip_networks.search import spread_into
from numpy.typing import NDArray

from greentrip_agents.equilibrium_delay import Delays, Floats, Int64s, price, price_all

Int32s = NDArray[np.int32]


class Graph(NamedTuple):
    """Links sorted by tail; a node that must not be passed is two, one that only starts and one that only ends."""

    first_out: Int32s  # (nodes + 1)
    tail: Int32s
    head: Int32s


class Demand(NamedTuple):
    """Pairs with demand, sorted by group; a group is one origin of one vehicle class."""

    source: Int32s  # (groups) node
    vehicle: Int32s  # (groups) vehicle class, rising
    first: Int64s  # (groups + 1) pair
    group: Int32s  # (pairs)
    target: Int32s  # (pairs) node
    vehicles: Floats  # (pairs)


class Trees(NamedTuple):
    """Each group's tree: the link that reaches each node (-1: none), and what its paths cost."""

    via: Int32s  # (groups, nodes)
    low: Floats  # (pairs) cost of the cheapest path, infinite where there is none


def grow(hierarchy: Hierarchy, graph: Graph, demand: Demand, cost: Floats, trees: Trees) -> None:
    """Find every group's tree at costs of shape (classes, links)."""
    for vehicle, mine in enumerate(cost):
        a, b = (int(i) for i in np.searchsorted(demand.vehicle, [vehicle, vehicle + 1]))
        hierarchy.price(mine).links(demand.source[a:b], trees.via[a:b])
    find_lows(graph, demand, cost, trees)


@njit()
def first_loading(
    graph: Graph, demand: Demand, delays: Delays, extra: Floats, units: Floats, trees: Trees, volume: Floats,
    time: Floats, slope: Floats,
) -> None:  # fmt: skip
    """Load origin after origin on its cheapest paths at the times that the origins before it left.

    A better start than loading all on empty roads; extra is (classes, links), units the car equivalents of a class.
    """
    links = graph.head.shape[0]
    dist = np.empty(graph.first_out.shape[0] - 1)
    key, node = np.empty(links + 2), np.empty(links + 2, np.int32)
    start, nothing = np.empty(1, np.int32), np.zeros(1)
    price_all(volume, delays, time, slope)
    for group in range(demand.source.shape[0]):
        unit, via = units[demand.vehicle[group]], trees.via[group]
        dist[:], via[:] = np.inf, -1
        start[0] = demand.source[group]
        cost = time + extra[demand.vehicle[group]]
        spread_into(graph.first_out, graph.head, cost, start, nothing, np.inf, dist, via, key, node)
        for pair in range(demand.first[group], demand.first[group + 1]):
            trees.low[pair] = dist[demand.target[pair]]
            link = via[demand.target[pair]]
            while link >= 0:
                volume[link] += demand.vehicles[pair] * unit
                price(link, volume[link], delays, time, slope)
                link = via[graph.tail[link]]


@njit()
def _low_of(group: int, graph: Graph, demand: Demand, cost: Floats, trees: Trees) -> None:
    """Add costs up along one group's tree."""
    nodes = graph.first_out.shape[0] - 1
    run, stack = np.full(nodes, -1.0), np.empty(nodes, np.int32)
    run[demand.source[group]] = 0.0
    mine = cost[demand.vehicle[group]]
    for pair in range(demand.first[group], demand.first[group + 1]):
        trees.low[pair] = sum_to(demand.target[pair], graph.tail, trees.via[group], mine, run, stack)


@njit(parallel=True)
def find_lows(graph: Graph, demand: Demand, cost: Floats, trees: Trees) -> None:
    """Add costs up along every tree."""
    for group in prange(demand.source.shape[0]):
        _low_of(group, graph, demand, cost, trees)
