"""EMME text networks (batchin / batchout form): `t modes`, `t nodes`, `t links`, `t turns`, each init.

A node line is `a NODE X Y ...` (`a*` marks a centroid), a link line `a I J LENGTH MODES TYPE LANES VDF ...`, a turn
line `a AT FROM TO TPF ...`. Lengths are in the unit of the option `length` (km, mi, m, ft), or that found by comparing
them with coordinates.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.csv_tables import Field, tell, typed_frame
from greentrip_networks.formats.frames import measured_m, mending, merged, placed, roads, text_frame
from greentrip_networks.formats.sources import Source
from greentrip_networks.formats.text import read_lines
from greentrip_networks.layers import Layers, Notes
from greentrip_networks.problems import Problems

METRES = {"km": 1000.0, "mi": 1609.344, "m": 1.0, "ft": 0.3048}
KINDS = {"1": "car", "2": "transit", "3": "auxiliary", "4": "other"}  # mode types of `t modes`
TABLES = ("modes", "vehicles", "nodes", "links", "turns", "lines")
_NODES = (
    Field("id", to="node_id", needed=True),
    Field("x", "number", to="lon", needed=True),
    Field("y", "number", to="lat", needed=True),
    Field("name", default=""),
    Field("centroid", default=""),
)
_LINKS = (
    Field("i", to="from_node", needed=True),
    Field("j", to="to_node", needed=True),
    Field("length", "number", to="length_m", needed=True, low=0),
    Field("modes", needed=True),
    Field("type", to="kind", default=""),
    Field("lanes", "number", low=0, high=99),
    Field("vdf", default=""),
)
_TURNS = (
    Field("at", needed=True),
    Field("from", to="from_node", needed=True),
    Field("to", to="to_node", needed=True),
    Field("tpf", "number", needed=True),
)


def is_emme(source: Source) -> bool:
    """Say whether a file, or one of a folder, has EMME's table lines."""
    return any(_is_one(source, name) for name in list(source.files)[:50])


def _is_one(source: Source, name: str) -> bool:
    words = [line.split() for line in source.head(name, 65536).lower().splitlines()]
    starts = [w for w in words if w[:1] == [b"t"]]
    return any(len(w) > 1 and w[1].decode("ascii", "replace") in TABLES for w in starts) and not any(
        b"\0" in b"".join(w) for w in words[:50]
    )


def read(sources: Sequence[Source], options: ReadOptions, problems: Problems) -> Layers:
    """Read files; the tables of one path may be spread over its files."""
    return merged([_Reader(source, options, problems).layers() for source in sources])


class _Reader:
    """One network while it is read."""

    def __init__(self, source: Source, options: ReadOptions, problems: Problems) -> None:
        self.options, self.problems, self.source = options, problems, source
        self.rows: dict[str, list[list[str]]] = {t: [] for t in ("nodes", "links", "turns")}
        self.lines: dict[str, list[int]] = {t: [] for t in self.rows}
        self.file: dict[str, str] = {}
        self.modes: dict[str, tuple[str, str]] = {}
        self.skipped: dict[str, int] = {}
        names = [n for n in source.files if _is_one(source, n)] or list(source.files)[:1]
        for name in names:
            self.take(name)

    def take(self, name: str) -> None:
        """Take the rows of a file in."""
        table = ""
        for number, text in read_lines(self.source, name, self.problems, self.options.encoding):
            words = text.split()
            if not words or words[0].casefold() in ("c", "cc"):
                continue
            if words[0].casefold() == "t":
                table = words[1].casefold() if len(words) > 1 else ""
                if table not in TABLES:
                    self.problems.error(
                        "unknown-table", f"one of {', '.join(TABLES)}", file=name, line=number, saw=text
                    )
                self.file[table] = name
            elif not table:
                self.problems.error("no-table", "a line such as t nodes init", file=name, line=number, saw=text)
                break
            else:
                self.row(table, words, name, number, text)

    def row(self, table: str, words: list[str], name: str, number: int, text: str) -> None:
        """Take one row in."""
        if table in ("vehicles", "lines") or table not in TABLES:
            self.skipped[table] = self.skipped.get(table, 0) + 1
            return
        update = words[0].casefold().rstrip("*")
        if update not in ("a", "a=", "m", "d"):
            self.problems.error("bad-update", "a row that starts with a", file=name, line=number, saw=text)
        elif update in ("m", "d"):
            self.problems.warn("not-read", "rows that add (a)", file=name, line=number, saw=text, remedy="left out")
        elif table == "modes":
            if len(words) >= 4:
                self.modes[words[1]] = (words[2].strip("'").casefold(), words[3])
        elif table == "nodes":
            label = words[7].strip("'") if len(words) > 7 else ""
            self.add(table, [*(words[1:4] + [""] * 3)[:3], label, "1" if words[0].endswith("*") else ""], number)
        elif table == "links":
            self.add(table, (words[1:8] + [""] * 7)[:7], number)
        else:
            self.add(table, (words[1:5] + [""] * 4)[:4], number)

    def add(self, table: str, row: list[str], number: int) -> None:
        """Keep a row with its line."""
        self.rows[table].append(row)
        self.lines[table].append(number)

    def frame(self, table: str, fields: tuple[Field, ...]) -> pl.DataFrame:
        """Return the typed rows of a table."""
        raw = text_frame([f.name for f in fields], self.rows[table], self.lines[table])
        return typed_frame(raw, fields, self.problems, file=self.file.get(table, self.source.name))

    def layers(self) -> Layers:
        """Return the network."""
        files = (self.file.get("nodes", self.source.name), self.file.get("links", self.source.name))
        for table in ("nodes", "links"):
            if table not in self.file:
                self.problems.error("no-table", f"a table t {table} init", file=self.source.name)
        nodes = self.frame("nodes", _NODES)
        plane = bool(((nodes["lon"].abs() > 180) | (nodes["lat"].abs() > 90)).any()) if len(nodes) else False
        flat = nodes
        if plane and not self.options.crs:
            self.problems.warn(
                "no-projection", "the coordinate system, with --crs", file=files[0], remedy="the network has no places"
            )
            nodes = nodes.with_columns(lon=pl.lit(None, pl.Float64), lat=pl.lit(None, pl.Float64))
        else:
            nodes = placed(nodes, self.options, self.problems, file=files[0], id_column="node_id", fields=("X", "Y"))
        links = self.frame("links", _LINKS).with_columns(link_id=pl.col("from_node") + "-" + pl.col("to_node"))
        unit, notes = self.unit(nodes, flat, links)
        links = links.with_columns(pl.col("length_m") * METRES.get(unit, 1000.0), *self.uses(links))
        nodes, links, _ = roads(nodes, links, self.problems, files=files, fields=("i", "j"))
        zone = pl.when(pl.col("centroid") == "1").then("node_id").otherwise(pl.lit(""))
        nodes = nodes.with_columns(zone_id=zone)
        for table, count in self.skipped.items():
            notes.append(f"Table {table}: {count} rows are not read.")
        notes.append("Modes are told apart by their type and name in t modes; without it c is car, b bus, w or p walk.")
        notes.append("Speeds and capacities are in functions (vdf) that the network does not hold; they stay unknown.")
        keep = ("link_id", "from_node", "to_node", "kind", "length_m", "lanes", "drive", "cycle", "walk", "bus")
        centroids = nodes.filter(pl.col("zone_id") != "")
        return Layers(
            nodes=nodes.select("node_id", "lon", "lat", "name", "zone_id"),
            links=links.select(keep),
            zones=centroids.select("zone_id", "lon", "lat", "name"),
            turns=self.turns(links),
            notes=Notes(
                format="emme",
                files=tuple(dict.fromkeys(self.file.values())),
                crs=self.options.crs or ("none" if plane else "EPSG:4326"),
                counts={t: len(r) for t, r in self.rows.items()},
                assumptions=tuple(notes),
            ),
        )

    def unit(self, nodes: pl.DataFrame, flat: pl.DataFrame, links: pl.DataFrame) -> tuple[str, list[str]]:
        """Return the unit of lengths: as told, else that whose lengths are nearest to those of the coordinates."""
        told = self.options.more.get("length", "")
        if told:
            if told not in METRES:
                self.problems.error("unknown-unit", f"one of {', '.join(METRES)}", field="length", saw=told)
            return told, []
        if nodes["lon"].null_count() == 0 and len(nodes):
            metres = measured_m(nodes, links)
        else:  # a plane without a name: its unit is taken as the metre
            place = flat.select("node_id", "lon", "lat").unique("node_id", keep="first")
            ends = [
                links.select(node_id=c).join(place, on="node_id", how="left", maintain_order="left")
                for c in ("from_node", "to_node")
            ]
            metres = np.hypot(
                *((ends[0][c] - ends[1][c]).cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("lon", "lat"))
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = metres / links["length_m"].to_numpy()
        fine = np.isfinite(ratio) & (ratio > 0)
        if not fine.any():
            return "km", ["Lengths are taken as km."]
        middle = float(np.median(ratio[fine]))
        unit = min(METRES, key=lambda u: abs(np.log(middle / METRES[u])))
        return unit, [f"Lengths are taken as {unit}, since coordinates give {middle:.4g} m a unit."]

    def uses(self, links: pl.DataFrame) -> list[pl.Series]:
        """Return who may pass, from each link's mode letters."""
        meant: dict[str, set[str]] = {}
        for letters in links["modes"].unique():
            meant[letters] = set().union(*(self.use(letter) for letter in letters)) if letters else set()
        flags = {}
        for use in ("drive", "cycle", "walk", "bus"):
            values = [use in meant[m] for m in links["modes"].to_list()]
            flags[use] = pl.Series(use, values, pl.Boolean)
        return list(flags.values())

    def use(self, letter: str) -> set[str]:
        """Return what a mode letter stands for."""
        if letter not in self.modes:
            return {"c": {"drive", "bus"}, "b": {"bus"}, "w": {"walk"}, "p": {"walk"}, "k": {"cycle"}}.get(
                letter, set()
            )
        name, kind = self.modes[letter]
        if KINDS.get(kind) == "car":
            return {"drive", "bus"}
        if KINDS.get(kind) == "transit":
            return {"bus"} if "bus" in name else set()
        if KINDS.get(kind) == "auxiliary":
            return {"cycle"} if any(w in name for w in ("bike", "bicy", "cycl")) else {"walk"}
        return set()

    def turns(self, links: pl.DataFrame) -> pl.DataFrame:
        """Return the turns whose function is 0: those are banned; others cost what a function says and are left out."""
        turns = self.frame("turns", _TURNS).filter(pl.col("tpf") == 0)
        ids = links.select("from_node", "to_node", "link_id")
        both = turns
        for name, ends in (("from_link", ["from_node", "at"]), ("to_link", ["at", "to_node"])):
            named = ids.rename({"link_id": name})
            pair = ["from_node", "to_node"]
            both = both.join(named, left_on=ends, right_on=pair, how="left", maintain_order="left")
        lost = both.filter(pl.col("from_link").is_null() | pl.col("to_link").is_null())
        lost = lost.with_columns(turn=pl.concat_str("from_node", "at", "to_node", separator=" "))
        tell(
            self.problems,
            "error",
            "unknown-link",
            "turns between links",
            lost,
            file=self.file.get("turns", ""),
            saw="turn",
        )
        return (
            both.drop_nulls(["from_link", "to_link"])
            .select("from_link", "to_link", kind=pl.lit("banned"))
            .unique(maintain_order=True)
        )


FORMAT = Format(name="emme", title="EMME text network (batchin tables)", detect=is_emme, read=mending(read))
