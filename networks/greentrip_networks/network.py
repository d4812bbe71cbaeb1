"""What a city is: zones and cells where people live and work, a road graph, rail lines, buses, fares and prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from greentrip_networks.demand import Demand
from greentrip_networks.errors import UnknownNameError
from greentrip_networks.geo import Plane

if TYPE_CHECKING:
    import networkx as nx

    from greentrip_networks.compiled import Compiled

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PERIODS = ("am", "off", "pm")
PERIOD_WINDOWS = (((7, 9),), ((5, 7), (9, 17), (19, 22)), ((17, 19),))  # hours of the day, from and to, of each period
PERIOD_HOURS = tuple(
    float(sum(end - start for start, end in windows)) for windows in PERIOD_WINDOWS
)  # of the service day


@dataclass(frozen=True, eq=False)
class Zones:
    """The city's zones, one row each; all arrays have shape (zones,)."""

    id: tuple[str, ...]
    name_zh: tuple[str, ...]
    name_en: tuple[str, ...]
    district_zh: tuple[str, ...]
    district_en: tuple[str, ...]
    lon: Floats
    lat: Floats
    x_m: Floats
    y_m: Floats
    area_km2: Floats
    residents: Floats  # persons in the network's year
    jobs: Floats
    school_places: Floats
    parking_cny_h: Floats  # average price paid by a visitor's car, CNY an hour
    areas: Mapping[str, Bools]  # named areas, such as "central six": which zones belong

    def __len__(self) -> int:
        """Return the number of zones."""
        return len(self.id)

    def find(self, name: str) -> int:
        """Return the row of a zone given its id, Chinese or English name."""
        for names in (self.id, self.name_zh, self.name_en):
            if name in names:
                return names.index(name)
        raise UnknownNameError("zone", name, (*self.name_en, *self.name_zh))


@dataclass(frozen=True, eq=False)
class Cells:
    """Square cells of at most 500 m that hold homes and jobs; all arrays have shape (cells,), sorted by zone."""

    zone: Ints
    x_m: Floats
    y_m: Floats
    lon: Floats
    lat: Floats
    home_share: Floats  # share of the zone's residents who live here; sums to 1 in each zone
    work_share: Floats  # share of the zone's jobs that are here; sums to 1 in each zone
    node: tuple[str, ...]  # nearest street node that people may walk to
    node_m: Floats  # metres to it, as the crow flies


@dataclass(frozen=True)
class Line:
    """A named service: how often it runs, how many it carries, what it charges."""

    id: str
    name_zh: str
    name_en: str
    mode: str  # metro, tram, maglev, airport, bus or feeder
    fare: str  # the fare system of Fares that it belongs to
    loop: bool
    capacity: int  # persons a vehicle or train
    headway_s: tuple[float, float, float]  # by PERIODS
    opened: int


@dataclass(frozen=True, eq=False)
class Buses:
    """Bus lines as ordered stops on street nodes, run in both directions; one row a call."""

    lines: tuple[Line, ...]
    line: Ints  # (calls,) row in lines, sorted
    node: tuple[str, ...]  # (calls,) street node of the stop
    position_m: Floats  # (calls,) along the line from its first stop
    generated: bool  # made by a stated rule rather than read from a timetable


def written(minutes: Sequence[float]) -> str:
    """Write minutes between buses by PERIODS as `6/12/6`."""
    return "/".join(f"{m:g}" for m in minutes)


@dataclass(frozen=True)
class FeederRoute:
    """A bus route that ends at a rail station: there and back on the same stops, or a loop from the station and back.

    There and back, stops run from the far end inwards. A loop has `ride_out_s`; its stops are in the order served, its
    path begins and ends at the station's street node.
    """

    id: str
    station: str  # station id
    stops: tuple[str, ...]  # street nodes in the order of the path, without the station
    path: tuple[str, ...]  # every street node passed, from the first stop (a loop: from the station) to the station
    ride_s: tuple[float, ...]  # running time from each stop to the station, seconds
    length_m: float  # of one direction, or once round a loop
    headways_s: tuple[float, float, float]  # time between buses, seconds, by PERIODS
    vehicles: int  # of the period that needs most
    capacity: int
    cost_cny_day: float
    ride_out_s: tuple[float, ...] = ()  # running time from the station to each stop of a loop, seconds

    @property
    def loop(self) -> bool:
        """Whether buses run a loop, in one direction."""
        return bool(self.ride_out_s)

    @property
    def every_min(self) -> str:
        """Minutes between buses by PERIODS, such as `6/12/6`."""
        return written([s / 60 for s in self.headways_s])

    @property
    def mean_ride_s(self) -> tuple[float, ...]:
        """Seconds between the station and each stop, mean of the ride in and the ride out."""
        if not self.loop:
            return self.ride_s
        return tuple((a + b) / 2 for a, b in zip(self.ride_s, self.ride_out_s, strict=True))

    @property
    def trip_s(self) -> float:
        """Seconds from leaving the first stop to the station; of a loop once round, less the standing at that stop."""
        return self.ride_s[0] + (self.ride_out_s[0] if self.loop else 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; `ride_out_s` only of a loop, so that plans and scenarios without loops hash as ever."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "ride_out_s" or self.loop}


@dataclass(frozen=True)
class Fares:
    """What a ride costs, as data; distances in km, prices in CNY."""

    metro_bands: tuple[tuple[float, float], ...]  # (up to km, price); beyond the last: +1 per metro_step_km
    metro_step_km: float
    metro_card_factor: float  # mean price paid over price printed
    special: Mapping[str, float]  # flat fare of other fare systems, by name
    bus_base_cny: float
    bus_base_km: float
    bus_step_km: float
    bus_card_factor: float
    feeder_cny: float
    taxi_base_cny: float
    taxi_base_km: float
    taxi_km_cny: float
    taxi_far_km: float
    taxi_far_factor: float
    taxi_surcharge_cny: float
    fuel_cny_km: float


@dataclass(frozen=True)
class Target:
    """An indicator with a threshold."""

    name: str
    value: float  # percent
    year: int
    area: str
    source: str


@dataclass(frozen=True)
class Observed:
    """Published shares of main modes in an area, percent of weekday trips including walking."""

    year: int
    area: str
    shares: Mapping[str, float]
    trips_million: float
    source: str


@dataclass(frozen=True, eq=False)
class Network:
    """A city in one year: what a scenario changes and a simulation reads.

    `roads` is a MultiDiGraph; nodes have lon, lat, x_m, y_m, name; edges have name, name_zh, facility, length_m, lanes,
    free_speed_kmh, capacity_veh_h (per direction), uses (a set of "auto", "walk", "bike"), generated, geometry.
    `rail` is a MultiDiGraph; nodes are station ids with name_en, name_zh, lon, lat, x_m, y_m, opened, node (street
    node), node_m; edges, keyed (line id, direction), have line, direction (0 or 1), seq, length_m, time_s (running and
    dwell).
    """

    name: str
    name_en: str
    name_zh: str
    year: int
    plane: Plane
    zones: Zones
    cells: Cells
    roads: "nx.MultiDiGraph[str]"
    rail: "nx.MultiDiGraph[str]"
    lines: tuple[Line, ...]
    buses: Buses
    feeders: tuple[FeederRoute, ...]
    fares: Fares
    transfer_s: Mapping[tuple[str, str, str], float]  # (station, from line, to line): walk between platforms
    default_transfer_s: float
    station_access_s: float  # street to platform, each way
    target: Target
    observed: tuple[Observed, ...]
    assumptions: tuple[str, ...]
    sources: tuple[str, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)
    demand: Demand = field(default_factory=Demand)

    def with_(self, **changes: Any) -> "Network":
        """Return a copy with some fields replaced; compiled arrays are made anew when asked for."""
        return replace(self, **changes)

    @cached_property
    def compiled(self) -> "Compiled":
        """The arrays kernels use, made once from the graphs and tables."""
        from greentrip_networks.compiled import compile_network

        return compile_network(self)

    def station(self, name: str) -> str:
        """Return the id of a rail station given its id, Chinese or English name."""
        if name in self.rail:
            return name
        folded = name.casefold()
        for node, data in self.rail.nodes(data=True):
            if folded in (data["name_zh"].casefold(), data["name_en"].casefold()):
                return node
        known = [n for _, d in self.rail.nodes(data=True) for n in (d["name_en"], d["name_zh"])]
        raise UnknownNameError("station", name, known)

    def line(self, name: str) -> Line:
        """Return a rail or bus line given its id, Chinese or English name."""
        for line in (*self.lines, *self.buses.lines):
            if name in (line.id, line.name_zh, line.name_en):
                return line
        raise UnknownNameError("line", name, (n for x in self.lines for n in (x.id, x.name_zh, x.name_en)))
