"""TNTP files: what real ones contain is read, what needs a decision is listed, what is wrong is named by place."""

import os
from pathlib import Path

import numpy as np
import pytest
from greentrip_networks.errors import TableError
from greentrip_networks.tntp import TREATMENT, TntpNetwork, read_flows, read_network, read_trips

ROOT = Path(__file__).parents[2]
REFERENCE = Path(os.environ.get("GREENTRIP_REFERENCE", ROOT.parent / "shared" / "data")) / "tntp"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference data not at hand (GREENTRIP_REFERENCE)")

HEADER = """<NUMBER OF ZONES> 2
<NUMBER OF NODES>\t4\t
<FIRST THRU NODE> 3
<NUMBER OF LINKS> {links}
<ORIGINAL HEADER>~ \tInit node \tTerm node
<END OF METADATA>

~ \tinit_node\tterm_node\tcapacity
"""


def network(folder: Path, *rows: str, header: str = HEADER) -> TntpNetwork:
    path = folder / "N_net.tntp"
    path.write_text(header.format(links=len(rows)) + "\n".join(rows), encoding="utf-8")
    return read_network(path)


def codes(read: object) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {f.code: (f.count, f.lines) for f in read.findings}


def test_a_row_is_read_with_tabs_blanks_or_a_glued_semicolon(tmp_path: Path) -> None:
    read = network(
        tmp_path,
        "\t1\t3\t9000\t5280\t1.09\t0.15\t4\t4842\t25\t1\t;",
        "3 4 1e3 2. 3 0.5 5 0 0 7;",
        "4 2 1 1 1 1 1 0 0 1 ~ c",
    )
    assert (read.zones, read.nodes, read.first_through_node) == (2, 4, 3)
    np.testing.assert_array_equal(read.tail, [0, 2, 3])
    np.testing.assert_array_equal(read.head, [2, 3, 1])
    np.testing.assert_array_equal(read.capacity, [9000, 1000, 1])
    np.testing.assert_array_equal(read.power, [4, 5, 1])
    np.testing.assert_array_equal(read.toll, [25, 0, 0])
    np.testing.assert_array_equal(read.link_type, [1, 7, 1])
    np.testing.assert_array_equal(read.no_through, [True, True, False, False])
    assert read.findings == ()


def test_what_needs_a_decision_has_a_code_its_lines_and_a_treatment(tmp_path: Path) -> None:
    rows = (
        "1 3 10 1 1 0.15 0 0 0 1;",  # 9: power 0
        "3 4 10 1 1 0.15 0.5 0 0 1;",  # 10
        "3 4 10 0 1 0.15 4 0 0 1;",  # 11: parallel, no length
        "4 4 10 1 1 0.15 4 0 0 1;",  # 12: loop
        "4 2 0 1 1 0.15 4 0 0 1;",  # 13: no capacity
        "2 4 0 1 0 0.15 4;",  # 14: no time, so capacity does not matter; three fields missing
    )
    read = network(tmp_path, *rows)
    assert codes(read) == {
        "missing-fields": (1, (14,)),
        "power-zero": (1, (9,)),
        "power-below-one": (1, (10,)),
        "zero-capacity": (1, (13,)),
        "unused-capacity": (1, (14,)),
        "zero-length": (1, (11,)),
        "zero-time": (1, (14,)),
        "loop": (1, (12,)),
        "parallel-link": (1, (11,)),
    }
    assert len(read.tail) == len(rows)  # nothing dropped
    assert all(f.treatment == TREATMENT[f.code] for f in read.findings)
    assert str(read.findings[0]) == "missing-fields: 1 (lines 14): speed, toll and link type taken as 0"


def test_metadata_may_be_missing_or_wrong(tmp_path: Path) -> None:
    rows = ("1 2 1 1 1 0.15 4 0 0 1;", "2 3 1 1 1 0.15 4 0 0 1;")
    bare = network(tmp_path, *rows, header="")
    assert (bare.nodes, bare.zones, bare.first_through_node) == (3, 3, 1)
    assert codes(bare) == {"missing-metadata": (4, ())}
    wrong = network(tmp_path, *rows, header="<NUMBER OF NODES> many\n<NUMBER OF LINKS> 3\n")
    assert set(codes(wrong)) == {"bad-metadata", "missing-metadata", "count-differs"}


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        ("1 3 -5 1 1 0.15 4 0 0 1;", "capacity", "-5"),
        ("1 3 5 1 nan 0.15 4 0 0 1;", "free_flow_time", "nan"),
        ("1 3 5 1 1 0.15 four 0 0 1;", "power", "four"),
        ("1 3 5 1 1 -0.15 4 0 0 1;", "b", "-0.15"),
        ("0 3 5 1 1 0.15 4 0 0 1;", "init_node", "0"),
        ("1 2.5 5 1 1 0.15 4 0 0 1;", "term_node", "2.5"),
        ("1 9 5 1 1 0.15 4 0 0 1;", "term_node", "9"),
        ("1 3 5 1 1;", "", "1 3 5 1 1;"),
    ],
)
def test_a_bad_value_names_file_line_and_field(tmp_path: Path, row: str, column: str, value: str) -> None:
    with pytest.raises(TableError) as caught:
        network(tmp_path, "1 3 5 1 1 0.15 4 0 0 1;", row)
    assert caught.value.file.endswith("N_net.tntp")
    assert (caught.value.row, caught.value.column) == (10, column)
    assert value in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"nowhere_net\.tntp.*No such file"):
        read_network(tmp_path / "nowhere_net.tntp")


def trips(folder: Path, text: str, zones: int | None = None) -> object:
    path = folder / "N_trips.tntp"
    path.write_text(text, encoding="utf-8")
    return read_trips(path, zones)


def test_trips_add_up_by_pair(tmp_path: Path) -> None:
    read = trips(
        tmp_path,
        "<NUMBER OF ZONES> 3\n<TOTAL OD FLOW> 21.5\n<END OF METADATA>\n~ table\nOrigin \t1\n  1 : 4.0; 2 :   3.0;\n"
        "3:0.5; ~ more\nOrigin 3 ;\n 2 : 10.0; 2 : 4.0 ;\n 1 :0.0;\nOrigin 2\n\n",
    )
    np.testing.assert_array_equal(read.origin, [0, 0, 0, 2])
    np.testing.assert_array_equal(read.destination, [0, 1, 2, 1])
    np.testing.assert_array_equal(read.vehicles, [4, 3, 0.5, 14])
    assert codes(read) == {"repeated-pair": (1, (9,)), "within-zone": (1, (6,))}


def test_a_total_that_differs_is_a_finding(tmp_path: Path) -> None:
    read = trips(tmp_path, "<NUMBER OF ZONES> 3\n<TOTAL OD FLOW> 100\nOrigin 1\n 2 : 3.0;\n", 4)
    assert codes(read) == {"count-differs": (1, ()), "total-differs": (1, ())}


@pytest.mark.parametrize(
    ("text", "row", "column", "says"),
    [
        ("2 : 3.0;\n", 1, "", "Origin line"),
        ("Origin x\n", 1, "origin", "'x'"),
        ("Origins 1\n", 1, "", "Origin and a number"),
        ("Origin 1\n 2 : 3.0; 3 :\n", 2, "", "destination : trips"),
        ("Origin 1\n 2 : lots;\n", 2, "trips", "lots"),
        ("Origin 1\n 2 : 1; 3 : -2;\n", 2, "trips", "negative-demand"),
        ("Origin 1\n 2 : 1;\n 9 : 2;\n", 3, "destination", "unknown-zone"),
        ("Origin 9\n 2 : 1;\n", 2, "origin", "unknown-zone"),
    ],
)
def test_bad_trips_name_file_line_and_field(tmp_path: Path, text: str, row: int, column: str, says: str) -> None:
    with pytest.raises(TableError, match=says) as caught:
        trips(tmp_path, text, 4)
    assert (caught.value.row, caught.value.column) == (row, column)


def test_flows_find_their_links_in_any_order(tmp_path: Path) -> None:
    read = network(tmp_path, "1 3 5 1 1 0.15 4 0 0 1;", "3 4 5 1 1 0.15 4 0 0 1;", "3 4 6 1 1 0.15 4 0 0 1;")
    path = tmp_path / "flow.tntp"
    path.write_text("From \tTo \tVolume \tCost \n3 4 7.5 1.1\n1 3 2 1\n3 4 8 1.2\n", encoding="utf-8")
    np.testing.assert_array_equal(read_flows(path).on(read), [2, 7.5, 8])
    path.write_text("1 3 2 1\n3 4 7.5 1.1\n", encoding="utf-8")
    with pytest.raises(TableError, match="3 links"):
        read_flows(path).on(read)


@needs_reference
@pytest.mark.parametrize(
    ("name", "zones", "nodes", "links", "vehicles"),
    [
        ("SiouxFalls", 24, 24, 76, 360_600.0),
        ("Anaheim", 38, 416, 914, 104_694.4),
        ("Winnipeg", 147, 1052, 2836, 64_784.0),
        ("Chicago-Sketch", 387, 933, 2950, 1_260_907.44),
        ("Braess-Example", 2, 4, 5, 6.0),
    ],
)
def test_published_networks_are_read_whole(name: str, zones: int, nodes: int, links: int, vehicles: float) -> None:
    stem = "Braess" if name == "Braess-Example" else name.replace("-", "")
    read = read_network(REFERENCE / name / f"{stem}_net.tntp")
    table = read_trips(REFERENCE / name / f"{stem}_trips.tntp", read.zones)
    assert (read.zones, read.nodes, len(read.tail)) == (zones, nodes, links)
    assert table.vehicles.sum() == pytest.approx(vehicles, rel=1e-9)
    assert "total-differs" not in codes(table)
    if name == "Winnipeg":
        assert codes(read)["power-zero"][0] == 1176
