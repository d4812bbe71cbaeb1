"""The contract's interventions are the model's, field by field, and carry every value unchanged."""

import dataclasses
from typing import Any, get_type_hints

import pytest
from google.protobuf.descriptor import FieldDescriptor
from greentrip.interventions import KINDS, to_dict, to_message
from greentrip.v1 import scenario_pb2
from greentrip_networks import INTERVENTIONS, FeederRoute, intervention_from_dict
from hypothesis import given
from hypothesis import strategies as st

TYPES = {
    (str, False): FieldDescriptor.CPPTYPE_STRING,
    (float, False): FieldDescriptor.CPPTYPE_DOUBLE,
    (int, False): FieldDescriptor.CPPTYPE_INT32,
    (tuple[str, ...], True): FieldDescriptor.CPPTYPE_STRING,
    (tuple[float, ...], True): FieldDescriptor.CPPTYPE_DOUBLE,
    (tuple[float, float, float], True): FieldDescriptor.CPPTYPE_DOUBLE,
    (tuple[FeederRoute, ...], True): FieldDescriptor.CPPTYPE_MESSAGE,
}


def test_every_intervention_has_its_message_and_no_other() -> None:
    assert set(KINDS) == set(INTERVENTIONS)


@pytest.mark.parametrize("cls", [*INTERVENTIONS.values(), FeederRoute], ids=lambda c: c.__name__)
def test_fields_and_types_are_the_dataclasses(cls: type[Any]) -> None:
    message = scenario_pb2.DESCRIPTOR.message_types_by_name[cls.__name__]
    hints = get_type_hints(cls)
    expected = {f.name: TYPES[hints[f.name], hints[f.name] not in (str, float, int)] for f in dataclasses.fields(cls)}
    assert {f.name: f.cpp_type for f in message.fields} == expected


def values(hint: Any) -> st.SearchStrategy[Any]:
    if hint is str:
        return st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
    if hint is int:
        return st.integers(-(2**31), 2**31 - 1)
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if hint == tuple[FeederRoute, ...]:
        return st.lists(made(FeederRoute), max_size=3).map(tuple)
    return st.lists(values(hint.__args__[0]), max_size=4).map(tuple)


def made(cls: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls)
    return st.builds(cls, **{f.name: values(hints[f.name]) for f in dataclasses.fields(cls)})


@given(st.one_of([made(cls) for cls in INTERVENTIONS.values()]))
def test_a_round_trip_over_the_wire_changes_nothing(step: Any) -> None:
    wire = to_message(step).SerializeToString()
    back = intervention_from_dict(to_dict(scenario_pb2.Intervention.FromString(wire)))
    assert back == step


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"kind": "SetHedway"}, "expected one of .*SetHeadway"),
        ({"kind": "SetHeadway", "line": 1}, "line: saw 1; expected text"),
        ({"kind": "SetHeadway", "headway": 1}, "no such field"),
        ({"kind": "RailOfYear", "year": 2019.5}, "whole number"),
        ({"kind": "AddFeeders", "routes": [{"length_m": "x"}]}, r"routes\[0\].length_m"),
        ({"kind": "AddFeeders", "routes": [{"headways_s": 300}]}, r"routes\[0\].headways_s: saw 300; expected a list"),
        (3, "expected an intervention"),
    ],
)
def test_what_does_not_fit_is_named(step: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        to_message(step)


def test_what_only_loops_have_is_left_out_of_other_routes() -> None:
    route = FeederRoute("f", "s", ("a",), ("a", "b"), (60.0,), 500.0, (300.0, 600.0, 300.0), 1, 60, 1.0)
    for made, has in ((route, False), (dataclasses.replace(route, ride_out_s=(30.0,)), True)):
        wire = to_message({"kind": "AddFeeders", "routes": [made]})
        assert ("ride_out_s" in to_dict(wire)["routes"][0]) is has
        assert to_dict(wire)["routes"][0] == made.to_dict()
