import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import greentrip
import pytest

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def admin(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "greentrip_server.admin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("backup")
    with greentrip.connect(data_dir=folder / "data") as client:
        client.create_scenario("tiny", name="s", description="\u5317")
        done = client.simulate("tiny", seeds=(1,), sample=0.002, max_days=2)
        tables = {name: client.table(done.names[0], name) for name in ("trips", "links")}
        made = admin("backup", folder / "all.tar", "--data-dir", folder / "data", "--json")  # while the server works
    assert json.loads(made.stdout)["runs"] == 1, made.stderr
    return folder, folder / "all.tar", tables | {"name": done.names[0].encode()}


def test_a_backup_comes_back_whole(kept, tmp_path: Path) -> None:
    _, file, tables = kept
    assert admin("restore", file, "--data-dir", tmp_path / "new").returncode == 0
    with greentrip.connect(data_dir=tmp_path / "new") as client:
        assert client.scenario("s").description == "\u5317"
        for name in ("trips", "links"):
            assert client.table(tables["name"].decode(), name) == tables[name]
        assert client.create_scenario("tiny", name="after").name == "scenarios/after"


def test_a_store_that_holds_something_is_not_written_over(kept) -> None:
    folder, file, _ = kept
    refused = admin("restore", file, "--data-dir", folder / "data")
    assert refused.returncode == 1
    assert "restore into an empty one" in refused.stderr
    assert "name a new file" in admin("backup", file, "--data-dir", folder / "data").stderr


def test_a_backup_with_other_bytes_is_refused_and_leaves_nothing(kept, tmp_path: Path) -> None:
    _, file, _ = kept
    with tarfile.open(file) as source, tarfile.open(tmp_path / "bad.tar", "w") as target:
        for member in source.getmembers():
            content = bytearray(source.extractfile(member).read())
            if member.name.endswith("trips.parquet"):
                content[len(content) // 2] ^= 1
            import io

            target.addfile(member, io.BytesIO(bytes(content)))
    refused = admin("restore", tmp_path / "bad.tar", "--data-dir", tmp_path / "new")
    assert "other bytes" in refused.stderr
    assert not [p for p in (tmp_path / "new" / "runs").iterdir() if p.is_dir()]
    assert admin("restore", file, "--data-dir", tmp_path / "new").returncode == 0


def test_a_run_whose_tables_are_damaged_is_marked_at_start_and_comes_back_by_a_retry(kept, tmp_path: Path) -> None:
    _, file, tables = kept
    name = tables["name"].decode()
    assert admin("restore", file, "--data-dir", tmp_path / "new").returncode == 0
    trips = tmp_path / "new" / name / "trips.parquet"
    trips.write_bytes(trips.read_bytes()[:-10])
    seen = admin("doctor", "--data-dir", tmp_path / "new")
    assert seen.returncode == 1
    assert "trips.parquet holds" in seen.stdout
    with greentrip.connect(data_dir=tmp_path / "new") as client:
        import time

        until = time.monotonic() + 10
        while client.run(name).error.code != 15:  # DATA_LOSS
            assert time.monotonic() < until
            time.sleep(0.1)
        client.retry(name)
        assert list(client.watch(name))[-1].error.code == 0
        assert client.table(name, "trips") == tables["trips"]
