"""Bus lines that run beside rail: which stops lie within a stated distance of which rail line, for what share."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from greentrip_networks.compiled import Bools, Floats
from greentrip_networks.network import Ints, Network


@dataclass(frozen=True, eq=False)
class Parallel:
    """A bus line beside a rail line; stops in the order of the line."""

    row: int  # of network.buses.lines
    rail: int  # row of the compiled rail lines
    share: float  # of the line's length between stops that both lie beside the rail line
    beside: Bools  # (stops,)
    station: Ints  # (stops,) nearest station of the rail line, row of the compiled stations
    station_m: Floats  # (stops,) as the crow flies


def parallel_lines(network: Network, *, near_m: float, least_share: float) -> list[Parallel]:
    """Return the bus lines of which at least a share runs within a distance of one rail line.

    A stop is beside a rail line if it lies within `near_m` of the straight lines between its neighbouring stations; a
    stretch is parallel if the stops at both its ends are. Of several rail lines the one with most of them counts.
    """
    buses, roads = network.buses, network.compiled.roads
    row = {name: i for i, name in enumerate(roads.nodes)}
    at = np.array([row[n] for n in buses.node], np.int64)
    x, y = roads.x_m[at], roads.y_m[at]
    far = rail_distances(network, x, y)
    out = []
    for k in range(len(buses.lines)):
        calls = np.flatnonzero(buses.line == k)
        leg_m = np.hypot(np.diff(x[calls]), np.diff(y[calls]))
        near = far[calls] <= near_m
        along = (leg_m[:, None] * (near[1:] & near[:-1])).sum(axis=0)
        total = float(leg_m.sum())
        if not along.size or total <= 0:
            continue
        best = int(along.argmax())
        share = float(along[best]) / total
        if share >= least_share and along[best] > 0:
            stations = stations_of(network, best)
            rail = network.compiled.rail
            apart = np.hypot(
                x[calls][:, None] - rail.x_m[stations][None, :], y[calls][:, None] - rail.y_m[stations][None, :]
            )
            nearest = apart.argmin(axis=1)
            out.append(Parallel(k, best, share, near[:, best], stations[nearest], apart.min(axis=1)))
    return out


def rail_distances(network: Network, x: Floats, y: Floats) -> Floats:
    """Return metres from points to each rail line's course, station to station; shape (points, rail lines)."""
    rail = network.compiled.rail
    out = np.full((len(x), len(rail.line_ids)), np.inf)
    a, b = rail.platform_station[rail.ride_from], rail.platform_station[rail.ride_to]
    for i in range(len(rail.line_ids)):
        for u, v in sorted(
            {(min(p, q), max(p, q)) for p, q in zip(a[rail.ride_line == i], b[rail.ride_line == i], strict=True)}
        ):
            ax, ay = rail.x_m[u], rail.y_m[u]
            dx, dy = rail.x_m[v] - ax, rail.y_m[v] - ay
            square = dx * dx + dy * dy
            t = np.clip(((x - ax) * dx + (y - ay) * dy) / square, 0.0, 1.0) if square > 0 else np.zeros(len(x))
            out[:, i] = np.minimum(out[:, i], np.hypot(x - ax - t * dx, y - ay - t * dy))
    return out


def stations_of(network: Network, rail_line: int) -> Ints:
    """Return the stations of a rail line, ascending rows."""
    rail = network.compiled.rail
    return np.unique(rail.platform_station[rail.platform_line == rail_line]).astype(np.int64)


def rides_between(network: Network, rail_line: int, one: int, other: int) -> Ints:
    """Return the rides of a rail line on the shortest way from one of its stations to another, in order; rows."""
    rail = network.compiled.rail
    rides = np.flatnonzero(rail.ride_line == rail_line)
    after: dict[int, list[tuple[int, int]]] = {}
    for r in rides.tolist():
        a, b = int(rail.platform_station[rail.ride_from[r]]), int(rail.platform_station[rail.ride_to[r]])
        after.setdefault(a, []).append((b, r))
    came: dict[int, tuple[int, int]] = {one: (one, -1)}
    edge = [one]
    while edge and other not in came:
        nodes, edge = edge, []
        for u in nodes:
            for v, r in after.get(u, ()):
                if v not in came:
                    came[v] = (u, r)
                    edge.append(v)
    found: list[int] = []
    at = other
    while at in came and came[at][1] >= 0:
        found.append(came[at][1])
        at = came[at][0]
    return np.array(found[::-1], np.int64)


def stretches(inside: Bools) -> list[tuple[int, int]]:
    """Return the first and last index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in pairwise(edges.tolist())][::2]
