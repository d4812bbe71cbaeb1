"""One hash of everything a network holds, so that results can say what they were computed from."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

if TYPE_CHECKING:
    from greentrip_networks.network import Network


def content_hash(network: "Network") -> str:
    """Return the SHA-256 of a network's tables and compiled graphs; the same for equal content, in any process."""
    return hash_of(network, network.compiled)


def hash_of(*values: Any) -> str:
    """Return the SHA-256 of arrays, data classes and plain values; the same for equal content, in any process."""
    total = hashlib.sha256()
    for value in values:
        _add(total, value)
    return total.hexdigest()


def _add(total: "hashlib._Hash", value: Any) -> None:
    """Add a value, with its type where two could look alike."""
    if isinstance(value, nx.Graph):
        return  # the compiled arrays hold what is computed from
    if is_dataclass(value) and not isinstance(value, type):
        for f in fields(value):
            total.update(f.name.encode())
            _add(total, getattr(value, f.name))
    elif isinstance(value, np.ndarray):
        total.update(f"{value.dtype.str}{value.shape}".encode())
        total.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Mapping):
        for name in sorted(value, key=str):
            total.update(f"{name}=".encode())
            _add(total, value[name])
    elif isinstance(value, (list, tuple)):
        total.update(f"[{len(value)}".encode())
        if all(isinstance(part, str) for part in value):
            total.update("\0".join(value).encode())
            return
        for part in value:
            _add(total, part)
    elif isinstance(value, (set, frozenset)):
        _add(total, sorted(value))
    else:
        total.update(f"{type(value).__name__}:{value!r};".encode())
