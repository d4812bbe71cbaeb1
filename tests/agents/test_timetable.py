"""Oracle: Dijkstra's method by networkx on the events of the timetable, every change an edge."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pytest
from greentrip_agents.timetable import DAY_S, Origins, Timetable
from greentrip_networks.errors import TableError
from hypothesis import given, settings
from hypothesis import strategies as st

Call = tuple[int, float, float]  # stop, arrival, departure


@dataclass
class Feed:
    stops: int
    trips: list[list[Call]]
    change: list[float]
    walks: dict[tuple[int, int], float]

    def timetable(self, *, daily: bool = False) -> Timetable:
        calls = [c for trip in self.trips for c in trip]
        first = np.concatenate([[0], np.cumsum([len(t) for t in self.trips])])
        walks = [a for a, _ in self.walks], [b for _, b in self.walks], list(self.walks.values())
        return Timetable(
            self.stops, first, [c[0] for c in calls], [c[1] for c in calls], [c[2] for c in calls],
            change_s=self.change, walks=walks, daily=daily,
        )  # fmt: skip


def by_events(feed: Feed, access: list[tuple[int, float]], leave: float) -> list[float]:
    """Every call is two events, arriving and leaving; riding, staying aboard and changing are edges between them."""
    g: nx.DiGraph[object] = nx.DiGraph()
    g.add_node("origin")
    leaves = [
        (t, k, s, d) for t, trip in enumerate(feed.trips) for k, (s, _, d) in enumerate(trip) if k + 1 < len(trip)
    ]
    for t, k, s, d in leaves:
        g.add_edge(("leave", t, k), ("arrive", t, k + 1), weight=feed.trips[t][k + 1][1] - d)
        for stop, walk in access:
            if stop == s and leave + walk <= d:
                g.add_edge("origin", ("leave", t, k), weight=d - leave)
    for t, trip in enumerate(feed.trips):
        for k, (s, arrives, departs) in enumerate(trip):
            if 0 < k < len(trip) - 1:
                g.add_edge(("arrive", t, k), ("leave", t, k), weight=departs - arrives)
            for t2, k2, s2, d2 in leaves if k else []:
                need = feed.change[s] if s2 == s else feed.walks.get((s, s2), np.inf)
                if arrives + need <= d2:
                    g.add_edge(("arrive", t, k), ("leave", t2, k2), weight=d2 - arrives)
    out = [np.inf] * feed.stops
    for stop, walk in access:
        out[stop] = min(out[stop], leave + walk)
    for event, spent in nx.single_source_dijkstra_path_length(g, "origin").items():
        if event == "origin" or event[0] != "arrive":
            continue
        s = feed.trips[event[1]][event[2]][0]
        out[s] = min(out[s], leave + spent)
        for (a, b), walk in feed.walks.items():
            if a == s:
                out[b] = min(out[b], leave + spent + walk)
    return out


@st.composite
def feeds(draw: st.DrawFn) -> Feed:
    stops = draw(st.integers(2, 6))
    trips = []
    for _ in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, 60))
        trip: list[Call] = []
        for _ in range(draw(st.integers(1, 5))):
            dwell = draw(st.integers(0, 3))
            trip.append((draw(st.integers(0, stops - 1)), float(at), float(at + dwell)))
            at += dwell + draw(st.integers(0, 12))  # rides of no time and trips that overtake included
        trips.append(trip)
    pair = st.tuples(st.integers(0, stops - 1), st.integers(0, stops - 1)).filter(lambda p: p[0] != p[1])
    walks = draw(st.dictionaries(pair, st.integers(1, 15).map(float), max_size=6))
    change = draw(st.lists(st.integers(1, 5).map(float), min_size=stops, max_size=stops))
    return Feed(stops, trips, change, walks)


def origins_of(access: list[tuple[int, float]]) -> Origins:
    return Origins(np.array([0, len(access)]), np.array([a for a, _ in access]), np.array([w for _, w in access]))


accesses = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6).map(float)), min_size=1, max_size=3)


@given(feeds(), accesses, st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_earliest_arrivals_equal_dijkstra_on_events(feed: Feed, access: list[tuple[int, float]], leave: int) -> None:
    got = feed.timetable().earliest(origins_of(access), float(leave))[0]
    assert got.tolist() == by_events(feed, access, leave)


@given(feeds(), accesses, st.integers(0, 40), st.integers(1, 25))
@settings(max_examples=40, deadline=None)
def test_a_profile_gives_the_earliest_arrival_of_every_departure(
    feed: Feed, access: list[tuple[int, float]], start: int, length: int
) -> None:
    timetable, origins = feed.timetable(), origins_of(access)
    window = float(start), float(start + length)
    profile = timetable.profile(origins, 0, window)
    for s in range(feed.stops):
        rows = slice(profile.first[s], profile.first[s + 1])
        assert (np.diff(profile.departure[rows]) > 0).all()
        assert (np.diff(profile.arrival[rows]) > 0).all()
    total = np.zeros(feed.stops)
    for leave in np.arange(start, start + length + 0.25, 0.5):
        want = by_events(feed, access, leave)
        assert profile.arrive(float(leave)).tolist() == want
    # the mean over the window, by the midpoints of many small steps: all turns happen at whole or half seconds
    steps = np.arange(start, start + length, 0.5) + 0.25
    for leave in steps:
        total += np.minimum(profile.arrive(float(leave)) - leave, np.inf)
    mean = timetable.mean_seconds(origins, window)[0]
    assert mean == pytest.approx(total / len(steps), rel=1e-9)


def test_a_trip_that_overtakes_and_a_missed_change() -> None:
    feed = Feed(3, [[(0, 0, 0), (1, 100, 100)], [(0, 10, 10), (1, 50, 50)], [(1, 80, 80), (2, 90, 90)]], [30.0] * 3, {})
    timetable = feed.timetable()
    assert timetable.earliest(Origins.at([0]), 0.0).tolist() == [[0, 50, 90]]  # the second trip overtakes the first
    feed.change[1] = 31.0
    assert feed.timetable().earliest(Origins.at([0]), 0.0)[0, 2] == np.inf  # one second short


def test_after_midnight() -> None:
    late = [(0, 86_000.0, 86_000.0), (1, 86_700.0, 86_700.0), (2, 87_300.0, 87_300.0)]
    early = [(1, 1_200.0, 1_200.0), (2, 2_000.0, 2_000.0)]
    feed = Feed(3, [late, early], [60.0] * 3, {})
    one, daily = feed.timetable(), feed.timetable(daily=True)
    assert one.earliest(Origins.at([0]), 85_900.0)[0].tolist() == [85_900, 86_700, 87_300]
    # at 00:04 yesterday's late trip still calls at stop 1 at 00:05
    assert one.earliest(Origins.at([1]), 240.0)[0, 2] == 2_000
    assert daily.earliest(Origins.at([1]), 240.0)[0, 2] == 87_300 - DAY_S
    # who misses it today takes tomorrow's first
    assert one.earliest(Origins.at([1]), 86_800.0)[0, 2] == np.inf
    assert daily.earliest(Origins.at([1]), 86_800.0)[0, 2] == 2_000 + DAY_S


def test_vehicles_beyond_the_horizon_are_not_looked_at() -> None:
    feed = Feed(2, [[(0, 500, 500), (1, 600, 600)]], [60.0] * 2, {})
    assert feed.timetable().earliest(Origins.at([0]), 0.0, within_s=499.0)[0, 1] == np.inf
    assert feed.timetable().earliest(Origins.at([0]), 0.0, within_s=500.0)[0, 1] == 600


@pytest.mark.parametrize(
    ("calls", "change", "walks", "match"),
    [
        ([(0, 0, 10), (1, 5, 5)], 60.0, ((), (), ()), r"row 1, column arrival_s: saw 5.0"),
        ([(0, 10, 0), (1, 20, 20)], 60.0, ((), (), ()), r"row 0, column departure_s: saw 0.0"),
        ([(0, 0, 0), (2, 5, 5)], 60.0, ((), (), ()), r"row 1, column stop: saw 2"),
        ([(0, 0, 0), (1, np.nan, 5)], 60.0, ((), (), ()), r"row 1, column arrival_s: saw nan"),
        ([(0, 0, 0), (1, 5, 5)], 0.0, ((), (), ()), r"column change_s: saw 0.0"),
        ([(0, 0, 0), (1, 5, 5)], 60.0, ([0], [1], [-3.0]), r"column seconds: saw -3.0"),
        ([(0, 0, 0), (1, 5, 5)], 60.0, ([0], [0], [3.0]), r"column to: saw 0"),
        ([(0, 0, 0), (1, 5, 5)], 60.0, ([0], [7], [3.0]), r"column to: saw 7"),
    ],
)
def test_bad_timetables_are_named(calls: list[Call], change: float, walks: tuple, match: str) -> None:
    with pytest.raises(TableError, match=match):
        Timetable(2, [0, 2], *zip(*calls, strict=True), change_s=change, walks=walks)


def test_bad_questions_are_named() -> None:
    timetable = Feed(2, [[(0, 0, 0), (1, 5, 5)]], [60.0] * 2, {}).timetable()
    with pytest.raises(TableError, match="stop: saw 2"):
        timetable.earliest(Origins.at([2]), 0.0)
    with pytest.raises(TableError, match="departure_s: saw nan"):
        timetable.earliest(Origins.at([0]), np.nan)
    with pytest.raises(TableError, match="window"):
        timetable.profile(Origins.at([0]), 0, (10.0, 5.0))
    with pytest.raises(TableError, match="departure"):
        timetable.profile(Origins.at([0]), 0, (0.0, 5.0)).arrive(6.0)
    with pytest.raises(TableError, match="trip_first"):
        Timetable(2, [0, 1], [0, 1], [0.0, 5.0], [0.0, 5.0])


_THREADS = """
import hashlib, json
import numpy as np
from greentrip_agents.timetable import Origins, Timetable
rng = np.random.default_rng(4)
stops, trips, calls = 300, 2000, 15
stop = rng.integers(0, stops, trips * calls)
time = (rng.integers(0, 7200, (trips, 1)) + np.cumsum(rng.integers(11, 200, (trips, calls)), axis=1)).ravel()
walk = rng.integers(0, stops, (2, 900)); walk = walk[:, walk[0] != walk[1]]
t = Timetable(stops, np.arange(trips + 1) * calls, stop, time, time + 10, walks=(*walk, np.full(walk.shape[1], 90.0)))
o = Origins.at(np.arange(stops))
arrays = t.earliest(o, 1800.0), t.mean_seconds(o, (1800.0, 3600.0))
print(json.dumps(hashlib.sha256(b"".join(x.tobytes() for x in arrays)).hexdigest()))
"""


def test_the_same_bytes_at_one_two_and_four_threads() -> None:
    def digest(threads: int) -> str:
        env = os.environ | {"NUMBA_NUM_THREADS": str(threads)}
        done = subprocess.run([sys.executable, "-c", _THREADS], env=env, capture_output=True, text=True, check=True)
        return str(json.loads(done.stdout))

    assert len({digest(1), digest(2), digest(4)}) == 1
