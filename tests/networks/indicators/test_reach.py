"""Reach: against scipy on foot and by car, against sums of a line's times by rail, and monotone in what helps."""

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
from greentrip_networks import Network
from greentrip_networks.errors import LimitError, ScenarioError, TableError, UnknownNameError
from greentrip_networks.indicators import Pace, measure_reach, place_named
from greentrip_networks.indicators.reach import MODES
from greentrip_networks.indicators.transit_minutes import transit_graph
from greentrip_networks.network import Buses
from greentrip_networks.search import spread
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

MINUTES = (10.0, 20.0, 40.0)


@pytest.mark.parametrize("mode", MODES)
def test_more_minutes_reach_more_and_isochrones_nest(city: Network, mode: str) -> None:
    found = measure_reach(city, city.zones.name_en[3], mode=mode, minutes=MINUTES)
    assert [r.minutes for r in found.rows] == list(MINUTES)
    for less, more in zip(found.rows, found.rows[1:], strict=False):
        assert less.residents <= more.residents
        assert less.jobs <= more.jobs
        assert less.area_km2 < more.area_km2
    for inner, outer in zip(found.shapes, found.shapes[1:], strict=False):
        assert inner.difference(outer).area < 1.0
    assert found.rows[-1].residents_share <= 1 + 1e-12
    layer = json.loads(found.geojson())["features"]
    assert [f["properties"].get("minutes") for f in layer] == [*reversed(MINUTES), None]
    assert all(shapely.from_geojson(json.dumps(f["geometry"])).is_valid for f in layer)


def test_walking_is_scipys_shortest_path(city: Network) -> None:
    roads, pace = city.compiled.roads, Pace()
    node = int(np.flatnonzero(roads.walk)[0])
    start = int(roads.tail[node])
    lon, lat = city.plane.to_degrees(roads.x_m[start], roads.y_m[start])
    use = roads.walk
    tail, head, m = (np.concatenate(p) for p in ((roads.tail[use], roads.head[use]), (roads.head[use], roads.tail[use]),
                                                 (roads.length_m[use], roads.length_m[use])))  # fmt: skip
    n = len(roads.nodes)
    least = np.full((n, n), np.inf)
    np.minimum.at(least, (tail, head), m)
    a, b = np.nonzero(np.isfinite(least))
    known = dijkstra(csr_matrix((least[a, b], (a, b)), shape=(n, n)), indices=start) / pace.walk_m_min
    cells = city.cells
    minutes = known[roads.cell_node] + cells.node_m * pace.street_detour / pace.walk_m_min
    residents = cells.home_share * city.zones.residents[cells.zone]
    found = measure_reach(city, f"{lon:.7f},{lat:.7f}", mode="walk", minutes=[25.0])
    assert found.rows[0].residents == pytest.approx(
        residents[minutes <= 25.0].sum(), rel=0.02
    )  # and cells within 400 m


def test_rail_takes_access_half_a_headway_and_the_ride(city: Network) -> None:
    rail, roads = city.compiled.rail, city.compiled.roads
    no_buses = city.with_(buses=Buses((), np.zeros(0, np.int64), (), np.zeros(0), generated=True))
    slow = Pace(walk_m_s=1e-6, street_detour=0.0)  # nobody walks along streets; doors are where their nodes are
    graph = transit_graph(no_buses, 0, slow)
    ride = 0
    a, b = (int(rail.platform_station[end[ride]]) for end in (rail.ride_from, rail.ride_to))
    dist, _ = spread(graph.first_out, graph.head, graph.cost, np.array([rail.node[a]], np.int32), np.zeros(1))
    line = int(rail.ride_line[ride])
    expected = 2 * city.station_access_s / 60 + rail.headway_s[line, 0] / 120 + rail.ride_s[ride] / 60
    assert dist[rail.node[b]] == pytest.approx(expected, rel=1e-6)
    assert len(graph.first_out) - 1 == len(roads.nodes) + 2 * len(rail.platform_station)


def test_transit_is_no_slower_than_walking_and_traffic_slows(city: Network) -> None:
    place = city.zones.name_en[5]
    walk = measure_reach(city, place, mode="walk", minutes=MINUTES)
    ride = measure_reach(city, place, mode="transit", minutes=MINUTES)
    assert all(w.residents <= t.residents for w, t in zip(walk.rows, ride.rows, strict=True))
    seconds = city.compiled.roads.free_s
    for mode in ("car", "transit"):
        free = measure_reach(city, place, mode=mode, minutes=MINUTES)
        slow = measure_reach(city, place, mode=mode, minutes=MINUTES, link_seconds=3 * seconds)
        assert all(s.residents <= f.residents for s, f in zip(slow.rows, free.rows, strict=True))
        assert mode == "transit" or sum(r.area_km2 for r in slow.rows) < sum(r.area_km2 for r in free.rows)
        assert free.rows == measure_reach(city, place, mode=mode, minutes=MINUTES, link_seconds=seconds).rows


def test_a_line_that_does_not_run_carries_nobody(city: Network) -> None:
    dead = city.with_(lines=tuple(replace(line, headway_s=(np.inf, np.inf, np.inf)) for line in city.lines))
    dead = dead.with_(buses=Buses((), np.zeros(0, np.int64), (), np.zeros(0), generated=True))
    station = next(iter(city.rail))
    walk = measure_reach(dead, station, mode="walk", minutes=MINUTES)
    assert measure_reach(dead, station, mode="transit", minutes=MINUTES).rows == walk.rows


def test_places_by_name_and_degrees(city: Network) -> None:
    _, data = next(iter(city.rail.nodes(data=True)))
    for name in (data["name_en"], data["name_zh"]):
        assert place_named(city, name).x_m == data["x_m"]
    assert place_named(city, f"{data['lon']}, {data['lat']}").y_m == pytest.approx(data["y_m"])
    with pytest.raises(TableError, match="swapped"):
        place_named(city, f"{data['lat']},{data['lon']}")
    with pytest.raises(UnknownNameError, match="nearest"):
        place_named(city, data["name_en"][:-1] + "q")


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"mode": "boat"}, UnknownNameError, "mode"),
        ({"period": "noon"}, UnknownNameError, "period"),
        ({"minutes": [0.0]}, ScenarioError, "minutes"),
        ({"minutes": []}, ScenarioError, "minutes"),
        ({"minutes": [500.0]}, LimitError, "240"),
        ({"minutes": range(1, 60)}, LimitError, "50 limits"),
        ({"link_seconds": np.ones(3)}, TableError, "link_seconds"),
    ],
)
def test_bad_questions_name_what_is_wrong(
    city: Network, asked: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        measure_reach(city, city.zones.name_en[0], **asked)
