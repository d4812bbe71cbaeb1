"""Riders on buses between zones: journeys of at most two rides, found in rounds over the lines' calls.

Every zone reaches the stops near its centre on foot. A ride costs the expected wait (half the headway), the riding time
in today's traffic and, from the second on, a transfer. Rounds follow Delling, Pajor and Werneck (2015), on headways.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from greentrip_networks.kernels import njit, prange
from greentrip_networks.network import Network
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greentrip_agents.parameters import Parameters
from greentrip_agents.rail_loading import crowding

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]

ROUNDS = 2
_ZONE_WALK_M = 1200.0  # zone centre to a stop, as the crow flies
_ZONE_STOPS = 12


@dataclass
class BusPeriod:
    """The state of one period on buses. Costs are generalised minutes without the walks at both ends."""

    network: Network
    period: int
    hours: float
    parameters: Parameters
    centre_x: Floats  # (zones,) where the zone's people are
    centre_y: Floats
    fixed: Floats = field(init=False)  # (zones, zones) waiting and transfers, generalised minutes
    ride: Floats = field(init=False)  # riding, generalised minutes
    minutes: Floats = field(init=False)  # waiting and riding, plain minutes
    km: Floats = field(init=False)
    load: Floats = field(init=False)  # (calls,) persons in the period on board when leaving the call

    def __post_init__(self) -> None:
        """Lay out the arrays and find the stops that each zone can walk to."""
        b, z = self.network.compiled.buses, self.network.zones
        zones, calls, stops = len(z), len(b.call_stop), len(b.stop_node)
        self.fixed, self.ride = np.full((zones, zones), np.inf), np.full((zones, zones), np.inf)
        self.minutes, self.km = np.zeros((zones, zones)), np.zeros((zones, zones))
        self.load, self.expected_load = np.zeros(calls), np.zeros(calls)
        self.boarded, self.expected_boarded = np.zeros(calls), np.zeros(calls)  # persons who board at each call
        self.demand, self.expected_demand = np.zeros((zones, zones)), np.zeros((zones, zones))
        self.total = np.full((zones, zones), np.inf)  # with the walks from and to the zones' centres
        self.fixed_spent = self.expected_fixed_spent = 0.0  # generalised minutes of walks and transfers
        self.felt, self.wait_felt = np.zeros(calls), np.zeros(calls)
        self.boardings = np.zeros(len(b.pattern_line))
        self.call_pattern = np.repeat(np.arange(len(b.pattern_line)), np.diff(b.pattern_first)).astype(np.int32)
        self.places = 3600 * self.hours / b.headway_s[self.call_pattern, self.period] * b.capacity[self.call_pattern]
        p = self.parameters
        per_m = p["distance.street_detour"] / p["speed.walk_m_s"] / 60
        if stops:
            tree = cKDTree(np.column_stack([b.x_m, b.y_m]))
            k = min(_ZONE_STOPS, stops)
            at = np.column_stack([self.centre_x, self.centre_y])
            found = tree.query(at, k=np.arange(1, k + 1))
            far, near = np.asarray(found[0], np.float64), np.asarray(found[1], np.int64)
            ok = np.asarray(far <= _ZONE_WALK_M, np.bool_)
            ok[:, 0] = True  # the nearest stop always counts; how far it is from a home is the traveller's own walk
            self.zone_first = np.concatenate([[0], np.cumsum(ok.sum(axis=1))]).astype(np.int32)
            self.zone_stop = near[ok].astype(np.int32)
            self.zone_walk = np.minimum(far[ok], _ZONE_WALK_M) * per_m * p["weight.walk_access"]
        else:
            self.zone_first = np.zeros(zones + 1, np.int32)
            self.zone_stop, self.zone_walk = np.zeros(0, np.int32), np.zeros(0)
        order = np.argsort(b.call_stop, kind="stable")
        self.stop_call = order.astype(np.int32)
        self.stop_first = np.concatenate([[0], np.cumsum(np.bincount(b.call_stop, minlength=stops))]).astype(np.int32)
        shape = (zones, ROUNDS, stops)
        self.parent_board = np.empty(shape, np.int32)
        self.parent_leave = np.empty(shape, np.int32)
        self.end_stop = np.full((zones, zones), -1, np.int32)
        self.end_round = np.full((zones, zones), -1, np.int32)
        self.call_minutes = np.zeros(calls)

    def time_calls(self, link_seconds: Floats) -> None:
        """Time the ride to each call from the one before, in today's traffic."""
        b, p = self.network.compiled.buses, self.parameters
        _time_calls(
            b.path_first, b.path_link, link_seconds, p["speed.bus_over_car"], p["speed.bus_dwell_s"], self.call_minutes
        )

    def skim(self) -> None:
        """Find the best journeys between all zones at the expected crowding."""
        if not len(self.network.compiled.buses.stop_node):
            return
        b, p = self.network.compiled.buses, self.parameters
        crowd, full = crowding(self.expected_load, self.places, p["weight.crowding"])
        wait = 0.5 * b.headway_s[self.call_pattern, self.period] / 60 * full * p["speed.bus_bunching"]
        felt = np.zeros_like(crowd)
        felt[1:] = (
            self.call_minutes[1:] * crowd[:-1] * p["weight.transit_ride"] * p["weight.bus_ride"]
        )  # the ride into a call is as crowded as the bus that left the one before
        _skim(
            b.pattern_first, self.call_pattern, b.call_stop, self.call_minutes, felt, wait, p["weight.wait"],
            p["weight.bus_transfer_min"], b.call_m, self.zone_first, self.zone_stop, self.zone_walk, self.stop_first,
            self.stop_call, self.parent_board, self.parent_leave, self.end_stop, self.end_round,
            self.fixed, self.ride, self.minutes, self.km, self.total,
        )  # fmt: skip
        self.felt, self.wait_felt = felt, p["weight.wait"] * wait

    def assign(self, demand: Floats) -> None:
        """Put demand (zones, zones) on the journeys of the last skim."""
        self.demand = demand
        self.load[:] = 0.0
        self.boarded[:] = 0.0
        self.fixed_spent = _assign(
            demand, self.network.compiled.buses.call_stop, self.parent_board, self.parent_leave, self.end_stop,
            self.end_round, self.total, self.fixed, self.ride, self.parameters["weight.bus_transfer_min"], self.load,
            self.boarded,
        )  # fmt: skip
        self.boardings[:] = np.bincount(self.call_pattern, weights=self.boarded, minlength=len(self.boardings))

    def learn(self, blend: float) -> None:
        """Blend today's riders into the expectation of crowding."""
        self.expected_load += blend * (self.load - self.expected_load)
        self.expected_boarded += blend * (self.boarded - self.expected_boarded)
        self.expected_demand += blend * (self.demand - self.expected_demand)
        self.expected_fixed_spent += blend * (self.fixed_spent - self.expected_fixed_spent)

    def expectation(self) -> dict[str, Floats]:
        """Return what `expect` takes: the riders that days have taught to expect, persons in the period."""
        return {
            "load": self.expected_load,
            "boarded": self.expected_boarded,
            "demand": self.expected_demand,
            "fixed_spent": np.array(self.expected_fixed_spent),
        }

    def expect(self, known: Mapping[str, Floats]) -> None:
        """Start from riders known before the first day."""
        self.expected_load[:], self.expected_boarded[:] = known["load"], known["boarded"]
        self.expected_demand[:], self.expected_fixed_spent = known["demand"], float(known["fixed_spent"])

    def state(self) -> dict[str, Any]:
        """Return the arrays that the next day depends on; journeys are found anew from them."""
        return {
            **self.expectation(), "today_demand": self.demand, "today_load": self.load, "today_boarded": self.boarded,
            "today_fixed_spent": np.array(self.fixed_spent), "boardings": self.boardings,
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned; the calls must be timed already."""
        self.expect(state)
        self.demand, self.load, self.boarded = state["today_demand"], state["today_load"], state["today_boarded"]
        self.fixed_spent, self.boardings = float(state["today_fixed_spent"]), state["boardings"]
        self.skim()

    def beyond_shortest(self) -> float:
        """Return the generalised person-minutes that the expected riders spend beyond their least-cost journeys."""
        ok = (self.expected_demand > 0) & np.isfinite(self.total)
        spent = float(self.expected_load[:-1] @ self.felt[1:]) if len(self.felt) else 0.0
        spent += float(self.expected_boarded @ self.wait_felt) + self.expected_fixed_spent
        return max(spent - float(self.expected_demand[ok] @ self.total[ok]), 0.0)


@njit()
def _time_calls(
    path_first: Int32s, path_link: Int32s, seconds: Floats, factor: float, dwell_s: float, out: Floats
) -> None:
    """Fill the minutes from the call before to each call."""
    for c in range(out.shape[0]):
        t = 0.0
        for i in range(path_first[c], path_first[c + 1]):
            t += seconds[path_link[i]]
        out[c] = (t * factor + dwell_s) / 60.0 if path_first[c + 1] > path_first[c] else 0.0


@njit(parallel=True)
def _skim(
    pattern_first: Int32s, call_pattern: Int32s, call_stop: Int32s, minutes: Floats, felt: Floats, wait: Floats,
    wait_weight: float, transfer: float, call_m: Floats, zone_first: Int32s, zone_stop: Int32s, zone_walk: Floats,
    stop_first: Int32s, stop_call: Int32s, parent_board: Int32s, parent_leave: Int32s, end_stop: Int32s,
    end_round: Int32s, out_fixed: Floats, out_ride: Floats, out_minutes: Floats, out_km: Floats, out_total: Floats,
) -> None:  # fmt: skip
    """Fill the zone-to-zone matrices and each zone's parents, zone by zone."""
    zones = zone_first.shape[0] - 1
    stops = stop_first.shape[0] - 1
    patterns = pattern_first.shape[0] - 1
    for o in prange(zones):
        best = np.full((ROUNDS + 1, stops), np.inf)
        marked = np.zeros(stops, np.bool_)
        for i in range(zone_first[o], zone_first[o + 1]):
            best[0, zone_stop[i]] = min(best[0, zone_stop[i]], zone_walk[i])
            marked[zone_stop[i]] = True
        for r in range(ROUNDS):
            earliest = np.full(patterns, -1, np.int32)
            for s in range(stops):
                best[r + 1, s] = best[r, s]
                parent_board[o, r, s] = -1
                if marked[s]:
                    for j in range(stop_first[s], stop_first[s + 1]):
                        c = stop_call[j]
                        p = call_pattern[c]
                        if earliest[p] < 0 or c < earliest[p]:
                            earliest[p] = c
                    marked[s] = False
            change = transfer if r > 0 else 0.0
            for p in range(patterns):
                if earliest[p] < 0:
                    continue
                aboard = np.inf
                boarded = -1
                for c in range(earliest[p], pattern_first[p + 1]):
                    s = call_stop[c]
                    if boarded >= 0:
                        aboard += felt[c]
                        if aboard < best[r + 1, s]:
                            best[r + 1, s] = aboard
                            parent_board[o, r, s] = boarded
                            parent_leave[o, r, s] = c
                            marked[s] = True
                    start = best[r, s] + wait_weight * wait[c] + change
                    if start < aboard:
                        aboard = start
                        boarded = c
        for d in range(zones):
            low = np.inf
            stop = -1
            for i in range(zone_first[d], zone_first[d + 1]):
                s = zone_stop[i]
                if best[ROUNDS, s] + zone_walk[i] < low:
                    low = best[ROUNDS, s] + zone_walk[i]
                    stop = s
            out_fixed[o, d] = np.inf
            out_total[o, d] = np.inf
            out_ride[o, d] = np.inf
            out_minutes[o, d] = 0.0
            out_km[o, d] = 0.0
            end_stop[o, d] = -1
            if stop < 0 or o == d:
                continue
            r = ROUNDS - 1
            while r >= 0 and parent_board[o, r, stop] < 0:
                r -= 1
            if r < 0:
                continue  # on foot only: no bus journey
            out_total[o, d] = low
            end_stop[o, d] = stop
            end_round[o, d] = r
            fixed = 0.0
            ride = 0.0
            plain = 0.0
            metres = 0.0
            while r >= 0:
                b = parent_board[o, r, stop]
                if b < 0:
                    r -= 1
                    continue
                a = parent_leave[o, r, stop]
                for c in range(b + 1, a + 1):
                    ride += felt[c]
                    plain += minutes[c]
                fixed += wait_weight * wait[b] + (transfer if r > 0 else 0.0)
                plain += wait[b]
                metres += call_m[a] - call_m[b]
                stop = call_stop[b]
                r -= 1
            out_fixed[o, d] = fixed
            out_ride[o, d] = ride
            out_minutes[o, d] = plain
            out_km[o, d] = metres / 1000.0


@njit()
def _assign(
    demand: Floats, call_stop: Int32s, parent_board: Int32s, parent_leave: Int32s, end_stop: Int32s, end_round: Int32s,
    total: Floats, fixed: Floats, ride: Floats, transfer: float, load: Floats, boarded: Floats,
) -> float:  # fmt: skip
    """Walk every pair's journey back and add its riders to the calls they leave on board.

    Returns the minutes of walks and transfers.
    """
    zones = demand.shape[0]
    spent = 0.0
    for o in range(zones):
        for d in range(zones):
            q = demand[o, d]
            stop = end_stop[o, d]
            if q <= 0.0 or stop < 0:
                continue
            spent += q * (total[o, d] - fixed[o, d] - ride[o, d])
            r = end_round[o, d]
            while r >= 0:
                b = parent_board[o, r, stop]
                if b >= 0:
                    for c in range(b, parent_leave[o, r, stop]):
                        load[c] += q
                    boarded[b] += q
                    if r > 0:
                        spent += q * transfer
                    stop = call_stop[b]
                r -= 1
    return spent
