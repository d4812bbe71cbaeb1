"""Interventions change what they say and nothing else; senseless ones are refused with their place."""

from dataclasses import replace

import numpy as np
import pytest
from greentrip_networks import (
    INTERVENTIONS,
    AddFeeders,
    FeederRoute,
    MoveResidents,
    Network,
    RailOfYear,
    RunBusLine,
    Scenario,
    ScenarioError,
    SetBackground,
    SetFare,
    SetHeadway,
    SetParkingPrice,
    SwitchOff,
    UnknownNameError,
    WithdrawLines,
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
    headways_s=(300.0, 900.0, 480.0),
    vehicles=2,
    capacity=60,
    cost_cny_day=4000.0,
)
LOOP = replace(
    ROUTE,
    id="f2",
    stops=("n1205", "n1304"),
    path=("n1204", "n1205", "n1305", "n1304", "n1204"),
    ride_s=(340.0, 120.0),
    ride_out_s=(100.0, 320.0),
)
STEPS = [
    RailOfYear(2016),
    AddFeeders((ROUTE,)),
    AddFeeders((ROUTE, LOOP)),
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
    WithdrawLines(("g001", "Generated bus 3")),
    RunBusLine("g002", ("n0104", "n0305"), (300.0,)),
    RunBusLine("N1", ("n0104", "n0305", "n0405"), (300.0, 600.0, 400.0), 80),
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
        (WithdrawLines(("1",)), "is a rail line; expected a bus line"),
        (WithdrawLines(("g01",)), "unknown line 'g01'"),
        (
            AddFeeders((replace(ROUTE, headways_s=(300.0, 900.0)),)),
            r"routes\[0\].headways_s: saw \(300.0, 900.0\); expected seconds in each period: am, off, pm",
        ),
        (
            AddFeeders((ROUTE, replace(LOOP, headways_s=(300.0, 0.0, 480.0)))),
            r"routes\[1\].headways_s\[1\]: saw 0 \(off\); expected seconds, more than 0",
        ),
        (RunBusLine("g001", ("n0104",), (300.0,)), "stops: saw 1; expected at least two"),
        (RunBusLine("g001", ("n0104", "nowhere"), (300.0,)), "unknown street node 'nowhere'"),
        (RunBusLine("g001", ("n0104", "n0305"), (300.0, 20.0)), "headway_s: saw"),
        (RunBusLine("N1", ("n0104", "n0305"), (300.0,)), "capacity: saw 0"),
        (RunBusLine("1", ("n0104", "n0305"), (300.0,), 80), "is a rail line; give the bus line another id"),
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
        ({"kind": "AddFeeders", "routes": [{"id": "f"}]}, ScenarioError, r"routes\[0\]: FeederRoute: .*'headways_s'"),
        (
            {"kind": "AddFeeders", "routes": [{"headways_s": 300}]},
            ScenarioError,
            r"routes\[0\].headways_s: saw 300; expected a list of numbers",
        ),
        (
            {"kind": "AddFeeders", "routes": [{"headways_s": [300, "x", 480]}]},
            ScenarioError,
            r"routes\[0\].headways_s\[1\]: saw 'x'",
        ),
        (
            {"kind": "AddFeeders", "routes": [{"headway_s": 300}]},
            UnknownNameError,
            "unknown field of FeederRoute 'headway_s'; nearest: headways_s",
        ),
    ],
)
def test_bad_data_is_refused(data: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        intervention_from_dict(data)


def test_lines_are_withdrawn_changed_and_added(city: Network) -> None:
    without = WithdrawLines(("g001", "Generated bus 3")).apply(city)
    assert [x.id for x in without.buses.lines] == [x.id for x in city.buses.lines if x.id not in ("g001", "g003")]
    calls = {x.id: [n for n, k in zip(city.buses.node, city.buses.line, strict=True) if city.buses.lines[k] is x]
             for x in city.buses.lines}  # fmt: skip
    for k, line in enumerate(without.buses.lines):
        here = [n for n, row in zip(without.buses.node, without.buses.line, strict=True) if row == k]
        assert here == calls[line.id]
    stops = ("n0104", "n0305", "n0405")
    changed = RunBusLine("g002", stops, (300.0, 600.0, 400.0)).apply(without)
    assert [n for n, row in zip(changed.buses.node, changed.buses.line, strict=True) if row == 0] == list(stops)
    assert changed.buses.lines[0].headway_s == (300.0, 600.0, 400.0)
    assert changed.buses.lines[0].capacity == city.buses.lines[1].capacity
    added = RunBusLine("N1", stops, (300.0,), 80).apply(changed)
    assert added.buses.lines[-1].headway_s == (300.0, 300.0, 300.0)
    assert len(added.compiled.buses.pattern_line) == 2 * len(added.buses.lines)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ride_out_s": (100.0,)}, "routes.0..ride_out_s: a loop needs one running time from the station"),
        ({"ride_out_s": (320.0, 100.0)}, "ride_out_s rises and ride_s falls"),
        ({"ride_s": (120.0, 340.0)}, "ride_out_s rises and ride_s falls"),
        ({"ride_out_s": (-1.0, 100.0)}, "ride_out_s rises and ride_s falls"),
        ({"ride_out_s": (100.0, 900.0)}, "ride out and ride in make once round together"),
        ({"path": ROUTE.path}, "routes.0..path: a loop begins and ends at the same street node"),
        ({"path": ()}, "routes.0..path: a loop begins and ends at the same street node"),
    ],
)
def test_senseless_loops_are_refused(city: Network, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        AddFeeders((replace(LOOP, **changes),)).apply(city)


def test_a_loop_tells_its_rides_and_other_routes_look_as_ever() -> None:
    assert LOOP.loop
    assert LOOP.mean_ride_s == (220.0, 220.0)
    assert LOOP.trip_s == 440.0
    assert intervention_to_dict(AddFeeders((LOOP,)))["routes"][0]["ride_out_s"] == (100.0, 320.0)
    assert not ROUTE.loop
    assert ROUTE.mean_ride_s == ROUTE.ride_s
    assert ROUTE.trip_s == 240.0
    assert "ride_out_s" not in intervention_to_dict(AddFeeders((ROUTE,)))["routes"][0]
