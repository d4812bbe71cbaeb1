"""The report of a plan for the tiny city: complete, self-contained, repeatable, no verdict from runs not settled."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import plotly.graph_objects as go
import pytest
from greentrip_agents import MODES, Run, compare, simulate
from greentrip_networks import FeederRoute, Network, tiny
from greentrip_optimizer import Plan
from greentrip_optimizer.feeders import design
from greentrip_optimizer.instances import made_up_demand
from greentrip_optimizer.options import FeederOptions
from greentrip_server.report import write_report
from greentrip_server.report.maps import station_panels
from hypothesis import given
from hypothesis import strategies as st

VOID = {"meta", "br", "path", "circle", "rect", "i"}


@pytest.fixture(scope="module")
def city() -> Network:
    return tiny()


@pytest.fixture(scope="module")
def plan(city: Network) -> Plan:
    stations = [city.station(name) for name in ("Harbour", "Lakeside", "West Mill")]
    made = design(made_up_demand(city, stations, trips=4.0), city, FeederOptions(vehicles=12))
    assert made.routes
    return made


@pytest.fixture(scope="module")
def runs(city: Network, plan: Plan) -> tuple[list[Run], list[Run]]:
    changed = plan.intervention().apply(city)
    return tuple([simulate(n, sample=0.004, seed=s, max_days=2) for s in (0, 1)] for n in (city, changed))


def settled(run: Run) -> Run:
    return replace(run, indicators={**run.indicators, "converged": True, "warnings": []})


def summary(interval: Sequence[float | None] | None = (-0.03, 0.08)) -> dict[str, Any]:
    shares = {m: {"base": 12.5, "other": 12.6, "change": 0.1, "interval": interval} for m in MODES}
    headline = {
        "observed": 74.1,
        "change_points": 0.025,
        "interval": interval,
        "forecast": 74.125,
        "target": 75.0,
        "verdict": "missed",
        "note": "preliminary: simulation noise only",
    }
    diversion = [
        {"from": "car", "to": "metro", "trips_per_day": 900.0},
        {"from": "metro", "to": "car", "trips_per_day": 200.0},
        {"from": "bus", "to": "metro", "trips_per_day": 400.0},
        {"from": "bus", "to": "bus", "trips_per_day": 4000.0},
    ]
    return {"headline": headline, "shares": shares, "diversion": diversion, "seeds": [0, 1], "warnings": []}


def write(path: Path, city: Network, base: list[Run], plan: Plan, other: list[Run], found: Mapping[str, Any]) -> str:
    comparison = SimpleNamespace(summary=found)
    write_report(path, network=city, base_runs=base, plan=plan, with_runs=other, comparison=comparison)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, city: Network, plan: Plan, runs: tuple[list[Run], list[Run]]) -> str:
    base, other = ([settled(r) for r in side] for side in runs)
    return write(tmp_path_factory.mktemp("report") / "one.html", city, base, plan, other, summary())


def body(page: str) -> str:
    return page[page.index("<body>") : page.index("</html>", page.index("<body>"))]


def figures(page: str) -> dict[str, go.Figure]:
    drawn = {}
    for line in re.findall(r"<script>draw\((.*)\)</script>", body(page)):
        name, data, layout, _ = json.loads(f"[{line}]")
        drawn[name] = go.Figure(data=data, layout=layout)  # raises on anything that Plotly does not know
    return drawn


class Tags(HTMLParser):
    """Checks that tags nest, and keeps what they name."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids.extend(v for k, v in attrs if k == "id" and v)
        self.loads.extend(v for k, v in named.items() if k in {"src", "href"} and v and not v.startswith("#"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing(page: str) -> None:
    tags = Tags()
    tags.feed(body(page))
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))
    assert tags.loads == []
    head = page[: page.index("<script>")]
    assert "@import" not in head
    assert "url(" not in head
    assert len(page.encode()) < 8e6


def test_the_answer_comes_first(page: str) -> None:
    text = body(page)
    box = text[text.index('id="verdict"') : text.index("<nav>")]
    for said in ("75 %", "74.1 %", "+0.025", "−0.030 to +0.080", "missed", "preliminary: simulation noise only"):
        assert said in box
    assert "700 trips a weekday" in box  # 900 left the car for the metro, 200 went back; bus to metro adds nothing
    assert 'class="alarm"' not in text


def test_every_figure_is_one_that_plotly_knows(page: str) -> None:
    assert set(figures(page)) == {"shares", "city", "districts", "distance", "gap", "green"}


def test_shares_of_distance_add_up(page: str) -> None:
    assert sum(sum(bar.y) for bar in figures(page)["distance"].data) == pytest.approx(100, abs=0.05)


def test_every_route_has_its_row_and_its_line(page: str, plan: Plan, city: Network) -> None:
    text = body(page)
    for route in plan.routes:
        assert f"<td>{route.id}</td>" in text
        assert f"<title>{route.id}: every {route.every_min} min</title>" in text
        assert text.count(f"<title>{route.id}, stop ") == len(route.stops)
        assert city.rail.nodes[route.station]["name_zh"] in text
    assert plan.bound_kind in text


def test_it_names_what_it_rests_on(page: str, city: Network, plan: Plan) -> None:
    for said in (*city.assumptions, *city.sources, "seeds", plan.content_hash[:16], "greentrip 0.1.0"):
        assert said in page


def test_a_run_that_is_not_settled_gives_no_verdict(
    tmp_path: Path, city: Network, plan: Plan, runs: tuple[list[Run], list[Run]]
) -> None:
    base, other = runs
    assert not base[0].indicators["converged"]
    text = body(write(tmp_path / "p.html", city, base, plan, other, summary()))
    assert 0 < text.index('class="alarm"') < text.index('id="verdict"')
    answer = text[text.index('class="answer"') :]
    assert answer.startswith('class="answer">no verdict')
    assert "seed 0: NOT CONVERGED" in text


def test_the_same_input_gives_the_same_bytes(
    tmp_path: Path, page: str, city: Network, plan: Plan, runs: tuple[list[Run], list[Run]]
) -> None:
    for side, name in zip(runs, ("base", "other"), strict=True):
        for i, run in enumerate(side):
            settled(run).save(tmp_path / f"{name}{i}")
    base, other = ([Run.load(tmp_path / f"{name}{i}") for i in (0, 1)] for name in ("base", "other"))
    again = write(tmp_path / "two.html", tiny(), base, Plan.from_dict(plan.to_dict()), other, summary())
    assert again == page


def test_a_loop_is_drawn_round_and_named(city: Network) -> None:
    path = ("n1204", "n1205", "n1305", "n1304", "n1204")
    loop = FeederRoute(
        "round",
        "harbour",
        ("n1205", "n1304"),
        path,
        (340.0, 120.0),
        2900.0,
        (600.0, 900.0, 720.0),
        2,
        60,
        4000.0,
        (100.0, 320.0),
    )
    panel = station_panels(SimpleNamespace(network=city, plan=SimpleNamespace(routes=(loop,))))
    drawn = re.search(r'd="M([^"]*)"[^>]*><title>round: every 10/15/12 min', panel)
    assert drawn is not None
    points = drawn[1].split("L")
    assert len(points) == len(path) + 2
    assert points[0] == points[-1]
    assert "round (loop 环线): every 10/15/12 min" in panel
    assert "stop 1: 6 min to the station, 2 min from it, every 10/15/12 min" in panel


def test_one_seed_and_a_null_plan_are_shown(
    tmp_path: Path, city: Network, plan: Plan, runs: tuple[list[Run], list[Run]]
) -> None:
    empty = replace(plan, routes=(), objective=0.0, bound=0.0, gap=0.0, indicators={})
    found = {**summary(None), "seeds": [0], "diversion": [{"from": "car", "to": "walk", "trips_per_day": 5.0}]}
    base = [settled(runs[0][0])]
    text = body(write(tmp_path / "p.html", city, base, empty, base, found))
    assert "The plan holds no route." in text
    assert "<td>Car 小汽车</td><td>Walk 步行</td><td class=n>5</td><td class=n>0</td><td class=n>5</td>" in text


def test_without_a_published_share_there_is_no_verdict(
    tmp_path: Path, city: Network, plan: Plan, runs: tuple[list[Run], list[Run]]
) -> None:
    base, other = ([settled(r) for r in side] for side in runs)
    unknown = {"observed": None, "forecast": None, "verdict": "none", "note": "no observed share of this year"}
    found = {**summary(), "headline": {**summary()["headline"], **unknown}}
    text = body(write(tmp_path / "p.html", city.with_(observed=()), base, plan, other, found))
    assert 'class="answer">no verdict: no observed share of this year<' in text
    assert "gauge" not in text


def test_what_the_model_compares_is_shown(
    tmp_path: Path, city: Network, plan: Plan, runs: tuple[list[Run], list[Run]]
) -> None:
    base, other = ([settled(r) for r in side] for side in runs)
    found = compare(base, other, city).summary
    text = body(write(tmp_path / "p.html", city, base, plan, other, found))
    head = found["headline"]
    assert f"{head['verdict']} (preliminary: simulation noise only)" in text
    assert f"<b>{head['forecast']:,.2f} %</b>" in text


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=20))
def test_no_text_escapes_its_place(text: str) -> None:
    from greentrip_server.report.markup import figure, table

    tags = Tags()
    tags.feed(table(("a", text), [[text, 1.0]], caption=text))
    drawn = figure("f", [{"name": text}], {}, height=10)
    assert drawn.count("</script") == 1
    assert json.loads(f"[{drawn.partition('draw(')[2].rpartition(')</script>')[0]}]")[1][0]["name"] == text
    assert tags.open == []
