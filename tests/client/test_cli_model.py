"""The commands on the model itself, over the engine in a process of its own."""

import json
from pathlib import Path

import pytest
from greentrip.cli import app
from greentrip.cli.engine import run_engine
from typer.testing import CliRunner


def test_reactions_and_refusals_come_from_the_engine_process(tmp_path: Path) -> None:
    told: list[dict[str, object]] = []
    found = run_engine(["response", "tiny", "--sample", "0.02", "--days", "3"], told.append)
    assert [row["day"] for row in told] == [1, 2, 3]
    assert {r["name"] for r in found["reactions"]} >= {"metro_fare", "fuel_price"}
    assert found["fare_reform"] == []  # a fact of Beijing
    with pytest.raises(ValueError, match="unknown network 'atlantis'"):
        run_engine(["response", "atlantis"], told.append)
    targets = tmp_path / "t.csv"
    targets.write_text(
        "kind,name,value\nshare,walk,30\nshare,bicycle,12\nshare,bus,15\nshare,metro,16\nshare,other,37\n"
    )
    with pytest.raises(ValueError, match="add to 110"):
        run_engine(["calibrate", "tiny", "--targets", str(targets)], told.append)


def test_a_calibration_out_of_reach_writes_nothing_and_says_why(tmp_path: Path) -> None:
    out = tmp_path / "tiny.toml"
    asked = ["calibrate", "tiny", "--sample", "0.02", "--days", "4", "--out", str(out), "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 1
    assert isinstance(done.exception, ValueError)
    assert "not calibrated: not reached in 4 days" in str(done.exception)
    assert not out.exists()
    found = json.loads(done.stdout)
    assert not found["reached"]
    assert {c["class"] for c in found["classes"]} == {"metro", "bus", "bicycle", "walk", "other"}


def test_lines_are_written_as_asked(tmp_path: Path) -> None:
    out = tmp_path / "lines.csv"
    done = CliRunner().invoke(app, ["ridership", "tiny", "--sample", "0.02", "--days", "3", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert out.read_text(encoding="utf-8").splitlines()[0] == "line_id,name_en,name_zh,boardings_per_day"
    assert "Fullest sections" in done.stdout
