"""The bicycle network of an area: how long it is, in how many pieces, and which streets between the pieces are closed.

A street counts once for both directions. Whether a street may be cycled is known; whether it is pleasant is not, so a
length says where cycling is allowed and not how much of it is a bicycle road.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from greentrip_networks.errors import UnknownNameError
from greentrip_networks.indicators.areas import area_named, areas_of
from greentrip_networks.indicators.links import Links, area_km2, links_in, links_table
from greentrip_networks.indicators.shapes import Feature, geojson
from greentrip_networks.network import Bools, Ints, Network

PLAN_CITY, PLAN_KM = (
    "Beijing",
    3200.0,
)  # continuous bicycle network inside the 5th ring that Beijing's plan of 2016-2020 names


@dataclass(frozen=True)
class BicycleRow:
    """Streets of one class in the area."""

    facility: str
    km: float  # that may be cycled
    largest_piece_km: float  # of them in the largest connected piece
    gap_km: float  # that may not, with the bicycle network at both ends
    gaps: int
    joining: int  # of the gaps that join two pieces


@dataclass(frozen=True, eq=False)
class BicycleNetwork:
    """A bicycle network, its continuity and its map."""

    network: str
    area: str
    area_km2: float
    without: tuple[str, ...]
    km: float
    pieces: int
    largest_piece_km: float
    rows: tuple[BicycleRow, ...]
    notes: tuple[str, ...]
    features: tuple[Feature, ...]
    plane: Any

    @property
    def largest_piece_share(self) -> float:
        """Return the share of the length that one can cycle without leaving the network."""
        return self.largest_piece_km / self.km if self.km else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "network": self.network, "area": self.area, "area_km2": self.area_km2, "without": list(self.without),
            "km": self.km, "pieces": self.pieces, "largest_piece_km": self.largest_piece_km,
            "largest_piece_share": self.largest_piece_share, "rows": [asdict(r) for r in self.rows],
            "notes": list(self.notes),
        }  # fmt: skip

    def geojson(self) -> str:
        """Return the largest piece, the other pieces and the gaps as GeoJSON."""
        return geojson(self.plane, self.features)


def measure_bicycles(network: Network, *, area: str = "", without: Sequence[str] = ()) -> BicycleNetwork:
    """Measure the bicycle network of an area.

    Parameters
    ----------
    network
        The city.
    area
        As `area_named` takes it; the inside of the 5th ring if there is one, else the first area with a name.
    without
        Classes of street that do not count although cycling is allowed, such as `expressway`.

    Raises
    ------
    UnknownNameError
        For an area or a class that the network does not know.

    """
    links = links_table(network)
    known = np.unique(links.facility).tolist()
    for name in without:
        if name not in known:
            raise UnknownNameError("class of street", name, known)
    chosen = area_named(network, area or _usual(network))
    _, first = np.unique(links.street, return_index=True)
    inside = links_in(network, links, chosen)
    asked = ~np.isin(links.facility, list(without))
    may = np.zeros(len(links.tail), bool)
    may[first] = np.isin(links.street[first], links.street[links.bike & asked])
    rows = np.flatnonzero(may & inside)
    piece, pieces, largest = _pieces(links, rows)
    closed = np.zeros(len(links.tail), bool)
    closed[first] = True
    closed &= inside & ~may
    closed = np.flatnonzero(closed)
    closed = closed[(piece[links.tail[closed]] >= 0) & (piece[links.head[closed]] >= 0)]
    joins = piece[links.tail[closed]] != piece[links.head[closed]]
    in_largest = piece[links.tail[rows]] == largest
    table = tuple(
        BicycleRow(
            name,
            _km(links, rows[links.facility[rows] == name]),
            _km(links, rows[in_largest & (links.facility[rows] == name)]),
            _km(links, closed[links.facility[closed] == name]),
            int((links.facility[closed] == name).sum()),
            int((joins & (links.facility[closed] == name)).sum()),
        )
        for name in known
        if (links.facility[np.concatenate([rows, closed])] == name).any()
    )
    notes = [
        "Streets that may be cycled, each once; widths, separation and parked cars are not known: allowed is not built",
        "A street is in the area if its middle is; pieces are those that hold together within the area",
    ]
    if network.name_en == PLAN_CITY:
        notes.append(
            f"The plan names {PLAN_KM:,.0f} km of continuous network inside the 5th ring; this bounds it from above"
        )
    if any(d["generated"] for _, _, d in network.roads.edges(data=True)):
        notes.append("Local streets are generated, about half a kilometre apart: real lanes are more, and less regular")
    return BicycleNetwork(
        network.name, chosen.name, area_km2(network, chosen), tuple(without), _km(links, rows), pieces,
        _km(links, rows[in_largest]), table, tuple(notes),
        tuple(_features(links, rows, in_largest, closed, joins)), network.plane,
    )  # fmt: skip


def _usual(network: Network) -> str:
    """Return the area that is measured when none is asked for."""
    names = [a.name for a in areas_of(network)]
    return next((n for n in names if "5th Ring" in n), names[0] if names else "whole city")


def _km(links: Links, rows: Ints) -> float:
    """Return kilometres of links."""
    return float(links.length_m[rows].sum()) / 1000.0


def _pieces(links: Links, rows: Ints) -> tuple[Ints, int, int]:
    """Return the piece of each node (-1: on no street), how many there are, and the one of most kilometres."""
    n = len(links.nodes)
    graph = coo_matrix((np.ones(len(rows), np.int8), (links.tail[rows], links.head[rows])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    on: Bools = np.zeros(n, np.bool_)
    on[links.tail[rows]] = on[links.head[rows]] = True
    piece = np.where(on, label, -1).astype(np.int64)
    if not len(rows):
        return piece, 0, -1
    length = np.bincount(label[links.tail[rows]], links.length_m[rows])
    return piece, len(np.unique(piece[on])), int(np.argmax(length))


def _features(links: Links, rows: Ints, in_largest: Bools, closed: Ints, joins: Bools) -> list[Feature]:
    """Return the map: a set of lines a class of the largest piece and of the others, a line a gap."""
    out: list[Feature] = []
    ends = np.stack(
        [
            np.stack([links.x_m[links.tail], links.y_m[links.tail]], axis=1),
            np.stack([links.x_m[links.head], links.y_m[links.head]], axis=1),
        ],
        axis=1,
    )
    for layer, kept in (("largest piece", in_largest), ("other pieces", ~in_largest)):
        for name in np.unique(links.facility[rows[kept]]).tolist():
            mine = rows[kept & (links.facility[rows] == name)]
            lines = shapely.multilinestrings(shapely.linestrings(ends[mine]))
            out.append((lines, {"layer": layer, "facility": name, "km": round(_km(links, mine), 3)}))
    for row, join in zip(closed.tolist(), joins.tolist(), strict=True):
        about = {"layer": "gap", "facility": str(links.facility[row]), "name": str(links.name[row]), "joins": join}
        out.append((shapely.linestrings(ends[row]), about))
    return out
