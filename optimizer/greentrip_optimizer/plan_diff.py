"""What one plan changes of another: routes and lines added, dropped and changed, and how many people that touches."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from greentrip_networks.network import FeederRoute, Network
from numpy.typing import NDArray

from greentrip_optimizer.plan import Plan

WALK_M = 600.0  # to a stop, as the crow flies: what the model lets people walk to a feeder
ALIKE = 0.5  # two routes to a station are the same route, changed, when they share this much of their stops


@dataclass(frozen=True)
class RouteChange:
    """One route before and after; `before` or `after` is None for a route that is added or dropped."""

    kind: str  # added, dropped, changed or kept
    station: str
    before: str | None  # id in the first plan
    after: str | None  # id in the second
    stops_added: tuple[str, ...]
    stops_dropped: tuple[str, ...]
    headway_s: tuple[float | None, float | None]
    vehicles: tuple[int, int]
    length_m: tuple[float, float]
    cost_cny_day: tuple[float, float]
    residents: float  # within WALK_M of a stop of either side
    loop: tuple[bool, bool] = (False, False)  # whether it runs a loop, not there and back


@dataclass(frozen=True)
class PlanDiff:
    """Two plans side by side; residents are those within a walk of a stop."""

    before: str
    after: str
    routes: tuple[RouteChange, ...]
    vehicles: tuple[int, int]
    cost_cny_day: tuple[float, float]
    residents: tuple[float, float]  # reached by each plan
    gain: float  # reached by the second only
    lose: float  # reached by the first only
    more_often: float  # reached by both, by more buses an hour in the second
    less_often: float
    walk_m: float = WALK_M

    def count(self, kind: str) -> int:
        """Return how many routes were added, dropped, changed or kept."""
        return sum(r.kind == kind for r in self.routes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "counts": {k: self.count(k) for k in ("added", "dropped", "changed", "kept")}}


def plan_diff(before: Plan, after: Plan, network: Network, *, walk_m: float = WALK_M) -> PlanDiff:
    """Compare two plans route by route and by the people they reach.

    Routes to the same station are matched by the stops they share, the most alike first; pairs that share less than
    half of their stops are one route dropped and one added. Ids play no part: two designs name their routes anew.

    Parameters
    ----------
    before, after
        Plans on the same network.
    network
        For homes and street nodes; raises KeyError for a stop that it does not have.
    walk_m
        How far a stop reaches, metres as the crow flies.

    """
    pairs = _matched(before.routes, after.routes)
    reach = {node: _reached(network, node, walk_m) for p in (before, after) for r in p.routes for node in r.stops}
    people = _people(network)
    buses = [_buses_an_hour(plan.routes, reach, len(people)) for plan in (before, after)]
    first, second = (b > 0 for b in buses)
    both, change = first & second, buses[1] - buses[0]
    return PlanDiff(
        before=before.name,
        after=after.name,
        routes=(*(_change(a, b, reach, people) for a, b in pairs), *_line_changes(before, after, network, walk_m)),
        vehicles=(before.vehicles, after.vehicles),
        cost_cny_day=(
            before.cost_cny_day,
            after.cost_cny_day,
        ),
        residents=(float(people[first].sum()), float(people[second].sum())),
        gain=float(people[second & ~first].sum()),
        lose=float(people[first & ~second].sum()),
        more_often=float(people[both & (change > 1e-9)].sum()),
        less_often=float(people[both & (change < -1e-9)].sum()),
        walk_m=walk_m,
    )


def _matched(
    before: Sequence[FeederRoute], after: Sequence[FeederRoute]
) -> list[tuple[FeederRoute | None, FeederRoute | None]]:
    """Return pairs of routes: matched ones in the order of the first plan, then dropped, then added ones."""
    alike = sorted(
        (
            (-_share(a, b), i, j)
            for i, a in enumerate(before)
            for j, b in enumerate(after)
            if a.station == b.station and _share(a, b) >= ALIKE
        ),
    )
    mine: dict[int, int] = {}
    for _, i, j in alike:
        if i not in mine and j not in mine.values():
            mine[i] = j
    found: list[tuple[FeederRoute | None, FeederRoute | None]] = [(before[i], after[mine[i]]) for i in sorted(mine)]
    found += [(a, None) for i, a in enumerate(before) if i not in mine]
    found += [(None, b) for j, b in enumerate(after) if j not in mine.values()]
    return found


def _share(a: FeederRoute, b: FeederRoute) -> float:
    """Return the stops that two routes share over those that either has (Jaccard)."""
    one, two = set(a.stops), set(b.stops)
    return len(one & two) / len(one | two)


def _change(
    a: FeederRoute | None, b: FeederRoute | None, reach: dict[str, NDArray[np.bool_]], people: NDArray[np.float64]
) -> RouteChange:
    """Return how one route changed."""
    either = a or b
    assert either is not None
    old, new = (tuple(r.stops) if r is not None else () for r in (a, b))
    same = a is not None and b is not None and (a.stops, a.path, a.headway_s, a.vehicles, a.loop) == (
        b.stops, b.path, b.headway_s, b.vehicles, b.loop
    )  # fmt: skip
    kind = "added" if a is None else "dropped" if b is None else "kept" if same else "changed"
    near = np.logical_or.reduce([reach[node] for node in {*old, *new}])
    return RouteChange(
        kind=kind,
        station=either.station,
        before=a.id if a is not None else None,
        after=b.id if b is not None else None,
        stops_added=tuple(s for s in new if s not in old),
        stops_dropped=tuple(s for s in old if s not in new),
        headway_s=(a.headway_s if a is not None else None, b.headway_s if b is not None else None),
        vehicles=(a.vehicles if a is not None else 0, b.vehicles if b is not None else 0),
        length_m=(a.length_m if a is not None else 0.0, b.length_m if b is not None else 0.0),
        cost_cny_day=(a.cost_cny_day if a is not None else 0.0, b.cost_cny_day if b is not None else 0.0),
        residents=float(people[near].sum()),
        loop=(a is not None and a.loop, b is not None and b.loop),
    )


def _line_changes(before: Plan, after: Plan, network: Network, walk_m: float) -> list[RouteChange]:
    """Return what becomes of bus lines that either plan changes; where a plan says nothing, the line runs as it did."""
    mine, theirs = ({c.line: c for c in plan.lines} for plan in (before, after))
    people, out = _people(network), []
    for name in sorted({*mine, *theirs}):
        a, b = mine.get(name), theirs.get(name)
        known = a or b
        assert known is not None
        today = (known.stops_before, known.headway_s_before, known.vehicles_before)
        old = (a.stops, a.headway_s, a.vehicles) if a is not None else today
        new = (b.stops, b.headway_s, b.vehicles) if b is not None else today
        kind = "kept" if old == new else "added" if not old[0] else "dropped" if not new[0] else "changed"
        stops = {*old[0], *new[0]}
        near = np.logical_or.reduce([_reached(network, node, walk_m) for node in sorted(stops)] or [people < 0])
        out.append(
            RouteChange(
                kind=kind,
                station=known.station,
                before=name if old[0] else None,
                after=name if new[0] else None,
                stops_added=tuple(s for s in new[0] if s not in old[0]),
                stops_dropped=tuple(s for s in old[0] if s not in new[0]),
                headway_s=(old[1][0] if old[1] else None, new[1][0] if new[1] else None),
                vehicles=(old[2], new[2]),
                length_m=(0.0, 0.0),
                cost_cny_day=(0.0, 0.0),
                residents=float(people[near].sum()),
            )
        )
    return out


def _people(network: Network) -> NDArray[np.float64]:
    """Return residents by cell."""
    cells = network.cells
    return np.asarray(cells.home_share * network.zones.residents[cells.zone], np.float64)


def _reached(network: Network, node: str, walk_m: float) -> NDArray[np.bool_]:
    """Return which cells are within a walk of a street node."""
    at = network.roads.nodes[node]
    return np.asarray(np.hypot(network.cells.x_m - at["x_m"], network.cells.y_m - at["y_m"]) <= walk_m, np.bool_)


def _buses_an_hour(
    routes: Sequence[FeederRoute], reach: dict[str, NDArray[np.bool_]], cells: int
) -> NDArray[np.float64]:
    """Return the buses an hour within a walk of each cell, every route counted once."""
    total = np.zeros(cells)
    for route in routes:
        total += np.logical_or.reduce([reach[node] for node in route.stops]) * (3600.0 / route.headway_s)
    return total
