import numpy as np
from greentrip_agents import draws
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats


@given(st.integers(0, 2**31), st.integers(0, 2**40), st.integers(0, 20), st.integers(0, 1000))
def test_a_draw_is_strictly_between_zero_and_one_and_depends_on_its_key_alone(
    seed: int, person: int, use: int, index: int
) -> None:
    u = draws.uniform(seed, person, use, index)
    assert 0 < u < 1
    assert u == draws.uniform(seed, person, use, index)
    assert u != draws.uniform(seed, person + 1, use, index)
    assert u != draws.uniform(seed + 1, person, use, index)
    assert u != draws.uniform(seed, person, use, index + 1)


def test_draws_are_uniform_and_unrelated() -> None:
    people = np.arange(200_000)
    a, b = draws.uniforms(7, people, 3, 0), draws.uniforms(7, people, 4, 0)
    assert stats.kstest(a, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.01
    assert abs(np.corrcoef(a[1:], a[:-1])[0, 1]) < 0.01


def test_an_array_of_draws_is_the_single_draws() -> None:
    people = np.array([5, 1, 9])
    assert list(draws.uniforms(1, people, 2, 3)) == [draws.uniform(1, int(p), 2, 3) for p in people]
