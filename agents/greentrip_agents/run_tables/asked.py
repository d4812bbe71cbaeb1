"""What a table of a run is asked for with, and what comes back: a table and its map layer."""

from dataclasses import dataclass, field

import polars as pl
from greentrip_networks.errors import LimitError, UnknownNameError
from greentrip_networks.geo import Plane
from greentrip_networks.indicators.shapes import Feature, geojson
from greentrip_networks.network import PERIOD_HOURS, PERIODS

from greentrip_agents.definitions import MODES
from greentrip_agents.hours import FIRST, LAST, PERIOD_AT

MOST_ROWS = 10_000
HOURS = {**dict(zip(PERIODS, PERIOD_HOURS, strict=True)), **dict.fromkeys(PERIOD_AT, 1.0)}  # how long each lasts
TIMES = f"{', '.join(PERIODS)}, or an hour from {FIRST} to {LAST}"


@dataclass(frozen=True)
class Count:
    """Vehicles an hour that somebody counted on a street link in a period or an hour (`07`).

    Link and direction are as `find_link` reads them.
    """

    link: str
    period: str
    vehicles_h: float
    direction: str = ""


@dataclass(frozen=True)
class Asked:
    """What narrows a table down; each table reads what it needs and leaves the rest."""

    by: str = "district"
    places: tuple[str, ...] = ()
    link: str = ""
    period: str = ""
    mode: str = ""
    most: int = 50
    counts: tuple[Count, ...] = ()

    def checked(self, *, hourly: bool = False) -> "Asked":
        """Return this if its words are known; raise UnknownNameError or LimitError with the nearest ones.

        Only tables that are hourly may be asked for by the hour.
        """
        ways: tuple[str, ...] = ("district", "zone", "hour")
        times: tuple[str, ...] = (*PERIODS, *PERIOD_AT)
        if not hourly:
            ways, times = ways[:2], PERIODS
        none = "" if hourly else "; this table has no hours"
        for kind, word, known in (
            (f"way to add up ({', '.join(ways)}{none})", self.by, ways),
            (f"period ({TIMES if hourly else ', '.join(PERIODS)}{none})", self.period, times),
            ("mode", self.mode, (*MODES, "unserved")),
        ):
            if word and word not in known:
                raise UnknownNameError(kind, word, known)
        if not 1 <= self.most <= MOST_ROWS:
            raise LimitError("most", self.most, MOST_ROWS, "rows")
        return self

    def hours(self) -> tuple[str, ...]:
        """Return the hours that are asked for, none where whole periods are."""
        if self.period in PERIOD_AT:
            return (self.period,)
        return tuple(h for h, name in PERIOD_AT.items() if self.period in ("", name)) if self.by == "hour" else ()


@dataclass(frozen=True, eq=False)
class Made:
    """A table, the shapes of its map layer on the network's plane, and what the figures rest on or leave out."""

    table: pl.DataFrame
    features: list[Feature] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def geojson(self, plane: Plane) -> str:
        """Return the map layer."""
        return geojson(plane, self.features)


def in_period(frame: pl.DataFrame, period: str) -> pl.DataFrame:
    """Return the rows of a period, all of them for none; an hour has those of the period that it lies in."""
    return frame.filter(pl.col("period") == PERIOD_AT.get(period, period)) if period else frame


def in_hours(frame: pl.DataFrame, hours: tuple[str, ...]) -> pl.DataFrame:
    """Return the rows of some hours."""
    return frame.filter(pl.col("period").is_in(hours))


def weighted_mean(value: str, weight: str = "weight") -> pl.Expr:
    """Return the mean of a column by another's weight."""
    return (pl.col(value) * pl.col(weight)).sum() / pl.col(weight).sum()
