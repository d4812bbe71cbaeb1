"""Routes of an earlier plan that a design starts from: which it may run, and which of these together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from greentrip_networks.network import FeederRoute, Network, written

from greentrip_optimizer.area import Area
from greentrip_optimizer.evaluate import DWELL, STOPS, evaluate, mark_leg, may_extend
from greentrip_optimizer.finder import RouteFinder
from greentrip_optimizer.master import greedy
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.pool import PoolBuilder, Prices


@dataclass(frozen=True)
class Start:
    """Columns of the pool to start from, and why other routes were no help: rows of route id and reason."""

    columns: tuple[int, ...] = ()
    not_used: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class _Placed:
    """A route as the design writes it."""

    id: str
    station: int
    places: tuple[int, ...]  # from the station outwards; of a loop in the order served, the station last
    headway: int


def start_from(
    routes: Sequence[FeederRoute],
    network: Network,
    areas: Sequence[Area],
    stations: Sequence[str],
    finder: RouteFinder,
    builder: PoolBuilder,
    options: FeederOptions,
    keep: Sequence[FeederRoute] = (),
) -> Start:
    """Put an earlier plan's routes into the pool and return those that can run together.

    They are valued as the design values its own, on the quickest way from stop to stop. None binds.
    """
    if not routes:
        return Start()
    kept = {_key(r) for r in keep}
    rows = {name: k for k, name in enumerate(network.compiled.roads.nodes)}
    found: list[_Placed] = []
    reasons: list[tuple[str, str]] = []
    for route in routes:
        placed = (
            "it is among the routes kept"
            if _key(route) in kept
            else _placed(route, rows, areas, stations, finder, options)
        )
        if isinstance(placed, str):
            reasons.append((route.id, placed))
        else:
            builder.add(placed.station, [placed.places])
            found.append(placed)
    pool = builder.pool()
    row = {route: k for k, route in enumerate(pool.stops)}
    at = {(int(r), int(h)): i for i, (r, h) in enumerate(zip(pool.route, pool.headway, strict=True))}
    column = [at.get((row[p.station, p.places], p.headway), -1) for p in found]
    usable = np.zeros(len(pool), bool)
    usable[[i for i in column if i >= 0]] = True
    free = Prices(np.zeros(len(network.cells.x_m)), 0.0, 0.0, np.zeros(len(areas)))
    together = np.flatnonzero(usable)[list(greedy(pool.take(usable), free))].tolist()
    worth = pool.value(together)
    for p, i in zip(found, column, strict=True):
        if i < 0:
            reasons.append((p.id, _why_no_column(areas[p.station], p)))
        elif i not in together and pool.value([*together, i]) <= worth + 1e-6:
            reasons.append((p.id, "it adds nothing beside the others"))
        elif i not in together:
            reasons.append((p.id, "the others leave no buses, money, bay or streets for it, or run its way"))
    return Start(tuple(sorted(together)), tuple({"route": name, "reason": why} for name, why in reasons))


def _key(route: FeederRoute) -> tuple[object, ...]:
    """Return what makes two routes the same service."""
    return route.station, route.stops, route.loop, route.headways_s


def _placed(
    route: FeederRoute,
    rows: dict[str, int],
    areas: Sequence[Area],
    stations: Sequence[str],
    finder: RouteFinder,
    options: FeederOptions,
) -> _Placed | str:
    """Return a route by places of its station's area, or why the design may not run it."""
    if route.station not in stations:
        return f"no routes are designed for its station, {route.station}"
    if route.loop and not options.loops:
        return "it is a loop, and no loops are designed"
    s = stations.index(route.station)
    area = areas[s]
    apart = np.abs(np.array(options.classes_min) * 60 - route.headways_s).max(axis=1)
    headway = np.flatnonzero(apart < 1e-3)
    if not len(headway):
        offered = ", ".join(map(written, options.classes_min))
        return f"it runs every {route.every_min} minutes (am/off/pm); expected one of {offered}"
    place = {int(node): k for k, node in enumerate(area.stop_node[:-1])}
    stops = [place.get(rows.get(name, -1), -1) for name in route.stops]
    if not stops:
        return "it has no stop"
    if -1 in stops:
        name = route.stops[stops.index(-1)]
        return f"{stops.count(-1)} of its {len(stops)} stops are no candidate stops of its station, such as {name}"
    if route.loop:
        places = (*stops, len(area.stop_node) - 1)
        if not finder.lists_loop(s, places):
            return "it breaks a rule for loops, or is none of the loops listed"
    else:
        places = tuple(reversed(stops))
        if not may_run(area, places, len(rows)):
            return "it breaks a rule for routes: each stop farther out, no node passed twice, detour, length or turns"
    return _Placed(route.id, s, places, int(headway[0]))


def may_run(area: Area, places: Sequence[int], nodes: int) -> bool:
    """Say whether a route there and back, from the station outwards, keeps the rules of those that are listed."""
    n, dwell = len(area.stop_node) - 1, float(area.rule[DWELL])
    if len(places) > int(area.rule[STOPS]):
        return False
    ride = in_m = out_m = 0.0
    mark_in, mark_out = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    mark_in[area.stop_node[n]] = mark_out[area.stop_node[n]] = 0
    chain = [n, *places]
    for k, (cur, new) in enumerate(pairwise(chain)):
        if k and len(area.ban) and area.ban[chain[k - 1], cur, new]:
            return False
        if not may_extend(area, cur, new, ride, in_m, out_m, mark_in, mark_out, 0):
            return False
        mark_leg(area, cur, new, mark_in, mark_out, 0)
        ride += float(area.drive_s[new, cur]) + (dwell if cur != n else 0.0)
        in_m += float(area.length_m[new, cur])
        out_m += float(area.length_m[cur, new])
    return True


def _why_no_column(area: Area, placed: _Placed) -> str:
    """Say why the pool holds no column for a route that keeps the rules."""
    places = np.array(placed.places, np.int32)
    made = evaluate(area, np.array([0, len(places)], np.int32), places)
    cost, worth = float(made.cost[0, placed.headway]), float(made.worth[placed.headway].sum())
    before = placed.places[-2] if len(placed.places) > 1 else len(area.stop_node) - 1
    if not np.isfinite(cost):
        turns = places[-1] == len(area.stop_node) - 1 or np.isfinite(area.turn_s[before, places[-1]])
        return "its buses would be too full" if turns else "no bus can turn at its last stop"
    if worth <= cost:
        return f"it costs {cost:,.0f} CNY a day and would bring {worth:,.0f}"
    return "streets on its way take no more buses"
