"""What a table of a run is asked for with, and what comes back: a table and its map layer."""

from dataclasses import dataclass, field

import polars as pl
from greentrip_networks.errors import LimitError, UnknownNameError
from greentrip_networks.geo import Plane
from greentrip_networks.indicators.shapes import Feature, geojson
from greentrip_networks.network import PERIOD_HOURS, PERIODS

from greentrip_agents.definitions import MODES

MOST_ROWS = 10_000
HOURS = dict(zip(PERIODS, PERIOD_HOURS, strict=True))


@dataclass(frozen=True)
class Count:
    """Vehicles an hour that somebody counted on a street link in a period; link and direction as `find_link` reads."""

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

    def checked(self) -> "Asked":
        """Return this if its words are known; raise UnknownNameError or LimitError with the nearest ones."""
        for kind, word, known in (
            ("way to add up", self.by, ("district", "zone")),
            ("period", self.period, PERIODS),
            ("mode", self.mode, (*MODES, "unserved")),
        ):
            if word and word not in known:
                raise UnknownNameError(kind, word, known)
        if not 1 <= self.most <= MOST_ROWS:
            raise LimitError("most", self.most, MOST_ROWS, "rows")
        return self


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
    """Return the rows of a period, all of them for none."""
    return frame.filter(pl.col("period") == period) if period else frame


def weighted_mean(value: str, weight: str = "weight") -> pl.Expr:
    """Return the mean of a column by another's weight."""
    return (pl.col(value) * pl.col(weight)).sum() / pl.col(weight).sum()
