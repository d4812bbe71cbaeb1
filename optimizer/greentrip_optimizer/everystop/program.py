"""The programs over routes found: the linear relaxation with cuts over three stops (GLOP), and the choice (SCIP)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from greentrip_networks.compiled import Floats
from greentrip_networks.kernels import njit

from greentrip_optimizer.solver import load

_NODES = 50_000  # of the search tree, the limit that repeats
MOST_CUTS = 64  # a partial route holds one bit of each


class Route(NamedTuple):
    """A route and what it costs an hour; stops run from the station outwards."""

    cost: float
    station: int
    stops: tuple[int, ...]


class Prices(NamedTuple):
    """Dual values: what serving a stop is worth, and what a cut costs (0 or more)."""

    stop: Floats
    cut: Floats  # (MOST_CUTS,)


class Relaxation:
    """Cover every stop at least once by routes, at the least cost; routes may be bought in parts.

    Leaving a stop out of a route never makes it dearer, so covering at least once bounds serving exactly once.
    """

    def __init__(self, stops: int) -> None:
        _, pywraplp = load()
        self._lp: Any = pywraplp.Solver.CreateSolver("GLOP")
        self._infinity = self._lp.infinity()
        self._rows = [self._lp.Constraint(1.0, self._infinity, "") for _ in range(stops)]
        self.cuts: list[tuple[int, int, int] | None] = [None] * MOST_CUTS
        self._cut_rows: list[Any] = [None] * MOST_CUTS
        self._variables: dict[tuple[int, tuple[int, ...]], Any] = {}
        self.routes: list[Route] = []
        self.value = np.inf

    def add(self, route: Route) -> bool:
        """Add a route; say whether it is new."""
        key = (route.station, route.stops)
        if key in self._variables:
            return False
        x = self._lp.NumVar(0.0, self._infinity, "")
        self._lp.Objective().SetCoefficient(x, route.cost)
        for s in set(route.stops):
            self._rows[s].SetCoefficient(x, float(route.stops.count(s)))
        for cut, row in zip(self.cuts, self._cut_rows, strict=True):
            if cut is not None and (count := _in_cut(route.stops, cut)):
                row.SetCoefficient(x, float(count))
        self._variables[key] = x
        self.routes.append(route)
        return True

    def add_cut(self, stops: tuple[int, int, int]) -> bool:
        """Say that at most one route may serve two of three stops; False if there is no place for one more."""
        if stops in self.cuts or None not in self.cuts:
            return False
        k = self.cuts.index(None)
        row = self._lp.Constraint(-self._infinity, 1.0, "")
        for route in self.routes:
            if count := _in_cut(route.stops, stops):
                row.SetCoefficient(self._variables[route.station, route.stops], float(count))
        self.cuts[k], self._cut_rows[k] = stops, row
        return True

    def drop_idle_cuts(self, prices: Prices) -> None:
        """Give up cuts that cost nothing at the prices, to make place."""
        for k, row in enumerate(self._cut_rows):
            if row is not None and prices.cut[k] <= 1e-9:
                row.SetUb(self._infinity)
                row.Clear()
                self.cuts[k] = self._cut_rows[k] = None

    def forbid(self, route: Route) -> None:
        """Take a route out."""
        self._variables[route.station, route.stops].SetUb(0.0)

    def solve(self) -> Prices:
        """Solve and return the prices."""
        status = self._lp.Solve()
        if status not in (0, 1):  # the last basis may be of no use once columns and cuts came
            self._lp.Reset()
            status = self._lp.Solve()
        if status not in (0, 1):
            raise RuntimeError(f"GLOP stopped with status {status} on a program that always has a solution")
        self.value = float(self._lp.Objective().Value())
        cut = np.zeros(MOST_CUTS)
        for k, row in enumerate(self._cut_rows):
            if row is not None:
                cut[k] = max(-row.dual_value(), 0.0)
        return Prices(np.array([max(r.dual_value(), 0.0) for r in self._rows]), cut)

    def used(self) -> list[tuple[Route, float]]:
        """Return the routes of the last solution with their parts."""
        out = []
        for route in self.routes:
            part = self._variables[route.station, route.stops].solution_value()
            if part > 1e-7:
                out.append((route, float(part)))
        return out


def _in_cut(stops: tuple[int, ...], cut: tuple[int, int, int]) -> int:
    """Return how many pairs of a cut's stops a route serves."""
    return sum(stops.count(s) for s in cut) // 2


def violated(used: Sequence[tuple[Route, float]], stops: int, most: int) -> list[tuple[int, int, int]]:
    """Return triples of stops of which routes in parts serve two more than once, the worst first."""
    first = np.append(0, np.cumsum([len(r.stops) for r, _ in used])).astype(np.int64)
    served = np.concatenate(
        [np.array(sorted(set(r.stops)) + [-1] * (len(r.stops) - len(set(r.stops)))) for r, _ in used]
    )
    part = np.array([p for _, p in used])
    triple, excess = _triples(first, served.astype(np.int64), part, stops)
    chosen: list[tuple[int, int, int]] = []
    uses = np.zeros(stops, np.int64)
    for k in np.lexsort((np.arange(len(excess)), -excess)).tolist():
        row = triple[k]
        if uses[row].max() >= 3:
            continue
        uses[row] += 1
        chosen.append((int(row[0]), int(row[1]), int(row[2])))
        if len(chosen) == most:
            break
    return chosen


@njit()
def _triples(
    first: "np.ndarray[Any, Any]", served: "np.ndarray[Any, Any]", part: Floats, n: int
) -> "tuple[np.ndarray[Any, Any], Floats]":
    """List triples served twice more than once and by how much."""
    pair = np.zeros((n, n))
    member = np.zeros((len(part), n), np.bool_)
    for r in range(len(part)):
        for a in range(first[r], first[r + 1]):
            if served[a] >= 0:
                member[r, served[a]] = True
            for b in range(first[r], first[r + 1]):
                if served[a] >= 0 and served[b] >= 0 and a != b:
                    pair[served[a], served[b]] += part[r]
    triple, excess, used = np.zeros((2000, 3), np.int64), np.zeros(2000), 0
    for i in range(n):
        for j in range(i + 1, n):
            for k in range(j + 1, n):
                total = pair[i, j] + pair[i, k] + pair[j, k]
                if total <= 1.02 or used == 2000:
                    continue
                for r in range(len(part)):
                    if member[r, i] and member[r, j] and member[r, k]:
                        total -= 2 * part[r]
                if total > 1.02:
                    triple[used, 0], triple[used, 1], triple[used, 2], excess[used] = i, j, k, total - 1
                    used += 1
    return triple[:used].copy(), excess[:used].copy()


def choose(
    routes: Sequence[Route], stops: int, start: Sequence[Route], seconds: float, seed: int
) -> tuple[tuple[Route, ...], float]:
    """Choose routes that cover every stop at the least cost; return them and a proven bound over these routes.

    Stops served twice stay with the route that gains least from leaving them out; the caller does that.
    """
    _, pywraplp = load()
    listed = list(dict.fromkeys([*routes, *start]))
    lp: Any = pywraplp.Solver.CreateSolver("SCIP")
    x = [lp.IntVar(0.0, 1.0, "") for _ in listed]
    rows = [lp.Constraint(1.0, lp.infinity(), "") for _ in range(stops)]
    for route, v in zip(listed, x, strict=True):
        lp.Objective().SetCoefficient(v, route.cost)
        for s in set(route.stops):
            rows[s].SetCoefficient(v, 1.0)
    begin = set(start)
    lp.SetHint(x, [float(r in begin) for r in listed])
    if np.isfinite(seconds):
        lp.SetTimeLimit(max(1, int(seconds * 1000)))
    lp.SetSolverSpecificParametersAsString(
        f"randomization/randomseedshift = {seed % 1_000_000}\nlimits/gap = 1e-7\nlimits/totalnodes = {_NODES}"
    )
    status = lp.Solve()
    if status not in (0, 1):
        return tuple(start), -np.inf
    chosen = tuple(r for r, v in zip(listed, x, strict=True) if v.solution_value() > 0.5)
    return chosen, float(lp.Objective().BestBound())
