"""The linear relaxation over a pool of columns, solved with GLOP by adding columns trimmed to the cells that pay."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from greentrip_networks.compiled import Floats, Int32s

from greentrip_optimizer.evaluate import SLACK
from greentrip_optimizer.limits import Limits
from greentrip_optimizer.pool import Pool, Prices
from greentrip_optimizer.solver import load
from greentrip_optimizer.street_limit import StreetLimit


@dataclass(frozen=True, eq=False)
class Packed:
    """A column with the cells credited to it."""

    route: int
    headway: int
    station: int
    cells: tuple[int, ...]
    net: float  # CNY a day, cost and toll subtracted
    vehicles: int
    cost: float
    variable: Any
    link: Int32s  # streets that it runs, if these have a limit
    times: Floats  # and how often a bus passes them

    def profit(self, prices: Prices) -> float:
        """Return its value beyond the prices."""
        held = float(prices.cell[list(self.cells)].sum())
        return (
            self.net
            - held
            - prices.budget * self.cost
            - prices.vehicle * self.vehicles
            - float(prices.bay[self.station])
            - (float(prices.street[self.headway, self.link] @ self.times) if len(prices.street) else 0.0)
        )


class Relaxation:
    """A packing of columns: each cell is credited to one column at most; buses, budget, bays and streets are limited.

    A column may be bought with any part of its cells. Only the parts that pay at current prices enter the program, so
    it stays small; once no column of the pool pays, its value bounds every plan over the pool. Of the streets, only
    those that a solution would overrun enter. A limit with a price may be exceeded at it, so its dual is no higher.
    """

    def __init__(self, pool_cells: int, limits: Limits, streets: StreetLimit | None = None) -> None:
        _, pywraplp = load()
        self._lp: Any = pywraplp.Solver.CreateSolver("GLOP")
        self._lp.Objective().SetMaximization()
        infinity = self._lp.infinity()
        self._infinity = infinity
        self._limited = limits.budget < np.inf
        budget = limits.budget if self._limited else infinity
        self._fleet = self._row(limits.vehicles, limits.over_vehicles, "vehicles")
        self._money = self._row(budget, limits.over_budget, "budget")
        self._bays = [self._row(float(b), limits.over_bays, f"bays{s}") for s, b in enumerate(limits.bays)]
        self._cells: dict[int, Any] = {}
        self._streets: dict[tuple[int, int], Any] = {}  # by row and column of `_has`
        self._takes, self._has = (np.zeros((0, 0, 0)), np.zeros((0, 0))) if streets is None else streets.rows()
        self._bought: set[tuple[object, ...]] = set()
        self._size, self._limits = pool_cells, limits
        self.packed: list[Packed] = []
        self.prices = Prices(np.zeros(pool_cells), 0.0, 0.0, np.zeros(len(limits.bays)), *self._street_prices())
        self.value = 0.0

    def _row(self, limit: float, price: float, name: str = "") -> Any:
        """Return a row of at most `limit`, beyond which each unit costs a finite `price`."""
        row = self._lp.Constraint(-self._infinity, limit, name)
        if price < np.inf:
            over = self._lp.NumVar(0.0, self._infinity, "")
            self._lp.Objective().SetCoefficient(over, -price)
            row.SetCoefficient(over, -1.0)
        return row

    def solve(self) -> None:
        """Solve and keep value and prices."""
        while True:
            status = self._lp.Solve()
            if status not in (0, 1):
                raise RuntimeError(f"GLOP stopped with status {status} on a program that always has a solution")
            if not len(self._has) or not self._limit_streets():
                break
        self.value = float(self._lp.Objective().Value())
        cell = np.zeros(self._size)
        for c, row in self._cells.items():
            cell[c] = max(row.dual_value(), 0.0)
        limits = self._limits
        budget = _dual(self._money, limits.over_budget) if self._limited else 0.0
        bay = np.array([_dual(b, limits.over_bays) for b in self._bays])
        self.prices = Prices(cell, budget, _dual(self._fleet, limits.over_vehicles), bay, *self._street_prices())

    def _street_prices(self) -> tuple[Floats, Floats]:
        """Return what each road link asks of a column by headway, and what all of its room is worth."""
        price, room = np.zeros(self._takes.shape[1:]), np.zeros(self._has.shape[1])
        for (kind, k), row in self._streets.items():
            dual = _dual(row, self._limits.over_street)
            price[:, k] += dual * self._takes[kind, :, k]
            room[k] += dual * self._has[kind, k]
        return price, room

    def _limit_streets(self) -> int:
        """Add rows for streets that the solution overruns and return how many.

        Of like rows the tightest counts, unless each of their streets is paid for.
        """
        used = np.zeros(self._has.shape)
        for p in self.packed:
            share = float(p.variable.solution_value())
            if share > 0:
                used[:, p.link] += share * p.times * self._takes[:, p.headway, p.link]
        over = used > self._has + SLACK
        for kind, k in self._streets:
            over[kind, k] = False
        if not over.any():
            return 0
        runs: dict[tuple[int, int], list[tuple[int, float]]] = {}
        for i, p in enumerate(self.packed):
            takes = p.times * self._takes[:, p.headway, p.link]
            for kind, e in zip(*(a.tolist() for a in np.nonzero(over[:, p.link] & (takes > 0))), strict=True):
                runs.setdefault((kind, int(p.link[e])), []).append((i, float(takes[kind, e])))
        price, wanted = self._limits.over_street, sorted(runs, key=lambda at: (float(self._has[at]), at))
        if price == np.inf:
            tightest: dict[tuple[tuple[int, float], ...], tuple[int, int]] = {}
            for at in wanted:
                tightest.setdefault(tuple(runs[at]), at)
            wanted = list(tightest.values())
        for at in wanted:
            self._streets[at] = row = self._row(float(self._has[at]), price)
            for i, taken in runs[at]:
                row.SetCoefficient(self.packed[i].variable, taken)
        return len(wanted)

    def buy(self, pool: Pool, columns: "np.ndarray[Any, Any]", prices: Prices) -> int:
        """Add columns with the cells that gain more than their price; return how many are new."""
        added = 0
        for i in columns.tolist():
            at = pool.entries(i)
            pays = pool.worth[at] > prices.cell[pool.cell[at]] + 1e-9
            cells, worth = pool.cell[at][pays], pool.worth[at][pays]
            key = (int(pool.route[i]), int(pool.headway[i]), cells.tobytes())
            if key in self._bought:
                continue
            self._bought.add(key)
            variable = self._lp.NumVar(0.0, self._infinity, "")
            net = float(worth.sum() - pool.cost[i] - pool.toll[i])
            self._lp.Objective().SetCoefficient(variable, net)
            self._fleet.SetCoefficient(variable, float(pool.vehicles[i]))
            if self._limited:
                self._money.SetCoefficient(variable, float(pool.cost[i]))
            self._bays[int(pool.station[i])].SetCoefficient(variable, 1.0)
            for c in cells.tolist():
                if c not in self._cells:
                    self._cells[c] = self._lp.Constraint(-self._infinity, 1.0, "")
                self._cells[c].SetCoefficient(variable, 1.0)
            link, times = np.zeros(0, np.int32), np.zeros(0)
            if pool.ways is not None:
                link, times = pool.ways.passed(int(pool.route[i]))
                often = dict(zip(link.tolist(), times.tolist(), strict=True))
                for (kind, k), row in self._streets.items():
                    if k in often:
                        row.SetCoefficient(variable, often[k] * float(self._takes[kind, pool.headway[i], k]))
            self.packed.append(
                Packed(
                    int(pool.route[i]),
                    int(pool.headway[i]),
                    int(pool.station[i]),
                    tuple(cells.tolist()),
                    net,
                    int(pool.vehicles[i]),
                    float(pool.cost[i]),
                    variable,
                    link,
                    times,
                )
            )
            added += 1
        return added

    def bound(self, pool: Pool, prices: Prices, top: Mapping[int, Floats] | None = None) -> float:
        """Return an upper bound of every plan over the pool, valid at any prices (Lagrangian; one headway a route).

        `top` are the largest profits over all routes of stations where more is known than the pool, by station. At a
        station without a bay the best route counts too, so that a low bound sets a price on its first bay. Beyond bays
        at a price a route counts with what it is worth after that price. Valid up to the prices of the limits.
        """
        limits, bays_of = self._limits, self._limits.bays
        most = int(bays_of.max())
        fixed = prices.cell.sum() + prices.vehicle * limits.vehicles + prices.bay.sum() * most
        fixed -= (prices.bay * (most - bays_of)).sum()  # exactly 0 where all stations have as many
        fixed += prices.budget * limits.budget if self._limited else 0.0
        fixed += prices.street_room.sum()
        if not len(pool) and not top:
            return 0.0
        profit = np.maximum(pool.profit(prices), 0.0)
        by_route = np.zeros(len(pool.stops))
        np.maximum.at(by_route, pool.route, profit)
        station = np.array([s for s, _ in pool.stops], np.int32)
        extra = 0.0
        for s, bays in enumerate(bays_of.tolist()):
            best = np.maximum(top[s], 0.0) if top is not None and s in top else np.sort(by_route[station == s])[::-1]
            if limits.over_bays == np.inf:
                extra += best[: max(bays, 1)].sum()
                continue
            more = np.maximum(best[bays : limits.most_routes[s]] - (limits.over_bays - prices.bay[s]), 0.0)
            extra += best[:bays].sum() + more.sum()
        return float(fixed + extra)


def _dual(row: Any, most: float) -> float:
    """Return the price of a row, no higher than that at which it may be exceeded."""
    return float(min(max(row.dual_value(), 0.0), most))


def relax(
    pool: Pool,
    relaxation: Relaxation,
    *,
    rounds: int = 60,
    per_station: int = 12,
    tolerance: float = 1e-6,
    stop: Callable[[], bool] | None = None,
) -> tuple[float, Prices, Floats]:
    """Solve the relaxation over a pool; return the best bound, the prices and each column's profit at them.

    Each round adds the columns that pay most at every station, at prices half way between the last best and the new
    ones (which settles faster), until none pays, or `stop` says so: the bound holds at any prices.
    """
    if not len(pool):
        return 0.0, relaxation.prices, np.zeros(0)
    stations = int(pool.station.max()) + 1
    best, best_prices = np.inf, relaxation.prices
    for _ in range(rounds):
        relaxation.solve()
        now = relaxation.prices
        bound = relaxation.bound(pool, now)
        if bound < best:
            best, best_prices = bound, now
        if bound - relaxation.value <= tolerance * max(1.0, abs(relaxation.value)):
            break
        if stop is not None and stop():
            break
        added = 0
        middle = Prices(
            (now.cell + best_prices.cell) / 2,
            (now.budget + best_prices.budget) / 2,
            (now.vehicle + best_prices.vehicle) / 2,
            (now.bay + best_prices.bay) / 2,
            (now.street + best_prices.street) / 2,
            (now.street_room + best_prices.street_room) / 2,
        )
        for prices in (middle, now):
            profit = pool.profit(prices)
            bound = relaxation.bound(pool, prices)
            if bound < best:
                best, best_prices = bound, prices
            for s in range(stations):
                rows = np.flatnonzero((pool.station == s) & (profit > 1e-6))
                rows = rows[np.lexsort((rows, -profit[rows]))][:per_station]
                added += relaxation.buy(pool, rows, prices)
        if not added:
            break
    return best, best_prices, pool.profit(best_prices)
