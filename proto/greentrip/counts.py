"""Traffic counts from a CSV file, as the messages that a run's table of counts takes."""

import csv
from pathlib import Path

from greentrip.v1 import run_pb2

COLUMNS = ("link", "period", "count")


def read_counts(file: Path) -> list[run_pb2.Count]:
    """Read counts: columns link, period, count (vehicles an hour) and perhaps direction, in any order.

    Raises ValueError with the file, row and column, what was seen and what is expected; whether a link or a period is
    there, the service says.
    """
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.DictReader(text)
        head = [name.strip() for name in rows.fieldnames or ()]
        for column in COLUMNS:
            if column not in head:
                raise ValueError(f"{file}, row 1: saw {', '.join(head)!r}; expected columns {', '.join(COLUMNS)}")
        found = []
        for i, raw in enumerate(rows, start=2):
            cells = {(k or "").strip(): (v or "").strip() for k, v in raw.items() if not isinstance(v, list)}
            try:
                counted = float(cells["count"])
            except ValueError:
                told = f"{file}, row {i}, column count: saw {cells['count']!r}; expected a number"
                raise ValueError(told) from None
            found.append(
                run_pb2.Count(
                    link=cells["link"], period=cells["period"], vehicles_h=counted, direction=cells.get("direction", "")
                )
            )
    return found
