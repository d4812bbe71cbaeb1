"""Road equilibrium: published flows, cases worked by hand, other solvers' answers, and what must hold of any answer."""

import os
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from greentrip_agents.equilibrium import RoadEquilibrium
from greentrip_agents.equilibrium_delay import Delays, bpr, conical, integrals, mixed, price_all, table
from greentrip_agents.equilibrium_problem import Assignment, Links, VehicleClass, of_tntp
from greentrip_networks.errors import ScenarioError
from greentrip_networks.tntp import read_flows, read_network, read_trips
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize

ROOT = Path(__file__).parents[2]
REFERENCE = Path(os.environ.get("GREENTRIP_REFERENCE", ROOT.parent / "shared" / "data")) / "tntp"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference data not at hand (GREENTRIP_REFERENCE)")


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def cars(*trips: tuple[int, int, float], **options: object) -> VehicleClass:
    return VehicleClass(
        ints(*(o for o, _, _ in trips)),
        ints(*(d for _, d, _ in trips)),
        np.array([v for _, _, v in trips], float),
        **options,
    )


def random_roads(seed: int, nodes: int = 9, extra: int = 14) -> tuple[Links, list[VehicleClass]]:
    """Make a full ring of streets with chords, some parallel; cars, and lorries that pay and fill more."""
    draw = np.random.default_rng(seed)
    tail = np.concatenate([np.arange(nodes), draw.integers(0, nodes, extra)]).astype(np.int32)
    head = np.concatenate([np.roll(np.arange(nodes), -1), draw.integers(0, nodes, extra)]).astype(np.int32)
    power = draw.choice([0.0, 1.0, 2.5, 4.0], len(tail), p=[0.1, 0.2, 0.2, 0.5])
    delays = bpr(draw.uniform(1, 9, len(tail)), draw.uniform(20, 60, len(tail)), draw.uniform(0.1, 1, len(tail)), power)

    def trips(most: float) -> list[tuple[int, int, float]]:
        return [(int(o), int(d), float(draw.uniform(1, most))) for o, d in draw.integers(0, nodes, (20, 2))]

    return Links(nodes, tail, head, delays), [
        cars(*trips(160)),
        cars(*trips(30), car_equivalents=2.5, extra=draw.uniform(0, 3, len(tail)), name="lorry"),
    ]


def independent_gap(links: Links, classes: list[VehicleClass], done: Assignment) -> float:
    """Return the relative gap by networkx, from the definition and the formula of each link's delay."""
    d, volume = links.delays, done.volume
    time = d.free + np.where(d.scale > 0, d.scale * (volume * d.unit) ** d.shape, 0.0)
    total = best = 0.0
    for flow, c in zip(done.flow, classes, strict=True):
        cost = time + (0.0 if c.extra is None else c.extra)
        graph = nx.MultiDiGraph()
        graph.add_nodes_from(range(links.nodes))
        graph.add_edges_from(
            (int(a), int(b), {"cost": x}) for a, b, x in zip(links.tail, links.head, cost, strict=True)
        )
        total += float(flow @ cost)
        for o, t, v in zip(c.origin.tolist(), c.destination.tolist(), c.vehicles.tolist(), strict=True):
            best += v * nx.dijkstra_path_length(graph, o, t, "cost")
    return (total - best) / total


@needs_reference
@pytest.mark.parametrize(
    ("name", "weights"),
    [("SiouxFalls", (0.0, 0.0)), ("Anaheim", (0.0, 0.0)), ("Winnipeg", (0.0, 0.0)), ("Chicago-Sketch", (0.02, 0.04))],
)
def test_published_flows_are_met(name: str, weights: tuple[float, float]) -> None:
    stem = REFERENCE / name / name.replace("-", "")
    network = read_network(f"{stem}_net.tntp")
    links, vehicles = of_tntp(
        network, read_trips(f"{stem}_trips.tntp", network.zones), toll_weight=weights[0], distance_weight=weights[1]
    )
    done = RoadEquilibrium(links, [vehicles]).solve(1e-10, flow_change=1e-3)
    assert done.reached
    best = read_flows(f"{stem}_flow.tntp").on(network)
    objective = np.sum(integrals(best[:], links.delays) + vehicles.extra * best)
    assert done.objective == pytest.approx(objective, rel=1e-9)
    increasing = (network.b > 0) & (network.power > 0) & (network.free_flow_time > 0)
    assert np.abs(done.volume - best)[increasing].max() < 0.01


def braess() -> tuple[Links, VehicleClass]:
    """Return Braess' four nodes: 10 v, 50 + v, 50 + v, 10 + v (the link in question), 10 v; six cars from 0 to 1."""
    free = np.array([1e-8, 50.0, 50.0, 10.0, 1e-8])
    links = Links(
        4, ints(0, 0, 2, 2, 3), ints(2, 3, 1, 3, 1), bpr(free, 1.0, np.array([1e9, 0.02, 0.02, 0.1, 1e9]), 1.0)
    )
    return links, cars((0, 1, 6.0))


def test_braess_paradox_comes_and_goes_with_the_link() -> None:
    links, six = braess()
    roads = RoadEquilibrium(links, [six])
    done = roads.solve(1e-13)
    np.testing.assert_allclose(done.volume, [4, 2, 2, 2, 4], atol=1e-6)
    np.testing.assert_allclose(roads.path_flows().cost, [92, 92, 92], atol=1e-6)
    without = VehicleClass(six.origin, six.destination, six.vehicles, closed=np.arange(5) == 3)
    roads.change(classes=[without])
    done = roads.solve(1e-13)
    np.testing.assert_allclose(done.volume, [3, 3, 3, 0, 3], atol=1e-6)
    np.testing.assert_allclose(roads.path_flows().cost, [83, 83], atol=1e-6)
    roads.change(classes=[six])
    np.testing.assert_allclose(roads.solve(1e-13).volume, [4, 2, 2, 2, 4], atol=1e-6)


def test_tolls_and_vehicle_equivalents_against_a_case_worked_by_hand() -> None:
    # 10 + 0.1 v with a toll, 15 + 0.15 v without. Commuters feel it as 1, lorries (2 equivalents) as 4; 100 of each.
    # Commuters all pay; y lorries pay where 10 + 0.1 (100 + 2 y) + 4 = 15 + 0.15 * 2 (100 - y), so y = 42.
    links = Links(2, ints(0, 0), ints(1, 1), bpr(np.array([10.0, 15.0]), 100.0, 1.0, 1.0))
    commuters = cars((0, 1, 100.0), extra=np.array([1.0, 0.0]))
    lorries = cars((0, 1, 100.0), extra=np.array([4.0, 0.0]), car_equivalents=2.0)
    roads = RoadEquilibrium(links, [commuters, lorries])
    done = roads.solve(1e-13)
    np.testing.assert_allclose(done.flow, [[100, 0], [42, 58]], atol=1e-6)
    np.testing.assert_allclose(done.volume, [184, 116], atol=1e-6)
    np.testing.assert_allclose(done.time, [28.4, 32.4], atol=1e-6)
    assert done.total_cost == pytest.approx(100 * 29.4 + 42 * 32.4 + 58 * 32.4)
    expected = 10 * 184 + 0.05 * 184**2 + 15 * 116 + 0.075 * 116**2 + 100 * 1 + 2 * 42 * 4
    assert done.objective == pytest.approx(expected, rel=1e-12)


def test_power_zero_parallel_links_and_loops() -> None:
    # Constant 12 beside 10 (1 + (v / 100)): 20 cars take the second, where it costs 12; the loop stays empty.
    links = Links(
        2,
        ints(0, 0, 0, 1),
        ints(1, 1, 0, 1),
        bpr(np.array([8.0, 10.0, 0.0, 1.0]), 100.0, np.array([0.5, 1, 1, 1]), ints(0, 1, 4, 4)),
    )
    done = RoadEquilibrium(links, [cars((0, 1, 50.0))]).solve(1e-13)
    np.testing.assert_allclose(done.volume, [30, 20, 0, 0], atol=1e-6)
    np.testing.assert_allclose(done.time, [12, 12, 0, 1], atol=1e-6)


def test_zone_centres_are_not_passed() -> None:
    # The way through node 1 is far shorter, but node 1 is a zone's centre; its own trips may start and end there.
    links = Links(4, ints(0, 1, 0, 3), ints(1, 2, 3, 2), bpr(np.array([1.0, 1.0, 9.0, 9.0]), 100.0), np.arange(4) == 1)
    done = RoadEquilibrium(links, [cars((0, 2, 5.0), (0, 1, 3.0), (1, 2, 2.0))]).solve(1e-12)
    np.testing.assert_allclose(done.volume, [3, 2, 5, 5])


def test_traffic_already_there_counts_for_delay_and_not_for_the_gap() -> None:
    links = Links(2, ints(0, 0), ints(1, 1), bpr(10.0, np.full(2, 100.0), 1.0, 1.0), preload=np.array([40.0, 0.0]))
    done = RoadEquilibrium(links, [cars((0, 1, 60.0))]).solve(1e-13)
    np.testing.assert_allclose(done.volume, [50, 50], atol=1e-6)
    np.testing.assert_allclose(done.flow, [[10, 50]], atol=1e-6)
    assert done.total_cost == pytest.approx(60 * 15)


def test_demand_that_no_path_serves_is_counted_and_the_rest_is_right() -> None:
    links = Links(4, ints(0, 1, 2), ints(1, 0, 3), bpr(np.ones(3), np.array([10.0, 10.0, 0.0])))
    done = RoadEquilibrium(links, [cars((0, 1, 5.0), (0, 3, 2.0), (1, 1, 4.0), (2, 3, 1.0))]).solve(1e-9)
    assert done.unserved.code == "unreachable-demand"
    assert done.unserved.total == 3.0  # over no link, and over one of capacity 0, which is closed
    np.testing.assert_array_equal(done.unserved.origin, [0, 2])
    np.testing.assert_array_equal(done.unserved.destination, [3, 3])
    assert done.within == 4.0
    np.testing.assert_array_equal(done.volume, [5, 0, 0])
    assert done.reached


def test_no_demand_is_an_answer_too() -> None:
    links, _ = braess()
    done = RoadEquilibrium(links, [cars()]).solve()
    assert (done.gap, done.total_cost, done.objective) == (0, 0, 0)
    np.testing.assert_array_equal(done.volume, np.zeros(5))


@pytest.mark.parametrize("seed", range(4))
def test_the_gap_is_what_another_program_finds(seed: int) -> None:
    links, classes = random_roads(seed)
    loose = RoadEquilibrium(links, classes).solve(1e-3, rounds=2)
    assert independent_gap(links, classes, loose) == pytest.approx(loose.gap, abs=1e-12)
    tight = RoadEquilibrium(links, classes).solve(1e-11)
    assert abs(independent_gap(links, classes, tight)) < 1.1e-11


@pytest.mark.parametrize("seed", range(4))
def test_the_objective_is_what_a_general_optimiser_finds(seed: int) -> None:
    links, (vehicles, _) = random_roads(seed, nodes=6, extra=6)
    graph = nx.MultiDiGraph()
    graph.add_edges_from((int(a), int(b), i) for i, (a, b) in enumerate(zip(links.tail, links.head, strict=True)))
    merged: dict[tuple[int, int], float] = {}
    for o, d, v in zip(
        vehicles.origin.tolist(), vehicles.destination.tolist(), vehicles.vehicles.tolist(), strict=True
    ):
        if o != d:
            merged[o, d] = merged.get((o, d), 0.0) + v
    paths = [[[e[2] for e in p] for p in nx.all_simple_edge_paths(graph, o, d)] for o, d in merged]
    use = np.zeros((len(links.tail), sum(map(len, paths))))
    pair = np.repeat(np.arange(len(paths)), [len(p) for p in paths])
    for k, path in enumerate(p for ps in paths for p in ps):
        use[path, k] = 1.0
    demand = np.array(list(merged.values()))
    time, slope = np.empty(len(links.tail)), np.empty(len(links.tail))

    def beckmann(flow: np.ndarray) -> tuple[float, np.ndarray]:
        volume = np.maximum(use @ flow, 0.0)
        price_all(volume, links.delays, time, slope)
        return float(integrals(volume, links.delays).sum()) / 1e3, use.T @ time / 1e3

    each = (np.arange(len(demand))[:, None] == pair).astype(float)
    found = minimize(
        beckmann, demand[pair] / each.sum(1)[pair], jac=True, method="SLSQP", bounds=[(0, None)] * len(pair),
        constraints={"type": "eq", "fun": lambda f: each @ f - demand, "jac": lambda _: each},
        options={"maxiter": 500, "ftol": 1e-13},
    )  # fmt: skip
    done = RoadEquilibrium(links, [vehicles]).solve(1e-12)
    assert done.objective == pytest.approx(found.fun * 1e3, rel=1e-6)
    assert done.objective <= found.fun * 1e3 * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_paths_add_up_to_demand_and_links_and_none_is_dearer_than_another(seed: int) -> None:
    links, classes = random_roads(seed)
    roads = RoadEquilibrium(links, classes)
    done = roads.solve(1e-13)
    paths = roads.path_flows()
    assert len(paths.flow) > len(set(zip(paths.vehicle, paths.origin, paths.destination, strict=True)))
    flow = np.zeros_like(done.flow)
    best: dict[tuple[int, int, int], float] = {}
    sums: dict[tuple[int, int, int], float] = {}
    for k in range(len(paths.flow)):
        row = paths.link[paths.first[k] : paths.first[k + 1]]
        assert links.tail[row[0]] == paths.origin[k]
        assert links.head[row[-1]] == paths.destination[k]
        np.testing.assert_array_equal(links.head[row[:-1]], links.tail[row[1:]])
        vehicle = int(paths.vehicle[k])
        np.add.at(flow[vehicle], row, paths.flow[k])
        extra = classes[vehicle].extra
        assert paths.cost[k] == pytest.approx(done.time[row].sum() + (0 if extra is None else extra[row].sum()))
        key = (vehicle, int(paths.origin[k]), int(paths.destination[k]))
        sums[key] = sums.get(key, 0.0) + paths.flow[k]
        assert paths.cost[k] == pytest.approx(best.setdefault(key, paths.cost[k]), rel=1e-4)
    np.testing.assert_allclose(flow, done.flow, atol=1e-9)
    wanted: dict[tuple[int, int, int], float] = {}
    for i, c in enumerate(classes):
        for o, d, v in zip(c.origin.tolist(), c.destination.tolist(), c.vehicles.tolist(), strict=True):
            if o != d:
                wanted[i, o, d] = wanted.get((i, o, d), 0.0) + v
    assert sums == pytest.approx(wanted)


@pytest.mark.parametrize("seed", range(3))
def test_a_warm_start_gives_the_same_answer_as_a_cold_one(seed: int) -> None:
    links, classes = random_roads(seed)
    lorry = classes[1]
    strict = bpr(links.delays.free + 1, 40.0, 0.5, 4.0)  # so that link volumes are unique
    links = Links(links.nodes, links.tail, links.head, strict)
    narrow = strict._replace(unit=strict.unit * np.where(np.arange(len(links.tail)) % 5 == 0, 1.3, 1.0))
    more = cars(
        *zip(
            classes[0].origin.tolist(),
            classes[0].destination.tolist(),
            (classes[0].vehicles * 1.1).tolist(),
            strict=True,
        )
    )
    other = cars((1, 4, 9.0), (2, 7, 3.0), (5, 0, 2.0))
    tolled = VehicleClass(lorry.origin, lorry.destination, lorry.vehicles, 2.5, lorry.extra + 0.5)
    barred = VehicleClass(
        lorry.origin, lorry.destination, lorry.vehicles, 2.5, lorry.extra, closed=np.arange(len(links.tail)) > 20
    )
    roads = RoadEquilibrium(links, classes)
    first = roads.solve(1e-13, rounds=300)
    for new_links, new_classes in (
        (links, classes),
        (Links(links.nodes, links.tail, links.head, narrow), classes),
        (links, [more, lorry]),
        (links, [other, lorry]),
        (links, [classes[0], tolled]),
        (links, [classes[0], barred]),
        (links, classes),
    ):
        roads.change(new_links, new_classes)
        warm = roads.solve(1e-13, rounds=300)
        cold = RoadEquilibrium(new_links, new_classes).solve(1e-13, rounds=300)
        np.testing.assert_allclose(warm.volume, cold.volume, rtol=1e-4, atol=1e-4)
        assert warm.objective == pytest.approx(cold.objective, rel=1e-9)
    np.testing.assert_allclose(warm.volume, first.volume, rtol=1e-4, atol=1e-4)


def test_a_warm_start_is_short() -> None:
    links, classes = random_roads(1)
    roads = RoadEquilibrium(links, classes)
    cold = roads.solve(1e-8)
    roads.change(classes=classes)
    assert roads.solve(1e-8).iterations == 0
    assert cold.gaps[0] > 1e-3
    slightly = [VehicleClass(c.origin, c.destination, c.vehicles * 1.001, c.car_equivalents, c.extra) for c in classes]
    roads.change(classes=slightly)
    warm = roads.solve(1e-8)
    assert warm.gaps[0] < 0.1 * cold.gaps[0]


def test_other_nodes_or_links_need_a_new_equilibrium() -> None:
    links, six = braess()
    roads = RoadEquilibrium(links, [six])
    with pytest.raises(ScenarioError, match="other nodes or links"):
        roads.change(Links(4, links.head, links.tail, links.delays))


@st.composite
def series_parallel(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Draw a series-parallel network from 0 to 1: links replaced by two in a row or two side by side."""
    links = [(0, 1)]
    nodes = 2
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(links) - 1))
        a, b = links.pop(at)
        if draw(st.booleans()):
            links += [(a, nodes), (nodes, b)]
            nodes += 1
        else:
            links += [(a, b), (a, b)]
    return links


@given(series_parallel(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_costs_never_fall_when_capacity_falls_without_braess_paradox(ends: list[tuple[int, int]], seed: int) -> None:
    # In networks at large the cost may fall: Braess' paradox, tested above. Series-parallel ones are free of it.
    draw = np.random.default_rng(seed)
    free, capacity = draw.uniform(1, 9, len(ends)), draw.uniform(5, 20, len(ends))
    tail, head = ints(*(a for a, _ in ends)), ints(*(b for _, b in ends))
    nodes = int(max(tail.max(), head.max())) + 1
    costs = []
    for _ in range(2):
        roads = RoadEquilibrium(Links(nodes, tail, head, bpr(free, capacity)), [cars((0, 1, 30.0))])
        assert roads.solve(1e-12).reached
        costs.append(roads.path_flows().cost.min())
        capacity = capacity * np.where(draw.random(len(ends)) < 0.5, draw.uniform(0.3, 1, len(ends)), 1.0)
    assert costs[1] >= costs[0] * (1 - 1e-9)


def several() -> tuple[Delays, list[str]]:
    """Return delays of every kind, a link each."""
    kinds = bpr(np.array([3.0, 3, 3, 3, 3, 0]), 50.0, 0.5, np.array([4.0, 2.5, 1.0, 0.5, 0.0, 4.0]))
    spread = conical(np.full(6, 3.0), 50.0, np.array([2.0, 4, 6, 2, 2, 2]))
    points = table([(np.array([0.0, 30, 60]), np.array([2.0, 2, 8]))] * 6)
    joined = mixed(np.arange(6) == 4, mixed(np.arange(6) == 5, kinds, points), spread)
    return joined, ["fourth", "power 2.5", "linear", "root", "conical", "table"]


def test_slopes_and_integrals_fit_the_times_of_every_kind_of_delay() -> None:
    delays, names = several()
    links = len(names)

    def time_at(volume: float) -> np.ndarray:
        time, slope = np.empty(links), np.empty(links)
        price_all(np.full(links, volume), delays, time, slope)
        return time

    for volume in (1.0, 20.0, 49.0, 75.0, 160.0):
        time, slope = np.empty(links), np.empty(links)
        price_all(np.full(links, volume), delays, time, slope)
        np.testing.assert_allclose(slope, (time_at(volume + 1e-4) - time_at(volume - 1e-4)) / 2e-4, rtol=1e-5)
        area = integrals(np.full(links, volume), delays)
        for i in range(links):
            expected, _ = quad(lambda v, i=i: time_at(v)[i], 0, volume, points=[p for p in (30.0, 60.0) if p < volume])
            assert area[i] == pytest.approx(expected, rel=1e-7), names[i]
    assert np.all(np.diff([time_at(v) for v in np.linspace(0, 200, 50)], axis=0) >= 0)


def test_an_equilibrium_over_every_kind_of_delay() -> None:
    delays, names = several()
    links = Links(2, np.zeros(6, np.int32), np.ones(6, np.int32), delays)
    done = RoadEquilibrium(links, [cars((0, 1, 260.0))]).solve(1e-12)
    assert done.reached
    used = done.volume > 1e-9
    assert used.sum() >= 5, dict(zip(names, done.volume.tolist(), strict=True))
    np.testing.assert_allclose(done.time[used], done.time.min(), rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: bpr(np.array([1.0, -1.0]), 1.0), "negative-time: link 1"),
        (lambda: bpr(np.ones(2), np.array([1.0, -3.0])), "negative-capacity: link 1"),
        (lambda: bpr(np.ones(2), 1.0, b=np.array([np.nan, 1.0])), "negative-b: link 0"),
        (lambda: bpr(np.ones(2), 1.0, power=-1.0), "negative-power: link 0"),
        (lambda: conical(np.ones(2), 0.0), "zero-capacity: link 0"),
        (lambda: conical(np.ones(2), 1.0, 1.0), "bad-alpha: link 0"),
        (lambda: table([([0.0, 1.0], [2.0, 1.0])]), "bad-table: link 0"),
        (lambda: RoadEquilibrium(braess()[0], [cars((0, 1, -1.0))]), "negative-demand"),
        (lambda: RoadEquilibrium(braess()[0], [cars((0, 7, 1.0))]), "unknown-node"),
        (lambda: RoadEquilibrium(braess()[0], [cars((0, 1, 1.0), extra=np.full(5, -1.0))]), "negative-cost"),
        (lambda: RoadEquilibrium(braess()[0], [cars((0, 1, 1.0), car_equivalents=0.0)]), "bad-equivalents"),
        (lambda: RoadEquilibrium(Links(1, ints(0), ints(1), bpr(np.ones(1), 1.0)), []), "unknown-node"),
        (
            lambda: RoadEquilibrium(Links(2, ints(0), ints(1), bpr(np.ones(1), 1.0), preload=np.array([-1.0])), []),
            "negative-preload",
        ),
        (lambda: RoadEquilibrium(Links(2, ints(0), ints(1), bpr(np.ones(2), 1.0)), []), "one length"),
    ],
)
def test_bad_input_is_refused_with_its_code(make: object, code: str) -> None:
    with pytest.raises(ScenarioError, match=code):
        make()


PROGRAM = """
import hashlib
import numba
import numpy as np
from test_equilibrium import RoadEquilibrium, random_roads
links, classes = random_roads(5, nodes=60, extra=200)
roads = RoadEquilibrium(links, classes)
digest = hashlib.sha256()
for _ in range(2):
    done = roads.solve(1e-9)
    paths = roads.path_flows()
    for a in (done.volume, done.time, done.flow, paths.flow, paths.link, [done.objective, done.gap]):
        digest.update(np.ascontiguousarray(a).tobytes())
    roads.change(classes=classes[:1])
print(numba.get_num_threads(), digest.hexdigest())
"""


def test_results_are_the_same_bytes_at_any_number_of_threads() -> None:
    said = []
    for threads in ("1", "2", "4"):
        env = os.environ | {"NUMBA_NUM_THREADS": threads, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
        said.append(done.stdout.split())
    assert [count for count, _ in said] == ["1", "2", "4"]
    assert len({digest for _, digest in said}) == 1
