import networkx as nx
import numpy as np
import pytest
from greentrip_agents.equilibrium import RoadEquilibrium
from greentrip_agents.equilibrium_delay import bpr
from greentrip_agents.equilibrium_problem import Links, VehicleClass
from hypothesis import given, settings
from hypothesis import strategies as st


def random_roads(n: int, seed: int, dearest: int) -> tuple[RoadEquilibrium, np.ndarray]:
    """Make links at random whose costs are small whole numbers, so that many paths tie; all nodes are sources."""
    rng = np.random.default_rng(seed)
    tail, head = rng.integers(0, n, 4 * n).astype(np.int32), rng.integers(0, n, 4 * n).astype(np.int32)
    cost = rng.integers(1, dearest, 4 * n).astype(float)
    none = np.zeros(0, np.int32)
    cars = VehicleClass(none, none, np.zeros(0), sources=np.arange(n, dtype=np.int32))
    return RoadEquilibrium(Links(n, tail, head, bpr(cost, 1.0)), [cars]), cost


@given(st.integers(2, 25), st.integers(0, 10_000), st.sampled_from([3, 60]))
@settings(max_examples=60, deadline=None)
def test_skims_equal_networkx_and_follow_the_trees(n: int, seed: int, dearest: int) -> None:
    roads, cost = random_roads(n, seed, dearest)
    roads.expect(cost)
    nodes = np.arange(n, dtype=np.int32)
    found = roads.skim(nodes)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(n))
    for a, b, c in zip(roads.links.tail, roads.links.head, cost, strict=True):
        graph.add_edge(int(a), int(b), weight=float(c))
    for s in range(n):
        known = nx.single_source_dijkstra_path_length(graph, s)
        assert found[s] == pytest.approx([known.get(t, np.inf) for t in range(n)])
    assert np.array_equal(found, roads.skim(nodes, cost))


@given(st.integers(2, 25), st.integers(0, 10_000), st.sampled_from([3, 60]))
@settings(max_examples=60, deadline=None)
def test_trees_do_not_depend_on_those_before(n: int, seed: int, dearest: int) -> None:
    roads, cost = random_roads(n, seed, dearest)
    roads.expect(cost)
    first = roads.trees.via.copy()
    roads.expect(np.random.default_rng(seed + 1).integers(1, dearest, len(cost)).astype(float))
    roads.expect(cost)
    assert np.array_equal(first, roads.trees.via)
