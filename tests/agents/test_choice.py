import functools

import numpy as np
import pytest
from greentrip_agents import choice
from greentrip_agents.costs import taste
from greentrip_agents.definitions import NEST_OF_MODE
from greentrip_agents.parameters import default_parameters
from greentrip_networks import tiny
from greentrip_networks.network import Network
from hypothesis import given, settings
from hypothesis import strategies as st

UTILITIES = st.lists(st.floats(-6, 3), min_size=8, max_size=8)


@functools.cache
def tiny_city() -> Network:
    return tiny()


def nested_logit(utility: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The textbook's formula, written apart from the kernel (Train 2009, equation 4.2)."""
    nest = np.array(NEST_OF_MODE)
    inside = np.exp(utility / scale[nest])
    total = np.array([inside[nest == n].sum() for n in range(3)])
    return inside / total[nest] * total[nest] ** scale[nest] / (total**scale).sum()


@given(UTILITIES)
@settings(max_examples=50, deadline=None)
def test_probabilities_are_the_nested_logits(utility: list[float]) -> None:
    likes = taste(tiny_city(), default_parameters())._replace(nest_scale=np.array([0.7, 0.5, 0.9]))
    out = np.empty(8)
    choice.probabilities(np.array(utility), likes, out)
    assert out == pytest.approx(nested_logit(np.array(utility), likes.nest_scale), rel=1e-9)


def test_simulated_shares_equal_the_analytic_nested_logit(city: Network) -> None:
    likes = taste(city, default_parameters())._replace(nest_scale=np.array([0.6, 0.4, 0.8]))
    utility = np.array([-0.5, -1.0, -1.2, -0.8, -0.3, -2.0, -0.4, -1.5])
    n = 60_000
    modes = np.array([choice.choose(11, person, 0, utility, likes, np.empty(8)) for person in range(n)])
    share = np.bincount(modes, minlength=8) / n
    expected = nested_logit(utility, likes.nest_scale)
    error = np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(share - expected) < 4 * error).all()


def test_an_option_that_is_not_offered_is_never_chosen(city: Network) -> None:
    likes = taste(city, default_parameters())
    utility = np.full(8, -np.inf)
    utility[3] = -50.0
    assert {choice.choose(1, person, 0, utility, likes, np.empty(8)) for person in range(200)} == {3}
    assert choice.choose(1, 1, 0, np.full(8, -np.inf), likes, np.empty(8)) == -1


@given(UTILITIES, st.integers(0, 10_000), st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_regret_is_zero_only_for_the_drawn_mode(utility: list[float], person: int, held: int) -> None:
    likes = taste(tiny_city(), default_parameters())
    mode = choice.choose(5, person, 1, np.array(utility), likes, np.empty(8))
    regret = choice.loss(5, person, 1, np.array(utility), likes, held, np.empty(3))
    assert (regret == 0) == (mode == held) or regret == pytest.approx(0, abs=1e-12)
    assert regret >= 0


@given(UTILITIES, st.integers(0, 10_000), st.integers(0, 7), st.floats(0, 3))
@settings(max_examples=100, deadline=None)
def test_nobody_leaves_a_mode_that_became_better(utility: list[float], person: int, better: int, gain: float) -> None:
    """The same person meets the same luck, so an improvement only ever draws people to the improved mode."""
    likes = taste(tiny_city(), default_parameters())
    before = choice.choose(5, person, 0, np.array(utility), likes, np.empty(8))
    changed = np.array(utility)
    changed[better] += gain
    after = choice.choose(5, person, 0, changed, likes, np.empty(8))
    nests = {NEST_OF_MODE[before], NEST_OF_MODE[better]}
    assert after == before or NEST_OF_MODE[after] in nests
    if before == better:
        assert after == better
