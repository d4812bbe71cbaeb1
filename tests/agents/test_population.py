import numpy as np
import pytest
from greentrip_agents.indicators import counted
from greentrip_agents.model import CommuterModel
from greentrip_agents.parameters import default_parameters
from greentrip_agents.population import plan_tours, sample_residents
from greentrip_networks import MoveResidents, ScenarioError, tiny
from greentrip_networks.network import Network
from hypothesis import given, settings
from hypothesis import strategies as st


@given(st.floats(0.001, 0.2), st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_weights_expand_every_zone_to_its_residents(sample: float, seed: int) -> None:
    city = tiny()
    people = sample_residents(city, sample=sample, seed=seed, parameters=default_parameters())
    found = np.bincount(people.zone, weights=people.weight, minlength=len(city.zones))
    assert found == pytest.approx(np.rint(city.zones.residents))
    assert (np.diff(people.zone) >= 0).all()
    assert (city.cells.zone[people.cell] == people.zone).all()


def test_a_person_is_the_same_in_every_sample(city: Network) -> None:
    p = default_parameters()
    small = sample_residents(city, sample=0.01, seed=2, parameters=p)
    whole = sample_residents(city, sample=1.0, seed=2, parameters=p)
    at = {k: i for i, k in enumerate(whole.key)}
    rows = [at[k] for k in small.key]
    for column in ("cell", "x_m", "age", "income_cny_year", "has_car", "has_ebike"):
        assert (getattr(small, column) == getattr(whole, column)[rows]).all()
    tours_small = plan_tours(city, small, seed=2, parameters=p, minimum_m=300)
    tours_whole = plan_tours(city, whole, seed=2, parameters=p, minimum_m=300)
    person = rows[5]
    mine = slice(tours_small.person_first[5], tours_small.person_first[6])
    same = slice(tours_whole.person_first[person], tours_whole.person_first[person + 1])
    assert (tours_small.x_m[mine] == tours_whole.x_m[same]).all()
    assert (tours_small.purpose[mine] == tours_whole.purpose[same]).all()


def test_people_make_the_surveyed_number_of_trips(city: Network) -> None:
    model = CommuterModel(city, sample=0.05, seed=0)
    trips = 2 * model.weight[counted(model)].sum() / model.people.weight.sum()
    assert trips == pytest.approx(model.parameters["population.trips_per_resident"], rel=0.02)


def test_work_trips_fill_the_jobs_of_zones_in_proportion(city: Network) -> None:
    model = CommuterModel(city, sample=0.2, seed=0)
    work = model.travellers.purpose == 0
    arrived = np.bincount(model.travellers.zone[work], weights=model.weight[work], minlength=len(city.zones))
    jobs = city.zones.jobs / city.zones.jobs.sum()
    big = jobs > 0.03
    assert arrived[big] / arrived.sum() == pytest.approx(jobs[big], rel=0.15)


def test_those_who_stay_are_the_same_after_others_moved(city: Network) -> None:
    a, b = city.zones.name_en[0], city.zones.name_en[5]
    moved = MoveResidents(a, b, city.zones.residents[0] / 10).apply(city)
    p = default_parameters()
    before = sample_residents(city, sample=0.05, seed=2, parameters=p)
    after = sample_residents(moved, sample=0.05, seed=2, parameters=p)
    assert set(after.key[after.zone == 0]) <= set(before.key[before.zone == 0])
    assert set(after.key[after.zone == 5]) >= set(before.key[before.zone == 5])
    assert (before.key[before.zone == 3] == after.key[after.zone == 3]).all()


@pytest.mark.parametrize("sample", [0.0, -1.0, 1.5, float("nan")])
def test_a_sample_outside_its_range_is_refused(city: Network, sample: float) -> None:
    with pytest.raises(ScenarioError, match="sample"):
        sample_residents(city, sample=sample, seed=0, parameters=default_parameters())
