"""What a road equilibrium is asked and answers: links, vehicle classes, the assignment, paths, and trips left unserved.

Bad input is refused with a code in the message (unknown-node, negative-demand, negative-cost, negative-preload,
bad-equivalents, and those of the delays) or, where it can be, treated as stated at its place and counted in the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from greentrip_networks.errors import ScenarioError
from greentrip_networks.hierarchy import Hierarchy
from greentrip_networks.tntp import TntpNetwork, TntpTrips
from scipy.sparse import csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from greentrip_agents.equilibrium_delay import CLOSED, Bools, Delays, Floats, Int64s, bpr
from greentrip_agents.equilibrium_trees import Demand, Graph, Int32s


@dataclass(frozen=True)
class Links:
    """The roads: nodes are 0 to `nodes` - 1; parallel links and loops are links like others.

    A loop lies on no cheapest path, so it carries nothing. `no_through` marks nodes where paths may start and end but
    that they never pass (zone centres). `preload` is volume on a link in any case (buses), in car equivalents.
    """

    nodes: int
    tail: Int32s
    head: Int32s
    delays: Delays
    no_through: Bools | None = None
    preload: Floats | None = None


@dataclass(frozen=True)
class VehicleClass:
    """Vehicles of one kind: their trips (node to node), car equivalents, extra cost of each link and closed links.

    `extra` is in the unit of the delays: a toll times a weight, a length times a weight. Trips within a node use no
    road; they are counted in the result. Pairs listed twice add up. `sources` are nodes that get a tree of cheapest
    paths in any case, with demand or without.
    """

    origin: Int32s
    destination: Int32s
    vehicles: Floats
    car_equivalents: float = 1.0
    extra: Floats | None = None
    closed: Bools | None = None
    name: str = "car"
    sources: Int32s | None = None


@dataclass(frozen=True)
class Unserved:
    """Trips left out as no open path leads there (code unreachable-demand): counted and shown, never dropped unseen."""

    vehicle: Int32s
    origin: Int32s
    destination: Int32s
    vehicles: Floats
    code: str = "unreachable-demand"

    @property
    def total(self) -> float:
        """Return the vehicles unserved."""
        return float(self.vehicles.sum())


@dataclass(frozen=True)
class PathFlows:
    """The paths in use: path p of class `vehicle` carries `flow` vehicles over link[first[p]:first[p + 1]].

    Which of the many equilibria in path flows this is depends on how it was found; the link volumes do not.
    """

    vehicle: Int32s
    origin: Int32s
    destination: Int32s
    flow: Floats
    cost: Floats
    first: Int64s
    link: Int32s


@dataclass(frozen=True)
class Assignment:
    """Traffic in equilibrium: `volume` (car equivalents) and `time` of each link, `flow` (vehicles) of each class."""

    volume: Floats
    time: Floats
    flow: Floats  # (classes, links)
    gap: float  # (total cost - cost if all were on cheapest paths) / total cost, of the trips served
    objective: float  # integral of delay over volume + extra costs, in car equivalents (Beckmann's)
    total_cost: float
    iterations: int  # rounds of trees and shifts
    gaps: tuple[float, ...]  # at the start of each round, and at the end
    reached: bool
    unserved: Unserved
    within: float  # vehicles whose trip stays within its node


class Roads(NamedTuple):
    """Links laid out for the kernels: sorted by tail, nodes that must not be passed split in two."""

    graph: Graph
    hierarchy: Hierarchy
    delays: Delays
    preload: Floats
    order: Int64s  # the input's link at each place
    start: Int32s  # where paths from each node start
    end: Int32s  # where paths to each node end


class Pairs(NamedTuple):
    """Demand laid out for the kernels, each pair of each class once; key is (class, origin, destination) in one."""

    key: Int64s
    demand: Demand
    units: Floats  # (classes) car equivalents
    extra: Floats  # (classes, links), infinite where closed
    within: float


def lay_out(links: Links, known: Hierarchy | None = None) -> Roads:
    """Check links, split the nodes that must not be passed, sort by tail; the same links need no new hierarchy."""
    count, n = len(links.tail), links.nodes
    if len(links.head) != count or len(links.delays.kind) != count:
        raise ScenarioError("links", f"tail, head and delays must be of one length; there are {count} tails")
    ends = np.concatenate([links.tail, links.head])
    if count and (ends.min() < 0 or ends.max() >= n):
        raise ScenarioError("links", f"unknown-node: nodes must be from 0 to {n - 1}")
    barred = np.zeros(n, bool) if links.no_through is None else links.no_through
    both = csr_array((np.ones(2 * count), (ends, np.concatenate([links.head, links.tail]))), (n, n))
    start = np.empty(n, np.int32)
    start[reverse_cuthill_mckee(both, symmetric_mode=True)] = np.arange(n)
    end = start.copy()
    end[barred] = n + np.arange(int(barred.sum()))
    order = np.lexsort((np.arange(count), start[links.tail]))
    tail = start[links.tail[order]]
    first_out = np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=n + int(barred.sum())))])
    d = links.delays
    knots = np.diff(d.first_knot)[order]
    first_knot = np.concatenate([[0], np.cumsum(knots)]).astype(np.int64)
    knot = np.repeat(d.first_knot[:-1][order] - first_knot[:-1], knots) + np.arange(first_knot[-1])
    delays = Delays(
        d.kind[order],
        d.free[order],
        d.scale[order],
        d.unit[order],
        d.shape[order],
        first_knot,
        d.knot_volume[knot],
        d.knot_time[knot],
    )
    preload = np.zeros(count) if links.preload is None else np.ascontiguousarray(links.preload[order], np.float64)
    if not (np.isfinite(preload).all() and np.all(preload >= 0)):
        raise ScenarioError("links.preload", "negative-preload: finite values of at least 0")
    graph = Graph(first_out.astype(np.int32), tail, end[links.head[order]])
    hierarchy = Hierarchy.of(len(first_out) - 1, graph.tail, graph.head) if known is None else known
    return Roads(graph, hierarchy, delays, preload, order, start, end)


def pair_up(classes: Sequence[VehicleClass], nodes: int, roads: Roads) -> Pairs:
    """Check classes and sort their pairs by class, origin and destination, the same pair's trips added up."""
    extra = np.zeros((len(classes), len(roads.order)))
    within = 0.0
    keys, vehicles, sources = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, np.int64)]
    for i, c in enumerate(classes):
        place = f"classes[{i}]"
        if not (np.isfinite(c.car_equivalents) and c.car_equivalents > 0):
            raise ScenarioError(f"{place}.car_equivalents", "bad-equivalents: a finite value above 0")
        if c.extra is not None:
            if not (np.isfinite(c.extra).all() and np.all(c.extra >= 0)):
                raise ScenarioError(f"{place}.extra", "negative-cost: finite values of at least 0")
            extra[i] = c.extra[roads.order]
        if c.closed is not None:
            extra[i, c.closed[roads.order]] = np.inf
        extra[i, roads.delays.kind == CLOSED] = np.inf
        if not (np.isfinite(c.vehicles).all() and np.all(c.vehicles >= 0)):
            raise ScenarioError(f"{place}.vehicles", "negative-demand: finite values of at least 0")
        more = np.zeros(0, np.int64) if c.sources is None else c.sources.astype(np.int64)
        sources.append(i * nodes + more)
        ends = np.concatenate([c.origin, c.destination, more])
        if len(ends) and (ends.min() < 0 or ends.max() >= nodes):
            raise ScenarioError(place, f"unknown-node: origins, destinations and sources must be from 0 to {nodes - 1}")
        inside = c.origin == c.destination
        within += float(c.vehicles[inside].sum())
        use = ~inside & (c.vehicles > 0)
        keys.append((i * nodes + c.origin[use].astype(np.int64)) * nodes + c.destination[use])
        vehicles.append(c.vehicles[use])
    key, index = np.unique(np.concatenate(keys), return_inverse=True)
    amount = np.bincount(index, np.concatenate(vehicles), len(key)).astype(np.float64)
    groups = np.unique(np.concatenate([key // nodes, *sources]))
    group = np.searchsorted(groups, key // nodes)
    first = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=len(groups)))]).astype(np.int64)
    demand = Demand(
        roads.start[groups % nodes],
        (groups // nodes).astype(np.int32),
        first,
        group.astype(np.int32),
        roads.end[key % nodes],
        amount,
    )
    return Pairs(key, demand, np.array([c.car_equivalents for c in classes], np.float64), extra, within)


def of_tntp(
    network: TntpNetwork, trips: TntpTrips, *, toll_weight: float = 0.0, distance_weight: float = 0.0
) -> tuple[Links, VehicleClass]:
    """Return the roads and the one vehicle class of a TNTP network and its trips.

    A link's cost is its delay + toll weight x toll + distance weight x length, as in that collection's definition.
    """
    delays = bpr(network.free_flow_time, network.capacity, network.b, network.power)
    links = Links(network.nodes, network.tail, network.head, delays, network.no_through)
    extra = toll_weight * network.toll + distance_weight * network.length
    return links, VehicleClass(trips.origin, trips.destination, trips.vehicles, extra=extra)
