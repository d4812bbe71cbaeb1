"""Route choice day to day over queue traffic: each day some of those whose route was dear take the best they missed.

Everybody starts on the fastest route of an empty road. A round simulates every vehicle, reads link times by bins,
finds on them the fastest route of every origin, destination and period of departure, and moves a share of those whose
own route takes longer than that by more than a tolerance. The share falls by the self-regulated average (Liu, He and
He 2009): slowly while the gap falls, faster after it rose. It is the chance to move of those who lose a tenth or more;
who loses less moves with less chance in proportion, else near the end as many would move too far as before.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from greentrip_networks.errors import ScenarioError
from numpy.typing import ArrayLike, NDArray

from greentrip_agents.draws import REROUTE, uniforms
from greentrip_agents.queue_roads import Closures, QueueRoads, Signals, column
from greentrip_agents.queue_traffic import (
    ARRIVED,
    BIN_S,
    DAY_S,
    WAITING,
    Paths,
    QueueResult,
    QueueTraffic,
    Vehicles,
)
from greentrip_agents.timed_routes import LinkTimes, hold_order, lay_streets, middle_s, ride, take_routes, timed_routes

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

SLOW, FAST = 0.3, 1.5  # what the share's divisor gains after a round in which the gap fell, and rose
FIRST_SHARE = 0.5
FULL_LOSS = 0.1  # part of the best from which on a vehicle moves with the full share as its chance
GAP = 1e-2
TOLERANCE = 1e-3
ROUNDS = 40


@dataclass(frozen=True, eq=False)
class Trips:
    """Vehicles that choose their routes, a row each: nodes, departure in seconds after midnight, car equivalents."""

    origin: ArrayLike
    destination: ArrayLike
    depart_s: ArrayLike
    pce: ArrayLike = 1.0


@dataclass(frozen=True)
class Round:
    """What one round showed, over the vehicles that could drive.

    ``gap`` is (experienced seconds - best seconds) / best seconds, both summed over vehicles; experienced is from
    departure to arrival as simulated, for the unfinished up to the end of the run. ``route_gap`` is the same with each
    vehicle's own route at the mean times of the bins instead, so that what differs within a bin does not count. Best is
    the faster of the vehicle's own route and its period's tree, from its own departure, at the mean times of the bins.
    """

    gap: float
    route_gap: float
    mean_s: float  # experienced
    best_s: float  # mean
    unfinished: int
    gridlock_moves: int
    dearer: float  # share whose route is dearer than the best by more than the tolerance
    moved: int  # vehicles that took another route after the round


@dataclass(frozen=True, eq=False)
class QueueEquilibrium:
    """The last round's routes and traffic, and how it came there."""

    rounds: tuple[Round, ...]
    converged: bool  # both gaps within what was asked, nobody unfinished
    paths: Paths
    path: Int64s  # (vehicles,) row of paths
    traffic: QueueResult
    times: LinkTimes
    unreached: Int64s  # vehicles whose destination no road reaches; the traffic counts them as route-empty

    @property
    def gap(self) -> float:
        """Return the last round's gap of experienced times."""
        return self.rounds[-1].gap


def find_queue_equilibrium(
    roads: QueueRoads,
    trips: Trips,
    *,
    gap: float = GAP,
    rounds: int = ROUNDS,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    signals: Signals | None = None,
    closures: Closures | None = None,
    until_s: int = DAY_S,
    bin_s: float = BIN_S,
    tree_s: float = BIN_S,
    on_round: Callable[[Round], None] | None = None,
) -> QueueEquilibrium:
    """Repeat queue traffic until nobody gains much by another route, or for a number of rounds.

    Parameters
    ----------
    roads, trips, signals, closures, until_s, bin_s
        As in queue traffic. Nobody is routed over a link without capacity.
    tree_s
        Vehicles of one origin that depart in the same period of so many seconds share a tree, from its middle.
    gap
        Stop when both gaps of a round are at most this (the experienced one in size, as means over bins may also be
        above what happened) and everybody has arrived.
    rounds
        Stop after so many in any case; ``converged`` then says false.
    tolerance
        Only those change whose route takes longer than the best by more than this part of it.
    seed
        Key of the draws that say who changes.
    on_round
        Called with each round's figures.

    """
    depart = np.ascontiguousarray(np.asarray(trips.depart_s, np.float64))
    count = len(depart)
    column("depart_s", depart, count)
    origin = column("origin", trips.origin, count, np.int64).astype(np.int64)
    destination = column("destination", trips.destination, count, np.int64).astype(np.int64)
    if rounds < 1:
        raise ScenarioError("rounds", f"is {rounds}; expected at least 1")
    if tolerance < 0.0 or gap < 0.0:
        raise ScenarioError("tolerance" if tolerance < 0.0 else "gap", "is negative")
    named = np.concatenate([origin, destination])
    if not (bin_s > 0.0 and tree_s > 0.0):
        raise ScenarioError("tree_s" if bin_s > 0.0 else "bin_s", "expected more than 0")
    if count and named.min() < 0:
        raise ScenarioError("origin", "names a node below 0")
    streets = lay_streets(roads.tail, roads.head, int(named.max(initial=-1)) + 1)
    links = len(streets.tail)
    shut = np.broadcast_to(np.asarray(roads.capacity_veh_h, np.float64) <= 0.0, (links,))
    bins = max(1, int(np.ceil(until_s / bin_s)))
    row = np.clip((depart / bin_s).astype(np.int64), 0, bins - 1)
    period = np.clip(depart, 0.0, until_s) // tree_s
    nodes = len(streets.first_out) - 1
    groups, group = np.unique((period.astype(np.int64) * nodes + origin) * nodes + destination, return_inverse=True)
    group = group.reshape(-1).astype(np.int64)
    of_group = (groups // nodes % nodes, groups % nodes)
    leaves = middle_s(groups // (nodes * nodes) * tree_s, tree_s)

    empty = np.where(shut, np.inf, np.maximum(np.asarray(roads.free_s, np.float64) + np.zeros(links), 1.0))
    found = timed_routes(streets, hold_order(empty[None], bin_s), *of_group, np.zeros(len(groups)))
    first, link, path = found.first, found.link, group
    unreached = np.flatnonzero(np.isinf(found.arrive_s)[group])
    vehicles = np.arange(count)
    done: list[Round] = []
    divisor = 1.0 / FIRST_SHARE
    while True:
        traffic = QueueTraffic(
            roads, Paths(first, link), Vehicles(depart, path, trips.pce), signals, closures, end_s=until_s, bin_s=bin_s
        )
        traffic.advance(until_s)
        result = traffic.result()
        del traffic
        times = _times(result, shut, first, link, path, depart, row)
        best = timed_routes(streets, times, *of_group, leaves)
        own_s = ride(times, first, link, path, depart)
        other_s = ride(times, best.first, best.link, group, depart)
        best_s = np.minimum(own_s, other_s)
        drives = result.fate <= WAITING
        dear = drives & (own_s > best_s * (1.0 + tolerance))
        if done and _gap(own_s, best_s, drives) >= done[-1].route_gap:
            divisor += FAST
        elif done:
            divisor += SLOW
        chance = np.minimum(1.0, (own_s - best_s) / np.maximum(best_s * FULL_LOSS, 1e-9)) / divisor
        moves = dear & (uniforms(seed, vehicles, REROUTE, len(done)) < chance)
        spent = np.where(result.fate == ARRIVED, result.arrived_s, np.maximum(result.now_s, depart)) - depart
        unfinished = int((drives & (result.fate != ARRIVED)).sum())
        now = Round(
            gap=_gap(spent, best_s, drives),
            route_gap=_gap(own_s, best_s, drives),
            mean_s=float(spent[drives].mean()) if drives.any() else 0.0,
            best_s=float(best_s[drives].mean()) if drives.any() else 0.0,
            unfinished=unfinished,
            gridlock_moves=result.gridlock_moves,
            dearer=float(dear.sum() / max(1, drives.sum())),
            moved=int(moves.sum()),
        )
        converged = abs(now.gap) <= gap and now.route_gap <= gap and unfinished == 0
        stop = converged or len(done) + 1 == rounds
        done.append(now if not stop else Round(**{**now.__dict__, "moved": 0}))
        if on_round is not None:
            on_round(done[-1])
        if stop:
            return QueueEquilibrium(tuple(done), converged, Paths(first, link), path, result, times, unreached)
        first, link, path = _take(first, link, path, best.first, best.link, np.where(moves, group, -1))


def _gap(spent_s: Floats, best_s: Floats, drives: Bools) -> float:
    """Return by which part of the best the times spent exceed it, over those who drive."""
    best = float(best_s[drives].sum())
    return (float(spent_s[drives].sum()) - best) / best if best > 0.0 else 0.0


def _times(
    result: QueueResult, shut: Bools, first: Int64s, link: Int32s, path: Int64s, depart: Floats, row: Int64s
) -> LinkTimes:
    """Return a day's link times, with the waits of those who found no room on their first link.

    Where nobody departs on a link in a bin its wait is the bin's before less one bin, or none.
    """
    seconds = np.where(shut, np.inf, result.link_s)
    tried = np.flatnonzero((result.fate <= WAITING) & (depart <= result.now_s))
    entered = np.where(np.isnan(result.started_s), result.now_s, result.started_s)[tried]
    gates, gate = np.unique(link[first[path[tried]]], return_inverse=True)
    bins, columns = len(seconds), len(gates)
    at = row[tried] * columns + gate.reshape(-1)
    met = np.bincount(at, minlength=bins * columns).reshape(bins, columns)
    total = np.bincount(at, entered - depart[tried], bins * columns).reshape(bins, columns)
    mean = np.maximum(total, 0.0) / np.maximum(met, 1)
    for b in range(1, bins):
        mean[b] = np.where(met[b] > 0, mean[b], np.maximum(mean[b - 1] - result.bin_s, 0.0))
    if not (mean > 0.0).any():
        return hold_order(seconds, result.bin_s)
    wait = np.zeros_like(seconds)
    wait[:, gates] = mean
    return hold_order(seconds, result.bin_s, wait)


def _take(
    first: Int64s, link: Int32s, path: Int64s, new_first: Int64s, new_link: Int32s, taken: Int64s
) -> tuple[Int64s, Int32s, Int64s]:
    """Return the routes in use once some vehicles have taken new ones (-1: keeps its own), and who uses which."""
    kept = np.unique(path[taken < 0])
    added = np.unique(taken[taken >= 0])
    old, new = take_routes(first, link, kept), take_routes(new_first, new_link, added)
    row = np.where(taken < 0, np.searchsorted(kept, path), len(kept) + np.searchsorted(added, taken))
    return np.concatenate([old[0], old[0][-1] + new[0][1:]]), np.concatenate([old[1], new[1]]), row
