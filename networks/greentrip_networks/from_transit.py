"""Lines of a timetable as the model's rail graph and buses: main patterns, departures of a typical weekday."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.spatial import cKDTree

from greentrip_networks.geo import Plane, haversine_m
from greentrip_networks.layers import Layers
from greentrip_networks.network import Buses, Line
from greentrip_networks.read_roads import StreetNodes
from greentrip_networks.road_arrays import drivable, links_of, on_streets

if TYPE_CHECKING:
    import networkx as nx

RAIL = {"metro": "metro", "rail": "metro", "monorail": "metro", "tram": "tram", "funicular": "tram", "cable": "tram"}
BUS = ("bus", "trolleybus")
CAPACITY = {"metro": 1400, "rail": 1000, "monorail": 600, "tram": 200, "bus": 90, "trolleybus": 90}
PERIOD_WINDOWS = (((7, 9),), ((5, 7), (9, 17), (19, 22)), ((17, 19),))  # hours: am, off, pm
PERIOD_S = (7_200.0, 46_800.0, 7_200.0)
RAREST_S = 7_200.0  # headway of a period in which nothing departs
FREQUENT_S = 60.0
SAME_STATION_M = 300.0
STREET_M = 1_000.0  # a bus stop further from every street for buses is left out
MOST_DAYS = 200
Departures = Mapping[str, tuple[float, float, float]]  # by pattern: departures in each period


def weekday_departures(layers: Layers, assumed: list[str]) -> Departures:
    """Return how often each pattern departs in each period of the Tuesday to Thursday with most departures."""
    day = _busiest(layers)
    running = _running(layers, day)
    assumed.append(f"the timetable is that of {day:%A %Y-%m-%d}")
    trips = layers.trips.filter(pl.col("service_id").is_in(running.implode()))
    headways = layers.headways.filter(pl.col("service_id").is_in(running.implode()) & (pl.col("headway_s") > 0))
    counts: list[pl.DataFrame] = []
    for period, windows in enumerate(PERIOD_WINDOWS):
        for first, last in windows:
            a, b = first * 3600, last * 3600
            mine = trips.filter(pl.col("start_s").is_between(a, b, closed="left"))
            counts.append(
                mine.group_by("pattern_id").agg(n=pl.len().cast(pl.Float64)).with_columns(period=pl.lit(period))
            )
            lap = pl.min_horizontal("end_s", pl.lit(b)) - pl.max_horizontal("start_s", pl.lit(a))
            part = headways.with_columns(n=lap / pl.col("headway_s")).filter(pl.col("n") > 0)
            counts.append(part.group_by("pattern_id").agg(pl.col("n").sum()).with_columns(period=pl.lit(period)))
    total: dict[str, list[float]] = {}
    for pattern, n, period in pl.concat(counts).select("pattern_id", "n", "period").iter_rows():
        total.setdefault(pattern, [0.0, 0.0, 0.0])[period] += n
    return {p: (v[0], v[1], v[2]) for p, v in total.items()}


def _busiest(layers: Layers) -> date:
    """Return the first Tuesday, Wednesday or Thursday with most departures, among the first `MOST_DAYS`."""
    held = pl.concat([layers.calendars["start"], layers.calendars["end"], layers.calendar_dates["date"]]).drop_nulls()
    if not len(held):
        return date(2019, 6, 4)
    low, high = held.min(), held.max()
    assert isinstance(low, date)
    assert isinstance(high, date)
    days = [low + timedelta(k) for k in range(min((high - low).days + 1, 10 * MOST_DAYS))]
    days = [d for d in days if d.weekday() in (1, 2, 3)][:MOST_DAYS] or [low]
    trips = layers.trips.group_by("service_id").agg(n=pl.len().cast(pl.Float64))
    runs = layers.headways.group_by("service_id").agg(
        n=((pl.col("end_s") - pl.col("start_s")) / pl.col("headway_s")).sum()
    )
    number = pl.concat([trips, runs]).group_by("service_id").agg(pl.col("n").sum())
    of = dict(number.iter_rows())
    busy = [sum(of.get(s, 0.0) for s in _running(layers, d)) for d in days]
    return days[int(np.argmax(busy))]


def _running(layers: Layers, day: date) -> pl.Series:
    """Return the services that run on a day."""
    weekly = layers.calendars.filter(
        (pl.col("start") <= day) & (pl.col("end") >= day) & (pl.col("days").str.slice(day.weekday(), 1) == "1")
    )["service_id"]
    dated = layers.calendar_dates.filter(pl.col("date") == day)
    off = dated.filter(~pl.col("runs"))["service_id"]
    return pl.concat([weekly.filter(~weekly.is_in(off.implode())), dated.filter("runs")["service_id"]]).unique()


@dataclass(frozen=True)
class _Main:
    """The pattern that stands for a line in a direction, and the line's headways there."""

    stops: tuple[str, ...]
    metres: tuple[float, ...]
    arrive: tuple[int, ...]
    depart: tuple[int, ...]
    per_period: tuple[float, float, float]  # departures, of all patterns of the direction


def _mains(layers: Layers, departures: Departures, lines: pl.Series, assumed: list[str]) -> dict[str, dict[int, _Main]]:
    """Return the main pattern of each line and direction: most stops, then most departures, then the first id."""
    calls = (
        layers.pattern_stops.sort("pattern_id", "order")
        .group_by("pattern_id", maintain_order=True)
        .agg("stop_id", "distance_m", "arrive_s", "depart_s")
    )
    patterns = layers.patterns.filter(
        pl.col("line_id").is_in(lines.implode()) & pl.col("pattern_id").is_in(list(departures))
    ).join(calls, on="pattern_id")
    best: dict[str, dict[int, tuple[tuple[int, float, str], dict[str, object]]]] = {}
    total: dict[tuple[str, int], list[float]] = {}
    for row in patterns.sort("pattern_id").iter_rows(named=True):
        line, direction, name = row["line_id"], int(row["direction"] or 0), row["pattern_id"]
        rank = (len(row["stop_id"]), sum(departures[name]), name)
        mine = best.setdefault(line, {})
        if direction not in mine or rank[:2] > mine[direction][0][:2]:
            mine[direction] = (rank, row)
        sums = total.setdefault((line, direction), [0.0, 0.0, 0.0])
        for k in range(3):
            sums[k] += departures[name][k]
    shown = sum(len(d) for d in best.values())
    if len(patterns) > shown:
        assumed.append(
            f"{len(patterns) - shown:,} of {len(patterns):,} patterns run as the longest of their line and direction"
        )
    made: dict[str, dict[int, _Main]] = {}
    for line, by in best.items():
        for direction, (_, row) in sorted(by.items()):
            n = total[line, direction]
            made.setdefault(line, {})[direction] = _Main(
                tuple(row["stop_id"]),  # type: ignore[arg-type]
                tuple(row["distance_m"]),  # type: ignore[arg-type]
                tuple(row["arrive_s"]),  # type: ignore[arg-type]
                tuple(row["depart_s"]),  # type: ignore[arg-type]
                (n[0], n[1], n[2]),
            )
    return made


def _headway(mains: Mapping[int, _Main]) -> tuple[float, float, float]:
    """Return the headway of each period: the mean over the directions that run."""
    made = []
    for k in range(3):
        n = float(np.mean([m.per_period[k] for m in mains.values()]))
        made.append(round(float(np.clip(PERIOD_S[k] / n, FREQUENT_S, RAREST_S)), 1) if n > 0 else RAREST_S)
    return made[0], made[1], made[2]


def _stations(layers: Layers, used: set[str]) -> tuple[dict[str, str], dict[str, dict[str, object]]]:
    """Return the station of each stop used, and each station's row: its parent, or stops of one name close together."""
    rows = {r["stop_id"]: r for r in layers.stops.iter_rows(named=True)}
    station_of: dict[str, str] = {}
    by_name: dict[str, list[str]] = {}
    for stop in sorted(used):
        row = rows[stop]
        if row["parent"] in rows:
            station_of[stop] = row["parent"]
            continue
        same = next(
            (
                other
                for other in by_name.get(row["name"], ())
                if row["name"]
                and haversine_m(row["lon"], row["lat"], rows[other]["lon"], rows[other]["lat"]) <= SAME_STATION_M
            ),
            None,
        )
        station_of[stop] = same or stop
        if same is None:
            by_name.setdefault(row["name"], []).append(stop)
    places = {s: rows[s] for s in dict.fromkeys(station_of.values())}
    for stop, station in station_of.items():
        if places[station]["lon"] is None or places[station]["lat"] is None:
            places[station] = {**places[station], "lon": rows[stop]["lon"], "lat": rows[stop]["lat"]}
    return station_of, places


def read_rail_lines(
    layers: Layers, departures: Departures, plane: Plane, street: StreetNodes, assumed: list[str]
) -> tuple["nx.MultiDiGraph[str]", tuple[Line, ...], dict[tuple[str, str, str], float]]:
    """Return the rail graph, its lines and the walks between platforms, as `read_rail` does from tables."""
    import networkx as nx

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    rows = {r["line_id"]: r for r in layers.lines.filter(pl.col("mode").is_in(list(RAIL))).iter_rows(named=True)}
    mains = _mains(layers, departures, pl.Series(list(rows), dtype=pl.String), assumed)
    station_of, places = _stations(layers, {s for by in mains.values() for m in by.values() for s in m.stops})
    lines: list[Line] = []
    lines_at: dict[str, set[str]] = {}
    rides: list[tuple[str, str, tuple[str, int], dict[str, object]]] = []
    for name, by in mains.items():
        legs = {d: _legs(m, station_of, places) for d, m in by.items()}
        legs = {d: found for d, found in legs.items() if found}
        if not legs:
            continue
        for direction in (0, 1):
            if direction not in legs:  # the other way is the same way back
                legs[direction] = [(v, u, m, s) for u, v, m, s in reversed(legs[1 - direction])]
        row = rows[name]
        chain = legs[0]
        lines.append(
            Line(
                id=name,
                name_zh=row["name"] or name,
                name_en=row["name_en"] or row["name"] or name,
                mode=RAIL[row["mode"]],
                fare="metro",
                loop=len(chain) > 2 and chain[0][0] == chain[-1][1],
                capacity=row["capacity"] or CAPACITY.get(row["mode"], 200),
                headway_s=_headway(by),
                opened=0,
            )
        )
        for direction, found in legs.items():
            for seq, (u, v, metres, seconds) in enumerate(found):
                ride: dict[str, object] = {"line": name, "direction": direction, "seq": seq}
                rides.append((u, v, (name, direction), {**ride, "length_m": metres, "time_s": seconds}))
        for stop in {s for m in by.values() for s in m.stops}:
            lines_at.setdefault(stop, set()).add(name)
    used = list(dict.fromkeys(s for u, v, *_ in rides for s in (u, v)))
    if used:
        lon = np.array([places[s]["lon"] for s in used], np.float64)
        lat = np.array([places[s]["lat"] for s in used], np.float64)
        x, y = plane.to_metres(lon, lat)
        at, metres_to = street.find(x, y)
        for k, s in enumerate(used):
            place = places[s]
            graph.add_node(
                s,
                name_en=place["name_en"] or place["name"] or s,
                name_zh=place["name"] or s,
                lon=float(lon[k]),
                lat=float(lat[k]),
                x_m=float(x[k]),
                y_m=float(y[k]),
                opened=0,
                node=street.nodes[at[k]],
                node_m=float(metres_to[k]),
            )
    for u, v, key, data in rides:
        graph.add_edge(u, v, key=key, **data)
    walks: dict[tuple[str, str, str], float] = {}
    for a, b, seconds in layers.transfers.select("from_stop", "to_stop", "min_s").iter_rows():
        if seconds is not None and station_of.get(a, a) == station_of.get(b, ""):
            for one in sorted(lines_at.get(a, ())):
                for other in sorted(lines_at.get(b, ())):
                    if one != other:
                        walks[station_of[a], one, other] = float(seconds)
    return graph, tuple(lines), walks


def _legs(
    main: _Main, station_of: Mapping[str, str], places: Mapping[str, Mapping[str, object]]
) -> list[tuple[str, str, float, float]]:
    """Return (from, to, metres, seconds with dwell) between stations; ends where a station would come again."""
    legs: list[tuple[str, str, float, float]] = []
    stations = [station_of[s] for s in main.stops]
    seen = {stations[0]}
    at = 0
    for k in range(1, len(stations)):
        u, v = stations[at], stations[k]
        if u == v:
            continue
        closes = v == stations[0]
        if v in seen and not closes:
            break
        crow = float(haversine_m(places[u]["lon"], places[u]["lat"], places[v]["lon"], places[v]["lat"]))
        metres = (main.metres[k] or 0.0) - (main.metres[at] or 0.0)
        leave = main.depart[k] if k < len(stations) - 1 else main.arrive[k]
        legs.append((u, v, metres if metres > 1.0 else max(crow, 1.0), float(max(leave - main.depart[at], 10))))
        seen.add(v)
        at = k
        if closes:
            break
    return legs


def read_buses(
    layers: Layers, departures: Departures, plane: Plane, roads: "nx.MultiDiGraph[str]", assumed: list[str]
) -> tuple[Buses, float]:
    """Return bus lines on the street nodes nearest to their stops, and their mean speed with stops, km/h."""
    rows = {r["line_id"]: r for r in layers.lines.filter(pl.col("mode").is_in(BUS)).iter_rows(named=True)}
    mains = _mains(layers, departures, pl.Series(list(rows), dtype=pl.String), assumed)
    links = links_of(roads)
    nodes = np.flatnonzero(drivable(links) & on_streets(links))
    empty = Buses((), np.zeros(0, np.int64), (), np.zeros(0), generated=False)
    if not mains or not len(nodes):
        return empty, 17.0
    places = layers.stops.filter(pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
    tree = cKDTree(np.column_stack([links.x_m[nodes], links.y_m[nodes]]))
    metres, at = tree.query(np.column_stack(plane.to_metres(places["lon"].to_numpy(), places["lat"].to_numpy())))
    node_of = {
        s: links.nodes[nodes[i]]
        for s, i, m in zip(places["stop_id"], np.asarray(at), np.asarray(metres), strict=True)
        if m <= STREET_M
    }
    lines: list[Line] = []
    line: list[int] = []
    call_node: list[str] = []
    call_m: list[float] = []
    off = 0
    km = hours = 0.0
    for name, by in mains.items():
        main = by[min(by)]
        near = [(node_of[s], m or 0.0) for s, m in zip(main.stops, main.metres, strict=True) if s in node_of]
        off += len(main.stops) - len(near)
        kept = near[:1] + [b for a, b in pairwise(near) if a[0] != b[0]]
        if len(kept) < 2:
            continue
        km += ((main.metres[-1] or 0.0) - (main.metres[0] or 0.0)) / 1000.0
        hours += (main.arrive[-1] - main.depart[0]) / 3600.0
        row = rows[name]
        line.extend([len(lines)] * len(kept))
        lines.append(
            Line(
                id=name,
                name_zh=row["name"] or name,
                name_en=row["name_en"] or row["name"] or name,
                mode="bus",
                fare="bus",
                loop=False,
                capacity=row["capacity"] or CAPACITY["bus"],
                headway_s=_headway(by),
                opened=0,
            )
        )
        call_node.extend(n for n, _ in kept)
        call_m.extend(m - kept[0][1] for _, m in kept)
    if off:
        assumed.append(f"{off:,} calls of buses at stops more than {STREET_M:g} m from a street for buses are left out")
    if not lines:
        return empty, 17.0
    assumed.append("a bus line runs back the way it came, along the quickest streets from stop to stop")
    speed = float(np.clip(km / hours, 8.0, 60.0)) if hours > 0 and km > 0 else 17.0
    return Buses(tuple(lines), np.array(line, np.int64), tuple(call_node), np.array(call_m), generated=False), speed
