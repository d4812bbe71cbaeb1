"""The model's parameters: a readable table with units and sources, looked up by dotted name."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from greentrip_networks.errors import ScenarioError, UnknownNameError

from greentrip_agents.definitions import MODES


@dataclass(frozen=True)
class Parameters:
    """Parameter values by dotted name ("weight.walk"), and one calibrated constant a mode (utility)."""

    values: Mapping[str, float]
    constants: Mapping[str, float]
    sources: Mapping[str, str] = field(default_factory=dict)
    calibrated_on: str = "nothing: all constants are zero"

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
            if text.startswith("assumed")
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
    """Return the shipped parameters, with constants calibrated for a network's city ("beijing" of "beijing-2019")."""
    city = network.split("-", 1)[0]
    values, sources = _table()
    constants = dict.fromkeys(MODES, 0.0)
    calibrated_on = "nothing: all constants are zero"
    file = files("greentrip_agents").joinpath("calibrations", f"{city}.toml")
    if city and file.is_file():
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        constants |= {m: float(v) for m, v in data["constants"].items()}
        calibrated_on = str(data["calibrated_on"])
    return Parameters(dict(values), constants, dict(sources), calibrated_on)
