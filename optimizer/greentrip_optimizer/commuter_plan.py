"""A plan of customised buses: what every route does, when, for whom, at which price, and what would replace it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_networks.network import Network

from greentrip_optimizer.alternatives import Alternatives, Answer, next_best, shadow_prices
from greentrip_optimizer.commuter_options import CommuterOptions, window_min
from greentrip_optimizer.commuter_routes import Column, Drivers
from greentrip_optimizer.commuter_stops import Stops
from greentrip_optimizer.plan import Plan, gap_of

if TYPE_CHECKING:
    from greentrip_agents import Run


def make_plan(
    network: Network,
    run: "Run",
    drivers: Drivers,
    stops: tuple[Stops, Stops],
    columns: Sequence[Column],
    best: Answer,
    others: Alternatives,
    o: CommuterOptions,
) -> Plan:
    """Return the plan: what every route does, when, for whom, at which price, and what would replace it.

    `stops` are those by homes and those by jobs; `best` and `others` pick among the columns.
    """
    picks = sorted(best.picks or (), key=lambda i: _rank(columns[i]))
    names = {i: f"C-{k + 1}" for k, i in enumerate(picks)}
    chosen = [columns[i] for i in picks]
    rows = [_row(network, run, stops, names[i], columns[i], o) for i in picks]
    for i, row in zip(picks, rows, strict=True):
        if i in others.without:
            row["next_best"] = _next_best(network, columns, best, others.without[i], names, i, o)
    value = sum(c.value for c in chosen)
    bound = max(best.bound, value)
    indicators = {
        "network": network.name,
        "simulated": False,
        "drivers_to_work_am": round(float(drivers.trips.sum()), 1),
        "routes_considered": len(columns),
        "next_best_told": len(others.without),
        "shadow_prices": shadow_prices(best, others.one_more),
        "vehicles": sum(c.buses for c in chosen),
        "vehicles_at_hand": int(o.vehicles),
        "riders_day": round(sum(2 * c.riders for c in chosen), 1),
        "fares_cny_day": round(sum(c.fares for c in chosen), 2),
        "cost_cny_day": round(sum(c.cost for c in chosen), 2),
        "minutes_saved_day": round(sum(2 * c.gain_min for c in chosen), 1),
        "car_km_less_day": round(sum(r["car_km_less_day"] for r in rows), 1),
        "commuter_routes": rows,
    }
    return Plan(
        "commuter-buses",
        (),
        round(value, 2),
        round(bound, 2),
        gap_of(value, bound),
        "estimate",
        (),
        indicators,
        (
            (
                "Not simulated: a booked seat at a price of its own is not in the scenario vocabulary; riders are "
                "expected numbers of a logit between the car as simulated and the bus."
            ),
            (
                f"{o.equal_share:.0%} of drivers would take a bus that felt as good as their car; a felt minute counts "
                f"{o.per_minute:g} in the logit (assumed)."
            ),
            (
                f"Drivers arrive in {', '.join(o.arrive)} in shares of {', '.join(f'{s:.0%}' for s in o.arrive_share)} "
                "(assumed); each route goes back in the evening with the same riders."
            ),
            (
                f"Assumed unit costs: {o.cny_vehicle_hour:g} CNY a vehicle-hour, {o.cny_km:g} CNY/km, "
                f"{o.cny_vehicle_day:g} CNY a bus and day; a bus makes one round in the morning and one in the evening."
            ),
            (
                "People walk from the cells of a zone's homes to its pick-up and from its drop-off to those of jobs; "
                "drivers are spread over the cells as all residents and jobs are, each fifth by its own walk (assumed)."
            ),
            "The bound holds over the routes considered, not over every possible one: it is an estimate.",
        ),
    )


def _row(
    network: Network, run: "Run", stops: tuple[Stops, Stops], name: str, c: Column, o: CommuterOptions
) -> dict[str, Any]:
    """Return one route in words and figures."""
    car_min, car_km = run.costs["car_min"][0], run.costs["car_km"][0]
    _, end = window_min(o.arrive[c.window], "arrive")
    at = end - o.stop_min - sum(car_min[a, b] * o.local_over_car + o.stop_min for a, b in pairwise(c.drops))
    drops, pickups = [], []
    for k, z in enumerate(c.drops):
        at += car_min[c.drops[k - 1], z] * o.local_over_car + o.stop_min if k else 0.0
        drops.append(_stop(network, stops[1], z, at))
    at = end - c.run_min + o.stop_min
    for k, a in enumerate(c.pickups):
        at += car_min[c.pickups[k - 1], a] * o.local_over_car + o.stop_min if k else 0.0
        pickups.append(_stop(network, stops[0], a, at) | {"riders": round(c.by_pickup[k], 1)})
    driven = sum(
        n * float(np.mean([car_km[a, z] for z in c.drops])) for a, n in zip(c.pickups, c.by_pickup, strict=True)
    )
    return {
        "id": name,
        "pick_ups": pickups,
        "drop_offs": drops,
        "arrive": o.arrive[c.window],
        "fast_leg_min": round(float(car_min[c.pickups[-1], c.drops[0]] * o.fast_over_car), 1),
        "fast_leg_km": round(float(car_km[c.pickups[-1], c.drops[0]]), 1),
        "minutes": round(c.run_min, 1),
        "price_cny": c.price,
        "buses": c.buses,
        "seats": c.buses * o.seats,
        "riders_day": round(2 * c.riders, 1),
        "load": round(c.riders / (c.buses * o.seats), 3),
        "fares_cny_day": round(c.fares, 2),
        "cost_cny_day": round(c.cost, 2),
        "minutes_saved_day": round(2 * c.gain_min, 1),
        "car_km_less_day": round(2 * driven, 1),
        "worth_cny_day": round(c.value, 2),
    }


def _stop(network: Network, stops: Stops, zone: int, minute: float) -> dict[str, Any]:
    """Return where and when a bus stops in a zone, and the mean walk of all who live or work there."""
    return {
        **_zone(network, zone),
        "node": stops.node[zone],
        "time": f"{int(minute) // 60:02d}:{int(minute) % 60:02d}",
        "mean_walk_min": round(float(stops.mean_walk_min[zone]), 1),
    }


def _zone(network: Network, zone: int) -> dict[str, str]:
    """Return a zone's id and names."""
    zones = network.zones
    return {"zone": zones.id[zone], "name_en": zones.name_en[zone], "name_zh": zones.name_zh[zone]}


def _rank(c: Column) -> tuple[Any, ...]:
    """Return what orders routes: the most valuable first."""
    return -c.value, c.pickups, c.drops, c.window


def _next_best(
    network: Network,
    columns: Sequence[Column],
    best: Answer,
    without: Answer,
    names: Mapping[int, str],
    i: int,
    o: CommuterOptions,
) -> dict[str, Any]:
    """Return what the best plan without a route loses, the routes it runs instead, and those it leaves out besides."""
    row = next_best(best, without)
    if without.picks is not None:
        instead = sorted((columns[k] for k in without.picks if k not in names), key=_rank)
        row["instead"] = [
            {
                "pick_ups": [_zone(network, a) for a in c.pickups],
                "drop_offs": [_zone(network, z) for z in c.drops],
                "arrive": o.arrive[c.window],
                "price_cny": c.price,
                "buses": c.buses,
            }
            for c in instead
        ]
        kept = {*without.picks, i}
        row["also_left_out"] = [name for k, name in names.items() if k not in kept]
    return row
