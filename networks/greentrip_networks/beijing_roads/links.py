"""From lines with their nodes to links, connectors to far places, and one connected piece."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from greentrip_networks.beijing_roads.nodes import Line, Nodes
from greentrip_networks.beijing_roads.shapes import closest, cut
from greentrip_networks.beijing_roads.sources import Place, Road
from greentrip_networks.network import Floats

REACH_M = 500.0  # a station or zone centroid farther than this from a node people may walk to gets a connector
SPLIT_M = 1500.0  # a longer stretch of a road that people may walk along gets nodes in between
LOCAL = (1, 30.0, 350)  # lanes, free speed in km/h, vehicles an hour and lane
CONNECTOR = (1, 30.0, 400)


@dataclass(frozen=True, eq=False)
class Link:
    """A stretch of street between two nodes, both directions alike; ``points`` run from start to end, in metres."""

    start: int
    end: int
    facility: str
    name_en: str
    name_zh: str
    lanes: int
    free_speed_kmh: float
    capacity_veh_h_lane: int
    uses: str
    oneway: bool
    generated: bool
    provenance: str
    points: Floats


def _uses(facility: str) -> str:
    """Return who may use a class; expressways and the 2nd to 4th rings have side roads for walking and cycling."""
    return "auto" if facility == "motorway" else "auto;walk;bike"


def cut_lines(lines: list[Line], roads: list[Road | None], nodes: Nodes) -> list[Link]:
    """Cut every line at its nodes into links; where two lines share a stretch between two nodes the first keeps it."""
    links: list[Link] = []
    taken: set[tuple[int, int]] = set()
    for line, road in zip(lines, roads, strict=True):
        stops = sorted(line.stops)
        if line.facility not in ("motorway", "local"):
            gaps = list(itertools.pairwise(stops))
            for (low, a), (high, b) in gaps:
                parts = int(np.ceil((high - low) / SPLIT_M)) if a != b else 1
                for k in range(1, parts):
                    at = low + (high - low) * k / parts
                    x, y = cut(line.points, at, high)[0].tolist()
                    stops.append((at, nodes.at(x, y, (0,))))
            stops.sort()
        for (low, a), (high, b) in itertools.pairwise(stops):
            pair = (min(a, b), max(a, b))
            if a == b or pair in taken:
                continue
            taken.add(pair)
            points = cut(line.points, low, high)
            points[0], points[-1] = nodes.xy[a], nodes.xy[b]
            if road is None:
                links.append(
                    Link(a, b, "local", "", "", *LOCAL, _uses("local"), oneway=False, generated=True,
                         provenance="generated", points=points)
                )  # fmt: skip
            else:
                links.append(
                    Link(a, b, road.facility, road.name_en, road.name_zh, road.lanes, road.free_speed_kmh,
                         road.capacity_veh_h_lane, _uses(road.facility), road.oneway, generated=False,
                         provenance=f"own layout {road.road_id}", points=points)
                )  # fmt: skip
    return links


def keep_off_motorways(links: list[Link]) -> list[Link]:
    """Drop local streets that end in a node of a motorway: such junctions exist only with larger roads."""
    on_motorway = {n for link in links if link.facility == "motorway" for n in (link.start, link.end)}
    return [k for k in links if k.facility != "local" or not on_motorway & {k.start, k.end}]


def _connector(a: int, b: int, nodes: Nodes, uses: str, why: str) -> Link:
    points = np.array([nodes.xy[a], nodes.xy[b]])
    return Link(
        a, b, "connector", "", "", *CONNECTOR, uses, oneway=False, generated=True, provenance=why, points=points
    )


def connect_places(links: list[Link], places: tuple[Place, ...], nodes: Nodes) -> list[Link]:
    """Add a straight connector, and a node, for every place farther than REACH_M from a walkable node."""
    walkable = sorted({n for k in links if "walk" in k.uses for n in (k.start, k.end)})
    tree = cKDTree(np.array([nodes.xy[n] for n in walkable]))
    added = []
    for place in places:
        distance, row = tree.query((place.x_m, place.y_m))
        if distance > REACH_M:
            node = nodes.at(place.x_m, place.y_m, (0,))
            if node != walkable[int(row)]:
                added.append(
                    _connector(walkable[int(row)], node, nodes, "auto;walk;bike", f"generated to {place.kind}")
                )
    return links + added


def _pieces(links: list[Link]) -> tuple[list[int], list[int]]:
    """Return the nodes of the links, ascending, and the number of the piece each lies in."""
    used = sorted({n for k in links for n in (k.start, k.end)})
    row = {n: i for i, n in enumerate(used)}
    i, j = [row[k.start] for k in links], [row[k.end] for k in links]
    _, label = connected_components(
        coo_array((np.ones(len(links)), (i, j)), shape=(len(used), len(used))), directed=False
    )
    return used, label.tolist()


def one_piece(links: list[Link], nodes: Nodes, uses: str) -> list[Link]:
    """Drop generated streets cut off from the largest piece and join cut-off named roads to it by a connector.

    Only links that allow the last of ``uses`` are looked at, so that walking and driving can be joined in turn.
    """
    last = uses.rsplit(";", maxsplit=1)[-1]
    considered = [k for k in links if last in k.uses.split(";")]
    while True:
        used, label = _pieces(considered)
        sizes = np.bincount(label)
        if len(sizes) == 1:
            return links
        main = int(np.argmax(sizes))
        piece = dict(zip(used, label, strict=True))
        named = {piece[k.start] for k in considered if k.facility != "local"} - {main}
        lost = set(range(len(sizes))) - {main} - named
        links = [k for k in links if k.facility != "local" or piece.get(k.start, main) not in lost]
        inner = [n for n in used if piece[n] == main]
        inner_xy = np.array([nodes.xy[n] for n in inner])
        joins = []
        for which in sorted(named):
            members = [n for n in used if piece[n] == which]
            distance, row = closest(np.array([nodes.xy[n] for n in members]), inner_xy)
            best = int(np.argmin(distance))
            joins.append(_connector(members[best], inner[int(row[best])], nodes, uses, "generated to join"))
        links = links + joins
        considered = [k for k in links if last in k.uses.split(";")]


def renumber(links: list[Link], nodes: Nodes) -> tuple[list[Link], Floats]:
    """Number the nodes from 1 in the order links use them; return the links and the node positions (n, 2) in metres."""
    number: dict[int, int] = {}
    for k in links:
        for n in (k.start, k.end):
            number.setdefault(n, len(number) + 1)
    xy = np.array([nodes.xy[n] for n in number])
    return [replace(k, start=number[k.start], end=number[k.end]) for k in links], xy
