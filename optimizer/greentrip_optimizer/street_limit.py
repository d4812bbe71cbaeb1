"""Buses an hour through each street: what runs there already, what is left for feeders, and what routes take of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from greentrip_networks.compiled import Floats, Int32s
from greentrip_networks.errors import UnknownNameError
from greentrip_networks.network import PERIODS, FeederRoute, Network

from greentrip_optimizer.area import Area
from greentrip_optimizer.evaluate import SLACK, WayPrices
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.streets import BusStreets, Legs, legs_between, links_of, turning

_PARTS = (2, 3, 4, 5)


@dataclass(frozen=True, eq=False)
class Ways:
    """Streets that routes run: entries first[r] to first[r + 1] are those of route r, each once."""

    first: Int32s
    link: Int32s  # rows of the road links
    times: Floats  # how often a bus passes on its way out, back and round
    buses_h: Floats  # (headways,) in the busiest period
    room: Floats  # (road links,) buses an hour that feeders may add

    def passed(self, route: int) -> tuple[Int32s, Floats]:
        """Return the streets that a route runs and how often a bus passes them."""
        at = slice(int(self.first[route]), int(self.first[route + 1]))
        return self.link[at], self.times[at]

    def of(self, route: int, headway: int) -> tuple[Int32s, Floats]:
        """Return the streets that a route at a headway runs, and its buses an hour there."""
        link, times = self.passed(route)
        return link, times * self.buses_h[headway]

    def price(self, street: Floats) -> Floats:
        """Return by route what its streets ask at the prices of one headway."""
        routes = len(self.first) - 1
        row = np.repeat(np.arange(routes), np.diff(self.first))
        return np.bincount(row, weights=street[self.link] * self.times, minlength=routes).astype(np.float64)

    def least(self, room: Floats) -> Floats:
        """Return by route how many buses an hour its fullest street takes."""
        if len(self.first) == 1:
            return np.zeros(0)
        out: Floats = np.minimum.reduceat(room[self.link] / self.times, self.first[:-1])
        return out

    def over(self, room: Floats) -> Floats:
        """Return by headway and route the buses an hour beyond what streets take, each street's `room` (or none)."""
        left, routes = np.maximum(room, 0.0)[self.link], len(self.first) - 1
        row = np.repeat(np.arange(routes), np.diff(self.first))
        beyond = [np.maximum(self.times * buses - left, 0.0) for buses in self.buses_h]
        return np.array([np.bincount(row, weights=b, minlength=routes) for b in beyond], np.float64)


class StationWays:
    """The streets between every two places of a station, the ways round for turning included."""

    def __init__(self, area: Area, streets: BusStreets, turn_m: float) -> None:
        legs = Legs(area.drive_s, area.length_m, area.leg_first, area.leg_node)
        self.places = len(area.stop_node)
        self._leg = area.leg_first, links_of(streets, area.stop_node, legs)
        turns = turning(streets, area.stop_node, legs, turn_m)[2] if turn_m else {}
        size = np.zeros(self.places**2 + 1, np.int32)
        for (a, b), links in turns.items():
            size[a * self.places + b + 1] = len(links)
        driven = [turns[pair] for pair in sorted(turns)]
        self._turn = np.cumsum(size), np.array([k for links in driven for k in links], np.int32)

    def links(self, route: Sequence[int]) -> Int32s:
        """Return the road links that a route drives, out, back and round; one that it drives twice is there twice."""
        way = [self.places - 1, *route]
        found = [self._of(self._leg, a, b) for a, b in pairwise(way)]
        if way[0] != way[-1]:
            found += [self._of(self._leg, b, a) for a, b in pairwise(way)]
            found.append(self._of(self._turn, way[-2], way[-1]))
        return np.concatenate(found)

    def prices(self, room: Floats, price: Floats) -> WayPrices:
        """Return what every way takes and asks at the room of each road link and its price by headway."""
        legs, turns = self._leg, self._turn
        return WayPrices(
            self._by_pair(legs, room, np.minimum, np.inf),
            self._by_pair(turns, room, np.minimum, np.inf),
            np.array([self._by_pair(legs, row, np.add, 0.0) for row in price]),
            np.array([self._by_pair(turns, row, np.add, 0.0) for row in price]),
        )

    def fullest(self, buses_h: Floats) -> tuple[Floats, Floats]:
        """Return the buses an hour through the fullest street of each way, and of each way round for turning."""
        return self._by_pair(self._leg, buses_h, np.maximum, 0.0), self._by_pair(self._turn, buses_h, np.maximum, 0.0)

    def _of(self, ways: tuple[Any, Int32s], a: int, b: int) -> Int32s:
        """Return the road links of one way."""
        first, link = ways
        at = a * self.places + b
        return link[first[at] : first[at + 1]]

    def _by_pair(self, ways: tuple[Any, Int32s], value: Floats, how: Any, empty: float) -> Floats:
        """Reduce a value of the road links by way."""
        first, link = ways
        out = np.full(len(first) - 1, empty)
        some = np.diff(first) > 0
        if some.any():
            out[some] = how.reduceat(value[link], first[:-1][some])
        return out.reshape(self.places, self.places)


@dataclass(frozen=True, eq=False)
class StreetLimit:
    """How many buses an hour may run through a street in the peak, and how many do; one direction of one road link."""

    limit: float  # infinite without one
    lines: Floats  # (road links,) lines and feeders of the network
    kept: Floats  # (road links,) routes that the plan keeps
    buses_h: Floats  # (headways,) of a new route in its busiest period
    stations: tuple[StationWays, ...]
    toll: Floats  # (headways, road links) CNY a day of a route for running beside lines and kept routes
    soft: bool = False  # the limit may be exceeded at a price

    @property
    def takes(self) -> Floats:
        """Buses an hour of one route that a road link takes at any price."""
        return np.full(len(self.lines), np.inf) if self.soft else self.room

    @property
    def room(self) -> Floats:
        """Buses an hour that new routes may add, by road link."""
        out: Floats = np.maximum(self.limit - self.lines - self.kept, 0.0)
        return out

    def rows(self) -> tuple[Floats, Floats]:
        """Return what a column takes of each street in several ways of counting, and what each street has.

        Shapes (kinds, headways, road links) and (kinds, road links). First buses an hour are counted. A column with
        more than j k-ths of the room counts j in the others (k is 2 to 5), and the street takes k - 1 of these: of
        columns with more than half of the room each, only one. So a part of a column is not set beside a whole one.
        Where the limit may be exceeded only buses an hour are counted, and without a limit nothing is.
        """
        room = self.room
        if self.limit == np.inf:
            return np.zeros((0, len(self.buses_h), len(room))), np.zeros((0, len(room)))
        takes = np.broadcast_to(self.buses_h[:, None], (len(self.buses_h), len(room)))
        share = takes / (room + 100 * SLACK)
        parts = () if self.soft else _PARTS
        kinds = [np.ceil(k * share - 1e-9) - 1 for k in parts]
        has = [np.full(len(room), k - 1.0) for k in parts]
        return np.array([takes, *kinds]), np.array([room, *has])

    def ways(self, station: int, routes: Sequence[Sequence[int]]) -> Ways:
        """Return the streets of some routes of a station."""
        counted = [np.unique(self.stations[station].links(r), return_counts=True) for r in routes]
        first = np.append(0, np.cumsum([len(link) for link, _ in counted])).astype(np.int32)
        link = np.concatenate([link for link, _ in counted]).astype(np.int32)
        times = np.concatenate([times for _, times in counted]).astype(np.float64)
        return Ways(first, link, times, self.buses_h, self.room)

    def joined(self, parts: Sequence[Ways]) -> Ways:
        """Return the streets of several lists of routes as one."""
        size = np.concatenate([np.zeros(1, np.int32), *(np.diff(p.first) for p in parts)])
        return Ways(
            np.cumsum(size).astype(np.int32),
            np.concatenate([np.zeros(0, np.int32), *(p.link for p in parts)]),
            np.concatenate([np.zeros(0), *(p.times for p in parts)]),
            self.buses_h,
            self.room,
        )

    def open_at(self, station: int) -> bool:
        """Say whether any first stop of a station can be reached and left at the longest headway."""
        leg_room = self.stations[station].prices(self.takes, np.zeros((1, len(self.lines)))).leg_room
        fits = leg_room >= self.buses_h.min() - SLACK
        return bool(fits[-1, :-1].any() and fits[:-1, -1].any())


def street_limit(
    network: Network,
    streets: BusStreets,
    areas: Sequence[Area],
    keep: Sequence[FeederRoute],
    options: FeederOptions,
) -> StreetLimit | None:
    """Return what runs through each street beside a design, or nothing if streets have neither a limit nor a toll."""
    if options.street_buses_h is None and not options.overlap_cny_km:
        return None
    lines = line_buses(network) + feeder_buses(network, streets, network.feeders, options)
    kept = feeder_buses(network, streets, keep, options)
    return StreetLimit(
        np.inf if options.street_buses_h is None else float(options.street_buses_h),
        lines,
        kept,
        60.0 / np.array(options.classes_min, np.float64).min(axis=1),
        tuple(StationWays(area, streets, options.turn_m) for area in areas),
        overlap_toll(network, lines + kept, options),
        options.over_street_cny_day is not None,
    )


def overlap_toll(network: Network, buses_h: Floats, options: FeederOptions) -> Floats:
    """Return what a route pays a day for each time its buses pass a street where `buses_h` run already.

    Shape (headways, road links), CNY; the price is of a bus-km, over all of a day's departures.
    """
    hours = np.array([options.peak_hours / 2, options.off_peak_hours, options.peak_hours / 2])  # by PERIODS
    departures = (60 * hours / np.array(options.classes_min, np.float64)).sum(axis=1)
    km = np.where(buses_h > SLACK, network.compiled.roads.length_m / 1000, 0.0)
    out: Floats = options.overlap_cny_km * departures[:, None] * km
    return out


def line_buses(network: Network) -> Floats:
    """Return the bus lines' buses an hour through each road link, in the fuller of the two peaks."""
    buses, links = network.compiled.buses, len(network.compiled.roads.tail)
    pattern = np.repeat(np.arange(len(buses.pattern_line)), np.diff(buses.pattern_first))
    driven = np.repeat(pattern, np.diff(buses.path_first))
    out = np.zeros(links)
    for period in ("am", "pm"):
        headway = buses.headway_s[:, PERIODS.index(period)]
        per_hour = np.divide(3600.0, headway, out=np.zeros(len(headway)), where=headway > 0)
        out = np.maximum(out, np.bincount(buses.path_link, weights=per_hour[driven], minlength=links))
    return out


def feeder_buses(
    network: Network, streets: BusStreets, routes: Sequence[FeederRoute], options: FeederOptions
) -> Floats:
    """Return the buses an hour that feeders send through each road link, out, back and round, in their busiest period.

    The way out is the quickest from stop to stop; a part of a way that no street allows counts nothing.
    """
    roads = network.compiled.roads
    row = {name: k for k, name in enumerate(roads.nodes)}
    out = np.zeros(len(roads.tail))
    for route in routes:
        for name in (*route.path, *route.stops):
            if name not in row:
                raise UnknownNameError("street node", name, roads.nodes)
        driven = [link for a, b in pairwise(route.path) for link in _link_between(network, streets, row[a], row[b])]
        if not route.loop:
            places = np.array([row[route.path[-1]], *(row[s] for s in route.stops[::-1])], np.int32)
            legs = legs_between(streets, places, options.max_length_m)
            link, n = links_of(streets, places, legs), len(places)
            for k in range(n - 1):
                at = k * n + k + 1
                driven.extend(link[legs.first[at] : legs.first[at + 1]].tolist())
            if options.turn_m:
                driven.extend(turning(streets, places, legs, options.turn_m)[2].get((n - 2, n - 1), ()))
        np.add.at(out, np.array(driven, np.int64), 3600 / min(route.headways_s))
    return out


def _link_between(network: Network, streets: BusStreets, a: int, b: int) -> list[int]:
    """Return the road link that a bus drives from one street node to the next: one that it may use, else any."""
    roads = network.compiled.roads
    for first, head, link in ((streets.first_out, streets.head, streets.link), (roads.first_out, roads.head, None)):
        found = first[a] + np.flatnonzero(head[first[a] : first[a + 1]] == b)
        if len(found):
            return [int(found[0] if link is None else link[found[0]])]
    return []
