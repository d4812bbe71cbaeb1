"""A feeder instance: stops with demand, stations, costs; read from JSON and checked field by field."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from greentrip_networks.compiled import Floats
from greentrip_networks.errors import ScenarioError

COSTS = ("waiting", "riding", "operating", "capacity", "max_frequency", "max_route_length")


@dataclass(frozen=True, eq=False)
class Instance:
    """Stops, stations and costs as arrays; distances in the instance's unit, times in hours, money an hour.

    `cost` holds waiting, riding, operating, capacity, max_frequency, max_route_length, in that order.
    """

    name: str
    stop_ids: tuple[Any, ...]
    station_ids: tuple[Any, ...]
    demand: Floats  # (stops,)
    onward_time: Floats  # (stations,)
    apart: Floats  # (stops, stops)
    to_station: Floats  # (stops, stations)
    speed: float
    cost: Floats  # (6,)

    @property
    def most_demand(self) -> float:
        """Return the most demand a route can carry."""
        return float(self.cost[3] * self.cost[4])


def read_instance(path: str | Path) -> Instance:
    """Read an instance from a JSON file.

    Raises
    ------
    ScenarioError
        Naming the file and field, what was seen and what is expected, if the file is not JSON or does not fit.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(str(path), f"cannot be read ({error.strerror}); expected a JSON file") from error
    except ValueError as error:
        raise ScenarioError(str(path), f"is not JSON ({error})") from error
    try:
        return instance_from(data)
    except ScenarioError as error:
        raise ScenarioError(str(path), str(error)) from error


def instance_from(data: Any) -> Instance:
    """Build an instance from plain data, every stop servable; raise ScenarioError naming the field."""
    if not isinstance(data, Mapping):
        raise ScenarioError("instance", "expected an object with stops, stations, speed, metric and cost")
    for key in ("stops", "stations", "speed", "metric", "cost"):
        if key not in data:
            raise ScenarioError(key, "is missing")
    metric = data["metric"]
    if metric not in ("rectilinear", "euclidean"):
        raise ScenarioError("metric", f"saw {metric!r}; expected 'rectilinear' or 'euclidean'")
    costs = data["cost"]
    if not isinstance(costs, Mapping):
        raise ScenarioError("cost", f"expected an object with {', '.join(COSTS)}")
    cost = np.array([_number(costs, k, f"cost.{k}", above=None if k in ("waiting", "riding") else 0.0) for k in COSTS])
    speed = _number(data, "speed", "speed", above=0.0)
    stops, stop_ids = _places(data["stops"], "stops")
    stations, station_ids = _places(data["stations"], "stations")
    demand = np.array([_number(s, "demand", f"stops[{i}].demand", above=0.0) for i, s in enumerate(data["stops"])])
    onward = np.array([_number(s, "onward_time", f"stations[{i}].onward_time") for i, s in enumerate(data["stations"])])
    apart, to_station = _distances(stops, stops, metric), _distances(stops, stations, metric)
    made = Instance(str(data.get("name", "")), stop_ids, station_ids, demand, onward, apart, to_station, speed, cost)
    _check_servable(made)
    return made


def _check_servable(instance: Instance) -> None:
    """Raise for the stops no route can serve; every other instance has a plan: one route a stop."""
    length, most = float(instance.cost[5]), instance.most_demand
    near = instance.to_station.min(axis=1)
    problems = []
    for i, stop in enumerate(instance.stop_ids):
        if near[i] > length * (1 + 1e-12):
            k = int(instance.to_station[i].argmin())
            problems.append(
                (
                    f"stops[{i}]",
                    (
                        f"stop {stop!r} is {near[i]:g} from its nearest station {instance.station_ids[k]!r}, beyond "
                        f"cost.max_route_length {length:g}"
                    ),
                )
            )
        if instance.demand[i] > most * (1 + 1e-12):
            problems.append(
                (
                    f"stops[{i}].demand",
                    (
                        f"stop {stop!r} has {instance.demand[i]:g}, more than a route can carry: cost.capacity x "
                        f"cost.max_frequency = {most:g}"
                    ),
                )
            )
    if problems:
        remedies = []
        if near.max() > length * (1 + 1e-12):
            remedies.append(f"max_route_length of at least {near.max():.6g}")
        if instance.demand.max() > most * (1 + 1e-12):
            remedies.append(f"capacity x max_frequency of at least {instance.demand.max():.6g}")
        more = f" (and {len(problems) - 1} more stops)" if len(problems) > 1 else ""
        raise ScenarioError(
            problems[0][0], f"{problems[0][1]}{more}; the least change that works: {', '.join(remedies)}"
        )


def _places(rows: Any, field: str) -> tuple[Floats, tuple[Any, ...]]:
    """Return coordinates and ids of stops or stations."""
    if not isinstance(rows, list) or not rows:
        raise ScenarioError(field, "expected a list with at least one entry")
    ids: dict[Any, int] = {}
    xy = np.zeros((len(rows), 2))
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping) or "id" not in row:
            raise ScenarioError(f"{field}[{i}]", "expected an object with id, x and y")
        name = row["id"]
        if not isinstance(name, str | int):
            raise ScenarioError(f"{field}[{i}].id", f"saw {name!r}; expected text or a whole number")
        if name in ids:
            raise ScenarioError(f"{field}[{i}].id", f"{name!r} is also {field}[{ids[name]}]; expected each id once")
        ids[name] = i
        xy[i] = _number(row, "x", f"{field}[{i}].x", signed=True), _number(row, "y", f"{field}[{i}].y", signed=True)
    return xy, tuple(ids)


def _distances(a: Floats, b: Floats, metric: str) -> Floats:
    """Return distances between points; shape (len(a), len(b))."""
    dx, dy = np.abs(a[:, None, 0] - b[None, :, 0]), np.abs(a[:, None, 1] - b[None, :, 1])
    return dx + dy if metric == "rectilinear" else np.hypot(dx, dy)


def _number(row: Mapping[str, Any], key: str, field: str, *, above: float | None = None, signed: bool = False) -> float:
    """Return a finite number that is at least 0 (greater than `above` if given, any if signed)."""
    if key not in row:
        raise ScenarioError(field, "is missing")
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ScenarioError(field, f"saw {value!r}; expected a number")
    if above is not None and value <= above:
        raise ScenarioError(field, f"saw {value!r}; expected a number greater than {above:g}")
    if not signed and value < 0:
        raise ScenarioError(field, f"saw {value!r}; expected 0 or more")
    return float(value)
