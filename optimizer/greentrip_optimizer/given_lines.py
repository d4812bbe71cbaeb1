"""Questions about given lines, asked and answered in plain data: frequencies, vehicle blocks, timetable offsets."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from greentrip_networks.errors import GreentripError, ScenarioError

from greentrip_optimizer.blocks import Trips, schedule
from greentrip_optimizer.frequencies import Line, allocate
from greentrip_optimizer.offsets import Connection, best_offset

QUESTIONS = ("frequencies", "blocks", "offsets")


def answer(question: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a question as plain data.

    `frequencies`: `lines` (each with the fields of `frequencies.Line`) and `fleet`. `blocks`: `trips` (each with
    `start_min`, `end_min`, `start_place`, `end_place`), `deadhead_min` (rows), perhaps `layover_min` and `depot`.
    `offsets`: `lines`, each with `name`, `headway_min` and `connections` (the fields of `offsets.Connection`), and
    `start_min` and `end_min` of the period.

    Raises
    ------
    ScenarioError
        A field is missing, unknown or of the wrong kind, or the problem has no answer; it says which and why.
    """
    if question not in QUESTIONS:
        raise ScenarioError("question", f"saw {question!r}; expected one of {', '.join(QUESTIONS)}")
    try:
        return {"frequencies": _frequencies, "blocks": _blocks, "offsets": _offsets}[question](given)
    except ScenarioError:
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
    _only(given, ("trips", "deadhead_min"), ("trips", "deadhead_min", "layover_min", "depot"))
    names = ("start_min", "end_min", "start_place", "end_place")
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
    matrix = [
        [_number(v, f"deadhead_min[{i}][{j}]") for j, v in enumerate(row)]
        for i, row in enumerate(_list(given, "deadhead_min"))
    ]
    if any(len(row) != len(matrix) for row in matrix):
        raise ScenarioError("deadhead_min", "expected as many columns as rows, one for each place")
    depot = given.get("depot")
    found = schedule(
        trips,
        np.array(matrix, np.float64).reshape(len(matrix), len(matrix)),
        layover_min=_number(given.get("layover_min", 0.0), "layover_min"),
        depot=None if depot is None else int(_number(depot, "depot")),
    )
    return {**asdict(found), "vehicles": found.vehicles}


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
