"""Keyed noise is uniform, normal, and the same for the same key whatever is asked beside it."""

import numpy as np
from greentrip_networks.hashing import hash64, normal, uniform


def test_known_finaliser() -> None:
    """SplitMix64 started at 0 gives 0xE220A8397B1DCDAF first (Vigna's reference)."""
    assert int(hash64(0)[0]) == 0xE220A8397B1DCDAF


def test_each_key_has_its_own_number() -> None:
    many = uniform(7, np.arange(100_000))
    assert uniform(7, 41)[0] == many[41]
    assert len(np.unique(many)) == len(many)
    assert abs(many.mean() - 0.5) < 0.005
    assert abs(np.corrcoef(many[:-1], many[1:])[0, 1]) < 0.02
    bell = normal(7, np.arange(100_000))
    assert abs(bell.mean()) < 0.015
    assert abs(bell.std() - 1) < 0.015
