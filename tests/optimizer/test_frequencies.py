"""Buses given to lines against every way of giving them, and the square-root rule as the bound."""

import itertools

import numpy as np
import pytest
from greentrip_optimizer.frequencies import FleetError, Line, allocate
from hypothesis import given, settings
from hypothesis import strategies as st


def made(seed: int, count: int) -> list[Line]:
    luck = np.random.default_rng(seed)
    return [
        Line(
            f"line {k}",
            cycle_min=float(luck.integers(20, 120)),
            riders=float(luck.integers(0, 900)),
            peak_load=float(luck.integers(0, 200)),
            max_headway_min=float(luck.choice([15, 30, 60])),
        )
        for k in range(count)
    ]


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 100_000), count=st.integers(1, 4), spare=st.integers(0, 6))
def test_no_other_way_of_giving_buses_leaves_less_waiting(seed: int, count: int, spare: int) -> None:
    lines = made(seed, count)
    fleet = sum(line.fewest for line in lines) + spare
    found = allocate(lines, fleet)
    ways = itertools.product(*[range(line.fewest, line.fewest + spare + 1) for line in lines])
    best = min(sum(line.waiting(v) for line, v in zip(lines, way, strict=True)) for way in ways if sum(way) <= fleet)
    assert found.waiting_min == pytest.approx(best)
    assert found.bound_min <= found.waiting_min * (1 + 1e-9)
    assert sum(found.buses.values()) <= fleet
    for line in lines:
        assert found.headway_min[line.name] <= line.max_headway_min + 1e-9
        assert 60 / found.headway_min[line.name] * line.capacity >= line.peak_load - 1e-6
    more = allocate(lines, fleet + 1)
    assert found.waiting_min - more.waiting_min == pytest.approx(found.next_bus_saves)


def test_with_nothing_binding_buses_follow_the_square_root() -> None:
    lines = [Line("a", 60, 100, max_headway_min=1e6), Line("b", 60, 400, max_headway_min=1e6)]
    found = allocate(lines, 30)
    assert found.buses == {"a": 10, "b": 20}
    assert found.waiting_min == pytest.approx(found.bound_min)


def test_a_fleet_too_small_is_told_how_many_are_missing() -> None:
    lines = [Line("a", 60, 100, peak_load=800), Line("b", 30, 50)]
    with pytest.raises(FleetError, match=r"need 11 .*10, on a.*give 6 more"):
        allocate(lines, 5)
    with pytest.raises(FleetError, match="cycle"):
        allocate([Line("a", 0, 1)], 5)
    with pytest.raises(FleetError, match="riders"):
        allocate([Line("a", 10, -1)], 5)
    with pytest.raises(FleetError, match="twice"):
        allocate([Line("a", 10, 1), Line("a", 10, 1)], 5)
