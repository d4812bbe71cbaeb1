"""The simulated form of a city, `Network`, as the neutral form, `Layers`, so that every format can write it."""

from collections.abc import Iterable, Iterator
from datetime import date

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from greentrip_networks.demand_layers import people_frame, trip_matrices
from greentrip_networks.formats.flat import make_flat
from greentrip_networks.layers import Layers, Notes, opposite
from greentrip_networks.network import Ints, Line, Network

MODE = {"metro": "metro", "tram": "tram", "maglev": "rail", "airport": "rail", "bus": "bus", "feeder": "bus"}
COLOUR = {"metro": "0B5394", "tram": "1B6B3A", "rail": "7A1F5C", "bus": "8A3B00"}
WINDOWS = ((5, 7, 1), (7, 9, 0), (9, 17, 1), (17, 19, 2), (19, 22, 1))  # hours and row of PERIODS
SERVICE = "weekday"
AGENCY = {"rail": "Rail", "bus": "Buses"}


def layers_of(network: Network) -> Layers:
    """Return zones, streets, rail lines, buses and feeders of a city as frames.

    A station becomes a station with a platform for each line; a bus stop stands at a street node. Lines run by headway
    on weekdays from 5 to 22 h. Fares by distance become prices between stations.
    """
    speed = float(network.extra.get("bus_speed_kmh", 17.0))
    patterns, shapes, calls, headways = _Rows(), _Rows(), _Rows(), _Rows()
    _rail_patterns(network, patterns, calls, headways)
    _bus_patterns(network, speed, patterns, shapes, calls, headways)
    _feeder_patterns(network, patterns, shapes, calls, headways)
    stops = [*_stations(network), *_bus_stops(network)]
    first, last = date(network.year, 1, 1), date(network.year, 12, 31)
    layers = Layers(
        nodes=_nodes(network),
        links=_links(network),
        zones=_zones(network),
        people=people_frame(network),
        matrices=trip_matrices(network),
        agencies=_agencies(network),
        stops=pl.DataFrame(stops, infer_schema_length=None) if stops else pl.DataFrame(),
        lines=_lines(network),
        patterns=patterns.frame(),
        shapes=_flat_shapes(network, shapes),
        pattern_stops=calls.frame(),
        headways=headways.frame(),
        calendars=pl.DataFrame({"service_id": [SERVICE], "days": ["1111100"], "start": [first], "end": [last]}),
        transfers=_transfers(network),
        fares=_fares(network),
        notes=Notes(
            name=network.name,
            format="greentrip",
            assumptions=(
                *network.assumptions,
                f"buses run at {speed:g} km/h, stops included; trains call without a stated dwell",
                "services are those of a weekday from 5 to 22 h, by headway",
                "the price of a bus ride is that of a short one; of a metro ride that of the shortest way by rail",
            ),
            sources=network.sources,
            extra={"timezone": "Asia/Shanghai", "lang": "zh", "year": network.year},
        ),
    )
    return layers if len(layers.patterns) else layers.with_(calendars=pl.DataFrame(), agencies=pl.DataFrame())


class _Rows:
    """Rows of a frame, gathered."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def add(self, **row: object) -> None:
        """Add a row."""
        self.rows.append(row)

    def frame(self) -> pl.DataFrame:
        """Return all rows."""
        return pl.DataFrame(self.rows, infer_schema_length=None) if self.rows else pl.DataFrame()


def _nodes(network: Network) -> pl.DataFrame:
    rows = [(n, d["lon"], d["lat"], d["name"]) for n, d in network.roads.nodes(data=True)]
    return pl.DataFrame(rows, schema=["node_id", "lon", "lat", "name"], orient="row")


def _links(network: Network) -> pl.DataFrame:
    rows = _Rows()
    seen: set[str] = set()
    for u, v, key, d in network.roads.edges(keys=True, data=True):
        name = str(key)
        here = opposite(name) if name in seen else name
        seen.add(name)
        rows.add(
            link_id=here,
            from_node=u,
            to_node=v,
            kind=d["facility"],
            name=d["name_zh"] or d["name"],
            name_en=d["name"],
            length_m=d["length_m"],
            lanes=d["lanes"],
            free_kmh=d["free_speed_kmh"],
            capacity_vph=d["capacity_veh_h"],
            drive="auto" in d["uses"],
            cycle="bike" in d["uses"],
            walk="walk" in d["uses"],
            bus="auto" in d["uses"],
            generated=d["generated"],
            geometry=_bends(_points(d["geometry"])),
        )
    return rows.frame()


def _bends(points: list[float]) -> list[float]:
    """Return a geometry, nothing for a straight line, which the nodes say already."""
    return points if len(points) > 4 else []


def _points(wkt: str) -> list[float]:
    """Return a LINESTRING as a flat geometry."""
    if not wkt:
        return []
    inside = wkt[wkt.index("(") + 1 : wkt.rindex(")")]
    return [float(c) for point in inside.split(",") for c in point.split()]


def _zones(network: Network) -> pl.DataFrame:
    z = network.zones
    return pl.DataFrame(
        {
            "zone_id": z.id,
            "name": z.name_zh,
            "name_en": z.name_en,
            "district": z.district_zh,
            "district_en": z.district_en,
            "lon": z.lon,
            "lat": z.lat,
            "area_km2": z.area_km2,
            "residents": z.residents,
            "jobs": z.jobs,
            "school_places": z.school_places,
            "parking_cny_h": z.parking_cny_h,
            "areas": [[name for name, inside in z.areas.items() if inside[i]] for i in range(len(z))],
        }
    )


def _agencies(network: Network) -> pl.DataFrame:
    city = network.name_zh or network.name_en
    return pl.DataFrame(
        [
            {
                "agency_id": i,
                "name": f"{city} {n}",
                "url": "https://example.org/",
                "timezone": "Asia/Shanghai",
                "lang": "zh",
            }
            for i, n in AGENCY.items()
        ]
    )


def _lines(network: Network) -> pl.DataFrame:
    rows = _Rows()
    for line in (*network.lines, *network.buses.lines):
        mode = MODE.get(line.mode, "bus")
        rows.add(
            line_id=line.id,
            name=line.name_zh,
            name_en=line.name_en,
            mode=mode,
            agency="bus" if mode == "bus" else "rail",
            colour=COLOUR[mode],
            text_colour="FFFFFF",
            capacity=line.capacity,
        )
    for route in network.feeders:
        rows.add(
            line_id=route.id,
            name=route.id,
            name_en=route.id,
            mode="bus",
            agency="bus",
            colour="00606B",
            text_colour="FFFFFF",
            capacity=route.capacity,
        )
    return rows.frame()


def _stations(network: Network) -> Iterator[dict[str, object]]:
    """Yield stations and their platforms, one a line."""
    at: dict[str, list[str]] = {}
    for u, v, d in network.rail.edges(data=True):
        for station in (u, v):
            if d["line"] not in at.setdefault(station, []):
                at[station].append(d["line"])
    names = {line.id: line.name_zh for line in network.lines}
    for station, d in network.rail.nodes(data=True):
        place = {"name": d["name_zh"], "name_en": d["name_en"], "lon": d["lon"], "lat": d["lat"]}
        yield {"stop_id": station, "kind": "station", **place, "node_id": d["node"], "fare_zone": ""}
        for line in at.get(station, ()):
            yield {
                "stop_id": platform(station, line),
                "kind": "stop",
                **place,
                "parent": station,
                "platform": names.get(line, line),
                "fare_zone": station,
            }


def platform(station: str, line: str) -> str:
    """Return the stop id of a line's platform at a station."""
    return f"{station}.{line}"


def _bus_stops(network: Network) -> Iterator[dict[str, object]]:
    nodes = dict.fromkeys([*network.buses.node, *(s for f in network.feeders for s in f.stops)])
    names = street_names(network, nodes)
    for node in nodes:
        place = network.roads.nodes[node]
        zh, en = names[node]
        yield {
            "stop_id": f"bus-{node}",
            "kind": "stop",
            "name": zh,
            "name_en": en,
            "lon": place["lon"],
            "lat": place["lat"],
            "node_id": node,
        }


def street_names(network: Network, nodes: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return a Chinese and an English name of street nodes: their own, those of the streets that meet, or a number."""
    made: dict[str, tuple[str, str]] = {}
    for node in nodes:
        own = network.roads.nodes[node]["name"]
        zh: dict[str, None] = {}
        en: dict[str, None] = {}
        for _, _, d in network.roads.out_edges(node, data=True):
            if d["name"] or d["name_zh"]:
                zh.setdefault(d["name_zh"] or d["name"])
                en.setdefault(d["name"] or d["name_zh"])
        made[node] = (
            own or ("·".join(list(zh)[:2]) + "路口" if zh else f"站点{node}"),
            " and ".join(list(en)[:2]) or own or f"Stop {node}",
        )
    return made


def _headways(headways: _Rows, pattern: str, by_period: tuple[float, float, float]) -> None:
    for first, last, row in WINDOWS:
        headways.add(
            pattern_id=pattern,
            service_id=SERVICE,
            start_s=first * 3600,
            end_s=last * 3600,
            headway_s=round(by_period[row]),
            exact=False,
        )


def _calls(calls: _Rows, pattern: str, stops: list[str], metres: list[float], seconds: list[float]) -> None:
    for k, (stop, m, s) in enumerate(zip(stops, metres, seconds, strict=True)):
        calls.add(
            pattern_id=pattern,
            order=k,
            stop_id=stop,
            distance_m=round(m, 1),
            arrive_s=round(s),
            depart_s=round(s),
            board=k < len(stops) - 1,
            alight=k > 0,
            stated=True,
        )


def _rail_patterns(network: Network, patterns: _Rows, calls: _Rows, headways: _Rows) -> None:
    rides: dict[tuple[str, int], list[tuple[int, str, str, float, float]]] = {}
    for u, v, d in network.rail.edges(data=True):
        rides.setdefault((d["line"], d["direction"]), []).append((d["seq"], u, v, d["length_m"], d["time_s"]))
    lines: dict[str, Line] = {line.id: line for line in network.lines}
    for (name, direction), legs in sorted(rides.items()):
        legs.sort()
        pattern = f"{name}.{direction}.1"
        stations = [legs[0][1], *(leg[2] for leg in legs)]
        head = network.rail.nodes[stations[-1]]["name_zh"]
        patterns.add(pattern_id=pattern, line_id=name, direction=direction, headsign=head, shape_id="")
        metres = np.cumsum([0.0, *(leg[3] for leg in legs)]).tolist()
        seconds = np.cumsum([0.0, *(leg[4] for leg in legs)]).tolist()
        _calls(calls, pattern, [platform(s, name) for s in stations], metres, seconds)
        _headways(headways, pattern, lines[name].headway_s)


def _bus_patterns(
    network: Network, speed: float, patterns: _Rows, shapes: _Rows, calls: _Rows, headways: _Rows
) -> None:
    if not len(network.buses.lines):
        return
    arrays, roads = network.compiled.buses, network.compiled.roads
    names = street_names(network, dict.fromkeys(network.buses.node))
    for p in range(len(arrays.pattern_line)):
        line = network.buses.lines[arrays.pattern_line[p]]
        direction = int(arrays.pattern_direction[p])
        a, b = int(arrays.pattern_first[p]), int(arrays.pattern_first[p + 1])
        nodes = [roads.nodes[arrays.stop_node[s]] for s in arrays.call_stop[a:b]]
        pattern = f"{line.id}.{direction}.1"
        path = arrays.path_link[arrays.path_first[a] : arrays.path_first[b]]
        driven = np.concatenate([roads.tail[path[:1]], roads.head[path]])
        shapes.add(shape_id=pattern, nodes=driven)
        head = names[nodes[-1]][0]
        patterns.add(pattern_id=pattern, line_id=line.id, direction=direction, headsign=head, shape_id=pattern)
        metres = arrays.call_m[a:b].tolist()
        _calls(calls, pattern, [f"bus-{n}" for n in nodes], metres, [m / speed * 3.6 for m in metres])
        _headways(headways, pattern, line.headway_s)


def _feeder_patterns(network: Network, patterns: _Rows, shapes: _Rows, calls: _Rows, headways: _Rows) -> None:
    """Add feeders towards their station; the way back takes the same times. A loop is one pattern, round and back."""
    row = {n: i for i, n in enumerate(network.roads.nodes)}
    for route in network.feeders:
        at = network.rail.nodes[route.station]
        line = next(d["line"] for _, _, d in network.rail.edges(route.station, data=True))
        end = platform(route.station, line)
        stops = [*(f"bus-{s}" for s in route.stops), end]
        seconds = [route.trip_s - r for r in route.ride_s] + [route.trip_s]
        if route.loop:
            stops, seconds = [end, *stops], [0.0, *route.ride_out_s, route.trip_s]
        metres = [route.length_m * s / max(route.trip_s, 1.0) for s in seconds]
        for direction in (0,) if route.loop else (0, 1):
            pattern = f"{route.id}.{direction}.1"
            path = np.array([row[n] for n in route.path], np.int64)
            shapes.add(shape_id=pattern, nodes=path if direction == 0 else path[::-1])
            head = at["name_zh"] if direction == 0 else ""
            patterns.add(pattern_id=pattern, line_id=route.id, direction=direction, headsign=head, shape_id=pattern)
            if direction == 0:
                _calls(calls, pattern, stops, metres, seconds)
            else:
                back = [metres[-1] - m for m in metres[::-1]], [seconds[-1] - s for s in seconds[::-1]]
                _calls(calls, pattern, stops[::-1], *back)
            _headways(headways, pattern, route.headways_s)


def _flat_shapes(network: Network, shapes: _Rows) -> pl.DataFrame:
    """Return the streets driven, as points, given the rows of nodes of each shape."""
    if not shapes.rows:
        return pl.DataFrame()
    lon = np.array([d["lon"] for _, d in network.roads.nodes(data=True)])
    lat = np.array([d["lat"] for _, d in network.roads.nodes(data=True)])
    paths = [np.asarray(row["nodes"], np.int64) for row in shapes.rows]
    rows: Ints = np.concatenate(paths)
    first = np.concatenate([[0], np.cumsum([len(p) for p in paths])]).astype(np.int64)
    names = [str(row["shape_id"]) for row in shapes.rows]
    return pl.DataFrame({"shape_id": names, "geometry": make_flat(lon[rows], lat[rows], first)})


def _transfers(network: Network) -> pl.DataFrame:
    rail = network.compiled.rail
    rows = _Rows()
    for a, b, s in zip(rail.transfer_from, rail.transfer_to, rail.transfer_s, strict=True):
        ends = [platform(rail.stations[rail.platform_station[i]], rail.line_ids[rail.platform_line[i]]) for i in (a, b)]
        rows.add(from_stop=ends[0], to_stop=ends[1], kind="minimum", min_s=round(float(s)))
    return rows.frame()


def _fares(network: Network) -> pl.DataFrame:
    """Return metro prices from station to station by the shortest way, flat prices of other lines and of buses."""
    fares = network.fares
    parts: list[pl.DataFrame] = []
    metro = {line.id for line in network.lines if line.fare == "metro"}
    rides = [(u, v, d["length_m"]) for u, v, d in network.rail.edges(data=True) if d["line"] in metro]
    stations = list(dict.fromkeys(s for u, v, _ in rides for s in (u, v)))
    if stations:
        row = {s: i for i, s in enumerate(stations)}
        cheapest: dict[tuple[int, int], float] = {}
        for u, v, m in rides:
            key = row[u], row[v]
            cheapest[key] = min(m, cheapest.get(key, np.inf))
        ends = np.array(list(cheapest), np.int64)
        metres = np.array(list(cheapest.values()))
        graph = coo_matrix((metres, (ends[:, 0], ends[:, 1])), shape=(len(stations), len(stations)))
        km = np.asarray(dijkstra(graph.tocsr())) / 1000.0
        price = metro_price(network, km)
        a, b = np.nonzero(np.isfinite(km) & (km > 0))
        names = pl.Series(stations)
        parts.append(
            pl.DataFrame(
                {
                    "fare_id": [f"metro-{p:g}" for p in price[a, b]],
                    "price": price[a, b],
                    "from_zone": names[a],
                    "to_zone": names[b],
                    "line_id": "",
                }
            )
        )
    flat = [(line, fares.special[line.fare], line.fare) for line in network.lines if line.fare in fares.special]
    flat += [(line, fares.bus_base_cny, "bus") for line in network.buses.lines]
    rows = [{"fare_id": kind, "price": price, "line_id": line.id} for line, price, kind in flat]
    rows += [{"fare_id": "feeder", "price": fares.feeder_cny, "line_id": f.id} for f in network.feeders]
    if rows:
        single = pl.DataFrame(rows, infer_schema_length=None)
        parts.append(single.with_columns(transfers=pl.lit(0, pl.Int32)))
    if not parts:
        return pl.DataFrame()
    return pl.concat(parts, how="diagonal_relaxed").with_columns(currency=pl.lit("CNY"))


def metro_price(
    network: Network, km: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Return the printed price of metro rides by their length."""
    bands, step = network.fares.metro_bands, network.fares.metro_step_km
    limits = np.array([b[0] for b in bands])
    prices = np.array([b[1] for b in bands])
    at = np.minimum(np.searchsorted(limits, km), len(bands) - 1)
    beyond = np.ceil(np.maximum(np.where(np.isfinite(km), km, 0.0) - limits[-1], 0.0) / step)
    return np.asarray(prices[at] + beyond)
