"""Check a network and say what is wrong, where, and what to do about it."""

from dataclasses import dataclass

import networkx as nx
import numpy as np

from greentrip_networks.network import Network
from greentrip_networks.read_roads import nearest_nodes
from greentrip_networks.road_arrays import drivable, links_of

FAR_STATION_M = 1_000.0  # a station further from every street than this is an error of its place
FAR_CELL_M = 3_000.0
LISTED = 20  # places named of one kind of problem


@dataclass(frozen=True)
class Problem:
    """Something wrong with a network: an error makes results meaningless, a warning needs a look."""

    level: str  # error or warning
    place: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.level}: {self.place}: {self.message}; {self.remedy}"


def validate(network: Network, *, known: Network | None = None) -> list[Problem]:
    """List the problems of a network, errors first; an empty list means that none was found.

    known: a network without errors; what both have in common, the very same graphs and tables, is not looked at again.

    Checked are: pieces of the street graph (all links, and those for cars) and of the rail graph with the zones or
    stations cut off, lengths, capacities, speeds and times of links and rides, stations and cells far from streets,
    zones without people, and shares of cells that do not sum to one.
    """
    problems: list[Problem] = []
    for check, parts in _CHECKS:
        if known is None or any(getattr(network, part) is not getattr(known, part) for part in parts):
            problems += check(network)
    return sorted(problems, key=lambda p: p.level != "error")


def _named(names: list[str]) -> str:
    """List names, the first few of many."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _road_pieces(network: Network) -> list[Problem]:
    """Find pieces of the street graph and nodes that cars cannot both reach and leave."""
    problems: list[Problem] = []
    zones = network.zones
    pieces = sorted(nx.weakly_connected_components(network.roads), key=lambda p: (-len(p), min(p)))
    if len(pieces) > 1:
        street = nearest_nodes(network.roads)
        at, _ = street.find(zones.x_m, zones.y_m)
        cut = [zones.name_en[i] for i in range(len(zones)) if street.nodes[at[i]] not in pieces[0]]
        sizes = _named([str(len(p)) for p in pieces])
        off = f"zones cut off: {_named(cut)}" if cut else "no zone is cut off"
        problems.append(
            Problem(
                "error",
                "roads",
                f"{len(pieces)} pieces (nodes: {sizes}), {off}",
                "join the pieces or remove the small ones",
            )
        )
    links = links_of(network.roads)
    main = drivable(links)
    driven = np.zeros(len(links.nodes), bool)
    driven[links.tail[links.auto]] = driven[links.head[links.auto]] = True
    lost = [links.nodes[i] for i in np.flatnonzero(driven & ~main)]
    if lost:
        problems.append(
            Problem(
                "warning",
                "roads",
                f"cars cannot both reach and leave {len(lost)} nodes: {_named(lost)}",
                "check directions of one-way links",
            )
        )
    return problems


def _links(network: Network) -> list[Problem]:
    """Find links whose length, speed or capacity cannot be."""
    bad: dict[tuple[str, str, str], list[str]] = {}
    place = {n: (d["x_m"], d["y_m"]) for n, d in network.roads.nodes(data=True)}
    for u, v, key, data in network.roads.edges(keys=True, data=True):
        (xu, yu), (xv, yv) = place[u], place[v]
        crow = float(np.hypot(xu - xv, yu - yv))
        if not data["length_m"] > 0:
            bad.setdefault(("error", "length_m not above 0", "give the length in metres"), []).append(str(key))
        elif data["length_m"] < 0.9 * crow - 10:
            bad.setdefault(
                ("warning", "shorter than the straight line between its nodes", "check lengths and coordinates"), []
            ).append(str(key))
        if not 1 <= data["free_speed_kmh"] <= 140:
            bad.setdefault(("error", "free_speed_kmh not in 1 to 140", "give the speed in km/h"), []).append(str(key))
        if "auto" in data["uses"] and not data["capacity_veh_h"] > 0:
            bad.setdefault(
                ("error", "no capacity though cars may use it", "give vehicles an hour or remove auto from its uses"),
                [],
            ).append(str(key))
    return [
        Problem(level, f"roads, {len(keys)} link{'s' if len(keys) > 1 else ''} ({_named(keys)})", message, remedy)
        for (level, message, remedy), keys in bad.items()
    ]


def _rail(network: Network) -> list[Problem]:
    """Find pieces of the rail graph, impossible rides and stations far from streets."""
    problems: list[Problem] = []
    rail = network.rail
    pieces = sorted(nx.weakly_connected_components(rail), key=lambda p: (-len(p), min(p)))
    if len(pieces) > 1:
        cut = [rail.nodes[s]["name_en"] for p in pieces[1:] for s in sorted(p)]
        sizes = _named([str(len(p)) for p in pieces])
        message = f"{len(pieces)} pieces (stations: {sizes}), apart from the largest: {_named(cut)}"
        problems.append(
            Problem(
                "warning",
                "rail",
                message,
                "riders between them must walk or take a bus; join them if that is not meant",
            )
        )
    for u, v, data in rail.edges(data=True):
        place = f"rail, line {data['line']}, {u} to {v}"
        if not (data["length_m"] > 0 and data["time_s"] > 0):
            problems.append(Problem("error", place, "a ride without length or time", "give metres and seconds above 0"))
        elif not 2 <= data["length_m"] / data["time_s"] * 3.6 <= 160:
            speed = data["length_m"] / data["time_s"] * 3.6
            problems.append(
                Problem("warning", place, f"{speed:.0f} km/h between stations", "check position_m and time_s")
            )
    for station, data in rail.nodes(data=True):
        if data["node"] not in network.roads:
            problems.append(
                Problem(
                    "error",
                    f"station {station}",
                    f"its street node {data['node']!r} is not there",
                    "read the tables again",
                )
            )
        elif data["node_m"] > FAR_STATION_M:
            problems.append(
                Problem(
                    "warning",
                    f"station {data['name_en']}",
                    f"{data['node_m']:.0f} m from the nearest street",
                    "check its place or add a street",
                )
            )
    return problems


def _zones(network: Network) -> list[Problem]:
    """Find zones without people and cells that do not add up or are far from streets."""
    problems: list[Problem] = []
    zones, cells = network.zones, network.cells
    empty = [zones.name_en[i] for i in np.flatnonzero(~(zones.residents > 0))]
    if empty:
        problems.append(Problem("warning", "zones", f"nobody lives in {_named(empty)}", "check residents"))
    for name, share in (("home_share", cells.home_share), ("work_share", cells.work_share)):
        total = np.bincount(cells.zone, share, minlength=len(zones))
        wrong = [zones.name_en[i] for i in np.flatnonzero(np.abs(total - 1) > 1e-9)]
        if wrong:
            problems.append(
                Problem("error", "cells", f"{name} does not sum to 1 in {_named(wrong)}", "divide by the zone's sum")
            )
    far = sorted({zones.name_en[cells.zone[i]] for i in np.flatnonzero(cells.node_m > FAR_CELL_M)})
    if far:
        problems.append(
            Problem(
                "warning",
                "cells",
                f"some lie more than {FAR_CELL_M:.0f} m from a street in {_named(far)}",
                "add streets there",
            )
        )
    return problems


# What each check looks at, by the network's fields.
_CHECKS = (
    (_road_pieces, ("roads", "zones")),
    (_links, ("roads",)),
    (_rail, ("rail", "roads")),
    (_zones, ("zones", "cells")),
)
