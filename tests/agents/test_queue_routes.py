import networkx as nx
import numpy as np
from greentrip_agents.queue_routes import shortest_routes


def test_routes_are_connected_and_as_cheap_as_networkx_finds_them() -> None:
    r = np.random.default_rng(2)
    nodes, links = 30, 90
    tail = np.sort(r.integers(0, nodes, links)).astype(np.int32)
    head = r.integers(0, nodes, links).astype(np.int32)
    cost = r.uniform(1, 9, links)
    first_out = np.searchsorted(tail, np.arange(nodes + 1)).astype(np.int32)
    start = np.array([3, 7, 11], np.int32)
    origin, destination = np.repeat(np.arange(3), nodes), np.tile(np.arange(nodes), 3)
    first, link = shortest_routes(first_out, tail, head, cost, start, origin, destination)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(nodes))
    graph.add_weighted_edges_from(zip(tail.tolist(), head.tolist(), cost.tolist(), strict=True))
    unconnected = 0
    for p, (o, d) in enumerate(zip(origin, destination, strict=True)):
        route = link[first[p] : first[p + 1]]
        costs = nx.single_source_dijkstra_path_length(graph, int(start[o]))
        if d not in costs or d == start[o]:
            unconnected += d not in costs
            assert len(route) == 0
            continue
        assert tail[route[0]] == start[o]
        assert head[route[-1]] == d
        assert (head[route[:-1]] == tail[route[1:]]).all()
        assert abs(cost[route].sum() - costs[d]) < 1e-9
    assert unconnected > 0
