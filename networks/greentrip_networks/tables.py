"""Read a CSV table against a declared schema, naming the file, row, column and value of what is wrong."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from greentrip_networks.errors import TableError

MAX_PROBLEMS = 20  # problems collected in one table before giving up


@dataclass(frozen=True)
class Column:
    """What the cells of one column must be."""

    name: str
    kind: str = "text"  # text, number, whole or flag (0 or 1)
    low: float = -math.inf
    high: float = math.inf
    empty: bool = False  # may a cell be empty; a number is then NaN, a whole number the default
    unique: bool = False
    optional: bool = False  # may the whole column be missing
    default: Any = None  # for empty cells of this column and for a missing optional one
    among: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """A table that was read: columns of equal length by name, and the file's row number of each row."""

    file: str
    columns: dict[str, list[Any]]
    rows: list[int]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, name: str) -> list[Any]:
        """Return a column by its name."""
        return self.columns[name]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a number column as an array of shape (rows,)."""
        return np.array(self.columns[name], np.float64)

    def error(self, i: int, column: str, expected: str) -> TableError:
        """Make the error that names a cell of this table."""
        return TableError(self.file, expected, row=self.rows[i], column=column, value=self.columns[column][i])


def read_text(path: Path) -> str:
    """Read a UTF-8 file, with or without byte-order mark; raise TableError naming the line that is not UTF-8."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        near = (
            ", ".join(sorted(p.name for p in path.parent.glob("*.*")))
            if path.parent.is_dir()
            else "the folder is missing too"
        )
        raise TableError(str(path), f"this table to be there (found: {near})") from None
    except OSError as error:
        raise TableError(str(path), f"a file that can be read ({error.strerror})") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise TableError(
            str(path), "UTF-8 text; save the table as UTF-8", row=row, value=data[error.start : error.end]
        ) from error


def read_table(path: Path, columns: Sequence[Column]) -> Table:
    """Read a CSV table with a header row.

    Columns not declared are left alone. Rows are numbered as a text editor shows them: the header is row 1.

    Raises
    ------
    TableError
        For the first problem found, with the count of others (at most 20 are looked for): the file is missing, is not
        UTF-8, lacks a column, or has a cell that is empty, repeated, not a number, not finite or out of its range.
    """
    file = f"{path.parent.name}/{path.name}"
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    problems: list[TableError] = []
    try:
        header = [h.strip() for h in next(reader, [])]
        for name in header:
            if name and header.count(name) > 1:
                problems.append(TableError(file, "each column once", row=1, column=name, value=name))
                break
        found = f"a column of this name (found: {', '.join(header) or 'no header'})"
        missing = [c.name for c in columns if c.name not in header and not c.optional]
        problems.extend(TableError(file, found, row=1, column=name) for name in missing)
        if problems:
            raise _first(problems)
        rows: list[int] = []
        cells: list[list[str]] = []
        for record in reader:
            if not record or (len(record) == 1 and not record[0].strip()):
                continue
            if len(record) != len(header):
                problems.append(
                    TableError(
                        file, f"{len(header)} cells as in the header", row=reader.line_num, value=f"{len(record)} cells"
                    )
                )
                if len(problems) >= MAX_PROBLEMS:
                    break
                continue
            rows.append(reader.line_num)
            cells.append(record)
    except csv.Error as error:
        raise TableError(file, f"well-formed CSV ({error})", row=reader.line_num) from error
    made: dict[str, list[Any]] = {}
    for column in columns:
        if column.name in header:
            at = header.index(column.name)
            made[column.name] = _column(file, column, [record[at].strip() for record in cells], rows, problems)
        else:
            made[column.name] = [column.default] * len(rows)
    if problems:
        raise _first(sorted(problems, key=lambda p: p.row or 0))
    return Table(file, made, rows)


def _first(problems: Sequence[TableError]) -> TableError:
    """Return the first problem, its message extended by how many others there are."""
    first = problems[0]
    if len(problems) > 1:
        more = f"{len(problems) - 1} other problem{'s' if len(problems) > 2 else ''}"
        first.args = (
            f"{first.args[0]} (and {more}{' at least' if len(problems) >= MAX_PROBLEMS else ''} in this table)",
        )
    return first


def _column(file: str, column: Column, texts: list[str], rows: list[int], problems: list[TableError]) -> list[Any]:
    """Turn a column's texts into values, adding to `problems` what is wrong."""
    fast = _well_formed(column, texts)
    if fast is not None:
        return fast
    values: list[Any] = []
    seen: dict[str, int] = {}
    for row, text in zip(rows, texts, strict=True):
        value, wrong = _cell(column, text)
        if not wrong and column.unique and text:
            if text in seen:
                wrong = f"a value used once; row {seen[text]} has it too"
            seen[text] = row
        if wrong and len(problems) < MAX_PROBLEMS:
            problems.append(TableError(file, wrong, row=row, column=column.name, value=text))
        values.append(value)
    return values


def _well_formed(column: Column, texts: list[str]) -> list[Any] | None:
    """Return a whole column's values at once if nothing is wrong with it, else None."""
    if (
        column.kind == "text"
        and column.empty
        and not column.unique
        and not column.among
        and column.default in (None, "")
    ):
        return texts
    if not texts or (column.unique and len(set(texts)) < len(texts)):
        return None
    if column.kind in ("text", "flag"):
        distinct = set(texts)
        if column.kind == "flag":
            known = {t: t.lower() in ("1", "true") for t in distinct}
            return [known[t] for t in texts] if distinct <= {"0", "1"} else None
        return None if "" in distinct or (column.among and distinct - set(column.among)) else texts
    try:
        values = list(map(float, texts))
    except ValueError:
        return None
    if not (np.isfinite(np.array(values)).all() and column.low <= min(values) and max(values) <= column.high):
        return None
    if column.kind == "number":
        return values
    return [int(v) for v in values] if all(v == int(v) for v in values) else None


def _cell(column: Column, text: str) -> tuple[Any, str]:
    """Return a cell's value and what was expected of it if it is wrong."""
    if not text:
        if not column.empty:
            return None, {"text": "some text", "flag": "0 or 1", "whole": "a whole number"}.get(column.kind, "a number")
        if column.default is None:
            return ("" if column.kind == "text" else math.nan), ""
        return column.default, ""
    if column.kind == "text":
        return text, f"one of {', '.join(column.among)}" if column.among and text not in column.among else ""
    if column.kind == "flag":
        lowered = text.lower()
        return lowered in ("1", "true"), "" if lowered in ("0", "1", "true", "false") else "0 or 1"
    try:
        number = float(text)
    except ValueError:
        return None, "a whole number" if column.kind == "whole" else "a number"
    if not math.isfinite(number):
        return None, "a finite number"
    if not column.low <= number <= column.high:
        if column.high == math.inf:
            return None, f"at least {column.low:g}"
        return None, f"{column.low:g} to {column.high:g}"
    if column.kind == "whole":
        return (int(number), "") if number == int(number) else (None, "a whole number")
    return number, ""
