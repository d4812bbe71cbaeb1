import numpy as np
import polars as pl
import pytest
from greentrip_networks.layers import SCHEMAS, Layers, LayersError, Matrix, differences
from greentrip_networks.problems import BadInputError, Problems


def small() -> Layers:
    return Layers(
        nodes=pl.DataFrame({"node_id": ["b", "a"], "lat": [39.9, 39.8], "lon": [116.3, float("nan")]}),
        links=pl.DataFrame({"link_id": ["ab"], "from_node": ["a"], "to_node": ["b"], "drive": [True], "lanes": [2]}),
        matrices={"trips": Matrix(("1", "2"), np.array([[0.0, 1.0], [2.0, 0.0]]))},
    )


def test_frames_are_brought_to_their_columns() -> None:
    layers = small()
    for name, frame in layers.frames():
        assert dict(frame.schema) == dict(SCHEMAS[name])
    assert layers.nodes["lon"].to_list() == [116.3, None]
    assert layers.nodes["control"].to_list() == ["none", "none"]
    assert layers.links["walk"].to_list() == [False]
    assert layers.links["free_kmh"].to_list() == [None]
    assert layers.links["geometry"].to_list() == [[]]
    assert layers.counts() == {"nodes": 2, "links": 1, "matrices": 1}


def test_wrong_columns_and_types_are_refused() -> None:
    with pytest.raises(LayersError, match="links has no column speed"):
        Layers(links=pl.DataFrame({"link_id": ["a"], "speed": [3]}))
    with pytest.raises(LayersError, match="nodes"):
        Layers(nodes=pl.DataFrame({"node_id": ["a"], "lon": ["east"]}))
    with pytest.raises(LayersError, match="shape"):
        Matrix(("1",), np.zeros((2, 2)))


def test_hash_and_differences_see_content_not_order() -> None:
    a = small()
    b = a.with_(nodes=a.nodes.reverse()).assuming("nothing")
    assert a.content_hash() == b.content_hash()
    assert differences(a, b) == []
    c = a.with_(links=a.links.with_columns(lanes=3.0))
    assert a.content_hash() != c.content_hash()
    assert differences(a, c) == ["links.lanes: 1 rows; first ab: 2.0 and 3.0"]
    assert differences(a, c, tolerance=1.0) == []
    d = a.with_(matrices={"trips": Matrix(("1", "2"), np.ones((2, 2)))})
    assert a.content_hash() != d.content_hash()
    assert differences(a, d) == ["matrix trips: other zones or values"]


def test_problems_are_capped_and_counted() -> None:
    found = Problems(listed=3)
    for i in range(10):
        found.error("bad-time", "HH:MM:SS", file="stop_times.txt", line=i + 2, field="arrival_time", saw="x" * 1000)
    found.many("warning", "slow", "more than 1 km/h", count=5, lines=[1, 2, 3, 4, 5])
    assert (len(found), found.errors, found.warnings, len(found.kept)) == (15, 10, 5, 6)
    assert found.uncounted() == {"bad-time": 7, "slow": 2}
    assert "... and 7 more of bad-time" in found.table()
    with pytest.raises(
        BadInputError, match=r"stop_times.txt, line 2, arrival_time: saw 'x+… .*and 9 other errors"
    ) as e:
        found.raise_errors("gtfs", "feed.zip")
    assert len(str(e.value)) < 400
