"""The contract serves another language: a run from Node, by the .proto files alone."""

import json
import shutil
import subprocess
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import greentrip
import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "node"


def test_a_run_from_node(tmp_path: Path) -> None:
    if shutil.which("node") is None or not (CLIENT / "node_modules").is_dir():
        pytest.skip("needs Node, and `npm install` in clients/node")
    spec = spec_from_file_location("stubs", ROOT / "tools" / "stubs.py")
    stubs = module_from_spec(spec)
    spec.loader.exec_module(stubs)
    stubs.stage_imports(tmp_path / "google")
    wellknown = Path(find_spec("grpc_tools").origin).parent / "_proto" / "google" / "protobuf"
    shutil.copytree(wellknown, tmp_path / "google" / "google" / "protobuf")
    with greentrip.connect(data_dir=tmp_path / "data") as client:
        address = json.loads((tmp_path / "data" / "server.json").read_text())["address"]
        done = subprocess.run(
            ["node", "smoke.mjs", address, str(ROOT / "proto"), str(tmp_path / "google")],
            cwd=CLIENT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert "networks/tiny" in said["networks"]
        assert said["states"][-1] == "RUN_STATE_SUCCEEDED"
        assert said["trips"] == client.result("from-node").trips
        assert said["arrow_bytes"] == len(client.table("from-node", "trips"))
        assert said["refused"] == "NOT_FOUND"
