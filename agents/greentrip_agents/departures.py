"""When a tour leaves: the period its person would like, and the one beside it that a short shift leads to.

Everybody has a time of day at which they would like to go. Leaving the period that it lies in means going earlier or
later than that; each minute of it is felt (Small 1982, American Economic Review 72: a minute early at work weighs 0.61
minutes of travel, a minute late 2.4), and so is the change of habit. On the way home the weights change places: it is
leaving work early that costs. Choice then weighs both periods by what travel costs in each (`greentrip_agents.choice`).
"""

import numpy as np
from greentrip_networks.kernels import njit, prange
from greentrip_networks.network import PERIOD_WINDOWS
from numpy.typing import NDArray

from greentrip_agents import draws
from greentrip_agents.definitions import PURPOSES
from greentrip_agents.parameters import Parameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def departures(seed: int, key: Ints, number: Ints, purpose: Ints, period: Ints, p: Parameters) -> tuple[Ints, Floats]:
    """Return each tour's other period out and home, and the generalised minutes that going then costs beyond travel.

    Parameters
    ----------
    seed, key, number
        Of the draw; persons keep their times in every scenario.
    purpose
        Shape (tours,), rows of PURPOSES.
    period
        Shape (tours, 2): the wanted periods, rows of PERIODS.
    p
        The parameters of [departure].

    Returns
    -------
    other, shift
        Both shape (tours, 2). shift is infinite where the edge of the wanted period is too far away.
    """
    early = np.array([p[f"departure.early.{name}"] for name in PURPOSES])
    late = np.array([p[f"departure.late.{name}"] for name in PURPOSES])
    hours = np.column_stack([wanted_hours(seed, key, number, period[:, d], d) for d in range(2)])
    other, shift = period.copy(), np.full(period.shape, np.inf)
    edges, after = _edges()
    _shift(
        hours, purpose, edges, after, early, late, p["departure.at_most_min"], p["departure.change_min"], other, shift
    )
    return other, shift


@njit(parallel=True)
def _shift(
    hours: Floats, purpose: Ints, edges: Floats, after: Ints, early: Floats, late: Floats, at_most: float,
    change: float, other: Ints, shift: Floats,
) -> None:  # fmt: skip
    """Fill the nearer of the two periods beside each wanted one, as felt; what is too far away stays as it was."""
    for i in prange(hours.shape[0]):
        for d in range(2):
            sooner, later = early[purpose[i]], late[purpose[i]]
            if d == 1:
                sooner, later = later, sooner
            hour = hours[i, d]
            following = np.searchsorted(edges, hour, side="right")
            if following > 0:
                minutes = (hour - edges[following - 1]) * 60
                if minutes <= at_most:
                    other[i, d], shift[i, d] = after[following - 1], sooner * minutes + change
            if following < edges.shape[0]:
                minutes = (edges[following] - hour) * 60
                if minutes <= at_most and later * minutes + change < shift[i, d]:
                    other[i, d], shift[i, d] = after[following + 1], later * minutes + change


def wanted_hours(seed: int, key: Ints, number: Ints, period: Ints, direction: int) -> Floats:
    """Return the hours at which tours would like to leave (direction 0) or go home (1), spread evenly in a period."""
    hour = np.empty(len(key))
    first = np.concatenate([[0], np.cumsum([len(windows) for windows in PERIOD_WINDOWS])])
    starts, ends = np.array([window for windows in PERIOD_WINDOWS for window in windows], np.float64).T
    _wanted(seed, key, number, period, direction, first, starts.copy(), ends.copy(), hour)
    return hour


@njit(parallel=True)
def _wanted(
    seed: int, key: Ints, number: Ints, period: Ints, direction: int, first: Ints, starts: Floats, ends: Floats,
    hour: Floats,
) -> None:  # fmt: skip
    """Fill the hour of each tour; first: each period's first window."""
    for i in prange(key.shape[0]):
        a, b = first[period[i]], first[period[i] + 1]
        total = 0.0
        for w in range(a, b):
            total += ends[w] - starts[w]
        into = draws.uniform(seed, key[i], draws.WANTED, direction + 2 * number[i]) * total
        before = 0.0
        w = a
        while w < b - 1 and into >= before + (ends[w] - starts[w]):
            before += ends[w] - starts[w]
            w += 1
        hour[i] = starts[w] + into - before


def _edges() -> tuple[Floats, Ints]:
    """Return the hours at which one period follows another, and the period before the first and after each."""
    windows = sorted((start, end, row) for row, those in enumerate(PERIOD_WINDOWS) for start, end in those)
    edges = np.array([end for _, end, _ in windows[:-1]], np.float64)
    return edges, np.array([row for _, _, row in windows])
