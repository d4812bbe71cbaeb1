"""Who can be reached door to door from a place within some minutes: by foot, bicycle, car, or bus and rail.

A journey by bus and rail walks along streets, waits half a headway each time it boards, rides, and walks on; there are
no timetables in it, so minutes are expected ones. A car drives at free speed unless the traffic of a run is given.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from greentrip_networks.errors import LimitError, ScenarioError, TableError, UnknownNameError
from greentrip_networks.indicators.isochrones import minutes_on_ground, within
from greentrip_networks.indicators.pace import Pace
from greentrip_networks.indicators.places import Place, place_named
from greentrip_networks.indicators.shapes import Feature, geojson
from greentrip_networks.indicators.transit_minutes import Graph, sorted_graph, transit_graph
from greentrip_networks.network import PERIODS, Floats, Network
from greentrip_networks.search import spread

MODES = ("walk", "bicycle", "car", "transit")
MINUTES = (15.0, 30.0, 45.0, 60.0)
MOST_MIN = 240.0
MOST_LIMITS = 50
OFF_STREET_M = 400.0  # as the crow flies, how far from a street node ground counts as reached by it


@dataclass(frozen=True)
class ReachRow:
    """Who is reached within some minutes."""

    minutes: float
    residents: float
    residents_share: float  # of the network's
    jobs: float
    jobs_share: float
    area_km2: float  # of the isochrone


@dataclass(frozen=True, eq=False)
class Reach:
    """Reach from one place by one mode in one period, with isochrones on the network's plane."""

    network: str
    place: str
    lon: float
    lat: float
    mode: str
    period: str
    rows: tuple[ReachRow, ...]
    notes: tuple[str, ...]
    shapes: tuple[BaseGeometry, ...]
    plane: Any

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "network": self.network, "place": self.place, "lon": self.lon, "lat": self.lat, "mode": self.mode,
            "period": self.period, "rows": [asdict(r) for r in self.rows], "notes": list(self.notes),
        }  # fmt: skip

    def geojson(self) -> str:
        """Return the isochrones, the longest first, and the place as GeoJSON."""
        about = {"place": self.place, "mode": self.mode, "period": self.period}
        drawn = zip(self.shapes, self.rows, strict=True)
        features: list[Feature] = [
            (s, {"layer": "isochrone", "minutes": r.minutes, "residents": round(r.residents)} | about) for s, r in drawn
        ]
        x, y = self.plane.to_metres(self.lon, self.lat)
        return geojson(self.plane, [*reversed(features), (shapely.Point(x, y), {"layer": "place"} | about)])


def measure_reach(
    network: Network,
    place: str,
    *,
    mode: str = "transit",
    period: str = "am",
    minutes: Sequence[float] = MINUTES,
    pace: Pace | None = None,
    link_seconds: Floats | None = None,
) -> Reach:
    """Measure who can be reached from a place.

    Parameters
    ----------
    network
        The city.
    place
        A station, zone, street node or "lon,lat", as `place_named` takes it.
    mode
        One of `MODES`.
    period
        One of PERIODS: its headways and, if given, its traffic.
    minutes
        Limits, door to door.
    pace
        Speeds and fixed times.
    link_seconds
        Driving time on each compiled road link, shape (links,); free speed if None.

    Raises
    ------
    UnknownNameError
        For a place, mode or period that is not known.
    ScenarioError
        For minutes that are no positive numbers.
    LimitError
        For more than 240 minutes, or more than 50 limits.
    TableError
        For link times of another network.

    """
    for kind, value, known in (("mode", mode, MODES), ("period", period, PERIODS)):
        if value not in known:
            raise UnknownNameError(kind, value, known)
    limits = sorted(set(map(float, minutes)))
    if not limits or not all(np.isfinite(m) and m > 0 for m in limits):
        raise ScenarioError("minutes", f"saw {list(minutes)}; expected numbers above 0")
    if len(limits) > MOST_LIMITS:
        raise LimitError("minutes", len(limits), MOST_LIMITS, "limits")
    if limits[-1] > MOST_MIN:
        raise LimitError("minutes", limits[-1], MOST_MIN, "min")
    roads, speed = network.compiled.roads, pace or Pace()
    if link_seconds is not None and len(link_seconds) != len(roads.tail):
        raise TableError("traffic", f"{len(roads.tail)} links", column="link_seconds", value=len(link_seconds))
    here = place_named(network, place)
    graph, fixed, off_m_min = _graph(network, mode, PERIODS.index(period), speed, link_seconds)
    nodes = np.flatnonzero(graph.touched[: len(roads.nodes)])
    if not len(nodes):
        raise UnknownNameError("mode", mode, ("no link of the network may be used by it",))
    start, start_min = _onto(network, here, nodes, speed)
    dist = spread(graph.first_out, graph.head, graph.cost, start, start_min + fixed, limits[-1])[0][: len(roads.nodes)]
    cells, zones = network.cells, network.zones
    to_cell = dist[roads.cell_node] + cells.node_m * speed.street_detour / speed.walk_m_min
    near = np.hypot(cells.x_m - here.x_m, cells.y_m - here.y_m)
    to_cell = np.minimum(to_cell, np.where(near <= OFF_STREET_M, near * speed.street_detour / speed.walk_m_min, np.inf))
    residents = cells.home_share * zones.residents[cells.zone]
    jobs = cells.work_share * zones.jobs[cells.zone]
    x, y = np.append(roads.x_m, here.x_m), np.append(roads.y_m, here.y_m)
    ground = minutes_on_ground(x, y, np.append(dist, 0.0), off_m_min, OFF_STREET_M)
    rows, shapes = [], []
    for limit in limits:
        shape = within(*ground, limit)
        got = to_cell <= limit
        r, j = float(residents[got].sum()), float(jobs[got].sum())
        rows.append(
            ReachRow(limit, r, r / float(residents.sum() or 1), j, j / float(jobs.sum() or 1), shape.area / 1e6)
        )
        shapes.append(shape)
    notes = _notes(network, mode, link_seconds)
    return Reach(
        network.name, here.name, here.lon, here.lat, mode, period, tuple(rows), notes, tuple(shapes), network.plane
    )


def _graph(
    network: Network, mode: str, period: int, pace: Pace, link_seconds: Floats | None
) -> tuple[Graph, float, float]:
    """Return minutes on links from street node to street node, fixed minutes, and metres a minute off the streets."""
    roads = network.compiled.roads
    walk = pace.walk_m_min / pace.street_detour
    if mode == "transit":
        return transit_graph(network, period, pace, link_seconds), 0.0, walk
    if mode == "car":
        use = roads.auto
        seconds = roads.free_s if link_seconds is None else link_seconds
        made = sorted_graph(len(roads.nodes), [(roads.tail[use], roads.head[use], seconds[use] / 60)])
        return made, pace.car_terminal_min, walk
    use = roads.walk if mode == "walk" else roads.bike
    per_min = pace.walk_m_min if mode == "walk" else pace.bicycle_m_min
    tail, head, cost = roads.tail[use], roads.head[use], roads.length_m[use] / per_min
    links = [(tail, head, cost), (head, tail, cost)] if mode == "walk" else [(tail, head, cost)]  # on foot both ways
    return sorted_graph(len(roads.nodes), links), 0.0 if mode == "walk" else pace.bicycle_fixed_min, walk


def _onto(network: Network, here: Place, nodes: Any, pace: Pace) -> tuple[Any, Floats]:
    """Return the street nodes a journey starts from, those within 400 m of the nearest, and the walk to each."""
    roads = network.compiled.roads
    far = np.hypot(roads.x_m[nodes] - here.x_m, roads.y_m[nodes] - here.y_m)
    use = far <= far.min() + OFF_STREET_M
    return nodes[use], far[use] * pace.street_detour / pace.walk_m_min


def _notes(network: Network, mode: str, link_seconds: Floats | None) -> tuple[str, ...]:
    """Return what the minutes rest on."""
    notes = ["Door to door: the walk from the place to a street and from the last street to where people are included"]
    if mode in ("car", "transit"):
        what = "Cars" if mode == "car" else "Buses"
        traffic = "at free speed, as on empty roads" if link_seconds is None else "in the traffic of the run given"
        notes.append(f"{what} drive {traffic}")
    if mode == "transit":
        notes.append("Waits are half a headway at each boarding; lines at one stop do not share their wait")
        if network.buses.generated:
            notes.append("Bus lines are generated by a rule that respects published totals")
    notes.append("Ground counts as reached up to 400 m from a street node that is; people where their cell's centre is")
    notes.append("Nobody beyond the network's edge counts: a circle that leaves the city is cut off")
    return tuple(notes)
