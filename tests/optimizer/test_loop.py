"""Design and simulation in turn: rounds end where a plan comes back, and the simulation judges it."""

from dataclasses import replace

import pytest
from greentrip_agents import simulate
from greentrip_agents.parameters import default_parameters
from greentrip_networks import tiny
from greentrip_networks.errors import ScenarioError
from greentrip_optimizer.feeders import design_feeders, options_of
from greentrip_optimizer.loop import LEAVE, design_in_loop, million_a_year, moved_to_metro, pareto

SAMPLE, DAYS = 0.2, 6


@pytest.fixture(scope="module")
def town():
    return tiny()


def run_of(network, seed):
    return simulate(network, sample=SAMPLE, seed=seed, max_days=DAYS)


@pytest.fixture(scope="module")
def looped(town):
    base = [run_of(town, s) for s in (0, 1)]
    stations = list(town.rail.nodes)[:3]
    return (
        base,
        stations,
        design_in_loop(town, base, run_of, stations=stations, options=options_of(town, vehicles=8), most_rounds=3),
    )


def test_rounds_and_judgement(town, looped):
    base, _, loop = looped
    assert 1 <= len(loop.rounds) <= 3
    full = [r for r in loop.rounds if "to_metro_from" in r]
    assert all(set(r["to_metro_from"]) == set(LEAVE) for r in full)
    assert loop.summary["seeds"] == [0, 1]
    assert loop.plan.vehicles <= 8
    # the final figures are the simulation's
    again = run_of(town.with_(feeders=loop.plan.routes), 0)
    head = loop.summary["headline"]
    area, where = head["area"], head["base"]
    assert again.indicators["green_share"][area][where] - base[0].indicators["green_share"][area][
        where
    ] == pytest.approx(_change(base, town, loop, 0), abs=1e-9)


def _change(base, town, loop, k):
    other = run_of(town.with_(feeders=loop.plan.routes), k)
    head = loop.summary["headline"]
    mean = head["change_points"]
    second = run_of(town.with_(feeders=loop.plan.routes), 1 - k)
    beside = second.indicators["green_share"][head["area"]][head["base"]]
    rest = beside - base[1 - k].indicators["green_share"][head["area"]][head["base"]]
    assert other.indicators["seed"] == k
    return 2 * mean - rest


def test_repeats(town, looped):
    base, stations, loop = looped
    again = design_in_loop(town, base, run_of, stations=stations, options=options_of(town, vehicles=8), most_rounds=3)
    assert again.rounds == loop.rounds
    assert again.plan.content_hash == loop.plan.content_hash


def test_rounds_keep_what_is_fixed_and_every_limit(town, looped):
    base, stations, loop = looped
    fixed = [replace(loop.plan.routes[0], id="by-hand")]
    options = options_of(town, vehicles=8, loops=True, street_buses_h=90.0, turn_m=5000.0, range_km=150.0)
    held = design_in_loop(town, base, run_of, stations=stations, options=options, keep=fixed, most_rounds=2)
    first, *new = held.plan.routes
    assert first == fixed[0]
    assert new
    assert held.plan.vehicles <= 8
    assert held.plan.indicators["street_buses_h"] == 90.0
    assert "loops_listed" in held.plan.indicators
    alone = design_feeders(
        town, base[0], stations=stations, vehicles=8, keep=fixed, loops=True, street_buses_h=90.0, turn_m=5000.0,
        range_km=150.0,
    )  # fmt: skip
    assert held.rounds[0]["riders_designed"] == alone.indicators["riders_day"]
    # a round's figures are of the routes designed
    assert held.rounds[0]["kept_routes"] == 1
    assert held.rounds[0]["routes"] == len(alone.routes) - 1
    assert held.rounds[0]["vehicles"] == sum(r.vehicles for r in alone.routes[1:])
    assert held.rounds[0]["cost_cny_day"] == pytest.approx(sum(r.cost_cny_day for r in alone.routes[1:]))
    assert "kept_routes" not in loop.rounds[0]
    # riders are compared on the routes designed, not on those kept
    again = run_of(town.with_(feeders=alone.routes), 0)
    assert held.rounds[0]["riders_simulated"] == pytest.approx(
        sum(again.indicators["feeder_riders"].get(r.id, 0.0) for r in alone.routes[1:])
    )
    # and the judgement has the kept ones running
    with_plan = run_of(town.with_(feeders=held.plan.routes), 0)
    assert with_plan.indicators["feeder_riders"]["by-hand"] > 0


def test_no_buses_change_nothing(town, looped):
    base, stations, _ = looped
    loop = design_in_loop(town, base, run_of, stations=stations, options=options_of(town, vehicles=0), most_rounds=3)
    assert loop.settled
    assert loop.plan.routes == ()
    assert loop.summary["headline"]["change_points"] == 0.0
    assert million_a_year(loop.plan) == 0.0


def test_needs_a_base_and_a_round(town, looped):
    base, stations, _ = looped
    with pytest.raises(ScenarioError, match="base"):
        design_in_loop(town, [], run_of, stations=stations, options=options_of(town, vehicles=1))
    with pytest.raises(ScenarioError, match="most_rounds"):
        design_in_loop(town, base, run_of, stations=stations, options=options_of(town, vehicles=1), most_rounds=0)


def test_front_leaves_out_what_another_point_beats():
    points = [
        {"green_share_change_points": g, "million_cny_year": c} for g, c in ((0.0, 0), (0.2, 5), (0.1, 6), (0.3, 9))
    ]
    assert pareto(points) == [True, True, False, True]


def test_moves_are_net():
    rows = [
        {"from": "car", "to": "metro", "trips_per_day": 10.0},
        {"from": "metro", "to": "car", "trips_per_day": 4.0},
        {"from": "bus", "to": "car", "trips_per_day": 9.0},
    ]
    assert moved_to_metro(rows) == {**dict.fromkeys(LEAVE, 0.0), "car": 6.0}


def test_rounds_tell_of_their_designs_and_start_from_a_plan(town, looped):
    base, stations, loop = looped
    told, found = [], []
    once = design_in_loop(
        town,
        base[:1],
        run_of,
        stations=stations,
        options=options_of(town, vehicles=8, gap=0.05),
        most_rounds=1,
        start=loop.plan.routes,
        progress=lambda message, share: told.append((message, share)),
        found=lambda value, bound: found.append((value, bound)),
    )
    assert any(message.startswith("round 1: choosing among") or "routes, round" in message for message, _ in told)
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert found[0] == (None, None)
    assert found[-1][0] <= found[-1][1]
    assert once.plan.indicators["stopped_on"] in ("gap", "proved")
    assert once.plan.indicators["start_routes"] + len(once.plan.indicators["start_not_used"]) == len(loop.plan.routes)


def test_designs_take_the_parameters_that_a_run_was_made_with(town, looped):
    base, stations, _ = looped
    own = default_parameters(town.name)
    impatient = own.with_({"weight.wait": 3.0, "value_of_time.mean_cny_h": 40.0})
    assert options_of(town, impatient, vehicles=1).wait_weight == 3.0
    assert options_of(town, vehicles=1) == options_of(town, own, vehicles=1)
    given = {"stations": stations, "vehicles": 8}
    usual = design_feeders(town, base[0], **given)
    assert design_feeders(town, base[0], **given, parameters=own).content_hash == usual.content_hash
    assert design_feeders(town, base[0], **given, parameters=impatient).objective != usual.objective
