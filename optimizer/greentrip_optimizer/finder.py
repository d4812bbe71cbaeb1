"""Finds routes that pay at prices: where every route is listed by looking at all, elsewhere by growing labels."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from greentrip_networks.compiled import Floats, Int32s

from greentrip_optimizer.area import Area
from greentrip_optimizer.label import grow_routes
from greentrip_optimizer.listing import Listed, Priced, list_routes, price_routes, stops_of
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.pool import Pool, PoolBuilder, Prices

Route = tuple[int, ...]


class RouteFinder:
    """Offers routes to a pool, station by station in two threads; the order of stations, not of threads, counts."""

    def __init__(
        self,
        areas: Sequence[Area],
        nodes: int,
        options: FeederOptions,
        builder: PoolBuilder,
        tell: Callable[[str, float], None],
    ) -> None:
        self._areas, self._nodes, self._options, self._builder = areas, nodes, options, builder
        self._listed: list[Listed | None] = []
        with ThreadPoolExecutor(2) as threads:  # stations do not share what they list
            found = threads.map(lambda area: list_routes(area, options.exhaustive_routes, nodes), areas)
            for s, (listed, complete) in enumerate(found):
                tell(f"routes listed at {s + 1} of {len(areas)} stations", 0.2 + 0.05 * s / len(areas))
                self._listed.append(listed if complete else None)
        self.growing = [s for s, listed in enumerate(self._listed) if listed is None]

    @property
    def routes_listed(self) -> int:
        """How many routes the stations have that list them all."""
        return sum(len(listed.stop) for listed in self._listed if listed is not None)

    def offer(self, prices: Prices) -> tuple[int, dict[int, Floats]]:
        """Add the routes that pay most at the prices, at every station.

        Returns how many are new, and for stations with all routes listed the largest profits there, one a route.
        """

        def find(s: int) -> tuple[list[Route], Floats | None]:
            listed = self._listed[s]
            if listed is None:
                return self._grown(s, prices), None
            priced = self._priced(s, listed, prices, 1e-6, 1)
            return _routes(listed, priced.row), priced.top

        with ThreadPoolExecutor(2) as threads:
            found = list(threads.map(find, range(len(self._areas))))
        new = sum(self._builder.add(s, routes) for s, (routes, _) in enumerate(found))
        return new, {s: top for s, (_, top) in enumerate(found) if top is not None}

    def collect(self, prices: Prices, least: float, most: int) -> bool:
        """Add every listed route with a profit above `least`, or the better ones where a station has more than `most`.

        Returns whether all were added.
        """

        def find(s: int) -> tuple[list[Route], bool]:
            listed, floor, complete = self._listed[s], least, True
            if listed is None:
                return [], True
            while True:
                priced = self._priced(s, listed, prices, floor, 0, 20 * most)
                if len(priced.row) <= 20 * most:
                    best = np.sort(np.lexsort((priced.row, -priced.profit))[:most])
                    return _routes(listed, priced.row[best]), complete and len(best) == len(priced.row)
                complete = False
                floor = float(np.median(priced.profit))

        with ThreadPoolExecutor(2) as threads:
            found = list(threads.map(find, range(len(self._areas))))
        for s, (routes, _) in enumerate(found):
            self._builder.add(s, routes)
        return all(complete for _, complete in found)

    def offer_beside(self, pool: Pool, chosen: Sequence[int], prices: Prices) -> int:
        """Add, for each chosen route of a station not listed, routes that would replace it best; return how many."""
        added, options = 0, self._options
        growing = set(self.growing)
        for i in chosen:
            s = int(pool.station[i])
            if s not in growing:
                continue
            rest, area = np.zeros(len(prices.cell)), self._areas[s]
            for j in chosen:
                if j != i:
                    at = pool.entries(j)
                    rest[pool.cell[at]] = np.maximum(rest[pool.cell[at]], pool.worth[at])
            h = int(pool.headway[i])
            for near in sorted({max(h - 1, 0), h, min(h + 1, len(area.headway_s) - 1)}):
                labels = grow_routes(
                    area, near, rest[area.cell], 1 + prices.budget, prices.vehicle, options.beam, 12, self._nodes
                )
                added += self._builder.add(s, _best_routes(labels, 0.0, len(area.stop_node) - 1, 6))
        return added

    def _grown(self, s: int, prices: Prices) -> list[Route]:
        """Grow routes of a station at every other headway; they are then evaluated at all."""
        area, found = self._areas[s], []
        count = len(area.headway_s)
        for h in range(count) if count <= 3 else range(0, count, 2):
            labels = grow_routes(
                area, h, prices.cell[area.cell], 1 + prices.budget, prices.vehicle, self._options.beam, 12, self._nodes
            )
            found.extend(_best_routes(labels, float(prices.bay[s]), len(area.stop_node) - 1, 10))
        return found

    def _priced(self, s: int, listed: Listed, prices: Prices, least: float, each: int, most: int = 0) -> Priced:
        """Price the listed routes of a station."""
        area, bays = self._areas[s], self._options.max_routes_station
        cell, bay = prices.cell[area.cell], float(prices.bay[s])
        return price_routes(area, listed, cell, 1 + prices.budget, prices.vehicle, bay, bays, least, each, most)


def _routes(listed: Listed, rows: Int32s) -> list[Route]:
    """Return listed routes as stops from the station outwards."""
    first, stop = stops_of(listed, rows)
    places = stop.tolist()
    return [tuple(places[a:b]) for a, b in pairwise(first.tolist())]


def _best_routes(labels: tuple[Any, Any, Any, Any], least: float, stops: int, most: int) -> list[Route]:
    """Read the best routes off the labels, at most one for each last stop."""
    profit, parent, stop, _ = labels
    out: list[Route] = []
    ended = np.zeros(stops, bool)
    for label in np.lexsort((np.arange(len(profit)), -profit)).tolist():
        if profit[label] <= least + 1e-6 or len(out) == most:
            break
        if ended[stop[label]]:
            continue
        ended[stop[label]] = True
        chain, at = [], label
        while at >= 0:
            chain.append(int(stop[at]))
            at = int(parent[at])
        out.append(tuple(reversed(chain)))
    return out
