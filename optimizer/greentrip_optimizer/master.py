"""Choose the columns to run, over all stations at once: a quick start, then CP-SAT over those that may still matter."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from greentrip_networks.compiled import Floats

from greentrip_optimizer.limits import Used
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.pool import Pool, Prices
from greentrip_optimizer.program import CENT, limit_means, limit_streets
from greentrip_optimizer.relax import Packed
from greentrip_optimizer.solver import load

_MOST_PACKED = 1500
_ASK_S = 0.05  # how often a search that may be stopped asks
_MOST_CREDITS = 15000  # cell credits that CP-SAT handles in seconds


@dataclass(frozen=True)
class Choice:
    """Columns chosen and what is known of how good they are."""

    columns: tuple[int, ...]
    value: float  # CNY a day
    complete: bool  # CP-SAT saw every column that could improve on the start
    optimal: bool  # and proved that nothing better exists among them
    bound: float  # of the integer program CP-SAT saw


def greedy(pool: Pool, prices: Prices, start: Sequence[int] = (), weight: float = 1.0) -> tuple[int, ...]:
    """Take the column that adds the most beyond `weight` times the prices of buses and money, until nothing fits."""
    chosen = list(start)
    gained = np.zeros(len(prices.cell))
    taken = np.zeros(len(pool.stops), bool)
    used = Used(pool, chosen)
    for i in chosen:
        np.maximum.at(gained, pool.cell[pool.entries(i)], pool.worth[pool.entries(i)])
        taken[pool.route[i]] = True
    while len(pool):
        added = pool.beyond(gained) - pool.cost - pool.toll - used.surcharge()
        score = added - weight * (prices.vehicle * pool.vehicles + prices.budget * pool.cost)
        score = np.where(~taken[pool.route] & (added > 1e-6), score, -np.inf)
        i = int(score.argmax())
        if not score[i] > -1e-6:
            break
        chosen.append(i)
        used.add(i)
        at = pool.entries(i)
        gained[pool.cell[at]] = np.maximum(gained[pool.cell[at]], pool.worth[at])
        taken[pool.route[i]] = True
    return tuple(sorted(chosen))


def pack(
    packed: Sequence[Packed], prices: Prices, pool: Pool, options: FeederOptions, stop: Callable[[], bool] | None = None
) -> tuple[int, ...]:
    """Choose among the relaxation's columns, cells as credited there: a small packing problem, solved by CP-SAT."""
    cp_model, _ = load()
    profit = np.array([p.profit(prices) for p in packed])
    kept = [packed[k] for k in np.lexsort((np.arange(len(packed)), -profit))[:_MOST_PACKED]]
    if not kept:
        return ()
    model: Any = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in kept]
    groups: dict[tuple[str, int], list[Any]] = {}
    for p, var in zip(kept, x, strict=True):
        for c in p.cells:
            groups.setdefault(("cell", c), []).append(var)
        groups.setdefault(("route", p.route), []).append(var)
    for key in sorted(groups):
        model.add_at_most_one(groups[key])
    stations = [p.station for p in kept]
    paid = limit_means(model, cp_model, x, [p.vehicles for p in kept], [p.cost for p in kept], stations, pool.limits)
    if pool.ways is not None:
        routes, headways = [p.route for p in kept], [p.headway for p in kept]
        paid += limit_streets(model, cp_model, x, routes, headways, pool.ways, pool.limits.over_street)
    weight = [int(p.net * CENT) for p in kept] + [-1] * len(paid)
    model.maximize(cp_model.LinearExpr.weighted_sum([*x, *paid], weight))
    solver = _solver(cp_model, options, options.master_work / 3)
    if _solve(solver, model, stop) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return ()
    at = {(int(r), int(h)): i for i, (r, h) in enumerate(zip(pool.route, pool.headway, strict=True))}
    return tuple(sorted(at[p.route, p.headway] for p, var in zip(kept, x, strict=True) if solver.boolean_value(var)))


def _solver(cp_model: Any, options: FeederOptions, work: float) -> Any:
    """Return a CP-SAT solver that repeats: one worker, a fixed seed, a limit of work instead of time."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = options.seed % 2_000_000_000
    solver.parameters.linearization_level = 2
    solver.parameters.max_deterministic_time = work
    return solver


def _solve(solver: Any, model: Any, stop: Callable[[], bool] | None) -> Any:
    """Solve a model and return the status; end early with the best solution known once `stop` says so."""
    if stop is None:
        return solver.solve(model)
    done = threading.Event()

    def ask() -> None:
        while not done.wait(_ASK_S):
            if stop():
                solver.stop_search()

    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(ask)
        try:
            status = solver.solve(model)
        finally:
            done.set()
        asking.result()  # raises what `stop` raised
    return status


def best_start(
    pool: Pool,
    prices: Prices,
    options: FeederOptions,
    packed: Sequence[Packed],
    known: Sequence[tuple[int, ...]] = (),
    stop: Callable[[], bool] | None = None,
) -> tuple[tuple[int, ...], float]:
    """Return the best of the packed choice, several greedy ones and the known ones, with its value."""
    tries = [*known, greedy(pool, prices, pack(packed, prices, pool, options, stop), 0.0)]
    for weight in (1.0, 0.8, 0.5, 0.0):
        first = greedy(pool, prices, weight=weight)
        tries.append(first if weight == 0.0 else greedy(pool, prices, first, 0.0))
    values = [pool.value(t) for t in tries]
    k = int(np.argmax(values))
    return tuple(tries[k]), values[k]


def choose(
    pool: Pool,
    profit: Floats,
    upper: float,
    options: FeederOptions,
    start: tuple[int, ...],
    start_value: float,
    *,
    complete: bool = True,
    gap: float = 0.0,
    stop: Callable[[], bool] | None = None,
) -> Choice:
    """Solve the integer program over the columns that could be in a better plan than the start.

    A plan with column i is worth at most `upper + min(profit[i], 0)`, so columns below the start's value are left
    out; if too many remain the most promising are kept and the choice is marked incomplete, as it is if the pool was
    not `complete`. Of a complete choice, a plan within `gap` of the bound is good enough (a share of the bound); `stop`
    ends the choice with the best plan known.
    """
    cp_model, _ = load()
    possible = (np.minimum(profit, 0.0) + upper > start_value + 1e-6) & (pool.limits.most_routes > 0)[pool.station]
    sizes = np.diff(pool.first)
    order = np.flatnonzero(possible)
    order = order[np.lexsort((order, -profit[order]))]
    most = int(np.searchsorted(np.cumsum(sizes[order]), _MOST_CREDITS, side="right"))
    if most < len(order):
        complete, order = False, order[:most]
    keep = np.zeros(len(pool), bool)
    keep[order] = True
    keep[list(start)] = True
    columns = np.flatnonzero(keep)
    if not len(order):
        return Choice(start, start_value, complete, complete, start_value)
    model: Any = cp_model.CpModel()
    x = {int(i): model.new_bool_var(f"x{i}") for i in columns}
    gain: list[Any] = []
    weight: list[int] = []
    by_cell: dict[int, list[tuple[int, int]]] = {}
    for i in columns.tolist():
        at = pool.entries(i)
        for c, w in zip(pool.cell[at].tolist(), np.round(pool.worth[at] * CENT).astype(int).tolist(), strict=True):
            if w > 0:
                by_cell.setdefault(c, []).append((w, i))
    for c in sorted(by_cell):
        # the cell's gain as steps: the step of rank k is had if some column gives at least that much
        ranked = sorted(by_cell[c], key=lambda e: (-e[0], e[1]))
        if len(ranked) == 1:
            gain.append(x[ranked[0][1]])
            weight.append(ranked[0][0])
            continue
        steps = []
        for w, i in ranked:
            y = model.new_bool_var("")
            model.add_implication(y, x[i])
            steps.append(y)
            gain.append(y)
            weight.append(w)
        model.add_at_most_one(steps)
    for i in columns.tolist():
        gain.append(x[i])
        weight.append(-int(np.ceil((pool.cost[i] + pool.toll[i]) * CENT)))
    by_route: dict[int, list[Any]] = {}
    for i in columns.tolist():
        by_route.setdefault(int(pool.route[i]), []).append(x[i])
    for group in by_route.values():
        model.add_at_most_one(group)
    listed = columns.tolist()
    vehicles = [int(pool.vehicles[i]) for i in listed]
    variables, limits = [x[i] for i in listed], pool.limits
    stations, cost = pool.station[listed].tolist(), [float(pool.cost[i]) for i in listed]
    paid = limit_means(model, cp_model, variables, vehicles, cost, stations, limits)
    if pool.ways is not None:
        routes, headways = pool.route[listed].tolist(), pool.headway[listed].tolist()
        paid += limit_streets(model, cp_model, variables, routes, headways, pool.ways, limits.over_street)
    gain += paid
    weight += [-1] * len(paid)
    model.maximize(cp_model.LinearExpr.weighted_sum(gain, weight))
    for i in listed:
        model.add_hint(x[i], i in start)
    solver = _solver(cp_model, options, options.master_work)
    if gap and complete:  # CP-SAT's is a share of the value; a little is left for rounding
        solver.parameters.relative_gap_limit = 0.99 * gap / (1 - gap)
    status = _solve(solver, model, stop)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Choice(start, start_value, complete, False, upper)
    found = tuple(i for i in listed if solver.boolean_value(x[i]))
    value = pool.value(found)
    bound = solver.best_objective_bound / CENT
    optimal = status == cp_model.OPTIMAL and (not gap or solver.best_objective_bound < solver.objective_value + 1)
    if value < start_value:
        found, value = start, start_value
    return Choice(found, value, complete, optimal, max(bound, value))
