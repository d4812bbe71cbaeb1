"""Finds routes that pay at prices: where every route is listed by looking at all, elsewhere by growing labels."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from greentrip_networks.compiled import Floats, Int32s

from greentrip_optimizer.area import Area
from greentrip_optimizer.evaluate import WayPrices
from greentrip_optimizer.label import grow_routes
from greentrip_optimizer.listing import Listed, Priced, list_routes, price_routes, stops_of
from greentrip_optimizer.loop_routes import Loops, loops_of, pick_loops, price_loops
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.pool import Pool, PoolBuilder, Prices
from greentrip_optimizer.street_limit import StreetLimit

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
        streets: StreetLimit | None = None,
    ) -> None:
        self._areas, self._nodes, self._options, self._builder = areas, nodes, options, builder
        self._ranked = np.maximum(
            builder.limits.most_routes, 1
        ).tolist()  # routes that a bound counts, see `Relaxation.bound`
        self._streets = streets
        self._listed: list[Listed | None] = []
        with ThreadPoolExecutor(2) as threads:  # stations do not share what they list
            found = threads.map(lambda area: list_routes(area, options.exhaustive_routes, nodes), areas)
            for s, (listed, complete) in enumerate(found):
                tell(f"routes listed at {s + 1} of {len(areas)} stations", 0.2 + 0.05 * s / len(areas))
                self._listed.append(listed if complete else None)
            self._loops: list[Loops] = []
            self.every_loop = True
            if options.loops:
                for loops, complete in threads.map(lambda a: loops_of(a, options.exhaustive_loops, nodes), areas):
                    self._loops.append(loops)
                    self.every_loop &= complete
        self.growing = [s for s, listed in enumerate(self._listed) if listed is None]

    @property
    def routes_listed(self) -> int:
        """How many routes the stations have that list them all."""
        return sum(len(listed.stop) for listed in self._listed if listed is not None)

    @property
    def loops_listed(self) -> int:
        """How many loops are listed, at all stations."""
        return sum(len(loops.first) - 1 for loops in self._loops)

    @property
    def exhaustive(self) -> bool:
        """Whether every route, and every loop if asked for, is listed."""
        return not self.growing and self.every_loop

    def lists_loop(self, s: int, places: Route) -> bool:
        """Say whether a station's loops include one; `places` in the order served, the station last."""
        loops = self._loops[s]
        rows = loops.first[:-1][np.diff(loops.first) == len(places)]
        return bool((loops.stop[rows[:, None] + np.arange(len(places))] == np.array(places)).all(axis=1).any())

    def offer(self, prices: Prices) -> tuple[int, dict[int, Floats]]:
        """Add the routes that pay most at the prices, at every station.

        Returns how many are new, and for stations with all routes listed the largest profits there, one a route.
        """

        def find(s: int) -> tuple[list[Route], Floats | None]:
            found = self._priced(s, prices, 1e-6, 1)
            routes = [route for listed, priced in found for route in _routes(listed, priced.row)]
            if self._listed[s] is None:
                return [*self._grown(s, prices), *routes], None
            top = np.concatenate([priced.top for _, priced in found])
            return routes, np.sort(top)[::-1][: self._ranked[s]]

        with ThreadPoolExecutor(2) as threads:
            found = list(threads.map(find, range(len(self._areas))))
        new = sum(self._builder.add(s, routes) for s, (routes, _) in enumerate(found))
        return new, {s: top for s, (_, top) in enumerate(found) if top is not None}

    def collect(self, prices: Prices, least: float, most: int) -> bool:
        """Add every listed route with a profit above `least`, or the better ones where a station has more than `most`.

        Routes of stations without a bay are left out, for no plan has them. Returns whether all others were added.
        """

        def find(s: int) -> tuple[list[Route], bool]:
            if not self._builder.limits.most_routes[s]:
                return [], True
            floor, complete = least, True
            while True:
                found = self._priced(s, prices, floor, 0, 20 * most)
                if all(len(priced.row) <= 20 * most for _, priced in found):
                    break
                complete = False
                floor = max(float(np.median(p.profit)) for _, p in found if len(p.row) > 20 * most)
            routes: list[Route] = []
            for listed, priced in found:  # there and back, and loops: the better ones of each
                best = np.sort(np.lexsort((priced.row, -priced.profit))[:most])
                routes.extend(_routes(listed, priced.row[best]))
                complete &= len(best) == len(priced.row)
            return routes, complete

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
            h, ways = int(pool.headway[i]), self._ways(s, prices)
            for near in sorted({max(h - 1, 0), h, min(h + 1, len(area.service.headway_s) - 1)}):
                labels = grow_routes(
                    area, near, rest[area.cell], 1 + prices.budget, prices.vehicle, options.beam, 12, self._nodes, ways
                )
                added += self._builder.add(s, _best_routes(labels, 0.0, len(area.stop_node) - 1, 6))
        return added

    def _grown(self, s: int, prices: Prices) -> list[Route]:
        """Grow routes of a station at every other headway; they are then evaluated at all."""
        area, found, ways = self._areas[s], [], self._ways(s, prices)
        count = len(area.service.headway_s)
        paid = (prices.cell[area.cell], 1 + prices.budget, prices.vehicle)
        for h in range(count) if count <= 3 else range(0, count, 2):
            labels = grow_routes(area, h, *paid, self._options.beam, 12, self._nodes, ways)
            found.extend(_best_routes(labels, float(prices.bay[s]), len(area.stop_node) - 1, 10))
        return found

    def _priced(
        self, s: int, prices: Prices, least: float, each: int, most: int = 0
    ) -> list[tuple[Listed | Loops, Priced]]:
        """Price the listed routes of a station: those there and back if all are listed, and loops if there are any."""
        area, listed, bays = self._areas[s], self._listed[s], self._ranked[s]
        asked = (prices.cell[area.cell], 1 + prices.budget, prices.vehicle, float(prices.bay[s]), bays)
        found: list[tuple[Listed | Loops, Priced]] = []
        ways = self._ways(s, prices)
        if listed is not None:
            found.append((listed, price_routes(area, listed, *asked, least, each, most, ways)))
        if self._loops:
            found.append((self._loops[s], price_loops(area, self._loops[s], *asked, least, each, most, ways)))
        return found

    def _ways(self, s: int, prices: Prices) -> WayPrices | None:
        """Return what a station's ways take and ask at prices, if streets have a limit or a toll."""
        if self._streets is None:
            return None
        toll = self._streets.toll
        price = toll + prices.street if len(prices.street) else toll
        return self._streets.stations[s].prices(self._streets.takes, price)


def _routes(listed: Listed | Loops, rows: Int32s) -> list[Route]:
    """Return listed routes as stops from the station outwards, or in a loop's order with the station last."""
    first, stop = stops_of(listed, rows) if isinstance(listed, Listed) else pick_loops(listed, rows)
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
