"""Trees by elimination and by search against scipy's Dijkstra, on graphs with free, closed, parallel and no links."""

import numpy as np
import pytest
from greentrip_networks import Network
from greentrip_networks.errors import TableError
from greentrip_networks.hierarchy import Hierarchy
from greentrip_networks.search import spread
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

Floats = np.ndarray


def by_scipy(n: int, tail: np.ndarray, head: np.ndarray, cost: Floats, sources: np.ndarray) -> Floats:
    """The cheapest of parallel links; scipy would add them up, and takes a cost of nothing for no link."""
    least = np.full((n, n), np.inf)
    np.minimum.at(least, (tail, head), cost)
    np.fill_diagonal(least, np.inf)
    a, b = np.nonzero(np.isfinite(least))
    return dijkstra(csr_matrix((np.maximum(least[a, b], 1e-300), (a, b)), shape=(n, n)), indices=sources)


def check_tree(
    tail: np.ndarray, head: np.ndarray, cost: Floats, source: int, dist: Floats, via: np.ndarray, slack: float
) -> None:
    """Every node that is reached has a way back to the source that costs what is said; no tree is a ring."""
    for v in range(len(dist)):
        if not np.isfinite(dist[v]):
            assert via[v] == -1
            continue
        at, spent, steps = v, 0.0, 0
        while at != source:
            link = via[at]
            assert head[link] == at
            spent += cost[link]
            at = tail[link]
            steps += 1
            assert steps <= len(dist)
        assert via[source] == -1
        assert spent == pytest.approx(dist[v], rel=1e-9, abs=slack)


@given(st.integers(1, 30), st.integers(0, 10_000), st.sampled_from(["spread", "ties", "free"]))
@settings(max_examples=150, deadline=None)
def test_trees_are_shortest_paths(n: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    links = int(rng.integers(0, 4 * n + 1))
    tail, head = rng.integers(0, n, (2, links)).astype(np.int32)  # loops and parallel links too
    cost = rng.uniform(0.5, 50.0, links) if kind == "spread" else rng.integers(kind == "ties", 4, links).astype(float)
    cost[rng.random(links) < 0.05] = np.inf
    sources = np.arange(n, dtype=np.int32)
    prices = Hierarchy.of(n, tail, head).price(cost)
    dist, via = prices.trees(sources)
    alone = np.full_like(via, -7)
    prices.links(sources, alone)
    assert (alone == via).all()
    known = by_scipy(n, tail, head, cost, sources)
    slack = 1e-8
    assert dist == pytest.approx(known, rel=1e-9, abs=slack)
    assert (np.diag(dist) == 0).all()
    order = np.argsort(tail, kind="stable")
    first = np.searchsorted(tail[order], np.arange(n + 1)).astype(np.int32)
    for s in range(n):
        check_tree(tail, head, cost, s, dist[s], via[s], slack)
        found, link = spread(first, head[order], cost[order], sources[s : s + 1], np.zeros(1))
        assert found == pytest.approx(known[s], rel=1e-12)
        check_tree(tail[order], head[order], cost[order], s, found, link, 1e-12)


def test_trees_of_a_city_equal_scipys(city: Network) -> None:
    roads = city.compiled.roads
    n, sources = len(roads.nodes), np.arange(0, len(roads.nodes), 7, dtype=np.int32)
    order = Hierarchy.of(n, roads.tail, roads.head)
    for cost in (roads.free_s, roads.length_m, np.where(roads.auto, roads.free_s, np.inf)):
        dist, via = order.price(cost).trees(sources)
        assert dist == pytest.approx(by_scipy(n, roads.tail, roads.head, cost, sources), rel=1e-9)
        check_tree(roads.tail, roads.head, cost, int(sources[3]), dist[3], via[3], 0.0)


def test_trees_do_not_depend_on_what_else_is_asked_or_on_threads(city: Network) -> None:
    import numba

    roads = city.compiled.roads
    prices = Hierarchy.of(len(roads.nodes), roads.tail, roads.head).price(roads.free_s)
    sources = np.arange(37, dtype=np.int32)
    dist, via = prices.trees(sources)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        again = prices.trees(sources)
    finally:
        numba.set_num_threads(before)
    assert dist.tobytes() == again[0].tobytes()
    assert via.tobytes() == again[1].tobytes()
    for s in (0, 5, 36):
        alone = prices.trees(sources[s : s + 1])
        assert dist[s].tobytes() == alone[0][0].tobytes()
        assert via[s].tobytes() == alone[1][0].tobytes()


@given(st.integers(2, 25), st.integers(0, 10_000), st.floats(0, 60))
@settings(max_examples=60, deadline=None)
def test_a_search_from_several_starts_is_the_least_of_each(n: int, seed: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    tail = np.sort(rng.integers(0, n, 4 * n)).astype(np.int32)
    head, cost = rng.integers(0, n, 4 * n).astype(np.int32), rng.uniform(0.0, 30.0, 4 * n)
    first = np.searchsorted(tail, np.arange(n + 1)).astype(np.int32)
    start, begin = rng.integers(0, n, 3).astype(np.int32), rng.uniform(0, 40, 3)
    dist, _ = spread(first, head, cost, start, begin, limit)
    each = [spread(first, head, cost, start[i : i + 1], np.zeros(1))[0] + begin[i] for i in range(3)]
    known = np.min(each, axis=0)
    known[known > limit] = np.inf
    assert dist == pytest.approx(known)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (lambda: Hierarchy.of(2, [0, 2], [1, 1]), "row 1 column tail: saw 2"),
        (lambda: Hierarchy.of(2, [0], [1, 1]), "head"),
        (lambda: Hierarchy.of(2, [0], [1]).price([-1.0]), "cost: saw -1.0"),
        (lambda: Hierarchy.of(2, [0], [1]).price([np.nan]), "cost: saw nan"),
        (lambda: Hierarchy.of(2, [0], [1]).price([1.0, 2.0]), "one cost a link"),
        (lambda: Hierarchy.of(2, [0], [1]).price([1.0]).trees([5]), "node: saw 5"),
    ],
)
def test_bad_input_is_named(asked: object, says: str) -> None:
    with pytest.raises(TableError, match=says.replace("row 1 column", "row 1, column")):
        asked()  # type: ignore[operator]
