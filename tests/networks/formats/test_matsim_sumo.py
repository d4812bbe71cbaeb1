# ruff: noqa: E501 - files of other tools have long lines
"""MATSim and SUMO files as their tools write them; what is wrong is named, and nothing of the machine comes in."""

import gzip
from pathlib import Path

import pytest
from greentrip_networks.crs import from_wgs84
from greentrip_networks.formats import ReadOptions, read_layers, write_layers
from greentrip_networks.formats.sources import Limits
from greentrip_networks.problems import BadInputError, Problems

NETWORK = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE network SYSTEM "http://www.matsim.org/files/dtd/network_v2.dtd">
<network name="Two streets">
  <attributes><attribute name="coordinateReferenceSystem" class="java.lang.String">EPSG:32650</attribute></attributes>
  <nodes>
    <node id="1" x="442000.0" y="4418000.0"/>
    <node id="2" x="443000.0" y="4418000.0"><attributes><attribute name="x" class="java.lang.String">7</attribute></attributes></node>
    <node id="3" x="443000.0" y="4419000.0"/>
  </nodes>
  <links capperiod="02:00:00" effectivecellsize="7.5" effectivelanewidth="3.75">
    <link id="a" from="1" to="2" length="1000.0" freespeed="13.89" capacity="3600.0" permlanes="2.0" oneway="1" modes="car,bus"/>
    <link id="b" from="2" to="3" freespeed="5.0" capacity="1000.0" permlanes="1.0" oneway="1" modes="bike, walk">
      <attributes><attribute name="type" class="java.lang.String">highway.cycleway</attribute></attributes>
    </link>
  </links>
</network>
"""
SCHEDULE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE transitSchedule SYSTEM "http://www.matsim.org/files/dtd/transitSchedule_v2.dtd">
<transitSchedule>
  <transitStops>
    <stopFacility id="s1" x="442000.0" y="4418000.0" linkRefId="a" name="北门" isBlocking="false"/>
    <stopFacility id="s2" x="443000.0" y="4418000.0" linkRefId="a"/>
  </transitStops>
  <minimalTransferTimes><relation fromStop="s1" toStop="s2" transferTime="120.0"/></minimalTransferTimes>
  <transitLine id="L1" name="Line 1">
    <transitRoute id="r">
      <transportMode>subway</transportMode>
      <routeProfile>
        <stop refId="s1" departureOffset="00:00:00" awaitDeparture="true"/>
        <stop refId="s2" arrivalOffset="00:04:00" allowBoarding="false"/>
      </routeProfile>
      <route><link refId="a"/></route>
      <departures>
        <departure id="1" departureTime="24:10:00" vehicleRefId="v1"/>
        <departure id="2" departureTime="05:00:00" vehicleRefId="v1"/>
      </departures>
    </transitRoute>
  </transitLine>
  <transitLine id="L2"><transitRoute id="r"><transportMode>bus</transportMode>
    <routeProfile><stop refId="s1" departureOffset="00:00:00"/><stop refId="s2" arrivalOffset="00:01:00"/></routeProfile>
    <departures><departure id="1" departureTime="06:00:00"/></departures></transitRoute></transitLine>
</transitSchedule>
"""
VEHICLES = """<vehicleDefinitions xmlns="http://www.matsim.org/files/dtd">
<vehicleType id="train"><capacity seats="400" standingRoomInPersons="600"/></vehicleType><vehicle id="v1" type="train"/>
</vehicleDefinitions>"""


def folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.xml").write_text(text, encoding="utf-8")
    return path


def refused(path: Path, **options: object) -> list[tuple[str, int | None, str, str]]:
    with pytest.raises(BadInputError) as caught:
        read_layers(path, options=ReadOptions(**options))  # type: ignore[arg-type]
    return [(p.code, p.line, p.record or p.field, p.saw) for p in caught.value.problems.kept if p.level == "error"]


def test_a_matsim_network_and_schedule(tmp_path: Path) -> None:
    layers = read_layers(folder(tmp_path / "m", network=NETWORK, transitSchedule=SCHEDULE, vehicles=VEHICLES))
    one, two = layers.links.sort("link_id").iter_rows(named=True)
    assert (one["capacity_vph"], one["lanes"], one["length_m"]) == (1800, 2, 1000)
    assert one["free_kmh"] == pytest.approx(50, abs=0.01)
    assert (one["drive"], one["bus"], one["cycle"], two["drive"], two["cycle"], two["walk"]) == (
        True,
        True,
        False,
        False,
        True,
        True,
    )
    assert two["length_m"] == pytest.approx(1000, rel=1e-3)
    assert two["kind"] == "highway.cycleway"
    x, y = from_wgs84(layers.nodes["lon"], layers.nodes["lat"], "EPSG:32650")
    assert (x[0], y[0]) == pytest.approx((442000, 4418000), abs=1e-3)
    assert layers.stops["name"].to_list() == ["北门", ""]
    assert dict(layers.lines.select("line_id", "mode").iter_rows()) == {"L1": "metro", "L2": "bus"}
    assert layers.lines["capacity"].to_list() == [1000, None]
    assert layers.patterns["pattern_id"].to_list() == ["r", "L2 r"]
    assert layers.pattern_stops["arrive_s"].to_list() == [0, 240, 0, 60]
    assert layers.pattern_stops["board"].to_list() == [True, False, True, True]
    assert dict(layers.trips.select("trip_id", "start_s").iter_rows()) == {"r 1": 87000, "2": 18000, "L2 r 1": 21600}
    assert layers.transfers["min_s"].to_list() == [120]


def test_matsim_files_may_be_packed_and_given_one_by_one(tmp_path: Path) -> None:
    one, two = tmp_path / "network.xml.gz", tmp_path / "transitSchedule.xml.gz"
    one.write_bytes(gzip.compress(NETWORK.encode()))
    two.write_bytes(gzip.compress(SCHEDULE.encode()))
    layers = read_layers(one, two)
    assert (len(layers.links), len(layers.stops), layers.notes.format) == (2, 2, "matsim")


def test_a_written_schedule_runs_over_links_of_its_own_that_are_not_read_back(tmp_path: Path) -> None:
    layers = read_layers(folder(tmp_path / "m", network=NETWORK, transitSchedule=SCHEDULE, vehicles=VEHICLES))
    write_layers(layers, tmp_path / "out", "matsim")
    written = (tmp_path / "out" / "network.xml").read_text(encoding="utf-8")
    for wanted in ('id="pt s1" from="pt s1" to="pt s1"', 'id="pt s1 s2" from="pt s1" to="pt s2"'):
        assert wanted in written
    again = read_layers(tmp_path / "out")
    assert again.notes.counts["links made for transit, left out"] == 3
    assert sorted(again.links["link_id"]) == ["a", "b"]
    assert again.lines.sort("line_id")["capacity"].to_list()[0] == 1000


def test_headways_become_departures_of_one_day(tmp_path: Path) -> None:
    layers = read_layers(folder(tmp_path / "m", transitSchedule=SCHEDULE), options=ReadOptions(crs="EPSG:32650"))
    import polars as pl

    runs = [("weekday", 0, 1800, 600), ("sunday", 0, 1000, 100)]
    headways = pl.DataFrame(
        [("r", *r) for r in runs], schema=["pattern_id", "service_id", "start_s", "end_s", "headway_s"], orient="row"
    )
    days = pl.DataFrame({"service_id": ["weekday", "sunday"], "days": ["1111100", "0000001"]})
    changed = layers.with_(headways=headways, trips=pl.DataFrame(), calendars=days)
    problems = write_layers(changed, tmp_path / "out", "matsim")
    assert {p.code for p in problems.kept} == {"one-day"}
    assert sorted(read_layers(tmp_path / "out").trips["start_s"]) == [0, 600, 1200]


def test_every_problem_of_a_matsim_network_is_named(tmp_path: Path) -> None:
    bad = (
        NETWORK.replace('y="4419000.0"', 'y="nan"')
        .replace('to="2"', 'to="9"')
        .replace('freespeed="5.0"', 'freespeed="-5"')
    )
    bad = bad.replace('<node id="1"', '<node id="2" x="1" y="1"/><node id="1"').replace('"02:00:00"', '"soon"')
    path = tmp_path / "network.xml"
    path.write_text(bad, encoding="utf-8")
    assert set(refused(path)) == {
        ("bad-period", 10, "capperiod", "'soon'"),
        ("bad-number", 8, "y", "'nan'"),
        ("duplicate-id", 7, "node_id", "'2'"),
        ("unknown-node", 11, "to", "'9'"),
        ("unknown-node", 12, "to", "'3'"),
    }


def test_every_problem_of_a_schedule_is_named(tmp_path: Path) -> None:
    bad = SCHEDULE.replace('refId="s2" arrivalOffset="00:04:00"', 'refId="s9" arrivalOffset="00:04:00"').replace(
        "05:00:00", "early"
    )
    bad = bad.replace('refId="s2" arrivalOffset="00:01:00"', 'refId="s2"').replace('toStop="s2"', 'toStop="x"')
    path = folder(tmp_path / "m", transitSchedule=bad)
    got = refused(path, crs="EPSG:32650")
    assert {(c, s) for c, _, _, s in got} == {
        ("unknown-stop", "'s9'"),
        ("bad-time", "'early'"),
        ("no-time", ""),
        ("unknown-stop", "'x'"),
    }
    assert all(line for _, line, _, _ in got)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('<!DOCTYPE network [<!ENTITY a "b">]><network>&a;</network>', "xml-entity"),
        ('<!DOCTYPE network [<!ENTITY a SYSTEM "file:///etc/passwd">]><network>&a;</network>', "xml-entity"),
        ('<!DOCTYPE network [<!ENTITY % a SYSTEM "http://127.0.0.1/x">%a;]><network/>', "xml-entity"),
        ("<network>" + "<a>" * 200, "too-deep"),
        ('<network><nodes><node id="' + "x" * 300_000, "long-token"),
        (
            "<network><attributes><attribute name='q'>" + "x" * 1_200_000 + "</attribute></attributes></network>",
            "long-text",
        ),
        ("<network><nodes></network>", "bad-xml"),
        ("<network>", "bad-xml"),
        ('<?xml version="1.0" encoding="klingon"?><network/>', "encoding"),
        ("<network>\x00</network>", "bad-xml"),
    ],
)
def test_xml_that_is_not_safe_is_refused(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "network.xml"
    path.write_text(text)
    with pytest.raises(BadInputError) as caught:
        read_layers(path, form="matsim", options=ReadOptions(limits=Limits(line_bytes=100_000)))
    assert caught.value.problems.kept[0].code == code


SUMO = """<?xml version="1.0" encoding="UTF-8"?>
<net version="1.20" junctionCornerDetail="5">
    <location netOffset="-442000.00,-4418000.00" convBoundary="0,0,1000,1000" origBoundary="116,39,117,40" projParameter="{proj}"/>
    <edge id=":2_0" function="internal"><lane id=":2_0_0" index="0" speed="5" length="4" shape="1,1 2,2"/></edge>
    <edge id="in" from="1" to="2" priority="3" type="highway.primary" name="Main" shape="0.00,0.00 500.00,30.00 1000.00,0.00">
        <lane id="in_0" index="0" allow="pedestrian bicycle" speed="5.00" length="1003.60" shape="0,0 1,1"/>
        <lane id="in_1" index="1" allow="bus" speed="13.89" length="1003.60" shape="0,0 1,1"/>
        <lane id="in_2" index="2" disallow="pedestrian tram" speed="16.67" length="1003.60" shape="0,0 1,1"/>
    </edge>
    <edge id="-in" from="2" to="1" priority="3"><lane id="-in_0" index="0" speed="13.89" length="1003.60" shape="0,0 1,1"/></edge>
    <edge id="up" from="2" to="3" priority="1"><lane id="up_0" index="0" speed="8.33" length="990.00" shape="0,0 1,1"/></edge>
    <edge id="rail" from="1" to="3"><lane id="rail_0" index="0" allow="rail_urban" speed="20" length="900" shape="0,0 1,1"/></edge>
    <junction id="1" type="dead_end" x="0.00" y="0.00" incLanes="" intLanes="" shape=""/>
    <junction id="2" type="traffic_light" x="1000.00" y="0.00" incLanes="" intLanes="" shape=""/>
    <junction id="3" type="priority" x="1000.00" y="1000.00" incLanes="" intLanes="" shape=""/>
    <junction id=":2_0" type="internal" x="1000.00" y="1.00" incLanes="" intLanes=""/>
    <connection from="in" to="up" fromLane="2" toLane="0" via=":2_0_0" dir="l" state="O"/>
    <connection from=":2_0" to="up" fromLane="0" toLane="0" dir="s" state="M"/>
</net>
"""
UTM = "+proj=utm +zone=50 +ellps=WGS84 +datum=WGS84 +units=m +no_defs"


def sumo(path: Path, proj: str = UTM, *changes: tuple[str, str]) -> Path:
    text = SUMO.format(proj=proj)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_sumo_network(tmp_path: Path) -> None:
    layers = read_layers(sumo(tmp_path / "a.net.xml"))
    rows = {r["link_id"]: r for r in layers.links.iter_rows(named=True)}
    assert set(rows) == {"in", "-in", "up"}
    main = rows["in"]
    assert (main["lanes"], main["length_m"], main["kind"], main["name"]) == (1, 1003.6, "primary", "Main")
    assert main["free_kmh"] == pytest.approx(60, abs=0.02)
    assert [main[c] for c in ("drive", "cycle", "walk", "bus", "bus_lane")] == [True] * 5
    x, y = from_wgs84(main["geometry"][0::2], main["geometry"][1::2], "EPSG:32650")
    assert list(zip(x, y, strict=True)) == [
        pytest.approx(p, abs=1e-3) for p in ((442000, 4418000), (442500, 4418030), (443000, 4418000))
    ]
    assert rows["up"]["geometry"] == []
    assert dict(layers.nodes.select("node_id", "control").iter_rows()) == {"1": "none", "2": "signal", "3": "give_way"}
    assert set(layers.turns.select("from_link", "to_link").iter_rows()) == {("in", "-in"), ("-in", "in")}
    assert layers.notes.counts["edges for others, left out"] == 1


def test_a_sumo_network_without_projection_has_no_places_until_a_system_is_named(tmp_path: Path) -> None:
    problems = Problems()
    path = sumo(tmp_path / "a.net.xml", "!")
    layers = read_layers(path, problems=problems)
    assert [p.code for p in problems.kept] == ["no-projection"]
    assert layers.nodes["lon"].null_count() == 3
    assert layers.links["length_m"].null_count() == 0
    named = read_layers(path, options=ReadOptions(crs="EPSG:32650"))
    assert named.nodes["lon"].null_count() == 0


def test_every_problem_of_a_sumo_network_is_named(tmp_path: Path) -> None:
    changes = (
        ('to="3" priority', 'to="8" priority'),
        ('id="2" type', 'id="3" type'),
        ('y="1000.00"', 'y="inf"'),
        ("13.89", "fast"),
    )
    found = refused(sumo(tmp_path / "a.net.xml", UTM, *changes))
    assert {(c, s) for c, _, _, s in found} == {
        ("bad-number", "'inf'"),
        ("unknown-node", "'8'"),
        ("unknown-node", "'2'"),
    }
    assert {c for c, *_ in refused(sumo(tmp_path / "b.net.xml", "+proj=nonsense"))} >= {"unknown-crs"}
