"""Turn chosen columns into routes on the streets, and say what each does and costs."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks.network import FeederRoute, Network, written

from greentrip_optimizer.area import Area
from greentrip_optimizer.evaluate import DWELL, loop_times, route_times, step_value
from greentrip_optimizer.limits import Used
from greentrip_optimizer.master import Choice
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.plan import Plan, gap_of
from greentrip_optimizer.pool import Pool, Prices
from greentrip_optimizer.soft_report import priced_limits, soft_indicators
from greentrip_optimizer.street_limit import StreetLimit
from greentrip_optimizer.street_report import fullest_streets, shared_share, street_prices
from greentrip_optimizer.turn_report import cannot_turn


def make_plan(
    network: Network,
    demands: Sequence[CatchmentDemand],
    areas: Sequence[Area],
    pool: Pool,
    choice: Choice,
    upper: float,
    options: FeederOptions,
    *,
    exhaustive: bool,
    routes_listed: int = 0,
    loops_listed: int = 0,
    prices: Prices | None = None,
    keep: Sequence[FeederRoute] = (),
    asked: FeederOptions | None = None,
    streets: StreetLimit | None = None,
    ended: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the plan of the chosen columns: routes to keep, then by station, the most valuable first.

    `upper` is the relaxation's bound. If the pool held every admissible route (`exhaustive`) the bound is proved, and
    CP-SAT's own bound may tighten it; otherwise it is an estimate, and the relaxation's is the wiser one. `ended` are
    indicators of how the search began and ended, where that was asked for; `asked` are the options before kept routes
    took their part of the limits.
    """
    columns = choice.columns
    credit = _credited(pool, columns, len(network.cells.x_m))
    worth = {
        i: float(
            sum(
                w
                for c, w in zip(pool.cell[pool.entries(i)], pool.worth[pool.entries(i)], strict=True)
                if credit[c] == i
            )
        )
        for i in columns
    }
    order = sorted(columns, key=lambda i: (int(pool.station[i]), -(worth[i] - pool.cost[i]), i))
    taken = {f.id for f in (*network.feeders, *keep)}
    instead = next_best(pool, columns, options, areas)
    limited = None if streets is None or streets.limit == np.inf else streets
    routes: list[FeederRoute] = []
    rows: list[dict[str, Any]] = []
    for i in order:
        s = int(pool.station[i])
        station = demands[s].station
        number = 1
        while f"F-{station}-{number}" in taken:
            number += 1
        taken.add(f"F-{station}-{number}")
        route = _route(network, areas[s], pool, i, f"F-{station}-{number}", station, options)
        routes.append(route)
        rows.append(_row(network, areas[s], pool, i, route, worth[i], credit, options) | {"next_best": instead[i]})
        if options.overlap_cny_km:
            rows[-1]["overlap_cny_day"] = round(float(pool.toll[i]), 2)
        if streets is not None:
            rows[-1]["shared_share"] = round(shared_share(network, streets, pool, columns, i), 4)
    objective = pool.value(list(columns))
    bound = max(min(upper, choice.bound) if exhaustive and choice.complete else upper, objective)
    served = {r.station for r in routes}
    early = (ended or {}).get("stopped_on") in ("gap", "time", "stop")
    without = [
        {
            "station": d.station,
            "name_en": network.rail.nodes[d.station]["name_en"],
            "name_zh": network.rail.nodes[d.station]["name_zh"],
            "reason": _why_none(d, a, pool, s, options, limited, early=early),
        }
        for s, (d, a) in enumerate(zip(demands, areas, strict=True))
        if d.station not in served
    ]
    by_station = [
        {
            "station": d.station,
            "name_en": network.rail.nodes[d.station]["name_en"],
            "name_zh": network.rail.nodes[d.station]["name_zh"],
            "routes": sum(r.station == d.station for r in routes),
            "vehicles": sum(r.vehicles for r in routes if r.station == d.station),
            "riders_day": round(sum(x["riders_day"] for x in rows if x["station"] == d.station), 1),
            "candidate_stops": len(a.stop_node) - 1,
        }
        for d, a in zip(demands, areas, strict=True)
    ]
    indicators = {
        "network": network.name,
        "seed": options.seed,
        "vehicles": sum(r.vehicles for r in routes),
        "vehicles_at_hand": options.vehicles,
        "budget_cny_day": options.budget_cny_day,
        "cost_cny_day": round(sum(r.cost_cny_day for r in routes), 2),
        "riders_day": round(sum(x["riders_day"] for x in rows), 1),
        "people_reached": round(sum(x["residents"] for x in rows), 1),
        "minutes_saved_day": round(sum(x["minutes_saved_day"] for x in rows), 1),
        "fares_cny_day": round(sum(x["fares_cny_day"] for x in rows), 2),
        "route_km": round(sum(r.length_m for r in routes) / 1000, 3),
        "routes_listed": routes_listed,
        **({"loops_listed": loops_listed} if options.loops else {}),
        "routes_kept": len(pool.stops),
        "columns_kept": len(pool),
        "relaxation_bound": round(upper, 2),
        "best_of_routes_found": bool(choice.complete and choice.optimal),
        "shadow_prices": _shadow_prices(network, prices, demands, options, limited),
        **({} if limited is None else _on_streets(network, limited, pool, columns)),
        **soft_indicators(network, asked or options, keep, [d.station for d in demands], pool, columns, streets),
        "kept_routes": [r.id for r in keep],
        **(ended or {}),
        "stations": by_station,
        "stations_without_route": without,
        "routes": rows,
    }
    kind = "proved" if exhaustive else "estimate"
    return Plan(
        options.name,
        (*keep, *routes),
        round(objective, 2),
        round(bound, 2),
        gap_of(objective, bound),
        kind,
        tuple(d.station for d in demands),
        indicators,
        assumptions(asked or options, exhaustive),
    )


def _on_streets(network: Network, streets: StreetLimit, pool: Pool, columns: Sequence[int]) -> dict[str, Any]:
    """Return the limit of streets and the fullest of those that feeders use."""
    return {
        "street_buses_h": streets.limit,
        "fullest_streets": fullest_streets(network, streets, streets.kept + pool.on_streets(columns)),
    }


def next_best(
    pool: Pool, columns: Sequence[int], options: FeederOptions, areas: Sequence[Area]
) -> dict[int, dict[str, Any]]:
    """Return for each chosen column what its best replacement loses, all others staying; CNY a day.

    `stops` are 0 if leaving it out altogether loses least.
    """
    total = pool.value(list(columns))
    out: dict[int, dict[str, Any]] = {}
    for i in columns:
        rest = [j for j in columns if j != i]
        gained = np.zeros(int(pool.cell.max()) + 1)
        for j in rest:
            np.maximum.at(gained, pool.cell[pool.entries(j)], pool.worth[pool.entries(j)])
        added = pool.beyond(gained) - pool.cost - pool.toll - Used(pool, rest).surcharge()
        added = np.where(np.isin(pool.route, pool.route[list(columns)]), -np.inf, added)
        k = int(added.argmax())
        most, without = float(added[k]), pool.value(rest)
        row: dict[str, Any] = {"loses_cny_day": round(total - without - max(most, 0.0), 2), "stops": 0}
        if most > 0:
            station, places = pool.stops[int(pool.route[k])]
            loop = places[-1] == len(areas[station].stop_node) - 1
            row |= {
                "stops": len(places) - loop,
                "headways_min": list(options.classes_min[int(pool.headway[k])]),
                "vehicles": int(pool.vehicles[k]),
                **({"loop": True} if loop else {}),
            }
        out[i] = row
    return out


def _shadow_prices(
    network: Network,
    prices: Prices | None,
    demands: Sequence[CatchmentDemand],
    options: FeederOptions,
    streets: StreetLimit | None,
) -> dict[str, Any]:
    """Return what one more bus, CNY, bay or bus an hour in a street would be worth to the relaxation, CNY a day."""
    if prices is None:
        return {}
    return {
        "bus_cny_day": round(prices.vehicle, 2),
        "budget_cny_per_cny": None if options.budget_cny_day is None else round(prices.budget, 4),
        "bay_cny_day": {d.station: round(float(b), 2) for d, b in zip(demands, prices.bay, strict=True) if b > 0.005},
        **({} if streets is None else {"street_cny_day": street_prices(network, streets, prices)}),
    }


def assumptions(options: FeederOptions, proved: bool) -> tuple[str, ...]:
    """Return what a design takes for granted, one sentence each."""
    o = options
    soft = priced_limits(options)
    types = "; ".join(
        f"{b.name}: {b.capacity} persons, {b.cny_vehicle_hour:g} CNY a vehicle-hour, {b.cny_km:g} CNY/km, "
        f"{b.cny_vehicle_day:g} CNY a bus and day"
        for b in o.bus_types
    )
    return (
        (
            f"The objective is CNY a day to be as large as possible: time saved at {o.value_cny_h:g} CNY an hour "
            f"plus fares paid (a transfer) less operating cost{', less the penalties' * bool(soft)}."
        ),
        *soft,
        f"Assumed unit costs ({types}), from drivers' wages, electricity and eight years of write-off.",
        (
            f"A cell of homes gains from one route only, the best it can reach within {o.stop_walk_m:.0f} m; "
            "gains at two stations are not added."
        ),
        f"{_offered(o)}; {o.peak_share:.0%} of riders travel in the {o.peak_hours:g} peak hours (assumed).",
        f"The busiest hour and direction carries {o.peak_hour_direction_share:.0%} of a day's riders (assumed).",
        (
            f"Buses take {o.bus_over_car:g} times a car's time and {o.dwell_s:g} s a stop (assumed), "
            "and never use motorways or expressways."
        ),
        "The bound holds over every admissible route between the candidate stops."
        if proved
        else "The bound holds over the routes generated, not over every possible route: it is an estimate.",
        *(("A rider of a loop counts the mean of the ride in and the ride out, for they travel both ways.",) * o.loops),
        *(
            f"In the peak hour at most {limit:g} buses run through one direction of a street, kept routes and lines "
            "(those of the fuller peak) included."
            for limit in (o.street_buses_h,)
            if limit is not None and o.over_street_cny_day is None
        ),
    )


def _offered(options: FeederOptions) -> str:
    """Say which headways a design may choose from off-peak, or in all periods."""
    if options.headway_classes:
        return f"Headways of am/off/pm are one of {', '.join(map(written, options.classes_min))} minutes"
    factors = " or ".join(f"{f:g}" for f in options.off_peak_factors)
    return f"Off-peak headways are {factors} times the peak's"


def _credited(pool: Pool, columns: Sequence[int], cells: int) -> Any:
    """Return for each cell the chosen column it gains most from, -1 if none; ties go to the earlier."""
    best, credit = np.zeros(cells), np.full(cells, -1, np.int64)
    for i in sorted(columns):
        for c, w in zip(pool.cell[pool.entries(i)].tolist(), pool.worth[pool.entries(i)].tolist(), strict=True):
            if w > best[c]:
                best[c], credit[c] = w, i
    return credit


def _route(
    network: Network, area: Area, pool: Pool, i: int, name: str, station: str, options: FeederOptions
) -> FeederRoute:
    """Return a column as a route: stops from the far end inwards, or in a loop's order, and the street nodes passed."""
    nodes, n = network.compiled.roads.nodes, len(area.stop_node) - 1
    outwards = np.array(pool.stops[int(pool.route[i])][1], np.int32)
    out = np.zeros(len(outwards))
    if outwards[-1] == n:
        way, out = [n, *outwards.tolist()], out[:-1]
        around, metres = loop_times(area, outwards, out)
        ride = around - area.rule[DWELL] - out
    else:
        way, ride, out = [*outwards[::-1].tolist(), n], out, out[:0]
        _, _, metres, _ = route_times(area, outwards, ride)
        ride = ride[::-1]
    path = [nodes[area.stop_node[way[0]]]]
    for a, b in pairwise(way):
        leg = a * len(area.stop_node) + b
        path.extend(nodes[k] for k in area.leg_node[area.leg_first[leg] : area.leg_first[leg + 1]])
    am, off, pm = options.classes_min[int(pool.headway[i])]
    return FeederRoute(
        name,
        station,
        tuple(nodes[area.stop_node[k]] for k in way if k != n),
        tuple(path),
        tuple(round(float(r), 1) for r in ride),
        round(float(metres), 1),
        (am * 60.0, off * 60.0, pm * 60.0),
        int(pool.vehicles[i]),
        int(area.bus[pool.bus[i], 0]),
        round(float(pool.cost[i]), 2),
        tuple(round(float(r), 1) for r in out),
    )


def _row(
    network: Network,
    area: Area,
    pool: Pool,
    i: int,
    route: FeederRoute,
    worth: float,
    credit: Any,
    options: FeederOptions,
) -> dict[str, Any]:
    """Return what a route does: people, minutes, fares, cost."""
    h = int(pool.headway[i])
    outwards = np.array(pool.stops[int(pool.route[i])][1], np.int32)
    ride = np.zeros(len(outwards))
    in_s, out_s, _, _ = route_times(area, outwards, ride)
    reach: dict[int, float] = {}
    for k, s in enumerate(outwards[: len(route.stops)]):
        for e in range(area.reach_first[s], area.reach_first[s + 1]):
            c = int(area.reach_cell[e])
            reach[c] = min(reach.get(c, np.inf), area.reach_min[e] + ride[k] / 60)
    riders = minutes = residents = 0.0
    homes = network.cells.home_share * network.zones.residents[network.cells.zone]
    for c in sorted(reach):
        if credit[area.cell[c]] != i:
            continue
        residents += float(homes[area.cell[c]])
        base, m = float(area.at_min[c, area.points[c] - 1]), int(area.points[c])
        for period, part in enumerate(area.service.share.tolist()):
            g = reach[c] + float(area.wait_min[h, period])
            shift = min(1.0, (base - g) / options.shift_min) if options.shift_min > 0 else 1.0
            riders += part * float(step_value(area.at_min[c], area.riders[c], m, g)) * max(shift, 0.0)
            minutes += part * float(step_value(area.at_min[c], area.saved_min[c], m, g))
    station = network.rail.nodes[route.station]
    return {
        "id": route.id,
        "station": route.station,
        "station_en": station["name_en"],
        "station_zh": station["name_zh"],
        "stops": len(route.stops),
        "length_km": round(route.length_m / 1000, 2),
        "ride_min": round(route.ride_s[0] / 60, 1),
        **({"loop": True, "ride_out_min": round(route.ride_out_s[-1] / 60, 1)} if route.loop else {}),
        "cycle_min": round((in_s + out_s) / 60, 1),
        "headways_min": [s / 60 for s in route.headways_s],
        "vehicles": route.vehicles,
        "capacity": route.capacity,
        "residents": round(residents, 1),
        "riders_day": round(float(riders), 1),
        "minutes_saved_day": round(float(minutes), 1),
        "fares_cny_day": round(float(riders) * network.fares.feeder_cny, 2),
        "cost_cny_day": route.cost_cny_day,
        "worth_cny_day": round(worth - route.cost_cny_day, 2),
    }


def _why_none(
    demand: CatchmentDemand,
    area: Area,
    pool: Pool,
    station: int,
    options: FeederOptions,
    streets: StreetLimit | None,
    *,
    early: bool,
) -> str:
    """Say why a station has no route."""
    if not (demand.riders > 0).any():
        return "demand is zero: nobody around it would use it"
    if options.vehicles == 0 and pool.limits.nothing:
        return "no buses at hand"
    if len(area.stop_node) == 1:
        return "no street node around it where a stop would save anybody time"
    if not pool.limits.most_routes[station]:
        return f"kept routes use all of its {options.max_routes_station} bays"
    if not (pool.station == station).any():
        if cannot_turn(area, options):
            return f"no stop around it has a way round of at most {options.turn_m:g} m by which a bus could turn"
        if streets is not None and not streets.open_at(station):
            return "lines and kept routes leave no room for another bus in the streets around it"
        return "no route saves as much as it costs"
    if early:
        return "the search ended before a route of it was worth more than others"
    return "its best route is worth less than the buses, money or riders bring at other stations"
