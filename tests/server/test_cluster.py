"""Runs on a real Ray cluster of two nodes: the same bytes as here, inputs once a node, a killed node loses nothing."""

import hashlib
import importlib.util
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import greentrip
import pytest
from greentrip.client import Client, ConnectError
from greentrip.v1 import experiment_pb2, run_pb2
from greentrip_networks.formats import write_layers
from greentrip_networks.layers_of import layers_of
from greentrip_networks.read import tiny
from greentrip_server.settings import Settings

_spec = importlib.util.spec_from_file_location("ray_nodes", Path(__file__).parent / "ray_nodes.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

LABEL = f"gt{os.getpid() % 100_000}"  # the kernel takes a moment to forget the names of a test before


def spec(name: str, **changes: Any) -> dict[str, Any]:
    fare = {"kind": "SetFare", "system": "metro", "factor": 2}
    return {
        "name": name,
        "network": "harbour",
        "sample": 0.1,  # days long enough that a node dies in the middle of a run
        "max_days": 16,
        "seeds": [0, 1, 2],
        "scenario": [{"name": "today"}, {"name": "dear", "interventions": [fare]}],
        **changes,
    }


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("city") / "city.json"
    write_layers(layers_of(tiny()), file, "node-link")
    return file


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    pytest.importorskip("ray")
    names = _module.namespaces(2, LABEL)
    folder = tmp_path_factory.mktemp("ray")
    hosts = ["10.213.7.2", "10.213.7.3"] if names else ["127.0.0.1", "127.0.0.1"]
    made: list[Any] = []
    try:
        for i, host in enumerate(hosts):
            head = f"{hosts[0]}:7379" if i else ""
            made.append(_module.Node(folder / f"n{i}", host, head, names[i] if names else "", 7379))
        yield made
    finally:
        for node in made:
            node.kill()
        _module.remove_namespaces(names, LABEL)


def files_of(data: Path, experiment: experiment_pb2.Experiment) -> dict[str, str]:
    folders = [data / r.run for r in experiment.runs]
    return {
        f"{folder.name}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest()
        for folder in folders
        for file in sorted(folder.iterdir())
    }


def log(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / "server.log").read_text().splitlines()]


def at_day(client: Client, name: str, day: int) -> list[str]:
    runs = [client.run(r.run) for r in client.experiment(name).runs if r.run]
    return [r.name for r in runs if r.state == run_pb2.RUN_STATE_RUNNING and r.progress.day >= day]


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_node_killed_in_the_middle_loses_nothing_and_the_bytes_are_those_of_this_machine(
    nodes: list[Any], city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENTRIP_CLUSTER_KEEP_S", "0")  # every day goes home
    here, there = tmp_path / "here", tmp_path / "there"
    with greentrip.connect(data_dir=here) as client:
        client.network_files.add([city], "harbour")
        client.run_experiment(spec("town"))
        local = list(client.watch_experiment("town"))[-1]
    with greentrip.connect(data_dir=there, cluster=f"ray://{nodes[0].host}:7380") as client:
        client.network_files.add([city], "harbour")
        client.run_experiment(spec("town"))
        until = time.monotonic() + 90
        while len(busy := at_day(client, "town", 3)) < 2:
            assert time.monotonic() < until, "two runs should be under way, one a node"
            time.sleep(0.05)
        kept = {name for name in busy if (there / "runs" / f".{name.rpartition('/')[2]}.days" / "day.arrays").is_file()}
        nodes[1].kill()
        remote = list(client.watch_experiment("town"))[-1]
        with pytest.raises(ConnectError, match="computes on ray"):
            greentrip.connect(data_dir=there, cluster="ray://elsewhere:1")
    assert remote.state == local.state == experiment_pb2.EXPERIMENT_STATE_DONE
    assert (remote.progress.succeeded, remote.progress.failed) == (6, 0)
    found = files_of(there, remote)
    assert len(found) == 6 * len({name.rpartition("/")[2] for name in found}) > 0
    assert found == files_of(here, local)

    lost = [line["job"] for line in log(there) if re.fullmatch(r"its node [\d.]+ was lost", line["event"])]
    assert len(lost) == 1
    assert set(lost) <= set(busy)
    ended = [line for line in log(there) if line["event"] == "ended"]
    assert {line["job"]: line["resumed"] for line in ended if line["resumed"]} == dict.fromkeys(set(lost) & kept, True)
    assert sum(line["fetched"] for line in ended) == 1, "once on the node that is left, not once a run"


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with pytest.raises(ConnectError, match=r"cluster ray://127\.0\.0\.1:9: "):
        greentrip.connect(data_dir=tmp_path, cluster="ray://127.0.0.1:9")


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected ray://HOST:PORT, such as ray://head:10001"):
        Settings(cluster="head:10001")
