"""The rules that changes of bus lines keep, and the choice among the changes as a CP-SAT program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from greentrip_optimizer.alternatives import Program, fleet_of
from greentrip_optimizer.line_actions import Action, Service
from greentrip_optimizer.solver import load

_CENT = 100
UNLIMITED = 2**31 - 1  # buses


@dataclass(frozen=True)
class Rules:
    """What the changes chosen keep to; a rule that is nothing, or false, is off."""

    vehicles: int | None  # that all lines take together in the peak
    full: float | None  # riders over places up to which riders moved to rail may fill the trains
    most_loss_min: float | None  # felt minutes that a rider may lose on average by one change
    stops: bool = True  # no stop away from rail loses its last line

    @property
    def fleet(self) -> int:
        """Buses at hand."""
        return UNLIMITED if self.vehicles is None else self.vehicles


def line_program(
    service: Service,
    actions: Sequence[Action],
    over: Mapping[int, float],
    today: Mapping[int, tuple[int, float]],
    rules: Rules,
) -> Program:
    """Return the program of at most one change a line under the rules, the number of buses left open.

    `over` are persons over capacity by rail ride, `today` buses and CNY a day by line.
    """
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
    if rules.most_loss_min is not None:
        for i, a in enumerate(actions):
            if a.mean_loss_min > rules.most_loss_min:
                model.add(x[i] == 0)
    if rules.stops:
        serving: dict[str, set[int]] = {}
        for k, node in zip(net.buses.line.tolist(), net.buses.node, strict=True):
            serving.setdefault(node, set()).add(k)
        leaving: dict[str, list[Any]] = {}
        for i, a in enumerate(actions):
            for node in dict.fromkeys(a.dropped):
                leaving.setdefault(node, []).append(x[i])
        for node in sorted(leaving):
            model.add(sum(leaving[node]) <= len(serving[node]) - 1)
    onto: dict[int, list[Any]] = {}
    off: dict[int, list[Any]] = {}
    for i, a in enumerate(actions):
        for r, n in a.moved:
            onto.setdefault(r, []).append(int(np.ceil(n)) * x[i])
        for r, n in a.relieved:
            off.setdefault(r, []).append(int(n) * x[i])
    if rules.full is not None:
        riding, places = (service.run.costs[f"rail_{n}_am"] for n in ("load", "places"))
        for r in sorted(onto):
            model.add(sum(onto[r]) <= int(max(rules.full * places[r] - riding[r], 0.0)))
    relief: list[Any] = []
    for r in sorted(off):
        y = model.new_int_var(0, int(np.ceil(over[r])), f"r{r}")
        model.add(y <= sum(off[r]))
        relief.append(y)
    more = [a.vehicles - (today[a.row][0] if a.row >= 0 else 0) for a in actions]
    buses = cp_model.LinearExpr.weighted_sum(x, more) + sum(n for n, _ in today.values())
    value = [int((a.saved_cny - a.lost_min * per_min) * _CENT) for a in actions]
    worth = cp_model.LinearExpr.weighted_sum(x, value) + int(o.crowding_min * per_min * _CENT) * sum(relief)
    fleet = fleet_of(model, buses)
    model.maximize(worth)
    return Program(model, x, fleet, o.seed)
