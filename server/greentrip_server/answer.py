"""Wrap a service's plain methods for grpc.aio: off the event loop, every error a google.rpc.Status."""

import asyncio
import contextvars
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import grpc
import structlog
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.rpc import code_pb2
from grpc_status import rpc_status

from greentrip_server.boundary import check
from greentrip_server.errors import ElsewhereError, FieldError, status_of

if TYPE_CHECKING:
    from greentrip_server.jobs import Jobs

_MOST_LISTS = 100
CHUNK = 1 << 20  # bytes a streamed message, well under gRPC's limit of 4 MiB

Handler = Callable[..., Any]
Kind = TypeVar("Kind", bound=Message)
Row = TypeVar("Row")
Made = TypeVar("Made")
P = ParamSpec("P")

_READERS = ThreadPoolExecutor(8, thread_name_prefix="read")


async def reading(work: Callable[P, Made], /, *given: P.args, **named: P.kwargs) -> Made:
    """Look something up in a thread of those that neither wait for writers nor compute for long."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_READERS, lambda: context.run(work, *given, **named))


def unary(method: Handler) -> Handler:
    """Answer one request: a plain method runs in a thread, a coroutine on the event loop."""
    coroutine = inspect.iscoroutinefunction(method)
    thread = reading if method.__name__.startswith(("Get", "List")) else asyncio.to_thread

    @functools.wraps(method)
    async def answer(self: Any, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            check(request)
            if coroutine:
                return await method(self, request)
            return await thread(method, self, request)
        except Exception as error:
            await refuse(context, error, method.__qualname__)
            raise

    return answer


def streaming(method: Handler) -> Handler:
    """Answer one request with the messages that an async generator yields."""

    @functools.wraps(method)
    async def answer(self: Any, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        try:
            check(request)
            async for message in method(self, request):
                yield message
        except Exception as error:
            await refuse(context, error, method.__qualname__)
            raise

    return answer


def collecting(method: Handler) -> Handler:
    """Answer a stream of requests, which a coroutine takes in, with one message."""

    @functools.wraps(method)
    async def answer(self: Any, requests: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        async def checked() -> AsyncIterator[Any]:
            async for request in requests:
                check(request)
                yield request

        try:
            return await method(self, checked())
        except Exception as error:
            await refuse(context, error, method.__qualname__)
            raise

    return answer


class Remembered(Generic[Row, Kind]):
    """Messages of rows that are held in memory, made once; a row that changes is read anew, as another object."""

    def __init__(self, make: Callable[[Row], Kind]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[Row, Kind] = WeakKeyDictionary()

    def __call__(self, row: Row) -> Kind:
        """Return a row's message, which nobody may change."""
        found = self._made.get(row)
        if found is None:
            found = self._made[row] = self._make(row)
        return found


class RememberedLists(Generic[Kind]):
    """Answers to list requests, kept until something is written; none where other processes write too."""

    def __init__(self, jobs: "Jobs") -> None:
        self._jobs = jobs
        self._at = -1
        self._kept: dict[bytes, Kind] = {}

    async def answer(self, request: Message, make: Callable[[], tuple[Kind, bool]]) -> Kind:
        """Return what was made for the same request, or make it; make also says whether that lasts until a write."""
        key, writes = request.SerializeToString(deterministic=True), self._jobs.writes
        if self._at == writes and key in self._kept:
            return self._kept[key]
        made, lasting = await reading(make)
        if lasting and not self._jobs.shared and writes == self._jobs.writes:
            if self._at != writes or len(self._kept) >= _MOST_LISTS:
                self._at, self._kept = writes, {}
            self._kept[key] = made
        return made


def pieces(content: bytes) -> Iterator[bytes]:
    """Cut bytes into messages; nothing is still one empty piece."""
    for start in range(0, max(len(content), 1), CHUNK):
        yield content[start : start + CHUNK]


def masked(message: Kind, mask: FieldMask) -> Kind:
    """Return only the fields that a read_mask names, all of them when it names none."""
    if not mask.paths or list(mask.paths) == ["*"]:
        return message
    check_mask(message, mask, "read_mask")
    made = type(message)()
    mask.MergeMessage(message, made)
    return made


def check_mask(message: Message, mask: FieldMask, field: str) -> None:
    """Raise FieldError for a path that the message does not have."""
    for path in mask.paths:
        descriptor: Any = message.DESCRIPTOR
        if not FieldMask(paths=[path]).IsValidForDescriptor(descriptor):
            names = ", ".join(message.DESCRIPTOR.fields_by_name)
            raise FieldError(field, f"saw {path[:100]!r}; expected fields of {message.DESCRIPTOR.name}: {names}")


def changes(message: Message, mask: FieldMask, allowed: tuple[str, ...], place: str) -> dict[str, Any]:
    """Return what an update changes: the fields of its mask, or, without a mask, those that may change and are set."""
    check_mask(message, mask, "update_mask")
    names = [name for name in allowed if list(mask.paths) == ["*"] or (not mask.paths and getattr(message, name))]
    for path in mask.paths:
        if path != "*" and path not in allowed:
            raise FieldError(
                "update_mask", f"saw {path!r}, which is set once and for all; expected {', '.join(allowed)}"
            )
        if path != "*":
            names.append(path)
    if not names:
        raise FieldError("update_mask", f"names nothing to change; expected {', '.join(allowed)} of {place}")
    return {name: getattr(message, name) for name in names}


async def refuse(context: Any, error: Exception, where: str) -> None:
    """End a call with the status of an error."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    status = status_of(error)
    if status.code == code_pb2.INTERNAL:
        elsewhere = {"trace": error.trace} if isinstance(error, ElsewhereError) else {}
        structlog.get_logger("service").error("internal error", method=where, exc_info=error, **elsewhere)
        status.message = f"{where.rpartition('.')[2]} failed in a way it should not; the server's log says how"
    await context.abort_with_status(rpc_status.to_status(status))
