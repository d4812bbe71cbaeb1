"""What one plan changes of another, against counting by hand."""

from dataclasses import replace

import numpy as np
from greentrip_networks import load
from greentrip_networks.network import FeederRoute, Network
from greentrip_optimizer import Plan
from greentrip_optimizer.plan_diff import WALK_M, plan_diff


def route(network: Network, name: str, stops: tuple[str, ...], **changes: object) -> FeederRoute:
    station = next(iter(network.rail.nodes))
    made = FeederRoute(name, station, stops, stops, tuple(60.0 for _ in stops), 1000.0, 600.0, 2, 30, 1500.0)
    return replace(made, **changes)  # type: ignore[arg-type]


def plan(name: str, *routes: FeederRoute) -> Plan:
    return Plan(name, routes, 0.0, 0.0, 0.0, "estimate", ("x",))


def reached(network: Network, *nodes: str) -> float:
    total = 0.0
    for i in range(len(network.cells.zone)):
        x, y = network.cells.x_m[i], network.cells.y_m[i]
        near = (np.hypot(network.roads.nodes[n]["x_m"] - x, network.roads.nodes[n]["y_m"] - y) for n in nodes)
        if min(near) <= WALK_M:
            total += network.cells.home_share[i] * network.zones.residents[network.cells.zone[i]]
    return total


def test_routes_are_matched_by_their_stops_and_people_counted_once() -> None:
    network = load("tiny")
    nodes = list(network.roads.nodes)
    a, b, c, d, e = nodes[0], nodes[30], nodes[60], nodes[90], nodes[120]
    before = plan("before", route(network, "1", (a, b)), route(network, "2", (c,)), route(network, "3", (e,)))
    after = plan(
        "after",
        route(network, "x", (e,)),  # kept under another id
        route(network, "y", (b, a, d), headway_s=300.0),  # changed: a stop more, twice as often
        route(network, "z", (d,)),  # added
    )
    found = plan_diff(before, after, network)
    kinds = {(r.before, r.after): r for r in found.routes}
    assert {k: r.kind for k, r in kinds.items()} == {
        ("1", "y"): "changed", ("2", None): "dropped", ("3", "x"): "kept", (None, "z"): "added"
    }  # fmt: skip
    assert kinds["1", "y"].stops_added == (d,)
    assert kinds["1", "y"].headway_s == (600.0, 300.0)
    assert np.isclose(found.residents[0], reached(network, a, b, c, e))
    assert np.isclose(found.residents[1], reached(network, a, b, d, e))
    assert np.isclose(found.gain - found.lose, found.residents[1] - found.residents[0])
    assert np.isclose(kinds["1", "y"].residents, reached(network, a, b, d))
    assert found.count("added") == 1
    assert (found.vehicles, found.cost_cny_day) == ((6, 6), (4500.0, 4500.0))


def test_a_plan_and_itself_differ_by_nothing_and_turning_round_swaps_gain_and_loss() -> None:
    network = load("tiny")
    nodes = list(network.roads.nodes)
    one, two = (plan(n, route(network, n, (nodes[i], nodes[i + 7]))) for n, i in (("one", 0), ("two", 50)))
    same = plan_diff(one, one, network)
    assert {r.kind for r in same.routes} == {"kept"}
    assert (same.gain, same.lose, same.more_often, same.less_often) == (0, 0, 0, 0)
    there, back = plan_diff(one, two, network), plan_diff(two, one, network)
    assert (there.gain, there.lose) == (back.lose, back.gain)
    assert there.gain > 0


def test_a_route_that_becomes_a_loop_is_changed() -> None:
    network = load("tiny")
    a, b = list(network.roads.nodes)[:2]
    before = plan("before", route(network, "1", (a, b)))
    after = plan("after", route(network, "1", (a, b), ride_out_s=(60.0, 60.0)))
    (found,) = plan_diff(before, after, network).routes
    assert (found.kind, found.loop) == ("changed", (False, True))
    (same,) = plan_diff(after, after, network).routes
    assert (same.kind, same.loop) == ("kept", (True, True))
