"""A station's surroundings made ready for design: candidate stops, ways between them, and what people gain there."""

from typing import Any, NamedTuple

import numpy as np
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks.compiled import Bools, Floats, Int32s
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Network
from scipy.spatial import cKDTree

from greentrip_optimizer.headways import Service, service
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.streets import BusStreets, banned_at_stops, legs_between, times_from, turning


class Area(NamedTuple):
    """One station's arrays for the kernels; the station is place `n`, after the n candidate stops."""

    stop_node: Int32s  # (n + 1,) street node rows, the station's last
    drive_s: Floats  # (n + 1, n + 1) running time without stopping
    length_m: Floats  # (n + 1, n + 1)
    leg_first: Int32s  # ((n + 1)^2 + 1,)
    leg_node: Int32s
    near: Int32s  # (n, n) for each stop the others by driving time, nearest first
    reach_first: Int32s  # (n + 1,) cells within walking distance of each stop
    reach_cell: Int32s  # rows of `cell`
    reach_min: Floats  # weighted walking minutes
    cell: Int32s  # (cells,) rows of network.cells
    points: Int32s  # (cells,) how many columns of `at_min` are used
    at_min: Floats  # (cells, levels + 1) access costs, today's last
    saved_min: Floats  # (cells, levels + 1) person-minutes a day, 0 at today's cost
    riders: Floats  # (cells, levels + 1) persons a day
    wait_min: Floats  # (classes, periods) weighted wait and fare in minutes
    service: Service  # how often classes run, and who rides when
    bus: Floats  # (types, 4) capacity, CNY a vehicle-hour, CNY a km, CNY a vehicle-day
    rule: Floats  # see RULES
    barred: Bools  # (n + 1, n + 1, n + 1) banned turns at the place between, see `banned_at_stops`; empty without any
    ban: Bools  # as `barred`, of either direction
    turn_s: Floats  # (n + 1, n + 1) to turn at the last stop (second) coming from the place before it; inf: impossible
    turn_m: Floats


RULES = (
    "value_cny_min",
    "fare_cny",
    "shift_min",
    "dwell_s",
    "max_length_m",
    "detour_factor",
    "detour_extra_s",
    "layover_share",
    "layover_min_s",
    "max_route_stops",
    "range_km",
    "charge_km_h",
)


def station_area(demand: CatchmentDemand, network: Network, streets: BusStreets, options: FeederOptions) -> Area:
    """Choose candidate stops around a station and collect what routes through them could offer.

    Stops are street nodes that buses and people may use, within `radius_m`, taken greedily by what they add and kept
    `stop_spacing_m` apart. Raises ScenarioError if no street reaches the station.
    """
    check_demand(demand, network)
    roads = network.compiled.roads
    x, y = roads.x_m, roads.y_m
    node = station_node(demand.station, network, streets, options)
    limit_s = options.max_length_m / 2.5  # no bus averages less than 9 km/h while moving
    inbound = times_from(streets, node, limit_s, inbound=True)
    outbound = times_from(streets, node, limit_s)
    crow = np.hypot(x - x[node], y - y[node])
    allowed = streets.may_stop & np.isfinite(inbound) & np.isfinite(outbound)
    allowed &= (crow <= options.radius_m) & (crow >= options.station_spacing_m) & (inbound > 0)
    candidates = np.flatnonzero(allowed).astype(np.int32)
    at_min, saved, riders, points = _steps(demand)
    runs = service(
        options.classes_min,
        options.peak_share,
        options.peak_hours,
        options.off_peak_hours,
        options.peak_hour_direction_share,
    )
    wait_min = _waits(runs, network, options)
    cells_xy = np.column_stack([network.cells.x_m[demand.cells], network.cells.y_m[demand.cells]])
    near_cells = _within(cells_xy, x[candidates], y[candidates], options)
    chosen = _choose_stops(
        candidates, near_cells, inbound, at_min, saved, points, float(wait_min[len(wait_min) // 2, 0]), x, y, options
    )
    stops = candidates[chosen]
    places = np.append(stops, node).astype(np.int32)
    legs = legs_between(streets, places, limit_s)
    barred = banned_at_stops(streets, places, legs)
    first = np.zeros(len(stops) + 1, np.int32)
    first[1:] = np.cumsum([len(near_cells[k][0]) for k in chosen])
    reach_cell = np.concatenate([near_cells[k][0] for k in chosen] or [np.zeros(0)]).astype(np.int32)
    reach_min = np.concatenate([near_cells[k][1] for k in chosen] or [np.zeros(0)]).astype(np.float64)
    value = {
        "value_cny_min": options.value_cny_h / 60,
        "fare_cny": network.fares.feeder_cny,
        "shift_min": options.shift_min,
        "dwell_s": options.dwell_s,
        "max_length_m": options.max_length_m,
        "detour_factor": options.detour_factor,
        "detour_extra_s": options.detour_extra_s,
        "layover_share": options.layover_share,
        "layover_min_s": options.layover_min_s,
        "max_route_stops": float(options.max_route_stops),
        "range_km": options.range_km,
        "charge_km_h": options.charge_km_h,
    }
    return Area(
        places,
        legs.time_s,
        legs.length_m,
        legs.first,
        legs.node,
        np.argsort(legs.time_s[:-1, :-1], axis=1, kind="stable").astype(np.int32),
        first,
        reach_cell,
        reach_min,
        demand.cells.astype(np.int32),
        points,
        at_min,
        saved,
        riders,
        wait_min,
        runs,
        np.array(
            [[b.capacity, b.cny_vehicle_hour, b.cny_km, b.cny_vehicle_day] for b in options.bus_types], np.float64
        ),
        np.array([value[r] for r in RULES], np.float64),
        barred,
        np.ascontiguousarray(barred | barred.transpose(2, 1, 0)),
        *(turning(streets, places, legs, options.turn_m)[:2] if options.turn_m else np.zeros((2, *legs.time_s.shape))),
    )


def check_demand(demand: CatchmentDemand, network: Network) -> None:
    """Raise ScenarioError naming the field of a demand whose shapes or values do not fit."""
    cells, levels = len(demand.cells), len(demand.levels_min)
    where = f"demand of {demand.station}"
    for name, array, shape in (
        ("riders", demand.riders, (cells, levels)),
        ("benefit_min", demand.benefit_min, (cells, levels)),
        ("base_min", demand.base_min, (cells,)),
    ):
        if array.shape != shape:
            raise ScenarioError(f"{where}: {name}", f"saw shape {array.shape}; expected {shape}")
        if not (np.isfinite(array).all() or name == "base_min") or np.isnan(array).any() or (array < -1e-6).any():
            raise ScenarioError(f"{where}: {name}", "expected finite numbers, 0 or more")
    if levels == 0 or (np.diff(demand.levels_min) <= 0).any():
        raise ScenarioError(f"{where}: levels_min", "expected ascending access costs in minutes")
    if cells and (demand.cells.min() < 0 or demand.cells.max() >= len(network.cells.x_m)):
        raise ScenarioError(f"{where}: cells", f"expected rows of network.cells, 0 to {len(network.cells.x_m) - 1}")


def station_node(station: str, network: Network, streets: BusStreets, options: FeederOptions) -> int:
    """Return the street node where buses call at a station: its own if buses reach and leave it, else the nearest."""
    roads, place = network.compiled.roads, network.rail.nodes[station]
    out = np.diff(streets.first_out) > 0
    into = np.zeros(len(roads.nodes), bool)
    into[streets.head] = True
    usable = np.flatnonzero(out & into & streets.may_stop)
    distance = np.hypot(roads.x_m[usable] - place["x_m"], roads.y_m[usable] - place["y_m"])
    for k in usable[distance <= options.street_reach_m]:
        if roads.nodes[k] == place["node"]:
            return int(k)
    if not len(usable) or distance.min() > options.street_reach_m:
        nearest = f"the nearest is {distance.min():.0f} m away" if len(usable) else "there is none"
        raise ScenarioError(
            "stations",
            f"no street that buses may use reaches {place['name_en']} ({station}); {nearest}, expected at most "
            f"{options.street_reach_m:.0f} m: add a street to the network or leave the station out",
        )
    return int(usable[distance.argmin()])


def _waits(runs: Service, network: Network, options: FeederOptions) -> Floats:
    """Return weighted waiting and fare in minutes by class and period; half a headway is waited."""
    fare_min = network.fares.feeder_cny / (options.value_cny_h / 60)
    waits: Floats = runs.headway_s / 60 * options.wait_weight / 2 + fare_min + options.transfer_min
    return waits


def _steps(demand: CatchmentDemand) -> tuple[Floats, Floats, Floats, Int32s]:
    """Return for each cell access costs below today's with what they save; today's comes last and saves nothing."""
    cells, levels = demand.riders.shape
    at = np.full((cells, levels + 1), np.inf)
    saved, riders = np.zeros((cells, levels + 1)), np.zeros((cells, levels + 1))
    points = np.zeros(cells, np.int32)
    for c in range(cells):
        base = min(float(demand.base_min[c]), float(demand.levels_min[-1]) + 1e3)
        m = int(np.searchsorted(demand.levels_min, base, side="left"))
        at[c, :m], at[c, m] = demand.levels_min[:m], base
        saved[c, :m] = demand.benefit_min[c, :m]
        riders[c, :m] = demand.riders[c, :m]
        riders[c, m] = np.interp(base, demand.levels_min, demand.riders[c])
        points[c] = m + 1
        if (
            base > demand.levels_min[-1]
        ):  # nothing is known beyond the last level: service worse than that saves nothing
            points[c], at[c, m] = m + 1, demand.levels_min[-1] + 1.0
    return at, saved, riders, points


def _within(cells_xy: Floats, x: Floats, y: Floats, options: FeederOptions) -> list[tuple[Any, Any]]:
    """Return for each point the cells within walking distance, ascending, and the weighted minutes to walk there."""
    if not len(x) or not len(cells_xy):
        return [(np.zeros(0, np.int64), np.zeros(0)) for _ in x]
    found = cKDTree(cells_xy).query_ball_point(np.column_stack([x, y]), options.stop_walk_m, return_sorted=True)
    per_m = options.street_detour / options.walk_m_s / 60 * options.walk_weight
    out = []
    for k, rows in enumerate(found):
        near = np.array(rows, np.int64)
        out.append((near, np.hypot(cells_xy[near, 0] - x[k], cells_xy[near, 1] - y[k]) * per_m))
    return out


def _choose_stops(
    candidates: Int32s,
    near_cells: list[tuple[Any, Any]],
    inbound: Floats,
    at_min: Floats,
    saved: Floats,
    points: Int32s,
    wait_min: float,
    x: Floats,
    y: Floats,
    options: FeederOptions,
) -> list[int]:
    """Take stops one by one, each adding the most minutes saved by a direct ride, none closer than the spacing."""
    first = np.append(0, np.cumsum([len(cells) for cells, _ in near_cells]))
    cells = np.concatenate([c for c, _ in near_cells] or [np.zeros(0, np.int64)])
    cost = np.concatenate(
        [walk + wait_min + inbound[node] / 60 for node, (_, walk) in zip(candidates, near_cells, strict=True)]
        or [np.zeros(0)]
    )
    worth = np.array(
        [np.interp(g, at_min[c, : points[c]], saved[c, : points[c]]) for c, g in zip(cells, cost, strict=True)]
    )
    best = np.zeros(len(at_min))
    free = np.ones(len(candidates), bool)
    chosen: list[int] = []
    px, py = x[candidates], y[candidates]
    while len(chosen) < options.max_stops and len(worth):
        # a cell that has a stop already still counts a little: another stop lets another route pass
        added = np.diff(np.append(0.0, np.cumsum(np.maximum(worth - 0.7 * best[cells], 0.0)))[first])
        added[~free] = -1.0
        k = int(added.argmax())
        if added[k] <= 1e-6:
            break
        chosen.append(k)
        at = slice(first[k], first[k + 1])
        np.maximum.at(best, cells[at], worth[at])
        free &= np.hypot(px - px[k], py - py[k]) >= options.stop_spacing_m
    return sorted(chosen)
