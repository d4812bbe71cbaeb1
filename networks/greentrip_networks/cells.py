"""Lay out the homes and jobs of each zone on cells of 500 m by a stated rule.

Only centres and areas of zones are known, so a cell goes to the zone with the smallest power distance d^2 - r^2,
where r is the radius of a circle of the zone's area, and only within 1.6 r. People live and work near streets and
stations, nearer the centre of large rural zones (they live in towns), and not on water or hills. What remains is
chance, keyed by (placement, cell): another placement is another city with the same zone totals.
"""

import numpy as np
from scipy.spatial import cKDTree

from greentrip_networks.geo import Plane
from greentrip_networks.hashing import normal
from greentrip_networks.network import Bools, Cells, Floats, Ints, Zones
from greentrip_networks.read_roads import StreetNodes

SIDE_M = 500.0
REACH = 1.6  # a zone's cells lie within this many radii of its centre
MAX_CELLS = 12_000
COVER = 0.99  # share of a zone's residents and jobs that its kept cells must hold
NOISE = 0.5  # standard deviation of the logarithm of a cell's weight
STREET_M = 1_500.0  # street metres around a cell at which its weight is half of the most
LONE_NODE, STREET_REACH_M = (
    0.05,
    300.0,
)  # weight of a place at a street node with no street's middle around, and its decay
WALK_REACH_M = 800.0  # decay with the metres to the nearest street node
STATION_REACH_M = 600.0  # decay of the attraction of stations
TOWN_KM2 = 12.0  # zones larger than this gather around their centre
MAJOR = ("arterial", "primary", "secondary", "trunk", "ring")


def make_cells(
    zones: Zones,
    street: StreetNodes,
    plane: Plane,
    station_x_m: Floats,
    station_y_m: Floats,
    terrain: Floats,
    placement: int,
) -> Cells:
    """Place the homes and jobs of every zone.

    Parameters
    ----------
    zones
        Whose centres, areas and people count.
    street
        The streets that cells are near.
    plane
        Of the network.
    station_x_m, station_y_m
        Rail stations, shape (stations,).
    terrain
        Circles where nobody lives: shape (circles, 3) of x, y, radius in metres.
    placement
        Key of the chance part.
    """
    zone, ix, iy = divide(zones)
    x, y = (ix + 0.5) * SIDE_M, (iy + 0.5) * SIDE_M
    minor_m, major_m = _street_around(ix, iy, street)
    near = np.zeros(len(zone))
    if len(station_x_m):
        metres, _ = cKDTree(np.column_stack([station_x_m, station_y_m])).query(np.column_stack([x, y]))
        near = np.exp(-metres / STATION_REACH_M)
    radius = np.sqrt(zones.area_km2[zone] / np.pi) * 1000.0
    from_centre = np.hypot(x - zones.x_m[zone], y - zones.y_m[zone])
    large = zones.area_km2[zone] > TOWN_KM2
    scale = np.clip(0.45 * radius, 1000.0, 3000.0)
    town = np.where(large, np.exp(-from_centre / scale) + 0.01, 1.0)
    _, to_street = street.find(x, y)
    reached = LONE_NODE * np.exp(-to_street / STREET_REACH_M)  # the end of a lone street counts a little
    walkable = np.exp(-to_street / WALK_REACH_M)
    streets = minor_m + 0.5 * major_m
    lived = walkable * streets / (streets + STREET_M) + reached
    home = lived * (1.0 + 1.0 * near) * town * np.exp(NOISE * normal(placement, 11, ix, iy))
    busy = walkable * (streets + major_m) / (streets + major_m + STREET_M) + reached
    work = busy * (1.0 + 4.0 * near) * town * np.exp(NOISE * normal(placement, 12, ix, iy))
    dry = np.ones(len(zone), bool)
    for cx, cy, r in terrain:
        dry &= np.hypot(x - cx, y - cy) > r
    home_share = _shares(home, dry, from_centre, zone, len(zones))
    work_share = _shares(work, dry, from_centre, zone, len(zones))
    keep = _keep(zones, zone, home_share, work_share)
    order = np.flatnonzero(keep)
    order = order[np.lexsort((iy[order], ix[order], zone[order]))]
    zone, x, y = zone[order], x[order], y[order]
    home_share = _normalise(home_share[order], zone, len(zones))
    work_share = _normalise(work_share[order], zone, len(zones))
    lon, lat = plane.to_degrees(x, y)
    at, metres = street.find(x, y)
    return Cells(
        zone=zone,
        x_m=np.asarray(x, np.float64),
        y_m=np.asarray(y, np.float64),
        lon=lon,
        lat=lat,
        home_share=home_share,
        work_share=work_share,
        node=tuple(street.nodes[i] for i in at),
        node_m=metres,
    )


def divide(zones: Zones) -> tuple[Ints, Ints, Ints]:
    """Give grid cells to zones by power distance; return zone row and grid column and row of each cell."""
    radius = np.sqrt(zones.area_km2 / np.pi) * 1000.0
    reach = np.maximum(REACH * radius, SIDE_M)
    low_x = int(np.floor((zones.x_m - reach).min() / SIDE_M))
    low_y = int(np.floor((zones.y_m - reach).min() / SIDE_M))
    wide = int(np.ceil((zones.x_m + reach).max() / SIDE_M)) - low_x + 1
    high = int(np.ceil((zones.y_m + reach).max() / SIDE_M)) - low_y + 1
    best = np.full((wide, high), np.inf)
    owner = np.full((wide, high), -1, np.int64)
    for z in range(len(zones)):
        a0 = max(int((zones.x_m[z] - reach[z]) / SIDE_M) - low_x - 1, 0)
        a1 = min(int((zones.x_m[z] + reach[z]) / SIDE_M) - low_x + 2, wide)
        b0 = max(int((zones.y_m[z] - reach[z]) / SIDE_M) - low_y - 1, 0)
        b1 = min(int((zones.y_m[z] + reach[z]) / SIDE_M) - low_y + 2, high)
        dx = (np.arange(a0, a1) + low_x + 0.5) * SIDE_M - zones.x_m[z]
        dy = (np.arange(b0, b1) + low_y + 0.5) * SIDE_M - zones.y_m[z]
        square = dx[:, None] ** 2 + dy[None, :] ** 2
        power = square - radius[z] ** 2
        better = (power < best[a0:a1, b0:b1]) & (square <= reach[z] ** 2)
        best[a0:a1, b0:b1][better] = power[better]
        owner[a0:a1, b0:b1][better] = z
    a, b = np.nonzero(owner >= 0)
    zone, ix, iy = owner[a, b], a + low_x, b + low_y
    without = np.flatnonzero(np.bincount(zone, minlength=len(zones)) == 0)
    for z in without.tolist():  # too small for a cell of its own: share the one at its centre
        zone = np.append(zone, z)
        ix = np.append(ix, int(np.floor(zones.x_m[z] / SIDE_M)))
        iy = np.append(iy, int(np.floor(zones.y_m[z] / SIDE_M)))
    return zone.astype(np.int64), ix.astype(np.int64), iy.astype(np.int64)


def _street_around(ix: Ints, iy: Ints, street: StreetNodes) -> tuple[Floats, Floats]:
    """Return metres of minor and of major street in the 3 x 3 cells around each cell (links by their middle)."""
    low_x, low_y = int(ix.min()) - 1, int(iy.min()) - 1
    wide, high = int(ix.max()) - low_x + 2, int(iy.max()) - low_y + 2
    lx = np.floor(street.link_x_m / SIDE_M).astype(np.int64) - low_x
    ly = np.floor(street.link_y_m / SIDE_M).astype(np.int64) - low_y
    kind = np.array([2 if f in MAJOR else 0 if f in ("motorway", "expressway") else 1 for f in street.link_facility])
    inside = (lx >= 0) & (lx < wide) & (ly >= 0) & (ly < high)
    found: list[Floats] = []
    for k in (1, 2):
        grid = np.zeros((wide, high))
        use = inside & (kind == k)
        np.add.at(grid, (lx[use], ly[use]), street.link_m[use])
        padded = np.pad(grid, 1)
        around = sum(padded[1 + a : 1 + a + wide, 1 + b : 1 + b + high] for a in (-1, 0, 1) for b in (-1, 0, 1))
        found.append(np.asarray(around)[ix - low_x, iy - low_y] / 2.0)  # both directions of a street are one street
    return found[0], found[1]


def _shares(weight: Floats, dry: Bools, from_centre: Floats, zone: Ints, zones: int) -> Floats:
    """Return each cell's share of its zone: its weight, off terrain while the zone has anything off it."""
    chosen = np.where(dry, weight, 0.0)
    fallbacks = (weight, 1.0 / (from_centre + SIDE_M))  # all of it is terrain; no street anywhere near
    for other in fallbacks:
        none = np.bincount(zone, chosen, minlength=zones) <= 0
        chosen = np.where(none[zone], other, chosen)
    return _normalise(chosen, zone, zones)


def _normalise(weight: Floats, zone: Ints, zones: int) -> Floats:
    """Divide by the zone's sum."""
    total = np.bincount(zone, weight, minlength=zones)
    return np.asarray(weight / np.where(total > 0, total, 1.0)[zone], np.float64)


def _keep(zones: Zones, zone: Ints, home: Floats, work: Floats) -> Bools:
    """Choose the cells to keep: those that hold nearly all of their zone, the fullest first, at most `MAX_CELLS`."""
    share = (home + work) / 2.0
    order = np.lexsort((np.arange(len(zone)), -share, zone))
    ordered = share[order]
    before = np.cumsum(ordered) - ordered
    first = np.searchsorted(zone[order], np.arange(len(zones)))
    before -= before[first][zone[order]]
    is_first = np.zeros(len(zone), bool)
    is_first[order[first]] = True
    wanted = np.zeros(len(zone), bool)
    wanted[order] = before < COVER
    people = (zones.residents + zones.jobs)[zone] * share
    people = np.where(is_first, np.inf, np.where(wanted, people, -1.0))
    ranked = np.argsort(-people, kind="stable")
    keep = np.zeros(len(zone), bool)
    keep[ranked[: max(MAX_CELLS, len(zones))]] = True
    keep &= wanted | is_first
    # the fullest cell of homes may not be the fullest of jobs: a zone must keep some of both
    for values in (home, work):
        kept = np.bincount(zone, np.where(keep, values, 0.0), minlength=len(zones))
        for z in np.flatnonzero(kept <= 0):
            mine = np.flatnonzero(zone == z)
            keep[mine[np.argmax(values[mine])]] = True
    return keep
