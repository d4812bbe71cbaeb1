"""Coverage against a circle's area, monotone in distance and year, and along streets never beyond the crow."""

import json
import math

import numpy as np
import pytest
import shapely
from greentrip_networks import Network, rail_of_year
from greentrip_networks.errors import LimitError, ScenarioError, TableError, UnknownNameError
from greentrip_networks.indicators import area_named, measure_coverage
from greentrip_networks.indicators.ground import lay_ground, part_of
from greentrip_networks.indicators.streets import distances_m, walkable
from hypothesis import given, settings
from hypothesis import strategies as st


def square(city: Network, x: float, y: float, half: float) -> str:
    lon, lat = city.plane.to_degrees([x - half, x + half], [y - half, y + half])
    return shapely.box(lon[0], lat[0], lon[1], lat[1]).wkt


def test_one_station_covers_a_circle(city: Network) -> None:
    x, y = np.median(city.zones.x_m), np.median(city.zones.y_m)
    station, data = min(city.rail.nodes(data=True), key=lambda s: math.hypot(s[1]["x_m"] - x, s[1]["y_m"] - y))
    alone = city.with_(rail=city.rail.subgraph([station]).copy())
    area = square(city, data["x_m"], data["y_m"], 1000.0)
    found = measure_coverage(alone, areas=[area], distance_m=750.0)
    row = next(r for r in found.rows if r.way == "crow" and r.of == "area")
    assert row.within == pytest.approx(math.pi * 0.75**2, rel=0.01)
    assert row.total == pytest.approx(4.0, rel=0.03)
    assert (row.stops, row.stops_inside) == (1, 1)
    assert row.at_most == pytest.approx(math.pi * 0.75**2 / row.total, rel=1e-9)
    assert not row.could_mean


def test_zones_keep_their_published_area_and_people(city: Network) -> None:
    whole = area_named(city, "whole city")
    _, ground = part_of(lay_ground(city, [whole]), whole)
    by_zone = np.bincount(ground.zone, ground.area_km2, minlength=len(city.zones))
    assert by_zone == pytest.approx(city.zones.area_km2)
    assert np.bincount(ground.zone, ground.residents) == pytest.approx(city.zones.residents)
    assert np.bincount(ground.zone, ground.jobs) == pytest.approx(city.zones.jobs)


@settings(max_examples=6, deadline=None)
@given(st.floats(50, 1500), st.floats(1.0, 3.0), st.sampled_from(["rail", "bus"]))
def test_coverage_grows_with_distance_and_streets_cover_less(
    city: Network, metres: float, factor: float, stops: str
) -> None:
    near = measure_coverage(city, distance_m=metres, stops=stops)
    far = measure_coverage(city, distance_m=metres * factor, stops=stops)
    for a, b in zip(near.rows, far.rows, strict=True):
        assert (a.area, a.of, a.way) == (b.area, b.of, b.way)
        assert 0 <= a.within <= b.within + 1e-9
        assert b.within <= b.total + 1e-6
        assert a.share <= a.at_most + 0.05 or a.way == "street"  # points of 100 m stand for a circle
    shares = {(r.area, r.of, r.way): r.within for r in near.rows}
    assert all(shares[area, of, "street"] <= shares[area, of, "crow"] + 1e-9 for area, of, _ in shares)


def test_coverage_grows_with_the_year(city: Network) -> None:
    found = measure_coverage(city, years=range(2015, 2020))
    by_year: dict[tuple[str, str, str], list[float]] = {}
    for row in found.rows:
        by_year.setdefault((row.area, row.of, row.way), []).append(row.within)
    assert all(v == sorted(v) for v in by_year.values())
    assert any(v[0] < v[-1] for v in by_year.values())


def test_stations_open_by_a_year_are_those_of_that_years_rail(city: Network) -> None:
    found = measure_coverage(city, years=range(2015, 2020))
    for row in found.rows:
        assert row.stops == rail_of_year(city, row.year).rail.number_of_nodes()


def test_a_walk_along_streets_is_the_networks_shortest(city: Network) -> None:
    """From nodes to nodes, the distance is what networkx finds on the walkable streets."""
    import networkx as nx

    streets = walkable(city)
    roads = city.compiled.roads
    walks = nx.Graph()
    for i in range(len(streets.tail)):
        walks.add_edge(int(streets.tail[i]), int(streets.head[i]), m=streets.length_m[i])
    source, targets = int(streets.tail[0]), np.unique(streets.head)[::7]
    known = nx.single_source_dijkstra_path_length(walks, source, weight="m")
    found = distances_m(
        streets,
        streets.meet(roads.x_m[[source]], roads.y_m[[source]]),
        streets.meet(roads.x_m[targets], roads.y_m[targets]),
        1e9,
    )
    assert found == pytest.approx([known[int(t)] for t in targets], abs=1e-3)


def test_the_layer_is_geojson_of_what_the_table_counts(city: Network) -> None:
    found = measure_coverage(city)
    layer = json.loads(found.geojson())
    kinds = [f["properties"]["layer"] for f in layer["features"]]
    assert kinds.count("stop") == city.rail.number_of_nodes()
    street = next(f for f in layer["features"] if f["properties"].get("way") == "street")
    crow = next(f for f in layer["features"] if f["properties"].get("way") == "crow")
    inner, outer = (shapely.from_geojson(json.dumps(f["geometry"])) for f in (street, crow))
    assert inner.area < outer.area
    assert inner.difference(outer.buffer(0.001)).is_empty


def test_an_area_by_every_name_it_has(city: Network) -> None:
    district = area_named(city, city.zones.district_zh[0])
    assert district.zones is not None
    assert district.zones.tolist() == [d == city.zones.district_zh[0] for d in city.zones.district_zh]
    assert area_named(city, "Central Six").name == "central six"
    with pytest.raises(UnknownNameError, match="central six"):
        area_named(city, "central sixes")


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"distance_m": -1.0}, ScenarioError, "distance_m"),
        ({"distance_m": float("nan")}, ScenarioError, "distance_m"),
        ({"distance_m": 1e7}, LimitError, "distance_m"),
        ({"areas": ["central six"] * 101}, LimitError, "areas: asked for 101"),
        ({"stops": "tram"}, UnknownNameError, "kind of stop"),
        ({"years": [1999]}, UnknownNameError, "1999"),
        ({"built_up_per_km2": 0.0}, ScenarioError, "built_up_per_km2"),
        ({"areas": ["POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))"]}, TableError, "cross itself"),
        ({"areas": ["POLYGON((500 0, 501 0, 501 1, 500 0))"]}, TableError, "degrees"),
        ({"areas": ["POLYGON((1 2"]}, TableError, "WKT"),
    ],
)
def test_bad_questions_name_what_is_wrong(
    city: Network, asked: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        measure_coverage(city, **asked)
