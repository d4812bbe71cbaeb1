"""Read an OpenStreetMap extract (.osm.pbf, .osm, also .gz or .bz2) as streets for cars, bicycles and people on foot.

The file is streamed twice: once for ways and turn restrictions, once for the positions of the nodes those ways use.
What is kept are arrays: 8 bytes for each node of a street and way, so an extract of 1 GB fits in 8 GB of memory
(`benchmarks/osm_import.py` measures it).
"""

import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import osmium
from numpy.typing import NDArray

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.frames import merged
from greentrip_networks.formats.osm_graph import chains_of
from greentrip_networks.formats.osm_layers import layers_of, notes_of
from greentrip_networks.formats.osm_tags import DEFAULTS, Meaning, meaning
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import Layers
from greentrip_networks.problems import Problems, bad_input

Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]

BLOCKING = frozenset(
    {
        "bollard",
        "block",
        "cycle_barrier",
        "jersey_barrier",
        "planter",
        "log",
        "debris",
        "kissing_gate",
        "turnstile",
        "stile",
        "chain",
        "fence",
        "wall",
    }
)
CONTROLS = {"traffic_signals": "signal", "stop": "stop", "give_way": "give_way", "mini_roundabout": "roundabout"}
_NODE = re.compile(rb"<node\s[^>]{1,4000}>")
_PLACE = re.compile(rb"""\b(id|lon|lat)\s*=\s*["']([^"']{0,100})["']""")
MISSING = np.int32(-(2**31))  # position of a node the file lacks
FOR_CARS = ("restriction:motorcar", "restriction:motor_vehicle", "restriction")


@dataclass(eq=False)
class Streets:
    """What the first pass gathers; `points` are node ids, later rows of the node table."""

    way_id: Int64s
    first: Int64s  # (ways + 1,) into points
    points: Int64s
    attributes: Int32s  # row in meanings
    meanings: list[tuple[Meaning, str, str]]  # with name and English name
    bans: list[tuple[int, int, int, int, bool]]  # relation, from way, via node, to way, only
    counts: Counter[str] = field(default_factory=Counter)


def looks(source: Source) -> bool:
    """Say whether a file is an OpenStreetMap extract, by its first bytes."""
    if len(source.files) != 1:
        return False
    name = next(iter(source.files))
    return _kind(source.head(name, 512)) != "" or name.casefold().endswith((".osm.bz2", ".pbf.bz2"))


def _kind(head: bytes) -> str:
    """Return osmium's name of the file's form."""
    if head[4:16].find(b"OSMHeader") > 0:
        return "pbf"
    return "xml" if b"<osm" in head else ""


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read extracts; streets that several of them hold are kept once.

    `options.more` may say `defaults=no` (lanes, speed and capacity that tags do not say stay unknown instead of those
    of the class, `osm_tags.DEFAULTS`) and `drive_only=yes` (leave out what only bicycles and people on foot may use).
    """
    return merged([_read_one(source, options, problems) for source in sources])


def _read_one(source: Source, options: ReadOptions, problems: Problems) -> Layers:
    """Read one extract."""
    name = next(iter(source.files))
    kind = _kind(source.head(name, 512)) or ("osm.bz2" if name.endswith(".osm.bz2") else "pbf")
    file = osmium.io.File(str(source.on_disk(name)), kind)
    defaults = options.more.get("defaults", "yes") != "no"
    drive_only = options.more.get("drive_only", "no") == "yes"
    try:
        streets = _ways(file, name, problems, defaults=defaults, drive_only=drive_only)
        ids = np.unique(streets.points)
        x, y, control, blocked = _nodes(file, name, ids, problems, streets.counts)
    except osmium.InvalidLocationError as error:
        _name_bad_places(source, name, problems, error)
        return Layers()
    except (RuntimeError, OSError, ValueError) as error:
        raise bad_input(
            "osm",
            source.name,
            "unreadable",
            "a whole OpenStreetMap file (PBF or XML)",
            file=name,
            saw=error,
            remedy="fetch it again",
        ) from None
    rows = np.searchsorted(ids, streets.points).astype(np.int32)
    rows[x[rows] == MISSING] = -1
    if (rows < 0).any():
        gone = np.unique(streets.points[rows < 0])
        problems.many(
            "warning",
            "missing-node",
            "every node of a street in the file",
            count=len(gone),
            records=[f"node {n}" for n in gone[:20].tolist()],
            file=name,
            remedy="streets are cut there, as at the edge of an extract",
        )
    streets.counts["nodes"] = len(ids)
    keep = (control > 0) | blocked
    via = np.array([b[2] for b in streets.bans], np.int64)
    keep[np.flatnonzero(np.isin(ids, via))] = True
    symmetric = np.array([m.symmetric for m, _, _ in streets.meanings], np.bool_)
    chains = chains_of(streets.first, rows, streets.attributes, symmetric, keep)
    if not len(chains.attributes):
        problems.error(
            "no-streets",
            "ways with a highway tag that somebody may use, and their nodes",
            file=name,
            saw=", ".join(f"{n} {k}" for k, n in streets.counts.items()),
        )
        return Layers()
    del rows
    made = layers_of(
        streets.way_id, streets.meanings, streets.bans, chains, ids, x, y, control, blocked, streets.counts
    )
    return made.with_(notes=notes_of(name, streets.counts, defaults=defaults))


FORMAT = Format(name="osm", title="OpenStreetMap extract, PBF or XML", detect=looks, read=read)


def _ways(file: Any, name: str, problems: Problems, *, defaults: bool, drive_only: bool) -> Streets:
    """Read the ways that anybody may use and the turn restrictions."""
    counts: Counter[str] = Counter()
    ids, starts, points, attributes = array("q"), array("q", [0]), array("q"), array("i")
    row_of: dict[tuple[Meaning, str, str], int] = {}
    bans: list[tuple[int, int, int, int, bool]] = []
    way_id = 0

    def complain(field: str, value: str, expected: str) -> None:
        problems.warn(
            "unreadable-tag",
            expected,
            file=name,
            record=f"way {way_id}",
            field=field,
            saw=value,
            remedy="the default of its class is taken",
        )

    stream: Any = osmium.FileProcessor(file, osmium.osm.WAY | osmium.osm.RELATION)
    stream = stream.with_filter(osmium.filter.KeyFilter("highway", *FOR_CARS))
    for entity in stream:
        if entity.is_relation():
            _restriction(entity, bans, counts)
            continue
        tags = {t.k: t.v for t in entity.tags}
        if tags.get("highway") not in DEFAULTS:
            counts["ways not used"] += 1
            continue
        way_id = entity.id
        what = meaning(tags, complain, defaults=defaults)
        if what is None or (drive_only and not any(what.drive)):
            counts["ways not used"] += 1
            continue
        refs = [n.ref for n in entity.nodes]
        if len(refs) < 2:
            problems.warn(
                "short-way", "at least two nodes", file=name, record=f"way {way_id}", saw=len(refs), remedy="left out"
            )
            continue
        counts["ways"] += 1
        counts["ways with lanes said"] += "lanes" in tags
        counts["ways with a speed limit said"] += "maxspeed" in tags
        counts["ways with a toll"] += tags.get("toll") == "yes"
        key = (what, tags.get("name", ""), tags.get("name:en", ""))
        ids.append(way_id)
        points.extend([r for r, before in zip(refs, [None, *refs[:-1]], strict=True) if r != before])
        starts.append(len(points))
        attributes.append(row_of.setdefault(key, len(row_of)))
    return Streets(
        np.frombuffer(ids, np.int64) if ids else np.empty(0, np.int64),
        np.frombuffer(starts, np.int64),
        np.frombuffer(points, np.int64) if points else np.empty(0, np.int64),
        np.frombuffer(attributes, np.int32) if attributes else np.empty(0, np.int32),
        list(row_of),
        bans,
        counts,
    )


def _restriction(relation: Any, bans: list[tuple[int, int, int, int, bool]], counts: Counter[str]) -> None:
    """Note a turn restriction that binds cars and goes over one node."""
    tags = {t.k: t.v for t in relation.tags}
    if tags.get("type") not in ("restriction", "restriction:motorcar"):
        return
    kind = next((tags[k] for k in FOR_CARS if k in tags), "")
    free = {e.strip() for e in tags.get("except", "").split(";")}
    if not kind.startswith(("no_", "only_")) or free & {"motorcar", "motor_vehicle", "vehicle"}:
        counts["turn restrictions not for cars"] += 1
        return
    members: dict[str, list[tuple[str, int]]] = {"from": [], "via": [], "to": []}
    for member in relation.members:
        if member.role in members:
            members[member.role].append((member.type, member.ref))
    via = members["via"]
    if len(via) != 1 or via[0][0] != "n" or not members["from"] or not members["to"]:
        counts["turn restrictions over ways, not read"] += 1
        return
    bans.extend(
        (relation.id, source[1], via[0][1], target[1], kind.startswith("only_"))
        for source in members["from"]
        for target in members["to"]
        if source[0] == target[0] == "w"
    )
    counts["turn restrictions"] += 1


def _nodes(
    file: Any, name: str, ids: Int64s, problems: Problems, counts: Counter[str]
) -> tuple[Int32s, Int32s, NDArray[np.int8], NDArray[np.bool_]]:
    """Read positions (1e-7 degrees, MISSING where the file has none), controls and barriers of the nodes asked for."""
    x, y = np.full(len(ids), MISSING, np.int32), np.zeros(len(ids), np.int32)
    control, blocked = np.zeros(len(ids), np.int8), np.zeros(len(ids), np.bool_)
    found, east, north = array("q"), array("i"), array("i")
    told: list[tuple[int, int, bool]] = []
    kinds = list(CONTROLS)

    def place() -> None:
        """Put what was gathered into the arrays."""
        at = np.searchsorted(ids, np.frombuffer(found, np.int64))
        x[at], y[at] = np.frombuffer(east, np.int32), np.frombuffer(north, np.int32)

    stream: Any = osmium.FileProcessor(file, osmium.osm.NODE).with_filter(osmium.filter.IdFilter(ids.tolist()))
    for node in stream:
        location = node.location
        if not location.valid():
            problems.error(
                "bad-position",
                "a longitude of -180 to 180 and a latitude of -90 to 90",
                file=name,
                record=f"node {node.id}",
                saw=f"{location.x / 1e7}, {location.y / 1e7}",
            )
            continue
        found.append(node.id)
        east.append(location.x)
        north.append(location.y)
        tags = node.tags
        if len(tags):
            kind = tags.get("highway")
            signal = kind in CONTROLS or tags.get("crossing") == "traffic_signals"
            stops = _blocks_cars(tags)
            if signal or stops:
                told.append((node.id, 1 + (kinds.index(kind) if kind in CONTROLS else 0) if signal else 0, stops))
        if len(found) >= 4_000_000:
            place()
            found, east, north = array("q"), array("i"), array("i")
    if found:
        place()
    for node_id, kind_row, stops in told:
        at = int(np.searchsorted(ids, node_id))
        control[at], blocked[at] = kind_row, stops
    counts["signals"] = int((control == 1).sum())
    counts["barriers to cars"] = int(blocked.sum())
    return x, y, control, blocked


def _name_bad_places(source: Source, name: str, problems: Problems, error: Exception) -> None:
    """Name the nodes of an XML file whose positions cannot be; osmium stops at the first without saying which."""
    rest, told = b"", len(problems)
    with source.open(name) as stream:
        while block := stream.read(1 << 20):
            text = rest + block
            end = 0
            for match in _NODE.finditer(text):
                end = match.end()
                found = {key: value.decode("utf-8", "replace") for key, value in _PLACE.findall(match[0])}
                for key, most in ((b"lon", 180.0), (b"lat", 90.0)):
                    if key in found and not _within(found[key], most):
                        problems.error(
                            "bad-position",
                            f"a number from {-most:g} to {most:g}",
                            file=name,
                            record=f"node {found.get(b'id', '')}",
                            field=key.decode(),
                            saw=found[key],
                        )
            rest = text[max(end, len(text) - 4096) :]
    if len(problems) == told:
        problems.error("bad-position", "positions in degrees", file=name, saw=error)


def _within(text: str, most: float) -> bool:
    """Return whether a text is a number between -most and most."""
    try:
        return abs(float(text)) <= most
    except ValueError:
        return False


def _blocks_cars(tags: Any) -> bool:
    """Return whether a barrier keeps cars out."""
    kind = tags.get("barrier")
    if kind is None:
        return False
    for key in ("motorcar", "motor_vehicle", "vehicle", "access"):
        value = tags.get(key)
        if value is not None:
            return value in ("no", "private")
    return kind in BLOCKING
