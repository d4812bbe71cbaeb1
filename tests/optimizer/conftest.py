from collections.abc import Callable

import numpy as np
import pytest
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks import Network, beijing
from greentrip_optimizer import FeederOptions, design
from greentrip_optimizer.instances import INSTANCES, made_up_demand


@pytest.fixture(scope="session")
def city():
    return beijing(2019)


@pytest.fixture(scope="session")
def demands(city):
    stations = [city.station(s) for s in INSTANCES["beijing-6"].stations]
    return made_up_demand(city, stations)


@pytest.fixture(scope="session")
def plan(city, demands):
    return design(demands, city, FeederOptions(vehicles=INSTANCES["beijing-6"].vehicles))


@pytest.fixture(scope="session")
def demand_around() -> Callable[[Network, str], CatchmentDemand]:
    def demand_around(city: Network, station: str) -> CatchmentDemand:
        """Everybody within 3 km makes a trip a day that could use the station, and needs 38 minutes to reach it."""
        levels, base, place = np.arange(2.0, 41.0, 2.0), 38.0, city.rail.nodes[station]
        metres = np.hypot(city.cells.x_m - place["x_m"], city.cells.y_m - place["y_m"])
        rows = np.flatnonzero(metres <= 3000.0)
        people = (city.cells.home_share * city.zones.residents[city.cells.zone])[rows, None]
        at = 0.5 - 0.06 * levels[None, :]
        saved = people / 0.06 * np.maximum(np.logaddexp(0, at) - np.logaddexp(0, 0.5 - 0.06 * base), 0.0)
        return CatchmentDemand(station, rows, people / (1 + np.exp(-at)), saved, levels, np.full(len(rows), base))

    return demand_around
