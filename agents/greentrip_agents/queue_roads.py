"""The road as queue traffic sees it: links with storage and wave speed, signals, closures; lane classes as tracks."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from greentrip_networks.errors import ScenarioError
from numpy.typing import ArrayLike, NDArray

from greentrip_agents.queue_kernel import TRACK

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

WAVE_SPEED_MS = 5.0  # 18 km/h: jam spacing over a driver's time gap of 1.5 s (Newell 2002)
JAM_SPACING_M = 7.5
LANE_CAPACITY_VEH_H = 1800.0  # guesses lanes where they are not given
LEAST_S = 1.0  # a vehicle and a hole need at least one window of the clock for a link

NO_CAPACITY = "capacity-not-positive"  # nobody may use the link
SHORT = "link-under-one-second"  # its free time is one second
SHORT_WAVE = "wave-under-one-second"  # holes need one second
SMALL_STORAGE = "storage-below-capacity"  # storage raised to what the capacity needs at free flow
LOOP = "loop-link"  # allowed


@dataclass(frozen=True, eq=False)
class Signals:
    """Fixed-cycle signals, a row for each link that has one at its end.

    In every cycle, counted from ``offset_s`` after midnight, the link is green from ``green_from_s`` for ``green_s``
    seconds. The link's capacity is then its saturation flow.
    """

    link: ArrayLike
    cycle_s: ArrayLike
    green_from_s: ArrayLike
    green_s: ArrayLike
    offset_s: ArrayLike = 0.0


@dataclass(frozen=True, eq=False)
class Closures:
    """Times in which nobody may enter a link; those who are on it may leave."""

    link: ArrayLike
    from_s: ArrayLike
    until_s: ArrayLike


@dataclass(frozen=True, eq=False)
class QueueRoads:
    """Directed links, a row each, as the compiled network has them.

    Parameters
    ----------
    tail, head
        (links,) node rows.
    length_m, free_s, capacity_veh_h
        (links,) metres, seconds at free speed, passenger-car equivalents an hour over all lanes.
    lanes
        (links,) lanes, buses' included; guessed from the capacity if not given.
    bus_lanes
        (links,) lanes that only buses may use, none by default.
    priority
        (links,) a link's weight where several wait to enter the same one; its capacity if not given.
    jam_spacing_m
        Metres of a lane that one equivalent takes up in a standing queue.
    wave_speed_ms
        Metres a second at which the space that a leaving vehicle frees travels back to the link's beginning.
    """

    tail: ArrayLike
    head: ArrayLike
    length_m: ArrayLike
    free_s: ArrayLike
    capacity_veh_h: ArrayLike
    lanes: ArrayLike | None = None
    bus_lanes: ArrayLike | None = None
    priority: ArrayLike | None = None
    jam_spacing_m: float = JAM_SPACING_M
    wave_speed_ms: float = WAVE_SPEED_MS


@dataclass(frozen=True, eq=False)
class Tracks:
    """Lane classes in the kernel's order, by the node they lead to; a link with a bus lane has two."""

    rows: NDArray[np.void]
    link: Ints  # (tracks,)
    of_link: Ints  # (links,) its general track
    bus_of_link: Ints  # (links,) its bus track, or -1
    first_in: NDArray[np.int32]
    nodes: int
    turns: int
    open: Bools  # (links,) has capacity
    treated: dict[str, int] = field(default_factory=dict)  # links by code


def column(name: str, values: ArrayLike, rows: int, kind: type = np.float64) -> NDArray[Any]:
    """Return an input as an array of one dimension with as many rows as asked for, all finite."""
    made: NDArray[Any] = (
        np.broadcast_to(np.asarray(values, kind), (rows,)) if np.ndim(values) == 0 else np.asarray(values, kind)
    )
    if made.shape != (rows,):
        raise ScenarioError(name, f"has shape {made.shape}; expected ({rows},)")
    if not np.isfinite(made).all():
        raise ScenarioError(name, f"row {int(np.flatnonzero(~np.isfinite(made))[0])} is not a finite number")
    return made


def lay_tracks(roads: QueueRoads, least_pce: float) -> Tracks:
    """Turn links into tracks, with storage, headways and waves; treat what is unusual and count it by code.

    Storage is lanes x length / jam spacing, but at least what lets the capacity through at free flow,
    capacity x (free time + wave time), and one equivalent. ``least_pce`` sizes the rings.
    """
    tail = np.asarray(roads.tail, np.int64)
    links = len(tail)
    if links == 0:
        raise ScenarioError("tail", "there is no link")
    head = column("head", roads.head, links, np.int64).astype(np.int64)
    length = column("length_m", roads.length_m, links).astype(np.float64)
    free = column("free_s", roads.free_s, links).astype(np.float64)
    capacity = column("capacity_veh_h", roads.capacity_veh_h, links).astype(np.float64)
    for name, values in (("tail", tail), ("head", head), ("length_m", length), ("free_s", free)):
        if (values < 0).any():
            raise ScenarioError(name, f"link {int(np.argmin(values))} is negative")
    for name, value in (("jam_spacing_m", roads.jam_spacing_m), ("wave_speed_ms", roads.wave_speed_ms)):
        if not value > 0.0:
            raise ScenarioError(name, f"is {value}; expected more than 0")
    usable = capacity > 0.0
    guess = np.maximum(1.0, np.ceil(capacity / LANE_CAPACITY_VEH_H))
    lanes = guess if roads.lanes is None else column("lanes", roads.lanes, links).astype(np.float64)
    reserved = np.zeros(links)
    if roads.bus_lanes is not None:
        reserved = column("bus_lanes", roads.bus_lanes, links).astype(np.float64)
    bad = (lanes - reserved < 1.0) | (reserved < 0.0)
    if bad.any():
        raise ScenarioError(
            "bus_lanes", f"link {int(np.flatnonzero(bad)[0])} keeps no lane for others; close it instead"
        )
    priority = capacity if roads.priority is None else column("priority", roads.priority, links).astype(np.float64)
    if (priority[usable] <= 0.0).any():
        raise ScenarioError("priority", "must be more than 0")

    with_bus = np.flatnonzero(reserved > 0.0)
    link = np.concatenate([np.arange(links), with_bus])
    share = np.concatenate([(lanes - reserved) / lanes, (reserved / lanes)[with_bus]])
    width = np.concatenate([lanes - reserved, reserved[with_bus]])
    order = np.argsort(head[link], kind="stable")
    at = np.empty(len(link), np.int64)
    at[order] = np.arange(len(link))
    link, share, width = link[order], share[order], width[order]

    rows = np.zeros(len(link), TRACK)
    wave = length / roads.wave_speed_ms
    rows["free_s"] = np.maximum(free, LEAST_S)[link]
    rows["wave_s"] = np.maximum(wave, LEAST_S)[link]
    rows["headway_s"] = 3600.0 / np.where(usable, capacity, 1.0)[link] / share
    room = width * length[link] / roads.jam_spacing_m
    least = np.ceil((rows["free_s"] + rows["wave_s"]) / rows["headway_s"] - 1e-9)
    rows["storage"] = np.maximum(np.maximum(room, least), 1.0)
    rows["slots"] = np.floor(rows["storage"] / least_pce + 1e-6) + 2
    rows["ring"] = np.concatenate([[0], np.cumsum(rows["slots"], dtype=np.int64)[:-1]])
    rows["next_out_s"] = rows["next_in_s"] = rows["slow_until_s"] = -np.inf
    rows["one_lane"] = width < 2.0
    rows["slow_factor"] = np.where(width < 2.0, 1.0, width / np.maximum(width - 1.0, 1.0))
    rows["from_node"], rows["to_node"] = tail[link], head[link]
    rows["priority"] = priority[link] * share
    rows["signal"] = -1
    nodes = int(max(tail.max(), head.max())) + 1
    leaving = np.bincount(tail[link], minlength=nodes)
    by_tail = np.argsort(tail[link], kind="stable")
    first_out = np.concatenate([[0], np.cumsum(leaving)])
    rows["rank"][by_tail] = np.arange(len(link)) - np.repeat(first_out[:-1], leaving)
    rows["turn"] = np.concatenate([[0], np.cumsum(leaving[head[link]])[:-1]])
    bus_of_link = np.full(links, -1, np.int64)
    bus_of_link[with_bus] = at[links:]
    rows["bus_track"] = -1
    rows["bus_track"][at[:links]] = bus_of_link
    counts = {
        NO_CAPACITY: int((~usable).sum()),
        SHORT: int((free < LEAST_S).sum()),
        SHORT_WAVE: int((wave < LEAST_S).sum()),
        SMALL_STORAGE: int(np.unique(link[(room < least) & usable[link]]).size),
        LOOP: int((tail == head).sum()),
    }
    first_in = np.searchsorted(head[link], np.arange(nodes + 1)).astype(np.int32)
    treated = {code: count for code, count in counts.items() if count}
    turns = int(leaving[head[link]].sum())
    return Tracks(rows, link, at[:links], bus_of_link, first_in, nodes, turns, usable, treated)


def place_signals(tracks: Tracks, signals: Signals | None) -> tuple[Floats, Floats, Floats]:
    """Attach signals to the tracks of their links; return cycle, start of green within it (seconds), and green."""
    if signals is None:
        return np.ones(0), np.ones(0), np.ones(0)
    link = np.asarray(signals.link, np.int64)
    rows = len(link)
    cycle = column("cycle_s", signals.cycle_s, rows).astype(np.float64)
    green = column("green_s", signals.green_s, rows).astype(np.float64)
    start = column("green_from_s", signals.green_from_s, rows) + column("offset_s", signals.offset_s, rows)
    _check_links("signals", link, tracks)
    if len(np.unique(link)) < rows:
        raise ScenarioError("signals", "a link has more than one row")
    if (cycle <= 0).any() or (green <= 0).any() or (green > cycle).any():
        raise ScenarioError("signals", "every cycle and green must be positive, and no green longer than its cycle")
    tracks.rows["signal"][tracks.of_link[link]] = np.arange(rows)
    buses = tracks.bus_of_link[link]
    tracks.rows["signal"][buses[buses >= 0]] = np.flatnonzero(buses >= 0)
    return cycle, np.asarray(np.mod(start, cycle), np.float64), green


def place_closures(tracks: Tracks, closures: Closures | None) -> tuple[Floats, Floats]:
    """Attach closures to the tracks of their links; return their beginnings and ends, seconds after midnight."""
    if closures is None:
        return np.ones(0), np.ones(0)
    link = np.asarray(closures.link, np.int64)
    start = column("from_s", closures.from_s, len(link)).astype(np.float64)
    until = np.asarray(closures.until_s, np.float64) + np.zeros(len(link))
    _check_links("closures", link, tracks)
    if not (until > start).all():
        raise ScenarioError("closures", "every closure must end after it begins (infinity is allowed)")
    order = np.lexsort((start, link))
    link = link[order]
    first = np.searchsorted(link, tracks.link, side="left")
    last = np.searchsorted(link, tracks.link, side="right")
    tracks.rows["closure"], tracks.rows["closure_end"] = first, last
    return start[order], until[order]


def _check_links(field_name: str, link: Ints, tracks: Tracks) -> None:
    if len(link) and (link.min() < 0 or link.max() >= len(tracks.of_link)):
        raise ScenarioError(field_name, f"names a link beyond the {len(tracks.of_link)} there are")
