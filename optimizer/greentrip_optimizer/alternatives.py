"""Solve a choice again: the best without one of its picks, and the best with one more bus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from greentrip_optimizer.solver import load

MOST_TOLD = 20  # picks, the most valuable first, for which the next best is sought
_CENT = 100
_PROVED = 0.005  # CNY a day between a value and its bound


@dataclass(frozen=True, eq=False)
class Program:
    """A CP-SAT model of what to pick, worth as much as possible in 0.01 CNY a day; how many buses there are is open."""

    model: Any
    pick: Sequence[Any]  # boolean variables
    fleet: Any  # integer variable: the most buses that the picks may take
    seed: int


@dataclass(frozen=True)
class Answer:
    """Picks found, their value and the most that any could be worth, CNY a day; no picks where none were found."""

    picks: tuple[int, ...] | None
    value: float
    bound: float
    impossible: bool = False  # proved that no picks keep the limits


@dataclass(frozen=True)
class Alternatives:
    """What could have been chosen instead."""

    without: Mapping[int, Answer]  # the best without a pick, for those told
    one_more: Answer  # the best with one more bus


def fleet_of(model: Any, buses: Any) -> Any:
    """Return the variable of buses at hand, added to a model with the limit that the picks take no more."""
    fleet = model.new_int_var(0, 2**31 - 1, "fleet")
    model.add(buses <= fleet)
    return fleet


def solve(
    program: Program,
    fleet: int,
    work: float,
    *,
    fixed: Mapping[int, bool] | None = None,
    start: Sequence[int] | None = None,
) -> Answer:
    """Return the best picks with so many buses, within so much of CP-SAT's deterministic time.

    `fixed` picks are or are not taken; `start` are picks to begin the search from.
    """
    cp_model, _ = load()
    model = program.model.clone()
    model.add(model.get_int_var_from_proto_index(program.fleet.index) == fleet)
    pick = [model.get_bool_var_from_proto_index(x.index) for x in program.pick]
    for i, taken in (fixed or {}).items():
        model.add(pick[i] == int(taken))
    if start is not None:
        begun = set(start)
        for i, x in enumerate(pick):
            model.add_hint(x, i in begun)
    solver = _solver(program, work)
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Answer(None, -inf, inf, impossible=status == cp_model.INFEASIBLE)
    found = tuple(i for i, x in enumerate(pick) if solver.boolean_value(x))
    return Answer(found, solver.objective_value / _CENT, solver.best_objective_bound / _CENT)


def possible(program: Program, fleet: int, work: float) -> bool | None:
    """Say whether any picks keep the limits with so many buses; nothing if the work did not suffice to tell."""
    cp_model, _ = load()
    model = program.model.clone()
    model.clear_objective()
    model.add(model.get_int_var_from_proto_index(program.fleet.index) == fleet)
    status = _solver(program, work).solve(model)
    if status == cp_model.INFEASIBLE:
        return False
    return True if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None


def alternatives(program: Program, fleet: int, best: Answer, worth: Sequence[float], work: float) -> Alternatives:
    """Return the best without each of the most valuable picks (`MOST_TOLD` by `worth`) and with one more bus.

    Every search begins from the picks at hand. That for one more bus may take `work`, the others together twice that.
    """
    picks = best.picks or ()
    told = sorted(picks, key=lambda i: (-worth[i], i))[:MOST_TOLD]
    without = {i: _without(program, fleet, best, i, 2 * work / len(told)) for i in told}
    more = solve(program, fleet + 1, work, start=picks)
    if more.picks is not None and more.value < best.value:  # what is chosen keeps the limits with one more bus too
        more = Answer(best.picks, best.value, more.bound)
    return Alternatives(without, more)


def next_best(best: Answer, without: Answer) -> dict[str, Any]:
    """Return what the best without a pick loses, CNY a day; beside it the least it can lose where that is open."""
    if without.picks is None:
        found = "keeps the limits" if without.impossible else "was found within the work allowed"
        return {"loses_cny_day": None, "reason": f"no plan without it {found}"}
    row = {"loses_cny_day": round(best.value - without.value, 2)}
    if without.bound > without.value + _PROVED:
        row["loses_at_least_cny_day"] = round(best.value - without.bound, 2)
    return row


def shadow_prices(best: Answer, one_more: Answer) -> dict[str, float | None]:
    """Return what one more bus would bring, CNY a day; beside it the most it could bring where that is open.

    Nothing is said of its worth if no plan was found within the work allowed.
    """
    if one_more.picks is None:
        return {"bus_cny_day": None}
    prices: dict[str, float | None] = {"bus_cny_day": round(one_more.value - best.value, 2)}
    if one_more.bound > one_more.value + _PROVED:
        prices["bus_at_most_cny_day"] = round(one_more.bound - best.value, 2)
    return prices


def _without(program: Program, fleet: int, best: Answer, i: int, work: float) -> Answer:
    """Return the best without pick `i`, at the least the other picks alone if they keep the limits."""
    rest = [k for k in best.picks or () if k != i]
    found = solve(program, fleet, work, fixed={i: False}, start=rest)
    if found.picks is not None or found.impossible:
        return replace(found, bound=min(found.bound, best.bound))
    kept = set(rest)
    alone = solve(program, fleet, work, fixed={k: k in kept for k in range(len(program.pick))})
    return replace(alone, bound=best.bound, impossible=False)


def _solver(program: Program, work: float) -> Any:
    """Return a solver that stops on work and not on time."""
    cp_model, _ = load()
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = program.seed % 2_000_000_000
    solver.parameters.max_deterministic_time = work
    return solver
