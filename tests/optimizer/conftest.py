import pytest
from greentrip_networks import beijing
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
