"""Observed trips by purpose and period, from matrices (OMX, CSV) that phones, smart cards or a survey gave."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from greentrip_networks.errors import UnknownNameError
from greentrip_networks.formats import read_layers
from greentrip_networks.formats.csv_tables import Field, read_csv, tell
from greentrip_networks.formats.population import column_names
from greentrip_networks.formats.sources import open_source
from greentrip_networks.layers import Matrix
from greentrip_networks.network import PERIODS, Floats, Network
from greentrip_networks.problems import Problems

PURPOSES = ("work", "school", "errand", "leisure", "home")
"""From home to work, school ...; and home again from anywhere."""
_LONG = ("origin", "destination", "purpose", "period", "trips")
AGREE = 0.01  # share by which a zone's ways home may differ from the trips that left it, or one trip
_HOURS = {**dict.fromkeys((7, 8), "am"), **dict.fromkeys((17, 18), "pm")}  # the others are "off"


def read_trips(path: Path | str, network: Network, problems: Problems) -> dict[str, Floats]:
    """Read matrices of trips and return them by "PURPOSE PERIOD", shape (zones, zones), as `Demand.trips` holds them.

    An OMX file, or a CSV file of pairs, has a matrix or column for each purpose and period, named `work_am`, `home_pm`
    or by the hour in which trips start, `work_07`; a long CSV file has columns origin, destination, purpose, period (or
    hour) and trips. What is wrong becomes an error of `problems`: zones that are not the network's, unknown purposes or
    periods with the nearest ones, NaN, negative or infinite figures, ways home that do not agree with the trips out.
    """
    with open_source(Path(path)) as source:
        name = next(iter(source.files))
        head = column_names(source, name) if not name.endswith(".omx") else []
        long = {"purpose", "origin", "destination", "trips"} <= set(head) and bool({"period", "hour"} & set(head))
        matrices = _long(path, problems) if long else read_layers(path, problems=problems).matrices
    if not matrices:
        problems.error("no-matrix", "a matrix for each purpose and period, such as work_am", file=name)
    found: dict[str, Floats] = {}
    row = {z: i for i, z in enumerate(network.zones.id)}
    for title, matrix in matrices.items():
        key = key_of(title, problems, name)
        if key is None:
            continue
        at = _rows(matrix.zones, row, problems, name, title)
        bad = ~np.isfinite(matrix.values) | (matrix.values < 0)
        if bad.any():
            i, j = (int(k) for k in np.argwhere(bad)[0])
            problems.error(
                "bad-number", "trips of at least 0", saw=matrix.values[i, j], file=name,
                record=f"{title}, {matrix.zones[i]} to {matrix.zones[j]}", times=int(bad.sum()),
            )  # fmt: skip
        elif at is not None:
            values = np.zeros((len(row), len(row)))
            values[np.ix_(at, at)] = matrix.values
            found[key] = found[key] + values if key in found else values
    if not problems.errors:
        check_ways_home(network, found, problems, name)
    problems.raise_errors("trips", name)
    return {key: found[key] for key in sorted(found) if found[key].any()}


def _long(path: Path | str, problems: Problems) -> dict[str, Matrix]:
    """Read a row for each pair, purpose and period."""
    with open_source(Path(path)) as source:
        name = next(iter(source.files))
        when = "period" if "period" in column_names(source, name) else "hour"
        texts = [Field(n, needed=True) for n in ("origin", "destination", "purpose", when)]
        frame = read_csv(source, name, [*texts, Field("trips", "number", needed=True, low=0)], problems)
    again = frame.filter(~pl.struct("origin", "destination", "purpose", when).is_first_distinct())
    tell(problems, "error", "duplicate-pair", "each pair, purpose and period once", again, file=name, saw="origin")
    zones = sorted({*frame["origin"], *frame["destination"]})
    row = {z: i for i, z in enumerate(zones)}
    made: dict[str, Matrix] = {}
    for key, part in frame.group_by("purpose", when, maintain_order=True):
        values = np.zeros((len(zones), len(zones)))
        at = [part[c].replace_strict(row, return_dtype=pl.Int64).to_numpy() for c in ("origin", "destination")]
        values[at[0], at[1]] = part["trips"].to_numpy()
        made[f"{key[0]}_{key[1]}"] = Matrix(tuple(zones), values)
    return made


def key_of(title: str, problems: Problems, file: str) -> str | None:
    """Return "PURPOSE PERIOD" of a matrix's name, None if it names neither; the nearest names are in the error."""
    words = [w for w in re.split(r"[\s_/.\-]+", title.casefold()) if w and w != "trips"]
    purpose, period = [*words, "", ""][:2]
    if period.isdecimal() and len(period) < 5 and int(period) < 24:
        period = _HOURS.get(int(period), "off")
    if purpose not in PURPOSES:
        _unknown("purpose", purpose or title, PURPOSES, problems, file, title)
    elif period not in PERIODS or len(words) > 2:
        _unknown("period", " ".join(words[1:]), (*PERIODS, "00 to 23"), problems, file, title)
    else:
        return f"{purpose} {period}"
    return None


def _unknown(kind: str, saw: str, known: Sequence[str], problems: Problems, file: str, title: str) -> None:
    hint = str(UnknownNameError(kind, saw, known)).partition("; ")[2]
    expected = f"a {kind} of {', '.join(known)}, in a name such as work_am"
    problems.error(f"unknown-{kind}", expected, saw=saw, file=file, record=title, remedy=hint)


def _rows(
    zones: Sequence[str], row: Mapping[str, int], problems: Problems, file: str, title: str
) -> "np.ndarray[tuple[int], np.dtype[np.int64]] | None":
    """Return the network's rows of a matrix's zones, None if some are not its."""
    other = [z for z in zones if z not in row]
    for zone in other[:3]:
        hint = str(UnknownNameError("zone", zone, row)).partition("; ")[2]
        problems.error(
            "unknown-zone", "a zone of the network", saw=zone, file=file, record=title, remedy=hint,
            times=len(other) if zone == other[0] and len(other) > 3 else 1,
        )  # fmt: skip
    return None if other else np.array([row[z] for z in zones], np.int64)


def check_ways_home(network: Network, trips: Mapping[str, Floats], problems: Problems, file: str) -> None:
    """Add an error for zones where as many do not come home, or leave for home, as went; all tours end at home."""
    home = [m for key, m in trips.items() if key.startswith("home ")]
    out = [m for key, m in trips.items() if not key.startswith("home ")]
    if not out:
        problems.error("no-purpose", "trips from home by purpose; the ways home alone are no tours", file=file)
    if not home or not out:
        return
    back, there = np.sum(home, axis=0), np.sum(out, axis=0)
    for came, went, what in (
        (back.sum(axis=0), there.sum(axis=1), "ways home to the zone, as many as left home there"),
        (back.sum(axis=1), there.sum(axis=0), "ways home from the zone, as many as went there"),
    ):
        off = np.flatnonzero(np.abs(came - went) > np.maximum(AGREE * went, 1.0))
        if len(off):
            z = int(off[np.argmax(np.abs(came - went)[off])])
            problems.error(
                "margins-disagree", f"{went[z]:,.1f} {what}", saw=round(float(came[z]), 1), file=file,
                record=network.zones.id[z], times=len(off),
                remedy=f"{len(off)} zone(s) are off by over {100 * AGREE:g} %; without ways home the model draws them",
            )  # fmt: skip
