"""Rail and buses of one period as one graph of strategies: riders wait, board, ride, alight, walk and change.

Nodes: at each bus stop and each rail platform one where people wait and one where they have got off; one aboard each
line at each call it arrives at; an entry and an exit of each station; an origin and a destination of each zone. Lines
that leave the same stop share its wait. A boarding link includes the ride to the next call, so nobody gets off where
they boarded. A change costs its walk and the transfer penalty, so a first boarding carries none. Walking
all the way is not in the graph unless the caller links an origin to a destination.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from greentrip_networks.errors import TableError
from greentrip_networks.network import Network
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from greentrip_agents.parameters import Parameters
from greentrip_agents.strategies import HALF_HEADWAY, frequency_per_min

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHANGE_WALK_M = 300.0  # between a stop and another stop or station, as the crow flies
_ZONE_WALK_M = 1200.0  # zone centre to a stop, as the crow flies
_ZONE_STOPS = 12


@dataclass(frozen=True, eq=False)
class AccessLinks:
    """Ways between zones and stops or stations: on foot, by bicycle, by feeder. All arrays have shape (links,)."""

    zone: Ints
    stop: Ints  # row of a bus stop, or of a station if `rail`
    minutes: Floats  # plain
    felt: Floats  # generalised minutes, fare included
    rail: bool = False
    headway_s: Floats | None = None  # of a feeder; None: no wait


@dataclass(frozen=True, eq=False)
class TransitLinks:
    """Links of one period; all arrays but `places` have shape (links,). Times are generalised minutes."""

    nodes: int
    tail: Ints
    head: Ints
    fixed: Floats  # all but riding: walks, transfer penalties, fares
    ride: Floats  # riding without crowding
    frequency: Floats  # a minute; infinite where nobody waits
    section: Ints  # the stretch of a line ridden, a row of places; -1 off vehicles. A boarding rides its first stretch
    places: Floats  # (sections,) persons that the vehicles of the period carry
    minutes: Floats  # plain, without waits
    km: Floats  # ridden
    boards: Floats  # 1 where a vehicle is boarded
    origin: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # (zones,) nodes
    destination: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    calls: slice = field(default_factory=lambda: slice(0, 0))  # sections of buses, by call; the rest are rail rides


@dataclass
class _Parts:
    """Links gathered piece by piece."""

    pieces: list[dict[str, Floats]] = field(default_factory=list)

    def add(self, tail: ArrayLike, head: ArrayLike, **columns: ArrayLike) -> None:
        """Add links; columns not named are zero, frequency infinite, section -1."""
        tail = np.asarray(tail, np.int64)
        row = {name: np.zeros(len(tail)) for name in ("fixed", "ride", "minutes", "km", "boards")}
        row |= {"frequency": np.full(len(tail), np.inf), "section": np.full(len(tail), -1.0)}
        row |= {name: np.broadcast_to(np.asarray(c, np.float64), tail.shape) for name, c in columns.items()}
        self.pieces.append({"tail": tail, "head": np.asarray(head, np.int64), **row})

    def column(self, name: str) -> Floats:
        """Return a column of all links."""
        return np.concatenate([piece[name] for piece in self.pieces])


def transit_links(
    network: Network,
    period: int,
    hours: float,
    parameters: Parameters,
    access: Sequence[AccessLinks],
    egress: Sequence[AccessLinks],
    *,
    link_seconds: Floats | None = None,
    boarding_cny: float = 0.0,
    cny_km: float = 0.0,
    cny_min: float = 1.0,
    change_walk_m: float = CHANGE_WALK_M,
) -> TransitLinks:
    """Lay out the graph of one period (a row of PERIODS) that lasts some hours.

    `link_seconds` are today's driving times on the road links (free speed if None). Fares are a flat part a boarding
    and a part a kilometre, turned into minutes by a value of time of `cny_min` CNY a minute. A line whose headway is
    infinite does not run; a headway of zero or less raises TableError.
    """
    r, b, p = network.compiled.rail, network.compiled.buses, parameters
    stops, calls, platforms, stations, zones = (
        len(b.stop_node), len(b.call_stop), len(r.platform_station), len(r.stations), len(network.zones),
    )  # fmt: skip
    ends = [2 * end.astype(np.int64) + r.ride_direction for end in (r.ride_from, r.ride_to)]
    aboard_rail, rail_end = np.unique(np.concatenate(ends), return_inverse=True)
    sizes = (stops, stops, calls, platforms, platforms, len(aboard_rail), stations, stations, zones, zones)
    start = np.concatenate([[0], np.cumsum(sizes)])
    wait, off, aboard, rail_wait, rail_off, rail_aboard, entry, leave, origin, destination = start[:-1].tolist()
    ride_weight, walk_weight, penalty = p["weight.transit_ride"], p["weight.walk_access"], p["weight.transfer_min"]
    fare = boarding_cny / cny_min
    parts = _Parts()

    # buses
    pattern = np.repeat(np.arange(len(b.pattern_line)), np.diff(b.pattern_first))
    headway, at = b.headway_s[pattern, period], np.arange(calls)
    runs = ~np.isposinf(headway)
    first, last = np.zeros(calls, bool), np.zeros(calls, bool)
    first[b.pattern_first[:-1]], last[b.pattern_first[1:] - 1] = True, True
    seconds = network.compiled.roads.free_s if link_seconds is None else link_seconds
    driven = np.concatenate([[0.0], np.cumsum(seconds[b.path_link])])
    leg = (np.diff(driven[b.path_first]) * p["speed.bus_over_car"] + p["speed.bus_dwell_s"]) / 60
    c = at[runs & ~last]
    km = (b.call_m[c + 1] - b.call_m[c]) / 1000
    stretch = {
        "ride": ride_weight * leg[c + 1], "section": c, "minutes": leg[c + 1], "km": km, "fixed": cny_km / cny_min * km,
    }  # fmt: skip
    board = stretch | {"fixed": stretch["fixed"] + fare, "frequency": frequency_per_min(headway[c]), "boards": 1.0}
    parts.add(wait + b.call_stop[c], aboard + c + 1, **board)
    on = ~first[c]
    parts.add(aboard + c[on], aboard + c[on] + 1, **{name: column[on] for name, column in stretch.items()})
    c = at[runs & ~first]
    parts.add(aboard + c, off + b.call_stop[c])

    # rail
    headway = r.headway_s[r.ride_line, period]
    rides = np.flatnonzero(~np.isposinf(headway))
    minutes, km = r.ride_s[rides] / 60, r.ride_m[rides] / 1000
    stretch = {
        "ride": ride_weight * minutes, "section": calls + rides, "minutes": minutes, "km": km,
        "fixed": cny_km / cny_min * km,
    }  # fmt: skip
    board = stretch | {"fixed": stretch["fixed"] + fare, "frequency": frequency_per_min(headway[rides]), "boards": 1.0}
    node_from, node_to = rail_end[: len(r.ride_from)][rides], rail_end[len(r.ride_from) :][rides]
    parts.add(rail_wait + r.ride_from[rides], rail_aboard + node_to, **board)
    on = np.isin(node_from, node_to)
    parts.add(
        rail_aboard + node_from[on], rail_aboard + node_to[on], **{name: column[on] for name, column in stretch.items()}
    )
    left = np.unique(node_to)
    parts.add(rail_aboard + left, rail_off + aboard_rail[left] // 2)
    every = np.arange(platforms)
    parts.add(rail_off + every, rail_wait + every, fixed=penalty)
    walk = r.transfer_s / 60
    parts.add(rail_off + r.transfer_from, rail_wait + r.transfer_to, fixed=walk_weight * walk + penalty, minutes=walk)
    inside = network.station_access_s / 60
    parts.add(entry + r.platform_station, rail_wait + every, fixed=walk_weight * inside, minutes=inside)
    parts.add(rail_off + every, leave + r.platform_station, fixed=walk_weight * inside, minutes=inside)

    # changes on foot: from where one gets off to where one waits or enters
    x, y = np.concatenate([b.x_m, r.x_m]), np.concatenate([b.y_m, r.y_m])
    into = np.concatenate([wait + np.arange(stops), entry + np.arange(stations)])
    out = np.concatenate([off + np.arange(stops), leave + np.arange(stations)])
    here, there, walk = _near(x, y, change_walk_m, p)
    keep = (here != there) | (here < stops)
    here, there, walk = here[keep], there[keep], walk[keep]
    parts.add(out[here], into[there], fixed=walk_weight * walk + penalty, minutes=walk)

    for ways, outward in ((access, True), (egress, False)):
        for way in ways:
            _check_access(way, zones, stations if way.rail else stops)
            zone = (origin if outward else destination) + way.zone
            place = ((entry if way.rail else wait) if outward else (leave if way.rail else off)) + way.stop
            frequency = np.full(len(zone), np.inf) if way.headway_s is None else frequency_per_min(way.headway_s)
            pair = (zone, place) if outward else (place, zone)
            parts.add(*pair, fixed=way.felt, minutes=way.minutes, frequency=frequency)

    trips = 3600 * hours
    places = np.concatenate(
        [
            trips / b.headway_s[pattern, period] * b.capacity[pattern],
            trips / r.headway_s[r.ride_line, period] * r.capacity[r.ride_line],
        ]
    )
    return TransitLinks(
        int(start[-1]), parts.column("tail").astype(np.int64), parts.column("head").astype(np.int64),
        parts.column("fixed"), parts.column("ride"), parts.column("frequency"),
        parts.column("section").astype(np.int64), places, parts.column("minutes"), parts.column("km"),
        parts.column("boards"), origin + np.arange(zones), destination + np.arange(zones), slice(0, calls),
    )  # fmt: skip


def alpha_of(parameters: Parameters, wait: float = HALF_HEADWAY) -> float:
    """Return the felt wait times the frequency: the weight of waiting times half a headway, or as asked."""
    return wait * parameters["weight.wait"]


def zone_walks(network: Network, parameters: Parameters, x_m: Floats, y_m: Floats) -> list[AccessLinks]:
    """Return the walks between zones' centres and the stops and stations near them.

    Of stops the 12 nearest within 1.2 km, the nearest in any case, no walk counted longer than 1.2 km; of stations
    those that `access.stations_considered` and `access.walk_max_km` allow.
    """
    b, r, p = network.compiled.buses, network.compiled.rail, parameters
    ways = []
    for bx, by, k, limit, rail in (
        (b.x_m, b.y_m, _ZONE_STOPS, _ZONE_WALK_M, False),
        (r.x_m, r.y_m, int(p["access.stations_considered"]), 1000 * p["access.walk_max_km"], True),
    ):
        if not len(bx):
            continue
        found = cKDTree(np.column_stack([bx, by])).query(
            np.column_stack([x_m, y_m]), k=np.arange(1, min(k, len(bx)) + 1)
        )
        far, near = np.asarray(found[0], np.float64), np.asarray(found[1], np.int64)
        ok = far <= limit
        if not rail:
            ok[:, 0] = True
        zone = np.broadcast_to(np.arange(len(x_m))[:, None], far.shape)[ok]
        minutes = np.minimum(far[ok], limit) * p["distance.street_detour"] / p["speed.walk_m_s"] / 60
        ways.append(AccessLinks(zone, near[ok], minutes, minutes * p["weight.walk_access"], rail=rail))
    return ways


def _near(x: Floats, y: Floats, limit_m: float, p: Parameters) -> tuple[Ints, Ints, Floats]:
    """Return all ordered pairs of points within a distance, a point with itself too, and the minutes on foot."""
    at = np.column_stack([x, y])
    if not len(at):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    pairs = cKDTree(at).query_pairs(limit_m, output_type="ndarray").astype(np.int64)
    same = np.arange(len(at))
    here = np.concatenate([same, pairs[:, 0], pairs[:, 1]])
    there = np.concatenate([same, pairs[:, 1], pairs[:, 0]])
    far = np.hypot(*(at[here] - at[there]).T)
    order = np.lexsort((there, here))
    minutes = far[order] * p["distance.street_detour"] / p["speed.walk_m_s"] / 60
    return here[order], there[order], minutes


def _check_access(way: AccessLinks, zones: int, stops: int) -> None:
    """Raise TableError at a zone or stop that is not there, or minutes that are not."""
    kind = "station" if way.rail else "stop"
    for column, values, bad, expected in (
        ("zone", way.zone, (way.zone < 0) | (way.zone >= zones), f"a zone from 0 to {zones - 1}"),
        (kind, way.stop, (way.stop < 0) | (way.stop >= stops), f"a {kind} from 0 to {stops - 1}"),
        ("minutes", way.minutes, ~(way.minutes >= 0), "minutes of at least 0"),
        ("felt", way.felt, ~(way.felt >= 0), "minutes of at least 0"),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise TableError("access links", expected, row=row, column=column, value=values[row].item())
