"""When trips start: published profiles, and tours whose ways home come after their ways out."""

import tomllib
from importlib.resources import files

import numpy as np
import pytest
from greentrip_agents.hours import DAY, IN_PERIOD, PERIOD_AT, profile_of, start_hours
from greentrip_networks.network import PERIOD_HOURS, PERIODS

AM, OFF, PM = range(3)
MODES = ("rail", "bus", "car", "walk", "bicycle", "ebike")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("network", ["tiny", "beijing-2019"])
def test_each_periods_hours_add_up_to_it(network: str, mode: str) -> None:
    share = profile_of(network, mode).share
    for row in IN_PERIOD:
        assert share[row].sum() == pytest.approx(1, abs=1e-12)
    assert share.sum() == pytest.approx(len(PERIODS), abs=1e-12)


def test_beijings_profile_by_hand() -> None:
    rail = profile_of("beijing-2019", "rail")
    assert rail.share[8] == pytest.approx(13.38 / (12.61 + 13.38))
    assert rail.share[17] == pytest.approx(10.79 / 20.8)
    assert "13 May 2019" in rail.source
    assert profile_of("beijing-2015", "walk").source.startswith("assumed")


def test_a_city_without_a_profile_has_even_hours_and_says_so() -> None:
    even = profile_of("tiny", "rail")
    assert even.share[9] == pytest.approx(1 / PERIOD_HOURS[OFF])
    assert "even within each period" in even.source
    assert np.isnan(even.percent).all()


def test_published_profiles_are_whole_sourced_and_set() -> None:
    text = files("greentrip_agents").joinpath("facts", "beijing_hours.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["profile"]
    assert sorted(m for row in rows for m in row["modes"]) == sorted(MODES)
    for row in rows:
        assert list(row["percent"]) == list(PERIOD_AT)
        assert 95 < sum(row["percent"].values()) <= 100
        assert row["used"]
        assert row["source"]


def test_tours_between_the_peaks_start_as_published() -> None:
    share = profile_of("beijing-2019", "rail").share
    tours = np.zeros((3, 3))
    tours[AM, PM] = 1000.0
    ways = start_hours(tours, share)
    assert ways[AM, PM, 0] == pytest.approx(share * IN_PERIOD[AM])
    assert ways[AM, PM, 1] == pytest.approx(share * IN_PERIOD[PM])


def test_nobody_goes_home_before_going_out() -> None:
    share = profile_of("tiny", "rail").share
    ways = start_hours(np.ones((3, 3)), share)
    hours = np.arange(DAY)
    assert ways[OFF, AM, 0][hours > 6].sum() == 0  # out between periods and home in the morning: out by 7
    assert ways[AM, OFF, 1][hours < 9].sum() == 0
    assert ways[OFF, PM, 0][hours > 18].sum() == 0
    assert ways[OFF, OFF, 0] @ hours < ways[OFF, OFF, 1] @ hours - 2
    assert ways[PM, AM].sum(axis=1) == pytest.approx(np.ones(2))  # home on another day: every hour of both is free


def test_two_hours_that_can_be_worked_out() -> None:
    """Tours within the morning peak, even: out and home at 7, 8, or one each; half as many fit within an hour."""
    tours = np.zeros((3, 3))
    tours[AM, AM] = 1.0
    out, home = start_hours(tours, profile_of("tiny", "rail").share)[AM, AM]
    assert out[[7, 8]] == pytest.approx([3 / 4, 1 / 4])
    assert home[[7, 8]] == pytest.approx([1 / 4, 3 / 4])


@pytest.mark.parametrize("city", ["tiny", "beijing-2019"])
def test_all_starts_follow_the_profile(city: str) -> None:
    share = profile_of(city, "rail").share
    tours = np.array([[1.0, 57.0, 43.0], [0.5, 76.0, 19.0], [0.0, 8.0, 4.0]])
    ways = start_hours(tours, share)
    assert ways.sum(axis=3) == pytest.approx(np.ones((3, 3, 2)))
    starts = np.einsum("pq,pqdh->h", tours, ways)
    periods = tours.sum(axis=0) + tours.sum(axis=1)
    assert starts == pytest.approx(periods @ (IN_PERIOD * share), rel=1e-6)


def test_a_profile_that_no_tours_can_have_loses_nobody() -> None:
    share = np.zeros(DAY)
    share[[8, 21, 18]] = 1.0  # of the hours between the peaks only the last
    tours = np.zeros((3, 3))
    tours[OFF, PM] = 5.0
    assert start_hours(tours, share)[OFF, PM].sum(axis=1) == pytest.approx(np.ones(2))
    assert start_hours(np.zeros((3, 3)), share).sum(axis=3) == pytest.approx(np.ones((3, 3, 2)))
