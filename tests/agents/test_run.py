import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from greentrip_agents import CommuterModel, Run, simulate
from greentrip_networks import ScenarioError
from greentrip_networks.network import Network


def test_a_run_converges_and_says_how_far_it_is_from_equilibrium(run: Run) -> None:
    i = run.indicators
    assert i["converged"]
    assert i["gap"] < 1e-3
    assert i["drift"] < 0.02
    assert i["served"] > 0.995
    assert i["warnings"] == []
    assert [row["day"] for row in i["days_log"]] == list(range(1, i["days"] + 1))


def test_shares_add_up_on_every_base(run: Run) -> None:
    for bases in run.indicators["mode_share"].values():
        for shares in bases.values():
            assert sum(shares.values()) == pytest.approx(100)
    green = run.indicators["green_share"]["central six"]["one_end"]
    shares = run.indicators["mode_share"]["central six"]["one_end"]
    assert green == pytest.approx(100 - shares["car"] - shares["taxi"])


def test_the_trips_table_holds_every_trip_and_agrees_with_the_indicators(run: Run, city: Network) -> None:
    trips = run.trips
    assert trips.height == 2 * run.indicators["tours"]
    inside = {z for z, ok in zip(city.zones.id, city.zones.areas["central six"], strict=True) if ok}
    kept = trips.filter(trips["counted"] & (trips["from_zone"].is_in(inside) | trips["to_zone"].is_in(inside)))
    metro = kept.filter(kept["mode"] == "metro")["weight"].sum() / kept["weight"].sum() * 100
    assert metro == pytest.approx(run.indicators["mode_share"]["central six"]["one_end"]["metro"])


def test_nobody_drives_without_a_car_and_cars_come_home(run: Run) -> None:
    drivers = run.trips.filter(run.trips["mode"].is_in(["car", "pr"]))
    assert drivers["has_car"].all()
    both = run.trips.group_by("person", "tour").agg(pl.col("mode").n_unique().alias("modes"))
    assert (both["modes"] == 1).all()


def test_riders_are_conserved_on_rail(city: Network) -> None:
    model = CommuterModel(city, sample=0.02, seed=0)
    model.step()
    for period in model.rail_operator.periods:
        rail = city.compiled.rail
        into = np.bincount(rail.ride_to, weights=period.load, minlength=len(rail.platform_station))
        out = np.bincount(rail.ride_from, weights=period.load, minlength=len(rail.platform_station))
        station = rail.platform_station
        net = np.bincount(station, weights=out - into, minlength=len(rail.stations))
        demand = period.demand
        assert net == pytest.approx(demand.sum(axis=1) - demand.sum(axis=0), abs=1e-6)


def test_a_saved_run_comes_back(run: Run, tmp_path: Path) -> None:
    run.save(tmp_path)
    again = Run.load(tmp_path)
    assert again.indicators == json.loads(json.dumps(run.indicators))
    assert again.trips.equals(run.trips)
    assert all((again.costs[k] == v).all() or np.array_equal(again.costs[k], v) for k, v in run.costs.items())
    (tmp_path / "lines.parquet").unlink()
    with pytest.raises(ScenarioError, match=r"holds no lines\.parquet"):
        Run.load(tmp_path)


def test_a_run_cut_short_says_so_first(city: Network) -> None:
    short = simulate(city, sample=0.01, seed=0, max_days=2)
    assert not short.indicators["converged"]
    assert short.indicators["warnings"][0].startswith("NOT CONVERGED after 2 days")


def test_progress_is_told_and_can_stop_the_run(city: Network) -> None:
    class Stop(Exception):  # noqa: N818
        pass

    told: list[int] = []

    def progress(day: int, days: int, gap: float, share: float) -> None:
        told.append(day)
        assert days == 9
        assert 0 < share < 100
        if day == 2:
            raise Stop

    with pytest.raises(Stop):
        simulate(city, sample=0.01, seed=0, max_days=9, progress=progress)
    assert told == [1, 2]


_SCRIPT = """
import hashlib, sys
from greentrip_agents import simulate
from greentrip_networks import tiny
r = simulate(tiny(), sample=0.02, seed=5, max_days=6)
h = hashlib.sha256()
for name in sorted(r.costs):
    h.update(r.costs[name].tobytes())
h.update(r.trips.hash_rows(seed=0).to_numpy().tobytes())
print(h.hexdigest())
"""


def test_bytes_do_not_depend_on_threads_or_hash_seed() -> None:
    found = set()
    for threads, salt in (("1", "1"), ("2", "2"), ("4", "3")):
        env = os.environ | {"NUMBA_NUM_THREADS": threads, "PYTHONHASHSEED": salt}
        done = subprocess.run([sys.executable, "-c", _SCRIPT], env=env, capture_output=True, text=True, check=True)
        found.add(done.stdout.strip())
    assert len(found) == 1


def test_bad_arguments_are_refused_before_work(city: Network) -> None:
    with pytest.raises(ScenarioError, match="max_days"):
        simulate(city, max_days=1)
    with pytest.raises(ScenarioError, match="sample"):
        simulate(city, sample=2.0)
