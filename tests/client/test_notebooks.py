"""The notebooks run from top to bottom, on the tiny city, and hold no output in the repository."""

import ast
import os
import sys
from pathlib import Path

import nbformat
import pytest
from greentrip.client import connect
from nbclient import NotebookClient

PAGES = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("[0-9]*.ipynb"))  # others need an extra
SMALL = {
    "1-load-a-city": 'CITY, AREA, PLACE = "tiny", "Old City", "Harbour"',
    "2-test-a-measure": 'CITY, SAMPLE, SEEDS, DAYS = "tiny", 0.002, range(2), 2',
    "3-compare-plans": 'CITY, STATIONS, BUSES = "tiny", ["Lakeside", "Old Ferry"], {"few": 4, "many": 12}\n'
    "SAMPLE, SEEDS, DAYS = 0.002, [0, 1], 2",
    "4-your-own-gtfs": 'FEED, STREETS, NAME, SAMPLE, DAYS = "feed.zip", "streets", "my-town", 0.002, 2',
}


def test_there_is_a_small_version_of_each() -> None:
    assert {p.stem for p in PAGES} == set(SMALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_it_holds_no_output(page: Path) -> None:
    cells = nbformat.read(page, as_version=4).cells
    assert not any(c.get("outputs") or c.get("execution_count") for c in cells)
    assert next(c.metadata.get("tags") for c in cells if c.cell_type == "code") == ["parameters"]


def assigned(source: str) -> set[str]:
    return {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


@pytest.mark.slow
def test_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(Path(p).resolve()) for p in sys.path if p))
    monkeypatch.setenv("GREENTRIP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    with connect(data_dir=tmp_path / "data", workers=1):  # one server for all
        for page in PAGES:
            notebook = nbformat.read(page, as_version=4)
            first = next(c for c in notebook.cells if c.cell_type == "code")
            assert assigned(SMALL[page.stem]) == assigned(first.source)
            first.source = SMALL[page.stem]
            NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
            shown = [o for c in notebook.cells for o in c.get("outputs", []) if o.output_type != "stream"]
            assert all(o.output_type == "execute_result" for o in shown), page.stem
            assert shown
