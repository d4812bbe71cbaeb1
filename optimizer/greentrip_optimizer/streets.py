"""Bus running times on the streets: links buses may use, the quickest ways between stops, and the nodes passed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from greentrip_networks.compiled import Bools, Floats, Int32s, RoadArrays
from greentrip_networks.kernels import njit
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from greentrip_optimizer.options import FeederOptions


@dataclass(frozen=True, eq=False)
class BusStreets:
    """The part of the street graph that buses may use; parallel links are reduced to the quickest."""

    time_s: Any  # csr_array (nodes, nodes)
    back_s: Any  # its transpose
    first_out: Int32s  # (nodes + 1,)
    head: Int32s
    length_m: Floats
    may_stop: Bools  # (nodes,) a bus may stop here and people may walk here


@dataclass(frozen=True, eq=False)
class Legs:
    """Quickest ways between every two of a few places; `node` leaves out the start and holds the end."""

    time_s: Floats  # (places, places), inf where no street leads
    length_m: Floats
    first: Int32s  # (places * places + 1,)
    node: Int32s


def bus_streets(roads: RoadArrays, options: FeederOptions, link_s: Floats | None = None) -> BusStreets:
    """Return the streets that buses may use and their running time.

    A bus takes `bus_over_car` times a car's time, congested (`link_s`, seconds by link) or else free, and never runs
    faster than `max_speed_kmh`; stopping time comes on top, at each stop.
    """
    facility = np.array(roads.facility)
    usable = roads.auto & ~np.isin(facility, options.no_bus_facilities)
    car_s = roads.free_s if link_s is None else np.maximum(link_s, roads.free_s)
    bus_s = np.maximum(car_s * options.bus_over_car, roads.length_m / (options.max_speed_kmh / 3.6))
    rows = np.flatnonzero(usable)
    order = rows[np.lexsort((rows, bus_s[rows], roads.head[rows], roads.tail[rows]))]
    tail, head = roads.tail[order], roads.head[order]
    new = np.ones(len(order), bool)
    new[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    best, n = order[new], len(roads.nodes)
    first = np.searchsorted(roads.tail[best], np.arange(n + 1)).astype(np.int32)
    graph = csr_array((np.maximum(bus_s[best], 1e-3), roads.head[best].astype(np.int32), first), shape=(n, n))
    stop_ok = usable & ~np.isin(facility, options.no_stop_facilities)
    may_stop = np.zeros(n, bool)
    may_stop[roads.tail[stop_ok]] = may_stop[roads.head[stop_ok]] = True
    walk = np.zeros(n, bool)
    walk[roads.tail[roads.walk]] = walk[roads.head[roads.walk]] = True
    return BusStreets(
        graph, graph.T.tocsr(), first, roads.head[best].astype(np.int32), roads.length_m[best], may_stop & walk
    )


def times_from(streets: BusStreets, node: int, limit_s: float, *, inbound: bool = False) -> Floats:
    """Return seconds from a node to every node, or to it when inbound; inf beyond the limit; shape (nodes,)."""
    graph = streets.back_s if inbound else streets.time_s
    out: Floats = dijkstra(graph, indices=np.array([node]), limit=limit_s)[0]
    return out


def legs_between(streets: BusStreets, places: Int32s, limit_s: float) -> Legs:
    """Find the quickest way between every two places; `places` are rows of street nodes."""
    time_s, before = dijkstra(streets.time_s, indices=places, limit=limit_s, return_predecessors=True)
    first, node, length = _walk_back(before.astype(np.int32), places, streets.first_out, streets.head, streets.length_m)
    return Legs(np.ascontiguousarray(time_s[:, places]), length, first, node)


@njit()
def _walk_back(
    before: Int32s, places: Int32s, first_out: Int32s, head: Int32s, link_m: Floats
) -> tuple[Int32s, Int32s, Floats]:
    """List the nodes of each quickest way and its metres from the predecessors of each start."""
    n = len(places)
    first = np.zeros(n * n + 1, np.int32)
    length = np.full((n, n), np.inf)
    for i in range(n):
        for j in range(n):
            count, v = 0, places[j]
            while v != places[i] and v >= 0:
                count += 1
                v = before[i, v]
            first[i * n + j + 1] = first[i * n + j] + (count if v >= 0 else 0)
            if v >= 0:
                length[i, j] = 0.0
    node = np.empty(first[n * n], np.int32)
    for i in range(n):
        for j in range(n):
            at, v = first[i * n + j + 1] - 1, places[j]
            if length[i, j] != 0.0:
                continue
            while v != places[i]:
                u = before[i, v]
                node[at] = v
                at -= 1
                for k in range(first_out[u], first_out[u + 1]):
                    if head[k] == v:
                        length[i, j] += link_m[k]
                v = u
    return first, node, length
