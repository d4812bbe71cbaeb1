"""The report on an experiment: complete, bilingual, the same bytes each time, figures equal to the comparison's."""

import csv
import io
import json
import zipfile
from xml.etree import ElementTree as ET

import pytest
from greentrip.client import CallError, Client
from greentrip.plain import plain
from greentrip_server.report.council.document import Document, Paragraph, Section, Table, Words
from greentrip_server.report.council.html import page
from greentrip_server.report.council.pdf import pdf
from greentrip_server.report.council.svg import intervals, ticks
from hypothesis import given
from hypothesis import strategies as st

SPEC = {
    "name": "report",
    "question": "Which fare is best? <b>&",
    "question_zh": "哪种票价最好？",
    "network": "tiny",
    "sample": 0.002,
    "max_days": 2,
    "seeds": [0, 1],
    "indicators": ["green_share", "mode_share.metro"],
    "scenario": [
        {"name": "today"},
        {
            "name": "dear",
            "interventions": [{"kind": "SetFare", "system": "metro", "factor": 3}],
            "cost_million_cny_year": 2,
        },
    ],
}


@pytest.fixture(scope="module")
def files(client: Client) -> dict[str, bytes]:
    client.run_experiment(SPEC)
    list(client.watch_experiment("report"))
    return client.experiment_report("report")


def test_it_is_self_contained_bilingual_and_repeats(client: Client, files: dict[str, bytes]) -> None:
    assert client.experiment_report("report") == files
    text = files["report.html"].decode()
    assert "哪种票价最好？" in text
    assert "Which fare is best? &lt;b&gt;&amp;" in text
    assert "<script" not in text
    assert all(f"{scheme}://" not in text.replace("http://www.w3.org/2000/svg", "") for scheme in ("http", "https"))
    assert text.count("<svg") >= 4
    assert files["report.pdf"].startswith(b"%PDF-")
    assert "greentrip experiment run experiment.json" in text


def test_its_figures_are_the_comparisons(client: Client, files: dict[str, bytes]) -> None:
    found = client.compare_scenarios("report")
    rows = list(csv.DictReader(io.StringIO(files["figures/differences.csv"].decode("utf-8-sig"))))
    told = {(r["scenario 情景"], r["key 键名"]): float(r["change 变化"]) for r in rows}
    assert told == {(d.scenario, d.indicator): d.change for d in found.differences}
    with zipfile.ZipFile(io.BytesIO(files["figures.xlsx"])) as book:
        root = ET.fromstring(book.read("xl/workbook.xml"))
        names = [e.attrib["name"] for e in root.iter() if e.tag.endswith("}sheet")]
    assert {f"figures/{n}.csv" for n in names} == {n for n in files if n.endswith(".csv")}


def test_what_it_carries_runs_the_same_experiment_again(client: Client, files: dict[str, bytes]) -> None:
    made = client.experiment("report")
    asked = json.loads(files["experiment.json"])
    again = client.run_experiment(asked, validate_only=True)
    assert again.content_hash == made.content_hash
    assert made.content_hash in files["report.html"].decode()
    assert plain(again.spec) == plain(made.spec)
    with pytest.raises(CallError, match="unknown experiment"):
        client.experiment_report("nowhere")


@given(st.text(max_size=60))
def test_any_text_is_escaped_in_the_page(text: str) -> None:
    words = Words(text, text)
    table = Table("t", words, (words,), ((text,),))
    made = page(Document(words, words, (Section(words, (Paragraph(words), table)),))).decode("utf-8", "surrogatepass")
    assert "<script" not in made


@pytest.mark.parametrize("text", ['a #b $c$ *d* _e_ `f` \\ " @g <h> [i] // j', "中文 — \u0007 ~ = - + /", ""])
def test_any_text_is_typeset_as_it_stands(text: str) -> None:
    words = Words(text, text)
    told = Document(
        words, words, (Section(words, (Paragraph(words, strong=True), Table("t", words, (words,), ((text,),)))),)
    )
    assert pdf(told) == pdf(told)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_round_and_within(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 2 <= len(found) <= 16
    assert all(low - 1e-6 * (abs(low) + span) <= t <= low + span + 1e-6 * (abs(low) + span) for t in found)


def test_an_interval_that_leaves_zero_is_coloured_by_what_is_better() -> None:
    rows = [("a", 1.0, (0.5, 1.5)), ("b", 0.1, (-0.5, 0.7))]
    drawn, turned = intervals(rows, "points", better=1), intervals(rows, "points", better=-1)
    assert "#1a7f4b" in drawn
    assert "#b3352c" not in drawn
    assert "#b3352c" in turned
    ET.fromstring(drawn)
