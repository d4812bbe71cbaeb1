"""Matrices and population: OMX and CSV there and back, tables as others write them, every wrong cell named."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import openmatrix
import polars as pl
import pytest
import tables
from greentrip_networks.formats import ReadOptions, omx_apart, read_layers, write_layers
from greentrip_networks.layers import Layers, Matrix, differences
from greentrip_networks.problems import BadInputError, Problems
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

NAMES = st.text(st.sampled_from("ab北_ 19"), min_size=1, max_size=5).map(str.strip).filter(bool)
SETTINGS = settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
VALUES = st.floats(0, 1e6) | st.just(float("nan"))


@st.composite
def matrix_layers(draw: st.DrawFn) -> Layers:
    zones = tuple(sorted(draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))))
    names = draw(st.lists(st.sampled_from(["car", "bus am", "walk"]), min_size=1, max_size=3, unique=True))
    n = len(zones)
    made = {
        k: Matrix(zones, np.array(draw(st.lists(VALUES, min_size=n * n, max_size=n * n))).reshape(n, n)) for k in names
    }
    return Layers(matrices=made)


@pytest.mark.filterwarnings("ignore::tables.NaturalNameWarning")
@pytest.mark.parametrize(("name", "file"), [("omx", "a.omx"), ("matrix-csv", "a.csv")])
@given(matrix_layers())
@settings(SETTINGS, max_examples=6)  # each OMX file is read in a process of its own
def test_matrices_come_back(tmp_path_factory: pytest.TempPathFactory, name: str, file: str, layers: Layers) -> None:
    path = tmp_path_factory.mktemp("m") / file
    write_layers(layers, path, name)
    assert differences(layers, read_layers(path, form=name)) == []


def omx(path: Path, **matrices: np.ndarray) -> Path:
    with openmatrix.open_file(str(path), "w") as file:
        for name, values in matrices.items():
            file.create_carray(file.root.data, name, obj=values)
        file.create_mapping("taz", [10, 20])
    return path


def refused(path: Path, form: str = "", **more: str) -> list[tuple[str, int | None, str]]:
    with pytest.raises(BadInputError) as caught:
        read_layers(path, form=form, options=ReadOptions(more=more))
    return [(p.code, p.line, p.record) for p in caught.value.problems.kept if p.level == "error"]


def test_an_omx_file_of_others(tmp_path: Path) -> None:
    layers = read_layers(omx(tmp_path / "d.omx", AM=np.array([[1, 2], [3, 4]], np.int32)))
    assert layers.matrices["AM"].zones == ("10", "20")
    np.testing.assert_array_equal(layers.matrices["AM"].values, [[1, 2], [3, 4]])


def test_every_problem_of_an_omx_file_is_named(tmp_path: Path) -> None:
    bad = {
        "a": np.zeros((2, 3)),
        "b": np.array([[np.inf, 1], [1, 1]]),
        "c": np.zeros((3, 3)),
        "d": np.zeros((2, 2), "S3"),
    }
    found = refused(omx(tmp_path / "d.omx", **bad))
    assert {(c, r) for c, _, r in found} == {
        ("bad-shape", "a"),
        ("not-finite", "b[1, 1]"),
        ("bad-lookup", "taz"),
        ("bad-type", "d"),
    }
    assert refused(omx(tmp_path / "e.omx", a=np.zeros((2, 2))), lookup="zone")[0][0] == "no-lookup"


def test_a_matrix_that_only_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.omx"
    with tables.open_file(str(path), "w") as file:
        group = file.create_group(file.root, "data")
        for i in range(3):  # each is allowed, together they are not; nothing is stored
            file.create_carray(group, f"m{i}", tables.Float64Atom(), (20_000, 20_000))
    assert path.stat().st_size < 200_000
    assert [c for c, *_ in refused(path)] == ["too-large"]


def test_damaged_omx_files_are_refused(tmp_path: Path) -> None:
    whole = omx(tmp_path / "d.omx", AM=np.ones((2, 2))).read_bytes()
    path = tmp_path / "x.omx"
    for data in (whole[: len(whole) // 2], whole[:100], whole[:8] + b"\xff" * 200):
        path.write_bytes(data)
        assert refused(path)


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_pairs_and_squares_of_others(tmp_path: Path) -> None:
    pairs = read_layers(text(tmp_path / "p.csv", "O_zone,D_zone,car,bus\n2,10,5,\n10,2,1.5,3\n"))
    assert pairs.matrices["car"].zones == ("2", "10")
    np.testing.assert_array_equal(pairs.matrices["bus"].values, [[0, np.nan], [3, 0]])
    square = read_layers(text(tmp_path / "am.csv", "zone,1,2\n2,30,40\n1,10,20\n"))
    np.testing.assert_array_equal(square.matrices["am"].values, [[10, 20], [30, 40]])


def test_every_problem_of_a_csv_matrix_is_named(tmp_path: Path) -> None:
    problems = Problems()
    path = text(tmp_path / "p.csv", "origin,destination,car\n1,2,x\n1,2,5\n,2,5\n2,1,-4\n")
    with pytest.raises(BadInputError):
        read_layers(path, problems=problems)
    assert {(p.level, p.code, p.line) for p in problems.kept} == {
        ("warning", "bad-number", 2),
        ("error", "duplicate-pair", 3),
        ("error", "empty", 4),
        ("warning", "negative", None),
    }
    assert refused(text(tmp_path / "s.csv", "zone,1,2\n1,1,1\n3,1,1\n"))[0][0] == "not-square"


def test_population_of_zones_and_squares(tmp_path: Path) -> None:
    path = text(tmp_path / "z.csv", "zone_id,name,population,jobs\nA,甲,100,5\nB,乙,200.5,\n")
    zones = read_layers(path)
    assert zones.zones["residents"].to_list() == [100, 200.5]
    assert zones.notes.format == "population"
    cells = pl.DataFrame({"x": [442000.0, 442500.0], "y": [4418000.0, 4418000.0], "residents": [3, 4]})
    cells.write_parquet(tmp_path / "c.parquet")
    read = read_layers(tmp_path / "c.parquet", options=ReadOptions(crs="EPSG:32650"))
    assert read.zones["zone_id"].to_list() == ["1", "2"]
    assert read.zones["lon"][0] == pytest.approx(116.32, abs=0.01)
    gbk = tmp_path / "g.csv"
    gbk.write_bytes("zone_id,name,residents\n1,朝阳,5\n".encode("gbk"))
    problems = Problems()
    assert read_layers(gbk, problems=problems).zones["name"].to_list() == ["朝阳"]
    assert [p.code for p in problems.kept] == ["encoding"]


def test_population_comes_back_and_its_problems_are_named(tmp_path: Path) -> None:
    zones = pl.DataFrame(
        {
            "zone_id": ["a", "b"],
            "name": ["甲", ""],
            "lon": [116.1, 116.2],
            "lat": [39.9, 39.8],
            "residents": [5.25, None],
        }
    )
    layers = Layers(zones=zones)
    write_layers(layers, tmp_path / "z.csv", "population")
    assert differences(layers, read_layers(tmp_path / "z.csv")) == []
    bad = text(tmp_path / "b.csv", "zone_id,residents,lon,lat\na,5,39.9,116.4\na,-2,1,1\n,3,1,1\n")
    assert {(c, n) for c, n, _ in refused(bad)} == {("empty", 4), ("duplicate-id", 3), ("swapped", 2)}


def test_omx_is_read_where_memory_is_limited_already(tmp_path: Path) -> None:
    path = omx(tmp_path / "d.omx", AM=np.ones((2, 2)))
    command = f"ulimit -v 6000000; exec {sys.executable} -I {omx_apart.__file__} {path} {tmp_path} 100 8000000000"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert [m["name"] for m in json.loads(done.stdout)["matrices"]] == ["AM"]
