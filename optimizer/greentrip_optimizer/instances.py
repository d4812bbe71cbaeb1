"""Demand made up by a stated formula on a real or small network: for tests, benchmarks and a first look without a simulation."""

from collections.abc import Sequence

import numpy as np

from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks.network import Network

LEVELS_MIN = np.arange(2.0, 41.0, 2.0)


def made_up_demand(
    network: Network, stations: Sequence[str], *, radius_m: float = 4100.0, trips: float = 0.5, per_minute: float = 0.06, constant: float = 0.5
) -> list[CatchmentDemand]:
    """Return demand by a binary logit: each resident makes `trips` a day that could use the station.

    The station is chosen with probability 1 / (1 + exp(per_minute * access cost - constant)); today's access is the better of
    walking (weight 2, 1.2 m/s, detour 1.3) and cycling (12 km/h, weight 1.5, 4 minutes besides). Savings are the logsum's.
    A cell belongs to its nearest of the stations.
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
        base = np.minimum(metres / 1.2 / 60 * 2.0, metres / (12 / 3.6) / 60 * 1.5 + 4.0)
        base = np.maximum(base, LEVELS_MIN[0])
        here = people[rows, None] * trips
        at = constant - per_minute * LEVELS_MIN[None, :]
        today = constant - per_minute * base[:, None]
        riders = here / (1 + np.exp(-at))
        saved = here / per_minute * (np.logaddexp(0, at) - np.logaddexp(0, today))
        out.append(CatchmentDemand(station, rows, riders, np.maximum(saved, 0.0), LEVELS_MIN.copy(), base))
    return out
