"""Which mode a tour takes: nested logit on generalised minutes, with keyed draws that reproduce it exactly.

The draw has two steps, each with its own keyed Gumbel luck: the nest by its logsum, then the mode within it. This gives
the nested logit's probabilities exactly (Train 2009, section 4.2), and the same person meets the same luck in every
scenario. A tour goes out and comes home by one mode, so cars and bicycles always return.
"""

from typing import NamedTuple

import numpy as np
from greentrip_networks.kernels import njit, prange
from numpy.typing import NDArray

from greentrip_agents import draws
from greentrip_agents.definitions import BICYCLE, BUS, CAR, EBIKE, METRO, PR, TAXI, WALK

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]
Int8s = NDArray[np.int8]

N_MODES = 8
N_NESTS = 3
BLOCK = 512  # rows planned by one thread at a time


class Travellers(NamedTuple):
    """One row a tour: who, from where, to where, when."""

    key: Ints
    number: Ints
    purpose: Ints
    home_cell: Int32s
    home_zone: Int32s
    home_x: Floats
    home_y: Floats
    cell: Int32s
    zone: Int32s
    x: Floats
    y: Floats
    out_period: Ints
    back_period: Ints
    other: Ints  # (tours, 2) the period that a shift of departure leads to, out and home
    shift: Floats  # (tours, 2) what it costs beyond travel, generalised minutes; inf: too far
    vot: Floats  # CNY a minute
    has_car: NDArray[np.bool_]
    has_ebike: NDArray[np.bool_]
    has_bicycle: NDArray[np.bool_]
    parking_cny: Floats  # a car's parking at the destination, whole stay


class Costs(NamedTuple):
    """What travel is expected to cost today; minutes and generalised minutes, periods first."""

    car_min: Floats  # (periods, zones, zones)
    car_km: Floats
    zone_x: Floats  # where a zone's cars enter the streets
    zone_y: Floats
    bus_fixed: Floats  # (periods, zones, zones) waiting and transfers felt
    bus_ride: Floats
    bus_min: Floats
    bus_km: Floats
    bus_walk_min: Floats  # (cells,) plain minutes to the nearest stop; inf where too far
    bus_wait_min: Floats  # (periods, zones) half a headway at the zone's stops
    rail_cost: Floats  # (periods, stations, stations)
    rail_min: Floats
    rail_km: Floats
    rail_fare: Floats  # (stations, stations) CNY
    station: Int32s  # (cells, slots)
    access_cost: Floats  # (periods, cells, slots)
    access_min: Floats
    drive_min: Floats  # (cells, slots)


class Taste(NamedTuple):
    """Parameters as plain numbers, and arrays by mode, nest or purpose."""

    constant: Floats  # (modes,)
    per_minute: Floats  # (purposes,)
    nest_scale: Floats  # (nests,)
    nest: Ints  # (modes,)
    detour: float
    walk_m_min: float
    bicycle_km_min: float
    ebike_km_min: float
    walk: float
    walk_access: float
    wait: float
    bicycle: float
    bicycle_fixed: float
    ebike: float
    walk_tires: float  # minutes after which a minute on foot is felt twice; inf: never
    bicycle_tires: float
    ebike_tires: float
    terminal: float
    search: float
    taxi_wait: float
    station_access: float  # street to platform and back to street, plain minutes a ride
    local_bus_km_min: float
    bus_base: float
    bus_base_km: float
    bus_step_km: float
    bus_factor: float
    fuel_km: float
    taxi_base: float
    taxi_base_km: float
    taxi_km: float
    taxi_far_km: float
    taxi_far_factor: float
    taxi_surcharge: float
    timing_scale: float  # of departure times, below modes; small: all leave at the better time


class Day(NamedTuple):
    """What a day leaves behind: one row a tour, direction 0 out and 1 home."""

    mode: Int8s  # (tours,) -1 when no mode reaches the destination
    period: Int8s  # (tours, 2) travelled in
    cost: Floats  # (tours, 2) generalised minutes
    minutes: Floats  # (tours, 2)
    board: Int32s  # (tours, 2) station row, -1 when not by rail
    leave: Int32s
    board_slot: Int8s  # (tours, 2) slot of the origin's cell
    leave_slot: Int8s


@njit(inline=True)
def _bus_fare(km: float, t: Taste) -> float:
    """Return a bus fare in CNY."""
    return float((t.bus_base + np.ceil(max(km - t.bus_base_km, 0.0) / t.bus_step_km)) * t.bus_factor)


@njit(inline=True)
def _taxi_fare(km: float, t: Taste) -> float:
    """Return a taxi fare in CNY."""
    far = max(km - t.taxi_far_km, 0.0) * t.taxi_km * (t.taxi_far_factor - 1.0)
    return t.taxi_base + max(km - t.taxi_base_km, 0.0) * t.taxi_km + far + t.taxi_surcharge


@njit(bare=True, taken_in=True)
def car_trip(
    p: int, zo: int, zd: int, straight_km: float, local_km_min: float, c: Costs, t: Taste
) -> tuple[float, float]:
    """Return minutes and km of a car trip: the zones' skim scaled to the doors' distance, or local driving."""
    base = np.hypot(c.zone_x[zo] - c.zone_x[zd], c.zone_y[zo] - c.zone_y[zd]) / 1000.0
    if zo != zd and base > 0.3 and c.car_min[p, zo, zd] < np.inf:
        r = min(max(straight_km / base, 0.3), 2.0)
        return c.car_min[p, zo, zd] * r, c.car_km[p, zo, zd] * r
    return straight_km * t.detour / local_km_min, straight_km * t.detour


@njit(inline=True)
def _ride(p: int, s: int, e: int, vot: float, c: Costs, t: Taste) -> float:
    """Return generalised minutes from street to street by rail between two stations."""
    return float(c.rail_cost[p, s, e] + t.walk_access * t.station_access + c.rail_fare[s, e] / vot)


@njit(bare=True, taken_in=True)
def _by_metro(
    p: int, co: int, cd: int, vot: float, c: Costs, t: Taste, cost: Floats, minutes: Floats, pick: Int32s
) -> None:
    """Fill the least cost by rail over the stations near both ends, and the slots it uses."""
    slots = c.station.shape[1]
    least_far = np.inf
    for j in range(slots):
        if c.station[cd, j] >= 0:
            least_far = min(least_far, c.access_cost[p, cd, j])
    best = np.inf
    first = -1
    last = -1
    for i in range(slots):
        s = c.station[co, i]
        if s < 0 or c.access_cost[p, co, i] + least_far >= best:
            continue
        for j in range(slots):
            e = c.station[cd, j]
            if e < 0 or e == s or c.access_cost[p, co, i] + c.access_cost[p, cd, j] >= best:
                continue
            g = c.access_cost[p, co, i] + _ride(p, s, e, vot, c, t) + c.access_cost[p, cd, j]
            if g < best:
                best = g
                first = i
                last = j
    if first >= 0:
        cost[METRO] = best
        ride = c.rail_min[p, c.station[co, first], c.station[cd, last]] + t.station_access
        minutes[METRO] = c.access_min[p, co, first] + ride + c.access_min[p, cd, last]
        pick[0], pick[1] = first, last


@njit(bare=True, taken_in=True)
def _by_park_and_ride(
    p: int, co: int, cd: int, home_first: bool, vot: float, c: Costs, t: Taste, cost: Floats, minutes: Floats,
    pick: Int32s,
) -> None:  # fmt: skip
    """Fill the least cost by car to a station near home and rail from there, or the same back."""
    slots = c.station.shape[1]
    home = co if home_first else cd
    offered = False
    for i in range(slots):
        offered = offered or c.drive_min[home, i] < np.inf
    if not offered:
        return
    for i in range(slots):
        s = c.station[co, i]
        if s < 0:
            continue
        for j in range(slots):
            e = c.station[cd, j]
            if e < 0 or e == s:
                continue
            if home_first:
                drive, far = c.drive_min[co, i], c.access_cost[p, cd, j]
                plain = drive + c.access_min[p, cd, j]
            else:
                drive, far = c.drive_min[cd, j], c.access_cost[p, co, i]
                plain = drive + c.access_min[p, co, i]
            g = drive * (1.0 + 0.4 * t.fuel_km / vot) + far + _ride(p, s, e, vot, c, t)
            if g < cost[PR]:
                cost[PR] = g
                minutes[PR] = plain + c.rail_min[p, s, e] + t.station_access
                pick[2], pick[3] = i, j


@njit(bare=True, taken_in=True)
def direction(
    p: int, co: int, zo: int, ox: float, oy: float, cd: int, zd: int, dx: float, dy: float, home_first: bool,
    vot: float, has_car: bool, has_ebike: bool, has_bicycle: bool, parking: float, local_km_min: float, c: Costs,
    t: Taste, cost: Floats, minutes: Floats, pick: Int32s,
) -> None:  # fmt: skip
    """Fill each mode's generalised and plain minutes for one trip, and the station slots it uses.

    pick has the slots by metro (0, 1) and by park and ride (2, 3).
    """
    straight = np.hypot(ox - dx, oy - dy) / 1000.0
    km = straight * t.detour
    cost[:] = np.inf
    minutes[:] = 0.0
    pick[:] = -1

    minutes[WALK] = km * 1000.0 / t.walk_m_min
    cost[WALK] = t.walk * minutes[WALK] * (1.0 + minutes[WALK] / t.walk_tires)
    riding = km / t.bicycle_km_min
    minutes[BICYCLE] = riding + t.bicycle_fixed
    if has_bicycle:
        cost[BICYCLE] = t.bicycle * riding * (1.0 + riding / t.bicycle_tires) + t.bicycle_fixed
    if has_ebike:
        riding = km / t.ebike_km_min
        minutes[EBIKE] = riding + 0.5 * t.bicycle_fixed
        cost[EBIKE] = t.ebike * riding * (1.0 + riding / t.ebike_tires) + 0.5 * t.bicycle_fixed

    walks = c.bus_walk_min[co] + c.bus_walk_min[cd]
    if walks < np.inf:
        felt = t.walk_access * walks
        base = np.hypot(c.zone_x[zo] - c.zone_x[zd], c.zone_y[zo] - c.zone_y[zd]) / 1000.0
        if zo != zd and base > 0.3 and c.bus_fixed[p, zo, zd] < np.inf:
            r = min(max(straight / base, 0.3), 2.0)
            bus_km = c.bus_km[p, zo, zd] * r
            cost[BUS] = felt + c.bus_fixed[p, zo, zd] + c.bus_ride[p, zo, zd] * r + _bus_fare(bus_km, t) / vot
            minutes[BUS] = walks + c.bus_min[p, zo, zd] + (r - 1.0) * c.bus_ride[p, zo, zd]
        elif straight > 0.6 and c.bus_wait_min[p, zo] < np.inf:
            ride = km / t.local_bus_km_min
            cost[BUS] = felt + t.wait * c.bus_wait_min[p, zo] + ride + _bus_fare(km, t) / vot
            minutes[BUS] = walks + c.bus_wait_min[p, zo] + ride

    _by_metro(p, co, cd, vot, c, t, cost, minutes, pick)
    if has_car:
        _by_park_and_ride(p, co, cd, home_first, vot, c, t, cost, minutes, pick)

    drive_min, drive_km = car_trip(p, zo, zd, straight, local_km_min, c, t)
    if has_car:
        cost[CAR] = drive_min + t.terminal + t.search + (drive_km * t.fuel_km + 0.5 * parking) / vot
        minutes[CAR] = drive_min + t.terminal + t.search
    cost[TAXI] = drive_min + t.wait * t.taxi_wait + _taxi_fare(drive_km, t) / vot
    minutes[TAXI] = drive_min + t.taxi_wait


@njit(bare=True)
def _way(
    i: int, d: int, k: int, v: Travellers, local_speed: Floats, c: Costs, t: Taste, cost: Floats, minutes: Floats,
    pick: Int32s,
) -> None:  # fmt: skip
    """Fill one row of `utilities`: a tour's way out (d 0) or home (1), in the wanted period (k 0) or the other (1)."""
    row, zo, zd = 2 * d + k, v.home_zone[i], v.zone[i]
    if d == 0:
        p = v.out_period[i] if k == 0 else v.other[i, 0]
        direction(
            p, v.home_cell[i], zo, v.home_x[i], v.home_y[i], v.cell[i], zd, v.x[i], v.y[i], True, v.vot[i],
            v.has_car[i], v.has_ebike[i], v.has_bicycle[i], v.parking_cny[i], local_speed[p, zo], c, t, cost[row],
            minutes[row], pick[row],
        )  # fmt: skip
    else:
        p = v.back_period[i] if k == 0 else v.other[i, 1]
        direction(
            p, v.cell[i], zd, v.x[i], v.y[i], v.home_cell[i], zo, v.home_x[i], v.home_y[i], False, v.vot[i],
            v.has_car[i], v.has_ebike[i], v.has_bicycle[i], v.parking_cny[i], local_speed[p, zo], c, t, cost[row],
            minutes[row], pick[row],
        )  # fmt: skip
    if k == 1:
        for m in range(N_MODES):
            cost[row, m] += v.shift[i, d]


@njit(bare=True, taken_in=True)
def utilities(
    i: int,
    v: Travellers,
    local_speed: Floats,
    c: Costs,
    t: Taste,
    cost: Floats,
    minutes: Floats,
    pick: Int32s,
    utility: Floats,
) -> None:
    """Fill costs (4, modes), minutes, station slots (4, 4) and the tour's utilities (modes,).

    Rows: out in the wanted period and in the other, home in the wanted period and in the other. A utility holds the
    logsum of both periods each way.
    """
    for d in range(2):
        _way(i, d, 0, v, local_speed, c, t, cost, minutes, pick)
        if v.shift[i, d] < np.inf:
            _way(i, d, 1, v, local_speed, c, t, cost, minutes, pick)
        else:
            cost[2 * d + 1, :] = np.inf
    scale = timing(i, v, t)
    for m in range(N_MODES):
        both = of_two_times(cost[0, m], cost[1, m], scale) + of_two_times(cost[2, m], cost[3, m], scale)
        utility[m] = t.constant[m] - t.per_minute[v.purpose[i]] * 0.5 * both


@njit(bare=True, taken_in=True)
def timing(i: int, v: Travellers, t: Taste) -> float:
    """Return how much a generalised minute counts between two times of departure."""
    return float(0.5 * t.per_minute[v.purpose[i]] / t.timing_scale)


@njit(bare=True, taken_in=True)
def of_two_times(wanted: float, other: float, scale: float) -> float:
    """Return the cost of one way with the choice between two times, a logsum; all minutes."""
    if not other - wanted < 20.0 / scale:  # nobody goes then
        return wanted
    if not wanted - other < 20.0 / scale:
        return other
    low = min(wanted, other)
    return float(low - np.log1p(np.exp(-scale * abs(other - wanted))) / scale)


@njit(bare=True, taken_in=True)
def departs_otherwise(seed: int, i: int, v: Travellers, t: Taste, d: int, wanted: float, other: float) -> float:
    """Return by how many minutes the other time beats the wanted one, out or home, the person's luck included."""
    if wanted == np.inf:
        return wanted
    luck = draws.uniform(seed, v.key[i], draws.TIMING, d + 2 * v.number[i])
    return float(wanted - other - np.log(luck / (1.0 - luck)) / timing(i, v, t))


@njit(bare=True)
def nest_logsums(utility: Floats, t: Taste, logsum: Floats) -> None:
    """Fill each nest's logsum on the scale of utility: scale * log sum exp(V / scale); -inf for an empty nest."""
    for n in range(N_NESTS):
        high = -np.inf
        for m in range(N_MODES):
            if t.nest[m] == n:
                high = max(high, utility[m])
        if high == -np.inf:
            logsum[n] = -np.inf
            continue
        total = 0.0
        for m in range(N_MODES):
            if t.nest[m] == n and utility[m] > -np.inf:
                total += np.exp((utility[m] - high) / t.nest_scale[n])
        logsum[n] = high + t.nest_scale[n] * np.log(total)


@njit()
def probabilities(utility: Floats, t: Taste, out: Floats) -> float:
    """Fill the nested logit's probabilities of the modes; return the logsum over all of them."""
    logsum = np.empty(N_NESTS)
    nest_logsums(utility, t, logsum)
    high = np.max(logsum)
    if high == -np.inf:
        out[:] = 0.0
        return high
    total = np.sum(np.exp(logsum - high))
    for m in range(N_MODES):
        n = t.nest[m]
        if utility[m] > -np.inf:
            out[m] = np.exp(logsum[n] - high) / total * np.exp((utility[m] - logsum[n]) / t.nest_scale[n])
        else:
            out[m] = 0.0
    return float(high + np.log(total))


@njit(bare=True, taken_in=True)
def choose(seed: int, key: int, number: int, utility: Floats, t: Taste, rate: Floats) -> int:
    """Return the mode drawn, -1 where none is offered; rate is scratch of one entry a mode.

    The alternative with the highest utility plus Gumbel luck is the one that wins a race of exponential times with the
    exponentials of the utilities as rates: one logarithm a draw, and the rates are known from the logsum.
    """
    person = draws.person_key(seed, key)
    mode = -1
    soonest = np.inf
    chosen = -1
    high = -np.inf
    for m in range(N_MODES):
        high = max(high, utility[m])
    if high == -np.inf:
        return -1
    for n in range(N_NESTS):
        total = 0.0
        for m in range(N_MODES):
            if t.nest[m] == n:
                rate[m] = np.exp((utility[m] - high) / t.nest_scale[n])
                total += rate[m]
        if total > 0.0:
            time = draws.exponential(person, draws.NEST, number * 16 + n) / total ** t.nest_scale[n]
            if time < soonest:
                soonest = time
                chosen = n
    soonest = np.inf
    for m in range(N_MODES):
        if t.nest[m] == chosen and rate[m] > 0.0:
            time = draws.exponential(person, draws.ALTERNATIVE, number * 16 + m) / rate[m]
            if time < soonest:
                soonest = time
                mode = m
    return mode


@njit(bare=True, taken_in=True)
def loss(seed: int, key: int, number: int, utility: Floats, t: Taste, held: int, logsum: Floats) -> float:
    """Return how much worse a mode is than the one drawn, in utility and luck; 0 for that itself, inf if not offered.

    logsum is scratch of one entry a nest.
    """
    nest_logsums(utility, t, logsum)
    person = draws.person_key(seed, key)
    best = -np.inf
    held_value = -np.inf
    for n in range(N_NESTS):
        if logsum[n] > -np.inf:
            value = logsum[n] - np.log(draws.exponential(person, draws.NEST, number * 16 + n))
            best = max(best, value)
            if t.nest[held] == n:
                held_value = value
    top = -np.inf
    own = -np.inf
    n = t.nest[held]
    for m in range(N_MODES):
        if t.nest[m] == n and utility[m] > -np.inf:
            luck = -np.log(draws.exponential(person, draws.ALTERNATIVE, number * 16 + m))
            value = utility[m] + t.nest_scale[n] * luck
            top = max(top, value)
            if m == held:
                own = value
    return max(best - held_value, 0.0) + (top - own) if own > -np.inf else np.inf


@njit(parallel=True)
def plan_tours(
    a: int, b: int, seed: int, day: int, reconsider: float, v: Travellers, local_speed: Floats, c: Costs, t: Taste,
    forced: Int8s, out: Day,
) -> None:  # fmt: skip
    """Plan rows a to b: keep yesterday's mode unless the person reconsiders (keyed by person and day), else draw one.

    forced: a mode somebody decided for the row, -1 where nobody did. Every row depends on its own key alone.
    """
    for block in prange((b - a + BLOCK - 1) // BLOCK):
        first = a + block * BLOCK
        _plan_rows(
            first, min(first + BLOCK, b), seed, day, reconsider, v, local_speed, c, t, forced, out,
            np.empty((4, N_MODES)), np.empty((4, N_MODES)), np.empty((4, 4), np.int32), np.empty(N_MODES),
            np.empty(N_MODES),
        )  # fmt: skip


@njit(bare=True)
def _plan_rows(
    a: int, b: int, seed: int, day: int, reconsider: float, v: Travellers, local_speed: Floats, c: Costs, t: Taste,
    forced: Int8s, out: Day, cost: Floats, minutes: Floats, pick: Int32s, utility: Floats, rate: Floats,
) -> None:  # fmt: skip
    """Plan some rows, one after another on the same scratch."""
    for i in range(a, b):
        held = out.mode[i]
        keeps = held >= 0 and forced[i] < 0
        keeps = keeps and draws.uniform(seed, v.key[i], draws.RECONSIDER, day) >= reconsider
        if keeps:  # what the other modes and times cost does not matter
            for d in range(2):
                k = int(out.period[i, d] != (v.out_period[i] if d == 0 else v.back_period[i]))
                _way(i, d, k, v, local_speed, c, t, cost, minutes, pick)
                keeps = keeps and cost[2 * d + k, held] < np.inf
        mode = int(held)
        if not keeps:
            utilities(i, v, local_speed, c, t, cost, minutes, pick, utility)
            mode = choose(seed, v.key[i], v.number[i], utility, t, rate)
            if forced[i] >= 0 and utility[forced[i]] > -np.inf:
                mode = int(forced[i])
        out.mode[i] = mode
        for d in range(2):
            wanted = v.out_period[i] if d == 0 else v.back_period[i]
            k = 2 * d
            if keeps:
                k += int(out.period[i, d] != wanted)
            elif mode >= 0 and cost[k + 1, mode] < np.inf:
                k += int(departs_otherwise(seed, i, v, t, d, cost[k, mode], cost[k + 1, mode]) > 0.0)
            out.period[i, d] = wanted if k == 2 * d else v.other[i, d]
            out.board[i, d] = -1
            out.leave[i, d] = -1
            out.board_slot[i, d] = -1
            out.leave_slot[i, d] = -1
            if mode < 0:
                out.cost[i, d] = 0.0
                out.minutes[i, d] = 0.0
                continue
            out.cost[i, d] = cost[k, mode]
            out.minutes[i, d] = minutes[k, mode]
            if mode in (METRO, PR):
                slot = 0 if mode == METRO else 2
                co = v.home_cell[i] if d == 0 else v.cell[i]
                cd = v.cell[i] if d == 0 else v.home_cell[i]
                out.board_slot[i, d] = pick[k, slot]
                out.leave_slot[i, d] = pick[k, slot + 1]
                out.board[i, d] = c.station[co, pick[k, slot]]
                out.leave[i, d] = c.station[cd, pick[k, slot + 1]]


@njit(parallel=True)
def regrets(
    seed: int, v: Travellers, local_speed: Floats, c: Costs, t: Taste, mode: Int8s, period: Int8s, forced: Int8s,
    out: Floats,
) -> None:  # fmt: skip
    """Fill the generalised minutes a trip by which each tour's mode and times are worse than its best, luck included.

    A row whose mode is gone, or decided by somebody, has none to compare.
    """
    rows = out.shape[0]
    for block in prange((rows + BLOCK - 1) // BLOCK):
        first = block * BLOCK
        _regret_rows(
            first, min(first + BLOCK, rows), seed, v, local_speed, c, t, mode, period, forced, out,
            np.empty((4, N_MODES)), np.empty((4, N_MODES)), np.empty((4, 4), np.int32), np.empty(N_MODES),
            np.empty(N_NESTS),
        )  # fmt: skip


@njit(bare=True)
def _regret_rows(
    a: int, b: int, seed: int, v: Travellers, local_speed: Floats, c: Costs, t: Taste, mode: Int8s, period: Int8s,
    forced: Int8s, out: Floats, cost: Floats, minutes: Floats, pick: Int32s, utility: Floats, logsum: Floats,
) -> None:  # fmt: skip
    """Fill some rows, one after another on the same scratch."""
    for i in range(a, b):
        out[i] = 0.0
        if mode[i] >= 0 and forced[i] < 0:
            utilities(i, v, local_speed, c, t, cost, minutes, pick, utility)
            worse = loss(seed, v.key[i], v.number[i], utility, t, mode[i], logsum)
            if worse == np.inf:
                continue
            out[i] = worse / t.per_minute[v.purpose[i]]
            for d in range(2):
                wanted, other = cost[2 * d, mode[i]], cost[2 * d + 1, mode[i]]
                if other < np.inf:
                    gain = departs_otherwise(seed, i, v, t, d, wanted, other)
                    held = period[i, d] == (v.out_period[i] if d == 0 else v.back_period[i])
                    out[i] += 0.5 * max(gain if held else -gain, 0.0) if wanted < np.inf else 0.0


@njit()
def offers(i: int, v: Travellers, local_speed: Floats, c: Costs, t: Taste) -> tuple[Floats, Floats, Floats]:
    """Return one tour's generalised and plain minutes a trip and utilities by mode (inf and -inf if not offered).

    Minutes are those of the wanted times; utilities hold the choice of time too.
    """
    cost = np.empty((4, N_MODES))
    minutes = np.empty((4, N_MODES))
    pick = np.empty((4, 4), np.int32)
    utility = np.empty(N_MODES)
    utilities(i, v, local_speed, c, t, cost, minutes, pick, utility)
    return (cost[0] + cost[2]) / 2, (minutes[0] + minutes[2]) / 2, utility


@njit()
def local_speeds(car_min: Floats, car_km: Floats, out: Floats) -> None:
    """Fill the driving speed within each zone (km a minute), shape (periods, zones): as to the three nearest zones."""
    for p in range(car_min.shape[0]):
        for o in range(car_min.shape[1]):
            order = np.argsort(car_km[p, o])
            km = 0.0
            minutes = 0.0
            n = 0
            for d in order:
                if d != o and car_km[p, o, d] > 0.0 and car_min[p, o, d] < np.inf:
                    km += car_km[p, o, d]
                    minutes += car_min[p, o, d]
                    n += 1
                    if n == 3:
                        break
            out[p, o] = km / minutes if minutes > 0.0 else 0.3
