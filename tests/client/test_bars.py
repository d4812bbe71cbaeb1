"""Progress shows below a notebook's cell, where there is no terminal, and needs no widgets for it."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from greentrip import show
from greentrip.v1 import run_pb2
from nbclient import NotebookClient

CELL = """
from greentrip import show
from greentrip.v1 import plan_pb2, run_pb2
with show.bars(quiet=False) as bars:
    follow = bars.run("base <b>")
    for day in (1, 30):
        follow(run_pb2.Run(name="runs/a", seed=7, progress=run_pb2.RunProgress(day=day, max_days=60)))
    bars.design(plan_pb2.PlanMetadata(plan="plans/p", fraction=0.25, message="tour 3"))
"""


def test_bars_stand_below_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(Path(p).resolve()) for p in sys.path if p))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=60).execute()
    (shown,) = (o for o in notebook.cells[0].outputs if o.output_type == "display_data")
    drawn = shown.data["text/html"]
    assert drawn.count("<progress") == 2
    assert "value=0.500" in drawn
    assert "base &lt;b&gt;, seed 7" in drawn
    assert "tour 3" in drawn
    assert not any("ipywidgets" in o.get("text", "") for o in notebook.cells[0].outputs)


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with show.bars(quiet=False) as bars:
        bars.run("base")(run_pb2.Run(name="runs/a", progress=run_pb2.RunProgress(day=1, max_days=60)))
    assert capsys.readouterr() == ("", "")
