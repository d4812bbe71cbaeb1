"""What is written is read back the same: every format that is written, on random networks."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
import shapely
from greentrip_networks.formats import format_named, read_layers, write_layers
from greentrip_networks.layers import SCHEMAS, Layers, Notes, differences
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

SETTINGS = settings(  # a failing network is small enough as it is, and shrinking one takes minutes
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=8)
IDS = st.text(st.sampled_from("abcXYZ019:._北é\"'&<,"), min_size=1, max_size=6)
NUMBERS = st.none() | st.floats(0.01, 1e5).map(lambda v: round(v, 3))
LON = st.floats(116.0, 116.9).map(lambda v: round(v, 6))
LAT = st.floats(39.5, 40.4).map(lambda v: round(v, 6))


@st.composite
def street_layers(draw: st.DrawFn) -> Layers:
    node_ids = draw(st.lists(IDS, min_size=2, max_size=6, unique=True))
    count = len(node_ids)
    nodes = pl.DataFrame(
        {
            "node_id": node_ids,
            "lon": [draw(LON) for _ in node_ids],
            "lat": [draw(LAT) for _ in node_ids],
            "name": [draw(WORDS) for _ in node_ids],
            "control": [
                draw(st.sampled_from(["none", "signal", "stop", "give_way", "roundabout", "other"])) for _ in node_ids
            ],
        }
    )
    link_ids = draw(st.lists(IDS, min_size=1, max_size=6, unique=True))
    rows = []
    for i in link_ids:
        bends = draw(st.lists(st.tuples(LON, LAT), min_size=3, max_size=4) | st.just([]))
        rows.append(
            {
                "link_id": i,
                "from_node": node_ids[draw(st.integers(0, count - 1))],
                "to_node": node_ids[draw(st.integers(0, count - 1))],
                "kind": draw(st.sampled_from(["primary", "residential", "motorway"])),
                "name": draw(WORDS),
                "name_en": draw(WORDS),
                "length_m": draw(st.floats(1, 1e5)),
                "lanes": draw(st.none() | st.integers(1, 5).map(float)),
                "free_kmh": draw(st.none() | st.integers(5, 120).map(float)),
                "capacity_vph": draw(NUMBERS),
                "drive": draw(st.booleans()),
                "cycle": draw(st.booleans()),
                "walk": draw(st.booleans()),
                "bus_lane": draw(st.booleans()),
                "toll_cny": draw(NUMBERS),
                "b": draw(NUMBERS),
                "power": draw(NUMBERS),
                "generated": draw(st.booleans()),
                "geometry": [v for p in bends for v in p],
            }
        )
    links = pl.DataFrame(rows, schema_overrides={c: SCHEMAS["links"][c] for c in rows[0]})
    links = links.with_columns(bus=pl.col("drive") | pl.col("bus_lane"))
    turned = draw(st.lists(st.tuples(st.sampled_from(link_ids), st.sampled_from(link_ids)), max_size=3, unique=True))
    turns = pl.DataFrame(
        [{"from_link": a, "to_link": b, **draw(st.sampled_from(TURNS))} for a, b in turned],
        schema=dict(SCHEMAS["turns"]),
    )
    zones = [draw(zone(i)) for i in draw(st.lists(IDS, max_size=3, unique=True))]
    return Layers(
        nodes=nodes,
        links=links,
        turns=turns,
        zones=pl.DataFrame(zones, schema=dict(SCHEMAS["zones"])),
        notes=Notes(name="n"),
    )


TURNS = [{"kind": "banned", "delay_s": None}, {"kind": "delay", "delay_s": 12.5}]


@st.composite
def zone(draw: st.DrawFn, zone_id: str) -> dict[str, object]:
    lon, lat = draw(LON), draw(LAT)
    square = shapely.box(lon, lat, round(lon + 0.01, 6), round(lat + 0.02, 6))
    shape = draw(st.sampled_from([None, square, shapely.MultiPolygon([square, shapely.box(1, 2, 3, 4)])]))
    return {
        "zone_id": zone_id,
        "name": draw(WORDS),
        "name_en": draw(WORDS),
        "district": draw(WORDS),
        "district_en": "",
        "lon": lon,
        "lat": lat,
        "area_km2": draw(NUMBERS),
        "residents": draw(NUMBERS),
        "jobs": draw(NUMBERS),
        "school_places": draw(NUMBERS),
        "parking_cny_h": draw(NUMBERS),
        "areas": draw(st.lists(st.sampled_from(["central six", "inside the 5th ring"]), unique=True)),
        "geometry": None if shape is None else shapely.to_wkb(shape),
    }


def back(layers: Layers, folder: Path, name: str, keep: tuple[str, ...], tolerance: float = 0.0) -> None:
    """Write and read; hold that the frames of `keep` are the same."""
    kind = format_named(name)
    path = folder / f"net{kind.suffix}"
    write_layers(layers, path, name)
    again = read_layers(path)
    assert again.notes.format == name
    wanted = layers.with_(**{n: pl.DataFrame() for n, _ in layers.frames() if n not in keep})
    got = again.with_(**{n: pl.DataFrame() for n, _ in again.frames() if n not in keep})
    assert differences(wanted, got, tolerance) == []


@given(street_layers())
@SETTINGS
def test_gmns(tmp_path_factory: pytest.TempPathFactory, layers: Layers) -> None:
    back(layers, tmp_path_factory.mktemp("gmns"), "gmns", ("nodes", "links", "turns", "zones"))


@st.composite
def timetable(draw: st.DrawFn) -> Layers:
    stop_ids = draw(st.lists(IDS, min_size=2, max_size=5, unique=True))
    stops = [
        {
            "stop_id": i,
            "name": draw(WORDS),
            "name_en": draw(WORDS),
            "code": draw(WORDS),
            "lon": draw(LON),
            "lat": draw(LAT),
            "kind": draw(st.sampled_from(["stop", "station"])),
            "level": draw(st.sampled_from([None, 0.0, -1.5])),
        }
        for i in stop_ids
    ]
    line_ids = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    lines, patterns, calls, trips = [], [], [], []
    for line in line_ids:
        own = {"name": draw(WORDS), "long_name": draw(WORDS), "fare_cny": draw(st.none() | st.just(2.5))}
        lines.append({"line_id": line, "mode": draw(st.sampled_from(["metro", "bus", "tram"])), "capacity": 90, **own})
        for direction in range(draw(st.integers(1, 2))):
            pattern = f"{line}_{direction}"
            patterns.append({"pattern_id": pattern, "line_id": line, "direction": direction, "headsign": draw(WORDS)})
            at, far = 0, 0.0
            for order, stop in enumerate(draw(st.lists(st.sampled_from(stop_ids), min_size=2, max_size=5))):
                arrive = at if order else 0
                depart = arrive + (draw(st.integers(0, 90)) if order else 0)
                row = {"pattern_id": pattern, "order": order, "stop_id": stop, "arrive_s": arrive, "depart_s": depart}
                flags = {c: draw(st.booleans()) for c in ("board", "alight", "stated")}
                calls.append(row | flags | {"distance_m": far})
                at, far = depart + draw(st.integers(1, 4000)), far + draw(st.integers(1, 5000)) / 8
            for k in range(draw(st.integers(1, 3))):
                start = draw(st.integers(0, 100_000))
                trips.append(
                    {"trip_id": f"{pattern}.{k}", "pattern_id": pattern, "service_id": "day", "start_s": start}
                )
    pair = draw(st.lists(st.tuples(st.sampled_from(stop_ids), st.sampled_from(stop_ids)), max_size=2, unique=True))
    transfers = [{"from_stop": a, "to_stop": b, "kind": "minimum", "min_s": draw(st.integers(0, 900))} for a, b in pair]

    def frame(name: str, rows: list[dict[str, object]]) -> pl.DataFrame:
        return pl.DataFrame(rows, schema={c: SCHEMAS[name][c] for c in (rows[0] if rows else ())})

    return Layers(
        stops=frame("stops", stops),
        lines=frame("lines", lines),
        patterns=frame("patterns", patterns),
        pattern_stops=frame("pattern_stops", calls),
        trips=frame("trips", trips),
        transfers=frame("transfers", transfers),
        calendars=pl.DataFrame({"service_id": ["day"], "days": ["1111111"]}),
    )


TIMETABLE = ("stops", "lines", "patterns", "pattern_stops", "trips", "transfers", "calendars")


@given(street_layers(), timetable())
@SETTINGS
def test_matsim(tmp_path_factory: pytest.TempPathFactory, streets: Layers, times: Layers) -> None:
    layers = times.with_(nodes=streets.nodes, links=streets.links)
    back(layers, tmp_path_factory.mktemp("matsim"), "matsim", ("nodes", "links", *TIMETABLE), 1e-7)


@pytest.mark.parametrize("name", ["geopackage", "geojson", "geoparquet"])
@given(street_layers(), timetable())
@SETTINGS
def test_geographic_files(tmp_path_factory: pytest.TempPathFactory, name: str, streets: Layers, times: Layers) -> None:
    dates = pl.DataFrame({"service_id": ["day"], "date": [dt.date(2020, 2, 29)], "runs": [False]})
    shape = pl.DataFrame({"shape_id": ["s"], "geometry": [[116.1, 39.5, 116.2, 39.6, 116.3, 39.5]]})
    layers = times.with_(
        **{n: getattr(streets, n) for n in ("nodes", "links", "turns", "zones")}, calendar_dates=dates, shapes=shape
    )
    back(layers, tmp_path_factory.mktemp(name), name, tuple(SCHEMAS), 1e-12)
