"""Turn a network's graphs and tables into the arrays kernels use."""

import numpy as np
from scipy.spatial import cKDTree

from greentrip_networks.compiled import BusArrays, Compiled, RailArrays, RoadArrays
from greentrip_networks.errors import PiecesError, TableError, UnknownNameError
from greentrip_networks.network import Ints, Network
from greentrip_networks.paths import quickest_paths
from greentrip_networks.road_arrays import Links, drivable, links_of, on_streets


def compile_all(network: Network) -> Compiled:
    """Compile roads, rail and buses of a network."""
    links = links_of(network.roads)
    zones = np.arange(len(network.zones) + 1)
    return Compiled(
        roads=_roads(network, links),
        rail=_rail(network, links),
        buses=_buses(network, links),
        zone_first_cell=np.searchsorted(network.cells.zone, zones).astype(np.int32),
    )


def _roads(network: Network, links: Links) -> RoadArrays:
    """Compile the street graph and find the nodes of zones and cells."""
    return RoadArrays(
        nodes=links.nodes,
        x_m=links.x_m,
        y_m=links.y_m,
        first_out=links.first_out,
        tail=links.tail,
        head=links.head,
        length_m=links.length_m,
        free_s=links.free_s,
        capacity_veh_h=links.capacity_veh_h,
        auto=links.auto,
        walk=links.walk,
        bike=links.bike,
        generated=links.generated,
        facility=links.facility,
        zone_node=_zone_nodes(network, links),
        cell_node=_rows(links.row, network.cells.node, "street node"),
    )


def _rows(row: dict[str, int], names: tuple[str, ...], kind: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.int32]]":
    """Return the row of each name."""
    for name in names:
        if name not in row:
            raise UnknownNameError(kind, name, row)
    return np.array([row[name] for name in names], np.int32)


def _zone_nodes(network: Network, links: Links) -> "np.ndarray[tuple[int, ...], np.dtype[np.int32]]":
    """Return the street node nearest to the centre of each zone's residents and jobs that cars can reach and leave."""
    zones, cells = network.zones, network.cells
    weight = cells.home_share * (zones.residents[cells.zone] + 1.0) + cells.work_share * zones.jobs[cells.zone]
    total = np.bincount(cells.zone, weight, minlength=len(zones))
    x = np.bincount(cells.zone, weight * cells.x_m, minlength=len(zones)) / np.where(total > 0, total, 1.0)
    y = np.bincount(cells.zone, weight * cells.y_m, minlength=len(zones)) / np.where(total > 0, total, 1.0)
    x, y = np.where(total > 0, x, zones.x_m), np.where(total > 0, y, zones.y_m)
    reachable = drivable(links)
    if not reachable.any():
        raise PiecesError("road (cars)", [0], zones.name_en)
    choice = np.flatnonzero(reachable & on_streets(links))
    if not len(choice):
        choice = np.flatnonzero(reachable)
    _, at = cKDTree(np.column_stack([links.x_m[choice], links.y_m[choice]])).query(np.column_stack([x, y]))
    return choice[at].astype(np.int32)


def _rail(network: Network, links: Links) -> RailArrays:
    """Compile stations, platforms, rides between platforms and walks between the platforms of a station."""
    rail = network.rail
    stations = tuple(rail.nodes)
    station_row = {s: i for i, s in enumerate(stations)}
    line_row = {line.id: i for i, line in enumerate(network.lines)}
    rides = []
    for u, v, data in rail.edges(data=True):
        if data["line"] not in line_row:
            raise UnknownNameError("line of the rail graph", data["line"], line_row)
        rides.append(
            (
                line_row[data["line"]],
                data["direction"],
                data["seq"],
                station_row[u],
                station_row[v],
                data["time_s"],
                data["length_m"],
            )
        )
    rides.sort()
    platforms = sorted({(r[k], r[0]) for r in rides for k in (3, 4)})
    platform_row = {p: i for i, p in enumerate(platforms)}
    at_station: dict[int, list[int]] = {}
    for i, (station, _) in enumerate(platforms):
        at_station.setdefault(station, []).append(i)
    transfers: list[tuple[int, int, float]] = []
    for i, (station, line) in enumerate(platforms):
        for j in at_station[station]:
            if j != i:
                key = (stations[station], network.lines[line].id, network.lines[platforms[j][1]].id)
                transfers.append((i, j, network.transfer_s.get(key, network.default_transfer_s)))
    nodes = [d["node"] for _, d in rail.nodes(data=True)]
    return RailArrays(
        stations=stations,
        x_m=np.array([d["x_m"] for _, d in rail.nodes(data=True)], np.float64),
        y_m=np.array([d["y_m"] for _, d in rail.nodes(data=True)], np.float64),
        node=_rows(links.row, tuple(nodes), "street node"),
        line_ids=tuple(line.id for line in network.lines),
        headway_s=np.array([line.headway_s for line in network.lines], np.float64).reshape(-1, 3),
        capacity=np.array([line.capacity for line in network.lines], np.float64),
        platform_station=np.array([p[0] for p in platforms], np.int32),
        platform_line=np.array([p[1] for p in platforms], np.int32),
        ride_from=np.array([platform_row[r[3], r[0]] for r in rides], np.int32),
        ride_to=np.array([platform_row[r[4], r[0]] for r in rides], np.int32),
        ride_line=np.array([r[0] for r in rides], np.int32),
        ride_direction=np.array([r[1] for r in rides], np.int32),
        ride_s=np.array([r[5] for r in rides], np.float64),
        ride_m=np.array([r[6] for r in rides], np.float64),
        transfer_from=np.array([t[0] for t in transfers], np.int32),
        transfer_to=np.array([t[1] for t in transfers], np.int32),
        transfer_s=np.array([t[2] for t in transfers], np.float64),
    )


def _buses(network: Network, links: Links) -> BusArrays:
    """Compile each bus line into a pattern a direction, driven on the quickest streets from stop to stop."""
    buses = network.buses
    node = _rows(links.row, buses.node, "street node of a bus stop")
    stops = np.unique(node)
    first = np.searchsorted(buses.line, np.arange(len(buses.lines) + 1))
    calls: list[Ints] = []
    pattern_first = [0]
    for k in range(len(buses.lines)):
        there = node[first[k] : first[k + 1]].astype(np.int64)
        if len(there) < 2:
            raise TableError("buses", "at least two stops on each line", column="line", value=buses.lines[k].id)
        for one in (there, there[::-1]):
            calls.append(one)
            pattern_first.append(pattern_first[-1] + len(one))
    call_node = np.concatenate(calls) if calls else np.zeros(0, np.int64)
    starts = np.zeros(len(call_node), bool)
    starts[pattern_first[:-1]] = True
    leg = np.flatnonzero(~starts)
    pairs, of_pair = np.unique(call_node[leg - 1] * len(links.nodes) + call_node[leg], return_inverse=True)
    cost = np.where(links.auto, links.free_s, np.inf)
    pair_first, pair_links = quickest_paths(
        links.first_out,
        links.tail,
        links.head,
        cost,
        (pairs // len(links.nodes)).astype(np.int32),
        (pairs % len(links.nodes)).astype(np.int32),
    )
    length = np.diff(pair_first)
    if len(pairs) and length.min() == 0:
        bad = leg[np.flatnonzero(length[of_pair] == 0)[0]]
        at = links.nodes[call_node[bad - 1]], links.nodes[call_node[bad]]
        line = buses.lines[int(np.searchsorted(pattern_first, bad, side="right") - 1) // 2].id
        raise TableError(
            "buses", "stops that a bus can reach from the stop before", column=f"line {line}", value=" -> ".join(at)
        )
    count = np.zeros(len(call_node) + 1, np.int64)
    count[leg + 1] = length[of_pair]
    path_first = np.cumsum(count)
    offset = np.arange(path_first[-1]) - np.repeat(path_first[:-1], count[1:])
    start = np.zeros(len(call_node), np.int64)
    start[leg] = pair_first[:-1][of_pair]
    path_link = pair_links[np.repeat(start, count[1:]) + offset]
    before = np.concatenate([[0.0], np.cumsum(links.length_m[path_link])])
    along = before[path_first[1:]]
    pattern_of = np.repeat(np.arange(len(calls)), np.diff(pattern_first))
    call_m = along - along[np.array(pattern_first[:-1], np.int64)][pattern_of] if len(call_node) else np.zeros(0)
    pattern_line = np.arange(len(calls)) // 2
    return BusArrays(
        stop_node=stops.astype(np.int32),
        x_m=links.x_m[stops],
        y_m=links.y_m[stops],
        pattern_first=np.array(pattern_first, np.int32),
        pattern_line=pattern_line.astype(np.int32),
        pattern_direction=(np.arange(len(calls)) % 2).astype(np.int32),
        call_stop=np.searchsorted(stops, call_node).astype(np.int32),
        call_m=call_m,
        headway_s=np.array([line.headway_s for line in buses.lines], np.float64).reshape(-1, 3)[pattern_line],
        capacity=np.array([line.capacity for line in buses.lines], np.float64)[pattern_line],
        path_first=path_first.astype(np.int32),
        path_link=path_link.astype(np.int32),
    )
