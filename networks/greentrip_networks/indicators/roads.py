"""The structure of an area's streets: density, dead ends, bottlenecks and whether one-way streets lead on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from greentrip_networks.indicators.areas import area_named
from greentrip_networks.indicators.links import Links, area_km2, links_in, links_table
from greentrip_networks.indicators.shapes import Feature, geojson
from greentrip_networks.network import Bools, Ints, Network

STRAIGHT_COS = float(np.cos(np.radians(30.0)))  # a road goes on as one of another name where it bends by less
BENDS_COS = float(np.cos(np.radians(45.0)))  # a road without a name goes on where it bends by less
DEAD_END, ONE_WAY_END, LANE_DROP, CAPACITY_DROP = "dead end", "one-way end", "lane drop", "capacity drop"
KINDS = (DEAD_END, ONE_WAY_END, LANE_DROP, CAPACITY_DROP)


@dataclass(frozen=True)
class RoadRow:
    """Streets of one class in the area."""

    facility: str
    km: float  # each street once for both directions
    lane_km: float  # of all directions
    one_way_km: float
    km_per_km2: float


@dataclass(frozen=True)
class Finding:
    """A place where the street network is wanting."""

    kind: str  # one of KINDS
    node: str
    lon: float
    lat: float
    facility: str
    road: str
    before: float  # lanes or vehicles an hour of the direction before the drop; 0 of an end
    after: float
    length_m: float  # of the link that ends or drops here


@dataclass(frozen=True, eq=False)
class RoadStructure:
    """The streets of an area: by class, what is wanting where, and the map of it."""

    network: str
    area: str
    area_km2: float
    km: float
    intersections: int  # nodes where three or more streets meet
    connected_share: float  # of driveable km on which one can drive from anywhere to anywhere
    rows: tuple[RoadRow, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    plane: Any

    def count(self, kind: str) -> int:
        """Return how many findings there are of a kind."""
        return sum(f.kind == kind for f in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "network": self.network, "area": self.area, "area_km2": self.area_km2, "km": self.km,
            "km_per_km2": self.km / self.area_km2 if self.area_km2 else 0.0, "intersections": self.intersections,
            "intersections_per_km2": self.intersections / self.area_km2 if self.area_km2 else 0.0,
            "connected_share": self.connected_share, "counts": {kind: self.count(kind) for kind in KINDS},
            "rows": [asdict(r) for r in self.rows], "findings": [asdict(f) for f in self.findings],
            "notes": list(self.notes),
        }  # fmt: skip

    def geojson(self) -> str:
        """Return a point a finding as GeoJSON."""
        at = [(f.lon, f.lat) for f in self.findings]
        x, y = self.plane.to_metres([a for a, _ in at], [b for _, b in at])
        features: list[Feature] = [
            (point, {"layer": f.kind} | asdict(f))
            for point, f in zip(shapely.points(x, y) if at else [], self.findings, strict=True)
        ]
        return geojson(self.plane, features)


def measure_roads(network: Network, *, area: str = "whole city") -> RoadStructure:
    """Measure the streets of an area that cars may use.

    A dead end is a node from which only one street leads on; a one-way end a node that can be entered and not left, or
    left and not entered. A lane or capacity drop is where a road goes on with less than before: as the road of the
    same name, else as a named road nearly straight ahead; a road without a name as one of its class.

    Raises
    ------
    UnknownNameError
        For an area that the network does not know.

    """
    links = links_table(network)
    chosen = area_named(network, area)
    inside = links_in(network, links, chosen)
    km2 = area_km2(network, chosen)
    driven = np.flatnonzero(links.auto)
    pairs = set_of_pairs(links, driven)
    one_way = ~np.isin(links.head * len(links.nodes) + links.tail, pairs)
    half = np.where(one_way, 1.0, 0.5)
    mine = driven[inside[driven]]
    rows = []
    for name in np.unique(links.facility[mine]).tolist():
        r = mine[links.facility[mine] == name]
        km = float((links.length_m[r] * half[r]).sum()) / 1000
        lane_km = float((links.length_m[r] * links.lanes[r]).sum()) / 1000
        alone = float(links.length_m[r[one_way[r]]].sum()) / 1000
        rows.append(RoadRow(name, km, lane_km, alone, km / km2 if km2 else 0.0))
    streets = np.unique(links.street[driven])
    ends = np.concatenate([streets // len(links.nodes), streets % len(links.nodes)])
    degree = np.bincount(ends, minlength=len(links.nodes))
    here = np.unique(np.concatenate([links.tail[mine], links.head[mine]]))
    findings = [
        *_ends(network, links, driven, degree, mine),
        *_drops(network, links, driven, mine),
    ]
    findings.sort(key=lambda f: (KINDS.index(f.kind), -(f.before - f.after), -f.length_m, f.node))
    notes = (
        "Lanes and capacity are those of a direction; a drop is told from the numbers of its links, not from the road",
        "A street is in the area if its middle is; whether a node is a dead end is told from the whole network",
    )
    return RoadStructure(
        network.name, chosen.name, km2, sum(r.km for r in rows), int((degree[here] >= 3).sum()),
        _connected(links, driven, mine), tuple(rows), tuple(findings), notes, network.plane,
    )  # fmt: skip


def set_of_pairs(links: Links, rows: Ints) -> Ints:
    """Return a number for each directed pair of nodes that some links join."""
    return np.unique(links.tail[rows] * len(links.nodes) + links.head[rows])


def _connected(links: Links, driven: Ints, mine: Ints) -> float:
    """Return the share of the area's length within the largest strongly connected part of the whole network."""
    n = len(links.nodes)
    graph = coo_matrix((np.ones(len(driven), np.int8), (links.tail[driven], links.head[driven])), shape=(n, n))
    _, label = connected_components(graph, directed=True, connection="strong")
    largest = np.argmax(np.bincount(label))
    joined: Bools = (label[links.tail[mine]] == largest) & (label[links.head[mine]] == largest)
    total = float(links.length_m[mine].sum())
    return float(links.length_m[mine[joined]].sum()) / total if total else 0.0


def _ends(network: Network, links: Links, driven: Ints, degree: Ints, mine: Ints) -> list[Finding]:
    """Return dead ends and one-way ends at nodes of the area's streets."""
    n = len(links.nodes)
    enters = np.bincount(links.head[driven], minlength=n) > 0
    leaves = np.bincount(links.tail[driven], minlength=n) > 0
    out = []
    for kind, at in ((DEAD_END, (degree == 1) & enters & leaves), (ONE_WAY_END, enters ^ leaves)):
        rows = mine[at[links.head[mine]] | (at[links.tail[mine]] & ~enters[links.tail[mine]])]
        node = np.where(at[links.head[rows]], links.head[rows], links.tail[rows])
        _, first = np.unique(node, return_index=True)
        out += [_finding(network, links, kind, int(node[i]), int(rows[i]), 0.0, 0.0) for i in first.tolist()]
    return out


def _drops(network: Network, links: Links, driven: Ints, mine: Ints) -> list[Finding]:
    """Return where a road goes on with fewer lanes or less capacity than before."""
    n = len(links.nodes)
    out_first = np.searchsorted(links.tail[driven], np.arange(n + 1))  # links are sorted by tail
    number = (out_first[1:] - out_first[:-1])[links.head[mine]]
    before = np.repeat(mine, number)
    offset = np.arange(len(before)) - np.repeat(np.cumsum(number) - number, number)
    after = driven[np.repeat(out_first[links.head[mine]], number) + offset]
    dx, dy = links.x_m[links.head] - links.x_m[links.tail], links.y_m[links.head] - links.y_m[links.tail]
    norm = np.maximum(np.hypot(dx, dy), 1e-9)
    bend = (dx[before] * dx[after] + dy[before] * dy[after]) / (norm[before] * norm[after])
    named = links.name != ""
    rank = np.full(len(before), 3)
    rank[~named[before] & ~named[after] & (links.facility[before] == links.facility[after]) & (bend >= BENDS_COS)] = 2
    rank[named[before] & named[after] & (bend >= STRAIGHT_COS)] = 1
    rank[named[before] & (links.name[before] == links.name[after])] = 0
    goes_on = (rank < 3) & (links.head[after] != links.tail[before])  # turning round is not going on
    before, after, bend, rank = before[goes_on], after[goes_on], bend[goes_on], rank[goes_on]
    order = np.lexsort((after, -bend, rank, before))
    before, after = before[order], after[order]
    first = np.ones(len(before), bool)
    first[1:] = before[1:] != before[:-1]
    before, after = before[first], after[first]
    found = []
    for kind, column in ((LANE_DROP, links.lanes), (CAPACITY_DROP, links.capacity_veh_h)):
        drop = column[after] < column[before] - 1e-9
        if kind == CAPACITY_DROP:
            drop &= links.lanes[after] >= links.lanes[before] - 1e-9  # a lane drop says it already
        found += [
            _finding(network, links, kind, int(links.head[b]), int(b), float(column[b]), float(column[a]))
            for b, a in zip(before[drop].tolist(), after[drop].tolist(), strict=True)
        ]
    return found


def _finding(network: Network, links: Links, kind: str, node: int, row: int, before: float, after: float) -> Finding:
    """Describe a finding at a node by the link that leads to it."""
    lon, lat = network.plane.to_degrees(links.x_m[node], links.y_m[node])
    return Finding(
        kind, links.nodes[node], round(float(lon), 5), round(float(lat), 5), str(links.facility[row]),
        str(links.name[row]), before, after, float(links.length_m[row]),
    )  # fmt: skip


def longest(findings: Sequence[Finding], kind: str, number: int) -> list[Finding]:
    """Return the first findings of a kind, the largest drops and longest ends first."""
    return [f for f in findings if f.kind == kind][:number]
