"""Tables made of a run, over a real channel: Arrow, CSV, layers, and what is refused."""

import csv
import io
import json

import polars as pl
import pytest
from greentrip.client import CallError, Client, Runs
from greentrip.v1 import run_pb2


def test_every_table_streams_as_arrow_csv_and_layer(client: Client, base: Runs) -> None:
    run = base.names[0]
    for table in (
        "trip_lengths", "desire_lines", "screenlines", "section_loads", "hourly_profile", "emissions", "select_link",
        "counts",
    ):  # fmt: skip
        options = {"link": "42", "counts": [run_pb2.Count(link="42", period="am", vehicles_h=10)]}
        frame = client.frame(run, table, **options)
        text, notes = client.table_with_notes(run, table, output="csv", **options)
        rows = list(csv.DictReader(io.StringIO(text.decode())))
        assert len(rows) == frame.height > 0
        assert list(rows[0]) == frame.columns
        assert notes
        assert json.loads(client.layer(run, table, **options))["type"] == "FeatureCollection"
    assert client.table(run, "emissions") == client.table(run, "emissions")


def test_tables_by_hour(client: Client, base: Runs) -> None:
    run = base.names[0]
    hours = [f"{h:02d}" for h in range(5, 22)]
    found = client.frame(run, "section_loads", by="hour", mode="metro", most=1000)
    assert sorted(found["period"].unique()) == hours
    assert set(client.frame(run, "screenlines", by="hour", period="pm")["period"]) == {"17", "18"}
    layer = json.loads(client.layer(run, "section_loads", period="08"))
    assert {f["properties"]["period"] for f in layer["features"]} == {"08"}
    counts = [run_pb2.Count(link="42", period=time, vehicles_h=10) for time in ("07", "08", "am")]
    modelled = dict(client.frame(run, "counts", counts=counts).select("period", "modelled_h").iter_rows())
    assert modelled["07"] + modelled["08"] == pytest.approx(2 * modelled["am"])
    _, notes = client.table_with_notes(run, "hourly_profile")
    assert any("even within each period: no hourly profile of tiny" in note for note in notes)


def test_kept_tables_stream_as_csv_but_lists_do_not(client: Client, base: Runs) -> None:
    run = base.names[0]
    lines = pl.read_csv(io.BytesIO(client.table(run, "lines", output="csv")))
    assert lines.height == client.frame(run, "lines").height
    assert client.frame(run, "routes")["links"].dtype == pl.List(pl.Int32)
    with pytest.raises(CallError, match="lists"):
        client.table(run, "routes", output="csv")
    with pytest.raises(CallError, match="arrow"):
        client.table(run, "lines", output="exel")


def test_what_is_not_there_is_named(client: Client, base: Runs) -> None:
    run = base.names[0]
    for table, options, told in (
        ("screenline", {}, "screenlines"), ("screenlines", {"places": ["9th Ring"]}, "9th Ring"),
        ("select_link", {"link": "n1>n2"}, "street node"), ("counts", {}, "at least one count"),
        ("section_loads", {"period": "4"}, "an hour from 05 to 21"), ("desire_lines", {"period": "08"}, "no hours"),
        ("counts", {"counts": [run_pb2.Count(link="42", period="23")]}, "row 2, column period"),
        ("desire_lines", {"by": "street"}, "district"), ("trip_lengths", {"most": 20_000}, "most"),
    ):  # fmt: skip
        with pytest.raises(CallError, match=told):
            client.table(run, table, **options)
    with pytest.raises(CallError, match="trips"):
        client.layer(run, "trips")


def test_a_comparison_tells_who_gains(client: Client, base: Runs) -> None:
    dearer = client.create_scenario("tiny", [{"kind": "SetFare", "system": "metro", "factor": 3.0}])
    other = client.simulate(dearer.name, seeds=(0, 1), sample=0.002, max_days=3)
    found = client.compare_scenarios(base, other, detail=True)
    everybody = next(g for g in found.gains if g.by == "all")
    assert everybody.minutes < 0
    assert everybody.HasField("minutes_interval")
    assert everybody.lose > everybody.gain
    assert {g.by for g in found.gains} == {"all", "income", "age", "car", "rail", "district"}
    assert {a.figure for a in found.access} >= {"mean", "gini", "palma", "lowest fifth"}
    assert {e.mode for e in found.emissions} == {"all", "car", "taxi", "bus", "rail", "ebike"}
