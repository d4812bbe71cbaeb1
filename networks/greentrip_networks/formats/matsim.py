"""MATSim networks and transit schedules (XML, also .gz), with vehicles: read here, written by `matsim_write`.

Links are one direction already; free speed is m/s, capacity vehicles in the network's period. A link's bends, name and
type, and where along a route its stops are, are kept in attributes of our own, which MATSim allows and ignores.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.csv_tables import LINE, Field, typed_frame
from greentrip_networks.formats.flat import make_flat
from greentrip_networks.formats.frames import mending, merged, placed, roads
from greentrip_networks.formats.matsim_schedule import ScheduleReader
from greentrip_networks.formats.matsim_write import OWN, PT, write_matsim
from greentrip_networks.formats.sources import Source
from greentrip_networks.formats.xml_stream import Rows, parse_xml, root_of
from greentrip_networks.layers import CONTROLS, Layers, Notes
from greentrip_networks.problems import Problems

ROOTS = ("network", "transitSchedule", "vehicleDefinitions")
MODES = {"drive": frozenset({"car", "truck", "ride"}), "cycle": frozenset({"bike", "bicycle"}),
         "walk": frozenset({"walk"}), "bus": frozenset({"bus", "car", "pt"})}  # fmt: skip
_NODES = (
    Field("id", to="node_id", needed=True),
    Field("x", "number", to="lon", needed=True),
    Field("y", "number", to="lat", needed=True),
    Field("name", default=""),
    Field("control", "choice", choices={c: c for c in CONTROLS}, default="none"),
)
_LINKS = (
    Field("id", to="link_id", needed=True),
    Field("from", to="from_node", needed=True),
    Field("to", to="to_node", needed=True),
    Field("length", "number", to="length_m", low=0),
    Field("freespeed", "number", low=0),
    Field("capacity", "number", to="capacity_vph", low=0),
    Field("permlanes", "number", to="lanes", low=0, high=1000),
    Field("modes", default=""),
    Field("type", to="kind", default=""),
    *(Field(n, to=n, default="") for n in ("name", "name_en", "geometry")),
    *(Field(n, "flag", default=False) for n in ("bus_lane", "generated")),
    *(Field(n, "number", low=0) for n in ("toll_cny", "b", "power", "free_kmh")),
    Field("unsaid", default=""),
)


def is_matsim(source: Source) -> bool:
    """Say whether a file, or the XML files of a folder, are MATSim's."""
    return any(root_of(source, name) in ROOTS for name in _files(source))


def _files(source: Source) -> list[str]:
    """Return the files that may be XML, the network's before the schedule's."""
    return (
        [n for n in source.files if n.casefold().endswith((".xml", ".xml.gz"))]
        if len(source.files) > 1
        else list(source.files)
    )


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read networks, schedules and vehicles; those of several paths belong together."""
    parts: list[Layers] = []
    schedule = ScheduleReader(options, problems)
    for source in sources:
        for name in _files(source):
            root = root_of(source, name)
            if root == "network":
                parts.append(_Network(source, name, options, problems).layers())
            elif root in ROOTS:
                schedule.read(source, name)
            else:
                parse_xml(source, name, lambda *_: None)  # says what is wrong with it if it is no XML
                problems.warn("not-matsim", f"one of {', '.join(ROOTS)}", file=name, saw=root, remedy="left out")
    if schedule.files:
        parts.append(schedule.layers(parts[0].notes.crs if parts else ""))
    if len(parts) < 2:
        if not parts:
            problems.error("no-network", "a network or a transitSchedule", saw=", ".join(s.name for s in sources))
        return parts[0] if parts else Layers()
    made = merged(parts)
    return made.with_(notes=replace(made.notes, format="matsim"))


class _Network:
    """One network file while it is read."""

    def __init__(self, source: Source, name: str, options: ReadOptions, problems: Problems) -> None:
        self.file, self.options, self.problems = name, options, problems
        self.nodes = Rows("id", "x", "y", "name", "control")
        self.links = Rows("id", "from", "to", "length", "freespeed", "capacity", "permlanes", "modes", "type", *OWN)
        self.crs = ""
        self.name = ""
        self.hours = 1.0
        self.inside = ""  # node, link or "" (the network itself)
        self.attribute = ""
        self.made_for_transit = 0
        self.skipping = False
        parse_xml(source, name, self.start, self.end)

    def start(self, tag: str, attributes: dict[str, str], line: int) -> None:
        """Take an element in."""
        if tag == "node":
            self.inside = tag
            self.skipping = attributes.get("id", "").startswith(PT)
            if not self.skipping:
                self.nodes.add(attributes, line)
        elif tag == "link":
            self.inside = tag
            self.skipping = attributes.get("id", "").startswith(PT)
            self.made_for_transit += self.skipping
            if not self.skipping:
                self.links.add(attributes, line)
        elif tag == "links":
            self.inside = ""
            self.hours = self.period(attributes.get("capperiod", "01:00:00"), line)
        elif tag == "network":
            self.name = attributes.get("name", "")
        elif tag == "attribute":
            self.attribute = attributes.get("name", "")

    def end(self, tag: str, text: str) -> None:
        """Take an attribute of our own, or the coordinate system."""
        if tag in ("node", "link"):
            self.inside = ""
        elif tag == "attribute" and self.attribute:
            if self.inside == "":
                if self.attribute == "coordinateReferenceSystem":
                    self.crs = "" if text in ("Atlantis", "null") else text
            elif not self.skipping:
                rows = self.links if self.inside == "link" else self.nodes
                if self.attribute in rows.columns and self.attribute not in ("id", "from", "to", "x", "y"):
                    rows.set(self.attribute, text)
            self.attribute = ""

    def period(self, text: str, line: int) -> float:
        """Return the hours that capacities count for."""
        parts = text.split(":")
        try:
            numbers = [float(p) for p in parts] + [0.0, 0.0]
            hours = numbers[0] + numbers[1] / 60 + numbers[2] / 3600
            if len(parts) <= 3 and 0 < hours <= 48:
                return hours
        except ValueError:
            pass
        self.problems.error(
            "bad-period", "hours as HH:MM:SS above 0", file=self.file, line=line, field="capperiod", saw=text
        )
        return 1.0

    def layers(self) -> Layers:
        """Return the network."""
        nodes = typed_frame(self.nodes.frame(), _NODES, self.problems, file=self.file)
        links = typed_frame(self.links.frame(), _LINKS, self.problems, file=self.file)
        said = self.options.crs or self.crs
        if not said and len(nodes) and bool(((nodes["lon"].abs() > 180) | (nodes["lat"].abs() > 90)).any()):
            self.problems.error(
                "unknown-crs",
                "an attribute coordinateReferenceSystem",
                file=self.file,
                saw=f"{nodes['lon'][0]:g}, {nodes['lat'][0]:g}",
                remedy="name it with --crs",
            )
            return Layers()
        nodes = placed(
            nodes, self.options, self.problems, file=self.file, id_column="node_id", said=said, fields=("x", "y")
        )
        words = {m: {w.strip() for w in m.split(",")} for m in links["modes"].unique()}
        flags = {
            u: links["modes"].replace_strict(
                list(words), [bool(w & names) for w in words.values()], return_dtype=pl.Boolean
            )
            if len(links)
            else pl.Series([], dtype=pl.Boolean)
            for u, names in MODES.items()
        }
        links = links.with_columns(
            *(s.alias(u) for u, s in flags.items()),
            self.bends(links).alias("geometry"),
            capacity_vph=pl.col("capacity_vph") / self.hours,
            free_kmh=pl.col("free_kmh").fill_null(pl.col("freespeed") * 3.6),
        )
        unsaid = pl.col("unsaid").str.split(" ")
        links = links.with_columns(
            pl.when(unsaid.list.contains(c)).then(None).otherwise(pl.col(c)).alias(c)
            for c in ("lanes", "free_kmh", "capacity_vph")
        )
        nodes, links, measured = roads(nodes, links, self.problems, files=(self.file, self.file), fields=("from", "to"))
        notes = [f"{measured} links without a length got that of the straight line."] if measured else []
        return Layers(
            nodes=nodes.drop(LINE),
            links=links.drop(LINE, "modes", "freespeed", "unsaid"),
            notes=Notes(
                name=self.name,
                format="matsim",
                files=(self.file,),
                crs=said or "EPSG:4326",
                counts={
                    "node": len(nodes),
                    "link": len(links),
                    "links made for transit, left out": self.made_for_transit,
                },
                assumptions=tuple(notes),
            ),
        )

    def bends(self, links: pl.DataFrame) -> pl.Series:
        """Return the flat geometries of our own attribute."""
        flat = (
            links["geometry"]
            .str.split(" ")
            .list.eval(pl.element().filter(pl.element() != "").cast(pl.Float64, strict=False))
        )
        lists = flat.to_list()
        first: list[int] = [0]
        values: list[float] = []
        for points, line in zip(lists, links[LINE].to_list(), strict=True):
            fine = (
                len(points) % 2 == 0
                and len(points) != 2
                and all(v is not None and np.isfinite(v) and abs(v) <= 180 for v in points)
            )
            if not fine:
                self.problems.warn(
                    "bad-geometry",
                    "lon lat lon lat ...",
                    file=self.file,
                    line=line,
                    field="geometry",
                    remedy="taken as straight",
                )
            values += points if fine else []
            first.append(len(values) // 2)
        both = np.array(values, np.float64)
        return make_flat(both[0::2], both[1::2], np.array(first, np.int64))


FORMAT = Format(
    name="matsim",
    title="MATSim network, transit schedule and vehicles (XML)",
    detect=is_matsim,
    read=mending(read),
    write=write_matsim,
    folder=True,
)
