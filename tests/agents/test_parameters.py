import pytest
from greentrip_agents import default_parameters
from greentrip_networks import ScenarioError, UnknownNameError


def test_a_value_is_looked_up_and_changed_by_its_name() -> None:
    p = default_parameters()
    assert p["weight.walk_access"] == 1.6
    changed = p.with_({"weight.walk_access": 3.0, "constant.bus": 0.5})
    assert (changed["weight.walk_access"], changed.constants["bus"]) == (3.0, 0.5)
    assert p["weight.walk_access"] == 1.6


def test_every_parameter_has_a_source_and_assumptions_are_listed() -> None:
    p = default_parameters()
    assert set(p.sources) == set(p.values)
    assert all(p.sources.values())
    assert any(line.startswith("speed.taxi_wait_min = 5") for line in p.assumed())


def test_constants_belong_to_the_city_whatever_its_year() -> None:
    assert default_parameters("beijing-2015").constants == default_parameters("beijing-2019").constants
    assert default_parameters("beijing-2019").constants["walk"] == 0.0
    assert any(default_parameters("beijing-2019").constants.values())
    assert not any(default_parameters("nowhere").constants.values())


def test_unknown_names_and_bad_values_are_refused() -> None:
    p = default_parameters()
    with pytest.raises(UnknownNameError, match=r"nearest: weight\.walk"):
        p.with_({"weight.wlak": 1.0})
    with pytest.raises(ScenarioError, match=r"weight\.walk"):
        p.with_({"weight.walk": float("nan")})
    with pytest.raises(UnknownNameError):
        p["nothing"]
