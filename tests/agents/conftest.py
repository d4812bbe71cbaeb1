"""A tiny city and one finished run of it, shared by the tests of the model."""

import pytest
from greentrip_agents import Run, simulate
from greentrip_networks import tiny
from greentrip_networks.network import Network


@pytest.fixture(scope="session")
def city() -> Network:
    return tiny()


@pytest.fixture(scope="session")
def run(city: Network) -> Run:
    return simulate(city, sample=0.02, seed=3)
