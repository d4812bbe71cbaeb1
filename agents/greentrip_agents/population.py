"""The residents: one row each, and one row a tour, drawn by key: a person is the same in every sample and scenario."""

from dataclasses import dataclass, fields

import numpy as np
from greentrip_networks.cells import SIDE_M
from greentrip_networks.demand import AGES, FIFTHS
from greentrip_networks.errors import ScenarioError
from greentrip_networks.kernels import njit, prange
from greentrip_networks.network import Network
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from greentrip_agents import draws
from greentrip_agents.definitions import ERRAND, GATEWAY, GUEST, LEISURE, RESIDENT, SCHOOL, WORK
from greentrip_agents.destinations import draw_cells, zone_probabilities
from greentrip_agents.parameters import BASE, Parameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHILD, ADULT, ELDERLY = range(3)
_FREE_BUSY, _FREE_HOME = (
    0.5,
    1.6,
)  # assumed: other tours of those who work or learn today, and of those at home, in proportion
ELDERLY_CARS = 0.5  # assumed: access of the elderly to cars over that of others
_PUPIL_AGE = 0.6  # children of 6 to 14 among those of 0 to 14
ZONE_STRIDE = 10_000_000  # more persons than any zone holds


@dataclass(frozen=True, eq=False)
class Population:
    """Sampled people, sorted by home zone; `weight` is how many a row stands for.

    Residents, and where `add_visitors` added them guests and travellers, whose home is where they stay or arrive.
    """

    key: Ints  # (persons,) identity: the same person in every sample, seed of the same placement and scenario
    zone: Ints
    cell: Ints
    x_m: Floats
    y_m: Floats
    age: NDArray[np.int8]
    income_cny_year: Floats
    vot_cny_min: Floats
    has_car: NDArray[np.bool_]  # has a household car at hand today, to drive or to ride along
    has_ebike: NDArray[np.bool_]
    has_bicycle: NDArray[np.bool_]  # one's own, or where they are offered a shared one
    works: NDArray[np.int8]  # has a job: 1 or 0; -1 where it is drawn with the tours
    plan: NDArray[np.int16]  # (persons, 4) purpose, zone, period out and back of their one tour; -1 where it is drawn
    weight: Floats
    kind: NDArray[np.int8]  # RESIDENT, GUEST or GATEWAY
    zone_first: Ints  # (zones + 1,)

    def __len__(self) -> int:
        """Return the number of residents."""
        return len(self.key)

    def keep(self, cells: NDArray[np.bool_]) -> "Population":
        """Return only the residents of some cells; cells: which rows of the network's cells to keep."""
        here = cells[self.cell]
        columns = {f.name: getattr(self, f.name)[here] for f in fields(self) if f.name != "zone_first"}
        zones = len(self.zone_first) - 1
        first = np.concatenate([[0], np.cumsum(np.bincount(columns["zone"], minlength=zones))])
        return Population(**columns, zone_first=first)


@dataclass(frozen=True, eq=False)
class Tours:
    """Out and home again: two trips a row, sorted by person."""

    person: Ints  # row in the population
    number: Ints  # 0, 1, ... within the person's day
    purpose: Ints
    cell: Ints  # destination
    zone: Ints
    x_m: Floats
    y_m: Floats
    out_period: Ints
    back_period: Ints
    person_first: Ints  # (persons + 1,)

    def __len__(self) -> int:
        """Return the number of tours."""
        return len(self.person)


def sample_residents(
    network: Network, *, sample: float, seed: int, parameters: Parameters, zones_only: NDArray[np.bool_] | None = None
) -> Population:
    """Draw residents of every zone, or of some.

    Person k of a zone is the same individual whatever the sample rate; a sample takes them evenly spaced from a keyed
    start, and each row's weight expands to the zone's residents exactly.
    """
    if not 0 < sample <= 1:
        raise ScenarioError("sample", f"saw {sample!r}; expected more than 0 and at most 1")
    if network.demand.trips:
        from greentrip_agents.observed_trips import sample_trips

        return sample_trips(network, sample=sample, seed=seed, parameters=parameters, zones_only=zones_only)
    residents = np.rint(network.zones.residents).astype(np.int64)
    zones = np.arange(len(residents))
    start = draws.uniforms(seed, zones, draws.PLACE, 1)
    count = np.minimum(
        np.maximum(np.floor(residents * sample + start).astype(np.int64), (residents > 0).astype(np.int64)), residents
    )
    if zones_only is not None:
        count = np.where(zones_only, count, 0)
    first = np.concatenate([[0], np.cumsum(count)])
    zone = np.repeat(zones, count)
    rank = np.arange(first[-1]) - first[zone]
    k = (
        np.minimum(np.floor((rank + start[zone]) / sample).astype(np.int64), residents[zone] - 1)
        if sample < 1
        else rank
    )
    key = zone * ZONE_STRIDE + k
    weight = (residents / np.maximum(count, 1))[zone]

    return residents_of(network, seed, key, zone, weight, first, parameters, k=k)


def residents_of(
    network: Network,
    seed: int,
    key: Ints,
    zone: Ints,
    weight: Floats,
    first: Ints,
    parameters: Parameters,
    *,
    k: Ints | None = None,
    age: NDArray[np.int8] | None = None,
    plan: NDArray[np.int16] | None = None,
) -> Population:
    """Draw homes and traits of persons whose key, home zone and weight are known, sorted by zone.

    Where the network says who lives in a zone (`Demand.people`), k, each person's rank in the zone, picks the class.
    age and plan: given ones, in place of drawn ones.
    """
    cells = network.cells
    cdf = np.cumsum(cells.home_share)  # cells are sorted by zone and each zone's shares sum to one
    cell = np.searchsorted(cdf, zone + draws.uniforms(seed, key, draws.PLACE, 2), side="right")
    first_cell = network.compiled.zone_first_cell
    cell = np.clip(cell, first_cell[zone], first_cell[zone + 1] - 1)
    x = cells.x_m[cell] + (draws.uniforms(seed, key, draws.PLACE, 3) - 0.5) * SIDE_M
    y = cells.y_m[cell] + (draws.uniforms(seed, key, draws.PLACE, 4) - 0.5) * SIDE_M
    p = parameters
    at_hand = p["population.bicycle_at_hand"]
    bicycle = np.ones(len(key), bool) if at_hand >= 1 else draws.uniforms(seed, key, draws.OWNS_BICYCLE, 0) < at_hand
    if network.demand.people is not None and k is not None:
        age, works, income, vot, owns, own_bicycle = _by_class(network, seed, key, zone, k, p)
        bicycle = own_bicycle | ("shared_bicycles" not in network.demand.switched_off)
    else:
        age = ages(seed, key, p) if age is None else age
        works = np.full(len(key), -1, np.int8)
        income, vot = incomes(seed, key, p)
        owns = _car_owners(network, seed, key, zone, age, income, p)
    rest = draws.uniforms(seed, key, draws.PLATE, 0) < p["population.plate_restricted"]
    ebike = (draws.uniforms(seed, key, draws.OWNS_EBIKE, 0) < p["population.ebike_owners"]) & (age != CHILD)
    return Population(
        key,
        zone,
        cell.astype(np.int64),
        x,
        y,
        age,
        income,
        vot,
        owns & ~rest,
        ebike,
        bicycle,
        works,
        plan if plan is not None else np.full((len(key), 4), -1, np.int16),
        weight,
        np.full(len(key), RESIDENT, np.int8),
        first,
    )


def ages(seed: int, key: Ints, p: Parameters) -> NDArray[np.int8]:
    """Draw age groups by the city's shares."""
    u = draws.uniforms(seed, key, draws.AGE, 0)
    age = np.where(
        u < p["population.children_share"], CHILD, np.where(u > 1 - p["population.elderly_share"], ELDERLY, ADULT)
    )
    return age.astype(np.int8)


def _car_owners(
    network: Network, seed: int, key: Ints, zone: Ints, age: NDArray[np.int8], income: Floats, p: Parameters
) -> NDArray[np.bool_]:
    """Draw who has a household car: likelier with income and outside the inner city, less so for the elderly."""
    residents = np.rint(network.zones.residents).astype(np.int64)
    mean_income = p["value_of_time.income_mean_cny_year"]
    elasticity, sigma = p["population.car_income_elasticity"], p["value_of_time.income_sigma"]
    by_place = np.where(network.zones.areas["central city"], 1.0, p["population.car_outside_fifth_ring"])
    raw = by_place[zone] * (income / mean_income) ** elasticity * np.where(age == ELDERLY, ELDERLY_CARS, 1.0)
    mean_place = (by_place @ residents) / max(residents.sum(), 1)
    mean_age = 1 - (1 - ELDERLY_CARS) * p["population.elderly_share"]
    mean_raw = mean_place * mean_age * np.exp(sigma**2 * elasticity * (elasticity - 1) / 2)  # of the lognormal's power
    scale = p["population.cars_per_resident"] * p["population.persons_per_car"] / mean_raw
    return np.asarray(draws.uniforms(seed, key, draws.OWNS_CAR, 0) < np.minimum(raw * scale, 0.95))


def _by_class(
    network: Network, seed: int, key: Ints, zone: Ints, k: Ints, p: Parameters
) -> tuple[NDArray[np.int8], NDArray[np.int8], Floats, Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return age, works, income, value of time, household car and own bicycle by the class of each person's rank.

    Ranks are spread over the classes of their zone in order, so a sample, whose ranks are evenly spaced, holds every
    class in proportion. Income lies in the zone's fifth, log-normally, around the mean of the class.
    """
    people = network.demand.people
    assert people is not None
    before = np.cumsum(people.persons) - people.persons
    total = np.bincount(people.zone, people.persons, minlength=len(network.zones))
    start = np.cumsum(total) - total  # of each zone in the classes laid end to end
    residents = np.rint(network.zones.residents)
    at = start[zone] + np.floor((k + 0.5) * total[zone] / np.maximum(residents[zone], 1))
    anywhere = np.floor(draws.uniforms(seed, key, draws.AGE, 0) * total.sum())  # moved to where nobody lived
    at = np.where(total[zone] > 0, at, anywhere)
    row = np.searchsorted(before, at, side="right") - 1
    fifth = people.income_fifth[row]
    spread = ndtri((fifth + draws.uniforms(seed, key, draws.INCOME, 0)) / FIFTHS)
    sigma = p["value_of_time.income_sigma"]
    income = people.income_cny_year[row] * np.exp(sigma * spread - sigma**2 / 2) / fifth_means(sigma)[fifth]
    works = people.works[row].astype(np.int8)
    name = "population.cars_per_resident"
    growth = p[name] / p.values.get(BASE + name, p[name])  # more where the licence lottery is switched off
    share = people.persons @ people.car / max(people.persons.sum(), 1)
    more = draws.uniforms(seed, key, draws.OWNS_CAR, 0) < (growth - 1) * share / max(1 - share, 1e-9)
    return people.age[row], works, income, values_of_time(income, p), people.car[row] | more, people.bicycle[row]


def fifth_means(sigma: float) -> Floats:
    """Return the mean income of each fifth of a log-normal distribution over the mean of all, shape (fifths,)."""
    edges = ndtri(np.arange(FIFTHS + 1) / FIFTHS)
    return np.asarray(FIFTHS * np.diff(ndtr(edges - sigma)), np.float64)


def incomes(seed: int, key: Ints, p: Parameters) -> tuple[Floats, Floats]:
    """Return income (CNY a year) and value of time (CNY a minute), lognormal with the stated mean."""
    sigma, mean = p["value_of_time.income_sigma"], p["value_of_time.income_mean_cny_year"]
    u1, u2 = draws.uniforms(seed, key, draws.INCOME, 0), draws.uniforms(seed, key, draws.INCOME, 1)
    normal = np.sqrt(-2 * np.log(u1)) * np.cos(2 * np.pi * u2)
    income = mean * np.exp(sigma * normal - sigma**2 / 2)
    return income, values_of_time(income, p)


def values_of_time(income: Floats, p: Parameters) -> Floats:
    """Return values of time (CNY a minute) at incomes (CNY a year)."""
    mean = p["value_of_time.income_mean_cny_year"]
    vot = p["value_of_time.mean_cny_h"] / 60 * (income / mean) ** p["value_of_time.income_elasticity"]
    return np.clip(vot, 0.05, 3.0)


def plan_tours(
    network: Network,
    people: Population,
    *,
    seed: int,
    parameters: Parameters,
    minimum_m: float,
    cumulative: Floats | None = None,
) -> Tours:
    """Draw every person's tours: purposes, destinations and periods.

    Work and school follow age; errands and leisure fill up to the surveyed trip rate. Work destinations are doubly
    constrained by residents and jobs, the others by attraction; all decay with distance. cumulative: what
    `zone_probabilities` returns, to draw for parts of a city without computing it again.
    """
    p = parameters
    key, age = people.key, people.age
    residents = max(network.zones.residents.sum(), 1)
    children, elderly, worker_rate = _rates(network, p)
    adults = 1 - children - elderly
    older = max(
        network.zones.school_places.sum() / residents - _PUPIL_AGE * children, 0
    )  # pupils and students who are not children
    older_rate = min(older / max(adults * (1 - worker_rate), 1e-9), 0.6)
    worker = (age == ADULT) & (draws.uniforms(seed, key, draws.WORKER, 0) < worker_rate)
    worker = np.where(people.works >= 0, people.works > 0, worker)
    student = (age == CHILD) & (draws.uniforms(seed, key, draws.WORKER, 1) < _PUPIL_AGE)
    student |= (age == ADULT) & ~worker & (draws.uniforms(seed, key, draws.WORKER, 2) < older_rate)
    planned = people.plan[:, 0] >= 0
    drawn = (people.kind == RESIDENT) & ~planned
    worker, student = worker & drawn, student & drawn
    works = worker & (draws.uniforms(seed, key, draws.TOURS, 0) < p["population.work_attendance"])
    learns = student & (draws.uniforms(seed, key, draws.TOURS, 1) < p["population.school_attendance"])

    work_share = adults * worker_rate * p["population.work_attendance"]
    school_share = (children * _PUPIL_AGE + adults * (1 - worker_rate) * older_rate) * p["population.school_attendance"]
    fixed = work_share + school_share
    other = max(p["population.trips_per_resident"] / 2 - fixed, 0)
    free = np.where(works | learns, _FREE_BUSY, _FREE_HOME) * other / (_FREE_BUSY * fixed + _FREE_HOME * (1 - fixed))
    extra = np.minimum(np.floor(free + draws.uniforms(seed, key, draws.TOURS, 2)), 4).astype(np.int64)

    extra = np.where(people.kind == GUEST, _guest_tours(seed, key, p), np.where(people.kind == GATEWAY, 1, extra))
    extra = np.where(planned, 1, extra)
    count = (works | learns).astype(np.int64) + extra
    first = np.concatenate([[0], np.cumsum(count)])
    person = np.repeat(np.arange(len(people)), count)
    number = np.arange(first[-1]) - first[person]
    is_errand = draws.uniforms_at(seed, key[person], draws.TOURS, 10 + number) < p["population.errand_share"]
    purpose = np.where(is_errand, ERRAND, LEISURE)
    purpose = np.where(people.kind[person] == RESIDENT, purpose, LEISURE)
    main = (number == 0) & (works | learns)[person]
    purpose = np.where(main, np.where(works[person], WORK, SCHOOL), purpose).astype(np.int64)
    to = np.full(len(person), -1, np.int64)
    plan = people.plan[person] if planned.any() else None
    if plan is not None:
        purpose = np.where(plan[:, 0] >= 0, plan[:, 0], purpose)
        to[:] = plan[:, 1]

    if cumulative is None:
        cumulative = zone_probabilities(network, parameters)
    zone, cell, x, y = draw_cells(
        network, people, person, number, purpose, to, cumulative, seed=seed, parameters=parameters,
        minimum_m=minimum_m,
    )  # fmt: skip
    out_period, back_period = _periods(seed, key[person], number, purpose)
    if plan is not None:
        out_period = np.where(plan[:, 2] >= 0, plan[:, 2], out_period)
        back_period = np.where(plan[:, 3] >= 0, plan[:, 3], back_period)
    return Tours(person, number, purpose, cell, zone, x, y, out_period, back_period, first)


def _rates(network: Network, p: Parameters) -> tuple[float, float, float]:
    """Return the shares of children and of elderly among the residents, and of workers among adults."""
    people = network.demand.people
    if people is None:
        children, elderly = p["population.children_share"], p["population.elderly_share"]
        residents = max(network.zones.residents.sum(), 1)
        return children, elderly, min(network.zones.jobs.sum() / residents / (1 - children - elderly), 0.92)
    by_age = np.bincount(people.age, people.persons, minlength=len(AGES)) / max(people.persons.sum(), 1)
    working = people.persons @ people.works / max(people.persons.sum(), 1)
    return float(by_age[CHILD]), float(by_age[ELDERLY]), float(working / max(by_age[ADULT], 1e-9))


def _guest_tours(seed: int, key: Ints, p: Parameters) -> Ints:
    """Return how many tours each person would make as a guest of the city."""
    return np.floor(p["population.visitor_trips"] / 2 + draws.uniforms(seed, key, draws.TOURS, 3)).astype(np.int64)


# Share of tours that would like to leave, and come home, in (am, off, pm), by purpose; assumed, so that what is left of
# the peaks after departures shifted follows the hourly profile of 13 May 2019 (28 % of boardings at 07-09, as many at
# 17-19).
_OUT = np.array([[0.72, 0.26, 0.02], [0.85, 0.15, 0.0], [0.16, 0.72, 0.12], [0.10, 0.75, 0.15]])
BACK_SHARES = np.array([[0.0, 0.57, 0.43], [0.0, 0.62, 0.38], [0.05, 0.76, 0.19], [0.0, 0.79, 0.21]])


@njit(parallel=True)
def _draw_periods(seed: int, key: Ints, number: Ints, purpose: Ints, shares: Floats, index: int, out: Ints) -> None:
    """Draw a period for each tour."""
    for i in prange(key.shape[0]):
        u = draws.uniform(seed, key[i], draws.PERIOD, index + 2 * number[i])
        row = shares[purpose[i]]
        out[i] = 0 if u < row[0] else (1 if u < row[0] + row[1] else 2)


def _periods(seed: int, key: Ints, number: Ints, purpose: Ints) -> tuple[Ints, Ints]:
    """Return the periods (rows of PERIODS) in which each tour leaves and comes home."""
    out, back = np.empty(len(key), np.int64), np.empty(len(key), np.int64)
    _draw_periods(seed, key, number, purpose, _OUT, 0, out)
    _draw_periods(seed, key, number, purpose, BACK_SHARES, 1, back)
    return out, back
