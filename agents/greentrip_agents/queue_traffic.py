"""Traffic of every vehicle as queues: free-flow time, flow and storage capacity, and holes that travel backward.

>>> import numpy as np
>>> roads = QueueRoads(tail=[0, 1], head=[1, 2], length_m=[500, 500], free_s=[30, 30], capacity_veh_h=[1800, 900])
>>> vehicles = Vehicles(depart_s=np.arange(3.0), path=np.zeros(3, int))
>>> result = run_queue(roads, Paths(first=[0, 2], link=[0, 1]), vehicles)
>>> result.arrived_s.tolist()  # two seconds apart on the first link, four on the second
[60.0, 64.0, 68.0]
"""

from dataclasses import dataclass, field

import numpy as np
from greentrip_networks.errors import LimitError, ScenarioError
from greentrip_networks.kernels import njit
from numpy.typing import ArrayLike, NDArray

from greentrip_agents import queue_kernel as kernel
from greentrip_agents.queue_roads import (
    Closures,
    QueueRoads,
    Signals,
    Tracks,
    column,
    lay_tracks,
    place_closures,
    place_signals,
)

Floats = NDArray[np.float64]
Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

BIN_S = 300.0
DAY_S = 108_000  # 30 h: a day and the trips that end after midnight
PATIENCE_S = 60.0  # a ring of full links moves on after its first vehicles have waited so long
LOOK_S = 10  # seconds between looks for rings
PLACES = 2**31 - 1

# A vehicle's fate; those from BEFORE_MIDNIGHT on never enter the road and are counted by name.
(ARRIVED, ON_ROAD, WAITING, BEFORE_MIDNIGHT, BEFORE_START, AFTER_END, EMPTY_ROUTE, BROKEN_ROUTE, NO_CAPACITY) = range(9)
FATES = (
    "arrived",
    "on-road",  # when the run stopped
    "waiting-to-start",  # no room yet on the first link, or the departure is still to come
    "departs-before-midnight",
    "departs-before-start",
    "departs-after-end",
    "route-empty",  # such as a pair of places that no road connects
    "route-broken",  # a link does not begin where the one before ends
    "route-without-capacity",  # it uses a link whose capacity is zero or negative
)


@dataclass(frozen=True, eq=False)
class Paths:
    """Routes as slices of one store of link rows: route p is ``link[first[p]:first[p + 1]]``."""

    first: ArrayLike
    link: ArrayLike


@dataclass(frozen=True, eq=False)
class Vehicles:
    """Vehicles, a row each: departure in seconds after midnight, route, passenger-car equivalents, and who is a bus."""

    depart_s: ArrayLike
    path: ArrayLike
    pce: ArrayLike = 1.0
    bus: ArrayLike = False


@dataclass(frozen=True, eq=False)
class Stops:
    """Calls of vehicles at stops, each at the end of the link at a position of the vehicle's route.

    In a bay the vehicle stands off the road. Otherwise it blocks its lane: on a single lane it holds everybody behind
    it, on n lanes the link discharges with n - 1 of them.
    """

    vehicle: ArrayLike
    position: ArrayLike
    dwell_s: ArrayLike
    bay: ArrayLike = True


@dataclass(frozen=True, eq=False)
class QueueResult:
    """What came out of a run so far.

    ``link_s`` holds mean travel seconds of those who entered a link in a bin, shape (bins, links). Where nobody did it
    is the most that first-in-first-out order leaves sure: the bin before less one bin, or the free time. Vehicles still
    on a link count with the time they have spent. ``bus_link_s`` is the same for buses, where they have a lane.
    """

    fate: Int8s
    started_s: Floats
    arrived_s: Floats
    link_s: Floats
    bus_link_s: Floats
    passed: Int32s  # (bins, links) who entered in the bin and left
    bin_s: float
    now_s: int
    link_traversals: int
    gridlock_rings: int
    gridlock_moves: int
    treated: dict[str, int]  # links by code
    entered_s: Floats  # by vehicle and position of its route, in that order; empty unless events were asked for
    left_s: Floats
    first_event: Int64s

    @property
    def fates(self) -> dict[str, int]:
        """Count vehicles by fate, those that occur."""
        counts = np.bincount(self.fate, minlength=len(FATES))
        return {name: int(n) for name, n in zip(FATES, counts, strict=True) if n}

    @property
    def unserved_share(self) -> float:
        """Return the share of vehicles that were refused."""
        return float((self.fate >= BEFORE_MIDNIGHT).mean()) if len(self.fate) else 0.0


@njit()
def _group_by(key: Int32s, order: Int64s, first: Int64s, out: Int32s) -> None:
    """Write an order's entries grouped by key, keeping their order; `first` moves to each group's end."""
    for i in range(order.shape[0]):
        k = key[order[i]]
        out[first[k]] = order[i]
        first[k] += 1


@njit()
def _book_unfinished(tracks: NDArray[np.void], ring: NDArray[np.void], now_s: float, bin_s: float, spent_s: Floats,
                     passed: Int32s) -> None:  # fmt: skip
    """Add the vehicles still on a track with the time they have spent."""
    for a in range(tracks.shape[0]):
        x = tracks[a]
        at = x.head
        for _ in range(x.on):
            entered = ring[x.ring + at].at_s
            row = min(int(entered / bin_s), passed.shape[0] - 1)
            spent_s[row, a] += now_s - entered
            passed[row, a] += 1
            at = at + 1 if at + 1 < x.slots else 0


@dataclass(eq=False)
class QueueTraffic:
    """A day's traffic that can be run in pieces: ``advance`` to a second, read ``result``, go on.

    Parameters
    ----------
    roads, paths, vehicles, signals, closures, stops
        What is described at their classes.
    start_s, end_s
        The first second, and the one up to which travel times have bins of their own; nobody may depart after it.
    patience_s
        How long the first vehicles of a ring of full links wait before the whole ring moves on by one.
    events
        Whether to keep when each vehicle entered and left every link.
    """

    roads: QueueRoads
    paths: Paths
    vehicles: Vehicles
    signals: Signals | None = None
    closures: Closures | None = None
    stops: Stops | None = None
    start_s: int = 0
    end_s: int = DAY_S
    bin_s: float = BIN_S
    patience_s: float = PATIENCE_S
    events: bool = False
    tracks: Tracks = field(init=False)
    state: kernel.Queues = field(init=False)

    def __post_init__(self) -> None:
        """Check the input, refuse what cannot drive, and lay out the arrays."""
        depart = np.ascontiguousarray(np.asarray(self.vehicles.depart_s, np.float64))
        count = len(depart)
        column("depart_s", depart, count)
        path = column("path", self.vehicles.path, count, np.int64).astype(np.int64)
        pce = column("pce", self.vehicles.pce, count).astype(np.float64)
        bus = column("bus", self.vehicles.bus, count, np.bool_).astype(np.bool_)
        if (pce <= 0.0).any():
            raise ScenarioError("pce", f"vehicle {int(np.argmin(pce))} has {pce.min():g}; expected more than 0")
        first = np.asarray(self.paths.first, np.int64)
        link = np.asarray(self.paths.link, np.int64)
        if len(first) < 1 or first[0] != 0 or first[-1] != len(link) or (np.diff(first) < 0).any():
            raise ScenarioError("paths", "first must rise from 0 to the length of link")
        if count and (path.min() < 0 or path.max() >= len(first) - 1):
            raise ScenarioError("path", f"names a route beyond the {len(first) - 1} there are")
        if len(link) + len(first) > PLACES:
            raise LimitError("places of all routes", len(link) + len(first), PLACES, "links")
        self.tracks = tracks = lay_tracks(self.roads, float(pce.min()) if count else 1.0)
        if len(link) and (link.min() < 0 or link.max() >= len(tracks.of_link)):
            raise ScenarioError("paths", f"names a link beyond the {len(tracks.of_link)} there are")
        self._fate = self._refuse(depart, path, first, link)
        cycle, green_from, green = place_signals(tracks, self.signals)
        closed_from, closed_until = place_closures(tracks, self.closures)

        routes = len(first) - 1
        of_place = np.repeat(np.arange(routes), np.diff(first))
        store = np.full(len(link) + routes + 1, kernel.OUT, np.int32)
        store[np.arange(len(link)) + of_place] = tracks.of_link[link]
        place = (first[path] + path).astype(np.int32)
        stop_vehicle, stop_place, stop_s, stop_bay, next_stop = self._lay_stops(first, path, place, pce)
        plain = bool((pce == 1.0).all()) and len(stop_s) == 0 and not (bus.any() and (tracks.bus_of_link >= 0).any())
        entry = store[place]
        if not plain:
            beside = tracks.rows["bus_track"][np.maximum(entry, 0)]
            entry = np.where(bus & (beside >= 0), beside, entry).astype(np.int32)
        order = np.flatnonzero(self._fate == WAITING)
        if len(order) and (np.diff(depart[order]) < 0.0).any():
            order = order[np.argsort(depart[order], kind="stable")]
        self._driving = len(order)
        waiting = np.bincount(entry[order], minlength=len(tracks.rows))
        gates = np.flatnonzero(waiting)
        gates = gates[np.argsort(tracks.rows["from_node"][gates], kind="stable")]
        row_of = np.zeros(len(tracks.rows), np.int32)
        row_of[gates] = np.arange(len(gates))
        end = np.cumsum(waiting[gates])
        queue = np.zeros(len(order) + 1, np.int32)
        _group_by(row_of[entry], order, end - waiting[gates], queue)
        at = end - waiting[gates]
        n, bins = tracks.nodes, max(1, int(np.ceil(self.end_s / self.bin_s)))
        lengths = np.diff(first)[path] if self.events else np.zeros(0, np.int64)
        log_first = np.concatenate([[0], np.cumsum(lengths)]) if self.events else np.zeros(0, np.int64)
        logged = int(log_first[-1]) if self.events else 0
        wheel = np.zeros((kernel.WHEEL_S, -(-n // 8) * 8), np.uint8)
        total = len(tracks.rows)
        counts = np.zeros(8, np.int64)
        counts[kernel.NOW] = self.start_s
        self.state = kernel.Queues(
            tracks=tracks.rows,
            due_s=np.full(total, np.inf),
            want=np.full(total, kernel.NOWHERE, np.int32),
            blocked_s=np.full(total, np.inf),
            awaited=np.zeros(total, np.uint8),
            virtual=np.zeros(total),
            served=np.zeros(tracks.turns),
            ring=np.empty(int(tracks.rows["slots"].sum(dtype=np.int64)), kernel.SLOT),
            first_in=tracks.first_in,
            store=store,
            first_gate=np.searchsorted(tracks.rows["from_node"][gates], np.arange(n + 1)).astype(np.int32),
            gate_track=gates.astype(np.int32),
            gate_due_s=depart[queue[at]] if len(gates) else np.zeros(0),
            gate_next=at,
            gate_end=end,
            gate_served=np.zeros(len(gates)),
            queue=queue,
            depart_s=depart,
            place=place,
            plain=plain,
            pce=np.ones(0) if plain else pce,
            bus=np.zeros(0, np.uint8) if plain else bus.astype(np.uint8),
            stop=next_stop,
            stop_place=stop_place,
            stop_s=stop_s,
            stop_bay=stop_bay,
            stop_vehicle=stop_vehicle,
            bay_first=np.full(n, -1, np.int32),
            bay_next=np.full(len(stop_s), -1, np.int32),
            bay_due_s=np.zeros(len(stop_s)),
            bay_want=np.full(len(stop_s), kernel.NOWHERE, np.int32),
            cycle_s=cycle,
            green_from_s=green_from,
            green_s=green,
            closed_from_s=closed_from,
            closed_until_s=closed_until,
            started_s=np.full(count, np.nan),
            arrived_s=np.full(count, np.nan),
            spent_s=np.zeros((bins, total)),
            passed=np.zeros((bins, total), np.int32),
            bin_s=float(self.bin_s),
            log_first=log_first,
            log_entered_s=np.full(logged, np.nan),
            log_left_s=np.full(logged, np.nan),
            wheel=wheel,
            wheel_words=wheel.view(np.uint64),
            stamp=np.zeros(total, np.int32),
            counts=counts,
        )
        kernel.set_gates(self.state)

    def _refuse(self, depart: Floats, path: Int64s, first: Int64s, link: Int64s) -> Int8s:
        """Give every vehicle its fate before the run: waiting, or the reason why it cannot drive."""
        tail, head = np.asarray(self.roads.tail), np.asarray(self.roads.head)
        routes = len(first) - 1
        of_place = np.repeat(np.arange(routes), np.diff(first))
        fate = np.full(routes, WAITING, np.int8)
        fate[of_place[~self.tracks.open[link]]] = NO_CAPACITY
        if len(link) > 1:
            broken = (head[link[:-1]] != tail[link[1:]]) & (of_place[:-1] == of_place[1:])
            fate[of_place[:-1][broken]] = BROKEN_ROUTE
        fate[np.diff(first) == 0] = EMPTY_ROUTE
        made: Int8s = fate[path]
        made[depart > self.end_s] = AFTER_END
        made[depart < self.start_s] = BEFORE_START
        made[depart < 0.0] = BEFORE_MIDNIGHT
        return made

    def _lay_stops(
        self, first: Int64s, path: Int64s, place: Int32s, pce: Floats
    ) -> tuple[Int32s, Int32s, Floats, NDArray[np.uint8], Int32s]:
        """Sort the calls by vehicle and position; return their columns and each vehicle's first call (or -1)."""
        if self.stops is None:
            none = np.zeros(0, np.int32)
            return none, none, np.zeros(0), np.zeros(0, np.uint8), np.full(len(pce), -1, np.int32)
        vehicle = np.asarray(self.stops.vehicle, np.int64)
        rows = len(vehicle)
        position = column("position", self.stops.position, rows, np.int64).astype(np.int64)
        dwell = column("dwell_s", self.stops.dwell_s, rows).astype(np.float64)
        bay = column("bay", self.stops.bay, rows, np.bool_).astype(np.uint8)
        if rows and (vehicle.min() < 0 or vehicle.max() >= len(pce)):
            raise ScenarioError("stops", f"names a vehicle beyond the {len(pce)} there are")
        if (dwell < 0.0).any():
            raise ScenarioError("dwell_s", f"call {int(np.argmin(dwell))} is negative")
        if ((position < 0) | (position >= np.diff(first)[path[vehicle]])).any():
            raise ScenarioError("position", "a call lies beyond its vehicle's route")
        order = np.lexsort((position, vehicle))
        vehicle, position = vehicle[order], position[order]
        next_stop = np.full(len(pce), -1, np.int32)
        at = np.flatnonzero(np.concatenate([[True], vehicle[1:] != vehicle[:-1]])) if rows else np.zeros(0, np.int64)
        next_stop[vehicle[at]] = at
        where = (place[vehicle] + position).astype(np.int32)
        return vehicle.astype(np.int32), where, dwell[order], bay[order], next_stop

    @property
    def now_s(self) -> int:
        """Return the clock, whole seconds after midnight."""
        return int(self.state.counts[kernel.NOW])

    def advance(self, until_s: int) -> None:
        """Run until a second, or until everybody has arrived."""
        kernel.advance(self.state, int(until_s), float(self.patience_s), LOOK_S, self._driving)

    def result(self) -> QueueResult:
        """Return what has come out so far."""
        s, tracks = self.state, self.tracks
        fate = self._fate.copy()
        fate[~np.isnan(s.started_s)] = ON_ROAD
        fate[~np.isnan(s.arrived_s)] = ARRIVED
        spent, passed = s.spent_s.copy(), s.passed.copy()
        _book_unfinished(tracks.rows, s.ring, float(self.now_s), s.bin_s, spent, passed)
        times = np.divide(spent, passed, out=np.full(spent.shape, np.nan), where=passed > 0)
        before = tracks.rows["free_s"]
        for row in times:
            np.copyto(row, np.maximum(before - s.bin_s, tracks.rows["free_s"]), where=np.isnan(row))
            before = row
        own = np.where(tracks.bus_of_link >= 0, tracks.bus_of_link, tracks.of_link)
        return QueueResult(
            fate=fate,
            started_s=s.started_s.copy(),
            arrived_s=s.arrived_s.copy(),
            link_s=times[:, tracks.of_link],
            bus_link_s=times[:, own],
            passed=s.passed[:, tracks.of_link] + np.where(tracks.bus_of_link >= 0, s.passed[:, own], 0),
            bin_s=s.bin_s,
            now_s=self.now_s,
            link_traversals=int(s.counts[kernel.MOVES]),
            gridlock_rings=int(s.counts[kernel.RINGS]),
            gridlock_moves=int(s.counts[kernel.RING_MOVES]),
            treated=dict(tracks.treated),
            entered_s=s.log_entered_s.copy(),
            left_s=s.log_left_s.copy(),
            first_event=s.log_first.copy(),
        )


def run_queue(
    roads: QueueRoads,
    paths: Paths,
    vehicles: Vehicles,
    *,
    signals: Signals | None = None,
    closures: Closures | None = None,
    stops: Stops | None = None,
    until_s: int = DAY_S,
    patience_s: float = PATIENCE_S,
    events: bool = False,
) -> QueueResult:
    """Run traffic from midnight until a second or until everybody has arrived, and return what came out."""
    traffic = QueueTraffic(
        roads, paths, vehicles, signals, closures, stops, end_s=until_s, patience_s=patience_s, events=events
    )
    traffic.advance(until_s)
    return traffic.result()
