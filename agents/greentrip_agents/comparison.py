"""Two sets of runs on common random numbers: what changed, how sure that is, and who left what for what."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Network
from scipy import stats

from greentrip_agents.definitions import MODES
from greentrip_agents.run import Run

NOTE = "preliminary: simulation noise only; parameters, placement and model form are not in the interval"


@dataclass(frozen=True, eq=False)
class Comparison:
    """What another scenario does against a base; `summary` is plain data."""

    summary: dict[str, Any]

    @property
    def change_points(self) -> float:
        """Change of the headline green share, points."""
        return float(self.summary["headline"]["change_points"])


def compare(base: Sequence[Run], other: Sequence[Run], network: Network) -> Comparison:
    """Compare runs of two scenarios pair by pair, on the same seeds.

    The headline is the observed share plus the modelled change; its interval is Student's over the seeds' paired
    differences. Raises ScenarioError when the seeds, samples or definitions differ, or a side is empty.
    """
    if not base or not other:
        raise ScenarioError("runs", "both sides need at least one run")
    mine, theirs = ({r.indicators["seed"]: r for r in runs} for runs in (base, other))
    if len(mine) != len(base) or len(theirs) != len(other):
        raise ScenarioError("runs", "a seed appears twice on one side; give each seed once")
    if mine.keys() != theirs.keys():
        raise ScenarioError(
            "runs", f"seeds differ: {sorted(mine)} against {sorted(theirs)}; run both sides on the same seeds"
        )
    pairs = [(mine[s], theirs[s]) for s in sorted(mine)]
    for field in ("sample", "definition", "calibrated_on"):
        values = {json.dumps(r.indicators[field], sort_keys=True) for pair in pairs for r in pair}
        if len(values) > 1:
            raise ScenarioError(field, f"the runs differ in it ({', '.join(sorted(values))}); compare like with like")
    definition = pairs[0][0].indicators["definition"]
    area, where = definition["area"], definition["base"]
    green = [(_green(a, area, where), _green(b, area, where)) for a, b in pairs]
    change = paired([b - a for a, b in green])
    observed = next((o for o in network.observed if o.area == area and o.year == network.year), None)
    published = sum(v for k, v in observed.shares.items() if k in _green_classes(definition)) if observed else None
    warnings = [f"seed {r.indicators['seed']}: {w}" for pair in pairs for r in pair for w in r.indicators["warnings"]]
    headline = {
        "area": area,
        "base": where,
        "observed": published,
        "observed_year": observed.year if observed else None,
        "modelled_base": float(np.mean([a for a, _ in green])),
        "modelled_other": float(np.mean([b for _, b in green])),
        **change,
        "target": network.target.value,
        "target_year": network.target.year,
    }
    headline |= verdict(
        headline,
        change,
        converged=all(r.indicators["converged"] for pair in pairs for r in pair),
        outside=pairs[0][0].indicators.get("response", {}).get("outside", []),
    )
    shares = {}
    for mode in MODES:
        a = [r.indicators["mode_share"][area][where][mode] for r, _ in pairs]
        b = [r.indicators["mode_share"][area][where][mode] for _, r in pairs]
        spread = paired([y - x for x, y in zip(a, b, strict=True)])
        shares[mode] = {
            "base": float(np.mean(a)),
            "other": float(np.mean(b)),
            "change": spread["change_points"],
            "interval": spread["interval"],
        }
    bases = {
        place: {
            name: paired([_green(b, place, name) - _green(a, place, name) for a, b in pairs])["change_points"]
            for name in values
        }
        for place, values in pairs[0][0].indicators["green_share"].items()
    }
    return Comparison({
        "headline": headline,
        "shares": shares,
        "change_by_base": bases,
        "diversion": diversion(pairs),
        "seeds": sorted(mine),
        "warnings": warnings,
    })  # fmt: skip


def paired(differences: Sequence[float]) -> dict[str, Any]:
    """Return the mean of paired differences and its 95 % interval; a single pair has none unless it is exactly zero."""
    d = np.asarray(differences, np.float64)
    mean = float(d.mean())
    if (d == 0).all():
        return {"change_points": 0.0, "interval": [0.0, 0.0]}
    if len(d) < 2:
        return {"change_points": mean, "interval": None}
    half = float(stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / math.sqrt(len(d)))
    return {"change_points": mean, "interval": [mean - half, mean + half]}


def verdict(
    headline: dict[str, Any], change: dict[str, Any], *, converged: bool, outside: Sequence[str] = ()
) -> dict[str, Any]:
    """Say whether the forecast meets the target, as far as the seeds alone can say.

    outside: reactions of the model that lie outside what published reviews report; with any there is no verdict.
    """
    if headline["observed"] is None:
        return {
            "forecast": None,
            "forecast_interval": None,
            "verdict": "none",
            "note": "no observed share of this year to pivot on",
        }
    forecast = headline["observed"] + change["change_points"]
    if not converged:
        return {
            "forecast": forecast,
            "forecast_interval": None,
            "verdict": "none",
            "note": "a run did not converge or left demand unserved",
        }
    if outside:
        return {
            "forecast": forecast,
            "forecast_interval": None,
            "verdict": "none",
            "note": f"the model reacts outside the range of published reviews: {'; '.join(outside)}",
        }
    if change["interval"] is None:
        return {
            "forecast": forecast,
            "forecast_interval": None,
            "verdict": "undecided",
            "note": f"one seed gives no interval; {NOTE}",
        }
    low, high = (headline["observed"] + x for x in change["interval"])
    word = "met" if low >= headline["target"] else "missed" if high < headline["target"] else "undecided"
    return {"forecast": forecast, "forecast_interval": [low, high], "verdict": word, "note": NOTE}


def _green(run: Run, area: str, base: str) -> float:
    """Return a run's green share in an area and base, percent."""
    return float(run.indicators["green_share"][area][base])


def _green_classes(definition: dict[str, Any]) -> set[str]:
    """Return the published classes whose modes are all green."""
    classes: dict[str, bool] = {}
    for mode, name in definition["mode_class"].items():
        classes[name] = classes.get(name, True) and definition["green"][mode]
    return {name for name, ok in classes.items() if ok}


def diversion(pairs: Sequence[tuple[Run, Run]]) -> list[dict[str, Any]]:
    """Return trips a day that changed mode, mean over the seeds, largest first; persons in both runs only."""
    keys = ["person", "tour", "direction"]
    moved: dict[tuple[str, str], float] = {}
    for a, b in pairs:
        joined = (
            a.trips.filter(pl.col("counted"))
            .select(*keys, "mode", "weight")
            .join(b.trips.select(*keys, pl.col("mode").alias("to")), on=keys)
        )
        table = (
            joined.filter(pl.col("mode") != pl.col("to"))
            .group_by("mode", "to")
            .agg(pl.col("weight").sum())
            .sort("mode", "to")
        )
        for before, after, weight in table.iter_rows():
            moved[before, after] = moved.get((before, after), 0.0) + weight / len(pairs)
    ordered = sorted(moved.items(), key=lambda item: (-item[1], item[0]))
    return [{"from": a, "to": b, "trips_per_day": float(n)} for (a, b), n in ordered]
