"""Compile the tables of Beijing's roads into node.csv and link.csv.

Run ``python -m greentrip_networks.beijing_roads.compile``. The output follows the General Modeling Network
Specification: length in metres, free speed in km/h, capacity in vehicles an hour and lane, every direction a link of
its own. The same tables give the same bytes.
"""

import csv
import io
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from greentrip_networks.beijing_roads.grid import local_streets
from greentrip_networks.beijing_roads.links import (
    Link,
    connect_places,
    cut_lines,
    keep_off_motorways,
    one_piece,
    renumber,
)
from greentrip_networks.beijing_roads.nodes import Line, Nodes, meet_named, meet_streets
from greentrip_networks.beijing_roads.shapes import closest
from greentrip_networks.beijing_roads.sources import FOLDER, PLANE, Road, Sources, read_sources
from greentrip_networks.geo import haversine_m
from greentrip_networks.network import Floats

LABEL_M = 70.0  # a node takes the name of a bridge or junction laid down this close
_RANK = {"motorway": 0, "expressway": 1, "arterial": 2, "secondary": 3}
NODE_COLUMNS = ("node_id", "x_coord", "y_coord", "zone_id", "name")
LINK_COLUMNS = (
    "link_id", "from_node_id", "to_node_id", "directed", "name", "name_zh", "length", "facility_type", "capacity",
    "free_speed", "lanes", "allowed_uses", "geometry", "generated", "provenance",
)  # fmt: skip


def build(sources: Sources) -> tuple[list[Link], Floats]:
    """Turn the tables into links, both directions in one, and node positions (n, 2) in metres; node 1 is row 0."""
    roads: list[Road] = sorted(
        sources.roads, key=lambda r: _RANK[r.facility]
    )  # stable: the larger class keeps a shared stretch
    named = [Line(r.facility, r.line) for r in roads]
    nodes = Nodes()
    meet_named(named, nodes)
    streets = meet_streets([Line("local", s) for s in local_streets(sources)], named, nodes)
    links = keep_off_motorways(cut_lines(named + streets, [*roads, *([None] * len(streets))], nodes))
    links = connect_places(one_piece(links, nodes, "auto;bike;walk"), sources.places, nodes)
    links = one_piece(one_piece(links, nodes, "auto;bike;walk"), nodes, "auto")
    return renumber(links, nodes)


def _degrees(points: Floats) -> list[tuple[float, float]]:
    lon, lat = PLANE.to_degrees(points[:, 0], points[:, 1])
    return list(zip(np.round(lon, 5).tolist(), np.round(lat, 5).tolist(), strict=True))


def _names(xy: Floats, sources: Sources) -> list[str]:
    """Return the name of each node: that of the closest labelled point within LABEL_M, else nothing."""
    distance, row = closest(xy, np.array([(x, y) for x, y, _ in sources.labels]))
    return [sources.labels[int(r)][2] if d <= LABEL_M else "" for d, r in zip(distance, row, strict=True)]


def tables(sources: Sources) -> tuple[str, str]:
    """Return the text of node.csv and of link.csv."""
    links, xy = build(sources)
    nodes_out, links_out = io.StringIO(), io.StringIO()
    writer = csv.writer(nodes_out, lineterminator="\n")
    writer.writerow(NODE_COLUMNS)
    for n, ((lon, lat), name) in enumerate(zip(_degrees(xy), _names(xy, sources), strict=True), 1):
        writer.writerow([n, f"{lon:.5f}", f"{lat:.5f}", "", name])
    writer = csv.writer(links_out, lineterminator="\n")
    writer.writerow(LINK_COLUMNS)
    link_id = 0
    for k in links:
        points = np.array(_degrees(k.points))
        length = float(haversine_m(points[:-1, 0], points[:-1, 1], points[1:, 0], points[1:, 1]).sum())
        ends = [(k.start, k.end, points)] if k.oneway else [(k.start, k.end, points), (k.end, k.start, points[::-1])]
        for start, end, line in ends:
            link_id += 1
            text = ", ".join(f"{x:.5f} {y:.5f}" for x, y in line.tolist())
            writer.writerow([
                link_id, start, end, 1, k.name_en, k.name_zh, f"{np.ceil(length * 10) / 10:.1f}", k.facility,
                k.capacity_veh_h_lane, f"{k.free_speed_kmh:.0f}", k.lanes, k.uses,
                f"LINESTRING ({text})" if len(line) > 2 else "", int(k.generated), k.provenance,
            ])  # fmt: skip
    return nodes_out.getvalue(), links_out.getvalue()


def main(folder: Path = FOLDER) -> None:
    """Write node.csv and link.csv beside the tables and print what they hold."""
    nodes_text, links_text = tables(read_sources(folder))
    (folder / "node.csv").write_text(nodes_text, encoding="utf-8")
    (folder / "link.csv").write_text(links_text, encoding="utf-8")
    kinds = Counter(row["facility_type"] for row in csv.DictReader(io.StringIO(links_text)))
    counts = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    sys.stdout.write(f"{nodes_text.count(chr(10)) - 1} nodes, {sum(kinds.values())} directed links: {counts}\n")


if __name__ == "__main__":
    main()
