"""The demo itself, on the tiny city, and its stations on Beijing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from greentrip.demo import BEIJING, TINY
from greentrip_networks import beijing, tiny


def demo(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", "greentrip", "demo", "--small", "--out=demo.html", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_small_demo_says_the_same_twice_and_writes_its_report(tmp_path: Path) -> None:
    outputs, pages = [], []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        found = json.loads(demo(folder, "--json"))
        assert found.pop("timings")["total"] > 0
        outputs.append(json.dumps(found, sort_keys=True))
        pages.append((folder / "demo.html").read_bytes())
    assert outputs[0] == outputs[1]
    assert pages[0] == pages[1]


@pytest.mark.slow
def test_the_demo_prints_tables_for_people(tmp_path: Path) -> None:
    printed = demo(tmp_path)
    assert max(len(line) for line in printed.splitlines()) <= 100
    for text in ("Verdict", "Target", "feeder routes", "Shares, seeds 0, 1", "Report: demo.html"):
        assert text in printed


def test_the_demos_stations_exist() -> None:
    city, small = beijing(2019), tiny()
    assert len({city.station(name) for name in BEIJING.stations}) == len(BEIJING.stations) >= 12
    assert len({small.station(name) for name in TINY.stations}) == len(TINY.stations)
