"""Exhaust factors by hand, and sums over a run that must hold."""

import copy
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from greentrip_agents import Run, default_parameters
from greentrip_agents.emissions import Factors, emissions, link_emissions, shipped_factors
from greentrip_networks.network import PERIOD_HOURS, FeederRoute, Network

P = default_parameters("tiny")


def test_factors_by_hand() -> None:
    f, v = shipped_factors(), np.array([25.0])
    assert f.grams("petrol_euro4", "nox_g", v)[0] == pytest.approx(0.106 - 0.00158 * 25 + 7.1e-6 * 625)
    assert f.grams("petrol_euro5", "nox_g", v)[0] == pytest.approx(0.0359, abs=2e-4)
    assert f.grams("petrol_euro4", "fuel_g", v)[0] == pytest.approx(73.7, abs=0.2)  # 9.9 l a 100 km
    assert f.grams("diesel_bus", "fuel_g", np.array([18.0]))[0] == pytest.approx(345, abs=1)
    assert f.grams("diesel_bus", "nox_g", np.array([18.0]))[0] == pytest.approx(7.2, abs=0.1)
    assert f.grams("electric_bus", "nox_g", v)[0] == 0
    slow = f.grams("petrol_euro4", "fuel_g", np.array([1.0, 10.0]))
    assert slow[0] == slow[1]  # beyond the measured range its end is taken
    for vehicle, kind in f.data["vehicles"].items():
        if "fuel" in kind:
            speeds = np.linspace(*kind["speed_km_h"], 200)
            for what in ("fuel_g", "nox_g", "pm_g"):
                assert (f.grams(vehicle, what, speeds) > 0).all(), (vehicle, what)


def test_every_figure_says_where_it_comes_from_and_fleets_are_whole() -> None:
    f = shipped_factors()

    def check(value: object) -> None:
        if isinstance(value, dict):
            if any(isinstance(v, float | list) for k, v in value.items() if k != "speed_km_h"):
                assert value["source"]
            for inner in value.values():
                check(inner)

    check(f.data)
    for mode in ("car", "taxi", "bus"):
        assert sum(f.fleet(mode).values()) == pytest.approx(1)
        assert set(f.fleet(mode)) <= set(f.data["vehicles"])


def test_sums_hold(run: Run, city: Network) -> None:
    table = emissions(run, city, P)
    whole = {r["mode"]: r for r in table.filter(pl.col("vehicle") == "all").iter_rows(named=True)}
    parts = table.filter(pl.col("vehicle") != "all")
    for column in ("vehicle_km", "energy_gj", "co2_t", "nox_kg", "pm_kg"):
        assert whole["all"][column] == pytest.approx(parts[column].sum())
    b = city.compiled.buses
    length = b.call_m[b.pattern_first[1:] - 1]
    runs = sum(3600 * h / b.headway_s[:, t] for t, h in enumerate(PERIOD_HOURS))
    assert whole["bus"]["vehicle_km"] == pytest.approx(float(length @ runs) / 1000)
    links = link_emissions(run, city)
    metres = city.compiled.roads.length_m[run.links["link"].to_numpy()]
    assert links["vehicle_km"].sum() == pytest.approx(float(run.links["vehicles"].to_numpy() @ metres) / 1000)
    driven = whole["car"]["vehicle_km"] + 0.65 * whole["taxi"]["vehicle_km"]
    assert driven > links["vehicle_km"].sum()  # trips within a zone come on top


def test_a_bus_runs_there_and_back_but_only_once_round_a_loop(run: Run, city: Network) -> None:
    def bus_km(*routes: FeederRoute) -> float:
        table = emissions(run, city.with_(feeders=routes), P).filter(
            (pl.col("mode") == "bus") & (pl.col("vehicle") == "all")
        )
        return float(table["vehicle_km"][0])

    path = ("n1204", "n1205", "n1305", "n1304", "n1204")
    stops, ride_s, headways_s = ("n1205", "n1304"), (340.0, 120.0), (300.0, 900.0, 480.0)
    both_ways = FeederRoute("f", "harbour", stops, path, ride_s, 2900.0, headways_s, 2, 60, 4000.0)
    once = replace(both_ways, ride_out_s=(100.0, 320.0))
    trip_km = 2.9 * (2 * 12 + 13 * 4 + 2 * 7.5)  # buses an hour in two, thirteen and two hours
    assert bus_km(both_ways) - bus_km() == pytest.approx(2 * trip_km)
    assert bus_km(once) - bus_km() == pytest.approx(trip_km)


def test_an_electric_fleet_has_no_exhaust_and_speed_matters(run: Run, city: Network) -> None:
    data = copy.deepcopy(dict(shipped_factors().data))
    data["fleet"].update(car={"electric_car": 1.0}, taxi={"electric_car": 1.0}, bus={"electric_bus": 1.0})
    clean = emissions(run, city, P, Factors(data)).row(0, named=True)
    assert clean["nox_kg"] == 0
    assert clean["co2_t"] == pytest.approx(clean["electricity_mwh"] * 0.581)
    slower = run.links.with_columns(pl.col("seconds") * 3)
    jam = Run(run.indicators, run.trips, slower, run.lines, run.costs, run.detail)
    assert emissions(jam, city, P)["energy_gj"][0] > emissions(run, city, P)["energy_gj"][0]
