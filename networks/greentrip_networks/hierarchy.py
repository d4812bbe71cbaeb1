"""Shortest-path trees by elimination: nodes are taken out one by one, so that a tree is one pass in a fixed order.

Taking a node out joins its neighbours pairwise, which keeps all distances between those that stay. What is left of each
node are its ways to neighbours taken out later ("upward"). The order depends on which links there are and not on their
costs (Dibbelt, Strasser and Wagner 2016, Customizable Contraction Hierarchies), so new costs only need new prices for
the same ways, milliseconds for a city. A tree goes up from its source, then down once over all nodes (PHAST, Delling et
al. 2011): no heap, no branches that a processor cannot guess, memory read in order.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from greentrip_networks.errors import TableError
from greentrip_networks.heap import drop_first, push
from greentrip_networks.kernels import njit, prange

Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NOTHING = 1e-11  # of the mean cost
_STRIDE = 16  # trees found with the same scratch


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The order of a graph's nodes and the ways between them; a place is a node's position, the last taken out first.

    Ways of place p are rows first[p] to first[p + 1], each to a place before p, in rising order.
    """

    place: Int32s  # (nodes,) place of each node
    node: Int32s  # (nodes,) node at each place
    first: Int32s  # (nodes + 1,)
    upper: Int32s  # (ways,) place at the other end
    way_of: Int32s  # (links,) the way that a link runs along, -1 of a link from a node to itself
    upward: Bools  # (links,) whether it runs towards the upper end
    between: Bools  # (links,) whether both its ends have other neighbours too

    @classmethod
    def of(cls, nodes: int, tail: ArrayLike, head: ArrayLike) -> "Hierarchy":
        """Order the nodes of a graph of directed links, the one with the fewest neighbours next.

        Raises
        ------
        TableError
            At a link from or to a node that is not there.

        """
        t, h = np.asarray(tail, np.int32).ravel(), np.asarray(head, np.int32).ravel()
        if len(t) != len(h):
            raise TableError("links", f"as many heads as tails, {len(t)}", column="head", value=len(h))
        for column, ends in (("tail", t), ("head", h)):
            _check("links", column, ends, (ends < 0) | (ends >= nodes), f"a node from 0 to {nodes - 1}")
        a, b = np.concatenate([t, h]), np.concatenate([h, t])
        loop = a == b
        a, b = a[~loop], b[~loop]
        pairs = np.unique(a.astype(np.int64) * nodes + b)
        beside = (pairs % nodes).astype(np.int32) if nodes else np.zeros(0, np.int32)
        begin = np.searchsorted(pairs, np.arange(nodes + 1) * nodes).astype(np.int64)
        order, start, count, pool = _eliminate(begin, beside)
        node = order[::-1].copy()
        place = np.empty(nodes, np.int32)
        place[node] = np.arange(nodes, dtype=np.int32)
        first, upper = _ways(node, place, start, count, pool)
        way_of, upward = _links(t, h, place, first, upper)
        through = np.diff(begin) > 1
        return cls(place, node, first, upper, way_of, upward, through[t] & through[h])

    def price(self, cost: ArrayLike) -> "Prices":
        """Return the cost of every way at link costs of 0 or more (infinite: closed).

        So that no tree can be a ring, a link that costs nothing between two nodes with other neighbours counts as a
        hundred-billionth of the mean cost. Raises TableError at a cost that is negative or no number.
        """
        given = np.array(cost, np.float64)
        if given.shape != self.way_of.shape:
            raise TableError("links", f"one cost a link, {len(self.way_of)}", column="cost", value=given.size)
        _check("links", "cost", given, ~(given >= 0), "a cost of 0 or more")
        some = given[np.isfinite(given)]
        given[(given == 0) & self.between] = _NOTHING * (float(some.mean()) if len(some) else 0.0)
        ways = len(self.upper)
        up, down = np.full(ways, np.inf), np.full(ways, np.inf)
        last_up, last_down = np.full(ways, -1, np.int32), np.full(ways, -1, np.int32)
        _price(self.first, self.upper, self.way_of, self.upward, given, up, down, last_up, last_down)
        return Prices(self, up, down, last_up, last_down)


@dataclass(frozen=True, eq=False)
class Prices:
    """What each way costs, up and down, and the last link of it; infinite where there is none."""

    hierarchy: Hierarchy
    up: Floats
    down: Floats
    last_up: Int32s
    last_down: Int32s

    def trees(self, sources: ArrayLike) -> tuple[Floats, Int32s]:
        """Return (cost, link): from each source to each node, and the link that reaches it (-1: source or none)."""
        chosen = np.asarray(sources, np.int32).ravel()
        shape = (len(chosen), len(self.hierarchy.node))
        dist, via = np.empty(shape), np.empty(shape, np.int32)
        self._find(chosen, dist, via)
        return dist, via

    def links(self, sources: ArrayLike, out: Int32s) -> None:
        """Fill the link that reaches each node from each source (-1: source or none), shape (sources, nodes)."""
        self._find(np.asarray(sources, np.int32).ravel(), np.empty((0, 0)), out)

    def _find(self, sources: Int32s, dist: Floats, via: Int32s) -> None:
        """Fill the links of all trees, and the costs where there is room for them."""
        h = self.hierarchy
        _check(
            "sources", "node", sources, (sources < 0) | (sources >= len(h.node)), f"a node from 0 to {len(h.node) - 1}"
        )
        _trees(sources, h.place, h.node, h.first, h.upper, self.up, self.down, self.last_up, self.last_down, dist, via)


def _check(table: str, column: str, values: NDArray[Any], bad: Bools, expected: str) -> None:
    """Raise TableError at the first bad value."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise TableError(table, expected, row=row, column=column, value=values[row].item())


@njit()
def _eliminate(begin: Ints, beside: Int32s) -> tuple[Int32s, Ints, Int32s, Int32s]:
    """Take nodes out, fewest neighbours first, ties by number; return (order, start, count, pool).

    Neighbours of a node when it was taken out are pool[start:start + count], in rising order.
    """
    n = begin.shape[0] - 1
    pool = np.empty(max(4 * beside.shape[0], 1024), np.int32)
    pool[: beside.shape[0]] = beside
    used = beside.shape[0]
    start = begin[:-1].copy()
    count = np.empty(n, np.int32)
    key, who = np.empty(4 * n + 1024), np.empty(4 * n + 1024, np.int32)
    size = 0
    for v in range(n):
        count[v] = begin[v + 1] - begin[v]
        push(key, who, size, float(count[v]) * n + v, v)
        size += 1
    gone = np.zeros(n, np.bool_)
    order = np.empty(n, np.int32)
    done = 0
    while size > 0:
        v, asked = who[0], key[0]
        size -= 1
        drop_first(key, who, size)
        if gone[v] or asked != float(count[v]) * n + v:  # was put in again with other neighbours
            continue
        gone[v] = True
        order[done] = v
        done += 1
        s, c = start[v], count[v]
        for i in range(c):
            u = pool[s + i]
            most = count[u] + c
            if used + most > pool.shape[0]:
                larger = np.empty(2 * (used + most), np.int32)
                larger[:used] = pool[:used]
                pool = larger
            # merge the neighbours of u and of v, without the two
            j, k, at = start[u], s, used
            end_j, end_k = start[u] + count[u], s + c
            while j < end_j or k < end_k:
                if k >= end_k or (j < end_j and pool[j] <= pool[k]):
                    w = pool[j]
                    if k < end_k and pool[k] == w:
                        k += 1
                    j += 1
                else:
                    w = pool[k]
                    k += 1
                if w not in (u, v):
                    pool[at] = w
                    at += 1
            start[u] = used
            count[u] = at - used
            used = at
            if size + 1 >= key.shape[0]:
                taller, longer = np.empty(2 * size + 2), np.empty(2 * size + 2, np.int32)
                taller[:size], longer[:size] = key[:size], who[:size]
                key, who = taller, longer
            push(key, who, size, float(count[u]) * n + u, u)
            size += 1
    return order, start, count, pool


@njit()
def _ways(node: Int32s, place: Int32s, start: Ints, count: Int32s, pool: Int32s) -> tuple[Int32s, Int32s]:
    """Return (first, upper): each place's neighbours when its node was taken out, as places in rising order."""
    n = node.shape[0]
    first = np.zeros(n + 1, np.int32)
    for p in range(n):
        first[p + 1] = first[p] + count[node[p]]
    upper = np.empty(first[n], np.int32)
    for p in range(n):
        v = node[p]
        mine = upper[first[p] : first[p + 1]]
        for i in range(count[v]):
            mine[i] = place[pool[start[v] + i]]
        mine.sort()
    return first, upper


@njit()
def _links(tail: Int32s, head: Int32s, place: Int32s, first: Int32s, upper: Int32s) -> tuple[Int32s, Bools]:
    """Return the way of each link and whether it goes up."""
    way = np.full(tail.shape[0], -1, np.int32)
    upward = np.zeros(tail.shape[0], np.bool_)
    for link in range(tail.shape[0]):
        a, b = place[tail[link]], place[head[link]]
        if a != b:
            upward[link] = b < a
            low, high = max(a, b), min(a, b)
            way[link] = first[low] + np.searchsorted(upper[first[low] : first[low + 1]], high)
    return way, upward


@njit(bare=True)
def _price(
    first: Int32s, upper: Int32s, way_of: Int32s, upward: Bools, cost: Floats, up: Floats, down: Floats,
    last_up: Int32s, last_down: Int32s,
) -> None:  # fmt: skip
    """Fill the costs and last links of ways: of links, then of pairs of ways by a place taken out before."""
    for link in range(way_of.shape[0]):
        e = way_of[link]
        if e >= 0:
            if upward[link]:
                if cost[link] < up[e]:
                    up[e], last_up[e] = cost[link], link
            elif cost[link] < down[e]:
                down[e], last_down[e] = cost[link], link
    for p in range(first.shape[0] - 2, -1, -1):
        a, b = first[p], first[p + 1]
        for j in range(a + 1, b):
            q = upper[j]
            e = first[q]  # ways of q, which all of p's upper places before q are among
            for i in range(a, j):
                r = upper[i]
                while upper[e] != r:
                    e += 1
                new = down[i] + up[j]  # from r by p to q
                if new < down[e]:
                    down[e], last_down[e] = new, last_up[j]
                new = down[j] + up[i]
                if new < up[e]:
                    up[e], last_up[e] = new, last_up[i]


@njit(bare=True)
def _tree(
    source: int, first: Int32s, upper: Int32s, up: Floats, down: Floats, last_up: Int32s, last_down: Int32s,
    node: Int32s, dist: Floats, link: Int32s, out: Floats, via: Int32s,
) -> None:  # fmt: skip
    """Fill via, and out where it has room, by node from one source; dist and link are scratch by place."""
    n, told = first.shape[0] - 1, out.shape[0] > 0
    for p in range(n):
        dist[p] = np.inf
    p = source
    dist[p] = 0.0
    link[p] = -1
    while True:
        d = dist[p]
        for e in range(first[p], first[p + 1]):
            new = d + up[e]
            q = upper[e]
            if new < dist[q]:
                dist[q] = new
                link[q] = last_up[e]
        if first[p] == first[p + 1]:
            break
        p = upper[first[p + 1] - 1]
    for p in range(n):
        best = dist[p]
        at = -1
        for e in range(first[p], first[p + 1]):
            new = dist[upper[e]] + down[e]
            if new < best:
                best = new
                at = e
        dist[p] = best
        v = node[p]
        if told:
            out[v] = best
        via[v] = last_down[at] if at >= 0 else (link[p] if best < np.inf else -1)


@njit(bare=True)
def _four_trees(
    source: Int32s, first: Int32s, upper: Int32s, up: Floats, down: Floats, last_up: Int32s, last_down: Int32s,
    node: Int32s, dist: Floats, link: Int32s, out: Floats, via: Int32s,
) -> None:  # fmt: skip
    """Fill the rows of via, and of out where it has any, from four sources at once; dist, link: scratch (places, 4)."""
    n, told = first.shape[0] - 1, out.shape[0] > 0
    for p in range(n):
        for k in range(4):
            dist[p, k] = np.inf
            link[p, k] = -1
    for k in range(4):
        p = source[k]
        dist[p, k] = 0.0
        while first[p] < first[p + 1]:
            d = dist[p, k]
            for e in range(first[p], first[p + 1]):
                new = d + up[e]
                q = upper[e]
                if new < dist[q, k]:
                    dist[q, k] = new
                    link[q, k] = last_up[e]
            p = upper[first[p + 1] - 1]
    for p in range(n):
        b0, b1, b2, b3 = dist[p, 0], dist[p, 1], dist[p, 2], dist[p, 3]
        l0, l1, l2, l3 = link[p, 0], link[p, 1], link[p, 2], link[p, 3]
        for e in range(first[p], first[p + 1]):
            q, c, l = upper[e], down[e], last_down[e]
            n0, n1, n2, n3 = dist[q, 0] + c, dist[q, 1] + c, dist[q, 2] + c, dist[q, 3] + c
            l0 = l if n0 < b0 else l0
            l1 = l if n1 < b1 else l1
            l2 = l if n2 < b2 else l2
            l3 = l if n3 < b3 else l3
            b0 = min(b0, n0)
            b1 = min(b1, n1)
            b2 = min(b2, n2)
            b3 = min(b3, n3)
        dist[p, 0], dist[p, 1], dist[p, 2], dist[p, 3] = b0, b1, b2, b3
        v = node[p]
        if told:
            out[0, v], out[1, v], out[2, v], out[3, v] = b0, b1, b2, b3
        via[0, v], via[1, v], via[2, v], via[3, v] = l0, l1, l2, l3


@njit(parallel=True)
def _trees(
    sources: Int32s, place: Int32s, node: Int32s, first: Int32s, upper: Int32s, up: Floats, down: Floats,
    last_up: Int32s, last_down: Int32s, dist: Floats, via: Int32s,
) -> None:  # fmt: skip
    """Fill the trees of all sources, in strides."""
    many = sources.shape[0]
    for stride in prange((many + _STRIDE - 1) // _STRIDE):
        a = stride * _STRIDE
        b = min(a + _STRIDE, many)
        _some(place, sources[a:b], first, upper, up, down, last_up, last_down, node, dist[a:b], via[a:b])


@njit()
def _some(
    place: Int32s, sources: Int32s, first: Int32s, upper: Int32s, up: Floats, down: Floats, last_up: Int32s,
    last_down: Int32s, node: Int32s, out: Floats, via: Int32s,
) -> None:  # fmt: skip
    """Fill some trees one after another with scratch of their own: four at once, those left over one by one."""
    n, many = first.shape[0] - 1, sources.shape[0]
    at = place[sources]
    done = 0
    if many >= 4:
        dist, link = np.empty((n, 4)), np.empty((n, 4), np.int32)
        while done + 4 <= many:
            _four_trees(
                at[done : done + 4], first, upper, up, down, last_up, last_down, node, dist, link,
                out[done : done + 4], via[done : done + 4],
            )  # fmt: skip
            done += 4
    if done < many:
        one, link_one, nothing = np.empty(n), np.empty(n, np.int32), np.empty(0)
        while done < many:
            mine = out[done] if out.shape[0] > 0 else nothing
            _tree(at[done], first, upper, up, down, last_up, last_down, node, one, link_one, mine, via[done])
            done += 1


def sums_along(via: Int32s, sources: Int32s, tail: Int32s, values: Floats, targets: Int32s) -> Floats:
    """Return the sums of a column of the links along each tree's paths, shape (trees, targets).

    Added up link by link from the source, so that a path has the sum that it has elsewhere; infinite where none leads.
    """
    out = np.empty((len(via), len(targets)))
    _sums_along(
        via, np.asarray(sources, np.int32), np.asarray(tail, np.int32), np.asarray(values, np.float64),
        np.asarray(targets, np.int32), out,
    )  # fmt: skip
    return out


@njit(bare=True, taken_in=True)
def sum_to(target: int, tail: Int32s, via: Int32s, values: Floats, run: Floats, stack: Int32s) -> float:
    """Return the sum from the source to a node; run holds the sums known so far, 0 at the source, below 0 unknown."""
    size = 0
    node = target
    while run[node] < 0.0:
        stack[size] = node
        size += 1
        if via[node] < 0:  # no path
            run[node] = np.inf
            size -= 1
            break
        node = tail[via[node]]
    while size > 0:
        size -= 1
        node = stack[size]
        run[node] = run[tail[via[node]]] + values[via[node]]
    return float(run[target])


@njit()
def _sums_of(source: int, tail: Int32s, via: Int32s, values: Floats, targets: Int32s, out: Floats) -> None:
    """Fill the sums along one tree."""
    run, stack = np.full(via.shape[0], -1.0), np.empty(via.shape[0], np.int32)
    run[source] = 0.0
    for t in range(targets.shape[0]):
        out[t] = sum_to(targets[t], tail, via, values, run, stack)


@njit(parallel=True)
def _sums_along(via: Int32s, sources: Int32s, tail: Int32s, values: Floats, targets: Int32s, out: Floats) -> None:
    """Fill the sums tree by tree."""
    for s in prange(via.shape[0]):
        _sums_of(sources[s], tail, via[s], values, targets, out[s])
