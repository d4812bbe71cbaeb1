# ruff: noqa: E501 - files of other tools have long lines
"""Write a made-up city as a valid file, or folder, of every format that is read: for trying, fuzzing and benchmarks."""

import datetime as dt
from collections.abc import Collection
from pathlib import Path

import numpy as np
import osmium
import polars as pl
import shapely
from osmium.osm.mutable import Node, Relation, Way

from greentrip_networks.formats import formats, write_layers
from greentrip_networks.layers import Layers, Matrix, Notes


def city(side: int = 4, trips: int = 6) -> Layers:
    """Return a made-up grid of streets with zones, stops, a line and a matrix; `side` nodes along each edge."""
    n = side * side
    i, j = np.divmod(np.arange(n), side)
    lon, lat = np.round(116.3 + 0.01 * i, 6), np.round(39.9 + 0.008 * j, 6)
    tail = np.concatenate([np.arange(n)[i < side - 1], np.arange(n)[j < side - 1]])
    head = np.concatenate([np.arange(n)[i < side - 1] + side, np.arange(n)[j < side - 1] + 1])
    tail, head = np.concatenate([tail, head]), np.concatenate([head, tail])
    m = len(tail)
    bent = [
        [lon[a], lat[a], round((lon[a] + lon[b]) / 2 + 0.001, 6), lat[a], lon[b], lat[b]] if k % 3 == 0 else []
        for k, (a, b) in enumerate(zip(tail, head, strict=True))
    ]
    ids = [str(k + 1) for k in range(n)]
    nodes = pl.DataFrame(
        {
            "node_id": ids,
            "lon": lon,
            "lat": lat,
            "name": [f"路口{k}" for k in range(n)],
            "control": ["signal" if k % 5 == 0 else "none" for k in range(n)],
        }
    )
    links = pl.DataFrame(
        {
            "link_id": [f"l{k}" for k in range(m)],
            "from_node": [ids[k] for k in tail],
            "to_node": [ids[k] for k in head],
            "kind": ["primary" if k % 4 == 0 else "residential" for k in range(m)],
            "name": [f"Street {k % 7}" for k in range(m)],
            "length_m": [900.0 + k % 50 for k in range(m)],
            "lanes": [1.0 + k % 3 for k in range(m)],
            "free_kmh": [40.0] * m,
            "capacity_vph": [800.0 * (1 + k % 3) for k in range(m)],
            **dict.fromkeys(("drive", "cycle", "walk", "bus"), [True] * m),
            "b": [0.15] * m,
            "power": [4.0] * m,
            "geometry": bent,
        }
    )
    squares = [
        shapely.box(x, y, round(x + 0.01, 6), round(y + 0.008, 6)) for x, y in zip(lon[:side], lat[:side], strict=True)
    ]
    zones = pl.DataFrame(
        {
            "zone_id": ids[:side],
            "name": [f"街道{k}" for k in range(side)],
            "lon": lon[:side],
            "lat": lat[:side],
            "residents": [1000.0 + k for k in range(side)],
            "jobs": [500.0] * side,
            "geometry": [shapely.to_wkb(s) for s in squares],
        }
    )
    stops = pl.DataFrame(
        {
            "stop_id": [f"s{k}" for k in range(side)],
            "name": [f"站{k}" for k in range(side)],
            "lon": lon[:side],
            "lat": lat[:side],
        }
    )
    calls = pl.DataFrame(
        {
            "pattern_id": ["p"] * side,
            "order": range(side),
            "stop_id": stops["stop_id"],
            "arrive_s": [180 * k for k in range(side)],
            "depart_s": [180 * k + (30 if 0 < k < side - 1 else 0) for k in range(side)],
            "distance_m": [900.0 * k for k in range(side)],
        }
    )
    start = [21600 + 300 * k for k in range(trips)]
    day = {"service_id": ["day"], "days": ["1111111"], "start": [dt.date(2020, 1, 1)], "end": [dt.date(2020, 12, 31)]}
    return Layers(
        nodes=nodes,
        links=links,
        turns=pl.DataFrame(
            {
                "from_link": ["l0"],
                "to_link": [links.filter(from_node=links["to_node"][0])["link_id"][0]],
                "kind": ["banned"],
            }
        ),
        zones=zones,
        agencies=pl.DataFrame(
            {"agency_id": ["a"], "name": ["Bus"], "url": ["https://example.org"], "timezone": ["Asia/Shanghai"]}
        ),
        stops=stops,
        lines=pl.DataFrame({"line_id": ["L"], "name": ["1"], "mode": ["bus"], "agency": ["a"], "capacity": [90]}),
        patterns=pl.DataFrame({"pattern_id": ["p"], "line_id": ["L"], "direction": [0], "headsign": ["东"]}),
        pattern_stops=calls,
        trips=pl.DataFrame(
            {
                "trip_id": [f"t{k}" for k in range(trips)],
                "pattern_id": ["p"] * trips,
                "service_id": ["day"] * trips,
                "start_s": start,
            }
        ),
        calendars=pl.DataFrame(day),
        transfers=pl.DataFrame({"from_stop": ["s0"], "to_stop": ["s1"], "kind": ["minimum"], "min_s": [120]}),
        matrices={"car": Matrix(tuple(ids[:side]), np.arange(float(side * side)).reshape(side, side))},
        notes=Notes(name="grid"),
    )


def valid_files(folder: Path, side: int = 4, trips: int = 6, *, wanted: Collection[str] = ()) -> dict[str, Path]:
    """Write files for every format that is read; return paths by format (and a variant after a slash).

    wanted: only the paths of these formats; all if none are named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    layers = city(side, trips)
    made: dict[str, Path] = {}
    for name, kind in formats().items():
        if kind.write and kind.read:
            suffix = {"population": ".csv"}.get(name, kind.suffix)
            part = layers.with_(matrices={}) if name == "population" else layers
            made[name] = folder / f"{name}{suffix}"
            write_layers(part, made[name], name)
    write_layers(layers, folder / "people.parquet", "population")
    made["population/parquet"] = folder / "people.parquet"
    for variant, text in (("osm/pbf", "x.osm.pbf"), ("osm/xml", "x.osm")):
        made[variant] = folder / text
        _osm(layers, made[variant])
    for name, file, text in (
        ("sumo", "x.net.xml", _sumo(layers)),
        ("visum", "x.net", _visum(layers)),
        ("emme", "x.in", _emme(layers)),
    ):
        made[name] = folder / file
        made[name].write_text(text, encoding="utf-8")
    made["tntp"] = folder / "tntp"
    made["tntp"].mkdir(exist_ok=True)
    for kind_of, content in _tntp(layers, side).items():
        (made["tntp"] / f"x_{kind_of}.tntp").write_text(content, encoding="utf-8")
    return {name: path for name, path in made.items() if not wanted or name.split("/")[0] in wanted}


def _osm(layers: Layers, path: Path) -> None:
    """Write the streets as one way each."""
    path.unlink(missing_ok=True)
    with osmium.SimpleWriter(str(path)) as out:
        for node, lon, lat, control in layers.nodes.select("node_id", "lon", "lat", "control").iter_rows():
            out.add_node(
                Node(
                    id=int(node),
                    location=(lon, lat),
                    tags={"highway": "traffic_signals"} if control == "signal" else {},
                )
            )
        for k, (a, b, kind, name) in enumerate(
            layers.links.select("from_node", "to_node", "kind", "name").iter_rows(), 1
        ):
            tags = {"highway": kind, "name": name, "lanes": "2", "maxspeed": "30 mph", "oneway": "yes"}
            out.add_way(Way(id=k, nodes=[int(a), int(b)], tags=tags))
        members = [("w", 1, "from"), ("n", int(layers.links["to_node"][0]), "via"), ("w", 2, "to")]
        out.add_relation(Relation(id=1, members=members, tags={"type": "restriction", "restriction": "no_left_turn"}))


def _places(layers: Layers) -> list[tuple[str, float, float]]:
    from greentrip_networks.crs import from_wgs84

    x, y = from_wgs84(layers.nodes["lon"], layers.nodes["lat"], "EPSG:32650")
    return list(zip(layers.nodes["node_id"].to_list(), np.round(x, 2).tolist(), np.round(y, 2).tolist(), strict=True))


def _sumo(layers: Layers) -> str:
    proj = "+proj=utm +zone=50 +ellps=WGS84 +datum=WGS84 +units=m +no_defs"
    rows = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<net version="1.20"><location netOffset="-400000.00,-4400000.00" projParameter="{proj}"/>'
    ]
    for link, a, b, metres in layers.links.select("link_id", "from_node", "to_node", "length_m").iter_rows():
        rows.append(
            f'<edge id="{link}" from="{a}" to="{b}" priority="1"><lane id="{link}_0" index="0" disallow="tram" speed="13.89" length="{metres}"/></edge>'
        )
    rows += [
        f'<junction id="{n}" type="priority" x="{x - 4e5:.2f}" y="{y - 4.4e6:.2f}"/>' for n, x, y in _places(layers)
    ]
    rows.append('<connection from="l0" to="l1" fromLane="0" toLane="0" dir="s" state="M"/>\n</net>\n')
    return "\n".join(rows)


def _visum(layers: Layers) -> str:
    rows = [
        "$VISION",
        "$VERSION:VERSNR;FILETYPE;LANGUAGE;UNIT",
        "12.00;Net;ENG;KM",
        "$NETWORK:PROJECTIONDEFINITION",
        "EPSG:32650",
        "$NODE:NO;NAME;XCOORD;YCOORD",
    ]
    rows += [f"{n};Node {n};{x};{y}" for n, x, y in _places(layers)]
    rows.append("$LINK:NO;FROMNODENO;TONODENO;TYPENO;TSYSSET;LENGTH;NUMLANES;CAPPRT;V0PRT")
    ends = layers.links.select("from_node", "to_node", "length_m").iter_rows()
    rows += [f"{k};{a};{b};1;C;{metres / 1000}km;1;800;50km/h" for k, (a, b, metres) in enumerate(ends, 1)]
    rows += [
        "$ZONE:NO;NAME;XCOORD;YCOORD",
        f"1;Centre;{_places(layers)[0][1]};{_places(layers)[0][2]}",
        "$CONNECTOR:ZONENO;NODENO;DIRECTION",
        "1;1;O",
        "1;1;D",
    ]
    rows += [
        "$STOPPOINT:NO;STOPAREANO;NAME;NODENO",
        *(f"{k};0;Stop {k};{k}" for k in (1, 2)),
        "$TSYS:CODE;NAME;TYPE",
        "C;Car;PRT",
        "B;Bus;PUT",
    ]
    rows += [
        "$LINE:NAME;TSYSCODE",
        "B1;B",
        "$LINEROUTEITEM:LINENAME;LINEROUTENAME;DIRECTIONCODE;INDEX;STOPPOINTNO;POSTLENGTH",
        "B1;r;>;1;1;0.9km",
        "B1;r;>;2;2;0km",
    ]
    rows += [
        "$TIMEPROFILEITEM:LINENAME;LINEROUTENAME;DIRECTIONCODE;TIMEPROFILENAME;INDEX;LRITEMINDEX;ARR;DEP",
        "B1;r;>;p;1;1;00:00:00;00:00:00",
        "B1;r;>;p;2;2;00:03:00;00:03:00",
    ]
    rows += ["$VEHJOURNEY:NO;DEP;LINENAME;LINEROUTENAME;DIRECTIONCODE;TIMEPROFILENAME", "1;07:00:00;B1;r;>;p"]
    return "\n".join(rows) + "\n"


def _emme(layers: Layers) -> str:
    places = layers.nodes.select("node_id", "lon", "lat").iter_rows()
    rows = [
        "t modes init",
        "a c 'auto' 1 1",
        "t nodes init",
        *(f"{'a*' if k == 0 else 'a'} {n} {x} {y} 0 0 0 'N'" for k, (n, x, y) in enumerate(places)),
    ]
    links = layers.links.select("from_node", "to_node", "length_m").iter_rows()
    rows += [
        "t links init",
        *(f"a {a} {b} {metres / 1000} c 1 2.0 1 0 0 0" for a, b, metres in links),
        "t turns init",
        "c none",
    ]
    return "\n".join(rows) + "\n"


def _tntp(layers: Layers, zones: int) -> dict[str, str]:
    head = f"<NUMBER OF ZONES> {zones}\n<NUMBER OF NODES> {len(layers.nodes)}\n<FIRST THRU NODE> 1\n<NUMBER OF LINKS> {len(layers.links)}\n<END OF METADATA>\n~ init term\n"
    links = layers.links.select("from_node", "to_node", "length_m").iter_rows()
    net = head + "".join(f"\t{a}\t{b}\t800\t{metres / 1000}\t1.5\t0.15\t4\t0\t0\t1\t;\n" for a, b, metres in links)
    node = "Node\tX\tY\t;\n" + "".join(
        f"{n}\t{x}\t{y}\t;\n" for n, x, y in layers.nodes.select("node_id", "lon", "lat").iter_rows()
    )
    rows = "".join(
        f"Origin {o}\n" + " ".join(f"{d} : {o * d}.5;" for d in range(1, zones + 1)) + "\n" for o in range(1, zones + 1)
    )
    trips = f"<NUMBER OF ZONES> {zones}\n<TOTAL OD FLOW> 0\n<END OF METADATA>\n{rows}"
    return {"net": net, "node": node, "trips": trips}
