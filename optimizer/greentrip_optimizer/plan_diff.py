"""What one plan changes of another: routes and lines added, dropped and changed, and how many people that touches."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from greentrip_networks.network import PERIOD_HOURS, FeederRoute, Network
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greentrip_optimizer.plan import LineChange, Plan

WALK_M = 600.0  # to a stop, as the crow flies: what the model lets people walk to a feeder
ALIKE = 0.5  # two routes to a station are the same route, changed, when they share this much of their stops

Service = tuple[tuple[str, ...], float]  # street nodes of stops, and buses an hour, mean of the service day
Reach = Mapping[str, NDArray[np.int64]]  # cells within a walk of a street node


@dataclass(frozen=True)
class RouteChange:
    """One route or line before and after; `before` or `after` is None for one that is added or dropped.

    A headway is the mean of the service day, `headways_s` that of each period (am, off, pm). A line's length is that of
    straight lines from stop to stop. What one line costs is not worked out (None), only what all changes cost.
    """

    kind: str  # added, dropped, changed or kept
    station: str
    before: str | None  # id in the first plan
    after: str | None  # id in the second
    stops_added: tuple[str, ...]
    stops_dropped: tuple[str, ...]
    headway_s: tuple[float | None, float | None]
    vehicles: tuple[int, int]
    length_m: tuple[float, float]
    cost_cny_day: tuple[float | None, float | None]
    residents: float  # within WALK_M of a stop of either side
    loop: tuple[bool, bool] = (False, False)  # whether it runs a loop, not there and back
    headways_s: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())


@dataclass(frozen=True)
class PlanDiff:
    """Two plans side by side; residents are those within a walk of a stop.

    Stops are those of the plans' feeder routes. Where either plan changes bus lines, the stops of all bus lines of the
    network count as well, each plan's changes made: who loses one line and keeps another loses nothing but buses.
    """

    before: str
    after: str
    routes: tuple[RouteChange, ...]
    vehicles: tuple[int, int]  # of the routes above: of lines that neither plan changes there are none here
    cost_cny_day: tuple[float, float]  # more than without the plan
    residents: tuple[float, float]  # reached by each plan
    gain: float  # reached by the second only
    lose: float  # reached by the first only
    more_often: float  # reached by both, by more buses an hour in the second, mean of the service day
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
    lines = [_lines(plan, other, network) for plan, other in ((before, after), (after, before))]
    services = [
        [*((r.stops, _buses_of(r.headways_s)) for r in plan.routes), *running.values()]
        for plan, running in zip((before, after), lines, strict=True)
    ]
    stops = {node for side in services for served, _ in side for node in served}
    reach, people = _reach(network, sorted(stops), walk_m), _people(network)
    buses = [_buses_an_hour(side, reach, len(people)) for side in services]
    first, second = (b > 0 for b in buses)
    both, change = first & second, buses[1] - buses[0]
    routes = (
        *(_change(a, b, reach, people) for a, b in pairs),
        *_line_changes(before, after, network, reach, people),
    )
    return PlanDiff(
        before=before.name,
        after=after.name,
        routes=routes,
        vehicles=(sum(r.vehicles[0] for r in routes), sum(r.vehicles[1] for r in routes)),
        cost_cny_day=(before.cost_cny_day, after.cost_cny_day),
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


def _change(a: FeederRoute | None, b: FeederRoute | None, reach: Reach, people: NDArray[np.float64]) -> RouteChange:
    """Return how one route changed."""
    either = a or b
    assert either is not None
    old, new = (tuple(r.stops) if r is not None else () for r in (a, b))
    headways = tuple(tuple(r.headways_s) if r is not None else () for r in (a, b))
    same = a is not None and b is not None and (a.stops, a.path, a.headways_s, a.vehicles, a.loop) == (
        b.stops, b.path, b.headways_s, b.vehicles, b.loop
    )  # fmt: skip
    kind = "added" if a is None else "dropped" if b is None else "kept" if same else "changed"
    return RouteChange(
        kind=kind,
        station=either.station,
        before=a.id if a is not None else None,
        after=b.id if b is not None else None,
        stops_added=tuple(s for s in new if s not in old),
        stops_dropped=tuple(s for s in old if s not in new),
        headway_s=(_mean_headway(headways[0]), _mean_headway(headways[1])),
        vehicles=(a.vehicles if a is not None else 0, b.vehicles if b is not None else 0),
        length_m=(a.length_m if a is not None else 0.0, b.length_m if b is not None else 0.0),
        cost_cny_day=(a.cost_cny_day if a is not None else 0.0, b.cost_cny_day if b is not None else 0.0),
        residents=float(people[_near((*old, *new), reach)].sum()),
        loop=(a is not None and a.loop, b is not None and b.loop),
        headways_s=(headways[0], headways[1]),
    )


def _line_changes(
    before: Plan, after: Plan, network: Network, reach: Reach, people: NDArray[np.float64]
) -> list[RouteChange]:
    """Return what becomes of bus lines that either plan changes; where a plan says nothing, the line runs as it did."""
    mine, theirs = ({c.line: c for c in plan.lines} for plan in (before, after))
    out = []
    for name in sorted({*mine, *theirs}):
        a, b = mine.get(name), theirs.get(name)
        known = a or b
        assert known is not None
        today = (known.stops_before, known.headway_s_before, known.vehicles_before)
        old = (a.stops, a.headway_s, a.vehicles) if a is not None else today
        new = (b.stops, b.headway_s, b.vehicles) if b is not None else today
        kind = "kept" if old == new else "added" if not old[0] else "dropped" if not new[0] else "changed"
        out.append(
            RouteChange(
                kind=kind,
                station=known.station,
                before=name if old[0] else None,
                after=name if new[0] else None,
                stops_added=tuple(s for s in new[0] if s not in old[0]),
                stops_dropped=tuple(s for s in old[0] if s not in new[0]),
                headway_s=(_mean_headway(old[1]), _mean_headway(new[1])),
                vehicles=(old[2], new[2]),
                length_m=(_metres(network, old[0]), _metres(network, new[0])),
                cost_cny_day=(None, None),
                residents=float(people[_near((*old[0], *new[0]), reach)].sum()),
                headways_s=(old[1], new[1]),
            )
        )
    return out


def _lines(plan: Plan, other: Plan, network: Network) -> dict[str, Service]:
    """Return the bus lines that run under a plan by id; none where neither plan changes any."""
    if not plan.lines and not other.lines:
        return {}
    buses = network.buses
    first = np.searchsorted(buses.line, np.arange(len(buses.lines) + 1))
    running = {
        line.id: (buses.node[first[k] : first[k + 1]], _buses_of(line.headway_s)) for k, line in enumerate(buses.lines)
    }
    unsaid = {c.line: _as_before(c) for c in other.lines}
    said = {c.line: (c.stops, _buses_of(c.headway_s)) for c in plan.lines}
    return {name: service for name, service in {**running, **unsaid, **said}.items() if service[0]}


def _as_before(change: LineChange) -> Service:
    """Return a line as it ran before it was changed."""
    return change.stops_before, _buses_of(change.headway_s_before)


def _buses_of(headways_s: Sequence[float]) -> float:
    """Return the buses an hour, mean of the service day, of headways in am, off and pm; 0 where there are none."""
    every = tuple(headways_s) * (len(PERIOD_HOURS) if len(headways_s) == 1 else 1)
    return sum(h * 3600.0 / s for h, s in zip(PERIOD_HOURS, every, strict=False)) / sum(PERIOD_HOURS)


def _mean_headway(headways_s: Sequence[float]) -> float | None:
    """Return the mean time between buses over the service day, seconds."""
    buses = _buses_of(headways_s)
    return 3600.0 / buses if buses > 0 else None


def _metres(network: Network, stops: Sequence[str]) -> float:
    """Return the length of straight lines from stop to stop, one way."""
    x, y = (np.array([network.roads.nodes[n][k] for n in stops], np.float64) for k in ("x_m", "y_m"))
    return float(np.hypot(np.diff(x), np.diff(y)).sum())


def _people(network: Network) -> NDArray[np.float64]:
    """Return residents by cell."""
    cells = network.cells
    return np.asarray(cells.home_share * network.zones.residents[cells.zone], np.float64)


def _reach(network: Network, nodes: Sequence[str], walk_m: float) -> Reach:
    """Return the cells within a walk of each street node."""
    cells, at = network.cells, network.roads.nodes
    if not nodes:
        return {}
    tree = cKDTree(np.column_stack([cells.x_m, cells.y_m]))
    found = tree.query_ball_point([(at[n]["x_m"], at[n]["y_m"]) for n in nodes], walk_m, return_sorted=True)
    return {node: np.array(rows, np.int64) for node, rows in zip(nodes, found, strict=True)}


def _near(stops: Iterable[str], reach: Reach) -> NDArray[np.int64]:
    """Return the cells within a walk of any of some stops, each once."""
    return np.unique(np.concatenate([reach[node] for node in sorted(set(stops))] or [np.zeros(0, np.int64)]))


def _buses_an_hour(services: Sequence[Service], reach: Reach, cells: int) -> NDArray[np.float64]:
    """Return the buses an hour within a walk of each cell, every route and line counted once."""
    total = np.zeros(cells)
    for stops, buses in services:
        total[_near(stops, reach)] += buses
    return total
