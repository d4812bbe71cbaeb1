"""Node-link JSON of the NetworkX graphs: streets and transit as `networkx.node_link_graph` reads them, and tables."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from greentrip_networks.formats import Format, ReadOptions
from greentrip_networks.formats.sources import Source
from greentrip_networks.layers import SCHEMAS, Layers, LayersError, Matrix, Notes
from greentrip_networks.problems import Problems, bad_input

MARK = '"greentrip-node-link"'
VERSION = 1
_GRAPHS = ("nodes", "links")


def is_node_link(source: Source) -> bool:
    """Return whether a file begins as this format does."""
    return len(source.files) == 1 and MARK.encode() in source.head(next(iter(source.files)), 200)


def write_node_link(layers: Layers, path: Path, problems: Problems) -> None:
    """Write streets and transit as graphs, the other layers as rows.

    `streets` has a node for each street node and an edge for each link, `transit` a node for each stop and an edge for
    each ride of a pattern from one stop to the next; `networkx.node_link_graph(data, edges="edges")` reads each.
    """
    unheld = [z for z in layers.zones["geometry"] if z is not None]
    if unheld:
        problems.warn("not-held", "plain values", saw=f"{len(unheld):,} polygons", remedy="written as hexadecimal WKB")
    streets = {
        "directed": True,
        "multigraph": True,
        "graph": {},
        "nodes": [{"id": n.pop("node_id"), **n} for n in layers.nodes.to_dicts()],
        "edges": [
            {"source": e.pop("from_node"), "target": e.pop("to_node"), "key": e.pop("link_id"), **e}
            for e in layers.links.to_dicts()
        ],
    }
    data = {
        "format": MARK.strip('"'),
        "version": VERSION,
        "notes": {"name": layers.notes.name, "assumptions": layers.notes.assumptions, "sources": layers.notes.sources},
        "streets": streets,
        "transit": _transit(layers),
        "tables": {n: _rows(f) for n, f in layers.frames() if n not in _GRAPHS and len(f)},
        "matrices": [
            {
                "name": n,
                "unit": m.unit,
                "zones": m.zones,
                "values": [[None if np.isnan(v) else v for v in row] for row in m.values.tolist()],
            }
            for n, m in layers.matrices.items()
        ],
    }
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as out:
        json.dump(data, out, ensure_ascii=False, default=_plain)
    part.replace(path)


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dicts()


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value).__name__)


def _transit(layers: Layers) -> dict[str, Any]:
    legs = (
        layers.pattern_stops.sort("pattern_id", "order")
        .with_columns(
            target=pl.col("stop_id").shift(-1).over("pattern_id"),
            time_s=pl.col("arrive_s").shift(-1).over("pattern_id") - pl.col("depart_s"),
            length_m=pl.col("distance_m").shift(-1).over("pattern_id") - pl.col("distance_m"),
        )
        .filter(pl.col("target").is_not_null())
        .join(layers.patterns.select("pattern_id", "line_id", "direction"), on="pattern_id", maintain_order="left")
    )
    edges = legs.select(
        "target",
        "line_id",
        "direction",
        "time_s",
        "length_m",
        source="stop_id",
        key=pl.format("{}/{}", "pattern_id", "order"),
    )
    nodes = layers.stops.select("name", "name_en", "lon", "lat", "kind", "parent", id="stop_id")
    return {"directed": True, "multigraph": True, "graph": {}, "nodes": nodes.to_dicts(), "edges": edges.to_dicts()}


def read_node_link(sources: Sequence[Source], options: ReadOptions, _problems: Problems) -> Layers:
    """Read a file that `write_node_link` wrote; only one at a time."""
    source = sources[0]
    file = next(iter(source.files))
    if len(sources) > 1:
        raise bad_input("node-link", source.name, "too-many-files", "one file at a time", saw=len(sources))
    try:
        data = json.loads(source.read(file))
    except (ValueError, RecursionError) as error:
        raise bad_input("node-link", source.name, "bad-json", "JSON", saw=error, file=file) from None
    try:
        if data["format"] != MARK.strip('"') or data["version"] != VERSION:
            raise bad_input(
                "node-link",
                source.name,
                "version",
                f"version {VERSION}",
                saw=data["version"],
                file=file,
                field="version",
            )
        frames = {n: _frame(n, rows) for n, rows in data["tables"].items() if n in SCHEMAS}
        streets = data["streets"]
        nodes = [{"node_id": n.pop("id"), **n} for n in streets["nodes"]]
        edges = [
            {"from_node": e.pop("source"), "to_node": e.pop("target"), "link_id": e.pop("key"), **e}
            for e in streets["edges"]
        ]
        frames |= {"nodes": _frame("nodes", nodes), "links": _frame("links", edges)}
        matrices = {
            m["name"]: Matrix(
                tuple(m["zones"]),
                np.array([[np.nan if v is None else v for v in row] for row in m["values"]], np.float64).reshape(
                    len(m["zones"]), -1
                ),
                m["unit"],
            )
            for m in data["matrices"]
        }
        notes = Notes(
            name=options.name or str(data["notes"]["name"]),
            format="node-link",
            files=(source.name,),
            counts={n: len(f) for n, f in frames.items()},
            assumptions=tuple(str(a) for a in data["notes"]["assumptions"]),
            sources=tuple(str(a) for a in data["notes"]["sources"]),
        )
        return Layers(**frames, matrices=matrices, notes=notes)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        LayersError,
        pl.exceptions.PolarsError,
    ) as error:
        raise bad_input(
            "node-link",
            source.name,
            "bad-value",
            "the keys and values that export writes",
            saw=f"{type(error).__name__}: {error}",
            file=file,
        ) from None


def _frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = SCHEMAS[name]
    for row in rows:
        for column, value in row.items():
            if value is not None and schema.get(column) == pl.Date:
                row[column] = date.fromisoformat(value)
            elif value is not None and schema.get(column) == pl.Binary:
                row[column] = _geometry(value)
    return pl.DataFrame(rows, schema=dict(schema), strict=True) if rows else pl.DataFrame()


def _geometry(text: str) -> bytes:
    """Return the WKB that hexadecimal digits stand for; raise ValueError if it is none."""
    import shapely

    content = bytes.fromhex(text)
    try:
        shapely.from_wkb(content)
    except shapely.errors.ShapelyError as error:
        raise ValueError(str(error)) from error
    return content


FORMAT = Format(
    name="node-link",
    title="Node-link JSON of the NetworkX graphs",
    detect=is_node_link,
    read=read_node_link,
    write=write_node_link,
    suffix=".json",
)
