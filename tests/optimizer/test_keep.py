"""Routes kept by hand: what they leave, and every limit that they break."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from greentrip_agents.catchment import CatchmentDemand
from greentrip_networks import Network, tiny
from greentrip_networks.errors import ScenarioError
from greentrip_networks.network import Buses, FeederRoute
from greentrip_optimizer import FeederOptions, design
from greentrip_optimizer.keep import demand_beside

STATIONS = ("scholars", "willow-bank")
OPTIONS = FeederOptions(
    vehicles=40, headways_min=(5.0, 10.0), max_stops=8, stop_spacing_m=500.0, detour_factor=3.0, max_routes_station=8
)
Around = Callable[[Network, str], CatchmentDemand]


@pytest.fixture(scope="module")
def town() -> Network:
    """The tiny city without bus lines."""
    return tiny().with_(buses=Buses((), np.zeros(0, np.int64), (), np.zeros(0), generated=True))


@pytest.fixture(scope="module")
def demands(town: Network, demand_around: Around) -> list[CatchmentDemand]:
    return [demand_around(town, s) for s in STATIONS]


@pytest.fixture(scope="module")
def kept(town: Network, demands: list[CatchmentDemand]) -> list[FeederRoute]:
    """Three routes of one station."""
    routes = design(demands[:1], town, OPTIONS).routes
    assert len(routes) >= 3
    return [replace(r, id=f"by-hand-{k}") for k, r in enumerate(routes[:3])]


def least(text: str) -> dict[str, float]:
    """Return the least value that an error names for each limit."""
    found = re.findall(r"(\w+): saw [^;]*; expected at least ([0-9,.]*[0-9])", text)
    return {field: float(value.replace(",", "")) for field, value in found}


@pytest.mark.parametrize("bays", [3, 4, 5])
def test_kept_routes_take_bays(
    town: Network, demands: list[CatchmentDemand], kept: list[FeederRoute], bays: int
) -> None:
    one, left = demands[:1], OPTIONS.vehicles - sum(r.vehicles for r in kept)
    weak = [replace(r, headways_s=(1800.0, 3600.0, 1800.0)) for r in kept]  # so that more routes would pay beside them
    plan = design(one, town, replace(OPTIONS, max_routes_station=bays), keep=weak)
    assert plan.routes[:3] == tuple(weak)
    alone = design(
        demand_beside(one, town, weak, OPTIONS),
        town,
        replace(OPTIONS, max_routes_station=bays - 3, vehicles=left),
    )
    assert len(plan.routes) == bays
    assert [replace(r, id="") for r in plan.routes[3:]] == [replace(r, id="") for r in alone.routes]
    assert plan.objective == alone.objective
    assert plan.bound == alone.bound
    for row in plan.explain():
        assert row["next_best"]["loses_cny_day"] >= -0.05


def test_the_first_bay_beside_kept_routes_has_a_price(
    town: Network, demands: list[CatchmentDemand], kept: list[FeederRoute]
) -> None:
    for exhaustive in (OPTIONS.exhaustive_routes, 1):
        options = replace(OPTIONS, exhaustive_routes=exhaustive, max_routes_station=3)
        none = design(demands[:1], town, options, keep=kept)
        one = design(demands[:1], town, replace(options, max_routes_station=4), keep=kept)
        assert none.routes == tuple(kept)
        assert none.objective == none.bound == 0.0
        price = none.indicators["shadow_prices"]["bay_cny_day"]["scholars"]
        assert 0 < one.objective <= price + 0.05


def test_a_station_full_of_kept_routes_leaves_the_other_its_bays(
    town: Network, demands: list[CatchmentDemand], kept: list[FeederRoute]
) -> None:
    weak = [replace(r, headways_s=(1800.0, 3600.0, 1800.0)) for r in kept]
    for grown in (False, True):
        options = replace(OPTIONS, max_routes_station=3, exhaustive_routes=1 if grown else OPTIONS.exhaustive_routes)
        plan = design(demands, town, options, keep=weak)
        assert Counter(r.station for r in plan.routes) == {"scholars": 3, "willow-bank": 3}
        (full,) = plan.indicators["stations_without_route"]
        assert (full["station"], full["reason"]) == ("scholars", "kept routes use all of its 3 bays")
        assert plan.indicators["shadow_prices"]["bay_cny_day"]["scholars"] > 0


def test_more_routes_kept_than_bays_are_named(
    town: Network, demands: list[CatchmentDemand], kept: list[FeederRoute]
) -> None:
    place = town.rail.nodes["scholars"]
    with pytest.raises(
        ScenarioError, match=r"saw 2 bays, but 3 kept routes end at .*; expected at least 3, or"
    ) as error:
        design(demands[1:], town, replace(OPTIONS, max_routes_station=2), keep=kept)  # though none is designed there
    assert error.value.field == "max_routes_station"
    assert f"{place['name_en']} {place['name_zh']} (scholars)" in str(error.value)


def test_two_limits_that_kept_routes_break_are_told_at_once(
    town: Network, demands: list[CatchmentDemand], kept: list[FeederRoute]
) -> None:
    buses, money = sum(r.vehicles for r in kept), sum(r.cost_cny_day for r in kept)
    with pytest.raises(ScenarioError, match="break 2 limits, each of them by itself") as error:
        design(demands, town, replace(OPTIONS, vehicles=buses - 1, budget_cny_day=money - 1.0), keep=kept)
    assert error.value.field == "keep"
    assert least(str(error.value)) == {"vehicles": buses, "budget_cny_day": pytest.approx(money, abs=0.011)}
    works = least(str(error.value))
    plan = design(
        demands,
        town,
        replace(OPTIONS, vehicles=int(works["vehicles"]), budget_cny_day=works["budget_cny_day"]),
        keep=kept,
    )
    assert plan.routes == tuple(kept)


def test_every_limit_that_kept_routes_break_is_told_and_each_is_a_conflict_alone(
    town: Network, demands: list[CatchmentDemand], kept: list[FeederRoute]
) -> None:
    tight = {"vehicles": 1, "budget_cny_day": 10.0, "max_routes_station": 2, "street_buses_h": 6.0, "turn_m": 1.0}
    with pytest.raises(ScenarioError, match="break 5 limits") as error:
        design(demands, town, replace(OPTIONS, **tight), keep=kept)
    works = least(str(error.value))
    assert works.keys() == tight.keys()
    assert all(f"({k}) " in str(error.value) for k in range(1, 6))
    for field, value in tight.items():  # each by itself, with the same least value; and that value works
        with pytest.raises(ScenarioError) as alone:
            design(demands, town, replace(OPTIONS, **{field: value}), keep=kept)
        assert alone.value.field == field
        assert least(str(alone.value)) == {field: works[field]}
        enough = int(works[field]) if isinstance(value, int) else works[field]
        assert design(demands, town, replace(OPTIONS, **{field: enough}), keep=kept).routes[:3] == tuple(kept)
    few = {field: tight[field] for field in ("vehicles", "max_routes_station", "street_buses_h")}
    with pytest.raises(ScenarioError, match="break 3 limits") as error:
        design(demands, town, replace(OPTIONS, **few), keep=kept)
    assert least(str(error.value)) == {field: works[field] for field in few}


def test_kept_routes_that_cannot_turn_are_named(
    town: Network, demands: list[CatchmentDemand], kept: list[FeederRoute]
) -> None:
    with pytest.raises(ScenarioError, match=r"turn_m: saw 1, .* kept routes by-hand-0") as error:
        design(demands, town, replace(OPTIONS, turn_m=1.0), keep=kept)
    works = least(str(error.value))["turn_m"]
    with pytest.raises(ScenarioError, match="kept routes by-hand"):
        design(demands, town, replace(OPTIONS, turn_m=works - 1), keep=kept)
