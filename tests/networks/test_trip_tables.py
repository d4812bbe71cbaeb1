"""Matrices of trips are read whatever their form; what is wrong is named with its place, figure and nearest names."""

from pathlib import Path

import numpy as np
import pytest
from greentrip_networks import Network
from greentrip_networks.formats import write_layers
from greentrip_networks.layers import Layers, Matrix
from greentrip_networks.problems import BadInputError, Problems
from greentrip_networks.trip_tables import read_trips


def matrices(city: Network, names: tuple[str, ...]) -> dict[str, Matrix]:
    rng = np.random.default_rng(1)
    order = tuple(reversed(city.zones.id))
    return {n: Matrix(order, np.round(rng.random((20, 20)) * 50, 3)) for n in names}


def test_omx_and_csv_of_pairs_and_long_csv_say_the_same(city: Network, tmp_path: Path) -> None:
    made = matrices(city, ("work_am", "work_07", "leisure_off"))
    layers = Layers(matrices=made)
    write_layers(layers, tmp_path / "od.omx", "omx")
    write_layers(layers, tmp_path / "od.csv", "matrix-csv")
    rows = ["origin,destination,purpose,period,trips"]
    for name, m in made.items():
        purpose, period = name.split("_")
        rows += [
            f"{a},{b},{purpose},{period},{float(m.values[i, j])!r}"
            for i, a in enumerate(m.zones)
            for j, b in enumerate(m.zones)
        ]
    (tmp_path / "long.csv").write_text("\n".join(rows))
    found = [read_trips(tmp_path / n, city, Problems()) for n in ("od.omx", "od.csv", "long.csv")]
    assert [set(f) for f in found] == [{"work am", "leisure off"}] * 3
    whole = (made["work_am"].values + made["work_07"].values)[::-1, ::-1]
    for f in found:
        np.testing.assert_allclose(f["work am"], whole)
        np.testing.assert_allclose(f["leisure off"], made["leisure_off"].values[::-1, ::-1])


def complaint(city: Network, tmp_path: Path, text: str) -> str:
    (tmp_path / "od.csv").write_text(text)
    with pytest.raises(BadInputError) as e:
        read_trips(tmp_path / "od.csv", city, Problems())
    return e.value.problems.table()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("origin,destination,wrk_am\n{a},{b},3\n", "unknown purpose|saw 'wrk'; expected a purpose of work"),
        ("origin,destination,wrk_am\n{a},{b},3\n", "nearest: work"),
        ("origin,destination,work_noon\n{a},{b},3\n", "saw 'noon'; expected a period of am, off, pm"),
        ("origin,destination,work_am\n{a},{b},-3\n", r"od.csv, work_am, {a} to {b}: saw -3.0; expected trips of at"),
        ("origin,destination,work_am\n{a},{b},\n", "saw nan; expected trips of at least 0"),
        ("origin,destination,work_am\n{a}x,{b},3\n", "saw '{a}x'; expected a zone of the network; nearest: {a}"),
        (
            "origin,destination,work_am,home_pm\n{a},{b},100,0\n{b},{a},0,90\n",
            "{a}: saw 90.0; expected 100.0 ways home",
        ),
        ("origin,destination,home_pm\n{a},{b},100\n", "trips from home by purpose"),
        ("origin,destination,purpose,period,trips\n{a},{b},work,am,x\n", "line 2, trips: saw 'x'"),
        ("origin,destination,purpose,period,trips\n{a},{b},work,am,1\n{a},{b},work,am,2\n", "period once"),
    ],
)
def test_what_is_wrong_is_named(city: Network, tmp_path: Path, text: str, expected: str) -> None:
    a, b = city.zones.id[3], city.zones.id[8]
    found = complaint(city, tmp_path, text.format(a=a, b=b))
    assert any(part.format(a=a, b=b) in found for part in expected.split("|")), found


def test_ways_home_that_agree_are_taken(city: Network, tmp_path: Path) -> None:
    a, b = city.zones.id[3], city.zones.id[8]
    (tmp_path / "od.csv").write_text(
        f"origin,destination,work_am,home_pm,home_off\n{a},{b},1000,0,0\n{b},{a},0,900,103\n"
    )
    assert set(read_trips(tmp_path / "od.csv", city, Problems())) == {"work am", "home pm", "home off"}
