"""A population from margins: totals exact, margins to the person, a seed the same bytes, used by a simulation."""

from dataclasses import replace

import numpy as np
import pytest
from greentrip_agents.demand_tables import demand_tables
from greentrip_agents.model import CommuterModel
from greentrip_agents.parameters import default_parameters
from greentrip_agents.policies import in_force
from greentrip_agents.population import sample_residents
from greentrip_agents.synthesis import synthesise
from greentrip_networks import Network, SwitchOff
from greentrip_networks.content import hash_of
from greentrip_networks.from_layers import network_of
from greentrip_networks.layers_of import layers_of
from greentrip_networks.problems import BadInputError, Problems
from hypothesis import given, settings
from hypothesis import strategies as st

Margins = dict[str, np.ndarray]


def margins(city: Network, seed: int = 0) -> Margins:
    """Margins that agree, other in every zone."""
    rng = np.random.default_rng(seed)
    n = len(city.zones)
    residents = np.rint(city.zones.residents * rng.uniform(0.02, 0.1, n))
    children, elderly = np.rint(residents * rng.uniform(0.05, 0.2, n)), np.rint(residents * rng.uniform(0.05, 0.3, n))
    workers = np.rint((residents - children - elderly) * rng.uniform(0.4, 0.9, n))
    households = np.maximum(np.rint(residents / rng.uniform(2, 3, n)), 1)
    return {
        "residents": residents,
        "children": children,
        "adults": residents - children - elderly,
        "elderly": elderly,
        "workers": workers,
        "households": households,
        "income_cny_year": rng.uniform(30_000, 120_000, n),
        "cars": np.rint(households * rng.uniform(0.1, 0.8, n)),
        "bicycles": np.rint(residents * rng.uniform(0.1, 0.8, n)),
        "jobs": np.rint(workers.sum() * rng.dirichlet(np.ones(n))),
    }


def totals(city: Network, column: str, value: object = True) -> np.ndarray:
    people = city.demand.people
    return np.bincount(people.zone, people.persons * (getattr(people, column) == value), minlength=len(city.zones))


def made(city: Network, given_: Margins, seed: int = 0) -> Network:
    return synthesise(city, given_, parameters=default_parameters(), seed=seed).network


@given(st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_totals_are_exact_and_every_margin_is_met_to_the_person(city: Network, seed: int) -> None:
    m = margins(city, seed)
    got = made(city, m, seed)
    people = got.demand.people
    assert (np.bincount(people.zone, people.persons) == m["residents"]).all()
    for age, name in enumerate(("children", "adults", "elderly")):
        assert np.abs(totals(got, "age", age) - m[name]).max() < 1
    assert np.abs(totals(got, "works") - m["workers"]).max() < 1
    assert np.abs(totals(got, "bicycle") - m["bicycles"]).max() < 1
    with_car = np.minimum(m["cars"] / m["households"], 0.95) * m["residents"]
    assert np.abs(totals(got, "car") - with_car).max() < 1
    assert not (people.works & (people.age == 0)).any()
    assert (people.persons > 0).all()


def test_what_is_told_is_what_came_out(city: Network) -> None:
    m = margins(city)
    found = synthesise(city, m, parameters=default_parameters())
    told = {row["margin"]: row for row in found.to_dict()["margins"]}
    assert told["workers"]["persons"] == m["workers"].sum()
    missed = np.abs(totals(found.network, "works") - m["workers"]).max()
    assert told["workers"]["largest_miss_persons"] == pytest.approx(missed, abs=1e-6)
    assert told["age"]["persons"] == m["residents"].sum()
    assert [a.split(":")[0] for a in found.assumed] == ["school_places"]
    few = synthesise(city, {"residents": m["residents"]}, parameters=default_parameters())
    assert [a.split(":")[0] for a in few.assumed] == [
        "age", "workers", "cars", "bicycles", "income_cny_year", "jobs", "school_places"
    ]  # fmt: skip
    people = few.network.demand.people
    p = default_parameters()
    assert people.persons @ (people.age == 0) / people.persons.sum() == pytest.approx(
        p["population.children_share"], abs=0.002
    )
    expected = p["population.cars_per_resident"] * p["population.persons_per_car"]
    assert people.persons @ people.car / people.persons.sum() == pytest.approx(
        expected, abs=0.08
    )  # capped for the rich


def test_the_richer_have_more_cars_and_incomes_keep_their_mean(city: Network) -> None:
    m = margins(city)
    people = made(city, m).demand.people
    share = [people.persons @ (people.car & (people.income_fifth == f)) for f in range(5)]
    assert share[4] > 1.2 * share[0]
    mean = np.bincount(people.zone, people.persons * people.income_cny_year) / m["residents"]
    assert mean == pytest.approx(m["income_cny_year"], rel=0.01)


def test_the_same_seed_gives_the_same_bytes(city: Network) -> None:
    m = margins(city)
    one, two, three = (hash_of(made(city, m, seed).demand) for seed in (1, 1, 2))
    assert one == two != three


def test_a_sample_holds_the_classes_and_a_simulation_uses_them(city: Network) -> None:
    m = margins(city)
    m["residents"] *= 10
    for name in ("children", "adults", "elderly", "workers", "households", "cars", "bicycles", "jobs"):
        m[name] *= 10
    got = made(city, m)
    p = default_parameters()
    whole = sample_residents(got, sample=1.0, seed=5, parameters=p)
    assert (np.bincount(whole.zone, whole.works) == totals(got, "works")).all()
    assert (np.bincount(whole.zone, whole.age == 2) == totals(got, "age", 2)).all()
    part = sample_residents(got, sample=0.05, seed=5, parameters=p)
    at = {k: i for i, k in enumerate(whole.key)}
    rows = [at[k] for k in part.key]
    for column in ("age", "works", "income_cny_year", "has_car", "cell"):
        assert (getattr(part, column) == getattr(whole, column)[rows]).all()
    assert part.weight @ part.works == pytest.approx(m["workers"].sum(), rel=0.02)
    income = np.bincount(whole.zone, whole.income_cny_year) / np.bincount(whole.zone)
    assert income == pytest.approx(m["income_cny_year"], rel=0.05)
    model = CommuterModel(got, sample=0.05, seed=5)
    work = model.travellers.purpose == 0
    residents = model.people.kind == 0
    assert (model.people.works[model.tours.person[work]] == 1).all()
    going = model.weight[work].sum() / (model.people.weight[residents] @ (model.people.works[residents] == 1))
    assert going == pytest.approx(p["population.work_attendance"], abs=0.03)
    arrived = np.bincount(model.travellers.zone[work], weights=model.weight[work], minlength=len(got.zones))
    big = m["jobs"] > 0.05 * m["jobs"].sum()
    assert arrived[big] / arrived.sum() == pytest.approx(m["jobs"][big] / m["jobs"].sum(), rel=0.25)
    model.step()
    assert model.served() > 0.99


def test_bicycles_are_those_of_the_margins_where_none_are_shared(city: Network) -> None:
    m = margins(city)
    off = SwitchOff("shared_bicycles").apply(made(city, m))
    p = default_parameters()
    people = sample_residents(off, sample=1.0, seed=0, parameters=p)
    assert np.bincount(people.zone, people.has_bicycle) == pytest.approx(m["bicycles"], abs=1)


def test_more_have_a_car_without_the_lottery_and_moved_residents_are_like_others(city: Network) -> None:
    got = made(city, margins(city))
    p = default_parameters()
    off = SwitchOff("licence_lottery").apply(got)
    with_it, without = (
        sample_residents(n, sample=1.0, seed=0, parameters=in_force(n, p)).has_car.mean() for n in (got, off)
    )
    growth = p["without.licence_lottery.population.cars_per_resident"] / p["population.cars_per_resident"]
    assert without / with_it == pytest.approx(growth, abs=0.03)
    m = margins(city)
    for name in ("residents", "children", "adults", "elderly", "workers", "cars", "bicycles", "households"):
        m[name][7] = 0
    empty = made(city, m)
    people = sample_residents(empty, sample=1.0, seed=0, parameters=p)
    assert not (people.zone == 7).any()
    living = empty.zones.residents.copy()
    living[7] = 5000.0
    newcomers = sample_residents(
        empty.with_(zones=replace(empty.zones, residents=living)), sample=1.0, seed=0, parameters=p
    )
    there, share = newcomers.zone == 7, m["elderly"].sum() / m["residents"].sum()
    assert there.sum() == 5000
    assert (newcomers.age[there] == 2).mean() == pytest.approx(share, abs=0.03)
    assert newcomers.income_cny_year[there].mean() == pytest.approx(people.income_cny_year.mean(), rel=0.1)


def test_the_neutral_form_keeps_people_and_trips(city: Network) -> None:
    got = made(city, margins(city))
    again = network_of(layers_of(got), "again")
    assert hash_of(again.demand.people) == hash_of(got.demand.people)
    assert (again.zones.jobs == got.zones.jobs).all()


def test_tables_hold_residents_on_cells_with_tours(city: Network) -> None:
    m = margins(city)
    got = made(city, m)
    persons, tours = demand_tables(got, sample=1.0, seed=1)
    assert len(persons) == m["residents"].sum()
    assert persons["weight"].sum() == pytest.approx(m["residents"].sum())
    assert set(tours["person"]) <= set(persons["person"])
    assert set(tours["purpose"]) == {"work", "school", "errand", "leisure"}
    metres = 111_000 * np.hypot(
        (persons["lon"] - persons["cell_lon"]) * np.cos(np.radians(persons["lat"].mean())),
        persons["lat"] - persons["cell_lat"],
    )
    assert metres.max() < 360  # half the diagonal of a cell of 500 m


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elderly": 50}, r"children \+ adults \+ elderly: saw .*; expected .* residents"),
        ({"workers": 1e6}, r"workers: saw 1000000.0; expected at most .* residents of working age"),
        ({"households": 1e6}, "households: saw 1000000.0; expected at most"),
        ({"cars": -1}, "cars: saw -1.0; expected a finite number of at least 0"),
        ({"income_cny_year": np.nan}, "income_cny_year: saw nan"),
    ],
)
def test_margins_that_disagree_are_named_with_the_figures(
    city: Network, change: dict[str, float], message: str
) -> None:
    m = margins(city)
    for name, value in change.items():
        m[name][4] = m[name][4] + value if name == "elderly" else value
    with pytest.raises(BadInputError, match=f"{city.zones.id[4]}, {message}") as e:
        made(city, m)
    assert e.value.problems.errors == 1


def test_unlikely_totals_are_a_warning_and_unknown_margins_an_error(city: Network) -> None:
    m = margins(city)
    m["jobs"] = m["jobs"] * 2
    problems = Problems()
    synthesise(city, m, parameters=default_parameters(), problems=problems)
    assert "expected about as many as the" in problems.table()
    with pytest.raises(BadInputError, match=r"saw 'worker'.*nearest: workers"):
        made(city, {"worker": m["workers"]})
