"""Positions on the ground: degrees to metres around a centre, and distances."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG


@dataclass(frozen=True)
class Plane:
    """A local equirectangular plane; within 100 km of its centre at 40 degrees north it is off by less than 1 %."""

    lon: float
    lat: float

    def to_metres(self, lon: ArrayLike, lat: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Turn WGS-84 degrees into metres east and north of the centre."""
        k = math.pi / 180.0 * EARTH_RADIUS_M
        x = (np.asarray(lon, np.float64) - self.lon) * k * math.cos(math.radians(self.lat))
        y = (np.asarray(lat, np.float64) - self.lat) * k
        return x, y

    def to_degrees(self, x_m: ArrayLike, y_m: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Turn metres east and north of the centre into WGS-84 degrees."""
        k = math.pi / 180.0 * EARTH_RADIUS_M
        lon = np.asarray(x_m, np.float64) / (k * math.cos(math.radians(self.lat))) + self.lon
        lat = np.asarray(y_m, np.float64) / k + self.lat
        return lon, lat


def haversine_m(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> Any:
    """Return the great-circle distance in metres between WGS-84 points (scalars or arrays)."""
    p1, p2 = np.radians(lat1), np.radians(lat2)
    a = (
        np.sin((p2 - p1) / 2) ** 2
        + np.cos(p1) * np.cos(p2) * np.sin(np.radians(np.asarray(lon2) - np.asarray(lon1)) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(a))
