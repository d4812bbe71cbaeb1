"""Where a car waits at a crossing even on an empty road: at the signals where streets of rank meet.

Free speeds of a strategic street graph are those between crossings. What a red light takes comes on top.
"""

import numpy as np
from greentrip_networks.compiled import RoadArrays
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

RANKED = ("motorway", "expressway", "arterial", "secondary")  # where they meet there is a signal
UNSTOPPED = ("motorway", "ramp", "expressway", "connector")  # their drivers do not stop for it
ARMS = 3  # neighbours along streets of rank that make a node a crossing


def signalled(roads: RoadArrays) -> Bools:
    """Return which links end at a signal, shape (links,).

    A node is a crossing where streets of rank lead to at least three others; a link that ends there has a signal unless
    its traffic flows past (motorways and expressways cross on bridges). Which crossings really have one is assumed.
    """
    rank = roads.auto & np.isin(roads.facility, RANKED)
    ends = np.concatenate([np.stack([roads.tail, roads.head], 1)[rank], np.stack([roads.head, roads.tail], 1)[rank]])
    arms = np.bincount(np.unique(ends, axis=0)[:, 0], minlength=len(roads.nodes))
    waits: Bools = roads.auto & ~np.isin(roads.facility, UNSTOPPED) & (arms[roads.head] >= ARMS)
    return waits
