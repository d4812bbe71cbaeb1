"""Positions from any coordinate system to WGS-84 degrees and back, metric lengths, the shifted grid of Chinese maps.

GCJ-02 is the shifted grid that map services in mainland China publish: WGS-84 plus a smooth offset of 100 to 700 m. Its
formula is public knowledge but not official; the inverse is found by iteration.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray
from pyproj.exceptions import ProjError

from greentrip_networks.errors import GreentripError

Floats = NDArray[np.float64]

WGS84 = "EPSG:4326"
GCJ02 = "GCJ-02"
SEMI_MAJOR_M = 6_378_137.0  # WGS-84, NGA.STND.0036
ECCENTRICITY2 = 0.00669437999014  # WGS-84, first eccentricity squared
STRAIGHT_M = 5_000.0  # up to this length the local ellipsoid is flat enough: off by less than 1e-6
GCJ_AXIS_M = 6_378_245.0  # Krasovsky 1940, as the public formula uses it
GCJ_ECCENTRICITY2 = 0.00669342162296594323
CHINA = (72.004, 0.8293, 137.8347, 55.8271)  # the box outside which GCJ-02 equals WGS-84 (lon, lat, lon, lat)


class CrsError(GreentripError):
    """A coordinate system that is not known, or that cannot be turned into degrees."""


def _unknown(crs: str) -> CrsError:
    expected = f"an EPSG code such as EPSG:4547, a PROJ string, WKT or {GCJ02}"
    return CrsError(f"coordinate system: saw {crs[:80]!r}; expected {expected}")


@lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> Any:
    """Return a transformer between two systems, always x (east) first."""
    try:
        return pyproj.Transformer.from_crs(source, target, always_xy=True)
    except (ProjError, ValueError, TypeError):
        raise _unknown(source if target == WGS84 else target) from None


def is_gcj02(crs: str) -> bool:
    """Say whether a name means the shifted grid of Chinese web maps."""
    return crs.upper().replace("-", "").replace("_", "") in ("GCJ02", "GCJ2", "MARS")


def to_wgs84(x: ArrayLike, y: ArrayLike, crs: str = WGS84) -> tuple[Floats, Floats]:
    """Turn coordinates (east or longitude first) of a system into WGS-84 degrees.

    Positions that the system cannot express come back as NaN, so that a reader can name their place.

    Raises
    ------
    CrsError
        For a system that pyproj does not know.
    """
    east, north = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if is_gcj02(crs):
        return gcj02_to_wgs84(east, north)
    if crs == WGS84:
        return east.copy(), north.copy()
    lon, lat = _transformer(crs, WGS84).transform(east, north, errcheck=False)
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    bad = ~(np.isfinite(lon) & np.isfinite(lat))
    return np.where(bad, np.nan, lon), np.where(bad, np.nan, lat)


def from_wgs84(lon: ArrayLike, lat: ArrayLike, crs: str) -> tuple[Floats, Floats]:
    """Turn WGS-84 degrees into coordinates of a system (east or longitude first)."""
    x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    if is_gcj02(crs):
        return wgs84_to_gcj02(x, y)
    if crs == WGS84:
        return x.copy(), y.copy()
    east, north = _transformer(WGS84, crs).transform(x, y, errcheck=False)
    return np.asarray(east, np.float64), np.asarray(north, np.float64)


def utm_of(lon: float, lat: float) -> str:
    """Return the EPSG code of the UTM zone that holds a position: metres for tools that want a plane."""
    zone = int((lon + 180.0) // 6.0) % 60 + 1
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


def segment_m(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> Floats:
    """Return the metres between WGS-84 points on the ellipsoid, element by element.

    Short segments use the radii of curvature at their middle; those beyond 5 km the geodesic (Karney 2013).
    """
    a, b, c, d = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, np.float64)) for v in (lon1, lat1, lon2, lat2)))
    middle = np.radians((b + d) / 2)
    east = np.radians((c - a + 180.0) % 360.0 - 180.0)
    w2 = 1.0 - ECCENTRICITY2 * np.sin(middle) ** 2
    across = SEMI_MAJOR_M / np.sqrt(w2)
    along = across * (1.0 - ECCENTRICITY2) / w2
    made: Floats = np.hypot(along * np.radians(d - b), across * np.cos(middle) * east)
    far = made > STRAIGHT_M
    if far.any():
        made[far] = pyproj.Geod(ellps="WGS84").inv(a[far], b[far], c[far], d[far])[2]
    return made


def _offset(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Return the shift of GCJ-02 in degrees (the public formula, as used by many map libraries)."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    pi = np.pi
    common = (20.0 * np.sin(6.0 * x * pi) + 20.0 * np.sin(2.0 * x * pi)) * 2.0 / 3.0
    dlat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    dlat += (20.0 * np.sin(y * pi) + 40.0 * np.sin(y / 3.0 * pi)) * 2.0 / 3.0
    dlat += (160.0 * np.sin(y / 12.0 * pi) + 320.0 * np.sin(y * pi / 30.0)) * 2.0 / 3.0
    dlon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    dlon += (20.0 * np.sin(x * pi) + 40.0 * np.sin(x / 3.0 * pi)) * 2.0 / 3.0
    dlon += (150.0 * np.sin(x / 12.0 * pi) + 300.0 * np.sin(x / 30.0 * pi)) * 2.0 / 3.0
    phi = np.radians(lat)
    magic = 1.0 - GCJ_ECCENTRICITY2 * np.sin(phi) ** 2
    root = np.sqrt(magic)
    dlat = np.degrees(dlat * magic * root / (GCJ_AXIS_M * (1.0 - GCJ_ECCENTRICITY2)))
    dlon = np.degrees(dlon * root / (GCJ_AXIS_M * np.cos(phi)))
    return dlon, dlat


def in_china(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Mark the positions inside the box where GCJ-02 differs from WGS-84."""
    x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    west, south, east, north = CHINA
    made: NDArray[np.bool_] = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    return made


def wgs84_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Shift WGS-84 degrees to GCJ-02; unchanged outside China's box."""
    x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    inside = in_china(x, y)
    dlon, dlat = _offset(np.where(inside, x, 105.0), np.where(inside, y, 35.0))
    return np.where(inside, x + dlon, x), np.where(inside, y + dlat, y)


def gcj02_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Turn GCJ-02 degrees into WGS-84 by fixed-point iteration; the error is below a millimetre inside China's box."""
    x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    inside = in_china(x, y)
    east, north = np.where(inside, x, 105.0), np.where(inside, y, 35.0)
    at_lon, at_lat = east, north
    for _ in range(8):  # the shift changes by less than 1 % over its own length, so each pass gains two digits
        dlon, dlat = _offset(at_lon, at_lat)
        at_lon, at_lat = east - dlon, north - dlat
    return np.where(inside, at_lon, x), np.where(inside, at_lat, y)


def paths_m(lon: Floats, lat: Floats, first: NDArray[np.int64], at_once: int = 1_000_000) -> Floats:
    """Return the metres of each path; path k runs over positions first[k] to first[k + 1] - 1, at least one."""
    steps = np.zeros(len(lon) + 1, np.float64)
    for start in range(0, max(len(lon) - 1, 0), at_once):
        end = min(start + at_once, len(lon) - 1)
        steps[start + 1 : end + 1] = segment_m(
            lon[start:end], lat[start:end], lon[start + 1 : end + 1], lat[start + 1 : end + 1]
        )
    steps[first[:-1]] = 0.0  # from the last point of one path to the first of the next
    made: Floats = np.add.reduceat(steps[:-1], first[:-1]) if len(first) > 1 else np.empty(0, np.float64)
    return made
