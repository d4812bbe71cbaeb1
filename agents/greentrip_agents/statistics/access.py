"""How unequal access is: jobs and residents within reach by public transport, over residents and incomes.

From every square where people live, door to door by bus, by rail or on foot at the costs a run ended with; a zone's
jobs count when the place where its people are is reached in time.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from greentrip_networks.kernels import njit, prange
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greentrip_agents import choice
from greentrip_agents.costs import taste
from greentrip_agents.definitions import RESIDENT
from greentrip_agents.detail import costs_of
from greentrip_agents.run import Run
from greentrip_agents.statistics.breakdown import INCOME_GROUPS, income_fifth
from greentrip_agents.statistics.figures import by_scenario, each_scenario
from greentrip_agents.statistics.gains import Setting, setting_for

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]

MINUTES = (45.0, 60.0)
OF = ("jobs", "residents")


def access(run: Run, setting: Setting, period: int = 0) -> pl.DataFrame:
    """Return how much of the city's jobs and residents people reach by public transport, and how equally.

    Parameters
    ----------
    run, setting
        A run, its network and parameters.
    period
        0 is the morning peak.

    Returns
    -------
        Columns `of` (jobs or residents), `minutes`, `mean` (percent of all that a resident reaches), `gini` over
        residents (0 equal), `palma` (what the best-off tenth reaches over what the worst-off 40 % reach together; null
        where they reach nothing), then the mean of each fifth of incomes.

    """
    network = setting.network
    zones, cells = network.zones, network.cells
    c = costs_of(run.costs)
    t = taste(network, setting.parameters)
    middle = np.asarray(
        cKDTree(np.column_stack([cells.x_m, cells.y_m])).query(np.column_stack([c.zone_x, c.zone_y]))[1], np.int64
    )
    minutes = np.empty((len(cells.zone), len(zones)))
    _minutes(period, cells.x_m, cells.y_m, cells.zone.astype(np.int64), middle, c, t, minutes)
    living = zones.residents[cells.zone] * cells.home_share
    table = run.table("travellers")
    homes = (
        table.filter(pl.col("kind") == RESIDENT)
        .select(pl.col("key").alias("person"), "income_cny_year", "home_cell", "weight")
        .unique("person", keep="first", maintain_order=True)
    )
    group, home, weight = income_fifth(homes).to_numpy(), homes["home_cell"].to_numpy(), homes["weight"].to_numpy()
    rows = []
    for of, amount in zip(OF, (zones.jobs, zones.residents), strict=True):
        whole = max(float(amount.sum()), 1e-9)
        for limit in MINUTES:
            reached = 100 * (minutes <= limit) @ amount / whole
            row = {
                "of": of, "minutes": limit, "mean": float(reached @ living / max(living.sum(), 1e-9)),
                "gini": gini(reached, living), "palma": palma(reached, living),
            }  # fmt: skip
            for name in INCOME_GROUPS:
                here = group == name
                row[name] = float(np.average(reached[home[here]], weights=weight[here])) if here.any() else None
            rows.append(row)
    types = dict.fromkeys(("palma", *INCOME_GROUPS), pl.Float64)
    return pl.DataFrame(rows, schema_overrides=types)


def access_changes(
    base: Mapping[int, Run], other: Mapping[Any, Any], before: Setting, after: Setting | Mapping[str, Setting]
) -> pl.DataFrame:
    """Return `access` of both sides, means of the common seeds.

    Parameters
    ----------
    base, other
        Runs by seed; the other also by scenario and seed.
    before, after
        Network and parameters of each side, after also by scenario.

    Returns
    -------
        Columns (scenario,) `of`, `minutes`, `figure` (mean, gini, palma, or an income group's mean), `base`, `other`,
        `change`.

    """
    if by_scenario(other):
        return each_scenario(
            base, other, lambda name: access_changes(base, other[name], before, setting_for(after, name))
        )
    seeds = sorted(base.keys() & other.keys())
    sides = []
    for runs, setting in ((base, before), (other, setting_for(after))):
        tables = [access(runs[s], setting).unpivot(index=["of", "minutes"], variable_name="figure") for s in seeds]
        sides.append(
            pl.concat(tables).group_by("of", "minutes", "figure", maintain_order=True).agg(pl.col("value").mean())
        )
    return (
        sides[0].rename({"value": "base"})
        .join(sides[1].rename({"value": "other"}), on=["of", "minutes", "figure"], maintain_order="left")
        .with_columns(change=pl.col("other") - pl.col("base"))
    )  # fmt: skip


def gini(value: Floats, weight: Floats) -> float:
    """Return the Gini coefficient of a value over weighted persons; 0 where everybody has the same or nothing."""
    order = np.argsort(value, kind="stable")
    v, w = value[order], weight[order]
    people = np.cumsum(w)
    if not len(v) or people[-1] <= 0 or (v @ w) <= 0:
        return 0.0
    held = np.concatenate([[0.0], np.cumsum(v * w)]) / (v @ w)
    return float(max(1 - np.sum((held[1:] + held[:-1]) * w) / people[-1], 0.0))


def palma(value: Floats, weight: Floats) -> float | None:
    """Return what the best-off tenth of persons holds over what the worst-off 40 % hold, if anything."""
    order = np.argsort(value, kind="stable")
    v, w = value[order], weight[order]
    people = np.concatenate([[0.0], np.cumsum(w)])
    held = np.concatenate([[0.0], np.cumsum(v * w)])
    low = np.interp(0.4 * people[-1], people, held)
    top = held[-1] - np.interp(0.9 * people[-1], people, held)
    return float(top / low) if low > 0 else None


@njit(parallel=True)
def _minutes(
    p: int, x: Floats, y: Floats, zone: NDArray[np.int64], middle: NDArray[np.int64], c: choice.Costs, t: choice.Taste,
    out: Floats,
) -> None:  # fmt: skip
    """Fill plain minutes from every cell to every zone: the quickest of rail, bus and the feet."""
    slots = c.station.shape[1]
    for o in prange(out.shape[0]):
        for d in range(out.shape[1]):
            cd = middle[d]
            straight = np.hypot(x[o] - c.zone_x[d], y[o] - c.zone_y[d])
            best = straight * t.detour / t.walk_m_min
            walks = c.bus_walk_min[o] + c.bus_walk_min[cd]
            if zone[o] != d and walks < np.inf and c.bus_fixed[p, zone[o], d] < np.inf:
                best = min(best, walks + c.bus_min[p, zone[o], d])
            for i in range(slots):
                s = c.station[o, i]
                if s < 0 or c.access_min[p, o, i] >= best:
                    continue
                for j in range(slots):
                    e = c.station[cd, j]
                    if e >= 0 and e != s:
                        ride = c.rail_min[p, s, e] + t.station_access
                        best = min(best, c.access_min[p, o, i] + ride + c.access_min[p, cd, j])
            out[o, d] = best
