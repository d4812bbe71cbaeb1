"""TNTP test problems of traffic assignment: a network with its nodes and trips, by `greentrip_networks.tntp`.

The format names no units. Lengths and times are those of the options `length` (mi, km, m, ft) and `time` (min, h, s,
0.01h); lengths are compared with the places of nodes where these are degrees.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from greentrip_networks.errors import TableError
from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.csv_tables import Field, typed_frame
from greentrip_networks.formats.frames import measured_m, placed, text_frame
from greentrip_networks.formats.sources import Source
from greentrip_networks.formats.text import read_lines
from greentrip_networks.layers import Layers, Matrix, Notes
from greentrip_networks.problems import Problems
from greentrip_networks.tntp import FIELDS, NEEDED, TntpNetwork, read_network, read_trips

METRES = {"mi": 1609.344, "km": 1000.0, "m": 1.0, "ft": 0.3048}
SECONDS = {"min": 60.0, "h": 3600.0, "s": 1.0, "0.01h": 36.0}
ZONES = 20_000
_NODE = (
    Field("node", to="node_id", needed=True),
    Field("x", "number", to="lon", needed=True),
    Field("y", "number", to="lat", needed=True),
)


def is_tntp(source: Source) -> bool:
    """Say whether a file, or one of a folder, is TNTP."""
    return any(_kind(source, name) in ("net", "trips") for name in source.files)


def _kind(source: Source, name: str) -> str:
    """Return what a file holds: net, trips, node or ""."""
    if not name.casefold().endswith((".tntp", ".txt")) and len(source.files) > 1:
        return ""
    head = source.head(name, 8192)
    low = head.lower()
    if b"<number of links>" in low or b"<first thru node>" in low:
        return "net"
    if b"<total od flow>" in low or (b"<number of zones>" in low and b"origin" in low):
        return "trips"
    first = low.lstrip().split(b"\n", 1)[0].split()
    return "node" if first[:3] in ([b"node", b"x", b"y"], [b"node", b"x", b"y;"]) else ""


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read a network, and its nodes and trips if they are among the files."""
    found: dict[str, tuple[Source, str]] = {}
    for source in sources:
        for name in source.files:
            kind = _kind(source, name)
            if kind and kind in found:
                problems.error("two-files", f"one {kind} file", file=name, saw=found[kind][1])
            elif kind:
                found[kind] = (source, name)
    for option, known in (("length", METRES), ("time", SECONDS)):
        if options.more.get(option, next(iter(known))) not in known:
            problems.error("unknown-unit", f"one of {', '.join(known)}", field=option, saw=options.more[option])
    if problems.errors:
        return Layers()
    layers = Layers(notes=Notes(format="tntp", files=tuple(n for _, n in found.values())))
    if "net" in found:
        network = _network(*found["net"], problems)
        places = _places(*found["node"], options, problems) if "node" in found else None
        if network is not None:
            layers = _layers(network, places, options, layers.notes)
    elif "node" in found or "trips" not in found:
        problems.error("no-network", "a file with <NUMBER OF LINKS>", saw=", ".join(s.name for s in sources))
    if "trips" in found:
        matrix = _trips(*found["trips"], len(layers.zones) or None, problems)
        layers = layers.with_(matrices={"trips": matrix}) if matrix else layers
    return layers


def _network(source: Source, name: str, problems: Problems) -> TntpNetwork | None:
    for _ in read_lines(source, name, Problems()):  # lines bounded, text or refused
        break
    try:
        network = read_network(source.on_disk(name))
    except TableError as error:
        if not _say_rows(source, name, problems):
            problems.error("bad-row", error.expected, file=name, line=error.row, field=error.column, saw=error.value)
        return None
    except (ValueError, OverflowError, MemoryError) as error:
        problems.error("bad-row", "numbers that fit", file=name, saw=error)
        return None
    if not len(network.tail):
        problems.error("no-links", "at least one link below the metadata", file=name)
        return None
    for finding in network.findings:
        lines = finding.lines or (None,)
        problems.many(
            "warning",
            finding.code,
            "what most files have",
            count=finding.count,
            lines=[n for n in lines if n],
            file=name,
            remedy=finding.treatment,
        )
    return network


def _say_rows(source: Source, name: str, problems: Problems) -> int:
    """Add every row that cannot be read; return how many there are."""
    told = problems.errors
    for number, raw in read_lines(source, name, Problems()):
        text = raw.strip()
        if text.startswith("<") and ">" not in text:
            problems.error("bad-metadata", "metadata as <NAME> value", file=name, line=number, saw=text)
        words = text.split("~", 1)[0].replace(";", " ").split() if not text.startswith("<") else []
        if words and len(words) < NEEDED:
            problems.error("short-row", f"at least {NEEDED} fields", file=name, line=number, saw=text)
        for word, field in zip(words, FIELDS, strict=False):
            low = 1.0 if field in FIELDS[:2] else -np.inf if field == "link_type" else 0.0
            try:
                fine = np.isfinite(float(word)) and float(word) >= low
            except ValueError:
                fine = False
            if not fine:
                problems.error(
                    "bad-number", f"a finite number of at least {low:g}", file=name, line=number, field=field, saw=word
                )
    return problems.errors - told


def _places(source: Source, name: str, options: ReadOptions, problems: Problems) -> pl.DataFrame | None:
    """Return lon, lat by node; places that are no degrees, in no named system, are told and left out."""
    rows, lines = [], []
    for number, text in read_lines(source, name, problems, options.encoding):
        words = text.replace(";", " ").split()
        if number == 1 or not words:
            continue
        rows.append([*words, "", "", ""][:3])
        lines.append(number)
    frame = typed_frame(text_frame(("node", "x", "y"), rows, lines), _NODE, problems, file=name)
    plane = bool(((frame["lon"].abs() > 180) | (frame["lat"].abs() > 90)).any()) if len(frame) else False
    if plane and not options.crs:
        problems.warn(
            "no-projection", "degrees, or the system named with --crs", file=name, remedy="the network has no places"
        )
        return None
    return placed(frame, options, problems, file=name, id_column="node_id", fields=("X", "Y"))


def _layers(net: TntpNetwork, places: pl.DataFrame | None, options: ReadOptions, notes: Notes) -> Layers:
    ids = [str(i + 1) for i in range(net.nodes)]
    zone = [str(i + 1) if i < net.zones else "" for i in range(net.nodes)]
    nodes = pl.DataFrame({"node_id": ids, "zone_id": zone})
    if places is not None:
        place = places.select("node_id", "lon", "lat").unique("node_id", keep="first")
        nodes = nodes.join(place, on="node_id", how="left", maintain_order="left")
    else:
        nodes = nodes.with_columns(lon=pl.lit(None, pl.Float64), lat=pl.lit(None, pl.Float64))
    ends = {"from_node": pl.Series(net.tail + 1).cast(pl.String), "to_node": pl.Series(net.head + 1).cast(pl.String)}
    unit = options.more.get("length", "") or _unit(nodes, pl.DataFrame(ends), net.length) or "mi"
    time = options.more.get("time", "min")
    metres = net.length * METRES[unit]
    with np.errstate(divide="ignore", invalid="ignore"):
        kmh = np.where(
            (net.free_flow_time > 0) & (metres > 0), metres / (net.free_flow_time * SECONDS[time]) * 3.6, np.nan
        )
    links = pl.DataFrame(
        {
            "link_id": [str(i + 1) for i in range(len(net.tail))],
            **ends,
            "kind": pl.Series(net.link_type).cast(pl.String),
            "length_m": metres,
            "free_kmh": pl.Series(kmh).fill_nan(None),
            "capacity_vph": net.capacity,
            "toll_cny": pl.Series(net.toll),
            "b": net.b,
            "power": net.power,
        }
    ).with_columns(
        pl.lit(value=True).alias("drive"),
        pl.lit(value=True).alias("bus"),
        toll_cny=pl.when(pl.col("toll_cny") > 0).then("toll_cny"),
    )
    zones = nodes.head(net.zones).select("zone_id", "lon", "lat")
    assumed = (
        f"The format names no units: lengths are taken as {unit}, free-flow times as {time}, capacities as an hour's.",
        "Links are numbered in the file's order; tolls stand as they are, whatever their unit.",
        f"Paths may not pass nodes below {net.first_through_node}.",
    )
    counts = {"nodes": net.nodes, "links": len(links), "zones": net.zones}
    notes = replace(notes, counts=counts, assumptions=assumed, extra={"first_through_node": net.first_through_node})
    return Layers(nodes=nodes, links=links, zones=zones, notes=notes)


def _unit(nodes: pl.DataFrame, links: pl.DataFrame, length: NDArray[np.float64]) -> str:
    """Return the unit whose lengths are nearest to the distances between nodes, "" where places are unknown."""
    metres = measured_m(nodes, links) if nodes["lon"].null_count() == 0 else np.full(len(links), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = metres / length
    fine = np.isfinite(ratio) & (ratio > 0)
    if not fine.any():
        return ""
    middle = float(np.median(ratio[fine]))
    return min(METRES, key=lambda u: abs(np.log(middle / METRES[u])))


def _trips(source: Source, name: str, zones: int | None, problems: Problems) -> Matrix | None:
    for _ in read_lines(source, name, Problems()):
        break
    try:
        trips = read_trips(source.on_disk(name), zones)
    except TableError as error:
        problems.error("bad-row", error.expected, file=name, line=error.row, field=error.column, saw=error.value)
        return None
    except (ValueError, OverflowError, MemoryError) as error:
        problems.error("bad-row", "numbers that fit", file=name, saw=error)
        return None
    for finding in trips.findings:
        problems.many(
            "warning",
            finding.code,
            "what most files have",
            count=finding.count,
            lines=list(finding.lines),
            file=name,
            remedy=finding.treatment,
        )
    if trips.zones > ZONES:
        problems.error("too-many-zones", f"at most {ZONES:,} zones", file=name, saw=trips.zones)
        return None
    values = np.zeros((trips.zones, trips.zones))
    values[trips.origin, trips.destination] = trips.vehicles
    return Matrix(tuple(str(i + 1) for i in range(trips.zones)), values)


FORMAT = Format(name="tntp", title="TNTP test problem (network, nodes, trips)", detect=is_tntp, read=read)
