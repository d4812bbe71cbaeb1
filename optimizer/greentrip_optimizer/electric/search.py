"""Search for the cheapest blocks: prices and new blocks in turn (column generation), then a choice of whole blocks.

At any prices of trips and buses, what the trips are worth less what the cheapest block falls below its own worth, times
the buses, bounds every schedule (Lagrange). Whole blocks are chosen among those found; what no proof closes is tried by
fixing blocks one after another (a dive), or closed by listing every block that a better schedule could have.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from greentrip_optimizer.electric.exchange import exchange
from greentrip_optimizer.electric.labels import PAYS, Column, Labels, Prices, Work, enumerate_blocks, grow
from greentrip_optimizer.electric.links import Links
from greentrip_optimizer.electric.program import Aim, Relaxation, choose, worth

_FEW = 6  # labels kept of a trip while that still finds blocks
_ROUNDS = 400
_DIVES = 3
_FIRST_ROUNDS, _DIVE_ROUNDS = 60, 8  # of a dive: before the first block is kept, and after each
_SURE = 0.7  # share from which a dive keeps a block
_BLOCKS_ROUND = 40  # new blocks a round that may share trips with each other
_MOST_LISTED = 60_000  # labels of the listing of every block
_MOST_CHOSEN = 2000  # blocks that CP-SAT chooses from
_CHOICE_WORK = 3.0
_SLACK = 1e-4  # of a bound, taken off for rounding errors
MINUTES = Aim(0.0, 1.0)


@dataclass
class Pool:
    """All blocks found, each once."""

    columns: list[Column] = field(default_factory=list)
    number: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = field(default_factory=dict)

    def add(self, column: Column) -> int:
        """Add a block and return its number."""
        key = (column.trips, column.ways)
        if key not in self.number:
            self.number[key] = len(self.columns)
            self.columns.append(column)
        return self.number[key]

    def cost(self, plan: Sequence[int], aim: Aim) -> float:
        """Return what a plan costs."""
        return sum(aim.cost(self.columns[k]) for k in plan)


@dataclass
class Relaxed:
    """The best bound met by column generation, and the prices that give it."""

    bound: float
    prices: Prices


def improve(
    links: Links, pool: Pool, aim: Aim, plan: list[int], bound: float, step: float, work: Work
) -> tuple[list[int], float]:
    """Return the cheapest plan found with no more buses than the given one, and a bound of all such.

    `bound` is what is known before; costs differ by `step` at least, so bounds are rounded up to it.
    """
    buses, n = len(plan), len(links)

    def done() -> bool:
        return pool.cost(plan, aim) - bound < step * (1 - _SLACK)

    def swapped() -> list[int]:
        return [pool.add(c) for c in exchange(links, [pool.columns[k] for k in plan], work)]

    if aim.minute and not done():
        plan = swapped()
    if done():
        return plan, bound
    relaxed = relax(links, pool, aim, buses, work, known=bound, goal=pool.cost(plan, aim) - step)
    bound = max(bound, _rounded(relaxed.bound, step))
    for _ in range(_DIVES):
        if done():
            return plan, bound
        before = pool.cost(plan, aim)
        tried = dive(links, pool, len(plan) if aim.minute else int(bound), work)
        if len(tried) <= buses and pool.cost(tried, aim) < before:
            plan = tried
            if aim.minute:
                plan = swapped()
        elif aim.minute:
            break
    limit = pool.cost(plan, aim) - step - relaxed.bound + _SLACK
    listed = enumerate_blocks(links, relaxed.prices, work, limit, _MOST_LISTED) if np.isfinite(limit) else None
    if listed is not None and len(listed) <= _MOST_CHOSEN:
        plan, proven = _choice(pool, {pool.add(c) for c in listed}, n, buses, aim, plan)
        return plan, max(bound, pool.cost(plan, aim)) if proven else bound
    best = np.argsort(worth(relaxed.prices, pool.columns), kind="stable")[:_MOST_CHOSEN]
    plan, _ = _choice(pool, set(best.tolist()), n, buses, aim, plan)
    return swapped() if aim.minute else plan, bound


def relax(
    links: Links, pool: Pool, aim: Aim, buses: int, work: Work, *, known: float = -np.inf, goal: float = np.inf
) -> Relaxed:
    """Solve the relaxation over all blocks, new ones added to the pool, and return the best bound met.

    It ends early once no bound above `known` can come of it, or one above `goal` has.
    """
    every = np.ones(len(links), bool)
    program = _program(links, pool, range(len(pool.columns)), aim, buses, every)
    found = Relaxed(-np.inf, Prices(aim.bus, aim.minute, np.zeros(len(links)), 0.0))
    while True:
        prices, centre = _settle(links, pool, program, buses, every, work, _ROUNDS, known)
        at = centre if program.value <= known + _SLACK else prices
        labels = grow(links, at, every, work)
        value = _bound(at, labels, buses)
        if labels.whole and value > found.bound:
            found = Relaxed(value, at)
        stop = program.value <= known + _SLACK or value > goal + _SLACK or work.left < 0
        if stop or not _take(links, pool, program, labels, prices):
            return found


def dive(links: Links, pool: Pool, buses: int, work: Work) -> list[int]:
    """Return a plan of little empty driving got by keeping the blocks of the largest shares, one after another.

    It aims at so many buses, but may need more. After each block kept, the relaxation is solved for the trips left.
    """
    active, rounds = np.ones(len(links), bool), _FIRST_ROUNDS
    kept: list[int] = []
    numbers: Iterable[int] = range(len(pool.columns))
    while active.any():
        left = max(buses - len(kept), 1)
        program = _program(links, pool, numbers, MINUTES, left, active)
        prices, _ = _settle(links, pool, program, left, active, work, rounds)
        for at, (share, k) in enumerate(program.shares()):
            trips = list(pool.columns[k].trips)
            if (at == 0 or share >= _SURE) and active[trips].all():
                kept.append(k)
                active[trips] = False
        listed = np.array(program.numbers())
        close = np.argsort(worth(prices, [pool.columns[k] for k in listed]), kind="stable")[:_MOST_CHOSEN]
        numbers, rounds = [*range(len(links)), *sorted(listed[close].tolist())], _DIVE_ROUNDS
    return kept


def _settle(
    links: Links,
    pool: Pool,
    program: Relaxation,
    buses: int,
    active: NDArray[np.bool_],
    work: Work,
    rounds: int,
    known: float = -np.inf,
) -> tuple[Prices, Prices]:
    """Add blocks until few labels a trip find no more; return the last prices, and those of the best bound guessed.

    Blocks are looked for half way between the two first, which settles faster.
    """
    prices = centre = program.solve(len(links))
    height = -np.inf
    for _ in range(rounds):
        if program.value <= known + _SLACK or work.left < 0:
            break
        added = 0
        for at in (_middle(prices, centre), prices):
            labels = grow(links, at, active, work, most=_FEW)
            guess = _bound(at, labels, buses)
            if guess > height:
                centre, height = at, guess
            added = _take(links, pool, program, labels, prices)
            if added:
                break
        if not added:
            break
        prices = program.solve(len(links))
    return prices, centre


def _program(
    links: Links, pool: Pool, numbers: Iterable[int], aim: Aim, buses: int, active: NDArray[np.bool_]
) -> Relaxation:
    """Return the relaxation over those of some blocks of the pool that run active trips only."""
    # A bus more is dearer than all empty driving that it could save.
    penalty = 1.0 + aim.minute * links.most_min
    program = Relaxation(np.flatnonzero(active).tolist(), buses, aim, penalty)
    for k in numbers:
        if active[list(pool.columns[k].trips)].all():
            program.add(k, pool.columns[k])
    return program


def _take(links: Links, pool: Pool, program: Relaxation, labels: Labels, prices: Prices) -> int:
    """Add the best blocks of labels that pay at the prices; return how many are new to the program."""
    free, added = np.ones(len(links), bool), 0
    for k in labels.best(PAYS):
        column = labels.column(links, k)
        trips = list(column.trips)
        if added >= _BLOCKS_ROUND and not free[trips].all():
            continue
        if float(worth(prices, [column])[0]) < PAYS:
            added += program.add(pool.add(column), column)
            free[trips] = False
    return added


def _bound(prices: Prices, labels: Labels, buses: int) -> float:
    """Return Lagrange's bound at prices whose labels are known; a guess where the labels are not whole."""
    least = min(float(labels.end.min(initial=np.inf)), PAYS)
    return float(prices.trip.sum()) + buses * (prices.spare + least)


def _middle(one: Prices, other: Prices) -> Prices:
    """Return the prices half way."""
    return Prices(one.bus, one.minute, (one.trip + other.trip) / 2, (one.spare + other.spare) / 2)


def _rounded(bound: float, step: float) -> float:
    """Return a bound rounded up to a multiple of the step."""
    return float(np.ceil((bound - _SLACK) / step) * step) if np.isfinite(bound) else bound


def _choice(pool: Pool, numbers: set[int], trips: int, buses: int, aim: Aim, plan: list[int]) -> tuple[list[int], bool]:
    """Return the best plan of a plan's blocks and some others, and whether it is proved the best of these."""
    listed = sorted({*plan, *numbers})
    place = {k: at for at, k in enumerate(listed)}
    start = [place[k] for k in plan]
    chosen, proven = choose([pool.columns[k] for k in listed], trips, buses, aim, start, _CHOICE_WORK)
    return [listed[k] for k in chosen], proven
