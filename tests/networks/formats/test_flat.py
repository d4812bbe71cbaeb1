import numpy as np
import pytest
from greentrip_networks.formats.flat import lengths_m, make_flat, take_flat


def test_geometries_are_taken_apart_and_measured() -> None:
    lon, lat = np.array([116.0, 116.0, 116.1, 5.0]), np.array([40.0, 40.01, 40.01, 5.0])
    first = np.array([0, 0, 3, 4, 4])
    made = make_flat(lon, lat, first)
    assert made.list.len().to_list() == [0, 6, 2, 0]
    x, y, again = take_flat(made)
    np.testing.assert_array_equal(x, lon)
    np.testing.assert_array_equal(y, lat)
    np.testing.assert_array_equal(again, first)
    along, whole = lengths_m(x, y, again)
    assert along.tolist() == pytest.approx([0.0, 1111.95, 9628.7, 0.0], abs=0.5)
    assert whole.tolist() == [0.0, along[2], 0.0, 0.0]


def test_no_points_are_no_metres() -> None:
    empty = make_flat(np.zeros(0), np.zeros(0), np.zeros(4, np.int64))
    along, whole = lengths_m(*take_flat(empty))
    assert (along.tolist(), whole.tolist()) == ([], [0.0, 0.0, 0.0])
