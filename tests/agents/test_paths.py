"""Searches against networkx, which searches independently."""

import networkx as nx
import numpy as np
import pytest
from greentrip_agents import paths
from hypothesis import given, settings
from hypothesis import strategies as st

Graph = tuple[np.ndarray, np.ndarray, np.ndarray]


def random_graph(n: int, seed: int) -> Graph:
    rng = np.random.default_rng(seed)
    edges = sorted({(int(a), int(b)) for a, b in rng.integers(0, n, (4 * n, 2)) if a != b})
    tail = np.array([a for a, _ in edges], np.int32)
    first = np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=n))]).astype(np.int32)
    return first, tail, np.array([b for _, b in edges], np.int32)


def by_networkx(graph: Graph, cost: np.ndarray, source: int) -> np.ndarray:
    first, tail, head = graph
    made = nx.DiGraph()
    made.add_nodes_from(range(len(first) - 1))
    made.add_weighted_edges_from(zip(tail.tolist(), head.tolist(), cost.tolist(), strict=True))
    known = nx.single_source_dijkstra_path_length(made, source)
    return np.array([known.get(i, np.inf) for i in range(len(first) - 1)])


@given(st.integers(2, 25), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_search_finds_what_networkx_finds(n: int, seed: int) -> None:
    graph = random_graph(n, seed)
    if not len(graph[1]):
        return
    cost = np.random.default_rng(seed + 1).uniform(1.0, 50.0, len(graph[1]))
    dist, via = np.empty(n), np.empty(n, np.int32)
    paths.dijkstra(0, graph[0], graph[2], cost, dist, via, np.empty(n, np.int32), np.empty(n, np.int32))
    assert dist == pytest.approx(by_networkx(graph, cost, 0))
