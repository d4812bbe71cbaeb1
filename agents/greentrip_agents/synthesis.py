"""Who lives in each zone, from whatever margins are known of them: iterative proportional fitting and keyed rounding.

A person's class is age x works x household car x bicycle x fifth of income. It starts from the model's parameters (who
works, who has a car, by age and income), is fitted to the zone's margins (Deming and Stephan 1940, library ipfn) and
rounded to whole persons: the zone's total exactly, each given margin to the nearest whole person where persons of its
classes are there to be moved. What is not given follows the parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from greentrip_networks.demand import AGES, FIFTHS, People
from greentrip_networks.margins import check_margins
from greentrip_networks.network import Floats, Ints, Network
from greentrip_networks.problems import Problems
from numpy.typing import NDArray

from greentrip_agents import draws
from greentrip_agents.parameters import Parameters
from greentrip_agents.population import ADULT, CHILD, ELDERLY, ELDERLY_CARS, fifth_means

SHAPE = (len(AGES), 2, 2, 2, FIFTHS)  # age, works, household car, bicycle, fifth of income
_AGE, _WORKS, _CAR, _BICYCLE, _FIFTH = range(5)
_MOST = 0.95  # of a zone's residents with a car at hand, however many cars there are
_ROUNDS = 300


@dataclass(frozen=True, eq=False)
class Synthesis:
    """A network whose residents are known by class, and how its margins came out."""

    network: Network
    fitted: Mapping[str, tuple[float, float]]  # by margin: persons asked for, and the largest miss of a zone
    assumed: tuple[str, ...]  # what was not given and follows the parameters

    def to_dict(self) -> dict[str, Any]:
        """Return totals and misses as plain data."""
        people = self.network.demand.people
        return {
            "zones": len(self.network.zones),
            "residents": int(people.persons.sum()) if people is not None else 0,
            "margins": [
                {"margin": name, "persons": total, "largest_miss_persons": miss}
                for name, (total, miss) in self.fitted.items()
            ],
            "assumed": list(self.assumed),
        }


def synthesise(
    network: Network,
    margins: Mapping[str, Floats],
    *,
    parameters: Parameters,
    seed: int = 0,
    problems: Problems | None = None,
) -> Synthesis:
    """Return a network whose residents are those of the margins, by class.

    Parameters
    ----------
    network
        Whose zones, cells and jobs count.
    margins
        By name, shape (zones,), in the order of the network's zones; any of `greentrip_networks.margins.MARGINS`.
    parameters
        What is not given follows them.
    seed
        Key of the rounding.
    problems
        Gathers warnings too, for a caller that wants to show them.

    Raises
    ------
    BadInputError
        If margins do not agree; it names every zone with the figures.
    """
    zones, problems = network.zones, Problems() if problems is None else problems
    check_margins(network, margins, problems)
    problems.raise_errors("margins", network.name)
    residents = np.rint(margins.get("residents", _sum(margins, network)))
    income = margins.get("income_cny_year", np.full(len(zones), parameters["value_of_time.income_mean_cny_year"]))
    targets = _targets(margins, residents, parameters)
    jobs = margins.get("jobs", zones.jobs)
    prior = _prior(jobs, residents, parameters, network)
    counts = np.zeros((len(zones), *SHAPE), np.int64)
    fitted: dict[str, tuple[float, float]] = {"residents": (float(residents.sum()), 0.0)}
    misses: dict[str, float] = dict.fromkeys(targets, 0.0)
    start = draws.uniforms(seed, np.arange(len(zones)), draws.PLACE, 10)
    for z in np.flatnonzero(residents > 0):
        wanted = {name: (axis, shares[z] * residents[z]) for name, (axis, shares) in targets.items()}
        table = _fit(prior[z] * residents[z], residents[z], wanted)
        counts[z] = _round(table, int(residents[z]), wanted, float(start[z]))
        for name, (axis, target) in wanted.items():
            misses[name] = max(misses[name], float(np.abs(_along(counts[z], axis) - target).max()))
    for name, (_, shares) in targets.items():  # of two categories those with it, else everybody
        persons = shares[:, -1] * residents if shares.shape[1] == 2 else residents
        fitted[name] = (float(persons.sum()), misses[name])
    people = _people(counts, income, parameters["value_of_time.income_sigma"])
    changed = replace(
        zones,
        residents=residents.astype(np.float64),
        jobs=np.asarray(jobs, np.float64),
        school_places=np.asarray(margins.get("school_places", zones.school_places), np.float64),
    )
    assumed = tuple(
        f"{name}: follows the parameters, since the margins do not say" for name in _ABOUT if not _given(name, margins)
    )
    made = network.with_(
        zones=changed,
        demand=replace(network.demand, people=people),
        assumptions=(*network.assumptions, "residents are synthesised from zone margins", *assumed),
    )
    return Synthesis(made, fitted, assumed)


_ABOUT = ("age", "workers", "cars", "bicycles", "income_cny_year", "jobs", "school_places")


def _given(name: str, margins: Mapping[str, Floats]) -> bool:
    return any(a in margins for a in ("children", "adults", "elderly")) if name == "age" else name in margins


def _sum(margins: Mapping[str, Floats], network: Network) -> Floats:
    """Return residents where the margins do not say: the sum of all ages, else those of the network."""
    ages = [margins[n] for n in ("children", "adults", "elderly") if n in margins]
    return np.sum(ages, axis=0) if len(ages) == len(AGES) else network.zones.residents


def _targets(margins: Mapping[str, Floats], residents: Floats, p: Parameters) -> dict[str, tuple[int, Floats]]:
    """Return for each margin that is given its axis and the shares of its categories, shape (zones, categories)."""
    some = np.maximum(residents, 1)
    found: dict[str, tuple[int, Floats]] = {}
    usual = {
        "children": p["population.children_share"],
        "elderly": p["population.elderly_share"],
        "adults": 1 - p["population.children_share"] - p["population.elderly_share"],
    }
    names = ("children", "adults", "elderly")
    if any(n in margins for n in names):
        known = {n: margins[n] / some for n in names if n in margins}
        left = np.clip(1 - np.sum(list(known.values()), axis=0), 0, 1)
        rest = max(sum(v for n, v in usual.items() if n not in known), 1e-9)
        shares = np.column_stack([known.get(n, left * usual[n] / rest) for n in names])
        found["age"] = (_AGE, shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300))
    for name, axis in (("workers", _WORKS), ("bicycles", _BICYCLE)):
        if name in margins:
            found[name] = (axis, _two(margins[name] / some))
    if "cars" in margins:
        if "households" in margins:  # everybody of a household with a car
            share = margins["cars"] / np.maximum(margins["households"], 1)
        else:
            share = margins["cars"] * p["population.persons_per_car"] / some
        found["persons with a car"] = (_CAR, _two(np.minimum(share, _MOST)))
    found["fifths of income"] = (_FIFTH, np.full((len(residents), FIFTHS), 1 / FIFTHS))
    return found


def _two(share: Floats) -> Floats:
    """Return shares without and with."""
    share = np.clip(share, 0, 1)
    return np.column_stack([1 - share, share])


def _prior(jobs: Floats, residents: Floats, p: Parameters, network: Network) -> Floats:
    """Return the share of each class by the parameters alone, shape (zones, *SHAPE)."""
    child, old = p["population.children_share"], p["population.elderly_share"]
    age = np.array([child, 1 - child - old, old])
    rate = min(jobs.sum() / max(residents.sum(), 1) / age[ADULT], 0.92)
    works = np.zeros((3, 2))
    works[CHILD], works[ADULT], works[ELDERLY] = (1, 0), (1 - rate, rate), (1 - _OLD_WORK, _OLD_WORK)
    incomes = fifth_means(p["value_of_time.income_sigma"]) ** p["population.car_income_elasticity"]
    by_age = np.where(np.arange(3) == ELDERLY, ELDERLY_CARS, 1.0)
    car = by_age[:, None] * (incomes / incomes.mean())[None, :] / (age @ by_age)
    car = np.clip(car * p["population.cars_per_resident"] * p["population.persons_per_car"], 0.01, _MOST)
    owns = p["without.shared_bicycles.population.bicycle_at_hand"]
    table = np.empty(SHAPE)
    for i in np.ndindex(*SHAPE):
        a, w, c, b, f = i
        table[i] = age[a] * works[a, w] * (car[a, f] if c else 1 - car[a, f]) * (owns if b else 1 - owns) / FIFTHS
    return np.broadcast_to(table, (len(network.zones), *SHAPE))


_OLD_WORK = 0.03  # assumed: of those of 65 and over


def _fit(table: Floats, residents: float, wanted: Mapping[str, tuple[int, Floats]]) -> Floats:
    """Return the table fitted to the margins of one zone, its sum kept."""
    from ipfn.ipfn import ipfn

    aggregates = [target.astype(np.float64) for _, target in wanted.values()]
    dimensions = [[axis] for axis, _ in wanted.values()]
    with np.errstate(divide="ignore", invalid="ignore"):  # a margin of nobody has no rate to converge
        fitted = ipfn(table.copy(), aggregates, dimensions, convergence_rate=1e-6, max_iteration=_ROUNDS).iteration()
    return np.asarray(fitted * residents / max(fitted.sum(), 1e-300), np.float64)


def _along(table: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return the sums of a table by the categories of one axis."""
    return np.asarray(table.sum(axis=tuple(a for a in range(table.ndim) if a != axis)))


def _round(table: Floats, residents: int, wanted: Mapping[str, tuple[int, Floats]], start: float) -> Ints:
    """Return whole persons: the total exactly, then each margin as near as persons can be moved between classes."""
    ends = np.floor(np.cumsum(table.ravel()) * residents / table.sum() + start)
    ends[-1] = residents + np.floor(start)
    counts = np.diff(np.concatenate([[np.floor(start)], ends])).astype(np.int64).reshape(table.shape)
    allowed = table > 0
    for axis, target in wanted.values():
        aim = _whole(target, residents)
        at, left, open_to = (np.moveaxis(t, axis, 0) for t in (counts, counts - table, allowed))
        left = left.copy()
        for _ in range(int(np.abs(at.reshape(len(aim), -1).sum(axis=1) - aim).sum()) + 1):
            over = at.reshape(len(aim), -1).sum(axis=1) - aim
            a, b = int(over.argmax()), int(over.argmin())
            if over[a] <= 0:
                break
            fits = np.where((at[a] > 0) & open_to[b], left[a] - left[b], -np.inf)
            one = np.unravel_index(int(fits.argmax()), fits.shape)
            if not np.isfinite(fits[one]):
                break
            for part, k, step in ((at, a, -1), (at, b, 1), (left, a, -1), (left, b, 1)):
                part[k][one] += step
    return counts


def _whole(target: Floats, total: int) -> Ints:
    """Return whole numbers next to a target that sum to a total: the largest remainders are rounded up."""
    scaled = target * total / max(target.sum(), 1e-300)
    whole: Ints = np.floor(scaled).astype(np.int64)
    order = np.argsort(-(scaled - whole), kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return whole


def _people(counts: Ints, income: Floats, sigma: float) -> People:
    """Return the classes that hold anybody, sorted by zone."""
    zone, age, works, car, bicycle, fifth = np.nonzero(counts)
    return People(
        zone=zone.astype(np.int64),
        age=age.astype(np.int8),
        works=works.astype(bool),
        car=car.astype(bool),
        bicycle=bicycle.astype(bool),
        income_fifth=fifth.astype(np.int8),
        income_cny_year=np.asarray(income[zone] * fifth_means(sigma)[fifth], np.float64),
        persons=counts[zone, age, works, car, bicycle, fifth],
    )
