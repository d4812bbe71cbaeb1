"""Write a plan as a static GTFS feed: routes both ways, headways by time of day, shapes on the streets."""

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from greentrip_networks.network import PERIOD_WINDOWS, PERIODS, FeederRoute, Network

from greentrip_optimizer.options import FeederOptions
from greentrip_optimizer.plan import Plan
from greentrip_optimizer.streets import BusStreets, Legs, bus_streets, legs_between

_STAMP = (1980, 1, 1, 0, 0, 0)
_FIRST_DAY, _LAST_DAY = "0101", "1231"


def write_gtfs(plan: Plan, network: Network, path: str | Path) -> None:
    """Write the plan as a zipped GTFS feed with frequencies; the same plan gives the same bytes.

    Stops are WGS-84; names are Chinese where known, English in translations.txt. Times outbound are driven on the
    streets from the station to the far end, which may differ from the way in on one-way streets.
    """
    tables = gtfs_tables(plan, network)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in tables.items():
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(rows)
            info = zipfile.ZipInfo(name, _STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, text.getvalue().encode("utf-8"))


def gtfs_tables(plan: Plan, network: Network) -> dict[str, list[Sequence[object]]]:
    """Return the feed's files as rows, header first."""
    options = FeederOptions(vehicles=0)
    streets = bus_streets(network.compiled.roads, options, None, network.extra.get("banned_turns", ()))
    row = {node: i for i, node in enumerate(network.compiled.roads.nodes)}
    year = network.year
    tables: dict[str, list[Sequence[object]]] = {
        "agency.txt": [("agency_id", "agency_name", "agency_url", "agency_timezone", "agency_lang")],
        "stops.txt": [("stop_id", "stop_name", "stop_lat", "stop_lon", "location_type")],
        "routes.txt": [
            (
                "route_id",
                "agency_id",
                "route_short_name",
                "route_long_name",
                "route_type",
                "route_color",
                "route_text_color",
            )
        ],
        "trips.txt": [("route_id", "service_id", "trip_id", "trip_headsign", "direction_id", "shape_id")],
        "stop_times.txt": [("trip_id", "arrival_time", "departure_time", "stop_id", "stop_sequence", "timepoint")],
        "frequencies.txt": [("trip_id", "start_time", "end_time", "headway_secs", "exact_times")],
        "calendar.txt": [
            (
                "service_id",
                "monday",
                "tuesday",
                "wednesday",
                "thursday",
                "friday",
                "saturday",
                "sunday",
                "start_date",
                "end_date",
            )
        ],
        "shapes.txt": [("shape_id", "shape_pt_lat", "shape_pt_lon", "shape_pt_sequence")],
        "translations.txt": [("table_name", "field_name", "language", "translation", "record_id")],
        "feed_info.txt": [
            (
                "feed_publisher_name",
                "feed_publisher_url",
                "feed_lang",
                "feed_start_date",
                "feed_end_date",
                "feed_version",
            )
        ],
    }
    tables["agency.txt"].append(
        (
            "greentrip",
            f"{network.name_zh or network.name_en} (Greentrip plan)",
            "https://example.org/",
            "Asia/Shanghai",
            "zh",
        )
    )
    tables["calendar.txt"].append(("weekday", 1, 1, 1, 1, 1, 0, 0, f"{year}{_FIRST_DAY}", f"{year}{_LAST_DAY}"))
    tables["feed_info.txt"].append(
        ("Greentrip", "https://example.org/", "zh", f"{year}{_FIRST_DAY}", f"{year}{_LAST_DAY}", plan.content_hash[:16])
    )
    stops: dict[str, None] = {}
    stations: dict[str, None] = {}
    for number, route in enumerate(plan.routes):
        stations.setdefault(route.station)
        stops.update(dict.fromkeys(route.stops))
        _add_route(tables, route, network, streets, row, number, options)
    for station in stations:
        place = network.rail.nodes[station]
        tables["stops.txt"].append(
            (f"S-{station}", place["name_zh"] or place["name_en"], f"{place['lat']:.6f}", f"{place['lon']:.6f}", 0)
        )
        tables["translations.txt"].append(("stops", "stop_name", "en", place["name_en"], f"S-{station}"))
    names = stop_names(network, stops)
    for node in stops:
        place = network.roads.nodes[node]
        zh, en = names[node]
        tables["stops.txt"].append((f"N-{node}", zh, f"{place['lat']:.6f}", f"{place['lon']:.6f}", 0))
        tables["translations.txt"].append(("stops", "stop_name", "en", en, f"N-{node}"))
    return tables


def stop_names(network: Network, nodes: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return a Chinese and an English name for street nodes: the node's own, its streets', or its number."""
    out: dict[str, tuple[str, str]] = {}
    for node in nodes:
        zh: dict[str, None] = {}
        en: dict[str, None] = {}
        for _, _, data in network.roads.out_edges(node, data=True):
            if data["name"] or data["name_zh"]:
                zh.setdefault(data["name_zh"] or data["name"])
                en.setdefault(data["name"] or data["name_zh"])
        own = network.roads.nodes[node]["name"]
        out[node] = (
            own or ("·".join(list(zh)[:2]) + "路口" if zh else f"站点{node}"),
            (" and ".join(list(en)[:2]) if en else "") or (own or f"Stop {node}"),
        )
    return out


def _add_route(
    tables: dict[str, list[Sequence[object]]],
    route: FeederRoute,
    network: Network,
    streets: BusStreets,
    row: dict[str, int],
    number: int,
    options: FeederOptions,
) -> None:
    """Add a route's rows: two directions, or once round a loop, each with a trip by frequency in every period."""
    place = network.rail.nodes[route.station]
    zh = place["name_zh"] or place["name_en"]
    short = f"{zh}{route.id.rsplit('-', 1)[-1]}路"
    end = max(range(len(route.stops)), key=lambda k: min(route.ride_s[k], route.ride_out_s[k])) if route.loop else 0
    far = stop_names(network, [route.stops[end]])[route.stops[end]]
    colour = ("1B6B3A", "0B5394", "7A1F5C", "8A3B00", "3D3D8F", "00606B")[number % 6]
    ends = [(zh, place["name_en"])] if route.loop else []
    long, long_en = (" — ".join(names) for names in zip(*ends, far, (zh, place["name_en"]), strict=True))
    tables["routes.txt"].append((route.id, "greentrip", short, long, 3, colour, "FFFFFF"))
    tables["translations.txt"].append(
        ("routes", "route_short_name", "en", f"{place['name_en']} {route.id.rsplit('-', 1)[-1]}", route.id)
    )
    tables["translations.txt"].append(("routes", "route_long_name", "en", long_en, route.id))
    inbound = [round(route.trip_s - r) for r in route.ride_s] + [round(route.trip_s)]
    station_stop = f"S-{route.station}"
    calls_in = [*(f"N-{s}" for s in route.stops), station_stop]
    ways = [(0, calls_in, inbound, list(route.path), zh)]
    if route.loop:
        around = [0, *(round(r) for r in route.ride_out_s), round(route.trip_s + options.dwell_s)]
        ways = [(0, [station_stop, *calls_in], around, list(route.path), long)]
    else:
        ways.append((1, calls_in[::-1], *_outbound(route, streets, row, network, options), far[0]))
    for direction, calls, times, nodes, head in ways:
        shape = f"{route.id}-{direction}"
        points = [(network.roads.nodes[n]["lat"], network.roads.nodes[n]["lon"]) for n in nodes]
        at_station = (place["lat"], place["lon"])
        if calls[0] == station_stop:
            points.insert(0, at_station)
        if calls[-1] == station_stop:
            points.append(at_station)
        kept = [p for k, p in enumerate(points) if k == 0 or p != points[k - 1]]
        tables["shapes.txt"].extend((shape, f"{lat:.6f}", f"{lon:.6f}", k + 1) for k, (lat, lon) in enumerate(kept))
        for period, windows, headway_s in zip(PERIODS, PERIOD_WINDOWS, route.headways_s, strict=True):
            trip = f"{route.id}-{direction}-{period}"
            tables["trips.txt"].append((route.id, "weekday", trip, head, direction, shape))
            for k, (call, seconds) in enumerate(zip(calls, times, strict=True)):
                at = 5 * 3600 + seconds
                stands = (
                    options.dwell_s if route.loop and 0 < k < len(calls) - 1 else 0
                )  # a loop's rides in are after it
                tables["stop_times.txt"].append((trip, _clock(at), _clock(round(at + stands)), call, k + 1, 0))
            for first, last in windows:
                times_of_day = _clock(first * 3600), _clock(last * 3600)
                tables["frequencies.txt"].append((trip, *times_of_day, round(headway_s), 0))


def _outbound(
    route: FeederRoute, streets: BusStreets, row: dict[str, int], network: Network, options: FeederOptions
) -> tuple[list[int], list[str]]:
    """Return arrival seconds at each stop from the station outwards and the street nodes passed."""
    nodes = network.compiled.roads.nodes
    places = np.array([row[route.path[-1]], *(row[s] for s in route.stops[::-1])], np.int32)
    legs: Legs = legs_between(streets, places, options.max_length_m)
    times, path, n = [0.0], [nodes[places[0]]], len(places)
    for k in range(n - 1):
        times.append(times[-1] + float(legs.time_s[k, k + 1]) + options.dwell_s)
        leg = k * n + k + 1
        path.extend(nodes[i] for i in legs.node[legs.first[leg] : legs.first[leg + 1]])
    return [round(t) for t in times], path


def _clock(seconds: float) -> str:
    """Write seconds after midnight as HH:MM:SS."""
    s = round(seconds)
    return f"{s // 3600:02d}:{s % 3600 // 60:02d}:{s % 60:02d}"
