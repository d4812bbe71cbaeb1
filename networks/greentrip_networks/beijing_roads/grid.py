"""A generated grid of local streets between the named roads, dense inside the 5th ring and wider outside."""

import numpy as np

from greentrip_networks.beijing_roads.shapes import inside, nearest_on_segments, segments_of
from greentrip_networks.beijing_roads.sources import Road, Sources
from greentrip_networks.network import Floats

INNER_M = 470.0  # spacing inside the 5th ring
TOWN_M = 620.0  # spacing within a town outside it
OUTER_M = 1050.0  # spacing elsewhere inside the 6th ring
TOWN_RESIDENTS_KM2 = 1500.0  # a zone denser than this is a town ...
TOWN_RADIUS_M = 2200.0  # ... and gets streets this far around its centroid
NEAR_ROAD_M = 1100.0  # outside the 5th ring a local street is at most this far from a named road that people may walk
SNAP_SHARE = 0.27  # a grid point nearer to an arterial than this share of the spacing moves onto it
KEEP_OFF_M = 45.0  # a street that would lie along a named road this close is dropped


def _ring(roads: tuple[Road, ...], name_zh: str) -> Floats:
    return next(r.line for r in roads if r.name_zh == name_zh)


def _lattice(box: tuple[float, float, float, float], spacing: float) -> Floats:
    """Return grid points (n, 4): column and row number, metres east and north."""
    west, south, east, north = box
    i = np.arange(int(np.floor(west / spacing)), int(np.ceil(east / spacing)) + 1)
    j = np.arange(int(np.floor(south / spacing)), int(np.ceil(north / spacing)) + 1)
    gi, gj = (g.ravel() for g in np.meshgrid(i, j))
    return np.column_stack([gi, gj, gi * spacing, gj * spacing]).astype(np.float64)


def local_streets(sources: Sources) -> list[Floats]:
    """Return the local streets as lines (2, 2) in metres, before they are joined to the named roads.

    Three lattices aligned with the compass, as Beijing's streets mostly are: inside the 5th ring, in towns, and
    elsewhere inside the 6th ring. A point close to an arterial or secondary road moves onto it, so that streets end
    in junctions.
    """
    fifth, sixth = _ring(sources.roads, "五环路"), _ring(sources.roads, "六环路")
    towns = np.array(
        [(p.x_m, p.y_m) for p in sources.places if p.kind == "zone" and p.residents_per_km2 >= TOWN_RESIDENTS_KM2]
    )
    walked = segments_of([r.line for r in sources.roads if r.facility != "motorway"])[0]
    joined = [r for r in sources.roads if r.facility in ("arterial", "secondary")]
    segments, owner, _ = segments_of([r.line for r in joined])
    streets: list[Floats] = []
    for zone, spacing in (("inner", INNER_M), ("town", TOWN_M), ("outer", OUTER_M)):
        line = {"inner": fifth, "town": np.vstack([towns, sixth]), "outer": sixth}[zone]
        pad = TOWN_RADIUS_M if zone == "town" else 0.0
        box = (line[:, 0].min() - pad, line[:, 1].min() - pad, line[:, 0].max() + pad, line[:, 1].max() + pad)
        points = _lattice(box, spacing)
        x, y = points[:, 2], points[:, 3]
        keep = inside(x, y, fifth)
        if zone != "inner":
            to_town = np.sqrt(((x[:, None] - towns[:, 0]) ** 2 + (y[:, None] - towns[:, 1]) ** 2).min(axis=1))
            town = to_town <= TOWN_RADIUS_M
            keep = ~keep & (town if zone == "town" else ~town & inside(x, y, sixth))
        for west, south, east, north in sources.no_streets:
            keep &= ~((x > west) & (x < east) & (y > south) & (y < north))
        place: dict[tuple[int, int], tuple[float, float, int]] = {}
        for i, j, px, py in points[keep].tolist():
            if zone != "inner" and nearest_on_segments(px, py, walked)[0].min() > NEAR_ROAD_M:
                continue
            distance, share = nearest_on_segments(px, py, segments)
            best = int(np.argmin(distance))
            if distance[best] <= SNAP_SHARE * spacing:
                x0, y0, x1, y1 = segments[best].tolist()
                t = float(share[best])
                place[int(i), int(j)] = (x0 + t * (x1 - x0), y0 + t * (y1 - y0), int(owner[best]))
            else:
                place[int(i), int(j)] = (px, py, -1)
        for (i, j), (px, py, road) in place.items():
            for other in ((i + 1, j), (i, j + 1)):
                if other not in place:
                    continue
                qx, qy, other_road = place[other]
                if np.hypot(qx - px, qy - py) < 60.0:
                    continue
                middle, _ = nearest_on_segments((px + qx) / 2, (py + qy) / 2, segments)
                if road >= 0 and other_road >= 0 and middle.min() < KEEP_OFF_M:
                    continue
                streets.append(np.array([(px, py), (qx, qy)]))
    return streets
