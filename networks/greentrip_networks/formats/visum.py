"""PTV Visum text networks (.net): blocks of `$TABLE:COLUMN;COLUMN` and rows between semicolons, in English or German.

Read are nodes, links with their types and shapes, turns, zones, connectors, stops, lines with their routes, time
profiles and vehicle journeys. Numbers may carry their unit ("0.500km", "50km/h", "2min"). A link of Visum without
transport systems is closed and left out.
"""

import re
from collections.abc import Sequence

import polars as pl

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.checks import check_unique
from greentrip_networks.formats.csv_tables import LINE, Field, typed_frame
from greentrip_networks.formats.frames import mending, merged, placed, roads, text_frame, with_lengths
from greentrip_networks.formats.sources import Source
from greentrip_networks.formats.text import read_lines
from greentrip_networks.formats.visum_fields import (
    CONNECTORS,
    CONTROLS,
    GERMAN,
    LINKS,
    NETWORK,
    NODES,
    POLY,
    READ,
    TSYS,
    TURNS,
    TYPES,
    UNITS,
    ZONES,
)
from greentrip_networks.formats.visum_lines import transit
from greentrip_networks.layers import Layers, Notes
from greentrip_networks.problems import Problems

_UNIT = re.compile(r"^(-?[0-9.]+(?:[eE][+-]?\d+)?)\s*(km/h|mi/h|kmh|mph|km|mi|ft|m|min|s|h)$")


def is_visum(source: Source) -> bool:
    """Say whether a file is a Visum network."""
    if len(source.files) != 1:
        return False
    head = source.head(next(iter(source.files)), 8192)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "replace").encode()
    upper = head.upper()
    return (
        b"$VISION" in upper
        or re.search(rb"^\$VERSION:.*FILETYPE", upper, re.MULTILINE) is not None
        or b"$NODE:NO;" in upper
    )


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read networks; several are joined."""
    return merged([_read_one(source, options, problems) for source in sources])


class Tables:
    """The blocks of a file as text, by their English names."""

    def __init__(self, source: Source, options: ReadOptions, problems: Problems) -> None:
        self.file, self.problems = next(iter(source.files)), problems
        self.rows: dict[str, list[list[str]]] = {}
        self.lines: dict[str, list[int]] = {}
        self.names: dict[str, list[str]] = {}
        self.skipped: dict[str, int] = {}
        self.unit = "KM"
        table, width = "", 0
        version: list[str] = []
        for number, text in read_lines(source, self.file, problems, options.encoding):
            if not text.strip() or text.startswith("*"):
                continue
            if text.startswith("$"):
                table, _, columns = text[1:].strip().partition(":")
                table = GERMAN.get(table.upper(), table.upper())
                names = (
                    [GERMAN.get(c.strip().upper(), c.strip().upper()) for c in columns.split(";")] if columns else []
                )
                width = len(names)
                if table == "VERSION":
                    version = names
                elif table in READ:
                    if table in self.names and self.names[table] != names:
                        problems.error("two-blocks", f"one block ${table}", file=self.file, line=number)
                        table = ""
                    else:
                        self.names[table] = names
                continue
            cells = text.split(";")
            if table == "VERSION":
                self.unit = dict(zip(version, cells, strict=False)).get("UNIT", "KM").strip().upper()
            elif table in READ:
                if len(cells) != width:
                    problems.error(
                        "bad-row",
                        f"{width} cells, as ${table} names",
                        file=self.file,
                        line=number,
                        saw=f"{len(cells)} cells",
                    )
                    continue
                self.rows.setdefault(table, []).append(cells)
                self.lines.setdefault(table, []).append(number)
            elif table:
                self.skipped[table] = self.skipped.get(table, 0) + 1
            else:
                problems.error(
                    "no-table", "a line such as $NODE:NO;XCOORD;YCOORD first", file=self.file, line=number, saw=text
                )
                break

    def frame(self, table: str, fields: Sequence[Field], needed: bool = False) -> pl.DataFrame:
        """Return the typed rows of a block, decimal commas and units brought to plain numbers."""
        if table not in self.names:
            if needed:
                self.problems.error("no-table", f"a block ${table}", file=self.file)
            self.names[table] = [f.name for f in fields]
        names = self.names[table]
        wanted = [f.name for f in fields if f.name in names]
        places = [names.index(n) for n in wanted]
        numeric = {f.name for f in fields if f.kind == "number"}
        rows = [
            [_plain(r[p]) if n in numeric else r[p] for p, n in zip(places, wanted, strict=True)]
            for r in self.rows.get(table, [])
        ]
        raw = text_frame(wanted, rows, self.lines.get(table, []))
        return typed_frame(raw, fields, self.problems, file=self.file)


def _plain(cell: str) -> str:
    """Return a number without its unit, in metres, km/h or seconds; a plain number stays as it is."""
    cell = cell.strip()
    if "," in cell and "." not in cell:
        cell = cell.replace(",", ".")
    if not cell or cell[-1].isdigit():
        return cell
    match = _UNIT.match(cell)
    if not match:
        return cell
    try:
        return repr(float(match[1]) * UNITS[match[2]])
    except ValueError:
        return cell


def _read_one(source: Source, options: ReadOptions, problems: Problems) -> Layers:
    tables = Tables(source, options, problems)
    file = tables.file
    network = tables.frame("NETWORK", NETWORK)
    said = network["crs"][0] if len(network) and network["crs"][0] else ""
    nodes = tables.frame("NODE", NODES, needed=True)
    if (
        not said
        and not options.crs
        and len(nodes)
        and bool(((nodes["lon"].abs() > 180) | (nodes["lat"].abs() > 90)).any())
    ):
        problems.error(
            "unknown-crs", "PROJECTIONDEFINITION in $NETWORK", file=file, remedy="name the coordinate system with --crs"
        )
        return Layers()
    nodes = placed(nodes, options, problems, file=file, id_column="node_id", said=said, fields=("XCOORD", "YCOORD"))
    links = _links(tables, nodes, options, said, problems)
    nodes, links, _ = roads(nodes, links, problems, files=(file, file), fields=("FROMNODENO", "TONODENO"))
    zones = check_unique(tables.frame("ZONE", ZONES), "zone_id", problems, file=file, line=LINE)
    nodes, zones, links = _connect(tables, nodes, zones, links, options, said, problems)
    turns = _turns(tables, links)
    frames = transit(tables, nodes, options, said, problems)
    notes = [f"Block ${t}: {n} rows are not read." for t, n in tables.skipped.items()]
    notes.append("Links without a transport system of cars, bicycles, people on foot or buses are left out.")
    counts = {t.lower(): len(r) for t, r in tables.rows.items()}
    control = nodes["type"].replace_strict(CONTROLS, default="none", return_dtype=pl.String)
    crs = options.crs or said or "EPSG:4326"
    return Layers(
        nodes=nodes.select("node_id", "lon", "lat", "name", "zone_id", control=control),
        links=links,
        zones=zones.drop(LINE),
        turns=turns,
        notes=Notes(format="visum", files=(file,), crs=crs, counts=counts, assumptions=tuple(notes)),
    ).with_(**frames)


def _links(tables: Tables, nodes: pl.DataFrame, options: ReadOptions, said: str, problems: Problems) -> pl.DataFrame:
    """Return open links: values of their type where they have none of their own, shapes from $LINKPOLY."""
    links = tables.frame("LINK", LINKS, needed=True)
    types = tables.frame("LINKTYPE", TYPES).unique("kind", keep="first")
    links = links.join(types.drop(LINE), on="kind", how="left", maintain_order="left").with_columns(
        lanes=pl.coalesce("lanes", "type_lanes"),
        capacity_vph=pl.coalesce("capacity_vph", "type_capacity"),
        free_kmh=pl.coalesce("free_kmh", "type_kmh"),
        tsys=pl.when(pl.col("tsys") == "")
        .then(pl.col("type_tsys").fill_null("") if "TSYSSET" not in tables.names["LINK"] else pl.lit(""))
        .otherwise("tsys"),
    )
    factor = 1609.344 if tables.unit.startswith("MI") else 1000.0
    own = (
        [r[tables.names["LINK"].index("LENGTH")] for r in tables.rows.get("LINK", [])]
        if "LENGTH" in tables.names["LINK"]
        else []
    )
    plain = dict(
        zip(tables.lines.get("LINK", []), (bool(c.strip()) and c.strip()[-1].isdigit() for c in own), strict=False)
    )
    scaled = [
        v if v is None or not plain.get(n, False) else v * factor for v, n in links.select("length_m", LINE).iter_rows()
    ]
    links = links.with_columns(pl.Series("length_m", scaled, pl.Float64))
    table = tables.frame("TSYS", TSYS)
    meant = {c: _meaning(c, n, t) for c, n, t in table.select("code", "name", "type").iter_rows()}
    uses = {
        s: set().union(*(meant.get(c.strip(), _meaning(c.strip(), "", "")) for c in s.split(",") if c.strip()))
        for s in links["tsys"].unique()
    }
    flags = [pl.Series(u, [u in uses[s] for s in links["tsys"]], pl.Boolean) for u in ("drive", "cycle", "walk", "bus")]
    links = links.with_columns(*flags).filter(pl.any_horizontal("drive", "cycle", "walk", "bus"))
    again = links["number"].is_duplicated()
    ids = [
        n if not a else f"{n}:{f}-{t}"
        for n, a, f, t in zip(links["number"], again, links["from_node"], links["to_node"], strict=True)
    ]
    poly = tables.frame("LINKPOLY", POLY)
    if len(poly):
        poly = placed(
            poly, options, problems, file=tables.file, id_column="from_node", said=said, fields=("XCOORD", "YCOORD")
        )
        points = poly.sort("from_node", "to_node", "index", maintain_order=True).with_columns(
            p=pl.concat_list("lon", "lat")
        )
        inner = points.group_by("from_node", "to_node", maintain_order=True).agg(pl.col("p").explode().alias("inner"))
        place = nodes.select("node_id", "lon", "lat").unique("node_id")
        links = links.join(inner, on=["from_node", "to_node"], how="left", maintain_order="left")
        for column, suffix in (("from_node", "_a"), ("to_node", "_b")):
            links = links.join(
                place.select(pl.col("node_id").alias(column), pl.concat_list("lon", "lat").alias(f"p{suffix}")),
                on=column,
                how="left",
                maintain_order="left",
            )
        bent = pl.concat_list("p_a", "inner", "p_b")
        links = links.with_columns(
            geometry=pl.when(
                pl.col("inner").is_not_null() & pl.col("p_a").is_not_null() & pl.col("p_b").is_not_null()
            ).then(bent)
        )
    links = links.with_columns(pl.Series("link_id", ids, pl.String))
    keep = [
        "link_id",
        "from_node",
        "to_node",
        "kind",
        "name",
        "length_m",
        "lanes",
        "free_kmh",
        "capacity_vph",
        "drive",
        "cycle",
        "walk",
        "bus",
        LINE,
    ]
    return links.select([*keep, *(["geometry"] if "geometry" in links.columns else [])])


def _meaning(code: str, name: str, kind: str) -> set[str]:
    """Return what a transport system stands for, from its type and name, else its usual code."""
    words = f"{code} {name}".casefold()
    kind = kind.upper()
    if any(w in words for w in ("bike", "bicyc", "fahrrad", "rad ")) or code.upper() in ("BIKE", "R", "RAD"):
        return {"cycle"}
    if (
        kind in ("PUTWALK", "OEVFUSS", "ÖVFUSS")
        or any(w in words for w in ("walk", "pedest", "foot", "fuss", "fuß"))
        or code.upper() in ("W", "F")
    ):
        return {"walk"}
    if kind in ("PUT", "OEV", "ÖV"):
        return {"bus"} if "bus" in words or code.upper() == "B" else set()
    if kind in ("PRT", "IV") or code.upper() in ("C", "CAR", "P", "PKW"):
        return {"drive", "bus"}
    return {"bus"} if code.upper() in ("B", "BUS") else set()


def _connect(
    tables: Tables,
    nodes: pl.DataFrame,
    zones: pl.DataFrame,
    links: pl.DataFrame,
    options: ReadOptions,
    said: str,
    problems: Problems,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Give zones their places, and each zone a node of its own that connectors join to the streets."""
    if not len(zones):
        return nodes.with_columns(zone_id=pl.lit("")), zones, links.drop(LINE)
    zones = placed(
        zones, options, problems, file=tables.file, id_column="zone_id", said=said, fields=("XCOORD", "YCOORD")
    )
    centres = zones.select(
        node_id="zone " + pl.col("zone_id"), lon="lon", lat="lat", name="name", type=pl.lit(""), zone_id="zone_id"
    )
    nodes = pl.concat([nodes.select("node_id", "lon", "lat", "name", "type", zone_id=pl.lit("")), centres])
    table = tables.frame("CONNECTOR", CONNECTORS)
    known = set(nodes["node_id"])
    rows = []
    for zone, node, way, line in table.select("zone", "node", "direction", LINE).iter_rows():
        if f"zone {zone}" not in known or node not in known:
            problems.error("unknown-node", "a known zone and node", file=tables.file, line=line, saw=f"{zone}, {node}")
            continue
        outward = way.upper() in ("O", "Q", "")
        ends = (f"zone {zone}", node) if outward else (node, f"zone {zone}")
        rows.append((f"connector {zone} {node} {way or 'O'}", *ends))
    made = pl.DataFrame(
        rows, schema={"link_id": pl.String, "from_node": pl.String, "to_node": pl.String}, orient="row"
    ).unique("link_id", keep="first", maintain_order=True)
    made = made.with_columns(
        pl.lit("connector").alias("kind"), *(pl.lit(value=True).alias(c) for c in ("drive", "walk", "cycle"))
    )
    made, _ = with_lengths(nodes, made)  # as the crow flies; a centre at its node is a metre from it
    made = made.with_columns(pl.col("length_m").clip(1.0))
    return nodes, zones, pl.concat([links.drop(LINE), made], how="diagonal")


def _turns(tables: Tables, links: pl.DataFrame) -> pl.DataFrame:
    """Return the turns without a transport system: nobody may make them."""
    turns = tables.frame("TURN", TURNS).filter(pl.col("tsys") == "")
    ends = links.select("from_node", "to_node", "link_id").filter(pl.col("from_node") != pl.col("to_node"))
    made = turns.join(
        ends.rename({"link_id": "from_link"}),
        left_on=["a", "via"],
        right_on=["from_node", "to_node"],
        maintain_order="left",
    )
    made = made.join(
        ends.rename({"link_id": "to_link"}),
        left_on=["via", "b"],
        right_on=["from_node", "to_node"],
        maintain_order="left",
    )
    return made.select("from_link", "to_link", kind=pl.lit("banned")).unique(maintain_order=True)


FORMAT = Format(name="visum", title="PTV Visum network (.net)", detect=is_visum, read=mending(read))
