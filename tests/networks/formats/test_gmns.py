# ruff: noqa: E501 - files of other tools have long lines
"""GMNS tables as others write them: units, geometries apart, two-way links; every wrong cell is named."""

from pathlib import Path

import pytest
from greentrip_networks.formats import ReadOptions, read_layers
from greentrip_networks.problems import BadInputError, Problems

NODE = "node_id,name,x_coord,y_coord,ctrl_type,zone_id\n1,A,-71.09,42.36,signal,7\n2,,-71.08,42.36,,\n3,,-71.08,42.37,yield,\n"
LINK = (
    "link_id,from_node_id,to_node_id,directed,geometry_id,length,facility_type,capacity,free_speed,lanes,allowed_uses,toll\n"
    'a,1,2,1,g1,0.512,Arterial,900,30,2,"auto,truck",\n'
    "b,2,3,0,,0.691,path,,,,walk;bike,0.5\n"
)
GEOMETRY = 'geometry_id,geometry\ng1,"LINESTRING (-71.09 42.36, -71.085 42.361, -71.08 42.36)"\n'
CONFIG = "dataset_name,short_length,long_length,speed,crs,geometry_field_format,currency\nCorner,ft,mi,mph,EPSG:4326,WKT,USD\n"


def folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in ({"node": NODE, "link": LINK} | files).items():
        (path / f"{name}.csv").write_text(text, encoding="utf-8")
    return path


def test_units_of_the_config_and_two_way_links(tmp_path: Path) -> None:
    layers = read_layers(folder(tmp_path / "g", geometry=GEOMETRY, config=CONFIG, segment="x\n1\n"))
    rows = {r["link_id"]: r for r in layers.links.iter_rows(named=True)}
    assert set(rows) == {"a", "b", "-b"}
    assert rows["a"]["length_m"] == pytest.approx(0.512 * 1609.344)
    assert rows["a"]["free_kmh"] == pytest.approx(48.28032)
    assert rows["a"]["capacity_vph"] == 1800
    assert len(rows["a"]["geometry"]) == 6
    assert [rows["a"][c] for c in ("drive", "bus", "cycle", "walk")] == [True, True, False, False]
    assert [rows["-b"][c] for c in ("drive", "bus", "cycle", "walk")] == [False, False, True, True]
    assert (rows["-b"]["from_node"], rows["-b"]["to_node"]) == ("3", "2")
    assert layers.nodes["control"].to_list() == ["signal", "none", "give_way"]
    assert layers.nodes["zone_id"].to_list() == ["7", "", ""]
    assert layers.notes.currency == "USD"


def test_units_are_found_from_geometries_and_told(tmp_path: Path) -> None:
    layers = read_layers(folder(tmp_path / "g"))
    assert layers.links["length_m"][0] == pytest.approx(0.512 * 1609.344)
    assert any("taken as mi" in a for a in layers.notes.assumptions)


def test_a_plane_and_chinese_web_coordinates(tmp_path: Path) -> None:
    plane = "node_id,x_coord,y_coord\n1,442000,4418000\n2,443000,4418000\n3,443000,4419000\n"
    options = ReadOptions(crs="EPSG:32650")
    layers = read_layers(
        folder(tmp_path / "g", node=plane, link="link_id,from_node_id,to_node_id\na,1,2\n"), options=options
    )
    assert layers.links["length_m"][0] == pytest.approx(1000, rel=1e-3)
    china = "node_id,x_coord,y_coord\n1,116.397241,39.908401\n2,116.41,39.91\n"
    path = folder(tmp_path / "c", node=china, link="link_id,from_node_id,to_node_id\na,1,2\n")
    moved = read_layers(path, options=ReadOptions(gcj02=True)).nodes.row(0, named=True)
    assert (moved["lon"], moved["lat"]) == pytest.approx((116.391, 39.907), abs=1e-5)


def test_every_problem_is_named(tmp_path: Path) -> None:
    node = NODE.replace("42.37", "1e99").replace("3,,", "2,,") + "4,,42.36,-171.0,,\n5,,x,42,,\n"
    link = LINK.replace("a,1,2", "a,1,77").replace("0.691", "-1").replace("b,2,3", "b,88,99")
    zone = "zone_id,name,boundary,residents\n1,X,POLYGON ((0 0),5\n2,Y,POINT (1 2),many\n"
    config = CONFIG.replace(",mi,", ",furlong,")
    with pytest.raises(BadInputError) as caught:
        read_layers(folder(tmp_path / "g", node=node, link=link, zone=zone, config=config))
    found = {(p.code, p.file, p.line, p.field) for p in caught.value.problems.kept if p.level == "error"}
    assert found == {
        ("unknown-unit", "config.csv", 2, "long_length"),
        ("out-of-range", "node.csv", 4, "x_coord, y_coord"),
        ("swapped", "node.csv", 5, "x_coord, y_coord"),
        ("not-finite", "node.csv", 6, "x_coord, y_coord"),
        ("duplicate-id", "node.csv", 4, "node_id"),
        ("unknown-node", "link.csv", 2, "to_node_id"),
        ("unknown-node", "link.csv", 3, "from_node_id"),
        ("unknown-node", "link.csv", 3, "to_node_id"),
        ("bad-geometry", "zone.csv", 2, "boundary"),
        ("bad-geometry", "zone.csv", 3, "boundary"),
    }
    warned = {(p.code, p.field, p.saw) for p in caught.value.problems.kept if p.level == "warning"}
    assert ("bad-number", "length", "'-1'") in warned
    assert ("bad-number", "residents", "'many'") in warned


def test_a_bad_geometry_is_straight_with_a_warning(tmp_path: Path) -> None:
    problems = Problems()
    bad = GEOMETRY.replace("LINESTRING (", "LINE (")
    layers = read_layers(folder(tmp_path / "g", geometry=bad, config=CONFIG), problems=problems)
    assert [p.code for p in problems.kept] == ["bad-geometry"]
    assert layers.links["geometry"].list.len().sum() == 0


def test_numbers_beyond_all_bounds_in_geometries_are_named_and_warn_of_nothing_else(tmp_path: Path) -> None:
    problems = Problems()
    far = GEOMETRY.replace("-71.085 42.361", "-71.085 1e999")
    layers = read_layers(folder(tmp_path / "g", geometry=far, config=CONFIG), problems=problems)
    assert [p.code for p in problems.kept] == ["bad-geometry"]
    assert layers.links["geometry"].list.len().sum() == 0
    zone = 'zone_id,name,boundary,residents\n1,X,"POLYGON ((0 0, 1e999 0, 1 1, 0 0))",5\n'
    with pytest.raises(BadInputError) as caught:
        read_layers(folder(tmp_path / "z", zone=zone, config=CONFIG))
    assert [(p.code, p.file) for p in caught.value.problems.kept if p.level == "error"] == [
        ("out-of-range", "zone.csv")
    ]


def test_with_repair_rows_that_cannot_be_used_are_left_out_with_a_warning(tmp_path: Path) -> None:
    link = LINK.replace("b,2,3", "b,88,99") + "a,2,3,1,,0.691,path,,,,walk;bike,0.5\n"
    path = folder(tmp_path / "g", node=NODE + ",,1,1,,\n", link=link, config=CONFIG)
    problems = Problems()
    layers = read_layers(path, options=ReadOptions(repair=True), problems=problems)
    assert layers.links["link_id"].to_list() == ["a"]
    assert {(p.code, p.line) for p in problems.kept} == {("empty", 5), ("duplicate-id", 4), ("unknown-node", 3)}
    assert problems.errors == 0
    with pytest.raises(BadInputError):
        read_layers(path)


def test_found_zones_told_of_by_gmns_and_by_a_table_of_residents_are_one(tmp_path: Path) -> None:
    zones = "zone_id,name,x_coord,y_coord\n7,Seven,-71.09,42.36\n8,,-71.08,42.37\n"
    city = folder(tmp_path / "g", zone=zones)
    people = tmp_path / "people.csv"
    people.write_text("zone_id,name,residents,jobs\n7,Sieben,120,30\n9,Nine,5,0\n", encoding="utf-8")
    found = read_layers(city, people).zones
    assert found.select("zone_id", "name", "residents").rows() == [
        ("7", "Seven", 120.0),
        ("8", "", None),
        ("9", "Nine", 5.0),
    ]
    assert found["lon"].to_list()[:2] == pytest.approx([-71.09, -71.08])
