"""Skims of all modes between zones: minutes and kilometres by car, bicycle, foot, bus and rail in one period.

Streets are searched by elimination (one order a network and mode, new prices a period), buses in rounds over calls and
rail from station to station, as on a simulated day but without crowding. Places are where a zone's people are.
"""

from dataclasses import dataclass

import numpy as np
from greentrip_networks.errors import TableError
from greentrip_networks.hierarchy import Hierarchy, sums_along
from greentrip_networks.kernels import njit, prange
from greentrip_networks.network import PERIOD_HOURS, PERIODS, Network
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greentrip_agents.bus_loading import BusPeriod
from greentrip_agents.parameters import Parameters, default_parameters
from greentrip_agents.policies import in_force
from greentrip_agents.rail_loading import RailPeriod
from greentrip_agents.street_access import StreetAccess, find_street_access

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]

MODES = ("car", "bicycle", "walk", "bus", "rail")


@dataclass(frozen=True, eq=False)
class Skims:
    """Matrices (zones, zones) of one period by mode; minutes are infinite where there is no way, and on the diagonal.

    By car: driving and the connectors. On foot and by bicycle: along streets. By bus and rail: walks at both ends,
    half a headway at each boarding, riding, changing; `felt` adds the weights of the model.
    """

    period: str
    minutes: dict[str, Floats]
    km: dict[str, Floats]  # car, bicycle, walk: along streets; bus and rail: ridden
    felt: dict[str, Floats]  # bus and rail, generalised minutes


class ZoneSkims:
    """The graphs of a network, laid out once for all its periods."""

    def __init__(self, network: Network, parameters: Parameters | None = None) -> None:
        self.network = network
        self.parameters = in_force(network, parameters or default_parameters(network.name))
        self._access = find_street_access(network)
        roads = network.compiled.roads
        self._streets = {
            "car": _Streets(network, self._access, np.flatnonzero(roads.auto), two_way=False),
            "bicycle": _Streets(network, self._access, np.flatnonzero(roads.bike), two_way=False),
            "walk": _Streets(network, self._access, np.flatnonzero(roads.walk), two_way=True),
        }
        x, y = self._access.x_m, self._access.y_m
        p = self.parameters
        self._buses = [BusPeriod(network, t, h, p, x, y) for t, h in enumerate(PERIOD_HOURS)]
        self._rail = [RailPeriod(network.compiled.rail, t, h, p) for t, h in enumerate(PERIOD_HOURS)]
        self._near = _stations_near(network, p, x, y)

    def period(self, name: str, link_seconds: Floats | None = None) -> Skims:
        """Return the skims of a period (of PERIODS), cars and buses in the traffic given (free speed if None)."""
        if name not in PERIODS:
            raise TableError("skims", f"one of {', '.join(PERIODS)}", column="period", value=name)
        roads, p = self.network.compiled.roads, self.parameters
        seconds = roads.free_s if link_seconds is None else np.asarray(link_seconds, np.float64)
        if seconds.shape != roads.free_s.shape:
            raise TableError("skims", f"{len(roads.free_s)} links", column="link_seconds", value=seconds.size)
        minutes: dict[str, Floats] = {}
        km: dict[str, Floats] = {}
        walk_m_min, bicycle_m_min = p["speed.walk_m_s"] * 60, p["speed.bicycle_km_h"] * 1000 / 60
        for mode, cost, connector in (
            ("car", seconds / 60, self._access.seconds / 60),
            ("bicycle", roads.length_m / bicycle_m_min, self._access.metres / bicycle_m_min),
            ("walk", roads.length_m / walk_m_min, self._access.metres / walk_m_min),
        ):
            minutes[mode], km[mode] = self._streets[mode].skim(cost, connector)
        t = PERIODS.index(name)
        bus, rail = self._buses[t], self._rail[t]
        bus.time_calls(seconds)
        bus.skim()
        rail.skim()
        felt = {"bus": bus.total.copy()}
        way = np.isfinite(bus.total)
        minutes["bus"] = np.full(way.shape, np.inf)
        walks = bus.total[way] - bus.fixed[way] - bus.ride[way]  # felt, at both ends
        minutes["bus"][way] = bus.minutes[way] + walks / p["weight.walk_access"]
        km["bus"] = bus.km.copy()
        felt["rail"], minutes["rail"], km["rail"] = self._by_rail(rail)
        return Skims(name, minutes, km, felt)

    def _by_rail(self, rail: RailPeriod) -> tuple[Floats, Floats, Floats]:
        """Return felt and plain minutes and kilometres from zone to zone by the best of the stations near each."""
        zones = len(self.network.zones)
        shape = (zones, zones)
        felt, minutes, km = np.full(shape, np.inf), np.full(shape, np.inf), np.zeros(shape)
        station, walk = self._near
        if station.size:
            inside = self.network.station_access_s / 60
            weight = self.parameters["weight.walk_access"]
            _join(station, walk + inside, weight, rail.cost, rail.minutes, rail.km, felt, minutes, km)
        return felt, minutes, km


class _Streets:
    """The streets of one mode with a start and an end of each zone, in the order of their elimination."""

    def __init__(self, network: Network, access: StreetAccess, use: NDArray[np.int64], *, two_way: bool) -> None:
        roads = network.compiled.roads
        tail, head = roads.tail[use], roads.head[use]
        both = (np.concatenate([tail, head]), np.concatenate([head, tail])) if two_way else (tail, head)
        self.use = np.concatenate([use, use]) if two_way else use
        nodes = len(roads.nodes)
        self.start, self.end, self.tail, self.head = access.joined(nodes, *both)
        self.length = np.concatenate([roads.length_m[self.use], access.metres, access.metres])
        self.order = Hierarchy.of(nodes + 2 * len(self.start), self.tail, self.head)

    def skim(self, cost: Floats, connector: Floats) -> tuple[Floats, Floats]:
        """Return minutes and kilometres between zones at minutes of the network's links and of the connectors."""
        prices = self.order.price(np.concatenate([cost[self.use], connector, connector]))
        dist, via = prices.trees(self.start)
        minutes = dist[:, self.end]
        km = sums_along(via, self.start, self.tail, self.length, self.end) / 1000
        km[~np.isfinite(km)] = 0.0
        np.fill_diagonal(minutes, np.inf)
        np.fill_diagonal(km, 0.0)
        return minutes, km


def _stations_near(network: Network, p: Parameters, x: Floats, y: Floats) -> tuple[Int32s, Floats]:
    """Return the stations that each zone considers (zones, slots; -1: none) and the minutes on foot to them."""
    rail = network.compiled.rail
    k = min(int(p["access.stations_considered"]), len(rail.stations))
    if not k:
        return np.zeros((len(x), 0), np.int32), np.zeros((len(x), 0))
    found = cKDTree(np.column_stack([rail.x_m, rail.y_m])).query(np.column_stack([x, y]), k=np.arange(1, k + 1))
    far, near = np.asarray(found[0], np.float64), np.asarray(found[1], np.int64)
    walk = far * p["distance.street_detour"] / p["speed.walk_m_s"] / 60
    return np.where(far <= 1000 * p["access.walk_max_km"], near, -1).astype(np.int32), walk


@njit(parallel=True)
def _join(
    station: Int32s, walk: Floats, weight: float, cost: Floats, plain: Floats, ridden: Floats, felt: Floats,
    minutes: Floats, km: Floats,
) -> None:  # fmt: skip
    """Fill the matrices between zones with the least felt way by a pair of stations."""
    zones, slots = station.shape
    for o in prange(zones):
        for d in range(zones):
            if o == d:
                continue
            for i in range(slots):
                a = station[o, i]
                if a < 0:
                    continue
                for j in range(slots):
                    b = station[d, j]
                    if b < 0 or a == b:
                        continue
                    total = weight * (walk[o, i] + walk[d, j]) + cost[a, b]
                    if total < felt[o, d]:
                        felt[o, d] = total
                        minutes[o, d] = walk[o, i] + walk[d, j] + plain[a, b]
                        km[o, d] = ridden[a, b]
