"""The paths in use, pair after pair in one row of links; each round copies them, without empty and with new ones."""

from typing import NamedTuple

import numpy as np
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

from greentrip_agents.equilibrium_delay import Floats, Int64s
from greentrip_agents.equilibrium_trees import Demand, Graph, Trees

Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]

SAME = 1e-14  # a path this much dearer than the tree's, relatively, is the tree's own or a tie


class Paths(NamedTuple):
    """Paths of all pairs: pair i has paths first[i] to first[i + 1], path p the links start[p] to start[p + 1]."""

    first: Int64s  # (pairs + 1)
    start: Int64s  # (room of paths)
    flow: Floats  # (room of paths) vehicles
    idle: Int8s  # (room of paths) rounds without flow
    link: Int32s  # (room of links)


class Choices(NamedTuple):
    """The pairs with more than one path, with only the links in which their paths differ."""

    first: Int64s  # (pairs chosen + 1) position in path
    vehicle: Int32s  # (pairs chosen) vehicle class
    path: Int64s  # which of Paths
    start: Int64s
    link: Int32s


def empty(pairs: int, paths: int, links: int) -> Paths:
    """Return no paths, with room for some."""
    return Paths(
        np.zeros(pairs + 1, np.int64),
        np.zeros(paths + 1, np.int64),
        np.zeros(paths),
        np.zeros(paths, np.int8),
        np.zeros(links, np.int32),
    )


@njit(bare=True)
def renew(
    from_pair: int, graph: Graph, demand: Demand, trees: Trees, cost: Floats, units: Floats, old: Paths,
    old_pair: Int64s, keep: int, share: float, new: Paths, used: Int64s, volume: Floats,
) -> int:  # fmt: skip
    """Copy the paths with flow or lately so, add each pair's shortest where it is cheaper, and sum the volumes.

    Flows are scaled to the pair's demand, which also takes in a new demand; paths over closed links (infinite cost) go.
    share: of each pair's demand, taken from all its paths alike and put on the shortest.
    old_pair says which pair of the old paths each pair was, -1 for none; paths are kept so many rounds without flow.
    Returns the pair to go on from when the room of the new paths runs short, else the number of pairs; used holds the
    paths and links so far.
    """
    paths = used[0]
    links = used[1]
    pairs = demand.target.shape[0]
    nodes = graph.first_out.shape[0] - 1
    for pair in range(from_pair, pairs):
        before = old_pair[pair]
        a = old.first[before] if before >= 0 else 0
        b = old.first[before + 1] if before >= 0 else 0
        need = old.start[b] - old.start[a] + nodes if b > a else nodes
        if paths + b - a + 1 >= new.start.shape[0] or links + need > new.link.shape[0]:
            used[0], used[1] = paths, links
            return int(pair)
        group = demand.group[pair]
        vehicle = demand.vehicle[group]
        unit = units[vehicle]
        low = trees.low[pair]
        best = np.inf
        shortest = -1
        total = 0.0
        new.first[pair] = paths
        for p in range(a, b):
            if old.flow[p] <= 0.0 and old.idle[p] >= keep:
                continue
            c = 0.0
            at = links
            for i in range(old.start[p], old.start[p + 1]):
                link = old.link[i]
                c += cost[vehicle, link]
                new.link[at] = link
                at += 1
            if c == np.inf:
                continue
            new.start[paths] = links
            new.flow[paths] = old.flow[p]
            new.idle[paths] = 0 if old.flow[p] > 0.0 else old.idle[p] + 1
            total += old.flow[p]
            if c < best:
                best = c
                shortest = paths
            links = at
            paths += 1
        if total > 0.0 and total != demand.vehicles[pair]:
            for p in range(new.first[pair], paths):
                new.flow[p] *= demand.vehicles[pair] / total
        if best > low * (1.0 + SAME):
            n = 0
            node = demand.target[pair]
            while trees.via[group, node] >= 0:
                node = graph.tail[trees.via[group, node]]
                n += 1
            new.start[paths] = links
            new.idle[paths] = 0
            new.flow[paths] = 0.0 if total > 0.0 else demand.vehicles[pair]
            at = links + n
            node = demand.target[pair]
            while trees.via[group, node] >= 0:
                at -= 1
                new.link[at] = trees.via[group, node]
                node = graph.tail[new.link[at]]
            links += n
            shortest = paths
            paths += 1
        new.start[paths] = links
        if share > 0.0:
            for p in range(new.first[pair], paths):
                new.flow[p] *= 1.0 - share
            if shortest >= 0:
                new.flow[shortest] += share * demand.vehicles[pair]
        for p in range(new.first[pair], paths):
            f = new.flow[p] * unit
            for i in range(new.start[p], new.start[p + 1]):
                volume[new.link[i]] += f
    new.first[pairs] = paths
    new.start[paths] = links
    used[0], used[1] = paths, links
    return int(pairs)


@njit(bare=True)
def choices(demand: Demand, paths: Paths, times: Int32s, out: Choices) -> int:
    """Gather the pairs that have a choice, without the links common to all of a pair's paths; return how many.

    times is scratch, a zero a link.
    """
    chosen = 0
    n = 0
    row = 0
    for pair in range(paths.first.shape[0] - 1):
        a, b = paths.first[pair], paths.first[pair + 1]
        if b - a < 2:
            continue
        out.first[chosen] = n
        out.vehicle[chosen] = demand.vehicle[demand.group[pair]]
        chosen += 1
        for i in range(paths.start[a], paths.start[b]):
            times[paths.link[i]] += 1
        for p in range(a, b):
            out.path[n] = p
            out.start[n] = row
            n += 1
            for i in range(paths.start[p], paths.start[p + 1]):
                if times[paths.link[i]] < b - a:
                    out.link[row] = paths.link[i]
                    row += 1
        for i in range(paths.start[a], paths.start[b]):
            times[paths.link[i]] = 0
    out.first[chosen] = n
    out.start[n] = row
    return chosen


@njit(bare=True)
def class_flows(demand: Demand, paths: Paths, flow: Floats) -> None:
    """Add the vehicles of each class to flow, (classes, links), in a fixed order."""
    for pair in range(paths.first.shape[0] - 1):
        vehicle = demand.vehicle[demand.group[pair]]
        for p in range(paths.first[pair], paths.first[pair + 1]):
            f = paths.flow[p]
            for i in range(paths.start[p], paths.start[p + 1]):
                flow[vehicle, paths.link[i]] += f
