"""The hand-laid tables of Beijing's roads, as plain records on a flat plane in metres."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from greentrip_networks.errors import TableError
from greentrip_networks.geo import Plane
from greentrip_networks.network import Floats

FOLDER = Path(__file__).parent.parent / "data" / "beijing" / "roads"
PLANE = Plane(116.3915, 39.9070)  # Tian'anmen
CLASSES = ("motorway", "expressway", "arterial", "secondary")


@dataclass(frozen=True, eq=False)
class Road:
    """A named road: its facts and its line, (points, 2) metres; a ring repeats its first point at the end."""

    road_id: str
    name_zh: str
    name_en: str
    facility: str
    lanes: int
    free_speed_kmh: float
    capacity_veh_h_lane: int
    oneway: bool
    line: Floats
    provenance: str


@dataclass(frozen=True)
class Place:
    """A station or a zone centroid that the graph must reach."""

    kind: str
    name_zh: str
    x_m: float
    y_m: float
    residents_per_km2: float


@dataclass(frozen=True)
class Sources:
    """Everything the compiler reads; ``no_streets`` are boxes (west, south, east, north) in metres."""

    roads: tuple[Road, ...]
    places: tuple[Place, ...]
    no_streets: tuple[tuple[float, float, float, float], ...]
    labels: tuple[tuple[float, float, str], ...]  # metres east and north, the Chinese name of a bridge or junction


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _number(path: Path, row: int, column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise TableError(path.name, "a number", row=row, column=column, value=text) from None


def _metres(path: Path, row: int, lon: str, lat: str) -> tuple[float, float]:
    x, y = PLANE.to_metres(_number(path, row, "lon", lon), _number(path, row, "lat", lat))
    return float(x), float(y)


def read_sources(folder: Path = FOLDER) -> Sources:
    """Read roads.csv, points.csv, places.csv and no_streets.csv; raise TableError at the first wrong cell."""
    file = folder / "points.csv"
    lines: dict[str, list[tuple[float, float]]] = {}
    labels = []
    for i, row in enumerate(_rows(file), 2):
        at = _metres(file, i, row["lon"], row["lat"])
        lines.setdefault(row["road_id"], []).append(at)
        if row["label_zh"]:
            labels.append((*at, row["label_zh"]))
    file = folder / "roads.csv"
    roads = []
    for i, row in enumerate(_rows(file), 2):
        if row["class"] not in CLASSES:
            raise TableError(file.name, f"one of {', '.join(CLASSES)}", row=i, column="class", value=row["class"])
        line = lines.get(row["road_id"], [])
        if len(line) < 2:
            raise TableError(
                file.name, "two points or more in points.csv", row=i, column="road_id", value=row["road_id"]
            )
        if row["loop"] == "1":
            line = [*line, line[0]]
        lanes = int(_number(file, i, "lanes", row["lanes"]))
        roads.append(
            Road(
                row["road_id"], row["name_zh"], row["name_en"], row["class"], lanes,
                _number(file, i, "free_speed_kmh", row["free_speed_kmh"]),
                round(_number(file, i, "capacity_veh_h", row["capacity_veh_h"]) / lanes),
                row["oneway"] == "1", np.array(line, np.float64), row["provenance"],
            )
        )  # fmt: skip
    file = folder / "places.csv"
    places = tuple(
        Place(
            row["kind"], row["name_zh"], *_metres(file, i, row["lon"], row["lat"]), float(row["residents_per_km2"] or 0)
        )
        for i, row in enumerate(_rows(file), 2)
    )
    file = folder / "no_streets.csv"
    boxes = tuple(
        (*_metres(file, i, row["west"], row["south"]), *_metres(file, i, row["east"], row["north"]))
        for i, row in enumerate(_rows(file), 2)
    )
    return Sources(tuple(roads), places, boxes, tuple(labels))
