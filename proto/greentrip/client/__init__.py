"""The Python client: one object with the service's verbs, embedded or remote."""

from greentrip.client.channels import Credentials
from greentrip.client.client import Client, connect
from greentrip.client.errors import CallError, ConnectError
from greentrip.client.runs import Runs

__all__ = ["CallError", "Client", "ConnectError", "Credentials", "Runs", "connect"]
