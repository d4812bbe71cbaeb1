"""Numba, set up so that its cache is never stale and never needs the package folder to be writable.

A caller's cached kernel stays stale when only a kernel it imports was edited, so the cache folder's name carries a hash
of every kernel source, of numba, Python and the processor. Import `njit` and `prange` from here, never from numba.
"""

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

_PACKAGES = ("greentrip_networks", "greentrip_agents", "greentrip_optimizer")


def _processor() -> str:
    """Return the processor's model as the system names it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "CPU part")):
                return line
    except OSError:
        pass
    return platform.processor() or platform.machine()


def sources_key() -> str:
    """Hash the source of every module that defines kernels, with what compiles them."""
    digest = hashlib.sha256(f"{version('numba')} {sys.version} {_processor()}".encode())
    for package in _PACKAGES:
        spec = find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            for file in sorted(Path(folder).rglob("*.py")):
                text = file.read_bytes()
                if b"kernels import" in text:
                    digest.update(text)
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    """Return a folder that can be written to, in the user's cache or else in a temporary place."""
    asked = os.environ.get("GREENTRIP_CACHE")
    base = Path(asked) if asked else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "greentrip"
    folder = base / "kernels" / sources_key()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="greentrip-kernels-"))


if "numba" not in sys.modules:
    os.environ.setdefault("NUMBA_CACHE_DIR", str(_cache_folder()))
import numba  # noqa: E402

F = TypeVar("F", bound=Callable[..., Any])
prange = numba.prange


def njit(
    *, parallel: bool = False, inline: bool = False, bare: bool = False, taken_in: bool = False
) -> Callable[[F], F]:
    """Compile a function without the interpreter's lock; results must not depend on the number of threads.

    Parameters
    ----------
    parallel
        Let `prange` use all threads.
    inline
        Write the function's statements into its callers.
    bare
        Do not count references to arrays, which for many arrays takes longer than the work; such a function must make
        no array.
    taken_in
        Have the compiler merge the function into its callers, so that a large state is not copied to call it.

    """
    options: dict[str, Any] = {
        "cache": True,
        "nogil": True,
        "parallel": parallel,
        "error_model": "numpy",
        "boundscheck": False,
        "_nrt": not bare,
        "forceinline": taken_in,
    }
    if inline:
        options["inline"] = "always"
    made: Callable[[F], F] = numba.njit(**options)
    return made
