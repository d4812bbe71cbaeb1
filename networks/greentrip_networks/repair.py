"""Mend what can be mended safely in a network, by stated rules, and list every kind of change."""

import numpy as np
import polars as pl

from greentrip_networks.formats.flat import straight_m
from greentrip_networks.layer_checks import IDS, REFERENCES, SHORT, SLACK_M, street_pieces, with_metres
from greentrip_networks.layers import KEYS, Layers
from greentrip_networks.timetable_checks import legs_of, travels_back

SMALL_SHARE = 0.05  # of all nodes that pieces cut off from the largest may hold together to be removed
USUAL = {  # km/h, lanes of a direction, vehicles an hour and lane: where a link does not say
    "motorway": (100.0, 3.0, 2000.0),
    "trunk": (80.0, 3.0, 1800.0),
    "expressway": (70.0, 3.0, 1800.0),
    "ring": (80.0, 3.0, 1800.0),
    "primary": (60.0, 2.0, 1200.0),
    "arterial": (60.0, 2.0, 1200.0),
    "secondary": (50.0, 2.0, 1000.0),
    "tertiary": (40.0, 1.0, 800.0),
    "collector": (40.0, 1.0, 800.0),
    "residential": (30.0, 1.0, 600.0),
    "local": (30.0, 1.0, 600.0),
    "service": (20.0, 1.0, 300.0),
}
USUAL_ELSE = (40.0, 1.0, 800.0)


def repair(layers: Layers) -> tuple[Layers, list[str]]:
    """Return a mended network and what was done, one sentence a kind; an empty list means nothing was.

    Done are: rows whose id stood before left out, swapped coordinates outside the globe swapped back, rows that refer
    to nothing left out, impossible lengths taken from the geometry, speeds, lanes and capacities that are not said
    filled by kind of street, empty loops and small cut-off pieces removed, areas measured from polygons, patterns that
    travel back in time or have one stop left out with their trips, shrinking distances taken straight.
    """
    done: list[str] = []
    layers = _unique(layers, done)
    layers = _unswapped(layers, done)
    layers = _referring(layers, done)
    layers = _timetable(layers, done)
    layers = _lengths(layers, done)
    layers = _filled(layers, done)
    layers = _one_piece(layers, done)
    layers = _areas(layers, done)
    layers = _referring(layers, done)
    return layers.assuming(*done) if done else layers, done


def _unique(layers: Layers, done: list[str]) -> Layers:
    changed = {}
    for name in IDS:
        frame, key = getattr(layers, name), KEYS[name][0]
        once = frame.filter(pl.col(key).is_first_distinct() & ((pl.col(key) != "") | (name == "agencies")))
        if len(once) < len(frame):
            done.append(f"left out {len(frame) - len(once):,} {name} without an id of their own")
            changed[name] = once
    return layers.with_(**changed)


def _unswapped(layers: Layers, done: list[str]) -> Layers:
    changed = {}
    for name in ("nodes", "stops", "zones"):
        frame = getattr(layers, name)
        out = (pl.col("lat").abs() > 90) & (pl.col("lat").abs() <= 180) & (pl.col("lon").abs() <= 90)
        number = len(frame.filter(out))
        if number:
            done.append(f"exchanged longitude and latitude of {number:,} {name}")
            changed[name] = frame.with_columns(
                lon=pl.when(out).then("lat").otherwise("lon"), lat=pl.when(out).then("lon").otherwise("lat")
            )
    return layers.with_(**changed)


def _referring(layers: Layers, done: list[str]) -> Layers:
    for name, column, other, key, empty in REFERENCES:
        frame, known = getattr(layers, name), getattr(layers, other)[key]
        if not len(frame) or (other == "agencies" and not len(known)):
            continue
        fine = pl.col(column).is_in(known.implode())
        if empty:
            fine = fine | (pl.col(column) == "")
        lost = len(frame) - len(frame.filter(fine))
        if not lost:
            continue
        if name in ("stops", "patterns", "lines") and empty:  # the reference goes, the row stays
            done.append(f"removed {lost:,} references of {name} to no {key}")
            kept = frame.with_columns(pl.when(fine).then(column).otherwise(pl.lit("")).alias(column))
        elif name == "pattern_stops" and column == "stop_id":  # a pattern without one of its stops is another
            bad = frame.filter(~fine)["pattern_id"].unique()
            done.append(f"left out {len(bad):,} patterns that call at unknown stops, and their trips")
            layers = without_patterns(layers, bad)
            continue
        else:
            done.append(f"left out {lost:,} {name} that refer to no {other}")
            kept = frame.filter(fine)
        layers = layers.with_(**{name: kept})
    known = pl.concat([layers.calendars["service_id"], layers.calendar_dates["service_id"]]).unique()
    for name in ("trips", "headways"):
        frame = getattr(layers, name)
        kept = frame.filter(pl.col("service_id").is_in(known.implode()))
        if len(kept) < len(frame):
            done.append(f"left out {len(frame) - len(kept):,} {name} of unknown services")
            layers = layers.with_(**{name: kept})
    return layers


def without_patterns(layers: Layers, bad: pl.Series) -> Layers:
    """Return a network without some patterns, their calls, trips and headways."""
    keep = ~pl.col("pattern_id").is_in(bad.implode())
    return layers.with_(
        **{n: getattr(layers, n).filter(keep) for n in ("patterns", "pattern_stops", "trips", "headways")}
    )


def _timetable(layers: Layers, done: list[str]) -> Layers:
    if not len(layers.patterns):
        return layers
    legs = legs_of(layers)
    untimed = legs.filter(pl.col("arrive_s").is_null() | pl.col("depart_s").is_null())
    again = legs.filter(pl.col("order") == pl.col("order_before"))
    short = layers.patterns.join(
        layers.pattern_stops.group_by("pattern_id").len("stops").filter(pl.col("stops") > 1),
        on="pattern_id",
        how="anti",
    )
    for bad, why in (
        (travels_back(legs), "travel back in time"),
        (pl.concat([untimed, again]), "lack a time or an order"),
        (short, "have one stop"),
    ):
        names = bad["pattern_id"].unique()
        if len(names):
            done.append(f"left out {len(names):,} patterns that {why}, and their trips")
            layers = without_patterns(layers, names)
    fine = (pl.col("headway_s") > 0) & (pl.col("end_s") > pl.col("start_s"))
    kept = layers.headways.filter(fine.fill_null(value=False))
    if len(kept) < len(layers.headways):
        done.append(
            f"left out {len(layers.headways) - len(kept):,} headways that are not above 0 or end before they start"
        )
        layers = layers.with_(headways=kept)
    legs = legs_of(layers)
    gone = legs.filter((pl.col("distance_m") < pl.col("distance_m_before") - 1.0) | pl.col("distance_m").is_null())[
        "pattern_id"
    ].unique()
    if len(gone):
        done.append(f"took distances of {len(gone):,} patterns straight from stop to stop")
        calls = layers.pattern_stops.sort("pattern_id", "order").join(
            layers.stops.select("stop_id", "lon", "lat"), on="stop_id", how="left", maintain_order="left"
        )
        sizes = calls["pattern_id"].rle().struct.field("len").to_numpy()
        first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        straight = straight_m(calls["lon"].to_numpy(), calls["lat"].to_numpy(), first)
        calls = calls.with_columns(pl.Series("straight", straight)).with_columns(
            distance_m=pl.when(pl.col("pattern_id").is_in(gone.implode())).then("straight").otherwise("distance_m")
        )
        layers = layers.with_(pattern_stops=calls.drop("straight", "lon", "lat"))
    return layers


def _lengths(layers: Layers, done: list[str]) -> Layers:
    if not len(layers.links):
        return layers
    links = with_metres(layers)
    length = pl.col("length_m")
    drawn = pl.max_horizontal(pl.col("drawn_m"), pl.col("crow_m"), pl.lit(1.0))
    wrong = length.is_null() | (length <= 0) | (length < SHORT * pl.col("crow_m") - SLACK_M)
    number = len(links.filter(wrong))
    if number:
        done.append(f"took lengths of {number:,} links from their geometry")
        links = links.with_columns(length_m=pl.when(wrong).then(drawn).otherwise(length))
    loops = (pl.col("from_node") == pl.col("to_node")) & (pl.col("drawn_m") <= SLACK_M).fill_null(value=True)
    looped = len(links.filter(loops))
    if looped:
        done.append(f"removed {looped:,} links from a node to itself")
        links = links.filter(~loops)
    return layers.with_(links=links.drop("crow_m", "drawn_m"))


def _filled(layers: Layers, done: list[str]) -> Layers:
    links = layers.links
    if not len(links):
        return layers
    usual = [
        pl.col("kind").replace_strict(
            {k: v[i] for k, v in USUAL.items()}, default=USUAL_ELSE[i], return_dtype=pl.Float64
        )
        for i in range(3)
    ]
    speed, lanes, capacity = pl.col("free_kmh"), pl.col("lanes"), pl.col("capacity_vph")
    for column, wrong, value, what in (
        ("lanes", pl.col("drive") & (lanes.is_null() | (lanes <= 0)), usual[1], "lanes"),
        ("free_kmh", speed.is_null() | (speed <= 0), usual[0], "speeds"),
        ("capacity_vph", pl.col("drive") & (capacity.is_null() | (capacity <= 0)), usual[2] * lanes, "capacities"),
    ):
        number = len(links.filter(wrong))
        if number:
            done.append(f"took {what} of {number:,} links as usual for their kind of street")
            links = links.with_columns(pl.when(wrong).then(value).otherwise(column).alias(column))
    return layers.with_(links=links)


def _one_piece(layers: Layers, done: list[str]) -> Layers:
    if not len(layers.links):
        return layers
    weak, _ = street_pieces(layers)
    off = weak > 0
    if not off.any() or off.sum() > SMALL_SHARE * (weak >= 0).sum():
        return layers
    gone = layers.nodes.filter(pl.Series(off))["node_id"]
    links = layers.links.filter(~pl.col("from_node").is_in(gone.implode()) & ~pl.col("to_node").is_in(gone.implode()))
    done.append(
        f"removed {int(off.sum()):,} nodes and {len(layers.links) - len(links):,} links of small pieces cut off"
    )
    return layers.with_(nodes=layers.nodes.filter(pl.Series(~off)), links=links)


def _areas(layers: Layers, done: list[str]) -> Layers:
    zones = layers.zones
    wrong = (pl.col("area_km2").is_null() | (pl.col("area_km2") <= 0)) & pl.col("geometry").is_not_null()
    number = len(zones.filter(wrong))
    if not number:
        return layers
    import pyproj
    import shapely

    globe = pyproj.Geod(ellps="WGS84")
    at = np.flatnonzero(zones.select(wrong).to_series().to_numpy())
    area = zones["area_km2"].to_numpy().copy()
    for i in at.tolist():
        area[i] = abs(globe.geometry_area_perimeter(shapely.from_wkb(zones["geometry"][i]))[0]) / 1e6
    done.append(f"measured the area of {number:,} zones")
    return layers.with_(zones=zones.with_columns(pl.Series("area_km2", area)))
