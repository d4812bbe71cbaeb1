"""Where compiled kernels come from: numba with a cache that is never stale and never fails an import.

numba keys a cached kernel by its own file only, so a kernel that calls another was seen to run stale after the other was
edited. Here the cache folder is named after a hash of every kernel source, so any edit starts a fresh folder. Every kernel
module imports `njit` and `prange` from this module and from nowhere else.
"""

import hashlib
import importlib.util
import os
import platform
import sys
import tempfile
from pathlib import Path

import llvmlite
import llvmlite.binding

_PACKAGES = ("greentrip_networks", "greentrip_agents", "greentrip_optimizer")
_MARK = "greentrip-kernels-"


def _kernel_sources() -> list[Path]:
    """List every module of the engine that imports this one, in a fixed order."""
    found: list[Path] = []
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            for path in sorted(Path(place).rglob("*.py")):
                if "greentrip_networks.kernels" in path.read_text(encoding="utf-8"):
                    found.append(path)
    return found


def _cache_folder() -> Path:
    """Return a writable folder for kernels of exactly these sources, versions and CPU."""
    key = hashlib.sha256()
    for path in _kernel_sources():
        key.update(path.name.encode())
        key.update(path.read_bytes())
    numba_spec = importlib.util.find_spec("numba")
    for part in (llvmlite.__version__, str(numba_spec.origin if numba_spec else ""), _numba_version(), sys.version, platform.machine()):
        key.update(part.encode())
    key.update(llvmlite.binding.get_host_cpu_name().encode())
    name = _MARK + key.hexdigest()[:16]
    asked = os.environ.get("NUMBA_CACHE_DIR", "")
    if asked and Path(asked).name.startswith(_MARK):  # set by a parent process that ran this
        asked = str(Path(asked).parent)
    home = os.environ.get("XDG_CACHE_HOME", "") or os.path.join(os.path.expanduser("~"), ".cache")
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    for base in (asked, os.path.join(home, "greentrip"), os.path.join(tempfile.gettempdir(), f"greentrip-{user}")):
        if not base or base.startswith("~"):
            continue
        folder = Path(base) / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix=_MARK))


def _numba_version() -> str:
    """Return numba's version without importing it."""
    from importlib.metadata import version

    return version("numba")


CACHE_FOLDER = _cache_folder()
os.environ["NUMBA_CACHE_DIR"] = str(CACHE_FOLDER)

import numba  # noqa: E402

numba.config.CACHE_DIR = str(CACHE_FOLDER)  # when numba was imported by somebody else before
njit = numba.njit
prange = numba.prange
