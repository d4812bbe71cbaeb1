"""The rail graph says what the line tables say."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from greentrip_networks import Network, TableError, read_tables


def test_lines_run_in_both_directions_and_loops_close(city: Network) -> None:
    for line, length, calls in (("1", 7, 7), ("2", 7, 8)):
        for direction in (0, 1):
            rides = sorted(
                (d["seq"], u, v)
                for u, v, d in city.rail.edges(data=True)
                if (d["line"], d["direction"]) == (line, direction)
            )
            assert [r[0] for r in rides] == list(range(calls - 1))
            assert all(a[2] == b[1] for a, b in pairwise(rides))
            assert len({r[1] for r in rides} | {r[2] for r in rides}) == length
            assert (rides[0][1] == rides[-1][2]) is (line == "2")


def test_rides_take_longer_than_the_crow_at_full_speed(city: Network) -> None:
    for u, v, ride in city.rail.edges(data=True):
        a, b = city.rail.nodes[u], city.rail.nodes[v]
        assert ride["length_m"] >= np.hypot(a["x_m"] - b["x_m"], a["y_m"] - b["y_m"])
        assert ride["length_m"] / ride["time_s"] < 80 / 3.6


def test_stations_know_their_street_node(city: Network) -> None:
    for _, station in city.rail.nodes(data=True):
        node = city.roads.nodes[station["node"]]
        assert station["node_m"] == pytest.approx(np.hypot(node["x_m"] - station["x_m"], node["y_m"] - station["y_m"]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "scholars,1,2,90",
            "scolars,1,2,90",
            r"transfers\.csv, row 2, column station_id: saw 'scolars'.*nearest: scholars",
        ),
        ("scholars,1,2,90", "scholars,1,3,90", r"column to_line: saw '3'; expected a known line"),
        ("scholars,1,2,90", "scholars,1,2,-90", r"column walk_s: saw '-90'; expected 0 to 3600"),
    ],
)
def test_spoiled_transfers_are_named(spoil: Callable[[str, str, str], Path], old: str, new: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read_tables(spoil("transfers.csv", old, new), year=2019, name="town")
