"""Riders on rail: least-cost journeys between stations at published headways, crowding fed back from the loads.

A platform is a line at a station. Riding costs minutes, more when crowded; boarding costs the expected wait, more when
trains are full; a change costs its walk, the wait and a penalty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from greentrip_networks.compiled import RailArrays
from greentrip_networks.kernels import njit, prange
from numpy.typing import NDArray

from greentrip_agents.parameters import Parameters
from greentrip_agents.paths import dijkstra

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]


@dataclass
class RailPeriod:
    """The state of one period on rail. Costs are generalised minutes; demand and loads are persons in the period."""

    rail: RailArrays
    period: int
    hours: float
    parameters: Parameters
    cost: Floats = field(init=False)  # (stations, stations) generalised minutes, platform to platform
    minutes: Floats = field(init=False)
    km: Floats = field(init=False)
    transfers: Floats = field(init=False)
    load: Floats = field(init=False)  # (rides,) persons in the period
    boardings: Floats = field(init=False)  # (platforms,)

    def __post_init__(self) -> None:
        """Lay out the graph of platforms, entries and exits."""
        r, p = self.rail, self.parameters
        stations, platforms = len(r.stations), len(r.platform_station)
        wait = 0.5 * r.headway_s[:, self.period] / 60  # minutes
        # nodes: platforms, then one entry a station (leads to its platforms), then one exit a station
        entry = platforms + np.arange(stations)
        leave = platforms + stations + np.arange(stations)
        rides = len(r.ride_from)
        tail = np.concatenate([r.ride_from, r.transfer_from, entry[r.platform_station], np.arange(platforms)])
        head = np.concatenate([r.ride_to, r.transfer_to, np.arange(platforms), leave[r.platform_station]])
        kind = np.concatenate(
            [np.zeros(rides), np.ones(len(r.transfer_from)), np.full(platforms, 2), np.full(platforms, 3)]
        )
        ride = np.concatenate([np.arange(rides), np.full(len(tail) - rides, -1)])
        board = np.where(kind == 1, head, np.where(kind == 2, head, -1))  # platform boarded by the link
        order = np.lexsort((head, tail))
        self.tail, self.head = tail[order].astype(np.int32), head[order].astype(np.int32)
        self.kind, self.ride, self.board = (
            kind[order].astype(np.int32),
            ride[order].astype(np.int32),
            board[order].astype(np.int32),
        )
        n = platforms + 2 * stations
        self.first_out = np.concatenate([[0], np.cumsum(np.bincount(self.tail, minlength=n))]).astype(np.int32)
        self.entry, self.leave = entry.astype(np.int32), leave.astype(np.int32)
        transfer_s = np.zeros(len(tail))
        transfer_s[rides : rides + len(r.transfer_from)] = r.transfer_s
        self.walk = transfer_s[order] / 60
        self.km_link = np.where(self.ride >= 0, r.ride_m[np.maximum(self.ride, 0)], 0.0) / 1000
        self.wait = np.where(self.board >= 0, wait[r.platform_line[np.maximum(self.board, 0)]], 0.0)
        self.is_transfer = (self.kind == 1).astype(np.float64)
        self.ride_minutes = np.where(self.ride >= 0, r.ride_s[np.maximum(self.ride, 0)], 0.0) / 60
        self.plain = self.ride_minutes + self.walk + self.wait
        self.felt_fixed = p["weight.walk_access"] * self.walk + p["weight.transfer_min"] * self.is_transfer
        self.places = 3600 * self.hours / r.headway_s[r.ride_line, self.period] * r.capacity[r.ride_line]
        self.load = np.zeros(rides)
        self.boardings = np.zeros(platforms)
        self.flow = np.zeros(len(tail))  # today's riders by link of the graph
        self.expected_flow = np.zeros(len(tail))
        self.expected_demand = np.zeros((stations, stations))
        self.demand = np.zeros((stations, stations))
        self.link_cost = np.zeros(len(tail))
        self.via = np.empty((stations, n), np.int32)
        self.cost, self.minutes = np.empty((stations, stations)), np.empty((stations, stations))
        self.km, self.transfers = np.empty((stations, stations)), np.empty((stations, stations))

    def skim(self) -> None:
        """Compute least-cost journeys between all stations at the expected crowding."""
        p = self.parameters
        on = self.ride >= 0
        expected = np.zeros(len(self.load))
        expected[self.ride[on]] = self.expected_flow[on]
        crowd, full = crowding(expected, self.places, p["weight.crowding"])
        # a platform's boarding is as hard as the fullest train that leaves it
        hard = np.ones(len(self.rail.platform_station))
        np.maximum.at(hard, self.rail.ride_from, full)
        cost = self.felt_fixed + p["weight.transit_ride"] * self.ride_minutes
        cost[on] *= crowd[self.ride[on]]
        boards = self.board >= 0
        cost[boards] += p["weight.wait"] * self.wait[boards] * hard[self.board[boards]]
        self.link_cost = cost
        _skim(
            self.entry, self.leave, self.first_out, self.tail, self.head, cost, self.plain, self.km_link,
            self.is_transfer, self.via, self.cost, self.minutes, self.km, self.transfers,
        )  # fmt: skip

    def assign(self, demand: Floats) -> None:
        """Put demand (stations, stations) on the journeys of the last skim."""
        self.demand = demand
        self.flow[:] = 0.0
        _assign(demand, self.entry, self.leave, self.tail, self.via, self.flow)
        on, boards = self.ride >= 0, self.board >= 0
        self.load[self.ride[on]] = self.flow[on]
        self.boardings[:] = np.bincount(self.board[boards], weights=self.flow[boards], minlength=len(self.boardings))

    def flow_at(self, link_cost: Floats) -> Floats:
        """Return today's riders by link of the graph if everybody saw other costs, minutes by link; nothing is kept."""
        flow, via = np.zeros(len(self.tail)), np.empty_like(self.via)
        scratch = [np.empty_like(self.cost) for _ in range(4)]
        _skim(
            self.entry, self.leave, self.first_out, self.tail, self.head, link_cost, self.plain, self.km_link,
            self.is_transfer, via, *scratch,
        )  # fmt: skip
        _assign(self.demand, self.entry, self.leave, self.tail, via, flow)
        return flow

    def learn(self, blend: float) -> None:
        """Blend today's riders into the expectation of crowding."""
        self.expected_flow += blend * (self.flow - self.expected_flow)
        self.expected_demand += blend * (self.demand - self.expected_demand)

    def expectation(self) -> dict[str, Floats]:
        """Return what `expect` takes: the riders that days have taught to expect, persons in the period."""
        return {"flow": self.expected_flow, "demand": self.expected_demand}

    def expect(self, known: Mapping[str, Floats]) -> None:
        """Start from riders known before the first day."""
        self.expected_flow[:], self.expected_demand[:] = known["flow"], known["demand"]

    def state(self) -> dict[str, Any]:
        """Return the arrays that the next day depends on; journeys are found anew from them."""
        return {
            **self.expectation(), "today_flow": self.flow, "today_demand": self.demand, "load": self.load,
            "boardings": self.boardings,
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        self.expect(state)
        self.flow, self.demand = state["today_flow"], state["today_demand"]
        self.load, self.boardings = state["load"], state["boardings"]
        self.skim()

    def beyond_shortest(self) -> float:
        """Return the generalised person-minutes that the expected riders spend beyond their least-cost journeys."""
        ok = (self.expected_demand > 0) & np.isfinite(self.cost)
        return max(float(self.expected_flow @ self.link_cost) - float(self.expected_demand[ok] @ self.cost[ok]), 0.0)


def crowding(load: Floats, places: Floats, weight: float) -> tuple[Floats, Floats]:
    """Return the factor on riding minutes and the factor on waiting (trains that leave people behind).

    Below capacity discomfort grows with the square of the load factor up to 1 + weight; above it grows linearly, and
    the wait grows in proportion to the load, as only that share finds a place in each train.
    """
    x = load / np.maximum(places, 1e-9)
    ride = 1 + weight * np.where(x <= 1, x**2, 2 * x - 1)
    return ride, np.maximum(x, 1.0)


@njit(parallel=True)
def _skim(
    entry: Int32s, leave: Int32s, first_out: Int32s, tail: Int32s, head: Int32s, link_cost: Floats, plain: Floats,
    km_link: Floats, is_transfer: Floats, via: Int32s, cost: Floats, minutes: Floats, km: Floats, transfers: Floats,
) -> None:  # fmt: skip
    """Fill the station-to-station matrices and the trees."""
    n = first_out.shape[0] - 1
    for s in prange(entry.shape[0]):
        dist = np.empty(n)
        heap = np.empty(n, np.int32)
        place = np.empty(n, np.int32)
        dijkstra(entry[s], first_out, head, link_cost, dist, via[s], heap, place)
        for t in range(leave.shape[0]):
            node = leave[t]
            cost[s, t] = dist[node]
            m = 0.0
            k = 0.0
            x = 0.0
            if dist[node] < np.inf:
                while via[s, node] >= 0:
                    link = via[s, node]
                    m += plain[link]
                    k += km_link[link]
                    x += is_transfer[link]
                    node = tail[link]
            minutes[s, t] = m
            km[s, t] = k
            transfers[s, t] = x


@njit()
def _assign(demand: Floats, entry: Int32s, leave: Int32s, tail: Int32s, via: Int32s, flow: Floats) -> None:
    """Walk every pair's journey back and add its riders."""
    for s in range(entry.shape[0]):
        for t in range(leave.shape[0]):
            q = demand[s, t]
            if q > 0.0 and s != t:
                node = leave[t]
                while via[s, node] >= 0:
                    flow[via[s, node]] += q
                    node = tail[via[s, node]]
