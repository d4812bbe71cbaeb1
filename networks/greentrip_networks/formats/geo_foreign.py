"""Layers that other tools made: lines become streets, polygons zones, points stops or squares where people live."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from greentrip_networks.formats import ReadOptions
from greentrip_networks.formats.flat import make_flat
from greentrip_networks.formats.polygons import MULTIPOLYGON, POLYGON, checked
from greentrip_networks.layers import opposite
from greentrip_networks.problems import Problems

POINT, LINE, MULTILINE = 0, 1, 5
USUAL = {  # what columns are often called; the first that is there is taken
    name: tuple(words.split())
    for name, words in {
        "id": "link_id zone_id stop_id node_id id osm_id edge_id code adcode objectid gid fid",
        "from_node": "from_node from_node_id fromnode from a a_node anode u source f_node node_a",
        "to_node": "to_node to_node_id tonode to b b_node bnode v target t_node node_b",
        "name": "name zone_name stop_name label 名称",
        "name_en": "name_en name:en english",
        "kind": "kind highway fclass class road_class facility_type roadtype type",
        "lanes": "lanes num_lanes numlanes lane",
        "free_kmh": "free_kmh free_speed freespeed speed_kmh maxspeed speed ffs",
        "capacity_vph": "capacity_vph capacity cap",
        "oneway": "oneway one_way dir direction",
        "residents": "residents residents_total population pop persons 人口",
        "jobs": "jobs employment emp workplaces",
        "school_places": "school_places schoolplaces enrolment enrollment",
        "district": "district county 区县",
    }.items()
}
FORWARD, BACKWARD = frozenset({"yes", "true", "1", "f", "ft", "y", "t"}), frozenset({"-1", "reverse", "tf", "b-"})
NUMBERS = ("lanes", "free_kmh", "capacity_vph", "residents", "jobs", "school_places")


def foreign_layer(
    name: str,
    columns: pl.DataFrame,
    wkb: NDArray[Any] | None,
    crs: str,
    options: ReadOptions,
    problems: Problems,
    file: str,
    assumed: list[str],
) -> dict[str, pl.DataFrame]:
    """Return the frames that a layer of somebody's own gives; what was taken for what is added to `assumed`."""
    from greentrip_networks.formats.geo_frames import shapes_of

    place = f"{file}/{name}" if name not in file else file
    if wkb is None or not len(columns):
        problems.warn("not-read", "a layer with geometries, or one of the neutral form", file=place, remedy="left out")
        return {}
    shapes = shapes_of(wkb, problems, place)
    found = _known(columns, problems, place)
    import shapely

    kinds = set(shapely.get_type_id(shapes).tolist()) - {-1}
    told = ", ".join(f"{k} from {v.name}" for k, v in found.items())
    if kinds and kinds <= {LINE, MULTILINE}:
        assumed.append(f"Layer {name}: lines are streets for cars, bicycles and feet; {told or 'no column was known'}.")
        return _streets(shapes, found, crs, options, problems, place)
    if kinds and kinds <= {POLYGON, MULTIPOLYGON}:
        assumed.append(f"Layer {name}: polygons are zones; {told or 'no column was known'}.")
        return _zones(shapes, found, crs, options, problems, place)
    if kinds == {POINT}:
        people = "residents" in found or "jobs" in found
        assumed.append(f"Layer {name}: points are {'places where people live' if people else 'stops'}; {told}.")
        return _points(shapes, found, crs, options, problems, place, people=people)
    problems.error(
        "mixed-geometries",
        "a layer of lines, of polygons or of points",
        file=place,
        saw=", ".join(sorted({s.geom_type for s in shapes if s is not None})) or "no geometries",
    )
    return {}


def _known(columns: pl.DataFrame, problems: Problems, file: str) -> dict[str, pl.Series]:
    """Return the columns whose usual names are known; numbers as numbers."""
    low = {c.casefold(): c for c in reversed(columns.columns)}
    found = {}
    for name, usual in USUAL.items():
        column = next((low[u] for u in usual if u in low), None)
        if column is None:
            continue
        values = columns[column]
        if name in NUMBERS:
            number = values.cast(pl.Float64, strict=False)
            number = number.set(~(number.is_finite() & (number >= 0)).fill_null(value=True), None)
            lost = number.is_null() & values.is_not_null() & (values.cast(pl.String, strict=False) != "")
            if lost.any():
                rows = lost.arg_true().head(20).to_list()
                problems.many(
                    "warning",
                    "bad-number",
                    "a finite number of at least 0",
                    count=int(lost.sum()),
                    lines=[i + 1 for i in rows],
                    saw=[values[i] for i in rows],
                    file=file,
                    field=column,
                    remedy="taken as empty",
                )
            found[name] = number.alias(column)
        else:
            found[name] = values.cast(pl.String, strict=False).fill_null("").alias(column)
    return found


def _ids(found: dict[str, pl.Series], count: int) -> pl.Series:
    """Return ids: those of a known column where they are unique and there, else the rows' numbers from 1."""
    given = found.get("id")
    numbers = pl.Series([str(i + 1) for i in range(count)])
    if given is None or given.is_duplicated().any() or (given == "").any():
        return numbers
    return given


def _zones(
    shapes: NDArray[Any], found: dict[str, pl.Series], crs: str, options: ReadOptions, problems: Problems, file: str
) -> dict[str, pl.DataFrame]:
    import shapely

    named = pl.Series(["" if s is None else "shape" for s in shapes])
    lines = list(range(1, len(shapes) + 1))
    wkb = checked(shapes, named, lines, options, crs, problems, file=file, field="geometry")
    centres = shapely.get_coordinates(shapely.centroid(shapely.from_wkb(np.array(wkb.to_list(), object))))
    at = np.flatnonzero([w is not None for w in wkb])
    lon, lat = np.full(len(shapes), np.nan), np.full(len(shapes), np.nan)
    if len(centres) == len(at):
        lon[at], lat[at] = centres[:, 0], centres[:, 1]
    own: dict[str, pl.Series] = {
        k: found[k] for k in ("name", "name_en", "district", "residents", "jobs", "school_places") if k in found
    }
    frame: dict[str, pl.Series] = {
        "zone_id": _ids(found, len(shapes)),
        **own,
        "lon": pl.Series(lon),
        "lat": pl.Series(lat),
        "geometry": wkb,
    }
    return {"zones": pl.DataFrame({k: v.alias(k) for k, v in frame.items()})}


def _points(
    shapes: NDArray[Any],
    found: dict[str, pl.Series],
    crs: str,
    options: ReadOptions,
    problems: Problems,
    file: str,
    *,
    people: bool,
) -> dict[str, pl.DataFrame]:
    from greentrip_networks.formats.geo_frames import coordinates

    some = np.array([s is not None and not s.is_empty for s in shapes], bool)
    lon, lat, _ = coordinates(shapes[some], POINT, options, crs, problems, file)
    x, y = np.full(len(shapes), np.nan), np.full(len(shapes), np.nan)
    if len(lon) == int(some.sum()):
        x[some], y[some] = lon, lat
    key, names = (
        ("zone_id", ("name", "residents", "jobs", "school_places")) if people else ("stop_id", ("name", "name_en"))
    )
    frame: dict[str, pl.Series] = {
        key: _ids(found, len(shapes)),
        "lon": pl.Series(x),
        "lat": pl.Series(y),
        **{k: found[k] for k in names if k in found},
    }
    return {"zones" if people else "stops": pl.DataFrame({k: v.alias(k) for k, v in frame.items()})}


def _streets(
    shapes: NDArray[Any], found: dict[str, pl.Series], crs: str, options: ReadOptions, problems: Problems, file: str
) -> dict[str, pl.DataFrame]:
    """Return nodes and links: nodes are the ends of lines, to a hundredth of a metre, unless columns name them."""
    import shapely

    from greentrip_networks.formats.geo_frames import coordinates

    parts, row = shapely.get_parts(shapes, return_index=True)
    some = shapely.get_num_coordinates(parts) > 1
    parts, row = parts[some], row[some]
    lon, lat, first = coordinates(parts, LINE, options, crs, problems, file)
    if problems.errors or not len(parts):
        return {}
    ids = _ids(found, len(shapes)).gather(row)
    if len(parts) > len(shapes) or ids.is_duplicated().any():
        again = pl.Series(row).to_frame("row").select(pl.int_range(pl.len()).over("row")).to_series()
        ids = pl.Series([i if not k else f"{i}.{k}" for i, k in zip(ids, again, strict=True)])
    start, end = first[:-1], first[1:] - 1
    if "from_node" in found and "to_node" in found and len(parts) == len(shapes):
        tail, head = found["from_node"].gather(row), found["to_node"].gather(row)
    else:
        keys = np.concatenate([np.column_stack([lon[k], lat[k]]) for k in (start, end)])
        rounded = np.round(keys * 1e7).astype(np.int64)
        _, index, inverse = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
        rank = np.empty(len(index), np.int64)
        rank[np.argsort(index)] = np.arange(1, len(index) + 1)
        names = pl.Series(rank[inverse.ravel()]).cast(pl.String)
        tail, head = names.head(len(parts)), names.tail(len(parts))
    place = {"lon": np.concatenate([lon[start], lon[end]]), "lat": np.concatenate([lat[start], lat[end]])}
    nodes = pl.DataFrame({"node_id": pl.concat([tail.alias("n"), head.alias("n")]), **place})
    nodes = nodes.unique("node_id", keep="first", maintain_order=True)
    own: dict[str, pl.Series] = {
        k: found[k].gather(row).alias(k)
        for k in ("name", "name_en", "kind", "lanes", "free_kmh", "capacity_vph")
        if k in found
    }
    links = pl.DataFrame(
        {"link_id": ids, "from_node": tail, "to_node": head, **own, "geometry": make_flat(lon, lat, first)}
    )
    links = links.with_columns(pl.lit(value=True).alias(c) for c in ("drive", "cycle", "walk", "bus"))
    word = found["oneway"].gather(row).str.to_lowercase() if "oneway" in found else pl.Series([""] * len(links))
    ahead, back = word.is_in(sorted(FORWARD)), word.is_in(sorted(BACKWARD))
    reversed_lists = [
        [v for x, y in zip(f[-2::-2], f[::-2], strict=True) for v in (x, y)] for f in links["geometry"].to_list()
    ]
    turned = links.with_columns(
        pl.Series("link_id", [opposite(i) for i in links["link_id"]], pl.String),
        pl.col("to_node").alias("from_node"),
        pl.col("from_node").alias("to_node"),
        pl.Series("geometry", reversed_lists, pl.List(pl.Float64)),
    )
    return {"nodes": nodes, "links": pl.concat([links.filter(~back), turned.filter(~ahead)])}
