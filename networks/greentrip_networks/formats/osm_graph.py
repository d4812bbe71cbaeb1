"""Streets between junctions: ways as lists of points become segments, segments that only continue each other one link.

All kernels work on arrays, so that a country's ways fit in memory: a point is a row of the node table, a segment runs
between two points that more than one way (or the same way twice) uses, and a chain joins segments of equal attributes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from greentrip_networks.kernels import njit

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Chains:
    """Links without direction: chain c runs over points[first_point[c]:first_point[c + 1]] (rows of the node table)."""

    first_point: Int64s
    points: Int32s
    attributes: Int32s  # row of the attribute table
    tail_way: Int32s  # the way at its first point
    head_way: Int32s  # the way at its last point


@njit()
def _split(first: Any, points: Any, cut: Any, seg_first: Any, seg_last: Any, seg_way: Any) -> Any:
    """Cut ways at the marked points; -1 is a point that the file lacks. Return the number of segments."""
    made = 0
    for way in range(len(first) - 1):
        start = -1
        for k in range(first[way], first[way + 1]):
            point = points[k]
            if point < 0:
                if start >= 0 and k - start >= 2:
                    seg_first[made], seg_last[made], seg_way[made] = start, k - 1, way
                    made += 1
                start = -1
                continue
            if start < 0:
                start = k
            elif cut[point]:
                seg_first[made], seg_last[made], seg_way[made] = start, k, way
                made += 1
                start = k
        end = first[way + 1] - 1
        if start >= 0 and end > start:
            seg_first[made], seg_last[made], seg_way[made] = start, end, way
            made += 1
    return made


@njit()
def _count_cuts(first: Any) -> Any:
    """Return the most segments that cutting at every use can make: one a way and one more for each inner point."""
    total = 0
    for way in range(len(first) - 1):
        total += max(first[way + 1] - first[way] - 1, 0)
    return total


@njit()
def _mark_cuts(first: Any, points: Any, cut: Any, used: Any) -> None:
    """Mark points used more than once, and the ends of ways and of their parts."""
    for way in range(len(first) - 1):
        for k in range(first[way], first[way + 1]):
            point = points[k]
            if point < 0:
                continue
            if used[point]:
                cut[point] = True
            used[point] = True
            at_start = k == first[way] or points[k - 1] < 0
            at_end = k == first[way + 1] - 1 or points[k + 1] < 0
            if at_start or at_end:
                cut[point] = True


@njit()
def _chain(
    tail: Any,
    head: Any,
    attribute: Any,
    symmetric: Any,
    first_at: Any,
    at: Any,
    keep: Any,
    out_seg: Any,
    out_flip: Any,
    out_first: Any,
) -> Any:
    """Join segments at points where exactly two of equal attributes meet; return the number of chains."""
    n_seg = len(tail)
    done = np.zeros(n_seg, np.bool_)
    through = np.zeros(len(keep), np.bool_)
    for point in range(len(keep)):
        if keep[point] or first_at[point + 1] - first_at[point] != 2:
            continue
        a, b = at[first_at[point]], at[first_at[point] + 1]
        if a == b or attribute[a] != attribute[b]:
            continue
        in_line = (head[a] == point) != (head[b] == point)
        through[point] = in_line or symmetric[attribute[a]]
    chains = 0
    placed = 0
    for sweep in range(2):  # first chains with ends, then rings without any
        for start in range(n_seg):
            if done[start]:
                continue
            from_tail = not through[tail[start]]
            from_head = not through[head[start]]
            if sweep == 0 and not from_tail and not from_head:
                continue
            flip = sweep == 0 and not from_tail
            if flip and not symmetric[attribute[start]]:
                continue  # its first segment is met from the other end
            out_first[chains] = placed
            chains += 1
            segment = start
            stop = tail[start] if not flip else head[start]
            while True:
                done[segment] = True
                out_seg[placed] = segment
                out_flip[placed] = flip
                placed += 1
                point = tail[segment] if flip else head[segment]
                if not through[point] or point == stop:
                    break
                a, b = at[first_at[point]], at[first_at[point] + 1]
                segment = b if a == segment else a
                if done[segment]:
                    break
                flip = tail[segment] != point
    out_first[chains] = placed
    return chains


@njit()
def _gather(
    out_first: Any, out_seg: Any, out_flip: Any, seg_first: Any, seg_last: Any, points: Any, first_point: Any, made: Any
) -> None:
    """Write the points of every chain, each junction between its segments once; made may be empty to count only."""
    placed = 0
    for chain in range(len(out_first) - 1):
        first_point[chain] = placed
        for k in range(out_first[chain], out_first[chain + 1]):
            segment = out_seg[k]
            n = seg_last[segment] - seg_first[segment] + 1
            skip = 0 if k == out_first[chain] else 1
            if len(made):
                for j in range(skip, n):
                    source = seg_last[segment] - j if out_flip[k] else seg_first[segment] + j
                    made[placed + j - skip] = points[source]
            placed += n - skip
    first_point[len(out_first) - 1] = placed


def chains_of(first: Int64s, points: Int32s, attributes: Int32s, symmetric: Bools, keep: Bools) -> Chains:
    """Cut ways at junctions and join what only continues.

    Parameters
    ----------
    first
        Where each way starts in `points`, shape (ways + 1,).
    points
        Rows of the node table in the order of the ways; -1 where the file lacks the node.
    attributes
        Row of the attribute table of each way.
    symmetric
        Whether an attribute row means the same in both directions, so that a way may be turned around.
    keep
        Points that stay ends of links (signals, barriers, places of turn bans), shape (nodes,).

    """
    cut = keep.copy()
    _mark_cuts(first, points, cut, np.zeros(len(keep), np.bool_))
    most = int(_count_cuts(first))
    seg_first, seg_last, seg_way = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int32)
    count = int(_split(first, points, cut, seg_first, seg_last, seg_way))
    seg_first, seg_last, seg_way = seg_first[:count].copy(), seg_last[:count].copy(), seg_way[:count].copy()
    tail, head = points[seg_first], points[seg_last]
    attribute = attributes[seg_way]
    ends = np.concatenate([tail, head])
    order = np.argsort(ends, kind="stable")
    at = (order % max(count, 1)).astype(np.int32)
    first_at = np.zeros(len(keep) + 1, np.int64)
    np.cumsum(np.bincount(ends, minlength=len(keep)), out=first_at[1:])
    out_seg, out_flip = np.empty(count, np.int32), np.empty(count, np.bool_)
    out_first = np.empty(count + 1, np.int64)
    chains = int(_chain(tail, head, attribute, symmetric, first_at, at, keep, out_seg, out_flip, out_first))
    out_first = out_first[: chains + 1]
    first_point = np.empty(chains + 1, np.int64)
    none = np.empty(0, np.int32)
    _gather(out_first, out_seg, out_flip, seg_first, seg_last, points, first_point, none)
    made = np.empty(int(first_point[-1]) if chains else 0, np.int32)
    _gather(out_first, out_seg, out_flip, seg_first, seg_last, points, first_point, made)
    start, end = out_first[:-1], out_first[1:] - 1
    return Chains(first_point, made, attribute[out_seg[start]], seg_way[out_seg[start]], seg_way[out_seg[end]])
