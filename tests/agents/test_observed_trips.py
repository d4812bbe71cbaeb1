"""Observed trips become tours whose margins are the matrices', by purpose and period, at any sample."""

from dataclasses import replace

import numpy as np
import pytest
from greentrip_agents.definitions import PURPOSES
from greentrip_agents.model import CommuterModel
from greentrip_agents.observed_trips import margins_of, rake, sample_trips, worst
from greentrip_agents.parameters import default_parameters
from greentrip_agents.population import plan_tours
from greentrip_networks import Network
from greentrip_networks.network import PERIODS

Trips = dict[str, np.ndarray]


def observed(city: Network, *, home: bool) -> Trips:
    """Trips of a gravity with noise, fractional as expanded surveys are, thin in places, and perhaps the ways home."""
    rng = np.random.default_rng(7)
    z = city.zones
    far = np.hypot(z.x_m[:, None] - z.x_m[None, :], z.y_m[:, None] - z.y_m[None, :]) / 1000
    found: Trips = {}
    for p, purpose in enumerate(PURPOSES):
        for t, period in enumerate(PERIODS):
            noise = np.exp(rng.normal(0, 1, far.shape)) * (rng.random(far.shape) < 0.7)
            scale = (0.4, 0.5, 0.1)[t] * (1.0, 0.3, 0.6, 0.4)[p] * 1e-2
            found[f"{purpose} {period}"] = scale * z.residents[:, None] * np.exp(-far / 5) * noise
    if home:
        whole = sum(found.values()).T
        split = rng.dirichlet((1, 4, 3), whole.shape)
        found |= {f"home {t}": whole * split[..., i] for i, t in enumerate(PERIODS)}
    return found


def with_trips(city: Network, trips: Trips) -> Network:
    return city.with_(demand=replace(city.demand, trips=trips))


def by_tours(city: Network, sample: float) -> Trips:
    """Add up the planned tours themselves, the way a simulation reads them."""
    p = default_parameters()
    people = sample_trips(city, sample=sample, seed=4, parameters=p)
    tours = plan_tours(city, people, seed=4, parameters=p, minimum_m=300)
    weight, home, n = people.weight[tours.person], people.zone[tours.person], len(city.zones)
    found = {name: np.zeros((n, n)) for name in city.demand.trips}
    for (p_, t), table in [((p_, t), f"{p_} {t}") for p_ in PURPOSES for t in PERIODS]:
        mine = (tours.purpose == PURPOSES.index(p_)) & (tours.out_period == PERIODS.index(t))
        np.add.at(found[table], (home[mine], tours.zone[mine]), weight[mine])
    for t in PERIODS:
        if f"home {t}" in found:
            mine = tours.back_period == PERIODS.index(t)
            np.add.at(found[f"home {t}"], (tours.zone[mine], home[mine]), weight[mine])
    return found


@pytest.mark.parametrize("home", [False, True])
@pytest.mark.parametrize("sample", [0.02, 0.3, 1.0])
def test_margins_by_purpose_and_period_are_within_a_percent(city: Network, sample: float, home: bool) -> None:
    trips = observed(city, home=home)
    found = by_tours(with_trips(city, trips), sample)
    for name, table in trips.items():
        for axis in (0, 1):
            assert found[name].sum(axis=axis) == pytest.approx(table.sum(axis=axis), rel=0.01)


def test_what_is_told_of_the_margins_is_what_they_are(city: Network) -> None:
    changed = with_trips(city, observed(city, home=False))
    people = sample_trips(changed, sample=0.1, seed=4, parameters=default_parameters())
    told = margins_of(changed, people)
    assert set(told) == set(changed.demand.trips)
    assert all(carried == pytest.approx(changed.demand.trips[n].sum(), rel=0.01) for n, (carried, _) in told.items())
    assert max(off for _, off in told.values()) <= 0.01
    heavier = replace(people, weight=people.weight * 1.03)
    assert min(off for _, off in margins_of(changed, heavier).values()) > 0.02


def test_a_seed_gives_the_same_travellers_and_another_others(city: Network) -> None:
    changed = with_trips(city, observed(city, home=True))
    one, two, three = (sample_trips(changed, sample=0.05, seed=s, parameters=default_parameters()) for s in (1, 1, 2))
    for name in ("key", "zone", "cell", "x_m", "income_cny_year", "weight", "plan"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert len(np.unique(one.key)) == len(one)
    assert (one.x_m[:100] != three.x_m[:100]).all()
    assert one.plan.tobytes() != three.plan.tobytes()
    whole = sum((t > 0).sum() for n, t in changed.demand.trips.items() if not n.startswith("home"))
    assert len(one) < 3 * whole  # a sample: not a row for every pair and way back


def test_a_simulation_travels_where_the_matrices_say(city: Network) -> None:
    trips = observed(city, home=False)
    model = CommuterModel(with_trips(city, trips), sample=0.1, seed=2)
    residents = model.people.kind[model.tours.person] == 0
    assert model.weight[residents].sum() == pytest.approx(sum(t.sum() for t in trips.values()), rel=0.002)
    assert (model.people.kind != 0).any()
    model.step()
    assert model.served() > 0.99
    assert 0 < model.green_share() < 100


def test_raking_reaches_margins_that_can_be_reached_and_says_so_else() -> None:
    rng = np.random.default_rng(0)
    true = rng.random((6, 5))
    o, d = (g.ravel() for g in np.indices(true.shape))
    targets = [true.sum(axis=1), true.sum(axis=0)]
    assert worst(rake(np.ones(30), [o, d], targets), [o, d], targets) <= 0.002
    assert worst(rake(np.ones(1), [np.zeros(1, int)] * 2, [np.array([1.0]), np.array([2.0])]),
                 [np.zeros(1, int)] * 2, [np.array([1.0]), np.array([2.0])]) > 0.4  # fmt: skip
