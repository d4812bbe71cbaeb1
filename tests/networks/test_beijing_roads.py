"""Bundled Beijing's street graph: its size, its connectedness, and that the tables compile to the committed bytes."""

import csv
import json
import os
import re
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from greentrip_networks.beijing_roads.compile import tables
from greentrip_networks.beijing_roads.links import REACH_M
from greentrip_networks.beijing_roads.shapes import closest, crossings, cut, inside, nearest_on_segments
from greentrip_networks.beijing_roads.sources import FOLDER, PLANE, Sources, read_sources
from greentrip_networks.errors import TableError
from greentrip_networks.geo import haversine_m
from greentrip_networks.read_roads import read_roads

REFERENCE = Path(os.environ.get("GREENTRIP_REFERENCE", Path(__file__).resolve().parents[3] / "shared" / "data"))
CAPACITY = {  # vehicles an hour and lane that a class may have
    "motorway": (1800, 2000),
    "expressway": (1800, 2000),
    "arterial": (800, 900),
    "secondary": (600, 700),
    "local": (300, 400),
    "connector": (300, 400),
}
POINTS_PER_SOURCE = {  # the repositories carry lines of OpenStreetMap; docs/beijing/roads.md names files and commits
    "own layout": 2424,
    "at metro station": 636,
    "at later metro station": 26,
    "on the boundary": 129,
    "home-compass": 189,
    "grondstoffen-atlas": 220,
}


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources()


@pytest.fixture(scope="module")
def nodes() -> dict[str, tuple[float, float]]:
    return {r["node_id"]: (float(r["x_coord"]), float(r["y_coord"])) for r in rows("node.csv")}


@pytest.fixture(scope="module")
def links() -> list[dict[str, str]]:
    return rows("link.csv")


def test_the_tables_compile_to_the_committed_bytes(sources: Sources) -> None:
    node_text, link_text = tables(sources)
    assert node_text == (FOLDER / "node.csv").read_text(encoding="utf-8")
    assert link_text == (FOLDER / "link.csv").read_text(encoding="utf-8")


def test_there_are_enough_named_roads_nodes_and_links(sources: Sources, links: list[dict[str, str]]) -> None:
    named = [k for k in links if k["generated"] == "0"]
    assert len({r.name_zh for r in sources.roads}) == len(sources.roads) >= 300
    assert len({n for k in named for n in (k["from_node_id"], k["to_node_id"])}) >= 1500
    assert len(named) >= 4000
    assert 20_000 <= len(links) <= 35_000
    assert {k["name_zh"] for k in named} >= {
        "二环路",
        "三环路",
        "四环路",
        "五环路",
        "六环路",
        "西长安街",
        "东长安街",
        "学院路",
    }


def test_generated_streets_are_labelled(links: list[dict[str, str]]) -> None:
    for k in links:
        assert (k["generated"] == "1") == (k["facility_type"] in ("local", "connector"))
        assert (k["generated"] == "1") == k["provenance"].startswith("generated")
        assert bool(k["name"]) == bool(k["name_zh"]) == (k["generated"] == "0")


@pytest.mark.parametrize("use", ["auto", "walk", "bike"])
def test_every_way_of_travel_has_one_connected_piece(use: str, links: list[dict[str, str]]) -> None:
    graph = nx.DiGraph((k["from_node_id"], k["to_node_id"]) for k in links if use in k["allowed_uses"].split(";"))
    assert nx.is_strongly_connected(graph)


def test_links_have_plausible_facts(links: list[dict[str, str]]) -> None:
    for k in links:
        low, high = CAPACITY[k["facility_type"]]
        assert low <= float(k["capacity"]) <= high
        assert 1 <= int(k["lanes"]) <= 6
        assert 20 <= float(k["free_speed"]) <= 120
        if k["facility_type"] == "motorway":
            assert k["allowed_uses"] == "auto"
        else:
            assert k["allowed_uses"] == "auto;walk;bike" or k["provenance"] == "generated to join"


def test_lengths_are_at_least_the_straight_distance(
    links: list[dict[str, str]], nodes: dict[str, tuple[float, float]]
) -> None:
    ends = np.array([(*nodes[k["from_node_id"]], *nodes[k["to_node_id"]]) for k in links])
    straight = haversine_m(ends[:, 0], ends[:, 1], ends[:, 2], ends[:, 3])
    length = np.array([float(k["length"]) for k in links])
    assert (length > 0).all()
    assert (length >= straight - 1e-6).all()


def test_geometry_runs_from_node_to_node(links: list[dict[str, str]], nodes: dict[str, tuple[float, float]]) -> None:
    shaped = [k for k in links if k["geometry"]]
    assert len(shaped) > 100
    for k in shaped:
        points = [tuple(map(float, p.split())) for p in k["geometry"][len("LINESTRING (") : -1].split(", ")]
        assert points[0] == nodes[k["from_node_id"]]
        assert points[-1] == nodes[k["to_node_id"]]


def test_no_two_links_join_the_same_nodes_and_none_is_a_loop(links: list[dict[str, str]]) -> None:
    pairs = [(k["from_node_id"], k["to_node_id"]) for k in links]
    assert all(u != v for u, v in pairs)
    assert len(set(pairs)) == len(pairs)


def test_every_station_and_zone_is_within_reach_on_foot(
    sources: Sources, links: list[dict[str, str]], nodes: dict[str, tuple[float, float]]
) -> None:
    walkable = sorted({n for k in links if "walk" in k["allowed_uses"] for n in (k["from_node_id"], k["to_node_id"])})
    xy = np.column_stack(PLANE.to_metres([nodes[n][0] for n in walkable], [nodes[n][1] for n in walkable]))
    distance, _ = closest(np.array([(p.x_m, p.y_m) for p in sources.places]), xy)
    assert len(sources.places) == 340 + 331
    assert distance.max() <= REACH_M + 5.0  # coordinates are rounded


def test_local_streets_never_end_on_a_motorway(links: list[dict[str, str]]) -> None:
    motorway = {n for k in links if k["facility_type"] == "motorway" for n in (k["from_node_id"], k["to_node_id"])}
    assert not any(motorway & {k["from_node_id"], k["to_node_id"]} for k in links if k["facility_type"] == "local")


def test_the_reader_takes_the_graph(links: list[dict[str, str]]) -> None:
    graph, street_nodes = read_roads(FOLDER, PLANE)
    assert graph.number_of_edges() == len(links)
    assert len(street_nodes.nodes) > 5000


def test_a_wrong_class_is_named_with_its_place(tmp_path: Path) -> None:
    for name in ("roads.csv", "points.csv", "places.csv", "no_streets.csv"):
        text = (FOLDER / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(",expressway,", ",boulevard,", 1), encoding="utf-8")
    with pytest.raises(TableError, match=r"roads\.csv, row 2, column class: saw 'boulevard'"):
        read_sources(tmp_path)


def test_crossings_cut_and_inside() -> None:
    i, j, s, t = crossings(np.array([[0.0, 0, 10, 0]]), np.array([[4.0, -1, 4, 3], [20, 0, 20, 1]]))
    assert (i.tolist(), j.tolist(), s.tolist(), t.tolist()) == ([0], [0], [0.4], [0.25])
    bent = np.array([[0.0, 0], [10, 0], [10, 10]])
    assert cut(bent, 5, 15).tolist() == [[5, 0], [10, 0], [10, 5]]
    ring = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4], [0, 0]])
    assert inside(np.array([2.0, 5]), np.array([2.0, 2]), ring).tolist() == [True, False]


def test_every_point_names_what_its_place_rests_on() -> None:
    with (FOLDER.parent / "stations.csv").open(encoding="utf-8", newline="") as file:
        stations = {r["name_zh"]: (r["lon"], r["lat"]) for r in csv.DictReader(file) if r["source"].startswith("osm")}
    with (FOLDER.parent / "zones.csv").open(encoding="utf-8", newline="") as file:
        zones = {r["name_zh"] for r in csv.DictReader(file)}
    carriers = "|".join(k for k in POINTS_PER_SOURCE if "-" in k)
    later: dict[str, tuple[str, str]] = {}
    for p in rows("points.csv"):
        kind = p["provenance"]
        if kind.startswith("at metro station "):
            name = kind.removeprefix("at metro station ").removesuffix(" (OpenStreetMap, ODbL)")
            assert (p["lon"], p["lat"]) == stations[name]
        elif kind.startswith("at later metro station "):  # opened after 2020, so in no table of ours
            name = kind.removeprefix("at later metro station ").removesuffix(" (OpenStreetMap, ODbL)")
            assert later.setdefault(name, (p["lon"], p["lat"])) == (p["lon"], p["lat"])
        elif kind.startswith("on the boundary "):
            pair = kind.removeprefix("on the boundary ").removesuffix(" of sub-districts (mosstool, MIT)").split("/")
            assert len(pair) == 2
            assert all(any(z.startswith(name) for z in zones) for name in pair)
        else:
            assert kind == "own layout" or re.fullmatch(rf"on \w+ \(OpenStreetMap via ({carriers}), ODbL\)", kind)


def test_the_number_of_points_per_source_is_the_one_written_down() -> None:
    counted = dict.fromkeys(POINTS_PER_SOURCE, 0)
    for p in rows("points.csv"):
        (source,) = (k for k in POINTS_PER_SOURCE if p["provenance"].startswith(k) or f" via {k}, " in p["provenance"])
        counted[source] += 1
    assert counted == POINTS_PER_SOURCE


def test_points_said_to_lie_on_a_boundary_do() -> None:
    path = REFERENCE / "beijing" / "zones" / "zones.geojson"
    if not path.is_file():
        pytest.skip("the sub-district polygons are not here")
    rings: dict[str, list[np.ndarray]] = {}
    for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
        geometry = feature["geometry"]
        parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        for ring in (np.array(r, np.float64) for part in parts for r in part):
            line = np.column_stack(PLANE.to_metres(ring[:, 0], ring[:, 1]))
            rings.setdefault(feature["properties"]["subdistrict"], []).append(np.hstack([line[:-1], line[1:]]))
    checked = 0
    for p in rows("points.csv"):
        if not p["provenance"].startswith("on the boundary "):
            continue
        x, y = (float(v) for v in PLANE.to_metres(float(p["lon"]), float(p["lat"])))
        for name in p["provenance"].removeprefix("on the boundary ").split(" of sub-districts")[0].split("/"):
            segments = np.vstack([s for zone, parts in rings.items() if zone.startswith(name) for s in parts])
            assert nearest_on_segments(x, y, segments)[0].min() <= 25.0, p
        checked += 1
    assert checked > 100
