"""The package's public face imports quickly and lists what it has."""

import subprocess
import sys

import greentrip_networks
import pytest


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "('numpy', 'networkx', 'numba', 'scipy')"
    code = f"import sys, greentrip_networks; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in dir(greentrip_networks):
        assert getattr(greentrip_networks, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        greentrip_networks.nothing  # noqa: B018
