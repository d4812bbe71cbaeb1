"""Where roads meet: the distances along every line at which a node stands, and the nodes themselves.

Rules, and their simplifications. Roads that are not motorways meet in a node wherever they cross; so do an expressway
or motorway and an arterial or expressway, as an interchange of one node (no ramps, no turning bans). A motorway
passes over secondary roads and local streets. A local street reaches an expressway or crosses a motorway only by an
underpass, at a stated share of the places where the grid meets it; elsewhere the street is cut off. Nodes nearer than
MERGE_M become one.
"""

import zlib
from dataclasses import dataclass, field

import numpy as np

from greentrip_networks.beijing_roads.shapes import crossings, nearest_on_segments, segments_of
from greentrip_networks.network import Floats

MERGE_M = 40.0
END_SNAP_M = 150.0  # a named road that ends this close to another is joined to it
BEND_SNAP_M = 25.0  # a bend of a named road this close to another lies on it
UNDERPASS_ONE_IN = 3  # of the places where a local street meets an expressway or motorway


@dataclass
class Line:
    """A road or street while it is cut up: ``stops`` are (metres along it, node number)."""

    facility: str
    points: Floats
    stops: list[tuple[float, int]] = field(default_factory=list)


@dataclass
class Nodes:
    """Nodes found so far on two levels, 0 ground and 1 motorway; a node within MERGE_M on its level is used again."""

    xy: list[tuple[float, float]] = field(default_factory=list)
    cells: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)

    def at(self, x: float, y: float, levels: tuple[int, ...]) -> int:
        """Return the number of the node here, a new one if none of these levels has one close by."""
        i, j = int(np.floor(x / MERGE_M)), int(np.floor(y / MERGE_M))
        best, best_d = -1, MERGE_M
        for level in levels:
            for di in (-1, 0, 1):
                for dj in (-1, 0, 1):
                    for n in self.cells.get((level, i + di, j + dj), ()):
                        d = float(np.hypot(self.xy[n][0] - x, self.xy[n][1] - y))
                        if d < best_d:
                            best, best_d = n, d
        if best < 0:
            best = len(self.xy)
            self.xy.append((x, y))
        bx, by = self.xy[best]
        for level in levels:
            cell = self.cells.setdefault((level, int(np.floor(bx / MERGE_M)), int(np.floor(by / MERGE_M))), [])
            if best not in cell:
                cell.append(best)
        return best


def _meets(a: str, b: str) -> bool:
    """Tell whether two classes of named road have a junction where they cross."""
    return "motorway" not in (a, b) or {a, b} <= {"motorway", "expressway", "arterial"}


def _levels(a: str, b: str) -> tuple[int, ...]:
    if a == b == "motorway":
        return (1,)
    return (0, 1) if "motorway" in (a, b) else (0,)


def meet_named(named: list[Line], nodes: Nodes) -> None:
    """Put a node at every junction of named roads, and at their ends."""
    segments, owner, start = segments_of([line.points for line in named])
    length = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    found: list[tuple[int, float, int, float, float, float]] = []
    for i, j, s, t in zip(*(v.tolist() for v in crossings(segments, segments)), strict=True):
        a, b = int(owner[i]), int(owner[j])
        if a < b and _meets(named[a].facility, named[b].facility):
            x = float(segments[i, 0] + s * (segments[i, 2] - segments[i, 0]))
            y = float(segments[i, 1] + s * (segments[i, 3] - segments[i, 1]))
            found.append((a, float(start[i] + s * length[i]), b, float(start[j] + t * length[j]), x, y))
    for a, line in enumerate(named):
        closed = bool(np.all(line.points[0] == line.points[-1]))
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*(line.points[1:] - line.points[:-1]).T))])
        for k, (x, y) in enumerate(line.points.tolist()):
            end = k in (0, len(line.points) - 1) and not closed
            distance, share = nearest_on_segments(x, y, segments)
            for b in np.unique(owner[distance <= (END_SNAP_M if end else BEND_SNAP_M)]).tolist():
                if b != a and _meets(line.facility, named[b].facility):
                    mine = np.flatnonzero(owner == b)
                    j = int(mine[np.argmin(distance[mine])])
                    t = float(share[j])
                    px = float(segments[j, 0] + t * (segments[j, 2] - segments[j, 0]))
                    py = float(segments[j, 1] + t * (segments[j, 3] - segments[j, 1]))
                    found.append((a, float(along[k]), b, float(start[j] + t * length[j]), px, py))
    for a, along_a, b, along_b, x, y in found:
        node = nodes.at(x, y, _levels(named[a].facility, named[b].facility))
        named[a].stops.append((along_a, node))
        named[b].stops.append((along_b, node))
    for line in named:
        total = float(np.hypot(*(line.points[1:] - line.points[:-1]).T).sum())
        reach = [d for d, _ in line.stops]
        for d, (x, y) in ((0.0, line.points[0].tolist()), (total, line.points[-1].tolist())):
            if not any(abs(d - r) <= END_SNAP_M for r in reach) or np.all(line.points[0] == line.points[-1]):
                line.stops.append((d, nodes.at(x, y, (1,) if line.facility == "motorway" else (0,))))


def _lot(x: float, y: float) -> int:
    """Return a number that depends on the place only, and not on the spacing of the grid."""
    return zlib.crc32(f"{x:.0f},{y:.0f}".encode())


def meet_streets(streets: list[Line], named: list[Line], nodes: Nodes) -> list[Line]:
    """Join local streets to the named roads they cross; return those not cut off by an expressway or motorway."""
    segments, owner, start = segments_of([line.points for line in named])
    length = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    mine = segments_of([line.points for line in streets])[0]
    street_m = np.hypot(mine[:, 2] - mine[:, 0], mine[:, 3] - mine[:, 1])
    per_street: dict[int, list[tuple[float, int, float]]] = {}
    for i, j, s, t in zip(*(v.tolist() for v in crossings(mine, segments)), strict=True):
        per_street.setdefault(i, []).append((s, j, t))
    kept: list[Line] = []
    for i, street in enumerate(streets):
        hits = sorted(per_street.get(i, []))
        kinds = {named[int(owner[j])].facility for _, j, _ in hits}
        x0, y0 = street.points[0].tolist()
        if kinds & {"motorway", "expressway"} and _lot(x0, y0) % UNDERPASS_ONE_IN:
            continue
        (x1, y1) = street.points[1].tolist()
        street.stops = [(0.0, nodes.at(x0, y0, (0,))), (float(street_m[i]), nodes.at(x1, y1, (0,)))]
        for s, j, t in hits:
            road = named[int(owner[j])]
            if road.facility != "motorway":
                node = nodes.at(x0 + s * (x1 - x0), y0 + s * (y1 - y0), (0,))
                street.stops.append((s * float(street_m[i]), node))
                road.stops.append((float(start[j] + t * length[j]), node))
        kept.append(street)
    # A street that ends on a named road (its point was moved there) may miss it by a rounding error: project the ends.
    for street in kept:
        for d, node in street.stops[:2]:
            x, y = street.points[0 if d == 0.0 else 1].tolist()
            distance, share = nearest_on_segments(x, y, segments)
            j = int(np.argmin(distance))
            if distance[j] <= 1.0 and named[int(owner[j])].facility != "motorway":
                named[int(owner[j])].stops.append((float(start[j] + share[j] * length[j]), node))
    return kept
