"""What new routes may use together, and the price at which each limit may be exceeded: without one it is hard."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from greentrip_networks.compiled import Floats, Int32s

from greentrip_optimizer.options import FeederOptions

if TYPE_CHECKING:
    from greentrip_optimizer.pool import Pool

MOST_ROUTES = 50  # new routes a station, however cheap another one's bay is: what is listed and bounded stays finite


@dataclass(frozen=True, eq=False)
class Limits:
    """Buses, money and bays for new routes, and the price of each limit: CNY a day a unit beyond, infinite if hard.

    A plan pays `price * max(0, used - limit)`, so no price of the relaxation exceeds the limit's own.
    """

    vehicles: float
    budget: float  # CNY a day; infinite without a limit
    bays: Int32s  # (stations,)
    over_vehicles: float = np.inf  # CNY a day for each further bus
    over_budget: float = np.inf  # CNY for each CNY beyond
    over_bays: float = np.inf  # CNY a day for each further route at a station
    over_street: float = np.inf  # CNY a day for each further bus an hour through one direction of a street

    @property
    def soft(self) -> bool:
        """Whether any limit has a price."""
        return min(self.over_vehicles, self.over_budget, self.over_bays, self.over_street) < np.inf

    @property
    def nothing(self) -> bool:
        """Whether there are no buses, or no money, at any price."""
        no_bus = self.vehicles == 0 and self.over_vehicles == np.inf
        return no_bus or (self.budget == 0 and self.over_budget == np.inf)

    @property
    def most_routes(self) -> Int32s:
        """How many new routes a station takes at any price, shape (stations,)."""
        return self.bays if self.over_bays == np.inf else np.maximum(self.bays, np.int32(MOST_ROUTES))


def limits_of(options: FeederOptions, bays: Int32s) -> Limits:
    """Return the limits of options; `bays` are how many new routes each station takes, shape (stations,)."""
    return Limits(
        float(options.vehicles),
        np.inf if options.budget_cny_day is None else float(options.budget_cny_day),
        bays,
        _price(options.over_vehicles_cny_day),
        _price(options.over_budget),
        _price(options.over_bays_cny_day),
        _price(options.over_street_cny_day),
    )


def _price(price: float | None) -> float:
    """Return a price, infinite if there is none."""
    return np.inf if price is None else float(price)


class Used:
    """What chosen columns of a pool use of each limit; it grows column by column."""

    def __init__(self, pool: "Pool", columns: Sequence[int] = ()) -> None:
        self._pool, self.limits = pool, pool.limits
        self.vehicles, self.money = 0.0, 0.0
        self.bays = np.zeros(len(self.limits.bays))
        self.streets = np.zeros(0 if pool.ways is None else len(pool.ways.room))  # buses an hour
        for i in columns:
            self.add(i)

    def add(self, column: int) -> None:
        """Choose one more column."""
        pool = self._pool
        self.vehicles += float(pool.vehicles[column])
        self.money += float(pool.cost[column])
        self.bays[pool.station[column]] += 1
        self.streets += pool.on_streets([column])

    def over(self) -> tuple[float, float, Floats, Floats]:
        """Return buses, CNY a day, routes by station and buses an hour by road link beyond the limits."""
        pool, limits = self._pool, self.limits
        room = np.zeros(0) if pool.ways is None else pool.ways.room
        return (
            max(self.vehicles - limits.vehicles, 0.0),
            max(self.money - limits.budget, 0.0),
            np.maximum(self.bays - limits.bays, 0.0),
            np.maximum(self.streets - room, 0.0),
        )

    def paid(self) -> float:
        """Return what is paid for limits exceeded, CNY a day; a hard limit is taken to be kept."""
        limits = self.limits
        vehicles, money, bays, streets = self.over()
        prices = (limits.over_vehicles, limits.over_budget, limits.over_bays, limits.over_street)
        amounts = (vehicles, money, float(bays.sum()), float(streets.sum()))
        return sum(price * amount for price, amount in zip(prices, amounts, strict=True) if price < np.inf)

    def surcharge(self) -> Floats:
        """Return what each column of the pool would add to what is paid, infinite where a hard limit leaves no room."""
        pool, limits = self._pool, self.limits
        out = _further(pool.vehicles, limits.vehicles - self.vehicles, limits.over_vehicles)
        out += _further(pool.cost, limits.budget - self.money, limits.over_budget)
        out += _further(np.ones(len(pool)), (limits.bays - self.bays)[pool.station], limits.over_bays)
        out[(self.bays >= limits.most_routes)[pool.station]] = np.inf
        if pool.ways is not None:
            room = pool.ways.room - self.streets
            if limits.over_street == np.inf:
                out[~pool.fits_streets(room)] = np.inf
            elif limits.over_street > 0:
                out += limits.over_street * pool.ways.over(room)[pool.headway, pool.route]
        return out


def _further(takes: Floats, room: Floats | float, price: float) -> Floats:
    """Return what taking so much of a limit costs where `room` is left."""
    if price == np.inf:
        return np.where(takes <= room + 1e-9, 0.0, np.inf)
    out: Floats = price * np.maximum(takes - np.maximum(room, 0.0), 0.0) if price > 0 else np.zeros(len(takes))
    return out
