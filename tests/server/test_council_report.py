"""The report on an experiment: complete, bilingual, the same bytes each time, figures equal to the comparison's."""

import csv
import html
import io
import json
import re
import shlex
import zipfile
from xml.etree import ElementTree as ET

import pytest
import typer
from greentrip.cli import app
from greentrip.client import CallError, Client
from greentrip.plain import plain
from greentrip_server.report.council.document import Document, Paragraph, Section, Table, Words
from greentrip_server.report.council.html import page
from greentrip_server.report.council.pdf import _table, pdf
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
        {
            "name": "calm",
            "description": "no e-bikes",
            "interventions": [{"kind": "SwitchOff", "policy": "ebikes"}],
            "parameters": {"weight.walk": "$walk"},
            "sweep": {"method": "list", "values": {"walk": [1.25]}},
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
    assert {"figures/between.csv", "figures/compared.csv", "figures/warnings.csv"} < set(files)


def test_its_figures_are_the_comparisons(client: Client, files: dict[str, bytes]) -> None:
    found = client.compare_scenarios("report")
    told = {(r["scenario 情景"], r["key 键名"]): float(r["change 变化"]) for r in rows(files, "differences")}
    assert told == {(d.scenario, d.indicator): d.change for d in found.differences}
    with zipfile.ZipFile(io.BytesIO(files["figures.xlsx"])) as book:
        root = ET.fromstring(book.read("xl/workbook.xml"))
        names = [e.attrib["name"] for e in root.iter() if e.tag.endswith("}sheet")]
    assert {f"figures/{n}.csv" for n in names} == {n for n in files if n.endswith(".csv")}


def rows(files: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[f"figures/{name}.csv"].decode("utf-8-sig"))))


def test_it_says_what_is_compared_and_what_each_scenario_assumes(files: dict[str, bytes]) -> None:
    text = files["report.html"].decode()
    assert "What is compared<small>比较的方案" in text
    today, dear, calm = rows(files, "compared")
    assert (today["measures 措施"], today["runs done 完成运行"], today["seeds done 随机种子"]) == ("", "2", "0, 1")
    assert dear["measures 措施"] == "metro fares × 3 · 地铁票价 × 3"
    assert (dear["million CNY a year 百万元/年"], dear["parameters 参数"]) == ("2.0", "")
    assert calm["scenario 情景"] == "calm~walk=1.25"
    assert (calm["swept values 扫描取值"], calm["description 说明"]) == ("walk = 1.25", "no e-bikes")
    assert calm["parameters 参数"].startswith("weight.walk = 1.25, otherwise 1.4 · ")
    assert "switched off: ebikes (only calm~walk=1.25) · 停用：ebikes（仅 calm~walk=1.25）" in text
    assert "weight.walk = 1.4: assumed, walking all the way (only today, dear)" in text
    assert "invented for Greentrip · 为 Greentrip 虚构" in text


def test_what_did_not_settle_is_named_first_and_warned_of_by_scenario(files: dict[str, bytes]) -> None:
    text = files["report.html"].decode()
    first = text[text.index('id="s1"') : text.index('id="s2"')]
    assert first.index("all runs of all scenarios") < first.index("The target")
    assert {r["scenario 情景"] for r in rows(files, "warnings")} == {"today", "dear", "calm~walk=1.25"}
    assert all(r["in Chinese 中文"].startswith("2 天后仍未收敛") for r in rows(files, "warnings"))


def test_its_command_gives_the_same_report(client: Client, files: dict[str, bytes]) -> None:
    for asked in ({"baseline": "dear", "detailed": 1}, {"baseline": "calm~walk=1.25"}, {}):
        made = client.experiment_report("report", **asked) if asked else files
        (line,) = re.findall(r"greentrip report .*", html.unescape(made["report.html"].decode()))
        words = shlex.split(line.removesuffix("</pre>"))
        assert words[:2] == ["greentrip", "report"]
        command = typer.main.get_command(app)
        assert isinstance(command, typer.core.TyperGroup)
        options = command.commands["report"].make_context("report", words[2:]).params
        assert options["about"] == ["report"]
        assert str(options["to"]) == "DIR"
        again = client.experiment_report("report", baseline=options["baseline"], detailed=options["detailed"])
        assert again == made
        assert (options["baseline"], options["detailed"]) == (asked.get("baseline", ""), asked.get("detailed", 4))


def test_intervals_are_numbers_in_the_workbook(files: dict[str, bytes]) -> None:
    spaces = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(io.BytesIO(files["figures.xlsx"])) as book:
        sheets = [e.attrib["name"] for e in ET.fromstring(book.read("xl/workbook.xml")).iterfind(".//m:sheet", spaces)]
        for name in ("answer", "cost"):
            head = list(rows(files, name)[0])
            low = [i for i, h in enumerate(head) if h in ("low 下限", "high 上限", "change 变化")]
            assert len(low) >= 2
            sheet = ET.fromstring(book.read(f"xl/worksheets/sheet{sheets.index(name) + 1}.xml"))
            for row in list(sheet.iterfind(".//m:row", spaces))[1:]:
                cells = row.findall("m:c", spaces)
                assert all(cells[i].get("t") != "s" and cells[i].find("m:v", spaces) is not None for i in low)


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


def test_a_long_table_says_in_both_languages_where_the_rest_is_and_long_names_break() -> None:
    words = Words("scenario", "情景")
    source = _table(Table("many", words, (words,), tuple((f"a~factor_{i}=0.5",) for i in range(63))))
    assert "3 more rows: many.csv" in source
    assert "另有 3 行，见 many.csv" in source
    assert "a~\u200bfactor_\u200b59=\u200b0.5" in source
    assert "factor_\u200b60" not in source
    assert "abcdefghijklmn\u200bop" in _table(Table("one", words, (words,), (("abcdefghijklmnop",),)))


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
