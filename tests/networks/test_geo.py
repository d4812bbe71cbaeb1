"""Degrees to metres and back."""

import numpy as np
import pytest
from greentrip_networks.geo import Plane, haversine_m
from hypothesis import given
from hypothesis import strategies as st


@given(st.floats(-60_000, 60_000), st.floats(-60_000, 60_000))
def test_the_plane_agrees_with_the_sphere(x: float, y: float) -> None:
    plane = Plane(116.4, 39.9)
    lon, lat = plane.to_degrees(x, y)
    back = plane.to_metres(lon, lat)
    assert (float(back[0]), float(back[1])) == pytest.approx((x, y), abs=1e-4)
    assert float(haversine_m(116.4, 39.9, lon, lat)) == pytest.approx(float(np.hypot(x, y)), rel=0.01, abs=0.1)
