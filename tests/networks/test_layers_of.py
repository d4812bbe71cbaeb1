from pathlib import Path

import gtfs_guru
import pytest
from greentrip_networks import Network
from greentrip_networks.formats import read_layers, write_layers
from greentrip_networks.layer_checks import validate_layers
from greentrip_networks.layers import differences
from greentrip_networks.layers_of import layers_of
from greentrip_networks.network import FeederRoute


def test_a_city_becomes_frames(city: Network) -> None:
    layers = layers_of(city)
    assert len(layers.zones) == len(city.zones)
    assert len(layers.links) == city.roads.number_of_edges()
    assert layers.links["link_id"].is_unique().all()
    assert layers.zones["residents"].sum() == pytest.approx(city.zones.residents.sum())
    assert layers.links["length_m"].sum() == pytest.approx(sum(d["length_m"] for *_, d in city.roads.edges(data=True)))
    assert layers.lines["line_id"].to_list() == [x.id for x in (*city.lines, *city.buses.lines)]
    calls = layers.pattern_stops.filter(pattern_id="1.0.1")
    rides = sorted(
        (d["seq"], u, v, d["time_s"])
        for u, v, d in city.rail.edges(data=True)
        if (d["line"], d["direction"]) == ("1", 0)
    )
    assert calls["stop_id"].to_list() == [f"{s}.1" for s in [rides[0][1], *(r[2] for r in rides)]]
    assert calls["arrive_s"][-1] == sum(r[3] for r in rides)
    assert layers.fares.filter(from_zone="west-mill")["price"].min() == 3.0


@pytest.mark.parametrize("which", ["city", "capital"])
def test_a_bundled_city_is_sound_and_exports_as_gtfs_without_errors(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    layers = layers_of(request.getfixturevalue(which))
    assert validate_layers(layers).table() == "no problems"
    path = tmp_path / "feed.zip"
    held = [p.saw.split()[-1].strip("'") for p in write_layers(layers, path, "gtfs").kept]
    assert held == ["nodes", "links", "zones", "vehicles"]
    result = gtfs_guru.validate(str(path), country_code="CN", date=f"{layers.notes.extra['year']}-06-03")
    assert [(n.code, n.file, n.row) for n in result.errors()] == []
    again = read_layers(path)
    only = {"nodes", "links", "zones"}
    timetable = layers.with_(**{n: getattr(layers, n).clear() for n in only}).with_(
        stops=layers.stops.drop("node_id"), lines=layers.lines.drop("capacity")
    )
    assert differences(timetable, again, 1e-6) == []


def test_a_loop_is_one_pattern_that_starts_and_ends_at_its_station(city: Network, tmp_path: Path) -> None:
    path = ("n1204", "n1205", "n1305", "n1304", "n1204")
    loop = FeederRoute(
        "round",
        "harbour",
        ("n1205", "n1304"),
        path,
        (340.0, 120.0),
        2900.0,
        (300.0, 900.0, 480.0),
        2,
        60,
        4000.0,
        (100.0, 320.0),
    )
    layers = layers_of(city.with_(feeders=(loop,)))
    assert validate_layers(layers).table() == "no problems"
    assert layers.patterns.filter(line_id="round")["pattern_id"].to_list() == ["round.0.1"]
    calls = layers.pattern_stops.filter(pattern_id="round.0.1")
    end = calls["stop_id"][0]
    assert end.startswith("harbour.")
    assert calls["stop_id"].to_list() == [end, "bus-n1205", "bus-n1304", end]
    assert calls["arrive_s"].to_list() == [0, 100, 320, 440]
    assert calls["distance_m"][-1] == 2900.0
    runs = layers.headways.filter(pattern_id="round.0.1").sort("start_s")
    assert runs.select("start_s", "headway_s").rows() == [
        (5 * 3600, 900), (7 * 3600, 300), (9 * 3600, 900), (17 * 3600, 480), (19 * 3600, 900),
    ]  # fmt: skip
    write_layers(layers, tmp_path / "feed.zip", "gtfs")
    result = gtfs_guru.validate(
        str(tmp_path / "feed.zip"), country_code="CN", date=f"{layers.notes.extra['year']}-06-03"
    )
    assert [(n.code, n.file, n.row) for n in result.errors()] == []
