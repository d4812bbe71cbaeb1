"""Instances made up from a seed: stops in towns and along roads around a few stations, demand as people live."""

from typing import Any

import numpy as np

STYLES = ("towns", "even", "corridor")


def make_instance(
    stops: int,
    stations: int,
    seed: int,
    *,
    style: str = "towns",
    metric: str = "rectilinear",
    waiting: float = 20.0,
    riding: float = 12.0,
    operating: float = 8.0,
    capacity: float = 60.0,
    max_frequency: float = 15.0,
    max_route_length: float = 8.0,
    speed: float = 18.0,
) -> dict[str, Any]:
    """Return an instance as plain data; the same arguments give the same one.

    Lengths are km, demand is riders an hour, money CNY: waiting and riding CNY a rider-hour, operating CNY a bus-km
    (driver and bus at 18 km/h). All assumed. `style` says how stops lie: in towns, evenly, or along a corridor.
    """
    rng = np.random.default_rng([seed, stops, stations])
    side = float(np.sqrt(stops / 55.0) * 9.0)
    at = np.round(rng.uniform(0.15 * side, 0.85 * side, (stations, 2)), 2)
    if style == "even":
        xy = rng.uniform(0.0, side, (stops, 2))
    elif style == "corridor":
        along = rng.uniform(0.0, side, stops)
        xy = np.column_stack([along, side / 2 + rng.normal(0.0, 0.12 * side, stops)])
        at[:, 1] = np.round(side / 2 + rng.normal(0.0, 0.1 * side, stations), 2)
    elif style == "towns":
        towns = rng.uniform(0.05 * side, 0.95 * side, (max(3, stops // 12), 2))
        member = rng.integers(0, len(towns), stops)
        xy = towns[member] + rng.normal(0.0, 0.1 * side, (stops, 2))
    else:
        raise ValueError(f"style: saw {style!r}; expected one of {', '.join(STYLES)}")
    xy = np.asarray(np.round(np.clip(xy, 0.0, side), 2), np.float64)
    span = np.abs(xy[:, None] - at[None]).sum(axis=2)  # the longer of both metrics
    far = span.min(axis=1) > 0.9 * max_route_length
    while far.any():  # a stop beyond every station's reach moves half way to the nearest
        near = at[span[far].argmin(axis=1)]
        xy[far] = np.round((xy[far] + near) / 2, 2)
        span = np.abs(xy[:, None] - at[None]).sum(axis=2)
        far = span.min(axis=1) > 0.9 * max_route_length
    demand = np.round(np.clip(rng.lognormal(2.6, 0.6, stops), 2.0, 0.9 * capacity * max_frequency), 0)
    return {
        "name": f"{style}-{stops}-{stations}-{seed}",
        "speed": speed,
        "metric": metric,
        "stops": [
            {"id": f"s{i}", "x": float(x), "y": float(y), "demand": float(q)}
            for i, ((x, y), q) in enumerate(zip(xy, demand, strict=True))
        ],
        "stations": [
            {"id": f"t{k}", "x": float(x), "y": float(y), "onward_time": float(o)}
            for k, ((x, y), o) in enumerate(zip(at, np.round(rng.uniform(0.2, 0.6, stations), 3), strict=True))
        ],
        "cost": {
            "waiting": waiting,
            "riding": riding,
            "operating": operating,
            "capacity": capacity,
            "max_frequency": max_frequency,
            "max_route_length": max_route_length,
        },
    }
