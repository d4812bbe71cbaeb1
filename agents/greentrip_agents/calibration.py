"""Fit one constant a mode so that a city's published shares come out, with the simulator in the loop.

Constants fitted to as many shares validate nothing: what the model answers is a change, and further published figures
are printed beside the fit so that a reader can judge the rest.

A day's constants are found at the costs of that day, from sums of choice probabilities, for the first days; then, since
a sample of people has its own luck, the simulated shares themselves are followed with the usual update for logit
constants, a damped log of the target over the share. Every run meets the same luck, so a result can be repeated. It
stops when every class is within TOLERANCE_POINTS for QUIET_DAYS days on end and the day is near equilibrium.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from greentrip_networks.network import Network
from numpy.typing import NDArray

from greentrip_agents.choice import Travellers
from greentrip_agents.definitions import MODES, NESTS
from greentrip_agents.indicators import counted, shares, within
from greentrip_agents.model import CommuterModel
from greentrip_agents.parameters import Parameters, default_parameters, parameter_row
from greentrip_agents.response import Reaction, expected, reactions
from greentrip_agents.targets import Targets, check_targets, observed_targets
from greentrip_agents.validation import MEASURES

Floats = NDArray[np.float64]

# Modes that share a published class move together; how they split within it is assumed, as no figure was found.
SPLIT: Mapping[str, Mapping[str, float]] = {
    "walk": {"walk": 1.0},
    "bicycle": {"bicycle": 0.75, "ebike": 0.25},
    "bus": {"bus": 1.0},
    "metro": {"metro": 0.99, "pr": 0.01},
    "other": {"car": 0.86, "taxi": 0.14},
}
TOLERANCE_POINTS = 0.05
QUIET_DAYS = 5
LIMIT = 25.0  # utility: a constant beyond it has run away
_STEP = 0.8
_FIRST_DAY = 4
_FITS = 10  # updates at the costs of one day


@dataclass(frozen=True)
class Calibration:
    """Constants that reproduce published shares, and how closely."""

    parameters: Parameters
    observed: Mapping[str, float]
    before: Mapping[str, float]
    after: Mapping[str, float]
    days: int
    reached: bool
    reason: str = ""  # why it was not reached, with the figures
    checks: Sequence[Mapping[str, Any]] = ()  # published figures that were not fitted: before, after
    reactions: Sequence[Reaction] = field(default_factory=tuple)

    def residuals(self) -> dict[str, float]:
        """Return modelled minus observed, in points, by published class."""
        return {k: self.after[k] - v for k, v in self.observed.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as plain data."""
        left = self.residuals()
        return {
            "calibrated_on": self.parameters.calibrated_on,
            "reached": self.reached,
            "reason": self.reason,
            "days": self.days,
            "tolerance_points": TOLERANCE_POINTS,
            "classes": [
                {"class": k, "observed": v, "before": self.before.get(k), "after": self.after[k], "residual": left[k]}
                for k, v in self.observed.items()
            ],
            "constants": dict(self.parameters.constants),
            "checks": [dict(c) for c in self.checks],
            "response": [r.to_dict() for r in self.reactions],
        }


def calibrate(
    network: Network,
    *,
    targets: Targets | None = None,
    sample: float = 0.005,
    seed: int = 0,
    max_days: int = 80,
    parameters: Parameters | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Calibration:
    """Adjust the constants day by day until every class is met, one runs away, or max_days have passed.

    targets: what to aim at; those that come with the network if none are given. progress is called with (day, largest
    residual in points). A calibration that did not reach its targets says which, and by how much, in `reason`. Raises
    ScenarioError or UnknownNameError when the targets make no sense.
    """
    aim = targets if targets is not None else observed_targets(network)
    p = parameters if parameters is not None else default_parameters(network.name)
    model = CommuterModel(network, sample=sample, seed=seed, parameters=p)
    check_targets(aim, model.definition)
    constants = np.array([p.constants[m] for m in MODES])
    target = target_by_mode(aim.shares, model)
    before: dict[str, float] = {}
    now = before
    checks_before: dict[str, float] = {}
    quiet = 0
    while model.day < max_days and quiet < QUIET_DAYS and np.abs(constants).max() < LIMIT:
        model.step()
        percent = shares_percent(model)
        now = classes(percent, model)
        worst = max(abs(now[k] - v) for k, v in aim.shares.items())
        if progress is not None:
            progress(model.day, worst)
        if model.day == 1:
            before, checks_before = now, _measure(model, aim)
        if model.day < _FIRST_DAY:
            constants = fit_constants(model, target)
            model.taste.constant[:] = constants
            continue
        quiet = quiet + 1 if worst < TOLERANCE_POINTS and model.gap < 10 * p["learning.gap"] else 0
        if worst >= TOLERANCE_POINTS:
            move = _STEP * np.log(target / np.maximum(percent, 0.01))
            constants += np.clip(move - move[0], -1.0, 1.0)
            model.taste.constant[:] = constants
    label = f"{network.name}: shares of {aim.year} in the {aim.area}, sample {sample:g}, seed {seed}, {model.day} days"
    fitted = Parameters(
        p.values, {m: float(round(c, 4)) for m, c in zip(MODES, constants, strict=True)}, p.sources, label
    )
    after = _measure(model, aim)
    rows = [
        {"measure": k, "published": v, "before": checks_before[k], "after": after[k]} for k, v in aim.checks.items()
    ]
    return Calibration(
        fitted,
        dict(aim.shares),
        before,
        now,
        model.day,
        quiet >= QUIET_DAYS,
        _reason(now, aim, constants, quiet, model),
        rows,
        reactions(model),
    )


def _measure(model: CommuterModel, aim: Targets) -> dict[str, float]:
    """Return the figures that are printed beside the fit."""
    return {name: MEASURES[name](model) for name in aim.checks}


def _reason(now: Mapping[str, float], aim: Targets, constants: Floats, quiet: int, model: CommuterModel) -> str:
    """Say why a calibration was not reached; nothing where it was."""
    if quiet >= QUIET_DAYS:
        return ""
    off = [f"{k} {now[k]:.2f} for {v:g}" for k, v in aim.shares.items() if abs(now[k] - v) >= TOLERANCE_POINTS]
    away = [f"{m} at {c:+.1f}" for m, c in zip(MODES, constants, strict=True) if abs(c) >= LIMIT]
    if away:
        return (
            f"the constant of {', '.join(away)} has run away (limit {LIMIT:g}): its share cannot be reached with this "
            f"network; shares now: {', '.join(off)}"
        )
    if off:
        return f"not reached in {model.day} days: {', '.join(off)} (percent; tolerance {TOLERANCE_POINTS:g} point)"
    return f"the shares were met, but not for {QUIET_DAYS} days near equilibrium within {model.day} days; allow more"


def target_by_mode(observed: Mapping[str, float], model: CommuterModel) -> Floats:
    """Return the target of each mode in percent, published classes split as assumed."""
    names = model.definition.mode_class
    return np.array([observed[names[m]] * SPLIT[names[m]][m] for m in MODES])


def fit_constants(model: CommuterModel, target: Floats) -> Floats:
    """Return the constants at which expected shares meet a target (percent by mode), at the costs of today."""
    counts = counted(model) & within(model, model.definition.area, model.definition.base)
    rows = np.flatnonzero(counts)
    columns: dict[str, Any] = {name: column[rows] for name, column in model.travellers._asdict().items()}
    who = Travellers(**columns)
    weight, likes = model.weight[rows], model.taste._replace(constant=model.taste.constant.copy())
    for _ in range(_FITS):
        trips, _ = expected(who, weight, model.local_speed, model.costs, likes)
        percent = 100 * trips / trips.sum()
        move = np.log(target / np.maximum(percent, 0.01))
        likes.constant[:] += np.clip(move - move[0], -2.0, 2.0)
    return likes.constant


def shares_percent(model: CommuterModel) -> Floats:
    """Return today's shares by mode in the headline area and base, percent."""
    trips = shares(model, model.definition.area, model.definition.base)
    return np.asarray(100 * trips / trips.sum(), np.float64)


def classes(percent: Floats, model: CommuterModel) -> dict[str, float]:
    """Sum shares by published class."""
    out: dict[str, float] = {}
    for m, value in zip(MODES, percent, strict=True):
        name = model.definition.mode_class[m]
        out[name] = out.get(name, 0.0) + float(value)
    return out


def to_toml(result: Calibration) -> str:
    """Write the constants, and what the response tests found, as the table that `default_parameters` reads."""
    lines = [
        "# One constant a mode (utility), fitted by `greentrip calibrate` to the observed shares; nests: "
        + ", ".join(NESTS)
        + ".",
        f'calibrated_on = "{result.parameters.calibrated_on}"',
        "[constants]",
        *(f"{m} = {c}" for m, c in result.parameters.constants.items()),
        "[shares]  # percent: observed, modelled",
        *(f"{k} = [{v}, {result.after[k]:.3f}]" for k, v in result.observed.items()),
        "[response]  # elasticity, and the range that published reviews report",
        *(f"{r.name} = [{r.elasticity:.4f}, {r.low}, {r.high}]" for r in result.reactions),
    ]
    p = result.parameters
    kept = [n for n in p.estimated if n in p.values]  # a survey's constants have given way to those fitted
    if kept:
        lines.append("[parameters]  # estimated from a survey")
        told = {n: p.sources.get(n, "").removeprefix("estimated: ") for n in kept}
        lines += [parameter_row(n, (p.values[n], *p.estimated[n]), told[n]) for n in kept]
    return "\n".join(lines) + "\n"
