"""Vehicle schedules: trips chained into blocks, one a vehicle, with the fewest vehicles proven.

A vehicle may run trip j after trip i when it can end i, rest the layover, drive empty to where j begins, and be there
in time. Fewest vehicles, and among those the least empty minutes, is a flow of least cost: OR-Tools solves it exactly.
That fewer vehicles cannot do is proven by König's cover: as many starts and ends of trips as there are successions in
the schedule, such that every possible succession uses one of them. Where empty driving obeys the triangle inequality,
the trips outside the cover are as many as the vehicles, and no two of them can run on one (Dilworth 1950).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from greentrip_networks.errors import GreentripError
from numpy.typing import ArrayLike, NDArray

from greentrip_optimizer.solver import SolverMissingError

_UNIT = 1000


class BlocksError(GreentripError):
    """Trips or deadheads that no vehicle schedule can be made of."""


@dataclass(frozen=True, eq=False)
class Trips:
    """Timetabled trips as columns: minutes of start and end, and the places (rows of the deadheads) they join."""

    start_min: NDArray[np.float64]
    end_min: NDArray[np.float64]
    start_place: NDArray[np.int64]
    end_place: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of trips."""
        return len(self.start_min)


@dataclass(frozen=True)
class Blocks:
    """A vehicle schedule.

    `blocks` lists trip numbers in the order a vehicle runs them; `empty_min` is minutes driven empty between trips and,
    where a depot was given, to and from it. `proven` says that a cover, checked against every possible succession,
    shows that fewer vehicles cannot do; `apart` are the trips outside it, no two of which can follow each other.
    """

    blocks: tuple[tuple[int, ...], ...]
    empty_min: float
    proven: bool
    apart: tuple[int, ...]

    @property
    def vehicles(self) -> int:
        """Return the number of vehicles."""
        return len(self.blocks)


def follows(trips: Trips, deadhead_min: NDArray[np.float64], layover_min: float) -> NDArray[np.bool_]:
    """Return whether a vehicle can run trip j (column) next after trip i (row), shape (trips, trips)."""
    ready = trips.end_min[:, None] + layover_min + deadhead_min[trips.end_place[:, None], trips.start_place[None, :]]
    can = ready <= trips.start_min[None, :] + 1e-9
    np.fill_diagonal(can, False)
    return np.asarray(can, dtype=np.bool_)


def schedule(trips: Trips, deadhead_min: ArrayLike, *, layover_min: float = 0.0, depot: int | None = None) -> Blocks:
    """Return blocks with the fewest vehicles and, among those, the least empty driving.

    Parameters
    ----------
    trips
        The trips to run.
    deadhead_min
        Minutes of driving empty between places, shape (places, places); infinite where a vehicle cannot go.
    layover_min
        Rest between the end of a trip and leaving for the next.
    depot
        A place from which every vehicle starts and to which it returns, at any time; None counts no such driving.

    Raises
    ------
    BlocksError
        A trip ends before it starts or at no known place, or the depot cannot be driven to.

    """
    empty_drive = np.asarray(deadhead_min, dtype=np.float64)
    _check(trips, empty_drive, layover_min, depot)
    can = follows(trips, empty_drive, layover_min)
    n = len(trips)
    if n == 0:
        return Blocks((), 0.0, proven=True, apart=())
    between = empty_drive[trips.end_place[:, None], trips.start_place[None, :]]
    if depot is None:
        out, back = np.zeros(n), np.zeros(n)
    else:
        out, back = empty_drive[depot, trips.start_place], empty_drive[trips.end_place, depot]
    following = _least_cost(can, between, out, back)
    first = np.ones(n, dtype=bool)
    first[following[following >= 0]] = False
    blocks = []
    empty = 0.0
    for trip in np.flatnonzero(first):
        block = [int(trip)]
        while following[block[-1]] >= 0:
            empty += float(between[block[-1], following[block[-1]]])
            block.append(int(following[block[-1]]))
        empty += float(out[block[0]] + back[block[-1]])
        blocks.append(tuple(block))
    end, start = _cover(can, following)
    holds = not (can & ~end[:, None] & ~start[None, :]).any() and int(end.sum() + start.sum()) == n - len(blocks)
    return Blocks(tuple(blocks), empty, holds, tuple(int(v) for v in np.flatnonzero(~end & ~start)))


def _check(trips: Trips, deadhead_min: NDArray[np.float64], layover_min: float, depot: int | None) -> None:
    """Raise BlocksError where the input cannot be scheduled."""
    places = deadhead_min.shape[0]
    if (
        deadhead_min.ndim != 2
        or deadhead_min.shape[1] != places
        or np.isnan(deadhead_min).any()
        or (deadhead_min < 0).any()
    ):
        raise BlocksError(
            f"deadheads: saw shape {deadhead_min.shape}; expected a square matrix of minutes of 0 or more"
        )
    if not layover_min >= 0:
        raise BlocksError(f"layover: saw {layover_min} minutes; expected 0 or more")
    if depot is not None and not 0 <= depot < places:
        raise BlocksError(f"depot: saw place {depot}; expected 0 to {places - 1}")
    for k in range(len(trips)):
        if not trips.start_min[k] <= trips.end_min[k] < np.inf:
            raise BlocksError(
                f"trip {k}: runs from {trips.start_min[k]} to {trips.end_min[k]}; expected an end after the start"
            )
        for place in (trips.start_place[k], trips.end_place[k]):
            if not 0 <= place < places:
                raise BlocksError(f"trip {k}: place {place}; expected 0 to {places - 1}, the rows of the deadheads")
        if depot is not None and np.isinf(
            deadhead_min[depot, trips.start_place[k]] + deadhead_min[trips.end_place[k], depot]
        ):
            raise BlocksError(
                f"trip {k}: the depot, place {depot}, cannot be driven from or to; give it finite deadheads"
            )


def _least_cost(
    can: NDArray[np.bool_], between: NDArray[np.float64], out: NDArray[np.float64], back: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the trip that follows each, -1 where none, by a flow of least vehicles and then least empty minutes.

    Sources are the trips' ends and one depot; sinks are the trips' starts and the depot. Minutes count in thousandths.
    """
    try:
        from ortools.graph.python import min_cost_flow
    except ImportError as error:
        raise SolverMissingError(str(error)) from error
    n = can.shape[0]
    i, j = np.nonzero(can)
    link = np.rint(between[i, j] * _UNIT).astype(np.int64)
    leave, come = (np.rint(v * _UNIT).astype(np.int64) for v in (out, back))
    # More than all empty driving there can be, so that a vehicle is never spent to save minutes.
    vehicle = int(max(link.max(initial=0), (leave.max() + come.max()))) * (2 * n + 2) + 1
    ends, starts, source, sink = np.arange(n), n + np.arange(n), 2 * n, 2 * n + 1
    flow = min_cost_flow.SimpleMinCostFlow()
    one = np.ones(n, dtype=np.int64)
    arcs = flow.add_arcs_with_capacity_and_unit_cost(i, n + j, np.ones(len(i), dtype=np.int64), link)
    flow.add_arcs_with_capacity_and_unit_cost(one * source, starts, one, leave + vehicle)
    flow.add_arcs_with_capacity_and_unit_cost(ends, one * sink, one, come)
    flow.add_arc_with_capacity_and_unit_cost(source, sink, n, 0)
    flow.set_nodes_supplies(ends, one)
    flow.set_nodes_supplies(starts, -one)
    flow.set_node_supply(source, n)
    flow.set_node_supply(sink, -n)
    if flow.solve() != flow.OPTIMAL:
        raise AssertionError("every trip on a vehicle of its own is a flow, so there is a least one")
    following = np.full(n, -1, dtype=np.int64)
    if len(i):
        used = np.flatnonzero(flow.flows(arcs))
        following[i[used]] = j[used]
    return following


def _cover(can: NDArray[np.bool_], following: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the ends and starts of a least cover of all possible successions (König).

    Walk from ends without a successor, along any arc to a start and back along its matched arc to an end: the cover is
    the ends not met and the starts met.
    """
    n = can.shape[0]
    before = np.full(n, -1, dtype=np.int64)
    matched = np.flatnonzero(following >= 0)
    before[following[matched]] = matched
    end_met = following < 0
    start_met = np.zeros(n, dtype=bool)
    stack = list(np.flatnonzero(end_met))
    while stack:
        i = stack.pop()
        for j in np.flatnonzero(can[i] & ~start_met):
            start_met[j] = True
            k = before[j]
            if k >= 0 and not end_met[k]:
                end_met[k] = True
                stack.append(k)
    return ~end_met, start_met


def from_lines(
    first_min: Sequence[float], last_min: Sequence[float], headway_min: Sequence[float], run_min: Sequence[float]
) -> Trips:
    """Return the trips of lines that run from place 2k to 2k + 1 and back, every headway from first to last."""
    rows = []
    for k, (first, last, headway, run) in enumerate(zip(first_min, last_min, headway_min, run_min, strict=True)):
        if not headway > 0:
            raise BlocksError(f"line {k}: a headway of {headway} minutes; expected more than 0")
        for at in np.arange(first, last + 1e-9, headway):
            rows.append((at, at + run, 2 * k, 2 * k + 1))
            rows.append((at, at + run, 2 * k + 1, 2 * k))
    table = np.array(sorted(rows), dtype=np.float64).reshape(-1, 4)
    return Trips(table[:, 0], table[:, 1], table[:, 2].astype(np.int64), table[:, 3].astype(np.int64))
