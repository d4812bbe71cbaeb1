"""Swap what two buses do from some trip on, while that saves empty driving and both batteries still last."""

import numpy as np

from greentrip_optimizer.electric.battery import EPSILON
from greentrip_optimizer.electric.labels import Column, Work, column
from greentrip_optimizer.electric.links import Links

_TRIED = 2000  # swaps that save most, of one round


def exchange(links: Links, plan: list[Column], work: Work) -> list[Column]:
    """Return a plan of as many buses that no swap of what follows two trips makes less empty."""
    n = len(links)
    while work.left > 0:
        block, following = np.zeros(n, np.int64), np.full(n, -1)
        now = links.back_min.copy()
        left = np.zeros(n)
        for b, held in enumerate(plan):
            block[list(held.trips)] = b
            left[list(held.trips)] = charges(links, held)
            for i, j, way in zip(held.trips, held.trips[1:], held.ways[1:], strict=False):
                following[i], now[i] = j, float(links.empty_min(way, j, np.array([i]))[0])
        straight = np.full((n + 1, n), np.inf)  # by next trip (the last row: none) and trip before
        drive = links.deadhead_min[links.trips.end_place[None, :], links.trips.start_place[:, None]]
        straight[:n] = np.where(links.open[0], drive, np.inf)
        straight[n] = links.back_min
        then = straight[following]  # minutes to what follows i (row) for j (column); row -1 is the last
        saved = now[:, None] + now[None, :] - then - then.T
        saved[block[:, None] == block[None, :]] = -np.inf
        first, second = np.nonzero(np.triu(saved > EPSILON))
        best = np.argsort(-saved[first, second], kind="stable")[:_TRIED]
        for i, j in zip(first[best].tolist(), second[best].tolist(), strict=True):
            work.left -= n
            one, other = plan[block[i]], plan[block[j]]
            p, q = one.trips.index(i) + 1, other.trips.index(j) + 1
            if not (_lasts(links, i, left[i], other, q) and _lasts(links, j, left[j], one, p)):
                continue
            plan = list(plan)
            plan[block[i]] = _joined(links, one, p, other, q)
            plan[block[j]] = _joined(links, other, q, one, p)
            break
        else:
            break
    return plan


def charges(links: Links, block: Column) -> list[float]:
    """Return the charge, km, after each trip of a block."""
    charge = float(links.first_km[block.trips[0]] - links.battery.trip_km[block.trips[0]])
    found = [max(charge, 0.0)]
    for i, j, way in zip(block.trips, block.trips[1:], block.ways[1:], strict=False):
        arrived = float(links.arrive(way, j, np.array([i]), np.array([found[-1]]))[0])
        found.append(max(arrived - float(links.battery.trip_km[j]), 0.0))
    return found


def _lasts(links: Links, trip: int, charge: float, block: Column, at: int) -> bool:
    """Return whether a battery with so much charge after a trip lasts for a block from a place in it on."""
    ways = (0, *block.ways[at + 1 :])
    for j, way in zip(block.trips[at:], ways, strict=False):
        charge = float(links.arrive(way, j, np.array([trip]), np.array([charge]))[0] - links.battery.trip_km[j])
        if charge < -EPSILON:
            return False
        trip, charge = j, max(charge, 0.0)
    return bool(charge >= links.home_km[trip] - EPSILON)


def _joined(links: Links, head: Column, p: int, tail: Column, q: int) -> Column:
    """Return the first p trips of a block and those of another from the q-th on, straight from the one to the other."""
    ways = (*head.ways[:p], *((0, *tail.ways[q + 1 :]) if q < len(tail.trips) else ()))
    return column(links, head.trips[:p] + tail.trips[q:], ways)
