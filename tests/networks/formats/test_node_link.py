import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from feeds import timetables
from greentrip_networks import Network
from greentrip_networks.formats import read_layers, write_layers
from greentrip_networks.layers import Layers, Matrix, differences
from greentrip_networks.layers_of import layers_of
from greentrip_networks.problems import BadInputError
from hypothesis import HealthCheck, given, settings


def test_networkx_reads_the_graphs_and_we_the_whole(city: Network, tmp_path: Path) -> None:
    values = np.array([[0.0, np.nan], [2.5, 1.0]])
    layers = layers_of(city).with_(matrices={"trips": Matrix(("z01", "z02"), values)})
    path = tmp_path / "city.json"
    assert len(write_layers(layers, path, "node-link")) == 0
    data = json.loads(path.read_text())
    streets = nx.node_link_graph(data["streets"], edges="edges")
    assert set(streets.nodes) == set(city.roads.nodes)
    assert streets.number_of_edges() == city.roads.number_of_edges()
    transit = nx.node_link_graph(data["transit"], edges="edges")
    assert transit.number_of_edges() == len(layers.pattern_stops) - len(layers.patterns)
    assert differences(layers, read_layers(path)) == []


@given(timetables())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_timetable_survives(tmp_path_factory: pytest.TempPathFactory, layers: Layers) -> None:
    path = tmp_path_factory.mktemp("json") / "n.json"
    write_layers(layers, path, "node-link")
    assert differences(layers, read_layers(path)) == []


def test_bad_files_are_named(city: Network, tmp_path: Path) -> None:
    path = tmp_path / "city.json"
    write_layers(layers_of(city), path, "node-link")
    text = path.read_text()
    for old, new, code in (
        ("}", "", "bad-json"),
        ('"version": 1', '"version": 7', "version"),
        ('"tables"', '"t"', "bad-value"),
        ('"lon": 1', '"lon": "east', "bad-json"),
        ('"length_m": 724.0', '"length_m": "long"', "bad-value"),
    ):
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(BadInputError) as e:
            read_layers(path, form="node-link")
        assert [p.code for p in e.value.problems.kept] == [code]
