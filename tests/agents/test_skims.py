"""Skims between zones against the model's own car skim, networkx along streets, and what must hold of any skim."""

import networkx as nx
import numpy as np
import pytest
from greentrip_agents.parameters import default_parameters
from greentrip_agents.road_assignment import RoadPeriod
from greentrip_agents.skims import MODES, Skims, ZoneSkims
from greentrip_agents.street_access import find_street_access
from greentrip_networks import Network
from greentrip_networks.errors import TableError


@pytest.fixture(scope="module")
def laid_out(city: Network) -> ZoneSkims:
    return ZoneSkims(city)


@pytest.fixture(scope="module")
def am(laid_out: ZoneSkims) -> Skims:
    return laid_out.period("am")


def test_cars_take_what_the_equilibrium_skims(city: Network, laid_out: ZoneSkims, am: Skims) -> None:
    roads = city.compiled.roads
    period = RoadPeriod(roads, find_street_access(city), 2.0, 0.0, 4.0, 0.0, 0.0)
    period.expect()
    period.skim()
    between = ~np.eye(len(city.zones), dtype=bool)
    assert am.minutes["car"][between] == pytest.approx(period.skim_s[between] / 60, rel=1e-9)
    assert am.km["car"][between] == pytest.approx(period.skim_m[between] / 1000, rel=1e-6)
    slow = laid_out.period("am", 2 * roads.free_s).minutes["car"]
    assert (slow[between] > am.minutes["car"][between]).all()


def test_walks_are_networkxs(city: Network, am: Skims) -> None:
    access, roads = find_street_access(city), city.compiled.roads
    graph: nx.Graph[object] = nx.Graph()
    for link in np.flatnonzero(roads.walk):
        pair, m = (int(roads.tail[link]), int(roads.head[link])), roads.length_m[link]
        graph.add_edge(*pair, m=min(m, graph.get_edge_data(*pair, {"m": np.inf})["m"]))
    for zone, node, m in zip(access.zone, access.node, access.metres, strict=True):
        graph.add_edge(("from", int(zone)), int(node), m=m)
    known = nx.single_source_dijkstra_path_length(graph, ("from", 3), weight="m")
    for z in range(len(city.zones)):
        if z != 3:  # another zone's centre is no short cut: it leads back to streets near it
            assert am.km["walk"][3, z] <= known[("from", z)] / 1000 * (1 + 1e-9) + 2.0
            assert am.km["walk"][3, z] >= known[("from", z)] / 1000 * (1 - 1e-9)
    walk_m_min = default_parameters("tiny")["speed.walk_m_s"] * 60
    between = ~np.eye(len(city.zones), dtype=bool)
    assert am.minutes["walk"][between] == pytest.approx(am.km["walk"][between] * 1000 / walk_m_min)


def test_every_mode_has_a_matrix_that_makes_sense(city: Network, am: Skims) -> None:
    zones = len(city.zones)
    between = ~np.eye(zones, dtype=bool)
    for mode in MODES:
        assert am.minutes[mode].shape == am.km[mode].shape == (zones, zones)
        some = between & np.isfinite(am.minutes[mode])
        assert some.any()
        assert (am.minutes[mode][some] > 0).all()
    for mode in ("bus", "rail"):
        some = between & np.isfinite(am.felt[mode])
        assert (np.isfinite(am.minutes[mode]) == np.isfinite(am.felt[mode])).all()
        assert (am.felt[mode][some] >= am.minutes[mode][some] - 1e-9).all()  # no minute weighs less than one
    assert (am.minutes["bicycle"][between] < am.minutes["walk"][between]).all()


def test_skims_repeat_to_the_byte(city: Network, laid_out: ZoneSkims, am: Skims) -> None:
    again = ZoneSkims(city).period("am")
    for mode in MODES:
        assert again.minutes[mode].tobytes() == am.minutes[mode].tobytes()
    off = laid_out.period("off")
    assert off.minutes["rail"].tobytes() != am.minutes["rail"].tobytes()


def test_bad_questions_are_named(laid_out: ZoneSkims) -> None:
    with pytest.raises(TableError, match="period: saw 'noon'"):
        laid_out.period("noon")
    with pytest.raises(TableError, match="link_seconds: saw 3"):
        laid_out.period("am", np.ones(3))
