"""How sure a scenario's change is: parameters, placement of people, published shares and the model's form, all at once.

Each point of a Latin hypercube is a city that could be: its parameters lie in stated ranges, its homes and jobs on one
of several layouts, its published shares are off by as much as such shares are, its choice is nested or not, its people
have luck of their own. There the constants are fitted anew, and the scenario's change is the difference of expected
green shares. The interval is the one in which the next such city would lie (Student's, for a single new draw).
"""

import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Network
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import qmc

from greentrip_agents.calibration import fit_constants, target_by_mode
from greentrip_agents.definitions import MODES, default_definition
from greentrip_agents.indicators import counted, within
from greentrip_agents.model import CommuterModel
from greentrip_agents.parameters import Parameters, default_parameters
from greentrip_agents.prior import first_expectation
from greentrip_agents.response import expected
from greentrip_agents.targets import observed_targets

Floats = NDArray[np.float64]
PLACEMENTS = 5
FORMS = ("nested", "multinomial")
SHARE_ERROR = 0.5  # points: standard deviation of a published share; assumed, none is stated
BASE_ERROR = 0.1  # points: half-width of rounding in the observed green share, the sum of two rounded figures
DAYS_UNKNOWN = 6  # of life before a city is read, where nothing is known of its traffic
_LEAST_POINTS = 5


@dataclass(frozen=True)
class Point:
    """One city that could be, and what the scenario changes there."""

    values: Mapping[str, float]
    placement: int
    form: str
    seed: int
    base: float
    change: float


def uncertainty(
    build: Callable[[int], tuple[Network, Network]],
    *,
    points: int = 12,
    sample: float = 0.002,
    days: int | None = None,
    seed: int = 0,
    parameters: Parameters | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> dict[str, Any]:
    """Return the change of the green share with its total interval, the verdict on it and what it hangs on.

    build returns the base and the changed network of a placement. days: how many days each city lives before it is
    read; 0 takes the traffic and crowds that the city's calibration left, so streets and crowds do not react, and is
    the default where those fit both networks. progress is called with (point, points, change). Raises ScenarioError
    for fewer than five points, and for 0 days where nothing fits.
    """
    if points < _LEAST_POINTS:
        raise ScenarioError("points", f"saw {points}; expected at least {_LEAST_POINTS}")
    lived = _days(build(0), days)
    first, _ = build(0)
    start = parameters if parameters is not None else default_parameters(first.name)
    surveyed = {
        name: {"low": low, "high": high} for name, (low, high) in start.estimated.items() if name in start.values
    }
    ranges = {**_ranges(), **surveyed}  # what a survey estimated goes before what reviews report
    unit = qmc.LatinHypercube(len(ranges), rng=np.random.default_rng(seed)).random(points)
    luck = np.random.default_rng([seed, 1])
    aim = observed_targets(first)
    networks: dict[int, tuple[Network, Network]] = {0: build(0)}
    found: list[Point] = []
    for k in range(points):
        values = {n: r["low"] + u * (r["high"] - r["low"]) for (n, r), u in zip(ranges.items(), unit[k], strict=True)}
        place, form = k % PLACEMENTS, FORMS[(k // PLACEMENTS + k) % len(FORMS)]
        if place not in networks:
            networks[place] = build(place)
        shares = {c: max(v + SHARE_ERROR * luck.standard_normal(), 0.2) for c, v in aim.shares.items()}
        shares = {c: 100 * v / sum(shares.values()) for c, v in shares.items()}
        p = at(start, values, form)
        found.append(_live(networks[place], p, shares, values, place, form, sample, seed + k, lived))
        if progress is not None:
            progress(k + 1, points, found[-1].change)
    return summary(found, first, start)


def _days(networks: tuple[Network, Network], days: int | None) -> int:
    """Return how many days to live: none where what is known of traffic and crowds fits both networks."""
    known = [first_expectation(n) for n in networks]
    fits = all(len(k.streets) and len(k.buses) and len(k.rail) for k in known)
    if days is None:
        return 0 if fits else DAYS_UNKNOWN
    if days < 0 or (days == 0 and not fits):
        raise ScenarioError(
            "days", f"saw {days}; the traffic and crowds of these networks are not known, expected {DAYS_UNKNOWN} or so"
        )
    return days


def at(start: Parameters, values: Mapping[str, float], form: str) -> Parameters:
    """Return the parameters of a point: values by name, factors where a name ends in *."""
    changes: dict[str, float] = {}
    for name, value in values.items():
        if name.endswith("*"):
            changes |= {n: v * value for n, v in start.values.items() if n.startswith(name[:-1])}
        else:
            changes[name] = value
    if form == "multinomial":
        changes |= {n: 1.0 for n in start.values if n.startswith("choice.nest_scale.")}
    return start.with_(changes)


def _live(
    networks: tuple[Network, Network], p: Parameters, shares: Mapping[str, float], values: Mapping[str, float],
    place: int, form: str, sample: float, seed: int, days: int,
) -> Point:  # fmt: skip
    """Fit the constants in one city and return what the scenario changes there."""
    with closing(CommuterModel(networks[0], sample=sample, seed=seed, parameters=p)) as probe:
        target = target_by_mode(shares, probe)
        constants = fit_constants(probe, target)
        for _ in range(days):
            probe.taste.constant[:] = constants
            probe.step()
            constants = fit_constants(probe, target)
    green = []
    for network in networks:  # both live their days alike, with the constants found
        with closing(CommuterModel(network, sample=sample, seed=seed, parameters=p)) as model:
            model.taste.constant[:] = constants
            for _ in range(days):
                model.step()
            green.append(expected_green(model))
    before, after = green
    return Point(values, place, form, seed, before, after - before)


def expected_green(model: CommuterModel) -> float:
    """Return the green share of the headline area and base in percent, from choice probabilities: no luck of draws."""
    counts = counted(model) & within(model, model.definition.area, model.definition.base)
    trips, _ = expected(model.travellers, model.weight * counts, model.local_speed, model.costs, model.taste)
    green = np.array([model.definition.green[m] for m in MODES])
    return float(100 * trips[green].sum() / max(trips.sum(), 1e-9))


def summary(found: Sequence[Point], network: Network, parameters: Parameters) -> dict[str, Any]:
    """Return the interval, the verdict and the tornado of some points as plain data."""
    change = np.array([x.change for x in found])
    low, high = predictive(change)
    mean = float(change.mean())
    aim = observed_targets(network)
    definition = default_definition()
    green = {c for m, c in definition.mode_class.items() if definition.green[m]}
    observed = sum(v for c, v in aim.shares.items() if c in green)
    forecast = [observed + low - BASE_ERROR, observed + high + BASE_ERROR]
    outside = parameters.response_outside()
    if outside:
        word, note = "none", f"the model reacts outside the range of published reviews: {'; '.join(outside)}"
    else:
        target = network.target.value
        word = "met" if forecast[0] >= target else "missed" if forecast[1] < target else "undecided"
        note = "total interval: parameters, placement, published shares, model form and luck"
    return {
        "change_points": mean,
        "total_interval": [low, high],
        "observed": observed,
        "forecast": observed + mean,
        "forecast_interval": forecast,
        "target": network.target.value,
        "verdict": word,
        "note": note,
        "points": [
            {"change": x.change, "placement": x.placement, "form": x.form, "seed": x.seed, "values": dict(x.values)}
            for x in found
        ],
        "tornado": tornado(found),
    }  # fmt: skip


def predictive(change: Floats) -> tuple[float, float]:
    """Return the 95 % interval for one more draw, given some (Student's prediction interval)."""
    n = len(change)
    half = float(stats.t.ppf(0.975, n - 1) * change.std(ddof=1) * math.sqrt(1 + 1 / n))
    return float(change.mean()) - half, float(change.mean()) + half


def tornado(found: Sequence[Point]) -> list[dict[str, Any]]:
    """Return what the change hangs on, the most important first: swing from low to high of each, in points.

    From a straight line of the change on each cause alone; `noise` is the swing that chance alone gives one time in
    three with so few points, so a smaller swing says nothing.
    """
    change = np.array([x.change for x in found])
    causes: dict[str, Floats] = {
        name: np.array([x.values[name] for x in found]) for name in (found[0].values if found else {})
    }
    causes["model form"] = np.array([FORMS.index(x.form) for x in found], np.float64)
    causes["placement"] = np.array([x.placement for x in found], np.float64)
    n = len(change)
    rows = []
    for name, values in causes.items():
        spread = values.max() - values.min()
        if spread <= 0 or change.std() == 0:
            rows.append({"cause": name, "swing_points": 0.0, "noise_points": 0.0})
            continue
        if name == "placement":  # layouts have no order: the range of their means
            means = [change[values == v].mean() for v in np.unique(values)]
            swing, noise = float(max(means) - min(means)), float(change.std() * math.sqrt(len(means) / n) * 2)
        else:
            slope = float(np.polyfit(values, change, 1)[0])
            swing, noise = slope * float(spread), float(change.std() / math.sqrt(n) * spread / values.std())
        rows.append({"cause": name, "swing_points": swing, "noise_points": noise})
    return sorted(rows, key=lambda r: -abs(r["swing_points"]))


@cache
def _ranges() -> dict[str, dict[str, Any]]:
    """Read the shipped table of ranges."""
    return tomllib.loads(files("greentrip_agents").joinpath("uncertain.toml").read_text(encoding="utf-8"))
