"""Policies of the base year and traffic beside the residents': there by default, each switched off as asked."""

import numpy as np
import pytest
from greentrip_agents.definitions import BICYCLE, EBIKE, GATEWAY, GUEST, MODES
from greentrip_agents.model import CommuterModel
from greentrip_agents.parameters import BASE, default_parameters
from greentrip_agents.policies import background, in_force
from greentrip_agents.response import expected
from greentrip_networks import Network, SetBackground, SwitchOff
from greentrip_networks.demand import BACKGROUND, POLICIES
from greentrip_networks.network import PERIODS


def made(city: Network, *steps: object) -> CommuterModel:
    for step in steps:
        city = step.apply(city)
    return CommuterModel(city, sample=0.02, seed=3)


def trips(model: CommuterModel) -> dict[str, float]:
    found, _ = expected(model.travellers, model.weight, model.local_speed, model.costs, model.taste)
    return dict(zip(MODES, found / found.sum(), strict=True))


@pytest.fixture(scope="module")
def base(city: Network) -> CommuterModel:
    return made(city)


def test_with_all_policies_parameters_are_as_given(city: Network) -> None:
    p = default_parameters()
    assert in_force(city, p) is p
    assert [background(city, p, t) for t in PERIODS] == [p["roads.background"], p["roads.background"] * 0.8, 0.2]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_switched_off_takes_the_parameters_of_its_row(city: Network, policy: str) -> None:
    p = default_parameters()
    start = f"without.{policy}."
    row = {n.removeprefix(start): v for n, v in p.values.items() if n.startswith(start)}
    off = in_force(SwitchOff(policy).apply(city), p)
    assert row
    assert {n: off[n] for n in row} == row
    assert all(p[n] != v for n, v in row.items())
    held = {BASE + n: p[n] for n in row}
    assert {n: v for n, v in off.values.items() if n not in row} == held | {
        n: v for n, v in p.values.items() if n not in row
    }
    assert all(off.sources[n] == p.sources[start + n] for n in row)


def test_without_the_plate_rule_every_car_is_at_hand_every_day(city: Network, base: CommuterModel) -> None:
    off = made(city, SwitchOff("plate_restriction"))
    assert off.people.has_car[base.people.has_car].all()
    residents = base.people.kind == 0
    before, after = (m.people.weight[residents] @ m.people.has_car[residents] for m in (base, off))
    assert before / after == pytest.approx(0.8, abs=0.03)
    assert trips(off)["car"] > trips(base)["car"]


def test_without_the_lottery_more_have_a_car_and_nobody_loses_one(city: Network, base: CommuterModel) -> None:
    off = made(city, SwitchOff("licence_lottery"))
    assert off.people.has_car[base.people.has_car].all()
    assert off.people.has_car.sum() > 1.1 * base.people.has_car.sum()
    assert trips(off)["car"] > trips(base)["car"]


def test_without_ebikes_none_goes_by_one(city: Network, base: CommuterModel) -> None:
    assert trips(base)["ebike"] > 0.01
    off = made(city, SwitchOff("ebikes"))
    assert not off.people.has_ebike.any()
    assert trips(off)["ebike"] == 0.0


def test_without_shared_bicycles_only_owners_ride(city: Network, base: CommuterModel) -> None:
    assert base.people.has_bicycle.all()
    off = made(city, SwitchOff("shared_bicycles"))
    residents = off.people.kind == 0
    assert off.people.has_bicycle[residents].mean() == pytest.approx(0.4, abs=0.03)
    assert not off.people.has_bicycle[np.isin(off.people.kind, (GUEST, GATEWAY))].any()
    off.step()
    assert not (off.plans.mode[~off.travellers.has_bicycle] == BICYCLE).any()
    assert (off.plans.mode[off.travellers.has_bicycle] == BICYCLE).any()
    assert (off.plans.mode == EBIKE).any()
    assert trips(off)["bicycle"] < 0.7 * trips(base)["bicycle"]


def test_without_ride_hailing_fewer_go_by_taxi(city: Network, base: CommuterModel) -> None:
    assert trips(made(city, SwitchOff("ride_hailing")))["taxi"] < trips(base)["taxi"]


def test_background_is_left_out_class_by_class(city: Network) -> None:
    p = default_parameters()
    total = background(city, p, "am")
    parts = [total - background(SetBackground(c, 0.0).apply(city), p, "am") for c in BACKGROUND]
    assert min(parts) > 0
    assert sum(parts) == pytest.approx(total)
    none = SetBackground("all", 0.0).apply(city)
    assert [background(none, p, t) for t in PERIODS] == [0.0, 0.0, 0.0]
    assert background(SetBackground("all", 2.0).apply(SetBackground("freight", 0.0).apply(city)), p, "off") == (
        pytest.approx(2 * p["roads.background"] * (0.8 - p["background.freight.off"]))
    )


def test_visitors_left_out_are_no_persons_either(city: Network, base: CommuterModel) -> None:
    assert np.isin(base.people.kind, (GUEST, GATEWAY)).any()
    without = made(city, SetBackground("visitors", 0.0))
    assert (without.people.kind == 0).all()
    assert without.road_authority.periods[0].background < base.road_authority.periods[0].background
    half = made(city, SetBackground("visitors", 0.5))
    before, after = (m.people.weight[m.people.kind != 0].sum() for m in (base, half))
    assert after == pytest.approx(before / 2, rel=0.02)


def test_a_scenario_says_what_is_off(city: Network) -> None:
    changed = SetBackground("freight", 0.0).apply(SwitchOff("ebikes").apply(city))
    assert changed.assumptions[-2:] == ("switched off: ebikes", "background traffic, freight: times 0")
