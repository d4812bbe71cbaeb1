"""Check a network in its neutral form and say what is wrong, where, and what to do: ids, streets, zones, matrices."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from greentrip_networks.formats.checks import check_coordinates
from greentrip_networks.formats.flat import Floats, Ints, lengths_m, take_flat
from greentrip_networks.geo import Plane, haversine_m
from greentrip_networks.layers import KEYS, Layers
from greentrip_networks.problems import LISTED, Problems
from greentrip_networks.timetable_checks import check_timetable

FAR_STOP_M = 500.0  # a stop further than this from every street
SHORT, LONG = 0.9, 3.0  # a link's length over its geometry's
SLACK_M = 10.0
FASTEST_KMH = 160.0
LANE_VPH = 2_600.0  # vehicles an hour and lane that no street carries
MOST_LANES = 20.0
IDS = ("nodes", "links", "zones", "agencies", "stops", "lines", "patterns", "shapes", "trips", "pathways")


def validate_layers(layers: Layers) -> Problems:
    """Check a network; return all problems found.

    Checked are ids and references, coordinates, pieces of the streets with their sizes, lengths against geometry,
    speeds, capacities, zones cut off or without figures, stops far from streets, stations that are there twice, times
    and speeds of timetables, services, and matrices. An error makes the network unusable as it is; a warning needs a
    look. What `repair` mends says so.
    """
    problems = Problems()
    for name in IDS:
        _ids(layers, name, problems)
    _references(layers, problems)
    for name, key in (("nodes", "node_id"), ("stops", "stop_id"), ("zones", "zone_id")):
        frame = getattr(layers, name)
        placed = frame.filter(pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
        if len(placed):
            check_coordinates(placed, problems, file=name, id_column=key, lines=placed_rows(frame))
    _links(layers, problems)
    _pieces(layers, problems)
    _zones(layers, problems)
    _stops(layers, problems)
    check_timetable(layers, problems)
    _matrices(layers, problems)
    return problems


def placed_rows(frame: pl.DataFrame) -> list[int]:
    """Return the numbers, from 1, of the rows that have a place."""
    numbered = frame.with_row_index("_row", 1)
    return numbered.filter(pl.col("lon").is_not_null() & pl.col("lat").is_not_null())["_row"].to_list()


def say(
    problems: Problems,
    level: str,
    code: str,
    expected: str,
    bad: pl.DataFrame,
    *,
    file: str,
    key: str,
    saw: str = "",
    remedy: str = "",
) -> None:
    """Add a problem for each row of a frame."""
    if len(bad):
        first = bad.head(LISTED)
        problems.many(
            level,
            code,
            expected,
            count=len(bad),
            records=first[key].to_list(),
            saw=[_round(v) for v in first[saw]] if saw else (),
            file=file,
            field=saw,
            remedy=remedy,
        )


def _round(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value


def _ids(layers: Layers, name: str, problems: Problems) -> None:
    frame, key = getattr(layers, name), KEYS[name][0]
    again = frame.filter(~pl.col(key).is_first_distinct())
    say(
        problems, "error", "duplicate-id", "an id used once", again, file=name, key=key, remedy="repair keeps the first"
    )
    say(
        problems,
        "error",
        "no-id",
        "an id",
        frame.filter(pl.col(key) == "") if name != "agencies" else frame.clear(),
        file=name,
        key=key,
    )


REFERENCES: Sequence[tuple[str, str, str, str, bool]] = (  # frame, column, frame it names, its column, may be empty
    ("links", "from_node", "nodes", "node_id", False),
    ("links", "to_node", "nodes", "node_id", False),
    ("turns", "from_link", "links", "link_id", False),
    ("turns", "to_link", "links", "link_id", False),
    ("stops", "parent", "stops", "stop_id", True),
    ("lines", "agency", "agencies", "agency_id", True),
    ("patterns", "line_id", "lines", "line_id", False),
    ("patterns", "shape_id", "shapes", "shape_id", True),
    ("pattern_stops", "pattern_id", "patterns", "pattern_id", False),
    ("pattern_stops", "stop_id", "stops", "stop_id", False),
    ("trips", "pattern_id", "patterns", "pattern_id", False),
    ("headways", "pattern_id", "patterns", "pattern_id", False),
    ("transfers", "from_stop", "stops", "stop_id", True),
    ("transfers", "to_stop", "stops", "stop_id", True),
    ("pathways", "from_stop", "stops", "stop_id", False),
    ("pathways", "to_stop", "stops", "stop_id", False),
)


def _references(layers: Layers, problems: Problems) -> None:
    for name, column, other, key, empty in REFERENCES:
        frame, known = getattr(layers, name), getattr(layers, other)[key]
        if other == "agencies" and not len(known):
            continue  # a network need not know who runs a line
        bad = frame.filter(~pl.col(column).is_in(known.implode()))
        if empty:
            bad = bad.filter(pl.col(column) != "")
        expected = f"the {key} of one of {other}"
        say(
            problems,
            "error",
            f"unknown-{key}",
            expected,
            bad,
            file=name,
            key=KEYS[name][0],
            saw=column,
            remedy="repair leaves out the row or the reference",
        )


def _links(layers: Layers, problems: Problems) -> None:
    links = layers.links
    if not len(links):
        return
    measured = with_metres(layers)

    def found(level: str, code: str, expected: str, bad: pl.Expr, saw: str, remedy: str) -> None:
        say(problems, level, code, expected, measured.filter(bad), file="links", key="link_id", saw=saw, remedy=remedy)

    length, drawn, crow = pl.col("length_m"), pl.col("drawn_m"), pl.col("crow_m")
    mended = "repair takes the length of its geometry"
    drive = pl.col("drive")
    found("error", "no-length", "a length above 0", length.is_null() | (length <= 0), "length_m", mended)
    found(
        "warning",
        "too-short",
        "at least the straight line between its nodes",
        (length > 0) & (length < SHORT * crow - SLACK_M),
        "length_m",
        mended,
    )
    found(
        "warning",
        "length",
        f"{SHORT:g} to {LONG:g} times the length of its geometry",
        (length > 0)
        & (drawn > SLACK_M)
        & ((length > LONG * drawn + SLACK_M) | (length < SHORT * drawn - SLACK_M))
        & ~(length < SHORT * crow - SLACK_M),
        "length_m",
        "check units and coordinates",
    )
    speed, capacity, lanes = pl.col("free_kmh"), pl.col("capacity_vph"), pl.col("lanes")
    found("error", "no-speed", "a speed above 0 km/h", speed <= 0, "free_kmh", "repair takes the usual of its kind")
    found("warning", "speed", f"at most {FASTEST_KMH:g} km/h", speed > FASTEST_KMH, "free_kmh", "check the unit")
    found("warning", "no-speed", "a speed", drive & speed.is_null(), "free_kmh", "repair takes the usual of its kind")
    usual = "repair takes the usual of its kind and lanes"
    found("error", "no-capacity", "a capacity above 0", drive & (capacity <= 0), "capacity_vph", usual)
    found("warning", "no-capacity", "a capacity", drive & capacity.is_null(), "capacity_vph", usual)
    found(
        "warning",
        "capacity",
        f"at most {LANE_VPH:g} vehicles an hour and lane",
        drive & (capacity > LANE_VPH * pl.max_horizontal(lanes, pl.lit(1.0))),
        "capacity_vph",
        "is it a day's?",
    )
    found("warning", "lanes", f"0 to {MOST_LANES:g} lanes", (lanes < 0) | (lanes > MOST_LANES), "lanes", "check lanes")
    found(
        "warning",
        "loop",
        "a link from one node to another",
        (pl.col("from_node") == pl.col("to_node")) & (drawn <= SLACK_M),
        "from_node",
        "repair leaves it out",
    )
    found(
        "warning",
        "no-use",
        "a link that somebody may use",
        ~(drive | pl.col("cycle") | pl.col("walk") | pl.col("bus")),
        "kind",
        "say who may use it",
    )


def with_metres(layers: Layers) -> pl.DataFrame:
    """Return the links with `crow_m`, straight between their nodes, and `drawn_m`, along their geometry."""
    place = layers.nodes.select("node_id", "lon", "lat").unique("node_id", keep="first")
    both = layers.links.join(place, left_on="from_node", right_on="node_id", how="left", maintain_order="left").join(
        place, left_on="to_node", right_on="node_id", how="left", suffix="_to", maintain_order="left"
    )
    ends = [both[c].to_numpy().astype(np.float64) for c in ("lon", "lat", "lon_to", "lat_to")]
    crow = haversine_m(*ends)
    lon, lat, first = take_flat(layers.links["geometry"])
    _, drawn = lengths_m(lon, lat, first)
    has = np.diff(first) > 1
    return layers.links.with_columns(
        pl.Series("crow_m", crow).fill_nan(None), pl.Series("drawn_m", np.where(has, drawn, crow)).fill_nan(None)
    )


def street_pieces(layers: Layers) -> tuple[Ints, Ints]:
    """Return for each node its piece of the streets (all links) and its piece where cars can both reach and leave.

    Pieces are numbered by size, the largest 0; nodes without links are -1.
    """
    n = len(layers.nodes)
    ids = layers.nodes["node_id"]
    made: list[Ints] = []
    for mask, strong in ((pl.lit(value=True), False), (pl.col("drive"), True)):
        links = layers.links.filter(mask)
        known = links.filter(pl.col("from_node").is_in(ids.implode()) & pl.col("to_node").is_in(ids.implode()))
        a, b = rows_of(known["from_node"], ids), rows_of(known["to_node"], ids)
        graph = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(n, n))
        _, label = connected_components(graph, directed=True, connection="strong" if strong else "weak")
        used = np.zeros(n, bool)
        used[a] = used[b] = True
        size = np.bincount(label[used], minlength=label.max(initial=0) + 1)
        rank = np.empty(len(size), np.int64)
        rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
        made.append(np.where(used, rank[label], -1))
    return made[0], made[1]


def rows_of(values: pl.Series, ids: pl.Series) -> Ints:
    """Return the row in `ids` of each value; all are known."""
    table = pl.DataFrame({"id": ids}).with_row_index("row").unique("id", keep="first")
    found = pl.DataFrame({"id": values}).join(table, on="id", how="left", maintain_order="left")["row"]
    return found.to_numpy().astype(np.int64)


def _pieces(layers: Layers, problems: Problems) -> None:
    if not len(layers.links) or not len(layers.nodes):
        return
    weak, strong = street_pieces(layers)
    sizes = np.bincount(weak[weak >= 0])
    sizes = sizes[sizes > 0]
    if len(sizes) > 1:
        listed = ", ".join(f"{s:,}" for s in sizes[:10]) + (" ..." if len(sizes) > 10 else "")
        problems.warn(
            "pieces",
            "streets in one piece",
            saw=f"{len(sizes):,} pieces of {listed} nodes",
            file="links",
            remedy="join them; repair removes pieces that together are under 5 % of all nodes",
        )
    lost = layers.nodes.filter(pl.Series(strong > 0))
    say(
        problems,
        "warning",
        "one-way-trap",
        "a node that cars can both reach and leave",
        lost,
        file="nodes",
        key="node_id",
        remedy="check directions of one-way links around it",
    )
    if len(layers.zones):
        at, _ = nearest(layers.zones, layers.nodes.filter(pl.Series(strong >= 0)))
        piece = strong[strong >= 0]
        placed = layers.zones.filter(pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
        if len(placed) and len(piece):
            say(
                problems,
                "warning",
                "isolated-zone",
                "a zone whose nearest street is in the largest piece",
                placed.filter(pl.Series(piece[at] != 0)),
                file="zones",
                key="zone_id",
                remedy="join the streets there to the others",
            )


def nearest(places: pl.DataFrame, among: pl.DataFrame) -> tuple[Ints, Floats]:
    """Return the row of the nearest of some places, and the metres to it, for each row that has a place."""
    here = places.filter(pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
    there = among.with_columns(pl.col("lon", "lat").fill_null(1e6))
    if not len(here) or not len(there):
        return np.zeros(len(here), np.int64), np.full(len(here), np.inf)
    plane = Plane(float(np.median(here["lon"].to_numpy())), float(np.median(here["lat"].to_numpy())))
    tree = cKDTree(np.column_stack(plane.to_metres(there["lon"].to_numpy(), there["lat"].to_numpy())))
    metres, row = tree.query(np.column_stack(plane.to_metres(here["lon"].to_numpy(), here["lat"].to_numpy())))
    return np.asarray(row, np.int64), np.asarray(metres, np.float64)


def _zones(layers: Layers, problems: Problems) -> None:
    zones = layers.zones
    for column, what in (("residents", "residents"), ("jobs", "jobs")):
        say(
            problems,
            "error",
            "negative",
            f"0 or more {what}",
            zones.filter(pl.col(column) < 0),
            file="zones",
            key="zone_id",
            saw=column,
        )
    if len(zones) and not (zones["residents"].fill_null(0).sum() or 0) > 0:
        problems.warn(
            "no-residents", "residents in some zone", file="zones", field="residents", remedy="needed to simulate"
        )
    area = pl.col("area_km2")
    say(
        problems,
        "warning",
        "no-area",
        "an area above 0 km²",
        zones.filter(area.is_null() | (area <= 0)),
        file="zones",
        key="zone_id",
        saw="area_km2",
        remedy="repair measures its polygon where there is one",
    )


def _stops(layers: Layers, problems: Problems) -> None:
    stops = layers.stops.filter(pl.col("lon").is_not_null() & pl.col("lat").is_not_null())
    if not len(stops):
        return
    if len(layers.links):
        lon, lat, _ = take_flat(layers.links["geometry"])
        walked = layers.links.filter("walk") if layers.links["walk"].any() else layers.links
        ends = pl.concat([walked["from_node"], walked["to_node"]]).unique()
        nodes = layers.nodes.filter(pl.col("node_id").is_in(ends.implode())).select("lon", "lat")
        points = pl.concat([nodes, pl.DataFrame({"lon": lon, "lat": lat})])
        _, metres = nearest(stops, points)
        far = stops.with_columns(pl.Series("metres", metres.round())).filter(pl.col("metres") > FAR_STOP_M)
        say(
            problems,
            "warning",
            "far-stop",
            f"a street within {FAR_STOP_M:g} m",
            far,
            file="stops",
            key="stop_id",
            saw="metres",
            remedy="check its place or add a street",
        )
    # two stations of one name in one place, or two stops with one name and one place
    for kind, limit, code in (("station", 300.0, "duplicate-station"), ("stop", 3.0, "duplicate-stop")):
        some = stops.filter((pl.col("kind") == kind) & (pl.col("name") != "") & (pl.col("parent") == ""))
        pairs = some.join(some, on="name", suffix="_other").filter(pl.col("stop_id") < pl.col("stop_id_other"))
        metres = haversine_m(*(pairs[c].to_numpy() for c in ("lon", "lat", "lon_other", "lat_other")))
        near = pairs.filter(pl.Series(metres <= limit)) if len(pairs) else pairs
        say(
            problems,
            "warning",
            code,
            f"one {kind} of a name within {limit:g} m",
            near,
            file="stops",
            key="stop_id",
            saw="stop_id_other",
            remedy="join the two if they are one",
        )


def _matrices(layers: Layers, problems: Problems) -> None:
    known = set(layers.zones["zone_id"])
    for name, matrix in layers.matrices.items():
        infinite = int(np.isinf(matrix.values).sum())
        negative = int((matrix.values < 0).sum())
        for count, code, expected in ((infinite, "not-finite", "finite values"), (negative, "negative", "0 or more")):
            if count:
                problems.error(code, expected, saw=f"{count:,} values", file="matrices", record=name)
        missing = [z for z in matrix.zones if z not in known]
        if known and missing:
            problems.warn(
                "unknown-zone_id",
                "zones of the network",
                saw=f"{len(missing)} others, first {missing[0]}",
                file="matrices",
                record=name,
            )
