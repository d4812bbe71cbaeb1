"""What a calibration aims at: published shares of an area, and further published figures to print beside the fit."""

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from greentrip_networks.errors import ScenarioError, TableError, UnknownNameError
from greentrip_networks.network import Network

from greentrip_agents.definitions import Definition
from greentrip_agents.validation import MEASURES

SUM_TOLERANCE = 0.2  # percent points by which rounded shares may miss 100


@dataclass(frozen=True)
class Targets:
    """Published shares (percent by class) of an area and year; `checks` are printed beside the fit, not fitted."""

    shares: Mapping[str, float]
    year: int
    area: str
    source: str
    checks: Mapping[str, float] = field(default_factory=dict)


def observed_targets(network: Network) -> Targets:
    """Return the published shares that come with a network, of its own year."""
    found = next((o for o in network.observed if o.year == network.year), None)
    if found is None:
        years = ", ".join(str(o.year) for o in network.observed) or "none"
        raise ScenarioError(
            "observed",
            f"{network.name} has no observed shares for {network.year} (it has: {years}); give them as a targets file",
        )
    return Targets(dict(found.shares), found.year, found.area, found.source)


def read_targets(file: Path | str, network: Network, area: str) -> Targets:
    """Read targets from TOML (tables shares and checks) or CSV (columns kind, name, value; kind is share or check).

    Raises TableError naming the file, row and column that is wrong.
    """
    path = Path(file)
    if not path.is_file():
        raise TableError(path.name, "a file of targets, TOML or CSV", value=str(path))
    if path.suffix.casefold() == ".csv":
        return _read_csv(path, network, area)
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TableError(path.name, f"well-formed TOML in UTF-8 ({error})") from error
    tables: dict[str, dict[str, float]] = {}
    for name in ("shares", "checks"):
        rows = data.get(name, {})
        if not isinstance(rows, dict):
            raise TableError(path.name, f"a table [{name}]", column=name, value=rows)
        tables[name] = {k: _number(path.name, f"{name}.{k}", v) for k, v in rows.items()}
    year = data.get("year", network.year)
    if isinstance(year, bool) or not isinstance(year, int):
        raise TableError(path.name, "a whole number", column="year", value=year)
    return Targets(
        tables["shares"], year, str(data.get("area", area)), str(data.get("source", path.name)), tables["checks"]
    )


def _read_csv(path: Path, network: Network, area: str) -> Targets:
    """Read rows of kind, name and value."""
    shares: dict[str, float] = {}
    checks: dict[str, float] = {}
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = {"kind", "name", "value"} - set(rows.fieldnames or ())
        if missing:
            raise TableError(path.name, "columns kind, name, value", column=min(missing))
        for i, row in enumerate(rows, start=2):
            into = {"share": shares, "check": checks}.get(str(row["kind"]))
            if into is None:
                raise TableError(path.name, "share or check", row=i, column="kind", value=row["kind"])
            into[str(row["name"])] = _number(path.name, "value", row["value"], i)
    return Targets(shares, network.year, area, path.name, checks)


def _number(file: str, column: str, value: Any, row: int | None = None) -> float:
    """Return a finite number or raise TableError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(value, bool) or not np.isfinite(number):
        raise TableError(file, "a finite number", row=row, column=column, value=value)
    return number


def check_targets(targets: Targets, definition: Definition) -> None:
    """Raise unless the shares name every published class once, are positive and add to 100."""
    classes = list(dict.fromkeys(definition.mode_class.values()))
    for name, value in targets.shares.items():
        if name not in classes:
            raise UnknownNameError("published class of modes", name, classes)
        if not 0 < value < 100:
            raise ScenarioError(f"shares.{name}", f"saw {value:g}; expected more than 0 and less than 100 percent")
    missing = [name for name in classes if name not in targets.shares]
    if missing:
        raise ScenarioError("shares", f"{', '.join(missing)} is missing; every class needs a share")
    total = sum(targets.shares.values())
    if abs(total - 100) > SUM_TOLERANCE:
        raise ScenarioError("shares", f"they add to {total:g}; expected 100 within {SUM_TOLERANCE:g}")
    for name in targets.checks:
        if name not in MEASURES:
            raise UnknownNameError("measure to check", name, MEASURES)
    if targets.area != definition.area:
        raise ScenarioError("area", f"saw {targets.area!r}; the definition's headline area is {definition.area!r}")
