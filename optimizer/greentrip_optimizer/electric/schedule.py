"""Vehicle schedules for electric buses: the fewest whose batteries last, with a bound; then little empty driving."""

from dataclasses import dataclass, replace

import numpy as np
from greentrip_networks.errors import LimitError
from numpy.typing import ArrayLike

from greentrip_optimizer.blocks import Trips, schedule
from greentrip_optimizer.electric.battery import EPSILON, Battery, check
from greentrip_optimizer.electric.labels import Column, Work, column
from greentrip_optimizer.electric.links import Floats, Links, Stop, links
from greentrip_optimizer.electric.program import Aim
from greentrip_optimizer.electric.search import Pool, improve

MOST_TRIPS = 1000
_WORK = 60_000_000  # labels tried for the fleet, and again for empty driving
_BUSES, _MINUTES = Aim(1.0, 0.0), Aim(0.0, 1.0)


@dataclass(frozen=True)
class Charge:
    """Charging at a place after a trip of the block (None: before its first): minutes, and km of range given back."""

    after: int | None
    place: int
    minutes: float
    km: float


@dataclass(frozen=True)
class ElectricBlocks:
    """A vehicle schedule whose batteries last.

    `blocks` lists trip numbers in the order a bus runs them, `left_km` the charge after each and `charges` where each
    bus charges. No schedule has fewer buses than `bound`; `proven` says that this one has no more. With so many buses
    none drives less empty than `empty_bound_min`; if `empty_proven` is not set, `empty_min` is the least of the blocks
    found.
    """

    blocks: tuple[tuple[int, ...], ...]
    empty_min: float
    proven: bool
    bound: int
    empty_proven: bool
    empty_bound_min: float
    left_km: tuple[tuple[float, ...], ...]
    charges: tuple[tuple[Charge, ...], ...]

    @property
    def vehicles(self) -> int:
        """Return the number of buses."""
        return len(self.blocks)

    @property
    def gap(self) -> float:
        """Return the relative distance of the number of buses and its bound, 0 to 1."""
        return (self.vehicles - self.bound) / self.vehicles if self.vehicles else 0.0


def schedule_electric(
    trips: Trips, deadhead_min: ArrayLike, battery: Battery, *, layover_min: float = 0.0, depot: int | None = None
) -> ElectricBlocks:
    """Return blocks with the fewest buses found whose batteries last and, for those, the least empty driving found.

    Parameters
    ----------
    trips
        The trips to run.
    deadhead_min
        Minutes of driving empty between places, shape (places, places); infinite where a bus cannot go.
    battery
        The range, the kilometres of trips and deadheads, and where buses charge.
    layover_min
        Rest between the end of a trip and leaving for the next; a bus charges in it where it can.
    depot
        A place from which every bus starts full and to which it returns, at any time; None counts no such driving, and
        a bus is full when its first trip begins.

    Raises
    ------
    ScenarioError
        A value is out of bounds, or a trip alone is more than a battery.
    BlocksError
        What is wrong without a battery too.
    LimitError
        There are more trips than this is made for.

    """
    if len(trips) > MOST_TRIPS:
        raise LimitError("trips of a schedule with a range", len(trips), MOST_TRIPS, "trips")
    drive = np.asarray(deadhead_min, dtype=np.float64)
    battery = replace(battery, charges=battery.charges & (battery.charge_km_h > 0))
    check(battery, trips, drive, depot)
    free = schedule(trips, drive, layover_min=layover_min, depot=depot)
    if not len(trips):
        return ElectricBlocks((), 0.0, True, 0, True, 0.0, (), ())
    order = np.lexsort((trips.end_min, trips.start_min))
    rank = np.argsort(order)
    ordered = Trips(trips.start_min[order], trips.end_min[order], trips.start_place[order], trips.end_place[order])
    km = np.where(np.isfinite(drive), battery.deadhead_km, np.inf)
    battery = replace(battery, trip_km=battery.trip_km[order], deadhead_km=km)
    net = links(ordered, drive, battery, layover_min, depot)
    pool = Pool()
    for t in range(len(net)):
        pool.add(column(net, (t,), (0,)))
    plan = [pool.add(c) for block in free.blocks for c in cut(net, [int(rank[t]) for t in block])]
    plan, bound = improve(net, pool, _BUSES, plan, free.vehicles, 1.0, Work(_WORK))
    whole = bool((drive[np.isfinite(drive)] % 1 == 0).all())
    # Without a battery and with so many buses, nothing drives less empty, unless a way round is the shorter one.
    straight = bool(((net.least_min >= _straight(net) - EPSILON) | ~net.open[0]).all())
    least = free.empty_min if len(plan) == free.vehicles and straight else 0.0
    plan, empty = improve(net, pool, _MINUTES, plan, least, 1.0 if whole else 1e-3, Work(_WORK))
    columns = sorted((pool.columns[k] for k in plan), key=lambda c: int(order[list(c.trips)].min()))
    told = [run(net, c) for c in columns]
    driven = sum(c.empty_min for c in columns)
    return ElectricBlocks(
        tuple(tuple(int(order[t]) for t in c.trips) for c in columns),
        driven,
        len(plan) == round(bound),
        round(bound),
        driven - empty < (1.0 if whole else 1e-3),
        min(empty, driven),
        tuple(left for left, _ in told),
        tuple(tuple(Charge(None if t is None else int(order[t]), *stop) for t, stop in stops) for _, stops in told),
    )


def _straight(net: Links) -> Floats:
    """Return the minutes of driving straight, by next trip and trip before."""
    return np.asarray(net.deadhead_min[net.trips.end_place[None, :], net.trips.start_place[:, None]])


def cut(net: Links, block: list[int]) -> list[Column]:
    """Return a block cut into as long pieces as a battery lasts for, from the front, without ways round to charge."""
    pieces: list[Column] = []
    at = 0
    while at < len(block):
        charge = float(net.first_km[block[at]] - net.battery.trip_km[block[at]])
        end, k = at, at
        while k + 1 < len(block):
            arrived = float(net.arrive(0, block[k + 1], np.array([block[k]]), np.array([charge]))[0])
            charge = arrived - float(net.battery.trip_km[block[k + 1]])
            k += 1
            if charge < -EPSILON:
                break
            charge = max(charge, 0.0)
            if charge >= net.home_km[block[k]] - EPSILON:
                end = k
        piece = tuple(block[at : end + 1])
        pieces.append(column(net, piece, (0,) * len(piece)))
        at = end + 1
    return pieces


def run(net: Links, block: Column) -> tuple[tuple[float, ...], list[tuple[int | None, Stop]]]:
    """Return the charge, km, after each trip of a block, and its stops to charge, each with the trip before it."""
    first = block.trips[0]
    left: list[float] = []
    stops: list[tuple[int | None, Stop]] = []
    charge = float(net.first_km[first])
    if net.depot is not None and net.battery.charges[net.trips.start_place[first]]:
        start = int(net.trips.start_place[first])
        arrived = net.battery.range_km - float(net.battery.deadhead_km[net.depot, start])
        stops += [(None, s) for s in net.stay(start, arrived, np.inf)]
    before = None
    for trip, way in zip(block.trips, block.ways, strict=True):
        if before is not None:
            stops += [(before, s) for s in net.stops(way, trip, before, charge)]
            charge = float(net.arrive(way, trip, np.array([before]), np.array([charge]))[0])
        charge = max(charge - float(net.battery.trip_km[trip]), 0.0)
        left.append(charge)
        before = trip
    if net.depot is not None and before is not None:
        end = int(net.trips.end_place[before])
        needed = float(net.battery.deadhead_km[end, net.depot]) - charge
        if needed > EPSILON:
            stops += [(before, s) for s in net.stay(end, charge, needed * 60 / net.battery.charge_km_h)]
    return tuple(left), stops
