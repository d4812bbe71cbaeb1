"""Rules of fitted bus lines that conflict: which, whether any could be spared, and the least that would do."""

import itertools
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from greentrip_networks.errors import ScenarioError
from greentrip_optimizer.line_actions import Action, LineOptions
from greentrip_optimizer.line_choice import choose_changes
from greentrip_optimizer.line_conflict import conflict
from greentrip_optimizer.line_program import Rules
from hypothesis import given, settings
from hypothesis import strategies as st

TODAY = {0: (10, 1000.0), 1: (10, 1000.0), 2: (10, 1000.0)}
OFF = {"stops": False, "most_loss_min": None, "full": None, "vehicles": None}


def service(**options):
    """Three lines that each alone serve one stop, beside two rail rides with room for 5 and for none."""
    buses = SimpleNamespace(line=np.array([0, 1, 2]), node=("a", "b", "c"))
    costs = {"rail_load_am": np.array([95.0, 100.0]), "rail_places_am": np.array([100.0, 100.0])}
    return SimpleNamespace(
        options=LineOptions(**options),
        network=SimpleNamespace(buses=buses),
        parameters={"value_of_time.mean_cny_h": 60.0},
        run=SimpleNamespace(costs=costs),
    )


def withdrawn(row, *, dropped=(), moved=(), loss_min=0.0):
    return Action(
        row, "withdraw", (), (300.0, 600.0, 300.0), 80, 0, 1000.0, 10.0, 10.0 * loss_min, dropped=dropped, moved=moved
    )


def raised(actions, **options):
    """Return the error of a choice among actions, those refused told apart as a design does."""
    o = LineOptions(**options)
    allowed = [a for a in actions if a.mean_loss_min <= o.most_loss_min]
    refused = [a for a in actions if a.mean_loss_min > o.most_loss_min]
    with pytest.raises(ScenarioError) as caught:
        choose_changes(service(**options), allowed, {}, TODAY, refused)
    return str(caught.value)


def named(error):
    return set(re.findall(r"\((vehicles|full|most_loss_min|stops)\)", error))


def kept(actions, rules, service):
    """Say whether any set of at most one change a line keeps the rules, by trying all."""
    places, load = (service.run.costs[f"rail_{n}_am"] for n in ("places", "load"))
    rows = [[None, *(a for a in actions if a.row == r)] for r in TODAY]
    for group in itertools.product(*rows):
        picked = [a for a in group if a is not None]
        moved = np.zeros(2)
        for a in picked:
            for r, n in a.moved:
                moved[r] += np.ceil(n)
        if rules.vehicles is not None and 30 + sum(a.vehicles - 10 for a in picked) > rules.vehicles:
            continue
        if rules.stops and any(a.dropped for a in picked):
            continue
        if rules.most_loss_min is not None and any(a.mean_loss_min > rules.most_loss_min for a in picked):
            continue
        if rules.full is not None:
            room = np.floor(np.maximum(rules.full * places - load, 0.0))
            if (moved > room)[moved > 0].any():
                continue
        return True
    return False


def test_two_rules_that_stand_in_the_way_only_together_are_both_named():
    actions = [withdrawn(0, dropped=("a",)), withdrawn(1, moved=((1, 10.0),))]  # either would do
    error = raised(actions, vehicles=20)
    assert named(error) == {"vehicles", "stops", "full"}
    assert "vehicles 30" in error
    assert "full 1.1" in error
    assert "without the rule that no stop away from rail loses its last line" in error
    for name, off in OFF.items():
        if name in named(error):
            rules = replace(Rules(20, 1.0, 12.0), **{name: off})
            assert kept(actions, rules, service()), "any of them left out, the rest can be kept"


def test_a_rule_whose_relaxation_alone_would_not_do_is_said_to_be_so():
    error = raised([withdrawn(0, dropped=("a",), moved=((1, 10.0),))], vehicles=20)
    assert named(error) == {"vehicles", "full"}
    assert "vehicles 30" in error
    assert "no value of full alone would do" in error


def test_what_riders_would_have_to_bear_is_told():
    error = raised([withdrawn(0, loss_min=14.23), withdrawn(1, loss_min=30.0)], vehicles=20)
    assert named(error) == {"vehicles", "most_loss_min"}
    assert "most_loss_min 14.3" in error
    assert error.startswith("vehicles: saw 20; expected at least 30")


def test_a_limit_of_buses_that_no_changes_meet_conflicts_by_itself():
    error = raised([withdrawn(0), withdrawn(1)], vehicles=5)
    assert "No changes run so few buses, whatever the other rules" in error
    assert "vehicles 10" in error


ACTIONS = st.lists(
    st.builds(
        withdrawn,
        st.integers(0, 2),
        dropped=st.sampled_from([(), (), ("a",)]),
        moved=st.sampled_from([(), ((0, 3.5),), ((0, 9.0),), ((1, 2.0),), ((0, 4.0), (1, 1.0))]),
        loss_min=st.sampled_from([0.0, 5.0, 12.5, 20.0]),
    ),
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(actions=ACTIONS, vehicles=st.integers(0, 29))
def test_the_set_is_irreducible_and_relaxations_are_the_least(actions, vehicles):
    city, rules = service(), Rules(vehicles, 1.0, 12.0)
    if kept(actions, rules, city):
        return
    error = str(conflict(city, actions, TODAY, rules))
    names = named(error)
    only = replace(rules, **{n: off for n, off in OFF.items() if n not in names})
    assert not kept(actions, only, city)
    for name in names:
        assert kept(actions, replace(only, **{name: OFF[name]}), city)
    told = dict(re.findall(r"(vehicles|full|most_loss_min) ([0-9.]+[0-9])", error.split("gave way:")[1]))
    told |= dict(re.findall(r"(vehicles) ([0-9])(?![0-9.])", error.split("gave way:")[1]))
    steps = {"vehicles": 1, "full": 0.01, "most_loss_min": 0.1}
    for name, step in steps.items():
        if name in told:
            value = float(told[name]) if name != "vehicles" else int(told[name])
            assert kept(actions, replace(rules, **{name: value}), city)
            assert not kept(actions, replace(rules, **{name: value - step - 1e-9 * (name != "vehicles")}), city)
        elif name in names:
            assert not kept(actions, replace(rules, **{name: None}), city)
