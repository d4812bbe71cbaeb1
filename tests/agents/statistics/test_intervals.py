"""Intervals, corrections and seed counts against closed forms and other routes to the same figure."""

import numpy as np
import pytest
from greentrip_agents.statistics import (
    difference,
    holm,
    mean_interval,
    pareto,
    power,
    probability_above,
    ranking,
    seeds_needed,
    seeds_needed_each,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

values = st.lists(st.floats(-100, 100), min_size=3, max_size=20)


def by_seed(v: "list[float] | np.ndarray", first: int = 0) -> dict[int, float]:
    return {first + i: float(x) for i, x in enumerate(v)}


def test_pairs_agree_with_scipys_paired_test() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=12), rng.normal(0.5, size=12)
    found = difference(by_seed(a), by_seed(b))
    other = stats.ttest_rel(b, a)
    low, high = other.confidence_interval(0.95)
    assert found.p == pytest.approx(other.pvalue)
    assert found.interval == pytest.approx((low, high))
    assert probability_above(found) == pytest.approx(1 - stats.ttest_rel(b, a, alternative="greater").pvalue)


def test_disjoint_seeds_agree_with_scipys_welch_test() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=9), rng.normal(0.5, 3, size=14)
    found = difference(by_seed(a), by_seed(b, first=100))
    other = stats.ttest_ind(b, a, equal_var=False)
    assert not found.paired
    assert found.p == pytest.approx(other.pvalue)
    assert found.interval == pytest.approx(tuple(other.confidence_interval(0.95)))


@given(values)
def test_equal_sides_differ_by_exactly_zero(v: list[float]) -> None:
    found = difference(by_seed(v), by_seed(v))
    assert (found.mean, found.interval, found.p) == (0.0, (0.0, 0.0), 1.0)
    assert probability_above(found) == 0.5


@given(values, st.floats(-50, 50))
def test_turning_the_sides_round_turns_the_interval_round(v: list[float], shift: float) -> None:
    a, b = by_seed(v), by_seed([x * 0.5 + shift for x in v])
    one, two = difference(a, b), difference(b, a)
    assert one.mean == -two.mean
    assert one.interval is not None
    assert two.interval is not None
    assert one.interval == (-two.interval[1], -two.interval[0])


def test_one_pair_gives_no_interval() -> None:
    found = difference({0: 1.0}, {0: 2.0})
    assert (found.mean, found.interval, found.p, probability_above(found)) == (1.0, None, None, None)
    assert mean_interval([3.0]) == (3.0, None)


def test_holm_by_hand() -> None:
    # 0.01 x 4, then 0.03 x 3 (0.02 first x 3 = 0.06), never falling
    assert holm([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_never_lowers_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert all(a >= b for a, b in zip(adjusted, p, strict=True))
    assert [adjusted[i] for i in np.argsort(p, kind="stable")] == sorted(adjusted)


def test_power_agrees_with_trying() -> None:
    rng = np.random.default_rng(3)
    d = rng.normal(0.2, 0.25, size=(4000, 14))
    found = np.mean(stats.ttest_1samp(d, 0, axis=1).pvalue < 0.05)
    assert power(0.2, 0.25, 14) == pytest.approx(found, abs=0.03)


@pytest.mark.parametrize(("shift", "pairs"), [(0.5, 3), (0.3, 20), (1.0, 8), (0.05, 500)])
def test_power_agrees_with_scipys_noncentral_t(shift: float, pairs: int) -> None:
    limit = stats.t.ppf(0.975, pairs - 1)
    exact = stats.nct.sf(limit, pairs - 1, shift * np.sqrt(pairs)) + stats.nct.cdf(
        -limit, pairs - 1, shift * np.sqrt(pairs)
    )
    assert power(shift, 1.0, pairs) == pytest.approx(exact, abs=1e-4)


@given(st.floats(0.01, 5), st.floats(0.01, 5))
@settings(max_examples=50, deadline=None)
def test_the_seeds_needed_reach_the_power_and_one_fewer_does_not(effect: float, sd: float) -> None:
    n = seeds_needed(effect, sd)
    if n is None:
        assert power(effect, sd, 100_000) < 0.8
        return
    assert power(effect, sd, n) >= 0.8
    assert n == 2 or power(effect, sd, n - 1) < 0.8


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 5)), min_size=1, max_size=5), st.sampled_from([0.95, 0.9999])
)
@settings(max_examples=30, deadline=None)
def test_the_seeds_of_many_effects_are_those_of_each(pairs: list[tuple[float, float]], level: float) -> None:
    many = seeds_needed_each(*zip(*pairs, strict=True), level=level)
    for n, (effect, sd) in zip(many, pairs, strict=True):
        exact = seeds_needed(effect, sd, level=level)
        if exact is None or exact <= 40:
            assert n == exact
        else:
            assert n == pytest.approx(exact, abs=1, rel=0.001)
    assert seeds_needed_each([0.0, 1.0], [1.0, 0.0]) == [None, 2]


def test_ranks_are_certain_when_nothing_overlaps_and_not_when_all_is_noise() -> None:
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(3, 30))
    clear = ranking(noise + np.array([[0], [20], [10]]))
    assert clear.order == (1, 2, 0)
    assert clear.held == (1.0, 1.0, 1.0)
    assert clear.best == (0.0, 1.0, 0.0)
    assert ranking(noise + np.array([[0], [20], [10]]), larger_is_better=False).order == (0, 2, 1)
    vague = ranking(noise)
    assert max(vague.best) < 1
    assert sum(vague.best) == pytest.approx(1)
    tied = ranking(noise[[0, 0, 1]] + np.array([[5], [5], [0]]))
    assert (tied.rank[0], tied.best[:2]) == (tied.rank[1], (1.0, 1.0))
    assert vague == ranking(noise) or vague.held == ranking(noise).held  # keyed: the same again


def test_a_ranking_without_two_common_seeds_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 common seeds"):
        ranking([[1.0], [2.0]])
    with pytest.raises(ValueError, match="none missing"):
        ranking([[1.0, float("nan")], [2.0, 3.0]])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_the_pareto_set_by_looking_at_every_pair(rows: list[tuple[int, int]]) -> None:
    kept = pareto(np.array(rows, float), [True, False])
    for i, (a, b) in enumerate(rows):
        beaten = any((c >= a and d <= b) and (c > a or d < b) for c, d in rows)
        assert kept[i] == (not beaten)
