"""Rules of a feeder design as an engineer writes them: plain data by the names of `FeederOptions`."""

from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from typing import Any

from greentrip_networks.errors import ScenarioError, UnknownNameError
from greentrip_networks.network import PERIODS

from greentrip_optimizer.options import MOST_PRICES, BusType

# Name and unit or kind of what a file may set. Weights of time come from the simulation's parameters, hours of service
# are the simulation's, and fleet, budget, range, turning, loops and streets have arguments of their own.
RULES = {
    "headways_min": "minutes, ascending",
    "off_peak_factors": "times the peak's, ascending",
    "headway_classes": "[am, off, pm] in minutes, ascending, instead of the two before",
    "peak_share": "0 to 1",
    "peak_hour_direction_share": "0 to 1",
    "shift_min": "minutes",
    "max_speed_kmh": "km/h",
    "layover_share": "of the cycle",
    "layover_min_s": "seconds",
    "radius_m": "metres",
    "stop_walk_m": "metres",
    "stop_spacing_m": "metres",
    "station_spacing_m": "metres",
    "max_stops": "stops a station",
    "max_route_stops": "stops",
    "max_length_m": "metres",
    "detour_factor": "of the quickest ride",
    "detour_extra_s": "seconds",
    "max_routes_station": "bays",
    "over_vehicles_cny_day": "CNY a day for each further bus",
    "over_budget": "CNY for each CNY a day beyond the budget",
    "over_bays_cny_day": "CNY a day for each further route at a station",
    "over_street_cny_day": "CNY a day for each further bus an hour in one direction of a street",
    "overlap_cny_km": "CNY a bus-km in streets that lines or kept routes run",
    "street_reach_m": "metres",
    "no_stop_facilities": "classes of street",
    "no_bus_facilities": "classes of street",
    "bus_types": "name, capacity, cny_vehicle_hour, cny_km, cny_vehicle_day",
}
_WHOLE = {"max_stops": (1, 62), "max_route_stops": (1, 40), "max_routes_station": (1, 50)}
_MOST = {
    "headways_min": 30,
    "off_peak_factors": 10,
    "headway_classes": 60,
    "bus_types": 10,
    "no_stop_facilities": 20,
    "no_bus_facilities": 20,
}
_AT_MOST = {
    "radius_m": 20_000.0,
    "max_length_m": 50_000.0,
    "peak_share": 1.0,
    "peak_hour_direction_share": 1.0,
    **MOST_PRICES,
}


def rules_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of `FeederOptions` from plain data.

    Raises
    ------
    UnknownNameError
        For a name that is no rule, with the nearest ones.
    ScenarioError
        For a value that is none; what values mean together `FeederOptions` checks.

    """
    found: dict[str, Any] = {}
    for name, value in data.items():
        if name not in RULES:
            raise UnknownNameError("rule of a design", name, RULES)
        if name in _MOST:
            found[name] = _list(name, value)
        elif name in _WHOLE:
            low, high = _WHOLE[name]
            number = _number(name, value)
            if number != int(number) or not low <= number <= high:
                raise ScenarioError(name, f"saw {value!r}; expected a whole number, {low} to {high}")
            found[name] = int(number)
        else:
            found[name] = _number(name, value)
            if not 0 <= found[name] <= _AT_MOST.get(name, 1e9):
                raise ScenarioError(name, f"saw {value!r}; expected 0 to {_AT_MOST.get(name, 1e9):g} ({RULES[name]})")
    for name in ("headways_min", "off_peak_factors"):
        if found.get("headway_classes") and name in found:
            raise ScenarioError(name, "is given beside headway_classes, which say every headway; give one or the other")
    return found


def _list(name: str, value: Any) -> tuple[Any, ...]:
    """Return headways, classes of street or kinds of bus."""
    if not isinstance(value, list | tuple) or len(value) > _MOST[name]:
        raise ScenarioError(name, f"saw {value!r}; expected a list of at most {_MOST[name]} ({RULES[name]})")
    if name == "bus_types":
        return tuple(_bus_type(f"{name}[{i}]", one) for i, one in enumerate(value))
    if name == "headway_classes":
        return tuple(_class(f"{name}[{i}]", one) for i, one in enumerate(value))
    if name in ("headways_min", "off_peak_factors"):
        return tuple(_number(f"{name}[{i}]", one) for i, one in enumerate(value))
    for i, one in enumerate(value):
        if not isinstance(one, str):
            raise ScenarioError(f"{name}[{i}]", f"saw {one!r}; expected a class of street")
    return tuple(value)


def _class(place: str, value: Any) -> tuple[float, ...]:
    """Return the headways of a class."""
    if not isinstance(value, list | tuple) or len(value) != len(PERIODS):
        raise ScenarioError(place, f"saw {value!r}; expected a list of minutes of {', '.join(PERIODS)}")
    return tuple(_number(f"{place}[{i}]", one) for i, one in enumerate(value))


def _bus_type(place: str, value: Any) -> BusType:
    """Return a kind of bus."""
    wanted = [f.name for f in fields(BusType)]
    if not isinstance(value, Mapping):
        raise ScenarioError(place, f"saw {value!r}; expected a table with {', '.join(wanted)}")
    for name in value:
        if name not in wanted:
            raise UnknownNameError(f"field of {place}", name, wanted)
    for name in wanted:
        if name not in value:
            raise ScenarioError(f"{place}.{name}", "is missing")
    numbers = {n: _number(f"{place}.{n}", value[n]) for n in wanted if n != "name"}
    if not isinstance(value["name"], str) or not value["name"]:
        raise ScenarioError(f"{place}.name", f"saw {value['name']!r}; expected a name")
    for name, number in numbers.items():
        if number < 0 or (name == "capacity" and number != int(number)):
            raise ScenarioError(f"{place}.{name}", f"saw {number:g}; expected a number, 0 or more")
    capacity = int(numbers.pop("capacity"))
    return BusType(value["name"], capacity, **numbers)


def _number(place: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ScenarioError(place, f"saw {value!r}; expected a number")
    return float(value)
