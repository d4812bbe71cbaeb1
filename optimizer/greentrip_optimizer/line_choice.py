"""Choose changes of bus lines with CP-SAT, and say which limits conflict where there is no choice."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from greentrip_networks.errors import ScenarioError

from greentrip_optimizer.line_actions import Action, Service
from greentrip_optimizer.solver import load

_CENT = 100
RULES = {"stops": "no stop away from rail loses its last line", "trains": "riders moved to rail fit into the trains"}


def choose_changes(
    service: Service, actions: Sequence[Action], over: Mapping[int, float], today: Mapping[int, tuple[int, float]]
) -> tuple[list[int], float, float]:
    """Return the rows of the actions chosen, their value together and its bound, CNY a day.

    `over` are persons over capacity by rail ride, `today` buses and cost by line. Raises ScenarioError where too few
    buses are at hand; it says how few would do, and how few without each of the other rules that stand in the way.
    """
    o = service.options
    at_hand = sum(n for n, _ in today.values()) if o.vehicles is None else o.vehicles
    model, x, buses, worth = _program(service, actions, over, today, tuple(RULES))
    model.add(buses <= at_hand)
    model.maximize(worth)
    solver = _solved(model, service)
    if solver is None:
        least = _least(service, actions, over, today, tuple(RULES))
        loosened = {r: _least(service, actions, over, today, tuple(k for k in RULES if k != r)) for r in RULES}
        but = "".join(f"; {n} would do without the rule that {RULES[r]}" for r, n in loosened.items() if n < least)
        raise ScenarioError(
            "vehicles",
            f"saw {at_hand}; expected at least {least}, which is the fewest that any allowed changes of today's "
            f"{sum(n for n, _ in today.values())} leave{but}",
        )
    chosen = [i for i in range(len(actions)) if solver.boolean_value(x[i])]
    return chosen, solver.objective_value / _CENT, solver.best_objective_bound / _CENT


def _least(
    service: Service,
    actions: Sequence[Action],
    over: Mapping[int, float],
    today: Mapping[int, tuple[int, float]],
    rules: Sequence[str],
) -> int:
    """Return the fewest buses that changes under some rules leave."""
    model, _, buses, _ = _program(service, actions, over, today, rules)
    model.minimize(buses)
    solver = _solved(model, service)
    return int(solver.objective_value) if solver is not None else sum(n for n, _ in today.values())


def _solved(model: Any, service: Service) -> Any:
    """Return the solver with a solution, found by work and not by time, or nothing."""
    cp_model, _ = load()
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = service.options.seed % 2_000_000_000
    solver.parameters.max_deterministic_time = service.options.work
    return solver if solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None


def _program(
    service: Service,
    actions: Sequence[Action],
    over: Mapping[int, float],
    today: Mapping[int, tuple[int, float]],
    rules: Sequence[str],
) -> tuple[Any, list[Any], Any, Any]:
    """Return the program without a limit of buses: variables, the buses it takes, and what it is worth in 0.01 CNY."""
    cp_model, _ = load()
    o, net = service.options, service.network
    per_min = service.parameters["value_of_time.mean_cny_h"] / 60
    model: Any = cp_model.CpModel()
    x = [model.new_bool_var(f"a{i}") for i in range(len(actions))]
    groups: dict[tuple[int, str], list[Any]] = {}
    for i, a in enumerate(actions):
        groups.setdefault((a.row, a.name), []).append(x[i])
    for one_line in groups.values():
        model.add_at_most_one(one_line)
    if "stops" in rules:
        serving: dict[str, set[int]] = {}
        for k, node in zip(net.buses.line.tolist(), net.buses.node, strict=True):
            serving.setdefault(node, set()).add(k)
        leaving: dict[str, list[Any]] = {}
        for i, a in enumerate(actions):
            for node in dict.fromkeys(a.dropped):
                leaving.setdefault(node, []).append(x[i])
        for node in sorted(leaving):
            model.add(sum(leaving[node]) <= len(serving[node]) - 1)
    riding, places = (service.run.costs[f"rail_{n}_am"] for n in ("load", "places"))
    onto: dict[int, list[Any]] = {}
    off: dict[int, list[Any]] = {}
    for i, a in enumerate(actions):
        for r, n in a.moved:
            onto.setdefault(r, []).append(int(np.ceil(n)) * x[i])
        for r, n in a.relieved:
            off.setdefault(r, []).append(int(n) * x[i])
    for r in sorted(onto) if "trains" in rules else ():
        model.add(sum(onto[r]) <= int(max(o.full * places[r] - riding[r], 0.0)))
    relief: list[Any] = []
    for r in sorted(off):
        y = model.new_int_var(0, int(np.ceil(over[r])), f"r{r}")
        model.add(y <= sum(off[r]))
        relief.append(y)
    more = [a.vehicles - (today[a.row][0] if a.row >= 0 else 0) for a in actions]
    buses = cp_model.LinearExpr.weighted_sum(x, more) + sum(n for n, _ in today.values())
    value = [int((a.saved_cny - a.lost_min * per_min) * _CENT) for a in actions]
    worth = cp_model.LinearExpr.weighted_sum(x, value) + int(o.crowding_min * per_min * _CENT) * sum(relief)
    return model, x, buses, worth
