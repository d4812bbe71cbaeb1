"""Serve every stop at the least cost: search, then prices and routes in turn, then a choice with a proven bound."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from greentrip_optimizer.everystop.completion import completion, cost_lines, demand_steps, least_by_start
from greentrip_optimizer.everystop.cost import Costs, costs_of, route_cost
from greentrip_optimizer.everystop.instance import Instance
from greentrip_optimizer.everystop.labels import Grown, Rules, grow, neighbourhoods, read_route
from greentrip_optimizer.everystop.program import MOST_CUTS, Prices, Relaxation, Route, choose, violated
from greentrip_optimizer.everystop.search import ruin_and_recreate

Progress = Callable[[str], None]
_BELOW = -1e-7  # a route pays if its reduced cost is less
_ROOM = (100_000, 800_000, 4_000_000)  # partial routes
_WORK = 20_000_000_000  # comparisons of partial routes
_LISTED = 12_000  # routes a choice takes on


@dataclass(frozen=True)
class Limits:
    """When to stop: at a gap, after steps of search and rounds of pricing (these repeat), or at a time (does not)."""

    gap: float = 0.0
    steps: int = 200_000
    rounds: int = 1000
    seconds: float | None = None


@dataclass(frozen=True)
class Answer:
    """Routes, what they cost an hour, the least any plan can cost, and what shows it."""

    cost: float
    bound: float
    routes: tuple[Route, ...]
    certificate: dict[str, Any] = field(default_factory=dict)
    log: tuple[str, ...] = ()

    @property
    def gap(self) -> float:
        """Return (cost - bound) / cost."""
        return max(0.0, (self.cost - self.bound) / self.cost) if self.cost > 0 else 0.0


def solve(instance: Instance, seed: int = 0, limits: Limits | None = None, progress: Progress | None = None) -> Answer:
    """Design routes for an instance; the bound is proven whenever the solver stops.

    Without `limits.seconds` the same instance, seed and limits give the same answer.
    """
    return _Solver(instance, seed, limits or Limits(), progress).run()


class _Solver:
    """The state of one solve: the best plan, the best bound with its proof, the routes and prices so far."""

    def __init__(self, instance: Instance, seed: int, limits: Limits, progress: Progress | None) -> None:
        self.begun = time.perf_counter()
        self.limits, self.seed, self.tell = limits, seed, progress
        self.c: Costs = costs_of(instance)
        self.n = len(instance.demand)
        self.near = np.argsort(instance.apart, axis=1, kind="stable").astype(np.int32)
        self.lines, self.steps = cost_lines(self.c), demand_steps(self.c, 600 if self.n <= 120 else 250)
        self.few_lines, self.few_steps = cost_lines(self.c, 5), demand_steps(self.c, 150)
        self.remembered = np.full(self.n, 8)
        self.remember = neighbourhoods(self.near, 8)
        self.relaxation = Relaxation(self.n)
        self.best: tuple[Route, ...] = ()
        # no stop costs less than the straight way, and waiting at the highest frequency
        straight = (self.c.ride * self.c.to_station + self.c.onward).min(axis=1)
        alone = self.c.demand * (straight + self.c.waiting / (2 * self.c.max_frequency))
        self.cost, self.bound = np.inf, float(alone.sum()) * (1 - 1e-12)
        self.certificate: dict[str, Any] = {"prices": alone.tolist(), "innermost": [0.0] * self.n, "cuts": []}
        self.unlisted = np.inf  # a gap at which there were too many routes to list
        self.log: list[str] = []

    def run(self) -> Answer:
        """Search, relax, choose; then cut and list until the gap closes or a limit is met."""
        self._search(self.limits.steps, 0.15)
        proved = self._relax()
        tries = 0
        while proved and not self._enough():
            if tries % 4 == 0:
                self._pick(10.0)
            if self._enough() or self._list():
                break
            tries += 1
            if tries > 40 or not self._cut():
                self._search(self.limits.steps, 0.1)
                if tries > 40:
                    break
            proved = self._relax()
        while self.limits.seconds is not None and not self._enough():
            self._search(self.limits.steps, 0.2)
            self._pick(10.0)
        return Answer(self.cost, min(self.bound, self.cost), self.best, self.certificate, tuple(self.log))

    # what is known

    def _left(self) -> float:
        """Return the seconds left."""
        if self.limits.seconds is None:
            return float("inf")
        return self.limits.seconds - (time.perf_counter() - self.begun)

    def _enough(self) -> bool:
        """Say whether to stop."""
        return self._left() <= 0 or self.cost - self.bound <= max(self.limits.gap, 1e-6) * self.cost

    def _say(self, what: str) -> None:
        """Keep a line of progress and pass it on."""
        gap = max(0.0, 1 - self.bound / self.cost)
        when = f"{time.perf_counter() - self.begun:7.1f} s"
        line = f"{when}  {what:<44} cost {self.cost:.4f}  bound {self.bound:.4f}  gap {gap:.4%}"
        self.log.append(line)
        if self.tell:
            self.tell(line)

    def _route(self, station: int, stops: tuple[int, ...]) -> Route:
        """Return a route with its cost."""
        return Route(route_cost(self.c, station, stops), station, stops)

    def _offer(self, routes: Sequence[Route]) -> None:
        """Take a plan if it is better, each stop served once."""
        kept = list(routes)
        holders: dict[int, list[int]] = {}
        for k, r in enumerate(kept):
            for s in r.stops:
                holders.setdefault(s, []).append(k)
        for s in sorted(holders):
            while len(holders[s]) > 1:  # leave it out where that saves most
                options = []
                for k in holders[s]:
                    rest = tuple(x for x in kept[k].stops if x != s)
                    options.append((kept[k].cost - (self._route(kept[k].station, rest).cost if rest else 0.0), k, rest))
                _, k, rest = max(options)
                kept[k] = self._route(kept[k].station, rest)
                holders[s].remove(k)
        kept = [r for r in kept if r.stops]
        cost = sum(r.cost for r in kept)
        if len(holders) == self.n and cost < self.cost - 1e-9:
            self.cost, self.best = cost, tuple(kept)
            for r in kept:
                self.relaxation.add(r)

    # steps

    def _search(self, steps: int, share: float) -> None:
        """Ruin and recreate from the best plan; its routes join the relaxation."""
        first = np.append(0, np.cumsum([len(r.stops) for r in self.best])).astype(np.int32)
        stop = np.array([s for r in self.best for s in r.stops], np.int32)
        station = np.array([r.station for r in self.best], np.int32)
        if self.limits.seconds is not None:
            trial = time.perf_counter()
            ruin_and_recreate(self.c, self.near, 300, 0, 1.0, 0.1, 10, first, stop, station)
            rate = 300 / max(time.perf_counter() - trial, 1e-4)
            steps = int(max(1000, min(rate * share * self.limits.seconds, rate * self._left() * 0.5)))
        each = self.cost / max(len(self.best), 1)
        if not self.best:
            each = sum(
                min(route_cost(self.c, t, (s,)) for t in range(len(self.c.onward))) for s in range(self.n)
            ) / max(self.n**0.5, 1)
        again = len(self.log)
        hot = (0.1 if not self.best else 0.03) * each
        found = ruin_and_recreate(
            self.c, self.near, steps, self.seed * 1000 + again, hot, hot / 100, 4000 + 60 * self.n, first, stop, station
        )
        self._offer(
            [
                self._route(int(found.station[r]), tuple(found.stop[found.first[r] : found.first[r + 1]].tolist()))
                for r in range(len(found.station))
            ]
        )
        most = len(found.pool_station)
        for r in range(most - min(most, 40 * self.n), most):  # the latest are the best
            stops = tuple(found.pool_stop[found.pool_first[r] : found.pool_first[r + 1]].tolist())
            self.relaxation.add(self._route(int(found.pool_station[r]), stops))
        self._say(f"search, {steps} steps")

    def _grow(self, prices: Prices, beam: int, below: float = _BELOW, *, listing: bool = False, most: int = 3) -> Grown:
        """Grow routes at the prices, with as much room as it takes."""
        lines, steps = (self.few_lines, self.few_steps) if beam > 0 else (self.lines, self.steps)
        table = completion(self.c, lines, steps, prices.stop)
        if beam == 0 and not listing:
            start = least_by_start(self.c, self.lines, self.steps, table, prices.stop)
            self._prove(prices, start, "outermost")
        in_cut = np.zeros(self.n, np.uint64)
        for k, cut in enumerate(self.relaxation.cuts):
            for s in cut or ():
                in_cut[s] |= np.uint64(1 << k)
        remember = np.full_like(self.remember, np.uint64(0xFFFFFFFFFFFFFFFF)) if listing else self.remember
        grown = None
        for room in _ROOM[:most]:
            work = int(min(_WORK, max(self._left(), 1.0) * 1e8))
            rules = Rules(remember, in_cut, prices.cut, below, beam, listing, room, work)
            grown = grow(self.c, lines, steps, table, prices.stop, rules)
            if grown.complete or self._left() <= 0:
                break
        assert grown is not None
        return grown

    def _prove(self, prices: Prices, least: Any, end: str) -> None:
        """Keep the bound that the prices prove: each stop is the outermost (innermost) of one route at most."""
        spare = float(least.sum()) - 2e-7 * self.n
        bound = float(prices.stop.sum() - prices.cut.sum() + spare)
        if bound > self.bound:
            self.bound = bound
            cuts = [
                {"stops": list(cut), "price": float(prices.cut[k])}
                for k, cut in enumerate(self.relaxation.cuts)
                if cut is not None and prices.cut[k] > 0
            ]
            self.certificate = {
                "prices": prices.stop.tolist(),
                end: (least - 2e-7).tolist(),
                "cuts": cuts,
            }

    def _relax(self) -> bool:
        """Add routes that pay until none does; say whether the relaxation's value is proven."""
        beam, allowed = 2, self._left()
        for _ in range(self.limits.rounds):
            if self._left() < 0.7 * allowed:
                beam = 0
            if self._left() < 0.25 * allowed and self.bound < 0.98 * self.cost:
                return self._prove_less(self.relaxation.solve())
            if self._left() <= 0:
                return False
            prices = self.relaxation.solve()
            grown = self._grow(prices, beam)
            added = self._add(grown, prices)
            if beam == 0:
                if grown.complete:
                    self._prove(prices, grown.by_last, "innermost")
                elif added == 0:
                    return self._prove_less(prices)
                if self.cost - self.bound <= self.limits.gap * self.cost:
                    return True
            if added == 0:
                if beam > 0:
                    beam = 0
                elif not self._remember_more():
                    self._say(f"relaxation over {len(self.relaxation.routes)} routes")
                    return True
        return False

    def _prove_less(self, prices: Prices) -> bool:
        """Prove a bound at lower prices, at which fewer partial routes matter; return False."""
        for part in (0.8, 0.9, 0.95, 0.98, 0.99):
            lower = Prices(prices.stop * part, prices.cut * part)
            grown = self._grow(lower, 0, most=2)
            if not grown.complete:
                break
            self._prove(lower, grown.by_last, "innermost")
            self._say(f"bound at {part:.0%} of the prices")
            if self._left() <= 0:
                break
        return False

    def _add(self, grown: Grown, prices: Prices) -> int:
        """Add the routes that pay most, spread over the stops; return how many are new."""
        uses = np.zeros(self.n, np.int64)
        added = 0
        for k in np.lexsort((np.arange(len(grown.reduced)), grown.reduced)).tolist()[: 40 * self.n + 400]:
            stops = read_route(grown, k)
            if added >= 30 and uses[list(stops)].min() >= 4:
                continue
            route = self._route(int(grown.station[k]), stops)
            if self._reduced(route, prices) >= _BELOW or not self.relaxation.add(route):
                continue
            uses[list(stops)] += 1
            added += 1
            if added >= 100 + 3 * self.n:
                break
        return added

    def _reduced(self, route: Route, prices: Prices) -> float:
        """Return a route's reduced cost at the prices."""
        out = route.cost - float(prices.stop[list(route.stops)].sum())
        for k, cut in enumerate(self.relaxation.cuts):
            if cut is not None and prices.cut[k] > 0:
                out += float(prices.cut[k]) * (sum(route.stops.count(s) for s in cut) // 2)
        return out

    def _remember_more(self) -> bool:
        """Have stops remember each other along circles in the relaxation's routes; say whether any was found."""
        changed = False
        for route, _ in self.relaxation.used():
            seen: dict[int, int] = {}
            for i, s in enumerate(route.stops):
                if s in seen:
                    for between in route.stops[seen[s] + 1 : i]:
                        self.remember[between, s // 64] |= np.uint64(1 << (s % 64))
                    changed = True
                seen[s] = i
            if len(seen) < len(route.stops):
                self.relaxation.forbid(route)
        return changed

    def _pick(self, seconds: float) -> None:
        """Choose among the routes that could be in a better plan."""
        prices = self.relaxation.solve()
        spare = self.cost - self.bound
        ranked = sorted(
            (d, k)
            for k, r in enumerate(self.relaxation.routes)
            if len(set(r.stops)) == len(r.stops) and (d := self._reduced(r, prices)) <= spare
        )
        few = [self.relaxation.routes[k] for _, k in ranked[:4000]]
        if len(few) <= len(self.best):
            return
        chosen, _ = choose(few, self.n, self.best, min(seconds, 0.3 * self._left()), self.seed)
        self._offer(chosen)
        self._say(f"choice among {len(few)} routes")

    def _list(self) -> bool:
        """List every route that could be in a better plan and choose among them; say whether that settles it."""
        prices = self.relaxation.solve()
        spare = self.cost - self.bound
        if spare > 0.75 * self.unlisted:
            return False
        grown = self._grow(prices, 0, spare + 1e-6, listing=True, most=2)
        if not grown.complete or len(grown.reduced) > _LISTED:
            self.unlisted = spare
            self._say("too many routes to list")
            return False
        routes = [self._route(int(grown.station[k]), read_route(grown, k)) for k in range(len(grown.reduced))]
        before = self.cost
        chosen, bound = choose(routes, self.n, self.best, 0.9 * self._left(), self.seed)
        self._offer(chosen)
        settled = min(bound, before)
        if settled > self.bound:
            self.certificate = {**self.certificate, "listed": {"routes": len(routes), "below": spare, "bound": settled}}
            self.bound = settled - 2e-7 * abs(settled)  # the solver's tolerance
        self._say(f"choice among all {len(routes)} routes that could be better")
        return self._enough()

    def _cut(self) -> bool:
        """Add cuts over three stops that the relaxation breaks; say whether there are any."""
        prices = self.relaxation.solve()
        free = self.relaxation.cuts.count(None)
        if free < MOST_CUTS // 4:
            self.relaxation.drop_idle_cuts(prices)
        added = [self.relaxation.add_cut(t) for t in violated(self.relaxation.used(), self.n, 12)]
        self._say(f"{sum(added)} cuts more")
        return any(added)
