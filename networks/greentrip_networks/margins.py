"""Margins of a population by zone, residents, workers, cars ...: read, and held against each other."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from greentrip_networks.errors import UnknownNameError
from greentrip_networks.formats.csv_tables import LINE, Field, read_csv, typed_frame
from greentrip_networks.formats.geoparquet import read_table
from greentrip_networks.formats.population import column_names
from greentrip_networks.formats.sources import open_source
from greentrip_networks.network import Floats, Network
from greentrip_networks.problems import Problems

MARGINS: Mapping[str, str] = {
    "residents": "persons",
    "children": "persons of 0 to 14",
    "adults": "persons of 15 to 64",
    "elderly": "persons of 65 and over",
    "workers": "persons who live here and have a job",
    "households": "households",
    "income_cny_year": "mean income of a resident, CNY a year",
    "cars": "private cars of those who live here",
    "bicycles": "bicycles of those who live here",
    "jobs": "jobs that are here",
    "school_places": "places in schools that are here",
}
AGREE = 0.001  # share by which the ages of a zone may differ from its residents, since tables round
BORDER = 0.05  # share by which a city's workers and jobs may differ without a warning


def read_margins(path: Path | str, network: Network, problems: Problems) -> dict[str, Floats]:
    """Read a CSV or Parquet file with a row for each zone, `zone_id` and any columns of MARGINS.

    Returned are arrays of shape (zones,) in the order of the network's zones. Empty cells, negative figures, zones that
    are not the network's, zones left out and columns of another name are errors in `problems`.
    """
    with open_source(Path(path)) as source:
        name = next(iter(source.files))
        held = column_names(source, name)
        for column in held:
            if column != "zone_id" and column not in MARGINS:
                hint = str(UnknownNameError("column", column, MARGINS)).partition("; ")[2]
                expected = f"zone_id, {', '.join(MARGINS)}"
                problems.error("unknown-column", expected, saw=column, file=name, line=1, remedy=hint)
        used = [n for n in held if n in MARGINS]
        fields = [Field("zone_id", needed=True), *(Field(n, "number", needed=True, low=0) for n in used)]
        if source.head(name, 4) == b"PAR1":
            import polars as pl

            texts = [pl.col(n).cast(pl.String, strict=False).fill_null("") for n in ("zone_id", *used) if n in held]
            raw = read_table(source, name).columns.select(texts).with_row_index(LINE, 1)
            frame = typed_frame(raw, fields, problems, file=name)
        else:
            frame = read_csv(source, name, fields, problems)
        if not used:
            problems.error("no-column", f"at least one of {', '.join(MARGINS)}", file=name, line=1)
    row = {z: i for i, z in enumerate(network.zones.id)}
    seen: set[str] = set()
    for zone, line in frame.select("zone_id", LINE).iter_rows():
        if zone not in row:
            hint = str(UnknownNameError("zone", zone, row)).partition("; ")[2]
            problems.error(
                "unknown-zone", "a zone of the network", saw=zone, file=name, line=line, field="zone_id", remedy=hint
            )
        elif zone in seen:
            problems.error("duplicate-id", "each zone once", saw=zone, file=name, line=line, field="zone_id")
        seen.add(zone)
    if not problems.errors:
        for zone in row.keys() - seen:
            problems.error("missing-zone", "a row for every zone of the network", file=name, record=zone)
    problems.raise_errors("margins", name)
    order = np.array([row[z] for z in frame["zone_id"].to_list()], np.int64)
    found = {}
    for n in used:
        values = np.zeros(len(row))
        values[order] = frame[n].to_numpy()
        found[n] = values
    return found


def check_margins(network: Network, margins: Mapping[str, Floats], problems: Problems) -> None:
    """Add an error for every zone whose margins do not agree, with the figures, and a warning for unlikely totals."""
    unknown = [n for n in margins if n not in MARGINS]
    for name in unknown:
        hint = str(UnknownNameError("margin", name, MARGINS)).partition("; ")[2]
        problems.error("unknown-margin", ", ".join(MARGINS), saw=name, remedy=hint)
    for name in margins.keys() - set(unknown):
        bad = ~np.isfinite(margins[name]) | (margins[name] < 0)
        _say(network, problems, bad, "bad-number", "a finite number of at least 0", name, margins[name])
    ages = [n for n in ("children", "adults", "elderly") if n in margins]
    total = np.sum([margins[n] for n in ages], axis=0) if ages else np.zeros(len(network.zones))
    residents = margins.get("residents", total if len(ages) == 3 else network.zones.residents)
    room = np.maximum(AGREE * residents, 0.5)
    all_ages = " + ".join(ages)
    if len(ages) == 3:
        off = np.abs(total - residents) > room
        _say(network, problems, off, "ages-disagree", "{0:,.0f} residents", all_ages, total, residents)
    elif ages:
        off = total > residents + room
        _say(network, problems, off, "ages-disagree", "at most {0:,.0f} residents", all_ages, total, residents)
    grown = residents - margins["children"] if "children" in margins else residents
    for name, most, what in (
        ("workers", grown, "at most {0:,.0f} residents of working age"),
        ("households", residents, "at most {0:,.0f} residents"),
        ("cars", residents, "at most {0:,.0f} residents"),
    ):
        if name in margins:
            _say(network, problems, margins[name] > most + room, f"{name}-disagree", what, name, margins[name], most)
    if "households" in margins:
        nobody = (margins["households"] <= 0) & (residents > 0)
        _say(
            network, problems, nobody, "households-disagree", "households for {0:,.0f} residents", "households",
            margins["households"], residents,
        )  # fmt: skip
    if residents.sum() <= 0:
        problems.error("no-residents", "residents in at least one zone", saw=float(residents.sum()), field="residents")
    jobs = margins.get("jobs", network.zones.jobs).sum()
    if jobs <= 0:
        problems.error("no-jobs", "jobs in at least one zone", saw=float(jobs), field="jobs")
    if "workers" in margins and jobs > 0 and abs(margins["workers"].sum() / jobs - 1) > BORDER:
        problems.warn(
            "workers-and-jobs",
            f"about as many as the {jobs:,.0f} jobs",
            saw=float(margins["workers"].sum()),
            field="workers",
            remedy="jobs are filled in proportion; check whether many work outside the area, or come from there",
        )


def _say(
    network: Network,
    problems: Problems,
    bad: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    code: str,
    expected: str,
    field: str,
    saw: Floats,
    against: Floats | None = None,
) -> None:
    """Add an error for every zone of a mask."""
    for z in np.flatnonzero(bad):
        text = expected.format(against[z]) if against is not None else expected
        problems.error(code, text, saw=float(saw[z]), record=network.zones.id[z], field=field)
