"""What can be done with a bus line beside rail, what it saves, and what its riders lose, by a run's loads."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from greentrip_agents import Run
from greentrip_agents.parameters import Parameters
from greentrip_networks.compiled import Floats
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import PERIOD_HOURS, PERIODS, Ints, Network

from greentrip_optimizer.parallel import Parallel, rides_between

MOST_FULL = 10.0  # riders over places, the largest that may be asked for
MOST_LOSS_MIN = 600.0  # felt minutes a rider, likewise


@dataclass(frozen=True)
class LineOptions:
    """What counts as parallel, what a bus costs, what may be asked of riders; values without a source are assumed."""

    near_m: float = 400.0  # from a stop to the rail line's course
    least_share: float = 0.4  # of a line's length beside one rail line
    change_m: float = 350.0  # from a stop to a station where riders may be asked to change
    shortest_m: float = 2000.0  # what is left of a line
    cny_vehicle_hour: float = 110.0
    cny_km: float = 3.5
    cny_vehicle_day: float = 625.0
    layover_share: float = 0.1
    stranded_min: float = 20.0  # what riders lose, in felt minutes, where neither rail nor another line is near
    most_loss_min: float = 12.0  # a rider may lose on average by one change of a line
    full: float = 1.0  # riders over places at which a rail section is over capacity
    crowding_min: float = 10.0  # what each rider beyond that gains, in felt minutes, if a bus takes one of them
    uptake: float = 0.6  # share of the places of a strengthened bus line that rail riders take
    vehicles: int | None = None  # buses at hand after all changes; nothing means as many as today
    seed: int = 0
    work: float = 6.0  # CP-SAT's deterministic time

    def __post_init__(self) -> None:
        """Refuse values out of range, naming the field."""
        for name, low, high in (
            ("near_m", 1.0, 5000.0), ("least_share", 0.01, 1.0), ("change_m", 1.0, 5000.0), ("full", 0.05, MOST_FULL),
            ("uptake", 0.0, 1.0), ("stranded_min", 0.0, 600.0), ("most_loss_min", 0.0, MOST_LOSS_MIN),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:
                raise ScenarioError(name, f"saw {value!r}; expected {low:g} to {high:g}")
        if self.vehicles is not None and self.vehicles < 0:
            raise ScenarioError("vehicles", f"saw {self.vehicles}; expected 0 or more, or nothing for as many as today")


@dataclass(frozen=True, eq=False)
class Action:
    """One thing to do with one line; money in CNY and minutes felt, both a day."""

    row: int  # of network.buses.lines; -1 for a new line
    kind: str  # withdraw, shorten, reroute, strengthen or new
    stops: tuple[str, ...]  # that it runs over then; none if withdrawn
    headway_s: tuple[float, float, float]
    capacity: int
    vehicles: int  # in the peak, then
    saved_cny: float
    riders: float  # who must do otherwise
    lost_min: float  # by them
    dropped: tuple[str, ...] = ()  # stops it leaves that no station replaces
    station: int = -1  # where riders change now, row of the compiled stations
    moved: tuple[tuple[int, float], ...] = ()  # rail rides and persons in the morning peak that come onto them
    relieved: tuple[tuple[int, float], ...] = ()  # rail rides and persons in the morning peak it can take
    rail: int = -1  # row of the compiled rail lines
    name: str = ""  # of a new line

    @property
    def mean_loss_min(self) -> float:
        """Felt minutes that a rider who must do otherwise loses on average."""
        return self.lost_min / self.riders if self.riders > 0 else 0.0


@dataclass(eq=False)
class Service:
    """Every bus line as it runs in a run: legs, riders and cost; arrays by call of the compiled patterns."""

    network: Network
    run: Run
    options: LineOptions
    parameters: Parameters
    minutes: Floats = field(init=False)  # (calls,) from the call before, in the morning peak's streets
    metres: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Time every leg."""
        missing = [n for p in PERIODS for n in (f"bus_load_{p}", f"rail_load_{p}") if n not in self.run.costs]
        if missing:
            raise ScenarioError(
                "run", f"holds no {missing[0]}: it was made by an older version; simulate the network again"
            )
        b, p = self.network.compiled.buses, self.parameters
        if len(self.run.costs["bus_load_am"]) != len(b.call_stop):
            raise ScenarioError(
                "run",
                f"has loads of {len(self.run.costs['bus_load_am'])} bus calls, the network has {len(b.call_stop)}; "
                "expected a run of this very network",
            )
        upto = np.append(0.0, np.cumsum(self.run.costs["link_s_am"][b.path_link]))
        drive = upto[b.path_first[1:]] - upto[b.path_first[:-1]]
        called = np.diff(b.path_first) > 0
        self.minutes = np.where(called, (drive * p["speed.bus_over_car"] + p["speed.bus_dwell_s"]) / 60, 0.0)
        self.metres = np.append(0.0, np.diff(b.call_m))
        self.metres[b.pattern_first[:-1]] = 0.0

    def calls(self, row: int) -> tuple[slice, slice]:
        """Return the calls of a line, there and back."""
        first = self.network.compiled.buses.pattern_first
        return slice(first[2 * row], first[2 * row + 1]), slice(first[2 * row + 1], first[2 * row + 2])

    def cost(self, minutes: float, metres: float, headway_s: Sequence[float]) -> tuple[int, float]:
        """Return peak buses and CNY a day of a cycle (both ways) at headways by period."""
        o = self.options
        cycle_s = minutes * 60 * (1 + o.layover_share)
        buses = [int(np.ceil(cycle_s / h - 1e-9)) for h in headway_s]
        hours = sum(n * t for n, t in zip(buses, PERIOD_HOURS, strict=True))
        trips = sum(t * 3600 / h for h, t in zip(headway_s, PERIOD_HOURS, strict=True))
        peak = max(buses[0], buses[2])
        return peak, hours * o.cny_vehicle_hour + trips * metres / 1000 * o.cny_km + peak * o.cny_vehicle_day

    def today(self, row: int) -> tuple[int, float]:
        """Return peak buses and CNY a day of a line as it runs."""
        there, back = self.calls(row)
        return self.cost(
            float(self.minutes[there].sum() + self.minutes[back].sum()),
            float(self.metres[there].sum() + self.metres[back].sum()),
            self.network.buses.lines[row].headway_s,
        )

    def riders(self, row: int, periods: Sequence[str] = PERIODS) -> tuple[Floats, Floats, Floats]:
        """Return by stop, in the line's order: boarding, alighting (both directions), and by leg who ride."""
        there, back = self.calls(row)
        n = there.stop - there.start
        on, off, ride = np.zeros(n), np.zeros(n), np.zeros(n - 1)
        for p in periods:
            for at, turned in ((there, False), (back, True)):
                load, boarded = self.run.costs[f"bus_load_{p}"][at], self.run.costs[f"bus_boarded_{p}"][at]
                left = np.maximum(np.append(0.0, load[:-1]) + boarded - load, 0.0)
                on += boarded[::-1] if turned else boarded
                off += left[::-1] if turned else left
                ride += load[:-1][::-1] if turned else load[:-1]
        return on, off, ride


def cuts(service: Service, line: Parallel) -> list[Action]:
    """Return what could be done with a parallel line: withdraw it, or end it at a station at either end."""
    o, n = service.options, len(line.beside)
    found = [_cut(service, line, 0, -1)]
    ends: list[tuple[int, int]] = []
    lead = int(np.argmin(line.beside)) if not line.beside.all() else n
    tail = int(np.argmin(line.beside[::-1])) if not line.beside.all() else n
    heads = [i for i in range(1, lead) if line.station_m[i] <= o.change_m]
    tails = [n - 1 - i for i in range(1, tail) if line.station_m[n - 1 - i] <= o.change_m]
    first = max(heads) if heads else 0
    last = min(tails) if tails else n - 1
    if first > 0:
        ends.append((first, n - 1))
    if last < n - 1:
        ends.append((0, last))
    if 0 < first < last < n - 1:
        ends.append((first, last))
    for a, b in ends:
        there, _ = service.calls(line.row)
        if b > a and service.metres[there][a + 1 : b + 1].sum() >= o.shortest_m:
            found.append(_cut(service, line, a, b))
    return found


def _cut(service: Service, line: Parallel, a: int, b: int) -> Action:
    """Return the action that leaves stops a to b of a line (none if b < a)."""
    o, net, row = service.options, service.network, line.row
    there, back = service.calls(row)
    bus = net.buses.lines[row]
    names = [net.buses.node[c] for c in np.flatnonzero(net.buses.line == row)]
    n = len(names)
    kept = np.zeros(n, bool)
    kept[a : b + 1] = True
    minutes, metres = service.minutes[there], service.metres[there]
    back_minutes, back_metres = service.minutes[back], service.metres[back]
    peak, money = 0, 0.0
    stops: tuple[str, ...] = ()
    kind, station = "withdraw", -1
    if b > a:
        stops = tuple(names[a : b + 1])
        kind = "shorten"
        for end, place in ((a, 0), (b, len(stops))):
            if end in (0, n - 1):
                continue
            station = int(line.station[end])
            node = net.compiled.roads.nodes[net.compiled.rail.node[station]]
            if node not in names and line.station_m[end] > o.change_m / 2 and _reached(net, names[end], node):
                stops = (node, *stops) if place == 0 else (*stops, node)
                kind = "reroute"
        extra = o.change_m * (len(stops) - (b - a + 1))
        peak, money = service.cost(
            float(minutes[a + 1 : b + 1].sum() + back_minutes[n - b : n - a].sum()) + 2 * extra / 1000 * 4.0,
            float(metres[a + 1 : b + 1].sum() + back_metres[n - b : n - a].sum()) + 2 * extra,
            bus.headway_s,
        )
    riders, lost = _loss(service, line, kept)
    dropped = tuple(names[i] for i in range(n) if not kept[i] and line.station_m[i] > 2 * o.near_m)
    moved: dict[int, float] = {}
    _, _, ride = service.riders(row, ("am",))
    for u, v in ((0, a), (b, n - 1)) if b > a else ((0, n - 1),):
        one, other = int(line.station[u]), int(line.station[v])
        if v > u and one != other:
            load = float(ride[u:v].max()) / 2
            for way in ((one, other), (other, one)):
                for r in rides_between(net, line.rail, *way).tolist():
                    moved[r] = moved.get(r, 0.0) + load
    return Action(
        row, kind, stops, bus.headway_s, bus.capacity, peak, service.today(row)[1] - money, riders, lost, dropped,
        station, tuple(sorted(moved.items())), (), line.rail,
    )  # fmt: skip


def _loss(service: Service, line: Parallel, kept: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> tuple[float, float]:
    """Return riders whose trips touch what is cut, and what they lose together if they take rail instead, felt minutes.

    A rider with an end at a cut stop walks to the station next to it and rides rail to where the bus still runs, or to
    the other end; an end far from stations loses `stranded_min`. Nobody gains: rail was there before.
    """
    o, p, net = service.options, service.parameters, service.network
    on, off, ride = service.riders(line.row)
    there, _ = service.calls(line.row)
    ends = on + off
    total = float(on.sum())
    cut_ends = float(ends[~kept].sum())
    if total <= 0 or cut_ends <= 0:
        return 0.0, 0.0
    minutes = service.minutes[there]
    at = np.cumsum(minutes)
    if kept.any():
        a, b = np.flatnonzero(kept)[[0, -1]]
        crossing = float((ride[a - 1] if a > 0 else 0.0) + (ride[b] if b < len(ride) else 0.0))
        within = max(cut_ends - crossing, 0.0) / 2
        to = np.where(np.arange(len(kept)) < a, a, b)
        riders, both = min(crossing + within, total), within / max(crossing + within, 1e-9)
        rode = np.abs(at - at[to])
    else:
        mean = float(ride @ minutes[1:]) / total
        middle = int(np.searchsorted(at, at[-1] / 2))
        to = np.full(len(kept), min(middle, len(kept) - 1))
        rode = np.full(len(kept), mean)
        riders, both = total, 1.0
    vot = p["value_of_time.mean_cny_h"] / 60
    rail = np.mean([service.run.costs["rail_cost"][t][line.station, line.station[to]] for t in (0, 2)], axis=0)
    fare = service.run.costs["rail_fare"][line.station, line.station[to]]
    same = line.station == line.station[to]
    per_m = p["distance.street_detour"] / p["speed.walk_m_s"] / 60 * p["weight.walk_access"]
    walk = line.station_m * per_m
    felt = rode * p["weight.transit_ride"] * p["weight.bus_ride"]
    by_rail = rail + net.station_access_s / 60 * 2 * p["weight.walk_access"] + fare / vot
    change = p["weight.transfer_min"] * (1 - both)
    loss = walk + np.where(same, np.minimum(rode * 3 * p["weight.walk_access"], 30.0), by_rail) + change - felt
    loss = np.where(line.station_m > 2 * o.near_m, o.stranded_min, np.maximum(loss, 0.0))
    mean_loss = float(ends[~kept] @ loss[~kept]) / cut_ends
    return riders, riders * mean_loss


def _reached(network: Network, one: str, other: str) -> bool:
    """Say whether a bus can drive from one street node to another and back within a few links."""
    import networkx as nx

    streets = network.roads
    near = [nx.single_source_dijkstra_path_length(streets, s, cutoff=3000, weight="length_m") for s in (one, other)]
    return other in near[0] and one in near[1]


def strengthen(service: Service, line: Parallel, over: "dict[int, float]") -> list[Action]:
    """Return a line at three quarters and half of its headway, if it runs beside rail sections over capacity."""
    o, net, row = service.options, service.network, line.row
    inside: Ints = np.flatnonzero(line.beside)
    if not len(inside):
        return []
    one, other = int(line.station[inside[0]]), int(line.station[inside[-1]])
    beside = {int(r) for way in ((one, other), (other, one)) for r in rides_between(net, line.rail, *way)}
    here = sorted(beside & set(over))
    if not here:
        return []
    bus = net.buses.lines[row]
    names = tuple(net.buses.node[c] for c in np.flatnonzero(net.buses.line == row))
    there, back = service.calls(row)
    minutes, metres = (float(x[there].sum() + x[back].sum()) for x in (service.minutes, service.metres))
    out = []
    for part in (0.75, 0.5):
        headway = (max(bus.headway_s[0] * part, 60.0), bus.headway_s[1], max(bus.headway_s[2] * part, 60.0))
        if headway[0] >= bus.headway_s[0]:
            continue
        peak, money = service.cost(minutes, metres, headway)
        places = PERIOD_HOURS[0] * 3600 * bus.capacity * (1 / headway[0] - 1 / bus.headway_s[0])
        out.append(
            Action(
                row,
                "strengthen",
                names,
                headway,
                bus.capacity,
                peak,
                service.today(row)[1] - money,
                0.0,
                0.0,
                relieved=tuple((r, places * o.uptake) for r in here),
                rail=line.rail,
            )
        )
    return out
