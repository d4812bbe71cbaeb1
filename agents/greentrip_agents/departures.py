"""When a tour leaves: the period its person would like, and the one beside it that a short shift leads to.

Everybody has a time of day at which they would like to go. Leaving the period that it lies in means going earlier or
later than that; each minute of it is felt (Small 1982, American Economic Review 72: a minute early at work weighs 0.61
minutes of travel, a minute late 2.4), and so is the change of habit. On the way home the weights change places: it is
leaving work early that costs. Choice then weighs both periods by what travel costs in each (`greentrip_agents.choice`).
"""

import numpy as np
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
    other, shift = period.copy(), np.full(period.shape, np.inf)
    early = np.array([p[f"departure.early.{name}"] for name in PURPOSES])[purpose]
    late = np.array([p[f"departure.late.{name}"] for name in PURPOSES])[purpose]
    edges, after = _edges()
    for d, (sooner, later) in enumerate(((early, late), (late, early))):
        hour = wanted_hours(seed, key, number, period[:, d], d)
        next_edge = np.searchsorted(edges, hour, side="right")
        for step, weight in ((-1, sooner), (0, later)):
            at = next_edge + step
            known = (at >= 0) & (at < len(edges))
            minutes = np.where(known, np.abs(edges[np.clip(at, 0, len(edges) - 1)] - hour) * 60, np.inf)
            felt = np.where(minutes <= p["departure.at_most_min"], weight * minutes + p["departure.change_min"], np.inf)
            better = felt < shift[:, d]
            beyond = after[np.clip(next_edge + (1 if step == 0 else -1), 0, len(edges))]
            other[better, d], shift[better, d] = beyond[better], felt[better]
    return other, shift


def wanted_hours(seed: int, key: Ints, number: Ints, period: Ints, direction: int) -> Floats:
    """Return the hours at which tours would like to leave (direction 0) or go home (1), spread evenly in a period."""
    u = draws.uniforms_at(seed, key, draws.WANTED, direction + 2 * number)
    hour = np.empty(len(key))
    for row, windows in enumerate(PERIOD_WINDOWS):
        mine = period == row
        starts, ends = np.array(windows, np.float64).T
        into = u[mine] * (ends - starts).sum()
        before = np.concatenate([[0.0], np.cumsum(ends - starts)])
        w = np.searchsorted(before, into, side="right") - 1
        hour[mine] = starts[w] + into - before[w]
    return hour


def _edges() -> tuple[Floats, Ints]:
    """Return the hours at which one period follows another, and the period before the first and after each."""
    windows = sorted((start, end, row) for row, those in enumerate(PERIOD_WINDOWS) for start, end in those)
    edges = np.array([end for _, end, _ in windows[:-1]], np.float64)
    return edges, np.array([row for _, _, row in windows])
