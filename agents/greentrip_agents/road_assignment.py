"""Cars on roads: a path-based equilibrium for one period, kept warm from day to day.

Each pair of zones keeps a few paths with flows. A day scales them to its demand, adds today's shortest paths and shifts
flow towards the cheaper ones by a Newton step (projected gradient on paths; Jayakrishnan et al. 1994). Delay follows the
Bureau of Public Roads' formula.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from greentrip_agents.paths import trees
from greentrip_agents.street_access import StreetAccess
from greentrip_networks.compiled import RoadArrays
from greentrip_networks.kernels import njit

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

SLOTS = 6  # paths kept for a pair of zones
_ROOM = 1_000_000  # links of path storage added at a time


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
        self.slot_path = np.full((zones * zones, SLOTS), -1, np.int64)  # start of the path in `store`
        self.slot_len = np.zeros((zones * zones, SLOTS), np.int32)
        self.slot_flow = np.zeros((zones * zones, SLOTS))
        self.store = np.empty(_ROOM, np.int32)
        self.used = 0
        self.flow = np.zeros(len(tail))
        self.seconds = np.empty(len(tail))
        self._price()

    def _price(self) -> None:
        delay(self.flow, self.free, self.capacity, self.background, self.alpha, self.beta, self.seconds)

    def skim(self) -> None:
        """Compute shortest paths between all zones at today's link times."""
        trees(
            self.start, self.end, self.first_out, self.tail, self.head, self.seconds, self.length,
            self.via, self.skim_s, self.skim_m,
        )  # fmt: skip

    def load(self, demand: Floats) -> None:
        """Scale the paths in use to a new demand and price the links; pairs without a path wait for `equilibrate`."""
        _scale(self.demand.ravel(), demand.ravel(), self.slot_flow)
        self.demand = demand.copy()
        _sum_flows(self.store, self.slot_path, self.slot_len, self.slot_flow, self.flow)
        self._price()

    def relative_gap(self) -> tuple[float, float]:
        """Return (vehicle-seconds beyond the shortest paths, vehicle-seconds in all) at today's link times and skims."""
        served = np.minimum(self.slot_flow.sum(axis=1), self.demand.ravel())
        total = float(self.flow @ self.seconds)
        finite = np.isfinite(self.skim_s.ravel())
        best = float(served[finite] @ self.skim_s.ravel()[finite])
        return max(total - best, 0.0), total

    def equilibrate(self, sweeps: int) -> None:
        """Take in the shortest paths of the last skim, then shift flows between paths for a number of sweeps."""
        zones = len(self.start)
        origin = 0
        while origin < zones:
            origin, self.used = _insert(
                origin, self.end, self.tail, self.via, self.demand, self.skim_s, self.seconds,
                self.store, self.used, self.slot_path, self.slot_len, self.slot_flow,
            )  # fmt: skip
            if origin < zones:
                self._make_room()
        _sum_flows(self.store, self.slot_path, self.slot_len, self.slot_flow, self.flow)
        self._price()
        for _ in range(sweeps):
            _shift(
                self.demand.ravel(), self.store, self.slot_path, self.slot_len, self.slot_flow, self.flow, self.seconds,
                self.free, self.capacity, self.background, self.alpha, self.beta,
            )  # fmt: skip
        _sum_flows(self.store, self.slot_path, self.slot_len, self.slot_flow, self.flow)
        self._price()

    def _make_room(self) -> None:
        """Drop the paths no longer in use and enlarge the store when that is not enough."""
        new = np.empty(max(len(self.store), _ROOM), np.int32)
        used = _compact(self.store, self.slot_path, self.slot_len, new)
        if used > 0.7 * len(new):
            new = np.concatenate([new, np.empty(len(new) + _ROOM, np.int32)])
        self.store, self.used = new, int(used)

    def on_links(self, values: Floats) -> Floats:
        """Return values of this period's graph for the usable links of the network, connectors left out."""
        return values[self.row]

    def all_links(self, values: Floats, otherwise: Floats) -> Floats:
        """Return values for all links of the network; those closed to cars take the other values."""
        out = otherwise.copy()
        out[self.usable] = self.on_links(values)
        return out


@njit()
def delay(flow: Floats, free: Floats, capacity: Floats, background: float, alpha: float, beta: float, out: Floats) -> None:
    """Fill link times in seconds: free (1 + alpha (flow / capacity + background) ^ beta)."""
    for i in range(flow.shape[0]):
        out[i] = free[i] * (1.0 + alpha * (flow[i] / capacity[i] + background) ** beta)


@njit()
def _scale(old: Floats, new: Floats, slot_flow: Floats) -> None:
    """Scale each pair's path flows from the old demand to the new."""
    for od in range(old.shape[0]):
        if old[od] != new[od]:
            k = new[od] / old[od] if old[od] > 0.0 else 0.0
            for s in range(slot_flow.shape[1]):
                slot_flow[od, s] *= k


@njit()
def _sum_flows(store: Int32s, slot_path: Int64s, slot_len: Int32s, slot_flow: Floats, flow: Floats) -> None:
    """Add the path flows up on the links, in a fixed order."""
    flow[:] = 0.0
    for od in range(slot_path.shape[0]):
        for s in range(SLOTS):
            f = slot_flow[od, s]
            if f > 0.0:
                a = slot_path[od, s]
                for i in range(a, a + slot_len[od, s]):
                    flow[store[i]] += f


@njit()
def _compact(store: Int32s, slot_path: Int64s, slot_len: Int32s, new: Int32s) -> int:
    """Copy the paths in use to a new store; return how much of it they fill."""
    used = 0
    for od in range(slot_path.shape[0]):
        for s in range(SLOTS):
            a = slot_path[od, s]
            if a >= 0:
                n = slot_len[od, s]
                new[used : used + n] = store[a : a + n]
                slot_path[od, s] = used
                used += n
    return used


@njit()
def _insert(
    origin: int, end: Int32s, tail: Int32s, via: Int32s, demand: Floats, skim: Floats, seconds: Floats,
    store: Int32s, used: int, slot_path: Int64s, slot_len: Int32s, slot_flow: Floats,
) -> tuple[int, int]:  # fmt: skip
    """Add each pair's shortest path where it beats the paths kept; return (next origin, store used) when room runs short."""
    zones = end.shape[0]
    for o in range(origin, zones):
        for d in range(zones):
            if o == d or demand[o, d] <= 0.0 or not np.isfinite(skim[o, d]):
                continue
            od = o * zones + d
            best = np.inf
            total = 0.0
            free_slot = -1
            weakest = 0
            for s in range(SLOTS):
                a = slot_path[od, s]
                if a < 0:
                    if free_slot < 0:
                        free_slot = s
                    continue
                c = 0.0
                for i in range(a, a + slot_len[od, s]):
                    c += seconds[store[i]]
                best = min(best, c)
                total += slot_flow[od, s]
                if slot_flow[od, s] < slot_flow[od, weakest]:
                    weakest = s
            if best > skim[o, d] * (1.0 + 1e-9) + 1e-9:
                s = free_slot
                moved = 0.0
                if s < 0:
                    s = weakest
                    moved = slot_flow[od, s]
                node = end[d]
                n = 0
                while via[o, node] >= 0:
                    node = tail[via[o, node]]
                    n += 1
                if used + n > store.shape[0]:
                    return o, used
                node = end[d]
                at = used + n
                while via[o, node] >= 0:
                    at -= 1
                    store[at] = via[o, node]
                    node = tail[via[o, node]]
                slot_path[od, s] = used
                slot_len[od, s] = n
                slot_flow[od, s] = moved
                used += n
                if total <= 0.0:
                    slot_flow[od, s] = demand[o, d]
            elif total <= 0.0:
                # the pair comes back to life: all on its cheapest kept path
                low = np.inf
                pick = 0
                for s in range(SLOTS):
                    a = slot_path[od, s]
                    if a >= 0:
                        c = 0.0
                        for i in range(a, a + slot_len[od, s]):
                            c += seconds[store[i]]
                        if c < low:
                            low = c
                            pick = s
                slot_flow[od, pick] = demand[o, d]
    return zones, used


@njit()
def _shift(
    demand: Floats, store: Int32s, slot_path: Int64s, slot_len: Int32s, slot_flow: Floats, flow: Floats, seconds: Floats,
    free: Floats, capacity: Floats, background: float, alpha: float, beta: float,
) -> None:  # fmt: skip
    """Shift flow from dearer paths to the cheapest, pair after pair, pricing the links at once."""
    links = flow.shape[0]
    in_best = np.zeros(links, np.int64)
    in_other = np.zeros(links, np.int64)
    stamp = 0
    for od in range(slot_path.shape[0]):
        if demand[od] <= 0.0:
            continue
        active = 0
        best = -1
        low = np.inf
        for s in range(SLOTS):
            a = slot_path[od, s]
            if a < 0:
                continue
            active += 1
            c = 0.0
            for i in range(a, a + slot_len[od, s]):
                c += seconds[store[i]]
            if c < low:
                low = c
                best = s
        if active < 2:
            continue
        for s in range(SLOTS):
            a = slot_path[od, s]
            if a < 0 or s == best:
                continue
            if slot_flow[od, s] <= 0.0:
                slot_path[od, s] = -1  # a path without flow that is not the best is forgotten
                slot_flow[od, s] = 0.0
                continue
            stamp += 1
            b = slot_path[od, best]
            for i in range(b, b + slot_len[od, best]):
                in_best[store[i]] = stamp
            gap = 0.0
            slope = 0.0
            for i in range(a, a + slot_len[od, s]):
                link = store[i]
                in_other[link] = stamp
                if in_best[link] != stamp:
                    gap += seconds[link]
                    slope += free[link] * alpha * beta / capacity[link] * (flow[link] / capacity[link] + background) ** (beta - 1.0)
            for i in range(b, b + slot_len[od, best]):
                link = store[i]
                if in_other[link] != stamp:
                    gap -= seconds[link]
                    slope += free[link] * alpha * beta / capacity[link] * (flow[link] / capacity[link] + background) ** (beta - 1.0)
            if gap <= 0.0:
                continue
            move = slot_flow[od, s] if slope <= 0.0 else min(slot_flow[od, s], gap / slope)
            slot_flow[od, s] -= move
            slot_flow[od, best] += move
            for i in range(a, a + slot_len[od, s]):
                link = store[i]
                if in_best[link] != stamp:
                    flow[link] = max(flow[link] - move, 0.0)
                    seconds[link] = free[link] * (1.0 + alpha * (flow[link] / capacity[link] + background) ** beta)
            for i in range(b, b + slot_len[od, best]):
                link = store[i]
                if in_other[link] != stamp:
                    flow[link] += move
                    seconds[link] = free[link] * (1.0 + alpha * (flow[link] / capacity[link] + background) ** beta)
