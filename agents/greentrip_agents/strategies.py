"""Optimal strategies on headways (Spiess and Florian 1989): riders take whichever attractive line comes first.

A node is a place where riders decide; a link costs generalised minutes and either needs no wait (infinite frequency)
or leaves at a frequency. A rider waiting for links of frequencies f waits alpha / sum(f) on average and takes each
with probability f / sum(f). `alpha` is 1 for vehicles at random times (the wait is a whole headway), 0.5 for the
project's convention of half a headway; times the weight of waiting, as costs are felt minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from greentrip_networks.errors import ScenarioError, TableError
from numpy.typing import ArrayLike, NDArray

from greentrip_agents.strategy_kernel import Links, find_all, find_and_load

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]

RANDOM_ARRIVALS = 1.0  # alpha: mean wait of a whole headway
HALF_HEADWAY = 0.5  # alpha: mean wait of half a headway
UNSERVED_LIMIT = 0.005  # share of demand
_BLOCKS = 16  # parts that destinations are shared out in, whatever the number of threads


@dataclass(frozen=True, eq=False)
class Strategies:
    """Strategies of some destinations. Links are in the order in which the graph was given them."""

    destinations: Int32s  # (destinations,) nodes
    cost: Floats  # (destinations, nodes) expected generalised minutes; infinite where no link leads to the destination
    share: Floats  # (destinations, links) of the riders at the link's tail who take it
    order: Int32s  # (destinations, nodes) nodes that reach it, nearest first, then -1


@dataclass(frozen=True, eq=False)
class StrategyLoading:
    """What many destinations' demand costs, and where it rides."""

    origins: Int32s  # (origins,) nodes
    destinations: Int32s  # (destinations,) nodes
    demand: Floats  # (origins, destinations) persons
    cost: Floats  # (origins, destinations) expected generalised minutes, infinite where there is no way
    sums: Floats  # (columns, origins, destinations) expected sums of the asked columns along the strategies
    flow: Floats  # (links,) persons
    watched: Floats  # (destinations, watched links) persons by destination
    unserved: float  # persons between places with no way

    def require_served(self, limit: float = UNSERVED_LIMIT) -> None:
        """Raise ScenarioError if more than a share of the demand has no way, naming some of the pairs."""
        total = float(self.demand.sum())
        if self.unserved <= limit * total:
            return
        o, d = np.nonzero(~np.isfinite(self.cost) & (self.demand > 0))
        pairs = ", ".join(
            f"{a} to {b}" for a, b in zip(self.origins[o[:5]].tolist(), self.destinations[d[:5]].tolist(), strict=True)
        )
        raise ScenarioError(
            "transit demand",
            f"{self.unserved:g} of {total:g} persons have no way on {len(o)} pairs (nodes {pairs}); allowed are "
            f"{100 * limit:g} %: add access or walking links",
        )


class StrategyGraph:
    """Links between nodes, laid out for searches from destinations backwards.

    Parameters are the number of nodes; by link the nodes `tail` and `head`, `cost` in generalised minutes and
    `frequency` per minute, infinite where nobody waits; and `alpha`, the expected wait times the frequency, felt.
    Raises TableError, naming the link, on a node that is not there, a cost that is negative or not a number, or a
    frequency (or headway) that is not above zero. A link that leads nowhere because it costs infinitely much is closed.
    """

    def __init__(
        self, nodes: int, tail: ArrayLike, head: ArrayLike, cost: ArrayLike, frequency: ArrayLike, *, alpha: float
    ) -> None:
        self.nodes = int(nodes)
        tail_row, head_row = np.asarray(tail, np.int64).ravel(), np.asarray(head, np.int64).ravel()
        _check("tail", tail_row, (tail_row < 0) | (tail_row >= nodes), f"a node from 0 to {nodes - 1}")
        _check("head", head_row, (head_row < 0) | (head_row >= nodes), f"a node from 0 to {nodes - 1}")
        if not (np.isfinite(alpha) and alpha >= 0):
            raise ScenarioError("alpha", f"saw {alpha!r}; expected a finite number of at least 0")
        self.alpha = float(alpha)
        self._sorted = np.argsort(head_row, kind="stable")
        self._row = np.empty(len(head_row), np.int64)  # of each given link among the sorted
        self._row[self._sorted] = np.arange(len(head_row))
        count = np.bincount(head_row, minlength=nodes)
        self._first_in = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
        self.tail, self.head = tail_row.astype(np.int32), head_row.astype(np.int32)
        self._tail, self._head = self.tail[self._sorted], self.head[self._sorted]
        self.change(cost, frequency)

    def change(self, cost: ArrayLike, frequency: ArrayLike) -> None:
        """Set other costs and frequencies on the same links."""
        self.cost = np.array(cost, np.float64).ravel()
        self.frequency = np.array(frequency, np.float64).ravel()
        for name, column in (("cost", self.cost), ("frequency", self.frequency)):
            if len(column) != len(self.tail):
                raise TableError("transit links", f"{len(self.tail)} rows", column=name, value=len(column))
        _check("cost", self.cost, ~(self.cost >= 0), "generalised minutes of at least 0")
        _check("frequency", self.frequency, ~(self.frequency > 0), "departures a minute above 0, or infinity")
        cost_row, frequency_row = self.cost[self._sorted], self.frequency[self._sorted]
        self._links = Links(self._first_in, self._tail, self._head, cost_row, frequency_row)

    def solve(self, destinations: ArrayLike) -> Strategies:
        """Find the strategies to some destinations, every node's choice kept (destinations x links of memory)."""
        ends = self._nodes("destination", destinations)
        label = np.empty((len(ends), self.nodes))
        share = np.zeros((len(ends), len(self.tail)))
        order = np.full((len(ends), self.nodes), -1, np.int32)
        find_all(ends, self._links, self.alpha, label, share, order, np.empty(len(ends), np.int32))
        return Strategies(ends, label, share[:, self._row], order)

    def skim(
        self, origins: ArrayLike, destinations: ArrayLike, columns: Sequence[ArrayLike] = (), by_wait: ArrayLike = ()
    ) -> StrategyLoading:
        """Find costs from origins to destinations and the expected sums of columns of the links along the strategies.

        `by_wait` adds, a column, that many headways of the lines waited for at each wait (0.5: the plain wait).
        """
        return self._run(origins, destinations, None, columns, by_wait, ())

    def assign(
        self,
        origins: ArrayLike,
        destinations: ArrayLike,
        demand: ArrayLike,
        columns: Sequence[ArrayLike] = (),
        by_wait: ArrayLike = (),
        watched: ArrayLike = (),
    ) -> StrategyLoading:
        """Put demand (origins, destinations), persons, on the optimal strategies.

        `watched` are links whose flow is wanted by destination. Demand at its own destination uses no link.
        """
        persons = np.asarray(demand, np.float64)
        shape = (np.size(origins), np.size(destinations))
        if persons.shape != shape:
            raise TableError("transit demand", f"a table of shape {shape}", value=persons.shape)
        bad = np.argwhere(~(np.isfinite(persons) & (persons >= 0)))
        if len(bad):
            o, d = bad[0].tolist()
            raise TableError(
                "transit demand",
                "a finite number of persons of at least 0",
                row=o,
                column=str(d),
                value=float(persons[o, d]),
            )
        return self._run(origins, destinations, persons, columns, by_wait, watched)

    def _run(
        self,
        origins: ArrayLike,
        destinations: ArrayLike,
        demand: Floats | None,
        columns: Sequence[ArrayLike],
        by_wait: ArrayLike,
        watched: ArrayLike,
    ) -> StrategyLoading:
        """Search, sum and load."""
        starts, ends = self._nodes("origin", origins), self._nodes("destination", destinations)
        links = len(self.tail)
        wanted = np.array([np.asarray(c, np.float64)[self._sorted] for c in columns]).reshape(len(columns), links)
        waits = np.asarray(by_wait, np.float64).ravel() if len(columns) else np.zeros(0)
        waits = np.concatenate([waits, np.zeros(len(columns) - len(waits))])
        rows = self._row[np.asarray(watched, np.int64).ravel()].astype(np.int32)
        blocks = max(min(_BLOCKS, len(ends)), 1)
        first = np.linspace(0, len(ends), blocks + 1).astype(np.int32)
        cost = np.empty((len(ends), len(starts)))
        sums = np.empty((len(ends), len(columns), len(starts)))
        flow = np.zeros((blocks, links if demand is not None else 0))
        watched_flow = np.zeros((len(ends), len(rows)))
        sent = np.ascontiguousarray(demand.T) if demand is not None else np.zeros((0, 0))
        find_and_load(
            first, ends, self._links, self.alpha, starts, sent, wanted, waits, rows, cost, sums, flow, watched_flow
        )
        persons = demand if demand is not None else np.zeros((len(starts), len(ends)))
        return StrategyLoading(
            starts, ends, persons, cost.T, sums.transpose(1, 2, 0),
            flow.sum(axis=0)[self._row] if demand is not None else np.zeros(links),
            watched_flow, float(persons[~np.isfinite(cost.T)].sum()),
        )  # fmt: skip

    def _nodes(self, kind: str, asked: ArrayLike) -> Int32s:
        """Return nodes as rows; one that is not there raises TableError."""
        rows = np.asarray(asked, np.int64).ravel()
        _check(kind, rows, (rows < 0) | (rows >= self.nodes), f"a node from 0 to {self.nodes - 1}")
        return rows.astype(np.int32)


def frequency_per_min(headway_s: ArrayLike) -> Floats:
    """Return departures a minute of headways in seconds; a headway that is not above zero raises TableError.

    An infinite headway, a line that does not run, is refused as well: leave the line's links out.
    """
    headway = np.asarray(headway_s, np.float64).ravel()
    _check("headway_s", headway, ~((headway > 0) & np.isfinite(headway)), "finite seconds above 0")
    return 60.0 / headway


def _check(column: str, values: NDArray[Any], bad: NDArray[np.bool_], expected: str) -> None:
    """Raise TableError at the first bad value."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise TableError("transit links", expected, row=row, column=column, value=values[row].item())
