"""Hours keep every rider of their periods, and riders pass as much later as they ride."""

import numpy as np
import polars as pl
import pytest
from greentrip_agents import Run, default_parameters
from greentrip_agents.hours import PERIOD_AT, profile_of
from greentrip_agents.run_tables.hours import (
    _pass,
    by_hour,
    hourly_sections,
    minutes_from_first,
    places_by_hour,
    rail_hours,
)
from greentrip_networks.network import PERIODS, Network

P = default_parameters("tiny")


@pytest.mark.parametrize("name", ["tiny", "beijing-2019"])
def test_each_periods_riders_keep_their_number_on_every_ride(run: Run, city: Network, name: str) -> None:
    found = rail_hours(run, city.with_(name=name), P)
    sections = run.table("sections").filter(pl.col("mode") == "rail")
    load = np.stack([sections.filter(pl.col("period") == t)["persons"].to_numpy() for t in PERIODS])
    assert load.sum() > 0
    assert found.sum(axis=2) == pytest.approx(load, rel=1e-9)
    assert (found >= 0).all()
    assert found[0, :, :7].sum() == 0  # who starts from 7 is nowhere before
    assert found[0, :, 9:].sum() > 0  # and some still ride after 9
    assert found[0, :, 7].sum() < found[0, :, 8:].sum()


def test_a_way_by_hand() -> None:
    """100 persons who start at 7 wait 5 minutes, ride 25 and then 60, on a line of three platforms."""
    tail = np.array([0, 1, 2, 3], np.int32)  # entry, three platforms, exit: links 0 to 3
    ride = np.array([-1, 0, 1, -1], np.int32)
    via = np.array([[-1, 0, 1, 2, 3]], np.int32)
    minutes = np.array([5.0, 25.0, 60.0, 0.0])
    starts = np.zeros((2, 24))
    starts[0, 7], starts[1, 23] = 1.0, 1.0
    first = np.zeros(2, np.int64)
    out = np.zeros((2, 24))
    _pass(first[:1], first[:1], np.array([100.0]), first[:1], starts, np.array([4], np.int32), tail, via, minutes,
          ride, out)  # fmt: skip
    assert out[0, [7, 8]] == pytest.approx([100 * 55 / 60, 100 * 5 / 60])
    assert out[1, [7, 8]] == pytest.approx([50, 50])
    assert out.sum() == pytest.approx(200)
    late = np.zeros((2, 24))
    _pass(first[:1], first[:1], np.array([1.0]), np.array([1]), starts, np.array([4], np.int32), tail, via, minutes,
          ride, late)  # fmt: skip
    assert late[:, 23] == pytest.approx([1, 1])  # the day's last hour keeps them


def test_trains_keep_the_headway_that_they_left_with() -> None:
    """20, 10 and 16 places an hour in the peaks and between, at the first stop, 15 and 70 minutes from it."""
    found = places_by_hour(np.tile([20.0, 10.0, 16.0], (3, 1)), np.array([0.0, 15.0, 70.0]))
    assert found[:, 5] == pytest.approx([10, 10, 10])
    assert found[:, 7] == pytest.approx([20, 0.75 * 20 + 0.25 * 10, 10])
    assert found[:, 9] == pytest.approx([10, 0.75 * 10 + 0.25 * 20, 20])
    assert found[:, 10] == pytest.approx([10, 10, 10 + 10 / 6])
    assert found[:, 23] == pytest.approx([10, 10, 10])


def test_minutes_run_along_each_line(city: Network) -> None:
    rail, minutes = city.compiled.rail, minutes_from_first(city)
    line = rail.ride_line[0]
    loop = city.line(rail.line_ids[line]).loop
    mine = (rail.ride_line == line) & (rail.ride_direction == rail.ride_direction[0])
    along = np.concatenate([[0], np.cumsum(rail.ride_s[mine])[:-1]]) / 60
    assert minutes[mine] == pytest.approx(0 * along if loop else along)


def test_hours_of_a_frame_add_up_to_its_periods() -> None:
    rows = pl.DataFrame({"period": ["am", "off"], "persons": [100.0, 60.0]})
    found = by_hour(rows, profile_of("beijing-2019", "car"), "persons")
    assert found["period"].to_list()[:3] == ["07", "08", "05"]
    assert found["persons"].to_list()[0] == pytest.approx(100 * 10.64 / (10.64 + 11.83))
    assert found["persons"][2:].sum() == pytest.approx(60, rel=1e-12)


def test_sections_by_hour_offer_what_their_period_does(run: Run, city: Network) -> None:
    found, kept = hourly_sections(run, city, P), run.table("sections")
    assert found.columns == kept.columns
    assert found.height * len(PERIODS) == kept.height * len(PERIOD_AT)
    hours, periods = (f.filter(pl.col("mode") == "bus") for f in (found, kept))
    assert hours["places"].sum() == pytest.approx(periods["places"].sum(), rel=1e-9)
    first = found.filter((pl.col("mode") == "rail") & (pl.col("section") == 0) & (pl.col("period") == "08"))
    offered = kept.filter((pl.col("mode") == "rail") & (pl.col("section") == 0) & (pl.col("period") == "am"))
    assert (2 * first["places"]).to_list() == pytest.approx(offered["places"].to_list())
    bus = found.filter((pl.col("mode") == "bus") & pl.col("period").is_in(["07", "08"]))
    assert bus["persons"].sum() == pytest.approx(
        kept.filter((pl.col("mode") == "bus") & (pl.col("period") == "am"))["persons"].sum(), rel=1e-9
    )
