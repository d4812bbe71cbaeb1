"""The limits of a choice as constraints of CP-SAT: hard ones bind, others are paid for beyond what they admit.

CP-SAT counts in whole hundredths of a CNY. Hard limits are rounded so that what CP-SAT admits keeps them; what is paid
is rounded down, so that its bound still holds.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from greentrip_optimizer.evaluate import SLACK
from greentrip_optimizer.limits import Limits
from greentrip_optimizer.street_limit import Ways

CENT = 100
_PART = round(1 / SLACK)  # streets count in these parts of a bus an hour
_FINE = 100  # money beyond a budget that is paid for counts in these parts of a cent
_LARGEST = 10**18  # a whole number that CP-SAT's sums hold some times


def limit_means(
    model: Any,
    cp_model: Any,
    x: Sequence[Any],
    vehicles: Sequence[int],
    cost: Sequence[float],
    stations: Sequence[int],
    limits: Limits,
) -> list[Any]:
    """Add the limits of buses, money and bays on columns `x`; return variables of what is paid beyond them, cents."""
    total, sums = sum(vehicles), cp_model.LinearExpr.weighted_sum
    paid: list[Any] = []
    if limits.over_vehicles == np.inf:
        model.add(sums(x, vehicles) <= int(limits.vehicles))
    elif total > limits.vehicles:
        over = _over(model, [(sums(x, vehicles), int(limits.vehicles), total)])
        paid += _pay(model, over, [1], total, limits.over_vehicles * CENT)
    if limits.budget < np.inf:
        if limits.over_budget == np.inf:
            cents = [int(np.ceil(c * CENT)) for c in cost]
            model.add(sums(x, cents) <= int(limits.budget * CENT))
        else:
            fine = [round(c * CENT * _FINE) for c in cost]
            over = _over(model, [(sums(x, fine), round(limits.budget * CENT * _FINE), sum(fine))])
            paid += _pay(model, over, [1], sum(fine), limits.over_budget / _FINE)
    at_station: dict[int, list[Any]] = {}
    for s, var in zip(stations, x, strict=True):
        at_station.setdefault(s, []).append(var)
    beyond = []
    for s, group in at_station.items():
        bays, most = int(limits.bays[s]), int(limits.most_routes[s])
        if len(group) > most:
            model.add(sum(group) <= most)
        if bays < most and len(group) > bays:
            beyond.append((sum(group), bays, min(len(group), most)))
    if beyond:
        most = sum(b[2] for b in beyond)
        paid += _pay(model, _over(model, beyond), [1] * len(beyond), most, limits.over_bays * CENT)
    return paid


def limit_streets(
    model: Any,
    cp_model: Any,
    x: Sequence[Any],
    routes: Sequence[int],
    headways: Sequence[int],
    ways: Ways,
    price: float,
) -> list[Any]:
    """Add the limits of streets that the columns together could overrun, one route at one headway each.

    Return variables of what is paid, cents. Of streets that the same columns run only the one with the least room
    counts if the limit is hard; beyond a limit at a `price`, every one of them is paid for.
    """
    if price == 0:
        return []
    hard = price == np.inf
    most = np.zeros(len(ways.first) - 1)
    np.maximum.at(most, np.array(routes, np.int64), ways.buses_h[np.array(headways, np.int64)])
    all_of = np.repeat(most, np.diff(ways.first)) * ways.times
    could = np.bincount(ways.link, weights=all_of, minlength=len(ways.room)) > ways.room + SLACK
    runs: dict[int, list[tuple[int, int]]] = {}
    for i, (route, headway) in enumerate(zip(routes, headways, strict=True)):
        link, buses_h = ways.of(route, headway)
        for k in np.flatnonzero(could[link]).tolist():  # rounded down: what is within the limit stays within it
            runs.setdefault(int(link[k]), []).append((i, int(buses_h[k] * _PART + 1e-3)))
    alike: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for k in sorted(runs):
        alike.setdefault(tuple(runs[k]), []).append(round(float(ways.room[k]) * _PART))
    beyond, often = [], []
    for columns, rooms in alike.items():
        used = cp_model.LinearExpr.weighted_sum([x[i] for i, _ in columns], [n for _, n in columns])
        if hard:
            model.add(used <= min(rooms))
            continue
        total = sum(n for _, n in columns)
        for room in sorted(set(rooms)):
            beyond.append((used, room, total))
            often.append(rooms.count(room))
    if not beyond:
        return []
    total = sum(n * b[2] for n, b in zip(often, beyond, strict=True))
    return _pay(model, _over(model, beyond), often, total, price * CENT / _PART)


def _over(model: Any, limits: Sequence[tuple[Any, int, int]]) -> list[Any]:
    """Return a variable of how far each sum is beyond its limit; `limits` are sum, limit and the most it may be."""
    out = []
    for used, limit, most in limits:
        over = model.new_int_var(0, max(most - limit, 0), "")
        model.add(used - over <= limit)
        out.append(over)
    return out


def _pay(model: Any, over: Sequence[Any], often: Sequence[int], most: int, cents: float) -> list[Any]:
    """Return a variable of what is paid at so many `cents` a unit, rounded down to whole ones; none for nothing.

    `often` says how often each of `over` counts, and their sum is at most `most`. The price becomes a fraction.
    """
    if cents == 0 or most <= 0:
        return []
    part = Fraction(cents).limit_denominator(max(1, int(min(1e9, _LARGEST / (most * max(cents, 1.0))))))
    if part == 0:
        return []
    units = sum(n * var for n, var in zip(often, over, strict=True))
    paid = model.new_int_var(0, int(part * most) + 1, "")
    model.add(part.denominator * paid + part.denominator - 1 >= part.numerator * units)
    return [paid]
