"""What a set of routes is worth to passengers and to the operator, exactly and simply.

Plain and slow on purpose: the search has its own fast evaluator, and this one judges it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

from greentrip_optimizer.route_design.instance import Instance

# A journey's code is its time with a transfer charged a ride, times this, plus its rides: least time first, then
# fewest rides. No journey rides 256 times: routes are at most as many as 8 bits count, or else the code widens.
_RIDES = 1 << 16
_FAR = np.int64(1) << 60


@dataclass(frozen=True)
class Worth:
    """The published measures of a set of routes.

    `att` is the mean minutes of a trip, riding and transfers; `trt` the summed one-way minutes of the routes; `d0`,
    `d1`, `d2` the percent of trips whose quickest journey has 0, 1, 2 transfers (among equally quick ones the fewest)
    and `dun` the percent that needs more or has no journey. `att` is infinite where a trip has no journey.
    """

    att: float
    trt: float
    d0: float
    d1: float
    d2: float
    dun: float

    def as_dict(self) -> dict[str, Any]:
        """Return the measures by name."""
        return asdict(self)


@njit()
def _close(code: NDArray[np.int64]) -> None:
    """Replace direct codes by the least sum over any sequence of rides, in place."""
    n = code.shape[0]
    for k in range(n):
        for i in range(n):
            first = code[i, k]
            if first < _FAR:
                for j in range(n):
                    code[i, j] = min(code[i, j], first + code[k, j])


def journeys(instance: Instance, routes: Sequence[Sequence[int]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return minutes (infinite without a journey) and transfers (-1 without) between all nodes, both (n, n)."""
    n = instance.nodes
    code = np.full((n, n), _FAR, dtype=np.int64)
    for route in routes:
        steps = [instance.links[a, b] for a, b in pairwise(route)]
        at = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
        where = np.asarray(route)
        ride = (np.abs(at[:, None] - at[None, :]) + instance.transfer) * _RIDES + 1
        code[np.ix_(where, where)] = np.minimum(code[np.ix_(where, where)], ride)
    np.fill_diagonal(code, 0)
    _close(code)
    reached = code < _FAR
    minutes = np.where(reached, (code // _RIDES - instance.transfer) / instance.scale, np.inf)
    transfers = np.where(reached, code % _RIDES - 1, -1)
    np.fill_diagonal(minutes, 0.0)
    np.fill_diagonal(transfers, 0)
    return minutes, transfers


def evaluate(instance: Instance, routes: Sequence[Sequence[int]]) -> Worth:
    """Return what the routes are worth; they need not keep the rules, but must run over links.

    The measures are those of Mumford (CEC 2013) and John (2016).
    """
    minutes, transfers = journeys(instance, routes)
    trips = instance.demand
    total = trips.sum()
    wanted = trips > 0
    att = float((minutes[wanted] * trips[wanted]).sum() / total)
    shares = [float(100 * trips[wanted & (transfers == k)].sum() / total) for k in range(3)]
    return Worth(
        att,
        sum(length(instance, r) for r in routes) / instance.scale,
        shares[0],
        shares[1],
        shares[2],
        float(100 * trips[wanted & ((transfers < 0) | (transfers > 2))].sum() / total),
    )


def length(instance: Instance, route: Sequence[int]) -> int:
    """Return a route's one-way time in units of 1 / `scale` minutes."""
    return int(sum(instance.links[a, b] for a, b in pairwise(route)))
