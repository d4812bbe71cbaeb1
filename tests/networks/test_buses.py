"""Generated buses keep to the published totals and to the streets, and are the same every time."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from greentrip_networks import Network, TableError
from greentrip_networks.buses import Totals, generate_buses
from greentrip_networks.road_arrays import links_of
from hypothesis import given, settings
from hypothesis import strategies as st

TOTALS = Totals(lines=6, line_km=54.0, capacity=90, headway_s=(435.0, 514.0, 435.0), year=2014)


def test_totals_are_respected_and_the_service_is_labelled(city: Network) -> None:
    buses = city.buses
    last = np.searchsorted(buses.line, np.arange(6), side="right") - 1
    assert len(buses.lines) == 6
    assert buses.position_m[last].sum() == pytest.approx(54_000, rel=0.1)
    assert buses.generated
    assert all("Generated" in line.name_en for line in buses.lines)
    assert {line.capacity for line in buses.lines} == {90}


@settings(max_examples=15, deadline=None)
@given(lines=st.integers(1, 30), mean_km=st.floats(4, 9))
def test_lines_run_forward_on_streets(city: Network, lines: int, mean_km: float) -> None:
    links = links_of(city.roads)
    buses = generate_buses(links, city.zones, replace(TOTALS, lines=lines, line_km=lines * mean_km))
    assert len(buses.lines) == lines
    for k in range(lines):
        mine = np.flatnonzero(buses.line == k)
        assert len(mine) >= 2
        assert buses.position_m[mine[0]] == 0
        assert (np.diff(buses.position_m[mine]) > 0).all()
        assert len({buses.node[i] for i in mine}) == len(mine)
        assert all(
            "walk" in d["uses"] for i in mine for _, _, d in list(city.roads.out_edges(buses.node[i], data=True))[:1]
        )


def test_the_same_bytes_every_time(city: Network) -> None:
    links = links_of(city.roads)
    a, b = generate_buses(links, city.zones, TOTALS), generate_buses(links, city.zones, TOTALS)
    assert (a.lines, a.node, a.position_m.tobytes()) == (b.lines, b.node, b.position_m.tobytes())


def test_no_lines_is_a_service_too(city: Network) -> None:
    buses = generate_buses(links_of(city.roads), city.zones, replace(TOTALS, lines=0))
    quiet = city.with_(buses=buses)
    assert len(quiet.compiled.buses.pattern_line) == 0


def test_stops_that_cannot_be_reached_are_named(city: Network) -> None:
    roads = nx.MultiDiGraph(city.roads)
    stop = city.buses.node[1]
    roads.remove_edges_from(list(roads.in_edges(stop, keys=True)))
    with pytest.raises(TableError, match=f"g001.*{stop}.*a bus can reach"):
        city.with_(roads=roads).compiled  # noqa: B018
