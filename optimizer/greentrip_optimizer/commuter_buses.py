"""Customised buses: a few pick-ups, a fast leg, drop-offs, a seat each, for people who drive to work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from math import ceil, exp, isfinite, log
from typing import TYPE_CHECKING, Any

import numpy as np
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Network

from greentrip_optimizer.plan import Plan, gap_of
from greentrip_optimizer.solver import load

if TYPE_CHECKING:
    from greentrip_agents import Run

_CENT = 100


@dataclass(frozen=True)
class CommuterOptions:
    """Limits, costs and how drivers react; values without a source are assumed."""

    vehicles: int
    seats: int = 45
    prices_cny: tuple[float, ...] = (6.0, 8.0, 10.0, 12.0, 15.0, 20.0)  # a ride; the best for each route is taken
    arrive: tuple[str, ...] = ("07:30-08:00", "08:00-08:30", "08:30-09:00")
    arrive_share: tuple[float, ...] = (0.3, 0.4, 0.3)  # of the morning's drivers to work
    most_pickups: int = 4
    most_drops: int = 2
    pickup_radius_m: float = 2500.0  # between the first chosen pick-up and the others
    drop_radius_m: float = 1500.0
    least_km: float = 6.0  # as the crow flies, for a fast leg to be worth it
    least_riders: float = 15.0  # a run
    most_minutes: float = 90.0  # on board
    detour_factor: float = 1.5  # of a rider's time on board over the way without other stops
    local_over_car: float = 1.15  # a bus's time between pick-ups over a car's
    fast_over_car: float = 1.05  # and on the fast leg, which may use expressways
    stop_min: float = 1.0
    walk_min: float = 6.0  # to the pick-up and from the drop-off, together
    walk_weight: float = 2.0
    wait_min: float = 3.0
    wait_weight: float = 2.0
    equal_share: float = 0.2  # of drivers who would take the bus if it felt as good as their car
    per_minute: float = 0.05  # of the logit between the two, a felt minute
    value_cny_h: float = 24.58
    cny_vehicle_hour: float = 110.0
    cny_km: float = 3.5
    cny_vehicle_day: float = 625.0
    destinations: int = 60  # with most drivers, looked at
    seeds: int = 12  # first pick-ups tried for each
    seed: int = 0
    work: float = 6.0  # CP-SAT's deterministic time

    def __post_init__(self) -> None:
        """Refuse values that make no sense, naming the field."""
        if isinstance(self.vehicles, bool) or self.vehicles != int(self.vehicles) or self.vehicles < 0:
            raise ScenarioError("vehicles", f"saw {self.vehicles!r}; expected a whole number, 0 or more")
        if not 1 <= self.seats <= 300:
            raise ScenarioError("seats", f"saw {self.seats!r}; expected 1 to 300")
        if not self.prices_cny or not all(isfinite(x) and 0 <= x <= 1000 for x in self.prices_cny):
            raise ScenarioError("prices_cny", f"saw {self.prices_cny!r}; expected at least one price, 0 to 1000 CNY")
        if len(self.arrive) != len(self.arrive_share) or not 0 < sum(self.arrive_share) <= 1 + 1e-9:
            raise ScenarioError("arrive_share", "expected one share a window, together more than 0 and at most 1")
        for i, window in enumerate(self.arrive):
            _window(window, f"arrive[{i}]")
        if not 0 < self.equal_share < 1:
            raise ScenarioError("equal_share", f"saw {self.equal_share!r}; expected between 0 and 1")
        if not 1 <= self.most_pickups <= 5 or not 1 <= self.most_drops <= 2:
            raise ScenarioError("most_pickups", "expected 1 to 5 pick-ups and 1 or 2 drop-offs a route")


@dataclass(frozen=True, eq=False)
class Drivers:
    """People who drive to work in the morning peak, by zones; means over those of a pair."""

    trips: Any  # (zones, zones) persons
    felt_min: Any  # (zones, zones) generalised minutes of the car, one way
    minutes: Any  # (zones, zones) plain minutes


@dataclass(frozen=True)
class _Column:
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


def design_commuter_buses(
    network: Network,
    run: "Run",
    options: CommuterOptions,
    *,
    progress: Callable[[str, float], None] | None = None,
) -> Plan:
    """Design commuter buses for those who drive to work: routes by what they bring, and CP-SAT's choice among them.

    Every route serves up to a few pick-up zones near each other and one or two drop-off zones in one window of arrival,
    at the price that is worth most, there in the morning and back in the evening. Riders are expected numbers of a
    logit between the car as simulated and the bus. Of drivers from one zone to another in one window only one route is
    credited. Objective: fares and felt minutes gained at the value of time, less operating cost, CNY a day.

    The plan holds no routes of a scenario: a booked seat is not in the scenario vocabulary, so the effect cannot be
    simulated, and the plan says so.

    Raises
    ------
    ScenarioError
        The run is of another network, or nobody drives to work in it.
    SolverMissingError
        Without OR-Tools.
    """
    load()
    tell = progress or (lambda _message, _share: None)
    tell("drivers to work", 0.05)
    drivers = drivers_to_work(network, run)
    tell("routes", 0.2)
    columns = _columns(network, run, drivers, options)
    tell(f"choosing among {len(columns)} routes", 0.7)
    chosen, value, bound = _choose(columns, options)
    tell("done", 1.0)
    return _plan(network, run, drivers, [columns[i] for i in chosen], len(columns), value, bound, options)


def commuter_options(network: Network, **given: Any) -> CommuterOptions:
    """Return options that weigh time and money as the simulation of the network does, with some given."""
    from greentrip_agents.parameters import default_parameters

    p = default_parameters(network.name)
    known = {
        "value_cny_h": p["value_of_time.mean_cny_h"],
        "per_minute": p["choice.per_minute.work"],
        "walk_weight": p["weight.walk_access"],
        "wait_weight": p["weight.wait"],
    }
    return CommuterOptions(**{**known, **given})


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


def _columns(network: Network, run: "Run", drivers: Drivers, o: CommuterOptions) -> list[_Column]:
    """Return routes that are worth something, at their best price, in every window."""
    zones = network.zones
    apart = np.hypot(zones.x_m[:, None] - zones.x_m[None, :], zones.y_m[:, None] - zones.y_m[None, :])
    car_min, car_km = run.costs["car_min"][0], run.costs["car_km"][0]
    far = np.where(apart >= o.least_km * 1000, drivers.trips, 0.0)
    into = far.sum(axis=0)
    out: dict[tuple[Any, ...], _Column] = {}
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
                        made = _best_price(*order, w, drivers, car_min, car_km, o)
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
    car_min: Any,
    car_km: Any,
    o: CommuterOptions,
) -> _Column | None:
    """Return the route at the price that is worth most, if it is worth its cost and enough people ride."""
    after = sum(car_min[a, b] * o.local_over_car + o.stop_min for a, b in pairwise(drops))
    run_min = _ride_min(pickups, drops, car_min, o) + after + o.stop_min * 2
    km = float(sum(car_km[a, b] for a, b in pairwise((*pickups, *drops))))
    best: _Column | None = None
    for price in o.prices_cny:
        by_pickup, gain = [], 0.0
        for i, a in enumerate(pickups):
            here, later = 0.0, 0.0
            for k, z in enumerate(drops):
                if k:
                    later += car_min[drops[k - 1], z] * o.local_over_car + o.stop_min
                people = drivers.trips[a, z] * o.arrive_share[window]
                if people <= 0:
                    continue
                felt = _ride_min(pickups[i:], drops, car_min, o) + later
                felt += o.walk_min * o.walk_weight + o.wait_min * o.wait_weight + price / (o.value_cny_h / 60)
                share, minutes = switching(felt - drivers.felt_min[a, z], o)
                here += people * share
                gain += people * minutes
            by_pickup.append(here)
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
            best = _Column(
                pickups, drops, window, price, riders, tuple(x * part for x in by_pickup), gained, buses, run_min, km,
                cost, value,
            )  # fmt: skip
    return best


def switching(worse_min: float, o: CommuterOptions) -> tuple[float, float]:
    """Return the share of drivers who switch to a bus that feels so much worse, and felt minutes gained a driver."""
    v = log(o.equal_share / (1 - o.equal_share)) - o.per_minute * worse_min
    v = min(max(v, -50.0), 50.0)
    return exp(v) / (1 + exp(v)), log(1 + exp(v)) / o.per_minute


def _choose(columns: Sequence[_Column], o: CommuterOptions) -> tuple[list[int], float, float]:
    """Return the rows of the routes chosen, their value and its bound; each pair of zones goes once a window."""
    if not columns or not o.vehicles:
        return [], 0.0, 0.0
    cp_model, _ = load()
    model: Any = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in columns]
    held: dict[tuple[int, int, int], list[Any]] = {}
    for var, c in zip(x, columns, strict=True):
        for a in c.pickups:
            for z in c.drops:
                held.setdefault((a, z, c.window), []).append(var)
    for key in sorted(held):
        model.add_at_most_one(held[key])
    model.add(cp_model.LinearExpr.weighted_sum(x, [c.buses for c in columns]) <= int(o.vehicles))
    model.maximize(cp_model.LinearExpr.weighted_sum(x, [int(c.value * _CENT) for c in columns]))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = o.seed % 2_000_000_000
    solver.parameters.max_deterministic_time = o.work
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return [], 0.0, float(sum(c.value for c in columns))
    chosen = [i for i in range(len(columns)) if solver.boolean_value(x[i])]
    return chosen, sum(columns[i].value for i in chosen), solver.best_objective_bound / _CENT


def _plan(
    network: Network,
    run: "Run",
    drivers: Drivers,
    chosen: Sequence[_Column],
    considered: int,
    value: float,
    bound: float,
    o: CommuterOptions,
) -> Plan:
    """Return the plan: what every route does, when, for whom, at which price."""
    order = sorted(chosen, key=lambda c: (-c.value, c.pickups, c.drops, c.window))
    rows = [_row(network, run, f"C-{k + 1}", c, o) for k, c in enumerate(order)]
    bound = max(bound, value)
    indicators = {
        "network": network.name,
        "simulated": False,
        "drivers_to_work_am": round(float(drivers.trips.sum()), 1),
        "routes_considered": considered,
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
            "The bound is of the choice among the routes considered.",
        ),
    )


def _row(network: Network, run: "Run", name: str, c: _Column, o: CommuterOptions) -> dict[str, Any]:
    """Return one route in words and figures."""
    zones, cells = network.zones, network.cells
    car_min, car_km = run.costs["car_min"][0], run.costs["car_km"][0]
    _, end = _window(o.arrive[c.window], "arrive")
    at = end - o.stop_min - sum(car_min[a, b] * o.local_over_car + o.stop_min for a, b in pairwise(c.drops))
    drops, pickups = [], []
    for k, z in enumerate(c.drops):
        at += car_min[c.drops[k - 1], z] * o.local_over_car + o.stop_min if k else 0.0
        drops.append(_stop(zones, cells, z, cells.work_share, at))
    at = end - c.run_min + o.stop_min
    for k, a in enumerate(c.pickups):
        at += car_min[c.pickups[k - 1], a] * o.local_over_car + o.stop_min if k else 0.0
        pickups.append(_stop(zones, cells, a, cells.home_share, at) | {"riders": round(c.by_pickup[k], 1)})
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


def _stop(zones: Any, cells: Any, zone: int, share: Any, minute: float) -> dict[str, Any]:
    """Return where and when a bus stops in a zone: the street node of the cell with most homes or jobs."""
    here = np.flatnonzero(cells.zone == zone)
    cell = int(here[share[here].argmax()])
    return {
        "zone": zones.id[zone],
        "name_en": zones.name_en[zone],
        "name_zh": zones.name_zh[zone],
        "node": cells.node[cell],
        "time": f"{int(minute) // 60:02d}:{int(minute) % 60:02d}",
    }


def _window(text: str, place: str) -> tuple[float, float]:
    """Return minutes after midnight of a window such as 08:00-08:30."""
    try:
        first, last = (float(t[:2]) * 60 + float(t[3:5]) for t in text.split("-"))
    except ValueError:
        raise ScenarioError(place, f"saw {text!r}; expected a window such as 08:00-08:30") from None
    if not 0 <= first < last <= 1440:
        raise ScenarioError(place, f"saw {text!r}; expected a window that ends after it begins")
    return first, last
