"""SUMO networks (.net.xml): edges as links, lanes' permissions as who may pass, missing connections as banned turns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.csv_tables import LINE, Field, typed_frame
from greentrip_networks.formats.flat import make_flat
from greentrip_networks.formats.frames import degrees, mending, merged, placed, roads
from greentrip_networks.formats.sources import Source
from greentrip_networks.formats.xml_stream import Rows, parse_xml, root_of
from greentrip_networks.layers import Layers, Notes
from greentrip_networks.problems import Problems

CLASSES = {"drive": "passenger", "cycle": "bicycle", "walk": "pedestrian", "bus": "bus"}
NOT_ROADS = ("internal", "crossing", "walkingarea", "connector")
CONTROLS = {"traffic_light": "signal", "traffic_light_unregulated": "signal", "traffic_light_right_on_red": "signal",
            "priority_stop": "stop", "allway_stop": "stop", "priority": "give_way"}  # fmt: skip
_JUNCTIONS = (
    Field("id", to="node_id", needed=True),
    Field("x", "number", to="lon", needed=True),
    Field("y", "number", to="lat", needed=True),
    Field("type", to="type", default=""),
    Field("name", default=""),
)
_EDGES = (
    Field("id", to="link_id", needed=True),
    Field("from", to="from_node", needed=True),
    Field("to", to="to_node", needed=True),
    Field("type", to="kind", default=""),
    Field("name", default=""),
    Field("shape", default=""),
    Field("length", "number", to="length_m", low=0),
    Field("speed", "number", low=0, high=200),
    Field("lanes", "number"),
    *(Field(c, "flag", default=False) for c in (*CLASSES, "bus_lane")),
)


def is_sumo(source: Source) -> bool:
    """Say whether a file is a SUMO network."""
    if len(source.files) != 1:
        return False
    name = next(iter(source.files))
    return root_of(source, name) == "net" and any(
        w in source.head(name, 16384) for w in (b"<location", b"<edge", b"sumo")
    )


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read networks; several are joined."""
    return merged([_Reader(source, options, problems).layers() for source in sources])


class _Reader:
    """One network while it is read."""

    def __init__(self, source: Source, options: ReadOptions, problems: Problems) -> None:
        self.file = next(iter(source.files))
        self.options, self.problems = options, problems
        self.junctions = Rows("id", "x", "y", "type", "name")
        self.edges = Rows("id", "from", "to", "type", "name", "shape", "length", "speed", "lanes", *CLASSES, "bus_lane")
        self.connections: dict[tuple[str, str], None] = {}
        self.location: dict[str, str] = {}
        self.lanes: list[dict[str, str]] = []
        self.edge: tuple[dict[str, str], int] | None = None
        self.left_out = 0
        parse_xml(source, self.file, self.start, self.end)

    def start(self, tag: str, attributes: dict[str, str], line: int) -> None:
        """Take an element in."""
        if tag == "edge":
            self.edge, self.lanes = (attributes, line), []
        elif tag == "lane" and self.edge:
            self.lanes.append(attributes)
        elif tag == "junction" and attributes.get("type") != "internal":
            self.junctions.add(attributes, line)
        elif tag == "connection" and not attributes.get("from", ":").startswith(":"):
            self.connections[attributes["from"], attributes.get("to", "")] = None
        elif tag == "location":
            self.location = attributes

    def end(self, tag: str, text: str) -> None:  # noqa: ARG002 - the text of elements means nothing here
        """Put an edge's lanes together."""
        if tag != "edge" or self.edge is None:
            return
        (edge, line), self.edge = self.edge, None
        if edge.get("function") in NOT_ROADS:
            return
        open_to = [{c for c in CLASSES.values() if _allows(lane, c)} for lane in self.lanes]
        row = {k: edge.get(k, "") for k in ("id", "from", "to", "type", "name", "shape")}
        row |= {use: "1" if any(name in lane for lane in open_to) else "0" for use, name in CLASSES.items()}
        if "1" not in (row[use] for use in CLASSES):
            self.left_out += 1
            return
        cars = [lane for lane, may in zip(self.lanes, open_to, strict=True) if "passenger" in may]
        wheels = cars or [lane for lane, may in zip(self.lanes, open_to, strict=True) if "bus" in may]
        if wheels:
            row["lanes"] = str(len(wheels))
            speeds = [lane.get("speed", "") for lane in wheels]
            row["speed"] = max(speeds, key=_number)
        row["bus_lane"] = "1" if any("bus" in may and "passenger" not in may for may in open_to) else "0"
        if self.lanes:
            row["length"] = self.lanes[0].get("length", "")
        row["type"] = row["type"].removeprefix("highway.")
        self.edges.add(row, line)

    def layers(self) -> Layers:
        """Return the network."""
        nodes = typed_frame(self.junctions.frame(), _JUNCTIONS, self.problems, file=self.file)
        links = typed_frame(self.edges.frame(), _EDGES, self.problems, file=self.file)
        shift, crs = self.projection()
        if crs:
            nodes = nodes.with_columns(pl.col("lon") - shift[0], pl.col("lat") - shift[1])
            nodes = placed(
                nodes, self.options, self.problems, file=self.file, id_column="node_id", said=crs, fields=("x", "y")
            )
            links = links.with_columns(self.shapes(links, shift, crs).alias("geometry"))
        else:
            nothing = pl.lit(None, pl.Float64)
            nodes = nodes.with_columns(lon=nothing, lat=nothing)
            links = links.with_columns(geometry=pl.lit(None, pl.List(pl.Float64)))
        nodes, links, _ = roads(nodes, links, self.problems, files=(self.file, self.file), fields=("from", "to"))
        control = nodes["type"].replace_strict(CONTROLS, default="none", return_dtype=pl.String)
        keep = (
            "link_id",
            "from_node",
            "to_node",
            "kind",
            "name",
            "length_m",
            "lanes",
            *CLASSES,
            "bus_lane",
            "geometry",
        )
        links = links.with_columns(pl.col("bus") | pl.col("drive"))
        notes = ["Turns without a connection in the file are banned; U-turns too.", "Lanes are those open to cars."]
        return Layers(
            nodes=nodes.select("node_id", "lon", "lat", "name", control=control),
            links=links.select(*keep, free_kmh=pl.col("speed") * 3.6),
            turns=self.turns(links),
            notes=Notes(
                format="sumo",
                files=(self.file,),
                crs=self.options.crs or crs or "none",
                counts={"junction": len(nodes), "edge": len(links), "edges for others, left out": self.left_out},
                assumptions=tuple(notes),
            ),
        )

    def projection(self) -> tuple[tuple[float, float], str]:
        """Return the shift that was added to coordinates and their system ("" if the file knows none)."""
        parameter = self.location.get("projParameter", "!").strip()
        shift = _points(self.location.get("netOffset", "0,0"))
        if shift is None or shift.shape != (1, 2):
            self.problems.error(
                "bad-offset", "netOffset as x,y", file=self.file, field="netOffset", saw=self.location["netOffset"]
            )
            shift = np.zeros((1, 2))
        crs = "" if parameter in ("!", "-", "") else parameter
        crs = "EPSG:4326" if crs == "." else crs
        if not crs and not self.options.crs:
            self.problems.warn(
                "no-projection",
                "a projection in <location projParameter>",
                file=self.file,
                field="projParameter",
                saw=parameter,
                remedy="name it with --crs; until then the network has lengths but no places",
            )
        return (float(shift[0, 0]), float(shift[0, 1])), self.options.crs or crs

    def shapes(self, links: pl.DataFrame, shift: tuple[float, float], crs: str) -> pl.Series:
        """Return the flat geometry of edges that bend."""
        parts: list[Any] = []
        count: list[int] = []
        for text, line in zip(links["shape"].to_list(), links[LINE].to_list(), strict=True):
            points = _points(text) if text else None
            if text and points is None:
                self.problems.warn(
                    "bad-geometry",
                    "shape as x,y x,y",
                    file=self.file,
                    line=line,
                    field="shape",
                    saw=text,
                    remedy="taken as straight",
                )
            bent = points is not None and len(points) > 2
            count.append(len(points) if bent and points is not None else 0)
            if bent and points is not None:
                parts.append(points)
        all_points = np.concatenate(parts) if parts else np.empty((0, 2))
        lon, lat = degrees(
            all_points[:, 0] - shift[0], all_points[:, 1] - shift[1], self.options, crs, self.problems, self.file
        )
        return make_flat(lon, lat, np.concatenate([[0], np.cumsum(count)]).astype(np.int64))

    def turns(self, links: pl.DataFrame) -> pl.DataFrame:
        """Return the pairs of links for cars that no connection joins."""
        cars = links.filter("drive")
        into = cars.select(from_link="link_id", node="to_node")
        out = cars.select(to_link="link_id", node="from_node")
        joined = list(self.connections)
        some = pl.DataFrame(
            {"from_link": [a for a, _ in joined], "to_link": [b for _, b in joined]},
            schema={"from_link": pl.String, "to_link": pl.String},
        )
        if not len(some):
            return pl.DataFrame()
        moves = into.join(out, on="node", maintain_order="left_right")
        banned = moves.join(some, on=["from_link", "to_link"], how="anti", maintain_order="left")
        return banned.select("from_link", "to_link", kind=pl.lit("banned"))


def _allows(lane: dict[str, str], name: str) -> bool:
    """Return whether a class of vehicles may use a lane."""
    allow, disallow = lane.get("allow"), lane.get("disallow")
    if allow is not None:
        words = allow.split()
        return name in words or "all" in words
    words = (disallow or "").split()
    return name not in words and "all" not in words


def _number(text: str) -> float:
    """Return a number, or less than any speed for a text that is none (it is reported when it is typed)."""
    try:
        return float(text)
    except ValueError:
        return -1.0


def _points(text: str) -> Any:
    """Return the x, y of "x,y x,y" (heights left out) as rows, None if they are not finite numbers."""
    rows = [p.split(",") for p in text.split()]
    try:
        points = np.array([[float(p[0]), float(p[1])] for p in rows], np.float64).reshape(-1, 2)
    except (ValueError, IndexError):
        return None
    return points if np.isfinite(points).all() else None


FORMAT = Format(name="sumo", title="SUMO network (.net.xml)", detect=is_sumo, read=mending(read))
