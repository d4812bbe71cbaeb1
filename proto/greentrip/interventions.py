"""Carry interventions between plain data and messages by the contract's own descriptors.

Nothing here knows any one intervention: a message added to the oneof of `Intervention` is carried at once.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from greentrip.v1 import scenario_pb2

KINDS: Mapping[str, str] = {
    f.message_type.name: f.name
    for f in scenario_pb2.Intervention.DESCRIPTOR.oneofs_by_name["kind"].fields
    if f.message_type is not None
}
"""The name of each intervention's message and of its field in the oneof."""

# Fields that messages got after they were first stored: left out while empty, so that what is stored keeps its hash.
_LATER = frozenset({"greentrip.v1.FeederRoute.ride_out_s"})

_WHOLE = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
_REAL = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)


def to_message(step: Any) -> scenario_pb2.Intervention:
    """Return an intervention as its message.

    Parameters
    ----------
    step
        A message already, a dataclass whose class is named like its message, or a mapping with `kind` and fields.

    Raises
    ------
    ValueError
        When the kind or a field is unknown or a value has the wrong type; it names the field.

    """
    if isinstance(step, scenario_pb2.Intervention):
        return step
    if isinstance(step, Message):
        kind, values = step.DESCRIPTOR.name, dict(_fields(step))
    elif isinstance(step, Mapping):
        kind, values = str(step.get("kind", "")), {k: v for k, v in step.items() if k != "kind"}
    elif dataclasses.is_dataclass(step) and not isinstance(step, type):
        kind, values = type(step).__name__, {f.name: getattr(step, f.name) for f in dataclasses.fields(step)}
    else:
        raise ValueError(f"saw {type(step).__name__}; expected an intervention, its message or a mapping with a kind")
    if kind not in KINDS:
        raise ValueError(f"kind: saw {kind!r}; expected one of {', '.join(KINDS)}")
    made = scenario_pb2.Intervention()
    inner = getattr(made, KINDS[kind])
    inner.SetInParent()
    _fill(inner, values, "")
    return made


def to_dict(message: scenario_pb2.Intervention) -> dict[str, Any]:
    """Return an intervention as plain data, ready for the model: its kind (none in an empty message) and fields."""
    field = message.WhichOneof("kind")
    if field is None:
        return {"kind": ""}
    inner = getattr(message, field)
    return {"kind": inner.DESCRIPTOR.name, **_fields(inner)}


def message_to_dict(message: Message) -> dict[str, Any]:
    """Return every field of a message as plain data, unset ones with their default, but those of `_LATER`."""
    return _fields(message)


def fill(message: Message, values: Mapping[str, Any]) -> None:
    """Set a message's fields from plain data; raise ValueError naming the field that does not fit."""
    _fill(message, values, "")


def _fields(message: Message) -> dict[str, Any]:
    """Read every field."""
    read = ((f, _plain(f, getattr(message, f.name))) for f in message.DESCRIPTOR.fields)
    return {f.name: value for f, value in read if value or f.full_name not in _LATER}


def _plain(field: Any, value: Any) -> Any:
    """Read one field's value."""
    if field.is_repeated:
        return tuple(_fields(v) if field.message_type is not None else v for v in value)
    return _fields(value) if field.message_type is not None else value


def _fill(message: Message, values: Mapping[str, Any], where: str) -> None:
    """Set fields, recursing into lists of messages."""
    fields = message.DESCRIPTOR.fields_by_name
    for name, value in values.items():
        if name not in fields:
            raise ValueError(
                f"{where}{name}: {message.DESCRIPTOR.name} has no such field; expected {', '.join(fields)}"
            )
        field, place = fields[name], f"{where}{name}"
        if not field.is_repeated:
            setattr(message, name, _scalar(field, value, place))
        elif isinstance(value, str) or not isinstance(value, Iterable):
            raise ValueError(f"{place}: saw {value!r}; expected a list")
        elif field.message_type is None:
            getattr(message, name).extend(_scalar(field, v, f"{place}[{i}]") for i, v in enumerate(value))
        else:
            for i, v in enumerate(value):
                if isinstance(v, Message):
                    data: Mapping[str, Any] = _fields(v)
                elif isinstance(v, Mapping):
                    data = v
                else:
                    data = {f.name: getattr(v, f.name) for f in dataclasses.fields(v)}
                _fill(getattr(message, name).add(), data, f"{place}[{i}].")


def _scalar(field: Any, value: Any, place: str) -> Any:
    """Return a value that the field takes, or raise."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if field.cpp_type in _WHOLE:
        if not number or value != int(value):
            raise ValueError(f"{place}: saw {value!r}; expected a whole number")
        return int(value)
    if field.cpp_type in _REAL:
        if not number:
            raise ValueError(f"{place}: saw {value!r}; expected a number")
        return float(value)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL and not isinstance(value, bool):
        raise ValueError(f"{place}: saw {value!r}; expected true or false")
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and not isinstance(value, str):
        raise ValueError(f"{place}: saw {value!r}; expected text")
    return value
