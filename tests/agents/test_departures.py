"""When tours leave: wanted hours, shifts of departure and what they cost."""

from types import SimpleNamespace

import numpy as np
import pytest
from greentrip_agents import CommuterModel, choice
from greentrip_agents.definitions import CAR, PURPOSES
from greentrip_agents.departures import departures, wanted_hours
from greentrip_agents.parameters import default_parameters
from greentrip_networks import tiny
from greentrip_networks.network import PERIOD_WINDOWS
from hypothesis import given, settings
from hypothesis import strategies as st

P = default_parameters("beijing-2019")
MANY = 4000
WORK = PURPOSES.index("work")


def wanted(period: int, direction: int = 0) -> np.ndarray:
    """Return the hours at which many persons would like to go in one period."""
    key = np.arange(MANY)
    return wanted_hours(3, key, np.zeros(MANY, np.int64), np.full(MANY, period), direction)


@pytest.mark.parametrize("period", range(len(PERIOD_WINDOWS)))
def test_wanted_hours_lie_in_their_period_and_fill_it_evenly(period: int) -> None:
    hour = wanted(period)
    length = sum(end - start for start, end in PERIOD_WINDOWS[period])
    for start, end in PERIOD_WINDOWS[period]:
        share = ((hour >= start) & (hour < end)).mean()
        assert share == pytest.approx((end - start) / length, abs=0.03)
    assert sum(((hour >= a) & (hour < b)).sum() for a, b in PERIOD_WINDOWS[period]) == MANY


def test_a_worker_of_the_morning_peak_shifts_to_before_seven_unless_near_nine() -> None:
    key, zero = np.arange(MANY), np.zeros(MANY, np.int64)
    other, shift = departures(3, key, zero, zero + WORK, np.zeros((MANY, 2), np.int64), P)
    hour = wanted(0)
    early = P["departure.early.work"] * (hour - 7) * 60
    late = P["departure.late.work"] * (9 - hour) * 60
    least = np.minimum(np.where(hour <= 8, early, np.inf), np.where(hour >= 8, late, np.inf))
    assert (other[:, 0] == 1).all()
    np.testing.assert_allclose(shift[:, 0], least + P["departure.change_min"])


def test_nobody_shifts_further_than_the_limit() -> None:
    key, zero = np.arange(MANY), np.zeros(MANY, np.int64)
    other, shift = departures(3, key, zero, zero + WORK, np.ones((MANY, 2), np.int64), P)
    hour = wanted(1)
    near = np.min(np.abs(hour[:, None] - np.array([7, 9, 17, 19])), axis=1) <= P["departure.at_most_min"] / 60
    assert (np.isfinite(shift[:, 0]) == near).all()
    assert (other[near, 0] != 1).all()
    assert (other[~near, 0] == 1).all()


@settings(deadline=None)  # the first call compiles
@given(st.floats(0, 200), st.floats(0, 200), st.floats(0.01, 0.5))
def test_a_choice_of_two_times_costs_the_logsum(wanted: float, other: float, scale: float) -> None:
    cost = choice.of_two_times(wanted, other, scale)
    assert cost <= min(wanted, other)
    assert cost == pytest.approx(-np.logaddexp(-scale * wanted, -scale * other) / scale, abs=1e-6)


def test_a_time_that_is_not_offered_leaves_the_other() -> None:
    assert choice.of_two_times(30.0, np.inf, 0.1) == 30.0
    assert choice.of_two_times(np.inf, 30.0, 0.1) == 30.0
    assert choice.of_two_times(np.inf, np.inf, 0.1) == np.inf


def test_drawn_times_follow_the_logit() -> None:
    """Of persons who would save ten minutes by shifting, the share of the logit does."""
    n = 20000
    v = SimpleNamespace(key=np.arange(n), number=np.zeros(n, np.int64), purpose=np.zeros(n, np.int64))
    who = choice.Travellers(**{
        name: getattr(v, name, np.zeros((n, 2) if name in {"other", "shift"} else n))
        for name in choice.Travellers._fields
    })  # fmt: skip
    model = CommuterModel(tiny(), sample=0.01)
    scale = choice.timing(0, who, model.taste)
    shifted = np.mean([choice.departs_otherwise(5, i, who, model.taste, 0, 40.0, 30.0) > 0 for i in range(n)])
    assert shifted == pytest.approx(1 / (1 + np.exp(-10 * scale)), abs=0.01)


def test_dearer_peaks_empty_and_the_wanted_period_is_kept_where_both_cost_the_same() -> None:
    """Drivers leave the morning peak when its streets get slower, and only they."""
    model = CommuterModel(tiny(), sample=0.05)
    model.step()
    peak = model.travellers.out_period == 0
    drives = model.plans.mode == CAR
    before = (model.plans.period[peak & drives, 0] != 0).mean()
    model.costs.car_min[0] *= 3.0
    model.day = 0  # everybody weighs anew
    model.plan(0, len(model.tours))
    drives = model.plans.mode == CAR
    assert (model.plans.period[peak & drives, 0] != 0).mean() > before
    still = ~np.isfinite(model.travellers.shift)
    wanted_period = np.column_stack([model.travellers.out_period, model.travellers.back_period])
    assert (model.plans.period[still] == wanted_period[still]).all()


def test_no_regret_of_times_right_after_choosing() -> None:
    model = CommuterModel(tiny(), sample=0.05)
    model.step()
    worse = np.empty(len(model.tours))
    model.day = 0
    model.plan(0, len(model.tours))
    choice.regrets(
        model.key, model.travellers, model.local_speed, model.costs, model.taste, model.plans.mode, model.plans.period,
        model.forced, worse,
    )  # fmt: skip
    assert np.abs(worse).max() < 1e-9
