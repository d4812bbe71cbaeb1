"""Routes that a customised bus could run for people who drive to work, each at the price that is worth most."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from math import ceil, log
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_networks.compiled import Floats
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Network

from greentrip_optimizer.commuter_options import CommuterOptions
from greentrip_optimizer.commuter_stops import Stops

if TYPE_CHECKING:
    from greentrip_agents import Run


@dataclass(frozen=True, eq=False)
class Drivers:
    """People who drive to work in the morning peak, by zones; means over those of a pair."""

    trips: Any  # (zones, zones) persons
    felt_min: Any  # (zones, zones) generalised minutes of the car, one way
    minutes: Any  # (zones, zones) plain minutes


@dataclass(frozen=True)
class Column:
    """A route at a window and a price."""

    pickups: tuple[int, ...]
    drops: tuple[int, ...]
    window: int
    price: float
    riders: float  # one way
    by_pickup: tuple[float, ...]
    gain_min: float  # one way, all riders
    buses: int
    run_min: float
    km: float
    cost: float  # a day
    value: float  # a day

    @property
    def fares(self) -> float:
        """CNY a day, both ways."""
        return 2 * self.riders * self.price


def drivers_to_work(network: Network, run: "Run") -> Drivers:
    """Return who drives to work in the morning peak, by zones, as a run simulated it."""
    import polars as pl

    row = {name: i for i, name in enumerate(network.zones.id)}
    n = len(row)
    mine = run.trips.filter(
        (pl.col("mode") == "car")
        & (pl.col("purpose") == "work")
        & (pl.col("direction") == "out")
        & (pl.col("period") == "am")
    )
    if not mine.height:
        raise ScenarioError("run", "nobody drives to work in the morning peak; there is no one to carry")
    unknown = [z for z in mine["from_zone"].unique().to_list() if z not in row]
    if unknown:
        raise ScenarioError("run", f"has a zone {unknown[0]!r} that the network lacks; expected a run of this network")
    trips, felt, minutes = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n))
    total = mine.group_by("from_zone", "to_zone").agg(
        pl.col("weight").sum(),
        felt=(pl.col("cost_min") * pl.col("weight")).sum(),
        minutes=(pl.col("minutes") * pl.col("weight")).sum(),
    )
    for a, b, w, f, m in total.iter_rows():
        i, j = row[a], row[b]
        trips[i, j], felt[i, j], minutes[i, j] = w, f / w, m / w
    return Drivers(trips, felt, minutes)


def possible_routes(
    network: Network, run: "Run", drivers: Drivers, homes: Stops, jobs: Stops, o: CommuterOptions
) -> list[Column]:
    """Return routes from stops by homes to stops by jobs that are worth something, at their best price, by window."""
    zones = network.zones
    apart = np.hypot(zones.x_m[:, None] - zones.x_m[None, :], zones.y_m[:, None] - zones.y_m[None, :])
    car_min, car_km = run.costs["car_min"][0], run.costs["car_km"][0]
    walk = (homes.walk_min, jobs.walk_min)
    far = np.where(apart >= o.least_km * 1000, drivers.trips, 0.0)
    into = far.sum(axis=0)
    out: dict[tuple[Any, ...], Column] = {}
    for d in np.argsort(-into, kind="stable")[: o.destinations].tolist():
        if into[d] <= 0:
            break
        around = [int(z) for z in np.flatnonzero((apart[d] <= o.drop_radius_m) & (into > 0)) if z != d]
        around.sort(key=lambda z: (-into[z], z))
        for drops in [(d,), *((d, z) for z in around[:2] if o.most_drops > 1)]:
            wanting = far[:, list(drops)].sum(axis=1)
            for first in np.argsort(-wanting, kind="stable")[: o.seeds].tolist():
                if wanting[first] <= 0:
                    break
                near = np.flatnonzero((apart[first] <= o.pickup_radius_m) & (wanting > 0))
                others = sorted((int(z) for z in near if z != first), key=lambda z: (-wanting[z], z))
                for count in range(min(o.most_pickups, 1 + len(others))):
                    order = _order((first, *others[:count]), drops, car_min, o)
                    if order is None:
                        continue
                    for w in range(len(o.arrive)):
                        made = _best_price(*order, w, drivers, walk, (car_min, car_km), o)
                        if made is not None:
                            key = (made.pickups, made.drops, w)
                            out[key] = made
    return list(out.values())


def _order(
    pickups: Sequence[int], drops: Sequence[int], car_min: Any, o: CommuterOptions
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return pick-ups and drop-offs in the order with the least time on board, or nothing if it is too long."""
    best, found = np.inf, None
    for there in permutations(pickups):
        for away in permutations(drops):
            total = 0.0
            worst = longest = 0.0
            for i, a in enumerate(there):
                ride = _ride_min((*there[i:],), away, car_min, o)
                longest = max(longest, ride)
                direct = car_min[a, away[0]] * o.fast_over_car
                worst = max(worst, ride / max(direct, 1e-9))
                total += ride
            if worst <= o.detour_factor and longest <= o.most_minutes and total < best - 1e-9:
                best, found = total, (tuple(there), tuple(away))
    return found


def _ride_min(pickups: Sequence[int], drops: Sequence[int], car_min: Any, o: CommuterOptions) -> float:
    """Return minutes on board from the first of these pick-ups to the first drop-off."""
    local = sum(car_min[a, b] * o.local_over_car + o.stop_min for a, b in pairwise(pickups))
    return float(local + car_min[pickups[-1], drops[0]] * o.fast_over_car)


def _best_price(
    pickups: tuple[int, ...],
    drops: tuple[int, ...],
    window: int,
    drivers: Drivers,
    walk: tuple[Floats, Floats],
    car: tuple[Any, Any],
    o: CommuterOptions,
) -> Column | None:
    """Return the route at the price that is worth most, if it is worth its cost and enough people ride.

    `walk` are minutes to the stop from homes and from jobs, by zone and part of its
    people, each of whom decides by the own walk; `car` minutes and km, by zones.
    """
    car_min, car_km = car
    after = sum(car_min[a, b] * o.local_over_car + o.stop_min for a, b in pairwise(drops))
    run_min = float(_ride_min(pickups, drops, car_min, o) + after + o.stop_min * 2)
    km = float(sum(car_km[a, b] for a, b in pairwise((*pickups, *drops))))
    money = np.array(o.prices_cny) / (o.value_cny_h / 60)
    riding, gaining = np.zeros((len(pickups), len(money))), np.zeros(len(money))
    for i, a in enumerate(pickups):
        ride = _ride_min(pickups[i:], drops, car_min, o)
        for k, z in enumerate(drops):
            if k:
                ride += car_min[drops[k - 1], z] * o.local_over_car + o.stop_min
            people = drivers.trips[a, z] * o.arrive_share[window]
            if people <= 0:
                continue
            on_foot = (walk[0][a][:, None] + walk[1][z][None, :]).ravel() * o.walk_weight
            felt = ride + o.wait_min * o.wait_weight + on_foot[None, :] + money[:, None]
            share, minutes = switching(felt - drivers.felt_min[a, z], o)
            riding[i] += people * share.mean(axis=1)
            gaining += people * minutes.mean(axis=1)
    best: Column | None = None
    for k, price in enumerate(o.prices_cny):
        by_pickup, gain = riding[:, k].tolist(), float(gaining[k])
        wanting = sum(by_pickup)
        if wanting < o.least_riders:
            continue
        buses = min(ceil(wanting / o.seats - 1e-9), 3)
        part = min(1.0, buses * o.seats / wanting)
        hours = 2 * run_min * 2 / 60  # there full and back empty, in the morning and again in the evening
        cost = buses * (hours * o.cny_vehicle_hour + 4 * km * o.cny_km + o.cny_vehicle_day)
        riders, gained = wanting * part, gain * part
        value = 2 * riders * price + 2 * gained * o.value_cny_h / 60 - cost
        if value > 0 and (best is None or value > best.value):
            best = Column(
                pickups, drops, window, price, riders, tuple(x * part for x in by_pickup), gained, buses, run_min, km,
                cost, value,
            )  # fmt: skip
    return best


def switching(worse_min: Any, o: CommuterOptions) -> tuple[Any, Any]:
    """Return the share of drivers who switch to a bus that feels so much worse, and felt minutes gained a driver.

    `worse_min` and what is returned are numbers or arrays of one shape.
    """
    v = np.clip(log(o.equal_share / (1 - o.equal_share)) - o.per_minute * worse_min, -50.0, 50.0)
    return np.exp(v) / (1 + np.exp(v)), np.log(1 + np.exp(v)) / o.per_minute
