from pathlib import Path

import numpy as np
import pytest
from greentrip_agents import Run, compare, simulate
from greentrip_agents.comparison import paired
from greentrip_networks import AddFeeders, FeederRoute, ScenarioError, SetFare, SetHeadway
from greentrip_networks.network import Network


@pytest.fixture(scope="module")
def base(city: Network) -> list[Run]:
    return [simulate(city, sample=0.01, seed=s) for s in (0, 1)]


def test_a_null_plan_changes_exactly_nothing(city: Network, base: list[Run]) -> None:
    null = AddFeeders(()).apply(city)
    again = [simulate(null, sample=0.01, seed=s) for s in (0, 1)]
    summary = compare(base, again, city).summary
    assert summary["headline"]["change_points"] == 0.0
    assert summary["headline"]["interval"] == [0.0, 0.0]
    assert summary["diversion"] == []


def test_found_a_run_read_back_compares_with_one_just_made(city: Network, base: list[Run], tmp_path: Path) -> None:
    base[0].save(tmp_path / "run")
    again = Run.load(tmp_path / "run")
    assert again.indicators == base[0].indicators
    assert compare([again], base[:1], city).summary["headline"]["change_points"] == 0.0


def test_a_feeder_slower_than_walking_changes_nothing(city: Network, base: list[Run]) -> None:
    station = min(city.rail)
    node = city.rail.nodes[station]["node"]
    other = next(iter(city.roads.successors(node)))
    headways = (3600.0, 7200.0, 3600.0)
    slow = FeederRoute("slow", station, (other,), (other, node), (7200.0,), 500.0, headways, 1, 45, 1000.0)
    again = [simulate(AddFeeders((slow,)).apply(city), sample=0.01, seed=s) for s in (0, 1)]
    assert compare(base, again, city).summary["headline"]["change_points"] == 0.0
    assert again[0].indicators["feeder_riders"] == {"slow": 0.0}


def test_dearer_fuel_and_denser_trains_move_people_the_right_way(city: Network, base: list[Run]) -> None:
    dear = SetFare("fuel", 4.0).apply(city)
    summary = compare(base, [simulate(dear, sample=0.01, seed=s) for s in (0, 1)], city).summary
    assert summary["shares"]["car"]["change"] < -0.1
    assert summary["headline"]["change_points"] > 0
    assert summary["diversion"][0]["from"] == "car"
    line = city.lines[0]
    dense = SetHeadway(line.id, max(min(line.headway_s) / 3, 30.0)).apply(city)
    summary = compare(base, [simulate(dense, sample=0.01, seed=s) for s in (0, 1)], city).summary
    assert summary["shares"]["metro"]["change"] > 0


def test_the_headline_pivots_on_the_observed_share(city: Network, base: list[Run]) -> None:
    headline = compare(base, base, city).summary["headline"]
    assert headline["observed"] == pytest.approx(74.0)
    assert headline["forecast"] == pytest.approx(74.0)
    assert headline["verdict"] == "missed"
    assert headline["note"].startswith("preliminary")


def test_the_interval_is_students() -> None:
    found = paired([0.1, 0.2, 0.3])
    assert found["change_points"] == pytest.approx(0.2)
    assert found["interval"] == pytest.approx(
        [0.2 - 4.302653 * 0.1 / np.sqrt(3), 0.2 + 4.302653 * 0.1 / np.sqrt(3)], rel=1e-5
    )
    assert paired([0.1])["interval"] is None


def test_runs_that_cannot_be_paired_are_refused(city: Network, base: list[Run]) -> None:
    with pytest.raises(ScenarioError, match="seeds differ"):
        compare(base, base[:1], city)
    with pytest.raises(ScenarioError, match="at least one"):
        compare([], base, city)
    with pytest.raises(ScenarioError, match="twice"):
        compare([base[0], base[0]], base, city)
