"""The indicator service's verbs as methods: what is measured of a network, as a table and as a map layer."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import grpc

from greentrip.client.errors import call_error
from greentrip.v1 import indicator_pb2, indicator_pb2_grpc

Reply = TypeVar("Reply")


class Indicators:
    """Figures of the networks of one server."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = indicator_pb2_grpc.IndicatorServiceStub(channel)

    def coverage(
        self,
        network: str,
        *,
        stops: str = "rail",
        distance_m: float = 0.0,
        years: Sequence[int] = (),
        areas: Sequence[str] = (),
        built_up_per_km2: float = 0.0,
    ) -> indicator_pb2.Coverage:
        """Return what is within a distance of rail stations or bus stops; zeros and nothing take the defaults."""
        request = indicator_pb2.MeasureCoverageRequest(
            network=_network(network), stops=stops, distance_m=distance_m, years=years, areas=areas,
            built_up_per_km2=built_up_per_km2,
        )  # fmt: skip
        return self.ask(self._stub.MeasureCoverage, request)

    def layer(self, request: Any) -> bytes:
        """Return the map layer of a measurement, given its request, as GeoJSON."""
        kinds = indicator_pb2.StreamLayerRequest.DESCRIPTOR.oneofs_by_name["indicator"].fields
        field = next(f.name for f in kinds if f.message_type is request.DESCRIPTOR)
        try:
            asked = indicator_pb2.StreamLayerRequest(**{field: request})
            return b"".join(piece.content for piece in self._stub.StreamLayer(asked))
        except grpc.RpcError as error:
            raise call_error(error) from None

    def measure(self, request: Any) -> Any:
        """Return what a request for a measurement asks for."""
        kind = request.DESCRIPTOR.name.removesuffix("Request")
        return self.ask(getattr(self._stub, kind), request)

    @staticmethod
    def ask(method: Callable[[Any], Reply], request: Any) -> Reply:
        """Call, and raise what the server says."""
        try:
            return method(request)
        except grpc.RpcError as error:
            raise call_error(error) from None


def _network(name: str) -> str:
    """Return a network's resource name."""
    return name if "/" in name else f"networks/{name}"
