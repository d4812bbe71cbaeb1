"""Readers of Chinese learn what was assumed as well."""

import pytest
from greentrip_agents.parameters import default_parameters
from greentrip_networks import load
from greentrip_server.report.assumptions import chinese, in_two_languages


@pytest.mark.parametrize("name", ["beijing-2019", "tiny"])
def test_every_assumption_of_a_bundled_city_has_its_chinese(name: str) -> None:
    assumed = [*load(name).assumptions, *default_parameters(name).assumed()]
    assert not [a for a in assumed if not chinese(a)]
    assert len(in_two_languages([*assumed, *assumed])) == len(set(assumed))


def test_a_users_own_words_and_unknown_parameters_stay_as_they_are() -> None:
    own = ["fares = those of 2030", "trams are assumed", "roads.new = 3: assumed", "roads = 1: assumed"]
    assert in_two_languages(own) == own
    assert chinese("parking.hours.work = 8.5: assumed") == chinese("parking.hours.school = 0.3: assumed") != ""
