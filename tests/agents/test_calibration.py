from pathlib import Path

import numpy as np
import pytest
from greentrip_agents.calibration import calibrate, fit_constants, target_by_mode, to_toml
from greentrip_agents.comparison import verdict
from greentrip_agents.definitions import MODES, default_definition
from greentrip_agents.model import CommuterModel
from greentrip_agents.parameters import default_parameters
from greentrip_agents.response import expected
from greentrip_agents.targets import Targets, check_targets, observed_targets, read_targets
from greentrip_networks import ScenarioError, TableError, UnknownNameError
from greentrip_networks.network import Network

SHARES = {"walk": 30.0, "bicycle": 12.0, "bus": 15.0, "metro": 16.0, "other": 27.0}


def test_constants_found_from_probabilities_meet_the_target(city: Network) -> None:
    model = CommuterModel(city, sample=0.05, seed=1)
    model.step()
    target = target_by_mode(SHARES, model)
    likes = model.taste._replace(constant=fit_constants(model, target))
    inside = np.ones(len(model.tours), bool)  # fit_constants counts tours of the area alone; so does the check below
    from greentrip_agents.indicators import counted, within

    inside = counted(model) & within(model, model.definition.area, model.definition.base)
    trips, _ = expected(model.travellers, model.weight * inside, model.local_speed, model.costs, likes)
    assert 100 * trips / trips.sum() == pytest.approx(target, abs=0.3)
    assert likes.constant[0] == model.taste.constant[0]


def test_a_calibration_meets_its_targets_and_says_how_it_reacts(city: Network) -> None:
    aim = Targets(SHARES, 2019, "central six", "made up", {"commute_km": 5.0})
    found = calibrate(city, targets=aim, sample=0.05, seed=0)
    assert found.reached
    assert found.reason == ""
    assert max(abs(v) for v in found.residuals().values()) < 0.05
    assert found.checks[0]["published"] == 5.0
    again = calibrate(city, targets=aim, sample=0.05, seed=0)
    assert to_toml(again) == to_toml(found)
    assert all(np.sign(r.elasticity) < 0 for r in found.reactions)
    assert "[response]" in to_toml(found)


def test_a_target_out_of_reach_is_named_with_its_figure_and_reached_is_false(city: Network) -> None:
    no_rail = city.with_(rail=city.rail.__class__(), lines=(), transfer_s={})
    found = calibrate(no_rail, targets=Targets(SHARES, 2019, "central six", "made up"), sample=0.01, max_days=30)
    assert not found.reached
    assert "metro" in found.reason
    assert "for 16" in found.reason


@pytest.mark.parametrize(
    ("shares", "error", "match"),
    [
        (SHARES | {"metro": 26.0}, ScenarioError, "add to 110"),
        (SHARES | {"tram": 1.0}, UnknownNameError, "tram"),
        ({k: v for k, v in SHARES.items() if k != "bus"}, ScenarioError, "bus is missing"),
        (SHARES | {"walk": -3.0}, ScenarioError, r"shares\.walk"),
    ],
)
def test_targets_that_make_no_sense_are_refused(shares: dict[str, float], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        check_targets(Targets(shares, 2019, "central six", "made up"), default_definition())


def test_targets_are_read_from_toml_and_csv_alike(city: Network, tmp_path: Path) -> None:
    toml, table = tmp_path / "t.toml", tmp_path / "t.csv"
    toml.write_text(
        "year = 2019\n[shares]\n" + "\n".join(f"{k} = {v}" for k, v in SHARES.items()) + "\n[checks]\ncommute_km = 5\n"
    )
    rows = [f"share,{k},{v}" for k, v in SHARES.items()]
    table.write_text("\n".join(["kind,name,value", *rows, "check,commute_km,5"]))
    a, b = (read_targets(f, city, "central six") for f in (toml, table))
    assert a.shares == b.shares == SHARES
    assert a.checks == b.checks == {"commute_km": 5.0}
    table.write_text("kind,name,value\nshare,walk,many\n")
    with pytest.raises(TableError, match=r"row 2, column value.*many"):
        read_targets(table, city, "central six")
    table.write_text("name,value\nwalk,30\n")
    with pytest.raises(TableError, match="column kind"):
        read_targets(table, city, "central six")
    with pytest.raises(TableError, match="a file of targets"):
        read_targets(tmp_path / "none.toml", city, "central six")


def test_shares_that_come_with_a_network_need_its_year(city: Network) -> None:
    with pytest.raises(ScenarioError, match="no observed shares"):
        observed_targets(city.with_(year=2011))


def test_a_calibration_of_ones_own_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constants = "\n".join(f"{m} = 0.25" for m in MODES)
    (tmp_path / "tiny.toml").write_text(
        f'calibrated_on = "here"\n[constants]\n{constants}\n[response]\nmetro_fare = [-2.0, -0.6, -0.1]\n'
    )
    monkeypatch.setenv("GREENTRIP_CALIBRATIONS", str(tmp_path))
    p = default_parameters("tiny")
    assert p.calibrated_on == "here"
    assert p.constants["bus"] == 0.25
    assert p.response_outside() == ["metro_fare -2.00 (published: -0.6 to -0.1)"]


def test_a_model_that_reacts_outside_the_published_range_bears_no_verdict() -> None:
    headline = {"observed": 74.1, "target": 75.0}
    change = {"change_points": 2.0, "interval": [1.9, 2.1]}
    assert verdict(headline, change, converged=True)["verdict"] == "met"
    told = verdict(headline, change, converged=True, outside=["metro_fare -2.00 (published: -0.6 to -0.1)"])
    assert told["verdict"] == "none"
    assert "metro_fare -2.00" in told["note"]
