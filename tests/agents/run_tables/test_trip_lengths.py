"""Distributions of trip lengths add up to the trips."""

import json

import polars as pl
from greentrip_agents import Run
from greentrip_agents.run_tables.asked import Asked
from greentrip_agents.run_tables.trip_lengths import trip_lengths
from greentrip_networks.network import Network


def test_bands_hold_every_counted_trip_once(run: Run, city: Network) -> None:
    table = trip_lengths(run, city, Asked()).table
    counted = run.trips.filter(pl.col("counted") & (pl.col("mode") != "unserved"))
    for of in ("km", "minutes"):
        whole = table.filter((pl.col("of") == of) & (pl.col("mode") == "all") & (pl.col("purpose") == "all"))
        assert abs(whole["trips"].sum() - counted["weight"].sum()) < 1e-6 * counted["weight"].sum()
        by_mode = table.filter((pl.col("of") == of) & (pl.col("mode") != "all") & (pl.col("purpose") == "all"))
        assert abs(by_mode["trips"].sum() - whole["trips"].sum()) < 1e-6 * whole["trips"].sum()
    assert table.group_by("of", "mode", "purpose").agg(pl.col("percent").sum())["percent"].round(
        6
    ).unique().to_list() == [100.0]


def test_a_band_counts_what_lies_between_its_ends(run: Run, city: Network) -> None:
    table = trip_lengths(run, city, Asked(mode="walk", period="am")).table
    row = table.filter(
        (pl.col("of") == "km") & (pl.col("purpose") == "all") & (pl.col("mode") == "walk") & (pl.col("low") == 1)
    )
    trips = run.trips.filter(
        pl.col("counted")
        & (pl.col("mode") == "walk")
        & (pl.col("period") == "am")
        & pl.col("km").is_between(1, 2, closed="left")
    )
    assert abs(row["trips"].item() - trips["weight"].sum()) < 1e-6
    assert set(table["mode"]) == {"walk", "all"}


def test_the_layer_has_the_trips_of_those_who_live_in_each_zone(run: Run, city: Network) -> None:
    features = json.loads(trip_lengths(run, city, Asked()).geojson(city.plane))["features"]
    counted = run.trips.filter(pl.col("counted") & (pl.col("mode") != "unserved"))
    assert len(features) == counted["home_zone"].n_unique()
    assert abs(sum(f["properties"]["trips"] for f in features) - counted["weight"].sum()) <= len(features)
