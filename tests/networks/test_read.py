"""Reading a city: what the tables say is there, and spoiled tables are refused with their place."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from greentrip_networks import (
    NAMES,
    Network,
    PiecesError,
    TableError,
    UnknownNameError,
    beijing,
    load,
    rail_of_year,
    read_tables,
)

Spoil = Callable[[str, str, str], Path]


def test_the_tiny_city_has_what_its_tables_say(city: Network) -> None:
    assert len(city.zones) == 20
    assert city.rail.number_of_nodes() == 12
    assert [line.name_en for line in city.lines] == ["Line 1", "Line 2"]
    assert city.lines[1].loop
    assert city.line("2号线").headway_s == (240.0, 420.0, 260.0)
    assert city.station("鼓楼") == city.station("drum tower") == "drum-tower"
    assert city.zones.find("New Town") == 18
    assert set(city.zones.areas) == {"central six", "central city"}
    assert (city.zones.areas["central city"] <= city.zones.areas["central six"]).all()
    assert set(city.zones.parking_cny_h) == {6.0, 3.0, 0.8}
    assert city.target.value == 75.0
    assert sum(city.observed[0].shares.values()) == pytest.approx(100.0)
    assert city.transfer_s["silk-market", "1", "2"] == 150.0


def test_residents_lie_on_the_line_through_the_censuses(tables: Path) -> None:
    people = {y: read_tables(tables, year=y, name="town").zones.residents for y in (2010, 2015, 2020)}
    np.testing.assert_allclose(people[2015], (people[2010] + people[2020]) / 2)


def test_a_missing_table_is_named(tables: Path) -> None:
    (tables / "transfers.csv").unlink()
    with pytest.raises(TableError, match=r"transfers\.csv; expected this table to be there"):
        read_tables(tables, year=2019, name="town")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("zones.csv", "z01,西磨坊", "z01,", r"town/zones\.csv, row 2, column name_zh: saw ''; expected some text"),
        ("zones.csv", "z02,", "z01,", r"row 3, column zone_id: saw 'z01'; expected a value used once"),
        ("zones.csv", "Riverside", "Riversid", r"column district_en: saw 'Riversid'.*nearest: Riverside"),
        (
            "line_stations.csv",
            "1,1,west-mill,0,0",
            "1,1,west-mil,0,0",
            r"row 2, column station_id: saw 'west-mil'.*nearest: west-mill",
        ),
        (
            "line_stations.csv",
            "1,1,west-mill,0,0",
            "1,1,west-mill,99999,0",
            r"row 3, column position_m.*more than 99999",
        ),
        (
            "line_stations.csv",
            "1,1,west-mill",
            "9,1,west-mill",
            r"row 2, column line_id: saw '9'; expected a known line",
        ),
        (
            "lines.csv",
            "1号线,Line 1,metro,metro,0",
            "1号线,Line 1,metro,metro,1",
            "repeats the first station of a loop",
        ),
        ("lines.csv", "Line 1,metro", "Line 1,rocket", r"column mode: saw 'rocket'; expected one of metro, tram"),
        (
            "roads/link.csv",
            "auto,walk,bike",
            "auto,horse",
            r"column allowed_uses: saw 'auto,horse'; expected some of auto, walk, bike",
        ),
        ("roads/link.csv", "t001,n0000", "t001,n9000", r"column from_node_id: saw 'n9000'.*nearest"),
        ("roads/node.csv", "n0000,", "n0000,9", r"roads/node\.csv, row 2, column x_coord"),
        ("city.toml", "[plane]", "[plain]", r"city\.toml, column plane; expected a section \[plane\]"),
        ("city.toml", "lon = 115.0", "lon = nan", r"column plane\.lon: saw nan; expected a finite number"),
        ("city.toml", "metro_step_km = 20.0", "", r"metro_step_km"),
        ("city.toml", "lines_published = 6", "", r"column buses.*lines_published"),
        ("city.toml", "[plane]", "[plane", "well-formed TOML"),
        ("districts.csv", "Old City,1,", "Old City,1,9", "the sum over the zones of Old City"),
    ],
)
def test_a_spoiled_cell_is_named(spoil: Spoil, file: str, old: str, new: str, message: str) -> None:
    if (file, old) == ("roads/link.csv", "auto,walk,bike"):
        old, new = f'"{old}"', f'"{new}"'
    folder = spoil(file, old, new)
    with pytest.raises(TableError, match=message):
        read_tables(folder, year=2019, name="town")


def test_streets_in_pieces_are_counted_and_zones_cut_off_named(tables: Path) -> None:
    path = tables / "roads" / "link.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    cut = {f"n{i:02d}{j:02d}" for i in range(3) for j in range(4)}
    kept = [line for line in lines[1:] if len(cut & set(line.split(",")[1:3])) != 1]
    path.write_text("\n".join([lines[0], *kept]) + "\n", encoding="utf-8")
    with pytest.raises(
        PiecesError, match=r"road graph is in 2 pieces \(nodes: 148, 12\); zones cut off: West Mill"
    ) as caught:
        read_tables(tables, year=2019, name="town")
    assert caught.value.sizes == [148, 12]


def test_rail_of_another_year_leaves_out_what_opened_later(city: Network) -> None:
    early = rail_of_year(city, 2015)
    assert [line.id for line in early.lines] == ["1"]
    assert len(early.rail) == 6
    assert early.buses is city.buses
    late = rail_of_year(early, 2017)
    assert "scholars" not in late.rail
    joined = late.rail["willow-bank"]["drum-tower"]["1", 0]
    parts = city.rail["willow-bank"]["scholars"]["1", 0], city.rail["scholars"]["drum-tower"]["1", 0]
    assert joined["length_m"] == sum(p["length_m"] for p in parts)
    assert joined["time_s"] == sum(p["time_s"] for p in parts)
    with pytest.raises(UnknownNameError, match="2030"):
        rail_of_year(city, 2030)


def test_years_that_the_tables_do_not_describe_are_refused(tables: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown year of town '2031'; nearest: 2019"):
        read_tables(tables, year=2031, name="town")


def test_unknown_names_get_the_nearest() -> None:
    assert "beijing-2019" in NAMES
    with pytest.raises(UnknownNameError, match="nearest: beijing-2019"):
        load("beijing-219")
    with pytest.raises(UnknownNameError, match="year of beijing"):
        beijing(1999)


def test_unknown_station_line_and_zone_get_the_nearest(city: Network) -> None:
    with pytest.raises(UnknownNameError, match="unknown station 'Drum Towr'; nearest: Drum Tower"):
        city.station("Drum Towr")
    with pytest.raises(UnknownNameError, match="unknown zone 'Lakesid'; nearest: Lakeside"):
        city.zones.find("Lakesid")
    with pytest.raises(UnknownNameError, match="unknown line 'Lin 1'; nearest: Line 1"):
        city.line("Lin 1")
