"""The units of the model's parameters, for readers of them."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def parameter_units() -> Mapping[str, str]:
    """Return the unit of each shipped parameter by dotted name: "km", "CNY/h", or "-" for a bare number."""
    data: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(
        files("greentrip_agents").joinpath("parameters.toml").read_text(encoding="utf-8")
    )
    return {
        f"{section}.{name}" if key == "value" else f"{section}.{name}.{key}": row["unit"]
        for section, rows in data.items()
        for name, row in rows.items()
        for key in row
        if key not in ("unit", "source")
    }
