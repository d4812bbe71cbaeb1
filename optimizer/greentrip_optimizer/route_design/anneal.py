"""Many proposals at one temperature: each weighed, accepted or refused, the best kept."""

import numpy as np
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

from greentrip_optimizer.route_design.delta import (
    apply,
    beyond,
    loose_parts,
    refresh_rows,
    refuse,
    swap_rows,
    take_back,
    weigh,
)
from greentrip_optimizer.route_design.layout import Problem, State, Trial
from greentrip_optimizer.route_design.moves import below, propose, rekey, unit

# What a part that does not hang together costs while only length counts: more than any set of routes is long.
LOOSE = 1e9


@njit()
def value_of(state: State, trial: Trial, weights: NDArray[np.float64]) -> float:
    """Return the objective of a state in step: weights times summed demand * time, and summed length."""
    value = weights[1] * state.totals[2]
    if weights[0] > 0:
        return float(value + weights[0] * state.totals[1])
    return float(value + LOOSE * loose_parts(state, trial.parent))


@njit()
def _bare(state: State, trial: Trial) -> bool:
    """Return whether the applied routes leave a node of the old ones without any."""
    for c in range(trial.sizes[0]):
        for k in range(trial.old_count[c]):
            if state.covered[trial.old[c, k]] == 0:
                return True
    return False


@njit()
def anneal(
    problem: Problem,
    state: State,
    trial: Trial,
    weights: NDArray[np.float64],
    temperature: float,
    key: int,
    first: int,
    last: int,
    wheel: NDArray[np.int64],
    values: NDArray[np.float64],
    best_route: NDArray[np.int32],
    best_count: NDArray[np.int64],
    tally: NDArray[np.int64],
) -> None:
    """Try proposals `first` to `last` of a key at one temperature.

    `wheel` holds kinds of moves, drawn evenly; `values` is the objective now and of the best, whose routes are kept in
    `best_route` and `best_count`; `tally` (kinds, 3) counts proposals weighed, accepted, and new bests.
    """
    luck = np.zeros(2, dtype=np.uint64)
    for number in range(first, last):
        rekey(luck, key, number)
        kind = wheel[below(luck, wheel.shape[0])]
        limit = values[0] - temperature * np.log(unit(luck))
        if not propose(problem, state, trial, kind, luck):
            continue
        tally[kind, 0] += 1
        apply(problem, state, trial)
        value = weights[1] * state.totals[2]
        if weights[0] > 0:
            if _bare(state, trial):
                take_back(problem, state, trial)
                continue
            floor = weigh(problem, state, trial, number + 1)
            if trial.sizes[1] == 0:
                value += weights[0] * state.totals[1]
                if value > limit:
                    take_back(problem, state, trial)
                    continue
                values[0] = value
                tally[kind, 1] += 1
                if value < values[1]:
                    values[1] = value
                    best_route[:] = state.route
                    best_count[:] = state.calls
                continue
            if value + weights[0] * floor > limit:
                refuse(problem, state, trial)
                continue
            swap_rows(state, trial)
            exact = floor + beyond(problem, state, trial)
            value += weights[0] * exact
            if value > limit:
                swap_rows(state, trial)
                refuse(problem, state, trial)
                continue
            state.totals[0], state.totals[1] = floor, exact
            refresh_rows(problem, state)
        else:
            if value <= limit:
                value += LOOSE * loose_parts(state, trial.parent)
            if value > limit:
                take_back(problem, state, trial)
                continue
        values[0] = value
        tally[kind, 1] += 1
        if value < values[1]:
            values[1] = value
            tally[kind, 2] += 1
            best_route[:] = state.route
            best_count[:] = state.calls
