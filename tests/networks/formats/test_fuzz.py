"""Changed files of every format are read or refused, never worse; and what longer fuzzing found stays mended."""

import importlib.util
import json
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from greentrip_networks.formats import ReadOptions, read_layers
from greentrip_networks.formats.samples import valid_files
from greentrip_networks.formats.sources import Limits
from greentrip_networks.problems import BadInputError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

LIMITS = Limits(file_bytes=50 << 20, total_bytes=100 << 20, line_bytes=1 << 20)


def _tool() -> ModuleType:
    path = Path(__file__).parents[3] / "tools" / "fuzz_readers.py"
    spec = importlib.util.spec_from_file_location("fuzz_readers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_readers"] = module
    spec.loader.exec_module(module)
    return module


fuzz = _tool()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return valid_files(tmp_path_factory.mktemp("valid"))


def read_or_refuse(path: Path, form: str) -> str:
    try:
        read_layers(path, form=form, options=ReadOptions(limits=LIMITS)).content_hash()
    except BadInputError as error:
        found = error
    else:
        return "read"
    assert found.problems.errors
    assert len(str(found)) < 10_000
    return found.problems.kept[0].code


def test_every_sample_is_read_without_an_error(corpus: dict[str, Path]) -> None:
    assert {name: read_or_refuse(path, "") for name, path in corpus.items()} == dict.fromkeys(corpus, "read")


@given(st.integers(0, 2**31), st.data())
@settings(
    max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
def test_changed_files_are_read_or_refused(
    corpus: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, seed: int, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(n for n in corpus if n != "omx")))  # omx: below, a process for each file
    path = fuzz.changed(corpus[name], tmp_path_factory.getbasetemp() / "changed", 7, 0, seed)
    read_or_refuse(path, name.split("/")[0])


def test_the_same_keys_draw_the_same_changes(corpus: dict[str, Path]) -> None:
    data = corpus["emme"].read_bytes()
    made = [fuzz.mutate(data, 1, 2, case) for case in range(50)]
    assert made == [fuzz.mutate(data, 1, 2, case) for case in range(50)]
    assert sum(m != data for m in made) > 40


def test_found_a_broken_name_inside_hdf5_does_not_kill_the_reader(corpus: dict[str, Path], tmp_path: Path) -> None:
    data = corpus["omx"].read_bytes()
    assert b"VERSION\0" in data
    path = tmp_path / "a.omx"
    path.write_bytes(data.replace(b"VERSION\0", b"\xd6ERSION\0", 1))
    assert read_or_refuse(path, "omx") in ("read", "unreadable")


def copied(corpus: dict[str, Path], form: str, tmp_path: Path) -> Path:
    """Return a copy of a format's folder, to be changed."""
    return Path(shutil.copytree(corpus[form], tmp_path / "layers"))


def node_link(corpus: dict[str, Path], tmp_path: Path, change: Callable[[Any], None]) -> Path:
    """Return a node-link file after a change of its data."""
    data = json.loads(corpus["node-link"].read_text(encoding="utf-8"))
    change(data)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_found_a_zip_entry_without_its_mark_is_refused(corpus: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(corpus["gtfs"].read_bytes())
    with zipfile.ZipFile(corpus["gtfs"]) as archive:
        at = archive.getinfo("stops.txt").header_offset
    data[at : at + 4] = b"PK\0\0"
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    assert read_or_refuse(path, "gtfs") == "damaged"


def test_found_damaged_pages_of_a_geopackage_are_refused(corpus: dict[str, Path], tmp_path: Path) -> None:
    data = corpus["geopackage"].read_bytes()
    path = tmp_path / "a.gpkg"
    seen = set()
    for page in range(4096, len(data), 4096 * 5):
        path.write_bytes(data[:page] + b"\xff" * 4096 + data[page + 4096 :])
        seen.add(read_or_refuse(path, "geopackage"))
    assert "unreadable" in seen


def test_found_a_polygon_in_node_link_that_does_not_close_is_refused(corpus: dict[str, Path], tmp_path: Path) -> None:
    ring = struct.pack("<bIII8d", 1, 3, 1, 4, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 2.0, 2.0)
    path = node_link(corpus, tmp_path, lambda data: data["tables"]["zones"][0].update(geometry=ring.hex()))
    assert read_or_refuse(path, "node-link") == "bad-value"


def test_found_metadata_of_a_geoparquet_that_is_no_text_is_left(corpus: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(corpus, "geoparquet", tmp_path)
    table = pq.read_table(folder / "nodes.parquet")
    pq.write_table(
        table.replace_schema_metadata({**table.schema.metadata, b"note": b"\xff\xfe"}), folder / "nodes.parquet"
    )
    assert read_or_refuse(folder, "geoparquet") == "read"


def test_found_a_street_in_node_link_with_a_longitude_too_many_is_refused(
    corpus: dict[str, Path], tmp_path: Path
) -> None:
    bad = [116.3, 39.9, 116.4]
    path = node_link(corpus, tmp_path, lambda data: data["streets"]["edges"][0].update(geometry=bad))
    assert read_or_refuse(path, "node-link") == "bad-value"


def test_found_nodes_of_a_geoparquet_without_geometry_have_no_places(corpus: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(corpus, "geoparquet", tmp_path)
    table = pq.read_table(folder / "nodes.parquet")
    pq.write_table(table.drop_columns(["geometry"]), folder / "nodes.parquet")
    layers = read_layers(folder, form="geoparquet", options=ReadOptions(limits=LIMITS))
    assert len(layers.nodes) == table.num_rows
    assert layers.nodes["lon"].is_null().all()
    assert layers.nodes["lat"].is_null().all()


def test_found_text_of_a_geojson_that_is_no_utf_8_is_refused(corpus: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(corpus, "geojson", tmp_path)
    nodes = folder / "nodes.geojson"
    content = nodes.read_bytes()
    assert b'"node_id": "' in content
    nodes.write_bytes(content.replace(b'"node_id": "', b'"node_id": "\xed\xa0\x80', 1))
    assert read_or_refuse(folder, "geojson") == "unreadable"


def test_found_a_date_beyond_python_s_years_is_taken_as_empty(corpus: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(corpus, "geoparquet", tmp_path)
    file = folder / "calendars.parquet"
    table = pq.read_table(file)
    days = pa.array([10**7] * table.num_rows, pa.int32()).cast(pa.date32())
    column = table.column_names.index("start")
    pq.write_table(table.set_column(column, "start", days), file)
    assert read_or_refuse(folder, "geoparquet") == "read"
