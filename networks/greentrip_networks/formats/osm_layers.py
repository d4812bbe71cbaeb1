"""Turn chains of OpenStreetMap ways into links, one a direction, with turn bans and the notes of what was assumed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from greentrip_networks.crs import paths_m
from greentrip_networks.formats.osm_graph import Chains
from greentrip_networks.formats.osm_tags import DEFAULTS, Meaning
from greentrip_networks.kernels import njit
from greentrip_networks.layers import Layers, Notes

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]

CONTROL_NAMES = ("none", "signal", "stop", "give_way", "roundabout")
ATTRIBUTION = "© OpenStreetMap contributors, Open Database License 1.0"
Ban = tuple[int, int, int, int, bool]


@njit()
def _inner(first: Any, points: Any, chain: Any, reverse: Any, x: Any, y: Any, offsets: Any, flat: Any) -> Any:
    """Write lon, lat of every link that bends; a straight one gets none. Count only if `flat` is empty."""
    placed = 0
    for link in range(len(chain)):
        offsets[link] = placed
        a, b = first[chain[link]], first[chain[link] + 1]
        if b - a <= 2:
            continue
        if len(flat):
            for k in range(b - a):
                point = points[b - 1 - k] if reverse[link] else points[a + k]
                flat[placed + 2 * k] = x[point] / 1e7
                flat[placed + 2 * k + 1] = y[point] / 1e7
        placed += 2 * (b - a)
    offsets[len(chain)] = placed
    return placed


def flat_lists(flat: Floats, offsets: Int64s) -> pl.Series:
    """Return a column of lists from their values one after the other and where each starts, shape (rows + 1,)."""
    import pyarrow as pa

    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(flat))))


def layers_of(
    way_id: Int64s,
    meanings: Sequence[tuple[Meaning, str, str]],
    bans: Sequence[Ban],
    chains: Chains,
    ids: Int64s,
    x: Int32s,
    y: Int32s,
    control: NDArray[np.int8],
    blocked: Bools,
    counts: Counter[str],
) -> Layers:
    """Return nodes, links and turns of chains; see `osm.read`."""
    first, points = chains.first_point, chains.points
    length = paths_m(x[points] / 1e7, y[points] / 1e7, first)
    tail, head = points[first[:-1]], points[first[1:] - 1]
    table = _meanings(meanings)
    use = {way: table[f"used_{way}"].to_numpy()[chains.attributes] for way in ("f", "b")}
    forward, backward = np.flatnonzero(use["f"]), np.flatnonzero(use["b"])
    chain = np.concatenate([forward, backward])
    reverse = np.arange(len(chain)) >= len(forward)
    offsets = np.empty(len(chain) + 1, np.int64)
    flat = np.empty(_inner(first, points, chain, reverse, x, y, offsets, np.empty(0)), np.float64)
    _inner(first, points, chain, reverse, x, y, offsets, flat)
    start = np.where(reverse, head[chain], tail[chain])
    end = np.where(reverse, tail[chain], head[chain])
    columns: dict[str, Any] = {}
    for name in ("drive", "cycle", "bus", "bus_lane", "lanes", "free_kmh", "capacity_vph"):
        both = [
            table[f"{name}_{way}"].gather(chains.attributes[rows]) for way, rows in (("f", forward), ("b", backward))
        ]
        columns[name] = pl.concat(both).alias(name)
    rows = chains.attributes[chain]
    for name in ("kind", "name", "name_en", "walk"):
        columns[name] = table[name].gather(rows)
    way = way_id[chains.tail_way]
    ordinal = pl.DataFrame({"way": way}).select(pl.int_range(pl.len()).over("way")).to_series()
    base = pl.lit(
        pl.Series(way).cast(pl.String).str.replace("-", "n", literal=True)
    )  # editors give new ways ids below 0
    number = pl.select(pl.concat_str([base, pl.lit(ordinal)], separator=".")).to_series()
    signs = pl.Series(np.where(reverse, 1, 0)).replace_strict({0: "", 1: "-"}, return_dtype=pl.String)
    link_id = pl.select(pl.concat_str([pl.lit(signs), pl.lit(number.gather(chain))])).to_series()
    links = pl.DataFrame(
        {
            "link_id": link_id,
            "from_node": pl.Series(ids[start]).cast(pl.String),
            "to_node": pl.Series(ids[end]).cast(pl.String),
            "length_m": length[chain],
            **columns,
            "geometry": flat_lists(flat, offsets),
        }
    )
    used = np.unique(np.concatenate([tail, head]))
    nodes = pl.DataFrame(
        {
            "node_id": pl.Series(ids[used]).cast(pl.String),
            "lon": x[used] / 1e7,
            "lat": y[used] / 1e7,
            "control": pl.Series(CONTROL_NAMES).gather(control[used].astype(np.int64)),
        }
    )
    turning = np.isin(ids, np.array([ban[2] for ban in bans], np.int64)) | blocked
    near = np.flatnonzero((turning[start] | turning[end]) & links["drive"].to_numpy())  # few of many
    there, back = chain[near], reverse[near]
    ends = links.select("link_id", "from_node", "to_node")[near].with_columns(
        head_way=way_id[np.where(back, chains.tail_way[there], chains.head_way[there])],
        tail_way=way_id[np.where(back, chains.head_way[there], chains.tail_way[there])],
    )
    turns = _turns(ends, bans, ids[blocked], counts)
    return Layers(nodes=nodes, links=links, turns=turns)


def _meanings(meanings: Sequence[tuple[Meaning, str, str]]) -> pl.DataFrame:
    """Return the attribute rows as columns, with _f and _b for the two directions."""
    columns: dict[str, list[Any]] = {}
    for what, name, name_en in meanings:
        row: dict[str, Any] = {"kind": what.facility, "name": name, "name_en": name_en, "walk": what.walk}
        for i, way in enumerate("fb"):
            row[f"drive_{way}"], row[f"cycle_{way}"] = what.drive[i], what.cycle[i]
            row[f"bus_{way}"], row[f"bus_lane_{way}"] = what.bus[i], what.bus_lane[i]
            row[f"lanes_{way}"], row[f"free_kmh_{way}"] = what.lanes[i], what.kmh[i]
            row[f"capacity_vph_{way}"] = what.capacity_vph[i]
            row[f"used_{way}"] = what.drive[i] or what.cycle[i] or what.bus[i] or what.walk
        for key, value in row.items():
            columns.setdefault(key, []).append(value)
    numbers = dict.fromkeys((f"{n}_{w}" for n in ("lanes", "free_kmh", "capacity_vph") for w in "fb"), pl.Float64)
    return pl.DataFrame(columns, schema_overrides=numbers)


def _turns(ends: pl.DataFrame, bans: Sequence[Ban], blocked: Int64s, counts: Counter[str]) -> pl.DataFrame:
    """Return the banned pairs of links: restrictions over a node, and passing a barrier by car."""
    into = ends.select(pl.col("link_id").alias("from_link"), pl.col("to_node").alias("via"), "head_way")
    out = ends.select(pl.col("link_id").alias("to_link"), pl.col("from_node").alias("via"), "tail_way")
    table = pl.DataFrame(
        {name: [b[i] for b in bans] for i, name in enumerate(("relation", "head_way", "node", "tail_way", "only"))},
        schema={"relation": pl.Int64, "head_way": pl.Int64, "node": pl.Int64, "tail_way": pl.Int64, "only": pl.Boolean},
    ).with_columns(via=pl.col("node").cast(pl.String), around=pl.col("head_way") == pl.col("tail_way"))
    turned = opposite_of(pl.col("from_link")) == pl.col("to_link")
    named = table.join(into, on=["via", "head_way"]).join(out, on=["via", "tail_way"])
    named = named.filter(~pl.col("around") | turned)
    counts["turn restrictions in force"] = named["relation"].n_unique()
    pairs = [named.filter(~pl.col("only")).select("from_link", "to_link")]
    only = named.filter("only")
    others = only.select("from_link", "via").unique(maintain_order=True).join(out, on="via")
    pairs.append(others.join(only, on=["from_link", "to_link"], how="anti").select("from_link", "to_link"))
    walls = pl.DataFrame({"via": pl.Series(blocked).cast(pl.String)})
    across = walls.join(into, on="via").join(out, on="via").filter(~turned)
    pairs.append(across.select("from_link", "to_link"))
    return pl.concat(pairs).unique().sort("from_link", "to_link").with_columns(kind=pl.lit("banned"))


def opposite_of(link: pl.Expr) -> pl.Expr:
    """Return the id of the other direction, as `layers.opposite` does for one id."""
    return pl.when(link.str.starts_with("-")).then(link.str.strip_prefix("-")).otherwise("-" + link)


def notes_of(name: str, counts: Mapping[str, int], *, defaults: bool) -> Notes:
    """Return what was read and what was assumed."""
    assumed = [
        "People may walk both ways on every street not closed to them; bicycles follow traffic unless tagged.",
        "Turn restrictions over ways, for certain hours or for other vehicles than cars are not read; bans bind cars.",
        "A barrier that keeps cars out is a ban of the turns across it.",
        "Parking aisles and driveways are closed to through cars; tracks too.",
        "access=destination and access=customers count as open.",
    ]
    if defaults:
        rows = "; ".join(f"{k} {d.lanes}, {d.kmh:g}, {d.capacity_vph:g}" for k, d in DEFAULTS.items() if d.drive)
        assumed.insert(
            0, f"Where tags are silent (class: lanes of a direction, km/h, vehicles an hour and lane): {rows}."
        )
    return Notes(format="osm", files=(name,), counts=dict(counts), assumptions=tuple(assumed), sources=(ATTRIBUTION,))
