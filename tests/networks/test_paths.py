"""Quickest paths against networkx, which searches independently."""

import networkx as nx
import numpy as np
from greentrip_networks import Network
from greentrip_networks.paths import quickest_paths
from greentrip_networks.road_arrays import links_of
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.integers(0, 9)), max_size=60))
def test_paths_cost_what_networkx_says(n: int, raw: list[tuple[int, int, int]]) -> None:
    links = sorted((a % n, b % n, c) for a, b, c in raw if a % n != b % n)
    tail = np.array([x[0] for x in links], np.int32)
    head = np.array([x[1] for x in links], np.int32)
    cost = np.array([x[2] for x in links], np.float64)
    first = np.searchsorted(tail, np.arange(n + 1)).astype(np.int32)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(n))
    graph.add_weighted_edges_from(links)
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b]
    begin, path = quickest_paths(
        first, tail, head, cost, np.array([p[0] for p in pairs], np.int32), np.array([p[1] for p in pairs], np.int32)
    )
    for k, (a, b) in enumerate(pairs):
        mine = path[begin[k] : begin[k + 1]]
        if not nx.has_path(graph, a, b):
            assert len(mine) == 0
            continue
        assert tail[mine[0]] == a
        assert head[mine[-1]] == b
        assert (head[mine[:-1]] == tail[mine[1:]]).all()
        assert cost[mine].sum() == nx.dijkstra_path_length(graph, a, b)


def test_a_link_of_infinite_cost_is_closed(city: Network) -> None:
    links = links_of(city.roads)
    ends = np.array([0], np.int32), np.array([len(links.nodes) - 1], np.int32)
    first, path = quickest_paths(links.first_out, links.tail, links.head, np.full(len(links.tail), np.inf), *ends)
    assert first.tolist() == [0, 0]
    assert len(path) == 0
