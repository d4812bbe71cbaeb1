"""Who and what is within a distance of a stop, as the crow flies and along streets, by year and by denominator.

A target such as "90 % within 750 m of a station" says little before it says of what. Every share here comes with its
total, and `at_most` says what so many stops could reach at best: a reader sees which shares a target could mean.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from scipy.spatial import cKDTree

from greentrip_networks.errors import LimitError, ScenarioError, UnknownNameError
from greentrip_networks.indicators.areas import Area, areas_named
from greentrip_networks.indicators.ground import BUILT_UP_PER_KM2, STEP_M, Ground, lay_ground, part_of
from greentrip_networks.indicators.shapes import Feature, geojson
from greentrip_networks.indicators.streets import Feet, distances_m, walkable
from greentrip_networks.network import Bools, Floats, Ints, Network

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

RAIL, BUS = "rail", "bus"
DISTANCE_M = {RAIL: 750.0, BUS: 500.0}
MOST_M = 10_000.0
CROW, STREET = "crow", "street"
WAYS = (CROW, STREET)
TARGET = 0.9  # of the plan's "90 % within 750 m of a rail station"


@dataclass(frozen=True)
class CoverageRow:
    """One share: of an amount of an area, in a year, measured one way."""

    area: str
    year: int
    way: str  # crow or street
    of: str  # area (km²), built-up area (km²), residents or jobs
    total: float
    within: float
    stops: int  # open by the end of the year, in the whole city
    stops_inside: int  # of them in the area
    at_most: float  # share that so many stops could reach if they stood on the fullest ground and no circles met

    @property
    def share(self) -> float:
        """Return the share within the distance; 0 of nothing."""
        return self.within / self.total if self.total > 0 else 0.0

    @property
    def could_mean(self) -> bool:
        """Return whether 90 % of this amount could be reached at all by so many stops."""
        return self.at_most >= TARGET


@dataclass(frozen=True, eq=False)
class Coverage:
    """Coverage of some areas in some years, what it rests on, and its map."""

    network: str
    stops: str  # rail or bus
    distance_m: float
    rows: tuple[CoverageRow, ...]
    notes: tuple[str, ...]
    features: tuple[Feature, ...]
    plane: Any

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        rows = [asdict(r) | {"share": r.share, "could_mean": r.could_mean} for r in self.rows]
        return {
            "network": self.network, "stops": self.stops, "distance_m": self.distance_m, "rows": rows,
            "notes": list(self.notes),
        }  # fmt: skip

    def geojson(self) -> str:
        """Return stops, what is covered in the last year (crow and street) and polygons of areas as GeoJSON."""
        return geojson(self.plane, self.features)


def measure_coverage(
    network: Network,
    *,
    stops: str = RAIL,
    distance_m: float | None = None,
    years: Sequence[int] = (),
    areas: Sequence[str] = (),
    built_up_per_km2: float = BUILT_UP_PER_KM2,
) -> Coverage:
    """Measure what is within a distance of rail stations or bus stops.

    Parameters
    ----------
    network
        The city; its residents and jobs are those of every year measured, so that only openings differ.
    stops
        `rail` or `bus`. Bus stops have no years: they are those of the network.
    distance_m
        Metres; 750 for rail and 500 for bus if None.
    years
        Ends of years whose stations count; the network's if none is given.
    areas
        Names as `area_named` takes them; every named area of the city if none is given.
    built_up_per_km2
        Residents and jobs together a square kilometre at which a square of 500 m counts as built up.

    Raises
    ------
    UnknownNameError
        For an area, a kind of stop or a year that the network does not know.
    ScenarioError
        For a distance or a density that is no positive number.
    LimitError
        For a distance above 10 km, or more than 100 areas.

    """
    if stops not in DISTANCE_M:
        raise UnknownNameError("kind of stop", stops, DISTANCE_M)
    metres = DISTANCE_M[stops] if distance_m is None else float(distance_m)
    for field, value in (("distance_m", metres), ("built_up_per_km2", float(built_up_per_km2))):
        if not (np.isfinite(value) and value > 0):
            raise ScenarioError(field, f"saw {value:g}; expected a number above 0")
    if metres > MOST_M:
        raise LimitError("distance_m", metres, MOST_M, "m")
    asked = sorted(set(years)) or [network.year]
    chosen = areas_named(network, areas)
    x, y, opened, names = _stops(network, stops, asked)
    ground = lay_ground(network, chosen, built_up_per_km2)
    far = _far(network, ground, x, y, opened, asked, metres)
    rows: list[CoverageRow] = []
    covered = np.zeros(len(ground), bool)
    for area in chosen:
        part, mine = part_of(ground, area)
        inside = _inside(area, mine, x, y)
        covered[part] |= far[STREET][-1][part] <= metres
        for k, year in enumerate(asked):
            there = opened <= year
            number, number_inside = int(there.sum()), int((there & inside).sum())
            for of, amount in mine.amounts.items():
                total, most = float(amount.sum()), _at_most(amount, mine, number * np.pi * (metres / 1000) ** 2)
                for way in WAYS:
                    within = float(amount[far[way][k][part] <= metres].sum())
                    rows.append(CoverageRow(area.name, year, way, of, total, within, number, number_inside, most))
    low = np.unique(np.column_stack([ground.x_m, ground.y_m])[covered] - STEP_M / 2, axis=0)
    return Coverage(
        network.name, stops, metres, tuple(rows), _notes(network, stops, built_up_per_km2),
        tuple(_features(x, y, opened, names, asked[-1], metres, low, chosen)), network.plane,
    )  # fmt: skip


def _stops(network: Network, kind: str, years: Sequence[int]) -> tuple[Floats, Floats, Ints, list[str]]:
    """Return the stops: positions, year of opening and name."""
    if kind == BUS:
        buses = network.compiled.buses
        places = [network.roads.nodes[network.compiled.roads.nodes[n]]["name"] for n in buses.stop_node]
        return buses.x_m, buses.y_m, np.full(len(buses.x_m), min(years), np.int64), places
    stations = [d for _, d in _rail_until(network, max(years), min(years)).nodes(data=True)]
    return (
        np.array([d["x_m"] for d in stations], np.float64),
        np.array([d["y_m"] for d in stations], np.float64),
        np.array([d.get("opened", network.year) for d in stations], np.int64),
        [d["name_en"] or d["name_zh"] for d in stations],
    )


def _rail_until(network: Network, last: int, first: int) -> Any:
    """Return the rail graph that holds every station open by the end of a year; stations opened later are in it too."""
    from greentrip_networks.read import City, rail_of_year

    folder = network.extra.get("folder")
    years = City(Path(folder)).listed("rail_years") if folder else []
    known = sorted({*years, network.year})
    for year in (first, last):
        if not known[0] <= year <= known[-1]:
            raise UnknownNameError(f"rail year of {network.name}", year, known)
    return network.rail if last <= network.year else rail_of_year(network, last).rail


def _far(
    network: Network, ground: Ground, x: Floats, y: Floats, opened: Ints, years: Sequence[int], most: float
) -> dict[str, list[Floats]]:
    """Return metres from each point to the nearest stop by way and year; infinite beyond a distance.

    A street distance is at least the straight one.
    """
    streets, at = walkable(network), np.column_stack([ground.x_m, ground.y_m])
    crow, street = np.full(len(ground), np.inf), np.full(len(ground), np.inf)
    far: dict[str, list[Floats]] = {CROW: [], STREET: []}
    reach = most * (1 + 1e-12)  # a tree leaves out what is at the very distance
    met: Feet | None = None
    ever = opened <= years[-1]
    if ever.any():
        near = np.flatnonzero(
            cKDTree(np.column_stack([x[ever], y[ever]])).query(at, distance_upper_bound=reach)[0] <= most
        )
        met = streets.meet(ground.x_m[near], ground.y_m[near])
    before = -np.inf
    for year in years:
        new = np.flatnonzero((opened > before) & (opened <= year))
        before = year
        if len(new) and met is not None:
            tree = cKDTree(np.column_stack([x[new], y[new]]))
            straight = np.asarray(tree.query(at[near], distance_upper_bound=reach)[0], np.float64)
            within = np.flatnonzero(straight <= most)
            walked = distances_m(streets, streets.meet(x[new], y[new]), met.part(within), most)
            crow, street = crow.copy(), street.copy()
            crow[near] = np.minimum(crow[near], straight)
            rows = near[within]
            street[rows] = np.minimum(street[rows], np.maximum(walked, straight[within]))
        far[CROW].append(crow)
        far[STREET].append(street)
    return far


def _inside(area: Area, ground: Ground, x: Floats, y: Floats) -> Bools:
    """Return which stops stand in the area: in its polygon, or on a square of one of its zones."""
    if area.shape is not None:
        return area.holds(np.zeros(len(x), np.int64), x, y)
    if not len(ground) or not len(x):
        return np.zeros(len(x), np.bool_)
    corner = STEP_M * np.sqrt(0.5) + 1e-6  # from a point to the corner of what it stands for
    far = cKDTree(np.column_stack([ground.x_m, ground.y_m])).query(np.column_stack([x, y]))[0]
    return np.asarray(far <= corner, np.bool_)


def _at_most(amount: Floats, ground: Ground, circles_km2: float) -> float:
    """Return the share of an amount on its fullest ground of so many square kilometres."""
    total = float(amount.sum())
    if total <= 0:
        return 0.0
    area = np.maximum(ground.area_km2, 1e-12)
    order = np.argsort(-amount / area, kind="stable")
    room = np.clip((circles_km2 - (np.cumsum(area[order]) - area[order])) / area[order], 0.0, 1.0)
    return min(float((amount[order] * room).sum()) / total, 1.0)


def _notes(network: Network, stops: str, built_up_per_km2: float) -> tuple[str, ...]:
    """Return what the shares rest on."""
    notes = [
        "No share is the 90 %: a plan without a denominator may mean any of those that could_mean marks",
        "could_mean: 90 % is within reach of so many stops, if circles met nowhere and stood on the fullest ground",
        f"Residents and jobs are those of {network.name} ({network.year}) in every year shown: only stops differ",
        (
            "Zones have no outlines here: a zone's squares of 500 m, equal parts of its published area, are those "
            "nearest its centre by power distance; points are 100 m apart"
        ),
        (
            "Homes and jobs lie evenly on squares that a rule chooses, more near stations: shares of residents and "
            "jobs repeat that rule in part"
        ),
        f"Built up: squares with at least {built_up_per_km2:g} residents and jobs together a km²",
        (
            "Along streets: straight to the nearest walkable street, along it, straight to the stop; a station is a "
            "point: its entrances are not known"
        ),
    ]
    if stops == BUS and network.buses.generated:
        notes.append(
            "Bus lines and stops are generated by a rule that respects published totals; they are no timetable"
        )
    if any(d["generated"] for _, _, d in network.roads.edges(data=True)):
        notes.append("Local streets are generated, about half a kilometre apart: lanes between them are missing")
    return tuple(notes)


def _features(
    x: Floats, y: Floats, opened: Ints, names: list[str], year: int, metres: float, low: Floats, areas: Iterable[Area]
) -> list[Feature]:
    """Return the map of the last year: polygons of areas, what is covered each way, stops.

    low: the lower left corners of the squares of 100 m that are covered along streets.
    """
    there = opened <= year
    points = shapely.points(x[there], y[there])
    circles = shapely.union_all(shapely.buffer(points, metres, quad_segs=16))
    squares: BaseGeometry = shapely.union_all(
        shapely.box(low[:, 0], low[:, 1], low[:, 0] + STEP_M, low[:, 1] + STEP_M), grid_size=1e-3
    )
    about = {"year": year, "distance_m": metres}
    out: list[Feature] = [(a.shape, {"layer": "area", "name": a.name}) for a in areas if a.shape is not None]
    out.append((circles, {"layer": "covered", "way": CROW, **about}))
    out.append((squares, {"layer": "covered", "way": STREET, **about}))
    for point, name, since in zip(points, np.array(names, object)[there], opened[there], strict=True):
        out.append((point, {"layer": "stop", "name": name, "opened": int(since)}))
    return out
