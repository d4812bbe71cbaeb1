"""Instances are read by prefix or folder; what is wrong is named with its place."""

from pathlib import Path

import numpy as np
import pytest
from greentrip_networks.errors import TableError
from greentrip_optimizer.route_design.instance import InstanceError, Rules, read, with_rules
from greentrip_optimizer.route_design.made import made_up, write

TIMES = "0 2 Inf\n2 0 3\n\nInf 3 0\n"
TRIPS = "0 1 2\n1 0 3\n2 3 0\n"


def files(folder: Path, times: str = TIMES, trips: str = TRIPS, name: str = "Mandl") -> Path:
    (folder / f"{name}TravelTimes.txt").write_text(times, encoding="utf-8")
    (folder / f"{name}Demand.txt").write_text(trips, encoding="utf-8")
    return folder / name


def test_a_prefix_and_a_folder_give_the_same(tmp_path: Path) -> None:
    prefix = files(tmp_path)
    one, other = read(prefix), read(tmp_path)
    assert one.name == other.name == "Mandl"
    assert np.array_equal(one.time_min, other.time_min)
    assert one.rules == Rules(6, 2, 8)
    assert one.shortest.tolist() == [[0, 2, 5], [2, 0, 3], [5, 3, 0]]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    made = made_up(12, 20, Rules(3, 2, 8), seed=3)
    write(made, tmp_path, "mine")
    again = read(tmp_path / "mine", Rules(3, 2, 8))
    assert np.array_equal(made.time_min, again.time_min)
    assert np.array_equal(made.demand, again.demand)


def test_times_with_decimals_are_scaled(tmp_path: Path) -> None:
    instance = read(files(tmp_path, TIMES.replace("3", "3.25")))
    assert instance.scale == 100
    assert instance.transfer == 500
    assert instance.shortest[0, 2] == 525


@pytest.mark.parametrize(
    ("times", "trips", "words"),
    [
        ("0 2\n2 0\n1 1\n", TRIPS, "square"),
        ("0 2 x\n2 0 3\nInf 3 0\n", TRIPS, "'x'"),
        ("0 2 Inf\n2 0 -3\nInf 3 0\n", TRIPS, "'-3'"),
        ("0 2 Inf\n2 0 3\nInf 4 0\n", TRIPS, "both ways"),
        ("0 2 Inf\n2 0\nInf 4 0\n", TRIPS, "columns"),
        (TIMES, "0 1\n1 0\n", "3 rows"),
        (TIMES, "0 1 Inf\n1 0 1\n1 1 0\n", "finite"),
    ],
)
def test_a_bad_matrix_is_named_by_place(tmp_path: Path, times: str, trips: str, words: str) -> None:
    with pytest.raises(TableError, match=words):
        read(files(tmp_path, times, trips))


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="neither"):
        read(tmp_path / "nothing" / "here")
    with pytest.raises(InstanceError, match="cannot be reached"):
        read(files(tmp_path, "0 2 Inf\n2 0 Inf\nInf Inf 0\n"))
    with pytest.raises(InstanceError, match="no trips"):
        read(files(tmp_path, TIMES, "0 0 0\n0 0 0\n0 0 0\n"))
    prefix = files(tmp_path, name="unknown")
    with pytest.raises(InstanceError, match="--routes"):
        read(prefix)
    with pytest.raises(InstanceError, match="one file"):
        read(tmp_path)
    instance = read(prefix, Rules(2, 2, 2))
    with pytest.raises(InstanceError, match="reach 2 of 3"):
        with_rules(instance, routes=1)
    with pytest.raises(InstanceError, match="at least 4 nodes"):
        with_rules(instance, min_nodes=4, max_nodes=4)
    with pytest.raises(InstanceError, match="min <= max"):
        with_rules(instance, min_nodes=3)
    (tmp_path / "unknownDemand.txt").unlink()
    with pytest.raises(InstanceError, match="missing"):
        read(prefix, Rules(2, 2, 2))
