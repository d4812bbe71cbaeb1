"""Every format goes through the real service: a sample of each is imported, and what is exported is imported again."""

from pathlib import Path

import pytest
from greentrip.client import Client
from greentrip_networks.formats import formats, read_layers
from greentrip_networks.formats.samples import valid_files
from greentrip_networks.layers import differences


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return valid_files(tmp_path_factory.mktemp("samples"))


def test_a_sample_of_every_format_is_imported(client: Client, samples: dict[str, Path]) -> None:
    errors = {}
    for i, (name, path) in enumerate(samples.items()):
        made = client.network_files.add([path], f"sample-{i}", repair=True)
        errors[name] = made.check.errors
        client.network_files.delete(f"sample-{i}")
    assert errors == dict.fromkeys(samples, 0)


def test_what_is_exported_is_imported_again(client: Client, samples: dict[str, Path], tmp_path: Path) -> None:
    client.network_files.add([samples["gmns"]], "grid", form="gmns")
    streets = read_layers(samples["gmns"])
    for name in ("gmns", "matsim", "geopackage", "geojson", "geoparquet"):
        target = tmp_path / f"{name}{formats()[name].suffix}"
        client.network_files.export("grid", name, target)
        again = read_layers(target)
        wanted = streets.with_(turns=again.turns, zones=again.zones) if name == "matsim" else streets
        assert differences(wanted, again, 1e-7) == [], name
        made = client.network_files.add([target], form=name, validate_only=True)
        assert made.check.errors == 0, name
    client.network_files.delete("grid")
