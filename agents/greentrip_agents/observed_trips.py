"""Travellers of observed trips: matrices by purpose and period become tours whose margins are the matrices'.

A matrix holds trips from home zones (rows) to where the purpose is (columns) in a period; the matrix of purpose "home"
holds the ways back, from there (rows) to home. One row of the population stands for some tours of one pair of zones.
Which pairs a sample holds is drawn by key; the rows' weights are then raked (Deming and Stephan 1940) to the margins of
every matrix. Where a sample is too thin for a margin, every pair of that margin gets a row, and of those it meets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from greentrip_networks.demand import Demand
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import PERIODS, Bools, Floats, Ints, Network

from greentrip_agents import draws
from greentrip_agents.definitions import PURPOSES, SCHOOL, WORK
from greentrip_agents.parameters import Parameters
from greentrip_agents.population import ADULT, BACK_SHARES, CHILD, Population, ages, residents_of

HOME = "home"
MARGIN = 0.01  # share by which a margin of the tours may differ from the matrix
_AIM = 0.002  # at which raking is content
_ROUNDS = 200
_PAIR_ROWS = 1_000_000  # more rows than one pair of zones has in a table
_PUPILS = 0.55  # assumed: children among those who go to school; the others are students
_FIRST_KEY = 1 << 52  # above the keys of residents drawn by zone and of visitors


@dataclass(frozen=True, eq=False)
class _Cells:
    """Tours by table, way back and pair of zones; one row each with any."""

    purpose: Ints
    out: Ints
    back: Ints  # -1 where no ways back were observed
    home: Ints
    there: Ints
    tours: Floats

    def take(self, rows: Ints, tours: Floats) -> "_Cells":
        """Return some rows with other tours."""
        return _Cells(self.purpose[rows], self.out[rows], self.back[rows], self.home[rows], self.there[rows], tours)


def sample_trips(
    network: Network, *, sample: float, seed: int, parameters: Parameters, zones_only: Bools | None = None
) -> Population:
    """Draw the travellers of a network's observed trips, one tour each, sorted by home zone.

    sample: rows over tours; a row's weight is how many tours it stands for. Raises ScenarioError for matrices that hold
    no trip.
    """
    cells, rows = _sampled(network.demand, len(network.zones), sample, seed)
    keep = np.ones(len(rows), bool) if zones_only is None else zones_only[cells.home]
    cells, rows = cells.take(np.flatnonzero(keep), cells.tours[keep]), rows[keep]
    order = np.argsort(cells.home, kind="stable")
    at = np.repeat(order, rows[order])
    first_of = np.cumsum(rows[order]) - rows[order]
    rank = np.arange(len(at)) - np.repeat(first_of, rows[order])
    zone = cells.home[at]
    zones = len(network.zones)
    table = (cells.purpose[at] * 4 + cells.out[at]) * 4 + cells.back[at] + 1
    key = _FIRST_KEY + ((table * zones + zone) * zones + cells.there[at]) * _PAIR_ROWS + rank
    weight = (cells.tours / np.maximum(rows, 1))[at]
    first = np.concatenate([[0], np.cumsum(np.bincount(zone, minlength=zones))])
    age = ages(seed, key, parameters)
    age = np.where(cells.purpose[at] == WORK, ADULT, age)
    age = np.where((cells.purpose[at] == SCHOOL) & (draws.uniforms(seed, key, draws.WORKER, 1) < _PUPILS), CHILD, age)
    plan = np.column_stack([cells.purpose[at], cells.there[at], cells.out[at], cells.back[at]]).astype(np.int16)
    return residents_of(network, seed, key, zone, weight, first, parameters, age=age.astype(np.int8), plan=plan)


@lru_cache(maxsize=4)
def _sampled(demand: Demand, zones: int, sample: float, seed: int) -> tuple[_Cells, Ints]:
    """Return the cells of a sample, their tours raked to the margins, and how many rows each gets."""
    full = _cells(demand.trips, zones)
    if not len(full.tours):
        raise ScenarioError("trips", "the matrices hold no trip")
    groups, targets = _margins(full, demand.trips, zones)
    tours = rake(full.tours, groups, targets) if _has_back(demand.trips) else full.tours
    full = full.take(np.arange(len(tours)), tours)
    rows = _draw_rows(full, groups, sample, seed)
    whole = np.zeros(len(rows), bool)  # cells of margins for which the sample is too thin: each gets a row
    while True:
        rows = np.where(whole, np.maximum(rows, 1), rows)
        held = np.flatnonzero(rows > 0)
        inside = [g[held] for g in groups]
        raked = rake(np.where(whole, full.tours, rows / sample)[held], inside, targets)
        off = _cells_off(raked, groups, held, targets)
        if (off & whole).any():  # all of it is there, yet what it meets is not: take that too
            touched = off & whole
            off = np.logical_or.reduce([off, *(np.isin(group, group[touched]) for group in groups)])
        if not (off & ~whole).any():
            return full.take(held, raked), rows[held]
        whole |= off


def _cells_off(raked: Floats, groups: Sequence[Ints], held: Ints, targets: Sequence[Floats]) -> Bools:
    """Return which cells belong to a margin that raked weights of the held ones miss by more than half of MARGIN."""
    off = np.zeros(len(groups[0]), bool)
    for group, target in zip(groups, targets, strict=True):
        got = np.bincount(group[held], raked, minlength=len(target))
        off |= (np.abs(got - target) > MARGIN / 2 * target)[group]
    return off


def _has_back(trips: Mapping[str, Floats]) -> bool:
    return any(name.split()[0] == HOME for name in trips)


def _cells(trips: Mapping[str, Floats], zones: int) -> _Cells:
    """Lay out all tours; where ways back were observed, split by period of the way back as their pair was."""
    parts: list[tuple[Any, ...]] = []
    back = np.stack([trips.get(f"{HOME} {t}", np.zeros((zones, zones))).T for t in PERIODS])  # home by place
    seen = _has_back(trips)
    for p, purpose in enumerate(PURPOSES):
        for t, period in enumerate(PERIODS):
            table = trips.get(f"{purpose} {period}")
            if table is None:
                continue
            o, d = np.nonzero(table > 0)
            if not seen:
                parts.append((np.full(len(o), p), np.full(len(o), t), np.full(len(o), -1), o, d, table[o, d]))
                continue
            usual = BACK_SHARES[p] + 1e-3  # where a pair's ways back were not seen, or not all periods of them
            share = back[:, o, d] + 0.05 * usual[:, None] * np.maximum(back[:, o, d].sum(axis=0), 1.0)
            share *= np.where(back.sum(axis=(1, 2)) > 0, 1.0, 0.0)[:, None]
            share /= share.sum(axis=0)
            for b in range(len(PERIODS)):
                some = np.flatnonzero(share[b] > 0)
                parts.append((
                    np.full(len(some), p), np.full(len(some), t), np.full(len(some), b), o[some], d[some],
                    table[o, d][some] * share[b, some],
                ))  # fmt: skip
    columns = [np.concatenate([part[i] for part in parts]) if parts else np.zeros(0) for i in range(6)]
    of, out, way, home, there = (c.astype(np.int64) for c in columns[:5])
    return _Cells(of, out, way, home, there, columns[5].astype(np.float64))


def _margins(cells: _Cells, trips: Mapping[str, Floats], zones: int) -> tuple[list[Ints], list[Floats]]:
    """Return for each kind of margin the group of every cell, and the groups' targets."""
    table = cells.purpose * len(PERIODS) + cells.out
    out = np.stack([trips.get(f"{p} {t}", np.zeros((zones, zones))) for p in PURPOSES for t in PERIODS])
    groups = [table * zones + cells.home, table * zones + cells.there]
    targets = [out.sum(axis=2).ravel(), out.sum(axis=1).ravel()]
    if _has_back(trips):
        back = np.stack([trips.get(f"{HOME} {t}", np.zeros((zones, zones))) for t in PERIODS])
        groups += [cells.back * zones + cells.there, cells.back * zones + cells.home]
        for axis, whole in ((2, out.sum(axis=(0, 1))), (1, out.sum(axis=(0, 2)))):
            left = back.sum(axis=axis)  # as many as went, zone by zone; `check_trips` refuses more than a rounding
            targets.append((left * whole / np.maximum(left.sum(axis=0), 1e-300)).ravel())
    return groups, targets


def _draw_rows(cells: _Cells, groups: Sequence[Ints], rate: float, seed: int) -> Ints:
    """Draw how many rows each cell gets, evenly along the tables from a keyed start; no margin goes without any."""
    expected = np.cumsum(cells.tours * rate)
    start = draws.uniforms(seed, np.zeros(1, np.int64), draws.PLACE, 9)[0]
    rows: Ints = np.diff(np.floor(np.concatenate([[0.0], expected]) + start)).astype(np.int64)
    for group in groups:
        size = int(group.max()) + 1
        held = np.bincount(group, rows, minlength=size)
        without = np.flatnonzero(held[group] == 0)  # cells of groups that hold no row: the largest of each gets one
        order = without[np.lexsort((without, -cells.tours[without], group[without]))]
        rows[order[np.unique(group[order], return_index=True)[1]]] = 1
    return rows


def rake(weight: Floats, groups: Sequence[Ints], targets: Sequence[Floats]) -> Floats:
    """Return weights scaled in turn until every group sums to its target within _AIM, or _ROUNDS have passed."""
    weight = weight.astype(np.float64).copy()
    for _ in range(_ROUNDS):
        for group, target in zip(groups, targets, strict=True):
            held = np.bincount(group, weight, minlength=len(target))
            weight *= (target / np.where(held > 0, held, 1.0))[group]
        if worst(weight, groups, targets) <= _AIM:
            break
    return weight


def worst(weight: Floats, groups: Sequence[Ints], targets: Sequence[Floats]) -> float:
    """Return the largest difference of a group from its target, as a share of it."""
    off = [0.0]
    for group, target in zip(groups, targets, strict=True):
        held = np.bincount(group, weight, minlength=len(target))
        some = target > 0
        off.append(float((np.abs(held - target)[some] / target[some]).max(initial=0.0)))
    return max(off)


def margins_of(network: Network, people: Population) -> dict[str, tuple[float, float]]:
    """Return trips and the worst difference of a zone's margin (share of it) for each matrix of a network.

    people: residents of `sample_trips`; their weights are the tours they stand for.
    """
    purpose, there, out, back = people.plan.astype(np.int64).T
    found = {}
    for name, table in network.demand.trips.items():
        word, period = name.split()
        t = PERIODS.index(period)
        mine = (back == t) if word == HOME else (purpose == PURPOSES.index(word)) & (out == t)
        ends = (there, people.zone) if word == HOME else (people.zone, there)
        groups = [e[mine] for e in ends]
        targets = [table.sum(axis=1), table.sum(axis=0)]
        found[name] = (float(people.weight[mine].sum()), worst(people.weight[mine], groups, targets))
    return found
