"""Which code computed a result: the version, and a hash of everything the simulation is made of."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from greentrip import __version__

_PACKAGES = ("greentrip_networks", "greentrip_agents")


@cache
def code_version() -> str:
    """Return the version and a hash of the files of networks and agents, tables included.

    The optimiser and the service are left out: a run does not depend on them.
    """
    found = hashlib.sha256()
    for package in _PACKAGES:
        spec = find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            for file in sorted(p for p in Path(folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts):
                found.update(f"{package}/{file.relative_to(folder).as_posix()}\0".encode())
                found.update(file.read_bytes())
    return f"{__version__}+{found.hexdigest()[:16]}"
