import networkx as nx
import numpy as np
import pytest
from greentrip_agents.timed_routes import (
    LinkTimes,
    Streets,
    hold_order,
    lay_streets,
    middle_s,
    ride,
    take_routes,
    timed_routes,
)
from greentrip_networks.errors import ScenarioError
from greentrip_networks.kernels import numba
from hypothesis import given, settings
from hypothesis import strategies as st

BIN_S = 300.0
MIDDLE_S = BIN_S / 2


def random_streets(r: np.random.Generator, nodes: int, links: int) -> Streets:
    return lay_streets(r.integers(0, nodes, links), r.integers(0, nodes, links), nodes)


def value(rows: np.ndarray, link: int, at_s: float) -> float:
    """Interpolate by numpy, which holds the ends."""
    return float(np.interp(at_s, (np.arange(len(rows)) + 0.5) * BIN_S, rows[:, link]))


def slow_search(streets: Streets, times: LinkTimes, source: int, depart_s: float) -> dict[int, float]:
    """Find earliest arrivals by looking at every settled node's links, without a heap."""
    at, settled = {source: depart_s}, {}
    while at.keys() - settled.keys():
        u = min(at.keys() - settled.keys(), key=lambda n: at[n])
        settled[u] = at[u]
        for link in np.flatnonzero(streets.tail == u).tolist():
            wait = value(times.wait_s, link, at[u]) if u == source and len(times.wait_s) else 0.0
            then = at[u] + wait + value(times.seconds, link, at[u] + wait)
            v = int(streets.head[link])
            if v not in settled and then < at.get(v, np.inf):
                at[v] = then
    return settled


def test_times_that_never_change_give_static_shortest_paths() -> None:
    r = np.random.default_rng(4)
    nodes, links = 40, 130
    streets = random_streets(r, nodes, links)
    cost = r.uniform(5, 900, links)
    times = hold_order(np.tile(cost, (6, 1)), BIN_S)
    origin, destination = (a.ravel() for a in np.meshgrid(np.arange(nodes), np.arange(nodes)))
    depart = middle_s(r.uniform(0, 6 * BIN_S, nodes * nodes), BIN_S)
    found = timed_routes(streets, times, origin, destination, depart)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(nodes))
    graph.add_weighted_edges_from(zip(streets.tail.tolist(), streets.head.tolist(), cost.tolist(), strict=True))
    lengths = dict(nx.all_pairs_dijkstra_path_length(graph))
    for p, (o, d) in enumerate(zip(origin.tolist(), destination.tolist(), strict=True)):
        route = found.link[found.first[p] : found.first[p + 1]]
        if d not in lengths[o]:
            assert len(route) == 0
            continue
        assert found.arrive_s[p] - depart[p] == pytest.approx(lengths[o][d], abs=1e-9)
        assert cost[route].sum() == pytest.approx(lengths[o][d], abs=1e-9)
        if o != d:
            assert streets.tail[route[0]] == o
            assert streets.head[route[-1]] == d
            assert (streets.head[route[:-1]] == streets.tail[route[1:]]).all()
    without = [p for p in range(nodes * nodes) if destination[p] not in lengths[origin[p]]]
    assert without
    assert found.unreached.tolist() == without


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_random_networks_agree_with_a_plain_search_by_time(seed: int, waits: bool) -> None:
    r = np.random.default_rng(seed)
    nodes, links, bins = int(r.integers(2, 14)), int(r.integers(1, 45)), int(r.integers(1, 8))
    streets = random_streets(r, nodes, links)
    wait = r.exponential(100, (bins, links)) if waits else None
    times = hold_order(r.exponential(400, (bins, links)) + 1.0, BIN_S, wait)
    pairs = 25
    origin, destination = r.integers(0, nodes, pairs), r.integers(0, nodes, pairs)
    depart = r.integers(0, 2 * (bins + 2), pairs) * MIDDLE_S
    found = timed_routes(streets, times, origin, destination, depart)
    assert found.trees == len(set(zip(origin.tolist(), depart.tolist(), strict=True)))
    for p in range(pairs):
        at = slow_search(streets, times, int(origin[p]), float(depart[p]))
        assert found.arrive_s[p] == pytest.approx(at.get(int(destination[p]), np.inf), abs=1e-8)
    # who drives the route at its tree's departure takes what the tree says
    reached = np.flatnonzero(np.isfinite(found.arrive_s))
    taken = ride(times, found.first, found.link, reached, depart[reached])
    np.testing.assert_allclose(taken, (found.arrive_s - depart)[reached], rtol=0, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_leaving_later_never_arrives_earlier(seed: int) -> None:
    r = np.random.default_rng(seed)
    bins, links = 12, 3
    raw = r.exponential(900, (bins, links)) + 1.0
    times = hold_order(raw, BIN_S, r.exponential(900, (bins, links)))
    depart = np.sort(r.uniform(-500, (bins + 2) * BIN_S, 400))
    taken = ride(times, np.array([0, links]), np.arange(links, dtype=np.int32), np.zeros(400, np.int64), depart)
    assert (np.diff(depart + taken) > -1e-8).all()
    assert (times.seconds >= raw).all()


def test_only_times_that_fall_too_fast_are_raised_and_they_are_counted() -> None:
    times = hold_order([[1000.0, 50.0], [100.0, 40.0], [500.0, 30.0], [200.0, 20.0]], BIN_S)
    assert times.seconds[:, 0].tolist() == [1000.0, 700.0, 500.0, 200.0]
    assert times.seconds[:, 1].tolist() == [50.0, 40.0, 30.0, 20.0]
    assert times.raised == 1


def test_a_jam_in_one_bin_turns_away_only_those_who_meet_it() -> None:
    # 0 -> 1 -> 3 takes 200 s, by way of 2 it takes 300 s; 1 -> 3 is jammed in bin 4
    streets = lay_streets([0, 1, 0, 2], [1, 3, 2, 3])
    seconds = np.tile([100.0, 100.0, 150.0, 150.0], (10, 1))
    seconds[4, 1] = 390.0
    times = hold_order(seconds, BIN_S)
    depart = middle_s(np.arange(10) * BIN_S + 7.0, BIN_S)
    assert depart[:2].tolist() == [150.0, 450.0]
    found = timed_routes(streets, times, np.zeros(10, int), np.full(10, 3), depart)
    by_way_of_2 = [found.link[found.first[p]] == 2 for p in range(10)]
    assert by_way_of_2 == [row == 4 for row in range(10)]
    assert (found.arrive_s - depart)[~np.array(by_way_of_2)].max() < 300.0 + 1e-9


def test_equally_fast_routes_keep_the_lower_link_however_links_are_sorted() -> None:
    for tail, head, kept in (([0, 0, 1, 2], [1, 2, 3, 3], [0, 2]), ([2, 1, 0, 0], [3, 3, 1, 2], [3, 0])):
        found = timed_routes(lay_streets(tail, head), hold_order(np.full((2, 4), 60.0), BIN_S), [0], [3], [0])
        assert found.link.tolist() == kept


def test_parallel_links_take_the_faster_and_loops_are_left_out() -> None:
    found = timed_routes(lay_streets([0, 0, 0], [0, 1, 1]), hold_order([[1.0, 70.0, 60.0]], BIN_S), [0], [1], [0])
    assert found.link.tolist() == [2]


def test_a_wait_for_the_first_link_counts_there_and_nowhere_else() -> None:
    streets = lay_streets([0, 0, 1, 2, 4], [1, 2, 3, 3, 0])
    wait = np.zeros((1, 5))
    wait[0, 0] = 100.0
    times = hold_order([[60.0, 90.0, 60.0, 60.0, 60.0]], BIN_S, wait)
    found = timed_routes(streets, times, [0, 4], [3, 3], [0.0, 0.0])
    assert found.link.tolist() == [1, 3, 4, 0, 2]
    assert found.arrive_s.tolist() == [150.0, 180.0]


def test_links_shut_all_day_are_not_driven_and_who_has_no_other_is_named() -> None:
    streets = lay_streets([0, 0, 1], [1, 1, 2])
    seconds = np.tile([np.inf, 60.0, np.inf], (3, 1))
    found = timed_routes(streets, hold_order(seconds, BIN_S), [0, 0, 2], [1, 2, 2], [1, 1, 1])
    assert found.link.tolist() == [1]
    assert found.unreached.tolist() == [1]
    assert found.first.tolist() == [0, 1, 1, 1]
    assert found.arrive_s[2] == 1.0


def test_the_bytes_do_not_depend_on_threads_or_on_the_order_of_pairs() -> None:
    r = np.random.default_rng(8)
    streets = random_streets(r, 300, 1000)
    times = hold_order(np.rint(r.exponential(60, (8, 1000))) + 1.0, BIN_S)  # whole seconds: many ties
    pairs = 4000
    origin, destination, depart = r.integers(0, 300, pairs), r.integers(0, 300, pairs), r.integers(0, 8, pairs) * BIN_S
    before = numba.get_num_threads()
    seen = set()
    try:
        for threads in sorted({1, 2, before}):
            numba.set_num_threads(min(threads, before))
            found = timed_routes(streets, times, origin, destination, depart)
            seen.add((found.first.tobytes(), found.link.tobytes(), found.arrive_s.tobytes()))
    finally:
        numba.set_num_threads(before)
    assert len(seen) == 1
    mixed = r.permutation(pairs)
    other = timed_routes(streets, times, origin[mixed], destination[mixed], depart[mixed])
    first, link = take_routes(found.first, found.link, mixed)
    assert (first == other.first).all()
    assert (link == other.link).all()
    assert (found.arrive_s[mixed] == other.arrive_s).all()


@pytest.mark.parametrize(
    ("seconds", "field"),
    [([[0.0, 1.0]], "link_s"), ([[np.nan, 1.0]], "link_s"), ([[1.0, 1.0], [np.inf, 1.0]], "link_s"), ([1.0], "link_s")],
)
def test_times_that_cannot_be_are_refused(seconds: list[float], field: str) -> None:
    with pytest.raises(ScenarioError, match=field):
        hold_order(seconds, BIN_S)


def test_pairs_that_cannot_be_are_refused_and_none_is_fine() -> None:
    streets, times = lay_streets([0], [1]), hold_order([[60.0]], BIN_S)
    for origin, destination, row in (([2], [1], [0]), ([0], [-1], [0]), ([0], [1], [-1]), ([0, 0], [1], [0])):
        with pytest.raises(ScenarioError):
            timed_routes(streets, times, origin, destination, row)
    found = timed_routes(streets, times, [], [], [])
    assert found.first.tolist() == [0]
    assert found.trees == 0
