"""Find the routes worth most together: prices set by the relaxation, routes that pay at them, and CP-SAT's choice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from greentrip_optimizer.area import Area
from greentrip_optimizer.ending import Ending
from greentrip_optimizer.finder import RouteFinder
from greentrip_optimizer.master import Choice, best_start, choose, greedy
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.pool import Pool, PoolBuilder, Prices
from greentrip_optimizer.relax import Relaxation, relax
from greentrip_optimizer.street_limit import StreetLimit

Progress = Callable[[str, float], None]
Found = Callable[[float | None, float | None], None]
_MOST_ROUNDS = 40


@dataclass(frozen=True)
class Outcome:
    """What a search found: the choice of columns, the relaxation's bound and prices, and what it stopped on."""

    pool: Pool
    choice: Choice
    upper: float
    prices: Prices
    stopped_on: str  # proved, gap, time, stop or work


class Search:
    """The best plan known and the bound of every plan, from the first prices to the choice.

    The bound is the relaxation's at some prices, so it holds whenever the search ends: over every route where all are
    listed, elsewhere over those found so far.
    """

    def __init__(
        self,
        areas: Sequence[Area],
        cells: int,
        options: FeederOptions,
        builder: PoolBuilder,
        finder: RouteFinder,
        ending: Ending,
        tell: Progress,
        found: Found,
        streets: StreetLimit | None = None,
    ) -> None:
        self._options, self._builder, self._finder, self._ending = options, builder, finder, ending
        self._tell, self._found = tell, found
        self._empty = np.zeros(cells), np.zeros(len(areas))
        self._relaxation = Relaxation(cells, builder.limits, streets)
        self._upper, self._prices = np.inf, self._relaxation.prices
        self._known: list[tuple[int, ...]] = []  # plans known beside those that the relaxation suggests
        self._start: tuple[int, ...] = ()
        self._value: float | None = None

    def run(self, start: tuple[int, ...] = ()) -> Outcome:
        """Price routes until none pays, then choose among all that could still be in a better plan than the best known.

        `start` are columns of the pool that can run together: the plan is worth at least as much.
        """
        if start:
            self._know(self._builder.pool(), start)
        self._price()
        pool = self._builder.pool()
        self._settle(pool)
        if self._finder.growing:
            pool = self._grow_beside(pool)
        return self._choose(pool)

    def _know(self, pool: Pool, columns: tuple[int, ...]) -> None:
        """Keep a plan, and tell of it if it is the best."""
        value = pool.value(columns)
        self._known.append(columns)
        if self._value is None or value > self._value:
            self._start, self._value = columns, value
            self._say()

    def _say(self) -> None:
        """Tell what the best plan is worth and what any could be."""
        bound = float(max(self._upper, self._value or 0.0)) if np.isfinite(self._upper) else None
        self._found(self._value, bound)

    def _price(self) -> None:
        """Add routes that pay at the prices of the relaxation, round by round; the first always gives a bound."""
        finder, builder, relaxation, ending = self._finder, self._builder, self._relaxation, self._ending
        for vehicle in (0.0, 500.0, 2000.0):
            finder.offer(Prices(self._empty[0], 0.0, vehicle, self._empty[1]))
            if ending.over():
                break
        enough, before = max(1e-5, ending.gap / 4), 0.0
        for k in range(_MOST_ROUNDS):
            if k and ending.over():
                break
            pool = builder.pool()
            value, now, _ = relax(pool, relaxation, stop=ending.asked if k else None)
            self._tell(
                f"routes, round {k + 1}: {len(pool.stops)} found, worth {value:,.0f} CNY a day",
                0.25 + 0.4 * k / (k + 8),
            )
            if k and ending.over():
                break
            added, top = finder.offer(now)
            bound = relaxation.bound(builder.pool(), now, top)
            if bound < self._upper or finder.growing:  # what is grown later may pay at the prices of an earlier round
                self._upper, self._prices = bound, now
                self._say()
            gained, left = value - before, self._upper - value
            rests = k >= 2 and gained <= 1e-4 * abs(value) if finder.growing else left <= enough * abs(value)
            if not added or rests or (finder.growing and k + 1 >= self._options.pricing_rounds):
                break
            if self._near_already(pool, now, value):
                break
            before = value

    def _near_already(self, pool: Pool, now: Prices, most: float) -> bool:
        """Say whether a plan put together at once is near enough to the bound; none over the pool exceeds `most`."""
        gap = self._ending.gap
        if not gap or self._finder.growing or self._upper - most > gap * self._upper:
            return False
        self._know(pool, greedy(pool, now, greedy(pool, now), 0.0))
        return self._value is not None and self._ending.near(self._value, self._upper)

    def _settle(self, pool: Pool) -> None:
        """Find a first plan of the pool's columns, in little time if the search is over."""
        known = list(self._known)
        if self._start:
            known.append(greedy(pool, self._prices, self._start, 0.0))
        packed = () if self._ending.reason else self._relaxation.packed
        start, value = best_start(pool, self._prices, self._options, packed, known, self._ending.asked)
        self._start, self._value = start, value
        self._say()
        self._ending.near(value, self._upper)

    def _grow_beside(self, pool: Pool) -> Pool:
        """Grow each chosen route again while the others stay, up to three times."""
        finder, builder, relaxation, options = self._finder, self._builder, self._relaxation, self._options
        value = self._value or 0.0
        for k in range(3):
            if self._ending.over():
                break
            self._tell(f"improving a plan worth {value:,.0f} CNY a day", 0.7 + 0.05 * k)
            if not finder.offer_beside(pool, self._start, self._prices) or self._ending.over():
                break
            before, pool = value, builder.pool()  # columns are added at the end, so the start still holds
            _, self._prices, _ = relax(pool, relaxation, stop=self._ending.asked)
            self._upper = relaxation.bound(pool, self._prices, finder.offer(self._prices)[1])
            pool = builder.pool()
            packed = () if self._ending.reason else relaxation.packed
            self._start, value = best_start(pool, self._prices, options, packed, [self._start], self._ending.asked)
            self._value = value
            self._say()
            self._ending.near(value, self._upper)
            if value - before <= 1e-4 * abs(value):
                break
        return pool

    def _choose(self, pool: Pool) -> Outcome:
        """Choose among all columns that could be in a better plan than the best known."""
        options, ending, proves = self._options, self._ending, self._finder.exhaustive
        start, value = self._start, self._value or 0.0
        upper = self._upper = max(self._upper, value)
        choice = Choice(start, value, complete=False, optimal=False, bound=upper)
        for most in (200, 5000):  # a station; the first choice finds a better plan, so that fewer must be looked at
            if ending.over() or ending.near(value, upper):
                break
            upper = self._upper = max(upper, value)
            complete = self._finder.collect(self._prices, value - upper, most)
            pool = self._builder.pool()
            self._tell(f"choosing among {len(pool.stops)} routes, worth {value:,.0f} to {upper:,.0f} CNY a day", 0.85)
            choice = choose(
                pool,
                pool.profit(self._prices),
                upper,
                options,
                start,
                value,
                complete=complete,
                gap=ending.gap if proves else 0.0,
                stop=ending.asked,
            )
            closed = proves and choice.complete
            self._found(choice.value, max(min(upper, choice.bound) if closed else upper, choice.value))
            if complete and choice.complete:
                break
            start, value = choice.columns, choice.value
        bound = min(upper, choice.bound) if proves and choice.complete else upper
        proved = proves and choice.complete and choice.optimal
        if not proved:
            ending.near(choice.value, max(bound, choice.value))
        return Outcome(pool, choice, upper, self._prices, "proved" if proved else ending.reason or "work")
