"""Plane geometry that the compiler needs: crossings of segments, nearest points on lines, points in a polygon."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greentrip_networks.network import Floats, Ints


def closest(points: Floats, of: Floats) -> tuple[Floats, Ints]:
    """Return for each of ``points`` (n, 2) the distance to the closest of ``of`` (m, 2) and its row."""
    distance, row = cKDTree(of).query(points)
    return np.asarray(distance, np.float64), np.asarray(row, np.int64)


def crossings(a: Floats, b: Floats) -> tuple[Ints, Ints, Floats, Floats]:
    """Return every crossing of segments (n, 4) with segments (m, 4): rows of a and b, and the share along each."""
    rows: list[Ints] = []
    cols: list[Ints] = []
    low_x, high_x = np.minimum(b[:, 0], b[:, 2]), np.maximum(b[:, 0], b[:, 2])
    low_y, high_y = np.minimum(b[:, 1], b[:, 3]), np.maximum(b[:, 1], b[:, 3])
    for k, (x0, y0, x1, y1) in enumerate(a.tolist()):
        hit = (low_x <= max(x0, x1)) & (high_x >= min(x0, x1)) & (low_y <= max(y0, y1)) & (high_y >= min(y0, y1))
        found = np.flatnonzero(hit)
        rows.append(np.full(len(found), k, np.int64))
        cols.append(found.astype(np.int64))
    i, j = np.concatenate([np.zeros(0, np.int64), *rows]), np.concatenate([np.zeros(0, np.int64), *cols])
    p, q = a[i], b[j]
    dx, dy, ex, ey = p[:, 2] - p[:, 0], p[:, 3] - p[:, 1], q[:, 2] - q[:, 0], q[:, 3] - q[:, 1]
    det = dx * ey - dy * ex
    ok = np.abs(det) > 1e-6
    det = np.where(ok, det, 1.0)
    fx, fy = q[:, 0] - p[:, 0], q[:, 1] - p[:, 1]
    s, t = (fx * ey - fy * ex) / det, (fx * dy - fy * dx) / det
    ok &= (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
    return i[ok], j[ok], s[ok], t[ok]


def nearest_on_segments(x: float, y: float, segments: Floats) -> tuple[Floats, Floats]:
    """Return the distance from a point to each segment (n, 4) and the share along it of the nearest point."""
    dx, dy = segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1]
    length2 = np.maximum(dx * dx + dy * dy, 1e-9)
    t = np.clip(((x - segments[:, 0]) * dx + (y - segments[:, 1]) * dy) / length2, 0.0, 1.0)
    return np.hypot(segments[:, 0] + t * dx - x, segments[:, 1] + t * dy - y), t


def inside(x: Floats, y: Floats, ring: Floats) -> NDArray[np.bool_]:
    """Tell which points lie in a closed ring (n, 2), by counting crossings of a ray to the east."""
    result = np.zeros(len(x), bool)
    for (x0, y0), (x1, y1) in zip(ring[:-1].tolist(), ring[1:].tolist(), strict=True):
        if y0 != y1:
            at = (x1 - x0) * (y - y0) / (y1 - y0) + x0
            result ^= ((y0 > y) != (y1 > y)) & (x < at)
    return result


def segments_of(lines: list[Floats]) -> tuple[Floats, Ints, Floats]:
    """Cut lines into segments (n, 4), the line each belongs to, and the metres along the line where it starts."""
    parts, owner, start = [], [], []
    for k, line in enumerate(lines):
        step = np.hypot(*(line[1:] - line[:-1]).T)
        parts.append(np.hstack([line[:-1], line[1:]]))
        owner.append(np.full(len(step), k, np.int64))
        start.append(np.concatenate([[0.0], np.cumsum(step)[:-1]]))
    return np.vstack(parts), np.concatenate(owner), np.concatenate(start)


def cut(line: Floats, low_m: float, high_m: float) -> Floats:
    """Return the part of a line between two distances along it, its bends kept."""
    step = np.hypot(*(line[1:] - line[:-1]).T)
    along = np.concatenate([[0.0], np.cumsum(step)])
    ends = np.column_stack([np.interp([low_m, high_m], along, line[:, d]) for d in (0, 1)])
    bends = line[(along > low_m + 1.0) & (along < high_m - 1.0)]
    return np.vstack([ends[:1], bends, ends[1:]])
