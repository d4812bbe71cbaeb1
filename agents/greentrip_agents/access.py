"""Ways between a cell and a rail station: on foot, by bicycle, by bus or by a designed feeder, the least of them.

Access is a path inside rail, never a mode of its own: a feeder no better than walking changes nothing.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from greentrip_networks.compiled import BusArrays
from greentrip_networks.kernels import njit, prange
from greentrip_networks.network import PERIODS, Network
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greentrip_agents.parameters import Parameters

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]

KINDS = ("walk", "bicycle", "bus", "feeder", "car")
BY_WALK, BY_BICYCLE, BY_BUS, BY_FEEDER, BY_CAR = range(5)
_FEEDER_SLOTS = 2  # stations beyond the nearest that a feeder may bring within reach


@dataclass(frozen=True, eq=False)
class Access:
    """The stations each cell considers and the least way to each; shape (cells, slots), station -1 in an empty slot."""

    station: Int32s
    cost: Floats  # (periods, cells, slots) generalised minutes
    minutes: Floats  # (periods, cells, slots)
    kind: NDArray[np.int8]  # (periods, cells, slots) row of KINDS
    feeder: Int32s  # (periods, cells, slots) row of Network.feeders, -1 when not by feeder
    drive_min: Floats  # (cells, slots) by car, for park and ride; inf where it is not offered


def stop_walk_min(metres: Floats, p: Parameters) -> Floats:
    """Return plain minutes of walking for distances as the crow flies."""
    return metres * p["distance.street_detour"] / p["speed.walk_m_s"] / 60


def feeder_cost(
    walk_m: Floats, headway_s: float, ride_s: Floats, fare_cny: float, p: Parameters
) -> tuple[Floats, Floats]:
    """Return generalised and plain minutes to a station by a feeder: walk, half a headway, ride, change."""
    walk = stop_walk_min(walk_m, p)
    wait = 0.5 * headway_s / 60
    ride = ride_s / 60
    money = fare_cny / (p["value_of_time.mean_cny_h"] / 60)
    felt = p["weight.walk_access"] * walk + p["weight.wait"] * wait + ride + money + p["weight.transfer_min"]
    return felt, walk + wait + ride


def find_access(network: Network, parameters: Parameters, call_minutes: list[Floats]) -> Access:
    """Find the least way from every cell to its nearest stations and to those its feeders lead to.

    call_minutes: minutes into each bus call from the one before, by period, as today's traffic allows.
    """
    p, c, cells = parameters, network.compiled, network.cells
    rail = c.rail
    n, stations = len(cells.zone), len(rail.stations)
    k = min(int(p["access.stations_considered"]), stations)
    slots = k + (_FEEDER_SLOTS if network.feeders else 0)
    station = np.full((n, slots), -1, np.int32)
    at = np.column_stack([cells.x_m, cells.y_m])
    metres = np.full((n, slots), np.inf)
    if stations:
        far, near = cKDTree(np.column_stack([rail.x_m, rail.y_m])).query(at, k=np.arange(1, k + 1))
        reach = max(p["access.bus_max_km"], p["access.drive_max_km"]) * 1000
        near = np.where(far <= reach, near, -1)
        station[:, :k], metres[:, :k] = near, np.where(near >= 0, far, np.inf)

    rows, routes, walks, rides = _feeder_reach(network, at, parameters)
    _add_feeder_stations(network, station, metres, rows, routes, k, at)

    walk = stop_walk_min(metres, p)
    bike = metres / 1000 * p["distance.street_detour"] / p["speed.bicycle_km_h"] * 60
    bike_cost = p["weight.bicycle"] * bike + p["weight.bicycle_fixed_min"] + p["access.bicycle_penalty_min"]
    walk_cost = np.where(metres <= p["access.walk_max_km"] * 1000, p["weight.walk_access"] * walk, np.inf)
    bike_cost = np.where(metres <= p["access.bicycle_max_km"] * 1000, bike_cost, np.inf)
    shape = (len(PERIODS), n, slots)
    cost, minutes = np.empty(shape), np.empty(shape)
    kind, feeder = np.zeros(shape, np.int8), np.full(shape, -1, np.int32)
    near_stops, station_stops = _stops_near(network, p["access.stop_walk_max_km"] * 1000)
    money = network.fares.bus_base_cny * network.fares.bus_card_factor / (p["value_of_time.mean_cny_h"] / 60)
    # a change between vehicles is felt as such, beside its walk and wait
    money += p["weight.transfer_min"] + p["access.bus_penalty_min"]
    for t in range(len(PERIODS)):
        cost[t], minutes[t] = walk_cost, walk
        better = bike_cost < cost[t]
        cost[t][better], minutes[t][better] = bike_cost[better], bike[better] + p["weight.bicycle_fixed_min"]
        kind[t][better] = BY_BICYCLE
        if len(c.buses.stop_node):
            _bus_access(
                c.buses,
                t,
                station,
                metres,
                near_stops,
                station_stops,
                call_minutes[t],
                p,
                money,
                cost[t],
                minutes[t],
                kind[t],
            )
        _feeder_access(network, t, station, rows, routes, walks, rides, p, cost[t], minutes[t], kind[t], feeder[t])
    central = network.zones.areas["central city"]
    home_outside = ~central[cells.zone]
    station_zone = (
        cells.zone[cKDTree(at).query(np.column_stack([rail.x_m, rail.y_m]))[1]] if stations else np.zeros(0, np.int64)
    )
    lot = ~central[station_zone] if stations else np.zeros(0, bool)
    drive = metres / 1000 * p["distance.street_detour"] / p["speed.park_and_ride_km_h"] * 60
    drive += p["speed.car_terminal_min"]
    offered = (
        (station >= 0)
        & home_outside[:, None]
        & lot[np.maximum(station, 0)]
        & (metres <= p["access.drive_max_km"] * 1000)
    )
    return Access(station, cost, minutes, kind, feeder, np.where(offered, drive, np.inf))


Near = tuple[Int32s, Int32s, Floats]


@lru_cache(maxsize=4)
def _stops_near(network: Network, reach_m: float) -> tuple[Near, Near]:
    """Return the bus stops within reach of each cell, and those within 400 m of each station; the same every day."""
    c, cells, rail = network.compiled, network.cells, network.compiled.rail
    tree = cKDTree(np.column_stack([c.buses.x_m, c.buses.y_m])) if len(c.buses.stop_node) else None
    return (
        _near(tree, np.column_stack([cells.x_m, cells.y_m]), reach_m),
        _near(tree, np.column_stack([rail.x_m, rail.y_m]), 400.0),
    )


def _near(tree: cKDTree | None, at: Floats, reach: float) -> tuple[Int32s, Int32s, Floats]:
    """Return the stops within reach of each point, as rows (first, stop, metres), nearest first by stop row."""
    if tree is None or not len(at):
        return np.zeros(len(at) + 1, np.int32), np.zeros(0, np.int32), np.zeros(0)
    found: list[list[int]] = np.asarray(tree.query_ball_point(at, reach, return_sorted=True), object).tolist()
    first = np.concatenate([[0], np.cumsum([len(f) for f in found])]).astype(np.int32)
    stop = np.array([s for f in found for s in f], np.int32)
    point = np.repeat(np.arange(len(at)), np.diff(first))
    metres = np.hypot(*(at[point] - tree.data[stop]).T) if len(stop) else np.zeros(0)
    return first, stop, metres


def _feeder_reach(network: Network, at: Floats, p: Parameters) -> tuple[Int32s, Int32s, Floats, Floats]:
    """Return, where a feeder's stops are within a walk of a cell: cell, route, walk to the best stop (m), ride (s)."""
    rows: list[Int32s] = []
    routes: list[Int32s] = []
    walks: list[Floats] = []
    rides: list[Floats] = []
    index = {name: i for i, name in enumerate(network.compiled.roads.nodes)}
    roads = network.compiled.roads
    tree = cKDTree(at)
    for r, route in enumerate(network.feeders):
        best_cost = np.full(len(at), np.inf)
        best_walk, best_ride = np.zeros(len(at)), np.zeros(len(at))
        for stop, ride_s in zip(route.stops, route.mean_ride_s, strict=True):  # access costs the same both ways
            i = index[stop]
            here = np.array([roads.x_m[i], roads.y_m[i]])
            near = np.array(
                tree.query_ball_point(here, p["access.stop_walk_max_km"] * 1000, return_sorted=True), np.int64
            )
            if not len(near):
                continue
            walk, ride = np.hypot(*(at[near] - here).T), np.full(len(near), ride_s)
            # every stop has the same wait, so any period's finds the best
            total, _ = feeder_cost(walk, route.headways_s[0], ride, network.fares.feeder_cny, p)
            better = total < best_cost[near]
            best_cost[near[better]] = total[better]
            best_walk[near[better]], best_ride[near[better]] = walk[better], ride_s
        served = np.flatnonzero(np.isfinite(best_cost))
        rows.append(served.astype(np.int32))
        routes.append(np.full(len(served), r, np.int32))
        walks.append(best_walk[served])
        rides.append(best_ride[served])
    if not rows:
        return np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0), np.zeros(0)
    return np.concatenate(rows), np.concatenate(routes), np.concatenate(walks), np.concatenate(rides)


def _add_feeder_stations(
    network: Network, station: Int32s, metres: Floats, rows: Int32s, routes: Int32s, k: int, at: Floats
) -> None:
    """Give a cell the stations its feeders lead to, where they are not among its nearest."""
    rail = network.compiled.rail
    index = {s: i for i, s in enumerate(rail.stations)}
    for cell, route in zip(rows, routes, strict=True):
        s = index[network.feeders[route].station]
        if s in station[cell]:
            continue
        for slot in range(k, station.shape[1]):
            if station[cell, slot] < 0:
                station[cell, slot] = s
                metres[cell, slot] = np.hypot(at[cell, 0] - rail.x_m[s], at[cell, 1] - rail.y_m[s])
                break


def _feeder_access(
    network: Network, t: int, station: Int32s, rows: Int32s, routes: Int32s, walks: Floats, rides: Floats,
    p: Parameters, cost: Floats, minutes: Floats, kind: NDArray[np.int8], feeder: Int32s,
) -> None:  # fmt: skip
    """Offer the feeders in one period, where they are strictly better."""
    if not len(rows):
        return
    index = {s: i for i, s in enumerate(network.compiled.rail.stations)}
    headway = np.array([f.headways_s[t] for f in network.feeders])
    target = np.array([index[f.station] for f in network.feeders], np.int32)
    for i in range(len(rows)):
        cell, r = rows[i], routes[i]
        g, m = feeder_cost(walks[i], headway[r], rides[i], network.fares.feeder_cny, p)
        for slot in range(station.shape[1]):
            if station[cell, slot] == target[r] and g < cost[cell, slot]:
                cost[cell, slot], minutes[cell, slot] = g, m
                kind[cell, slot], feeder[cell, slot] = BY_FEEDER, r


def _bus_access(
    buses: BusArrays, t: int, station: Int32s, metres: Floats, near: tuple[Int32s, Int32s, Floats],
    station_stops: tuple[Int32s, Int32s, Floats], call_minutes: Floats, p: Parameters, money: float,
    cost: Floats, minutes: Floats, kind: NDArray[np.int8],
) -> None:  # fmt: skip
    """Offer the buses that call near both the cell and the station, all of them sharing the wait."""
    per_m = p["distance.street_detour"] / p["speed.walk_m_s"] / 60
    stops = len(buses.stop_node)
    order = np.argsort(buses.call_stop, kind="stable").astype(np.int32)
    stop_first = np.concatenate([[0], np.cumsum(np.bincount(buses.call_stop, minlength=stops))]).astype(np.int32)
    pattern = np.repeat(np.arange(len(buses.pattern_line)), np.diff(buses.pattern_first)).astype(np.int32)
    ride = np.cumsum(call_minutes)
    by_station = _station_slots(station, len(station_stops[0]) - 1)
    _offer_buses(
        *by_station, metres, *near, *station_stops, stop_first, order, pattern, buses.pattern_first, buses.call_stop,
        ride, 60.0 / (buses.headway_s[:, t] / 60), per_m, p["weight.walk_access"], p["weight.wait"], money,
        p["access.bus_max_km"] * 1000, cost, minutes, kind, np.int8(BY_BUS),
    )  # fmt: skip


def _station_slots(station: Int32s, stations: int) -> tuple[Int32s, Int32s, Int32s]:
    """Return the (cell, slot) pairs of each station as (first, cell, slot)."""
    cell, slot = np.nonzero(station >= 0)
    s = station[cell, slot]
    order = np.argsort(s, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(s, minlength=stations))]).astype(np.int32)
    return first, cell[order].astype(np.int32), slot[order].astype(np.int32)


@njit(parallel=True)
def _offer_buses(
    slot_first: Int32s, slot_cell: Int32s, slot_slot: Int32s, metres: Floats, near_first: Int32s, near_stop: Int32s,
    near_m: Floats, ss_first: Int32s, ss_stop: Int32s, ss_m: Floats, stop_first: Int32s, stop_call: Int32s,
    pattern: Int32s, pattern_first: Int32s, call_stop: Int32s, ride: Floats, per_hour: Floats, per_m: float,
    walk_weight: float, wait_weight: float, money: float, reach: float, cost: Floats, minutes: Floats,
    kind: NDArray[np.int8], by_bus: np.int8,
) -> None:  # fmt: skip
    """Improve cost, minutes and kind, station by station."""
    stops = stop_first.shape[0] - 1
    for s in prange(slot_first.shape[0] - 1):
        if slot_first[s] == slot_first[s + 1]:
            continue
        quickest = np.full(stops, np.inf)  # ride to the station's stop and the walk from it, minutes felt
        often = np.zeros(stops)  # buses an hour that go there
        for i in range(ss_first[s], ss_first[s + 1]):
            last = ss_m[i] * per_m * walk_weight
            for j in range(stop_first[ss_stop[i]], stop_first[ss_stop[i] + 1]):
                call = stop_call[j]
                p = pattern[call]
                for c in range(pattern_first[p], call):
                    stop = call_stop[c]
                    total = ride[call] - ride[c] + last
                    quickest[stop] = min(quickest[stop], total)
                    often[stop] += per_hour[p]
        for i in range(slot_first[s], slot_first[s + 1]):
            cell, slot = slot_cell[i], slot_slot[i]
            if metres[cell, slot] > reach or metres[cell, slot] < 700.0:
                continue
            for j in range(near_first[cell], near_first[cell + 1]):
                stop = near_stop[j]
                if often[stop] > 0.0:
                    walk = near_m[j] * per_m
                    wait = 30.0 / often[stop]
                    g = walk_weight * walk + wait_weight * wait + quickest[stop] + money
                    if g < cost[cell, slot]:
                        cost[cell, slot] = g
                        minutes[cell, slot] = walk + wait + quickest[stop]
                        kind[cell, slot] = by_bus
