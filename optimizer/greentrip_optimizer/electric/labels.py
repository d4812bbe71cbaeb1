"""Blocks that cost least at given prices of trips: labels of charge and cost, grown from trip to trip.

A label ends with a trip and says with how much charge and at what cost so far. One with no less charge and no more cost
than another at the same trip makes the other needless (it dominates it), so only those that none dominates grow on.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from greentrip_optimizer.electric.battery import EPSILON
from greentrip_optimizer.electric.links import Floats, Links

PAYS = -1e-7  # cost at which a block counts as below 0
_START_ROOM = 4096


class Prices(NamedTuple):
    """What a block costs (`bus`, and `minute` for each minute driven empty), and what its trips and bus are worth."""

    bus: float
    minute: float
    trip: Floats
    spare: float  # 0 or less: the worth of one bus more


class Column(NamedTuple):
    """A block: its trips, the way to each (the first's is 0) and its empty minutes."""

    trips: tuple[int, ...]
    ways: tuple[int, ...]
    empty_min: float


@dataclass
class Work:
    """What may still be done, counted in labels tried, so that a limit repeats."""

    left: int


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels by trip in order: trip, label before (-1: none), way, charge in km, cost, and cost with the way home.

    `whole` says that none was left out that is not dominated and could lead to a block within the limit.
    """

    trip: NDArray[np.int64]
    parent: NDArray[np.int64]
    way: NDArray[np.int64]
    charge: Floats
    cost: Floats
    end: Floats
    whole: bool

    def column(self, links: Links, k: int) -> Column:
        """Return the block of a label."""
        trips, ways, at = [], [], k
        while at >= 0:
            trips.append(int(self.trip[at]))
            ways.append(int(self.way[at]))
            at = int(self.parent[at])
        return column(links, tuple(trips[::-1]), tuple(ways[::-1]))

    def best(self, limit: float) -> list[int]:
        """Return the cheapest label of each last trip, of those that end within a limit, cheapest first."""
        order = np.lexsort((self.end, self.trip))
        if not len(order):
            return []
        first = np.flatnonzero(np.diff(self.trip[order], prepend=-1))
        chosen = order[first]
        chosen = chosen[self.end[chosen] < limit]
        return [int(k) for k in chosen[np.argsort(self.end[chosen], kind="stable")]]


def column(links: Links, trips: tuple[int, ...], ways: tuple[int, ...]) -> Column:
    """Return a block with its empty minutes."""
    empty = float(links.out_min[trips[0]] + links.back_min[trips[-1]])
    for i, j, way in zip(trips, trips[1:], ways[1:], strict=False):
        empty += float(links.empty_min(way, j, np.array([i]))[0])
    return Column(trips, ways, empty)


def grow(
    links: Links,
    prices: Prices,
    active: NDArray[np.bool_],
    work: Work,
    *,
    most: int | None = None,
    limit: float = PAYS,
) -> Labels:
    """Return labels that may lead to blocks of active trips that cost less than `limit` at the prices.

    `most` keeps only so many of a trip's labels, spread from the cheapest to the fullest.
    """
    return _grown(links, prices, active, work, most, limit, every=None)


def enumerate_blocks(links: Links, prices: Prices, work: Work, limit: float, most: int) -> list[Column] | None:
    """Return every block that costs at most `limit` at the prices, dominated or not; None if labels exceed `most`."""
    labels = _grown(links, prices, np.ones(len(links), bool), work, None, limit, every=most)
    if not labels.whole:
        return None
    return [labels.column(links, int(k)) for k in np.flatnonzero(labels.end <= limit)]


def _grown(
    links: Links,
    prices: Prices,
    active: NDArray[np.bool_],
    work: Work,
    most: int | None,
    limit: float,
    every: int | None,
) -> Labels:
    """Grow labels trip by trip; with `every`, all of them, up to so many."""
    rest = _rest(links, prices, active)
    whole, used = most is None, 0
    trip, parent, way = (np.empty(_START_ROOM, np.int64) for _ in range(3))
    charge, cost = np.empty(_START_ROOM), np.empty(_START_ROOM)
    for j in np.flatnonzero(active).tolist():
        begin = prices.bus - prices.spare + prices.minute * links.out_min[j] - prices.trip[j]
        sources = [np.array([-1])]
        by = [np.array([0])]
        lefts = [np.array([links.first_km[j] - links.battery.trip_km[j]])]
        costs = [np.array([begin])]
        for w in range(len(links.by)):
            rows = np.flatnonzero(links.open[w, j][trip[:used]])
            if not len(rows):
                continue
            before = trip[rows]
            sources.append(rows)
            by.append(np.full(len(rows), w))
            lefts.append(links.arrive(w, j, before, charge[rows]) - links.battery.trip_km[j])
            costs.append(cost[rows] + prices.minute * links.empty_min(w, j, before) - prices.trip[j])
        source, left, value = np.concatenate(sources), np.concatenate(lefts), np.concatenate(costs)
        work.left -= len(source)
        kept = np.flatnonzero((left >= -EPSILON) & (value + rest[j] <= limit))
        if every is None:
            kept = kept[np.lexsort((-left[kept], value[kept]))]
            fullest = np.maximum.accumulate(left[kept])
            kept = kept[np.diff(fullest, prepend=-np.inf) > 0]
            if most is not None and len(kept) > most:
                kept = kept[np.unique(np.linspace(0, len(kept) - 1, most).astype(np.int64))]
        if work.left < 0 or (every is not None and used + len(kept) > every):
            whole = False
            break
        if used + len(kept) > len(trip):
            size = 2 * len(trip) + len(kept)
            trip, parent, way = (np.resize(a, size) for a in (trip, parent, way))
            charge, cost = (np.resize(a, size) for a in (charge, cost))
        new = slice(used, used + len(kept))
        trip[new], parent[new], way[new] = j, source[kept], np.concatenate(by)[kept]
        charge[new], cost[new] = np.maximum(left[kept], 0.0), value[kept]
        used += len(kept)
    trip, parent, way, charge, cost = trip[:used], parent[:used], way[:used], charge[:used], cost[:used]
    home = charge >= links.home_km[trip] - EPSILON
    end = np.where(home, cost + prices.minute * np.where(home, links.back_min[trip], 0.0), np.inf)
    return Labels(trip, parent, way, charge, cost, end, whole)


def _rest(links: Links, prices: Prices, active: NDArray[np.bool_]) -> Floats:
    """Return the least that may still be added to a block after each trip, were there no battery."""
    rest = np.where(np.isfinite(links.back_min), prices.minute * links.back_min, np.inf)
    ahead = np.full(len(links), np.inf)  # what begins with a trip, its own worth taken off
    for i in range(len(links) - 1, -1, -1):
        later = np.flatnonzero((links.open[0, :, i]) & active)
        if len(later):
            rest[i] = min(rest[i], float((prices.minute * links.least_min[later, i] + ahead[later]).min()))
        ahead[i] = rest[i] - prices.trip[i]
    return rest
