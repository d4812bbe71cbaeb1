"""The evaluator against published route sets, to the last printed digit, and against a shortest path package."""

import csv
import itertools
import os
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from greentrip_optimizer.route_design.check import faults
from greentrip_optimizer.route_design.evaluate import evaluate, journeys
from greentrip_optimizer.route_design.instance import Rules, read
from greentrip_optimizer.route_design.made import made_up
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[3]
REFERENCE = Path(os.environ.get("GREENTRIP_REFERENCE", ROOT.parent / "shared" / "data")) / "utrp"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference data not at hand (GREENTRIP_REFERENCE)")


@needs_reference
@pytest.mark.parametrize(
    ("name", "fronts", "sets"),
    [("Mandl", "Mandl6", 89), ("Mumford0", "Mumford0", 106), ("Mumford1", "Mumford1", 104)],
)
def test_published_route_sets_are_worth_what_was_published(name: str, fronts: str, sets: int) -> None:
    instance = read(REFERENCE / name)
    with (REFERENCE / f"{fronts}_john2016_fronts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sets
    for row in rows:
        routes = [[int(v) for v in r.split("-")] for r in row["Routes"].strip("*").split("*")]
        worth = evaluate(instance, routes)
        assert round(worth.att, 8) == float(row["f_1_ATT"])
        assert f"{worth.trt:g}" == row["f_2_TRT"]
        assert faults(instance, routes) == []
        assert worth.d0 + worth.d1 + worth.d2 + worth.dun == pytest.approx(100)


def walks(luck: np.random.Generator, instance: object, routes: int, most: int) -> list[list[int]]:
    """Return random simple paths of at least two nodes."""
    out = []
    while len(out) < routes:
        path = [int(luck.integers(instance.nodes))]
        while len(path) < most:
            onward = [int(v) for v in np.flatnonzero(instance.links[path[-1]] >= 0) if v not in path]
            if not onward:
                break
            path.append(int(luck.choice(onward)))
        if len(path) > 1:
            out.append(path)
    return out


def by_package(instance: object, routes: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return minutes and transfers by Dijkstra on a graph of boarding, riding and alighting."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(instance.nodes))
    small = 1e-6  # a boarding: among equally quick journeys the fewest
    for r, route in enumerate(routes):
        for node in route:
            graph.add_edge(node, (r, node), weight=instance.rules.transfer_min + small)
            graph.add_edge((r, node), node, weight=0)
        for a, b in itertools.pairwise(route):
            graph.add_edge((r, a), (r, b), weight=instance.time_min[a, b])
            graph.add_edge((r, b), (r, a), weight=instance.time_min[a, b])
    n = instance.nodes
    minutes, transfers = np.full((n, n), np.inf), np.full((n, n), -1)
    for a in range(n):
        for b, cost in nx.single_source_dijkstra_path_length(graph, a).items():
            if isinstance(b, int):
                if a == b:
                    minutes[a, b], transfers[a, b] = 0, 0
                else:
                    minutes[a, b] = np.floor(cost) - instance.rules.transfer_min
                    transfers[a, b] = round((cost - np.floor(cost)) / small) - 1
    return minutes, transfers


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), nodes=st.integers(3, 9), routes=st.integers(1, 5))
def test_journeys_equal_those_of_a_package(seed: int, nodes: int, routes: int) -> None:
    instance = made_up(nodes, 2 * nodes, Rules(routes, 2, nodes), seed=seed)
    lines = walks(np.random.default_rng(seed), instance, routes, nodes)
    minutes, transfers = journeys(instance, lines)
    expected_minutes, expected_transfers = by_package(instance, lines)
    assert np.array_equal(minutes, expected_minutes)
    assert np.array_equal(transfers, expected_transfers)


def test_trips_without_a_journey_count_as_unserved() -> None:
    instance = made_up(4, 6, Rules(1, 2, 4), seed=1)
    a = int(np.flatnonzero(instance.links[0] >= 0)[0])
    worth = evaluate(instance, [[0, a]])
    assert worth.att == np.inf
    both = instance.demand[0, a] + instance.demand[a, 0]
    assert worth.d0 == pytest.approx(100 * both / instance.demand.sum())
    assert worth.dun == pytest.approx(100 - worth.d0)


def test_every_broken_rule_is_told() -> None:
    instance = made_up(6, 8, Rules(2, 3, 4), seed=2)
    no_link = next((i, j) for i in range(6) for j in range(6) if i != j and instance.links[i, j] < 0)
    told = " ".join(faults(instance, [list(no_link), [0, 9, 0]]) + faults(instance, [[0, 1]]))
    for part in ("has 2 nodes", "no link runs", "twice", "node 9", "1 routes", "no route serves"):
        assert part in told
