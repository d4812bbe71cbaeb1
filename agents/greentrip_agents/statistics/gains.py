"""Who gains and who loses between two scenarios: change of everybody's logsum, in minutes and CNY, and of green trips.

The logsum is what all modes on offer are worth to a tour; its change, over the utility of a minute, is the generalised
time that a trip gains whether or not the mode changes (Small and Rosen 1981; de Jong and others 2007). No luck is in
it: the same persons are asked at the costs that both runs ended with, and green shares are sums of probabilities.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from greentrip_networks.errors import ScenarioError
from greentrip_networks.kernels import njit, prange
from greentrip_networks.network import Network
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greentrip_agents import choice
from greentrip_agents.costs import taste
from greentrip_agents.definitions import MODES, RESIDENT
from greentrip_agents.detail import AGES, costs_of, travellers_of
from greentrip_agents.parameters import Parameters
from greentrip_agents.run import Run
from greentrip_agents.statistics.breakdown import INCOME_GROUPS, income_fifth
from greentrip_agents.statistics.figures import by_scenario, each_scenario
from greentrip_agents.statistics.flows import FELT_MIN
from greentrip_agents.statistics.intervals import difference, holm, mean_interval

Floats = NDArray[np.float64]

RAIL_M = (500.0, 1000.0, 2000.0)  # from home to the nearest station as the crow flies
RAIL_BANDS = ("within 500 m of rail", "500 to 1,000 m", "1 to 2 km", "beyond 2 km")
GROUPS = ("all", "income", "age", "car", "rail", "district")
_ORDER = {name: i for i, name in enumerate((*INCOME_GROUPS, *AGES.values(), *RAIL_BANDS))}


@dataclass(frozen=True, eq=False)
class Setting:
    """What the runs of one scenario were made with."""

    network: Network
    parameters: Parameters


def setting_for(settings: Setting | Mapping[str, Setting], scenario: str = "") -> Setting:
    """Return a scenario's setting: its own, or the one that all have."""
    if isinstance(settings, Setting):
        return settings
    if scenario not in settings:
        raise ScenarioError("after", f"saw settings of {', '.join(settings)}; expected one, or one of each scenario")
    return settings[scenario]


def gains(
    base: Mapping[int, Run],
    other: Mapping[Any, Any],
    before: Setting,
    after: Setting | Mapping[str, Setting],
    level: float = 0.95,
) -> pl.DataFrame:
    """Return by groups of residents what the other scenario gives or takes.

    Parameters
    ----------
    base, other
        Runs by seed, the other also by scenario and seed; the seeds that both have are used, and the residents and
        tours that both have.
    before, after
        Network and parameters of each side, after also by scenario. Homes and distances to rail are those before.
    level
        Of Student's interval over the seeds.

    Returns
    -------
        Columns (scenario,) `by` (of GROUPS), `part`, `persons` who travel, `trips` a weekday, `minutes` gained a trip
        (positive: easier) with `low` and `high` (null for one seed), `cny` a trip at each person's own value of time,
        `million_cny` a weekday, `gain` and `lose` (persons whose trips become easier or harder by more than half a
        minute each), `green_before` and `green_after` (percent of trips, expected); means of the seeds. `p` is that
        of no change of the minutes, `p_holm` the same corrected for the number of rows (null for a single seed).

    """
    if by_scenario(other):
        return each_scenario(
            base, other, lambda name: gains(base, other[name], before, setting_for(after, name), level)
        )
    then = setting_for(after)
    seeds = sorted(base.keys() & other.keys())
    frames = []
    for seed in seeds:
        joined = tours(base[seed], before).join(
            tours(other[seed], then).select("person", "tour", value_after="value", green_after="green"),
            on=["person", "tour"], maintain_order="left",
        )  # fmt: skip
        frames.append(_grouped(_described(joined, before.network)).with_columns(seed=pl.lit(seed)))
    if not frames:
        return pl.DataFrame()
    together = pl.concat(frames)
    rows: list[dict[str, Any]] = []
    for (by, part), found in together.group_by(["by", "part"], maintain_order=True):
        figures = {c: float(found[c].mean()) for c in found.columns if c not in ("by", "part", "seed")}  # type: ignore[arg-type]
        minutes = found["minutes"].to_list()
        _, interval = mean_interval(minutes, level)
        low, high = interval if interval is not None else (None, None)
        none = dict.fromkeys(range(len(minutes)), 0.0)
        p = difference(none, dict(enumerate(minutes)), level).p if interval is not None else None
        rows.append({"by": by, "part": part, **figures, "low": low, "high": high, "p": p, "p_holm": p})
    tested = [row for row in rows if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p
    columns = ("by", "part", "persons", "trips", "minutes", "low", "high", "cny", "million_cny", "gain", "lose",
               "green_before", "green_after", "p", "p_holm")  # fmt: skip
    types = dict.fromkeys(("low", "high", "p", "p_holm"), pl.Float64)
    return pl.DataFrame(rows, schema_overrides=types, infer_schema_length=None).select(columns)


def tours(run: Run, setting: Setting) -> pl.DataFrame:
    """Return one row a resident's listed tour of some length: what the modes on offer are worth, and how green it is.

    Columns of the run's travellers table as needed for groups, `person`, `tour`, `value` (minutes a trip, higher is
    better), `green` (probability of a green mode) and `trips`.
    """
    table = run.table("travellers").filter(pl.col("kind") == RESIDENT)
    who = travellers_of(table)
    costs = costs_of(run.costs)
    likes = taste(setting.network, setting.parameters)
    is_green = np.array([bool(run.indicators["definition"]["green"][m]) for m in MODES])
    value, green = worth(who, costs, likes, is_green)
    metres = np.hypot(who.home_x - who.x, who.home_y - who.y) * likes.detour
    return table.select(
        pl.col("key").alias("person"), pl.col("number").alias("tour"), "home_zone", "home_x", "home_y", "has_car",
        "vot", "age", "income_cny_year", (2 * pl.col("weight")).alias("trips"), pl.col("weight"),
    ).with_columns(value=value, green=green).filter(
        pl.Series(np.isfinite(value) & (metres >= float(run.indicators["definition"]["minimum_m"])))
    )  # fmt: skip


def worth(
    who: choice.Travellers, costs: choice.Costs, likes: choice.Taste, modes: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return each tour's logsum in minutes a trip (higher is better), and its probability of one of some modes."""
    speed = np.empty(costs.car_min.shape[:2])
    choice.local_speeds(costs.car_min, costs.car_km, speed)
    value, chance = np.empty(len(who.key)), np.empty(len(who.key))
    _evaluate(who, speed, costs, likes, modes, value, chance)
    return value, chance


@njit(parallel=True)
def _evaluate(
    v: choice.Travellers, local_speed: Floats, c: choice.Costs, t: choice.Taste, is_green: NDArray[np.bool_],
    value: Floats, green: Floats,
) -> None:  # fmt: skip
    """Fill each tour's logsum in minutes a trip and its probability of a green mode, block by block."""
    rows = value.shape[0]
    for b in prange((rows + choice.BLOCK - 1) // choice.BLOCK):
        cost = np.empty((4, choice.N_MODES))
        minutes = np.empty((4, choice.N_MODES))
        pick = np.empty((4, 4), np.int32)
        utility = np.empty(choice.N_MODES)
        chance = np.empty(choice.N_MODES)
        for i in range(b * choice.BLOCK, min((b + 1) * choice.BLOCK, rows)):
            choice.utilities(i, v, local_speed, c, t, cost, minutes, pick, utility)
            value[i] = choice.probabilities(utility, t, chance) / t.per_minute[v.purpose[i]]
            green[i] = 0.0
            for m in range(choice.N_MODES):
                if is_green[m]:
                    green[i] += chance[m]


def _described(joined: pl.DataFrame, network: Network) -> pl.DataFrame:
    """Add the change and the groups that each tour's person belongs to."""
    district = np.array(network.zones.district_en)[joined["home_zone"].to_numpy()]
    rail = network.compiled.rail
    band = np.full(joined.height, len(RAIL_M))
    if len(rail.stations) and joined.height:
        at = np.column_stack([joined["home_x"].to_numpy(), joined["home_y"].to_numpy()])
        far = np.asarray(cKDTree(np.column_stack([rail.x_m, rail.y_m])).query(at)[0], np.float64)
        band = np.searchsorted(np.array(RAIL_M), far, side="left")
    return joined.with_columns(
        change=pl.col("value_after") - pl.col("value"),
        all=pl.lit("everybody"),
        income=income_fifth(joined),
        age=pl.col("age").replace_strict(AGES, return_dtype=pl.String),
        car=pl.when(pl.col("has_car")).then(pl.lit("with a car")).otherwise(pl.lit("without a car")),
        rail=pl.Series(np.array(RAIL_BANDS)[band]),
        district=pl.Series(district),
    )


def _grouped(joined: pl.DataFrame) -> pl.DataFrame:
    """Add up by group."""
    trips, change = pl.col("trips"), pl.col("change")
    total = trips.sum()
    person = joined.group_by("person").agg(
        *(pl.col(by).first() for by in GROUPS),
        weight=pl.col("weight").mean(),
        mean=(trips * change).sum() / trips.sum(),
    )
    parts = []
    for by in GROUPS:
        who = person.group_by(pl.col(by).alias("part")).agg(
            persons=pl.col("weight").sum(),
            gain=pl.col("weight").filter(pl.col("mean") > FELT_MIN).sum(),
            lose=pl.col("weight").filter(pl.col("mean") < -FELT_MIN).sum(),
        )
        what = joined.group_by(pl.col(by).alias("part")).agg(
            total.alias("trips"),
            ((trips * change).sum() / total).alias("minutes"),
            ((trips * change * pl.col("vot")).sum() / total).alias("cny"),
            ((trips * change * pl.col("vot")).sum() / 1e6).alias("million_cny"),
            (100 * (trips * pl.col("green")).sum() / total).alias("green_before"),
            (100 * (trips * pl.col("green_after")).sum() / total).alias("green_after"),
        )
        parts.append(
            what.join(who, on="part")
            .with_columns(by=pl.lit(by), order=pl.col("part").replace_strict(_ORDER, default=0, return_dtype=pl.Int64))
            .sort("order", "part")
            .drop("order")
        )
    return pl.concat(parts)
