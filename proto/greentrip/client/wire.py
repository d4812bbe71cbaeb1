"""How a verb reaches a server: at once, for a program that waits for answers, or awaited.

Each verb of the service is written once, as a coroutine. A coroutine whose calls have answered when they return never
waits, so one step brings it to its end: that is how the client that is not asynchronous uses the same verbs.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import grpc

from greentrip.client.errors import call_error

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
Request = TypeVar("Request")
Reply = TypeVar("Reply")


class Wire(Protocol):
    """What verbs need of a channel; every call raises CallError with what the server says."""

    @property
    def channel(self) -> Any:
        """The channel that stubs are made on."""

    async def ask(self, method: Callable[[Request], Reply], request: Request) -> Reply:
        """Call a method that has one answer."""

    async def send(self, method: Callable[[Iterator[Request]], Reply], requests: Iterable[Request]) -> Reply:
        """Call a method that takes a stream and has one answer."""

    def stream(self, method: Callable[[Request], Iterator[Reply]], request: Request) -> AsyncGenerator[Reply, None]:
        """Yield the answers of a method."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def together(
        self, works: Sequence[Coroutine[Any, Any, R]], undo: Callable[[], Coroutine[Any, Any, None]]
    ) -> list[R]:
        """Do several things side by side; when one fails, or the caller gives up, undo and raise."""


class AtOnce:
    """A channel whose calls have answered when they return."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel

    async def ask(self, method: Callable[[Request], Reply], request: Request) -> Reply:
        """Call a method that has one answer."""
        try:
            return method(request)
        except grpc.RpcError as error:
            raise call_error(error) from None

    async def send(self, method: Callable[[Iterator[Request]], Reply], requests: Iterable[Request]) -> Reply:
        """Call a method that takes a stream and has one answer."""
        try:
            return method(iter(requests))
        except grpc.RpcError as error:
            raise call_error(error) from None

    async def stream(
        self, method: Callable[[Request], Iterator[Reply]], request: Request
    ) -> AsyncGenerator[Reply, None]:
        """Yield the answers of a method."""
        try:
            for reply in method(request):
                yield reply
        except grpc.RpcError as error:
            raise call_error(error) from None

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: ASYNC251 - no event loop runs here

    async def together(
        self, works: Sequence[Coroutine[Any, Any, R]], undo: Callable[[], Coroutine[Any, Any, None]]
    ) -> list[R]:
        """Do several things side by side, each in a thread; when one fails, or on Ctrl-C, undo and raise."""
        with ThreadPoolExecutor(max(1, len(works))) as pool:
            going = [pool.submit(finish, work) for work in works]
            try:
                return [done.result() for done in going]
            except BaseException:
                finish(undo())
                raise


class Awaited:
    """A channel of grpc.aio; metadata goes with every call."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]]) -> None:
        self.channel, self._metadata = channel, tuple(metadata)

    async def ask(self, method: Callable[..., Any], request: Request) -> Any:
        """Call a method that has one answer."""
        try:
            return await method(request, metadata=self._metadata)
        except grpc.RpcError as error:
            raise call_error(error) from None

    async def send(self, method: Callable[..., Any], requests: Iterable[Request]) -> Any:
        """Call a method that takes a stream and has one answer."""

        async def paced() -> AsyncIterator[Request]:
            held = iter(requests)  # which reads files
            while (request := await asyncio.to_thread(next, held, None)) is not None:
                yield request

        return await self.ask(method, paced())

    async def stream(self, method: Callable[..., Any], request: Request) -> AsyncGenerator[Any, None]:
        """Yield the answers of a method; who stops listening ends the call."""
        call = method(request, metadata=self._metadata)
        try:
            async for reply in call:
                yield reply
        except grpc.RpcError as error:
            raise call_error(error) from None
        finally:
            call.cancel()

    async def sleep(self, seconds: float) -> None:
        """Wait, and let others work."""
        await asyncio.sleep(seconds)

    async def together(
        self, works: Sequence[Coroutine[Any, Any, R]], undo: Callable[[], Coroutine[Any, Any, None]]
    ) -> list[R]:
        """Do several things side by side; when one fails, or the caller is cancelled, undo and raise."""
        going = [asyncio.ensure_future(work) for work in works]
        try:
            return await asyncio.gather(*going)
        except BaseException:
            for task in going:
                task.cancel()
            await asyncio.gather(*going, return_exceptions=True)
            await undo()
            raise


def finish(work: Coroutine[Any, Any, R]) -> R:
    """Bring a coroutine to its end that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as ended:
        made: R = ended.value
        return made
    work.close()
    raise AssertionError("it waits for something")


def at_once(verb: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> Callable[Concatenate[Any, P], R]:
    """Return a verb as a method that returns when it has its answer; its object holds the verbs as `verbs`."""

    @functools.wraps(verb)
    def method(self: Any, /, *given: P.args, **named: P.kwargs) -> R:
        return finish(verb(self.verbs, *given, **named))

    return method


def one_by_one(verb: Callable[Concatenate[Any, P], AsyncIterator[R]]) -> Callable[Concatenate[Any, P], Iterator[R]]:
    """Return a verb that yields as a method that is iterated."""

    @functools.wraps(verb)
    def method(self: Any, /, *given: P.args, **named: P.kwargs) -> Iterator[R]:
        made: Any = verb(self.verbs, *given, **named)
        try:
            with contextlib.suppress(StopAsyncIteration):
                while True:
                    yield finish(made.__anext__())
        finally:
            finish(made.aclose())

    return method


def holding(
    verb: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], make: Callable[[Any, R], S]
) -> Callable[Concatenate[Any, P], S]:
    """Return a verb as a method that returns when it has its answer, as an object that knows the client."""

    @functools.wraps(verb)
    def method(self: Any, /, *given: P.args, **named: P.kwargs) -> S:
        return make(self, finish(verb(self.verbs, *given, **named)))

    return method


def awaiting(
    verb: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], make: Callable[[Any, R], S]
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, S]]:
    """Return a verb as a coroutine whose answer is an object that knows the client."""

    @functools.wraps(verb)
    async def method(self: Any, /, *given: P.args, **named: P.kwargs) -> S:
        return make(self, await verb(self, *given, **named))

    return method
