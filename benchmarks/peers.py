"""Which other tools a benchmark was asked to measure, checked before it starts."""

from collections.abc import Sequence
from importlib.util import find_spec


def asked_peers(names: str, known: Sequence[str]) -> list[str]:
    """Return the peers in a list separated by commas; exit with what to do for an unknown one or one not installed."""
    peers = [name for name in names.split(",") if name]
    for name in peers:
        if name not in known:
            raise SystemExit(f"unknown peer {name!r}; known: {', '.join(known)}")
        if find_spec(name) is None:
            raise SystemExit(f"peer {name} is not installed in this Python; pip install 'greentrip[peers]'")
    return peers
