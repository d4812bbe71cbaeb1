"""Bus running times on the streets: links buses may use, the quickest ways between stops, and the nodes passed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from greentrip_networks.compiled import Bools, Floats, Int32s, RoadArrays
from greentrip_networks.kernels import njit
from greentrip_networks.network import Ints
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
    banned: Ints  # (turns,) keys of turns that are not allowed, ascending; see `turn_key`
    link: Int32s  # rows of the network's road links


@dataclass(frozen=True, eq=False)
class Legs:
    """Quickest ways between every two of a few places; `node` leaves out the start and holds the end."""

    time_s: Floats  # (places, places), inf where no street leads
    length_m: Floats
    first: Int32s  # (places * places + 1,)
    node: Int32s


def turn_key(nodes: int, before: Any, at: Any, after: Any) -> Any:
    """Return one number for a turn: rows of the street nodes before, at and after it."""
    return (np.asarray(before, np.int64) * nodes + at) * nodes + after


def bus_streets(
    roads: RoadArrays,
    options: FeederOptions,
    link_s: Floats | None = None,
    banned: Sequence[tuple[str, str, str]] = (),
) -> BusStreets:
    """Return the streets that buses may use and their running time; `banned` are turns by the names of street nodes.

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
    row = {name: i for i, name in enumerate(roads.nodes)} if banned else {}
    turns = [turn_key(n, *(row[k] for k in turn)) for turn in banned if all(k in row for k in turn)]
    return BusStreets(
        graph,
        graph.T.tocsr(),
        first,
        roads.head[best].astype(np.int32),
        roads.length_m[best],
        may_stop & walk,
        np.unique(np.array(turns, np.int64)),
        best.astype(np.int32),
    )


def times_from(streets: BusStreets, node: int, limit_s: float, *, inbound: bool = False) -> Floats:
    """Return seconds from a node to every node, or to it when inbound; inf beyond the limit; shape (nodes,)."""
    graph = streets.back_s if inbound else streets.time_s
    out: Floats = dijkstra(graph, indices=np.array([node]), limit=limit_s)[0]
    return out


def legs_between(streets: BusStreets, places: Int32s, limit_s: float) -> Legs:
    """Find the quickest way between every two places, without banned turns; `places` are rows of street nodes."""
    if len(streets.banned):
        return _legs_without_turns(streets, places, limit_s)
    time_s, before = dijkstra(streets.time_s, indices=places, limit=limit_s, return_predecessors=True)
    first, node, length = _walk_back(before.astype(np.int32), places, streets.first_out, streets.head, streets.length_m)
    return Legs(np.ascontiguousarray(time_s[:, places]), length, first, node)


def _legs_without_turns(streets: BusStreets, places: Int32s, limit_s: float) -> Legs:
    """Find the quickest ways link by link, since which turns are allowed depends on the link one comes from."""
    first, head, time_s = streets.first_out, streets.head, streets.time_s.data
    links, count = len(head), len(places)
    came, goes = _turns(streets)
    starts = [np.arange(first[p], first[p + 1]) for p in places]
    rows = np.concatenate([came, *(np.full(len(s), links + k) for k, s in enumerate(starts))])
    to = np.concatenate([goes, *starts])
    graph = csr_array((time_s[to], (rows, to)), shape=(links + count, links + count))
    into = [np.flatnonzero(head == p) for p in places]
    drive, length = np.full((count, count), np.inf), np.full((count, count), np.inf)
    leg_first: list[int] = [0]
    node: list[int] = []
    for i in range(count):
        found = dijkstra(graph, indices=np.array([links + i]), limit=limit_s, return_predecessors=True)
        far, before = found[0][0], found[1][0]
        for j in range(count):
            chain: list[int] = []
            if i == j:
                drive[i, j] = length[i, j] = 0.0
            elif len(into[j]) and np.isfinite(far[into[j]]).any():
                at = int(into[j][far[into[j]].argmin()])
                drive[i, j] = far[at]
                while at < links:
                    chain.append(at)
                    at = int(before[at])
                length[i, j] = float(streets.length_m[chain].sum())
            node.extend(int(head[e]) for e in reversed(chain))
            leg_first.append(len(node))
    return Legs(drive, length, np.array(leg_first, np.int32), np.array(node, np.int32))


def _turns(streets: BusStreets) -> tuple[Ints, Ints]:
    """Return every pair of links that a bus may drive one after the other: no banned turn, no turn on the spot."""
    first, head = streets.first_out, streets.head
    nodes, links = len(first) - 1, len(head)
    tail = np.repeat(np.arange(nodes), np.diff(first))
    outs = np.diff(first)[head]
    came = np.repeat(np.arange(links), outs)
    goes = np.arange(outs.sum()) - np.repeat(np.cumsum(outs) - outs, outs) + np.repeat(first[head], outs)
    allowed = ~np.isin(turn_key(nodes, tail[came], head[came], head[goes]), streets.banned)
    allowed &= head[goes] != tail[came]
    return came[allowed], goes[allowed]


def links_of(streets: BusStreets, places: Int32s, legs: Legs) -> Int32s:
    """Return the road link driven to each of the nodes that the ways between places pass; as long as `legs.node`."""
    nodes = len(streets.first_out) - 1
    passed = np.diff(legs.first) > 0
    before = np.append(np.zeros(1, np.int32), legs.node)[:-1]
    before[legs.first[:-1][passed]] = np.repeat(places, len(places))[passed]
    tail = np.repeat(np.arange(nodes), np.diff(streets.first_out))
    at = np.searchsorted(tail * nodes + streets.head, before.astype(np.int64) * nodes + legs.node)
    return streets.link[at]


def turning(
    streets: BusStreets, places: Int32s, legs: Legs, most_m: float
) -> tuple[Floats, Floats, dict[tuple[int, int], list[int]]]:
    """Return seconds and metres of the shortest way round by which a bus from place a turns at b to go back to a.

    Shape (places, places), a and b. It is 0 where the way back leaves by another street than the way there came by, and
    infinite where no way round of at most `most_m` leads back without a banned turn or one on the spot. Last come the
    road links driven, of places a and b where a way round is needed and there is one.
    """
    n, first, head = len(places), streets.first_out, streets.head
    links = len(head)
    tail = np.repeat(np.arange(len(first) - 1), np.diff(first))
    came, goes = _turns(streets)
    seconds, metres = np.zeros((n, n)), np.zeros((n, n))
    ways: dict[tuple[int, int], list[int]] = {}
    came_from, goes_to = _beside(places, legs)
    asked: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for a, b in zip(*np.nonzero((came_from >= 0) & (came_from == goes_to.T)), strict=True):
        asked.setdefault((int(b), int(came_from[a, b])), []).append((int(a), int(b)))
    out = [np.flatnonzero((tail == places[b]) & (head != before)) for b, before in asked]
    rows = np.concatenate([came, *(np.full(len(e), links + q) for q, e in enumerate(out))])
    to = np.concatenate([goes, *out])
    graph = csr_array((streets.length_m[to], (rows, to)), shape=(links + len(out),) * 2)
    for q, ((b, before), pairs) in enumerate(asked.items()):
        found = dijkstra(graph, indices=np.array([links + q]), limit=most_m, return_predecessors=True)
        far, previous = found[0][0], found[1][0]
        into = np.flatnonzero((head == places[b]) & (tail != before))
        at = int(into[far[into].argmin()]) if len(into) else -1
        took = length = np.inf
        driven: list[int] = []
        if at >= 0 and np.isfinite(far[at]):
            took, length = 0.0, float(far[at])
            while at < links:
                took += float(streets.time_s.data[at])
                driven.append(int(streets.link[at]))
                at = int(previous[at])
        for pair in pairs:
            seconds[pair], metres[pair] = took, length
            if driven:
                ways[pair] = driven
    return seconds, metres, ways


def _beside(places: Int32s, legs: Legs) -> tuple[Ints, Ints]:
    """Return the node before the end and that after the start of each leg, -1 without one; both (places, places)."""
    n = len(places)
    before, after = np.full((n, n), -1, np.int64), np.full((n, n), -1, np.int64)
    for i in range(n):
        for j in range(n):
            here = legs.node[legs.first[i * n + j] : legs.first[i * n + j + 1]]
            if len(here):
                after[i, j] = here[0]
                before[i, j] = here[-2] if len(here) > 1 else places[i]
    return before, after


def banned_at_stops(streets: BusStreets, places: Int32s, legs: Legs) -> Bools:
    """Say for places a, b, c whether a bus from a by b to c would turn at b as it may not; (0, 0, 0) without bans."""
    n, nodes = len(places), len(streets.first_out) - 1
    if not len(streets.banned):
        return np.zeros((0, 0, 0), np.bool_)
    before, after = _beside(places, legs)
    out = np.zeros((n, n, n), np.bool_)
    for b in range(n):
        out[:, b, :] = np.isin(turn_key(nodes, before[:, b][:, None], places[b], after[b][None, :]), streets.banned)
    return out


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
