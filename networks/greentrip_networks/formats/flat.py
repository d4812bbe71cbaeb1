"""Flat geometries, [lon, lat, lon, lat, ...] in one list a row, as arrays: build, take apart, measure."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from greentrip_networks.geo import haversine_m
from greentrip_networks.layers import FLAT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def make_flat(lon: Floats, lat: Floats, first: Ints) -> pl.Series:
    """Return a column of flat geometries: row i has points first[i] to first[i + 1]."""
    import pyarrow as pa

    both = np.empty(2 * len(lon))
    both[0::2], both[1::2] = lon, lat
    made = pa.LargeListArray.from_arrays(pa.array(2 * first.astype(np.int64)), pa.array(both))
    return pl.Series(pl.from_arrow(made), dtype=FLAT)


def take_flat(column: pl.Series) -> tuple[Floats, Floats, Ints]:
    """Return (lon, lat, first) of a column of flat geometries; see `make_flat`."""
    first = np.zeros(len(column) + 1, np.int64)
    np.cumsum(column.list.len().to_numpy() // 2, out=first[1:])
    both = column.filter(column.list.len() > 0).explode().to_numpy() if first[-1] else np.zeros(0)
    return both[0::2], both[1::2], first


def lengths_m(lon: Floats, lat: Floats, first: Ints) -> tuple[Floats, Floats]:
    """Return metres from the first point to each point, and the metres of each geometry, on the sphere."""
    whole = np.zeros(len(first) - 1)
    if not len(lon):
        return np.zeros(0), whole
    step = np.zeros(len(lon))
    step[1:] = haversine_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    some = first[:-1] < first[1:]
    step[first[:-1][some]] = 0.0
    total = np.cumsum(step)
    along = total - np.repeat(total[np.minimum(first[:-1], len(lon) - 1)], np.diff(first))
    whole[some] = along[first[1:][some] - 1]
    return along, whole


def straight_m(lon: Any, lat: Any, first: Ints) -> Floats:
    """Return metres along points from the first of each group, straight from point to point: shape of lon."""
    return lengths_m(np.asarray(lon, np.float64), np.asarray(lat, np.float64), first)[0]
