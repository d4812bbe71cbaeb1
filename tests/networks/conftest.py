"""What the network tests share: the tiny city, and copies of its tables to spoil."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from greentrip_networks import Network, beijing, tiny
from greentrip_networks.read import DATA


@pytest.fixture(scope="session")
def city() -> Network:
    return tiny()


@pytest.fixture(scope="session")
def capital() -> Network:
    return beijing(2019)


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A copy of the tiny city's tables."""
    return Path(shutil.copytree(DATA / "tiny", tmp_path / "town"))


@pytest.fixture
def spoil(tables: Path) -> Callable[[str, str, str], Path]:
    """Replace a text that occurs in a table by another; returns the folder."""

    def change(file: str, old: str, new: str) -> Path:
        path = tables / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return tables

    return change
