"""A run's indicators as a flat table of names and numbers, and which way each of them counts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from greentrip_networks.errors import UnknownNameError

from greentrip_agents.definitions import MODES

Values = Mapping[str, Mapping[int, Mapping[str, float]]]  # figures by scenario, seed and indicator

# What a run was, not what it found.
_FACTS = (
    "network", "year", "seed", "sample", "residents", "tours", "tours_listed_share", "definition", "calibrated_on",
    "assumptions", "warnings", "days_log", "converged", "trips",
)  # fmt: skip
# The first parts of all figures' names; what follows them depends on the city.
HEADS = (
    "green_share", "mode_share", "class_share", "trips_million", "by_district", "car_share_by_district", "by_purpose",
    "mean_km", "mean_minutes", "mean_trip_km", "mean_commute_km", "mean_commute_minutes", "metro_boardings_million",
    "bus_boardings_million", "passenger_km_metro_million", "feeder_riders", "street_speed_kmh", "trips_per_resident",
    "residents_represented", "visitors_represented", "served", "days", "gap", "drift", "response",
)  # fmt: skip
USUAL = ("green_share", *(f"mode_share.{m}" for m in MODES), "mean_commute_minutes", "metro_boardings_million",
         "bus_boardings_million")  # fmt: skip
_DOWN = ("mode_share.car", "mode_share.taxi", "mean_minutes", "mean_commute_minutes", "car_share_by_district",
         "cost_million_cny_year")  # fmt: skip
_UP = ("green_share", *(f"mode_share.{m}" for m in ("walk", "bicycle", "ebike", "bus", "metro")), "street_speed_kmh",
       "served")  # fmt: skip


def figures(indicators: Mapping[str, Any]) -> dict[str, float]:
    """Return every figure of a run by dotted name, in the order the run reports them.

    The headline's own shares come first under short names: `green_share` and `mode_share.car` are those of the area
    and base that the definition counts; `green_share.central six.residents` is that of another base. `converged` is 1
    for a run that settled with its demand served, 0 for one whose figures are not to be relied on.
    """
    definition = indicators["definition"]
    area, base = definition["area"], definition["base"]
    found: dict[str, float] = {"green_share": float(indicators["green_share"][area][base])}
    found |= {f"mode_share.{m}": float(v) for m, v in indicators["mode_share"][area][base].items()}
    for name, value in indicators.items():
        if name not in _FACTS:
            _add(found, name, value)
    if "converged" in indicators:
        found["converged"] = float(indicators["converged"])
    return found


def column(seeds: Mapping[int, Mapping[str, float]], name: str) -> dict[int, float]:
    """Return an indicator by seed where it is known."""
    return {s: f[name] for s, f in sorted(seeds.items()) if name in f and np.isfinite(f[name])}


def _add(found: dict[str, float], name: str, value: Any) -> None:
    """Add numbers, going down into tables; lists and texts are left out."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _add(found, f"{name}.{key}", inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found.setdefault(name, float(value))


def select(known: Iterable[str], wanted: Sequence[str] = ()) -> list[str]:
    """Return the names asked for: whole names, or the start of the shortest dotted ones; none means the usual ones.

    Raises
    ------
    UnknownNameError
        When nothing has the name or begins with it, with the nearest names.

    """
    names = list(known)
    if not wanted:
        return [n for n in USUAL if n in names]
    chosen: list[str] = []
    for one in wanted:
        below = [n for n in names if n.startswith(f"{one}.")]
        nearest = min((n.count(".") for n in below), default=0)  # `mode_share` means each mode's, not every base's
        found = [n for n in names if n == one] or [n for n in below if n.count(".") == nearest]
        if not found:
            raise UnknownNameError("indicator", one, names)
        chosen.extend(n for n in found if n not in chosen)
    return chosen


def direction(name: str) -> int:
    """Return 1 where more is better, -1 where less is, 0 where neither can be said."""
    for heads, sign in ((_UP, 1), (_DOWN, -1)):
        if any(name == h or name.startswith(f"{h}.") for h in heads):
            return sign
    return 0


def figure_table(runs: Any, wanted: Sequence[str] = ()) -> pl.DataFrame:
    """Return indicators and their values, one row each.

    Parameters
    ----------
    runs
        A run's indicators (or the run), runs by seed, or runs by scenario and seed: each level adds a column.
    wanted
        Names or their beginnings; none means the usual ones.

    """
    rows = [
        {**index, "indicator": name, "value": found[name]}
        for index, run in levels(runs)
        for found in [figures(getattr(run, "indicators", run))]
        for name in select(found, wanted)
    ]
    return pl.DataFrame(rows)


def levels(runs: Any) -> Iterable[tuple[dict[str, Any], Any]]:
    """Yield (index, run): nothing for a run, `seed` for runs by seed, `scenario` and `seed` for scenarios of them."""
    if not isinstance(runs, Mapping) or "definition" in runs:
        yield {}, runs
        return
    for key, inner in runs.items():
        if isinstance(inner, Mapping) and "definition" not in inner:
            for seed, run in inner.items():
                yield {"scenario": str(key), "seed": int(seed)}, run
        else:
            yield {"seed": int(key)}, inner


def by_scenario(runs: Mapping[Any, Any]) -> bool:
    """Return whether runs are by scenario and seed, rather than by seed; reads none of them."""
    return isinstance(next(iter(runs), None), str)


def each_scenario(
    base: Mapping[int, Any], others: Mapping[str, Mapping[int, Any]], table: Callable[[str], pl.DataFrame]
) -> pl.DataFrame:
    """Return the tables of several scenarios against one base, with the column `scenario` before the others.

    Parameters
    ----------
    base, others
        Runs by seed, and runs by scenario and seed; scenarios that share no seed with the base are left out.
    table
        Makes the table of the scenario of a name.

    """
    frames = []
    for name, runs in others.items():
        if base.keys() & runs.keys():
            frame = table(name)
            frames.append(frame.insert_column(0, pl.Series("scenario", [name] * frame.height, pl.String)))
    return pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame()
