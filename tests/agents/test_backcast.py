"""The back-cast of a fare reform: old fares are flat, dearer rides are fewer, and losses are felt more when poorer."""

import numpy as np
import pytest
from greentrip_agents import CommuterModel
from greentrip_agents.backcast import fare_reform, fares_before
from greentrip_agents.costs import rail_fares
from greentrip_networks.network import Network


def test_old_fares_are_flat(city: Network) -> None:
    old = fares_before(city.fares)
    stations = len(city.compiled.rail.stations)
    km = np.broadcast_to(np.linspace(1, 80, stations), (stations, stations)).copy()
    assert set(np.unique(rail_fares(city.with_(fares=old), km))) == {2.0}
    assert old.bus_base_cny * old.bus_card_factor == pytest.approx(0.4)
    assert old.taxi_base_cny == city.fares.taxi_base_cny


def test_dearer_fares_lose_riders_and_more_so_at_lower_incomes(city: Network) -> None:
    model = CommuterModel(city, sample=0.005, seed=1)
    model.step()
    found = {c.name: c for c in fare_reform(model)}
    metro = found["metro trips, first weeks of 2015"]
    assert metro.published == -8.0
    assert -60 < metro.model_at_income_then < metro.model < 0
    assert all(c.source for c in found.values())
    assert found["metro trips, morning peak"].model != found["metro trips, off the peaks"].model
