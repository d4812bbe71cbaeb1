"""The columns found so far: every route at every headway class that is worth more than it costs, as flat arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from greentrip_networks.compiled import Bools, Floats, Int32s
from greentrip_networks.kernels import njit

from greentrip_optimizer.area import Area
from greentrip_optimizer.evaluate import SLACK, evaluate
from greentrip_optimizer.limits import Limits, Used
from greentrip_optimizer.street_limit import StreetLimit, Ways


def _sums(entries: Floats, first: Int32s) -> Floats:
    """Add entries up by row; row r holds entries first[r] to first[r + 1]."""
    return np.diff(np.append(0.0, np.cumsum(entries))[first])


@njit(bare=True)
def _beyond(worth: Floats, cell: Int32s, credited: Floats, first: Int32s, out: Floats) -> None:
    """Add up by column what is gained beyond the credit of its cell, where that is more than nothing."""
    for i in range(out.shape[0]):
        total = 0.0
        for k in range(first[i], first[i + 1]):
            more = worth[k] - credited[cell[k]]
            if more > 0.0:
                total += more
        out[i] = total


@dataclass(frozen=True, eq=False)
class Prices:
    """What a column must pay for: each cell's gain, a CNY of budget, a bus, a bay at each station, and streets."""

    cell: Floats  # (network cells,)
    budget: float
    vehicle: float
    bay: Floats  # (stations,)
    street: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # (headways, road links); empty without a limit
    street_room: Floats = field(default_factory=lambda: np.zeros(0))  # (road links,) of all the room that they have


@dataclass(frozen=True, eq=False)
class Pool:
    """Columns as flat arrays; entries first[i] to first[i + 1] are the cells of column i and what each gains."""

    station: Int32s
    route: Int32s  # row of `stops`
    headway: Int32s
    cost: Floats
    vehicles: Floats
    bus: Int32s
    load: Floats
    first: Int32s
    cell: Int32s  # rows of network.cells
    worth: Floats  # CNY a day
    toll: Floats  # CNY a day for running beside lines and kept routes, which is no operating cost
    stops: tuple[tuple[int, tuple[int, ...]], ...]  # (station, places from it outwards; of a loop the station's last)
    limits: Limits
    ways: Ways | None = None  # streets that the routes run, if these have a limit or a toll

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.station)

    def profit(self, prices: Prices) -> Floats:
        """Return each column's value beyond the prices."""
        profit = (
            self.beyond(prices.cell)
            - (1 + prices.budget) * self.cost
            - prices.vehicle * self.vehicles
            - prices.bay[self.station]
            - self.toll
        )
        if self.ways is not None and len(prices.street):
            profit -= np.array([self.ways.price(row) for row in prices.street])[self.headway, self.route]
        return profit

    def on_streets(self, columns: Sequence[int]) -> Floats:
        """Return the buses an hour that columns together send through each road link; empty without a limit."""
        if self.ways is None:
            return np.zeros(0)
        out = np.zeros(len(self.ways.room))
        for i in columns:
            link, buses_h = self.ways.of(int(self.route[i]), int(self.headway[i]))
            out[link] += buses_h
        return out

    def fits_streets(self, room: Floats) -> Bools:
        """Say for each column whether streets that take `room` more buses an hour, by road link, take it."""
        if self.ways is None:
            return np.ones(len(self), bool)
        fits: Bools = self.ways.buses_h[self.headway] <= self.ways.least(room)[self.route] + SLACK
        return fits

    def beyond(self, credited: Floats) -> Floats:
        """Return what each column gains at its cells beyond what these are credited with."""
        out = np.empty(len(self))
        _beyond(self.worth, self.cell, credited, self.first, out)
        return out

    def entries(self, column: int) -> slice:
        """Return where a column's entries are."""
        return slice(int(self.first[column]), int(self.first[column + 1]))

    def take(self, columns: Bools) -> "Pool":
        """Return the pool of some of the columns, routes kept."""
        keep = np.repeat(columns, np.diff(self.first))
        first = np.append(0, np.cumsum(np.diff(self.first)[columns])).astype(np.int32)
        return Pool(
            self.station[columns],
            self.route[columns],
            self.headway[columns],
            self.cost[columns],
            self.vehicles[columns],
            self.bus[columns],
            self.load[columns],
            first,
            self.cell[keep],
            self.worth[keep],
            self.toll[columns],
            self.stops,
            self.limits,
            self.ways,
        )

    def value(self, columns: Sequence[int]) -> float:
        """Return the objective of running some columns together: each cell gains from the best, all costs are paid.

        So are tolls, and what limits ask that are exceeded.
        """
        best: dict[int, float] = {}
        for i in columns:
            for c, w in zip(self.cell[self.entries(i)].tolist(), self.worth[self.entries(i)].tolist(), strict=True):
                best[c] = max(best.get(c, 0.0), w)
        paid = sum(self.cost[i] for i in columns) + sum(self.toll[i] for i in columns)
        if self.limits.soft:
            paid += Used(self, columns).paid()
        return float(sum(best[c] for c in sorted(best)) - paid)


class PoolBuilder:
    """Gathers routes by station, each once, and evaluates the new ones; leaves out what streets cannot take."""

    def __init__(self, areas: Sequence[Area], limits: Limits, streets: StreetLimit | None = None) -> None:
        self._areas, self._streets, self.limits = areas, streets, limits
        self._ways: list[Ways] = []
        self._known: set[tuple[int, tuple[int, ...]]] = set()
        self._stops: list[tuple[int, tuple[int, ...]]] = []
        self._parts: list[Pool] = []

    def add(self, station: int, routes: Sequence[tuple[int, ...]]) -> int:
        """Add the routes of a station that are new and return how many were."""
        fresh = [r for r in dict.fromkeys(routes) if (station, r) not in self._known]
        if not fresh:
            return 0
        self._known.update((station, r) for r in fresh)
        area, base = self._areas[station], len(self._stops)
        self._stops.extend((station, r) for r in fresh)
        first = np.append(0, np.cumsum([len(r) for r in fresh])).astype(np.int32)
        made = evaluate(area, first, np.concatenate([np.array(r, np.int32) for r in fresh]))
        headways = len(area.service.headway_s)
        size = np.diff(made.first)
        room, toll = np.full(len(fresh), np.inf), np.zeros((headways, len(fresh)))
        if self._streets is not None:
            ways = self._streets.ways(station, fresh)
            self._ways.append(ways)
            room = np.minimum.reduceat(self._streets.takes[ways.link], ways.first[:-1])
            toll = np.array([ways.price(row) for row in self._streets.toll])
        for h in range(headways):
            total = _sums(made.worth[h], made.first)
            keep = np.isfinite(made.cost[:, h]) & (total > made.cost[:, h] + toll[h])
            keep &= area.service.buses_h[h] <= room + SLACK
            if not keep.any():
                continue
            entry = np.repeat(keep, size)
            rows = np.flatnonzero(keep).astype(np.int32)
            self._parts.append(
                Pool(
                    np.full(len(rows), station, np.int32),
                    rows + np.int32(base),
                    np.full(len(rows), h, np.int32),
                    made.cost[keep, h],
                    made.vehicles[keep, h],
                    made.bus[keep, h],
                    made.load[keep, h],
                    np.append(0, np.cumsum(size[keep])).astype(np.int32),
                    area.cell[made.cell[entry]],
                    made.worth[h, entry],
                    toll[h, keep],
                    (),
                    self.limits,
                )
            )
        return len(fresh)

    def pool(self) -> Pool:
        """Return every column gathered so far."""
        parts = self._parts
        ways = None if self._streets is None else self._streets.joined(self._ways)
        if ways is not None:
            self._ways = [ways]
        if not parts:
            none = np.zeros(0, np.int32)
            return Pool(
                none,
                none,
                none,
                np.zeros(0),
                np.zeros(0),
                none,
                np.zeros(0),
                np.zeros(1, np.int32),
                none,
                np.zeros(0),
                np.zeros(0),
                tuple(self._stops),
                self.limits,
                ways,
            )
        shift = np.append(0, np.cumsum([p.first[-1] for p in parts]))
        first = np.concatenate(
            [np.zeros(1, np.int32), *(p.first[1:] + s for p, s in zip(parts, shift, strict=False))]
        ).astype(np.int32)
        joined = {
            f: np.concatenate([getattr(p, f) for p in parts])
            for f in ("station", "route", "headway", "cost", "vehicles", "bus", "load", "cell", "worth", "toll")
        }
        merged = Pool(**joined, first=first, stops=tuple(self._stops), limits=self.limits, ways=ways)
        self._parts = [Pool(**joined, first=first, stops=(), limits=self.limits, ways=None)]
        return merged
