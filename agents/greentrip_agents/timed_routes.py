"""Fastest routes by time of departure on link times by bins: one tree an origin and time, shared by all who leave then.

A bin's time holds at the bin's middle and changes linearly from one middle to the next; before the first middle and
after the last it stays. A time may fall by at most as much as the clock goes on (`hold_order` raises those that fall
faster), so that whoever enters a link later does not leave it earlier, and a search by earliest arrival is exact
(Kaufman and Smith 1993).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from greentrip_networks.errors import ScenarioError
from greentrip_networks.heap import drop_first, push
from greentrip_networks.kernels import njit, prange
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

BLOCK = 128  # trees held at once


class Streets(NamedTuple):
    """Links in their own order, and by the node they leave: node i has ``out[first_out[i]:first_out[i + 1]]``."""

    first_out: Int32s  # (nodes + 1,)
    out: Int32s  # (links,) rows
    tail: Int32s
    head: Int32s


class LinkTimes(NamedTuple):
    """Seconds on each link by bin of entry, and seconds that vehicles wait to get on to their first one."""

    seconds: Floats  # (bins, links), infinite in all bins where nobody may drive
    wait_s: Floats  # (bins, links) by bin of departure; (0, links) where nobody waits
    bin_s: float
    raised: int = 0  # entries raised to keep the order


@dataclass(frozen=True, eq=False)
class TimedRoutes:
    """The fastest route of every pair: ``link[first[p]:first[p + 1]]``, empty if no road leads there or it is there."""

    first: Int64s
    link: Int32s
    arrive_s: Floats  # (pairs,) infinite where no road leads there
    trees: int

    @property
    def unreached(self) -> Int64s:
        """Return the pairs that no road connects."""
        return np.flatnonzero(np.isinf(self.arrive_s))


def lay_streets(tail: ArrayLike, head: ArrayLike, nodes: int = 0) -> Streets:
    """Index directed links by the node that they leave; there may be more nodes than the links name."""
    start, end = np.asarray(tail, np.int32), np.asarray(head, np.int32)
    nodes = max(nodes, int(max(start.max(initial=-1), end.max(initial=-1))) + 1)
    out = np.argsort(start, kind="stable").astype(np.int32)
    return Streets(np.searchsorted(start[out], np.arange(nodes + 1)).astype(np.int32), out, start, end)


def hold_order(link_s: ArrayLike, bin_s: float, wait_s: ArrayLike | None = None) -> LinkTimes:
    """Return link times in which leaving later never means arriving earlier.

    A time more than ``bin_s`` below that of the bin before is raised to just that; no other is changed. Then arrival
    never falls with departure (to rounding, about 1e-11 s).

    Parameters
    ----------
    link_s
        (bins, links) seconds of those who enter in a bin, above zero; infinite throughout where nobody may drive.
    bin_s
        Seconds a bin lasts.
    wait_s
        (bins, links) seconds of waiting before a link, of those who depart on it; none if not given.

    Raises
    ------
    ScenarioError
        If a time is not a number, not above zero, or infinite in some bins only, or a wait is not finite or negative.

    """
    seconds = np.array(link_s, np.float64, order="C")
    if seconds.ndim != 2 or len(seconds) == 0:
        raise ScenarioError("link_s", f"has shape {seconds.shape}; expected (bins, links)")
    if not bin_s > 0.0:
        raise ScenarioError("bin_s", f"is {bin_s}; expected more than 0")
    if not (seconds > 0.0).all():
        row, link = np.argwhere(~(seconds > 0.0))[0].tolist()
        raise ScenarioError("link_s", f"link {link} has {seconds[row, link]:g} in bin {row}; expected more than 0")
    shut = np.isinf(seconds).sum(axis=0)
    if ((shut > 0) & (shut < len(seconds))).any():
        link = int(np.argmax((shut > 0) & (shut < len(seconds))))
        raise ScenarioError("link_s", f"link {link} is infinite in some bins only; give the wait until it opens")
    wait = np.zeros((0, seconds.shape[1])) if wait_s is None else np.array(wait_s, np.float64, order="C")
    if wait_s is not None and wait.shape != seconds.shape:
        raise ScenarioError("wait_s", f"has shape {wait.shape}; expected {seconds.shape}")
    if not (np.isfinite(wait) & (wait >= 0.0)).all():
        raise ScenarioError("wait_s", "a wait is negative or not finite")
    return LinkTimes(seconds, wait, float(bin_s), _raise(seconds, bin_s) + _raise(wait, bin_s))


def _raise(rows: Floats, bin_s: float) -> int:
    """Raise in place what falls faster than the clock goes on; return how many entries."""
    raised = 0
    for before, row in pairwise(rows):
        raised += int((row < before - bin_s).sum())
        np.maximum(row, before - bin_s, out=row)
    return raised


def timed_routes(
    streets: Streets, times: LinkTimes, origin: ArrayLike, destination: ArrayLike, depart_s: ArrayLike
) -> TimedRoutes:
    """Find the route of earliest arrival of every pair; ties keep the lower link.

    Pairs of one origin and departure share a tree, so round departures, say to the middle of their bin (`middle_s`).
    The bytes are the same at any number of threads.

    Parameters
    ----------
    streets, times
        The network, and what it takes to drive it.
    origin, destination, depart_s
        (pairs,) nodes, and seconds after midnight.

    """
    start, end = np.asarray(origin, np.int32), np.asarray(destination, np.int32)
    depart = np.asarray(depart_s, np.float64)
    nodes = len(streets.first_out) - 1
    if not start.shape == end.shape == depart.shape or start.ndim != 1:
        raise ScenarioError("origin", f"{start.shape}, {end.shape} and {depart.shape} pairs; expected the same number")
    if times.seconds.shape[1] != len(streets.tail):
        raise ScenarioError("link_s", f"has {times.seconds.shape[1]} links; expected {len(streets.tail)}")
    for name, values in (("origin", start), ("destination", end)):
        if len(values) and (values.min() < 0 or values.max() >= nodes):
            raise ScenarioError(name, f"names a node beyond the {nodes} there are")
    if not (np.isfinite(depart) & (depart >= 0.0)).all():
        raise ScenarioError("depart_s", "a departure is before midnight or not a number")
    pairs = len(start)
    order = np.lexsort((end, start, depart))
    start, end, depart = start[order], end[order], depart[order]
    new = np.ones(pairs, np.bool_)
    new[1:] = (start[1:] != start[:-1]) | (depart[1:] != depart[:-1])
    tree = np.concatenate([np.flatnonzero(new), [pairs]]) if pairs else np.zeros(1, np.int64)
    arrive, size = np.empty(pairs), np.empty(pairs, np.int64)
    via = np.empty((min(BLOCK, len(tree) - 1), nodes), np.int32)
    first = np.zeros(pairs + 1, np.int64)
    parts = [np.zeros(0, np.int32)]
    for at in range(0, len(tree) - 1, BLOCK):
        block = tree[at : at + BLOCK + 1]
        _search_all(block, streets, times, start, end, depart, via, arrive, size)
        begin, stop = block[0], block[-1]
        first[begin + 1 : stop + 1] = first[begin] + np.cumsum(size[begin:stop])
        parts.append(np.empty(int(first[stop] - first[begin]), np.int32))
        _trace_all(block, streets.tail, end, via, first, parts[-1])
    link = np.concatenate(parts)
    back = np.empty(pairs, np.int64)
    back[order] = np.arange(pairs)
    if (back[1:] < back[:-1]).any():
        first, link = take_routes(first, link, back)
    return TimedRoutes(first, link, arrive[back], len(tree) - 1)


def middle_s(depart_s: ArrayLike, period_s: float) -> Floats:
    """Return the middle of the period, counted from midnight, in which each departure lies."""
    made: Floats = (np.floor(np.asarray(depart_s, np.float64) / period_s) + 0.5) * period_s
    return made


def take_routes(first: Int64s, link: Int32s, rows: Int64s) -> tuple[Int64s, Int32s]:
    """Return a store of some routes of another, in the order of the rows asked for."""
    kept = np.concatenate([[0], np.cumsum(first[rows + 1] - first[rows])])
    out = np.empty(int(kept[-1]), np.int32)
    _copy_all(first, link, rows, kept, out)
    return kept, out


def ride(times: LinkTimes, first: Int64s, link: Int32s, path: Int64s, depart_s: Floats) -> Floats:
    """Return the seconds that each vehicle's route takes on these link times from its own departure, waiting included.

    path is each vehicle's row among the routes ``link[first[p]:first[p + 1]]``; an empty route takes no time.
    """
    out = np.empty(len(path))
    _ride_all(times, first, link, path, depart_s, out)
    return out


@njit(bare=True, taken_in=True)
def _place(at_s: float, bin_s: float, bins: int) -> tuple[int, float]:
    """Return the bin whose middle is before a time, and the part of the way to the next middle."""
    x = at_s / bin_s - 0.5
    if x <= 0.0:
        return 0, 0.0
    if x >= bins - 1:
        return bins - 1, 0.0
    row = int(x)
    return row, x - row


@njit(bare=True, taken_in=True)
def _between(rows: Floats, row: int, part: float, link: int) -> float:
    """Return a link's value at a part of the way from one bin's middle to the next."""
    a = float(rows[row, link])
    return a if part == 0.0 else a + part * (float(rows[row + 1, link]) - a)


@njit(bare=True, taken_in=True)
def _start(times: LinkTimes, at_s: float, link: int) -> float:
    """Return the seconds that a first link takes, with the wait to get on to it."""
    bins = times.seconds.shape[0]
    wait = 0.0
    if times.wait_s.shape[0] > 0:
        row, part = _place(at_s, times.bin_s, bins)
        wait = _between(times.wait_s, row, part, link)
    row, part = _place(at_s + wait, times.bin_s, bins)
    return wait + _between(times.seconds, row, part, link)


@njit(parallel=True)
def _search_all(
    tree: Int64s, streets: Streets, times: LinkTimes, start: Int32s, end: Int32s, depart: Floats, via: Int32s,
    arrive: Floats, size: Int64s,
) -> None:  # fmt: skip
    """Find a block's trees, with arrival and number of links of each pair."""
    for k in prange(tree.shape[0] - 1):
        _search_one(tree[k], tree[k + 1], streets, times, start, end, depart, via[k], arrive, size)


@njit()
def _search_one(
    begin: int, stop: int, streets: Streets, times: LinkTimes, start: Int32s, end: Int32s, depart: Floats,
    via: Int32s, arrive: Floats, size: Int64s,
) -> None:  # fmt: skip
    nodes, links = via.shape[0], streets.tail.shape[0]
    at_s = np.empty(nodes)
    wanted = np.zeros(nodes, np.int8)
    _tree(start[begin], depart[begin], end[begin:stop], streets, times, at_s, via, wanted, np.empty(links + 1),
          np.empty(links + 1, np.int32))  # fmt: skip
    for p in range(begin, stop):
        node = end[p]
        arrive[p] = at_s[node]
        count = 0
        while via[node] >= 0:
            count += 1
            node = streets.tail[via[node]]
        size[p] = count


@njit(bare=True)
def _tree(
    source: int, depart_s: float, targets: Int32s, streets: Streets, times: LinkTimes, at_s: Floats, via: Int32s,
    wanted: Int8s, key: Floats, node: Int32s,
) -> None:  # fmt: skip
    """Set labels by earliest arrival, with a heap of four branches, until all targets are settled.

    wanted is 0 throughout; key and node are the heap's scratch, one entry a link and one more. All times are above
    zero, so a node's best links are all known when it is taken from the heap, in whatever order equal ones come.
    """
    bins = times.seconds.shape[0]
    for i in range(at_s.shape[0]):
        at_s[i] = np.inf
        via[i] = -1
    left = 0
    for t in targets:
        left += 1 - wanted[t]
        wanted[t] = 1
    at_s[source] = depart_s
    key[0], node[0] = depart_s, source
    size = 1
    while size > 0:
        now, u = key[0], node[0]
        size -= 1
        drop_first(key, node, size)
        if now > at_s[u]:  # was put in again, earlier
            continue
        if wanted[u] == 1:
            left -= 1
            if left == 0:
                break
        row, part = _place(now, times.bin_s, bins)
        for i in range(streets.first_out[u], streets.first_out[u + 1]):
            link = streets.out[i]
            c = _start(times, now, link) if u == source else _between(times.seconds, row, part, link)
            if not c < np.inf:  # also what comes of infinite bins on both sides
                continue
            v = streets.head[link]
            then = now + c
            if then < at_s[v]:
                at_s[v] = then
                via[v] = link
                push(key, node, size, then, v)
                size += 1
            elif then == at_s[v] and link < via[v]:
                via[v] = link


@njit(parallel=True)
def _trace_all(tree: Int64s, tail: Int32s, end: Int32s, via: Int32s, first: Int64s, out: Int32s) -> None:
    """Write the links of a block's routes."""
    for k in prange(tree.shape[0] - 1):
        _trace_one(tree[k], tree[k + 1], first[tree[0]], tail, end, via[k], first, out)


@njit(bare=True)
def _trace_one(
    begin: int, stop: int, base: int, tail: Int32s, end: Int32s, via: Int32s, first: Int64s, out: Int32s
) -> None:
    for p in range(begin, stop):
        node = end[p]
        for at in range(first[p + 1] - base - 1, first[p] - base - 1, -1):
            out[at] = via[node]
            node = tail[via[node]]


@njit(parallel=True)
def _copy_all(first: Int64s, link: Int32s, rows: Int64s, kept: Int64s, out: Int32s) -> None:
    for r in prange(rows.shape[0]):
        _copy_one(first[rows[r]], kept[r], kept[r + 1], link, out)


@njit(bare=True)
def _copy_one(source: int, begin: int, stop: int, link: Int32s, out: Int32s) -> None:
    for i in range(stop - begin):
        out[begin + i] = link[source + i]


@njit(parallel=True)
def _ride_all(times: LinkTimes, first: Int64s, link: Int32s, path: Int64s, depart_s: Floats, out: Floats) -> None:
    for v in prange(path.shape[0]):
        out[v] = _ride_one(times, first[path[v]], first[path[v] + 1], link, depart_s[v])


@njit(bare=True)
def _ride_one(times: LinkTimes, begin: int, stop: int, link: Int32s, depart_s: float) -> float:
    if begin == stop:
        return 0.0
    now = depart_s + _start(times, depart_s, link[begin])
    for i in range(begin + 1, stop):
        row, part = _place(now, times.bin_s, times.seconds.shape[0])
        now += _between(times.seconds, row, part, link[i])
    return now - depart_s
