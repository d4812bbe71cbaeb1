"""What the tags of an OpenStreetMap way mean for cars, bicycles and people on foot, with every default stated.

The rules follow the OpenStreetMap wiki (access restrictions, oneway, lanes, maxspeed, cycleway, bus lanes); what the
wiki leaves open is an assumption of `DEFAULTS` and is told to the user as a note of the import.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

Tags = Mapping[str, str]


class Default(NamedTuple):
    """What a class of street has where its tags are silent."""

    drive: bool
    cycle: bool
    walk: bool
    lanes: int  # of one direction
    kmh: float
    capacity_vph: float  # of one lane


# Assumed, after common practice (lanes and speeds) and the Highway Capacity Manual's order of magnitude (capacity).
DEFAULTS: Mapping[str, Default] = {
    "motorway": Default(True, False, False, 2, 110.0, 2000.0),
    "motorway_link": Default(True, False, False, 1, 60.0, 1500.0),
    "trunk": Default(True, True, True, 2, 80.0, 1800.0),
    "trunk_link": Default(True, True, True, 1, 50.0, 1400.0),
    "primary": Default(True, True, True, 2, 60.0, 1200.0),
    "primary_link": Default(True, True, True, 1, 40.0, 1000.0),
    "secondary": Default(True, True, True, 1, 50.0, 1000.0),
    "secondary_link": Default(True, True, True, 1, 40.0, 900.0),
    "tertiary": Default(True, True, True, 1, 40.0, 800.0),
    "tertiary_link": Default(True, True, True, 1, 30.0, 700.0),
    "unclassified": Default(True, True, True, 1, 40.0, 700.0),
    "residential": Default(True, True, True, 1, 30.0, 600.0),
    "living_street": Default(True, True, True, 1, 15.0, 300.0),
    "service": Default(True, True, True, 1, 15.0, 300.0),
    "road": Default(True, True, True, 1, 40.0, 600.0),
    "track": Default(False, True, True, 1, 15.0, 200.0),
    "busway": Default(False, False, False, 1, 50.0, 1000.0),
    "bus_guideway": Default(False, False, False, 1, 50.0, 1000.0),
    "pedestrian": Default(False, False, True, 1, 10.0, 200.0),
    "footway": Default(False, False, True, 1, 10.0, 200.0),
    "path": Default(False, True, True, 1, 10.0, 200.0),
    "cycleway": Default(False, True, True, 1, 15.0, 200.0),
    "bridleway": Default(False, False, True, 1, 10.0, 200.0),
    "steps": Default(False, False, True, 1, 5.0, 200.0),
    "corridor": Default(False, False, True, 1, 5.0, 200.0),
}
FOR_BUSES = ("busway", "bus_guideway")
CLOSED = frozenset(
    {"no", "private", "agricultural", "forestry", "delivery", "emergency", "military", "use_sidepath", "dismount"}
)
NO_THROUGH_SERVICE = frozenset({"parking_aisle", "driveway", "drive-through", "emergency_access", "parking", "private"})
KMH = {"km/h": 1.0, "kmh": 1.0, "kph": 1.0, "": 1.0, "mph": 1.609344, "knots": 1.852}
UNLIMITED_KMH = 130.0  # assumed for "none", the German advisory speed
WALKING_KMH = 7.0  # assumed for "walk"
IMPLICIT: Mapping[str, float] = {  # of tags such as "DE:urban"; the general rule, then countries that differ
    "urban": 50.0,
    "rural": 90.0,
    "trunk": 100.0,
    "motorway": 120.0,
    "living_street": 20.0,
    "bicycle_road": 30.0,
    "school": 30.0,
    "DE:rural": 100.0,
    "AT:rural": 100.0,
    "AT:motorway": 130.0,
    "DE:motorway": UNLIMITED_KMH,
    "DE:living_street": WALKING_KMH,
    "FR:rural": 80.0,
    "FR:motorway": 130.0,
    "IT:motorway": 130.0,
    "RU:urban": 60.0,
    "RU:motorway": 110.0,
    "CH:rural": 80.0,
    "GB:nsl_single": 96.56064,
    "GB:nsl_dual": 112.65408,
    "GB:motorway": 112.65408,
    "GB:nsl_restricted": 48.28032,
    "CN:urban": 50.0,
    "CN:rural": 70.0,
}
_SPEED = re.compile(r"^([0-9]{1,4}(?:\.[0-9]+)?) ?(km/h|kmh|kph|mph|knots|)$")
_ZONE = re.compile(r"^(?:[A-Z]{2}:)?(?:zone:?)?([0-9]{1,3})$")
_LANES = re.compile(r"^[0-9]{1,2}(\.[0-9])?$")
MOST_LANES = 20.0


class Meaning(NamedTuple):
    """What a way offers in its own direction (forward) and against it (backward)."""

    facility: str
    drive: tuple[bool, bool]
    cycle: tuple[bool, bool]
    walk: bool
    lanes: tuple[float | None, float | None]  # None: not said
    kmh: tuple[float | None, float | None]
    capacity_vph: tuple[float | None, float | None]
    bus: tuple[bool, bool]
    bus_lane: tuple[bool, bool]

    @property
    def symmetric(self) -> bool:
        """Whether both directions are alike."""
        pairs = (self.drive, self.cycle, self.lanes, self.kmh, self.capacity_vph, self.bus, self.bus_lane)
        return all(a == b for a, b in pairs)


Complain = Callable[[str, str, str], None]  # field, value seen, what was expected


def kmh_of(value: str) -> float | None:
    """Return the km/h of a maxspeed value, or None for one that is not understood or says nothing (variable signs)."""
    value = value.strip()
    match = _SPEED.match(value)
    if match:
        speed = float(match[1]) * KMH[match[2]]
        return speed if 0 < speed <= 400 else None
    if value == "none":
        return UNLIMITED_KMH
    if value == "walk":
        return WALKING_KMH
    if value in IMPLICIT:
        return IMPLICIT[value]
    kind = value.partition(":")[2] if ":" in value else value
    if kind in IMPLICIT:
        return IMPLICIT[kind]
    zone = _ZONE.match(value)
    return float(zone[1]) if zone and 5 <= int(zone[1]) <= 130 else None


def meaning(tags: Tags, complain: Complain, *, defaults: bool = True) -> Meaning | None:
    """Return what a way offers, or None where no car, bicycle, bus or person may use it.

    `complain` is told of tags whose values are not understood; the default of the class stands in for them. Without
    `defaults` lanes, speed and capacity that tags do not say are None.
    """
    facility = tags.get("highway", "")
    default = DEFAULTS.get(facility)
    if default is None or tags.get("area") == "yes":
        return None
    drive = _allowed(tags, default.drive, ("access", "vehicle", "motor_vehicle", "motorcar"))
    cycle = _allowed(tags, default.cycle, ("access", "vehicle", "bicycle"))
    walk = _allowed(tags, default.walk, ("access", "foot"))
    if tags.get("service") in NO_THROUGH_SERVICE:
        drive = False
    if tags.get("motorroad") == "yes":
        cycle = cycle and tags.get("bicycle") in ("yes", "designated")
        walk = walk and tags.get("foot") in ("yes", "designated")
    if tags.get("sidewalk") in ("both", "left", "right", "yes") and tags.get("foot") not in CLOSED:
        walk = True
    buses = facility in FOR_BUSES or (not drive and (tags.get("bus") or tags.get("psv")) in ("yes", "designated"))
    if not (drive or cycle or walk or buses):
        return None
    way = direction(tags, complain)
    bus = _bus_lanes(tags, way)
    if buses and not drive:
        bus = (1.0 if way >= 0 else 0.0, 1.0 if way <= 0 else 0.0)
    contra = way if way == 0 else _bicycle_direction(tags, way)
    cars = (drive and way >= 0, drive and way <= 0)
    own = (bus[0] > 0, bus[1] > 0)
    may = (cars[0] or own[0], cars[1] or own[1])
    lanes, kmh = _lanes(tags, way, bus, complain), _speeds(tags, complain)
    if defaults:
        lanes = (lanes[0] or float(default.lanes), lanes[1] or float(default.lanes))
        kmh = (kmh[0] or default.kmh, kmh[1] or default.kmh)
    return Meaning(
        facility,
        cars,
        (cycle and contra >= 0, cycle and contra <= 0),
        walk,
        (lanes[0] if may[0] else None, lanes[1] if may[1] else None),
        (kmh[0] if may[0] else None, kmh[1] if may[1] else None),
        (
            lanes[0] * default.capacity_vph if lanes[0] and may[0] and defaults else None,
            lanes[1] * default.capacity_vph if lanes[1] and may[1] and defaults else None,
        ),
        may,
        own,
    )


def _allowed(tags: Tags, default: bool, keys: tuple[str, ...]) -> bool:
    """Return whether a mode may pass: the most particular tag that is there decides."""
    for key in reversed(keys):
        value = tags.get(key)
        if value is not None and value != "unknown":
            return value not in CLOSED
    return default


def direction(tags: Tags, complain: Complain) -> int:
    """Return 1 for one-way along the way, -1 against it, 0 for both directions."""
    value = tags.get("oneway")
    if value in ("yes", "1", "true"):
        return 1
    if value in ("-1", "reverse"):
        return -1
    if value in ("no", "0", "false", "reversible", "alternating"):
        return 0
    if value is not None:
        complain("oneway", value, "yes, no, -1, reversible or alternating")
    implied = tags.get("junction") in ("roundabout", "circular") or tags.get("highway") in ("motorway", "motorway_link")
    return 1 if implied else 0


def _bicycle_direction(tags: Tags, way: int) -> int:
    """Return the direction of cycling on a one-way street: 0 where bicycles may also ride against it."""
    own = tags.get("oneway:bicycle")
    if own == "no":
        return 0
    if own in ("-1", "reverse"):
        return -1
    if own == "yes":
        return way
    for side in ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both"):
        if tags.get(side, "").startswith("opposite") or tags.get(f"{side}:oneway") in ("no", "-1"):
            return 0
    return way


def _count(value: str | None) -> float | None:
    """Return a number of lanes, or None for a value that is none."""
    if value is None or not _LANES.match(value):
        return None
    number = float(value)
    return number if 0 < number <= MOST_LANES else None


def _bus_lanes(tags: Tags, way: int) -> tuple[float, float]:
    """Return the lanes for buses alone, along and against the way."""
    forward = backward = 0.0
    for key in ("lanes:psv", "lanes:bus"):
        both = _count(tags.get(key))
        if both:
            forward, backward = (both, 0.0) if way > 0 else (0.0, both) if way < 0 else (both / 2, both / 2)
        forward = _count(tags.get(f"{key}:forward")) or forward
        backward = _count(tags.get(f"{key}:backward")) or backward
    for key in ("bus:lanes", "psv:lanes"):
        if way == 0:
            forward = forward or tags.get(f"{key}:forward", "").split("|").count("designated")
            backward = backward or tags.get(f"{key}:backward", "").split("|").count("designated")
        else:
            count = tags.get(key, "").split("|").count("designated")
            forward, backward = (forward or count, backward) if way > 0 else (forward, backward or count)
    if tags.get("busway") == "lane" or tags.get("busway:both") == "lane":
        forward, backward = forward or float(way >= 0), backward or float(way <= 0)
    if "opposite_lane" in (tags.get("busway"), tags.get("busway:left"), tags.get("busway:right")):
        forward, backward = (forward, backward or 1.0) if way >= 0 else (forward or 1.0, backward)
    if tags.get("busway:right") == "lane" or (tags.get("busway:left") == "lane" and way != 0):
        forward, backward = (forward or 1.0, backward) if way >= 0 else (forward, backward or 1.0)
    elif tags.get("busway:left") == "lane":
        backward = backward or 1.0
    return float(forward), float(backward)


def _lanes(tags: Tags, way: int, bus: tuple[float, float], complain: Complain) -> tuple[float | None, float | None]:
    """Return the lanes of each direction that cars may use, at least 1; None where no tag says."""
    total = _count(tags.get("lanes"))
    if total is None and "lanes" in tags:
        complain("lanes", tags["lanes"], f"a number above 0 and up to {MOST_LANES:g}")
    forward, backward = _count(tags.get("lanes:forward")), _count(tags.get("lanes:backward"))
    if way != 0:
        forward = backward = total
    elif total is not None:
        if forward is None:
            forward = total - backward if backward is not None else total / 2
        if backward is None:
            backward = total - forward
    return (
        None if forward is None else max(1.0, forward - bus[0]),
        None if backward is None else max(1.0, backward - bus[1]),
    )


def _speeds(tags: Tags, complain: Complain) -> tuple[float | None, float | None]:
    """Return the speed limit of each direction, km/h; None where no tag says."""
    both: float | None = None
    for key in ("maxspeed", "maxspeed:type", "source:maxspeed", "zone:maxspeed"):
        value = tags.get(key)
        if value is None:
            continue
        both = kmh_of(value)
        if both is None and key == "maxspeed" and value not in ("signals", "variable"):
            both = kmh_of(value.split(";")[0].split("|")[0])
            if both is None:
                complain("maxspeed", value, 'km/h, "30 mph", "walk", "none" or a rule such as DE:urban')
        if both is not None:
            break
    forward, backward = kmh_of(tags.get("maxspeed:forward", "")), kmh_of(tags.get("maxspeed:backward", ""))
    return forward or both, backward or both
