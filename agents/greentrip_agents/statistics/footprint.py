"""How energy and exhaust differ between two scenarios, by mode."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from greentrip_agents.emissions import AMOUNTS, emissions
from greentrip_agents.run import Run
from greentrip_agents.statistics.changes import changes
from greentrip_agents.statistics.figures import by_scenario, each_scenario
from greentrip_agents.statistics.gains import Setting, setting_for


def emission_changes(
    base: Mapping[int, Run],
    other: Mapping[Any, Any],
    before: Setting,
    after: Setting | Mapping[str, Setting],
    level: float = 0.95,
) -> pl.DataFrame:
    """Return a weekday's vehicle-km, energy and exhaust by mode on both sides and their paired difference.

    Parameters
    ----------
    base, other
        Runs by seed; the other also by scenario and seed.
    before, after
        Network and parameters of each side, after also by scenario.
    level
        Of the interval.

    Returns
    -------
        Columns (scenario,) `mode` (with `all`), `what` (vehicle_km, energy_gj, electricity_mwh, co2_t, nox_kg, pm_kg),
        and those of `changes`.

    """
    if by_scenario(other):
        return each_scenario(
            base, other, lambda name: emission_changes(base, other[name], before, setting_for(after, name), level)
        )
    seeds = sorted(base.keys() & other.keys())
    sides = []
    for runs, setting in ((base, before), (other, setting_for(after))):
        tables = [
            emissions(runs[seed], setting.network, setting.parameters)
            .filter(pl.col("vehicle") == "all")
            .select("mode", "vehicle_km", *AMOUNTS)
            .unpivot(index="mode", variable_name="what")
            .with_columns(seed=pl.lit(seed))
            for seed in seeds
        ]
        sides.append(pl.concat(tables))
    order = {name: i for i, name in enumerate(sides[0]["mode"].unique(maintain_order=True))}
    kinds = {name: i for i, name in enumerate(("vehicle_km", *AMOUNTS))}
    found = changes(sides[0], sides[1], ["mode", "what"], "value", level)
    return found.sort(
        pl.col("mode").replace_strict(order, return_dtype=pl.Int64),
        pl.col("what").replace_strict(kinds, return_dtype=pl.Int64),
    )
