"""Turn messages into plain data for `--json`: the same message gives the same text."""

import json
import math
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp


def plain(message: Message) -> Any:
    """Return a message as plain data: enums by name, times as text, infinities as null, unset messages left out."""
    if isinstance(message, Struct):
        return _whole(MessageToDict(message))
    if isinstance(message, Timestamp):
        return message.ToJsonString()
    if message.DESCRIPTOR.full_name == "google.rpc.Status":
        return {"code": getattr(message, "code", 0), "message": getattr(message, "message", "")}
    return {
        field.name: _value(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def dumps(data: Any) -> str:
    """Return plain data as JSON with sorted keys."""
    return json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True)


def _whole(value: Any) -> Any:
    """Return whole numbers as such and keys in order: a Struct knows only floating-point ones, and no order."""
    if isinstance(value, dict):
        return {k: _whole(v) for k, v in sorted(value.items())}
    if isinstance(value, list):
        return [_whole(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _value(field: Any, value: Any) -> Any:
    """Return a field's value as plain data."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {str(k): value[k] for k in sorted(value)}
    if field.is_repeated:
        return [_one(field, v) for v in value]
    return _one(field, value)


def _one(field: Any, value: Any) -> Any:
    """Return one value as plain data."""
    if field.message_type is not None:
        return plain(value)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    return None if isinstance(value, float) and not math.isfinite(value) else value
