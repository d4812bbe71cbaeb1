"""OpenStreetMap extracts: tags become links, ways are joined without changing any distance, what is wrong is named."""

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import osmium
import polars as pl
import pytest
from greentrip_networks.crs import segment_m
from greentrip_networks.formats import ReadOptions, read_layers
from greentrip_networks.formats.osm_tags import kmh_of, meaning
from greentrip_networks.layers import Layers
from greentrip_networks.problems import BadInputError, Problems
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from osmium.osm.mutable import Node, Relation, Way

Tags = dict[str, str]


def place(node: int) -> tuple[float, float]:
    return round(116 + (node * 37 % 101) * 1e-3, 7), round(39 + (node * 53 % 97) * 1e-3, 7)


def extract(
    path: Path,
    ways: dict[int, tuple[list[int], Tags]],
    nodes: dict[int, Tags] | None = None,
    bans: Any = (),
    missing: tuple[int, ...] = (),
) -> Path:
    path.unlink(missing_ok=True)
    with osmium.SimpleWriter(str(path)) as out:
        for node in sorted({n for refs, _ in ways.values() for n in refs} - set(missing)):
            out.add_node(Node(id=node, location=place(node), tags=(nodes or {}).get(node, {})))
        for way, (refs, tags) in sorted(ways.items()):
            out.add_way(Way(id=way, nodes=refs, tags={"highway": "residential"} | tags))
        for i, (source, via, target, kind, more) in enumerate(bans, 1):
            members = [("w", source, "from"), via if isinstance(via, tuple) else ("n", via, "via"), ("w", target, "to")]
            out.add_relation(Relation(id=i, members=members, tags={"type": "restriction", "restriction": kind} | more))
    return path


def link(layers: Layers, source: int, target: int) -> dict[str, Any]:
    return layers.links.filter(from_node=str(source), to_node=str(target)).row(0, named=True)


def pairs(frame: pl.DataFrame) -> set[tuple[str, str]]:
    return set(zip(frame["from_node"], frame["to_node"], strict=True))


def test_ways_are_joined_between_junctions_and_keep_their_shape(tmp_path: Path) -> None:
    ways = {10: ([1, 2, 3], {}), 11: ([5, 4, 3], {}), 12: ([3, 6], {"name": "Side"}), 13: ([5, 7, 8], {})}
    layers = read_layers(extract(tmp_path / "a.osm.pbf", ways))
    assert pairs(layers.links) == {("1", "3"), ("3", "1"), ("3", "6"), ("6", "3"), ("3", "8"), ("8", "3")}
    long = link(layers, 3, 8)
    flat = [round(v, 7) for n in (3, 4, 5, 7, 8) for v in place(n)]
    assert long["geometry"] == pytest.approx(flat)
    assert link(layers, 8, 3)["geometry"] == pytest.approx([v for n in (8, 7, 5, 4, 3) for v in place(n)])
    steps = [(place(a), place(b)) for a, b in ((3, 4), (4, 5), (5, 7), (7, 8))]
    assert long["length_m"] == pytest.approx(sum(segment_m(*a, *b)[0] for a, b in steps))
    assert link(layers, 3, 6)["geometry"] == []
    assert sorted(layers.links["link_id"]) == ["-10.0", "-11.0", "-12.0", "10.0", "11.0", "12.0"]
    assert layers.notes.sources[0].startswith("© OpenStreetMap")


def test_xml_and_pbf_hold_the_same_and_any_extension_is_recognised(tmp_path: Path) -> None:
    ways = {10: ([1, 2, 3], {"name": "长安街", "name:en": "Chang'an"}), 12: ([3, 6], {})}
    one = read_layers(extract(tmp_path / "a.osm.pbf", ways))
    for suffix in (".osm", ".osm.gz"):
        assert read_layers(extract(tmp_path / f"b{suffix}", ways)).content_hash() == one.content_hash()
    renamed = extract(tmp_path / "a.osm.pbf", ways).rename(tmp_path / "city.bin")
    assert read_layers(renamed).content_hash() == one.content_hash()
    assert (one.links["name"][0], one.links["name_en"][0]) == ("长安街", "Chang'an")


@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, 12), min_size=2, max_size=7), st.sampled_from(["yes", "no", "-1"])),
        min_size=1,
        max_size=6,
    ),
    st.sets(st.integers(1, 12), max_size=2),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_simplifying_changes_no_distance_between_what_is_left(
    tmp_path: Path, drawn: list[tuple[list[int], str]], signals: set[int]
) -> None:
    ways = {i: (refs, {"oneway": way, "foot": "no"}) for i, (refs, way) in enumerate(drawn, 1)}
    if all(len(set(refs)) < 2 for refs, _ in ways.values()):
        return
    path = extract(tmp_path / "a.osm", ways, {n: {"highway": "traffic_signals"} for n in signals})
    layers = read_layers(path)
    before: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for refs, tags in ways.values():
        for a, b in ((a, b) for a, b in pairwise(refs) if a != b):
            metres = float(segment_m(*place(a), *place(b))[0])
            if tags["oneway"] != "-1":
                before.add_edge(str(a), str(b), w=metres)
            if tags["oneway"] != "yes":
                before.add_edge(str(b), str(a), w=metres)
    after: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for row in layers.links.iter_rows(named=True):
        after.add_edge(row["from_node"], row["to_node"], w=row["length_m"])
    assert set(layers.nodes["node_id"]) == set(after)
    assert {str(n) for n in signals} & set(before) <= set(after)
    assert layers.links["link_id"].is_unique().all()
    for node in after:
        want = nx.single_source_dijkstra_path_length(before, node, weight="w")
        got = nx.single_source_dijkstra_path_length(after, node, weight="w")
        assert got == pytest.approx({n: d for n, d in want.items() if n in after}, abs=1e-6)
    for node in set(before) - set(after):  # only what merely continues is gone
        ends = {n for a, b in before.edges() for n in (a, b) if node in (a, b)} - {node}
        assert len(ends) <= 2


def test_one_way_streets_roundabouts_and_cycling_against_them(tmp_path: Path) -> None:
    ways = {
        1: ([1, 2], {"oneway": "yes"}),
        2: ([3, 4], {"oneway": "-1"}),
        3: ([5, 6, 7, 5], {"junction": "roundabout"}),
        4: ([8, 9], {"highway": "motorway"}),
        5: ([10, 11], {"oneway": "yes", "cycleway": "opposite_lane"}),
        6: ([12, 13], {"oneway": "yes", "oneway:bicycle": "no", "foot": "no"}),
        7: ([14, 15], {"oneway": "yes", "foot": "no"}),
        8: ([5, 16], {}),
    }
    links = read_layers(extract(tmp_path / "a.osm", ways)).links
    drive, cycle = pairs(links.filter("drive")), pairs(links.filter("cycle"))
    assert {("1", "2"), ("4", "3"), ("5", "5"), ("8", "9")} <= drive
    assert not {("2", "1"), ("3", "4"), ("9", "8")} & (drive | cycle)
    assert {("11", "10"), ("13", "12")} <= cycle - drive
    assert ("15", "14") not in pairs(links)
    against = links.filter(from_node="2", to_node="1").row(0, named=True)
    assert against["walk"]
    assert against["lanes"] is against["free_kmh"] is against["capacity_vph"] is None


def test_turn_restrictions_signals_and_barriers(tmp_path: Path) -> None:
    #       4
    #   1 - 2 - 3      and 5 below 2; a bollard in 6 between 3 and 7
    ways = {1: ([1, 2], {}), 2: ([2, 3], {}), 3: ([2, 4], {}), 4: ([5, 2], {}), 5: ([3, 6, 7], {"name": "B"})}
    bans = [
        (1, 2, 3, "no_left_turn", {}),
        (4, 2, 3, "only_straight_on", {}),
        (2, 2, 2, "no_u_turn", {}),
        (3, 2, 1, "no_right_turn", {"except": "motorcar"}),
        (3, ("w", 1, "via"), 4, "no_u_turn", {}),
        (3, 2, 99, "no_right_turn", {}),
    ]
    nodes = {2: {"highway": "traffic_signals"}, 6: {"barrier": "bollard"}, 3: {"barrier": "gate", "access": "yes"}}
    layers = read_layers(extract(tmp_path / "a.osm", ways, nodes, bans))
    ends = {r["link_id"]: (int(r["from_node"]), int(r["to_node"])) for r in layers.links.iter_rows(named=True)}
    got = {(*ends[a], ends[b][1]) for a, b in zip(layers.turns["from_link"], layers.turns["to_link"], strict=True)}
    assert got == {(1, 2, 4), (5, 2, 1), (5, 2, 3), (5, 2, 5), (3, 2, 3), (3, 6, 7), (7, 6, 3)}
    assert layers.nodes.filter(node_id="2")["control"].to_list() == ["signal"]
    counts = layers.notes.counts
    assert counts["turn restrictions over ways, not read"] == 1
    assert counts["turn restrictions not for cars"] == 1
    assert (counts["turn restrictions"], counts["turn restrictions in force"]) == (4, 3)


@pytest.mark.parametrize(
    ("value", "kmh"),
    [("50", 50), ("30 mph", 48.28032), ("80 km/h", 80), ("none", 130), ("walk", 7), ("RU:urban", 60),
     ("FI:urban", 50), ("DE:zone:30", 30), ("GB:nsl_single", 96.56064), ("0", None), ("fast", None), ("-5", None),
     ("9" * 5000, None), ("", None)],
)  # fmt: skip
def test_speed_limits(value: str, kmh: float | None) -> None:
    assert kmh_of(value) == (None if kmh is None else pytest.approx(kmh))


def told(tags: Tags) -> tuple[Any, list[tuple[str, str]]]:
    complaints: list[tuple[str, str]] = []
    return meaning({"highway": "secondary"} | tags, lambda f, v, e: complaints.append((f, v))), complaints


def test_lanes_and_bus_lanes() -> None:
    assert told({"lanes": "6", "busway": "lane"})[0].lanes == (2, 2)
    assert told({"lanes": "6", "busway": "lane"})[0].bus_lane == (True, True)
    assert told({"lanes": "3", "lanes:forward": "2"})[0].lanes == (2, 1)
    assert told({"lanes": "3", "oneway": "yes", "bus:lanes": "yes|yes|designated"})[0].lanes[0] == 2
    assert told({"lanes": "3", "oneway": "yes", "busway:left": "opposite_lane"})[0].bus_lane == (False, True)
    assert told({"lanes:psv:forward": "1", "lanes": "4"})[0].bus_lane == (True, False)
    only = told({"highway": "busway", "oneway": "yes"})[0]
    assert (only.drive, only.bus, only.bus_lane) == ((False, False), (True, False), (True, False))
    bad, complaints = told({"lanes": "many", "maxspeed": "quick", "oneway": "perhaps"})
    assert bad.lanes == (1, 1)
    assert sorted(complaints) == [("lanes", "many"), ("maxspeed", "quick"), ("oneway", "perhaps")]


def test_who_may_pass() -> None:
    assert told({"access": "private"})[0] is None
    open_to_feet = told({"access": "no", "foot": "yes"})[0]
    assert (open_to_feet.drive, open_to_feet.cycle, open_to_feet.walk) == ((False, False), (False, False), True)
    assert told({"motor_vehicle": "no"})[0].cycle == (True, True)
    assert told({"motorroad": "yes"})[0].walk is False
    assert told({"highway": "service", "service": "driveway"})[0].drive == (False, False)
    assert told({"highway": "construction"})[0] is None
    assert told({"highway": "pedestrian", "area": "yes"})[0] is None


def test_without_defaults_what_tags_do_not_say_is_unknown(tmp_path: Path) -> None:
    ways = {1: ([1, 2], {"maxspeed": "40"}), 2: ([3, 4], {"lanes": "4"}), 3: ([5, 6], {"highway": "footway"})}
    path = extract(tmp_path / "a.osm", ways)
    layers = read_layers(path, options=ReadOptions(more={"defaults": "no"}))
    assert {link(layers, 1, 2)[k] for k in ("lanes", "capacity_vph")} == {None}
    assert (link(layers, 1, 2)["free_kmh"], link(layers, 3, 4)["lanes"]) == (40, 2)
    drivable = read_layers(path, options=ReadOptions(more={"drive_only": "yes"}))
    assert len(drivable.links) == 4
    assert "residential 1, 30, 600" in drivable.notes.assumptions[0]


def test_two_extracts_make_one_network(tmp_path: Path) -> None:
    one = extract(tmp_path / "a.osm", {1: ([1, 2], {}), 2: ([2, 3], {"name": "x"})})
    two = extract(tmp_path / "b.osm", {2: ([2, 3], {"name": "x"}), 3: ([3, 4], {})})
    assert len(read_layers(one, two).links) == 6


def test_nodes_that_the_file_lacks_cut_streets_and_are_named(tmp_path: Path) -> None:
    path = extract(tmp_path / "a.osm", {1: ([1, 2, 3, 4, 5], {}), 2: ([7, 8], {})}, missing=(3, 8))
    problems = Problems()
    layers = read_layers(path, problems=problems)
    assert pairs(layers.links) == {("1", "2"), ("2", "1"), ("4", "5"), ("5", "4")}
    assert [(p.level, p.code, p.record) for p in problems.kept] == [
        ("warning", "missing-node", "node 3"), ("warning", "missing-node", "node 8")]  # fmt: skip


def test_every_problem_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.osm"
    path.write_text(
        '<osm version="0.6"><node id="1" lon="500" lat="39"/><node id="2" lon="116" lat="99"/>'
        '<node id="3" lon="1" lat="1"/>'
        '<way id="7"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="road"/><tag k="maxspeed" v="?"/></way>'
        '<way id="8"><nd ref="1"/><tag k="highway" v="road"/></way></osm>'
    )
    with pytest.raises(BadInputError) as caught:
        read_layers(path)
    kept = defaultdict(list)
    for problem in caught.value.problems.kept:
        kept[problem.code].append((problem.record, problem.field, problem.saw))
    assert kept["bad-position"] == [("node 1", "lon", "'500'"), ("node 2", "lat", "'99'")]
    assert kept["short-way"] == [("way 8", "", "1")]
    assert kept["unreadable-tag"] == [("way 7", "maxspeed", "'?'")]


@pytest.mark.parametrize(
    "content",
    [
        b'<?xml version="1.0"?><osm version="0.6"><way id="1"><nd ref="x"/></way></osm>',
        b'<!DOCTYPE o [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><osm version="0.6">&b;</osm>',
        b'<?xml version="1.0"?><osm version="0.6"><node id="1" lon="nan" lat="inf"/></osm>',
        b'<?xml version="1.0"?><osm version="0.6"><way id="99999999999999999999999"/></osm>',
        b'<?xml version="1.0"?><osm version="0.6"',
        b'<?xml version="1.0"?><osm version="0.6"></osm>',
        b"\x00\x00\x00\x0d\x0a\x09OSMHeader\x18\xff\xff",
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.osm"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match="bad"):
        read_layers(path)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = extract(tmp_path / "a.osm.pbf", {i: ([i, i + 1, i + 2], {"name": f"s{i}"}) for i in range(1, 200)})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadInputError, match="a whole OpenStreetMap file"):
        read_layers(path)
