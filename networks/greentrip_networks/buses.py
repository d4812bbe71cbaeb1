"""Make a trunk bus service on the street graph that respects published totals; it is generated, not a timetable.

Line after line is drawn until the published number of lines is there. A line starts at a street node drawn by the
residents around it (four times as likely where no stop is within 500 m yet), and ends at one drawn by jobs and
residents at about the length wanted; lengths follow a skewed distribution whose running mean is held to the published
kilometres. The bus takes the quickest way for a bus, which avoids highways and small streets, and streets that many
lines serve already. Stops are on street nodes about every 650 m. Headways scatter around the published medians. Every
draw is keyed by the line's number.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from greentrip_networks.errors import TableError
from greentrip_networks.hashing import normal, uniform
from greentrip_networks.network import Buses, Floats, Ints, Line, Zones
from greentrip_networks.paths import quickest_paths
from greentrip_networks.road_arrays import Links, drivable, links_of, on_streets

if TYPE_CHECKING:
    import networkx as nx

STOP_EVERY_M = 420.0  # a stop is at the first street node after this distance: about 700 m apart on the whole
WALK_M = 500.0  # a place is covered if a stop is this near
UNCOVERED = 4.0  # how much more likely a line starts at a place not covered
SPREAD = 0.55  # standard deviation of the logarithm of line length
SHORTEST_M, LONGEST_M = 3_000.0, 70_000.0
DETOUR = 1.3  # metres on streets per metre as the crow flies
FACILITY_FACTOR = {"motorway": 2.5, "expressway": 1.3, "ramp": 1.5, "local": 1.5, "connector": 2.0}  # on running time
CROWDED = 0.03  # more cost per line that runs on a link already
CROWDED_MOST = 2.0
HEADWAY_SPREAD = 0.4
_KEY = 849  # of all draws


@dataclass(frozen=True)
class Totals:
    """The published figures that the generated service respects."""

    lines: int
    line_km: float
    capacity: int
    headway_s: tuple[float, float, float]  # medians by period: am, off, pm
    year: int


def bus_service(folder: Path, roads: "nx.MultiDiGraph[str]", zones: Zones, section: dict[str, Any]) -> Buses:
    """Return the bus service of a city from the [buses] section of its city.toml."""
    try:
        totals = Totals(
            lines=int(section["lines_published"]),
            line_km=float(section["line_km_published"]),
            capacity=int(section["capacity"]),
            headway_s=(float(section["headway_am_s"]), float(section["headway_off_s"]), float(section["headway_pm_s"])),
            year=int(section["year"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TableError(
            f"{folder.name}/city.toml", f"the published totals of the bus system as numbers ({error})", column="buses"
        ) from None
    return generate_buses(links_of(roads), zones, totals)


def generate_buses(links: Links, zones: Zones, totals: Totals) -> Buses:
    """Draw the lines one after another; see the module's rule."""
    nodes = np.flatnonzero(drivable(links) & on_streets(links))
    weight_home, weight_work = _weights(links, zones, nodes)
    if not len(nodes) or weight_home.sum() <= 0 or totals.lines <= 0:
        return Buses((), np.zeros(0, np.int64), (), np.zeros(0), generated=True)
    x, y = links.x_m[nodes], links.y_m[nodes]
    tree = cKDTree(np.column_stack([x, y]))
    row_in = np.full(len(links.nodes), -1, np.int64)
    row_in[nodes] = np.arange(len(nodes))
    factor = np.array([FACILITY_FACTOR.get(f, 1.0) for f in links.facility], np.float64)
    base = np.where(links.auto, links.free_s * factor, np.inf)
    served = np.zeros(len(base))
    twin = _twins(links)
    covered = np.zeros(len(nodes), bool)
    shape = np.exp(SPREAD * normal(_KEY, 1, np.arange(totals.lines)) - SPREAD**2 / 2)
    scatter = np.exp(HEADWAY_SPREAD * normal(_KEY, 2, np.arange(totals.lines)))
    draws = uniform(_KEY, 3, np.arange(totals.lines)[:, None], np.arange(2))
    cost = base.copy()
    left_m = totals.line_km * 1000.0
    lines: list[Line] = []
    line: list[int] = []
    call_node: list[str] = []
    call_m: list[float] = []
    for k in range(totals.lines):
        wanted = float(np.clip(shape[k] * left_m / (totals.lines - k), SHORTEST_M, LONGEST_M))
        a = _draw(weight_home * np.where(covered, 1.0, UNCOVERED), draws[k, 0])
        crow = np.hypot(x - x[a], y - y[a]) * DETOUR
        pull = (weight_work + 0.5 * weight_home) * np.exp(-0.5 * ((crow - wanted) / (0.12 * wanted)) ** 2)
        pull[a] = 0.0
        b = (
            _draw(pull, draws[k, 1])
            if pull.sum() > 0
            else int(np.argmin(np.where(crow > 0, np.abs(crow - wanted), np.inf)))
        )
        ends = np.array([nodes[a]], np.int32), np.array([nodes[b]], np.int32)
        _, path = quickest_paths(links.first_out, links.tail, links.head, cost, *ends)
        used = np.concatenate([path, twin[path][twin[path] >= 0]])
        served[used] += 1.0
        cost[used] = base[used] * (1.0 + np.minimum(CROWDED * served[used], CROWDED_MOST))
        stops, metres = _stops(links, path, row_in)
        left_m -= metres[-1]
        for place in tree.query_ball_point(np.column_stack([links.x_m[stops], links.y_m[stops]]), WALK_M):
            covered[place] = True
        headways = tuple(float(round(min(max(h * scatter[k], 120.0), 2400.0))) for h in totals.headway_s)
        lines.append(
            Line(
                id=f"g{k + 1:03d}",
                name_zh=f"生成公交{k + 1}路",
                name_en=f"Generated bus {k + 1}",
                mode="bus",
                fare="bus",
                loop=False,
                capacity=totals.capacity,
                headway_s=(headways[0], headways[1], headways[2]),
                opened=totals.year,
            )
        )
        line.extend([k] * len(stops))
        call_node.extend(links.nodes[s] for s in stops)
        call_m.extend(metres)
    return Buses(tuple(lines), np.array(line, np.int64), tuple(call_node), np.array(call_m, np.float64), generated=True)


def _weights(links: Links, zones: Zones, nodes: Ints) -> tuple[Floats, Floats]:
    """Share each zone's residents and jobs among its street nodes (the zone of least power distance)."""
    if not len(nodes):
        return np.zeros(0), np.zeros(0)
    x, y = links.x_m[nodes], links.y_m[nodes]
    square_radius = zones.area_km2 * 1e6 / np.pi
    best = np.full(len(nodes), np.inf)
    zone = np.zeros(len(nodes), np.int64)
    for z in range(len(zones)):
        power = (x - zones.x_m[z]) ** 2 + (y - zones.y_m[z]) ** 2 - square_radius[z]
        better = power < best
        zone[better] = z
        best[better] = power[better]
    count = np.maximum(np.bincount(zone, minlength=len(zones)), 1)
    return zones.residents[zone] / count[zone], zones.jobs[zone] / count[zone]


def _draw(weight: Floats, u: float) -> int:
    """Return the row that a uniform number means among weights."""
    total = np.cumsum(weight)
    return int(min(np.searchsorted(total, u * total[-1], side="right"), len(weight) - 1))


def _twins(links: Links) -> NDArray[np.int64]:
    """Return for each link a link the other way, -1 if there is none."""
    n = len(links.nodes)
    forward = links.tail.astype(np.int64) * n + links.head
    backward = links.head.astype(np.int64) * n + links.tail
    order = np.argsort(forward, kind="stable")
    at = np.minimum(np.searchsorted(forward[order], backward), len(order) - 1)
    return np.where(forward[order][at] == backward, order[at], -1)


def _stops(links: Links, path: NDArray[np.int32], row_in: Ints) -> tuple[list[int], list[float]]:
    """Put stops on street nodes along a path, its ends included; return nodes and metres from the first."""
    stops = [int(links.tail[path[0]])]
    metres = [0.0]
    position = 0.0
    for link in path:
        position += float(links.length_m[link])
        node = int(links.head[link])
        if position - metres[-1] >= STOP_EVERY_M and row_in[node] >= 0 and node not in stops:
            stops.append(node)
            metres.append(position)
    end = int(links.head[path[-1]])
    if stops[-1] != end:
        if len(stops) > 1 and position - metres[-1] < STOP_EVERY_M / 2:
            stops.pop()
            metres.pop()
        stops.append(end)
        metres.append(position)
    return stops, metres
