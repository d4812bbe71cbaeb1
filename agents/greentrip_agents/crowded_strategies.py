"""Optimal strategies with vehicle capacity: crowding slows boarding and is felt aboard, until nobody would change.

Riding minutes and effective frequency follow `crowding`, the rule of rail loading: riding is multiplied by a discomfort
that grows with load over places, and a line whose vehicles leave a stop with x times as many riders as places is waited
for as if it came x times less often (x above 1). Cepeda, Cominetti and Florian (2006) show that equilibrium then means
that every destination's riders are on strategies optimal at the frequencies and costs they cause, and that their gap

    sum of c v + sum over destinations and waits of alpha max(v / f)  -  sum of demand x least cost,

over the last term, is never negative and zero only there. Self-regulated averages close it (Liu, He and He 2009).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from greentrip_agents.rail_loading import crowding
from greentrip_agents.strategies import StrategyGraph, StrategyLoading
from greentrip_agents.transit_graph import TransitLinks

Floats = NDArray[np.float64]

GAP = 1e-3
ROUNDS = 200
_LONGER = 1.8  # added to the step's divisor when the answer moved further away than in the round before
_NEARER = 0.1  # else


@dataclass(frozen=True, eq=False)
class CrowdedLoading:
    """An equilibrium of riders and crowding. Persons are of the period."""

    cost: Floats  # (origins, destinations) expected generalised minutes at the crowding of `flow`
    flow: Floats  # (links,) persons
    load: Floats  # (sections,) persons aboard
    crowd: Floats  # (sections,) factor on riding minutes
    full: Floats  # (sections,) factor on waiting for vehicles that leave with these riders
    gap: float  # relative, as above, of `flow` at its own costs
    gaps: tuple[float, ...]  # by round
    unserved: float  # persons with no way at all
    left_behind: float  # persons who cannot board within the period: those beyond the places, where they board
    last: StrategyLoading  # the optimal strategies at `cost`


class CrowdedTransit:
    """The transit of one period with its capacity.

    `alpha` is the felt wait times the frequency (see StrategyGraph), `weight` the discomfort at capacity (see
    `crowding`). Raises what StrategyGraph raises.
    """

    def __init__(self, links: TransitLinks, *, alpha: float, weight: float) -> None:
        self.links, self.weight = links, weight
        self.graph = StrategyGraph(links.nodes, links.tail, links.head, links.fixed, links.frequency, alpha=alpha)
        self._on = links.section >= 0
        waits = np.flatnonzero(np.isfinite(links.frequency))
        self._waits = waits[np.argsort(links.tail[waits], kind="stable")]  # grouped by stop
        _, self._first_wait = np.unique(links.tail[self._waits], return_index=True)
        self._flow = np.zeros(len(links.tail))

    def load_on(self, flow: Floats) -> Floats:
        """Return the persons aboard on each section."""
        k = self.links
        load = np.bincount(k.section[self._on], weights=flow[self._on], minlength=len(k.places))
        return load.astype(np.float64)  # counts, where nothing rides, are whole numbers

    def costs_at(self, flow: Floats) -> tuple[Floats, Floats]:
        """Return cost and effective frequency of each link when flow is on the links."""
        k = self.links
        crowd, full = crowding(self.load_on(flow), k.places, self.weight)
        cost = k.fixed + k.ride
        cost[self._on] += k.ride[self._on] * (crowd[k.section[self._on]] - 1)
        frequency = k.frequency.copy()
        frequency[self._on] /= full[k.section[self._on]]
        return cost, frequency

    def solve(
        self, origins: ArrayLike, destinations: ArrayLike, demand: ArrayLike, *, gap: float = GAP, rounds: int = ROUNDS
    ) -> CrowdedLoading:
        """Load demand (origins, destinations) to a relative gap, or for so many rounds; start from the last answer.

        Memory: destinations x waiting links. The gap reached is in the result, never assumed.
        """
        k, alpha = self.links, self.graph.alpha
        cost, frequency = self.costs_at(self._flow)
        self.graph.change(cost, frequency)
        answer = self.graph.assign(origins, destinations, demand, watched=self._waits)
        flow, boarding = answer.flow, answer.watched.copy()
        divisor, moved, gaps = 1.0, np.inf, []
        while True:
            cost, frequency = self.costs_at(flow)
            self.graph.change(cost, frequency)
            answer = self.graph.assign(origins, destinations, demand, watched=self._waits)
            served = np.isfinite(answer.cost) & (answer.demand > 0)
            least = float((answer.demand[served] * answer.cost[served]).sum())
            spent = float((cost * flow).sum())  # not a dot product, whose order depends on threads
            if len(self._waits):
                waited = np.maximum.reduceat(boarding / frequency[self._waits], self._first_wait, axis=1)
                spent += alpha * float(waited.sum())
            gaps.append((spent - least) / least if least > 0 else 0.0)
            if gaps[-1] <= gap or len(gaps) > rounds:
                break
            move = float(np.square(answer.flow - flow).sum()) ** 0.5
            divisor += _LONGER if move >= moved else _NEARER
            moved = move
            flow = flow + (answer.flow - flow) / divisor
            boarding += (answer.watched - boarding) / divisor
        self._flow = flow
        load = self.load_on(flow)
        crowd, full = crowding(load, k.places, self.weight)
        boards = k.boards > 0
        beyond = float((flow[boards] * (1 - frequency[boards] / k.frequency[boards])).sum())
        return CrowdedLoading(
            answer.cost, flow, load, crowd, full, gaps[-1], tuple(gaps), answer.unserved, beyond, answer
        )
