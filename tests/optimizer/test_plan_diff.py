"""What one plan changes of another, against counting by hand."""

from dataclasses import replace

import numpy as np
import pytest
from greentrip_networks import load
from greentrip_networks.network import PERIOD_HOURS, FeederRoute, Network
from greentrip_optimizer import Plan
from greentrip_optimizer.plan import LineChange
from greentrip_optimizer.plan_diff import WALK_M, plan_diff


def route(network: Network, name: str, stops: tuple[str, ...], **changes: object) -> FeederRoute:
    station = next(iter(network.rail.nodes))
    made = FeederRoute(
        name, station, stops, stops, tuple(60.0 for _ in stops), 1000.0, (600.0, 1200.0, 600.0), 2, 30, 1500.0
    )
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
        route(network, "y", (b, a, d), headways_s=(300.0, 600.0, 300.0)),  # changed: a stop more, twice as often
        route(network, "z", (d,)),  # added
    )
    found = plan_diff(before, after, network)
    kinds = {(r.before, r.after): r for r in found.routes}
    assert {k: r.kind for k, r in kinds.items()} == {
        ("1", "y"): "changed", ("2", None): "dropped", ("3", "x"): "kept", (None, "z"): "added"
    }  # fmt: skip
    assert kinds["1", "y"].stops_added == (d,)
    assert kinds["1", "y"].headways_s == ((600.0, 1200.0, 600.0), (300.0, 600.0, 300.0))
    mean_s = 17 * 3600 / (4 * 6 + 13 * 3)  # buses an hour in four hours and in thirteen
    assert kinds["1", "y"].headway_s == pytest.approx((mean_s, mean_s / 2))
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


def line(network: Network, row: int, stops: tuple[str, ...], headway_s: tuple[float, ...], vehicles: int) -> LineChange:
    """Return a change of a line of the network."""
    buses, old = network.buses, network.buses.lines[row]
    before = tuple(buses.node[c] for c in np.flatnonzero(buses.line == row))
    return LineChange(old.id, "", before, stops, old.headway_s, headway_s, 80, 4, vehicles)


def buses_an_hour(network: Network, lines: list[tuple[tuple[str, ...], tuple[float, ...]]]) -> np.ndarray:
    """Return by cell the buses an hour within a walk, mean of the service day."""
    found = np.zeros(len(network.cells.zone))
    for i in range(len(found)):
        x, y = network.cells.x_m[i], network.cells.y_m[i]
        for stops, (am, off, pm) in lines:
            far = min(np.hypot(network.roads.nodes[n]["x_m"] - x, network.roads.nodes[n]["y_m"] - y) for n in stops)
            if far <= WALK_M:
                runs = sum(hours * 3600 / s for hours, s in zip(PERIOD_HOURS, (am, off, pm), strict=True))
                found[i] += runs / sum(PERIOD_HOURS)
    return found


def test_plans_of_lines_say_who_gains_loses_and_waits_longer_beside_all_other_lines() -> None:
    network = load("tiny")
    buses = network.buses
    today = [
        (tuple(buses.node[c] for c in np.flatnonzero(buses.line == k)), tuple(buses.lines[k].headway_s))
        for k in range(len(buses.lines))
    ]
    shorter, seldom = today[0][0][:2], tuple(2 * h for h in today[1][1])
    far = max(network.roads.nodes, key=lambda n: network.roads.nodes[n]["x_m"] + network.roads.nodes[n]["y_m"])
    new = LineChange("N", "new", (), (today[2][0][0], far), (), (300.0, 600.0, 300.0), 80, 0, 3)
    after = replace(
        plan("after"), lines=(line(network, 0, shorter, today[0][1], 2), line(network, 1, today[1][0], seldom, 2), new)
    )
    found = plan_diff(plan("before"), after, network)
    people = network.cells.home_share * network.zones.residents[network.cells.zone]
    old = buses_an_hour(network, today)
    now = buses_an_hour(
        network, [(shorter, today[0][1]), (today[1][0], seldom), *today[2:], (new.stops, new.headway_s)]
    )
    assert np.allclose(found.residents, (people[old > 0].sum(), people[now > 0].sum()))
    assert np.isclose(found.gain, people[(now > 0) & (old == 0)].sum())
    assert np.isclose(found.lose, people[(now == 0) & (old > 0)].sum())
    assert np.isclose(found.less_often, people[(now > 0) & (now < old - 1e-9)].sum())
    assert np.isclose(found.more_often, people[(old > 0) & (now > old + 1e-9)].sum())
    assert found.less_often > 0
    assert found.vehicles == (8, 7)
    kinds = {r.after: r for r in found.routes}
    assert [kinds[n].kind for n in (buses.lines[0].id, buses.lines[1].id, "N")] == ["changed", "changed", "added"]
    assert kinds[buses.lines[1].id].headways_s == (today[1][1], seldom)
    assert np.isclose(kinds[buses.lines[1].id].headway_s[1], 2 * kinds[buses.lines[1].id].headway_s[0])
    assert kinds["N"].headway_s == (None, 3600 / ((4 * 12 + PERIOD_HOURS[1] * 6) / sum(PERIOD_HOURS)))
    assert kinds["N"].length_m[0] == 0 < kinds[buses.lines[0].id].length_m[1] < kinds[buses.lines[0].id].length_m[0]
    assert all(r.cost_cny_day == (None, None) for r in found.routes)
    back = plan_diff(after, plan("before"), network)
    assert (back.gain, back.lose, back.more_often) == (found.lose, found.gain, found.less_often)


def test_who_loses_a_line_without_another_loses_the_bus() -> None:
    network = load("tiny")
    buses = network.buses
    gone = tuple(replace(line(network, k, (), (), 0), action="withdraw") for k in range(len(buses.lines)))
    found = plan_diff(plan("before"), replace(plan("after"), lines=gone), network)
    assert found.residents[1] == found.gain == 0
    assert found.lose == found.residents[0] > 0
    assert {r.kind for r in found.routes} == {"dropped"}
