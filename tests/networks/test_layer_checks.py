from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from greentrip_networks import Network
from greentrip_networks.layer_checks import validate_layers
from greentrip_networks.layers import Layers, Matrix, differences
from greentrip_networks.layers_of import layers_of
from greentrip_networks.repair import repair

Break = Callable[[Layers], Layers]


@pytest.fixture(scope="module")
def tiny_layers(city: Network) -> Layers:
    return layers_of(city)


def set_at(frame: str, key: str, name: str, **values: object) -> Break:
    """Change a row of a frame."""

    def change(layers: Layers) -> Layers:
        here = pl.col(key) == name
        columns = {c: pl.when(here).then(pl.lit(v)).otherwise(pl.col(c)) for c, v in values.items()}
        return layers.with_(**{frame: getattr(layers, frame).with_columns(**columns)})

    return change


def add(frame: str, **row: object) -> Break:
    return lambda x: x.with_(**{frame: pl.concat([getattr(x, frame), pl.DataFrame([row])], how="diagonal_relaxed")})


def call(order: int, **values: object) -> Break:
    def change(layers: Layers) -> Layers:
        last = layers.pattern_stops.filter(pattern_id="1.0.1")["order"].max()
        here = (pl.col("pattern_id") == "1.0.1") & (pl.col("order") == (order if order >= 0 else last))
        columns = {c: pl.when(here).then(pl.lit(v, pl.Int32)).otherwise(pl.col(c)) for c, v in values.items()}
        return layers.with_(pattern_stops=layers.pattern_stops.with_columns(**columns))

    return change


def matrix(values: list[list[float]]) -> Break:
    return lambda x: x.with_(matrices={"m": Matrix(("z01", "nowhere"), np.array(values))})


BREAKS: list[tuple[str, str, str, Break, bool]] = [  # level, code, place, what is broken, does repair mend it
    ("error", "duplicate-id", "nodes", add("nodes", node_id="n0000", lon=115.0, lat=30.0), True),
    ("error", "swapped", "nodes", set_at("nodes", "node_id", "n0000", lon=29.97, lat=114.95), True),
    ("error", "unknown-node_id", "links", set_at("links", "link_id", "t001", to_node="nowhere"), True),
    ("error", "no-length", "links", set_at("links", "link_id", "t001", length_m=-3.0), True),
    ("warning", "too-short", "links", set_at("links", "link_id", "t001", length_m=30.0), True),
    ("warning", "length", "links", set_at("links", "link_id", "t001", length_m=9e5), False),
    ("error", "no-speed", "links", set_at("links", "link_id", "t001", free_kmh=0.0), True),
    ("warning", "speed", "links", set_at("links", "link_id", "t001", free_kmh=900.0), False),
    ("error", "no-capacity", "links", set_at("links", "link_id", "t001", capacity_vph=0.0), True),
    ("warning", "capacity", "links", set_at("links", "link_id", "t001", capacity_vph=24e3), False),
    ("warning", "lanes", "links", set_at("links", "link_id", "t001", lanes=50.0), False),
    ("warning", "loop", "links", set_at("links", "link_id", "t001", to_node="n0000", geometry=[]), True),
    ("error", "unknown-link_id", "turns", add("turns", from_link="t001", to_link="nowhere"), True),
    ("error", "negative", "zones", set_at("zones", "zone_id", "z01", residents=-1.0), False),
    ("warning", "no-area", "zones", set_at("zones", "zone_id", "z01", area_km2=None), False),
    ("warning", "far-stop", "stops", set_at("stops", "stop_id", "west-mill", lon=115.5), False),
    ("error", "unknown-stop_id", "stops", set_at("stops", "stop_id", "west-mill.1", parent="nowhere"), True),
    (
        "warning",
        "duplicate-station",
        "stops",
        add("stops", stop_id="again", name="西磨坊", kind="station", lon=114.958, lat=29.9937),
        False,
    ),
    ("error", "time-travel", "pattern_stops", call(2, arrive_s=0, depart_s=0), True),
    ("error", "no-time", "pattern_stops", call(2, arrive_s=None), True),
    ("warning", "too-fast", "pattern_stops", call(-1, distance_m=900_000), False),
    ("warning", "distance", "pattern_stops", call(2, distance_m=1), True),
    ("error", "one-stop", "patterns", add("patterns", pattern_id="p", line_id="1", direction=0), True),
    ("warning", "unused", "patterns", add("patterns", pattern_id="p", line_id="1", direction=0), True),
    ("error", "unknown-line_id", "patterns", set_at("patterns", "pattern_id", "1.0.1", line_id="nowhere"), True),
    (
        "error",
        "unknown-service_id",
        "trips",
        add("trips", trip_id="t", pattern_id="1.0.1", service_id="never", start_s=0),
        True,
    ),
    (
        "error",
        "bad-headway",
        "headways",
        add("headways", pattern_id="1.0.1", service_id="weekday", start_s=9, end_s=8, headway_s=60),
        True,
    ),
    ("warning", "never-runs", "calendars", set_at("calendars", "service_id", "weekday", days="0000000"), False),
    ("error", "negative", "matrices", matrix([[0.0, -1.0], [1.0, 1.0]]), False),
    ("error", "not-finite", "matrices", matrix([[0.0, np.inf], [1.0, 1.0]]), False),
    ("warning", "unknown-zone_id", "matrices", matrix([[0.0, 1.0], [1.0, 1.0]]), False),
]


@pytest.mark.parametrize(("level", "code", "place", "damage", "mended"), BREAKS, ids=[f"{b[2]}-{b[1]}" for b in BREAKS])
def test_each_fault_is_named_and_mended_where_that_is_safe(
    tiny_layers: Layers, level: str, code: str, place: str, damage: Break, mended: bool
) -> None:
    broken = damage(tiny_layers)
    found = [p for p in validate_layers(broken).kept if (p.level, p.code, p.file) == (level, code, place)]
    assert found, validate_layers(broken).table()
    assert all(p.expected and p.place for p in found)
    whole, done = repair(broken)
    left = {(p.level, p.code, p.file) for p in validate_layers(whole).kept}
    assert ((level, code, place) in left) is not mended
    assert bool(done) is mended or code == "unused"
    assert all(d in whole.notes.assumptions for d in done)
    assert repair(whole)[1] == []


def test_a_sound_network_has_no_problems_and_is_left_alone(tiny_layers: Layers) -> None:
    assert validate_layers(tiny_layers).table() == "no problems"
    whole, done = repair(tiny_layers)
    assert done == []
    assert differences(tiny_layers, whole) == []


def test_pieces_are_counted_and_small_ones_removed(tiny_layers: Layers) -> None:
    island = tiny_layers
    for n in "abc":
        island = add("nodes", node_id=n, lon=115.2, lat=30.2)(island)
    for a, b in ("ab", "bc"):
        island = add("links", link_id=a + b, from_node=a, to_node=b, length_m=10.0, drive=True, walk=True)(island)
    zone = set_at("zones", "zone_id", "z01", lon=115.2, lat=30.2)(island)
    kept = {p.code: p for p in validate_layers(zone).kept}
    assert kept["pieces"].saw == f"'2 pieces of {len(tiny_layers.nodes)}, 3 nodes'"
    assert kept["isolated-zone"].record == "z01"
    assert kept["one-way-trap"].record in "abc"
    whole, done = repair(island)
    assert differences(whole, tiny_layers) == []
    assert "removed 3 nodes and 2 links of small pieces cut off" in done


def test_links_that_do_not_say_take_the_usual_of_their_kind(tiny_layers: Layers) -> None:
    bare = tiny_layers.with_(links=tiny_layers.links.drop("lanes", "free_kmh", "capacity_vph"))
    whole, done = repair(bare)
    local = whole.links.filter(pl.col("kind") == "local").row(0, named=True)
    assert (local["free_kmh"], local["lanes"], local["capacity_vph"]) == (30.0, 1.0, 600.0)
    assert [d.split()[1] for d in done] == ["lanes", "speeds", "capacities"]
