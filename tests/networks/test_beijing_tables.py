"""The bundled tables of Beijing: complete, consistent, and equal to the reference where one is at hand."""

import csv
import math
import os
import re
import tomllib
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT / "networks" / "greentrip_networks" / "data" / "beijing"
REFERENCE = Path(os.environ.get("GREENTRIP_REFERENCE", ROOT.parent / "shared" / "data")) / "beijing"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="reference data not at hand (GREENTRIP_REFERENCE)")

STATIONS_BY_YEAR = {2013: 233, 2014: 268, 2015: 278, 2016: 288, 2017: 311, 2018: 329, 2019: 340, 2020: 360}
LINES_BY_YEAR = {2013: 16, 2014: 18, 2015: 18, 2016: 19, 2017: 22, 2018: 23, 2019: 24, 2020: 25}
KM_BY_YEAR = {2013: 451.8, 2014: 510.5, 2015: 536.3, 2016: 555.4, 2017: 587.9, 2018: 617.6, 2019: 672.9, 2020: 701.3}
# The yearly graphs number the lines; ours carry their names.
REFERENCE_LINES = {
    "1": "1",
    "2": "2",
    "3": "4",
    "4": "5",
    "5": "6",
    "6": "7",
    "7": "8-south",
    "8": "8",
    "9": "9",
    "10": "10",
    "11": "13",
    "12": "14-east",
    "13": "14-west",
    "14": "15",
    "15": "16",
    "16": "s1",
    "17": "batong",
    "18": "changping",
    "19": "daxing-airport",
    "20": "fangshan",
    "21": "airport",
    "22": "xijiao",
    "23": "yanfang",
    "24": "yizhuang",
}
# The operator states that this station opened a year after its line; the yearly graph has both at once.
LATER_THAN_REFERENCE = {(2016, "16", "农大南路")}
REFERENCE_NAMES = {"北宫门站": "北宫门"}


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """Read a bundled table."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def reference(name: str) -> list[dict[str, str]]:
    """Read a reference table."""
    with (REFERENCE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def calls() -> dict[str, list[dict[str, str]]]:
    """Return the rows of line_stations by line."""
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in table("line_stations.csv"):
        rows[row["line_id"]].append(row)
    return dict(rows)


def metres(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Return the distance of two near points."""
    return math.hypot((lon1 - lon2) * 111_320 * math.cos(math.radians(lat1)), (lat1 - lat2) * 111_200)


@pytest.mark.parametrize(
    "name",
    ["zones.csv", "districts.csv", "stations.csv", "lines.csv", "line_stations.csv", "transfers.csv", "terrain.csv"],
)
def test_no_cell_is_empty_and_no_mark_hides_at_the_start(name: str) -> None:
    assert not (DATA / name).read_bytes().startswith(b"\xef\xbb\xbf")
    for number, row in enumerate(table(name), start=2):
        assert None not in row, f"{name} row {number} has more cells than the header"
        assert all(value and value.strip() == value for value in row.values()), f"{name} row {number}: {row}"


def test_there_are_331_zones_with_stable_ids() -> None:
    assert [int(z["zone_id"]) for z in table("zones.csv")] == list(range(331))
    assert len({(z["district_zh"], z["name_zh"]) for z in table("zones.csv")}) == 331
    for zone in table("zones.csv"):
        assert re.fullmatch(r"[A-Z][A-Za-z' -]+", zone["name_en"]), zone
        assert re.fullmatch(r"[\u4e00-\u9fff]+", zone["name_zh"]), zone
        assert 115.3 < float(zone["lon"]) < 117.6
        assert 39.4 < float(zone["lat"]) < 41.1
        assert zone["parking_zone"] in {"1", "2", "3"}
        assert 0 <= float(zone["inside_fifth_ring_share"]) <= 1


@pytest.mark.parametrize("column", ["residents_2010", "residents_2020", "jobs"])
def test_zones_add_up_to_their_district_exactly(column: str) -> None:
    sums: dict[str, int] = defaultdict(int)
    for zone in table("zones.csv"):
        sums[zone["district_zh"]] += int(zone[column])
    assert dict(sums) == {d["district_zh"]: int(d[column]) for d in table("districts.csv")}


def test_city_totals_are_the_published_ones() -> None:
    def total(name: str, column: str) -> int:
        return sum(int(row[column]) for row in table(name))

    assert total("districts.csv", "residents_2020") == 21_893_095
    assert total("districts.csv", "residents_2010") == pytest.approx(19_612_368, abs=500)  # districts in thousands
    assert total("zones.csv", "jobs") == 12_700_000
    assert total("zones.csv", "school_places") == 2_900_000
    assert {d["district_en"] for d in table("districts.csv") if d["central_six"] == "1"} == {
        "Dongcheng",
        "Xicheng",
        "Chaoyang",
        "Haidian",
        "Fengtai",
        "Shijingshan",
    }
    six = {d["district_zh"]: d["central_six"] for d in table("districts.csv")}
    assert all(z["central_six"] == six[z["district_zh"]] for z in table("zones.csv"))


def test_counts_and_length_of_each_year() -> None:
    for year in STATIONS_BY_YEAR:
        km = 0.0
        stations: set[str] = set()
        lines = 0
        for rows in calls().values():
            open_rows = [r for r in rows if int(r["opened"]) <= year]
            if open_rows:
                lines += 1
                stations.update(r["station_id"] for r in open_rows)
                km += (int(open_rows[-1]["position_m"]) - int(open_rows[0]["position_m"])) / 1000
        assert (len(stations), lines) == (STATIONS_BY_YEAR[year], LINES_BY_YEAR[year]), year
        assert round(km, 1) == KM_BY_YEAR[year], year


def test_lines_and_stations_know_each_other() -> None:
    stations = {s["station_id"]: s for s in table("stations.csv")}
    assert len(stations) == len(table("stations.csv")) == 360
    assert set(calls()) == {line["line_id"] for line in table("lines.csv")}
    first: dict[str, int] = {}
    for line in table("lines.csv"):
        rows = calls()[line["line_id"]]
        assert [int(r["seq"]) for r in rows] == list(range(1, len(rows) + 1))
        assert min(int(r["opened"]) for r in rows) == int(line["opened"]), line["line_id"]
        ids = [r["station_id"] for r in rows]
        assert (ids[0] == ids[-1]) == (line["loop"] == "1")
        assert len(set(ids)) == len(ids) - int(line["loop"])
        for row in rows:
            first[row["station_id"]] = min(int(row["opened"]), first.get(row["station_id"], 9999))
    assert first == {s: int(row["opened"]) for s, row in stations.items()}


def test_each_year_keeps_a_line_in_one_stretch() -> None:
    """What opened by a year lies between what opened before: subtraction never leaves a gap of unbuilt track."""
    gaps = []
    for line, rows in calls().items():
        for year in STATIONS_BY_YEAR:
            positions = [int(r["position_m"]) for r in rows if int(r["opened"]) <= year]
            gaps += [(line, year, b - a) for a, b in pairwise(positions) if b - a > 7000]
    assert {line for line, _, _ in gaps} == {"airport", "daxing-airport"}


def test_positions_grow_and_speeds_are_plausible() -> None:
    modes = {line["line_id"]: line["mode"] for line in table("lines.csv")}
    ranges = {"metro": (15, 110), "maglev": (15, 80), "tram": (10, 40), "airport": (25, 160)}
    stations = {s["station_id"]: s for s in table("stations.csv")}
    for line, rows in calls().items():
        assert (rows[0]["position_m"], rows[0]["time_s"]) == ("0", "0")
        low, high = ranges[modes[line]]
        for a, b in pairwise(rows):
            length = int(b["position_m"]) - int(a["position_m"])
            seconds = int(b["time_s"]) - int(a["time_s"])
            assert length > 0, (line, b["station_id"])
            assert seconds > 0, (line, b["station_id"])
            assert low <= length / seconds * 3.6 <= high, (line, b["station_id"], length, seconds)
            p, q = stations[a["station_id"]], stations[b["station_id"]]
            straight = metres(float(p["lon"]), float(p["lat"]), float(q["lon"]), float(q["lat"]))
            assert length > 0.85 * straight, (line, b["station_id"], length, straight)


def test_headways_and_capacities_are_plausible() -> None:
    for line in table("lines.csv"):
        am, pm, off = (int(line[f"headway_{p}_s"]) for p in ("am", "pm", "off"))
        assert 90 <= am <= pm <= off <= 900, line
        assert 300 <= int(line["train_capacity"]) <= 2500, line


def test_transfers_join_lines_that_meet() -> None:
    at = defaultdict(set)
    for row in table("line_stations.csv"):
        at[row["station_id"]].add(row["line_id"])
    seen = set()
    for row in table("transfers.csv"):
        key = (row["station_id"], row["from_line"], row["to_line"])
        assert key not in seen
        seen.add(key)
        assert {row["from_line"], row["to_line"]} <= at[row["station_id"]]
        assert row["from_line"] != row["to_line"]
        assert 15 <= int(row["walk_s"]) <= 600
    assert {(s, b, a) for s, a, b in seen} == seen


def test_city_toml_states_target_fares_and_shares() -> None:
    city = tomllib.loads((DATA / "city.toml").read_text(encoding="utf-8"))
    assert city["target"]["value"] == 75.0
    for observed in city["observed"]:
        assert sum(observed["shares"].values()) == pytest.approx(100.0)
        assert sum(v for k, v in observed["shares"].items() if k != "other") == pytest.approx(observed["green"])
    assert city["fares"]["metro_bands"] == [[6.0, 3.0], [12.0, 4.0], [22.0, 5.0], [32.0, 6.0]]
    assert {line["fare"] for line in table("lines.csv")} == {"metro", *city["fares"]["special"]}


def test_residents_of_changping_follow_the_census_of_2020() -> None:
    """Figures listed by citypopulation.de; Huilongguan was divided into four since."""
    counted = {
        "天通苑北街道": 142_707,
        "北七家镇": 308_907,
        "沙河镇": 294_408,
        "城北街道": 228_561,
        "回龙观镇": 412_890,
    }
    ours = {z["name_zh"]: int(z["residents_2020"]) for z in table("zones.csv") if z["district_en"] == "Changping"}
    for name, residents in counted.items():
        assert abs(ours[name] / residents - 1) < 0.01, name


@needs_reference
def test_residents_follow_the_reference() -> None:
    modern = {"延庆县": "延庆区", "密云县": "密云区"}
    for theirs, ours in zip(reference("zones/zones.csv"), table("zones.csv"), strict=True):
        assert ours["name_zh"] == theirs["subdistrict"]
        assert ours["district_zh"] == modern.get(theirs["district"], theirs["district"])
        assert metres(float(ours["lon"]), float(ours["lat"]), float(theirs["lon"]), float(theirs["lat"])) < 5
        if ours["district_en"] in {
            "Huairou",
            "Miyun",
            "Pinggu",
            "Yanqing",
        }:  # the others follow the censuses' own split
            for year in ("2010", "2020"):
                assert abs(int(ours[f"residents_{year}"]) - int(theirs[f"pop_scaled_census{year}"])) <= 2
    districts = {d["district_zh"]: d for d in table("districts.csv")}
    for theirs in reference("zones/districts.csv"):
        mine = districts[modern.get(theirs["district"], theirs["district"])]
        assert mine["residents_2010"] == theirs["pop_census2010"]
        assert mine["residents_2020"] == theirs["pop_census2020"]


@needs_reference
def test_stations_lie_where_the_reference_has_them() -> None:
    """No shift of the Chinese grid (GCJ-02 is off by 500 m and more)."""
    ours = {s["name_zh"]: s for s in table("stations.csv")}
    for theirs in reference("metro/stations.csv"):
        station = ours[REFERENCE_NAMES.get(theirs["name_zh"], theirs["name_zh"])]
        away = metres(
            float(station["lon"]), float(station["lat"]), float(theirs["lon_wgs84"]), float(theirs["lat_wgs84"])
        )
        assert away < 100, (theirs["name_zh"], away)
        assert re.fullmatch(r"\d+\.\d{4}", station["lon"])


@needs_reference
@pytest.mark.parametrize("year", range(2013, 2020))
def test_lines_and_stations_of_each_year_are_those_of_the_yearly_graph(year: int) -> None:
    """The graph labelled Y is the state at the end of Y-1."""
    names = {s["station_id"]: REFERENCE_NAMES.get(s["name_zh"], s["name_zh"]) for s in reference("metro/stations.csv")}
    text = (REFERENCE / "metro_yearly" / f"PrimalGraph_bj_{year + 1}.gml").read_text(encoding="utf-8")
    labels = re.findall(r'label "(\d+)-(\d+)"', text)
    theirs = {(REFERENCE_LINES[line], names[station]) for line, station in labels}
    zh = {s["station_id"]: s["name_zh"] for s in table("stations.csv")}
    ours = {
        (line, zh[row["station_id"]]) for line, rows in calls().items() for row in rows if int(row["opened"]) <= year
    }
    later = {(line, station) for y, line, station in LATER_THAN_REFERENCE if y == year}
    assert ours == theirs - later


@needs_reference
def test_distances_and_line_times_of_2019_are_those_of_the_reference() -> None:
    zh = {s["station_id"]: s["name_zh"] for s in table("stations.csv")}
    theirs: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for row in reference("metro/line_stations.csv"):
        if row["snapshot"] == "end2019":
            name = REFERENCE_NAMES.get(row["name_zh"], row["name_zh"])
            length, seconds = float(row["dist_from_prev_m"] or 0), float(row["run_time_from_prev_s"] or 0)
            theirs[REFERENCE_LINES[row["line_id"]]].append((name, length, seconds))
    for line, stops in theirs.items():
        rows = [r for r in calls()[line] if int(r["opened"]) <= 2019]
        pairs = {}
        for a, b in pairwise(rows):
            length = int(b["position_m"]) - int(a["position_m"])
            pairs[frozenset((zh[a["station_id"]], zh[b["station_id"]]))] = length
        for (before, _, _), (name, length, _) in pairwise(stops):
            assert abs(pairs[frozenset((before, name))] - length) <= 1, (line, name)
        total = sum(seconds for _, _, seconds in stops)
        ours = int(rows[-1]["time_s"]) - int(rows[0]["time_s"])
        assert abs(ours - total) <= max(0.05 * total, 90), (line, ours, total)
