"""Compiled arrays say what the graphs and tables say."""

from itertools import pairwise

import numpy as np
from greentrip_networks import Network, RailOfYear, Scenario, SetHeadway
from greentrip_networks.road_arrays import drivable, links_of


def test_links_are_sorted_and_agree_with_the_graph(city: Network) -> None:
    roads = city.compiled.roads
    assert len(roads.tail) == city.roads.number_of_edges()
    assert (np.diff(roads.tail.astype(np.int64) * len(roads.nodes) + roads.head) >= 0).all()
    for node in range(len(roads.nodes)):
        assert (roads.tail[roads.first_out[node] : roads.first_out[node + 1]] == node).all()
    total = sum(d["length_m"] for _, _, d in city.roads.edges(data=True))
    assert roads.length_m.sum() == total
    k = int(np.flatnonzero(roads.auto)[0])
    data = next(iter(city.roads[roads.nodes[roads.tail[k]]][roads.nodes[roads.head[k]]].values()))
    assert roads.free_s[k] == data["length_m"] / (data["free_speed_kmh"] / 3.6)
    assert roads.capacity_veh_h[k] == data["capacity_veh_h"]


def test_cars_reach_every_zone_and_walkers_every_cell(city: Network) -> None:
    links, roads = links_of(city.roads), city.compiled.roads
    assert drivable(links)[roads.zone_node].all()
    walkable = set(roads.tail[roads.walk].tolist())
    assert set(roads.cell_node.tolist()) <= walkable
    first = city.compiled.zone_first_cell
    assert (city.cells.zone == np.repeat(np.arange(20), np.diff(first))).all()


def test_rides_join_platforms_of_their_line_in_both_directions(city: Network) -> None:
    rail = city.compiled.rail
    assert len(rail.platform_station) == 14  # 12 stations, two of them on both lines
    assert (rail.platform_line[rail.ride_from] == rail.ride_line).all()
    assert (rail.platform_line[rail.ride_to] == rail.ride_line).all()
    there = rail.ride_m[rail.ride_direction == 0].sum()
    assert (
        there
        == rail.ride_m[rail.ride_direction == 1].sum()
        == 0.5 * sum(d["length_m"] for _, _, d in city.rail.edges(data=True))
    )
    assert sorted(rail.transfer_s.tolist()) == [90.0, 90.0, 140.0, 150.0]
    assert (rail.platform_station[rail.transfer_from] == rail.platform_station[rail.transfer_to]).all()


def test_bus_patterns_run_both_ways_on_links_cars_may_use(city: Network) -> None:
    buses, roads = city.compiled.buses, city.compiled.roads
    assert len(buses.pattern_line) == 2 * len(city.buses.lines)
    for p in range(len(buses.pattern_line)):
        rows = range(buses.pattern_first[p], buses.pattern_first[p + 1])
        assert buses.path_first[rows[0]] == buses.path_first[rows[0] + 1]
        metres = 0.0
        for before, row in pairwise(rows):
            path = buses.path_link[buses.path_first[row] : buses.path_first[row + 1]]
            assert roads.auto[path].all()
            assert roads.tail[path[0]] == buses.stop_node[buses.call_stop[before]]
            assert roads.head[path[-1]] == buses.stop_node[buses.call_stop[row]]
            assert (roads.head[path[:-1]] == roads.tail[path[1:]]).all()
            metres += roads.length_m[path].sum()
            assert abs(buses.call_m[row] - metres) < 1e-6
    a, b, c = buses.pattern_first[:3]
    assert buses.call_stop[a:b].tolist() == buses.call_stop[b:c].tolist()[::-1]


def test_a_scenario_compiles_anew(city: Network) -> None:
    changed = Scenario("s", "tiny", (RailOfYear(2015), SetHeadway("Line 1", 100.0, "am"))).build(city)
    assert changed.compiled.rail.headway_s.tolist() == [[100.0, 360.0, 200.0]]
    assert city.compiled.rail.headway_s[0].tolist() == [180.0, 360.0, 200.0]
    back = RailOfYear(2019).apply(changed)
    assert back.lines[0].headway_s[0] == 100.0
