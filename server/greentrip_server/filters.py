"""Filters of lists (`state = failed AND create_time > "2026-01-01T00:00:00Z"`), read into SQL conditions.

The language is the part of AIP-160 that such lists need: comparisons `name op value` joined by AND, each perhaps after
NOT; op is one of = != < <= > >= and `:` (text holds the value); a value is a word or text in double quotes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, not_

from greentrip_server.errors import FieldError

MOST_TERMS = 20
MOST_CHARACTERS = 2000
_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(!=|<=|>=|=|<|>|:)|([^\s"=<>!:]+))')
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    ":": lambda a, b: a.contains(b, autoescape=True),
}


@dataclass(frozen=True)
class Filterable:
    """A field that a filter may name: its column, how text becomes its value, and what is expected, for errors."""

    column: Any
    read: Callable[[str], Any] = str
    expected: str = "text"
    operators: str = "= != :"


def text(column: Any) -> Filterable:
    """Return a field of text."""
    return Filterable(column)


def whole(column: Any) -> Filterable:
    """Return a field of whole numbers."""
    return Filterable(column, _whole, "a whole number", "= != < <= > >=")


def real(column: Any) -> Filterable:
    """Return a field of numbers."""
    return Filterable(column, _real, "a number", "= != < <= > >=")


def time(column: Any) -> Filterable:
    """Return a field that is a time, stored as seconds since 1970."""
    return Filterable(column, _time, "a time such as 2026-01-31T08:00:00Z", "= != < <= > >=")


def word(column: Any, words: tuple[str, ...], prefix: str = "") -> Filterable:
    """Return a field that holds one of a few words; the contract's enum names, with their prefix, are taken too."""

    def read(value: str) -> str:
        plain = value.removeprefix(prefix).lower()
        if plain not in words:
            raise ValueError
        return plain

    return Filterable(column, read, f"one of {', '.join(words)}", "= !=")


def conditions(written: str, fields: Mapping[str, Filterable]) -> list[ColumnElement[bool]]:
    """Return a filter's conditions; raise FieldError saying what was seen where and what was expected."""
    if len(written) > MOST_CHARACTERS:
        raise FieldError("filter", f"saw {len(written)} characters; expected at most {MOST_CHARACTERS}")
    tokens = _tokens(written)
    found: list[ColumnElement[bool]] = []
    while tokens:
        if found:
            _expect(tokens, "AND")
        if len(found) == MOST_TERMS:
            raise FieldError("filter", f"saw more than {MOST_TERMS} comparisons; write fewer")
        negated = bool(tokens) and tokens[0] == ("word", "NOT")
        if negated:
            tokens.pop(0)
        condition = _term(tokens, fields)
        found.append(not_(condition) if negated else condition)
    return found


def _tokens(written: str) -> list[tuple[str, str]]:
    """Cut a filter into words, quoted texts and operators."""
    found, at, end = [], 0, len(written.rstrip())
    while at < end:
        match = _TOKEN.match(written, at)
        if match is None:
            raise FieldError("filter", f'saw {written[at : at + 20]!r}; expected name = value, text in "double quotes"')
        quoted, operator, plain = match.groups()
        if quoted is not None:
            found.append(("text", re.sub(r"\\(.)", r"\1", quoted)))
        else:
            found.append(("operator", operator) if operator else ("word", plain))
        at = match.end()
    return found


def _term(tokens: list[tuple[str, str]], fields: Mapping[str, Filterable]) -> ColumnElement[bool]:
    """Read one comparison."""
    kind, name = tokens.pop(0) if tokens else ("", "nothing")
    if kind != "word" or name not in fields:
        raise FieldError("filter", f"saw {name!r}; expected a field: {', '.join(fields)}")
    field = fields[name]
    kind, operator = tokens.pop(0) if tokens else ("", "nothing")
    if kind != "operator" or operator not in field.operators.split():
        raise FieldError("filter", f"after {name}: saw {operator!r}; expected one of {field.operators}")
    kind, value = tokens.pop(0) if tokens else ("", "nothing")
    if kind not in ("word", "text"):
        raise FieldError("filter", f"after {name} {operator}: saw {value!r}; expected {field.expected}")
    try:
        read = field.read(value)
    except (ValueError, OverflowError):
        raise FieldError("filter", f"{name}: saw {value!r}; expected {field.expected}") from None
    condition: ColumnElement[bool] = _COMPARE[operator](field.column, read)
    return condition


def _expect(tokens: list[tuple[str, str]], wanted: str) -> None:
    """Take one word, or say what stands in its place."""
    kind, seen = tokens.pop(0)
    if (kind, seen) != ("word", wanted):
        raise FieldError("filter", f"saw {seen!r}; expected {wanted} between comparisons")
    if not tokens:
        raise FieldError("filter", f"ends after {wanted}; expected one more comparison")


def _whole(value: str) -> int:
    """Read a whole number that a database can hold."""
    number = int(value)
    if abs(number) >= 1 << 63:
        raise ValueError
    return number


def _real(value: str) -> float:
    """Read a finite number."""
    number = float(value)
    if number - number != 0:
        raise ValueError
    return number


def _time(value: str) -> float:
    """Read a time with its zone."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment.timestamp()
