"""Offsets against waits counted rider by rider, minute by minute."""

import numpy as np
import pytest
from greentrip_optimizer.offsets import Connection, OffsetsError, best_offset
from hypothesis import given, settings
from hypothesis import strategies as st


def waited(connection: Connection, offset: float, headway: float, end: float) -> float:
    """Return the mean wait over one long run, each rider's next departure looked for one by one."""
    buses = [offset + k * headway + connection.ride_min for k in range(int((end - offset) // headway) + 1)]
    total = 0.0
    for share, ready, leaving, gap in (
        (connection.to_train, [b + connection.walk_min for b in buses], list(connection.trains_min), None),
        (connection.from_train, [t + connection.walk_min for t in connection.trains_min], buses, headway),
    ):
        step = gap or float(np.diff(connection.trains_min).mean())
        waits = []
        for at in ready:
            clock = next((d for d in leaving if d >= at - 1e-9), None)
            if clock is None:
                clock = leaving[-1]
                while clock < at - 1e-9:
                    clock += step
            waits.append(clock - at)
        total += share * sum(waits) / len(waits)
    return total / (connection.to_train + connection.from_train)


@settings(max_examples=80, deadline=None)
@given(
    ride=st.integers(0, 30),
    walk=st.integers(0, 6),
    headway=st.integers(4, 30),
    gap=st.integers(3, 20),
    shift=st.integers(0, 10),
    to_train=st.integers(0, 50),
    from_train=st.integers(1, 50),
)
def test_the_offset_is_the_best_of_all_and_its_wait_is_counted_right(
    ride: int, walk: int, headway: int, gap: int, shift: int, to_train: int, from_train: int
) -> None:
    connection = Connection(ride, walk, tuple(float(t) for t in range(shift, 180, gap)), to_train, from_train)
    found = best_offset([connection], headway, 0, 120)
    waits = [waited(connection, offset, headway, 120) for offset in range(headway)]
    assert found.wait_min == pytest.approx(min(waits))
    assert waits[int(found.offset_min)] == pytest.approx(min(waits))
    assert found.average_min == pytest.approx(sum(waits) / len(waits))


def test_a_bus_every_train_waits_no_longer_than_the_walk_asks() -> None:
    trains = tuple(float(t) for t in range(15, 125, 10))
    found = best_offset([Connection(12, 3, trains, from_train=10)], 10, 0, 110)
    assert found.offset_min == 6  # trains at 15, 25 ... and 3 on foot: buses at the station at 18, 28 ...
    assert found.wait_min == 0
    assert found.average_min == pytest.approx(4.5)


def test_times_that_make_no_sense_are_named() -> None:
    one = Connection(5, 2, (1.0, 2.0), 1, 1)
    with pytest.raises(OffsetsError, match="headway"):
        best_offset([one], 0, 0, 60)
    with pytest.raises(OffsetsError, match="length of the period"):
        best_offset([one], 70, 0, 60)
    with pytest.raises(OffsetsError, match="riders"):
        best_offset([Connection(5, 2, (1.0,))], 10, 0, 60)
    with pytest.raises(OffsetsError, match="no train"):
        best_offset([Connection(5, 2, (), 1, 1)], 10, 0, 60)
