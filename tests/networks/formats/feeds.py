"""A small valid feed that tests change, and networks drawn at random for round trips."""

import zipfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from greentrip_networks.layers import MODES, PATHWAY_KINDS, TRANSFER_KINDS, Layers
from hypothesis import strategies as st

FEED = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone,agency_lang\nA,Test,https://example.org/,Asia/Shanghai,zh\n",
    "stops.txt": (
        "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,zone_id\n"
        'S,"Station, the",39.90,116.30,1,,\n'
        "S1,Platform 1,39.9001,116.3001,0,S,z1\n"
        "S2,Platform 2,39.9002,116.3002,,S,z1\n"
        "B,东站,39.95,116.35,0,,z2\n"
        "C,C,39.99,116.39,0,,z2\n"
        "E,Entrance,39.9,116.31,2,S,\n"
    ),
    "routes.txt": (
        "route_id,agency_id,route_short_name,route_long_name,route_type,route_color,route_text_color\n"
        "R1,A,1,,1,C23A30,FFFFFF\nR2,A,,The long way to the east,700,,\n"
    ),
    "trips.txt": (
        "route_id,service_id,trip_id,trip_headsign,direction_id,shape_id,block_id\n"
        "R1,wk,T1,East,0,sh,b1\nR1,wk,T2,East,0,sh,b2\nR1,wk,T3,West,1,,\nR2,we,F1,,,,\n"
    ),
    "stop_times.txt": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type,drop_off_type,shape_dist_traveled\n"
        "T1,08:00:00,08:00:30,S1,1,0,1,0\nT1,,,B,5,0,0,7.0\nT1,08:20:30,08:20:30,C,9,1,0,12.6\n"
        "T2,24:30:00,24:30:30,S1,1,0,1,0\nT2,,,B,5,0,0,7.0\nT2,24:50:30,24:50:30,C,9,1,0,12.6\n"
        "T3, 9:00:00,9:00:00,C,0,,,\nT3,9:30:00,9:31:00,B,1,,,\nT3,9:40:00,9:40:00,S2,2,,,\n"
        "F1,06:00:00,06:00:00,S1,1,,,\nF1,06:10:00,06:10:00,B,2,,,\n"
    ),
    "calendar.txt": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "wk,1,1,1,1,1,0,0,20240101,20241231\n"
    ),
    "calendar_dates.txt": "service_id,date,exception_type\nwk,20240101,2\nwe,20240106,1\n",
    "frequencies.txt": (
        "trip_id,start_time,end_time,headway_secs,exact_times\nF1,06:00:00,09:00:00,300,\nF1,09:00:00,22:00:00,600,1\n"
    ),
    "shapes.txt": (
        "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled\n"
        "sh,39.9001,116.3001,1,0\nsh,39.95,116.35,2,7.0\nsh,39.99,116.39,3,12.6\n"
    ),
    "transfers.txt": "from_stop_id,to_stop_id,transfer_type,min_transfer_time\nS1,S2,2,120\nB,C,3,\n",
    "pathways.txt": (
        "pathway_id,from_stop_id,to_stop_id,pathway_mode,is_bidirectional,length,traversal_time\nP,E,S1,1,1,80.5,70\nQ,S1,S2,2,1,,\n"
    ),
    "fare_attributes.txt": "fare_id,price,currency_type,payment_method,transfers\nf,2.5,CNY,0,\nm,4,CNY,0,0\n",
    "fare_rules.txt": "fare_id,route_id,origin_id,destination_id\nm,R1,z1,z2\nm,R1,z2,z1\n",
    "translations.txt": (
        "table_name,field_name,language,translation,record_id,field_value\n"
        "stops,stop_name,en,East Station,B,\nroutes,route_short_name,en,Line 1,,1\n"
    ),
}


def write_feed(path: Path, **changes: str | bytes | None) -> Path:
    """Write FEED with some files (named without .txt) replaced, or left out if None."""
    files: dict[str, str | bytes | None] = {**FEED, **{f"{k}.txt": v for k, v in changes.items()}}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            if text is not None:
                archive.writestr(name, text)
    return path


text = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=14)
ids = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
days = st.dates(date(2000, 1, 1), date(2090, 1, 1))


def some(strategy: st.SearchStrategy, least: int = 0, most: int = 4, by=None) -> st.SearchStrategy:
    return st.lists(strategy, min_size=least, max_size=most, unique_by=by)


@st.composite
def timetables(draw) -> Layers:
    """Draw a network of what GTFS can hold, as its reader would return it."""
    lon, lat = st.floats(115, 118), st.floats(39, 41)
    agencies = draw(some(ids, 1, 2, by=str))
    stop_ids = draw(some(ids, 2, 6, by=str))
    stations = draw(st.lists(ids, max_size=2, unique=True).map(lambda s: [f"{x}-station" for x in s]))
    stops = [
        {
            "stop_id": s,
            "name": draw(text),
            "name_en": draw(text),
            "code": draw(text),
            "lon": draw(lon),
            "lat": draw(lat),
            "kind": "station" if s in stations else "stop",
            "parent": "" if s in stations or not stations else draw(st.sampled_from(["", *stations])),
            "platform": draw(text),
            "level": draw(st.sampled_from([None, 0.0, -1.0, 2.5])),
            "fare_zone": draw(st.sampled_from(["", "z1", "z2"])),
        }
        for s in [*dict.fromkeys(stop_ids), *stations]
    ]
    lines = [
        {
            "line_id": i,
            "name": name,
            "long_name": draw(st.sampled_from(["", "A long name of a line"])) if name else "",
            "name_en": draw(text),
            "mode": draw(st.sampled_from([m for m in MODES if m != "other"])),
            "agency": draw(st.sampled_from(agencies)),
            "colour": draw(st.sampled_from(["", "C23A30"])),
        }
        for i in draw(some(ids, 1, 3, by=str))
        for name in [draw(text)]
    ]
    services = draw(some(ids, 1, 2, by=str))
    calendars = [
        {
            "service_id": s,
            "days": draw(st.text("01", min_size=7, max_size=7)),
            "start": (start := draw(days)),
            "end": start + timedelta(draw(st.integers(0, 400))),
        }
        for s in services
    ]
    calendar_dates = draw(
        some(
            st.fixed_dictionaries({"service_id": st.sampled_from(services), "date": days, "runs": st.booleans()}),
            by=lambda r: (r["service_id"], r["date"]),
        )
    )
    shapes = [
        {
            "shape_id": s,
            "geometry": draw(st.lists(st.floats(39, 41), min_size=4, max_size=8).filter(lambda g: len(g) % 2 == 0)),
        }
        for s in draw(some(ids, 0, 2, by=str))
    ]
    patterns, calls, trips, headways = [], [], [], []
    for p in draw(some(ids, 1, 4, by=str)):
        patterns.append(
            {
                "pattern_id": p,
                "line_id": draw(st.sampled_from(lines))["line_id"],
                "direction": draw(st.integers(0, 1)),
                "headsign": draw(text),
                "shape_id": draw(st.sampled_from(["", *(s["shape_id"] for s in shapes)])),
            }
        )
        at, metres = -draw(st.integers(0, 60)), 0.0
        for k in range(draw(st.integers(2, 5))):
            leave = 0 if k == 0 else at + draw(st.integers(0, 90))
            calls.append(
                {
                    "pattern_id": p,
                    "order": k,
                    "stop_id": draw(st.sampled_from(stop_ids)),
                    "distance_m": metres,
                    "arrive_s": at,
                    "depart_s": leave,
                    "board": draw(st.booleans()),
                    "alight": draw(st.booleans()),
                    "stated": draw(st.booleans()),
                }
            )
            at = leave + draw(st.integers(0, 4000))
            metres += draw(st.floats(0, 5000))
        starts = draw(st.lists(st.integers(100, 100_000), max_size=3))
        for start in starts:
            trips.append(
                {
                    "trip_id": f"{p}/{len(trips)}",
                    "pattern_id": p,
                    "service_id": draw(st.sampled_from(services)),
                    "start_s": start,
                    "block": draw(text),
                }
            )
        windows = draw(
            some(
                st.tuples(st.integers(100, 80_000), st.integers(1, 9000), st.integers(1, 7200), st.booleans()),
                0 if starts else 1,
                3,
                by=lambda w: w[0],
            )
        )
        for begin, size, headway, exact in windows:
            headways.append(
                {
                    "pattern_id": p,
                    "service_id": services[0],
                    "start_s": begin,
                    "end_s": begin + size,
                    "headway_s": headway,
                    "exact": exact,
                }
            )
    one = st.sampled_from(stop_ids)
    transfers = draw(
        some(
            st.fixed_dictionaries(
                {
                    "from_stop": one,
                    "to_stop": one,
                    "kind": st.sampled_from(TRANSFER_KINDS),
                    "min_s": st.none() | st.integers(0, 900),
                }
            ),
            by=lambda r: (r["from_stop"], r["to_stop"]),
        )
    )
    pathways = draw(
        some(
            st.fixed_dictionaries(
                {
                    "pathway_id": ids,
                    "from_stop": one,
                    "to_stop": one,
                    "kind": st.sampled_from(PATHWAY_KINDS),
                    "both_ways": st.booleans(),
                    "length_m": st.none() | st.floats(0, 1000),
                    "walk_s": st.none() | st.integers(0, 900),
                }
            ),
            by=lambda r: r["pathway_id"],
        )
    )
    zone = st.sampled_from(["", "z1", "z2"])
    fares = [
        {
            "fare_id": f,
            "price": price,
            "currency": "CNY",
            "transfers": draw(st.none() | st.integers(0, 2)),
            "line_id": draw(st.sampled_from(["", *(x["line_id"] for x in lines)])),
            "from_zone": draw(zone),
            "to_zone": draw(zone),
        }
        for f in draw(some(ids, 0, 2, by=str))
        for price in [draw(st.floats(0, 100))]
    ]

    def frame(rows: list[dict]) -> pl.DataFrame:
        return pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame()

    return Layers(
        agencies=pl.DataFrame({"agency_id": agencies, "name": "N", "url": "u", "timezone": "UTC", "lang": "zh"}),
        stops=frame(stops),
        lines=frame(lines),
        patterns=frame(patterns),
        shapes=frame([s for s in shapes if s["shape_id"] in {p["shape_id"] for p in patterns}]),
        pattern_stops=frame(calls),
        trips=frame(trips),
        headways=frame(headways),
        calendars=frame(calendars),
        calendar_dates=frame(calendar_dates),
        transfers=frame(transfers),
        pathways=frame(pathways),
        fares=frame(fares),
    )
