"""Street links of a network by what people call them, with the lines they are drawn as."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from greentrip_networks.errors import UnknownNameError
from greentrip_networks.indicators.shapes import link_lines
from greentrip_networks.network import Network
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

FORWARD, BACKWARD = "forward", "backward"


def find_link(network: Network, text: str, direction: str = "") -> int:
    """Return the row of a directed link.

    Parameters
    ----------
    network
        The network whose street it is.
    text
        A row of the links table (`1234`), two street nodes (`n5>n6`), or the id that the link has in the network's
        own table (`id:1234`).
    direction
        `forward` (or nothing) or `backward`, which asks for the link of the other way; or the node that it leads to,
        which an id of a street open both ways needs.

    Raises
    ------
    UnknownNameError
        With the nearest names.

    """
    roads = network.compiled.roads
    text = text.strip()
    if text.startswith("id:"):
        return _by_id(network, text.removeprefix("id:").strip(), direction)
    if re.fullmatch(r"\d{1,9}", text):
        row = int(text)
        if row >= len(roads.tail):
            raise UnknownNameError("link", text, [f"0 to {len(roads.tail) - 1}"])
    else:
        a, _, b = (part.strip() for part in text.partition(">"))
        row = _between(network, _node(network, a), _node(network, b))
    ends = roads.nodes[roads.tail[row]], roads.nodes[roads.head[row]]
    if direction not in ("", FORWARD, BACKWARD, *ends):
        raise UnknownNameError("direction", direction, (FORWARD, BACKWARD, *ends))
    turned = direction == BACKWARD or direction == ends[0]
    return _between(network, int(roads.head[row]), int(roads.tail[row])) if turned else row


def _by_id(network: Network, name: str, direction: str) -> int:
    """Return the link with an id of the network's own table."""
    rows = rows_of_ids(network).get(name, [])
    if not rows:
        raise UnknownNameError("link id", name, rows_of_ids(network))
    heads = {network.compiled.roads.nodes[network.compiled.roads.head[row]]: row for row in rows}
    if len(rows) == 1 and direction in ("", FORWARD, *heads):
        return rows[0]
    if direction not in heads:
        raise UnknownNameError(f"direction of link {name} (the node it leads to)", direction, heads)
    return heads[direction]


@lru_cache(maxsize=4)
def rows_of_ids(network: Network) -> dict[str, list[int]]:
    """Return the rows of the links by their id in the network's own table; a street open both ways has two."""
    place = {n: i for i, n in enumerate(network.compiled.roads.nodes)}
    edges = sorted((place[u], place[v], str(k)) for u, v, k in network.roads.edges(keys=True))
    found: dict[str, list[int]] = {}
    for row, (_, _, key) in enumerate(edges):
        found.setdefault(key, []).append(row)
    return found


def _node(network: Network, name: str) -> int:
    """Return the row of a street node."""
    nodes = network.compiled.roads.nodes
    if name not in network.roads:
        raise UnknownNameError("street node", name, nodes)
    return nodes.index(name)


def _between(network: Network, tail: int, head: int) -> int:
    """Return the first link from a node to another."""
    roads = network.compiled.roads
    leaving = range(int(roads.first_out[tail]), int(roads.first_out[tail + 1]))
    found = [row for row in leaving if roads.head[row] == head]
    if not found:
        known = [f"{roads.nodes[tail]}>{roads.nodes[roads.head[row]]}" for row in leaving]
        raise UnknownNameError("link", f"{roads.nodes[tail]}>{roads.nodes[head]}", known)
    return found[0]


def drawn(network: Network, rows: NDArray[np.integer[Any]]) -> Sequence[BaseGeometry]:
    """Return the lines of some links on the network's plane, in the order of the rows."""
    place = {n: i for i, n in enumerate(network.compiled.roads.nodes)}
    edges = sorted(
        ((u, v, k, d) for u, v, k, d in network.roads.edges(keys=True, data=True)),
        key=lambda e: (place[e[0]], place[e[1]], str(e[2])),
    )
    return link_lines(network, [(u, v, d) for u, v, _, d in (edges[row] for row in rows.tolist())])
