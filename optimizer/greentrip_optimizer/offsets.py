"""Timetable offsets: when a line's first bus leaves, so that riders wait least for trains and from trains.

A line leaves every headway from its offset on. Riders to a train reach the station with a bus, walk, and wait for the
next train; riders from a train walk and wait for the next bus. Lines do not wait for each other, so each line's offset
is found by itself, over every minute of its headway: exact to the step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from greentrip_networks.errors import GreentripError
from numpy.typing import NDArray


class OffsetsError(GreentripError):
    """Times or riders from which no offset can be told."""


@dataclass(frozen=True)
class Connection:
    """Where a line meets trains.

    A bus is at the station `ride_min` minutes after it leaves its terminal; changing takes `walk_min`. `trains_min` are
    the times there of the period's trains. In the period `to_train` riders change to trains, spread evenly over the
    buses, and `from_train` riders from trains, spread evenly over the trains.
    """

    ride_min: float
    walk_min: float
    trains_min: tuple[float, ...]
    to_train: float = 0.0
    from_train: float = 0.0


@dataclass(frozen=True)
class Offset:
    """A line's best offset, the mean wait it gives a changing rider, and what the mean over all offsets would be."""

    offset_min: float
    wait_min: float
    average_min: float


def best_offset(
    connections: Sequence[Connection], headway_min: float, start_min: float, end_min: float, *, step_min: float = 1.0
) -> Offset:
    """Return the offset from `start_min`, less than a headway, with the least wait of changing riders.

    Buses leave at start + offset, then every headway, up to `end_min`. A rider for whom nothing leaves any more waits
    to the first departure of the other kind one headway, or one mean train gap, later. Ties go to the earliest.

    Raises
    ------
    OffsetsError
        Headway, step or period are out of range, a connection has no train, or nobody changes.

    """
    if not (0 < step_min <= headway_min <= end_min - start_min < np.inf):
        raise OffsetsError(
            f"a headway of {headway_min}, steps of {step_min}, a period from {start_min} to {end_min}; expected "
            "0 < step <= headway <= length of the period"
        )
    riders = sum(c.to_train + c.from_train for c in connections)
    if not riders > 0 or any(min(c.to_train, c.from_train) < 0 for c in connections):
        raise OffsetsError(f"{riders} riders change; expected numbers of 0 or more and someone to change")
    if not all(c.trains_min for c in connections):
        raise OffsetsError("a connection has no train; leave it out or give its trains")
    tries = start_min + np.arange(0.0, headway_min - 1e-9, step_min)
    waits = np.array([_wait(connections, at, headway_min, end_min) for at in tries]) / riders
    best = int(np.argmin(np.round(waits, 9)))
    return Offset(float(tries[best] - start_min), float(waits[best]), float(waits.mean()))


def _wait(connections: Sequence[Connection], first_min: float, headway_min: float, end_min: float) -> float:
    """Return the rider-minutes waited with buses from `first_min` on."""
    leaving = np.arange(first_min, end_min + 1e-9, headway_min)
    total = 0.0
    for c in connections:
        trains = np.sort(np.asarray(c.trains_min, dtype=np.float64))
        gap = float(np.diff(trains).mean()) if len(trains) > 1 else headway_min
        at_station = leaving + c.ride_min
        if c.to_train:
            total += c.to_train * float(_until_next(at_station + c.walk_min, trains, gap).mean())
        if c.from_train:
            total += c.from_train * float(_until_next(trains + c.walk_min, at_station, headway_min).mean())
    return total


def _until_next(ready: NDArray[np.float64], departures: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Return the wait from each ready time to the next departure, departures going on every `gap` after the last."""
    k = np.searchsorted(departures, ready - 1e-9)
    inside = departures[np.minimum(k, len(departures) - 1)] - ready
    late = ready - departures[-1]
    after = np.ceil(late / gap - 1e-9) * gap - late
    return np.asarray(np.where(k < len(departures), np.maximum(inside, 0.0), np.maximum(after, 0.0)))
