import numpy as np
import pytest
from greentrip_agents.parameters import default_parameters
from greentrip_agents.uncertainty import Point, at, predictive, summary, tornado, uncertainty
from greentrip_networks import ScenarioError, SetFare
from greentrip_networks.network import Network
from scipy import stats


def pair(city: Network, cny_km: float) -> tuple[Network, Network]:
    return city, SetFare("fuel", cny_km).apply(city)


def test_a_change_that_does_nothing_is_certain(city: Network) -> None:
    found = uncertainty(lambda _: (city, city), points=5, sample=0.01, days=1)
    assert found["change_points"] == pytest.approx(0.0, abs=1e-12)
    assert found["total_interval"] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert all(r["swing_points"] == 0 for r in found["tornado"])


def test_dear_fuel_helps_in_every_city_and_by_how_much_hangs_on_the_value_of_time(city: Network) -> None:
    found = uncertainty(lambda _: pair(city, 4.0), points=6, sample=0.01, days=1)
    changes = [p["change"] for p in found["points"]]
    assert min(changes) > 0
    low, high = found["total_interval"]
    assert low < found["change_points"] < high
    assert {p["form"] for p in found["points"]} == {"nested", "multinomial"}
    assert len({p["placement"] for p in found["points"]}) == 5
    rows = {r["cause"]: r["swing_points"] for r in found["tornado"]}
    assert rows["value_of_time.mean_cny_h"] < 0  # money matters less to those whose time is dear


def test_the_interval_covers_the_next_draw_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(4000):
        draw = rng.normal(1.0, 0.3, 9)
        low, high = predictive(draw[:8])
        inside += low <= draw[8] <= high
    assert 0.94 < inside / 4000 < 0.96


def test_a_cause_that_moves_the_change_leads_the_tornado() -> None:
    rng = np.random.default_rng(0)
    points = []
    for k in range(40):
        a, b = rng.random(2)
        form = ("nested", "multinomial")[k % 2]
        points.append(Point({"a": a, "b": b}, k % 5, form, k, 74.0, 2 * a + 0.01 * rng.normal()))
    first = tornado(points)[0]
    assert first["cause"] == "a"
    assert first["swing_points"] == pytest.approx(2.0, rel=0.1)


def test_points_take_factors_and_forms() -> None:
    start = default_parameters()
    p = at(start, {"choice.per_minute.*": 2.0, "weight.wait": 1.7}, "multinomial")
    assert p["choice.per_minute.work"] == pytest.approx(2 * start["choice.per_minute.work"])
    assert p["weight.wait"] == 1.7
    assert p["choice.nest_scale.motor"] == 1.0


def test_a_verdict_uses_the_total_interval(city: Network) -> None:
    points = [Point({}, 0, "nested", k, 74.0, 5.0 + 0.01 * k) for k in range(6)]
    assert summary(points, city, default_parameters())["verdict"] == "met"
    points = [Point({}, 0, "nested", k, 74.0, 1.0 + 1.0 * (k % 2)) for k in range(6)]
    assert summary(points, city, default_parameters())["verdict"] == "undecided"


def test_too_few_points_and_no_days_are_refused(city: Network) -> None:
    with pytest.raises(ScenarioError, match="at least 5"):
        uncertainty(lambda _: (city, city), points=3)
    with pytest.raises(ScenarioError, match="not known"):
        uncertainty(lambda _: (city, city), points=5, days=0)


@pytest.mark.slow
def test_the_total_interval_covers_the_truth_of_cities_made_up(city: Network) -> None:
    """A hundred cities whose truth is known: each is drawn as a point is, and the interval of other points is asked."""
    truth = uncertainty(lambda _: pair(city, 2.0), points=100, sample=0.01, days=1, seed=5000)["points"]
    low, high = uncertainty(lambda _: pair(city, 2.0), points=30, sample=0.01, days=1, seed=1)["total_interval"]
    inside = sum(low <= p["change"] <= high for p in truth)
    assert 90 <= inside <= 99
    changes = np.array([p["change"] for p in truth])
    assert stats.tmean(changes) > 0
