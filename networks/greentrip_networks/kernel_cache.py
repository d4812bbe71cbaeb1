"""Where compiled kernels are kept: by the content of what they were made from, so that none is ever stale.

A kernel holds what it calls and the constants it saw, of other modules too. Its folder is therefore named after a hash
of its module and of every module of this project that this one imports, near or far; with numba, Python and the
processor above it. An edit compiles what depends on it anew and nothing else; checkouts side by side share the rest.
"""

import functools
import hashlib
import os
import platform
import re
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType

from numba.core.caching import InTreeCacheLocator

_IMPORT = re.compile(
    r"^\s*(?:from|import)\s+(greentrip_(?:networks|agents|optimizer)[\w.]*)(?:\s+import\s+(\(.*?\)|[^\n]*))?",
    re.MULTILINE | re.DOTALL,
)
_MARK = "greentrip_networks.kernels import"


class ByContent(InTreeCacheLocator):  # type: ignore[misc]
    """Keeps the kernels of files that use this project's; of other files it says nothing."""

    def __init__(self, py_func: FunctionType, py_file: str) -> None:
        """Find the folder of the function's module."""
        super().__init__(py_func, py_file)
        self._cache_path = str(kernels_folder() / f"{Path(py_file).stem}-{key_of(Path(py_file))}")

    @classmethod
    def from_function(cls, py_func: FunctionType, py_file: str) -> "ByContent | None":
        """Return where to keep this function, None if its file does not import `greentrip_networks.kernels`."""
        if not Path(py_file).exists() or _MARK not in Path(py_file).read_text(encoding="utf-8"):
            return None
        found: ByContent | None = super().from_function(py_func, py_file)
        return found


@functools.cache
def kernels_folder() -> Path:
    """Return a folder that can be written to, in the user's cache or else in a temporary place."""
    asked = os.environ.get("GREENTRIP_CACHE")
    base = Path(asked) if asked else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "greentrip"
    made_by = hashlib.sha256(f"{version('numba')} {sys.version} {_processor()}".encode()).hexdigest()[:16]
    folder = base / "kernels" / made_by
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="greentrip-kernels-"))


@functools.cache
def key_of(file: Path) -> str:
    """Hash a file and every module of this project that it imports, near or far."""
    seen: dict[str, bytes] = {}
    ahead = [file]
    while ahead:
        text = ahead.pop().read_bytes()
        for name in _imported(text.decode("utf-8")):
            if name not in seen and (there := _file_of(name)):
                seen[name] = hashlib.sha256(there.read_bytes()).digest()
                ahead.append(there)
    digest = hashlib.sha256(file.read_bytes())
    for name in sorted(seen):
        digest.update(name.encode() + seen[name])
    return digest.hexdigest()[:16]


def _imported(text: str) -> set[str]:
    """Return the project's modules that a source names in its imports, and what it takes from packages as modules."""
    names = set()
    for module, taken in _IMPORT.findall(text):
        names.add(module)
        names |= {f"{module}.{name}" for name in re.findall(r"\w+", taken)}
    return names


@functools.cache
def _file_of(name: str) -> Path | None:
    """Return a module's source file, None where a name is no module."""
    package, *rest = name.split(".")
    spec = find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        at = Path(folder, *rest)
        for file in (at.with_suffix(".py"), at / "__init__.py"):
            if file.is_file():
                return file
    return None


@functools.cache
def _processor() -> str:
    """Return the processor's model as the system names it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "CPU part")):
                return line
    except OSError:
        pass
    return platform.processor() or platform.machine()
