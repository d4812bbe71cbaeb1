"""The network commands, as scripts meet them."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from greentrip.client import connect
from greentrip_networks.formats import read_layers, write_layers
from greentrip_networks.layers import Layers, differences
from greentrip_networks.layers_of import layers_of
from greentrip_networks.read import tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("data")
    with connect(data_dir=folder):
        yield str(folder)


@pytest.fixture(scope="module")
def layers() -> Layers:
    return layers_of(tiny())


@pytest.fixture(scope="module")
def feed(layers: Layers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("feed") / "feed.zip"
    write_layers(layers, path, "gtfs")
    return path


def run(data: str, *words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "greentrip", "network", *words, "--data-dir", data],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def test_import_show_validate_export_delete(data: str, feed: Path, layers: Layers, tmp_path: Path) -> None:
    out = run(data, "import", str(feed), "--as", "harbour").stdout
    assert "stored as networks/harbour" in out
    assert "to simulate it: zones: saw 'none'; expected zones to simulate; import zones" in out
    assert "harbour" in run(data, "list").stdout.split()
    assert "182 pattern_stops" in run(data, "show", "harbour").stdout
    check = json.loads(run(data, "validate", "harbour", "--json").stdout)
    assert check["errors"] == 0
    assert check["counts"]["stops"] == 79
    run(data, "export", "harbour", "--format", "gtfs", "--to", str(tmp_path / "out.zip"))
    assert differences(read_layers(feed), read_layers(tmp_path / "out.zip"), 1e-6) == []
    assert (
        "expected one of"
        not in run(data, "export", "tiny", "--format", "node-link", "--to", str(tmp_path / "a.json")).stderr
    )
    assert differences(layers, read_layers(tmp_path / "a.json")) == []
    run(data, "delete", "harbour")
    assert "harbour" not in run(data, "list").stdout.split()


def test_bad_files_end_with_code_2_and_nothing_stored(data: str, feed: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(feed) as old, zipfile.ZipFile(tmp_path / "bad.zip", "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            new.writestr(name, text.replace("west-mill.1,", "nowhere,") if name == "stop_times.txt" else text)
    done = run(data, "import", str(tmp_path / "bad.zip"), "--as", "bad", code=2)
    assert "error: stop_times.txt, line " in done.stdout
    assert "saw 'nowhere'; expected the id of a known stop" in done.stdout
    assert "nothing is stored as bad" in done.stderr
    made = json.loads(run(data, "import", str(tmp_path / "bad.zip"), "--as", "bad", "--json", code=2).stdout)
    assert made["check"]["errors"] > 0
    assert made["check"]["problems"][0]["code"] == "unknown-stop"
    assert json.loads(run(data, "validate", str(tmp_path / "bad.zip"), "--json", code=2).stdout)["errors"] > 0
    assert "bad" not in run(data, "list").stdout.split()
    assert (
        "stored as networks/mended"
        in run(data, "import", str(tmp_path / "bad.zip"), "--as", "mended", "--repair").stdout
    )
    run(data, "import", str(tmp_path / "none.zip"), "--as", "none", code=1)


def test_a_place_that_cannot_be_written_is_named_with_what_to_do(data: str, feed: Path, tmp_path: Path) -> None:
    words = ("export", "tiny", "--format")
    inside = run(data, *words, "gtfs", "--to", str(feed / "x.zip"), code=1).stderr
    assert inside == f"greentrip: {feed}: a file is where a folder is wanted; choose another place\n"
    over = run(data, *words, "node-link", "--to", str(tmp_path), code=1).stderr
    assert over == f"greentrip: {tmp_path}: a folder is where a file is wanted; name a file in it\n"
    assert not list(tmp_path.iterdir())
