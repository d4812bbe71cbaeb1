"""What is wrong with a file or a network: where, seen, expected, remedy; all of it, not just the first."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from greentrip_networks.errors import GreentripError

LISTED = 20  # problems of one kind that are kept whole; the rest is counted
SHOWN = 120  # characters of a value that are shown


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: an error makes a network unusable, a warning needs a look."""

    level: str  # error or warning
    code: str  # a short stable name of the kind, such as "unknown-stop"
    expected: str
    remedy: str = ""
    saw: str = ""
    file: str = ""
    line: int | None = None  # line or record of the file, the first is 1
    record: str = ""  # the id of the thing, where it has one
    field: str = ""

    @property
    def place(self) -> str:
        """Where it is, in words."""
        parts = [self.file, f"line {self.line}" if self.line is not None else "", self.record, self.field]
        return ", ".join(p for p in parts if p) or "network"

    def __str__(self) -> str:
        """Say it in one line."""
        saw = f"saw {self.saw}; " if self.saw else ""
        return f"{self.level}: {self.place}: {saw}expected {self.expected}" + (
            f"; {self.remedy}" if self.remedy else ""
        )


def shown(value: object) -> str:
    """Return a value as it may be shown: quoted if text, cut if long, nothing unprintable."""
    text = repr(value) if isinstance(value, (str, bytes)) else str(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}… ({len(text):,} characters)"


class Problems:
    """Problems gathered while a file is read or a network is checked: the first of each kind kept, all counted."""

    def __init__(self, listed: int = LISTED) -> None:
        self.listed = listed
        self.kept: list[Problem] = []
        self.counted: Counter[tuple[str, str]] = Counter()  # by (level, code)

    def __len__(self) -> int:
        """Return how many there are, kept or only counted."""
        return self.counted.total()

    @property
    def errors(self) -> int:
        """How many are errors."""
        return sum(n for (level, _), n in self.counted.items() if level == "error")

    @property
    def warnings(self) -> int:
        """How many are warnings."""
        return len(self) - self.errors

    def add(
        self,
        level: str,
        code: str,
        expected: str,
        *,
        remedy: str = "",
        saw: object = None,
        file: str = "",
        line: int | None = None,
        record: str = "",
        field: str = "",
        times: int = 1,
    ) -> None:
        """Add a problem; `times` counts it more than once though it is listed once."""
        if level not in ("error", "warning"):
            raise ValueError(level)
        if self.counted[level, code] < self.listed:
            text = "" if saw is None else shown(saw)
            self.kept.append(Problem(level, code, expected, remedy, text, file, line, shown_id(record), field))
        self.counted[level, code] += times

    def error(self, code: str, expected: str, **place: Any) -> None:
        """Add an error; see `add`."""
        self.add("error", code, expected, **place)

    def warn(self, code: str, expected: str, **place: Any) -> None:
        """Add a warning; see `add`."""
        self.add("warning", code, expected, **place)

    def many(
        self,
        level: str,
        code: str,
        expected: str,
        *,
        count: int,
        lines: Sequence[int] = (),
        records: Sequence[str] = (),
        saw: Sequence[object] = (),
        remedy: str = "",
        file: str = "",
        field: str = "",
    ) -> None:
        """Add `count` problems of one kind at once; give place and value of the first few, at least `listed` or all."""
        at = max(len(lines), len(records), len(saw), 1 if count else 0)
        for i in range(min(at, count, max(self.listed - self.counted[level, code], 0))):
            self.kept.append(
                Problem(
                    level,
                    code,
                    expected,
                    remedy,
                    shown(saw[i]) if i < len(saw) else "",
                    file,
                    int(lines[i]) if i < len(lines) else None,
                    shown_id(str(records[i])) if i < len(records) else "",
                    field,
                )
            )
        self.counted[level, code] += count

    def extend(self, others: "Problems") -> None:
        """Add the problems of another gathering."""
        self.kept.extend(others.kept)
        self.counted.update(others.counted)

    def sorted(self) -> list[Problem]:
        """Return the problems kept, errors first, otherwise in the order they were found."""
        return sorted(self.kept, key=lambda p: p.level != "error")

    def uncounted(self) -> dict[str, int]:
        """Return how many problems of each kind were counted but not kept."""
        kept = Counter((p.level, p.code) for p in self.kept)
        return {code: n - kept[level, code] for (level, code), n in self.counted.items() if n > kept[level, code]}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data: counts, the kinds, and the problems kept."""
        kinds = [{"level": a, "code": b, "count": n} for (a, b), n in sorted(self.counted.items())]
        kept = [{**asdict(p), "place": p.place} for p in self.sorted()]
        return {"errors": self.errors, "warnings": self.warnings, "kinds": kinds, "problems": kept}

    def to_json(self) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    def table(self) -> str:
        """Return the problems as lines of text, errors first, with what was only counted at the end."""
        lines = [str(p) for p in self.sorted()]
        lines += [f"... and {n} more of {code}" for code, n in sorted(self.uncounted().items())]
        return "\n".join(lines) or "no problems"

    def raise_errors(self, reader: str, path: str) -> None:
        """Raise BadInputError if there is any error."""
        if self.errors:
            raise BadInputError(reader, path, self)


class BadInputError(GreentripError):
    """Files that cannot be read as a network; carries every problem found."""

    def __init__(self, reader: str, path: str, problems: Problems) -> None:
        self.reader, self.path, self.problems = reader, path, problems
        first = next((p for p in problems.sorted() if p.level == "error"), None)
        more = problems.errors - 1
        also = f" (and {more} other error{'s' if more > 1 else ''})" if more > 0 else ""
        super().__init__(
            f"{reader} reader, {path}: {str(first).removeprefix('error: ') if first else 'bad input'}{also}"
        )


def bad_input(reader: str, path: str, code: str, expected: str, **place: Any) -> BadInputError:
    """Return the error for a file with one problem that ends its reading at once."""
    problems = Problems()
    problems.error(code, expected, **place)
    return BadInputError(reader, path, problems)


def shown_id(text: str) -> str:
    """Return an id cut to a length that can be shown."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def first_of(values: Iterable[Any], n: int = LISTED) -> list[Any]:
    """Return the first few of many."""
    made: list[Any] = []
    for value in values:
        if len(made) == n:
            break
        made.append(value)
    return made
