"""Read the rail lines and stations that are open at the end of a year."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx

from greentrip_networks.errors import TableError, UnknownNameError
from greentrip_networks.geo import Plane
from greentrip_networks.network import Line
from greentrip_networks.read_roads import StreetNodes
from greentrip_networks.tables import Column, Table, read_table

RAIL_MODES = ("metro", "tram", "maglev", "airport")

_STATIONS = (
    Column("station_id", unique=True),
    Column("name_zh"),
    Column("name_en"),
    Column("lon", "number", -180, 180),
    Column("lat", "number", -85, 85),
    Column("opened", "whole", 1850, 2100),
)
_LINES = (
    Column("line_id", unique=True),
    Column("name_zh"),
    Column("name_en"),
    Column("mode", among=RAIL_MODES),
    Column("fare"),
    Column("loop", "flag"),
    Column("train_capacity", "whole", 1, 10_000),
    Column("headway_am_s", "number", 30, 7200),
    Column("headway_off_s", "number", 30, 7200),
    Column("headway_pm_s", "number", 30, 7200),
    Column("opened", "whole", 1850, 2100),
)
_CALLS = (
    Column("line_id"),
    Column("seq", "whole", 0),
    Column("station_id"),
    Column("position_m", "number", 0),
    Column("time_s", "number", 0),
    Column("opened", "whole", 1850, 2100),
)
_TRANSFERS = (
    Column("station_id"),
    Column("from_line"),
    Column("to_line"),
    Column("walk_s", "number", 0, 3600),
)


def read_rail(
    folder: Path, year: int, plane: Plane, street: StreetNodes
) -> tuple["nx.MultiDiGraph[str]", tuple[Line, ...], dict[tuple[str, str, str], float]]:
    """Return the rail graph, its lines and the walks between platforms (seconds) at the end of a year.

    Rows opened later are left out; where trains pass a station not yet open, the ride joins its neighbours. The last
    row of a loop line repeats its first station. Every line runs in both directions.
    """
    stations = read_table(folder / "stations.csv", _STATIONS)
    lines = read_table(folder / "lines.csv", _LINES)
    calls = read_table(folder / "line_stations.csv", _CALLS)
    transfers = read_table(folder / "transfers.csv", _TRANSFERS)
    station_row: dict[str, int] = {s: i for i, s in enumerate(stations["station_id"])}
    line_row: dict[str, int] = {s: i for i, s in enumerate(lines["line_id"])}
    by_line: dict[str, list[int]] = {s: [] for s in line_row}
    for i in range(len(calls)):
        _known(calls, i, "line_id", "line", line_row)
        _known(calls, i, "station_id", "station", station_row)
        by_line[calls["line_id"][i]].append(i)
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    rides: list[tuple[str, str, tuple[str, int], dict[str, Any]]] = []
    made: list[Line] = []
    used: set[str] = set()
    for line, row in line_row.items():
        rows = sorted(by_line[line], key=lambda i: int(calls["seq"][i]))
        _check_order(calls, rows, loop=lines["loop"][row])
        rows = [i for i in rows if calls["opened"][i] <= year]
        if lines["opened"][row] > year or len(rows) < 2:
            continue
        made.append(
            Line(
                id=line,
                name_zh=lines["name_zh"][row],
                name_en=lines["name_en"][row],
                mode=lines["mode"][row],
                fare=lines["fare"][row],
                loop=lines["loop"][row] and calls["station_id"][rows[0]] == calls["station_id"][rows[-1]],
                capacity=lines["train_capacity"][row],
                headway_s=(lines["headway_am_s"][row], lines["headway_off_s"][row], lines["headway_pm_s"][row]),
                opened=lines["opened"][row],
            )
        )
        for seq, (a, b) in enumerate(pairwise(rows)):
            u, v = calls["station_id"][a], calls["station_id"][b]
            used.update((u, v))
            ride = {
                "line": line,
                "seq": seq,
                "length_m": calls["position_m"][b] - calls["position_m"][a],
                "time_s": calls["time_s"][b] - calls["time_s"][a],
            }
            rides.append((u, v, (line, 0), {**ride, "direction": 0}))
            rides.append((v, u, (line, 1), {**ride, "direction": 1, "seq": len(rows) - 2 - seq}))
    rows = [i for s, i in station_row.items() if s in used]
    lon = stations.numbers("lon")[rows]
    lat = stations.numbers("lat")[rows]
    x, y = plane.to_metres(lon, lat)
    at, metres = street.find(x, y)
    for k, i in enumerate(rows):
        graph.add_node(
            stations["station_id"][i],
            name_en=stations["name_en"][i],
            name_zh=stations["name_zh"][i],
            lon=float(lon[k]),
            lat=float(lat[k]),
            x_m=float(x[k]),
            y_m=float(y[k]),
            opened=stations["opened"][i],
            node=street.nodes[at[k]],
            node_m=float(metres[k]),
        )
    for u, v, ride_key, data in rides:
        graph.add_edge(u, v, key=ride_key, **data)
    walks: dict[tuple[str, str, str], float] = {}
    for i in range(len(transfers)):
        _known(transfers, i, "station_id", "station", station_row)
        _known(transfers, i, "from_line", "line", line_row)
        _known(transfers, i, "to_line", "line", line_row)
        walks[transfers["station_id"][i], transfers["from_line"][i], transfers["to_line"][i]] = transfers["walk_s"][i]
    return graph, tuple(made), walks


def _known(table: Table, i: int, column: str, kind: str, known: dict[str, int]) -> None:
    """Raise TableError with the nearest matches unless the cell names something known."""
    name = table[column][i]
    if name not in known:
        raise table.error(i, column, f"a known {kind}; {UnknownNameError(kind, name, known)}")


def _check_order(calls: Table, rows: list[int], *, loop: bool) -> None:
    """Raise TableError unless positions and times of a line grow from row to row and a loop closes."""
    for a, b in pairwise(rows):
        for column in ("seq", "position_m", "time_s"):
            if not calls[column][b] > calls[column][a]:
                raise calls.error(
                    b, column, f"more than {calls[column][a]:g}, the value of the row before on this line"
                )
    if loop and rows and calls["station_id"][rows[0]] != calls["station_id"][rows[-1]]:
        raise TableError(
            calls.file,
            "a last row that repeats the first station of a loop line",
            row=calls.rows[rows[-1]],
            column="station_id",
            value=calls["station_id"][rows[-1]],
        )
