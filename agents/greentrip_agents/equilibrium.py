"""Road traffic in equilibrium: every driver on a path that no other path beats, to a gap as small as asked.

Fixed demand by vehicle class; delay of each link by any monotone function of its volume in car equivalents; each class
adds its own cost to a link (toll, distance) and may be barred from links. Paths are found by trees, kept from round
to round, and flow is shifted between paths by safeguarded Newton steps. Results do not depend on the number of threads.

    links = Links(nodes, tail, head, bpr(minutes, capacity))
    roads = RoadEquilibrium(links, [VehicleClass(origin, destination, vehicles)])
    done = roads.solve(gap=1e-6)
    done.volume, done.time, done.gap, done.unserved, roads.path_flows()
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from greentrip_networks.errors import ScenarioError
from greentrip_networks.hierarchy import Hierarchy, sums_along

from greentrip_agents.equilibrium_delay import Floats, Int64s, integrals, price_all
from greentrip_agents.equilibrium_paths import Choices, Paths, choices, class_flows, empty, renew
from greentrip_agents.equilibrium_problem import (
    Assignment,
    Links,
    PathFlows,
    Unserved,
    VehicleClass,
    lay_out,
    pair_up,
)
from greentrip_agents.equilibrium_shift import settle
from greentrip_agents.equilibrium_trees import Int32s, Trees, find_lows, first_loading, grow

SWEEPS = 40  # over the pairs at most between two sets of trees
SETTLED = 0.01  # of the round's gap: the excess at which a round's sweeps stop
ENOUGH = 0.1  # of the asked gap: the excess at which they stop anyway
ROUNDS = 1000
ROOM = 32  # links a pair for which there is room at first
TURNS = 4  # in which demand finds its first paths


class RoadEquilibrium:
    """Roads, demand and the paths in use: `solve` brings them into equilibrium, `change` keeps the paths."""

    def __init__(
        self, links: Links, classes: Sequence[VehicleClass], *, keep: int = 0, hierarchy: Hierarchy | None = None
    ) -> None:
        """Lay out the links and the demand; nothing is loaded yet.

        Paths are kept for so many rounds without flow: where demand changes from round to round, they come back. An
        equilibrium of the same nodes and links, whatever their delays, can lend its `roads.hierarchy`.
        """
        self.keep = keep
        self.links, self.classes = links, classes
        self.roads = lay_out(links, hierarchy)
        self.place = np.argsort(self.roads.order)  # of each link of the input
        self.pairs = pair_up(classes, links.nodes, self.roads)
        self.volume = self.roads.preload.copy()  # of the links as laid out, like time and slope
        self.time, self.slope = np.empty_like(self.volume), np.empty_like(self.volume)
        self.cost = np.empty_like(self.pairs.extra)  # of each class on each link, when the trees were last put right
        self.trees = self._no_trees()
        self.paths = self.spare = empty(0, 0, 0)
        self.path_key = self.pairs.key[:0]  # the pairs that the paths belong to
        self.rooted = False  # whether the trees reach what they should, if not at the least cost
        self.ready = False  # whether the paths serve this demand

    def change(self, links: Links | None = None, classes: Sequence[VehicleClass] | None = None) -> None:
        """Take new delays, preload, demand, tolls or closures; the next `solve` starts from the paths in use.

        Nodes and links stay the same; a link to be opened or closed later is there from the start, closed to classes.
        """
        if links is not None:
            roads = lay_out(links, self.roads.hierarchy)
            if not all(np.array_equal(a, b) for a, b in zip(roads.graph, self.roads.graph, strict=True)):
                raise ScenarioError("links", "other nodes or links than before: start a new equilibrium")
            self.links, self.roads = links, roads
        self.classes = self.classes if classes is None else classes
        old, trees = self.pairs, self.trees
        self.pairs = pair_up(self.classes, self.links.nodes, self.roads)
        self.trees = self._no_trees()
        self.rooted = (
            self.rooted
            and np.array_equal(old.demand.source, self.pairs.demand.source)
            and np.array_equal(old.demand.vehicle, self.pairs.demand.vehicle)
            and np.array_equal(np.isinf(old.extra), np.isinf(self.pairs.extra))
        )
        if self.rooted:
            self.trees = Trees(trees.via, self.trees.low)
        self.ready = False

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
            bounds cost, not flow: where delay is flat, volumes may be off by vehicles at a gap of 1e-10.
        """
        gaps: list[float] = []
        before = np.full(len(self.volume), np.inf)
        summed = False  # whether volumes are sums of path flows, not kept up by many small steps
        while True:
            now, total = self.measure()
            done = now <= gap and float(np.max(np.abs(self.volume - before), initial=0.0)) <= flow_change
            if summed and (done or len(gaps) >= rounds):
                return self._result(total, (*gaps, now), reached=now <= gap)
            if done or len(gaps) >= rounds:
                self.volume = self.roads.preload + self.pairs.units @ self._class_flows()
                summed = True
                continue
            gaps.append(now)
            before = self.volume.copy()
            self.shift(now, gap, total)
            summed = False

    def expect(self, time: Floats) -> None:
        """Find the trees at link times known before anything is loaded; `skim` then tells what they cost."""
        self.time[:] = time[self.roads.order]
        self.cost = self.time + self.pairs.extra
        self._grow()
        self.rooted = True

    def begin(self, expected: Floats | None = None) -> None:
        """Put the present demand on first paths, part after part at the volumes that the parts before it lead to.

        The volumes of the parts to come are expected ones (car equivalents, links in the input's order, preload
        included), or else like those of the parts before. In one go everybody would choose the same streets.
        """
        roads, pairs = self.roads, self.pairs
        others = roads.preload if expected is None else np.maximum(expected[roads.order], roads.preload)
        self.paths, self.path_key = empty(len(pairs.key), 0, 0), pairs.key
        for turn in range(TURNS):
            done = 1.0 if expected is None and turn else turn / TURNS
            price_all((1 - done) * others + done * self.volume, roads.delays, self.time, self.slope)
            self.cost = self.time + pairs.extra
            self._grow()
            self._renew(share=1 / (turn + 1))
        self.rooted = self.ready = True

    def load(self) -> None:
        """Put the present demand on the paths in use, which the last trees' join, or on first ones."""
        if not self.ready:
            self._begin()

    def measure(self) -> tuple[float, float]:
        """Price the links and put the trees right; return the relative gap and the total cost of the trips served."""
        self.load()
        pairs = self.pairs
        price_all(self.volume, self.roads.delays, self.time, self.slope)
        self.cost = cost = self.time + pairs.extra
        self._grow()
        flow = self._class_flows() if len(pairs.units) > 1 else (self.volume - self.roads.preload)[None] / pairs.units
        used = flow > 0
        total = float(flow[used] @ cost[used])
        served = np.isfinite(self.trees.low)
        best = float(pairs.demand.vehicles[served] @ self.trees.low[served])
        return (total - best) / total if total > 0 else 0.0, total

    def shift(self, now: float, asked: float, total: float, settled: float = SETTLED) -> None:
        """Take in the trees' paths and shift flow, given what `measure` returned and the gap asked for.

        settled: the excess at which the shifting stops, of the gap now.
        """
        self._renew()
        price_all(self.volume, self.roads.delays, self.time, self.slope)
        self._settle(settled * max(now, asked) * total, max(settled * now, ENOUGH * asked) * total)

    def settle(self, excess: float) -> None:
        """Shift flow between the paths in use until at most this share of all cost lies beyond the cheapest of them.

        Without new trees: enough for a demand changed a little, whose `load` took in the last trees' paths.
        """
        price_all(self.volume, self.roads.delays, self.time, self.slope)
        most = excess * float(self.volume @ self.time)
        self._settle(most, most)

    def skim(self, targets: Int32s, weight: Floats | None = None) -> Floats:
        """Return the cost, or another weight of the links (in the input's order), along the trees to some nodes.

        Shape (groups, targets), infinite where no path leads. Groups are the sources of the one class, by node.
        """
        values = self.cost[0] if weight is None else np.ascontiguousarray(weight[self.roads.order])
        ends = self.roads.end[targets]
        return sums_along(self.trees.via, self.pairs.demand.source, self.roads.graph.tail, values, ends)

    def state(self) -> dict[str, Any]:
        """Return the arrays from which `restore` goes on to the same bytes, the demand being the same."""
        count, paths = self._used(), self.paths
        return {
            "key": self.path_key, "first": paths.first, "start": paths.start[: count + 1],
            "flow": paths.flow[:count], "idle": paths.idle[:count], "link": paths.link[: paths.start[count]],
            "volume": self.volume, "cost": self.cost,
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned of an equilibrium of these links and classes."""
        self.path_key, self.volume, self.cost = state["key"], state["volume"], state["cost"]
        self.paths = Paths(state["first"], state["start"], state["flow"], state["idle"], state["link"])
        self._grow()
        price_all(self.volume, self.roads.delays, self.time, self.slope)
        self.rooted = self.ready = True

    def on_links(self, values: Floats) -> Floats:
        """Return values of the links as laid out in the order of the input."""
        return values[self.place]

    def path_flows(self) -> PathFlows:
        """Return the paths with flow, links as numbered in the input; costs are those of the last `solve`."""
        n, count = self.links.nodes, self._used()
        pair = np.repeat(np.arange(len(self.path_key)), np.diff(self.paths.first))
        length = np.diff(self.paths.start[: count + 1])
        keep = self.paths.flow[:count] > 0
        link = self.paths.link[: self.paths.start[count]]
        key = self.path_key[pair]
        vehicle = (key // n // n).astype(np.int32)
        owner = np.repeat(np.arange(count), length)
        cost = np.bincount(owner, (self.time + self.pairs.extra)[vehicle[owner], link], count).astype(np.float64)
        return PathFlows(
            vehicle[keep],
            (key // n % n).astype(np.int32)[keep],
            (key % n).astype(np.int32)[keep],
            self.paths.flow[:count][keep],
            cost[keep],
            np.concatenate([[0], np.cumsum(length[keep])]).astype(np.int64),
            self.roads.order[link[np.repeat(keep, length)]].astype(np.int32),
        )

    def _used(self) -> int:
        """Return the number of paths."""
        return int(self.paths.first[-1])

    def _no_trees(self) -> Trees:
        """Return room for the trees of the present demand."""
        size = (len(self.pairs.demand.source), len(self.roads.graph.first_out) - 1)
        return Trees(np.empty(size, np.int32), np.full(len(self.pairs.key), np.inf))

    def _grow(self) -> None:
        """Find the trees at the present costs."""
        grow(self.roads.hierarchy, self.roads.graph, self.pairs.demand, self.cost, self.trees)

    def _begin(self) -> None:
        """Find the first paths: origin after origin on the roads so far loaded, or those kept and the last trees'."""
        roads, pairs = self.roads, self.pairs
        at = np.minimum(np.searchsorted(self.path_key, pairs.key), max(len(self.path_key) - 1, 0))
        known = self.path_key[at] == pairs.key if len(self.path_key) else np.zeros(len(pairs.key), bool)
        if self.rooted:  # the last trees' paths join those kept
            price_all(self.volume, roads.delays, self.time, self.slope)
            find_lows(roads.graph, pairs.demand, self.time + pairs.extra, self.trees)
        elif known.any():
            price_all(self.volume, roads.delays, self.time, self.slope)
            self.cost = self.time + pairs.extra
            self._grow()
        else:
            self.volume = roads.preload.copy()
            first_loading(
                roads.graph, pairs.demand, roads.delays, pairs.extra, pairs.units, self.trees, self.volume, self.time,
                self.slope,
            )  # fmt: skip
        self._renew(np.where(known, at, -1).astype(np.int64))
        self.rooted = self.ready = True

    def _class_flows(self) -> Floats:
        """Return the vehicles of each class on each link."""
        flow = np.zeros_like(self.pairs.extra)
        class_flows(self.pairs.demand, self.paths, flow)
        return flow

    def _renew(self, old_pair: Int64s | None = None, share: float = 0.0) -> None:
        """Copy the paths with flow, take in the trees' new ones, sum the volumes; make room as needed.

        share: of the demand, to be put on the shortest paths.
        """
        pairs, count = self.pairs, len(self.pairs.key)
        if old_pair is None:
            old_pair = np.arange(count)
        new = self._room(self.spare)
        self.volume = self.roads.preload.copy()
        used = np.zeros(2, np.int64)
        at = 0
        while True:
            at = renew(
                at, self.roads.graph, pairs.demand, self.trees, self.time + pairs.extra, pairs.units, self.paths,
                old_pair, self.keep, share, new, used, self.volume,
            )  # fmt: skip
            if at == count:
                break
            wider = empty(count, 2 * len(new.flow), 2 * len(new.link))
            wider.first[:], wider.start[: len(new.start)] = new.first, new.start
            wider.idle[: len(new.idle)] = new.idle
            wider.flow[: len(new.flow)], wider.link[: len(new.link)] = new.flow, new.link
            new = wider
        self.spare, self.paths, self.path_key = self.paths, new, pairs.key

    def _room(self, paths: Paths) -> Paths:
        """Return room for the paths of the next round, these if they are large enough."""
        count = len(self.pairs.key)
        flows = max(len(self.paths.flow), 2 * count) + 16
        links = max(len(self.paths.link), ROOM * count) + 4 * len(self.roads.graph.first_out)
        enough = len(paths.first) == count + 1 and len(paths.flow) + 16 >= flows and len(paths.link) >= links
        return paths if enough else empty(count, flows, links)

    def _settle(self, even: float, most: float) -> None:
        """Sweep over the pairs with a choice, links priced, until `most` excess cost is left among their paths.

        Pairs below their share of `even` are left alone.
        """
        pairs, roads, count = self.pairs, self.roads, self._used()
        out = Choices(
            np.empty(count + 1, np.int64),
            np.empty(count, np.int32),
            np.empty(count, np.int64),
            np.empty(count + 1, np.int64),
            np.empty(self.paths.start[count], np.int32),
        )
        chosen = choices(pairs.demand, self.paths, np.zeros(len(self.volume), np.int32), out)
        settle(
            chosen, out, self.paths.flow, self.volume, roads.delays, pairs.extra, pairs.units, self.time, self.slope,
            even / max(len(pairs.key), 1), most, SWEEPS,
        )  # fmt: skip

    def _result(self, total: float, gaps: tuple[float, ...], *, reached: bool) -> Assignment:
        """Gather the result, links in the order of the input."""
        roads, pairs, n = self.roads, self.pairs, self.links.nodes
        flow = self._class_flows()
        delay = integrals(self.volume, roads.delays) - integrals(roads.preload, roads.delays)
        extra = pairs.units @ (flow * np.where(flow > 0, pairs.extra, 0.0))
        lost = np.flatnonzero(~np.isfinite(self.trees.low))
        key = pairs.key[lost]
        unserved = Unserved(
            (key // n // n).astype(np.int32),
            (key // n % n).astype(np.int32),
            (key % n).astype(np.int32),
            pairs.demand.vehicles[lost],
        )
        return Assignment(
            self.on_links(self.volume),
            self.on_links(self.time),
            flow[:, self.place],
            gaps[-1],
            float(delay.sum() + extra.sum()),
            total,
            len(gaps) - 1,
            gaps,
            reached,
            unserved,
            pairs.within,
        )
