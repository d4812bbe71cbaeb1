"""Check a plan and its bound without the solver: cost, rules and, where all routes can be listed, the certificate."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np


def _apart(a: Mapping[str, Any], b: Mapping[str, Any], metric: str) -> float:
    dx, dy = abs(a["x"] - b["x"]), abs(a["y"] - b["y"])
    return float(dx + dy) if metric == "rectilinear" else float((dx * dx + dy * dy) ** 0.5)


def route_cost(data: Mapping[str, Any], station: Mapping[str, Any], stops: Sequence[Mapping[str, Any]]) -> float:
    """Return a route's cost an hour (infinite if it breaks a rule); `stops` run from the station outwards."""
    cost, at = data["cost"], [_apart(station, stops[0], data["metric"])]
    for a, b in pairwise(stops):
        at.append(at[-1] + _apart(a, b, data["metric"]))
    demand, length = sum(s["demand"] for s in stops), at[-1]
    if length > cost["max_route_length"] * (1 + 1e-9):
        return float("inf")
    if demand > cost["capacity"] * cost["max_frequency"] * (1 + 1e-9):
        return float("inf")
    best = (cost["waiting"] * demand / (4 * cost["operating"] * length)) ** 0.5 if length > 0 else float("inf")
    frequency = min(max(best, demand / cost["capacity"]), cost["max_frequency"])
    riding = sum(s["demand"] * d for s, d in zip(stops, at, strict=True)) / data["speed"]
    return float(
        cost["operating"] * 2 * length * frequency
        + cost["waiting"] * demand / (2 * frequency)
        + cost["riding"] * (riding + demand * station["onward_time"])
    )


def check_plan(data: Mapping[str, Any], routes: Sequence[Mapping[str, Any]]) -> tuple[float, list[str]]:
    """Return what a plan costs an hour and every rule it breaks."""
    stops, stations = {s["id"]: s for s in data["stops"]}, {s["id"]: s for s in data["stations"]}
    total, wrong, served = 0.0, [], [s for r in routes for s in r["stops"]]
    for k, route in enumerate(routes):
        if route["station"] not in stations or not route["stops"] or any(s not in stops for s in route["stops"]):
            wrong.append(f"routes[{k}] names a station or stop the instance does not have, or has no stop")
            continue
        cost = route_cost(data, stations[route["station"]], [stops[s] for s in route["stops"]])
        if cost == float("inf"):
            wrong.append(f"routes[{k}] is longer or carries more than allowed")
        total += cost
    wrong += [f"stop {s!r} is served {served.count(s)} times" for s in stops if served.count(s) != 1]
    return total, wrong


def check_certificate(
    data: Mapping[str, Any], certificate: Mapping[str, Any], bound: float, tolerance: float
) -> list[str]:
    """Return what is wrong with the prices that prove a bound, against every route of a small instance.

    Every route must cost at least the prices of its stops, less the prices of cuts it counts in, plus what is conceded
    to its innermost (or outermost) stop; then no plan costs less than all prices together. A bound that also rests on
    a list of routes (`listed`) is proven by these up to `relaxation` only.
    """
    ids = [s["id"] for s in data["stops"]]
    price = dict(zip(ids, certificate["prices"], strict=True))
    end, place = ("innermost", 0) if "innermost" in certificate else ("outermost", -1)
    spare = dict(zip(ids, certificate[end], strict=True))
    cuts = [({ids[k] for k in c["stops"]}, c["price"]) for c in certificate["cuts"]]
    proven = sum(price.values()) + sum(spare.values()) - sum(p for _, p in cuts)
    wrong = []
    if min(price.values()) < 0 or max(spare.values()) > 0 or any(p < 0 for _, p in cuts):
        wrong.append("a price is negative or a concession positive")
    if "listed" not in certificate and bound > proven + tolerance:
        wrong.append(f"the prices prove {proven}, not {bound}")

    def look(station: Mapping[str, Any], route: list[Mapping[str, Any]]) -> None:
        for stop in data["stops"]:
            if stop in route:
                continue
            longer = [*route, stop]
            cost = route_cost(data, station, longer)
            if cost == float("inf"):
                continue
            held = {s["id"] for s in longer}
            least = sum(price[s] for s in held) - sum(p * (len(held & c) // 2) for c, p in cuts)
            if cost < least + spare[longer[place]["id"]] - tolerance:
                wrong.append(f"{station['id']}: {[s['id'] for s in longer]} costs {cost}, less than {least}")
            look(station, longer)

    for station in data["stations"]:
        look(station, [])
    return wrong


def cheapest_plan(data: Mapping[str, Any]) -> float:
    """Return the least cost of a small instance by looking at every route and every partition of the stops."""
    n = len(data["stops"])
    cost = np.full(1 << n, np.inf)

    def look(station: Mapping[str, Any], route: list[int], held: int) -> None:
        for k in range(n):
            if held >> k & 1:
                continue
            longer, mask = [*route, k], held | 1 << k
            cost[mask] = min(cost[mask], route_cost(data, station, [data["stops"][s] for s in longer]))
            look(station, longer, mask)

    for station in data["stations"]:
        look(station, [], 0)
    best = np.full(1 << n, np.inf)
    best[0] = 0.0
    for mask in range(1, 1 << n):
        low, part = mask & -mask, mask
        while part:
            if part & low:
                best[mask] = min(best[mask], cost[part] + best[mask ^ part])
            part = (part - 1) & mask
    return float(best[-1])
