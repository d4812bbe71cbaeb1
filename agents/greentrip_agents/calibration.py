"""Fit one constant a mode so that a network's observed shares come out, with the simulator in the loop.

Constants fitted to as many shares validate nothing: what the model answers is a change, and distances and district
shares are printed beside the fit so that a reader can judge the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Network

from greentrip_agents.definitions import MODES, NESTS
from greentrip_agents.model import CommuterModel
from greentrip_agents.parameters import Parameters, default_parameters

# Modes that share a published class move together; how they split within it is assumed, as no figure was found.
SPLIT: Mapping[str, Mapping[str, float]] = {
    "walk": {"walk": 1.0},
    "bicycle": {"bicycle": 0.75, "ebike": 0.25},
    "bus": {"bus": 1.0},
    "metro": {"metro": 0.99, "pr": 0.01},
    "other": {"car": 0.86, "taxi": 0.14},
}
TOLERANCE_POINTS = 0.05
_STEP = 0.8
_FIRST_DAY = 4


@dataclass(frozen=True)
class Calibration:
    """Constants that reproduce the observed shares, and how closely."""

    parameters: Parameters
    observed: Mapping[str, float]
    before: Mapping[str, float]
    after: Mapping[str, float]
    days: int
    reached: bool

    def residuals(self) -> dict[str, float]:
        """Return modelled minus observed, in points, by published class."""
        return {k: self.after[k] - v for k, v in self.observed.items()}


def calibrate(
    network: Network,
    *,
    sample: float = 0.005,
    seed: int = 0,
    max_days: int = 80,
    parameters: Parameters | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Calibration:
    """Adjust the constants day by day until every class is within 0.05 point for five days, or max_days have passed.

    The update is the usual one for logit constants: add a damped log of observed over modelled share. progress is
    called with (day, largest residual in points).
    """
    observed = next((o for o in network.observed if o.year == network.year), None)
    if observed is None:
        raise ScenarioError(
            "observed", f"{network.name} has no observed shares for {network.year}; calibration needs them"
        )
    total = sum(observed.shares.values())
    if abs(total - 100) > 0.2:
        raise ScenarioError("observed", f"the observed shares of {network.year} add to {total:g}; expected 100")
    p = parameters if parameters is not None else default_parameters(network.name)
    model = CommuterModel(network, sample=sample, seed=seed, parameters=p)
    if observed.area != model.definition.area:
        raise ScenarioError(
            "observed.area", f"saw {observed.area!r}; the definition's headline area is {model.definition.area!r}"
        )
    constants = np.array([p.constants[m] for m in MODES])
    target = np.array(
        [observed.shares[model.definition.mode_class[m]] * SPLIT[model.definition.mode_class[m]][m] for m in MODES]
    )
    before: dict[str, float] = {}
    quiet = 0
    now = before
    while model.day < max_days and quiet < 5:
        model.step()
        percent = shares_percent(model)
        now = classes(percent, model)
        if model.day == _FIRST_DAY:
            before = now
        worst = max(abs(now[k] - v) for k, v in observed.shares.items())
        if progress is not None:
            progress(model.day, worst)
        if model.day >= _FIRST_DAY:
            quiet = quiet + 1 if worst < TOLERANCE_POINTS and model.gap < 10 * p["learning.gap"] else 0
            if quiet == 0 or worst >= TOLERANCE_POINTS:
                move = _STEP * np.log(target / np.maximum(percent, 0.01))
                constants += np.clip(move - move[0], -1.0, 1.0)
                model.taste.constant[:] = constants
    label = (
        f"{network.name}: shares of {observed.year} in the {observed.area}, "
        f"sample {sample:g}, seed {seed}, {model.day} days"
    )
    fitted = Parameters(
        p.values, {m: float(round(c, 4)) for m, c in zip(MODES, constants, strict=True)}, p.sources, label
    )
    return Calibration(fitted, dict(observed.shares), before, now, model.day, quiet >= 5)


def shares_percent(model: CommuterModel) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return today's shares by mode in the headline area and base, percent."""
    from greentrip_agents.indicators import shares

    trips = shares(model, model.definition.area, model.definition.base)
    return np.asarray(100 * trips / trips.sum(), np.float64)


def classes(percent: "np.ndarray[Any, np.dtype[np.float64]]", model: CommuterModel) -> dict[str, float]:
    """Sum shares by published class."""
    out: dict[str, float] = {}
    for m, value in zip(MODES, percent, strict=True):
        name = model.definition.mode_class[m]
        out[name] = out.get(name, 0.0) + float(value)
    return out


def to_toml(result: Calibration) -> str:
    """Write the constants as the table that `default_parameters` reads."""
    lines = [
        "# One constant a mode (utility), fitted by `greentrip calibrate` to the observed shares; nests: "
        + ", ".join(NESTS)
        + ".",
        f'calibrated_on = "{result.parameters.calibrated_on}"',
        "[constants]",
        *(f"{m} = {c}" for m, c in result.parameters.constants.items()),
        "[shares]  # percent: observed, modelled",
        *(f"{k} = [{v}, {result.after[k]:.3f}]" for k, v in result.observed.items()),
    ]
    return "\n".join(lines) + "\n"
