import json
from pathlib import Path

import numpy as np
import pytest
from greentrip_networks import Network
from greentrip_networks.errors import UnknownNameError
from greentrip_networks.layers import Layers, Matrix, differences
from greentrip_networks.layers_of import layers_of
from greentrip_networks.store import NetworkStore, StoreError


@pytest.fixture(scope="module")
def layers(city: Network) -> Layers:
    trips = Matrix(tuple(city.zones.id), np.arange(400.0).reshape(20, 20))
    return layers_of(city).with_(matrices={"demand": trips})


def test_what_is_kept_comes_back(layers: Layers, tmp_path: Path) -> None:
    store = NetworkStore(tmp_path / "networks")
    assert store.names() == []
    content = store.save("harbour", layers)
    assert store.names() == ["harbour"]
    assert "harbour" in store
    again = NetworkStore(tmp_path / "networks").load("harbour")
    assert differences(layers, again) == []
    assert again.notes == layers.notes
    assert content == layers.content_hash() == again.content_hash() == store.facts("harbour")["content"]
    store.delete("harbour")
    assert store.names() == []
    assert list((tmp_path / "networks").iterdir()) == []
    with pytest.raises(UnknownNameError):
        store.load("harbour")


def test_names_are_names_and_taken_once(layers: Layers, tmp_path: Path) -> None:
    store = NetworkStore(tmp_path)
    for name in ("", "Harbour", "../x", "a/b", "a" * 64, "1a", "a.b"):
        with pytest.raises(StoreError, match="expected lower-case letters"):
            store.save(name, layers)
        assert name not in store
    store.save("harbour", layers)
    with pytest.raises(StoreError, match="already"):
        store.save("harbour", layers)
    assert [p.name for p in tmp_path.iterdir()] == ["harbour"]


def test_damage_and_other_versions_are_refused(layers: Layers, tmp_path: Path) -> None:
    store = NetworkStore(tmp_path)
    store.save("harbour", layers)
    links = tmp_path / "harbour" / "links.parquet"
    whole = links.read_bytes()
    links.write_bytes(whole[:99] + bytes([whole[99] ^ 1]) + whole[100:])
    with pytest.raises(StoreError, match=r"links.parquet of the stored network harbour is damaged; import it again"):
        store.load("harbour")
    links.write_bytes(whole)
    facts = tmp_path / "harbour" / "network.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "version": 99}))
    with pytest.raises(StoreError, match="version 99"):
        store.load("harbour")
