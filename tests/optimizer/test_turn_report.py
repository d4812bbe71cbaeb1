"""Stations where no bus can turn at its last stop, named before anything is solved."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks import Network, tiny
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Buses
from greentrip_optimizer import FeederOptions, design

OPTIONS = FeederOptions(
    vehicles=14, headways_min=(5.0, 10.0), max_stops=6, stop_spacing_m=700.0, detour_factor=3.0, max_routes_station=3
)
BLOCK = ("n0404", "n0304", "n0303", "n0403", "n0404")  # one street away from scholars
ROAD = ("n1204", "n1104", "n1004", "n0904")  # from harbour, where nothing leads round
Around = Callable[[Network, str], CatchmentDemand]


@pytest.fixture(scope="module")
def town() -> Network:
    """The tiny city with cars and buses in a few streets only."""
    city = tiny()
    roads, open_to = city.roads.copy(), {*pairwise(BLOCK), *pairwise(ROAD), ("n0405", "n0404")}
    for u, v, data in roads.edges(data=True):
        if not {(u, v), (v, u)} & open_to:
            data["uses"] = data["uses"] - {"auto"}
    return city.with_(roads=roads, buses=Buses((), np.zeros(0, np.int64), (), np.zeros(0), generated=True))


def test_where_no_bus_can_turn_the_least_that_would_do_is_named(town: Network, demand_around: Around) -> None:
    metres = {(u, v): data["length_m"] for u, v, data in town.roads.edges(data=True)}
    round_the_block = sum(metres[street] for street in pairwise(BLOCK))
    demands, told = [demand_around(town, s) for s in ("scholars", "harbour")], []
    expected = (
        rf"turn_m: saw 1, .* around Scholars \(scholars\), Harbour \(harbour\) .* at least {round_the_block:.0f},"
    )
    with pytest.raises(ScenarioError, match=expected):
        design(demands, town, replace(OPTIONS, turn_m=1.0), progress=lambda message, _share: told.append(message))
    assert not any(message.startswith("routes") for message in told)
    with pytest.raises(ScenarioError, match="turn_m"):
        design(demands, town, replace(OPTIONS, turn_m=round_the_block - 1))
    plan = design(
        demands,
        town,
        replace(OPTIONS, turn_m=round_the_block),
        progress=lambda message, _share: told.append(message),
    )
    assert {r.station for r in plan.routes} == {"scholars"}
    named = [message for message in told if "turn" in message]
    assert named == [f"no bus can turn within {round_the_block:g} m around Harbour (harbour): no routes there"]
    (without,) = plan.indicators["stations_without_route"]
    assert "by which a bus could turn" in without["reason"]


def test_where_nothing_leads_round_only_turning_on_the_spot_is_left(town: Network, demand_around: Around) -> None:
    demands = [demand_around(town, "harbour")]
    with pytest.raises(
        ScenarioError, match=r"turn_m: saw 500, .*; expected 0 \(there is none of up to 8000 m either\)"
    ):
        design(demands, town, replace(OPTIONS, turn_m=500.0))
    kept = design(demands, town, OPTIONS).routes
    assert kept
    with pytest.raises(ScenarioError, match=r"turn_m: saw 500, .*kept routes F-harbour-1.*; expected 0 for buses"):
        design(demands, town, replace(OPTIONS, turn_m=500.0), keep=kept)
    loops = design(demands, town, replace(OPTIONS, turn_m=500.0, loops=True))  # which need not turn
    assert loops.routes == ()
