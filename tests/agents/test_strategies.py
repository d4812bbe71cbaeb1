"""Oracles: the published example, formulas by hand, a plain Python solver, the linear programme, and AequilibraE."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from greentrip_agents.crowded_strategies import CrowdedTransit
from greentrip_agents.parameters import default_parameters
from greentrip_agents.strategies import RANDOM_ARRIVALS, StrategyGraph, frequency_per_min
from greentrip_agents.transit_graph import AccessLinks, TransitLinks, alpha_of, transit_links, zone_walks
from greentrip_networks.errors import ScenarioError, TableError
from greentrip_networks.network import Network
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

INF = np.inf
Link = tuple[int, int, float, float]  # tail, head, cost, frequency


def graph(nodes: int, links: list[Link], alpha: float = RANDOM_ARRIVALS) -> StrategyGraph:
    columns = list(zip(*links, strict=True)) if links else [(), (), (), ()]
    return StrategyGraph(nodes, *columns, alpha=alpha)


# Spiess and Florian's network: stops A, X, Y, B and nodes aboard; lines with mean waits of 6, 6, 15 and 3 minutes.
# Line 1 A-B 25 min; line 2 A-X 7, X-Y 6; line 3 X-Y 4, Y-B 4; line 4 Y-B 10.
A, X, Y, B, A1, A2, X2, X3, Y3, Y4 = range(10)
FOUR_LINES: list[Link] = [
    (A, A1, 0, 1 / 6), (A1, B, 25, INF), (A, A2, 0, 1 / 6), (A2, X2, 7, INF), (X2, X, 0, INF), (X, X2, 0, 1 / 6),
    (X2, Y, 6, INF), (X, X3, 0, 1 / 15), (X3, Y3, 4, INF), (Y3, Y, 0, INF), (Y, Y3, 0, 1 / 15), (Y3, B, 4, INF),
    (Y, Y4, 0, 1 / 3), (Y4, B, 10, INF),
]  # fmt: skip


def test_the_published_four_lines() -> None:
    g = graph(10, FOUR_LINES)
    cost = g.solve([B]).cost[0]
    assert cost[A] == pytest.approx(27.75, abs=1e-12)
    assert cost[Y] == pytest.approx((1 + 4 / 15 + 10 / 3) / (1 / 15 + 1 / 3), abs=1e-12)
    assert cost[Y] == pytest.approx(11.5, abs=1e-12)
    flow = dict(zip([(a, b) for a, b, _, _ in FOUR_LINES], g.assign([A], [B], [[1.0]]).flow, strict=True))
    assert flow[A, A1] == pytest.approx(0.5)
    assert flow[A2, X2] == pytest.approx(0.5)
    assert flow[X2, X] == 0.0  # who is on line 2 stays aboard at X
    assert flow[Y, Y3] == pytest.approx(1 / 12)
    assert flow[Y, Y4] == pytest.approx(5 / 12)


def test_two_common_lines_by_hand() -> None:
    # headways 10 and 5 min, riding 20 and 24: both are taken; at 12 and 40 the slow one is not
    g = graph(4, [(0, 1, 0, 0.1), (0, 2, 0, 0.2), (1, 3, 20, INF), (2, 3, 24, INF)])
    done = g.solve([3])
    assert done.cost[0, 0] == pytest.approx((1 + 0.1 * 20 + 0.2 * 24) / 0.3)
    assert done.share[0] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    slow = graph(4, [(0, 1, 0, 0.1), (0, 2, 0, 0.2), (1, 3, 12, INF), (2, 3, 40, INF)]).solve([3])
    assert slow.cost[0, 0] == pytest.approx(10 + 12)
    assert slow.share[0] == pytest.approx([1, 0, 1, 1])


def test_walking_competes_with_waiting() -> None:
    links = [(0, 1, 0, 0.1), (1, 2, 5, INF), (0, 2, 14, INF)]
    done = graph(3, links).solve([2])
    assert done.cost[0, 0] == 14.0  # not 15 by the line
    assert done.share[0].tolist() == [0, 1, 1]
    done = graph(3, links, alpha=0.5).solve([2])
    assert done.cost[0, 0] == 10.0  # half a headway and the ride
    assert done.share[0].tolist() == [1, 1, 0]


@st.composite
def networks(draw: st.DrawFn, least: float = 0.0) -> tuple[int, list[Link]]:
    nodes = draw(st.integers(2, 9))
    link = st.tuples(
        st.integers(0, nodes - 1), st.integers(0, nodes - 1),
        st.integers(0, 20).map(lambda k: max(k / 2, least)),
        st.sampled_from([INF, 1.0, 0.5, 0.2, 0.1, 0.05, 0.03]),
    )  # fmt: skip
    return nodes, draw(st.lists(link, max_size=40))


def plain(nodes: int, links: list[Link], to: int, alpha: float) -> list[float]:
    """The recursion of the definition, as many rounds as nodes: the k nearest are right after k rounds."""
    cost = [INF] * nodes
    cost[to] = 0.0
    for _ in range(nodes):
        for i in range(nodes):
            ways = sorted((c + cost[b], f) for a, b, c, f in links if a == i and c + cost[b] < INF)
            best = cost[i]
            spent, total = alpha, 0.0
            for key, f in ways:
                if f == INF:
                    best = min(best, key)
                    continue
                spent, total = spent + f * key, total + f
                best = min(best, spent / total)
            cost[i] = best
    return cost


@given(networks(), st.sampled_from([1.0, 0.5, 0.0]))
@settings(max_examples=300, deadline=None)
def test_costs_equal_the_plain_recursion(network: tuple[int, list[Link]], alpha: float) -> None:
    nodes, links = network
    got = graph(nodes, links, alpha).solve(range(nodes)).cost
    for to in range(nodes):
        assert got[to] == pytest.approx(plain(nodes, links, to, alpha), abs=1e-9, rel=1e-12)


@given(networks(), st.sampled_from([1.0, 0.5]))
@settings(max_examples=60, deadline=None)
def test_costs_equal_the_linear_programme(network: tuple[int, list[Link]], alpha: float) -> None:
    nodes, links = network
    got = graph(nodes, links, alpha).solve([0]).cost[0]
    wait = {k: len(links) + n for n, k in enumerate(k for k, link in enumerate(links) if link[3] < INF)}
    for start in range(1, nodes):
        if got[start] == INF:
            continue
        tails = sorted({links[k][0] for k in wait})
        column = {i: len(links) + n for n, i in enumerate(tails)}
        size = len(links) + len(tails)
        objective = np.array([c for _, _, c, _ in links] + [alpha] * len(tails))
        balance, right = np.zeros((nodes, size)), np.zeros(nodes)
        for k, (a, b, _, _) in enumerate(links):
            balance[a, k] += 1
            balance[b, k] -= 1
        right[start], right[0] = 1, -1
        rows = np.zeros((len(wait), size))
        for row, k in enumerate(wait):
            rows[row, k], rows[row, column[links[k][0]]] = 1, -links[k][3]
        done = linprog(
            objective, rows if len(rows) else None, np.zeros(len(rows)) if len(rows) else None, balance, right
        )
        assert done.status == 0
        assert got[start] == pytest.approx(done.fun, abs=1e-7)


@given(networks(), st.data())
@settings(max_examples=200, deadline=None)
def test_riders_are_conserved_at_every_node_and_spend_what_it_costs(
    network: tuple[int, list[Link]], data: st.DataObject
) -> None:
    nodes, links = network
    demand = np.array(
        data.draw(
            st.lists(st.lists(st.integers(0, 9), min_size=nodes, max_size=nodes), min_size=nodes, max_size=nodes)
        ),
        float,
    )
    g = graph(nodes, links)
    every = np.arange(nodes)
    column = [c for _, _, c, _ in links]
    done = g.assign(every, every, demand, [column], [1.0], watched=np.arange(len(links)))
    served = np.where(np.isfinite(done.cost), demand, 0)
    assert done.unserved == demand.sum() - served.sum()
    for to in range(nodes):
        flow = done.watched[to]
        out = np.bincount(g.tail, weights=flow, minlength=nodes)
        into = np.bincount(g.head, weights=flow, minlength=nodes)
        sent = served[:, to].copy()
        sent[to] = 0
        net = out - into - sent
        net[to] += sent.sum()
        assert net == pytest.approx(np.zeros(nodes), abs=1e-9)
    assert done.watched.sum(axis=0) == pytest.approx(done.flow, abs=1e-9)
    ok = np.isfinite(done.cost)
    assert done.sums[0][ok] == pytest.approx(done.cost[ok], abs=1e-9)  # riding plus 1 / f at each wait is the cost
    share = g.solve(every).share
    for to in range(nodes):
        leaves = np.bincount(g.tail, weights=share[to], minlength=nodes)
        reaches = ok[:, to] & (every != to)
        assert leaves[reaches] == pytest.approx(np.ones(reaches.sum()))


@given(networks(), st.integers(0, 39), st.sampled_from([0.9, 0.5, 0.1]))
@settings(max_examples=200, deadline=None)
def test_no_cost_falls_when_a_frequency_falls(network: tuple[int, list[Link]], at: int, by: float) -> None:
    nodes, links = network
    fewer = [(a, b, c, f * by if k == at % len(links) and f < INF else f) for k, (a, b, c, f) in enumerate(links)]
    before, after = (graph(nodes, x).solve(range(nodes)).cost for x in (links, fewer))
    assert (after >= before * (1 - 1e-12) - 1e-12).all()


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_one_line_is_the_shortest_path_and_the_named_part_of_a_headway(alpha: float) -> None:
    # stops 0-3 and, aboard one line of headway 8 min, 4-7; riding 3, 5, 2
    ride = [(4 + k, 5 + k, t, INF) for k, t in enumerate((3.0, 5.0, 2.0))]
    board, alight = [(k, 4 + k, 0.0, 1 / 8) for k in range(3)], [(4 + k, k, 0.0, INF) for k in range(1, 4)]
    cost = graph(8, [*ride, *board, *alight], alpha).solve([3]).cost[0]
    assert cost[:4] == pytest.approx([10 + alpha * 8, 7 + alpha * 8, 2 + alpha * 8, 0])


def test_costs_and_flows_equal_aequilibrae() -> None:
    pytest.importorskip("aequilibrae")
    import pandas as pd
    from aequilibrae.paths.cython.public_transport import HyperpathGenerating

    rng = np.random.default_rng(5)
    for nodes, links in ((30, 120), (200, 1500), (500, 1200)):
        tail, head = rng.integers(0, nodes, (2, links))
        cost = rng.random(links) * 10 + 0.01
        frequency = np.where(rng.random(links) < 0.5, np.inf, rng.random(links) + 0.02)
        peer = HyperpathGenerating(
            pd.DataFrame({"tail": tail, "head": head, "trav_time": cost, "freq": frequency}),
            nodes_to_indices=np.arange(nodes), o_vert_ids=np.arange(nodes), d_vert_ids=np.arange(nodes),
        )  # fmt: skip
        g = StrategyGraph(nodes, tail, head, cost, frequency, alpha=1.0)
        for to in (0, 7, 29):
            peer.run(int(tail[0]), to, 1.0)
            ours = g.solve([to]).cost[0]
            theirs = np.where(peer.u_i_vec > 1e300, np.inf, peer.u_i_vec)
            assert ours == pytest.approx(theirs, abs=1e-9)
            assert g.assign([tail[0]], [to], [[1.0]]).flow == pytest.approx(peer._edges["volume"].to_numpy(), abs=1e-9)


_THREADS = """
import hashlib, json, sys
import numpy as np
from greentrip_agents.crowded_strategies import CrowdedTransit
from greentrip_agents.strategies import StrategyGraph
from greentrip_agents.transit_graph import TransitLinks
rng = np.random.default_rng(3)
n, m = 400, 2400
g = StrategyGraph(n, rng.integers(0, n, m), rng.integers(0, n, m), rng.random(m) * 9,
                  np.where(rng.random(m) < .5, np.inf, rng.random(m) + .01), alpha=.5)
every = np.arange(n)
a = g.assign(every, every, rng.random((n, n)), [g.cost], [.5], watched=every)
s = g.solve(every)
zero = np.zeros(m)
links = TransitLinks(n, g.tail, g.head, zero, g.cost, g.frequency, np.arange(m), rng.random(m) * 900, zero, zero, zero)
c = CrowdedTransit(links, alpha=.5, weight=.25).solve(every, every, rng.random((n, n)), gap=0, rounds=8)
arrays = (a.cost, a.sums, a.flow, a.watched, s.cost, s.share, s.order, c.flow, np.array(c.gaps))
print(json.dumps(hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in arrays)).hexdigest()))
"""


def test_the_same_bytes_at_one_two_and_four_threads() -> None:
    def digest(threads: int) -> str:
        env = os.environ | {"NUMBA_NUM_THREADS": str(threads)}
        done = subprocess.run([sys.executable, "-c", _THREADS], env=env, capture_output=True, text=True, check=True)
        return str(json.loads(done.stdout))

    assert len({digest(1), digest(2), digest(4)}) == 1


@pytest.mark.parametrize(
    ("links", "column", "row"),
    [
        ([(0, 1, 1.0, INF), (0, 1, -1.0, INF)], "cost", 1),
        ([(0, 1, float("nan"), INF)], "cost", 0),
        ([(0, 1, 1.0, 0.0)], "frequency", 0),
        ([(0, 1, 1.0, -0.1)], "frequency", 0),
        ([(0, 2, 1.0, INF)], "head", 0),
        ([(-1, 1, 1.0, INF)], "tail", 0),
    ],
)
def test_bad_links_are_named(links: list[Link], column: str, row: int) -> None:
    with pytest.raises(TableError) as seen:
        graph(2, links)
    assert (seen.value.column, seen.value.row) == (column, row)


def test_other_bad_input_is_named() -> None:
    with pytest.raises(TableError, match=r"headway_s: saw 0\.0"):
        frequency_per_min([300.0, 0.0])
    with pytest.raises(TableError, match="headway_s: saw inf"):
        frequency_per_min([np.inf])
    assert frequency_per_min([300.0]).tolist() == [0.2]
    g = graph(3, [(0, 1, 1.0, INF)])
    with pytest.raises(TableError, match="destination: saw 3"):
        g.solve([3])
    with pytest.raises(TableError, match=r"row 0, column 1: saw -1\.0"):
        g.assign([0], [1, 2], [[1.0, -1.0]])
    with pytest.raises(TableError, match=r"shape \(1, 2\)"):
        g.assign([0], [1, 2], [[1.0]])
    with pytest.raises(ScenarioError, match="alpha"):
        graph(2, [], alpha=-1.0)


def test_a_place_with_no_way_is_counted_and_named() -> None:
    done = graph(3, [(0, 1, 1.0, INF)]).assign([0], [1, 2], [[990.0, 10.0]])
    assert done.unserved == 10.0
    assert done.cost.tolist() == [[1.0, INF]]
    with pytest.raises(ScenarioError, match=r"10 of 1000 persons have no way on 1 pairs \(nodes 0 to 2\)"):
        done.require_served()
    done.require_served(0.01)


# Capacity: lines as (from stop, to stop, minutes, frequency a minute, persons the period's vehicles carry)
Line = tuple[int, int, float, float, float]


def crowded(stops: int, lines: list[Line], walks: list[tuple[int, int, float]] = ()) -> CrowdedTransit:  # type: ignore[assignment]
    on, foot = len(lines), len(walks)
    links = TransitLinks(
        stops, np.array([x[0] for x in (*lines, *walks)]), np.array([x[1] for x in (*lines, *walks)]),
        np.array([0.0] * on + [x[2] for x in walks]), np.array([x[2] for x in lines] + [0.0] * foot),
        np.array([x[3] for x in lines] + [INF] * foot), np.array([*range(on), *[-1] * foot]),
        np.array([x[4] for x in lines]), np.array([x[2] for x in (*lines, *walks)]), np.zeros(on + foot),
        np.array([1.0] * on + [0.0] * foot),
    )  # fmt: skip
    return CrowdedTransit(links, alpha=1.0, weight=0.25)


def test_one_line_over_its_capacity_by_hand() -> None:
    # 300 riders for 200 places: x = 1.5, riding x (1 + 0.25 (2 x 1.5 - 1)), waiting x 1.5, 100 left behind
    done = crowded(2, [(0, 1, 10.0, 0.1, 200.0)]).solve([0], [1], [[300.0]])
    assert done.cost[0, 0] == pytest.approx(10 * 1.5 + 10 * 1.5)
    assert done.gap == pytest.approx(0, abs=1e-12)
    assert done.left_behind == pytest.approx(100.0)


def test_full_vehicles_push_riders_to_walking_until_both_cost_the_same() -> None:
    done = crowded(2, [(0, 1, 10.0, 0.1, 200.0)], [(0, 1, 28.0)]).solve([0], [1], [[900.0]], gap=1e-5, rounds=3000)
    assert done.gap <= 1e-5
    x = done.load[0] / 200
    assert 10 * (1 + 0.25 * (2 * x - 1)) + 10 * x == pytest.approx(28, rel=1e-3)
    assert done.cost[0, 0] == pytest.approx(28, rel=1e-3)
    assert done.flow[0] + done.flow[-1] == pytest.approx(900)


@given(
    st.lists(
        st.tuples(st.integers(2, 30), st.sampled_from([0.05, 0.1, 0.3]), st.integers(50, 400)), min_size=1, max_size=4
    ),
    st.integers(10, 900),
)
@settings(max_examples=30, deadline=None)
def test_between_two_stops_the_gap_closes_and_no_cost_falls_when_capacity_falls(
    lines: list[tuple[int, float, int]], riders: int
) -> None:
    costs = []
    for by in (1.0, 0.6):
        made: list[Line] = [
            (0, 1, float(t), f, places * (by if k == 0 else 1.0)) for k, (t, f, places) in enumerate(lines)
        ]
        done = crowded(2, made).solve([0], [1], [[float(riders)]], gap=1e-4, rounds=4000)
        assert done.gap <= 1e-4
        assert done.flow.sum() == pytest.approx(riders)
        costs.append(done.cost[0, 0])
    assert costs[1] >= costs[0] * (1 - 2e-3)


def test_the_known_exception_fewer_feeders_relieve_those_who_board_later() -> None:
    # From 0 to 2 by a feeder over stop 1 or directly; those who start at 1 meet the feeder's riders. When the feeder
    # comes less often, they travel better: an equilibrium need not be monotone for each traveller.
    def cost_from_1(feeder: float) -> float:
        lines: list[Line] = [(0, 1, 5.0, feeder, 900.0), (1, 2, 10.0, 0.2, 200.0), (0, 2, 22.0, 0.2, 900.0)]
        done = crowded(3, lines).solve([0, 1], [2], [[400.0], [100.0]], gap=1e-4, rounds=4000)
        assert done.gap <= 1e-4
        return float(done.cost[1, 0])

    assert cost_from_1(0.05) < cost_from_1(0.5) - 0.1


def test_the_second_solution_starts_from_the_first() -> None:
    transit = crowded(2, [(0, 1, 10.0, 0.1, 200.0)], [(0, 1, 28.0)])
    first = transit.solve([0], [1], [[900.0]], gap=1e-3, rounds=3000)
    again = transit.solve([0], [1], [[900.0]], gap=1e-3, rounds=3000)
    assert again.gap <= 1e-3
    assert len(again.gaps) <= len(first.gaps)


def test_the_tiny_city_is_one_system(city: Network) -> None:
    p = default_parameters()
    walks = zone_walks(city, p, city.zones.x_m, city.zones.y_m)
    links = transit_links(city, 0, 2.0, p, walks, walks)
    zones = len(city.zones)
    g = StrategyGraph(links.nodes, links.tail, links.head, links.fixed + links.ride, links.frequency, alpha=alpha_of(p))
    demand = np.ones((zones, zones)) - np.eye(zones)
    done = g.assign(links.origin, links.destination, demand, [links.minutes, links.boards, links.km], [0.5])
    pairs = ~np.eye(zones, dtype=bool) & np.isfinite(done.cost)
    assert pairs.sum() > 0.9 * zones * (zones - 1)
    minutes, boards, km = done.sums
    assert (minutes[pairs] <= done.cost[pairs]).all()
    assert (boards[pairs] >= 1 - 1e-9).all()
    assert (km[pairs] > 0).all()
    # rail and bus are both ridden, and some riders change from one to the other
    on_bus = (links.section >= 0) & (links.section < links.calls.stop)
    on_rail = links.section >= links.calls.stop
    assert done.flow[on_bus].sum() > 0
    assert done.flow[on_rail].sum() > 0
    bus_only, rail_only = ([w for w in walks if w.rail == rail] for rail in (False, True))
    mixed = transit_links(city, 0, 2.0, p, bus_only, rail_only)
    g = StrategyGraph(mixed.nodes, mixed.tail, mixed.head, mixed.fixed + mixed.ride, mixed.frequency, alpha=alpha_of(p))
    changed = g.skim(mixed.origin, mixed.destination, [mixed.boards])
    assert np.isfinite(changed.cost[~np.eye(zones, dtype=bool)]).any()


def test_fares_and_access_by_feeder_raise_what_they_should(city: Network) -> None:
    p = default_parameters()
    walks = zone_walks(city, p, city.zones.x_m, city.zones.y_m)

    def cost(**fares: float) -> np.ndarray:
        links = transit_links(city, 0, 2.0, p, walks, walks, **fares)
        g = StrategyGraph(
            links.nodes, links.tail, links.head, links.fixed + links.ride, links.frequency, alpha=alpha_of(p)
        )
        return np.asarray(g.skim(links.origin, links.destination).cost)

    free, flat, by_km = cost(), cost(boarding_cny=2.0, cny_min=0.5), cost(cny_km=0.4, cny_min=0.5)
    ok = np.isfinite(free) & ~np.eye(len(free), dtype=bool)
    assert (flat[ok] >= free[ok] + 4 - 1e-9).all()
    assert (by_km[ok] > free[ok]).all()
    feeder = AccessLinks(np.array([0]), np.array([0]), np.array([3.0]), np.array([3.0]), True, np.array([0.0]))
    with pytest.raises(TableError, match=r"headway_s: saw 0\.0"):
        transit_links(city, 0, 2.0, p, [feeder], walks)
    far = AccessLinks(np.array([0]), np.array([10**6]), np.array([3.0]), np.array([3.0]))
    with pytest.raises(TableError, match="column stop"):
        transit_links(city, 0, 2.0, p, [far], walks)
