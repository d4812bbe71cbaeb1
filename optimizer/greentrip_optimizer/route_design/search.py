"""Search for routes: simulated annealing from drawn starts, each run longer than the one before.

A run begins with routes drawn at random, annealed on length alone until they serve and join every node, and is then
cooled geometrically on the objective asked for. The last run takes half of the work, each before it half of the next;
the best routes met by any are returned. By evaluations the answer repeats to the byte; by seconds it depends on the
machine.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from greentrip_networks.errors import GreentripError
from numpy.typing import NDArray

from greentrip_optimizer.route_design.anneal import LOOSE, anneal, value_of
from greentrip_optimizer.route_design.bounds import operator_bound, passenger_bound
from greentrip_optimizer.route_design.check import faults
from greentrip_optimizer.route_design.delta import load
from greentrip_optimizer.route_design.evaluate import Worth, evaluate
from greentrip_optimizer.route_design.instance import Instance
from greentrip_optimizer.route_design.layout import Problem, State, Trial, problem, state, trial
from greentrip_optimizer.route_design.moves import KINDS, draw_routes

OBJECTIVES = ("passenger", "operator", "weighted")
_RUNS = (1, 1, 2, 4, 8, 16, 32)
# Proposals at one temperature; a clock is looked at between.
_BATCH = 1000
_START = 20_000
_STARTS = 200
# How often each kind of move is drawn: stretch, ends, tail, anew, pair, cross, donate.
_SHARES = (8, 6, 2, 1, 1, 2, 2)


class NoRoutesError(GreentripError):
    """The search met no set of routes that keeps the rules."""


@dataclass(frozen=True)
class Cooling:
    """First and last temperature, as shares of the objective's bound over the number of routes."""

    first: float
    last: float


COOLING = {
    "passenger": Cooling(0.006, 1.5e-4),
    "operator": Cooling(0.3, 7e-3),
    "weighted": Cooling(0.006, 1.5e-4),
}


@dataclass(frozen=True)
class Design:
    """Routes found, what they are worth, and how far from the best they can be.

    `value` is the objective: att in minutes, trt in minutes, or the weighted sum of each over its bound; `bound` its
    proven floor. `repeatable` says whether the same call gives the same routes on any machine.
    """

    routes: tuple[tuple[int, ...], ...]
    worth: Worth
    objective: str
    value: float
    bound: float
    evaluations: int
    seconds: float
    repeatable: bool

    @property
    def gap(self) -> float:
        """Return how far above the bound the value is, as a share of the bound."""
        return self.value / self.bound - 1


@dataclass
class _Budget:
    """What is left of the work: proposals tried or seconds passed, whichever was given."""

    evaluations: int | None
    seconds: float | None
    began: float
    used: int = 0

    def share(self) -> float:
        """Return the part of the work that is done."""
        if self.evaluations is not None:
            return self.used / self.evaluations
        return (time.perf_counter() - self.began) / (self.seconds or 1e-9)

    def batch(self) -> int:
        """Return how many proposals to try next."""
        return _BATCH if self.evaluations is None else max(0, min(_BATCH, self.evaluations - self.used))


def design_routes(
    instance: Instance,
    objective: str = "passenger",
    *,
    seed: int = 0,
    evaluations: int | None = None,
    seconds: float | None = None,
    weight: float = 0.5,
    progress: Callable[[float, float], None] | None = None,
) -> Design:
    """Return the best routes met within the work allowed.

    Parameters
    ----------
    instance
        The problem, as `instance.read` gives it.
    objective
        "passenger" (least mean trip), "operator" (least summed length) or "weighted": `weight` times the mean trip over
        its bound plus the rest times the length over its bound.
    seed
        Key of all draws.
    evaluations, seconds
        Stop after this many proposals (repeatable) or this time; exactly one is given.
    weight
        The passengers' share of the weighted objective.
    progress
        Called with the share of the work done and the best value so far.

    Raises
    ------
    ValueError
        The objective is unknown, or not exactly one of `evaluations` and `seconds` is positive.
    NoRoutesError
        No routes that keep the rules were met.

    """
    if objective not in OBJECTIVES:
        raise ValueError(f"objective: saw {objective!r}; expected one of {', '.join(OBJECTIVES)}")
    if (evaluations is None) == (seconds is None) or (evaluations or seconds or 0) <= 0:
        raise ValueError(f"work: saw evaluations {evaluations} and seconds {seconds}; expected one of them above 0")
    if not 0 <= weight <= 1:
        raise ValueError(f"weight: saw {weight}; expected 0 to 1")
    on_att, on_trt, bound = _objective(instance, objective, weight)
    made = problem(instance)
    # The kernels sum a transfer more on every trip than is made, over pairs of nodes; `shift` takes it back.
    per_unit = on_att / (float(made.demand.sum()) / 2 * instance.scale)
    shift = on_att * instance.rules.transfer_min
    weights = np.array([per_unit, on_trt / instance.scale])
    annealer = _Annealer(made, weights, COOLING[objective], bound, seed)
    annealer.compile()
    work = _Budget(evaluations, seconds, time.perf_counter())
    best: tuple[float, tuple[tuple[int, ...], ...]] | None = None
    least = np.inf

    def report(value: float) -> None:
        nonlocal least
        least = min(least, value)
        if progress:
            progress(min(1.0, work.share()), least - shift)

    for run in range(len(_RUNS)):
        until = sum(_RUNS[: run + 1]) / sum(_RUNS)
        found = annealer.run(run, work, until, report)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    if best is None:
        raise NoRoutesError(
            f"{instance.name}: no {instance.rules.routes} routes of {instance.rules.min_nodes} to "
            f"{instance.rules.max_nodes} nodes that serve and join all {instance.nodes} nodes were met in {work.used} "
            "proposals; allow more work, more routes or longer ones"
        )
    wrong = faults(instance, best[1])
    if wrong:
        raise AssertionError(f"the search broke its own rules: {wrong[0]}")
    worth = evaluate(instance, best[1])
    value = (on_att * worth.att if on_att else 0.0) + on_trt * worth.trt
    passed = time.perf_counter() - work.began
    return Design(best[1], worth, objective, value, bound, work.used, passed, evaluations is not None)


def _objective(instance: Instance, objective: str, weight: float) -> tuple[float, float, float]:
    """Return the weights of mean trip and length in the objective, and the objective's floor."""
    if objective == "passenger":
        return 1.0, 0.0, passenger_bound(instance)
    if objective == "operator":
        return 0.0, 1.0, operator_bound(instance)
    return weight / passenger_bound(instance), (1 - weight) / operator_bound(instance), 1.0


class _Annealer:
    """Arrays of a search and the runs made on them."""

    def __init__(self, made: Problem, weights: NDArray[np.float64], cooling: Cooling, bound: float, seed: int) -> None:
        self.problem, self.weights, self.cooling, self.bound, self.seed = made, weights, cooling, bound, seed
        self.state: State = state(made)
        self.trial: Trial = trial(made)
        self.wheel = np.repeat(np.arange(KINDS), _SHARES)
        self.tally = np.zeros((KINDS, 3), dtype=np.int64)
        # Proposals are numbered over all runs, so that no two share luck or a stamp.
        self.number = 0

    def compile(self) -> None:
        """Have the kernels compiled or loaded, so that a clock does not count it."""
        if not draw_routes(self.problem, self.state, self.trial, 0, 0):
            return
        route, calls = self.state.route.copy(), self.state.calls.copy()
        load(self.problem, self.state, self.trial, route, calls)
        self._batch(self.weights, 1.0, _Budget(0, None, 0.0), np.zeros(2), route, calls)

    def run(
        self, run: int, work: _Budget, until: float, report: Callable[[float], None]
    ) -> tuple[float, tuple[tuple[int, ...], ...]] | None:
        """Anneal one start until a share of the work is done; return the best value and routes, or None without any."""
        begin = work.share()
        if begin >= 1:
            return None
        started = self._start(run, work)
        if started is None:
            return None
        route, calls = started
        load(self.problem, self.state, self.trial, route, calls)
        values = np.full(2, value_of(self.state, self.trial, self.weights))
        unit = self.bound / len(calls)
        first, last = self.cooling.first * unit, self.cooling.last * unit
        while (done := work.share()) < until:
            cooled = first * (last / first) ** max(0.0, (done - begin) / max(until - begin, 1e-9))
            self._batch(self.weights, cooled, work, values, route, calls)
            report(float(values[1]))
        return float(values[1]), tuple(tuple(int(v) for v in route[r, : calls[r]]) for r in range(len(calls)))

    def _start(self, run: int, work: _Budget) -> tuple[NDArray[np.int32], NDArray[np.int64]] | None:
        """Return routes that serve and join every node, or None if the work runs out before."""
        alone = np.array([0.0, 1.0])
        longest = float(self.problem.link.max())
        for attempt in range(_STARTS):
            if not draw_routes(self.problem, self.state, self.trial, self.seed, run * _STARTS + attempt):
                return None
            route, calls = self.state.route.copy(), self.state.calls.copy()
            load(self.problem, self.state, self.trial, route, calls)
            values = np.full(2, value_of(self.state, self.trial, alone))
            tried = 0
            while values[1] >= LOOSE and tried < _START and work.share() < 1:
                tried += self._batch(alone, 2 * longest, work, values, route, calls)
            if values[1] < LOOSE:
                return route, calls
            if work.share() >= 1:
                break
        return None

    def _batch(
        self,
        weights: NDArray[np.float64],
        temperature: float,
        work: _Budget,
        values: NDArray[np.float64],
        route: NDArray[np.int32],
        calls: NDArray[np.int64],
    ) -> int:
        """Try some proposals at one temperature and count them."""
        many = work.batch()
        anneal(
            self.problem,
            self.state,
            self.trial,
            weights,
            temperature,
            self.seed,
            self.number,
            self.number + many,
            self.wheel,
            values,
            route,
            calls,
            self.tally,
        )
        self.number += many
        work.used += many
        return many
