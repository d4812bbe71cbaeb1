"""Demand made up by a stated formula, for tests, benchmarks and a first look without a simulation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks.network import Network

LEVELS_MIN = np.arange(2.0, 41.0, 2.0)


def made_up_demand(
    network: Network,
    stations: Sequence[str],
    *,
    radius_m: float = 4100.0,
    trips: float = 0.5,
    per_minute: float = 0.06,
    constant: float = 0.5,
) -> list[CatchmentDemand]:
    """Return demand by a binary logit: each resident makes `trips` a day that could use the station.

    The station is chosen with probability 1 / (1 + exp(per_minute * access cost - constant)); today people walk there
    (weight 2, 1.2 m/s, detour 1.3) or take a bus that feels like 12 minutes and 4 a km. Savings are the logsum's. A
    cell belongs to the nearest of the stations given, as if no other existed.
    """
    cells = network.cells
    people = cells.home_share * network.zones.residents[cells.zone]
    places = [network.rail.nodes[s] for s in stations]
    far = np.column_stack([np.hypot(cells.x_m - p["x_m"], cells.y_m - p["y_m"]) for p in places])
    nearest = far.argmin(axis=1)
    out = []
    for k, station in enumerate(stations):
        rows = np.flatnonzero((nearest == k) & (far[:, k] <= radius_m) & (people > 0)).astype(np.int64)
        metres = far[rows, k] * 1.3
        base = np.minimum(metres / 1.2 / 60 * 2.0, 12.0 + metres / 1000 * 4.0)
        base = np.maximum(base, LEVELS_MIN[0])
        here = people[rows, None] * trips
        at = constant - per_minute * LEVELS_MIN[None, :]
        today = constant - per_minute * base[:, None]
        riders = here / (1 + np.exp(-at))
        saved = here / per_minute * (np.logaddexp(0, at) - np.logaddexp(0, today))
        out.append(CatchmentDemand(station, rows, riders, np.maximum(saved, 0.0), LEVELS_MIN.copy(), base))
    return out


@dataclass(frozen=True)
class Instance:
    """A named design problem on a bundled network."""

    network: str
    stations: tuple[str, ...]
    vehicles: int


INSTANCES = {
    "beijing-6": Instance("beijing-2019", ("望京西", "草桥", "八角游乐园", "通州北苑", "五棵松", "回龙观"), 40),
    "beijing-16": Instance(
        "beijing-2019",
        (
            "回龙观",
            "天通苑北",
            "霍营",
            "望京西",
            "望京",
            "立水桥",
            "宋家庄",
            "草桥",
            "郭公庄",
            "五棵松",
            "八角游乐园",
            "通州北苑",
            "梨园",
            "生命科学园",
            "天宫院",
            "良乡大学城",
        ),
        120,
    ),
}
