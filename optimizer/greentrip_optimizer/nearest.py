"""The yardstick: routes that chain each stop to the nearest unserved one, all at one headway, without a solver."""

from collections.abc import Sequence

import numpy as np
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks.network import Network

from greentrip_optimizer.area import Area, station_area
from greentrip_optimizer.evaluate import DWELL, STOPS, mark_leg, may_extend
from greentrip_optimizer.feeders import known_stations
from greentrip_optimizer.limits import Used, limits_of
from greentrip_optimizer.master import Choice
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.plan import Plan
from greentrip_optimizer.pool import Pool, PoolBuilder
from greentrip_optimizer.routes import make_plan
from greentrip_optimizer.streets import bus_streets


def nearest_stop_plan(demands: Sequence[CatchmentDemand], network: Network, options: FeederOptions) -> Plan:
    """Chain nearest stops into routes under the same rules, and run those worth their cost while buses last.

    To be fair to it, every headway is tried and the best plan is returned.
    """
    known_stations(network, [d.station for d in demands])
    streets = bus_streets(network.compiled.roads, options, None, network.extra.get("banned_turns", ()))
    areas = [station_area(d, network, streets, options) for d in demands]
    limits = limits_of(options, np.full(len(areas), options.max_routes_station, np.int32))
    builder = PoolBuilder(areas, limits)
    for s, area in enumerate(areas):
        builder.add(s, chain_nearest(area, len(network.compiled.roads.nodes)))
    pool = builder.pool()
    plans = [_run_at(pool, h) for h in range(len(options.classes_min))]
    best = max(plans, key=pool.value)
    value = pool.value(best)
    return make_plan(
        network,
        demands,
        areas,
        pool,
        Choice(best, value, complete=False, optimal=False, bound=value),
        value,
        options,
        exhaustive=False,
    )


def chain_nearest(area: Area, nodes: int) -> list[tuple[int, ...]]:
    """Return routes over all stops they can serve: from the station to the nearest unserved stop, and on."""
    n = len(area.stop_node) - 1
    unserved = np.ones(n, bool)
    routes: list[tuple[int, ...]] = []
    while unserved.any():
        mark_in, mark_out = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
        mark_in[area.stop_node[n]] = mark_out[area.stop_node[n]] = 0
        cur, ride, in_m, out_m = n, 0.0, 0.0, 0.0
        route: list[int] = []
        while len(route) < int(area.rule[STOPS]):
            choices = [
                (float(area.drive_s[cur, k]), int(k))
                for k in np.flatnonzero(unserved)
                if may_extend(area, cur, int(k), ride, in_m, out_m, mark_in, mark_out, 0)
                and not (route and len(area.ban) and area.ban[route[-2] if len(route) > 1 else n, cur, int(k)])
            ]
            if not choices:
                break
            _, new = min(choices)
            ride += float(area.drive_s[new, cur]) + (float(area.rule[DWELL]) if cur != n else 0.0)
            in_m, out_m = in_m + float(area.length_m[new, cur]), out_m + float(area.length_m[cur, new])
            mark_leg(area, cur, new, mark_in, mark_out, 0)
            unserved[new] = False
            route.append(new)
            cur = new
        if not route:
            break
        routes.append(tuple(route))
    return routes


def _run_at(pool: Pool, headway: int) -> tuple[int, ...]:
    """Take the routes at one headway in the order drawn, each that adds value and still fits."""
    chosen: list[int] = []
    used = Used(pool)
    for i in np.flatnonzero(pool.headway == headway).tolist():
        if not np.isfinite(used.surcharge()[i]) or pool.value([*chosen, i]) <= pool.value(chosen):
            continue
        chosen.append(i)
        used.add(i)
    return tuple(chosen)
