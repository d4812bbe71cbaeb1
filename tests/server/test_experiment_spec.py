"""What an experiment's specification may say, and what it expands to."""

from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from greentrip_agents.parameters import default_parameters
from greentrip_networks.errors import GreentripError
from greentrip_networks.scenario import intervention_from_dict
from greentrip_server.experiments.expand import BatchLimitError, check_size, expand, points
from greentrip_server.experiments.members import content_of, plain_point
from greentrip_server.experiments.spec import Sweep, read_spec, read_toml
from greentrip_server.jobs import run_hash
from hypothesis import given, settings
from hypothesis import strategies as st

HEADWAY = {"kind": "SetHeadway", "line": "1", "headway_s": "$h"}


def spec(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "network": "tiny", "scenario": [{"name": "a"}], **changes}


def swept(method: str, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "a", "interventions": [HEADWAY], "sweep": {"method": method, "values": values, **more}}


def nothing(name: str) -> Any:
    raise AssertionError(name)


def test_a_grid_makes_every_combination_and_fills_them_in() -> None:
    family = swept("grid", {"h": [90, 120], "w": {"low": 1.0, "high": 2.0, "steps": 3}})
    family["parameters"] = {"weight": {"walk": "$w"}}  # as TOML reads weight.walk
    found = expand(read_spec(spec(scenario=[family])), nothing, nothing)
    assert [(p.interventions[0]["headway_s"], p.parameters["weight.walk"]) for p in found] == [
        (h, w) for h in (90, 120) for w in (1.0, 1.5, 2.0)
    ]
    assert found[0].name == "a~h=90~w=1"
    assert len({p.name for p in found}) == 6


def test_a_list_goes_in_step() -> None:
    family = swept("list", {"h": [90, 120], "line": ["1", "2"]})
    family["interventions"] = [{**HEADWAY, "line": "$line"}]
    found = expand(read_spec(spec(scenario=[family])), nothing, nothing)
    assert [p.values for p in found] == [{"h": 90, "line": "1"}, {"h": 120, "line": "2"}]


@given(count=st.integers(1, 60), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_latin_hypercube_uses_each_stratum_once_on_each_axis(count: int, seed: int) -> None:
    values = {"h": {"low": 60, "high": 180}, "w": {"low": -1, "high": 1}}
    read = read_spec(
        spec(
            scenario=[{**swept("latin-hypercube", values, count=count, seed=seed), "parameters": {"weight.walk": "$w"}}]
        )
    )
    sweep = read.families[0].sweep
    assert isinstance(sweep, Sweep)
    rows = list(points(sweep))
    assert rows == list(points(sweep))
    for name, low, high in (("h", 60, 180), ("w", -1, 1)):
        share = (np.array([r[name] for r in rows]) - low) / (high - low)
        assert sorted(np.floor(share * count).astype(int)) == list(range(count))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (spec(scenarios=[]), "unknown field of an experiment 'scenarios'; nearest: scenario"),
        (spec(name="No Good"), "name: saw 'No Good'"),
        (spec(seeds=[1, 1]), "seeds: name a seed twice"),
        (spec(seeds="0-x"), "expected numbers and ranges"),
        (spec(sample=2), "sample: saw 2; expected above 0 to 1"),
        (spec(scenario=[{"name": "a"}, {"name": "a"}]), "'a' appears twice"),
        (spec(scenario=[{"name": "a/b"}]), "scenario[0].name"),
        (spec(scenario=[]), "scenario: is empty"),
        (spec(baseline="b"), "unknown scenario 'b'"),
        (spec(scenario=[{"name": "a", "interventions": [HEADWAY]}]), "unknown swept value 'h'"),
        (spec(scenario=[swept("grid", {"headway": [1], "h": [2]})]), "is used nowhere"),
        (spec(scenario=[swept("grit", {"h": [1]})]), "unknown sweep method 'grit'; nearest: grid"),
        (spec(scenario=[swept("list", {"h": [1, 2], "w": [1]})]), "is used nowhere|different lengths"),
        (spec(scenario=[swept("latin-hypercube", {"h": {"low": 1, "high": 2}})]), "count: is empty"),
        (spec(scenario=[swept("grid", {"h": {"low": 2, "high": 1, "steps": 3}})]), "expected low below high"),
        (spec(scenario=[swept("grid", {"h": [True]})]), "expected a number or text"),
        (spec(sample=0), "sample: saw 0; expected above 0 to 1"),
        (spec(max_days=0), "max_days: saw 0; expected 2 to 1000"),
        (spec(limits={"runs": 0}), "limits.runs: saw 0; expected 1 to"),
        (spec(scenario=[{"name": "a", "parameters": {"weight.walk": "abc"}}]), "parameters.weight.walk: saw 'abc'"),
        (spec(indicators=["green_shore"]), "unknown indicator 'green_shore'; nearest: green_share"),
        (spec(indicators=["green_share.", "mode"]), "unknown indicator 'mode'; nearest: mode_share"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(data: dict[str, Any], text: str) -> None:
    with pytest.raises(GreentripError) as caught:
        read_spec(data)
    assert any(part in str(caught.value) for part in text.split("|"))


def test_bad_toml_is_named_by_line() -> None:
    with pytest.raises(GreentripError, match="line 2"):
        read_toml("name = 'x'\nseeds = [0,,1]\n")


def test_a_sweep_that_explodes_is_refused_by_count_and_time_without_being_listed() -> None:
    values = {f"v{i}": {"low": 0, "high": 1, "steps": 1000} for i in range(6)}
    family = swept("grid", values)
    family["interventions"] = [{"kind": "X", **{n: f"${n}" for n in values}}]
    read = read_spec(spec(scenario=[family]))
    assert read.size == 3 * 10**18
    with pytest.raises(BatchLimitError, match=r"3,000,000,000,000,000,000 runs asked for.*limit is 1000 runs"):
        check_size(read, None, 2)
    small = read_spec(spec(seeds="0-9", limits={"hours": 1}))
    check_size(small, 100.0, 2)
    with pytest.raises(BatchLimitError, match=r"10 runs asked for, predicted to take 1\.4 h; the limit is 1 hours"):
        check_size(small, 1000.0, 2)


def test_names_that_fall_together_or_make_no_folder_are_refused() -> None:
    two = swept("list", {"h": [1.00000001, 1.00000002]})
    with pytest.raises(GreentripError, match=r"two scenarios come to be called 'a~h=1'"):
        expand(read_spec(spec(scenario=[two])), nothing, nothing)
    same = [swept("grid", {"h": [90]}), {"name": "a~h"}]
    with pytest.raises(GreentripError, match=r"scenario\[1\].name"):
        read_spec(spec(scenario=same))
    fits, long = "地" * 27, "地" * 28  # each letter takes nine bytes of a folder's name
    assert expand(read_spec(spec(scenario=[{"name": fits}])), nothing, nothing)[0].name == fits
    with pytest.raises(GreentripError, match="makes a folder's name of more than 255 bytes"):
        expand(read_spec(spec(scenario=[{"name": long}])), nothing, nothing)


def test_a_cost_of_nothing_is_known_and_one_not_given_is_not() -> None:
    free = read_spec(spec(scenario=[{"name": "free", "cost_million_cny_year": 0}, {"name": "unknown"}]))
    assert [p.cost_million_cny_year for p in expand(free, nothing, nothing)] == [0.0, None]


def test_a_swept_parameter_must_be_a_number() -> None:
    words = {"name": "a", "parameters": {"weight.walk": "$w"}, "sweep": {"method": "grid", "values": {"w": ["far"]}}}
    with pytest.raises(GreentripError, match=r"parameters.weight.walk: saw 'far'; expected a number"):
        expand(read_spec(spec(scenario=[words])), nothing, nothing)


def test_hours_count_only_runs_that_have_yet_to_be_made() -> None:
    small = read_spec(spec(seeds="0-9", limits={"hours": 1}))
    with pytest.raises(BatchLimitError):
        check_size(small, 1000.0, 2)
    check_size(small, 1000.0, 2, known=5)


def test_an_imported_network_that_changed_under_its_name_is_another_input() -> None:
    point = plain_point(expand(read_spec(spec()), nothing, nothing)[0])
    asked = {"placement": 0, "sample": 0.01, "max_days": 5}
    bundled = content_of(point, asked, 0)
    first, second = (content_of({**point, "network_content": c}, asked, 0) for c in ("aa", "bb"))
    assert len({run_hash(c) for c in (bundled, first, second)}) == 3
    assert "network_content" not in bundled


@pytest.mark.parametrize(("name", "first"), [("beijing-2015-to-2020", "end-2015"), ("beijing-75", "today")])
def test_the_shipped_experiments_expand(name: str, first: str) -> None:
    text = files("greentrip").joinpath("examples", f"{name}.toml").read_text(encoding="utf-8")
    shipped = read_spec(read_toml(text))
    assert shipped.families[0].name == shipped.baseline == first
    assert len(shipped.families) == 7
    for family in shipped.families:
        default_parameters("beijing-2019").with_(family.parameters)
        for step in family.interventions:
            intervention_from_dict(step)
