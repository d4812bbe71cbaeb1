import re
import zipfile
from pathlib import Path

import gtfs_guru
import pytest
from feeds import FEED, timetables, write_feed
from greentrip_networks.formats import ReadOptions, detect, read_layers, write_layers
from greentrip_networks.formats.sources import open_source
from greentrip_networks.layer_checks import validate_layers
from greentrip_networks.layers import Layers, differences
from greentrip_networks.problems import BadInputError, Problems
from greentrip_networks.repair import repair
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def feed(tmp_path: Path) -> Layers:
    return read_layers(write_feed(tmp_path / "feed.zip"))


def test_a_feed_becomes_patterns(feed: Layers) -> None:
    assert feed.patterns.rows() == [
        ("R1.0.1", "R1", 0, "East", "sh"),
        ("R1.1.1", "R1", 1, "West", ""),
        ("R2.0.1", "R2", 0, "", ""),
    ]
    calls = feed.pattern_stops
    one = calls.filter(pattern_id="R1.0.1")
    assert one["stop_id"].to_list() == ["S1", "B", "C"]
    assert one["arrive_s"].to_list() == [-30, 585, 1200]
    assert one["depart_s"].to_list() == [0, 585, 1200]
    assert one["stated"].to_list() == [True, False, True]
    assert one["distance_m"].to_list() == pytest.approx([0, 7000, 12600])
    assert one["board"].to_list() == [True, True, False]
    assert one["alight"].to_list() == [False, True, True]
    assert "shape_dist_traveled is in kilometres" in feed.notes.assumptions
    assert feed.trips.rows() == [
        ("T1", "R1.0.1", "wk", 28830, "b1"),
        ("T2", "R1.0.1", "wk", 88230, "b2"),
        ("T3", "R1.1.1", "wk", 32400, ""),
    ]
    assert feed.headways.rows() == [
        ("R2.0.1", "we", 21600, 32400, 300, False),
        ("R2.0.1", "we", 32400, 79200, 600, True),
    ]
    assert feed.calendars.rows()[0][:2] == ("wk", "1111100")
    assert feed.calendar_dates["runs"].to_list() == [False, True]


def test_stops_lines_and_the_rest(feed: Layers) -> None:
    stops = {s["stop_id"]: s for s in feed.stops.to_dicts()}
    assert (stops["S"]["kind"], stops["S"]["name"], stops["S1"]["parent"]) == ("station", "Station, the", "S")
    assert (stops["B"]["name"], stops["B"]["name_en"], stops["E"]["kind"]) == ("东站", "East Station", "entrance")
    one, two = feed.lines.to_dicts()
    assert (one["name"], one["name_en"], one["mode"], one["colour"]) == ("1", "Line 1", "metro", "C23A30")
    assert (two["name"], two["long_name"], two["mode"]) == ("The long way to the east", "", "bus")
    assert feed.transfers.select("from_stop", "to_stop", "kind", "min_s").rows() == [
        ("S1", "S2", "minimum", 120),
        ("B", "C", "impossible", None),
    ]
    assert feed.pathways.rows()[0] == ("P", "E", "S1", "walkway", True, 80.5, 70, None)
    assert feed.fares.select("fare_id", "price", "transfers", "line_id", "from_zone").rows() == [
        ("f", 2.5, None, "", ""),
        ("m", 4.0, 0, "R1", "z1"),
        ("m", 4.0, 0, "R1", "z2"),
    ]
    assert feed.notes.counts["stop_times.txt"] == 11


def test_what_is_written_is_valid_and_reads_the_same(feed: Layers, tmp_path: Path) -> None:
    problems = write_layers(feed, tmp_path / "out.zip", "gtfs")
    assert len(problems) == 0
    again = read_layers(tmp_path / "out.zip")
    assert differences(feed, again, 1e-9) == []
    result = gtfs_guru.validate(str(tmp_path / "out.zip"), date="2024-02-01")
    assert [(n.code, n.file, n.row) for n in result.errors()] == []
    first = (tmp_path / "out.zip").read_bytes()
    write_layers(again, tmp_path / "out.zip", "gtfs")
    assert (tmp_path / "out.zip").read_bytes() == first


@given(timetables())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_timetable_survives_being_written_and_read(tmp_path_factory, layers: Layers) -> None:
    path = tmp_path_factory.mktemp("feed") / "feed.zip"
    write_layers(layers, path, "gtfs")
    assert differences(layers, read_layers(path, form="gtfs"), 1e-6) == []


def test_a_folder_or_an_archive_with_a_folder_is_a_feed_too(feed: Layers, tmp_path: Path) -> None:
    (tmp_path / "feed").mkdir()
    with zipfile.ZipFile(tmp_path / "inside.zip", "w") as archive:
        for name, text in FEED.items():
            (tmp_path / "feed" / name).write_text(text)
            archive.writestr(f"feed/{name}", text)
    for path in (tmp_path / "feed", tmp_path / "inside.zip"):
        with open_source(path) as source:
            found = detect(source)
        assert found is not None
        assert found.name == "gtfs"
        assert differences(feed, read_layers(path)) == []


def test_several_feeds_become_one_network(tmp_path: Path) -> None:
    write_feed(tmp_path / "a.zip")
    write_feed(tmp_path / "b.zip", fare_rules=None)
    both = read_layers(tmp_path / "a.zip", tmp_path / "b.zip")
    assert len(both.stops) == 12
    assert both.stops["stop_id"][0] == "a:S"
    assert both.stops["parent"].to_list()[:2] == ["", "a:S"]
    assert set(both.patterns["pattern_id"]) == {f"{x}:{p}" for x in "ab" for p in ("R1.0.1", "R1.1.1", "R2.0.1")}
    assert both.pattern_stops["stop_id"].is_in(both.stops["stop_id"].implode()).all()
    assert both.notes.counts["b/trips.txt"] == 4


def bad(tmp_path: Path, **changes: str | bytes | None) -> list[tuple[str, str, int | None, str]]:
    with pytest.raises(BadInputError) as e:
        read_layers(write_feed(tmp_path / "bad.zip", **changes), form="gtfs")
    return [(p.code, p.file, p.line, p.field) for p in e.value.problems.kept if p.level == "error"]


def test_every_problem_of_a_file_is_named(tmp_path: Path) -> None:
    assert bad(tmp_path, trips=None)[0][:2] == ("no-file", "trips.txt")
    assert bad(tmp_path, calendar=None, calendar_dates=None)[0][:2] == ("no-file", "calendar.txt")
    assert bad(tmp_path, stops="stop_name,stop_lat,stop_lon\na,1,2\n")[0] == ("no-column", "stops.txt", 1, "stop_id")
    stops = FEED["stops.txt"].replace("39.95", "NaN").replace("39.99,116.39", "116.39,39.99")
    found = bad(tmp_path, stops=stops)
    assert ("no-place", "stops.txt", 5, "") in found
    assert ("swapped", "stops.txt", 6, "stop_lon, stop_lat") in found
    times = FEED["stop_times.txt"].replace("08:20:30,08:20:30,C", "8h20,8h20,Q").replace("T3,9:40", "T9,9:40")
    found = bad(tmp_path, stop_times=times)
    assert [f[0] for f in found] == ["unknown-trip", "unknown-stop", "no-time"]
    twice = FEED["trips.txt"] + "R1,wk,T1,,,,\nR9,xx,T9,,,,\n"
    assert bad(tmp_path, trips=twice) == [
        ("duplicate-id", "trips.txt", 6, "trip_id"),
        ("unknown-route", "trips.txt", 7, "line_id"),
    ]
    assert bad(tmp_path, stop_times="")[0][0] == "no-column"
    assert bad(tmp_path, routes=FEED["routes.txt"] + 'R3,A,"x\n')[0][0] == "bad-csv"
    assert ("too-many-cells", "calendar_dates.txt", 3, "") in bad(
        tmp_path, calendar_dates="service_id,date,exception_type\nwk,20240101,2\nwe,20240106,1,1\n"
    )


def test_what_cannot_be_used_is_left_out_when_asked(tmp_path: Path) -> None:
    times = FEED["stop_times.txt"].replace("9:40:00,S2", "9:40:00,Q") + "T2,25:00:00,25:00:00,C,x,,,\n"
    path = write_feed(tmp_path / "bad.zip", stop_times=times)
    problems = Problems()
    layers = read_layers(path, options=ReadOptions(repair=True), problems=problems)
    assert (problems.errors, {p.code for p in problems.kept}) == (0, {"unknown-stop", "bad-whole"})
    assert layers.pattern_stops.filter(pattern_id="R1.1.1")["stop_id"].to_list() == ["C", "B"]


def test_names_in_gbk_are_read(feed: Layers, tmp_path: Path) -> None:
    problems = Problems()
    path = write_feed(tmp_path / "gbk.zip", stops=FEED["stops.txt"].encode("gbk"))
    assert differences(feed, read_layers(path, problems=problems)) == []
    assert [(p.level, p.code, p.file) for p in problems.kept] == [("warning", "encoding", "stops.txt")]


NASTY = ("", "NaN", "inf", "-1", "9" * 30, '"', ",", "\n", "\0", "25:61:00", "20240230", "é", "回龙观", "S1", "x" * 300)


@given(
    name=st.sampled_from(sorted(FEED)),
    cell=st.integers(0, 10**6),
    value=st.sampled_from(NASTY) | st.text(max_size=20),
    cut=st.none() | st.integers(0, 2000),
    encoding=st.sampled_from(["utf-8", "utf-8", "gbk", "utf-16"]),
    mend=st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_feed_ends_in_anything_but_a_network_or_named_problems(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    cell: int,
    value: str,
    cut: int | None,
    encoding: str,
    mend: bool,
) -> None:
    cells = re.split(r"([,\n])", FEED[name])
    cells[cell % len(cells)] = value
    spoilt = "".join(cells).encode(encoding, "replace")[:cut]
    path = write_feed(tmp_path_factory.mktemp("fuzz") / "feed.zip", **{name.removesuffix(".txt"): spoilt})
    refused: BadInputError | None = None
    layers = Layers()
    try:
        layers = read_layers(path, form="gtfs", options=ReadOptions(repair=mend))
    except BadInputError as error:
        refused = error
    if refused is not None:
        assert refused.problems.errors > 0
        assert len(str(refused)) < 1000
    whole, _ = repair(layers)
    assert [p for p in validate_layers(whole).kept if p.level == "error" and "repair" in p.remedy] == []


def test_an_archive_with_damaged_headers_is_refused(tmp_path: Path) -> None:
    whole = write_feed(tmp_path / "feed.zip").read_bytes()
    for at, new in ((whole.index(b"PK\x03\x04", 4), b"XX"), (whole.rindex(b"PK\x01\x02") + 42, b"\xff\xff\xff\xff")):
        (tmp_path / "bad.zip").write_bytes(whole[:at] + new + whole[at + len(new) :])
        with pytest.raises(BadInputError) as e:
            read_layers(tmp_path / "bad.zip", form="gtfs")
        assert e.value.problems.kept[0].code in ("damaged", "unreadable")


def test_an_unknown_agency_is_forgotten_by_repair(tmp_path: Path) -> None:
    path = write_feed(tmp_path / "feed.zip", routes=FEED["routes.txt"].replace("R1,A", "R1,Z"))
    layers = read_layers(path)
    assert [p.code for p in validate_layers(layers).kept] == ["unknown-agency_id"]
    whole, done = repair(layers)
    assert done == ["removed 1 references of lines to no agency_id"]
    assert validate_layers(whole).table() == "no problems"
