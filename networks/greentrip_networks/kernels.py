"""Numba, set up so that its cache is never stale and never needs the package folder to be writable.

Import `njit` and `prange` from here, never from numba. Where kernels are kept: `greentrip_networks.kernel_cache`.
"""

import hashlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numba
import numba.core.config

_PACKAGES = ("greentrip_networks", "greentrip_agents", "greentrip_optimizer")
_OURS = "greentrip_networks.kernel_cache.ByContent"
_OTHERS = "InTreeCacheLocator,UserWideCacheLocator,IPythonCacheLocator,ZipCacheLocator"

if _OURS not in (numba.core.config.CACHE_LOCATOR_CLASSES or ""):
    numba.core.config.CACHE_LOCATOR_CLASSES = f"{_OURS},{_OTHERS}"

F = TypeVar("F", bound=Callable[..., Any])
prange = numba.prange


def sources_key() -> str:
    """Hash the source of every module that defines kernels: what a run that goes on must share with its start."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        spec = find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            for file in sorted(Path(folder).rglob("*.py")):
                text = file.read_bytes()
                if b"kernels import" in text:
                    digest.update(text)
    return digest.hexdigest()[:16]


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
