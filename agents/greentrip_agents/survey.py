"""Tastes from a survey: an estimation result of biogeme becomes parameters of the model, with their ranges.

Read is the YAML that biogeme 3.3 writes: plain data, parsed with a loader that makes nothing but plain data. Pickles,
which run what they hold when read, never are. Standard errors are the robust ones, from the Hessian and the outer
product of gradients (White 1982); a range is the 95 % interval.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from greentrip_networks.errors import ScenarioError, UnknownNameError
from numpy.typing import NDArray

from greentrip_agents.definitions import MODES
from greentrip_agents.parameters import Parameters, parameter_row

Floats = NDArray[np.float64]
_Z = 1.959964  # of the 95 % interval
_NEEDED = ("model_name", "beta_names", "beta_values", "hessian", "bhhh", "convergence", "sample_size")
_REMEDY = "give the YAML file that biogeme writes (generate_yaml); pickles are not read"


@dataclass(frozen=True, eq=False)
class Estimates:
    """What biogeme estimated."""

    model: str
    betas: Mapping[str, float]
    covariance: Floats  # (betas, betas), robust
    observations: int
    log_likelihood: float


class Mapped(NamedTuple):
    """A parameter as factor * beta / over; a beta that is left out counts as 1."""

    beta: str = ""
    over: str = ""
    factor: float = 1.0


class Estimated(NamedTuple):
    """A parameter's value, its standard error and its 95 % interval."""

    value: float
    std_err: float
    low: float
    high: float


def read_biogeme(path: Path | str) -> Estimates:
    """Read an estimation result.

    Raises ScenarioError for a file that is no such result, an estimation that did not converge, and one whose
    parameters are not identified (a singular Hessian).
    """
    try:
        import yaml
    except ImportError:
        raise ScenarioError("biogeme", "reading its YAML needs PyYAML: pip install 'greentrip[survey]'") from None
    name = Path(path).name
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioError(name, f"saw {str(error).splitlines()[0]}; {_REMEDY}") from None
    missing = [key for key in _NEEDED if not isinstance(data, dict) or data.get(key) is None]
    if missing:
        raise ScenarioError(name, f"has no {', '.join(missing)}; {_REMEDY}")
    if not data["convergence"]:
        raise ScenarioError(name, "the estimation did not converge; estimate it again")
    names = [str(n) for n in data["beta_names"]]
    try:
        values = np.array(data["beta_values"], np.float64)
        hessian, bhhh = (np.array(data[k], np.float64) for k in ("hessian", "bhhh"))
    except (TypeError, ValueError) as error:
        raise ScenarioError(name, f"saw {error}; expected numbers") from None
    n = len(names)
    if values.shape != (n,) or hessian.shape != (n, n) or bhhh.shape != (n, n):
        raise ScenarioError(name, f"saw {len(values)} values and a Hessian of {hessian.shape}; expected {n}")
    if not (np.isfinite(values).all() and np.isfinite(hessian).all() and np.isfinite(bhhh).all()):
        raise ScenarioError(name, "saw values that are not finite; estimate it again")
    if np.linalg.matrix_rank(hessian) < n:
        raise ScenarioError(name, f"the Hessian is singular: some of {', '.join(names)[:200]} are not identified")
    inverse = np.linalg.inv(hessian)
    covariance = inverse @ bhhh @ inverse
    return Estimates(
        str(data["model_name"]), dict(zip(names, values.tolist(), strict=True)), covariance,
        int(data["sample_size"]), float(data.get("final_log_likelihood") or math.nan),
    )  # fmt: skip


def read_map(path: Path | str) -> dict[str, Mapped]:
    """Read which parameter is which beta: `"choice.per_minute.work" = { beta = "B_TIME", factor = -1 }`."""
    name = Path(path).name
    try:
        data: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(name, str(error)) from None
    found = {}
    for parameter, given in data.items():
        row = {"beta": given} if isinstance(given, str) else given
        if not isinstance(row, dict):
            raise ScenarioError(f"{name}: {parameter}", f"saw {row!r}; expected a beta or {{ beta, over, factor }}")
        for key in row:
            if key not in Mapped._fields:
                raise UnknownNameError(f"key of {parameter}", key, Mapped._fields)
        factor = row.get("factor", 1.0)
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not math.isfinite(factor) or not factor:
            raise ScenarioError(f"{name}: {parameter}.factor", f"saw {factor!r}; expected a number other than 0")
        found[parameter] = Mapped(str(row.get("beta", "")), str(row.get("over", "")), float(factor))
    return found


def parameters_of(found: Estimates, names: Mapping[str, Mapped], model: Parameters) -> dict[str, Estimated]:
    """Return the model's parameters that the estimates give; without names betas must be called like parameters.

    The error of a ratio follows from those of its parts (delta method). Raises ScenarioError that lists every unknown
    name with the nearest ones, and for values that the model cannot take.
    """
    known = (*model.values, *(f"constant.{m}" for m in MODES))
    wanted = dict(names) or {b: Mapped(b) for b in found.betas}
    lines = [str(UnknownNameError("parameter", n, known)) for n in wanted if n not in known]
    used = {b for m in wanted.values() for b in (m.beta, m.over) if b}
    lines += [str(UnknownNameError("beta", b, found.betas)) for b in sorted(used) if b not in found.betas]
    if lines:
        remedy = "" if names else "; say with --map which parameter is which beta"
        raise ScenarioError("names", "; ".join(lines) + remedy)
    betas = list(found.betas)
    made = {}
    for name, how in wanted.items():
        top = found.betas[how.beta] if how.beta else 1.0
        bottom = found.betas[how.over] if how.over else 1.0
        if bottom == 0:
            raise ScenarioError(name, f"{how.over} is 0; expected another number to divide by")
        value = how.factor * top / bottom
        slope = np.zeros(len(betas))
        if how.beta:
            slope[betas.index(how.beta)] += how.factor / bottom
        if how.over:
            slope[betas.index(how.over)] -= how.factor * top / bottom**2
        error = math.sqrt(max(float(slope @ found.covariance @ slope), 0.0))
        _check(name, value)
        low, high = value - _Z * error, value + _Z * error
        low = low if name.startswith("constant.") else max(low, 0.0)  # no taste changes its sign
        made[name] = Estimated(value, error, low, min(high, 1.0) if name.startswith("choice.nest_scale.") else high)
    return made


def _check(name: str, value: float) -> None:
    """Raise ScenarioError for a value that the model cannot take."""
    if name.startswith("choice.nest_scale.") and not 0 < value <= 1:
        raise ScenarioError(name, f"saw {value:.4g}; expected above 0 to 1 (1 over the nest parameter of biogeme)")
    if not name.startswith("constant.") and value <= 0:
        raise ScenarioError(name, f"saw {value:.4g}; expected more than 0; is factor = -1 missing?")


def to_toml(found: Estimates, estimated: Mapping[str, Estimated]) -> str:
    """Write parameters as the table that `default_parameters` reads from GREENTRIP_CALIBRATIONS."""
    source = f"biogeme, model {found.model}, {found.observations:,} observations".replace('"', "'")
    lines = [f"# Estimated with {source}, log likelihood {found.log_likelihood:.2f}."]
    lines.append("[parameters]")
    lines += [parameter_row(n, (e.value, e.low, e.high), source) for n, e in estimated.items()]
    return "\n".join(lines) + "\n"
