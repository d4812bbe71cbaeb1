"""The door: who calls, whether they may, and a line in the audit log for every call that changes something.

A caller is known by a token (`authorization: Bearer ...`), by a client certificate, or, on a loopback address that asks
for neither, is whoever sits at this machine. Tokens are random and long, so that a plain SHA-256 of them can be kept.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError
from sqlalchemy import select

from greentrip_server.answer import refuse
from greentrip_server.boundary import Unreadable
from greentrip_server.caller import CALLER, SCOPES, Caller
from greentrip_server.errors import DoorError, FieldError, passing
from greentrip_server.interceptors import Interceptor, in_place_of
from greentrip_server.jobs import Jobs
from greentrip_server.settings import Settings
from greentrip_server.tables import AuditRow, TokenRow

PREFIX = "gt"
KNOWN_S = 5.0  # how long a token that was valid is taken as valid without asking the database
_READING = (
    "Get",
    "List",
    "Measure",
    "Watch",
    "Stream",
    "Compare",
    "Render",
    "Export",
    "Wait",
    "Query",
    "Validate",
    "Measure",
)
_OPEN = ("/grpc.health.v1.Health/",)  # what load balancers ask before they have a token


def scope_of(method: str) -> str:
    """Return the scope that a method (`/greentrip.v1.RunService/GetRun`) needs."""
    service, _, name = method[1:].partition("/")
    if service.startswith("grpc.reflection.") or name.startswith(_READING):
        return "read"
    return "write"


class Tokens:
    """The tokens of one database."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: dict[str, tuple[float, TokenRow]] = {}

    def create(self, name: str, scope: str, days: float | None = None) -> str:
        """Make a token and return it; it cannot be shown again."""
        if not name or len(name) > 64 or not name.isprintable():
            raise FieldError("name", f"saw {name!r}; expected 1 to 64 printable characters")
        if scope not in SCOPES:
            raise FieldError("scope", f"saw {scope!r}; expected one of {', '.join(SCOPES)}")
        if days is not None and not days > 0:
            raise FieldError("days", f"saw {days:g}; expected more than 0")
        token_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        made = time.time()
        row = TokenRow(
            id=token_id,
            name=name,
            secret_hash=_hash(secret),
            scope=scope,
            created=made,
            expires=made + 86400 * days if days is not None else None,
        )
        with self._jobs.session(write=True) as session, session.begin():
            session.add(row)
        return f"{PREFIX}_{token_id}_{secret}"

    def all(self) -> list[TokenRow]:
        """Return every token, oldest first."""
        with self._jobs.session() as session:
            return list(session.scalars(select(TokenRow).order_by(TokenRow.created)))

    def any_valid(self) -> bool:
        """Return whether anybody holds a token that lets in."""
        return any(r.revoked is None and (r.expires is None or r.expires > time.time()) for r in self.all())

    def revoke(self, token_id: str) -> bool:
        """End a token by its id; False when there is none, or it had ended."""
        with self._jobs.session(write=True) as session, session.begin():
            row = session.get(TokenRow, token_id)
            if row is None or row.revoked is not None:
                return False
            row.revoked = time.time()
        self._known.clear()
        return True

    def check(self, token: str) -> TokenRow:
        """Return the row of a valid token; raise DoorError for any other without saying what is wrong with it."""
        prefix, _, rest = token.partition("_")
        token_id, _, secret = rest.partition("_")
        refused = DoorError("the token is not valid; make one with `greentrip token create NAME`", known=False)
        if prefix != PREFIX or not secret or len(token) > 200:
            raise refused
        moment = time.monotonic()
        seen, row = self._known.get(token_id, (-KNOWN_S, None))
        if row is None or moment - seen >= KNOWN_S:
            with self._jobs.session() as session:
                row = session.get(TokenRow, token_id)
            if row is None:
                raise refused
            self._known[token_id] = moment, row
        over = row.revoked is not None or (row.expires is not None and row.expires < time.time())
        if not hmac.compare_digest(row.secret_hash, _hash(secret)) or over:
            raise refused
        return row


class Door(Interceptor):
    """Lets calls in: sets who calls, refuses who may not, and notes what writes."""

    def __init__(self, jobs: Jobs, tokens: Tokens, settings: Settings) -> None:
        super().__init__()
        self._jobs, self._tokens = jobs, tokens
        self._open, self._certificates = settings.open_to_all, settings.tls_client_ca is not None
        self._client_scope = settings.client_scope
        self._lines: list[AuditRow] = []  # that wait to be stored
        self._storing: asyncio.Task[None] | None = None
        self.answered: Callable[[str, str, float | None], None] | None = None  # told method, code and seconds

    def _wraps(self, method: str) -> bool:
        """Return whether a method is behind the door."""
        return not method.startswith(_OPEN)

    def _wrap(self, method: str, inner: Any) -> Any:
        """Return a method's handler behind the door."""
        read, short, scope = _reader(inner.request_deserializer), method.rpartition("/")[2], scope_of(method)

        async def enter(context: Any) -> None:
            try:
                caller = await self._caller(context)
                caller.check(scope)
            except Exception as error:
                await refuse(context, error, method)
                raise
            CALLER.set(caller)

        if inner.response_streaming:

            async def stream(request: Any, context: Any) -> Any:
                try:
                    await enter(context)
                    async for message in (inner.stream_stream or inner.unary_stream)(request, context):
                        yield message
                finally:
                    if self.answered is not None:
                        self.answered(short, code_of(context), None)

            return in_place_of(inner, stream, read)

        async def single(request: Any, context: Any) -> Any:
            began = time.monotonic()
            try:
                await enter(context)
                return await (inner.stream_unary or inner.unary_unary)(request, context)
            finally:
                if self.answered is not None:
                    self.answered(short, code_of(context), time.monotonic() - began)
                if scope != "read":
                    await self._note(method, request, context)

        return in_place_of(inner, single, read)

    async def _caller(self, context: Any) -> Caller:
        """Return who calls."""
        metadata = {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}
        peer = str(context.peer())[:100]
        bearer = metadata.get("authorization", "")
        if bearer:
            scheme, _, token = bearer.partition(" ")
            if scheme.lower() != "bearer":
                raise DoorError("authorization: expected `Bearer` and a token", known=False)
            row = await asyncio.to_thread(self._tokens.check, token.strip())
            return Caller(row.name, row.scope, peer)
        if self._certificates:
            names = context.auth_context().get("x509_common_name") or context.auth_context().get(
                "x509_subject_alternative_name"
            )
            if names:
                return Caller(names[0].decode(errors="replace")[:64], self._client_scope, peer)
        if not self._open:
            raise DoorError("a token is needed; make one with `greentrip token create NAME`", known=False)
        called = metadata.get("greentrip-client", "local")[:64]
        return Caller(called if called.isprintable() and called else "local", "admin", peer)

    async def _note(self, method: str, request: Any, context: Any) -> None:
        """Write a line of the audit log; the server's log has it too, should the store refuse."""
        caller = CALLER.get()
        facts = {
            "client": caller.name,
            "peer": caller.peer,
            "method": method.rpartition("/")[2],
            "resource": resource_of(request),
            "code": code_of(context),
        }
        structlog.get_logger("audit").info("call", **facts)
        self._lines.append(AuditRow(at=time.time(), **facts))
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_lines())
        await asyncio.shield(
            self._storing
        )  # which goes on until none is left; a caller that leaves takes no line along

    async def _store_lines(self) -> None:
        """Keep lines, all that came meanwhile in one commit."""
        while self._lines:
            lines, self._lines = self._lines, []
            try:
                await asyncio.to_thread(self._store, lines)
            except Exception as error:
                if passing(error) is None:
                    self._storing = None
                    raise
        self._storing = None

    def _store(self, rows: list[AuditRow]) -> None:
        """Keep lines."""
        with self._jobs.session(write=True, shown=False) as session, session.begin():
            session.add_all(rows)


def _reader(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return a deserializer that never fails, so that bad bytes are the caller's mistake and not the server's."""

    def read(content: bytes) -> Any:
        try:
            return deserialize(content)
        except DecodeError:
            return Unreadable()

    return read


def code_of(context: Any) -> str:
    """Return the name of a call's status code, which a context holds as a code, as a number, or not at all."""
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((c.name for c in grpc.StatusCode if c.value[0] == code), "OK")


def resource_of(request: Any) -> str:
    """Return what a request is about, never its content."""
    names = ("name", "scenario_id", "run_id", "plan_id", "run", "scenario", "plan")
    for field in names:
        value = getattr(request, field, "")
        value = value if isinstance(value, str) else getattr(value, "name", "") or getattr(value, "scenario", "")
        if isinstance(value, str) and value:
            return value[:200].replace("\x00", "")
    return ""


def _hash(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
