"""The model's parameters: a readable table with units and sources, looked up by dotted name."""

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from greentrip_networks.errors import ScenarioError, UnknownNameError

from greentrip_agents.definitions import MODES

BASE = "base."  # before the name of a parameter whose policy is switched off: its value with the policy


@dataclass(frozen=True)
class Parameters:
    """Parameter values by dotted name ("weight.walk"), and one calibrated constant a mode (utility)."""

    values: Mapping[str, float]
    constants: Mapping[str, float]
    sources: Mapping[str, str] = field(default_factory=dict)
    calibrated_on: str = "nothing: all constants are zero"
    response: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)  # elasticity, low, high
    # 95 % intervals of what a survey estimated, and where from: name -> (low, high)
    estimated: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def response_outside(self) -> list[str]:
        """Return the reactions, tested when the constants were fitted, that lie outside their published range."""
        return [
            f"{name} {value:+.2f} (published: {low:g} to {high:g})"
            for name, (value, low, high) in self.response.items()
            if not low <= value <= high
        ]

    def __getitem__(self, name: str) -> float:
        """Return a value; an unknown name raises UnknownNameError with the nearest ones."""
        try:
            return self.values[name]
        except KeyError:
            raise UnknownNameError("parameter", name, self.values) from None

    def with_(self, changes: Mapping[str, float]) -> "Parameters":
        """Return a copy with some values replaced; "constant.MODE" replaces a mode's constant."""
        values, constants = dict(self.values), dict(self.constants)
        for name, value in changes.items():
            if not math.isfinite(value):
                raise ScenarioError(name, f"saw {value!r}; expected a finite number")
            if name.startswith("constant.") and name.removeprefix("constant.") in MODES:
                constants[name.removeprefix("constant.")] = float(value)
            elif name in values:
                values[name] = float(value)
            else:
                raise UnknownNameError("parameter", name, (*values, *(f"constant.{m}" for m in MODES)))
        return replace(self, values=values, constants=constants)

    def assumed(self) -> list[str]:
        """Return the parameters that rest on no published figure of the city, with their reason."""
        return [
            f"{name} = {self.values[name]:g}: {text}"
            for name, text in self.sources.items()
            if text.startswith("assumed") and not name.startswith("without.")
        ]


@cache
def _table() -> tuple[dict[str, float], dict[str, str]]:
    """Read the shipped table: values and sources by dotted name."""
    data: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(
        files("greentrip_agents").joinpath("parameters.toml").read_text(encoding="utf-8")
    )
    values: dict[str, float] = {}
    sources: dict[str, str] = {}
    for section, rows in data.items():
        for name, row in rows.items():
            for key, value in row.items():
                if key in ("unit", "source"):
                    continue
                dotted = f"{section}.{name}" if key == "value" else f"{section}.{name}.{key}"
                values[dotted] = float(value)
                sources[dotted] = row["source"]
    return values, sources


def default_parameters(network: str = "") -> Parameters:
    """Return the shipped parameters, with constants calibrated for a network's city ("beijing" of "beijing-2019").

    A calibration of the user's own, a file CITY.toml in the folder that GREENTRIP_CALIBRATIONS names, goes first.
    """
    city = network.split("-", 1)[0]
    values, sources = _table()
    constants = dict.fromkeys(MODES, 0.0)
    calibrated_on = "nothing: all constants are zero"
    response: dict[str, tuple[float, float, float]] = {}
    text = _calibration(city) if city else None
    if text is not None:
        data = tomllib.loads(text)
        constants |= {m: float(v) for m, v in data.get("constants", {}).items()}
        calibrated_on = str(data.get("calibrated_on", calibrated_on))
        response = {name: (float(v[0]), float(v[1]), float(v[2])) for name, v in data.get("response", {}).items()}
    found = Parameters(dict(values), constants, dict(sources), calibrated_on, response)
    return _with_estimates(found, data.get("parameters", {})) if text is not None else found


def _with_estimates(found: Parameters, rows: Mapping[str, Mapping[str, Any]]) -> Parameters:
    """Return parameters with what a survey estimated: rows of value, low, high and source by name."""
    if not rows:
        return found
    changed = found.with_({name: float(row["value"]) for name, row in rows.items()})
    sources = {name: f"estimated: {row.get('source', 'a survey')}" for name, row in rows.items()}
    ranges = {name: (float(row["low"]), float(row["high"])) for name, row in rows.items()}
    return replace(changed, sources={**found.sources, **sources}, estimated=ranges)


def parameter_row(name: str, values: tuple[float, float, float], source: str) -> str:
    """Return the line of a [parameters] table for a parameter that was estimated: value, low and high."""
    value, low, high = values
    return f'"{name}" = {{ value = {value!r}, low = {low!r}, high = {high!r}, source = "{source}" }}'


def _calibration(city: str) -> str | None:
    """Return the text of a city's calibration: the user's own of GREENTRIP_CALIBRATIONS, else the shipped one."""
    own = os.environ.get("GREENTRIP_CALIBRATIONS")
    if own and (file := Path(own) / f"{city}.toml").is_file():
        return file.read_text(encoding="utf-8")
    shipped = files("greentrip_agents").joinpath("calibrations", f"{city}.toml")
    return shipped.read_text(encoding="utf-8") if shipped.is_file() else None
