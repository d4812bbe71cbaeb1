"""Coordinates: any system to WGS-84 and back, lengths on the ellipsoid, the shifted grid of Chinese web maps undone."""

from itertools import pairwise

import numpy as np
import pyproj
import pytest
from greentrip_networks.crs import (
    CrsError,
    from_wgs84,
    gcj02_to_wgs84,
    paths_m,
    segment_m,
    to_wgs84,
    utm_of,
    wgs84_to_gcj02,
)
from hypothesis import given
from hypothesis import strategies as st

LON, LAT = st.floats(73.7, 135.1), st.floats(3.9, 53.6)


@given(LON, LAT)
def test_gcj02_is_undone_to_less_than_a_millimetre(lon: float, lat: float) -> None:
    shifted = wgs84_to_gcj02(lon, lat)
    assert 10 < segment_m(lon, lat, *shifted)[0] < 1000
    back = gcj02_to_wgs84(*shifted)
    assert segment_m(lon, lat, *back)[0] < 1e-3


def test_gcj02_of_a_known_place_and_of_places_outside_china() -> None:
    lon, lat = wgs84_to_gcj02(116.391, 39.907)  # the gate of Tian'anmen, as map services show it
    assert (round(float(lon), 4), round(float(lat), 4)) == (116.3972, 39.9084)
    assert [float(v) for v in to_wgs84(2.35, 48.85, "gcj02")] == [2.35, 48.85]


@given(st.floats(-179, 179), st.floats(-80, 80), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_lengths_are_those_of_the_geodesic(lon: float, lat: float, east: float, north: float) -> None:
    true = pyproj.Geod(ellps="WGS84").inv(lon, lat, lon + east, lat + north)[2]
    assert segment_m(lon, lat, lon + east, lat + north)[0] == pytest.approx(true, rel=1e-6, abs=1e-6)


def test_the_length_of_a_path_is_the_sum_of_its_parts_however_many_are_done_at_once() -> None:
    rng = np.random.default_rng(1)
    lon, lat = 116 + rng.random(50) / 100, 39 + rng.random(50) / 100
    first = np.array([0, 1, 7, 30, 50])
    steps = segment_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    want = [steps[a : b - 1].sum() for a, b in pairwise(first)]
    for at_once in (3, 1000):
        np.testing.assert_allclose(paths_m(lon, lat, first, at_once), want, rtol=1e-12)


@given(st.floats(110, 124), st.floats(30, 50))
def test_a_projected_place_comes_back(lon: float, lat: float) -> None:
    for crs in (utm_of(lon, lat), "EPSG:3857", "GCJ-02"):
        back = to_wgs84(*from_wgs84(lon, lat, crs), crs)
        assert segment_m(lon, lat, *back)[0] < 1e-3


def test_what_a_system_cannot_express_is_nan_and_an_unknown_system_is_named() -> None:
    lon, lat = to_wgs84([500000.0, 1e30], [4428236.0, np.inf], "EPSG:32650")
    assert lon[0] == pytest.approx(117.0)
    assert np.isnan([lon[1], lat[1]]).all()
    for name in ("EPSG:999999", "Beijing local", ""):
        with pytest.raises(CrsError, match="EPSG code"):
            to_wgs84(1.0, 1.0, name)
