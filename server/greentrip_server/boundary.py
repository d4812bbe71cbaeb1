"""What every request is held to before a service sees it: finite numbers, storable text, no unknown field."""

import math
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from greentrip_server.errors import FieldError

MOST_TEXT = 100_000  # characters of one text
MOST_ITEMS = 1_000_000  # items of one list
_REAL = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)


class Unreadable:
    """Stands for bytes that are not the message they should be."""


def check(message: Message | Unreadable, place: str = "") -> None:
    """Raise FieldError for the first field that no service could use.

    A field of a newer contract is refused, not dropped: what it asks for would silently not happen.
    """
    if isinstance(message, Unreadable):
        raise FieldError("request", "cannot be read as the method's message; was it made for another?")
    unknown = UnknownFieldSet(message)
    if len(unknown):
        raise FieldError(
            place or "request",
            f"holds field {unknown[0].field_number} that {message.DESCRIPTOR.full_name} does not have here; "
            "a newer client wrote it: leave it out, or bring the server up to date",
        )
    field: Any
    for field, value in message.ListFields():
        at = f"{place}.{field.name}" if place else field.name
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            for key, item in value.items():
                _check_one(field.message_type.fields_by_name["key"], key, f"{at} key")
                _check_one(field.message_type.fields_by_name["value"], item, f"{at}[{key!r:.50}]")
        elif field.is_repeated:
            if len(value) > MOST_ITEMS:
                raise FieldError(at, f"saw {len(value)} items; expected at most {MOST_ITEMS}")
            for i, item in enumerate(value):
                _check_one(field, item, f"{at}[{i}]")
        else:
            _check_one(field, value, at)


def _check_one(field: Any, value: Any, at: str) -> None:
    """Check one value, not a list."""
    if field.message_type is not None:
        check(value, at)
    elif field.cpp_type in _REAL:
        if not math.isfinite(value):
            raise FieldError(at, f"saw {value}; expected a finite number")
    elif field.type == FieldDescriptor.TYPE_STRING:
        if "\x00" in value:
            raise FieldError(at, "holds a NUL character; expected text without one")
        if len(value) > MOST_TEXT:
            raise FieldError(at, f"saw {len(value)} characters; expected at most {MOST_TEXT}")
    elif field.type == FieldDescriptor.TYPE_ENUM and value not in field.enum_type.values_by_number:
        raise FieldError(at, f"saw {value}; expected one of {', '.join(field.enum_type.values_by_name)}")
