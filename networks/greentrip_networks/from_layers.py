"""Make a city that can be simulated from a network of any origin, or say what is missing for it."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from greentrip_networks.cells import make_cells
from greentrip_networks.demand import Demand
from greentrip_networks.demand_layers import people_of, trips_of
from greentrip_networks.from_transit import read_buses, read_rail_lines, weekday_departures
from greentrip_networks.geo import Plane
from greentrip_networks.layer_checks import street_pieces
from greentrip_networks.layers import Layers
from greentrip_networks.network import Fares, Network, Target, Zones
from greentrip_networks.problems import Problems
from greentrip_networks.read_roads import nearest_nodes
from greentrip_networks.repair import USUAL

if TYPE_CHECKING:
    import networkx as nx

AREAS = ("central six", "central city")  # the areas that the model's rules name
SCHOOL_SHARE = 0.13  # school places a resident, where zones do not say
PARKING_CNY_H = 3.0
YEAR = 2019
FARES = Fares(  # where a network does not say: those of Beijing at the end of 2019
    metro_bands=((6.0, 3.0), (12.0, 4.0), (22.0, 5.0), (32.0, 6.0)),
    metro_step_km=20.0,
    metro_card_factor=1.0,
    special={},
    bus_base_cny=2.0,
    bus_base_km=10.0,
    bus_step_km=5.0,
    bus_card_factor=1.0,
    feeder_cny=1.0,
    taxi_base_cny=13.0,
    taxi_base_km=3.0,
    taxi_km_cny=2.3,
    taxi_far_km=15.0,
    taxi_far_factor=1.5,
    taxi_surcharge_cny=1.0,
    fuel_cny_km=0.65,
)
_LOCAL = (
    "residential",
    "living_street",
    "service",
    "unclassified",
    "road",
    "path",
    "footway",
    "cycleway",
    "pedestrian",
)
FACILITY = {**dict.fromkeys(_LOCAL, "local"), "tertiary": "collector", "motorway_link": "ramp", "trunk_link": "ramp"}
_NEEDED = (
    ("zones", "zones", "import zones as polygons or points with residents and jobs, and join them to this network"),
    ("links", "streets", "import streets, such as an OpenStreetMap extract, together with this network"),
    ("patterns", "a timetable", "import a timetable, such as a GTFS feed, together with this network"),
)


def missing_for_simulation(layers: Layers) -> Problems:
    """Say what a network lacks to be simulated: an error each, with what to do."""
    problems = Problems()
    for name, what, remedy in _NEEDED:
        if not len(getattr(layers, name)):
            problems.error("missing", f"{what} to simulate", saw="none", file=name, remedy=remedy)
    if problems.errors:
        return problems
    for column in ("residents", "jobs", "area_km2"):
        values = layers.zones[column]
        if column == "area_km2":
            if values.is_null().any() or (values <= 0).any():
                problems.error(
                    "missing",
                    "an area above 0 km² of every zone",
                    file="zones",
                    field=column,
                    remedy="repair measures polygons",
                )
        elif not (values.fill_null(0).sum() or 0) > 0:
            problems.error(
                "missing", f"{column} in the zones", file="zones", field=column, remedy=f"add a column {column}"
            )
    if layers.zones["lon"].is_null().any() or layers.zones["lat"].is_null().any():
        problems.error("missing", "a centre of every zone", file="zones", field="lon, lat", remedy="give lon and lat")
    for flag in ("drive", "walk"):
        if not layers.links[flag].any():
            problems.error(
                "missing", f"streets with {flag} true", file="links", field=flag, remedy="say who may use which street"
            )
    drive = layers.links.filter("drive")
    for column in ("free_kmh", "capacity_vph", "lanes"):
        gaps = int(drive[column].is_null().sum()) + int((drive[column] <= 0).sum())
        if gaps:
            problems.error(
                "missing",
                f"{column} of every street for cars",
                saw=f"{gaps:,} without",
                file="links",
                field=column,
                remedy="repair takes the usual of its kind",
            )
    if not len(layers.trips) and not len(layers.headways):
        problems.error("missing", "trips or headways", file="trips", remedy="import a timetable with services")
    return problems


def network_of(layers: Layers, name: str, placement: int = 0) -> Network:
    """Return the city that a network describes, on a typical weekday.

    Of the streets the largest connected piece is used, of each line the pattern with most stops in each direction, with
    the departures of all its patterns. What a network seldom says (fares, capacities, school places, parking, the
    target) is assumed; `assumptions` of the result lists all of it.

    Parameters
    ----------
    layers
        A network that `validate_layers` finds no errors in.
    name
        Of the result.
    placement
        Key of the layout of homes and jobs on cells.

    Raises
    ------
    BadInputError
        If something is missing; it names what, and what to do.
    """
    missing_for_simulation(layers).raise_errors("network", name)
    assumed = list(layers.notes.assumptions)
    year = int(layers.notes.extra.get("year", 0)) or _year(layers)
    weight = layers.zones["residents"].fill_null(0).to_numpy() + 1e-9
    plane = Plane(
        float(np.average(layers.zones["lon"].to_numpy(), weights=weight)),
        float(np.average(layers.zones["lat"].to_numpy(), weights=weight)),
    )
    zones = _zones(layers, plane, assumed)
    roads = _roads(layers, plane, assumed)
    street = nearest_nodes(roads)
    departures = weekday_departures(layers, assumed)
    rail, lines, transfer_s = read_rail_lines(layers, departures, plane, street, assumed)
    buses, speed = read_buses(layers, departures, plane, roads, assumed)
    if not lines and not buses.lines:
        problems = Problems()
        problems.error(
            "missing",
            "a line with at least two stops near the streets that runs on a weekday",
            file="patterns",
            remedy="check that streets and timetable are of the same city, and its calendars",
        )
        problems.raise_errors("network", name)
    stations = [d for _, d in rail.nodes(data=True)]
    cells = make_cells(
        zones,
        street,
        plane,
        np.array([s["x_m"] for s in stations], np.float64),
        np.array([s["y_m"] for s in stations], np.float64),
        np.zeros((0, 3)),
        placement,
    )
    return Network(
        name=name,
        name_en=layers.notes.name or name,
        name_zh=layers.notes.name or name,
        year=year,
        plane=plane,
        zones=zones,
        cells=cells,
        roads=roads,
        rail=rail,
        lines=lines,
        buses=buses,
        feeders=(),
        fares=_fares(layers, assumed),
        transfer_s=transfer_s,
        default_transfer_s=150.0,
        station_access_s=120.0,
        target=Target("green trip share", 75.0, year, AREAS[0], "assumed: this network comes without a target"),
        observed=(),
        assumptions=tuple(assumed),
        sources=layers.notes.sources or tuple(layers.notes.files),
        demand=Demand(people=people_of(layers, zones), trips=trips_of(layers, zones)),
        extra={
            "placement": placement,
            "bus_speed_kmh": speed,
            "content": layers.content_hash(),
            "banned_turns": banned_turns(layers),
        },
    )


def banned_turns(layers: Layers) -> tuple[tuple[str, str, str], ...]:
    """Return turns that nobody may make, as the street nodes before, at and after; parallel links count as one."""
    if not len(layers.turns):
        return ()
    ends = layers.links.select("link_id", "from_node", "to_node")
    made = (
        layers.turns.filter(pl.col("kind") == "banned")
        .join(ends.rename({"link_id": "from_link", "from_node": "before", "to_node": "at"}), on="from_link")
        .join(ends.rename({"link_id": "to_link", "from_node": "also_at", "to_node": "after"}), on="to_link")
        .filter(pl.col("at") == pl.col("also_at"))
    )
    return tuple(sorted(set(made.select("before", "at", "after").iter_rows())))


def _year(layers: Layers) -> int:
    starts = pl.concat([layers.calendars["end"], layers.calendar_dates["date"]]).drop_nulls().dt.year()
    return int(starts.median()) if len(starts) else YEAR  # type: ignore[arg-type]


def _zones(layers: Layers, plane: Plane, assumed: list[str]) -> Zones:
    z = layers.zones
    lon, lat = z["lon"].to_numpy(), z["lat"].to_numpy()
    x, y = plane.to_metres(lon, lat)
    residents = z["residents"].fill_null(0).to_numpy()
    named = {a for areas in z["areas"] for a in areas}
    areas = {a: np.array([a in mine for mine in z["areas"]], bool) for a in sorted(named)}
    for area in AREAS:
        if area not in areas:
            areas[area] = np.ones(len(z), bool)
            assumed.append(f'the area "{area}" is the whole network, since no zone says')
    if z["school_places"].is_null().any():
        assumed.append(f"school places where zones do not say: {SCHOOL_SHARE:g} a resident")
    if z["parking_cny_h"].is_null().any():
        assumed.append(f"parking where zones do not say: {PARKING_CNY_H:g} CNY an hour")
    english = [e or n or i for i, n, e in z.select("zone_id", "name", "name_en").iter_rows()]
    districts = [d or "all" for d in z["district"]]
    return Zones(
        id=tuple(z["zone_id"]),
        name_zh=tuple(n or i for i, n in z.select("zone_id", "name").iter_rows()),
        name_en=tuple(english),
        district_zh=tuple(districts),
        district_en=tuple(e or d for d, e in zip(districts, z["district_en"], strict=True)),
        lon=lon,
        lat=lat,
        x_m=x,
        y_m=y,
        area_km2=z["area_km2"].to_numpy(),
        residents=residents,
        jobs=z["jobs"].fill_null(0).to_numpy(),
        school_places=np.where(z["school_places"].is_null(), SCHOOL_SHARE * residents, z["school_places"].fill_null(0)),
        parking_cny_h=z["parking_cny_h"].fill_null(PARKING_CNY_H).to_numpy(),
        areas=areas,
    )


def _roads(layers: Layers, plane: Plane, assumed: list[str]) -> "nx.MultiDiGraph[str]":
    """Return the largest piece of the streets as a graph; see `Network`."""
    import networkx as nx

    weak, _ = street_pieces(layers)
    if (weak > 0).any():
        assumed.append(f"{int((weak > 0).sum()):,} street nodes that are cut off from the others are left out")
    nodes = layers.nodes.filter(pl.Series(weak == 0) & pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
    ids = nodes["node_id"].implode()
    usable = pl.col("from_node").is_in(ids) & pl.col("to_node").is_in(ids) & (pl.col("from_node") != pl.col("to_node"))
    links = layers.links.filter(
        usable & (pl.col("drive") | pl.col("walk") | pl.col("cycle")) & (pl.col("length_m") > 0)
    )
    x, y = plane.to_metres(nodes["lon"].to_numpy(), nodes["lat"].to_numpy())
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for (node, lon, lat, named), px, py in zip(
        nodes.select("node_id", "lon", "lat", "name").iter_rows(), x.tolist(), y.tolist(), strict=True
    ):
        graph.add_node(node, lon=lon, lat=lat, x_m=px, y_m=py, name=named)
    uses_of = {
        (d, w, c): frozenset(u for u, yes in (("auto", d), ("walk", w), ("bike", c)) if yes)
        for d in (True, False)
        for w in (True, False)
        for c in (True, False)
    }
    usual_speed, columns = (
        30.0,
        (
            "link_id",
            "from_node",
            "to_node",
            "kind",
            "name",
            "name_en",
            "length_m",
            "lanes",
            "free_kmh",
            "capacity_vph",
            "drive",
            "walk",
            "cycle",
            "generated",
            "geometry",
        ),
    )
    for key, u, v, kind, name, english, metres, lanes, speed, capacity, d, w, c, generated, points in links.select(
        columns
    ).iter_rows():
        graph.add_edge(
            u,
            v,
            key=key,
            name=english or name,
            name_zh=name,
            facility=FACILITY.get(kind, kind or "local"),
            length_m=metres,
            lanes=lanes or 0.0,
            free_speed_kmh=min(max(speed or USUAL.get(kind, (usual_speed,))[0], 1.0), 140.0),
            capacity_veh_h=capacity or 0.0,
            uses=uses_of[d, w, c],
            generated=generated,
            geometry=_wkt(points),
        )
    return graph


def _wkt(points: list[float]) -> str:
    """Return a flat geometry as a LINESTRING."""
    if not points:
        return ""
    return f"LINESTRING ({', '.join(f'{points[i]:.6f} {points[i + 1]:.6f}' for i in range(0, len(points), 2))})"


def _fares(layers: Layers, assumed: list[str]) -> Fares:
    """Return fares, taking the price of a bus ride from the network where all buses cost the same."""
    buses = layers.lines.filter(pl.col("mode").is_in(["bus", "trolleybus"]))["line_id"]
    whole = (pl.col("from_zone") == "") & (pl.col("to_zone") == "")
    prices = layers.fares.filter(whole & (pl.col("line_id").is_in(buses.implode()) | (pl.col("line_id") == "")))[
        "price"
    ]
    assumed.append("fares that the network does not say are those of Beijing in 2019, in its own currency")
    if len(prices) and prices.n_unique() == 1:
        from dataclasses import replace

        return replace(FARES, bus_base_cny=float(prices[0]), bus_base_km=1e3)
    return FARES
