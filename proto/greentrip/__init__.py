"""Greentrip's contract and client: simulate commuters, test a green-trip target, design bus feeder routes.

The engine is in `greentrip_*` packages; `pip install greentrip[engine]` brings it.
This package needs none of it to call a server.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greentrip.client import AsyncClient as AsyncClient
    from greentrip.client import Client as Client
    from greentrip.client import connect as connect
    from greentrip.client import connect_async as connect_async

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the client when it is first asked for, so that `greentrip --help` need not."""
    if name not in ("AsyncClient", "Client", "connect", "connect_async"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from greentrip import client

    return getattr(client, name)
