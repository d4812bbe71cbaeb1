"""Turn a specification into scenarios: one a plan, one a point of each sweep, every name and value filled in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

from greentrip_networks.errors import LimitError

from greentrip_server.errors import FieldError
from greentrip_server.experiments.spec import Family, Spec, Sweep
from greentrip_server.experiments.store import folder_of

_LONGEST = 255  # bytes of a folder's name
WEEKDAYS_A_YEAR = 250  # working days of a Chinese calendar year; a plan's cost is that of a weekday


@dataclass(frozen=True)
class Point:
    """One scenario ready to be simulated; `cost_million_cny_year` is None where nothing is known of its cost."""

    name: str
    family: str
    network: str
    interventions: tuple[Mapping[str, Any], ...]
    parameters: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    cost_million_cny_year: float | None = None
    plan: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the point as plain data."""
        return asdict(self)


class BatchLimitError(LimitError):
    """An experiment that asks for more runs or hours than it may; says how long it would take."""

    def __init__(self, limit: str, asked: float, allowed: float, runs: int, hours: float | None) -> None:
        predicted = "" if hours is None else f", predicted to take {hours:,.1f} h"
        super().__init__(limit, asked, allowed, limit)
        self.args = (
            (
                f"{runs:,} runs asked for{predicted}; the limit is {allowed:g} {limit}: narrow the sweep or the seeds, "
                f"or raise limits.{limit}"
            ),
        )


Stored = Callable[[str], tuple[str, list[Mapping[str, Any]]]]  # a stored scenario's network and interventions
Planned = Callable[[str], tuple[list[Mapping[str, Any]], float]]  # what a plan changes, and its CNY a day


def check_size(spec: Spec, seconds_a_run: float | None, workers: int, *, known: int = 0) -> None:
    """Raise BatchLimitError when a specification asks for more runs or hours than its limits; nothing is expanded.

    Parameters
    ----------
    spec
        What is asked for.
    seconds_a_run
        Forecast of one run, s; None when it is not known yet: then only a count beyond any limit is refused.
    workers
        Runs at a time.
    known
        Runs that need not be computed, since runs of the same content have finished.

    """
    hours = None if seconds_a_run is None else (spec.size - known) * seconds_a_run / workers / 3600
    if spec.size > spec.max_runs:
        raise BatchLimitError("runs", spec.size, spec.max_runs, spec.size, hours)
    if hours is not None and hours > spec.max_hours:
        raise BatchLimitError("hours", hours, spec.max_hours, spec.size, hours)


def expand(spec: Spec, stored: Stored, planned: Planned) -> list[Point]:
    """Return a specification's scenarios in its order.

    Parameters
    ----------
    spec
        What is asked for; call `check_size` first.
    stored, planned
        How to look up a stored scenario and a plan by name.

    """
    found: dict[str, Point] = {}
    for family in spec.families:
        for point in expand_family(family, stored, planned):
            if point.name in found:
                raise FieldError(
                    f"scenario {family.name!r}",
                    f"two scenarios come to be called {point.name!r}; give each scenario its own name, and a sweep "
                    "values that differ in their first six digits",
                )
            if len(folder_of(point.name).encode()) > _LONGEST:
                raise FieldError(
                    f"scenario {family.name!r}",
                    f"{point.name!r} makes a folder's name of more than {_LONGEST} bytes (letters other than a-z take "
                    "up to nine each); give it a shorter name, or the sweep fewer values",
                )
            found[point.name] = point
    return list(found.values())


def expand_family(family: Family, stored: Stored, planned: Planned) -> Iterator[Point]:
    """Yield the scenarios of one family."""
    network, before = stored(family.scenario) if family.scenario else (family.network, [])
    added: list[Mapping[str, Any]] = []
    cost = family.cost_million_cny_year
    if family.plan:
        added, cny_day = planned(family.plan)
        cost = (cost or 0.0) + cny_day * WEEKDAYS_A_YEAR / 1e6
    for values in points(family.sweep) if family.sweep is not None else [{}]:
        label = "".join(f"~{name}={_short(value)}" for name, value in values.items())
        yield Point(
            name=family.name + label,
            family=family.name,
            network=network if "/" in network else f"networks/{network}",
            interventions=(*before, *(_filled(step, values) for step in family.interventions), *added),
            parameters={k: _float(v, k, family) for k, v in _filled(family.parameters, values).items()},
            values=values,
            description=family.description,
            cost_million_cny_year=cost,
            plan=family.plan,
        )


def points(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """Yield the values of each point of a sweep, by name."""
    names = [a.name for a in sweep.axes]
    if sweep.method == "latin-hypercube":
        import numpy as np
        from greentrip_networks.hashing import hash64, uniform

        # McKay, Beckman, Conover (1979): each axis cut into as many strata as points, each stratum used once
        strata = np.arange(sweep.count)
        columns = []
        for j, axis in enumerate(sweep.axes):
            order = np.argsort(hash64(sweep.seed, j, strata), kind="stable")
            share = (order + uniform(sweep.seed, len(names) + j, strata)) / sweep.count
            columns.append(axis.low + (axis.high - axis.low) * share)
        for row in zip(*columns, strict=True):
            yield {n: float(v) for n, v in zip(names, row, strict=True)}
    elif sweep.method == "list":
        for row in zip(*(a.choices for a in sweep.axes), strict=True):
            yield dict(zip(names, row, strict=True))
    else:
        for row in product(*(a.choices for a in sweep.axes)):
            yield dict(zip(names, row, strict=True))


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Return plain data with every `$x` replaced by the sweep's x."""
    if isinstance(value, str) and value.startswith("$"):
        return values[value[1:]]
    if isinstance(value, Mapping):
        return {k: _filled(v, values) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(v, values) for v in value]
    return value


def _float(value: Any, name: str, family: Family) -> float:
    """Return a parameter's value as a number."""
    try:
        return float(value)
    except ValueError:
        place = f"scenario {family.name!r}"
        raise FieldError(f"{place}.parameters.{name}", f"saw {value!r}; expected a number") from None


def _short(value: Any) -> str:
    """Return a value as it appears in a scenario's name."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in str(value))
