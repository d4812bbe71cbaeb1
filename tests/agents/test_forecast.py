import pytest
from greentrip_agents import default_parameters, simulate
from greentrip_agents import forecast as module
from greentrip_agents.forecast import Forecast, check_limits, forecast, free_memory_mb, seconds_left
from greentrip_networks import LimitError
from greentrip_networks.network import Network


def test_more_residents_take_more_of_everything(city: Network) -> None:
    p = default_parameters(city.name)
    few, many = forecast(city, sample=0.01, parameters=p), forecast(city, sample=1.0, parameters=p)
    assert few.residents < many.residents == round(city.zones.residents.sum())
    assert few.tours < many.tours
    assert few.memory_mb < many.memory_mb
    assert few.seconds < many.seconds


def test_limits_are_named(city: Network) -> None:
    big = Forecast(10, 10, 9000.0, 7200.0)
    check_limits(big, memory_mb=9000.0, hours=2.0)
    with pytest.raises(LimitError, match="memory: asked for 9000 MB"):
        check_limits(big, memory_mb=8999.0)
    with pytest.raises(LimitError, match="time: asked for 2 hours"):
        check_limits(big, memory_mb=9000.0, hours=1.9)


def test_a_run_too_big_for_the_machine_is_refused_before_work(city: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_memory_mb", lambda: 100.0)
    with pytest.raises(LimitError, match="lower the sample"):
        simulate(city, sample=0.02, max_days=2)


def test_the_machine_says_what_is_free() -> None:
    assert free_memory_mb() > 10


def test_time_left_follows_the_pace() -> None:
    assert seconds_left([(1, 0.0), (2, 3.0)], 60) == pytest.approx(3.0 * (module._DAYS - 2))
    assert seconds_left([(1, 0.0), (2, 3.0)], 4) == pytest.approx(6.0)
    assert seconds_left([(d, 2.0 * d) for d in range(1, 31)], 60) == pytest.approx(4.0)
