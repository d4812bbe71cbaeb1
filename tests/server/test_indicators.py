"""Indicators over a real channel: the same figures as the model's, layers whole, bad questions refused by field."""

import json
from pathlib import Path

import pytest
from greentrip.client import CallError, Client, Runs
from greentrip.plain import plain
from greentrip.v1 import indicator_pb2
from greentrip_networks import tiny
from greentrip_networks.indicators import (
    Pace,
    measure_bicycles,
    measure_coverage,
    measure_lines,
    measure_reach,
    measure_roads,
)


def test_coverage_is_the_models(client: Client) -> None:
    found = client.indicators.coverage("tiny", years=[2015, 2019], areas=["central six"])
    model = measure_coverage(tiny(), years=[2015, 2019], areas=["central six"])
    assert [(r.area, r.year, r.way, r.of) for r in found.rows] == [(r.area, r.year, r.way, r.of) for r in model.rows]
    assert [r.within for r in found.rows] == pytest.approx([r.within for r in model.rows])
    assert found.distance_m == 750
    assert any("No share is the 90 %" in note for note in found.notes)
    request = indicator_pb2.MeasureCoverageRequest(network="networks/tiny", years=[2015, 2019], areas=["central six"])
    assert client.indicators.layer(request).decode() == model.geojson()


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"network": "tiny", "distance_m": -3.0}, "INVALID_ARGUMENT", "distance_m"),
        ({"network": "tiny", "distance_m": 1e6}, "RESOURCE_EXHAUSTED", ""),
        ({"network": "tiny", "areas": ["central sux"]}, "NOT_FOUND", ""),
        ({"network": "runs/x"}, "INVALID_ARGUMENT", "network"),
    ],
)
def test_bad_questions_are_refused(client: Client, asked: dict[str, object], code: str, field: str) -> None:
    with pytest.raises(CallError) as caught:
        client.indicators.coverage(**asked)
    assert caught.value.code == code
    assert not field or field in caught.value.fields


def test_a_layer_of_nothing_is_refused(client: Client) -> None:
    from greentrip.client.errors import call_error
    from greentrip.v1 import indicator_pb2_grpc

    with pytest.raises(Exception, match="indicator") as caught:
        list(indicator_pb2_grpc.IndicatorServiceStub(client.channel).StreamLayer(indicator_pb2.StreamLayerRequest()))
    assert call_error(caught.value).code == "INVALID_ARGUMENT"


def test_the_command_prints_json_and_writes_the_layer(tmp_path: Path, client: Client) -> None:
    from greentrip.cli import app
    from typer.testing import CliRunner

    layer = tmp_path / "maps" / "near.geojson"
    asked = ["network", "coverage", "tiny", "--distance", "600", "--layer", str(layer)]
    where = ["--server", client._server.address]  # type: ignore[union-attr]
    printed = CliRunner().invoke(app, [*asked, *where, "--json"])
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.stdout)["distance_m"] == 600
    assert json.loads(layer.read_text(encoding="utf-8"))["type"] == "FeatureCollection"
    table = CliRunner().invoke(app, [*asked, *where])
    assert "as the crow flies" in table.stdout
    assert CliRunner().invoke(app, ["network", "coverage", "tiny", "--years", "20x", *where]).exit_code != 0


def test_every_measurement_is_the_models_and_has_a_layer(client: Client) -> None:
    city = tiny()
    place = city.zones.name_en[2]
    pairs = [
        (indicator_pb2.MeasureReachRequest(network="networks/tiny", place=place), measure_reach(city, place)),
        (
            indicator_pb2.MeasureLinesRequest(network="networks/tiny", years=[2016, 2019]),
            measure_lines(city, years=[2016, 2019]),
        ),
        (
            indicator_pb2.MeasureBicyclesRequest(network="networks/tiny", without=["arterial"]),
            measure_bicycles(city, without=["arterial"]),
        ),
        (indicator_pb2.MeasureRoadsRequest(network="networks/tiny"), measure_roads(city)),
    ]
    for request, model in pairs:
        found = plain(client.indicators.measure(request))
        assert found == json.loads(json.dumps(model.to_dict() | {"network": "networks/tiny"}))
        assert client.indicators.layer(request).decode() == model.geojson()


def test_the_services_pace_is_the_models_own() -> None:
    from greentrip_agents.parameters import default_parameters
    from greentrip_server.services.indicators import pace_of

    assert pace_of(default_parameters("tiny")) == Pace()


def test_a_runs_traffic_slows_cars(client: Client, base: Runs) -> None:
    place = tiny().zones.name_en[2]
    free = client.indicators.reach("tiny", place, mode="car", minutes=[10, 12, 15, 20])
    met = client.indicators.reach("tiny", place, mode="car", minutes=[10, 12, 15, 20], run=base.names[0])
    assert all(m.area_km2 <= f.area_km2 for m, f in zip(met.rows, free.rows, strict=True))
    assert sum(m.area_km2 for m in met.rows) < sum(f.area_km2 for f in free.rows)
    assert any("run given" in note for note in met.notes)
    with pytest.raises(CallError) as caught:
        client.indicators.reach("tiny", place, mode="car", run="runs/none")
    assert caught.value.code == "NOT_FOUND"
    with pytest.raises(CallError) as caught:
        client.indicators.reach("tiny", "")
    assert "place" in caught.value.fields


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["lines", "tiny"], "track km"),
        (["roads", "tiny", "--area", "central six"], "intersections"),
        (["bicycles", "tiny"], "largest"),
        (["reach", "tiny", "115,30", "--mode", "walk", "--minutes", "10,20"], "door to door"),
    ],
)
def test_every_command_prints_a_table(client: Client, command: list[str], says: str) -> None:
    from greentrip.cli import app
    from typer.testing import CliRunner

    where = ["--server", client._server.address]  # type: ignore[union-attr]
    printed = CliRunner().invoke(app, ["network", *command, *where])
    assert printed.exit_code == 0, printed.output
    assert says in printed.stdout
    assert json.loads(CliRunner().invoke(app, ["network", *command, *where, "--json"]).stdout)["notes"]
