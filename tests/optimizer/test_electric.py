"""Schedules of electric buses against all partitions of trips, each bus simulated minute by minute on its own."""

import itertools
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from greentrip_networks.errors import LimitError, ScenarioError
from greentrip_optimizer.blocks import Trips, schedule
from greentrip_optimizer.electric.battery import Battery
from greentrip_optimizer.electric.schedule import MOST_TRIPS, ElectricBlocks, schedule_electric
from greentrip_optimizer.given_lines import answer
from hypothesis import given, settings
from hypothesis import strategies as st


def made(seed: int, trips: int, places: int = 4, *, metric: bool = True) -> tuple[Trips, np.ndarray, Battery]:
    """Return whole minutes and kilometres, so that trying whole minutes of waiting is exact at 30 and 60 km an hour."""
    luck = np.random.default_rng(seed)
    dead = luck.integers(2, 25, (places, places)).astype(float)
    np.fill_diagonal(dead, 0)
    if metric:
        for k in range(places):
            dead = np.minimum(dead, dead[:, k, None] + dead[None, k, :])
    elif luck.random() < 0.5:
        dead[luck.integers(places), luck.integers(places)] = np.inf
        np.fill_diagonal(dead, 0)
    start = np.sort(luck.integers(0, 240, trips)).astype(float)
    run = luck.integers(5, 40, trips)
    ends = luck.integers(0, places, (2, trips))
    km = luck.integers(2, 15, trips).astype(float)
    dead_km = np.where(np.isfinite(dead), np.round(np.where(np.isfinite(dead), dead, 0) / 3), 0)
    least = 15 + (2 * dead_km.max() if luck.random() < 0.5 else 0)
    battery = Battery(
        float(least + luck.integers(0, 15)),
        float(luck.choice([0, 30, 60])),
        luck.random(places) < luck.choice([0.3, 0.7, 1.0]),
        km,
        dead_km,
    )
    luck.shuffle(start)
    return Trips(start, start + run, ends[0], ends[1]), dead, battery


def after_link(
    trips: Trips, dead: np.ndarray, battery: Battery, rest: float, i: int, j: int, charge: float
) -> set[tuple[float, float]]:
    """Return all (charge, empty minutes) with which a bus can be at trip j after i, whatever it waits where."""
    end, start, km = int(trips.end_place[i]), int(trips.start_place[j]), battery.deadhead_km
    rate = battery.charge_km_h / 60
    charges = battery.charges & (rate > 0)
    found = set()
    if trips.end_min[i] + rest + dead[end, start] > trips.start_min[j]:
        return found
    wait = int(trips.start_min[j] - trips.end_min[i] - dead[end, start])
    for stay in range(int(rest), wait + 1):
        left = charge
        for _ in range(stay):
            left = min(battery.range_km, left + rate * charges[end])
        left -= km[end, start]
        if left >= 0:
            for _ in range(wait - stay):
                left = min(battery.range_km, left + rate * charges[start])
            found.add((left, float(dead[end, start])))
    for place in np.flatnonzero(charges) if not charges[end] and not charges[start] else []:
        wait = trips.start_min[j] - trips.end_min[i] - rest - dead[end, place] - dead[place, start]
        left = charge - km[end, place]
        if wait >= 0 and left >= 0:
            for _ in range(int(wait)):
                left = min(battery.range_km, left + rate)
            if left >= km[place, start]:
                found.add((left - km[place, start], float(dead[end, place] + dead[place, start])))
    return found


def by_hand(trips: Trips, dead: np.ndarray, battery: Battery, rest: float, depot: int | None) -> tuple[int, float]:
    """Return the fewest buses and then the least empty minutes over all partitions of the trips."""
    n, full, km = len(trips), battery.range_km, battery.deadhead_km
    order = np.argsort(trips.start_min, kind="stable").tolist()
    charges = battery.charges & (battery.charge_km_h > 0)

    def least(chosen: tuple[int, ...]) -> float:
        first, last = chosen[0], chosen[-1]
        empty, charge = 0.0, full
        if depot is not None:
            start = trips.start_place[first]
            empty = dead[depot, start] + dead[trips.end_place[last], depot]
            charge = full if charges[start] else full - km[depot, start]
        states = {(charge - battery.trip_km[first], empty)}
        for i, j in itertools.pairwise(chosen):
            arrived = {
                (left - battery.trip_km[j], e + more)
                for c, e in states
                if c >= 0
                for left, more in after_link(trips, dead, battery, rest, i, j, c)
            }
            states = {s for s in arrived if s[0] >= 0}
        home = 0.0 if depot is None or charges[trips.end_place[last]] else km[trips.end_place[last], depot]
        return min((e for c, e in states if c >= home), default=np.inf)

    cost = {}
    for mask in range(1, 1 << n):
        value = least(tuple(t for t in order if mask >> t & 1))
        if value < np.inf:
            cost[mask] = value

    @cache
    def best(mask: int) -> tuple[int, float]:
        if not mask:
            return 0, 0.0
        top, found = 1 << (mask.bit_length() - 1), (n + 1, np.inf)
        sub = mask
        while sub:
            if sub & top and sub in cost:
                buses, empty = best(mask ^ sub)
                found = min(found, (buses + 1, empty + cost[sub]))
            sub = (sub - 1) & mask
        return found

    return best((1 << n) - 1)


def drive_through(
    trips: Trips, dead: np.ndarray, battery: Battery, rest: float, depot: int | None, found: ElectricBlocks
) -> None:
    """Run every block by the clock with the charging it tells; assert that time, charge and empty minutes hold."""
    assert sorted(t for b in found.blocks for t in b) == list(range(len(trips)))
    km, empty = battery.deadhead_km, 0.0
    for block, lefts, told in zip(found.blocks, found.left_km, found.charges, strict=True):
        charge, at, clock = battery.range_km, None, -np.inf
        if depot is not None:
            at = depot
        before: int | None = None
        for trip, left in zip(block, lefts, strict=True):
            stops = [c for c in told if c.after == before]
            ready = clock + (rest if before is not None else 0)
            first_stop = True
            for to, minutes, gained in [*((c.place, c.minutes, c.km) for c in stops), (trips.start_place[trip], 0, 0)]:
                if at is not None and to != at:
                    ready, empty, charge = ready + dead[at, to], empty + dead[at, to], charge - km[at, to]
                assert charge >= -1e-6
                if minutes:
                    assert battery.charges[to]
                    assert gained == pytest.approx(minutes * battery.charge_km_h / 60)
                    arrived = clock if first_stop and to == at else ready  # the layover charges too
                    ready = max(ready, arrived + minutes)
                    charge += gained
                    assert charge <= battery.range_km + 1e-6
                at, first_stop = to, False
            assert ready <= trips.start_min[trip] + 1e-6
            charge -= battery.trip_km[trip]
            assert charge >= -1e-6
            assert left == pytest.approx(charge, abs=1e-6)
            at, clock, before = trips.end_place[trip], trips.end_min[trip], trip
        if depot is not None:
            charge += sum(c.km for c in told if c.after == before)
            assert charge <= battery.range_km + 1e-6
            assert charge >= km[at, depot] - 1e-6
            empty += dead[at, depot]
        else:
            assert not [c for c in told if c.after == before]
    assert found.empty_min == pytest.approx(empty)
    assert found.bound <= found.vehicles
    assert found.proven == (found.bound == found.vehicles)
    assert found.empty_bound_min <= found.empty_min + 1e-9


@pytest.mark.parametrize("seed", range(120))
def test_buses_and_empty_minutes_are_the_least_of_all_partitions(seed: int) -> None:
    trips, dead, battery = made(seed, 1 + seed % 7, metric=seed % 4 > 0)
    depot = 0 if seed % 3 == 0 and seed % 4 > 0 else None
    rest = float(seed % 2 * 5)
    found = schedule_electric(trips, dead, battery, layover_min=rest, depot=depot)
    drive_through(trips, dead, battery, rest, depot, found)
    assert (found.vehicles, pytest.approx(found.empty_min)) == by_hand(trips, dead, battery, rest, depot)
    assert found.proven
    assert found.gap == 0
    assert found.empty_proven


def city(seed: int, trips: int, range_km: float, charge_km_h: float) -> tuple[Trips, np.ndarray, Battery]:
    """Return trips of a day between places of a town; half of the places charge."""
    luck = np.random.default_rng(seed)
    at = luck.random((6, 2)) * 20
    km = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
    dead = np.ceil(km * 2)
    for k in range(6):
        dead = np.minimum(dead, dead[:, k, None] + dead[None, k, :])
    start = np.sort(luck.integers(300, 1380, trips)).astype(float)
    a = luck.integers(0, 6, trips)
    b = (a + luck.integers(1, 6, trips)) % 6
    trip_km = np.maximum(km[a, b] * 1.3, 3.0)
    table = Trips(start, start + np.ceil(trip_km * 60 / 18), a, b)
    return table, dead, Battery(range_km, charge_km_h, np.arange(6) % 2 == 0, trip_km, km)


@pytest.mark.parametrize("depot", [None, 0])
def test_every_battery_of_a_day_lasts_and_the_answer_repeats(depot: int | None) -> None:
    trips, dead, battery = city(4, 40, 90.0, 30.0)
    found = schedule_electric(trips, dead, battery, layover_min=3, depot=depot)
    drive_through(trips, dead, battery, 3, depot, found)
    assert found == schedule_electric(trips, dead, battery, layover_min=3, depot=depot)
    assert any(found.charges)
    assert found.bound >= schedule(trips, dead, layover_min=3, depot=depot).vehicles


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000), trips=st.integers(0, 9), layover=st.sampled_from([0.0, 5.0]), depot=st.booleans())
def test_a_battery_without_end_changes_nothing(seed: int, trips: int, layover: float, depot: bool) -> None:
    table, dead, battery = made(seed, trips)
    at = 0 if depot else None
    found = schedule_electric(table, dead, replace(battery, range_km=1e6), layover_min=layover, depot=at)
    free = schedule(table, dead, layover_min=layover, depot=at)
    assert (found.vehicles, found.empty_min) == (free.vehicles, pytest.approx(free.empty_min))
    assert found.proven
    assert found.empty_proven


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000), trips=st.integers(1, 9), depot=st.booleans())
def test_every_block_can_be_driven(seed: int, trips: int, depot: bool) -> None:
    table, dead, battery = made(seed, trips)
    battery = replace(battery, range_km=battery.range_km + 2 * battery.deadhead_km.max())
    at = 0 if depot else None
    found = schedule_electric(table, dead, battery, layover_min=2.0, depot=at)
    drive_through(table, dead, battery, 2.0, at, found)


def to_and_fro(wait: float) -> dict[str, object]:
    """Four trips of 30 km and 30 minutes between two terminals, with a break of so many minutes after each."""
    trips = [
        {"start_min": (30 + wait) * k, "end_min": (30 + wait) * k + 30, "start_place": k % 2, "end_place": 1 - k % 2}
        for k in range(4)
    ]
    return {
        "trips": [{**t, "km": 30} for t in trips],
        "deadhead_min": [[0, 30], [30, 0]],
        "deadhead_km_h": 60,
        "range_km": 60,
    }


def test_charging_saves_a_bus() -> None:
    # 120 km and a battery of 60: two buses, or one that gets 20 km in each of three breaks of 20 minutes.
    base = to_and_fro(20)
    without = answer("blocks", base)
    assert (without["vehicles"], without["proven"], without["charged_km"]) == (2, True, [0, 0])
    found = answer("blocks", {**base, "charge_km_h": 60})
    assert (found["vehicles"], found["bound"], found["proven"], found["gap"]) == (1, 1, True, 0)
    assert found["left_km"] == ((30, 20, 10, 0),)
    assert found["charges"] == (
        tuple(
            {"after": k, "place": (k + 1) % 2, "minutes": pytest.approx(20), "km": pytest.approx(20)} for k in range(3)
        ),
    )
    assert found["charged_min"] == [pytest.approx(60)]
    assert answer("blocks", {**base, "charge_km_h": 59})["vehicles"] == 2
    assert answer("blocks", {**base, "charge_km_h": 60, "charge_places": [0]})["vehicles"] == 2
    one_end = answer("blocks", {**base, "charge_km_h": 120, "charge_places": [1.0]})
    assert one_end["vehicles"] == 1
    assert {c["place"] for c in one_end["charges"][0]} == {1}


def test_a_bus_drives_to_a_charger_between_trips() -> None:
    battery = Battery(60.0, 60.0, np.array([False, False, True]), np.array([40.0, 40.0]), np.full((3, 3), 5.0))
    dead = np.where(np.eye(3), 0.0, 5.0)
    trips = Trips(np.array([0.0, 100.0]), np.array([40.0, 140.0]), np.array([0, 1]), np.array([1, 0]))
    found = schedule_electric(trips, dead, replace(battery, deadhead_km=dead), depot=2)
    drive_through(trips, dead, replace(battery, deadhead_km=dead), 0.0, 2, found)
    assert found.vehicles == 1
    assert [c.place for c in found.charges[0]] == [2]
    assert found.empty_min == 20


def test_without_a_range_nothing_changes() -> None:
    given = to_and_fro(20)
    plain = {"trips": [{k: v for k, v in t.items() if k != "km"} for t in given["trips"]]}
    found = answer("blocks", {**plain, "deadhead_min": given["deadhead_min"]})
    assert list(found) == ["blocks", "empty_min", "proven", "apart", "vehicles"]


@pytest.mark.parametrize(
    ("change", "field", "saw"),
    [
        ({"range_km": 25}, "trips[0].km", "saw 30 km; expected at most what a battery lasts for, range_km 25 km"),
        ({"range_km": 0}, "range_km", "saw 0 km; expected more than 0"),
        ({"range_km": -5}, "range_km", "saw -5 km; expected more than 0"),
        ({"range_km": "far"}, "range_km", "saw 'far'; expected a number"),
        ({"charge_km_h": -1}, "charge_km_h", "saw -1 km; expected 0 or more"),
        ({"charge_km_h": 60, "charge_places": [2]}, "charge_places[0]", "saw 2; expected a place, 0 to 1"),
        ({"charge_km_h": 60, "charge_places": [0.5]}, "charge_places[0]", "saw 0.5; expected a place, 0 to 1"),
        ({"charge_places": [0]}, "charge_places", "saw places without charge_km_h; expected charge_km_h too"),
        ({"deadhead_km_h": 0}, "deadhead_km_h", "saw 0 km an hour; expected more than 0"),
        ({"deadhead_km_h": None}, "deadhead_km", "saw neither deadhead_km and deadhead_km_h; expected one of them"),
        ({"deadhead_km": [[0, 1], [1, 0]]}, "deadhead_km", "saw both deadhead_km and deadhead_km_h; expected one of"),
        (
            {"deadhead_km_h": None, "deadhead_km": [[0, -1], [1, 0]]},
            "deadhead_km[0][1]",
            "saw -1 km; expected 0 or more",
        ),
        (
            {"deadhead_km_h": None, "deadhead_km": [[0]]},
            "deadhead_km",
            "saw shape (1, 1); expected that of deadhead_min",
        ),
        ({"depot": 0, "range_km": 40}, "trips[0].km", "saw 30 km with 0 km from the depot and 30 km back; expected"),
        ({"range_km": None, "charge_km_h": 60, "deadhead_km_h": None}, "charge_km_h", "without range_km; expected"),
    ],
)
def test_bad_input_is_named_before_any_work(change: dict[str, object], field: str, saw: str) -> None:
    given = {k: v for k, v in {**to_and_fro(20), **change}.items() if v is not None}
    with pytest.raises(ScenarioError) as caught:
        answer("blocks", given)
    assert caught.value.field == field
    assert saw in str(caught.value)


def test_trips_say_what_is_wrong_with_them() -> None:
    given = to_and_fro(20)
    for km, saw in ((-3, r"trips\[1\].km: saw -3 km"), ("long", r"trips\[1\].km: saw 'long'; expected a number")):
        given["trips"][1]["km"] = km
        with pytest.raises(ScenarioError, match=saw):
            answer("blocks", given)
    del given["trips"][1]["km"]
    with pytest.raises(ScenarioError, match=r"trips\[1\].km: is missing"):
        answer("blocks", given)
    given["trips"][1].update(km=1, end_min=given["trips"][1]["start_min"])
    with pytest.raises(ScenarioError, match=r"trips\[1\].end_min: saw 50, when it starts"):
        answer("blocks", given)


def test_more_trips_than_the_limit_are_refused_at_once() -> None:
    trips, dead, battery = city(1, MOST_TRIPS + 1, 100.0, 0.0)
    with pytest.raises(LimitError, match=f"asked for {MOST_TRIPS + 1} trips"):
        schedule_electric(trips, dead, battery)
