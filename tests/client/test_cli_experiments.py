"""An experiment from the command line, from the file to the report, as a person goes through it."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from greentrip import show_experiment
from greentrip.client import connect
from greentrip.v1 import comparison_pb2

SPEC = """
name = "fares"
question = "Which fare is best?"
network = "tiny"
sample = 0.002
max_days = 2
seeds = "0-1"
indicators = ["green_share", "mode_share.metro"]

[[scenario]]
name = "today"

[[scenario]]
name = "metro"
interventions = [{ kind = "SetFare", system = "metro", factor = "$f" }]
sweep = { method = "grid", values = { f = [0.5, 3.0] } }
cost_million_cny_year = 2
"""
LONG = SPEC.replace('"fares"', '"long"').replace('"0-1"', '"0-19"').replace("max_days = 2", "max_days = 60")
RESULTS = Path(__file__).parents[2] / "docs" / "results.md"

Tell = Callable[..., str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("experiments")
    with connect(data_dir=folder):
        yield folder


@pytest.fixture(scope="module")
def tell(data: Path) -> Tell:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "COLUMNS": "100"}

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "greentrip", *words, f"--data-dir={data}"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def done(tell: Tell, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    spec = tmp_path_factory.mktemp("spec") / "fares.toml"
    spec.write_text(SPEC)
    assert "0 of 6 runs done" in tell("experiment", "run", str(spec), "--check")
    told = tell("experiment", "run", str(spec))
    assert "6 of 6 runs done" in told
    assert "Which fare is best?" in told
    found: dict[str, Any] = json.loads(tell("experiment", "show", "fares", "--json"))
    return found


def test_it_is_shown_listed_and_asked_in_sql(tell: Tell, done: dict[str, Any]) -> None:
    assert [s["name"] for s in done["experiment"]["scenarios"]] == ["today", "metro~f=0.5", "metro~f=3"]
    assert "metro~f=0.5" in tell("experiment", "show", "fares")
    assert "experiments/fares" in tell("experiment", "list")
    sql = "SELECT scenario, count(DISTINCT seed) AS seeds FROM sums GROUP BY ALL ORDER BY ALL"
    assert tell("experiment", "query", "fares", sql).split() == [
        "scenario,seeds",
        "metro~f=0.5,2",
        "metro~f=3,2",
        "today,2",
    ]


def test_a_comparison_prints_parts_loads_and_pairs_within_100_columns(tell: Tell, done: dict[str, Any]) -> None:
    found = json.loads(tell("compare", "fares", "--json"))
    text = tell("compare", "fares", "--detail")
    assert max(len(line) for line in text.splitlines()) <= 100
    for by in ("district", "purpose", "income"):
        assert f"metro~f=3: green share by {by}" in text
    for what in ("boardings a weekday by line", "passengers who enter a weekday", "vehicles by street link and period"):
        assert f"metro~f=3: {what}" in text
    assert "Probability that A is better than B" in text
    detail = found["summary"]["detail"]["metro~f=3"]
    assert len(detail["links"]) > 10
    link = max(detail["links"], key=lambda r: abs(r["change"]))
    assert f"{link['from_node']} {link['to_node']} {link['period']}" in text
    assert "; the 10 largest changes" in text
    assert {d["scenario"] for d in found["differences"]} == {"metro~f=0.5", "metro~f=3"}
    assert "green share by district" not in tell("compare", "fares", "--no-detail")


@pytest.mark.parametrize("count", [3, 7])
def test_pairs_of_many_scenarios_are_read_elsewhere(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"s{i}" for i in range(count)]
    probability = [[0.5 if i == j else 0.123 for j in range(count)] for i in range(count)]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    summary = {
        "indicators": [{"name": "green_share", "direction": 1}],
        "scenarios": [{"scenario": name} for name in names],
        "beats": [{"indicator": "green_share", "scenarios": names, "probability": probability}],
        "between": [{"a": a, "b": b, "indicator": "green_share", "further_seeds": 41} for a, b in pairs],
        "cost_effectiveness": [],
    }
    found = comparison_pb2.ScenarioComparison(baseline="s0", level=0.95)
    found.summary.update(summary)
    show_experiment.comparison(found)
    printed = capsys.readouterr().out
    assert printed.count("0.123") == printed.count(" 41") == (3 if count == 3 else 0)
    assert ("summary.between of --json" in " ".join(printed.split())) == (count == 7)


def test_a_report_goes_to_a_folder(tell: Tell, done: dict[str, Any], tmp_path: Path) -> None:
    told = tell("report", "fares", "--to", str(tmp_path), "--detailed", "1", "--baseline", "metro~f=0.5")
    assert all(Path(line).is_file() for line in told.split())
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "greentrip report fares --baseline &#x27;metro~f=0.5&#x27; --detailed 1 --to DIR" in page
    assert "metro fares × 3 · 地铁票价 × 3" in (tmp_path / "figures" / "compared.csv").read_text(encoding="utf-8-sig")
    assert json.loads((tmp_path / "experiment.json").read_text(encoding="utf-8"))["name"] == "fares"


def test_the_manuals_question_to_the_files_is_answered(data: Path, done: dict[str, Any]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", RESULTS.read_text(encoding="utf-8"), re.DOTALL)
    made = subprocess.run(
        [sys.executable, "-c", example], cwd=data, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("metro~f=3") == 2
    assert '{"f": 0.5}' in made.stdout


def test_plans_are_set_side_by_side_and_written_as_feeds(tell: Tell, done: dict[str, Any], tmp_path: Path) -> None:
    run = done["experiment"]["runs"][0]["run"]
    asked = ("--stations=Harbour", "--vehicles=6", "--name=many", "--json")
    plan = json.loads(tell("optimize", "feeders", f"--run={run}", *asked))
    assert len(plan["routes"]) > 1
    hand = tmp_path / "hand.json"
    hand.write_text(json.dumps({"routes": plan["routes"][:1]}))
    tell("plan", "create", str(hand), "--network=tiny", "--name=one")
    told = tell("plan", "diff", "one", "many", "--gtfs", str(tmp_path))
    assert "added" in told
    assert "Residents within" in told
    assert all(zipfile.is_zipfile(tmp_path / f"{name}.zip") for name in ("one", "many"))
    assert json.loads(tell("plan", "diff", "many", "one", "--json"))["vehicles_after"] < 6


def test_it_can_be_paused_resumed_and_cancelled(tell: Tell, tmp_path: Path) -> None:
    spec = tmp_path / "long.toml"
    spec.write_text(LONG)
    assert "of 60 runs done" in tell("experiment", "run", str(spec), "--detach")
    assert "experiments/long  paused" in tell("experiment", "pause", "long")
    assert "RUNNING" in tell("experiment", "resume", "long", "--json")
    assert "experiments/long  cancelled" in tell("experiment", "cancel", "long")
