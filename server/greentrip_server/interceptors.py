"""What stands between gRPC and the services: wraps each method once, when it is first asked for."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc


class Interceptor(grpc.aio.ServerInterceptor):
    """Wraps methods; a subclass says how, and which."""

    def __init__(self) -> None:
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any] | None"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Wrap the method asked for."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not self._wraps(method):
            return handler
        if method not in self._wrapped:
            self._wrapped[method] = self._wrap(method, handler)
        wrapped: grpc.RpcMethodHandler[Any, Any] = self._wrapped[method]
        return wrapped

    def _wraps(self, method: str) -> bool:
        """Return whether a method is wrapped at all."""
        del method
        return True

    def _wrap(self, method: str, inner: Any) -> Any:
        """Return what takes the place of a method's handler."""
        raise NotImplementedError


def in_place_of(inner: Any, behaviour: Any, read: Any = None) -> Any:
    """Return a handler of the shape of another with other behaviour, and another reader of requests if one is given."""
    asked = "stream" if inner.request_streaming else "unary"
    answered = "stream" if inner.response_streaming else "unary"
    make = getattr(grpc, f"{asked}_{answered}_rpc_method_handler")
    return make(behaviour, read or inner.request_deserializer, inner.response_serializer)
