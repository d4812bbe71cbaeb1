"""Road traffic in equilibrium: every driver on a path that no other path beats, to a gap as small as asked.

Fixed demand by vehicle class; delay of each link by any monotone function of its volume in car equivalents; each class
adds its own cost to a link (toll, distance) and may be barred from links. Columns (paths) are found by trees kept from
round to round and flow is shifted between paths by safeguarded Newton steps; why so: docs/decisions.

    links = Links(nodes, tail, head, bpr(minutes, capacity))
    done = RoadEquilibrium(links, [VehicleClass(origin, destination, vehicles)]).solve(gap=1e-6)
    done.volume, done.gap, done.unserved, done.paths.flow

A `RoadEquilibrium` keeps its paths: after `change` of demand, delays, tolls or closures the next `solve` starts there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from greentrip_networks.errors import ScenarioError
from greentrip_networks.tntp import TntpNetwork, TntpTrips
from numpy.typing import ArrayLike, NDArray

from greentrip_agents.equilibrium_delay import CLOSED, Bools, Delays, Floats, Int8s, Int64s, bpr, integrals, price_all
from greentrip_agents.equilibrium_paths import Choices, Paths, choices, class_flows, empty, renew
from greentrip_agents.equilibrium_shift import sweep
from greentrip_agents.equilibrium_trees import Demand, Graph, Int32s, Trees, first_loading, first_trees, next_trees

SWEEPS = 20  # over the pairs at most between two sets of trees
SETTLED = 0.01  # of the round's gap: the excess at which a round's sweeps stop
ENOUGH = 0.1  # of the asked gap: the excess at which they stop anyway
ROUNDS = 1000


@dataclass(frozen=True)
class Links:
    """The roads: nodes are 0 to `nodes` - 1, links keep the order given; parallel links and loops are links like others.

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
    road; they are counted in the result. Pairs listed twice add up.
    """

    origin: Int32s
    destination: Int32s
    vehicles: Floats
    car_equivalents: float = 1.0
    extra: Floats | None = None
    closed: Bools | None = None
    name: str = "car"


@dataclass(frozen=True)
class Unserved:
    """Trips left out since no open path leads there (code unreachable-demand): counted and shown, never dropped unseen."""

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
    """The paths in use: path p of class `vehicle` carries `flow` from origin to destination over link[first[p]:first[p + 1]].

    Which of several equilibria in path flows this is depends on the way of finding it; the link volumes do not.
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
    """Traffic in equilibrium: per link of the input `volume` (car equivalents) and `time`, per class `flow` (vehicles)."""

    volume: Floats
    time: Floats
    flow: Floats  # (classes, links)
    gap: float  # (total cost - cost if all were on cheapest paths) / total cost, of the trips served
    objective: float  # integral of delay over volume + extra costs, in car equivalents (Beckmann's)
    total_cost: float
    iterations: int  # rounds of trees and shifts
    gaps: tuple[float, ...]  # at the start of each round
    reached: bool
    unserved: Unserved
    within: float  # vehicles whose trip stays within its node
    paths: PathFlows


class RoadEquilibrium:
    """Roads, demand and the paths in use; `solve` brings them into equilibrium, `change` keeps the paths."""

    def __init__(self, links: Links, classes: Sequence[VehicleClass]) -> None:
        """Lay out the links and the demand; nothing is loaded yet."""
        self._lay_out(links)
        self.volume = np.zeros(len(self.tail))
        self._demand(classes)
        pairs = len(self.keys)
        self.paths = empty(0, 1, 1)
        self.path_keys = self.keys[:0]  # the pairs that the paths belong to
        self.spare = empty(pairs, 2 * pairs + 16, 32 * pairs + 4 * links.nodes)
        self.grown = False  # whether there are trees for these links and this demand

    def change(self, links: Links | None = None, classes: Sequence[VehicleClass] | None = None) -> None:
        """Take new delays, preload, tolls, closures or demand; the same nodes and links, so that the paths still hold."""
        if links is not None:
            same = links.nodes == self.links.nodes and np.array_equal(links.tail, self.links.tail)
            if not (same and np.array_equal(links.head, self.links.head)):
                raise ScenarioError(
                    "links", "other nodes or links; start a new equilibrium (close and open links by delay)"
                )
            self._lay_out(links)
        self._demand(self.classes if classes is None else classes)
        self.grown = False

    def _lay_out(self, links: Links) -> None:
        """Check the links, split the nodes that must not be passed and sort the links by tail."""
        count, n = len(links.tail), links.nodes
        ends = np.concatenate([links.tail, links.head])
        if len(links.head) != count or len(links.delays.kind) != count:
            raise ScenarioError("links", f"tail, head and delays must be of one length; {count} tails")
        if count and not (0 <= ends.min() and ends.max() < n):
            raise ScenarioError("links", f"unknown-node: nodes must be from 0 to {n - 1}")
        barred = np.zeros(n, bool) if links.no_through is None else links.no_through
        self.end = np.arange(n, dtype=np.int32)
        self.end[barred] = n + np.arange(int(barred.sum()))
        head = self.end[links.head]
        order = np.lexsort((np.arange(count), links.tail))
        self.order = order
        self.tail, self.head = links.tail[order].astype(np.int32), head[order].astype(np.int32)
        width = n + int(barred.sum())
        first_out = np.concatenate([[0], np.cumsum(np.bincount(self.tail, minlength=width))]).astype(np.int32)
        self.graph = Graph(first_out, self.tail, self.head)
        d = links.delays
        knots = np.diff(d.first_knot)[order]
        at = np.repeat(d.first_knot[:-1][order] - np.concatenate([[0], np.cumsum(knots)[:-1]]), knots)
        at = (at + np.arange(len(at))).astype(np.int64)
        self.delays = Delays(
            d.kind[order], d.free[order], d.scale[order], d.unit[order], d.shape[order],
            np.concatenate([[0], np.cumsum(knots)]).astype(np.int64), d.knot_volume[at], d.knot_time[at],
        )  # fmt: skip
        self.preload = np.zeros(count) if links.preload is None else np.ascontiguousarray(links.preload[order])
        self.links = links
        self.time, self.slope = np.empty(count), np.empty(count)

    def _demand(self, classes: Sequence[VehicleClass]) -> None:
        """Check the classes and sort their pairs by class, origin and destination."""
        n, count = self.links.nodes, len(self.tail)
        self.classes = classes
        self.units = np.array([c.car_equivalents for c in classes])
        self.extra = np.zeros((len(classes), count))
        self.within = 0.0
        keys, vehicles = [], []
        for i, c in enumerate(classes):
            place = f"classes[{i}]"
            if not (np.isfinite(c.car_equivalents) and c.car_equivalents > 0):
                raise ScenarioError(f"{place}.car_equivalents", "bad-equivalents: a finite value above 0")
            if c.extra is not None:
                if not (np.isfinite(c.extra).all() and np.all(c.extra >= 0)):
                    raise ScenarioError(f"{place}.extra", "negative-cost: finite values of at least 0")
                self.extra[i] = c.extra[self.order]
            if c.closed is not None:
                self.extra[i, c.closed[self.order]] = np.inf
            self.extra[i, self.delays.kind == CLOSED] = np.inf
            if not (np.isfinite(c.vehicles).all() and np.all(c.vehicles >= 0)):
                raise ScenarioError(f"{place}.vehicles", "negative-demand: finite values of at least 0")
            ends = np.concatenate([c.origin, c.destination])
            if len(ends) and not (0 <= ends.min() and ends.max() < n):
                raise ScenarioError(place, f"unknown-node: origins and destinations must be from 0 to {n - 1}")
            inside = c.origin == c.destination
            self.within += float(c.vehicles[inside].sum())
            use = ~inside & (c.vehicles > 0)
            keys.append((i * n + c.origin[use].astype(np.int64)) * n + c.destination[use])
            vehicles.append(c.vehicles[use])
        key, index = np.unique(np.concatenate([np.zeros(0, np.int64), *keys]), return_inverse=True)
        amount = np.bincount(index, np.concatenate([np.zeros(0), *vehicles]), len(key)).astype(np.float64)
        groups, group = np.unique(key // n, return_inverse=True)
        first = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=len(groups)))]).astype(np.int64)
        self.keys = key
        self.demand = Demand(
            (groups % n).astype(np.int32), (groups // n).astype(np.int32), first, group.astype(np.int32),
            self.end[key % n], amount,
        )  # fmt: skip
        size = (len(groups), len(self.graph.first_out) - 1)
        self.trees = Trees(
            np.empty(size, np.int32),
            np.empty(size, np.int32),
            np.zeros(len(groups), np.int64),
            np.full(len(key), np.inf),
        )

    def solve(self, gap: float = 1e-6, *, rounds: int = ROUNDS, flow_change: float = np.inf) -> Assignment:
        """Shift flow until the relative gap is at most the one asked, or for a number of rounds.

        Parameters
        ----------
        gap
            (TSTT - SPTT) / TSTT: cost of all trips served beyond their cheapest paths, relative to all cost.
        rounds
            Sets of trees at most; the result says whether the gap was reached.
        flow_change
            If given, go on until no link's volume changed more than this (car equivalents) in the last round. A gap
            bounds cost, not flow: where delay is flat, volumes may still be off by many vehicles at a gap of 1e-10.
        """
        if not self.grown:
            self._begin()
        gaps: list[float] = []
        exact = False  # volumes are sums of path flows, not running sums
        before = np.full(len(self.volume), np.inf)
        while True:
            now, total = self._measure()
            moved = float(np.max(np.abs(self.volume - before), initial=0.0))
            done = now <= gap and moved <= flow_change
            if exact:
                break
            if done or len(gaps) >= rounds:
                exact = True
                before = before if done else self.volume.copy()
                self.volume = self.preload + self.units @ self._class_flows()
                continue
            gaps.append(now)
            before = self.volume.copy()
            self._renew()
            self._shift(now, gap, total)
        return self._result(now, total, (*gaps, now), reached=now <= gap)

    def _begin(self) -> None:
        """Find the first trees: origin after origin on the roads so far loaded, or all at the volumes of the paths kept."""
        at = np.minimum(np.searchsorted(self.path_keys, self.keys), max(len(self.path_keys) - 1, 0))
        known = self.path_keys[at] == self.keys if len(self.path_keys) else np.zeros(len(self.keys), bool)
        self.old_pair = np.where(known, at, -1).astype(np.int64)
        if not known.any():
            self.volume = self.preload.copy()
            first_loading(
                self.graph,
                self.demand,
                self.delays,
                self.extra,
                self.units,
                self.trees,
                self.volume,
                self.time,
                self.slope,
            )
        else:
            price_all(self.volume, self.delays, self.time, self.slope)
            first_trees(self.graph, self.demand, self.time + self.extra, self.trees)
        self._renew()
        self.grown = True

    def _measure(self) -> tuple[float, float]:
        """Price the links, put the trees right; return the relative gap and the total cost of the trips served."""
        price_all(self.volume, self.delays, self.time, self.slope)
        self.cost = self.time + self.extra
        next_trees(self.graph, self.demand, self.cost, self.trees)
        total = self._total_cost()
        served = np.isfinite(self.trees.low)
        best = float(self.demand.vehicles[served] @ self.trees.low[served])
        return (total - best) / total if total > 0 else 0.0, total

    def _total_cost(self) -> float:
        """Return the cost of all vehicles on paths at the present times."""
        if len(self.units) == 1:
            flow = (self.volume - self.preload) / self.units[0]
            return float(np.where(flow > 0, flow, 0.0) @ np.where(flow > 0, self.cost[0], 0.0))
        flow = self._class_flows()
        return float(np.sum(flow[flow > 0] * self.cost[flow > 0]))

    def _class_flows(self) -> Floats:
        """Return the vehicles of each class on each link."""
        flow = np.zeros_like(self.extra)
        class_flows(self.demand, self.paths, flow)
        return flow

    def _renew(self) -> None:
        """Copy the paths with flow, take in the trees' new ones, make room as needed."""
        pairs = len(self.demand.vehicles)
        used = np.zeros(3, np.int64)
        new = self.spare
        if len(new.first) != pairs + 1:
            new = Paths(np.zeros(pairs + 1, np.int64), *new[1:])
        self.volume = self.preload.copy()
        cost = self.time + self.extra
        at = 0
        while True:
            at = renew(
                at,
                self.graph,
                self.demand,
                self.trees,
                cost,
                self.units,
                self.paths,
                self.old_pair,
                new,
                used,
                self.volume,
            )
            if at == pairs:
                break
            new = Paths(
                new.first,
                np.resize(new.start, 2 * len(new.start) + 16),
                np.resize(new.flow, 2 * len(new.flow) + 16),
                np.resize(new.link, 2 * len(new.link) + 4 * self.graph.first_out.shape[0]),
            )
        self.spare, self.paths = self.paths, new
        self.path_keys = self.keys
        self.old_pair = np.arange(pairs, dtype=np.int64)
        self.used = (int(used[0]), int(used[1]))

    def _shift(self, now: float, asked: float, total: float) -> None:
        """Sweep over the pairs with a choice until little excess cost is left among their paths."""
        paths, links = self.used
        pairs = Choices(
            np.empty(paths + 1, np.int64), np.empty(paths, np.int32), np.empty(paths, np.int64),
            np.empty(paths + 1, np.int64), np.empty(links, np.int32),
        )  # fmt: skip
        chosen = choices(self.demand, self.paths, len(self.volume), pairs)
        price_all(self.volume, self.delays, self.time, self.slope)
        mark, rest = np.zeros(len(self.volume), np.int8), np.zeros(chosen, np.int8)
        tolerance = SETTLED * max(now, asked) * total / max(len(self.demand.vehicles), 1)
        stop = max(SETTLED * now, ENOUGH * asked) * total
        for _ in range(SWEEPS):
            excess = sweep(
                chosen, pairs, self.paths.flow, self.volume, self.delays, self.extra, self.units, self.time, self.slope,
                mark, rest, tolerance,
            )  # fmt: skip
            if excess <= stop:
                break

    def _result(self, gap: float, total: float, gaps: tuple[float, ...], *, reached: bool) -> Assignment:
        """Gather the result, in the input's order of links."""
        flow = self._class_flows()
        extra = np.where(flow > 0, self.extra, 0.0)
        objective = integrals(self.volume, self.delays) - integrals(self.preload, self.delays)
        n = self.links.nodes
        lost = np.flatnonzero(~np.isfinite(self.trees.low))
        group = self.keys[lost] // n
        unserved = Unserved(
            (group // n).astype(np.int32), (group % n).astype(np.int32), (self.keys[lost] % n).astype(np.int32),
            self.demand.vehicles[lost],
        )  # fmt: skip
        by_input = np.empty(len(self.order), np.int64)
        by_input[self.order] = np.arange(len(self.order))
        return Assignment(
            self.volume[by_input],
            self.time[by_input],
            flow[:, by_input],
            gap,
            float(objective.sum() + self.units @ (flow * extra).sum(1)),
            total,
            len(gaps) - 1,
            gaps,
            reached,
            unserved,
            self.within,
            self._path_flows(),
        )

    def _path_flows(self) -> PathFlows:
        """Return the paths with flow, in the input's numbering of links."""
        n = self.links.nodes
        paths, links = self.used
        pair = np.repeat(np.arange(len(self.keys)), np.diff(self.paths.first))
        length = np.diff(self.paths.start[: paths + 1])
        keep = self.paths.flow[:paths] > 0
        link = self.paths.link[:links]
        vehicle = (self.keys // n // n).astype(np.int32)[pair]
        owner = np.repeat(np.arange(paths), length)
        cost = np.bincount(owner, self.cost[vehicle[owner], link], paths)
        return PathFlows(
            vehicle[keep],
            (self.keys // n % n).astype(np.int32)[pair][keep],
            (self.keys % n).astype(np.int32)[pair][keep],
            self.paths.flow[:paths][keep],
            cost[keep],
            np.concatenate([[0], np.cumsum(length[keep])]).astype(np.int64),
            self.order[link[np.repeat(keep, length)]].astype(np.int32),
        )


def of_tntp(
    network: TntpNetwork, trips: TntpTrips, *, toll_weight: float = 0.0, distance_weight: float = 0.0
) -> tuple[Links, VehicleClass]:
    """Return the roads and the one vehicle class of a TNTP network and its trips.

    A link's cost is its delay + toll weight x toll + distance weight x length, as in that collection's definition.
    """
    links = Links(
        network.nodes,
        network.tail,
        network.head,
        bpr(network.free_flow_time, network.capacity, network.b, network.power),
        network.no_through,
    )
    extra = toll_weight * network.toll + distance_weight * network.length
    return links, VehicleClass(trips.origin, trips.destination, trips.vehicles, extra=extra)
