"""The programs over blocks found: the linear relaxation (CLP) and the choice of whole blocks (CP-SAT)."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from greentrip_optimizer.electric.labels import Column, Prices
from greentrip_optimizer.electric.links import Floats
from greentrip_optimizer.solver import load

_UNIT = 1000  # minutes count in thousandths


class Aim(NamedTuple):
    """What a block costs: so much a bus and so much a minute driven empty."""

    bus: float
    minute: float

    def cost(self, column: Column) -> float:
        """Return a block's cost."""
        return self.bus + self.minute * column.empty_min


class Relaxation:
    """Run every trip once with parts of blocks, with at most so many buses, at the least cost.

    A trip may also be run again and a bus be added, both at `penalty`, so there is always a solution; what it costs is
    no more than without these, and so bounds every schedule all the same.
    """

    def __init__(self, trips: Iterable[int], buses: int, aim: Aim, penalty: float) -> None:
        _, pywraplp = load()
        self._lp: Any = pywraplp.Solver.CreateSolver("CLP")
        self._infinity, self._aim = self._lp.infinity(), aim
        self._how = pywraplp.MPSolverParameters()  # on from the last solution, to which blocks were added
        self._how.SetIntegerParam(self._how.PRESOLVE, self._how.PRESOLVE_OFF)
        self._how.SetIntegerParam(self._how.LP_ALGORITHM, self._how.PRIMAL)
        self._rows = {t: self._lp.Constraint(1.0, 1.0, "") for t in trips}
        self._buses = self._lp.Constraint(-self._infinity, float(buses), "")
        for row in (*self._rows.values(), self._buses):
            spare = self._lp.NumVar(0.0, self._infinity, "")
            self._lp.Objective().SetCoefficient(spare, penalty)
            row.SetCoefficient(spare, -1.0)
        self._variables: dict[int, Any] = {}
        self.value = np.inf

    def add(self, number: int, column: Column) -> bool:
        """Add a block under its number; say whether it is new."""
        if number in self._variables:
            return False
        x = self._lp.NumVar(0.0, self._infinity, "")
        self._lp.Objective().SetCoefficient(x, self._aim.cost(column))
        for t in column.trips:
            self._rows[t].SetCoefficient(x, 1.0)
        self._buses.SetCoefficient(x, 1.0)
        self._variables[number] = x
        return True

    def solve(self, trips: int) -> Prices:
        """Solve, keep the value and return the prices, by trip of all `trips`."""
        status = self._lp.Solve(self._how)
        if status not in (0, 1):
            raise RuntimeError(f"CLP stopped with status {status} on a program that always has a solution")
        self.value = float(self._lp.Objective().Value())
        price = np.zeros(trips)
        for t, row in self._rows.items():
            price[t] = row.dual_value()
        return Prices(self._aim.bus, self._aim.minute, price, min(self._buses.dual_value(), 0.0))

    def numbers(self) -> list[int]:
        """Return the numbers of all blocks."""
        return list(self._variables)

    def shares(self) -> list[tuple[float, int]]:
        """Return the blocks that the solution holds, each with its share, the largest first."""
        held = [(float(x.solution_value()), k) for k, x in self._variables.items()]
        return sorted(((share, k) for share, k in held if share > 1e-6), key=lambda s: (-s[0], s[1]))


def choose(
    columns: Sequence[Column], trips: int, buses: int, aim: Aim, start: Sequence[int], work: float
) -> tuple[list[int], bool]:
    """Choose blocks, by number, that run every trip once with at most so many buses at the least cost.

    `start` is a choice to begin with; the answer says too whether CP-SAT proved that none of these blocks do better. It
    repeats: one worker, and a limit of work (`work`, CP-SAT's own seconds) instead of time.
    """
    cp_model, _ = load()
    model: Any = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in columns]
    by_trip: list[list[Any]] = [[] for _ in range(trips)]
    for var, column in zip(x, columns, strict=True):
        for t in column.trips:
            by_trip[t].append(var)
    for group in by_trip:
        model.add_exactly_one(group)
    model.add(sum(x) <= buses)
    costs = [round(aim.cost(c) * _UNIT) for c in columns]
    model.minimize(cp_model.LinearExpr.weighted_sum(x, costs))
    chosen = set(start)
    for k, var in enumerate(x):
        model.add_hint(var, k in chosen)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.linearization_level = 2
    solver.parameters.max_deterministic_time = work
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return list(start), False
    return [k for k, var in enumerate(x) if solver.boolean_value(var)], status == cp_model.OPTIMAL


def worth(prices: Prices, columns: Sequence[Column]) -> Floats:
    """Return what each block costs beyond the prices of its trips and its bus."""
    return np.array(
        [
            prices.bus + prices.minute * c.empty_min - prices.spare - float(prices.trip[list(c.trips)].sum())
            for c in columns
        ]
    )
