import numpy as np
import pytest
from greentrip_agents.queue_equilibrium import QueueEquilibrium, Round, Trips, find_queue_equilibrium
from greentrip_agents.queue_roads import NO_CAPACITY, QueueRoads
from greentrip_agents.queue_traffic import Vehicles, run_queue
from greentrip_networks.errors import ScenarioError
from greentrip_networks.kernels import numba

HOUR_S = 3600.0


def two_ways(bottleneck: float = 1200.0) -> QueueRoads:
    """Lead from 0 to 3 by a bottleneck at the end of a long road (links 0 1 2, 780 s) or round it (0 3 4, 1080 s)."""
    return QueueRoads(
        [0, 1, 2, 1, 4], [1, 2, 3, 4, 3], [1500, 20000, 20000, 30000, 3000], [60, 520, 200, 900, 120],
        [7200, 7200, bottleneck, 7200, 7200], lanes=[4, 4, 1, 4, 4],
    )  # fmt: skip


def even(vehicles: int, hours: float = 1.0) -> np.ndarray:
    return (np.arange(vehicles) + 0.5) * hours * HOUR_S / vehicles


def both(vehicles: int) -> Trips:
    return Trips(np.zeros(vehicles, int), np.full(vehicles, 3), even(vehicles))


def by_bottleneck(found: QueueEquilibrium) -> np.ndarray:
    """Say whose second link leads to the bottleneck."""
    first, link = np.asarray(found.paths.first), np.asarray(found.paths.link)
    made: np.ndarray = link[first[found.path] + 1] == 1
    return made


@pytest.fixture(scope="module")
def settled() -> QueueEquilibrium:
    return find_queue_equilibrium(two_ways(), both(2400), gap=1e-3, rounds=30, until_s=4 * 3600)


def test_by_a_bottleneck_or_round_it_takes_as_long_once_people_have_learnt(settled: QueueEquilibrium) -> None:
    # 2400 an hour into 1200: after t seconds the queue takes t seconds; from 300 s on, as long as the way round, which
    # half of the vehicles then take, so that the queue stays as it is
    depart, fast = even(2400), by_bottleneck(settled)
    took = settled.traffic.arrived_s - depart
    assert fast[depart < 270.0].all()
    later = depart > 600.0
    assert fast[later].mean() == pytest.approx(0.5, abs=0.02)
    assert took[~fast] == pytest.approx(1080.0, abs=1.0)
    for begin in np.arange(600.0, 3600.0, 600.0):
        now = (depart >= begin) & (depart < begin + 600.0)
        assert took[now & fast].mean() == pytest.approx(1080.0, rel=0.04)


def test_the_gap_falls_and_convergence_is_claimed_only_when_reached(settled: QueueEquilibrium) -> None:
    gaps = [r.gap for r in settled.rounds]
    assert gaps[0] > 1.0
    assert np.mean(gaps[-3:]) < 0.01
    last = settled.rounds[-1]
    assert settled.converged == (abs(last.gap) <= 1e-3 and last.route_gap <= 1e-3)
    assert last.moved == 0  # the routes returned are those that were driven
    short = find_queue_equilibrium(two_ways(), both(2400), gap=1e-3, rounds=2, until_s=4 * 3600)
    assert not short.converged
    assert len(short.rounds) == 2


def test_the_gap_is_what_the_vehicles_met(settled: QueueEquilibrium) -> None:
    again = run_queue(two_ways(), settled.paths, Vehicles(even(2400), settled.path), until_s=4 * 3600)
    assert again.arrived_s.tobytes() == settled.traffic.arrived_s.tobytes()
    last = settled.rounds[-1]
    spent = (again.arrived_s - even(2400)).mean()
    assert last.mean_s == pytest.approx(spent, rel=1e-12)
    assert last.gap == pytest.approx(spent / last.best_s - 1.0, rel=1e-9)
    # means over bins and what was met differ little here
    assert last.route_gap == pytest.approx(last.gap, abs=2e-3)
    assert last.route_gap >= 0.0


def test_without_crowding_the_first_round_ends_it() -> None:
    found = find_queue_equilibrium(two_ways(), both(300), until_s=4 * 3600)
    assert found.converged
    assert len(found.rounds) == 1
    assert by_bottleneck(found).all()
    assert found.gap == pytest.approx(0.0, abs=1e-3)


def test_a_wait_to_enter_the_first_link_is_part_of_the_choice() -> None:
    # 0 -> 1 directly lets 600 an hour in; the way by 2 takes 200 s more but has room
    roads = QueueRoads(
        [0, 0, 2], [1, 2, 1], [5000, 5000, 5000], [300, 250, 250], [600, 3600, 3600], lanes=[1, 2, 2]
    )  # fmt: skip
    trips = Trips(np.zeros(1200, int), np.ones(1200, int), even(1200))
    found = find_queue_equilibrium(roads, trips, rounds=20, gap=5e-3, until_s=4 * 3600)
    took = found.traffic.arrived_s - even(1200)
    assert found.rounds[0].gap > 1.0
    assert abs(found.gap) < 0.05
    assert took.max() < 700.0


def test_the_unreachable_are_named_and_none_is_dropped() -> None:
    roads = QueueRoads([0, 1, 3], [1, 2, 2], [500] * 3, [30] * 3, [1800, 0, 1800])
    # to 2 only by a link without capacity; from 2 nowhere; to 9, a node without any link; to where it is already
    trips = Trips([0, 0, 2, 0, 1, 3], [1, 2, 0, 9, 1, 2], np.arange(6.0))
    found = find_queue_equilibrium(roads, trips)
    assert found.unreached.tolist() == [1, 2, 3]
    assert found.traffic.fates == {"arrived": 2, "route-empty": 4}
    assert found.traffic.treated[NO_CAPACITY] == 1
    assert found.converged


def test_departures_that_cannot_be_are_counted_by_name_and_do_not_move_the_gap() -> None:
    trips = Trips([0] * 4, [3] * 4, [-5.0, 10.0, 7200.0, 7300.0])
    found = find_queue_equilibrium(two_ways(), trips, until_s=7200)
    assert found.traffic.fates == {
        "arrived": 1, "waiting-to-start": 1, "departs-before-midnight": 1, "departs-after-end": 1,
    }  # fmt: skip
    assert not found.converged  # one has not arrived
    assert found.rounds[-1].unfinished == 1


def test_same_seed_same_bytes_at_any_number_of_threads_and_another_seed_differs() -> None:
    def run(seed: int) -> tuple[bytes, ...]:
        found = find_queue_equilibrium(two_ways(), both(1800), rounds=4, gap=0.0, seed=seed, until_s=4 * 3600)
        paths = found.paths
        return (
            np.asarray(paths.first).tobytes(), np.asarray(paths.link).tobytes(), found.path.tobytes(),
            found.traffic.arrived_s.tobytes(), repr(found.rounds).encode(),
        )  # fmt: skip

    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = run(5)
    finally:
        numba.set_num_threads(before)
    assert run(5) == alone
    assert run(6) != alone


def test_each_round_is_told_and_nobody_moves_within_the_tolerance() -> None:
    told: list[Round] = []
    found = find_queue_equilibrium(
        two_ways(), both(2400), rounds=3, gap=0.0, tolerance=100.0, until_s=4 * 3600, on_round=told.append
    )
    assert tuple(told) == found.rounds
    assert [r.moved for r in told] == [0, 0, 0]
    assert [r.dearer for r in told] == [0.0, 0.0, 0.0]
    assert told[0].gap == told[2].gap


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"gap": -1.0}, {"tolerance": -0.1}, {"tree_s": 0.0}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ScenarioError, match=next(iter(wrong))):
        find_queue_equilibrium(two_ways(), both(10), **wrong)  # type: ignore[arg-type]


def test_trees_shared_for_longer_settle_too_only_more_coarsely() -> None:
    found = find_queue_equilibrium(two_ways(), both(2400), rounds=30, gap=1e-3, tree_s=900.0, until_s=4 * 3600)
    assert found.rounds[0].gap > 1.0
    assert np.mean([r.gap for r in found.rounds[-3:]]) < 0.03


def test_nobody_to_drive_is_fine() -> None:
    found = find_queue_equilibrium(two_ways(), Trips([], [], []), until_s=600)
    assert found.gap == 0.0
    assert found.traffic.fates == {}
