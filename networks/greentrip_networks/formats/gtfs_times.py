"""Stop times of a GTFS feed as patterns: trips with the same stops after the same times share one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from greentrip_networks.formats import ReadOptions
from greentrip_networks.formats.checks import check_known
from greentrip_networks.formats.csv_tables import LINE, read_csv
from greentrip_networks.formats.flat import Floats, Ints, straight_m
from greentrip_networks.formats.gtfs_fields import STOP_TIMES
from greentrip_networks.formats.gtfs_shapes import UNITS, ShapeMetres
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import SCHEMAS
from greentrip_networks.problems import LISTED, Problems

MISSING = np.int32(-(2**31))
FILE = "stop_times.txt"


@dataclass(frozen=True)
class Timetable:
    """Patterns of a feed and its trips: a trip is a pattern, a service and a start."""

    patterns: pl.DataFrame
    pattern_stops: pl.DataFrame
    trips: pl.DataFrame  # trip_id, pattern_id, service_id, start_s, block; in the feed's order


@dataclass(frozen=True, eq=False)
class _Calls:
    """Stop times in the order of trips and sequences; `first[t]` is the first call of the t-th trip that has any."""

    trip: NDArray[np.uint32]  # (trips,) row in the frame of trips
    first: Ints  # (trips + 1,)
    stop: NDArray[np.uint32]
    arrive: NDArray[np.int32]
    depart: NDArray[np.int32]
    flags: NDArray[np.uint8]  # 1 board, 2 alight, 4 stated
    along: Floats  # NaN: not given
    line: NDArray[np.uint32]


def read_times(
    source: Source,
    trips: pl.DataFrame,
    stops: pl.DataFrame,
    shapes: ShapeMetres,
    problems: Problems,
    options: ReadOptions,
    counts: dict[str, int],
    assumed: list[str],
) -> Timetable:
    """Read stop_times.txt and make patterns.

    Times between timed stops are laid evenly by stop. Distances are the feed's own where its unit can be told from the
    shapes, else straight from stop to stop.
    """
    level = "warning" if options.repair else "error"
    file = source.find(FILE)
    if file is None:
        problems.error("no-file", "this file", file=FILE, saw="no such file")
        return _nothing()
    frame = read_csv(source, file, STOP_TIMES, problems, encoding=options.encoding, level=level)
    counts[FILE] = len(frame)
    frame = check_known(frame, "trip_id", trips["trip_id"], problems, file=FILE, what="trip", line=LINE, level=level)
    boardable = stops.filter(pl.col("kind") == "stop")["stop_id"]
    frame = check_known(frame, "stop_id", boardable, problems, file=FILE, what="stop", line=LINE, level=level)
    if not len(frame):
        if not problems.errors:
            problems.error("empty", "stop times of at least one trip", file=FILE)
        return _nothing()
    calls = _in_order(frame, trips, stops["stop_id"])
    del frame
    calls = _usable(calls, trips, problems, level, assumed)
    if not len(calls.trip):
        return _nothing()
    start = calls.depart[calls.first[:-1]]
    number = np.repeat(np.arange(len(calls.trip)), np.diff(calls.first))
    arrive, depart = calls.arrive - start[number], calls.depart - start[number]
    kind = _kinds(trips, calls.trip)
    group, chosen = _groups(calls, arrive, depart, kind, number)
    pattern_id = _names(trips[calls.trip[chosen]])
    patterns = trips[calls.trip[chosen]].select(
        pl.Series("pattern_id", pattern_id), "line_id", "direction", "headsign", "shape_id"
    )
    rows = np.concatenate([np.arange(calls.first[t], calls.first[t + 1]) for t in chosen])
    first = np.zeros(len(chosen) + 1, np.int64)
    np.cumsum(np.diff(calls.first)[chosen], out=first[1:])
    ours = bool((trips["wanted_pattern"] != "").any())  # a feed that this program wrote measures in metres
    unit = ("metres", 1.0) if ours else shapes.unit()
    metres = _metres(calls, stops, rows, first, unit, problems, assumed)
    of = np.repeat(np.arange(len(chosen)), np.diff(first))
    flags = calls.flags[rows]
    pattern_stops = pl.DataFrame(
        {
            "pattern_id": pl.Series(pattern_id)[of],
            "order": (np.arange(len(rows)) - first[of]).astype(np.int32),
            "stop_id": stops["stop_id"][calls.stop[rows]],
            "distance_m": metres,
            "arrive_s": arrive[rows],
            "depart_s": depart[rows],
            "board": flags & 1 > 0,
            "alight": flags & 2 > 0,
            "stated": flags & 4 > 0,
        }
    )
    made = trips[calls.trip].select(
        "trip_id",
        pl.Series("pattern_id", pattern_id)[group].alias("pattern_id"),
        "service_id",
        pl.Series("start_s", start),
        "block",
    )
    return Timetable(patterns, pattern_stops, made)


def _nothing() -> Timetable:
    return Timetable(*(pl.DataFrame(schema=dict(SCHEMAS[n])) for n in ("patterns", "pattern_stops", "trips")))


def _in_order(frame: pl.DataFrame, trips: pl.DataFrame, stop_ids: pl.Series) -> _Calls:
    """Return the calls sorted by trip (in the order of trips.txt) and sequence."""
    trip = _codes(frame["trip_id"], trips["trip_id"])
    sequence = frame["sequence"].to_numpy()
    if len(trip) > 1 and bool(
        ((trip[1:] > trip[:-1]) | ((trip[1:] == trip[:-1]) & (sequence[1:] > sequence[:-1]))).all()
    ):
        order: slice | Ints = slice(None)
    else:
        order = np.lexsort((sequence, trip))
    trip = trip[order]
    change = np.flatnonzero(np.diff(trip)) + 1
    first = np.concatenate([[0], change, [len(trip)]]).astype(np.int64)
    flags = (
        frame["board"].to_numpy().astype(np.uint8)
        + 2 * frame["alight"].to_numpy().astype(np.uint8)
        + 4 * frame["stated"].to_numpy().astype(np.uint8)
    )
    along = frame["along"]
    measured = (
        along.to_numpy().astype(np.float64)[order] if along.null_count() < len(along) else np.full(len(trip), np.nan)
    )
    return _Calls(
        trip=trip[first[:-1]],
        first=first,
        stop=_codes(frame["stop_id"], stop_ids)[order],
        arrive=frame["arrive"].fill_null(int(MISSING)).to_numpy()[order],
        depart=frame["depart"].fill_null(int(MISSING)).to_numpy()[order],
        flags=flags[order],
        along=measured,
        line=frame[LINE].to_numpy()[order],
    )


def _codes(values: pl.Series, known: pl.Series) -> NDArray[np.uint32]:
    """Return the row in `known` of each value; all are known."""
    table = pl.DataFrame({"id": known, "code": pl.Series(np.arange(len(known), dtype=np.uint32))})
    return pl.DataFrame({"id": values}).join(table, on="id", how="left", maintain_order="left")["code"].to_numpy()


def _usable(calls: _Calls, trips: pl.DataFrame, problems: Problems, level: str, assumed: list[str]) -> _Calls:
    """Fill times that are not given and leave out trips that cannot run, with a problem each."""
    first, last = calls.first[:-1], calls.first[1:] - 1
    arrive = np.where(calls.arrive == MISSING, calls.depart, calls.arrive)
    depart = np.where(calls.depart == MISSING, arrive, calls.depart)
    single = first == last
    untimed = (arrive[first] == MISSING) | (arrive[last] == MISSING)

    def say(code: str, expected: str, rows: NDArray[np.bool_], at: Ints) -> None:
        where = np.flatnonzero(rows)[:LISTED]
        if len(where):
            problems.many(
                level,
                code,
                expected,
                count=int(rows.sum()),
                lines=calls.line[at[where]].tolist(),
                records=trips["trip_id"][calls.trip[where]].to_list(),
                file=FILE,
                remedy="" if level == "error" else "trip left out",
            )

    say("one-stop", "a trip of at least two stops", single, first)
    say("no-time", "times at the first and last stop of a trip", untimed & ~single, first)
    good = ~(single | untimed)
    stated = arrive != MISSING
    kept = np.repeat(good, np.diff(calls.first))
    row = np.arange(len(arrive), dtype=np.float64)
    hole = ~stated & kept
    if hole.any():
        known = stated & kept
        filled = np.round(np.interp(row[hole], row[known], arrive[known].astype(np.float64))).astype(np.int32)
        before = np.round(np.interp(row[hole], row[known], depart[known].astype(np.float64))).astype(np.int32)
        arrive, depart = arrive.copy(), depart.copy()
        arrive[hole] = np.minimum(filled, before)
        depart[hole] = arrive[hole]
        assumed.append(f"times of {int(hole.sum()):,} calls were laid evenly between timed stops")
    flags = np.where(hole, calls.flags & 3, calls.flags).astype(np.uint8)
    sizes = np.diff(calls.first)[good]
    return _Calls(
        trip=calls.trip[good],
        first=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        stop=calls.stop[kept],
        arrive=arrive[kept],
        depart=depart[kept],
        flags=flags[kept],
        along=calls.along[kept],
        line=calls.line[kept],
    )


def _kinds(trips: pl.DataFrame, rows: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return a number for each trip that is equal if its line, direction, headsign, shape and wanted pattern are."""
    keys = trips.select("line_id", "direction", "headsign", "shape_id", "wanted_pattern")
    distinct = keys.unique(maintain_order=True).with_row_index("kind")
    joined = keys.join(distinct, on=keys.columns, how="left", maintain_order="left", nulls_equal=True)
    return joined["kind"].to_numpy().astype(np.uint32)[rows]


def _mix(x: Any) -> Any:
    """Scramble 64 bits (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _groups(
    calls: _Calls,
    arrive: NDArray[np.int32],
    depart: NDArray[np.int32],
    kind: NDArray[np.uint32],
    number: Ints,
) -> tuple[Ints, Ints]:
    """Group trips that are alike: return the pattern of each trip and the first trip of each pattern.

    Found by a hash of each trip's calls, then compared call by call; a trip whose hash lies gets its own pattern.
    """
    place = (np.arange(len(number)) - calls.first[number]).astype(np.uint64)
    with np.errstate(over="ignore"):
        value = _mix((place << np.uint64(32)) ^ calls.stop.astype(np.uint64))
        value = _mix(value ^ (arrive.astype(np.int64).view(np.uint64) << np.uint64(3)) ^ calls.flags.astype(np.uint64))
        value = _mix(value ^ depart.astype(np.int64).view(np.uint64))
        total: NDArray[np.uint64] = np.add.reduceat(value, calls.first[:-1])
        total = _mix(total ^ _mix(kind.astype(np.uint64)))
    _, chosen, group = np.unique(total, return_index=True, return_inverse=True)
    like = chosen[group]  # the first trip with the same hash
    size = np.diff(calls.first)
    fits = (size == size[like]) & (kind == kind[like])
    twin = np.where(fits[number], calls.first[like][number] + place.astype(np.int64), np.arange(len(number)))
    same = (
        (calls.stop == calls.stop[twin])
        & (arrive == arrive[twin])
        & (depart == depart[twin])
        & (calls.flags == calls.flags[twin])
    )
    fits &= np.logical_and.reduceat(same, calls.first[:-1])
    like = np.where(fits, like, np.arange(len(like)))
    chosen, group = np.unique(like, return_inverse=True)
    return group.astype(np.int64), chosen.astype(np.int64)


def _names(trips: pl.DataFrame) -> list[str]:
    """Return ids for patterns, given the first trip of each: the wanted one if free, else line.direction.number."""
    wanted: list[str] = trips["wanted_pattern"].to_list()
    taken = {w for w in wanted if w}
    given: set[str] = set()
    count: dict[tuple[str, int], int] = {}
    made: list[str] = []
    for want, line, direction in zip(wanted, trips["line_id"], trips["direction"], strict=True):
        if want and want not in given:
            name = want
        else:
            while True:
                k = count[line, direction] = count.get((line, direction), 0) + 1
                name = f"{line}.{direction}.{k}"
                if name not in taken:
                    break
        given.add(name)
        made.append(name)
    return made


def _metres(
    calls: _Calls,
    stops: pl.DataFrame,
    rows: Ints,
    first: Ints,
    unit: tuple[str, float] | None,
    problems: Problems,
    assumed: list[str],
) -> Floats:
    """Return metres along its pattern of each call from the first."""
    lon = stops["lon"].to_numpy().astype(np.float64)[calls.stop[rows]]
    lat = stops["lat"].to_numpy().astype(np.float64)[calls.stop[rows]]
    straight = np.asarray(straight_m(lon, lat, first))
    along = calls.along[rows]
    of = np.repeat(np.arange(len(first) - 1), np.diff(first))
    relative = along - along[first[:-1]][of]
    step = np.diff(relative, prepend=0.0)
    step[first[:-1]] = 0.0
    whole = np.logical_and.reduceat(np.isfinite(relative) & (step >= 0), first[:-1])
    if unit is None and whole.any():
        last = first[1:][whole] - 1
        ratio = straight[last] / np.maximum(relative[last], 1e-9)
        middle = float(np.median(ratio))  # the straight way is 0.4 to 1.05 of the way along
        unit = next(((u, m) for u, m in UNITS.items() if 0.4 <= middle / m <= 1.05), None)
    if unit is None:
        if whole.any():
            problems.warn(
                "unknown-unit",
                "shape_dist_traveled in metres, kilometres, feet or miles",
                file=FILE,
                field="shape_dist_traveled",
                remedy="distances are taken straight from stop to stop",
            )
        whole[:] = False
    elif whole.any() and unit[0] != "metres":
        assumed.append(f"shape_dist_traveled is in {unit[0]}")
    if not whole.all():
        assumed.append(f"distances of {int((~whole).sum()):,} patterns are straight from stop to stop")
    return np.where(whole[of], relative * (unit[1] if unit else 1.0), straight)
