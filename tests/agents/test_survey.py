"""Estimates of biogeme become parameters: values, robust errors, ranges; bad files and unknown names are named."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from greentrip_agents import parameters
from greentrip_agents.calibration import Calibration
from greentrip_agents.calibration import to_toml as calibration_toml
from greentrip_agents.parameters import default_parameters
from greentrip_agents.survey import Estimates, Mapped, parameters_of, read_biogeme, read_map, to_toml
from greentrip_networks.errors import GreentripError, ScenarioError

YAML = """# File modes.yaml has automatically been generated
beta_names:
- B_TIME
- B_COST
- ASC_BUS
beta_values:
- -0.045
- -0.09
- 0.5
bhhh:
- - 40.0
  - 2.0
  - 1.0
- - 2.0
  - 30.0
  - 0.5
- - 1.0
  - 0.5
  - 20.0
convergence: true
final_log_likelihood: -123.5
hessian:
- - -41.0
  - -2.5
  - -1.0
- - -2.5
  - -29.0
  - -0.4
- - -1.0
  - -0.4
  - -21.0
model_name: modes
sample_size: 500
"""
MAP = """
"choice.per_minute.work" = { beta = "B_TIME", factor = -1 }
"value_of_time.mean_cny_h" = { beta = "B_TIME", over = "B_COST", factor = 60 }
"constant.bus" = "ASC_BUS"
"""


@pytest.fixture
def found(tmp_path: Path) -> Estimates:
    pytest.importorskip("yaml", reason="the survey extra")
    (tmp_path / "modes.yaml").write_text(YAML)
    return read_biogeme(tmp_path / "modes.yaml")


def made(betas: dict[str, float], variance: float = 1e-4) -> Estimates:
    return Estimates("modes", betas, np.eye(len(betas)) * variance, 500, -123.5)


def test_values_errors_and_the_ratio_by_the_delta_method(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAP)
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3)) * 0.002
    e = Estimates("m", {"B_TIME": -0.045, "B_COST": -0.09, "ASC_BUS": 0.5}, root @ root.T, 500, -1.0)
    got = parameters_of(e, read_map(tmp_path / "map.toml"), default_parameters())
    assert got["choice.per_minute.work"].value == 0.045
    assert got["choice.per_minute.work"].std_err == pytest.approx(np.sqrt(e.covariance[0, 0]))
    assert got["value_of_time.mean_cny_h"].value == pytest.approx(30.0)
    draws = rng.multivariate_normal([-0.045, -0.09, 0.5], e.covariance, 200_000)
    ratio = 60 * draws[:, 0] / draws[:, 1]
    assert got["value_of_time.mean_cny_h"].std_err == pytest.approx(ratio.std(), rel=0.05)
    low, high = got["constant.bus"].low, got["constant.bus"].high
    assert (low + high) / 2 == pytest.approx(0.5)
    assert high - low == pytest.approx(2 * 1.96 * got["constant.bus"].std_err, rel=1e-3)


def test_betas_called_like_parameters_need_no_map() -> None:
    got = parameters_of(made({"choice.per_minute.work": 0.05, "constant.car": -1.0}), {}, default_parameters())
    assert {n: e.value for n, e in got.items()} == {"choice.per_minute.work": 0.05, "constant.car": -1.0}
    assert all(e.std_err == pytest.approx(0.01) for e in got.values())


@pytest.mark.parametrize(
    ("betas", "names", "message"),
    [
        ({"choice.per_minute.wrk": 1.0}, {}, r"unknown parameter 'choice.per_minute.wrk'; nearest: .*work.*--map"),
        ({"B_TIME": -1.0, "constant.buss": 1.0}, {}, r"'B_TIME'.*'constant.buss'; nearest: constant.bus"),
        ({"B_TIME": -1.0}, {"choice.per_minute.work": Mapped("B_TIM")}, "unknown beta 'B_TIM'; nearest: B_TIME"),
        ({"B_TIME": -1.0}, {"choice.per_minute.work": Mapped("B_TIME")}, "saw -1; expected more than 0"),
        ({"MU": 1.5}, {"choice.nest_scale.motor": Mapped("MU")}, "1 over the nest parameter"),
        ({"MU": 0.0}, {"choice.nest_scale.motor": Mapped(over="MU")}, "MU is 0"),
    ],
)
def test_names_and_values_that_do_not_fit_are_named(
    betas: dict[str, float], names: dict[str, Mapped], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        parameters_of(made(betas), names, default_parameters())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"constant.bus" = 3', "saw 3; expected a beta"),
        ('"constant.bus" = { betta = "B" }', "unknown key of constant.bus 'betta'; nearest: beta"),
        ('"constant.bus" = { beta = "B", factor = 0 }', "saw 0; expected a number other than 0"),
        ("constant.bus = ", "Invalid value"),
    ],
)
def test_a_map_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(GreentripError, match=message):
        read_map(tmp_path / "map.toml")


def test_what_is_written_is_what_runs_and_uncertainty_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    e = made({"choice.per_minute.work": 0.05, "constant.car": -1.0, "choice.nest_scale.motor": 0.99})
    (tmp_path / "harbour.toml").write_text(to_toml(e, parameters_of(e, {}, default_parameters())))
    monkeypatch.setenv("GREENTRIP_CALIBRATIONS", str(tmp_path))
    p = default_parameters("harbour-2019")
    assert (p["choice.per_minute.work"], p.constants["car"]) == (0.05, -1.0)
    assert p.calibrated_on == default_parameters("nowhere").calibrated_on
    assert p.estimated["choice.nest_scale.motor"] == (pytest.approx(0.99 - 0.0196, abs=1e-4), 1.0)
    assert p.sources["choice.per_minute.work"] == "estimated: biogeme, model modes, 500 observations"
    assert not any(line.startswith("choice.per_minute.work ") for line in p.assumed())
    fitted = Calibration(p, {}, {}, {}, days=1, reached=True)
    (tmp_path / "harbour.toml").write_text(calibration_toml(fitted))
    again = parameters.default_parameters("harbour-2019")
    assert dict(again.values) == dict(p.values)
    assert dict(again.constants) == dict(p.constants)
    assert set(again.estimated) == {"choice.per_minute.work", "choice.nest_scale.motor"}


def test_the_yaml_of_biogeme_gives_betas_and_robust_errors(found: Estimates) -> None:
    assert dict(found.betas) == {"B_TIME": -0.045, "B_COST": -0.09, "ASC_BUS": 0.5}
    assert (found.model, found.observations, found.log_likelihood) == ("modes", 500, -123.5)
    hessian = np.array([[-41.0, -2.5, -1.0], [-2.5, -29.0, -0.4], [-1.0, -0.4, -21.0]])
    bhhh = np.array([[40.0, 2.0, 1.0], [2.0, 30.0, 0.5], [1.0, 0.5, 20.0]])
    assert found.covariance == pytest.approx(np.linalg.inv(hessian) @ bhhh @ np.linalg.inv(hessian))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("convergence: true", "convergence: false", "did not converge"),
        ("model_name: modes", "", "has no model_name; give the YAML file"),
        ("- -0.045", "- .nan", "not finite"),
        ("- -0.045", "- x", "expected numbers"),
        ("- -0.09\n", "", "saw 2 values"),
        ("  - -21.0", "  - 0.0", "has no|singular|modes"),
        ("model_name: modes", "model_name: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_bad_results_are_refused_with_the_reason(tmp_path: Path, old: str, new: str, message: str) -> None:
    pytest.importorskip("yaml", reason="the survey extra")
    assert old in YAML
    text = YAML.replace(old, new, 1)
    if "singular" in message:
        text = text.replace("  - -0.4\n  - 0.0", "  - 0.0\n  - 0.0").replace("- - -1.0\n  - 0.0", "- - 0.0\n  - 0.0")
    (tmp_path / "modes.yaml").write_text(text)
    with pytest.raises(ScenarioError, match=message):
        read_biogeme(tmp_path / "modes.yaml")


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="the survey extra")
    (tmp_path / "modes.pickle").write_bytes(b"\x80\x04\x95cos\nsystem\n")
    with pytest.raises(ScenarioError, match="pickles are not read"):
        read_biogeme(tmp_path / "modes.pickle")


def test_the_notebook_recovers_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("biogeme", reason="the survey extra", exc_type=ImportError)
    import nbformat
    from nbclient import NotebookClient

    page = Path(__file__).parents[2] / "docs" / "notebooks" / "estimate_choice.ipynb"
    notebook = nbformat.read(page, as_version=4)
    assert not any(c.get("outputs") or c.get("execution_count") for c in notebook.cells)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(Path(p).resolve()) for p in sys.path if p))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("PEOPLE", "4000")
    monkeypatch.setenv("FOLDER", str(tmp_path))
    NotebookClient(notebook, timeout=280).execute()  # it holds the estimates against the truth itself
    assert (tmp_path / "harbour.toml").is_file()
