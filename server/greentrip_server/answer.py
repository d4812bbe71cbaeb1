"""Wrap a service's plain methods for grpc.aio: off the event loop, every error a google.rpc.Status."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import structlog
from google.rpc import code_pb2
from grpc_status import rpc_status

from greentrip_server.errors import status_of

CHUNK = 1 << 20  # bytes a streamed message, well under gRPC's limit of 4 MiB

Handler = Callable[..., Any]


def unary(method: Handler) -> Handler:
    """Answer one request: a plain method runs in a thread, a coroutine on the event loop."""

    @functools.wraps(method)
    async def answer(self: Any, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            if inspect.iscoroutinefunction(method):
                return await method(self, request)
            return await asyncio.to_thread(method, self, request)
        except Exception as error:
            await _refuse(context, error, method.__qualname__)
            raise

    return answer


def streaming(method: Handler) -> Handler:
    """Answer one request with the messages that an async generator yields."""

    @functools.wraps(method)
    async def answer(self: Any, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        try:
            async for message in method(self, request):
                yield message
        except Exception as error:
            await _refuse(context, error, method.__qualname__)
            raise

    return answer


def pieces(content: bytes) -> Iterator[bytes]:
    """Cut bytes into messages; nothing is still one empty piece."""
    for start in range(0, max(len(content), 1), CHUNK):
        yield content[start : start + CHUNK]


async def _refuse(context: grpc.aio.ServicerContext[Any, Any], error: Exception, where: str) -> None:
    """End a call with the status of an error."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    status = status_of(error)
    if status.code == code_pb2.INTERNAL:
        structlog.get_logger("service").error("internal error", method=where, exc_info=error)
    await context.abort_with_status(rpc_status.to_status(status))
