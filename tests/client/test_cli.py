"""The command line, as scripts and people meet it."""

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from greentrip.client import connect


def greentrip(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "greentrip", *arguments], capture_output=True, text=True, env=environment, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def test_help_is_quick() -> None:
    greentrip("--help")
    started = time.perf_counter()
    assert "demo" in greentrip("--help").stdout
    assert time.perf_counter() - started < 1


def test_the_client_needs_no_engine() -> None:
    code = (
        "import sys, greentrip.client, greentrip.cli\n"
        "print([m for m in ('numpy', 'polars', 'greentrip_networks') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
        ).stdout.strip()
        == "[]"
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the option of a data directory whose owner every command finds."""
    folder = tmp_path_factory.mktemp("cli")
    with connect(data_dir=folder):
        yield f"--data-dir={folder}"


def test_the_commands_do_the_main_job(data: str, tmp_path: Path) -> None:
    def read(*arguments: str) -> Any:
        return json.loads(greentrip(*arguments, "--json", data).stdout)

    assert "tiny" in read("network", "list")
    assert read("network", "show", "tiny")["summary"]["zones"] == 20
    change = '{"kind": "SetHeadway", "line": "1", "headway_s": 120}'
    made = read("scenario", "create", "fast", "--network=tiny", f"--intervention={change}")
    assert made["interventions"] == [{"set_headway": {"line": "1", "headway_s": 120.0, "period": ""}}]
    assert [s["name"] for s in read("scenario", "list")] == ["scenarios/fast"]
    assert read("scenario", "show", "fast") == made
    common = ("--sample=0.002", "--max-days=2", "--seeds=0,1")
    base = [r["run"] for r in read("simulate", "tiny", *common)]
    fast = [r["run"] for r in read("simulate", "fast", *common)]
    assert read("compare", ",".join(base), ",".join(fast))["seeds"] == [0, 1]
    plan = read("optimize", "feeders", f"--run={base[0]}", "--stations=Harbour", "--vehicles=4", "--name=north")
    assert plan["name"] == "plans/north"
    assert read("plan", "show", "north") == plan
    with_plan = [r["run"] for r in read("simulate", "tiny", "--plan=north", *common)]
    feed, page = tmp_path / "feed.zip", tmp_path / "page.html"
    read("plan", "export", "north", f"--out={feed}")
    assert zipfile.is_zipfile(feed)
    read("report", ",".join(base), ",".join(with_plan), "--plan=north", f"--out={page}")
    assert page.read_text().lstrip().lower().startswith("<!doctype html>")
    assert len(read("run", "list")) == 6
    hand = tmp_path / "hand.json"
    hand.write_text(json.dumps({"routes": plan["routes"][:1]}))
    assert read("plan", "create", str(hand), "--network=tiny", "--name=hand")["name"] == "plans/hand"
    asked_for = (f"--run={base[0]}", "--stations=Harbour", "--vehicles=9", "--keep=hand", "--loops")
    more = read("optimize", "feeders", *asked_for)
    assert "loops_listed" in more["indicators"]
    assert more["routes"][0] == plan["routes"][0]
    lines = greentrip("optimize", "lines", f"--run={base[0]}", "--near=900", "--share=0.2", "--full=0.05", data).stdout
    assert "Demonstration: the bus lines are generated" in lines
    assert "lines beside rail" in lines
    buses = greentrip("optimize", "commuter-buses", f"--run={base[0]}", "--vehicles=5", "--prices=4,6", data).stdout
    assert "customised buses, a day" in buses
    assert "Not simulated" in buses
    asked = tmp_path / "lines.json"
    asked.write_text('{"fleet": 9, "lines": [{"name": "a", "cycle_min": 50, "riders": 600}]}')
    assert read("optimize", "frequencies", str(asked))["buses"] == {"a": 9}
    table, layer = tmp_path / "geh.csv", tmp_path / "links.geojson"
    counts = tmp_path / "counts.csv"
    counts.write_text("link,period,count\n42,am,100\n")
    found = read("run", "table", base[0], "counts", f"--counts={counts}", f"--out={table}", f"--layer={layer}")
    assert found["rows"][0]["counted_h"] == "100"
    assert table.read_text().startswith('"link","direction","period","counted_h"')
    assert json.loads(layer.read_text())["features"][0]["properties"]["link"] == "42"
    loads = read("run", "table", base[0], "section_loads", "--by=hour", "--period=am", "--mode=metro")
    assert {row["period"] for row in loads["rows"]} == {"07", "08"}
    printed = greentrip("run", "table", base[0], "emissions", data).stdout
    assert "petrol_euro5" in printed
    assert "the fleet's mix is assumed" in printed


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("network", "show", "beijing-2109"), "nearest: beijing-2019"),
        (("simulate", "tiny", "--seeds=a"), "whole numbers separated by commas"),
        (("simulate", "tiny", "--sample=7"), "run.sample: saw 7; expected above 0 to 1"),
        (("plan", "show", "none"), "unknown plan"),
        (("optimize", "lines", "--run=none"), "unknown run"),
        (("optimize", "commuter-buses", "--run=none", "--vehicles=3", "--prices=x"), "expected numbers separated"),
        (("run", "table", "none", "screenlines"), "unknown run"),
        (("run", "table", "none", "screenlines", "--out=x.xlsx"), "expected a name that ends with .csv or .arrow"),
        (("scenario", "create", "x", "--network=tiny", "--intervention={"), "greentrip: "),
    ],
)
def test_a_failure_is_one_line_and_not_zero(data: str, arguments: tuple[str, ...], text: str) -> None:
    done = greentrip(*arguments, data, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert text in done.stderr


def test_a_command_starts_the_service_when_nobody_owns_the_data(tmp_path: Path) -> None:
    assert "tiny" in greentrip("network", "list", f"--data-dir={tmp_path}").stdout.split()
    assert not (tmp_path / "server.json").exists()


def test_other_addresses_than_loopback_are_refused(tmp_path: Path) -> None:
    done = greentrip("serve", "--address=0.0.0.0:50051", f"--data-dir={tmp_path}", check=False)
    assert done.returncode != 0
    assert "TLS and tokens" in done.stderr
