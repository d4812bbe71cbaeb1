"""OpenTelemetry traces, for who asks for them: a span of every call and one of every attempt at a run or design.

A call continues the caller's trace (W3C `traceparent`). An attempt is a trace of its own, since it may begin on another
server and days later; it carries the run's name, which the span of the call that asked for it carries too.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
from greentrip import __version__

from greentrip_server.errors import StateError
from greentrip_server.interceptors import Interceptor, in_place_of
from greentrip_server.security import code_of, resource_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from greentrip_server.tables import JobRow

_OURS = ("INTERNAL", "UNKNOWN", "DATA_LOSS", "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNIMPLEMENTED")


class Traces(Interceptor):
    """Makes spans and sends them on."""

    def __init__(self, endpoint: str = "", exporter: "SpanExporter | None" = None) -> None:
        """Send to an OTLP endpoint such as `http://collector:4317`, or to an exporter.

        Raises
        ------
        StateError
            When OpenTelemetry is not installed.

        """
        try:
            from opentelemetry.propagate import extract
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace import SpanKind, Status, StatusCode

            if exporter is None:
                from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

                exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"))
        except ImportError as error:
            raise StateError(
                f"traces are asked for and {error.name} is not installed", "pip install 'greentrip[otel]'"
            ) from error
        super().__init__()
        resource = Resource.create({"service.name": "greentrip", "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("greentrip_server", __version__)
        self._extract, self._server, self._error = extract, SpanKind.SERVER, Status(StatusCode.ERROR)
        self._attempts: dict[int, Any] = {}

    def close(self) -> None:
        """Send what is left."""
        for number in list(self._attempts):
            self._attempts.pop(number).end()
        self._provider.shutdown()

    def attempt(self, job: "JobRow", event: str) -> None:
        """Begin a job's span when it is `started`, and end it on any other event, such as `done` or `cancelled`."""
        if event == "started":
            told = {"greentrip.job": job.name, "greentrip.attempt": job.attempt, "greentrip.client": job.client}
            self._attempts[job.number] = self._tracer.start_span(job.kind.removesuffix("s"), attributes=told)
            return
        span = self._attempts.pop(job.number, None)
        if span is not None:
            span.set_attribute("greentrip.outcome", event)
            if event not in ("done", "cancelled"):
                span.set_status(self._error)
            span.end()

    def _wrap(self, method: str, inner: Any) -> Any:
        """Return a method's handler inside a span."""
        service, _, short = method[1:].partition("/")
        facts = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": short}

        def begin(request: Any, context: Any) -> Any:
            carried = {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}
            told = {**facts, "greentrip.resource": resource_of(request)}
            return self._tracer.start_span(
                method[1:], context=self._extract(carried), kind=self._server, attributes=told
            )

        def end(span: Any, context: Any) -> None:
            code = code_of(context)
            span.set_attribute("rpc.grpc.status_code", grpc.StatusCode[code].value[0])
            if code in _OURS:
                span.set_status(self._error)
            span.end()

        async def single(request: Any, context: Any) -> Any:
            span = begin(request, context)
            try:
                return await (inner.stream_unary or inner.unary_unary)(request, context)
            finally:
                end(span, context)

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            span = begin(request, context)
            try:
                async for message in (inner.stream_stream or inner.unary_stream)(request, context):
                    yield message
            finally:
                end(span, context)

        return in_place_of(inner, stream if inner.response_streaming else single)
