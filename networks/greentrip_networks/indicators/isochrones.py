"""Isochrones: the ground around nodes that can be walked in the minutes left, as polygons of 100 m squares."""

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from greentrip_networks.network import Floats

SQUARE_M = 100.0


def minutes_on_ground(
    x_m: Floats, y_m: Floats, minutes: Floats, m_min: float, reach_m: float
) -> tuple[Floats, float, float]:
    """Return (grid, x, y): the least minutes to the middle of each square, and the grid's lower left corner.

    Parameters
    ----------
    x_m, y_m, minutes
        Points and the minutes to them; points of infinite minutes are left out.
    m_min
        Metres a minute away from a point, as the crow flies.
    reach_m
        How far from a point ground can be; squares farther from all are infinite.

    """
    use = np.isfinite(minutes)
    x, y, t = x_m[use], y_m[use], minutes[use]
    if not len(x):
        return np.full((0, 0), np.inf), 0.0, 0.0
    steps = int(np.ceil(reach_m / SQUARE_M))
    low_x, low_y = (SQUARE_M * (np.floor(v.min() / SQUARE_M) - steps) for v in (x, y))
    column, row = ((np.floor(v / SQUARE_M) - low / SQUARE_M).astype(np.int64) for v, low in ((x, low_x), (y, low_y)))
    wide, high = int(column.max()) + steps + 1, int(row.max()) + steps + 1
    grid = np.full(wide * high, np.inf)
    for dx in range(-steps, steps + 1):
        for dy in range(-steps, steps + 1):
            i, j = column + dx, row + dy
            far = np.hypot(low_x + (i + 0.5) * SQUARE_M - x, low_y + (j + 0.5) * SQUARE_M - y)
            near = np.flatnonzero(far <= reach_m)
            np.minimum.at(grid, i[near] * high + j[near], t[near] + far[near] / m_min)
    return grid.reshape(wide, high), float(low_x), float(low_y)


def within(grid: Floats, low_x: float, low_y: float, limit: float) -> BaseGeometry:
    """Return the squares reached within some minutes as one shape."""
    inside = np.zeros((grid.shape[0], grid.shape[1] + 2), np.int8)
    inside[:, 1:-1] = grid <= limit
    change = np.diff(inside, axis=1)
    column, start = np.nonzero(change == 1)
    _, end = np.nonzero(change == -1)  # runs of a column begin and end in turn
    left = low_x + column * SQUARE_M
    made: BaseGeometry = shapely.union_all(
        shapely.box(left, low_y + start * SQUARE_M, left + SQUARE_M, low_y + end * SQUARE_M)
    )
    return made
