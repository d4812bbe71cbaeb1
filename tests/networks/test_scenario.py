"""Interventions change what they say and nothing else; senseless ones are refused with their place."""

import numpy as np
import pytest
from greentrip_networks import (
    INTERVENTIONS,
    AddFeeders,
    FeederRoute,
    MoveResidents,
    Network,
    RailOfYear,
    Scenario,
    ScenarioError,
    SetBackground,
    SetFare,
    SetHeadway,
    SetParkingPrice,
    SwitchOff,
    UnknownNameError,
    intervention_from_dict,
    intervention_to_dict,
)
from greentrip_networks.demand import POLICIES
from hypothesis import given
from hypothesis import strategies as st

ROUTE = FeederRoute(
    id="f1",
    station="harbour",
    stops=("n1306",),
    path=("n1306", "n1305", "n1304"),
    ride_s=(240.0,),
    length_m=1500.0,
    headway_s=600.0,
    vehicles=2,
    capacity=60,
    cost_cny_day=4000.0,
)
STEPS = [
    RailOfYear(2016),
    AddFeeders((ROUTE,)),
    SetHeadway("1", 120.0),
    SetHeadway("2", 200.0, "pm"),
    SetFare("metro", 0.5),
    SetFare("bus", 0.0),
    SetFare("taxi", 2.0),
    SetFare("feeder", 2.0),
    SetFare("fuel", 1.5),
    SetParkingPrice("Old City", 12.0),
    MoveResidents("New Town", "central city", 1000.0),
    *(SwitchOff(policy) for policy in POLICIES),
    SetBackground("freight", 0.0),
    SetBackground("all", 1.2),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda s: type(s).__name__)
def test_round_trip_and_apply(city: Network, step: object) -> None:
    assert intervention_from_dict(intervention_to_dict(step)) == step
    assert step.apply(city) is not city


def test_every_intervention_is_tried() -> None:
    assert set(INTERVENTIONS) <= {type(s).__name__ for s in STEPS}


@given(st.floats(0.01, 1.0), st.integers(0, 19), st.integers(0, 19))
def test_moving_residents_keeps_their_number(city: Network, part: float, a: int, b: int) -> None:
    if a == b:
        return
    step = MoveResidents(city.zones.id[a], city.zones.id[b], part * float(city.zones.residents[a]))
    after = step.apply(city).zones.residents
    assert after.sum() == pytest.approx(city.zones.residents.sum())
    assert (after >= -1e-9).all()
    same = np.ones(20, bool)
    same[[a, b]] = False
    assert (after[same] == city.zones.residents[same]).all()


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (RailOfYear(1900), r"interventions\[0\] \(RailOfYear\): unknown rail year of tiny '1900'"),
        (SetHeadway("1", 5.0), "headway_s: saw 5; expected 30 to 7200"),
        (SetHeadway("Line 11", 100.0), "unknown line 'Line 11'; nearest: Line 1"),
        (SetFare("metor", 1.0), "unknown fare system 'metor'; nearest: metro"),
        (SetParkingPrice("Old Cty", 1.0), "unknown place 'Old Cty'; nearest: Old City"),
        (MoveResidents("New Town", "East County", 10.0), "share zones"),
        (MoveResidents("New Town", "Old City", 1e9), "expected more than 0 and at most"),
        (SwitchOff("plate_restrictions"), "unknown policy 'plate_restrictions'; nearest: plate_restriction"),
        (SetBackground("frieght", 0.0), "unknown background traffic 'frieght'; nearest: freight"),
        (SetBackground("freight", -1.0), "factor: saw -1; expected 0 to 10"),
    ],
)
def test_senseless_steps_are_refused(city: Network, step: object, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        Scenario("s", "tiny", (step,)).build(city)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({"kind": "SetFair"}, UnknownNameError, "nearest: SetFare"),
        ({"kind": "SetFare", "system": "metro", "factr": 1}, UnknownNameError, "nearest: factor"),
        ({"kind": "SetFare", "system": "metro", "factor": "x"}, ScenarioError, "factor: saw 'x'"),
        ({"kind": "RailOfYear", "year": 2015.5}, ScenarioError, "year: saw 2015.5; expected a whole number"),
        ({"kind": "RailOfYear"}, ScenarioError, "RailOfYear"),
    ],
)
def test_bad_data_is_refused(data: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        intervention_from_dict(data)
