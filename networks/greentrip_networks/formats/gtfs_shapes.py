"""Shapes of a GTFS feed: points in order as flat geometries, and the unit in which a feed measures along them."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from greentrip_networks.formats.csv_tables import LINE
from greentrip_networks.formats.flat import Floats, Ints, lengths_m, make_flat
from greentrip_networks.layers import SCHEMAS
from greentrip_networks.problems import LISTED, Problems

UNITS = {"metres": 1.0, "kilometres": 1000.0, "feet": 0.3048, "miles": 1609.344}


@dataclass(frozen=True, eq=False)
class ShapeMetres:
    """Points of every shape: where, and how far along in metres and in the feed's own measure (NaN: none)."""

    row: dict[str, int]
    lon: Floats
    lat: Floats
    first: Ints  # (shapes + 1,)
    metres: Floats
    along: Floats

    def unit(self) -> tuple[str, float] | None:
        """Return the unit of the feed's own measure and its metres, if most shapes agree within 10 %."""
        some = self.first[:-1] < self.first[1:] - 1
        last = self.first[1:][some] - 1
        start = self.first[:-1][some]
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = self.metres[last] / (self.along[last] - self.along[start])
        ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
        if not len(ratio):
            return None
        middle = float(np.median(ratio))
        return next(((u, m) for u, m in UNITS.items() if abs(middle / m - 1) < 0.1), None)


def make_shapes(points: pl.DataFrame, problems: Problems, level: str) -> tuple[pl.DataFrame, ShapeMetres]:
    """Return the frame `shapes` and the shapes' points, given the rows of shapes.txt."""
    outside = ~(points["lon"].is_between(-180, 180) & points["lat"].is_between(-90, 90))
    if outside.any():
        shown = points.filter(outside).head(LISTED)
        problems.many(
            level,
            "out-of-range",
            "longitude -180 to 180, latitude -90 to 90",
            count=int(outside.sum()),
            lines=shown[LINE].to_list(),
            records=shown["shape_id"].to_list(),
            saw=[f"{a:g}, {b:g}" for a, b in zip(shown["lon"], shown["lat"], strict=True)],
            file="shapes.txt",
        )
        points = points.filter(~outside)
    names = points["shape_id"].unique(maintain_order=True)
    if not len(names):
        empty = np.zeros(0)
        made = ShapeMetres({}, empty, empty, np.zeros(1, np.int64), empty, empty)
        return pl.DataFrame(schema=dict(SCHEMAS["shapes"])), made
    row = {name: i for i, name in enumerate(names.to_list())}
    shape = points["shape_id"].replace_strict(names, pl.Series(range(len(names)), dtype=pl.UInt32)).to_numpy()
    order = np.lexsort((points["sequence"].to_numpy(), shape))
    lon, lat = points["lon"].to_numpy()[order], points["lat"].to_numpy()[order]
    first = np.searchsorted(shape[order], np.arange(len(names) + 1)).astype(np.int64)
    metres, _ = lengths_m(lon, lat, first)
    along = points["along"].to_numpy().astype(np.float64)[order]
    frame = pl.DataFrame({"shape_id": names, "geometry": make_flat(lon, lat, first)})
    return frame, ShapeMetres(row, lon, lat, first, metres, along)
