"""Access by feeder: what a loop offers a cell, by hand."""

from dataclasses import replace

import numpy as np
import pytest
from greentrip_agents import default_parameters, simulate
from greentrip_agents.access import BY_FEEDER, Access, find_access
from greentrip_networks import AddFeeders
from greentrip_networks.network import PERIODS, FeederRoute, Network

P = default_parameters("tiny")
LOOP = FeederRoute(
    "round", "harbour", ("n1205", "n1305", "n1304"), ("n1204", "n1205", "n1305", "n1304", "n1204"),
    (340.0, 230.0, 120.0), 2900.0, (240.0, 480.0, 240.0), 3, 60, 4000.0, (100.0, 210.0, 320.0),
)  # fmt: skip


def access(city: Network, *routes: FeederRoute) -> Access:
    calls = [np.zeros(len(city.compiled.buses.call_stop)) for _ in PERIODS]
    return find_access(city.with_(feeders=routes), P, calls)


def test_a_loop_offers_the_mean_of_the_ride_in_and_the_ride_out(city: Network) -> None:
    found = access(city, LOOP)
    period, cell, slot = np.nonzero(found.kind == BY_FEEDER)
    assert len(cell)
    roads, rail = city.compiled.roads, city.compiled.rail
    for t, c, s in zip(period, cell, slot, strict=True):
        assert rail.stations[found.station[c, s]] == "harbour"
        nodes = [roads.nodes.index(n) for n in LOOP.stops]
        far = min(np.hypot(roads.x_m[k] - city.cells.x_m[c], roads.y_m[k] - city.cells.y_m[c]) for k in nodes)
        assert far <= P["access.stop_walk_max_km"] * 1000
        walk = far * P["distance.street_detour"] / P["speed.walk_m_s"] / 60
        wait = 240.0 * (2 if PERIODS[t] == "off" else 1) / 120
        ride = 220.0 / 60  # every stop: 100 + 340, 210 + 230 and 320 + 120 seconds both ways
        assert found.minutes[t, c, s] == pytest.approx(walk + wait + ride)
        money = city.fares.feeder_cny / (P["value_of_time.mean_cny_h"] / 60)
        felt = P["weight.walk_access"] * walk + P["weight.wait"] * wait + ride + money + P["weight.transfer_min"]
        assert found.cost[t, c, s] == pytest.approx(felt)


def test_a_loop_serves_as_a_route_there_and_back_of_the_same_mean_rides(city: Network) -> None:
    both_ways = replace(LOOP, ride_s=LOOP.mean_ride_s, ride_out_s=())
    one, other = access(city, LOOP), access(city, both_ways)
    np.testing.assert_array_equal(one.cost, other.cost)
    np.testing.assert_array_equal(one.kind, other.kind)
    quicker_in_only = access(city, replace(LOOP, ride_out_s=()))
    assert (quicker_in_only.cost != one.cost).any()


def test_a_simulation_carries_riders_on_a_loop(city: Network) -> None:
    often = replace(LOOP, ride_s=(120.0, 80.0, 40.0), ride_out_s=(40.0, 80.0, 120.0), headways_s=(120.0, 240.0, 120.0))
    run = simulate(AddFeeders((often,)).apply(city), sample=0.01, seed=0, max_days=2)
    assert run.indicators["feeder_riders"]["round"] > 0


def test_each_period_waits_half_of_its_own_headway(city: Network) -> None:
    """5, 15 and 8 minutes: what differs by period is the wait, and with it who is better off by feeder."""
    found = access(city, replace(LOOP, headways_s=(300.0, 900.0, 480.0)))
    by_feeder = found.kind == BY_FEEDER
    assert by_feeder[0].sum() >= by_feeder[2].sum() >= by_feeder[1].sum()
    both = by_feeder[0] & by_feeder[2]
    assert both.any()
    assert found.minutes[2][both] - found.minutes[0][both] == pytest.approx(1.5)  # half of three minutes
    assert found.cost[2][both] - found.cost[0][both] == pytest.approx(1.5 * P["weight.wait"])
    every = by_feeder.all(axis=0)
    assert every.any()
    assert found.minutes[1][every] - found.minutes[0][every] == pytest.approx(5.0)


def test_twice_the_headway_off_peak_is_what_every_feeder_had(city: Network) -> None:
    """Figures from before routes had a headway of each period."""
    often = replace(LOOP, ride_s=(120.0, 80.0, 40.0), ride_out_s=(40.0, 80.0, 120.0))
    there = replace(LOOP, id="both", ride_out_s=(), headways_s=(437.0, 874.0, 437.0))
    found = access(city, often, there)
    assert (found.feeder >= 0).sum() == 22
    assert found.cost[np.isfinite(found.cost)].sum() == pytest.approx(243832.9237031552, rel=1e-12)
    run = simulate(AddFeeders((often, there)).apply(city), sample=0.01, seed=0, max_days=2)
    riders = run.indicators["feeder_riders"]
    assert riders == {"round": pytest.approx(3335.2828832775344, rel=1e-9), "both": 0.0}
