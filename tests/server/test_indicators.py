"""Indicators over a real channel: the same figures as the model's, layers whole, bad questions refused by field."""

import json
from pathlib import Path

import pytest
from greentrip.client import CallError, Client
from greentrip.v1 import indicator_pb2
from greentrip_networks import tiny
from greentrip_networks.indicators import measure_coverage


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
