"""Checks that every reader needs: coordinates that can be, numbers that are finite, ids that are there once."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from greentrip_networks.geo import haversine_m
from greentrip_networks.problems import LISTED, Problems

FAR_M = 1_000_000.0  # a place further than this from the middle of all is suspect
NEAR_M = 200_000.0  # and swapped if its mirror image is within this


def check_coordinates(
    frame: pl.DataFrame,
    problems: Problems,
    *,
    file: str,
    id_column: str,
    lines: Sequence[int] | None = None,
    fields: tuple[str, str] = ("lon", "lat"),
) -> pl.Series:
    """Add problems of the columns lon and lat; return a flag column that is true where a place can be used.

    Errors: not finite, outside -180..180 and -90..90 (said to be swapped if the other order fits). Warnings: at 0, 0;
    further than 1,000 km from the middle of all places while the other order is near it.

    `lines` has the line of the file of each row (left out: the rows' numbers plus 2, a header first), `fields` what the
    file calls longitude and latitude.
    """
    lon = frame["lon"].to_numpy().astype(np.float64)
    lat = frame["lat"].to_numpy().astype(np.float64)
    at = np.arange(len(frame)) + 2 if lines is None else np.asarray(lines)
    ids = frame[id_column]

    def say(
        level: str, code: str, expected: str, rows: np.ndarray[tuple[int], np.dtype[np.bool_]], remedy: str
    ) -> None:
        where = np.flatnonzero(rows)
        if len(where):
            first = where[:LISTED].tolist()
            problems.many(
                level,
                code,
                expected,
                count=len(where),
                lines=[int(at[i]) for i in first],
                records=[str(ids[i]) for i in first],
                saw=[f"{lon[i]:g}, {lat[i]:g}" for i in first],
                remedy=remedy,
                file=file,
                field=f"{fields[0]}, {fields[1]}",
            )

    finite = np.isfinite(lon) & np.isfinite(lat)
    say("error", "not-finite", "finite coordinates", ~finite, "give WGS-84 degrees")
    inside = finite & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    mirrored = finite & ~inside & (np.abs(lat) <= 180) & (np.abs(lon) <= 90)
    swap = "longitude and latitude look swapped: exchange the two columns"
    say("error", "swapped", "longitude, then latitude", mirrored, swap)
    say("error", "out-of-range", "-180 to 180 and -90 to 90", finite & ~inside & ~mirrored, "name their CRS with --crs")
    zero = inside & (lon == 0) & (lat == 0)
    say("warning", "at-zero", "a place other than 0, 0", zero, "give its place or remove it")
    good = inside & ~zero
    if good.any():
        x, y = float(np.median(lon[good])), float(np.median(lat[good]))
        far = good & (haversine_m(lon, lat, x, y) > FAR_M)
        other = far & (np.abs(lon) <= 90) & (haversine_m(lat, np.clip(lon, -90, 90), x, y) < NEAR_M)
        say("warning", "swapped", "a place near the others", other, swap)
        say("warning", "far-away", "a place within 1,000 km of the others", far & ~other, "check its coordinates")
    return pl.Series(inside)


def check_unique(frame: pl.DataFrame, column: str, problems: Problems, *, file: str, line: str = "") -> pl.DataFrame:
    """Add an error for every row whose id stood before or is empty; return the frame without these rows.

    `line` names the column with lines of the file; left out: the rows' numbers plus 2.
    """
    numbered = frame.with_row_index("_row")
    where = numbered[line] if line else numbered["_row"] + 2
    empty = frame[column].is_null() | (frame[column] == "")
    again = ~empty & ~frame[column].is_first_distinct()
    for rows, code, expected in (
        (empty, "no-id", "an id"),
        (again, "duplicate-id", "an id used once"),
    ):
        if rows.any():
            problems.many(
                "error",
                code,
                expected,
                count=int(rows.sum()),
                lines=where.filter(rows).head(LISTED).to_list(),
                saw=frame[column].filter(rows).head(LISTED).to_list(),
                file=file,
                field=column,
            )
    return frame.filter(~(empty | again)) if bool((empty | again).any()) else frame


def check_known(
    frame: pl.DataFrame,
    column: str,
    known: pl.Series,
    problems: Problems,
    *,
    file: str,
    what: str,
    line: str = "",
    level: str = "error",
    may_be_empty: bool = False,
) -> pl.DataFrame:
    """Add a problem for every row whose reference is to nothing known; return the frame without these rows."""
    values = frame[column]
    bad = ~values.is_in(known.implode()).fill_null(value=False)
    if may_be_empty:
        bad = bad & values.is_not_null() & (values != "")
    if not bad.any():
        return frame
    numbered = frame.with_row_index("_row")
    where = numbered[line] if line else numbered["_row"] + 2
    problems.many(
        level,
        f"unknown-{what.replace(' ', '-')}",
        f"the id of a known {what}",
        count=int(bad.sum()),
        lines=where.filter(bad).head(LISTED).to_list(),
        saw=values.filter(bad).head(LISTED).to_list(),
        file=file,
        field=column,
    )
    return frame.filter(~bad)
