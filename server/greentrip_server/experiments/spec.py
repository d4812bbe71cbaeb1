"""What an experiment asks for, read from plain data (a TOML file's or a message's) and checked field by field."""

import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from greentrip_networks.errors import UnknownNameError

from greentrip_server.errors import FieldError
from greentrip_server.jobs import ID

METHODS = ("grid", "list", "latin-hypercube")
NAME = re.compile(r"[^\s/:,;=~%*?\[\]{}\"'\\]{1,60}")  # a scenario's: it becomes a folder and an argument
MAX_RUNS, MAX_HOURS = 1000, 48.0  # unless the specification's own limits say otherwise
MOST_RUNS = 100_000  # whatever the specification says
DEFAULT_SAMPLE, DEFAULT_MAX_DAYS = 0.005, 60


@dataclass(frozen=True)
class Axis:
    """One swept value: what it may be, or the ends between which it varies."""

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Sweep:
    """How values vary together: every combination, one after another, or a Latin hypercube of `count` points."""

    method: str
    axes: tuple[Axis, ...]
    count: int = 0
    seed: int = 0

    @property
    def size(self) -> int:
        """Number of points, known without making them."""
        if self.method == "latin-hypercube":
            return self.count
        if self.method == "list":
            return len(self.axes[0].choices)
        return math.prod(len(a.choices) for a in self.axes)


@dataclass(frozen=True)
class Family:
    """One scenario of a specification, or with a sweep a family of them."""

    name: str
    description: str = ""
    network: str = ""
    scenario: str = ""
    plan: str = ""
    interventions: tuple[Mapping[str, Any], ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sweep: Sweep | None = None
    cost_million_cny_year: float | None = None  # None: not known

    @property
    def size(self) -> int:
        """Number of scenarios."""
        return self.sweep.size if self.sweep is not None else 1


@dataclass(frozen=True)
class Spec:
    """An experiment: scenarios x seeds, what is asked of them, and how much may be computed."""

    name: str
    families: tuple[Family, ...]
    seeds: tuple[int, ...]
    question: str = ""
    question_zh: str = ""
    sample: float = DEFAULT_SAMPLE
    max_days: int = DEFAULT_MAX_DAYS
    placement: int = 0
    baseline: str = ""
    indicators: tuple[str, ...] = ()
    max_runs: int = MAX_RUNS
    max_hours: float = MAX_HOURS

    @property
    def size(self) -> int:
        """Number of runs, known without listing them."""
        return sum(f.size for f in self.families) * len(self.seeds)


_SPEC = ("name", "question", "question_zh", "network", "sample", "max_days", "placement", "seeds", "baseline",
         "indicators", "plans", "scenario", "limits")  # fmt: skip
_FAMILY = ("name", "description", "network", "scenario", "plan", "interventions", "parameters", "sweep",
           "cost_million_cny_year")  # fmt: skip


def read_toml(text: str) -> dict[str, Any]:
    """Return a specification's plain data from TOML; raise FieldError with the line that cannot be read."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FieldError("toml", f"cannot be read: {error}") from None


def read_spec(data: Mapping[str, Any]) -> Spec:
    """Return a specification from plain data.

    Raises
    ------
    FieldError
        When a field is missing or is not what it must be.
    UnknownNameError
        When a field, method or swept value has a name that nothing knows, with the nearest names.

    """
    _known(data, _SPEC, "field of an experiment")
    name = _text(data, "name", "name")
    if not ID.fullmatch(name):
        raise FieldError("name", f"saw {name!r}; expected lower-case letters, digits and hyphens, at most 63")
    network = _text(data, "network", "network")
    families = [
        _family(f, f"scenario[{i}]", network) for i, f in enumerate(_list(data, "scenario", "scenario", Mapping))
    ]
    for i, plan in enumerate(_list(data, "plans", "plans", str)):
        if not network:
            raise FieldError("network", f"is empty; expected the network that plans[{i}] runs on")
        families.append(Family(name=plan.removeprefix("plans/"), network=network, plan=plan))
    if not families:
        raise FieldError("scenario", "is empty; expected at least one [[scenario]] or plan")
    names = [f.name for f in families]
    for i, one in enumerate(names):
        if one in names[:i]:
            raise FieldError("scenario", f"{one!r} appears twice; give each scenario a name of its own")
    baseline = _text(data, "baseline", "baseline")
    limits = data.get("limits") or {}
    _known(limits, ("runs", "hours"), "limit")
    spec = Spec(
        name=name,
        families=tuple(families),
        seeds=_seeds(data.get("seeds")),
        question=_text(data, "question", "question"),
        question_zh=_text(data, "question_zh", "question_zh"),
        sample=_number(data.get("sample", DEFAULT_SAMPLE), "sample", 0, 1, above=True),
        max_days=_whole(data.get("max_days", DEFAULT_MAX_DAYS), "max_days", 2, 1000),
        placement=_whole(data.get("placement", 0), "placement", 0, 2**31 - 1),
        baseline=baseline,
        indicators=tuple(_list(data, "indicators", "indicators", str)),
        max_runs=_whole(limits.get("runs", MAX_RUNS), "limits.runs", 1, MOST_RUNS),
        max_hours=_number(limits.get("hours", MAX_HOURS), "limits.hours", 0, 1e6, above=True),
    )
    for i, one in enumerate(spec.indicators):
        _check_indicator(one, f"indicators[{i}]")
    if baseline and baseline not in names and not any(baseline.startswith(f"{n}~") for n in names):
        raise UnknownNameError("scenario", baseline, names)
    return spec


def _check_indicator(name: str, place: str) -> None:
    """Refuse a figure that no run has; what follows the first dot of a name depends on the city."""
    from greentrip_agents.statistics.figures import HEADS

    if name.split(".", maxsplit=1)[0] not in HEADS:
        raise UnknownNameError("indicator", name, HEADS) if name else FieldError(place, "is empty; expected a figure")


def _family(data: Mapping[str, Any], place: str, network: str) -> Family:
    """Return one scenario of a specification."""
    _known(data, _FAMILY, f"field of {place}")
    name = _text(data, "name", f"{place}.name")
    if not NAME.fullmatch(name):
        raise FieldError(f"{place}.name", f"saw {name!r}; expected 1 to 60 letters, digits, '.', '-' or '_'")
    stored = _text(data, "scenario", f"{place}.scenario")
    own = _text(data, "network", f"{place}.network")
    if stored and own:
        raise FieldError(f"{place}.network", f"saw {own!r} beside scenario {stored!r}, which brings its network")
    if not (stored or own or network):
        raise FieldError(f"{place}.network", "is empty and the experiment names none; expected such as 'beijing-2019'")
    sweep = data.get("sweep")
    parameters = data.get("parameters") or {}
    family = Family(
        name=name,
        description=_text(data, "description", f"{place}.description"),
        network=own or network,
        scenario=stored,
        plan=_text(data, "plan", f"{place}.plan"),
        interventions=tuple(_list(data, "interventions", f"{place}.interventions", Mapping)),
        parameters=_parameters(parameters, f"{place}.parameters"),
        sweep=_sweep(sweep, f"{place}.sweep") if sweep else None,
        cost_million_cny_year=(
            _number(data["cost_million_cny_year"], f"{place}.cost_million_cny_year", -1e6, 1e6)
            if "cost_million_cny_year" in data
            else None
        ),
    )
    axes = [a.name for a in family.sweep.axes] if family.sweep is not None else []
    used = set(_placeholders([*family.interventions, family.parameters]))
    for one in sorted(used - set(axes)):
        raise UnknownNameError("swept value", one, axes)
    for one in axes:
        if one not in used:
            raise FieldError(
                f"{place}.sweep.values.{one}", f"is used nowhere; write '${one}' where an intervention takes it"
            )
    return family


def _parameters(data: Any, place: str) -> dict[str, Any]:
    """Return parameters by dotted name: numbers, or swept values."""
    if not isinstance(data, Mapping):
        raise FieldError(place, f"saw {data!r}; expected a table of parameters and their values")
    found = dict(flat(data))
    for name, value in found.items():
        if not (isinstance(value, str) and value.startswith("$")):
            _number(value, f"{place}.{name}", -math.inf, math.inf)
    return found


def flat(data: Mapping[str, Any], head: str = "") -> Iterable[tuple[str, Any]]:
    """Yield (dotted name, value): TOML reads `weight.walk = 2` as a table in a table."""
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{head}{name}.")
        else:
            yield f"{head}{name}", value


def _placeholders(value: Any) -> Iterable[str]:
    """Yield the names of the swept values that plain data asks for."""
    if isinstance(value, str) and value.startswith("$"):
        yield value[1:]
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _placeholders(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _placeholders(inner)


def _sweep(data: Any, place: str) -> Sweep:
    """Return a sweep."""
    if not isinstance(data, Mapping):
        raise FieldError(place, f"saw {data!r}; expected a table with method and values")
    _known(data, ("method", "values", "count", "seed"), f"field of {place}")
    method = _text(data, "method", f"{place}.method") or "grid"
    if method not in METHODS:
        raise UnknownNameError("sweep method", method, METHODS)
    values = data.get("values")
    if not isinstance(values, Mapping) or not values:
        raise FieldError(f"{place}.values", f"saw {values!r}; expected a table of names and their values")
    axes = tuple(_axis(name, value, f"{place}.values.{name}", method) for name, value in sorted(values.items()))
    count = _whole(data.get("count") or 0, f"{place}.count", 0, MOST_RUNS)
    if method == "latin-hypercube" and count < 1:
        raise FieldError(f"{place}.count", "is empty; expected the number of points of the Latin hypercube")
    if method != "latin-hypercube" and count:
        raise FieldError(f"{place}.count", f"saw {count}; a {method} has as many points as its values give")
    if method == "list" and len({len(a.choices) for a in axes}) > 1:
        lengths = ", ".join(f"{a.name} {len(a.choices)}" for a in axes)
        raise FieldError(f"{place}.values", f"have different lengths ({lengths}); a list takes first with first")
    return Sweep(method, axes, count, _whole(data.get("seed") or 0, f"{place}.seed", 0, 2**62))


def _axis(name: str, value: Any, place: str, method: str) -> Axis:
    """Return one swept value."""
    if isinstance(value, list | tuple):
        if method == "latin-hypercube":
            raise FieldError(place, "is a list; a Latin hypercube needs { low = ..., high = ... }")
        if not value:
            raise FieldError(place, "is empty; expected at least one value")
        for i, one in enumerate(value):
            if not isinstance(one, str | int | float) or isinstance(one, bool):
                raise FieldError(f"{place}[{i}]", f"saw {one!r}; expected a number or text")
        return Axis(name, tuple(int(v) if isinstance(v, float) and v.is_integer() else v for v in value))
    if isinstance(value, Mapping):
        _known(value, ("low", "high", "steps"), f"field of {place}")
        low = _number(value.get("low"), f"{place}.low", -1e12, 1e12)
        high = _number(value.get("high"), f"{place}.high", -1e12, 1e12)
        if not low < high:
            raise FieldError(place, f"saw low {low:g} and high {high:g}; expected low below high")
        if method == "latin-hypercube":
            return Axis(name, (), low, high)
        steps = _whole(value.get("steps"), f"{place}.steps", 2, MOST_RUNS)
        return Axis(name, tuple(low + (high - low) * i / (steps - 1) for i in range(steps)), low, high)
    raise FieldError(place, f"saw {value!r}; expected a list, or low and high")


def _seeds(value: Any) -> tuple[int, ...]:
    """Return seeds from a list, or from text such as '0-9,12'."""
    if value is None or value in ([], ""):
        return (0, 1, 2)
    if isinstance(value, str):
        return _seed_text(value)
    if not isinstance(value, Sequence):
        raise FieldError("seeds", f"saw {value!r}; expected a list such as [0, 1, 2], or '0-9'")
    found = tuple(_whole(v, f"seeds[{i}]", 0, 2**62) for i, v in enumerate(value))
    if len(set(found)) < len(found):
        raise FieldError("seeds", "name a seed twice; give each once")
    return found


def _seed_text(text: str) -> tuple[int, ...]:
    """Return seeds from ranges and numbers separated by commas."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})(?:\s*-\s*(\d{1,18}))?\s*", part)
        if match is None:
            raise FieldError("seeds", f"saw {part.strip()!r}; expected numbers and ranges such as '0-9,12'")
        first = int(match[1])
        last = int(match[2] or first)
        if last - first >= MOST_RUNS:
            raise FieldError("seeds", f"saw {last - first + 1} seeds; expected at most {MOST_RUNS}")
        found.extend(range(first, last + 1))
    return tuple(dict.fromkeys(found))


def _known(data: Any, names: Sequence[str], kind: str) -> None:
    """Refuse a name that nothing knows."""
    if not isinstance(data, Mapping):
        raise FieldError(kind, f"saw {data!r}; expected a table")
    for name in data:
        if name not in names:
            raise UnknownNameError(kind, name, names)


def _text(data: Mapping[str, Any], key: str, place: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise FieldError(place, f"saw {value!r}; expected text")
    return value


def _list(data: Mapping[str, Any], key: str, place: str, kind: type[Any]) -> list[Any]:
    value = data.get(key) or []
    if not isinstance(value, list | tuple):
        raise FieldError(place, f"saw {value!r}; expected a list")
    for i, one in enumerate(value):
        if not isinstance(one, kind):
            raise FieldError(f"{place}[{i}]", f"saw {one!r}; expected {'text' if kind is str else 'a table'}")
    return list(value)


def _number(value: Any, place: str, low: float, high: float, *, above: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FieldError(place, f"saw {value!r}; expected a number")
    if not low <= value <= high or (above and value == low):
        raise FieldError(place, f"saw {value:g}; expected {'above ' if above else ''}{low:g} to {high:g}")
    return float(value)


def _whole(value: Any, place: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise FieldError(place, f"saw {value!r}; expected a whole number")
    if not low <= value <= high:
        raise FieldError(place, f"saw {int(value)}; expected {low} to {high}")
    return int(value)
