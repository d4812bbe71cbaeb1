import numpy as np
import pytest
from greentrip_agents import Run, catchment_demand
from greentrip_networks import UnknownNameError
from greentrip_networks.network import Network


def test_riders_fall_and_savings_fall_as_access_gets_harder(city: Network, run: Run) -> None:
    for found in catchment_demand(city, run, sorted(city.rail)[:2]):
        assert (np.diff(found.riders, axis=1) <= 1e-9).all()
        assert (np.diff(found.benefit_min, axis=1) <= 1e-9).all()
        assert (found.benefit_min >= 0).all()
        assert (np.diff(found.cells) > 0).all()
        assert found.riders.sum() > 0


def test_access_no_better_than_todays_saves_nothing(city: Network, run: Run) -> None:
    (found,) = catchment_demand(city, run, sorted(city.rail)[:1])
    worse = found.levels_min[None, :] >= np.where(np.isfinite(found.base_min), found.base_min, np.inf)[:, None] + 15
    assert found.benefit_min[worse] == pytest.approx(0, abs=1e-6)


def test_the_order_of_stations_does_not_matter(city: Network, run: Run) -> None:
    names = sorted(city.rail)[:2]
    forward, backward = catchment_demand(city, run, names), catchment_demand(city, run, names[::-1])[::-1]
    for a, b in zip(forward, backward, strict=True):
        assert a.station == b.station
        assert a.riders.tobytes() == b.riders.tobytes()


def test_an_unknown_station_is_named_with_the_nearest(city: Network, run: Run) -> None:
    with pytest.raises(UnknownNameError, match="nearest"):
        catchment_demand(city, run, ["Harbor"])
