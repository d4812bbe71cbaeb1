"""Visum and EMME text networks after their public descriptions; every wrong row is named."""

from pathlib import Path

import pytest
from greentrip_networks.crs import from_wgs84
from greentrip_networks.formats import ReadOptions, read_layers
from greentrip_networks.problems import BadInputError, Problems

VISUM = """$VISION
* A company
* Table: Version block
$VERSION:VERSNR;FILETYPE;LANGUAGE;UNIT
12.00;Net;ENG;KM
$TSYS:CODE;NAME;TYPE;PCU
B;Bus;PUT;1.000
C;Car;PRT;1.000
M;Metro;PUT;1.000
W;Walk;PUTWALK;1.000
$NODE:NO;CODE;NAME;TYPENO;CONTROLTYPE;XCOORD;YCOORD
1;;West;0;0;442000.0;4418000.0
2;;Mid;0;3;443000.0;4418000.0
3;;East;0;0;444000.0;4418000.0
$ZONE:NO;CODE;NAME;TYPENO;XCOORD;YCOORD
7;;Centre;0;443000.0;4418500.0
$LINKTYPE:NO;NAME;TSYSSET;NUMLANES;CAPPRT;V0PRT
20;Urban road;B,C,W;2;1600;50km/h
$LINK:NO;FROMNODENO;TONODENO;NAME;TYPENO;TSYSSET;LENGTH;NUMLANES;CAPPRT;V0PRT
1;1;2;Main;20;B,C,W;1.100km;2;1800;60km/h
1;2;1;Main;20;B,C,W;1.100km;;;
2;2;3;;20;C;1000m;1;900;50km/h
2;3;2;;20;;1000m;1;900;50km/h
$LINKPOLY:FROMNODENO;TONODENO;INDEX;XCOORD;YCOORD
1;2;2;442600.0;4418200.0
1;2;1;442300.0;4418100.0
$TURN:FROMNODENO;VIANODENO;TONODENO;TYPENO;TSYSSET
1;2;3;2;C
1;2;1;4;
$CONNECTOR:ZONENO;NODENO;DIRECTION;TYPENO;TSYSSET;LENGTH
7;2;O;0;C;0.5km
7;2;D;0;C;0.5km
$STOP:NO;CODE;NAME;TYPENO;XCOORD;YCOORD
10;;West station;0;442000.0;4418010.0
$STOPAREA:NO;STOPNO;CODE;NAME;NODENO;TYPENO;XCOORD;YCOORD
100;10;;;1;0;442000.0;4418000.0
200;;;;2;0;443000.0;4418000.0
$STOPPOINT:NO;STOPAREANO;CODE;NAME;TYPENO;TSYSSET;DIRECTED;NODENO;FROMNODENO;LINKNO;RELPOS
1000;100;;West;0;B;0;1;;;0
2000;200;;Mid;0;B;0;2;;;0
$LINE:NAME;TSYSCODE
B1;B
$LINEROUTE:LINENAME;NAME;DIRECTIONCODE;ISCIRCLELINE
B1;r;>;0
$LINEROUTEITEM:LINENAME;LINEROUTENAME;DIRECTIONCODE;INDEX;ISROUTEPOINT;NODENO;STOPPOINTNO;POSTLENGTH
B1;r;>;1;1;1;1000;1.100km
B1;r;>;2;1;2;2000;0.000km
$TIMEPROFILE:LINENAME;LINEROUTENAME;DIRECTIONCODE;NAME
B1;r;>;p
$TIMEPROFILEITEM:LINENAME;LINEROUTENAME;DIRECTIONCODE;TIMEPROFILENAME;INDEX;LRITEMINDEX;ALIGHT;BOARD;ARR;DEP
B1;r;>;p;1;1;0;1;00:00:00;00:00:00
B1;r;>;p;2;2;1;0;00:03:20;00:03:20
$VEHJOURNEY:NO;NAME;DEP;LINENAME;LINEROUTENAME;DIRECTIONCODE;TIMEPROFILENAME;FROMTPROFITEMINDEX;TOTPROFITEMINDEX
1;;07:00:00;B1;r;>;p;1;2
2;;07:10:00;B1;r;>;p;1;2
$POICATEGORY:NO;CODE
1;x
"""
PLANE = ReadOptions(crs="EPSG:32650")


def write(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


def refused(path: Path, options: ReadOptions) -> list[tuple[str, int | None, str]]:
    with pytest.raises(BadInputError) as caught:
        read_layers(path, options=options)
    return [(p.code, p.line, p.saw) for p in caught.value.problems.kept if p.level == "error"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_visum_network(tmp_path: Path, encoding: str) -> None:
    layers = read_layers(write(tmp_path / "a.net", VISUM, encoding), options=PLANE)
    rows = {(r["from_node"], r["to_node"]): r for r in layers.links.iter_rows(named=True)}
    assert set(rows) == {("1", "2"), ("2", "1"), ("2", "3"), ("zone 7", "2"), ("2", "zone 7")}
    one, back = rows["1", "2"], rows["2", "1"]
    assert (one["length_m"], one["lanes"], one["capacity_vph"], one["free_kmh"], one["name"]) == (
        1100,
        2,
        1800,
        60,
        "Main",
    )
    assert (back["lanes"], back["capacity_vph"], back["free_kmh"]) == (2, 1600, 50)
    assert [one[c] for c in ("drive", "walk", "cycle", "bus")] == [True, True, False, True]
    assert rows["2", "3"]["length_m"] == 1000
    assert rows["zone 7", "2"]["length_m"] == pytest.approx(500, rel=1e-3)
    x, y = from_wgs84(one["geometry"][0::2], one["geometry"][1::2], "EPSG:32650")
    assert list(x) == pytest.approx([442000, 442300, 442600, 443000], abs=1e-3)
    assert list(y) == pytest.approx([4418000, 4418100, 4418200, 4418000], abs=1e-3)
    assert layers.nodes.filter(node_id="2")["control"].to_list() == ["signal"]
    assert layers.nodes.filter(node_id="zone 7")["zone_id"].to_list() == ["7"]
    assert list(layers.turns.select("from_link", "to_link").iter_rows()) == [(one["link_id"], back["link_id"])]
    assert dict(layers.lines.select("line_id", "mode").iter_rows()) == {"B1": "bus"}
    calls = layers.pattern_stops.sort("order")
    assert calls["stop_id"].to_list() == ["1000", "2000"]
    assert calls["arrive_s"].to_list() == [0, 200]
    assert calls["distance_m"].to_list() == [0, 1100]
    assert calls["board"].to_list() == [True, False]
    assert layers.trips["start_s"].to_list() == [25200, 25800]
    stop = layers.stops.filter(stop_id="1000").row(0, named=True)
    assert (stop["parent"], stop["node_id"]) == ("station 10", "1")
    assert any("$POICATEGORY: 1 rows" in a for a in layers.notes.assumptions)


def test_german_names_and_decimal_commas(tmp_path: Path) -> None:
    text = """$VISION
$VERSION:VERSNR;FILETYPE;LANGUAGE;UNIT
8.10;Net;DEU;KM
$KNOTEN:NR;XKOORD;YKOORD
1;11,50;48,10
2;11,51;48,10
$STRECKE:NR;VONKNOTNR;NACHKNOTNR;TYPNR;VSYSSET;LAENGE;ANZFAHRSTREIFEN;KAPIV;V0IV
1;1;2;5;P;0,745;1;800;50
"""
    link = read_layers(write(tmp_path / "a.net", text)).links.row(0, named=True)
    assert (link["length_m"], link["free_kmh"], link["drive"], link["walk"]) == (745, 50, True, False)


def test_every_problem_of_a_visum_network_is_named(tmp_path: Path) -> None:
    bad = VISUM.replace("2;;Mid;0;3;443000.0;4418000.0", "2;;Mid;0;3;east;4418000.0").replace(
        "2;2;3;;20;C;1000m;1;900;50km/h", "2;2;3;;20;C"
    )
    bad = (
        bad.replace("3;;East", "1;;East")
        .replace("B1;r;>;p;2;2;1;0;00:03:20", "B1;r;>;p;2;9;1;0;00:03:20")
        .replace("2;;07:10:00", "1;;07:10:00")
    )
    bad = bad.replace("1;;07:00:00;B1;r;>;p", "3;;07:00:00;B1;r;>;q")
    found = refused(write(tmp_path / "a.net", bad), PLANE)
    assert {c for c, *_ in found} == {
        "bad-number",
        "bad-row",
        "duplicate-id",
        "unknown-node",
        "unknown-stop",
        "unknown-profile",
    }
    assert ("bad-number", 13, "'east'") in found
    assert ("bad-row", 22, "'6 cells'") in found
    assert [c for c, *_ in refused(write(tmp_path / "b.net", VISUM), ReadOptions())] == ["unknown-crs"]


EMME = """c EMME network, batchout
t modes init
c mode
a c 'auto' 1 1
a b 'bus' 2 2
a w 'walk' 3 3
a k 'bicycle' 3 3
t nodes init
c node X Y d1 d2 d3 label
a* 1 442000 4418000 0 0 0 A
a  10 443000 4418000 0 0 0 'M10'
a  11 443000 4419000 0 0 0
t links init
a 1 10 1.00 cw 9 1.0 1 0 0 0
a 10 1 1.00 cw 9 1.0 1 0 0 0
a 10 11 1.05 cbk 1 2.0 12 0 50 1200
t turns init
a 10 1 11 0
a 10 1 1 -1
t lines init
a '1001' b 1 10.00 20.00 'Line'
"""


def test_an_emme_network(tmp_path: Path) -> None:
    path = write(tmp_path / "net.in", EMME)
    layers = read_layers(path, options=PLANE)
    rows = {r["link_id"]: r for r in layers.links.iter_rows(named=True)}
    assert {k: [r[c] for c in ("drive", "cycle", "walk", "bus")] for k, r in rows.items()} == {
        "1-10": [True, False, True, True],
        "10-1": [True, False, True, True],
        "10-11": [True, True, False, True],
    }
    assert (rows["10-11"]["length_m"], rows["10-11"]["lanes"], rows["10-11"]["kind"]) == (1050, 2, "1")
    assert layers.zones["zone_id"].to_list() == ["1"]
    assert layers.nodes["name"].to_list() == ["A", "M10", ""]
    assert list(layers.turns.select("from_link", "to_link").iter_rows()) == [("1-10", "10-11")]
    problems = Problems()
    plain = read_layers(path, problems=problems)
    assert plain.nodes["lon"].null_count() == 3
    assert plain.links["length_m"][0] == 1000
    assert [p.code for p in problems.kept] == ["no-projection"]


def test_every_problem_of_an_emme_network_is_named(tmp_path: Path) -> None:
    bad = (
        EMME.replace("443000 4419000", "443000 north")
        .replace("10 11 1.05", "10 77 1.05")
        .replace("a 10 1 11 0", "x 10 1 11 0")
    )
    bad = bad.replace("a 10 1 1 -1", "a 10 1 99 0").replace("a 10 1 1.00", "a 10 1 -1")
    assert set(refused(write(tmp_path / "net.in", bad), PLANE)) == {
        ("bad-number", 12, "'north'"),
        ("unknown-node", 16, "'77'"),
        ("bad-number", 15, "'-1'"),
        ("bad-update", 18, "'x 10 1 11 0'"),
        ("unknown-link", 19, "'1 10 99'"),
    }
