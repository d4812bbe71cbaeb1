"""How a client reaches a server: in the clear on this machine, with TLS and a token or certificate anywhere else."""

import getpass
import ipaddress
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from greentrip.client.errors import ConnectError

# A call that met a server in the middle of a restart, or a store that does not answer, is made again. That is harmless:
# what is created carries a request_id, so that the same create twice is one.
_RETRY = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.3s",
                "maxBackoff": "3s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.enable_http_proxy", 0),
    ("grpc.keepalive_time_ms", 20_000),  # a connection that is half open is found out while a run is watched
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.service_config", json.dumps(_RETRY)),
)


@dataclass(frozen=True, repr=False)
class Credentials:
    """What a client shows and trusts. Files are PEM; what is None is taken from the environment when asked for so.

    Attributes
    ----------
    token
        As `greentrip token create` printed it (GREENTRIP_TOKEN).
    ca
        Authority that the server's certificate must come from (GREENTRIP_CA); with None and tls the system's.
    cert, key
        The client's own certificate, for servers that ask for one (GREENTRIP_CERT, GREENTRIP_KEY).
    tls
        Whether to use TLS; None means where a token, authority or certificate is given or the server is elsewhere.

    """

    token: str | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    tls: bool | None = None

    @classmethod
    def from_environment(cls) -> "Credentials":
        """Return what the environment says."""

        def path(name: str) -> Path | None:
            return Path(os.environ[name]) if os.environ.get(name) else None

        return cls(
            os.environ.get("GREENTRIP_TOKEN") or None,
            path("GREENTRIP_CA"),
            path("GREENTRIP_CERT"),
            path("GREENTRIP_KEY"),
        )

    def with_tls(self, address: str) -> bool:
        """Return whether an address is spoken to with TLS; raise ConnectError rather than send a token in the clear."""
        if self.tls is not None:
            chosen = self.tls
        else:
            chosen = self.ca is not None or self.cert is not None or not _on_this_machine(address)
        if self.token is not None and not chosen and not _on_this_machine(address):
            raise ConnectError(f"a token is not sent to {address} without TLS")
        return chosen

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Return TLS's side of them."""

        def read(path: Path | None) -> bytes | None:
            return path.read_bytes() if path is not None else None

        return grpc.ssl_channel_credentials(read(self.ca), read(self.key), read(self.cert))

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what goes with every call."""
        own = os.environ.get("GREENTRIP_CLIENT") or _user()
        bearer = (("authorization", f"Bearer {self.token}"),) if self.token else ()
        return (("greentrip-client", own), *bearer)


def open_channel(address: str, credentials: Credentials | None = None) -> grpc.Channel:
    """Return a channel on which every call says who calls."""
    shown = credentials or Credentials()
    if shown.with_tls(address):
        channel = grpc.secure_channel(address, shown.channel_credentials(), options=OPTIONS)
    else:
        channel = grpc.insecure_channel(address, options=OPTIONS)
    return grpc.intercept_channel(channel, _Shown(shown.metadata()))


def open_async_channel(address: str, credentials: Credentials) -> tuple[grpc.aio.Channel, tuple[tuple[str, str], ...]]:
    """Return a channel of grpc.aio, and the metadata that every call on it must carry."""
    if credentials.with_tls(address):
        channel = grpc.aio.secure_channel(address, credentials.channel_credentials(), options=OPTIONS)
    else:
        channel = grpc.aio.insecure_channel(address, options=OPTIONS)
    return channel, credentials.metadata()


class _Details(NamedTuple):
    """A call's details with metadata added."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _Shown(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor):
    """Adds metadata to every call."""

    def __init__(self, metadata: tuple[tuple[str, str], ...]) -> None:
        self._metadata = metadata

    def intercept_unary_unary(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        """Add to a call that has one answer."""
        return continuation(self._with(client_call_details), request)

    def intercept_unary_stream(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        """Add to a call that has a stream of answers."""
        return continuation(self._with(client_call_details), request)

    def intercept_stream_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request_iterator: Any
    ) -> Any:
        """Add to a call that takes a stream, such as an upload."""
        return continuation(self._with(client_call_details), request_iterator)

    def _with(self, details: Any) -> _Details:
        """Return the details with the metadata."""
        return _Details(
            details.method,
            details.timeout,
            (*(details.metadata or ()), *self._metadata),
            getattr(details, "credentials", None),
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )


def _on_this_machine(address: str) -> bool:
    """Return whether an address is loopback."""
    host = address.removeprefix("dns:///").rpartition(":")[0].strip("[]")
    if host in ("localhost", "") or address.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _user() -> str:
    """Return who is logged in here, in characters that metadata takes."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        return "local"
    return "".join(c for c in name if c.isascii() and c.isprintable())[:64] or "local"
