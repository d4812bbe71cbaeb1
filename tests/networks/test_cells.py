"""Cells: shares add up, terrain stays empty, placement changes the layout and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from greentrip_networks import Network
from greentrip_networks.cells import MAX_CELLS, SIDE_M, make_cells
from greentrip_networks.network import Cells, Zones
from greentrip_networks.read_roads import nearest_nodes
from hypothesis import given, settings
from hypothesis import strategies as st

NOTHING = np.zeros(0)
NO_TERRAIN = np.zeros((0, 3))


def place(city: Network, zones: Zones, placement: int = 0, terrain: "np.ndarray" = NO_TERRAIN) -> Cells:
    return make_cells(zones, nearest_nodes(city.roads), city.plane, NOTHING, NOTHING, terrain, placement)


def check(cells: Cells, zones: Zones) -> None:
    assert (np.diff(cells.zone) >= 0).all()
    for share in (cells.home_share, cells.work_share):
        assert (share >= 0).all()
        np.testing.assert_allclose(np.bincount(cells.zone, share, minlength=len(zones)), 1.0)
    assert len(cells.zone) <= MAX_CELLS
    assert len(set(zip(cells.zone.tolist(), cells.x_m.tolist(), cells.y_m.tolist(), strict=True))) == len(cells.zone)


def test_every_zone_of_the_tiny_city_is_covered(city: Network) -> None:
    check(city.cells, city.zones)
    reach = 1.6 * np.sqrt(city.zones.area_km2 / np.pi) * 1000
    far = np.hypot(city.cells.x_m - city.zones.x_m[city.cells.zone], city.cells.y_m - city.zones.y_m[city.cells.zone])
    assert (far <= reach[city.cells.zone]).all()


@settings(max_examples=40, deadline=None)
@given(
    area=st.lists(st.floats(0.01, 60.0), min_size=20, max_size=20),
    shift=st.lists(st.floats(-3000, 3000), min_size=40, max_size=40),
    placement=st.integers(0, 2**31),
)
def test_shares_add_up_whatever_the_zones(city: Network, area: list[float], shift: list[float], placement: int) -> None:
    z = city.zones
    zones = replace(z, area_km2=np.array(area), x_m=z.x_m + shift[:20], y_m=z.y_m + shift[20:])
    check(place(city, zones, placement), zones)


def test_nobody_lives_on_terrain_unless_the_whole_zone_is_terrain(city: Network) -> None:
    z = city.zones
    lake = np.array([[z.x_m[7], z.y_m[7], 700.0]])
    cells = place(city, z, terrain=lake)
    wet = np.hypot(cells.x_m - z.x_m[7], cells.y_m - z.y_m[7]) <= 700
    assert not cells.home_share[wet].any()
    check(place(city, z, terrain=np.array([[0.0, 0.0, 1e6]])), z)


def test_placement_is_a_key(city: Network) -> None:
    one, again, other = place(city, city.zones, 1), place(city, city.zones, 1), place(city, city.zones, 2)
    assert one.home_share.tobytes() == again.home_share.tobytes()
    assert one.home_share.tobytes() != other.home_share.tobytes()


def test_cells_are_where_the_streets_and_stations_are(city: Network) -> None:
    near = make_cells(
        city.zones, nearest_nodes(city.roads), city.plane, city.zones.x_m[7:8], city.zones.y_m[7:8], NO_TERRAIN, 0
    )
    without = place(city, city.zones)
    centre = np.flatnonzero(
        (near.zone == 7) & (np.hypot(near.x_m - city.zones.x_m[7], near.y_m - city.zones.y_m[7]) < SIDE_M)
    )
    same = np.flatnonzero(
        (without.zone == 7) & (np.hypot(without.x_m - city.zones.x_m[7], without.y_m - city.zones.y_m[7]) < SIDE_M)
    )
    assert near.work_share[centre].sum() > without.work_share[same].sum() + 0.05


def test_the_number_of_cells_is_limited(city: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greentrip_networks.cells.MAX_CELLS", 50)
    cells = place(city, city.zones)
    assert 20 <= len(cells.zone) <= 50
    np.testing.assert_allclose(np.bincount(cells.zone, cells.home_share), 1.0)
