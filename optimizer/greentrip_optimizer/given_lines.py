"""Questions about given lines, asked and answered in plain data: frequencies, vehicle blocks, timetable offsets."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from greentrip_networks.errors import GreentripError, LimitError, ScenarioError
from numpy.typing import NDArray

from greentrip_optimizer.blocks import Trips, schedule
from greentrip_optimizer.electric.battery import Battery
from greentrip_optimizer.electric.schedule import schedule_electric
from greentrip_optimizer.frequencies import Line, allocate
from greentrip_optimizer.offsets import Connection, best_offset

QUESTIONS = ("frequencies", "blocks", "offsets")
_ELECTRIC = ("range_km", "charge_km_h", "charge_places", "deadhead_km", "deadhead_km_h")


def answer(question: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a question as plain data.

    `frequencies`: `lines` (each with the fields of `frequencies.Line`) and `fleet`. `blocks`: `trips` (each with
    `start_min`, `end_min`, `start_place`, `end_place`), `deadhead_min` (rows), perhaps `layover_min` and `depot`; with
    `range_km` of electric buses also `km` of each trip, `deadhead_km` (rows) or `deadhead_km_h` (the speed of empty
    driving), and perhaps `charge_km_h` and `charge_places` (all, if not given).
    `offsets`: `lines`, each with `name`, `headway_min` and `connections` (the fields of `offsets.Connection`), and
    `start_min` and `end_min` of the period.

    Raises
    ------
    ScenarioError
        A field is missing, unknown or of the wrong kind, or the problem has no answer; it says which and why.
    LimitError
        Electric buses have more trips than their schedules are made for.
    """
    if question not in QUESTIONS:
        raise ScenarioError("question", f"saw {question!r}; expected one of {', '.join(QUESTIONS)}")
    try:
        return {"frequencies": _frequencies, "blocks": _blocks, "offsets": _offsets}[question](given)
    except (ScenarioError, LimitError):
        raise
    except GreentripError as error:
        raise ScenarioError(question, str(error)) from error


def _frequencies(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return buses and headways by line."""
    _only(given, ("lines", "fleet"), ("lines", "fleet"))
    lines = [_made(Line, row, f"lines[{i}]") for i, row in enumerate(_list(given, "lines"))]
    fleet = allocate(lines, int(_number(given["fleet"], "fleet")))
    return asdict(fleet)


def _blocks(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trips that each vehicle runs."""
    _only(given, ("trips", "deadhead_min"), ("trips", "deadhead_min", "layover_min", "depot", *_ELECTRIC))
    electric = "range_km" in given
    for name in _ELECTRIC:
        if name in given and not electric:
            raise ScenarioError(name, f"saw {given[name]!r} without range_km; expected range_km too, or neither")
    names = ("start_min", "end_min", "start_place", "end_place", *(("km",) if electric else ()))
    rows = _list(given, "trips")
    for i, row in enumerate(rows):
        _only(row, names, names, f"trips[{i}].")
    columns = {n: [_number(r[n], f"trips[{i}].{n}") for i, r in enumerate(rows)] for n in names}
    trips = Trips(
        np.array(columns["start_min"], np.float64),
        np.array(columns["end_min"], np.float64),
        np.array(columns["start_place"], np.int64),
        np.array(columns["end_place"], np.int64),
    )
    drive = _square(given, "deadhead_min")
    depot = None if given.get("depot") is None else int(_number(given["depot"], "depot"))
    layover = _number(given.get("layover_min", 0.0), "layover_min")
    if not electric:
        found = schedule(trips, drive, layover_min=layover, depot=depot)
        return {**asdict(found), "vehicles": found.vehicles}
    battery = _battery(given, np.array(columns["km"], np.float64), drive)
    charged = schedule_electric(trips, drive, battery, layover_min=layover, depot=depot)
    return {
        **asdict(charged),
        "vehicles": charged.vehicles,
        "gap": charged.gap,
        "charged_min": [sum(c.minutes for c in block) for block in charged.charges],
        "charged_km": [sum(c.km for c in block) for block in charged.charges],
    }


def _battery(given: Mapping[str, Any], trip_km: NDArray[np.float64], drive: NDArray[np.float64]) -> Battery:
    """Return the battery of electric buses, its places and kilometres."""
    range_km = _number(given["range_km"], "range_km")
    if ("deadhead_km" in given) == ("deadhead_km_h" in given):
        saw = "both" if "deadhead_km" in given else "neither"
        raise ScenarioError("deadhead_km", f"saw {saw} deadhead_km and deadhead_km_h; expected one of them")
    if "deadhead_km" in given:
        km = _square(given, "deadhead_km")
    else:
        speed = _number(given["deadhead_km_h"], "deadhead_km_h")
        if not 0 < speed < np.inf:
            raise ScenarioError("deadhead_km_h", f"saw {speed:g} km an hour; expected more than 0")
        km = drive * speed / 60
    charges = np.ones(len(drive), bool)
    if "charge_places" in given:
        if "charge_km_h" not in given:
            raise ScenarioError("charge_places", "saw places without charge_km_h; expected charge_km_h too, or neither")
        charges[:] = False
        for i, value in enumerate(_list(given, "charge_places")):
            place = _number(value, f"charge_places[{i}]")
            if place not in range(len(drive)):
                raise ScenarioError(f"charge_places[{i}]", f"saw {place:g}; expected a place, 0 to {len(drive) - 1}")
            charges[int(place)] = True
    return Battery(range_km, _number(given.get("charge_km_h", 0.0), "charge_km_h"), charges, trip_km, km)


def _square(given: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    """Return a square matrix or raise."""
    matrix = [[_number(v, f"{name}[{i}][{j}]") for j, v in enumerate(row)] for i, row in enumerate(_list(given, name))]
    if any(len(row) != len(matrix) for row in matrix):
        raise ScenarioError(name, "expected as many columns as rows, one for each place")
    return np.array(matrix, np.float64).reshape(len(matrix), len(matrix))


def _offsets(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return each line's best first departure."""
    names = ("lines", "start_min", "end_min")
    _only(given, names, names)
    start, end = (_number(given[n], n) for n in ("start_min", "end_min"))
    out = []
    for i, row in enumerate(_list(given, "lines")):
        _only(row, ("name", "headway_min", "connections"), ("name", "headway_min", "connections"), f"lines[{i}].")
        met = [
            _made(Connection, {**c, "trains_min": tuple(c.get("trains_min", ()))}, f"lines[{i}].connections[{k}]")
            for k, c in enumerate(_list(row, "connections", f"lines[{i}]."))
        ]
        found = best_offset(met, _number(row["headway_min"], f"lines[{i}].headway_min"), start, end)
        out.append({"name": str(row["name"]), **asdict(found)})
    return {"lines": out}


def _made(kind: type[Any], row: Any, place: str) -> Any:
    """Build a dataclass from plain data, or raise naming the field."""
    known = [f.name for f in fields(kind)]
    if not isinstance(row, Mapping):
        raise ScenarioError(place, f"saw {row!r}; expected fields {', '.join(known)}")
    _only(row, (), known, f"{place}.")
    try:
        return kind(**row)
    except TypeError as error:
        raise ScenarioError(place, str(error)) from None


def _only(row: Any, needed: Sequence[str], known: Sequence[str], place: str = "") -> None:
    """Raise for a field that is missing or unknown."""
    if not isinstance(row, Mapping):
        raise ScenarioError(place.rstrip(".") or "given", f"saw {row!r}; expected fields {', '.join(known)}")
    for name in needed:
        if name not in row:
            raise ScenarioError(f"{place}{name}", f"is missing; expected fields {', '.join(known)}")
    for name in row:
        if name not in known:
            raise ScenarioError(f"{place}{name}", f"is not known; expected fields {', '.join(known)}")


def _list(row: Mapping[str, Any], name: str, place: str = "") -> list[Any]:
    """Return a list or raise."""
    value = row[name]
    if not isinstance(value, list | tuple):
        raise ScenarioError(f"{place}{name}", f"saw {value!r}; expected a list")
    return list(value)


def _number(value: Any, place: str) -> float:
    """Return a number or raise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScenarioError(place, f"saw {value!r}; expected a number")
    return float(value)
