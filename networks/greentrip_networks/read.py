"""Read a city from a folder of tables.

The folder holds city.toml and zones, districts, stations, lines, line_stations, transfers, terrain (CSV) and the road
graph in the General Modeling Network Specification (roads/node.csv, roads/link.csv); docs/tables.md describes each
column.
"""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from greentrip_networks.buses import bus_service
from greentrip_networks.cells import make_cells
from greentrip_networks.errors import PiecesError, TableError, UnknownNameError
from greentrip_networks.geo import Plane
from greentrip_networks.names import NAMES, YEARS
from greentrip_networks.network import Fares, Network, Observed, Target, Zones
from greentrip_networks.read_rail import read_rail
from greentrip_networks.read_roads import nearest_nodes, read_roads
from greentrip_networks.tables import Column, Table, read_table, read_text

DATA = Path(__file__).parent / "data"

_ZONES = (
    Column("zone_id", unique=True),
    Column("name_zh"),
    Column("name_en"),
    Column("district_zh"),
    Column("district_en"),
    Column("central_six", "flag"),
    Column("inside_fifth_ring_share", "number", 0, 1),
    Column("parking_zone", "whole", 1, 3),
    Column("lon", "number", -180, 180),
    Column("lat", "number", -85, 85),
    Column("area_km2", "number", 0.01, 1e6),
    Column("residents_2010", "number", 0),
    Column("residents_2020", "number", 0),
    Column("jobs", "number", 0),
    Column("school_places", "number", 0),
)
_TERRAIN = (
    Column("name_en"),
    Column("kind"),
    Column("lon", "number", -180, 180),
    Column("lat", "number", -85, 85),
    Column("radius_m", "number", 0, 1e5),
)
CENTRAL_CITY_DISTRICTS = ("东城", "西城", "朝阳", "海淀", "丰台", "石景山")


def beijing(year: int = 2019, placement: int = 0) -> Network:
    """Load the bundled Beijing as it was at the end of a year.

    Parameters
    ----------
    year
        2013 to 2020.
    placement
        Key of the layout of homes and jobs on cells: another key, another layout with the same zone totals.
    """
    if year not in YEARS:
        raise UnknownNameError("year of beijing", year, YEARS)
    return read_tables(DATA / "beijing", year=year, name=f"beijing-{year}", placement=placement)


def tiny() -> Network:
    """Load the bundled invented city of 20 zones."""
    return read_tables(DATA / "tiny", year=2019, name="tiny")


def load(name: str, placement: int = 0) -> Network:
    """Load a bundled network by its name, one of `NAMES`."""
    if name not in NAMES:
        raise UnknownNameError("network", name, NAMES)
    city, _, year = name.partition("-")
    return read_tables(DATA / city, year=int(year or 2019), name=name, placement=placement)


def read_tables(folder: Path | str, *, year: int, name: str, placement: int = 0) -> Network:
    """Read a city from a folder of tables, as it was at the end of a year.

    Residents of the year lie on the straight line through the censuses of 2010 and 2020.

    Raises
    ------
    TableError
        If a table is missing or a cell is not what the format asks for.
    PiecesError
        If the streets are not one connected piece. Rail may be in pieces (Beijing's was); `validate` warns of it.
    UnknownNameError
        If the tables do not describe the year.
    """
    folder = Path(folder)
    city = City(folder)
    described = [*city.listed("rail_years"), *city.listed("residents_years")]
    if described and not min(described) <= year <= max(described):
        raise UnknownNameError(f"year of {name}", year, city.listed("rail_years"))
    plane = Plane(city.number("plane", "lon"), city.number("plane", "lat"))
    zones = _read_zones(folder, city, plane, year)
    roads, street = read_roads(folder / "roads", plane)
    _require_one_piece(roads, street, zones)
    rail, lines, transfer_s = read_rail(folder, year, plane, street)
    stations = [d for _, d in rail.nodes(data=True)]
    terrain = _read_terrain(folder, plane)
    cells = make_cells(
        zones,
        street,
        plane,
        np.array([s["x_m"] for s in stations], np.float64),
        np.array([s["y_m"] for s in stations], np.float64),
        terrain,
        placement,
    )
    bus_zones = _read_zones(folder, city, plane, int(city.number("buses", "year")))  # one bus service in every year
    buses = bus_service(folder, roads, bus_zones, city.section("buses"))
    fares = city.section("fares")
    target = city.section("target")
    try:
        made_fares = Fares(**{**fares, "metro_bands": tuple((float(a), float(b)) for a, b in fares["metro_bands"])})
        made_target = Target(**{**target, "value": float(target["value"])})
        observed = tuple(
            Observed(
                o["year"],
                o["area"],
                {m: float(p) for m, p in o["shares"].items()},
                float(o["trips_million"]),
                o["source"],
            )
            for o in city.listed("observed")
        )
    except (TypeError, KeyError, ValueError) as error:
        raise TableError(city.file, f"the fields of [fares], [target] and [[observed]] ({error})") from None
    return Network(
        name=name,
        name_en=city.text("name_en"),
        name_zh=city.text("name_zh"),
        year=year,
        plane=plane,
        zones=zones,
        cells=cells,
        roads=roads,
        rail=rail,
        lines=lines,
        buses=buses,
        feeders=(),
        fares=made_fares,
        transfer_s=transfer_s,
        default_transfer_s=city.number("rail", "default_transfer_s"),
        station_access_s=city.number("rail", "station_access_s"),
        target=made_target,
        observed=observed,
        assumptions=tuple(str(a) for a in city.listed("assumptions")),
        sources=tuple(str(s) for s in city.listed("sources")),
        extra={
            "folder": str(folder),
            "placement": placement,
            "bus_speed_kmh": city.number("buses", "speed_kmh"),
            "gateways": city.gateways(),
        },
    )


def rail_of_year(network: Network, year: int) -> Network:
    """Return the network with the rail lines and stations open at the end of another year of the same city.

    Headways changed before by a scenario are kept for lines that run in both years.
    """
    if "folder" not in network.extra:
        raise UnknownNameError(f"rail year of {network.name}, an imported network", year, [network.year])
    folder = Path(network.extra["folder"])
    years = City(folder).listed("rail_years")
    if years and year not in years:
        raise UnknownNameError(f"rail year of {network.name}", year, years)
    street = nearest_nodes(network.roads)
    rail, lines, transfer_s = read_rail(folder, year, network.plane, street)
    _, before, _ = read_rail(folder, network.year, network.plane, street)
    read = {line.id: line.headway_s for line in before}
    changed = {line.id: line.headway_s for line in network.lines if read.get(line.id, line.headway_s) != line.headway_s}
    kept = tuple(replace(line, headway_s=changed.get(line.id, line.headway_s)) for line in lines)
    return network.with_(rail=rail, lines=kept, transfer_s=transfer_s)


class City:
    """The city.toml of a folder, read by key with errors that name the key."""

    def __init__(self, folder: Path) -> None:
        """Read the file; raise TableError if it is missing or is not TOML."""
        self.file = f"{folder.name}/city.toml"
        try:
            self.data: dict[str, Any] = tomllib.loads(read_text(folder / "city.toml"))
        except tomllib.TOMLDecodeError as error:
            raise TableError(self.file, f"well-formed TOML ({error})") from error

    def section(self, name: str) -> dict[str, Any]:
        """Return a section of the file."""
        value = self.data.get(name)
        if not isinstance(value, dict):
            raise TableError(self.file, f"a section [{name}]", column=name)
        return value

    def listed(self, name: str) -> list[Any]:
        """Return a list at the top of the file, empty if it is not there."""
        value = self.data.get(name, [])
        if not isinstance(value, list):
            raise TableError(self.file, "a list", column=name, value=value)
        return value

    def gateways(self) -> list[dict[str, Any]]:
        """Return the stations and airports where travellers arrive: name, lon, lat and passengers_day of each."""
        found = self.listed("gateways")
        for i, gate in enumerate(found):
            for name in ("lon", "lat", "passengers_day"):
                value = gate.get(name) if isinstance(gate, dict) else None
                if (
                    isinstance(value, bool)
                    or not isinstance(value, int | float)
                    or not np.isfinite(value)
                    or (name == "passengers_day" and value < 0)
                ):
                    raise TableError(self.file, "a finite number", column=f"gateways[{i}].{name}", value=value)
        return found

    def text(self, name: str) -> str:
        """Return a text at the top of the file."""
        value = self.data.get(name)
        if not isinstance(value, str):
            raise TableError(self.file, "some text", column=name, value=value)
        return value

    def number(self, section: str, name: str) -> float:
        """Return a finite number of a section."""
        value = self.section(section).get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise TableError(self.file, "a finite number", column=f"{section}.{name}", value=value)
        return float(value)


def _read_zones(folder: Path, city: City, plane: Plane, year: int) -> Zones:
    """Read zones.csv, check it against districts.csv and make the named areas."""
    table = read_table(folder / "zones.csv", _ZONES)
    if not len(table):
        raise TableError(table.file, "at least one zone")
    lon, lat = table.numbers("lon"), table.numbers("lat")
    x, y = plane.to_metres(lon, lat)
    r10, r20 = table.numbers("residents_2010"), table.numbers("residents_2020")
    prices = city.section("parking").get("cny_h")
    if not isinstance(prices, list) or len(prices) != 3:
        raise TableError(city.file, "three prices, one for each parking zone", column="parking.cny_h", value=prices)
    six = np.array(table["central_six"], bool)
    inside = table.numbers("inside_fifth_ring_share") >= 0.5
    _check_districts(folder, table)
    return Zones(
        id=tuple(table["zone_id"]),
        name_zh=tuple(table["name_zh"]),
        name_en=tuple(table["name_en"]),
        district_zh=tuple(table["district_zh"]),
        district_en=tuple(table["district_en"]),
        lon=lon,
        lat=lat,
        x_m=x,
        y_m=y,
        area_km2=table.numbers("area_km2"),
        residents=np.maximum(r10 + (r20 - r10) * (year - 2010) / 10.0, 0.0),
        jobs=table.numbers("jobs"),
        school_places=table.numbers("school_places"),
        parking_cny_h=np.array([float(prices[z - 1]) for z in table["parking_zone"]]),
        areas={"central six": six, "central city": six & inside},
    )


def _check_districts(folder: Path, zones: Table) -> None:
    """Raise TableError unless the zones of each district add up to the district's totals within 0.5 %."""
    columns = [Column("district_zh", unique=True), Column("district_en", unique=True), Column("central_six", "flag")]
    sums = ("residents_2010", "residents_2020", "jobs")
    districts = read_table(folder / "districts.csv", [*columns, *(Column(s, "number", 0) for s in sums)])
    row = {d: i for i, d in enumerate(districts["district_en"])}
    totals = {s: np.zeros(len(row)) for s in sums}
    for i, district in enumerate(zones["district_en"]):
        if district not in row:
            raise zones.error(
                i, "district_en", f"a district of districts.csv; {UnknownNameError('district', district, row)}"
            )
        for s in sums:
            totals[s][row[district]] += zones[s][i]
    for s in sums:
        for d, i in row.items():
            if abs(totals[s][i] - districts[s][i]) > max(0.005 * districts[s][i], 5):
                raise districts.error(
                    i, s, f"the sum over the zones of {d} in zones.csv, {totals[s][i]:.0f}, within 0.5 %"
                )


def _read_terrain(folder: Path, plane: Plane) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Read terrain.csv as circles where nobody lives: shape (circles, 3) of x, y and radius in metres."""
    table = read_table(folder / "terrain.csv", _TERRAIN)
    x, y = plane.to_metres(table.numbers("lon"), table.numbers("lat"))
    return np.column_stack([x, y, table.numbers("radius_m")])


def _require_one_piece(roads: Any, street: Any, zones: Zones) -> None:
    """Raise PiecesError unless the streets are one connected piece."""
    import networkx as nx

    pieces = sorted(nx.weakly_connected_components(roads), key=lambda p: (-len(p), min(p)))
    if len(pieces) > 1:
        main = pieces[0]
        at, _ = street.find(zones.x_m, zones.y_m)
        cut = [zones.name_en[i] for i in range(len(zones)) if street.nodes[at[i]] not in main]
        raise PiecesError("road", [len(p) for p in pieces], cut)
