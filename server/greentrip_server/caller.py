"""Who makes the call being answered, as found at the door; empty for work of the service's own."""

from contextvars import ContextVar
from dataclasses import dataclass

from greentrip_server.errors import DoorError

SCOPES = ("read", "write", "admin")  # each holds those before it


@dataclass(frozen=True)
class Caller:
    """A caller: a token's or certificate's name, or what a client on loopback calls itself, and what it may do."""

    name: str = "local"
    scope: str = "admin"
    peer: str = ""

    def check(self, scope: str) -> None:
        """Raise DoorError unless the caller's scope holds another."""
        if SCOPES.index(self.scope) < SCOPES.index(scope):
            raise DoorError(f"{self.name} may {self.scope}, this needs {scope}", known=True)


CALLER: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039 - frozen
