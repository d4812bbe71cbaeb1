"""Cordons conserve what crosses them; lines are crossed where straight pieces meet them."""

import numpy as np
import polars as pl
import pytest
import shapely
from greentrip_agents import Run, default_parameters
from greentrip_agents.run_tables.asked import Asked
from greentrip_agents.run_tables.screenlines import screen_of, screenlines
from greentrip_networks.errors import GreentripError, LimitError, TableError, UnknownNameError
from greentrip_networks.network import Network


def _net(table: pl.DataFrame, mode: str, column: str) -> float:
    here = table.filter(pl.col("mode") == mode)
    come, go = (float(here.filter(pl.col("direction") == way)[column].sum()) for way in ("in", "out"))
    assert come > 0
    assert go > 0
    return come - go


def test_what_enters_less_what_leaves_is_what_stays(run: Run, city: Network) -> None:
    lon, lat = city.zones.lon, city.zones.lat
    edge = shapely.box(float(np.median(lon)), lat.min() - 0.05, lon.max() + 0.05, lat.max() + 0.05)
    asked = Asked(places=(edge.wkt,), period="am")
    table = screenlines(run, city, default_parameters("tiny"), asked).table
    inside = screen_of(city, edge.wkt)
    at = city.rail.nodes
    x, y = (np.array([at[s][k] for s in city.compiled.rail.stations]) for k in ("x_m", "y_m"))
    outside = np.full_like(x, -1e7)
    holds = dict(zip(city.compiled.rail.stations, inside.crossing(outside, outside, x, y), strict=True))
    rides = run.trips.filter((pl.col("board") != "") & (pl.col("period") == "am"))
    stay = sum(w * (int(holds[b]) - int(holds[a])) for a, b, w in rides.select("board", "leave", "weight").iter_rows())
    assert abs(_net(table, "rail", "persons") - stay) < 1e-6 * rides["weight"].sum()
    walks = run.trips.filter(pl.col("counted") & (pl.col("mode") == "walk") & (pl.col("period") == "am"))
    assert 0 < table.filter(pl.col("mode") == "walk")["persons"].sum() < walks["weight"].sum()


def test_a_line_is_crossed_by_what_meets_it(city: Network) -> None:
    lon, lat = float(city.zones.lon.mean()), float(city.zones.lat.mean())
    line = screen_of(city, f"LINESTRING ({lon} {lat - 0.05}, {lon + 0.01} {lat}, {lon} {lat + 0.05})")
    draw = np.random.default_rng(7)
    ends = draw.uniform(-6000, 6000, (4, 500))
    found = line.crossing(*ends)
    assert line.shape is not None
    for k, (xa, ya, xb, yb) in enumerate(ends.T):
        met = shapely.intersection(line.shape, shapely.LineString([(xa, ya), (xb, yb)]))
        assert (found[k] != 0) == (shapely.get_num_geometries(met) % 2 == 1 and not met.is_empty)
    # northwards along the line, from the west (left) to the east (right)
    west, east = np.array([-20_000.0]), np.array([20_000.0])
    assert line.crossing(west, np.zeros(1), east, np.zeros(1)).tolist() == [1]
    assert line.crossing(east, np.zeros(1), west, np.zeros(1)).tolist() == [-1]


def test_a_line_and_the_half_plane_behind_it_agree(run: Run, city: Network) -> None:
    z = city.zones
    lon = float(np.median(z.lon)) + 0.003
    line = f"LINESTRING ({lon} {z.lat.min() - 1}, {lon} {z.lat.max() + 1})"
    half = shapely.box(lon, z.lat.min() - 0.9, z.lon.max() + 0.9, z.lat.max() + 0.9).wkt
    p = default_parameters("tiny")
    by_line = screenlines(run, city, p, Asked(places=(line,))).table.filter(pl.col("direction") == "left to right")
    by_area = screenlines(run, city, p, Asked(places=(half,))).table.filter(pl.col("direction") == "in")
    columns = ["mode", "period", "persons", "vehicles"]
    assert by_line.height == by_area.height > 10
    for a, b in zip(by_line.select(columns).iter_rows(), by_area.select(columns).iter_rows(), strict=True):
        assert a[:2] == b[:2]
        assert a[2:] == pytest.approx(b[2:])


def test_hours_over_a_cordon_are_its_periods(run: Run, city: Network) -> None:
    p, place = default_parameters("tiny"), ("central city",)
    periods = screenlines(run, city, p, Asked(places=place)).table
    hours = screenlines(run, city, p, Asked(places=place, by="hour")).table
    for mode in ("car", "bus", "walk"):
        day, split = (t.filter(pl.col("mode") == mode) for t in (periods, hours))
        assert split["persons"].sum() == pytest.approx(day["persons"].sum(), rel=1e-9)
        assert split["vehicles"].sum() == pytest.approx(day["vehicles"].sum(), rel=1e-9)
    day, split = (t.filter(pl.col("mode") == "rail")["persons"].sum() for t in (periods, hours))
    assert 0.97 * day < split <= day * (1 + 1e-9)  # those under way at 22:00 are left out
    alone = screenlines(run, city, p, Asked(places=place, period="09")).table
    assert alone.select(pl.exclude("persons", "vehicles", "persons_h")).equals(
        hours.filter(pl.col("period") == "09").select(pl.exclude("persons", "vehicles", "persons_h"))
    )
    assert alone["persons"].sum() == pytest.approx(hours.filter(pl.col("period") == "09")["persons"].sum())


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("LINESTRING (1 2)", TableError), ("LINESTRING (1 2, 1 2)", TableError),
        ("LINESTRING (1 2, 900 2)", TableError),
        ("the 9th ring", UnknownNameError), ("POLYGON ((0 0, 1 1, 0 1, 1 0, 0 0))", TableError),
    ],
)  # fmt: skip
def test_bad_places_are_named(run: Run, city: Network, place: str, error: type[GreentripError]) -> None:
    with pytest.raises(error):
        screenlines(run, city, default_parameters("tiny"), Asked(places=(place,)))
    with pytest.raises(LimitError):
        screenlines(run, city, default_parameters("tiny"), Asked(places=("central city",) * 21))
