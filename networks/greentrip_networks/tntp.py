"""Read road networks, trips and best-known flows in the TNTP format of traffic-assignment test problems, as columns.

The format is text: ``<NAME> value`` lines of metadata, ``~`` comments, then rows ended by semicolons. Real files
differ: tabs or blanks, missing metadata, power 0, parallel links, loops. What is read as it stands but needs a look
becomes a `Finding` with a code; what cannot be read is a `TableError` naming file, line and field. Nothing is dropped.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from greentrip_networks.errors import TableError

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]

TREATMENT = {
    "missing-metadata": "taken from the rows (largest node or zone, number of rows); the first through node is 1",
    "bad-metadata": "not a number; treated as missing",
    "count-differs": "the rows count, not the metadata",
    "missing-fields": "speed, toll and link type taken as 0",
    "power-zero": "constant delay, free-flow time x (1 + b)",
    "power-below-one": "kept; the delay bends sharply near zero flow",
    "zero-capacity": "closed to traffic, since its delay would be infinite at any flow",
    "unused-capacity": "capacity 0 kept, since the delay is constant and does not need it",
    "zero-length": "kept; a distance weight adds nothing",
    "zero-time": "kept; its delay is 0 at any flow",
    "parallel-link": "kept as a link of its own",
    "loop": "kept; no cheapest path uses it, so it carries no flow",
    "within-zone": "trips within a zone use no road; kept in the table and counted apart",
    "repeated-pair": "added up",
    "total-differs": "the rows count, not the metadata",
}
PLACES = 10  # lines named of one kind of finding
TOTAL_TOLERANCE = 1e-3  # of the metadata's total flow
FIELDS = ("init_node", "term_node", "capacity", "length", "free_flow_time", "b", "power", "speed", "toll", "link_type")
NEEDED = 7  # fields that every row must have


@dataclass(frozen=True)
class Finding:
    """Something of a file that needed a decision: its code, how often, on which lines first, and what was done."""

    code: str
    count: int
    lines: tuple[int, ...]
    treatment: str

    def __str__(self) -> str:
        """Say it in one line."""
        more = ", ..." if self.count > len(self.lines) else ""
        where = f" (lines {', '.join(map(str, self.lines))}{more})" if self.lines else ""
        return f"{self.code}: {self.count}{where}: {self.treatment}"


@dataclass(frozen=True)
class TntpNetwork:
    """A road network: nodes are numbered from 0 (the file's number less 1), links keep the file's order.

    Units are the file's own, which differ: capacity in vehicles in the period of the trips, free-flow time in minutes
    or hundredths of hours, length in miles, feet or km, toll in cents.
    """

    zones: int
    nodes: int
    first_through_node: int  # as in the file, from 1
    tail: Int32s
    head: Int32s
    capacity: Floats
    length: Floats
    free_flow_time: Floats
    b: Floats
    power: Floats
    speed: Floats
    toll: Floats
    link_type: Int32s
    metadata: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def no_through(self) -> Bools:
        """Mark the nodes below the first through node: paths start and end there but do not pass."""
        return np.arange(self.nodes) < self.first_through_node - 1


@dataclass(frozen=True)
class TntpTrips:
    """Trips from zone to zone, each pair once, sorted, with trips above 0; zones are numbered from 0."""

    zones: int
    origin: Int32s
    destination: Int32s
    vehicles: Floats
    metadata: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class TntpFlows:
    """Link flows of a solution: nodes from 0, volume in vehicles, cost in the network's unit of time."""

    tail: Int32s
    head: Int32s
    volume: Floats
    cost: Floats

    def on(self, network: TntpNetwork) -> Floats:
        """Return the volume of each link of a network; parallel links take theirs in order."""
        rows: dict[tuple[int, int], list[int]] = {}
        for i, pair in enumerate(zip(self.tail.tolist(), self.head.tolist(), strict=True)):
            rows.setdefault(pair, []).append(i)
        ends = list(zip(network.tail.tolist(), network.head.tolist(), strict=True))
        missing = [e for e in ends if e not in rows]
        if missing or len(ends) != len(self.tail):
            raise TableError(
                "flows",
                f"a row for each of {len(ends)} links; {len(self.tail)} rows, {len(missing)} without",
                value=tuple(n + 1 for n in missing[0]) if missing else None,
            )
        at = {e: iter(r) for e, r in rows.items()}
        return self.volume[[next(at[e]) for e in ends]]


class _Findings:
    """The findings of one file, gathered by code."""

    def __init__(self) -> None:
        self.lines: dict[str, list[int]] = {}
        self.count: dict[str, int] = {}

    def add(self, code: str, *lines: int) -> None:
        self.lines.setdefault(code, []).extend(lines)
        self.count[code] = self.count.get(code, 0) + max(len(lines), 1)

    def mark(self, code: str, where: Bools, line: NDArray[np.int64]) -> None:
        if where.any():
            self.add(code, *line[where].tolist())

    def all(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(code, self.count[code], tuple(sorted(lines)[:PLACES]), TREATMENT[code])
            for code, lines in self.lines.items()
        )


def _lines(path: Path) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """Return a file's metadata and its rows (line number, text), comments and blank lines left out."""
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise TableError(str(path), f"a file that can be read ({error.strerror})") from error
    metadata: dict[str, str] = {}
    rows: list[tuple[int, str]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("<"):
            name, mark, value = line[1:].partition(">")
            if not mark:
                raise TableError(str(path), "metadata as <NAME> value", row=number, value=line[:40])
            metadata[" ".join(name.upper().split())] = value.split("~")[0].strip()
            continue
        line = line.split("~", 1)[0].strip()
        if line:
            rows.append((number, line))
    return metadata, rows


def _count(metadata: dict[str, str], name: str, found: _Findings, otherwise: int) -> int:
    """Return a whole number of the metadata, or what the rows say."""
    value = metadata.get(name, "")
    try:
        number = float(value)
        if number == int(number) and number > 0:
            return int(number)
    except (ValueError, OverflowError):
        pass
    found.add("bad-metadata" if value else "missing-metadata")
    return otherwise


def _numbers(path: Path, line: int, words: list[str], fields: tuple[str, ...]) -> list[float]:
    """Return the numbers of a row, or name the field that is none."""
    try:
        return [float(w) for w in words]
    except ValueError:
        for word, name in zip(words, fields, strict=False):
            try:
                float(word)
            except ValueError:
                raise TableError(str(path), "a number", row=line, column=name, value=word) from None
        raise


def read_network(path: str | Path) -> TntpNetwork:
    """Read a TNTP network file.

    Raises
    ------
    TableError
        For a value that is no number, not finite, negative where it must not be, a node outside the network, or a row
        that is too short; it names file, line and field.
    """
    path = Path(path)
    metadata, rows = _lines(path)
    found = _Findings()
    values: list[list[float]] = []
    at: list[int] = []
    for number, text in rows:
        words = text.replace(";", " ").split()
        if not words:
            continue
        if len(words) < NEEDED:
            raise TableError(
                str(path), f"at least {NEEDED} fields ({', '.join(FIELDS[:NEEDED])})", row=number, value=text
            )
        row = _numbers(path, number, words[: len(FIELDS)], FIELDS)
        if len(row) < len(FIELDS):
            found.add("missing-fields", number)
            row += [0.0] * (len(FIELDS) - len(row))
        values.append(row)
        at.append(number)
    line = np.array(at, np.int64)
    table = np.array(values, np.float64).reshape(-1, len(FIELDS))
    for i, name in enumerate(FIELDS):
        low = 1.0 if i < 2 else 0.0
        column = table[:, i]
        if name == "link_type":
            low = -np.inf
        whole = name in ("init_node", "term_node", "link_type")
        bad = ~(np.isfinite(column) & (column >= low)) | (whole & (column != np.floor(column)))
        if bad.any():
            first = int(np.argmax(bad))
            what = "a whole number" if whole else "a finite number"
            raise TableError(
                str(path),
                f"{what}{'' if low == -np.inf else f' of at least {low:g}'}",
                row=int(line[first]),
                column=name,
                value=float(column[first]),
            )
    largest = int(table[:, :2].max()) if len(table) else 0
    nodes = _count(metadata, "NUMBER OF NODES", found, largest)
    if largest > nodes:
        i, j = (int(k) for k in np.argwhere(table[:, :2] > nodes)[0])
        raise TableError(
            str(path),
            f"a node of at most <NUMBER OF NODES> {nodes}",
            row=int(line[i]),
            column=FIELDS[j],
            value=int(table[i, j]),
        )
    first_through = _count(metadata, "FIRST THRU NODE", found, 1)
    zones = _count(metadata, "NUMBER OF ZONES", found, max(first_through - 1, 0) or nodes)
    if _count(metadata, "NUMBER OF LINKS", found, len(table)) != len(table):
        found.add("count-differs")
    _look(table, line, found)
    capacity, length, free, b, power, speed, toll = (np.ascontiguousarray(table[:, k]) for k in range(2, 9))
    return TntpNetwork(
        zones=min(zones, nodes),
        nodes=nodes,
        first_through_node=first_through,
        tail=(table[:, 0] - 1).astype(np.int32),
        head=(table[:, 1] - 1).astype(np.int32),
        capacity=capacity,
        length=length,
        free_flow_time=free,
        b=b,
        power=power,
        speed=speed,
        toll=toll,
        link_type=table[:, 9].astype(np.int32),
        metadata=metadata,
        findings=found.all(),
    )


def _look(table: Floats, line: NDArray[np.int64], found: _Findings) -> None:
    """Note the links that need a decision."""
    init, term, capacity, length, free, b, power = table.T[:7]
    constant = (free == 0) | (b == 0) | (power == 0)
    found.mark("power-zero", power == 0, line)
    found.mark("power-below-one", (power > 0) & (power < 1) & ~constant, line)
    found.mark("zero-capacity", (capacity == 0) & ~constant, line)
    found.mark("unused-capacity", (capacity == 0) & constant, line)
    found.mark("zero-length", length == 0, line)
    found.mark("zero-time", free == 0, line)
    found.mark("loop", init == term, line)
    _, first = np.unique(table[:, :2], axis=0, return_index=True)
    again = np.ones(len(table), bool)
    again[first] = False
    found.mark("parallel-link", again, line)


def read_trips(path: str | Path, zones: int | None = None) -> TntpTrips:
    """Read a TNTP trip table: ``Origin n`` lines, each followed by ``destination : trips;`` entries.

    `zones`, if given (from the network), must hold every origin and destination.

    Raises
    ------
    TableError
        For an entry before the first origin, a word that is no number, trips below 0 or not finite, an unknown zone.
    """
    path = Path(path)
    metadata, rows = _lines(path)
    found = _Findings()
    origin = 0.0
    origins: list[float] = []
    lines: list[int] = []
    words: list[str] = []
    for number, text in rows:
        if text[0] in "oO":
            name = text.replace(";", " ").split()
            if len(name) != 2 or name[0].lower() != "origin":
                raise TableError(str(path), "Origin and a number", row=number, value=text[:40])
            origin = _numbers(path, number, name[1:], ("origin",))[0]
            continue
        entries = text.replace(":", " ").replace(";", " ").split()
        if origin == 0.0:
            raise TableError(str(path), "an Origin line before the first entry", row=number, value=text[:40])
        if len(entries) % 2:
            raise TableError(str(path), "entries destination : trips;", row=number, value=text[:40])
        words += entries
        origins += [origin] * (len(entries) // 2)
        lines += [number] * (len(entries) // 2)
    try:
        numbers = np.array(words, np.float64).reshape(-1, 2)
    except ValueError:
        for i, word in enumerate(words):
            _numbers(path, lines[i // 2], [word], (("destination", "trips")[i % 2],))
        raise
    return _trips(
        path,
        np.column_stack([np.array(origins, np.float64), numbers]),
        np.array(lines, np.int64),
        zones,
        metadata,
        found,
    )


def _trips(
    path: Path, table: Floats, line: NDArray[np.int64], zones: int | None, metadata: dict[str, str], found: _Findings
) -> TntpTrips:
    """Check the entries (origin, destination, trips) and add them up by pair."""
    largest = int(np.nanmax(np.where(np.isfinite(table[:, :2]), table[:, :2], 0))) if len(table) else 0
    listed = _count(metadata, "NUMBER OF ZONES", found, zones or largest)
    most = listed if zones is None else zones
    for i, name in enumerate(("origin", "destination", "trips")):
        column = table[:, i]
        bad = ~np.isfinite(column) | (column < 0)
        if i < 2:
            bad |= (column < 1) | (column > most) | (column != np.floor(column))
        if bad.any():
            k = int(np.argmax(bad))
            expected = (
                f"unknown-zone: a zone from 1 to {most}" if i < 2 else "negative-demand: a finite number of at least 0"
            )
            raise TableError(str(path), expected, row=int(line[k]), column=name, value=float(column[k]))
    if zones is not None and listed != zones:
        found.add("count-differs")
    pair = (table[:, 0] - 1).astype(np.int64) * most + (table[:, 1] - 1).astype(np.int64)
    key, first, index = np.unique(pair, return_index=True, return_inverse=True)
    again = np.ones(len(pair), bool)
    again[first] = False
    found.mark("repeated-pair", again, line)
    vehicles = np.bincount(index, table[:, 2], len(key)).astype(np.float64)
    found.mark("within-zone", (table[:, 0] == table[:, 1]) & (table[:, 2] > 0), line)
    if "TOTAL OD FLOW" not in metadata:
        found.add("missing-metadata")
    else:
        try:
            total = float(metadata["TOTAL OD FLOW"])
            if abs(total - vehicles.sum()) > TOTAL_TOLERANCE * abs(total):
                found.add("total-differs")
        except ValueError:
            found.add("bad-metadata")
    use = vehicles > 0
    return TntpTrips(
        most,
        (key[use] // most).astype(np.int32),
        (key[use] % most).astype(np.int32),
        vehicles[use],
        metadata,
        found.all(),
    )


def read_flows(path: str | Path) -> TntpFlows:
    """Read a file of link flows: rows of from, to, volume and cost under one line of names (or none)."""
    path = Path(path)
    _, rows = _lines(path)
    names = ("from", "to", "volume", "cost")
    values = []
    for number, text in rows:
        words = text.replace(";", " ").replace(":", " ").split()
        if words and words[0].lower() in ("from", "tail", "init"):
            continue
        if len(words) < len(names):
            raise TableError(str(path), f"the fields {', '.join(names)}", row=number, value=text[:40])
        values.append(_numbers(path, number, words[:4], names))
    table = np.array(values, np.float64).reshape(-1, 4)
    return TntpFlows(
        table[:, 0].astype(np.int32) - 1,
        table[:, 1].astype(np.int32) - 1,
        table[:, 2].copy(),
        table[:, 3].copy(),
    )
