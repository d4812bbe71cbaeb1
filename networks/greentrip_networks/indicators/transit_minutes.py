"""Expected minutes by bus, rail and foot as one graph over street nodes, aboard nodes and links sorted by tail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from greentrip_networks.indicators.pace import Pace
from greentrip_networks.network import Bools, Floats, Network

Int32s = NDArray[np.int32]
_BOTH = 2  # directions of a line


@dataclass(frozen=True, eq=False)
class Graph:
    """Links sorted by tail, with minutes."""

    first_out: Int32s
    tail: Int32s
    head: Int32s
    cost: Floats

    @property
    def touched(self) -> Bools:
        """Return which nodes some link leaves."""
        made: Bools = np.diff(self.first_out) > 0
        return made


def sorted_graph(nodes: int, links: Sequence[tuple[Any, Any, Any]]) -> Graph:
    """Return links (tail, head, minutes), given in pieces, sorted by tail; those of infinite minutes are left out."""
    tail = np.concatenate([np.asarray(a, np.int64) for a, _, _ in links])
    head = np.concatenate([np.asarray(b, np.int64) for _, b, _ in links])
    cost = np.concatenate([np.broadcast_to(np.asarray(c, np.float64), np.shape(a)) for a, _, c in links])
    kept = np.flatnonzero(np.isfinite(cost))
    order = kept[np.argsort(tail[kept], kind="stable")]
    first = np.searchsorted(tail[order], np.arange(nodes + 1)).astype(np.int32)
    return Graph(first, tail[order].astype(np.int32), head[order].astype(np.int32), cost[order])


def transit_graph(network: Network, period: int, pace: Pace, link_seconds: Floats | None = None) -> Graph:
    """Lay out walking, buses and rail of a period (a row of PERIODS).

    Nodes are the street nodes, then one aboard each bus call, then one aboard each platform and direction. Boarding
    waits half a headway; a line whose headway is infinite does not run. Buses take the time of cars at the link times
    given (free speed if None) times `bus_over_car` and `bus_dwell_s` a stop.
    """
    roads, rail, b = network.compiled.roads, network.compiled.rail, network.compiled.buses
    streets, calls = len(roads.nodes), len(b.call_stop)
    use = roads.walk
    on_foot = roads.length_m[use] / pace.walk_m_min
    links: list[tuple[Any, Any, Any]] = [
        (roads.tail[use], roads.head[use], on_foot),
        (roads.head[use], roads.tail[use], on_foot),
    ]
    if calls:
        pattern = np.repeat(np.arange(len(b.pattern_line)), np.diff(b.pattern_first))
        wait = b.headway_s[pattern, period] / 120
        runs = np.isfinite(wait)
        first, last = np.zeros(calls, bool), np.zeros(calls, bool)
        first[b.pattern_first[:-1]], last[b.pattern_first[1:] - 1] = True, True
        seconds = roads.free_s if link_seconds is None else link_seconds
        driven = np.concatenate([[0.0], np.cumsum(seconds[b.path_link])])
        leg = (np.diff(driven[b.path_first]) * pace.bus_over_car + pace.bus_dwell_s) / 60
        at, stop = np.arange(calls), b.stop_node[b.call_stop]
        boards, rides, leaves = runs & ~last, np.flatnonzero(runs & ~first), runs & ~first
        links += [
            (stop[boards], streets + at[boards], wait[boards]),
            (streets + rides - 1, streets + rides, leg[rides]),
            (streets + at[leaves], stop[leaves], 0.0),
        ]
    platforms = len(rail.platform_station)
    aboard = streets + calls
    if platforms:
        wait = rail.headway_s[rail.platform_line, period] / 120
        inside = network.station_access_s / 60
        off_m = np.hypot(roads.x_m[rail.node] - rail.x_m, roads.y_m[rail.node] - rail.y_m)
        door = off_m[rail.platform_station] * pace.street_detour / pace.walk_m_min + inside
        street = rail.node[rail.platform_station]
        every = np.arange(platforms)
        for direction in range(_BOTH):
            node = aboard + _BOTH * every + direction
            links += [(street, node, door + wait), (node, street, door)]
            for onto in range(_BOTH):
                walk = rail.transfer_s / 60 + wait[rail.transfer_to]
                links.append((node[rail.transfer_from], aboard + _BOTH * rail.transfer_to + onto, walk))
        runs = np.isfinite(rail.headway_s[rail.ride_line, period])
        tail = aboard + _BOTH * rail.ride_from + rail.ride_direction
        head = aboard + _BOTH * rail.ride_to + rail.ride_direction
        links.append((tail[runs], head[runs], rail.ride_s[runs] / 60))
    return sorted_graph(aboard + _BOTH * platforms, links)
