"""Bus lines fitted to rail, on generated lines and on those of an imported timetable."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from greentrip_agents import simulate
from greentrip_agents.parameters import default_parameters
from greentrip_networks import RunBusLine, Scenario, tiny
from greentrip_networks.errors import ScenarioError
from greentrip_networks.formats import read_layers, write_layers
from greentrip_networks.from_layers import network_of
from greentrip_networks.layers_of import layers_of
from greentrip_optimizer import Plan
from greentrip_optimizer.line_actions import LineOptions, Service, cuts
from greentrip_optimizer.lines import adjust_lines
from greentrip_optimizer.parallel import parallel_lines
from greentrip_optimizer.plan_diff import plan_diff

ALONG = ("n0104", "n0305", "n0405", "n0605", "n0805", "n1005", "n1204")  # the stations of rail line 1
DEAR = LineOptions(near_m=300.0, most_loss_min=600.0, cny_vehicle_hour=900.0)  # so dear that riders are worth less
OUT = ("n0104", "n0305", "n0405", "n0605", "n0701", "n0801")  # beside rail for a while, then elsewhere


@pytest.fixture(scope="module")
def generated():
    steps = (
        RunBusLine("B-along", ALONG, (240.0, 480.0, 240.0), 80),
        RunBusLine("B-out", OUT, (300.0, 600.0, 300.0), 80),
    )
    return Scenario("beside", "tiny", steps).build(tiny())


@pytest.fixture(scope="module")
def run(generated):
    return simulate(generated, sample=0.004, max_days=3)


@pytest.fixture(scope="module")
def imported(generated, tmp_path_factory):
    """The same city with its lines read from a GTFS feed: a timetable, for all the model knows."""
    layers = layers_of(generated)
    feed = tmp_path_factory.mktemp("feed") / "feed.zip"
    write_layers(layers, feed, "gtfs")
    joined = read_layers(feed).with_(nodes=layers.nodes, links=layers.links, zones=layers.zones)
    return network_of(joined, "imported")


def test_what_runs_beside_rail_is_found_by_the_stated_distance_and_share(generated):
    names = [line.id for line in generated.buses.lines]
    found = {names[p.row]: p for p in parallel_lines(generated, near_m=300.0, least_share=0.4)}
    assert {"B-along", "B-out"} <= set(found)
    assert found["B-along"].share == pytest.approx(1.0)
    x, y = (np.array([generated.roads.nodes[n][k] for n in OUT]) for k in ("x_m", "y_m"))
    legs = np.hypot(np.diff(x), np.diff(y))
    assert found["B-out"].share == pytest.approx(legs[:3].sum() / legs.sum())
    stricter = {names[p.row] for p in parallel_lines(generated, near_m=300.0, least_share=0.9)}
    assert "B-along" in stricter
    assert "B-out" not in stricter


def test_riders_on_board_are_those_who_boarded_and_did_not_leave(generated, run):
    service = Service(generated, run, LineOptions(), default_parameters(generated.name))
    for row in range(len(generated.buses.lines)):
        on, off, ride = service.riders(row)
        assert on.sum() == pytest.approx(off.sum(), rel=1e-6, abs=1e-6)
        assert (ride >= -1e-9).all()


def test_lines_are_cut_at_stations_only_and_what_is_cut_is_beside_rail(generated, run):
    options = DEAR
    service = Service(generated, run, options, default_parameters(generated.name))
    for line in parallel_lines(generated, near_m=300.0, least_share=0.4):
        names = [generated.buses.node[c] for c in np.flatnonzero(generated.buses.line == line.row)]
        for action in cuts(service, line):
            peak, money = service.today(line.row)
            assert action.vehicles <= peak
            assert 0 < action.saved_cny <= money + 1e-6
            gone = [i for i, n in enumerate(names) if n not in action.stops]
            if action.kind != "withdraw":
                assert all(line.beside[i] for i in gone)
                assert 0 < len(gone) < len(names)


def best_by_trying(service, actions, at_hand, today):
    """Return the best value of any set of at most one cut a line, without relief, by trying all."""
    per_min = service.parameters["value_of_time.mean_cny_h"] / 60
    rows = sorted({a.row for a in actions})
    rail_load, places = service.run.costs["rail_load_am"], service.run.costs["rail_places_am"]
    best = -np.inf
    for group in itertools.product(*[[None, *(a for a in actions if a.row == r)] for r in rows]):
        picked = [a for a in group if a is not None]
        buses = sum(n for n, _ in today.values()) + sum(a.vehicles - today[a.row][0] for a in picked)
        more = np.zeros(len(rail_load))
        for a in picked:
            for r, n in a.moved:
                more[r] += int(np.ceil(n))
        left = {}
        for a in picked:
            for node in a.dropped:
                left[node] = left.get(node, 0) + 1
        serving = {}
        for k, node in zip(service.network.buses.line, service.network.buses.node, strict=True):
            serving.setdefault(node, set()).add(int(k))
        room = np.maximum(places - rail_load, 0.0).astype(int)
        if buses <= at_hand and (more <= room)[more > 0].all() and all(n < len(serving[k]) for k, n in left.items()):
            best = max(best, sum(a.saved_cny - a.lost_min * per_min for a in picked))
    return best


def test_the_choice_equals_trying_every_set_of_changes(generated, run):
    options = DEAR
    plan = adjust_lines(generated, run, options)
    service = Service(generated, run, options, default_parameters(generated.name))
    beside = parallel_lines(generated, near_m=300.0, least_share=options.least_share)
    actions = [a for line in beside for a in cuts(service, line)]
    today = {k: service.today(k) for k in range(len(generated.buses.lines))}
    assert 0 < len(actions) < 30
    best = best_by_trying(service, actions, sum(n for n, _ in today.values()), today)
    assert best > 0
    assert plan.objective == pytest.approx(best, abs=1.0)
    assert plan.gap == 0
    assert plan.bound_kind == "estimate"  # nothing better among the changes considered, but others might be
    assert plan.indicators["vehicles_after"] < plan.indicators["vehicles_before"]


@pytest.mark.parametrize("tight", [False, True])
def test_the_next_best_and_the_worth_of_a_bus_equal_trying_every_set(generated, run, tight):
    service = Service(generated, run, DEAR, default_parameters(generated.name))
    beside = parallel_lines(generated, near_m=300.0, least_share=DEAR.least_share)
    actions = [a for line in beside for a in cuts(service, line)]
    today = {k: service.today(k) for k in range(len(generated.buses.lines))}
    at_hand = sum(n for n, _ in today.values())
    if tight:
        while best_by_trying(service, actions, at_hand - 1, today) > -np.inf:
            at_hand -= 1
    plan = adjust_lines(generated, run, replace(DEAR, vehicles=at_hand))
    more = best_by_trying(service, actions, at_hand + 1, today)
    prices = plan.indicators["shadow_prices"]
    assert prices["bus_cny_day"] == pytest.approx(more - plan.objective, abs=1.0)
    assert set(prices) == {"bus_cny_day"}, "proved, so that nothing is left open"
    assert plan.lines
    assert plan.indicators["next_best_told"] == len(plan.lines)
    for line, row in zip(plan.lines, plan.explain(), strict=True):
        rest = [a for a in actions if (generated.buses.lines[a.row].id, a.stops) != (line.line, line.stops)]
        assert len(rest) == len(actions) - 1
        without = best_by_trying(service, rest, at_hand, today)
        if without == -np.inf:
            assert row["next_best"] == {"loses_cny_day": None, "reason": "no plan without it keeps the limits"}
            continue
        assert row["next_best"]["loses_cny_day"] == pytest.approx(plan.objective - without, abs=1.0)
        assert row["next_best"]["loses_cny_day"] > -0.01
        assert all(r["line"] != line.line or r["stops"] != len(line.stops) for r in row["next_best"]["instead"])
        assert line.line not in row["next_best"]["also_left_out"]


def test_generated_lines_are_labelled_and_imported_ones_are_not(generated, run, imported):
    options = DEAR
    demonstration = adjust_lines(generated, run, options)
    assert demonstration.lines
    assert all("demonstration" in line.label for line in demonstration.lines)
    assert not imported.buses.generated
    real = adjust_lines(imported, simulate(imported, sample=0.004, max_days=3), options)
    assert real.lines
    assert not any(line.label for line in real.lines)
    assert real.indicators["label"] == ""
    built = Scenario("s", "imported", real.interventions()).build(imported)
    withdrawn = sum(line.action == "withdraw" for line in real.lines)
    assert len(built.buses.lines) == len(imported.buses.lines) - withdrawn
    assert len(built.compiled.buses.call_stop) < len(imported.compiled.buses.call_stop)


def test_full_trains_get_buses_beside_them_if_there_are_any(generated, run):
    costs = {**run.costs, "rail_load_am": run.costs["rail_places_am"] * 1.2}
    full = replace(run, costs=costs)
    without = adjust_lines(generated, full, LineOptions(near_m=300.0))
    assert not any(line.action in ("withdraw", "shorten", "reroute") for line in without.lines), "trains have no room"
    plan = adjust_lines(generated, full, LineOptions(near_m=300.0, vehicles=500))
    more = [line for line in plan.lines if line.action in ("strengthen", "new")]
    assert more
    for line in more:
        assert line.action == "new" or line.headway_s[0] < line.headway_s_before[0]
    assert plan.indicators["vehicles_after"] <= 500
    relieved = [r["persons_off_full_trains_am"] for r in plan.indicators["changes"] if r["action"] != "withdraw"]
    assert sum(relieved) > 0


def test_a_plan_of_lines_survives_json_and_is_compared(generated, run):
    plan = adjust_lines(generated, run, DEAR)
    again = Plan.from_dict(plan.to_dict())
    assert again.content_hash == plan.content_hash
    nothing = replace(plan, lines=())
    diff = plan_diff(nothing, plan, generated)
    assert [r.kind for r in diff.routes] == ["changed" if line.stops else "dropped" for line in plan.lines]
    assert {r.kind for r in plan_diff(plan, plan, generated).routes} == {"kept"}


@pytest.mark.parametrize(("field", "value"), [("near_m", 0.0), ("least_share", 1.5), ("vehicles", -1)])
def test_senseless_options_are_refused_by_name(field, value):
    with pytest.raises(ScenarioError, match=field):
        LineOptions(**{field: value})


def test_buses_that_cannot_be_freed_are_named_with_the_fewest_that_would_do(generated, run):
    with pytest.raises(ScenarioError, match=r"saw 1; expected at least [0-9]+. No changes run so few buses") as caught:
        adjust_lines(generated, run, replace(DEAR, vehicles=1))
    least = int(str(caught.value).split("at least ")[1].split(".")[0])
    plan = adjust_lines(generated, run, replace(DEAR, vehicles=least))
    assert plan.indicators["vehicles_after"] == least
    with pytest.raises(ScenarioError, match=f"at least {least}"):
        adjust_lines(generated, run, replace(DEAR, vehicles=least - 1))


def test_the_rule_that_stands_in_the_way_is_named(generated, run):
    costs = {**run.costs, "rail_load_am": run.costs["rail_places_am"] * 1.0}
    fewer = adjust_lines(generated, run, DEAR).indicators["vehicles_after"]
    with pytest.raises(ScenarioError, match=r"riders moved to rail fit into the trains \(full\)") as caught:
        adjust_lines(generated, replace(run, costs=costs), replace(DEAR, vehicles=fewer))
    full = float(re.findall(r" full ([0-9]+\.[0-9]+)", str(caught.value))[0])
    plan = adjust_lines(generated, replace(run, costs=costs), replace(DEAR, vehicles=fewer, full=full))
    assert plan.indicators["vehicles_after"] <= fewer
    with pytest.raises(ScenarioError, match=f"full {full:g}"):
        adjust_lines(generated, replace(run, costs=costs), replace(DEAR, vehicles=fewer, full=full - 0.01))


def test_a_run_of_another_network_is_refused(run):
    with pytest.raises(ScenarioError, match="expected a run of this very network"):
        adjust_lines(tiny(), run)
