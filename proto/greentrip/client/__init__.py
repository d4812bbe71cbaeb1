"""The Python client: one object with the service's verbs, embedded or remote, that waits or is awaited."""

from greentrip.client.async_client import AsyncClient, connect_async
from greentrip.client.channels import Credentials
from greentrip.client.client import Client, connect
from greentrip.client.errors import CallError, ConnectError
from greentrip.client.runs import AsyncRuns, Runs

__all__ = [
    "AsyncClient",
    "AsyncRuns",
    "CallError",
    "Client",
    "ConnectError",
    "Credentials",
    "Runs",
    "connect",
    "connect_async",
]
