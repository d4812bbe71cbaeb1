from pathlib import Path

import numpy as np
import polars as pl
import pytest
from greentrip_networks import Network, summary, validate
from greentrip_networks.formats import read_layers, write_layers
from greentrip_networks.from_layers import network_of
from greentrip_networks.layers import Layers
from greentrip_networks.layers_of import layers_of
from greentrip_networks.problems import BadInputError

SAME = (
    *("zones", "residents", "jobs", "road_nodes", "road_links", "road_km_by_facility", "stations", "lines"),
    *("rail_km_by_line", "track_km", "bus_lines", "bus_line_km", "bus_stops"),
)


@pytest.fixture(scope="module")
def layers(city: Network) -> Layers:
    return layers_of(city)


def check_same(one: Network, two: Network) -> None:
    a, b = summary(one), summary(two)
    assert {k: a[k] for k in SAME} == {k: b[k] for k in SAME}
    assert {x.id: (x.headway_s, x.mode, x.loop, x.name_en) for x in one.lines} == {
        x.id: (x.headway_s, x.mode, x.loop, x.name_en) for x in two.lines
    }
    assert one.zones.areas.keys() == two.zones.areas.keys()
    np.testing.assert_array_equal(one.zones.areas["central six"], two.zones.areas["central six"])


def test_a_city_in_the_neutral_form_is_the_same_city_again(city: Network, layers: Layers) -> None:
    again = network_of(layers, "again")
    check_same(city, again)
    assert validate(again) == []
    np.testing.assert_array_equal(np.sort(city.compiled.rail.transfer_s), np.sort(again.compiled.rail.transfer_s))
    np.testing.assert_array_equal(city.compiled.roads.length_m, again.compiled.roads.length_m)
    np.testing.assert_allclose(np.sort(city.compiled.rail.ride_s), np.sort(again.compiled.rail.ride_s))
    assert "the timetable is that of Tuesday 2019-01-01" in again.assumptions


def test_a_timetable_from_a_feed_joins_the_streets(city: Network, layers: Layers, tmp_path: Path) -> None:
    write_layers(layers, tmp_path / "feed.zip", "gtfs")
    feed = read_layers(tmp_path / "feed.zip")
    joined = feed.with_(nodes=layers.nodes, links=layers.links, zones=layers.zones)
    check_same(city, network_of(joined, "joined"))


def test_files_of_several_formats_make_one_city(city: Network, layers: Layers, tmp_path: Path) -> None:
    write_layers(layers, tmp_path / "feed.zip", "gtfs")
    write_layers(layers.with_(zones=pl.DataFrame()), tmp_path / "streets", "gmns")
    write_layers(layers, tmp_path / "people.csv", "population")
    joined = read_layers(tmp_path / "feed.zip", tmp_path / "streets", tmp_path / "people.csv")
    assert joined.notes.format == "gtfs+gmns+population"
    made = network_of(joined, "joined")
    assert summary(made)["residents"] == pytest.approx(summary(city)["residents"])
    assert summary(made)["rail_km_by_line"] == summary(city)["rail_km_by_line"]
    assert 'the area "central six" is the whole network, since no zone says' in made.assumptions


def test_stops_without_stations_and_one_direction_still_make_lines(city: Network, layers: Layers) -> None:
    stops = layers.stops.with_columns(
        stop_id=pl.col("stop_id"), parent=pl.lit(""), lat=pl.col("lat") + pl.lit(1e-4)
    ).filter(pl.col("kind") == "stop")
    one_way = layers.patterns.filter(pl.col("direction") == 0)
    bare = layers.with_(stops=stops, patterns=one_way)
    made = network_of(bare, "bare")
    assert made.rail.number_of_nodes() == city.rail.number_of_nodes()
    assert made.rail.number_of_edges() == city.rail.number_of_edges()


@pytest.mark.parametrize(
    ("without", "file", "remedy"),
    [
        ({"zones": pl.DataFrame()}, "zones", "import zones"),
        ({"links": pl.DataFrame()}, "links", "OpenStreetMap"),
        ({"patterns": pl.DataFrame()}, "patterns", "GTFS"),
        ({"trips": pl.DataFrame(), "headways": pl.DataFrame()}, "trips", "services"),
    ],
)
def test_what_is_missing_is_named_with_the_remedy(layers: Layers, without: dict, file: str, remedy: str) -> None:
    with pytest.raises(BadInputError) as e:
        network_of(layers.with_(**without), "half")
    found = e.value.problems.kept
    assert [p.file for p in found] == [file]
    assert remedy in found[0].remedy


def test_columns_that_are_missing_are_named(layers: Layers) -> None:
    zones = layers.zones.with_columns(residents=pl.lit(None), area_km2=pl.lit(0.0))
    links = layers.links.with_columns(free_kmh=pl.lit(None), walk=pl.lit(value=False))
    with pytest.raises(BadInputError) as e:
        network_of(layers.with_(zones=zones, links=links), "half")
    assert [(p.file, p.field) for p in e.value.problems.kept] == [
        ("zones", "residents"),
        ("zones", "area_km2"),
        ("links", "walk"),
        ("links", "free_kmh"),
    ]


def test_trips_count_as_departures_of_their_day(layers: Layers) -> None:
    starts = range(7 * 3600, 9 * 3600, 240)
    trips = pl.DataFrame(
        [
            {"trip_id": f"{d}-{s}", "pattern_id": f"1.{d}.1", "service_id": "weekday", "start_s": s}
            for s in starts
            for d in (0, 1)
        ]
    )
    others = layers.headways.filter(~pl.col("pattern_id").str.starts_with("1."))
    made = network_of(layers.with_(trips=trips, headways=others), "timed")
    assert made.line("1").headway_s == (240.0, 7200.0, 7200.0)
