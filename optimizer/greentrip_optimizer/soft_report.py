"""Which limits a plan exceeds at their prices, by how much, and what that costs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from greentrip_networks.network import FeederRoute, Network

from greentrip_optimizer.evaluate import SLACK
from greentrip_optimizer.limits import Limits, Used
from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.pool import Pool
from greentrip_optimizer.street_limit import StreetLimit
from greentrip_optimizer.street_report import street_name


def soft_indicators(
    network: Network,
    asked: FeederOptions,
    keep: Sequence[FeederRoute],
    stations: Sequence[str],
    pool: Pool,
    columns: Sequence[int],
    streets: StreetLimit | None,
) -> dict[str, Any]:
    """Return what the plan pays for limits and shared streets, CNY a day; nothing where no such price is set.

    `penalties_cny_day` is in the objective, `penalties_kept_cny_day` is what kept routes pay by themselves, which is
    not, as their cost is not. `limits_exceeded` has a row for each limit, station or street: units used and admitted
    (`most`), how far beyond, how far kept routes are by themselves, the price a unit, and what all of it costs.
    """
    out: dict[str, Any] = {}
    if pool.limits.soft:
        used = Used(pool, columns)
        rows = [*_means(asked, keep, used), *_bays(network, asked, keep, stations, used)]
        if streets is not None:
            rows += _streets(network, streets, used, pool.limits)
        kept = sum(r["beyond_kept"] * r["price_cny_day"] for r in rows)
        out["penalties_cny_day"] = round(used.paid(), 2)
        out["penalties_kept_cny_day"] = round(float(kept), 2)
        out["limits_exceeded"] = [_rounded(r) for r in rows]
    if asked.overlap_cny_km:
        toll = float(pool.toll[list(columns)].sum())
        out["overlap_cny_day"] = round(toll, 2)
        out["overlap_bus_km_day"] = round(toll / asked.overlap_cny_km, 2)
    return out


def priced_limits(options: FeederOptions) -> tuple[str, ...]:
    """Return as sentences what limits may be exceeded at and what sharing streets costs; the prices are the user's."""
    o = options
    street = (
        f"beyond {o.street_buses_h or 0.0:g} in the peak hour through one direction of a street, kept routes and lines "
        "(those of the fuller peak) counted"
    )
    shared = (
        "in a street that a bus line (in a peak), a feeder of the network or a kept route runs in the same direction"
    )
    told = (
        (o.over_vehicles_cny_day, "{:g} CNY a day for each bus beyond " + f"{o.vehicles}"),
        (o.over_budget, "{:g} CNY for each CNY a day beyond the budget"),
        (o.over_bays_cny_day, "{:g} CNY a day for each route at a station beyond " + f"{o.max_routes_station}"),
        (o.over_street_cny_day, "{:g} CNY a day for each bus an hour " + street),
        (o.overlap_cny_km or None, "{:g} CNY for each bus-km " + shared),
    )
    paid = "; ".join(text.format(price) for price, text in told if price is not None)
    if not paid:
        return ()
    return (f"Penalties, at prices that the user set: {paid}. What kept routes exceed by themselves is not in it.",)


def _row(
    limit: str, most: float, kept: float, new: float, price: float, where: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return what is beyond one limit, as a list that is empty if nothing is."""
    beyond = max(kept + new - most, 0.0)
    if price == np.inf or beyond <= SLACK:
        return []
    row = {"limit": limit, **(where or {}), "most": most, "used": kept + new, "beyond": beyond}
    return [row | {"beyond_kept": max(kept - most, 0.0), "price_cny_day": price, "cny_day": beyond * price}]


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with money and buses to hundredths."""
    return {k: v if isinstance(v, str) or k == "price_cny_day" else round(float(v), 2) for k, v in row.items()}


def _means(asked: FeederOptions, keep: Sequence[FeederRoute], used: Used) -> list[dict[str, Any]]:
    """Return what is beyond the buses and the budget."""
    limits, budget = used.limits, asked.budget_cny_day
    buses, money = float(sum(r.vehicles for r in keep)), sum(r.cost_cny_day for r in keep)
    rows = _row("vehicles", float(asked.vehicles), buses, used.vehicles, limits.over_vehicles)
    if budget is not None:
        rows += _row("budget_cny_day", float(budget), money, used.money, limits.over_budget)
    return rows


def _bays(
    network: Network, asked: FeederOptions, keep: Sequence[FeederRoute], stations: Sequence[str], used: Used
) -> list[dict[str, Any]]:
    """Return stations with more routes than bays, those where only routes kept by hand end among them."""
    kept, new = Counter(r.station for r in keep), dict(zip(stations, used.bays.tolist(), strict=True))
    rows: list[dict[str, Any]] = []
    for s in [*stations, *sorted(set(kept) - set(stations))]:
        name = {"station": s, "name_en": str(network.rail.nodes[s]["name_en"])}
        counted = float(kept[s]), float(new.get(s, 0.0))
        rows += _row("max_routes_station", float(asked.max_routes_station), *counted, used.limits.over_bays, name)
    return rows


def _streets(network: Network, streets: StreetLimit, used: Used, limits: Limits) -> list[dict[str, Any]]:
    """Return streets with more buses an hour than their limit; what lines alone are beyond it nobody pays."""
    most = np.maximum(streets.limit, streets.lines)
    beyond = streets.lines + streets.kept + used.streets - most
    rows: list[dict[str, Any]] = []
    for k in np.lexsort((np.arange(len(beyond)), -beyond.round(9))).tolist():
        if not beyond[k] > SLACK:
            break
        kept = float(streets.lines[k] + streets.kept[k])
        new, place = float(used.streets[k]), street_name(network, k)
        rows += _row("street_buses_h", float(most[k]), kept, new, limits.over_street, place)
    return rows
