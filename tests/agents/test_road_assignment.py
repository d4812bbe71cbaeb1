import copy

import networkx as nx
import numpy as np
import pytest
from greentrip_agents.road_assignment import RoadPeriod
from greentrip_agents.street_access import StreetAccess
from greentrip_networks.compiled import RoadArrays


def streets(links: list[tuple[int, int, float, float]], zone_nodes: list[int]) -> tuple[RoadArrays, StreetAccess]:
    """Make a network of links (from, to, free seconds, capacity an hour) with a zone at some nodes."""
    links = sorted(links)
    n = 1 + max(max(a, b) for a, b, _, _ in links)
    m = len(links)
    tail = np.array([a for a, _, _, _ in links], np.int32)
    yes = np.ones(m, bool)
    roads = RoadArrays(
        tuple(map(str, range(n))), np.zeros(n), np.zeros(n),
        np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=n))]).astype(np.int32), tail,
        np.array([b for _, b, _, _ in links], np.int32), np.full(m, 100.0), np.array([t for _, _, t, _ in links]),
        np.array([c for _, _, _, c in links]), yes, yes, yes, ~yes, ("arterial",) * m,
        np.array(zone_nodes, np.int32), np.zeros(0, np.int32),
    )  # fmt: skip
    zones = len(zone_nodes)
    access = StreetAccess(
        np.arange(zones), np.array(zone_nodes), np.full(zones, 1e-3), np.zeros(zones), np.zeros(zones)
    )
    return roads, access


def solve(
    roads: RoadArrays, access: StreetAccess, demand: np.ndarray, *, rounds: int = 60, alpha: float = 0.15
) -> RoadPeriod:
    period = RoadPeriod(roads, access, 1.0, alpha, 4.0, 0.0, 0.0)
    period.load(demand)
    for _ in range(rounds):
        period.measure()
        period.equilibrate(1e-9)
    period.measure()
    period.skim()
    return period


def test_two_parallel_roads_share_flow_so_that_both_take_as_long() -> None:
    roads, access = streets(
        [(0, 1, 600.0, 1000.0), (0, 2, 300.0, 500.0), (2, 1, 300.0, 500.0), (1, 0, 600.0, 1000.0)], [0, 1]
    )
    period = solve(roads, access, np.array([[0.0, 2000.0], [0.0, 0.0]]))
    flow, seconds = period.on_links(period.flow), period.on_links(period.seconds)
    assert flow[0] + flow[1] == pytest.approx(2000)
    assert seconds[0] == pytest.approx(seconds[1] + seconds[3], rel=1e-6)
    assert period.beyond / period.total < 1e-6


def test_conservation_at_every_node_and_a_small_gap() -> None:
    side = 5
    grid = nx.grid_2d_graph(side, side).to_directed()
    number = {n: i for i, n in enumerate(sorted(grid))}
    links = [(number[a], number[b], 60.0 + 7 * ((number[a] * 5 + number[b]) % 11), 600.0) for a, b in grid.edges]
    zones = [0, 4, 12, 20, 24]
    roads, access = streets(links, zones)
    demand = np.array([[(300.0 * ((i * 3 + j) % 4)) if i != j else 0.0 for j in range(5)] for i in range(5)])
    period = solve(roads, access, demand)
    flow = period.on_links(period.flow)
    out = np.bincount(roads.tail, weights=flow, minlength=25)
    into = np.bincount(roads.head, weights=flow, minlength=25)
    net = np.zeros(25)
    net[zones] = demand.sum(axis=1) - demand.sum(axis=0)
    assert out - into == pytest.approx(net, abs=1e-6)
    assert period.beyond / period.total < 1e-5


def test_half_the_demand_and_back_leaves_the_same_flows() -> None:
    roads, access = streets([(0, 1, 600.0, 1000.0), (0, 2, 300.0, 500.0), (2, 1, 300.0, 500.0)], [0, 1])
    demand = np.array([[0.0, 1500.0], [0.0, 0.0]])
    period = solve(roads, access, demand)
    flow = period.flow.copy()
    period.load(demand / 2)
    assert period.flow == pytest.approx(flow / 2)
    period.load(demand)
    assert period.flow == pytest.approx(flow)


def test_known_routes_and_the_last_trees_carry_a_demand_that_changes_a_little() -> None:
    roads, access = streets(
        [(0, 1, 600.0, 1000.0), (0, 2, 300.0, 500.0), (2, 1, 300.0, 500.0), (1, 0, 600.0, 1000.0)], [0, 1, 2]
    )
    demand = np.array([[0.0, 1500.0, 0.0], [700.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    period = solve(roads, access, demand, rounds=3)
    for _ in range(4):
        demand[2, 1] += 200.0  # also a pair that no path serves at first
        period.load(demand)
        period.settle()
        period.measure()
    assert period.on_links(period.flow)[[0, 3]].sum() == pytest.approx(1500 + 800)
    assert period.beyond / period.total < 5e-4


def test_a_day_goes_on_from_a_saved_state_to_the_same_bytes() -> None:
    roads, access = streets(
        [(0, 1, 600.0, 1000.0), (0, 2, 300.0, 500.0), (2, 1, 300.0, 500.0), (1, 0, 600.0, 1000.0)], [0, 1, 2]
    )
    demand = np.array([[0.0, 1500.0, 0.0], [700.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    first = solve(roads, access, demand, rounds=3)
    second = RoadPeriod(roads, access, 1.0, 0.15, 4.0, 0.0, 0.0)
    second.restore(copy.deepcopy(first.state()))
    for day in range(4):
        for period in (first, second):
            now = demand * (1 + 0.1 * day)
            now[2, 1] = 40.0 * (day % 2)  # a pair that comes and goes
            period.load(now)
            period.settle()
            period.measure()
            period.skim()
        assert first.flow.tobytes() == second.flow.tobytes()
        assert first.skim_s.tobytes() == second.skim_s.tobytes()


def test_skims_reach_every_zone_with_or_without_demand() -> None:
    roads, access = streets([(i, i + 1, 60.0, 900.0) for i in range(3)] + [(3, 0, 60.0, 900.0)], [0, 1, 3])
    period = RoadPeriod(roads, access, 1.0, 0.15, 4.0, 0.0, 0.0)
    period.expect()
    period.skim()
    assert period.skim_s == pytest.approx(np.array([[0, 60, 180], [180, 0, 120], [60, 120, 0.0]]), abs=0.01)
    assert period.skim_m == pytest.approx(np.array([[0, 100, 300], [300, 0, 200], [100, 200, 0.0]]), abs=0.01)


@pytest.mark.parametrize("over_free", [None, 1.3])
def test_first_paths_spread_over_the_streets_that_fill(over_free: float | None) -> None:
    roads, access = streets(
        [(0, 1, 600.0, 1000.0), (0, 2, 300.0, 500.0), (2, 1, 300.0, 500.0), (1, 0, 600.0, 1000.0)], [0, 1]
    )
    demand = np.array([[0.0, 2000.0], [300.0, 0.0]])
    spread, heaped = (RoadPeriod(roads, access, 1.0, 0.15, 4.0, 0.0, 0.0) for _ in range(2))
    spread.expect(None if over_free is None else np.full(4, over_free))
    spread.begin(demand)
    heaped.expect()
    heaped.load(demand)
    for period in (spread, heaped):
        period.measure()
    flow = spread.on_links(spread.flow)
    assert flow[0] + flow[1] == pytest.approx(2000)
    assert flow[1] == pytest.approx(flow[3])
    assert flow[2] == pytest.approx(300)
    assert min(flow[:2]) >= 500  # a part of four at least
    assert spread.beyond < 0.5 * heaped.beyond
    for _ in range(60):
        spread.equilibrate(1e-9)
        spread.measure()
    assert spread.on_links(spread.flow) == pytest.approx(solve(roads, access, demand).flow[:4], rel=1e-4)
