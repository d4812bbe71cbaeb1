"""Networks that are imported, checked, exported and deleted over a real channel."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from greentrip.client import CallError, Client
from greentrip.v1 import network_pb2, network_pb2_grpc
from greentrip_networks.formats import read_layers, write_layers
from greentrip_networks.layers import Layers, differences
from greentrip_networks.layers_of import layers_of
from greentrip_networks.read import tiny


@pytest.fixture(scope="module")
def layers() -> Layers:
    return layers_of(tiny())


@pytest.fixture(scope="module")
def files(layers: Layers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_layers(layers, folder / "city.json", "node-link")
    write_layers(layers, folder / "feed.zip", "gtfs")
    return folder


@pytest.fixture(scope="module")
def harbour(client: Client, files: Path) -> Iterator[str]:
    made = client.network_files.add([files / "city.json"], "harbour", display_name="Harbour")
    assert made.stored, made.check
    assert (made.network.name, list(made.missing), made.check.errors) == ("networks/harbour", [], 0)
    yield "harbour"
    client.network_files.delete("harbour")


def test_an_imported_network_is_a_network(client: Client, harbour: str, layers: Layers) -> None:
    assert harbour in client.networks()
    found = client.network(harbour)
    assert found.display_name == "Harbour"
    assert found.summary["zones"] == 20
    check = client.network_files.validate(harbour)
    assert (check.errors, check.warnings, dict(check.counts)) == (0, 0, layers.counts())


def test_an_imported_network_can_be_simulated(client: Client, harbour: str) -> None:
    runs = client.simulate(harbour, seeds=(0,), sample=0.002, max_days=2)
    assert len(runs.trips()) > 1000


def test_every_network_can_be_exported(client: Client, harbour: str, layers: Layers, tmp_path: Path) -> None:
    header = client.network_files.export(harbour, "node-link", tmp_path / "a" / "city.json")
    assert (header.suffix, header.folder) == (".json", False)
    assert differences(layers, read_layers(tmp_path / "a" / "city.json")) == []
    header = client.network_files.export("tiny", "gtfs", tmp_path / "feed.zip")
    assert [p.saw for p in header.check.problems][:1] == ["'160 nodes'"]
    assert "stop_times.txt" in zipfile.ZipFile(tmp_path / "feed.zip").namelist()
    client.network_files.export(harbour, "omx", tmp_path / "skims.omx")
    assert set(read_layers(tmp_path / "skims.omx").matrices) == {"drive_min", "drive_km", "walk_km"}
    client.network_files.export("tiny", "gmns", tmp_path / "gmns")
    assert len(read_layers(tmp_path / "gmns").links) == 570
    with pytest.raises(CallError, match="nearest: gtfs") as e:
        client.network_files.export("tiny", "gfts", tmp_path / "x")
    assert e.value.code == "NOT_FOUND"
    assert not (tmp_path / "x").exists()


def test_a_feed_alone_is_kept_and_says_what_is_missing(client: Client, files: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(files / "feed.zip") as archive:
        archive.extractall(tmp_path / "feed")
    made = client.network_files.add([tmp_path / "feed"], "feed-only")
    assert made.stored
    assert [m.file for m in made.missing] == ["zones", "links"]
    assert client.network("feed-only").summary["missing"][0].startswith("error: zones: saw 'none'")
    with pytest.raises(CallError, match="import zones"):
        client.simulate("feed-only", seeds=(0,), sample=0.002, max_days=2)
    client.network_files.delete("feed-only")


def test_bad_files_are_named_and_nothing_is_kept(client: Client, files: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(files / "feed.zip") as old, zipfile.ZipFile(tmp_path / "bad.zip", "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            new.writestr(name, text.replace("west-mill.1", "nowhere") if name == "stop_times.txt" else text)
    made = client.network_files.add([tmp_path / "bad.zip"], "bad")
    assert not made.stored
    assert made.check.errors > 0
    assert {(p.code, p.file, p.saw) for p in made.check.problems} == {("unknown-stop", "stop_times.txt", "'nowhere'")}
    assert "bad" not in client.networks()
    mended = client.network_files.add([tmp_path / "bad.zip"], "bad", repair=True, validate_only=True)
    assert (mended.check.errors, mended.stored) == (0, False)
    (tmp_path / "what.bin").write_bytes(b"\0\1\2")
    made = client.network_files.add([tmp_path / "what.bin"], "bad")
    assert [p.code for p in made.check.problems] == ["unknown-format"]


def test_names_are_checked_before_anything_is_read(client: Client, harbour: str, files: Path) -> None:
    for name, code in (
        ("../x", "INVALID_ARGUMENT"),
        ("", "INVALID_ARGUMENT"),
        (harbour, "FAILED_PRECONDITION"),
        ("tiny", "FAILED_PRECONDITION"),
    ):
        with pytest.raises(CallError) as e:
            client.network_files.add([files / "city.json"], name)
        assert e.value.code == code
    with pytest.raises(CallError, match="bundled"):
        client.network_files.delete("tiny")


def test_uploads_out_of_turn_are_refused(client: Client) -> None:
    stub = network_pb2_grpc.NetworkServiceStub(client.channel)
    ask = network_pb2.ImportNetworkRequest
    settings = ask(settings=network_pb2.ImportSettings(network_id="x"))
    file = ask(file=network_pb2.UploadedFile(name="a.zip"))
    for messages, expected in (
        ([], "settings: saw none"),
        ([settings], "file: saw none"),
        ([file], "settings: saw none"),
        ([settings, settings], "settings: saw them twice"),
        ([settings, ask(content=b"1")], "content: saw bytes"),
        ([settings, ask()], "part: saw an empty message"),
        ([settings, ask(file=network_pb2.UploadedFile(name="../../etc/passwd"))], "file.name: saw '../../etc/passwd'"),
        ([settings, ask(file=network_pb2.UploadedFile(name=".."))], "file.name: saw '..'"),
    ):
        with pytest.raises(Exception, match=expected.replace(".", r"\.")) as e:
            stub.ImportNetwork(iter(messages))
        assert e.value.code().name == "INVALID_ARGUMENT"


def test_a_network_that_a_scenario_names_stays(client: Client, harbour: str) -> None:
    made = client.create_scenario(harbour, [])
    with pytest.raises(CallError, match="refers to harbour"):
        client.network_files.delete(harbour)
    client.delete_scenario(made.name)


def test_formats_are_listed(client: Client) -> None:
    found = {f.name: (f.reads, f.writes) for f in client.network_files.formats()}
    assert found["gtfs"] == (True, True)
    assert found["node-link"] == (True, True)
