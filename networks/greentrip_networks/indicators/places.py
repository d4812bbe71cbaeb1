"""Places in a city by name or by coordinates."""

import re
from dataclasses import dataclass

import numpy as np

from greentrip_networks.errors import TableError, UnknownNameError
from greentrip_networks.network import Network

_EDGE_M = 20_000.0  # a place this far from every zone's centre is hardly in the city


@dataclass(frozen=True)
class Place:
    """A point with a name."""

    name: str
    x_m: float
    y_m: float
    lon: float
    lat: float


def place_named(network: Network, name: str) -> Place:
    """Return a place.

    Parameters
    ----------
    network
        The city.
    name
        A rail station or zone by id, Chinese or English name (stations first), or "lon,lat" in WGS-84 degrees.

    Raises
    ------
    UnknownNameError
        With the nearest known names.
    TableError
        For coordinates far outside the city, with the hint if they seem to be swapped.

    """
    match = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*[,，\s]\s*(-?\d+(?:\.\d+)?)\s*", name)
    if match:
        return _at(network, name.strip(), float(match[1]), float(match[2]))
    try:
        data = network.rail.nodes[network.station(name)]
        return Place(data["name_en"] or data["name_zh"], data["x_m"], data["y_m"], data["lon"], data["lat"])
    except UnknownNameError:
        pass
    zones = network.zones
    try:
        i = zones.find(name)
    except UnknownNameError:
        known = [n for _, d in network.rail.nodes(data=True) for n in (d["name_en"], d["name_zh"])]
        raise UnknownNameError("place", name, (*known, *zones.name_en, *zones.name_zh)) from None
    return Place(zones.name_en[i], *(float(a[i]) for a in (zones.x_m, zones.y_m, zones.lon, zones.lat)))


def _at(network: Network, text: str, lon: float, lat: float) -> Place:
    """Return the place at a longitude and latitude near the city."""
    x, y = (float(v) for v in network.plane.to_metres(lon, lat))
    zones = network.zones
    if np.hypot(zones.x_m - x, zones.y_m - y).min() > _EDGE_M:
        a, b = (float(v) for v in network.plane.to_metres(lat, lon))
        swapped = np.hypot(zones.x_m - a, zones.y_m - b).min() <= _EDGE_M
        hint = "; latitude and longitude seem to be swapped" if swapped else ""
        raise TableError("place", f"longitude,latitude within 20 km of a zone's centre{hint}", value=text)
    return Place(text, x, y, lon, lat)
