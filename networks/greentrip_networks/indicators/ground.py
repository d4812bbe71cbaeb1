"""The ground of a city as points: how much area, how many residents and how many jobs each stands for.

Of a zone only its centre and area are known. So the plane's squares of 500 m are divided among the zones as the
layout of homes and jobs does it, and each square stands for an equal part of its zone's published area. People are
those of the cells, spread evenly over their square. Points are 100 m apart: 25 in a square.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from greentrip_networks.cells import SIDE_M, divide
from greentrip_networks.indicators.areas import Area
from greentrip_networks.network import Bools, Floats, Ints, Network

STEP_M = 100.0
_SIDE = round(SIDE_M / STEP_M)
BUILT_UP_PER_KM2 = 1500.0  # urban centres of the UN's Degree of Urbanisation (2020), there of residents alone


@dataclass(frozen=True, eq=False)
class Ground:
    """Points of the ground; all arrays have shape (points,)."""

    zone: Ints
    x_m: Floats
    y_m: Floats
    area_km2: Floats
    residents: Floats
    jobs: Floats
    built_up: Bools  # its square has at least so many residents and jobs together a square kilometre

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.zone)

    def part(self, rows: Bools | Ints) -> "Ground":
        """Return some of the points."""
        return Ground(
            self.zone[rows], self.x_m[rows], self.y_m[rows], self.area_km2[rows], self.residents[rows],
            self.jobs[rows], self.built_up[rows],
        )  # fmt: skip

    @property
    def amounts(self) -> dict[str, Floats]:
        """Return what a share can be of: area and built-up area in km², residents, jobs, by name."""
        return {
            "area": self.area_km2,
            "built-up area": np.where(self.built_up, self.area_km2, 0.0),
            "residents": self.residents,
            "jobs": self.jobs,
        }


def lay_ground(network: Network, areas: Sequence[Area], built_up_per_km2: float = BUILT_UP_PER_KM2) -> Ground:
    """Return the ground that some areas share; the points of a zone add up to its published area."""
    zones, cells = network.zones, network.cells
    zone, ix, iy = divide(zones)
    of_zone = zones.area_km2[zone] / np.bincount(zone, minlength=len(zones))[zone]
    cx, cy = np.floor(cells.x_m / SIDE_M).astype(np.int64), np.floor(cells.y_m / SIDE_M).astype(np.int64)
    keys = np.stack([np.concatenate([zone, cells.zone]), np.concatenate([ix, cx]), np.concatenate([iy, cy])], axis=1)
    unique, first, row = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    squares, people = len(zone), row.ravel()[len(zone) :]
    residents = _sums(people, cells.home_share * zones.residents[cells.zone], len(unique))
    jobs = _sums(people, cells.work_share * zones.jobs[cells.zone], len(unique))
    known = first < squares  # a cell beyond the squares of its zone adds people and no area
    km2 = np.where(known, of_zone[np.minimum(first, squares - 1)], 0.0)
    built = residents + jobs >= built_up_per_km2 * np.where(known, km2, SIDE_M**2 / 1e6)
    wanted = np.zeros(len(unique), bool)
    middle = (unique[:, 1:] + 0.5) * SIDE_M
    for area in areas:
        if area.shape is not None:
            near = shapely.buffer(area.shape, SIDE_M)
            shapely.prepare(near)
            wanted |= shapely.contains_xy(near, middle[:, 0], middle[:, 1])
        else:
            wanted |= area.holds(unique[:, 0], middle[:, 0], middle[:, 1])
    return _points(unique[wanted], km2[wanted], residents[wanted], jobs[wanted], built[wanted])


def part_of(ground: Ground, area: Area) -> tuple[Ints, Ground]:
    """Return the points of one area: their rows, and what they stand for there.

    In a polygon each point is the 100 m by 100 m around it, whatever the zone (ground of no
    zone is none); where two zones share a square its
    ground counts once, with the people of both.
    """
    rows = np.flatnonzero(area.holds(ground.zone, ground.x_m, ground.y_m))
    mine = ground.part(rows)
    if area.shape is None:
        return rows, mine
    at = np.stack([mine.x_m, mine.y_m], axis=1)
    _, first, of = np.unique(at, axis=0, return_index=True, return_inverse=True)
    of, once = of.ravel(), mine.part(first)
    people = _sums(of, mine.residents, len(first)), _sums(of, mine.jobs, len(first))
    built = np.bincount(of, mine.built_up) > 0
    km2 = np.full(len(first), (STEP_M / 1000) ** 2)
    return rows[first], Ground(once.zone, once.x_m, once.y_m, km2, *people, built)


def _sums(row: Ints, values: Floats, rows: int) -> Floats:
    """Add values up by row."""
    return np.asarray(np.bincount(row, values, minlength=rows), np.float64)


def _points(square: Ints, km2: Floats, residents: Floats, jobs: Floats, built: Bools) -> Ground:
    """Spread squares (zone, column, row) over their points."""
    number = _SIDE**2
    offset = (np.arange(_SIDE) + 0.5) * STEP_M
    dx, dy = (o.ravel() for o in np.meshgrid(offset, offset, indexing="ij"))
    return Ground(
        zone=np.repeat(square[:, 0], number),
        x_m=np.repeat(square[:, 1] * SIDE_M, number) + np.tile(dx, len(square)),
        y_m=np.repeat(square[:, 2] * SIDE_M, number) + np.tile(dy, len(square)),
        area_km2=np.repeat(km2 / number, number),
        residents=np.repeat(residents / number, number),
        jobs=np.repeat(jobs / number, number),
        built_up=np.repeat(built, number),
    )
