"""Read CSV files of declared fields into typed frames, a column at a time, naming every cell that is wrong."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from greentrip_networks.formats.sources import Source
from greentrip_networks.formats.text import read_utf8
from greentrip_networks.problems import LISTED, Problems, bad_input

LINE = "_line"  # the column that says which line of the file a row came from
_TIME = r"^(\d{1,3}):([0-5]?\d):([0-5]?\d)$"


@dataclass(frozen=True)
class Field:
    """What the cells of one column must be.

    `needed` columns must be there and their cells filled; a row with a bad cell in a needed column is left out. A bad
    cell elsewhere becomes empty (the default), with a warning.
    """

    name: str  # in the file
    kind: str = "text"  # text, number, whole, flag, date (YYYYMMDD), time (H:MM:SS, may pass 24 h) or choice
    to: str = ""  # column of the frame that is made; the same name if left out
    needed: bool = False
    low: float = -math.inf
    high: float = math.inf
    choices: Mapping[str, Any] = field(default_factory=dict)
    default: Any = None

    @property
    def column(self) -> str:
        """The column that is made."""
        return self.to or self.name


TYPES: Mapping[str, Any] = {
    "text": pl.String,
    "number": pl.Float64,
    "whole": pl.Int32,
    "flag": pl.Boolean,
    "date": pl.Date,
    "time": pl.Int32,
    "choice": pl.String,
}


def read_csv(
    source: Source, file: str, fields: Sequence[Field], problems: Problems, *, encoding: str = "", level: str = "error"
) -> pl.DataFrame:
    """Read one CSV file (UTF-8, GBK found out, a header first); see `Field`.

    `level` is that of problems that cost a row: "error", or "warning" where the row may be left out. Returned is a
    frame with a typed column for each field and `LINE`; rows in the file's order, empty ones left out.
    """
    raw = _raw(source, file, [f.name for f in fields], problems, encoding, level)
    return typed_frame(raw, fields, problems, file=file, level=level)


def typed_frame(
    raw: pl.DataFrame, fields: Sequence[Field], problems: Problems, *, file: str, level: str = "error"
) -> pl.DataFrame:
    """Turn columns of stripped text (and `LINE`), whatever file they came from, into typed ones; see `read_csv`."""
    missing = [f for f in fields if f.needed and f.name not in raw.columns]
    for f in missing:
        problems.error("no-column", "this column", file=file, line=1, field=f.name, saw="no such column")
    if missing:
        return pl.DataFrame(schema={**{f.column: TYPES[f.kind] for f in fields}, LINE: pl.UInt32})
    made = {LINE: raw[LINE]}
    bad = pl.repeat(value=False, n=len(raw), eager=True, dtype=pl.Boolean)
    for f in fields:
        if f.name not in raw.columns:
            made[f.column] = pl.repeat(f.default, len(raw), dtype=TYPES[f.kind], eager=True).alias(f.column)
            continue
        text = raw[f.name]
        value, expected = _typed(text, f)
        filled = text != ""
        wrong = (filled & value.is_null()) if f.kind != "text" else None
        if wrong is not None and wrong.any():
            _say(problems, level if f.needed else "warning", f, expected, raw, wrong, file)
        if f.needed:
            empty = ~filled
            if empty.any():
                _say(problems, level, f, expected or "some text", raw, empty, file, code="empty")
            bad = bad | empty | (wrong if wrong is not None else empty)
        if f.default is not None:
            value = value.fill_null(f.default)
        made[f.column] = value.alias(f.column)
    frame = pl.DataFrame(made)
    return frame.filter(~bad) if bad.any() else frame


def _say(
    problems: Problems,
    level: str,
    f: Field,
    expected: str,
    raw: pl.DataFrame,
    rows: pl.Series,
    file: str,
    code: str = "",
) -> None:
    remedy = "" if level == "error" else ("row left out" if f.needed else "taken as empty")
    wrong = raw.filter(rows)
    tell(problems, level, code or f"bad-{f.kind}", expected, wrong, file=file, saw=f.name, field=f.name, remedy=remedy)


def tell(
    problems: Problems,
    level: str,
    code: str,
    expected: str,
    rows: pl.DataFrame,
    *,
    file: str,
    saw: str = "",
    record: str = "",
    field: str = "",
    remedy: str = "",
) -> None:
    """Add a problem for each row that came from a file; `saw` and `record` are columns with its value and its id."""
    if not len(rows):
        return
    first = rows.head(LISTED)
    problems.many(
        level,
        code,
        expected,
        count=len(rows),
        lines=first[LINE].to_list(),
        saw=first[saw].to_list() if saw else (),
        records=first[record].to_list() if record else (),
        file=file,
        field=field,
        remedy=remedy,
    )


def _raw(
    source: Source, file: str, wanted: Sequence[str], problems: Problems, encoding: str, level: str
) -> pl.DataFrame:
    """Return the wanted columns as stripped text, with LINE."""
    data = read_utf8(source, file, problems, encoding)
    end = data.find(b"\n")
    head = data if end < 0 else data[:end]
    try:
        names = [n.strip() for n in next(csv.reader([head.decode().rstrip("\r")], strict=True), [])]
    except csv.Error as error:
        raise bad_input(
            "csv", source.name, "bad-header", "a header of comma-separated names", saw=error, file=file, line=1
        ) from None
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        problems.error("duplicate-column", "each column once", file=file, line=1, saw=twice)
        names = [n if names.index(n) == i else f"{n}_{i}_again" for i, n in enumerate(names)]
    schema = dict.fromkeys(names, pl.String)
    here = [n for n in dict.fromkeys(wanted) if n in schema]
    body = b"" if end < 0 else data[end + 1 :]
    del data
    if not here or not body.strip():
        return pl.DataFrame(schema={**dict.fromkeys(here, pl.String), LINE: pl.UInt32})
    try:
        frame = _parse(body, schema, here, ragged=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        _say_ragged(body, len(names), file, problems, level)
        try:
            frame = _parse(body, schema, here, ragged=True)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise bad_input("csv", source.name, "bad-csv", "comma-separated rows", saw=error, file=file) from None
    stripped = frame.select(pl.col(here).str.strip_chars().fill_null("")).with_row_index(LINE, 2)
    return stripped.filter(pl.any_horizontal(pl.col(here) != "")) if here else stripped


def _parse(body: bytes, schema: Mapping[str, Any], here: list[str], *, ragged: bool) -> pl.DataFrame:
    names = list(schema)
    return pl.read_csv(
        body,
        has_header=False,
        schema=dict(schema),
        columns=[names.index(n) for n in here],
        infer_schema=False,
        truncate_ragged_lines=ragged,
        raise_if_empty=False,
    ).select(here)


def _say_ragged(body: bytes, width: int, file: str, problems: Problems, level: str) -> None:
    """Add a problem for every row with more cells than the header has names, and for quotes that do not close."""
    found = 0
    try:
        for number, row in enumerate(csv.reader(io.StringIO(body.decode()), strict=True), 2):
            if len(row) > width:
                found += 1
                problems.add(
                    level, "too-many-cells", f"{width} cells, as in the header", saw=len(row), file=file, line=number
                )
    except csv.Error as error:
        problems.error("bad-csv", "comma-separated rows with quotes that close", saw=error, file=file)
        return
    if not found:
        problems.error("bad-csv", "comma-separated rows", file=file)


def _typed(text: pl.Series, f: Field) -> tuple[pl.Series, str]:
    """Return a column's values (null where empty or wrong) and what is expected of them."""
    if f.kind == "text":
        return text, "some text"
    between = "" if f.low == -math.inf and f.high == math.inf else f", {f.low:g} to {f.high:g}"
    if f.kind == "number":
        value = text.cast(pl.Float64, strict=False)
        value = value.set(~(value.is_finite() & value.is_between(f.low, f.high)).fill_null(value=False), None)
        return value, f"a finite number{between}"
    if f.kind == "whole":
        number = text.cast(pl.Float64, strict=False)
        low, high = max(f.low, -(2**31)), min(f.high, 2**31 - 1)
        fine = (number.is_finite() & number.is_between(low, high) & (number == number.round())).fill_null(value=False)
        return number.set(~fine, None).cast(pl.Int32), f"a whole number{between}"
    if f.kind in ("choice", "flag"):
        choices = f.choices or {"0": False, "1": True}
        kind = pl.Boolean if f.kind == "flag" else pl.String
        value = text.replace_strict(list(choices), list(choices.values()), default=None, return_dtype=kind)
        return value, f"one of {', '.join(c for c in choices if c)}"
    distinct = text.unique()
    if f.kind == "date":
        made = distinct.set(distinct.str.len_bytes() != 8, None).str.to_date("%Y%m%d", strict=False)
        expected = "a date, YYYYMMDD"
    else:
        parts = distinct.str.extract_groups(_TIME).struct.unnest()
        hours, minutes, seconds = (parts.to_series(i).cast(pl.Int32, strict=False) for i in range(3))
        made = hours * 3600 + minutes * 60 + seconds
        expected = "a time, HH:MM:SS"
    if len(distinct) == len(text) and text.equals(distinct):
        return made, expected
    return text.replace_strict(distinct, made, return_dtype=made.dtype), expected
