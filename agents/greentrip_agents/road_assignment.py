"""Cars on roads: a path-based equilibrium for one period, kept warm from day to day.

Each pair of zones keeps a few paths with flows. A day scales them to its demand, adds today's shortest paths and shifts
flow towards the cheaper ones by a Newton step (projected gradient on paths; Jayakrishnan et al. 1994). Delay follows
the Bureau of Public Roads' formula.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from greentrip_networks.compiled import RoadArrays
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

from greentrip_agents.paths import dijkstra, trees
from greentrip_agents.street_access import StreetAccess

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

_LINK_ROOM = 1_000_000  # links of path storage added at a time
_PATH_ROOM = 20_000  # paths added at a time
IDLE = 6  # rounds that a path without flow is kept, since it may come back


@dataclass
class RoadPeriod:
    """The state of one period's traffic: paths, flows (vehicles in the period) and link times (seconds)."""

    roads: RoadArrays
    access: StreetAccess
    hours: float
    alpha: float
    beta: float
    background: float  # share of capacity used by traffic outside the model
    flow: Floats = field(init=False)
    seconds: Floats = field(init=False)
    demand: Floats = field(init=False)  # (zones, zones) vehicles
    via: Int32s = field(init=False)
    skim_s: Floats = field(init=False)
    skim_m: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the links, with a start and an end node a zone, and empty paths."""
        r, access = self.roads, self.access
        self.usable = np.flatnonzero(r.auto)
        keep, nodes, zones = self.usable, len(r.nodes), len(access.x_m)
        # every zone has a node where cars start and one where they end, so that nobody drives through a zone's centre
        self.start = (nodes + np.arange(zones)).astype(np.int32)
        self.end = (nodes + zones + np.arange(zones)).astype(np.int32)
        tail = np.concatenate([r.tail[keep], self.start[access.zone], access.node])
        head = np.concatenate([r.head[keep], access.node, self.end[access.zone]])
        order = np.lexsort((np.arange(len(tail)), tail))
        self.row = np.empty(len(tail), np.int64)  # position of each input link after sorting
        self.row[order] = np.arange(len(tail))
        self.row = self.row[: len(keep)]
        n = nodes + 2 * zones
        self.first_out = np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=n))]).astype(np.int32)
        self.tail, self.head = tail[order].astype(np.int32), head[order].astype(np.int32)
        extra = np.full(2 * len(access.zone), np.inf)
        self.length = np.concatenate([r.length_m[keep], access.metres, access.metres])[order]
        self.free = np.concatenate([r.free_s[keep], access.seconds, access.seconds])[order]
        self.capacity = np.concatenate([r.capacity_veh_h[keep] * self.hours, extra])[order]
        self.demand = np.zeros((zones, zones))
        self.via = np.empty((zones, n), np.int32)
        self.skim_s = np.zeros((zones, zones))
        self.skim_m = np.zeros((zones, zones))
        # each pair's paths as a chain: the first, then `next_path`
        self.first_path = np.full(zones * zones, -1, np.int64)
        self.next_path = np.empty(_PATH_ROOM, np.int64)
        self.path_start = np.empty(_PATH_ROOM, np.int64)  # in `store`
        self.path_len = np.empty(_PATH_ROOM, np.int64)
        self.path_flow = np.zeros(_PATH_ROOM)
        self.path_idle = np.zeros(_PATH_ROOM, np.int64)
        self.store = np.empty(_LINK_ROOM, np.int32)
        self.used = np.zeros(2, np.int64)  # paths, links of the store
        self.flow = np.zeros(len(tail))
        self.seconds = np.empty(len(tail))
        self._price()

    def _price(self) -> None:
        delay(self.flow, self.free, self.capacity, self.background, self.alpha, self.beta, self.seconds)

    def state(self) -> dict[str, Any]:
        """Return the arrays that the next day depends on."""
        paths, links = self.used
        return {
            "flow": self.flow, "seconds": self.seconds, "demand": self.demand, "skim_s": self.skim_s,
            "skim_m": self.skim_m, "first_path": self.first_path, "next_path": self.next_path[:paths],
            "path_start": self.path_start[:paths], "path_len": self.path_len[:paths],
            "path_flow": self.path_flow[:paths], "path_idle": self.path_idle[:paths], "store": self.store[:links],
            "used": self.used, "room": np.array([len(self.path_flow), len(self.store)]),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        self.flow, self.seconds, self.demand = state["flow"], state["seconds"], state["demand"]
        self.skim_s, self.skim_m, self.first_path = state["skim_s"], state["skim_m"], state["first_path"]
        self.used = state["used"]
        paths, links = (int(n) for n in state["room"])
        for name in ("next_path", "path_start", "path_len", "path_flow", "path_idle", "store"):
            kept = state[name]
            room = np.zeros(links if name == "store" else paths, kept.dtype)
            room[: len(kept)] = kept
            setattr(self, name, room)

    def expect(self, over_free: Floats) -> None:
        """Start from link times known before the first day, as multiples of the free times of the usable links."""
        self.seconds[self.row] = self.free[self.row] * over_free

    def skim(self) -> None:
        """Compute shortest paths between all zones at today's link times."""
        trees(
            self.start, self.end, self.first_out, self.tail, self.head, self.seconds, self.length,
            self.via, self.skim_s, self.skim_m,
        )  # fmt: skip

    def load(self, demand: Floats) -> None:
        """Scale the paths in use to a new demand and price the links; pairs without a path wait for `equilibrate`."""
        _scale(self.demand.ravel(), demand.ravel(), self.first_path, self.next_path, self.path_flow)
        self.demand = demand.copy()
        self._sum()

    def begin(self, demand: Floats) -> None:
        """Lay the first paths, origin after origin, each by its shortest paths in the traffic of those before it."""
        self.load(demand)
        zones = len(self.start)
        origin, room = 0, _LINK_ROOM
        while origin < zones:
            last, origin = origin, _begin(
                origin, self.start, self.end, self.first_out, self.tail, self.head, self.demand, self.store, self.used,
                self.first_path, self.next_path, self.path_start, self.path_len, self.path_flow, self.path_idle,
                self.flow, self.seconds, self.free, self.capacity, self.background, self.alpha, self.beta,
            )  # fmt: skip
            if origin < zones:
                room = 2 * room if origin == last else _LINK_ROOM  # one origin's paths may need more than is added
                self._make_room(room)
        self._sum()

    def _sum(self) -> None:
        """Add the path flows up on the links and price them."""
        _sum_flows(
            self.store, self.first_path, self.next_path, self.path_start, self.path_len, self.path_flow, self.flow
        )
        self._price()

    def relative_gap(self) -> tuple[float, float]:
        """Return vehicle-seconds (beyond the shortest paths, in all) at today's link times and skims."""
        served = np.where(self.first_path >= 0, self.demand.ravel(), 0.0)
        total = float(self.flow @ self.seconds)
        finite = np.isfinite(self.skim_s.ravel())
        best = float(served[finite] @ self.skim_s.ravel()[finite])
        return max(total - best, 0.0), total

    def equilibrate(self, sweeps: int) -> None:
        """Take in the shortest paths of the last skim, then shift flows between paths for a number of sweeps."""
        zones = len(self.start)
        origin = 0
        while origin < zones:
            origin = _insert(
                origin, self.end, self.tail, self.via, self.demand, self.skim_s, self.seconds, self.store, self.used,
                self.first_path, self.next_path, self.path_start, self.path_len, self.path_flow, self.path_idle,
            )  # fmt: skip
            if origin < zones:
                self._make_room()
        self._sum()
        for _ in range(sweeps):
            _shift(
                self.demand.ravel(), self.store, self.first_path, self.next_path, self.path_start, self.path_len,
                self.path_flow, self.flow, self.seconds, self.free, self.capacity, self.background, self.alpha,
                self.beta, np.zeros(len(self.flow), np.int64), np.zeros(len(self.flow), np.int64),
            )  # fmt: skip
        _forget(self.first_path, self.next_path, self.path_flow, self.path_idle)
        self._sum()

    def _make_room(self, room: int = _LINK_ROOM) -> None:
        """Drop the paths no longer in any chain and enlarge the arrays, by room for so many links."""
        links = int(self.path_len[: self.used[0]].sum()) + room
        paths = len(self.path_flow) + _PATH_ROOM
        new = (
            np.empty(links, np.int32), np.full(len(self.first_path), -1, np.int64), np.empty(paths, np.int64),
            np.empty(paths, np.int64), np.empty(paths, np.int64), np.zeros(paths), np.zeros(paths, np.int64),
        )  # fmt: skip
        _compact(
            self.store,
            self.first_path,
            self.next_path,
            self.path_start,
            self.path_len,
            self.path_flow,
            self.path_idle,
            *new,
            self.used,
        )
        self.store, self.first_path, self.next_path, self.path_start, self.path_len, self.path_flow, self.path_idle = (
            new
        )

    def on_links(self, values: Floats) -> Floats:
        """Return values of this period's graph for the usable links of the network, connectors left out."""
        return values[self.row]

    def all_links(self, values: Floats, otherwise: Floats) -> Floats:
        """Return values for all links of the network; those closed to cars take the other values."""
        out = otherwise.copy()
        out[self.usable] = self.on_links(values)
        return out


@njit(bare=True)
def delay(
    flow: Floats, free: Floats, capacity: Floats, background: float, alpha: float, beta: float, out: Floats
) -> None:
    """Fill link times in seconds: free (1 + alpha (flow / capacity + background) ^ beta)."""
    for i in range(flow.shape[0]):
        out[i] = free[i] * (1.0 + alpha * (flow[i] / capacity[i] + background) ** beta)


@njit(bare=True)
def _scale(old: Floats, new: Floats, first_path: Int64s, next_path: Int64s, path_flow: Floats) -> None:
    """Scale each pair's path flows from the old demand to the new."""
    for od in range(old.shape[0]):
        if old[od] != new[od]:
            k = new[od] / old[od] if old[od] > 0.0 else 0.0
            p = first_path[od]
            while p >= 0:
                path_flow[p] *= k
                p = next_path[p]


@njit(bare=True)
def _sum_flows(
    store: Int32s,
    first_path: Int64s,
    next_path: Int64s,
    path_start: Int64s,
    path_len: Int64s,
    path_flow: Floats,
    flow: Floats,
) -> None:
    """Add the path flows up on the links, in a fixed order."""
    flow[:] = 0.0
    for od in range(first_path.shape[0]):
        p = first_path[od]
        while p >= 0:
            f = path_flow[p]
            if f > 0.0:
                for i in range(path_start[p], path_start[p] + path_len[p]):
                    flow[store[i]] += f
            p = next_path[p]


@njit()
def _compact(
    store: Int32s, first_path: Int64s, next_path: Int64s, path_start: Int64s, path_len: Int64s, path_flow: Floats,
    path_idle: Int64s, new_store: Int32s, new_first: Int64s, new_next: Int64s, new_start: Int64s, new_len: Int64s,
    new_flow: Floats, new_idle: Int64s, used: Int64s,
) -> None:  # fmt: skip
    """Copy the chained paths to new arrays, each chain in its order; used becomes what they fill."""
    paths = 0
    links = 0
    for od in range(first_path.shape[0]):
        p = first_path[od]
        last = -1
        while p >= 0:
            n = path_len[p]
            new_store[links : links + n] = store[path_start[p] : path_start[p] + n]
            new_start[paths], new_len[paths], new_flow[paths], new_idle[paths] = links, n, path_flow[p], path_idle[p]
            new_next[paths] = -1
            if last < 0:
                new_first[od] = paths
            else:
                new_next[last] = paths
            last = paths
            paths += 1
            links += n
            p = next_path[p]
    used[0], used[1] = paths, links


@njit(bare=True, taken_in=True)
def _links_to(node: int, tail: Int32s, via: Int32s) -> int:
    """Return how many links a tree's path to a node has."""
    n = 0
    while via[node] >= 0:
        node = tail[via[node]]
        n += 1
    return n


@njit(bare=True, taken_in=True)
def _lay(
    od: int, node: int, tail: Int32s, via: Int32s, store: Int32s, used: Int64s, first_path: Int64s, next_path: Int64s,
    path_start: Int64s, path_len: Int64s, path_flow: Floats, path_idle: Int64s,
) -> int:  # fmt: skip
    """Put a tree's path to a node first in a pair's chain, without flow, and return it; there must be room."""
    p = used[0]
    n = _links_to(node, tail, via)
    path_start[p], path_len[p], path_flow[p], path_idle[p] = used[1], n, 0.0, 0
    at = used[1] + n
    while via[node] >= 0:
        at -= 1
        store[at] = via[node]
        node = tail[via[node]]
    next_path[p] = first_path[od]
    first_path[od] = p
    used[0] += 1
    used[1] += n
    return int(p)


@njit()
def _begin(
    origin: int, start: Int32s, end: Int32s, first_out: Int32s, tail: Int32s, head: Int32s, demand: Floats,
    store: Int32s, used: Int64s, first_path: Int64s, next_path: Int64s, path_start: Int64s, path_len: Int64s,
    path_flow: Floats, path_idle: Int64s, flow: Floats, seconds: Floats, free: Floats, capacity: Floats,
    background: float, alpha: float, beta: float,
) -> int:  # fmt: skip
    """Load origin after origin, pricing the links after each; return the origin to go on from when room runs short."""
    zones = end.shape[0]
    nodes = first_out.shape[0] - 1
    dist, via = np.empty(nodes), np.empty(nodes, np.int32)
    heap, place = np.empty(nodes, np.int32), np.empty(nodes, np.int32)
    for o in range(origin, zones):
        dijkstra(start[o], first_out, head, seconds, dist, via, heap, place)
        links = 0
        for d in range(zones):
            if o != d and demand[o, d] > 0.0 and dist[end[d]] < np.inf:
                links += _links_to(end[d], tail, via)
        if used[1] + links > store.shape[0] or used[0] + zones > path_flow.shape[0]:
            return int(o)
        for d in range(zones):
            if o == d or demand[o, d] <= 0.0 or not np.isfinite(dist[end[d]]):
                continue
            p = _lay(
                o * zones + d, end[d], tail, via, store, used, first_path, next_path, path_start, path_len, path_flow,
                path_idle,
            )  # fmt: skip
            path_flow[p] = demand[o, d]
            for i in range(path_start[p], path_start[p] + path_len[p]):
                flow[store[i]] += demand[o, d]
        delay(flow, free, capacity, background, alpha, beta, seconds)
    return int(zones)


@njit(bare=True)
def _insert(
    origin: int, end: Int32s, tail: Int32s, via: Int32s, demand: Floats, skim: Floats, seconds: Floats, store: Int32s,
    used: Int64s, first_path: Int64s, next_path: Int64s, path_start: Int64s, path_len: Int64s, path_flow: Floats,
    path_idle: Int64s,
) -> int:  # fmt: skip
    """Add each pair's shortest path where it beats those kept; return the origin to go on from when room runs short."""
    zones = end.shape[0]
    for o in range(origin, zones):
        for d in range(zones):
            if o == d or demand[o, d] <= 0.0 or not np.isfinite(skim[o, d]):
                continue
            od = o * zones + d
            best = np.inf
            cheapest = -1
            total = 0.0
            p = first_path[od]
            while p >= 0:
                c = 0.0
                for i in range(path_start[p], path_start[p] + path_len[p]):
                    c += seconds[store[i]]
                if c < best:
                    best = c
                    cheapest = p
                total += path_flow[p]
                p = next_path[p]
            if best > skim[o, d] * (1.0 + 1e-9) + 1e-9:
                n = _links_to(end[d], tail, via[o])
                if used[1] + n > store.shape[0] or used[0] + 1 > path_flow.shape[0]:
                    return int(o)
                cheapest = _lay(
                    od, end[d], tail, via[o], store, used, first_path, next_path, path_start, path_len, path_flow,
                    path_idle,
                )  # fmt: skip
            if total <= 0.0:  # a pair that starts, or comes back to life, takes its best path
                path_flow[cheapest] = demand[o, d]
    return int(zones)


@njit(bare=True)
def _forget(first_path: Int64s, next_path: Int64s, path_flow: Floats, path_idle: Int64s) -> None:
    """Unchain the paths that have had no flow for some rounds."""
    for od in range(first_path.shape[0]):
        last = -1
        p = first_path[od]
        while p >= 0:
            path_idle[p] = 0 if path_flow[p] > 0.0 else path_idle[p] + 1
            if path_idle[p] >= IDLE and (last >= 0 or next_path[p] >= 0):
                if last < 0:
                    first_path[od] = next_path[p]
                else:
                    next_path[last] = next_path[p]
            else:
                last = p
            p = next_path[p]


@njit(bare=True)
def _shift(
    demand: Floats, store: Int32s, first_path: Int64s, next_path: Int64s, path_start: Int64s, path_len: Int64s,
    path_flow: Floats, flow: Floats, seconds: Floats, free: Floats, capacity: Floats, background: float, alpha: float,
    beta: float, in_best: Int64s, in_other: Int64s,
) -> None:  # fmt: skip
    """Shift flow from dearer paths to the cheapest, pair after pair, pricing the links at once.

    in_best and in_other are scratch, zero in every link.
    """
    stamp = 0
    for od in range(first_path.shape[0]):
        if demand[od] <= 0.0 or first_path[od] < 0 or next_path[first_path[od]] < 0:
            continue
        best = -1
        low = np.inf
        p = first_path[od]
        while p >= 0:
            c = 0.0
            for i in range(path_start[p], path_start[p] + path_len[p]):
                c += seconds[store[i]]
            if c < low:
                low = c
                best = p
            p = next_path[p]
        b0, b1 = path_start[best], path_start[best] + path_len[best]
        p = first_path[od]
        while p >= 0:
            if p == best or path_flow[p] <= 0.0:
                p = next_path[p]
                continue
            a0, a1 = path_start[p], path_start[p] + path_len[p]
            stamp += 1
            for i in range(b0, b1):
                in_best[store[i]] = stamp
            gap = 0.0
            slope = 0.0
            for i in range(a0, a1):
                link = store[i]
                in_other[link] = stamp
                if in_best[link] != stamp:
                    gap += seconds[link]
                    slope += (
                        free[link]
                        * alpha
                        * beta
                        / capacity[link]
                        * (flow[link] / capacity[link] + background) ** (beta - 1.0)
                    )
            for i in range(b0, b1):
                link = store[i]
                if in_other[link] != stamp:
                    gap -= seconds[link]
                    slope += (
                        free[link]
                        * alpha
                        * beta
                        / capacity[link]
                        * (flow[link] / capacity[link] + background) ** (beta - 1.0)
                    )
            if gap > 0.0:
                move = path_flow[p] if slope <= 0.0 else min(path_flow[p], gap / slope)
                path_flow[p] -= move
                path_flow[best] += move
                for i in range(a0, a1):
                    link = store[i]
                    if in_best[link] != stamp:
                        flow[link] = max(flow[link] - move, 0.0)
                        seconds[link] = free[link] * (1.0 + alpha * (flow[link] / capacity[link] + background) ** beta)
                for i in range(b0, b1):
                    link = store[i]
                    if in_other[link] != stamp:
                        flow[link] += move
                        seconds[link] = free[link] * (1.0 + alpha * (flow[link] / capacity[link] + background) ** beta)
            p = next_path[p]
