"""Queue traffic's kernel: vehicles move over nodes in windows of one second, at exact times inside a window.

A link's lane class is a track: a first-in first-out ring of vehicles followed by the holes that those who left sent
backward. Everything a node does in a window depends only on what other nodes did in earlier windows, because a vehicle
needs at least a second for a link and so does a hole; the order in which nodes are visited cannot change a result.
"""

from typing import NamedTuple

import numpy as np
from greentrip_networks.kernels import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Records = NDArray[np.void]

NEVER = np.inf
WHEEL_S = 128  # seconds ahead that a node can be woken; a later one is woken on the way and sleeps on
SLACK = 1e-9  # passenger-car equivalents; absorbs rounding in sums of fractional ones
OUT, STOP, NOWHERE = -1, -2, -3  # what the first vehicle of a track wants, where it is no track

TRACK = np.dtype(
    [
        # what leaving needs
        ("free_s", np.float64),
        ("headway_s", np.float64),
        ("wave_s", np.float64),
        ("next_out_s", np.float64),
        ("slow_until_s", np.float64),  # a bus stands on one of several lanes
        ("slow_factor", np.float64),
        ("ring", np.int64),  # first slot
        ("slots", np.int32),
        ("head", np.int32),  # slot of the first vehicle, counted from `ring`
        ("on", np.int32),  # vehicles
        ("holes", np.int32),  # spaces given up, not yet taken into account upstream
        # what entering needs
        ("storage", np.float64),  # equivalents
        ("held", np.float64),  # equivalents of vehicles and holes
        ("next_in_s", np.float64),
        ("tail", np.int32),  # slot of the next vehicle
        ("oldest", np.int32),  # slot of the oldest hole
        ("rank", np.int32),  # among the tracks leaving its node
        ("from_node", np.int32),
        ("to_node", np.int32),
        ("signal", np.int32),  # row, or -1
        ("closure", np.int32),  # first row, and after the last
        ("closure_end", np.int32),
        ("bus_track", np.int32),  # the track reserved for buses beside it, or -1
        ("one_lane", np.int32),
        ("turn", np.int64),  # first row of its turns
        ("priority", np.float64),
    ],
    align=True,
)
SLOT = np.dtype([("at_s", np.float64), ("vehicle", np.int32), ("place", np.int32)], align=True)
# at_s: when the vehicle entered; once it has left, when its hole reaches the upstream end

# rows of `counts`
(NOW, STARTED, ARRIVED, MOVES, RINGS, RING_MOVES, TIGHT_MOVES, DWELLS) = range(8)


class Queues(NamedTuple):
    """All the state of a run; tracks are sorted by the node they lead to."""

    tracks: Records
    due_s: Floats  # (tracks,) when the first vehicle may leave on its own track's account, else NEVER
    want: Int32s  # (tracks,) the track that it wants
    blocked_s: Floats  # (tracks,) since when it waits for a full track without a hole under way, else NEVER
    awaited: Bytes  # (tracks,) somebody upstream waits for a hole
    virtual: Floats  # (tracks,) service received by those who enter, over their priority
    served: Floats  # (turns,)
    ring: Records
    first_in: Int32s  # (nodes + 1,) rows of tracks
    store: Int32s  # routes as tracks, each followed by OUT
    # gates: where vehicles start, one for each track that somebody starts on, sorted by node
    first_gate: Int32s  # (nodes + 1,)
    gate_track: Int32s
    gate_due_s: Floats
    gate_next: Int64s
    gate_end: Int64s
    gate_served: Floats
    queue: Int32s  # vehicles by gate, then departure
    # vehicles
    depart_s: Floats
    place: Int32s  # of the route's first track in `store`
    plain: bool  # every vehicle is one equivalent, no bus lanes, no stops
    pce: Floats  # these three are empty if plain
    bus: Bytes
    stop: Int32s  # next row of the stop table, or -1
    # stops, by vehicle and place; a row is followed by the vehicle's next
    stop_place: Int32s
    stop_s: Floats
    stop_bay: Bytes
    stop_vehicle: Int32s
    bay_first: Int32s  # (nodes,) first of the stop rows whose bus stands in a bay, or -1
    bay_next: Int32s
    bay_due_s: Floats
    bay_want: Int32s
    # signals and closures
    cycle_s: Floats
    green_from_s: Floats
    green_s: Floats
    closed_from_s: Floats
    closed_until_s: Floats
    # what comes out
    started_s: Floats
    arrived_s: Floats
    spent_s: Floats  # (bins, tracks) by time of entry
    passed: Int32s  # (bins, tracks)
    bin_s: float
    log_first: Int64s  # (vehicles + 1,) rows of the logs; all three are empty unless events are kept
    log_entered_s: Floats
    log_left_s: Floats
    # the clock
    wheel: Bytes  # (WHEEL_S, nodes rounded up to 8) nodes to visit in each of the seconds ahead
    wheel_words: NDArray[np.uint64]  # the same memory, eight nodes at a time
    stamp: Int32s  # (tracks,) scratch
    counts: Int64s


@njit(bare=True, taken_in=True)
def wake(q: Queues, node: int, at_s: float) -> None:
    """Have a node visited in the window that holds a time, or on the way there."""
    now = q.counts[NOW]
    ahead = min(int(at_s) - now, WHEEL_S - 1) if at_s < now + WHEEL_S else WHEEL_S - 1
    q.wheel[(now + max(ahead, 0)) & (WHEEL_S - 1), node] = 1


@njit(bare=True, taken_in=True)
def need(q: Queues, vehicle: int) -> float:
    """Return a vehicle's passenger-car equivalents."""
    return 1.0 if q.plain else float(q.pce[vehicle])


@njit(bare=True, taken_in=True)
def choose_next(q: Queues, vehicle: int, place: int) -> int:
    """Return what a vehicle at a place of its route wants next: a track, a stop, or out."""
    if q.plain:
        return int(q.store[place + 1])
    row = q.stop[vehicle]
    if row >= 0 and q.stop_place[row] == place:
        return STOP
    track = int(q.store[place + 1])
    if track >= 0 and q.bus[vehicle] == 1 and q.tracks[track].bus_track >= 0:
        track = int(q.tracks[track].bus_track)
    return track


@njit(bare=True, taken_in=True)
def face(q: Queues, a: int) -> None:
    """Look at who is first on a track now."""
    x = q.tracks[a]
    if x.on == 0:
        q.due_s[a] = NEVER
        q.want[a] = NOWHERE
        return
    slot = q.ring[x.ring + x.head]
    q.due_s[a] = max(slot.at_s + x.free_s, x.next_out_s)
    q.want[a] = choose_next(q, slot.vehicle, slot.place)


@njit(bare=True, taken_in=True)
def count_passage(q: Queues, a: int, vehicle: int, place: int, entered_s: float, left_s: float) -> None:
    """Book a finished passage of a track."""
    row = min(int(entered_s / q.bin_s), q.passed.shape[0] - 1)
    q.spent_s[row, a] += left_s - entered_s
    q.passed[row, a] += 1
    q.counts[MOVES] += 1
    if q.log_first.shape[0] > 0:
        at = q.log_first[vehicle] + place - q.place[vehicle]
        q.log_entered_s[at] = entered_s
        q.log_left_s[at] = left_s


@njit(bare=True, taken_in=True)
def leave(q: Queues, a: int, t: float) -> None:
    """Take the first vehicle off a track and send a hole back."""
    x = q.tracks[a]
    slot = q.ring[x.ring + x.head]
    vehicle = slot.vehicle
    count_passage(q, a, vehicle, slot.place, slot.at_s, t)
    slot.at_s = t + x.wave_s
    x.head = x.head + 1 if x.head + 1 < x.slots else 0
    x.on -= 1
    x.holes += 1
    gap = x.headway_s * need(q, vehicle)
    if t < x.slow_until_s:
        gap *= x.slow_factor
    x.next_out_s = t + gap
    q.blocked_s[a] = NEVER
    face(q, a)
    if q.awaited[a] == 1:
        q.awaited[a] = 0
        wake(q, x.from_node, t + x.wave_s)


@njit(bare=True, taken_in=True)
def enter(q: Queues, a: int, t: float, vehicle: int, place: int) -> None:
    """Put a vehicle at the end of a track, into the holes that have arrived there."""
    x = q.tracks[a]
    load = need(q, vehicle)
    while x.held + load > x.storage + SLACK and x.holes > 0:
        x.held -= need(q, q.ring[x.ring + x.oldest].vehicle)
        x.oldest = x.oldest + 1 if x.oldest + 1 < x.slots else 0
        x.holes -= 1
    x.held = x.held + load if x.on > 0 or x.holes > 0 else load
    slot = q.ring[x.ring + x.tail]
    slot.at_s = t
    slot.vehicle = vehicle
    slot.place = place
    x.tail = x.tail + 1 if x.tail + 1 < x.slots else 0
    x.on += 1
    x.next_in_s = t + x.headway_s * load
    if x.on == 1:
        face(q, a)
        wake(q, x.to_node, q.due_s[a])


@njit(bare=True, taken_in=True)
def opening(q: Queues, a: int, t: float, load: float) -> float:
    """Return the first time from t on at which a track lets a vehicle in, NEVER if no hole is under way for it.

    A vehicle larger than the whole storage may enter an empty track.
    """
    x = q.tracks[a]
    t = max(t, x.next_in_s)
    over = x.held + load - x.storage
    if over > SLACK:
        at = x.oldest
        for _ in range(x.holes):
            slot = q.ring[x.ring + at]
            t = max(t, slot.at_s)
            over -= need(q, slot.vehicle)
            if over <= SLACK:
                break
            at = at + 1 if at + 1 < x.slots else 0
        if over > SLACK and x.on > 0:
            return NEVER
    for row in range(x.closure, x.closure_end):
        if q.closed_from_s[row] <= t < q.closed_until_s[row]:
            t = q.closed_until_s[row]
    return t


@njit(bare=True, taken_in=True)
def green(q: Queues, signal: int, t: float) -> float:
    """Return the first time from t on at which a signal shows green."""
    into = (t - q.green_from_s[signal]) % q.cycle_s[signal]
    return t if into < q.green_s[signal] else t + q.cycle_s[signal] - into


@njit(bare=True, taken_in=True)
def crossing(q: Queues, a: int, t: float, to: int, load: float) -> float:
    """Return the first time from t on at which a track's first vehicle may cross its node to another track."""
    signal = q.tracks[a].signal
    t = opening(q, to, t, load)
    if signal < 0 or t == NEVER:
        return t
    while True:  # a closure may end in red, a green may begin in a closure
        shown = green(q, signal, t)
        if shown == t:
            return t
        t = opening(q, to, shown, load)
        if t == shown:
            return t


@njit(bare=True)
def start_dwell(q: Queues, a: int, t: float) -> None:
    """Let the bus that is first on a track serve its stop."""
    x = q.tracks[a]
    slot = q.ring[x.ring + x.head]
    vehicle, place = slot.vehicle, slot.place
    row = q.stop[vehicle]
    more = row + 1 < q.stop_vehicle.shape[0] and q.stop_vehicle[row + 1] == vehicle
    q.stop[vehicle] = row + 1 if more else -1
    until = t + q.stop_s[row]
    q.counts[DWELLS] += 1
    if q.stop_bay[row] == 0 and x.one_lane == 1:
        q.due_s[a] = until
        q.want[a] = choose_next(q, vehicle, place)
        return
    if q.stop_bay[row] == 0:
        x.slow_until_s = max(x.slow_until_s, until)
    leave(q, a, t)
    q.bay_due_s[row] = until
    q.bay_want[row] = choose_next(q, vehicle, place)
    q.bay_next[row] = q.bay_first[x.to_node]
    q.bay_first[x.to_node] = row


@njit(bare=True)
def leave_bay(q: Queues, node: int, row: int, t: float) -> None:
    """Let a bus out of its bay, into the traffic or to the end of its run."""
    if q.bay_first[node] == row:
        q.bay_first[node] = q.bay_next[row]
    else:
        before = q.bay_first[node]
        while q.bay_next[before] != row:
            before = q.bay_next[before]
        q.bay_next[before] = q.bay_next[row]
    vehicle = q.stop_vehicle[row]
    if q.bay_want[row] >= 0:
        enter(q, q.bay_want[row], t, vehicle, q.stop_place[row] + 1)
    else:
        q.arrived_s[vehicle] = t
        q.counts[ARRIVED] += 1


@njit(bare=True, taken_in=True)
def start_vehicle(q: Queues, gate: int, t: float) -> None:
    """Let the first vehicle of a gate onto its route's first track."""
    vehicle = q.queue[q.gate_next[gate]]
    q.gate_next[gate] += 1
    at = q.gate_next[gate]
    q.gate_due_s[gate] = q.depart_s[q.queue[at]] if at < q.gate_end[gate] else NEVER
    q.started_s[vehicle] = t
    q.counts[STARTED] += 1
    enter(q, q.gate_track[gate], t, vehicle, q.place[vehicle])


@njit(bare=True, taken_in=True)
def move_first(q: Queues, a: int, t: float) -> None:
    """Let the first vehicle of a track do what it wants."""
    to = q.want[a]
    if to == STOP:
        start_dwell(q, a, t)
        return
    x = q.tracks[a]
    slot = q.ring[x.ring + x.head]
    vehicle, place = slot.vehicle, slot.place
    leave(q, a, t)
    if to >= 0:
        enter(q, to, t, vehicle, place + 1)
    else:
        q.arrived_s[vehicle] = t
        q.counts[ARRIVED] += 1


@njit(bare=True, taken_in=True)
def visit(q: Queues, node: int, until_s: float) -> float:
    """Move all that can cross a node before a time, in order of time; return when the next might.

    Those who wait for one track at one time share it by priority: whoever has the least service over priority so far
    goes first, and nobody saves up service while not waiting (start-time fair queueing; Goyal, Vin and Cheng 1996).
    """
    in0, in1 = q.first_in[node], q.first_in[node + 1]
    gate0, gate1 = q.first_gate[node], q.first_gate[node + 1]
    while True:
        best = NEVER
        kind, who, to = 0, -1, NOWHERE
        tag = 0.0  # of the first in line for `to`
        for a in range(in0, in1):
            if q.due_s[a] > best:
                continue
            j = q.want[a]
            t = q.due_s[a]
            if j >= 0:
                x = q.tracks[a]
                t = crossing(q, a, t, j, need(q, q.ring[x.ring + x.head].vehicle))
                if t == NEVER:
                    q.awaited[j] = 1
                    if q.blocked_s[a] == NEVER:
                        q.blocked_s[a] = max(q.due_s[a], until_s - 1.0)
                    continue
                q.blocked_s[a] = NEVER
            elif j == NOWHERE:
                continue
            if t > best:
                continue
            mine = max(q.virtual[j], q.served[q.tracks[a].turn + q.tracks[j].rank]) if j >= 0 else 0.0
            if t < best or (j == to and mine < tag):
                best, kind, who, to, tag = t, 1, a, j, mine
        for g in range(gate0, gate1):
            if q.gate_due_s[g] > best or q.gate_due_s[g] == NEVER:
                continue
            j = q.gate_track[g]
            t = opening(q, j, q.gate_due_s[g], need(q, q.queue[q.gate_next[g]]))
            if t == NEVER:
                q.awaited[j] = 1
                continue
            mine = max(q.virtual[j], q.gate_served[g])
            if t < best or (t == best and j == to and mine < tag):
                best, kind, who, to, tag = t, 2, g, j, mine
        if not q.plain:
            row = q.bay_first[node]
            while row >= 0:
                j = q.bay_want[row]
                t = q.bay_due_s[row]
                if j >= 0 and t <= best:
                    t = opening(q, j, t, q.pce[q.stop_vehicle[row]])
                    if t == NEVER:
                        q.awaited[j] = 1
                # buses pull out before others, in the order in which they are ready
                if t < best or (t == best and t < NEVER and (kind != 3 or q.bay_due_s[row] < q.bay_due_s[who])):
                    best, kind, who, to = t, 3, row, j
                row = q.bay_next[row]
        if best >= until_s:
            return best
        if to >= 0 and kind == 1:
            x = q.tracks[who]
            q.virtual[to] = tag
            q.served[x.turn + q.tracks[to].rank] = tag + need(q, q.ring[x.ring + x.head].vehicle) / x.priority
        elif kind == 2:
            q.virtual[to] = tag
            q.gate_served[who] = tag + need(q, q.queue[q.gate_next[who]]) / q.tracks[to].priority
        if kind == 1:
            move_first(q, who, best)
        elif kind == 2:
            start_vehicle(q, who, best)
        else:
            leave_bay(q, node, who, best)


@njit(bare=True, taken_in=True)
def enter_ring(q: Queues, a: int, t: float, vehicle: int, place: int) -> None:
    """Put a vehicle into the space that the first of a full track has just left."""
    enter(q, a, t, vehicle, place)
    face(q, a)
    x = q.tracks[a]
    wake(q, x.to_node, t)
    q.counts[RING_MOVES] += 1
    if x.held > x.storage + SLACK:
        q.counts[TIGHT_MOVES] += 1


@njit(bare=True)
def turn_ring(q: Queues, first: int, t: float) -> None:
    """Move every vehicle that is first in a ring of full tracks one track on, all at once."""
    a = first
    x = q.tracks[a]
    slot = q.ring[x.ring + x.head]
    vehicle, place = slot.vehicle, slot.place
    to = q.want[a]
    lift(q, a, t)
    while to != first:
        x = q.tracks[to]
        slot = q.ring[x.ring + x.head]
        next_vehicle, next_place, next_to = slot.vehicle, slot.place, q.want[to]
        lift(q, to, t)
        enter_ring(q, to, t, vehicle, place + 1)
        vehicle, place, to = next_vehicle, next_place, next_to
    enter_ring(q, first, t, vehicle, place + 1)
    q.counts[RINGS] += 1


@njit(bare=True, taken_in=True)
def lift(q: Queues, a: int, t: float) -> None:
    """Take the first vehicle off a full track that another enters at the same time: its hole is there at once."""
    x = q.tracks[a]
    slot = q.ring[x.ring + x.head]
    count_passage(q, a, slot.vehicle, slot.place, slot.at_s, t)
    slot.at_s = t
    x.head = x.head + 1 if x.head + 1 < x.slots else 0
    x.on -= 1
    x.holes += 1
    x.next_out_s = t + x.headway_s * need(q, slot.vehicle)
    q.blocked_s[a] = NEVER


@njit(bare=True, taken_in=True)
def stuck(q: Queues, a: int, latest_s: float) -> bool:
    """Tell whether the first of a track has waited since a time or longer for holes that nobody has sent yet."""
    if q.blocked_s[a] > latest_s:
        return False
    x = q.tracks[a]
    return bool(opening(q, q.want[a], latest_s, need(q, q.ring[x.ring + x.head].vehicle)) == NEVER)


@njit(bare=True)
def untangle(q: Queues, t: float, patience_s: float) -> None:
    """Find every ring of full tracks whose first vehicles have all waited long for the next track, and turn it."""
    latest = t - patience_s
    q.stamp[:] = -1
    for start in range(q.want.shape[0]):
        if q.stamp[start] >= 0 or not stuck(q, start, latest):
            continue
        a = start
        while stuck(q, a, latest) and q.stamp[a] < 0:
            q.stamp[a] = start
            a = q.want[a]
        if q.stamp[a] != start or not stuck(q, a, latest):
            continue
        b = a
        shut = False
        while True:
            x = q.tracks[b]
            for row in range(x.closure, x.closure_end):
                if q.closed_from_s[row] <= t < q.closed_until_s[row]:
                    shut = True
            b = q.want[b]
            if b == a:
                break
        if not shut:
            turn_ring(q, a, t)


@njit(bare=True)
def advance(q: Queues, until: int, patience_s: float, look_every: int, vehicles: int) -> None:
    """Run the windows from the clock to a whole second, or until every vehicle has arrived."""
    words = q.wheel_words.shape[1]
    while q.counts[NOW] < until and q.counts[ARRIVED] < vehicles:
        now = q.counts[NOW]
        if now % look_every == 0:
            untangle(q, float(now), patience_s)
        at = now & (WHEEL_S - 1)
        for word in range(words):
            if q.wheel_words[at, word] == 0:
                continue
            for node in range(8 * word, 8 * word + 8):
                if q.wheel[at, node] == 0:
                    continue
                q.wheel[at, node] = 0
                best = visit(q, node, now + 1.0)
                if best < NEVER:
                    wake(q, node, best)
        q.counts[NOW] = now + 1


@njit(bare=True)
def set_gates(q: Queues) -> None:
    """Have every node with a gate visited when its first vehicle departs."""
    for node in range(q.first_gate.shape[0] - 1):
        for g in range(q.first_gate[node], q.first_gate[node + 1]):
            wake(q, node, q.gate_due_s[g])
