"""Kernels are kept by the content of all they were made from."""

import sys
from pathlib import Path

import pytest
from greentrip_networks import kernel_cache
from greentrip_networks.kernel_cache import ByContent, key_of

FAR, NEAR, MINE = "FAR = 1\n", "from greentrip_networks.far import FAR\n", "from greentrip_networks.near import FAR\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a package of three modules of which each imports the next, and one that none imports."""
    folder = tmp_path / "greentrip_networks"
    folder.mkdir()
    for name, text in (("far", FAR), ("near", NEAR), ("mine", MINE), ("other", "X = 1\n"), ("__init__", "")):
        (folder / f"{name}.py").write_text(text)

    def file_of(name: str) -> Path | None:
        file = tmp_path / (name.replace(".", "/") + ".py")
        return file if file.is_file() else None

    monkeypatch.setattr(kernel_cache, "_file_of", file_of)
    return folder


def key(folder: Path) -> str:
    """Return the key of the module that imports the others, as a new process would find it."""
    key_of.cache_clear()
    return key_of(folder / "mine.py")


def test_the_key_follows_whatever_is_imported_near_or_far(package: Path) -> None:
    before = key(package)
    (package / "far.py").write_text("FAR = 2\n")
    assert key(package) != before


def test_an_edit_elsewhere_leaves_the_key(package: Path) -> None:
    before = key(package)
    (package / "other.py").write_text("X = 2\n")
    assert key(package) == before


def test_imports_over_several_lines_count(package: Path) -> None:
    (package / "mine.py").write_text("from greentrip_networks import (\n    near,\n    far,\n)\n")
    before = key(package)
    (package / "near.py").write_text(NEAR + "Y = 1\n")
    assert key(package) != before


def test_files_without_our_kernels_are_left_to_numba(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import numba\n")
    assert ByContent.from_function(key, str(file)) is None  # type: ignore[arg-type]


def test_a_kernel_of_ours_is_kept_in_the_folder_of_its_module() -> None:
    from greentrip_networks import search

    kept = Path(search.spread_into._cache.cache_path)
    assert kept.parent == kernel_cache.kernels_folder()
    assert kept.name == f"search-{key_of(Path(sys.modules[search.__name__].__file__ or ''))}"
