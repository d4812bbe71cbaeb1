"""TNTP as a network of the neutral form: units told or found, every bad row named."""

from pathlib import Path

import numpy as np
import pytest
from greentrip_networks.formats import ReadOptions, read_layers
from greentrip_networks.problems import BadInputError, Problems

NET = """<NUMBER OF ZONES> 2
<NUMBER OF NODES> 3
<FIRST THRU NODE> 3
<NUMBER OF LINKS> 3
<END OF METADATA>

~ \tinit_node\tterm_node\tcapacity
\t1\t3\t900\t0.5\t1\t0.15\t4\t0\t25\t1\t;
\t3\t2\t800\t0.6\t1.5\t0.15\t4\t0\t0\t2\t;
\t2\t3\t800\t0\t0\t0\t0\t0\t0\t2\t;
"""
NODE = "Node\tX\tY\t;\n1\t-87.65\t41.88\t;\n2\t-87.63\t41.88\t;\n3\t-87.64\t41.88\t;\n"
TRIPS = "<NUMBER OF ZONES> 2\n<TOTAL OD FLOW> 12.5\n<END OF METADATA>\n\nOrigin 1\n 1 : 0.0; 2 : 12.5;\n"


def folder(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, content in ({"net": NET, "node": NODE, "trips": TRIPS} | files).items():
        (path / f"X_{name}.tntp").write_text(content)
    return path


def test_network_nodes_and_trips_of_a_folder(tmp_path: Path) -> None:
    layers = read_layers(folder(tmp_path / "x"))
    one = layers.links.row(0, named=True)
    assert (one["link_id"], one["from_node"], one["to_node"]) == ("1", "1", "3")
    assert one["length_m"] == pytest.approx(0.5 * 1609.344)
    assert one["free_kmh"] == pytest.approx(0.5 * 1.609344 * 60)
    assert (one["capacity_vph"], one["b"], one["power"], one["toll_cny"]) == (900, 0.15, 4, 25)
    assert layers.links["free_kmh"][2] is None
    assert layers.nodes["zone_id"].to_list() == ["1", "2", ""]
    assert layers.nodes["lon"].to_list() == [-87.65, -87.63, -87.64]
    np.testing.assert_array_equal(layers.matrices["trips"].values, [[0, 12.5], [0, 0]])
    assert any("taken as mi" in a for a in layers.notes.assumptions)


def test_units_may_be_told_and_files_given_one_by_one(tmp_path: Path) -> None:
    path = folder(tmp_path / "x")
    options = ReadOptions(more={"length": "km", "time": "h"})
    layers = read_layers(path / "X_net.tntp", path / "X_trips.tntp", options=options)
    assert layers.links["length_m"][0] == 500
    assert layers.links["free_kmh"][0] == pytest.approx(0.5)
    assert layers.nodes["lon"].null_count() == 3


def test_every_bad_row_is_named(tmp_path: Path) -> None:
    bad = (
        NET.replace("\t900\t", "\tmany\t")
        .replace("\t0.6\t", "\tnan\t")
        .replace("\t2\t3\t800\t0\t0\t0\t0\t0\t0\t2", "2 -3 800")
    )
    with pytest.raises(BadInputError) as caught:
        read_layers(folder(tmp_path / "x", net=bad))
    found = {(p.code, p.line, p.field) for p in caught.value.problems.kept if p.level == "error"}
    assert found == {
        ("bad-number", 8, "capacity"),
        ("bad-number", 9, "length"),
        ("short-row", 10, ""),
        ("bad-number", 10, "term_node"),
    }


def test_what_needed_a_decision_is_a_warning(tmp_path: Path) -> None:
    problems = Problems()
    read_layers(folder(tmp_path / "x"), problems=problems)
    assert {p.code for p in problems.kept} == {"power-zero", "zero-length", "zero-time"}
    for wrong in (TRIPS.replace("2 : 12.5", "7 : 12.5"), TRIPS.replace("12.5;", "x;")):
        with pytest.raises(BadInputError, match="X_trips"):
            read_layers(folder(tmp_path / f"y{len(wrong)}", trips=wrong))


def test_a_file_of_metadata_only_is_refused_also_beside_nodes(tmp_path: Path) -> None:
    (tmp_path / "x_net.tntp").write_text("<NUMBER OF ZONES> 4\n<NUMBER\x16OF NODES> 16\n<FIRST THRU NODE>  ")
    (tmp_path / "x_node.tntp").write_text("Node\tX\tY\t;\n1\t116.0\t39.0\t;\n")
    with pytest.raises(BadInputError) as caught:
        read_layers(tmp_path, form="tntp")
    assert [p.code for p in caught.value.problems.kept] == ["no-links"]
