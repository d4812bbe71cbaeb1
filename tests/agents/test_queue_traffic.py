from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from greentrip_agents.queue_kernel import TIGHT_MOVES
from greentrip_agents.queue_roads import (
    LOOP,
    NO_CAPACITY,
    SHORT,
    SHORT_WAVE,
    SMALL_STORAGE,
    Closures,
    QueueRoads,
    Signals,
)
from greentrip_agents.queue_traffic import Paths, QueueResult, QueueTraffic, Stops, Vehicles, run_queue
from greentrip_networks.errors import ScenarioError
from greentrip_networks.kernels import numba
from hypothesis import given, settings
from hypothesis import strategies as st


def corridor(
    links: int, length_m: float, free_s: float, capacity: float, lanes: int = 1, last: float | None = None
) -> QueueRoads:
    """Make links in a row, the last with a capacity of its own."""
    capacities = np.full(links, capacity)
    capacities[-1] = capacity if last is None else last
    return QueueRoads(
        np.arange(links), np.arange(1, links + 1), np.full(links, length_m), np.full(links, free_s), capacities,
        lanes=np.full(links, lanes),
    )  # fmt: skip


def one_path(*links: int) -> Paths:
    return Paths([0, len(links)], list(links))


def cars(depart_s: object) -> Vehicles:
    depart = np.asarray(depart_s, float)
    return Vehicles(depart, np.zeros(len(depart), int))


def by_link(result: QueueResult, vehicles: int, position: int) -> tuple[np.ndarray, np.ndarray]:
    """Return when each vehicle of one shared route entered and left the link at a position."""
    at = result.first_event[:vehicles] + position
    return result.entered_s[at], result.left_s[at]


# --- theory


def test_a_bottleneck_delays_as_the_point_queue_formula_says() -> None:
    # 500 vehicles at 3000 an hour into 1234.5 an hour: vehicle n waits n (1/c - 1/a) seconds
    roads = corridor(2, 6000.0, 300.0, 3600.0, lanes=2, last=1234.5)
    n = np.arange(500)
    result = run_queue(roads, one_path(0, 1), cars(n * 1.2))
    delay = result.arrived_s - n * 1.2 - 600.0
    np.testing.assert_allclose(delay, n * (3600 / 1234.5 - 1.2), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("demand", "bottleneck"), [(1500.0, 900.0), (1200.0, 300.0), (1800.0, 1200.0)])
def test_the_front_of_a_queue_moves_back_at_the_speed_of_the_shock_wave(demand: float, bottleneck: float) -> None:
    links, length, speed, wave, jam = 21, 150.0, 20.0, 5.0, 1 / 7.5
    roads = corridor(links, length, length / speed, 1800.0, last=bottleneck)
    vehicles = 1200
    result = run_queue(
        roads, one_path(*range(links)), cars(np.arange(vehicles) * 3600 / demand), events=True
    )  # fmt: skip
    reached = []
    for i in range(4, links - 1):  # the queue is at a link's end when vehicles start to be late there
        entered, left = by_link(result, vehicles, i)
        late = left - entered > length / speed + 1e-6
        assert late.any()
        reached.append(left[late][0])
    front = length / -np.diff(reached)
    seen = length * (len(reached) - 1) / (reached[0] - reached[-1])
    queued = jam - bottleneck / 3600 / wave
    theory = (demand - bottleneck) / 3600 / (queued - demand / 3600 / speed)
    assert seen == pytest.approx(theory, rel=0.01)
    assert (front > 0).all()


def test_a_standing_queue_starts_to_move_at_the_wave_speed() -> None:
    links, vehicles = 8, 90
    roads = corridor(links, 75.0, 5.0, 1800.0)
    result = run_queue(
        roads, one_path(*range(links)), cars(np.arange(vehicles) * 4.0),
        closures=Closures([links - 1], [0.0], [1000.0]), events=True,
    )  # fmt: skip
    for i in range(links - 1):
        _, left = by_link(result, vehicles, links - 2 - i)
        assert left[left >= 1000.0].min() == pytest.approx(1000.0 + i * 75.0 / 5.0, abs=1e-9)


def test_without_room_the_jam_holds_jam_density_and_no_more() -> None:
    roads = corridor(3, 75.0, 5.0, 1800.0, lanes=2)
    traffic = QueueTraffic(
        roads, one_path(0, 1, 2), cars(np.arange(200) * 3.0), closures=Closures([2], [0.0], [np.inf])
    )
    traffic.advance(3000)
    on = traffic.state.tracks["on"][traffic.tracks.of_link]
    assert on.tolist() == [20, 20, 0]
    result = traffic.result()
    assert result.fates == {"on-road": 40, "waiting-to-start": 160}
    assert result.gridlock_rings == 0


@pytest.mark.parametrize("flow", [3600.0, 9000.0, 14000.0])
def test_a_signal_delays_uniform_arrivals_as_websters_first_term_says(flow: float) -> None:
    cycle, shown, saturation = 90.0, 40.0, 36000.0
    roads = corridor(2, 3000.0, 100.0, saturation, lanes=20)
    depart = (np.arange(int(flow / 3600 * cycle * 20)) + 0.5) * 3600 / flow
    result = run_queue(roads, one_path(0, 1), cars(depart), signals=Signals([0], cycle, 25.0, shown, 7.0))
    settled = depart > 2 * cycle
    share = shown / cycle
    webster = cycle * (1 - share) ** 2 / (2 * (1 - flow / saturation))
    assert (result.arrived_s - depart - 200.0)[settled].mean() == pytest.approx(webster, rel=0.01)


def test_nobody_crosses_at_red() -> None:
    roads = corridor(2, 500.0, 31.7, 1800.0, lanes=2)
    result = run_queue(
        roads, one_path(0, 1), cars(np.arange(300) * 2.9), signals=Signals([0], 60.0, 10.0, 25.5, 3.0), events=True
    )
    _, left = by_link(result, 300, 0)
    into = (left - 13.0) % 60.0
    assert ((into < 25.5) | (into > 60.0 - 1e-9)).all()


# --- nodes


def merge(capacity: tuple[float, float], priority: list[float] | None) -> tuple[QueueRoads, Paths]:
    roads = QueueRoads(
        [0, 1, 2], [2, 2, 3], [1500.0] * 3, [100.0] * 3, [*capacity, 1800.0], lanes=[2, 2, 1], priority=priority
    )
    return roads, Paths([0, 2, 4], [0, 2, 1, 2])


@pytest.mark.parametrize(
    ("capacity", "priority", "first_share"),
    [
        ((3600.0, 3600.0), None, 1 / 2),
        ((3600.0, 1800.0), None, 2 / 3),
        ((3600.0, 3600.0), [1.0, 4.0, 1.0], 1 / 5),
        ((3600.0, 600.0), [1.0, 1.0, 1.0], 2 / 3),  # the second cannot use its half: 600 of 1800
    ],
)
def test_a_saturated_merge_is_shared_by_priority(
    capacity: tuple[float, float], priority: list[float] | None, first_share: float
) -> None:
    roads, paths = merge(capacity, priority)
    each = 900
    depart = np.concatenate([np.arange(each) * 3600 / capacity[0], np.arange(each) * 3600 / capacity[1]])
    path = np.repeat([0, 1], each)
    result = run_queue(roads, paths, Vehicles(depart, path), events=True)
    entered = result.entered_s[result.first_event[:-1] + 1]
    window = (entered >= 300.0) & (entered < 900.0)
    assert window.sum() == pytest.approx(300, abs=2)
    assert (path[window] == 0).mean() == pytest.approx(first_share, abs=0.01)


def test_an_arm_that_was_idle_has_saved_up_no_service() -> None:
    roads, paths = merge((3600.0, 3600.0), None)
    depart = np.concatenate([np.arange(1500) * 1.0, 600.0 + np.arange(400) * 1.0])
    path = np.repeat([0, 1], [1500, 400])
    result = run_queue(roads, paths, Vehicles(depart, path), events=True)
    entered = result.entered_s[result.first_event[:-1] + 1]
    window = (entered >= 720.0) & (entered < 1000.0)
    assert (path[window] == 0).mean() == pytest.approx(0.5, abs=0.01)


def test_a_closed_link_is_entered_before_and_after_only() -> None:
    roads = corridor(2, 500.0, 30.0, 1800.0)
    result = run_queue(
        roads, one_path(0, 1), cars(np.arange(100) * 5.0), closures=Closures([1, 1], [200.0, 300.0], [300.0, 400.0]),
        events=True,
    )  # fmt: skip
    entered, _ = by_link(result, 100, 1)
    assert not ((entered >= 200.0) & (entered < 400.0)).any()
    assert (entered < 200.0).any()
    assert entered[entered >= 400.0].min() == 400.0
    assert result.fates == {"arrived": 100}


# --- buses


def test_a_bus_lane_lets_buses_pass_the_queue() -> None:
    links = {"tail": [0, 1], "head": [1, 2], "length_m": [600.0, 600.0], "free_s": [40.0, 40.0]}
    depart = np.append(np.arange(300) * 1.5, 400.0)
    bus = np.arange(301) == 300
    vehicles = Vehicles(depart, np.zeros(301, int), np.where(bus, 2.0, 1.0), bus)
    arrived = []
    for lanes in ([0, 0], [1, 1]):
        roads = QueueRoads(**links, capacity_veh_h=[3600.0, 1200.0], lanes=[2, 2], bus_lanes=lanes)
        result = run_queue(roads, one_path(0, 1), vehicles)
        assert result.fates == {"arrived": 301}
        arrived.append(result.arrived_s[300])
    assert arrived[0] > 400.0 + 80.0 + 300.0  # in the queue with everybody
    assert arrived[1] == 480.0  # free all the way
    assert result.link_s.shape == result.bus_link_s.shape
    assert result.bus_link_s[1, 0] == 40.0
    assert result.link_s[1, 0] > 60.0  # the queue stands before the narrow link
    assert result.link_s[1, 1] == 40.0


def test_stops_delay_the_bus_by_exactly_their_dwell_times() -> None:
    roads = corridor(4, 500.0, 40.0, 1800.0)
    stops = Stops([0, 0, 0], [3, 0, 1], [11.0, 20.0, 15.5], [True, True, False])
    result = run_queue(roads, one_path(0, 1, 2, 3), Vehicles([100.0], [0], 2.5, True), stops=stops)
    assert result.arrived_s[0] == pytest.approx(100.0 + 160.0 + 46.5, abs=1e-9)


@pytest.mark.parametrize(
    ("bay", "lanes", "arrivals"),
    [
        (True, 1, [140.0, 82.0, 84.0]),  # cars pass the bay
        (False, 1, [140.0, 142.0, 144.0]),  # cars wait behind, then follow at their headway
        (False, 2, [140.0, 84.0, 88.0]),  # half the headway is left while the bus stands
    ],
)
def test_a_bus_at_a_stop_holds_those_behind_unless_there_is_a_bay(bay: bool, lanes: int, arrivals: list[float]) -> None:
    roads = corridor(2, 500.0, 40.0, 1800.0, lanes=lanes)
    vehicles = Vehicles([0.0, 1.0, 2.0], [0, 0, 0], 1.0, [True, False, False])
    result = run_queue(roads, one_path(0, 1), vehicles, stops=Stops([0], [0], [60.0], [bay]))
    assert result.arrived_s.tolist() == arrivals


def test_a_bus_of_two_equivalents_takes_two_headways() -> None:
    roads = corridor(2, 500.0, 40.0, 1800.0)
    result = run_queue(roads, one_path(0, 1), Vehicles([0.0, 0.0], [0, 0], [2.0, 1.0], [True, False]))
    assert result.arrived_s.tolist() == [80.0, 84.0]


# --- gridlock


def ring(patience_s: float, horizon: int) -> tuple[QueueTraffic, QueueResult]:
    """Fill a ring of three short links from its three nodes; everybody wants to go on round it."""
    roads = QueueRoads([0, 1, 2], [1, 2, 0], [30.0] * 3, [3.0] * 3, [1200.0] * 3, lanes=[1] * 3)
    paths = Paths([0, 3, 6, 9], [0, 1, 2, 1, 2, 0, 2, 0, 1])
    vehicles = Vehicles(np.repeat(np.arange(20) * 1.0, 3), np.tile([0, 1, 2], 20))
    traffic = QueueTraffic(roads, paths, vehicles, patience_s=patience_s, end_s=horizon, events=True)
    storage = traffic.state.tracks["storage"].copy()
    for second in range(1, horizon):
        traffic.advance(second)
        assert (traffic.state.tracks["on"] <= storage).all()
    return traffic, traffic.result()


def test_a_ring_of_full_links_moves_on_and_is_counted() -> None:
    _, result = ring(60.0, 8000)
    assert result.fates == {"arrived": 60}
    assert result.gridlock_rings > 0
    assert result.gridlock_moves == 3 * result.gridlock_rings


def test_without_the_rule_the_ring_would_stand() -> None:
    _, result = ring(1e9, 4000)
    assert result.gridlock_rings == 0
    assert result.fates["on-road"] == 12


def test_a_ring_through_a_closed_link_stands_until_it_opens() -> None:
    roads = QueueRoads([0, 1, 2], [1, 2, 0], [30.0] * 3, [3.0] * 3, [1200.0] * 3, lanes=[1] * 3)
    paths = Paths([0, 3, 6, 9], [0, 1, 2, 1, 2, 0, 2, 0, 1])
    vehicles = Vehicles(np.repeat(np.arange(20) * 1.0, 3), np.tile([0, 1, 2], 20))
    result = run_queue(
        roads, paths, vehicles, closures=Closures([0], [30.0], [3000.0]), until_s=9000, events=True
    )  # fmt: skip
    on_first = np.flatnonzero(np.concatenate([[0, 1, 2] if p == 0 else [1, 2, 0] if p == 1 else [2, 0, 1]
                                              for p in vehicles.path]) == 0)  # fmt: skip
    entered = result.entered_s[on_first]
    assert not ((entered >= 30.0) & (entered < 3000.0)).any()
    assert result.fates == {"arrived": 60}


# --- what must hold on every network


@st.composite
def cases(draw: st.DrawFn) -> dict[str, object]:
    """Draw a small dense network with tight links and random walks over it, some by bus and some with stops."""
    seed = draw(st.integers(0, 2**32 - 1))
    r = np.random.default_rng(seed)
    nodes = draw(st.integers(2, 6))
    extra = draw(st.integers(0, 8))
    tail = np.concatenate([np.arange(nodes), r.integers(0, nodes, extra)])
    head = np.concatenate([(np.arange(nodes) + 1) % nodes, r.integers(0, nodes, extra)])
    links = len(tail)
    lanes = r.integers(1, 4, links)
    roads = QueueRoads(
        tail, head, r.uniform(5, 90, links), r.uniform(0.1, 12, links), r.uniform(200, 4000, links), lanes=lanes,
        bus_lanes=np.where((lanes > 1) & (r.random(links) < 0.4), 1, 0), wave_speed_ms=r.uniform(3, 8),
    )  # fmt: skip
    walks = []
    for _ in range(12):
        walk = [int(r.integers(links))]
        for _ in range(int(r.integers(0, 12))):
            walk.append(int(r.choice(np.flatnonzero(tail == head[walk[-1]]))))
        walks.append(walk)
    paths = Paths(np.cumsum([0, *map(len, walks)]), np.concatenate(walks))
    count = draw(st.integers(1, 250))
    path = r.integers(0, 12, count)
    mixed = draw(st.booleans())
    bus = (r.random(count) < 0.2) & mixed
    vehicles = Vehicles(
        r.uniform(0, 200, count), path, np.where(bus, 2.5, 1.0) if mixed else 1.0, bus
    )  # fmt: skip
    stops = None
    if bus.any():
        who = np.flatnonzero(bus)
        where = [int(r.integers(len(walks[path[v]]))) for v in who]
        stops = Stops(who, where, r.uniform(0, 40, len(who)), r.random(len(who)) < 0.5)
    signals = None
    if draw(st.booleans()):
        link = np.flatnonzero(r.random(links) < 0.5)
        signals = Signals(link, 40.0, r.uniform(0, 40, len(link)), r.uniform(5, 40, len(link)), r.uniform(0, 40))
    return {
        "roads": roads, "paths": paths, "vehicles": vehicles, "stops": stops, "signals": signals, "end_s": 40_000,
        "patience_s": 20.0, "events": True,
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(cases())
def test_vehicles_are_conserved_every_second_in_order_within_storage_and_all_arrive(case: dict[str, object]) -> None:
    traffic = QueueTraffic(**case)  # type: ignore[arg-type]
    s, total = traffic.state, len(traffic.vehicles.depart_s)  # type: ignore[arg-type]
    pce = s.pce if not s.plain else np.ones(total)
    for second in range(1, 900):
        traffic.advance(second)
        t = s.tracks
        waiting = int((s.gate_end - s.gate_next).sum())
        in_bays = 0
        for node in range(len(s.bay_first)):
            row = s.bay_first[node]
            while row >= 0:
                in_bays += 1
                row = s.bay_next[row]
        arrived = int((~np.isnan(s.arrived_s)).sum())
        assert waiting + int(t["on"].sum()) + in_bays + arrived == total
        for x in t:
            slots = x["ring"] + (x["head"] + np.arange(x["on"])) % x["slots"]
            held = pce[s.ring["vehicle"][slots]].sum()
            squeezed = 1.5 * s.counts[TIGHT_MOVES]  # a ring that turned put a bus where a car was
            assert held <= x["storage"] + squeezed + 1e-9 or x["on"] == 1
            assert x["on"] + x["holes"] <= x["slots"]
        if arrived == total:
            break
    traffic.advance(40_000)
    result = traffic.result()
    assert result.fates == {"arrived": total}
    lengths = np.diff(np.asarray(traffic.paths.first))[np.asarray(traffic.vehicles.path)]
    assert result.link_traversals == lengths.sum()
    assert not np.isnan(result.left_s).any()
    check_order(traffic, result)


def check_order(traffic: QueueTraffic, result: QueueResult) -> None:
    """Check that on every lane class whoever enters first leaves first, no sooner than free flow and capacity allow."""
    paths, vehicles, tracks = traffic.paths, traffic.vehicles, traffic.tracks
    first, link = np.asarray(paths.first), np.asarray(paths.link)
    path, bus = np.asarray(vehicles.path), np.broadcast_to(vehicles.bus, len(vehicles.path))  # type: ignore[arg-type]
    events = [
        (tracks.bus_of_link[l] if b and tracks.bus_of_link[l] >= 0 else tracks.of_link[l])
        for p, b in zip(path, bus, strict=True)
        for l in link[first[p] : first[p + 1]]
    ]
    on = np.array(events)
    for a, x in enumerate(traffic.state.tracks):
        mine = on == a
        entered, left = result.entered_s[mine], result.left_s[mine]
        order = np.lexsort((left, entered))
        assert (np.diff(left[order]) >= 0.0).all()
        assert (left - entered >= x["free_s"] - 1e-6).all() or result.gridlock_rings
        if not result.gridlock_rings:
            assert (np.diff(np.sort(entered)) >= x["headway_s"] - 1e-6).all()
            assert (np.diff(np.sort(left)) >= x["headway_s"] - 1e-6).all()


@settings(max_examples=25, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_in_which_nodes_are_visited_changes_no_bit(case: dict[str, object], random: object) -> None:
    roads: QueueRoads = case["roads"]  # type: ignore[assignment]
    nodes = int(np.max(roads.head)) + 1
    other = list(range(nodes))
    random.shuffle(other)  # type: ignore[attr-defined]
    renamed = np.array(other)
    results = []
    for tail, head in ((roads.tail, roads.head), (renamed[roads.tail], renamed[roads.head])):
        swapped = QueueRoads(
            tail, head, roads.length_m, roads.free_s, roads.capacity_veh_h, roads.lanes, roads.bus_lanes,
            wave_speed_ms=roads.wave_speed_ms,
        )  # fmt: skip
        traffic = QueueTraffic(**(case | {"roads": swapped}))  # type: ignore[arg-type]
        traffic.advance(40_000)
        results.append(traffic.result())
    assert results[0].arrived_s.tobytes() == results[1].arrived_s.tobytes()
    assert results[0].left_s.tobytes() == results[1].left_s.tobytes()
    assert results[0].link_s.tobytes() == results[1].link_s.tobytes()


def crowded() -> tuple[QueueRoads, Paths, Vehicles]:
    """Make a grid with more cars than it can take at once."""
    side = 6
    at = np.arange(side * side).reshape(side, side)
    right, down = (at[:, :-1].ravel(), at[:, 1:].ravel()), (at[:-1].ravel(), at[1:].ravel())
    tail = np.concatenate([right[0], right[1], down[0], down[1]])
    head = np.concatenate([right[1], right[0], down[1], down[0]])
    r = np.random.default_rng(5)
    walks = []
    for _ in range(300):
        walk = [int(r.integers(len(tail)))]
        for _ in range(12):
            ahead = np.flatnonzero((tail == head[walk[-1]]) & (head != tail[walk[-1]]))
            walk.append(int(r.choice(ahead)))
        walks.append(walk)
    roads = QueueRoads(tail, head, np.full(len(tail), 90.0), np.full(len(tail), 8.3), np.full(len(tail), 1100.0))
    paths = Paths(np.cumsum([0, *map(len, walks)]), np.concatenate(walks))
    return roads, paths, Vehicles(r.uniform(0, 900, 6000), r.integers(0, 300, 6000))


def test_threads_change_no_bit() -> None:
    def one(_: int) -> bytes:
        result = run_queue(*crowded(), until_s=30_000)
        assert result.gridlock_rings > 0
        return result.arrived_s.tobytes() + result.link_s.tobytes()

    made = set()
    before = numba.get_num_threads()
    for threads in {1, before}:
        numba.set_num_threads(threads)
        made.add(one(0))
    numba.set_num_threads(before)
    for workers in (2, 4):  # the kernel holds no lock: runs side by side
        with ThreadPoolExecutor(workers) as pool:
            made.update(pool.map(one, range(workers)))
    assert len(made) == 1


def test_pieces_give_the_same_as_one_run() -> None:
    roads, paths, vehicles = crowded()
    whole = run_queue(roads, paths, vehicles, until_s=30_000)
    traffic = QueueTraffic(roads, paths, vehicles, end_s=30_000)
    for until in (*range(100, 2000, 137), 30_000):
        traffic.advance(until)
    assert traffic.result().arrived_s.tobytes() == whole.arrived_s.tobytes()


# --- what comes out


def test_travel_times_by_bin_are_means_of_those_who_entered_in_it() -> None:
    roads = corridor(2, 6000.0, 300.0, 3600.0, lanes=2, last=1200.0)
    result = run_queue(roads, one_path(0, 1), cars(np.arange(600) * 1.5), events=True)
    entered, left = by_link(result, 600, 1)
    for row in range(1, 8):
        mine = (entered >= 300.0 * row) & (entered < 300.0 * (row + 1))
        assert result.passed[row, 1] == mine.sum()
        if mine.any():
            assert result.link_s[row, 1] == pytest.approx((left - entered)[mine].mean())
    assert result.link_s[0, 1] == 300.0  # nobody came: free
    assert (np.diff(result.link_s, axis=0) >= -300.0 - 1e-9).all()  # nobody can gain by entering later
    assert result.passed.sum() == result.link_traversals == 1200


def test_a_run_that_stops_early_counts_time_spent_so_far() -> None:
    roads = corridor(2, 75.0, 5.0, 1800.0)
    result = run_queue(roads, one_path(0, 1), cars([0.0]), closures=Closures([1], [0.0], [np.inf]), until_s=900)
    assert result.fates == {"on-road": 1}
    assert result.link_s[0, 0] == 900.0
    assert result.link_s[1, 0] == 600.0  # first in, first out: entering later cannot bring one out before it
    assert result.passed.sum() == 0


# --- bad input


def test_what_cannot_drive_is_refused_by_name() -> None:
    roads = QueueRoads(
        [0, 1, 2, 0, 3], [1, 2, 3, 0, 1], [500.0, 0.0, 500.0, 40.0, 500.0], [30.0, 0.2, 30.0, 4.0, 30.0],
        [1800.0, 1800.0, 0.0, 600.0, -5.0],
    )  # fmt: skip
    # 0: fine; 1: empty; 2: jumps; 3: no capacity; 4: negative capacity; 5: round the loop first
    paths = Paths([0, 2, 2, 4, 6, 7, 9], [0, 1, 1, 0, 1, 2, 4, 3, 0])
    depart = [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, -1.0, 90_000.0, 3.0]
    path = [0, 1, 2, 3, 4, 5, 0, 0, 0]
    traffic = QueueTraffic(roads, paths, Vehicles(depart, path), start_s=5, end_s=80_000)
    traffic.advance(80_000)
    result = traffic.result()
    assert result.fates == {
        "arrived": 2, "departs-before-midnight": 1, "departs-before-start": 1, "departs-after-end": 1, "route-empty": 1,
        "route-broken": 1, "route-without-capacity": 2,
    }  # fmt: skip
    assert sum(result.fates.values()) == len(depart)
    assert result.unserved_share == pytest.approx(7 / 9)
    assert result.treated[NO_CAPACITY] == 2
    assert result.treated[SHORT] == 1
    assert result.treated[SHORT_WAVE] == 1
    assert result.treated[SMALL_STORAGE] >= 1
    assert result.treated[LOOP] == 1
    assert result.arrived_s[0] == 41.0  # the short link takes a second
    assert result.arrived_s[5] == 44.0
    assert np.isnan(result.started_s[[1, 2, 3, 4, 6, 7, 8]]).all()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"vehicles": Vehicles([np.nan], [0])}, "depart_s"),
        ({"vehicles": Vehicles([0.0], [3])}, "path"),
        ({"vehicles": Vehicles([0.0], [0], pce=0.0)}, "pce"),
        ({"vehicles": Vehicles([0.0, 1.0], [0])}, "path"),
        ({"paths": Paths([0, 2], [0, 9])}, "paths"),
        ({"paths": Paths([0, 3], [0, 1])}, "paths"),
        ({"signals": Signals([0], 60.0, 0.0, 0.0)}, "signals"),
        ({"signals": Signals([0, 0], 60.0, 0.0, 30.0)}, "signals"),
        ({"closures": Closures([0], [10.0], [10.0])}, "closures"),
        ({"closures": Closures([7], [10.0], [20.0])}, "closures"),
        ({"stops": Stops([0], [2], [10.0])}, "position"),
        ({"stops": Stops([0], [0], [-10.0])}, "dwell_s"),
        ({"roads": QueueRoads([0, 1], [1, 2], [-1.0, 5.0], [1.0, 1.0], [10.0, 10.0])}, "length_m"),
        ({"roads": QueueRoads([0, 1], [1, 2], [5.0, 5.0], [1.0, 1.0], [10.0, np.nan])}, "capacity_veh_h"),
        ({"roads": QueueRoads([0, 1], [1, 2], [5.0, 5.0], [1.0, 1.0], [10.0, 10.0], bus_lanes=[1, 0])}, "bus_lanes"),
    ],
)
def test_nonsense_is_refused_with_its_field(change: dict[str, object], field: str) -> None:
    good: dict[str, object] = {
        "roads": corridor(2, 500.0, 30.0, 1800.0), "paths": one_path(0, 1), "vehicles": cars([0.0]),
    }  # fmt: skip
    with pytest.raises(ScenarioError) as caught:
        QueueTraffic(**(good | change))  # type: ignore[arg-type]
    assert caught.value.field == field


def test_nobody_on_the_road_is_no_error() -> None:
    result = run_queue(corridor(1, 500.0, 30.0, 1800.0), Paths([0], []), Vehicles([], []))
    assert result.fates == {}
    assert result.link_s[0, 0] == 30.0
    assert result.unserved_share == 0.0
