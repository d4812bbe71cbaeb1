"""What a route costs an hour: operation and waiting at the best frequency, riding, and the onward journey."""

from typing import NamedTuple

import numpy as np
from greentrip_networks.compiled import Floats
from greentrip_networks.kernels import njit

from greentrip_optimizer.everystop.instance import Instance


class Costs(NamedTuple):
    """An instance's figures for the kernels."""

    demand: Floats  # (stops,)
    apart: Floats  # (stops, stops)
    to_station: Floats  # (stops, stations)
    onward: Floats  # (stations,) money a rider for the onward time
    waiting: float
    operating: float
    ride: float  # money for carrying one rider one unit of distance
    capacity: float
    max_frequency: float
    max_length: float  # with a tolerance for rounding
    max_demand: float


def costs_of(instance: Instance) -> Costs:
    """Return the figures of an instance."""
    waiting, riding, operating, capacity, frequency, length = (float(v) for v in instance.cost)
    return Costs(
        instance.demand,
        instance.apart,
        instance.to_station,
        instance.onward_time * riding,
        waiting,
        operating,
        riding / instance.speed,
        capacity,
        frequency,
        length * (1 + 1e-12),
        capacity * frequency * (1 + 1e-12),
    )


@njit()
def service_cost(c: Costs, demand: float, length: float) -> float:
    """Return operation and waiting of a route at its best allowed frequency; grows with demand and length."""
    f = demand / c.capacity
    if length <= 0.0:
        f = c.max_frequency if c.waiting > 0.0 else f
    else:
        f = max(f, np.sqrt(c.waiting * demand / (4.0 * c.operating * length)))
    f = min(f, c.max_frequency)
    return float(2.0 * c.operating * length * f + c.waiting * demand / (2.0 * f))


def route_cost(c: Costs, station: int, stops: "tuple[int, ...]") -> float:
    """Return the whole cost of a route; `stops` run from the station outwards."""
    at, demand, riding = 0.0, 0.0, 0.0
    for k, stop in enumerate(stops):
        at += float(c.to_station[stop, station] if k == 0 else c.apart[stops[k - 1], stop])
        demand += float(c.demand[stop])
        riding += float(c.demand[stop]) * at
    return service_cost(c, demand, at) + c.ride * riding + float(c.onward[station]) * demand
