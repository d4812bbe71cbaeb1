"""Signals stand where streets of rank meet, and highways pass."""

from dataclasses import replace

import numpy as np
from greentrip_agents.crossings import signalled
from greentrip_networks.compiled import RoadArrays
from greentrip_networks.network import Network


def with_classes(city: Network, facility: tuple[str, ...]) -> RoadArrays:
    return replace(city.compiled.roads, facility=facility)


def test_only_links_that_end_where_three_streets_of_rank_meet_have_a_signal(city: Network) -> None:
    roads = with_classes(city, ("arterial",) * len(city.compiled.roads.tail))
    found = signalled(roads)
    assert found.any()
    for link in range(len(roads.tail)):
        beside = roads.auto & ((roads.tail == roads.head[link]) | (roads.head == roads.head[link]))
        others = set(roads.tail[beside]) | set(roads.head[beside])
        assert found[link] == bool(roads.auto[link] and len(others - {roads.head[link]}) >= 3)


def test_no_signal_on_local_crossings_nor_for_those_on_a_highway(city: Network) -> None:
    links = len(city.compiled.roads.tail)
    assert not signalled(with_classes(city, ("local",) * links)).any()
    assert not signalled(with_classes(city, ("motorway",) * links)).any()
    mixed = np.where(np.arange(links) % 2, "expressway", "arterial")
    assert not signalled(with_classes(city, tuple(mixed)))[mixed == "expressway"].any()
