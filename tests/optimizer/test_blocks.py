"""Vehicle schedules against every way of chaining trips, and their proofs against the trips themselves."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from greentrip_optimizer.blocks import BlocksError, Trips, follows, from_lines, schedule
from hypothesis import given, settings
from hypothesis import strategies as st


def made(seed: int, trips: int, places: int = 3) -> tuple[Trips, np.ndarray]:
    luck = np.random.default_rng(seed)
    at = luck.random((places, 2)) * 20
    start = np.sort(luck.integers(0, 120, trips)).astype(float)
    return (
        Trips(
            start, start + luck.integers(5, 40, trips), luck.integers(0, places, trips), luck.integers(0, places, trips)
        ),
        np.round(np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))),
    )


def by_hand(can: np.ndarray, between: np.ndarray, out: np.ndarray, back: np.ndarray) -> tuple[int, float]:
    """Return the fewest vehicles and then the least empty minutes over all choices of a predecessor for each trip."""
    n = len(can)
    best = (n + 1, np.inf)
    for before in itertools.product(*[[-1, *np.flatnonzero(can[:, j])] for j in range(n)]):
        used = [b for b in before if b >= 0]
        if len(set(used)) == len(used):
            cost = sum(between[b, j] if b >= 0 else out[j] for j, b in enumerate(before))
            cost += sum(back[i] for i in range(n) if i not in used)
            best = min(best, (n - len(used), round(float(cost), 6)))
    return best


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000), trips=st.integers(1, 7), layover=st.sampled_from([0.0, 5.0]), depot=st.booleans())
def test_vehicles_and_empty_minutes_are_the_least(seed: int, trips: int, layover: float, depot: bool) -> None:
    table, dead = made(seed, trips)
    found = schedule(table, dead, layover_min=layover, depot=0 if depot else None)
    can = follows(table, dead, layover)
    between = dead[table.end_place[:, None], table.start_place[None, :]]
    out = dead[0, table.start_place] if depot else np.zeros(trips)
    back = dead[table.end_place, 0] if depot else np.zeros(trips)
    assert (found.vehicles, pytest.approx(found.empty_min)) == by_hand(can, between, out, back)
    assert sorted(t for b in found.blocks for t in b) == list(range(trips))
    assert all(can[a, b] for block in found.blocks for a, b in itertools.pairwise(block))
    assert found.proven


def test_the_proof_is_trips_that_no_bus_can_share() -> None:
    table, dead = made(5, 400, places=8)
    dead = np.array(dead)
    for k in range(8):  # rounded distances may break the triangle inequality by a minute
        dead = np.minimum(dead, dead[:, k, None] + dead[None, k, :])
    found = schedule(table, dead, layover_min=3)
    can = follows(table, dead, 3)
    assert found.proven
    assert len(found.apart) == found.vehicles
    assert not can[np.ix_(found.apart, found.apart)].any()


def test_a_line_needs_its_cycle_over_its_headway() -> None:
    # 35 minutes each way and 5 of rest: a cycle of 80, every 10 minutes: 8 buses.
    table = from_lines([360], [1080], [10], [35])
    found = schedule(table, np.where(np.eye(2), 0, np.inf), layover_min=5)
    assert found.vehicles == 8 == len(found.apart)
    assert found.empty_min == 0


def test_nothing_to_run_needs_nothing() -> None:
    none = np.zeros(0)
    found = schedule(Trips(none, none, none.astype(np.int64), none.astype(np.int64)), np.zeros((1, 1)))
    assert found.vehicles == 0
    assert found.proven


def test_the_manuals_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "vehicles.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(example, "vehicles.md", "exec"), {})
    buses, blocks, offset = capsys.readouterr().out.splitlines()
    assert "'north': 8" in buses
    assert blocks.split()[1] == "True"
    assert offset.startswith("Offset(")


def test_what_cannot_be_scheduled_is_named() -> None:
    table, dead = made(1, 3)
    with pytest.raises(BlocksError, match="trip 0: runs"):
        schedule(Trips(table.end_min, table.start_min, table.start_place, table.end_place), dead)
    with pytest.raises(BlocksError, match="place"):
        schedule(table, dead[:1, :1])
    with pytest.raises(BlocksError, match="square"):
        schedule(table, dead[:2])
    with pytest.raises(BlocksError, match="layover"):
        schedule(table, dead, layover_min=-1)
    with pytest.raises(BlocksError, match="depot: saw"):
        schedule(table, dead, depot=9)
    with pytest.raises(BlocksError, match="cannot be driven"):
        schedule(table, np.where(np.eye(3), 0, np.inf), depot=0)
    with pytest.raises(BlocksError, match="headway"):
        from_lines([0], [60], [0], [10])
