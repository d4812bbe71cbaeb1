"""Invented instances of any size in the benchmark's form, for tests and for measuring speed."""

from pathlib import Path

import numpy as np

from greentrip_optimizer.route_design.instance import Instance, Rules, checked


def made_up(nodes: int, links: int, rules: Rules, *, seed: int = 0, minutes: float = 40.0) -> Instance:
    """Return an instance of random places, joined by a least tree and then by the shortest further links.

    A link takes its share of `minutes`, the time across the square, in whole minutes of at least 1. Trips between
    two places are the same both ways, drawn evenly from 0, 5, ... 800.
    """
    luck = np.random.default_rng(seed)
    place = luck.random((nodes, 2))
    far = np.hypot(*(place[:, None, :] - place[None, :, :]).transpose(2, 0, 1))
    joined = np.zeros((nodes, nodes), dtype=bool)
    part = np.arange(nodes)
    rest = []
    first, second = np.triu_indices(nodes, 1)
    for k in np.argsort(far[first, second], kind="stable"):
        i, j = int(first[k]), int(second[k])
        if part[i] != part[j]:
            part[part == part[j]] = part[i]
            joined[i, j] = joined[j, i] = True
        else:
            rest.append((i, j))
    for i, j in rest[: max(0, links - (nodes - 1))]:
        joined[i, j] = joined[j, i] = True
    time = np.where(joined, np.maximum(1.0, np.rint(far * minutes)), np.inf)
    np.fill_diagonal(time, 0.0)
    half = np.triu(5.0 * luck.integers(0, 161, (nodes, nodes)), 1)
    return checked(Instance(f"made-{nodes}-{links}-{seed}", time, half + half.T, rules))


def write(instance: Instance, folder: Path, name: str) -> None:
    """Write an instance's files as `instance.read` reads them."""
    for matrix, kind in ((instance.time_min, "TravelTimes"), (instance.demand, "Demand")):
        rows = (" ".join("Inf" if np.isinf(v) else f"{v:g}" for v in row) for row in matrix)
        (folder / f"{name}{kind}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
