"""The indicator service's verbs as methods: what is measured of a network, as a table and as a map layer."""

from collections.abc import Sequence
from typing import Any

import grpc

from greentrip.client.errors import call_error
from greentrip.v1 import indicator_pb2 as pb
from greentrip.v1 import indicator_pb2_grpc


class Indicators:
    """Figures of the networks of one server; what is left out takes the service's defaults."""

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
    ) -> pb.Coverage:
        """Return what is within a distance of rail stations or bus stops."""
        request = pb.MeasureCoverageRequest(
            network=_network(network), stops=stops, distance_m=distance_m, years=years, areas=areas,
            built_up_per_km2=built_up_per_km2,
        )  # fmt: skip
        found: pb.Coverage = self.measure(request)
        return found

    def reach(
        self,
        network: str,
        place: str,
        *,
        mode: str = "transit",
        period: str = "am",
        minutes: Sequence[float] = (),
        run: str = "",
    ) -> pb.Reach:
        """Return whom a place reaches door to door, in the traffic of a finished run if one is given."""
        traffic = run if not run or "/" in run else f"runs/{run}"
        request = pb.MeasureReachRequest(
            network=_network(network), place=place, mode=mode, period=period, minutes=minutes, run=traffic
        )
        found: pb.Reach = self.measure(request)
        return found

    def lines(self, network: str, *, years: Sequence[int] = (), areas: Sequence[str] = ()) -> pb.LineFigures:
        """Return lines by mode and year, and the density of rail in areas."""
        request = pb.MeasureLinesRequest(network=_network(network), years=years, areas=areas)
        found: pb.LineFigures = self.measure(request)
        return found

    def bicycles(self, network: str, *, area: str = "", without: Sequence[str] = ()) -> pb.BicycleNetwork:
        """Return the length and continuity of an area's bicycle network."""
        request = pb.MeasureBicyclesRequest(network=_network(network), area=area, without=without)
        found: pb.BicycleNetwork = self.measure(request)
        return found

    def roads(self, network: str, *, area: str = "") -> pb.RoadStructure:
        """Return the density of an area's streets, dead ends and bottlenecks."""
        found: pb.RoadStructure = self.measure(pb.MeasureRoadsRequest(network=_network(network), area=area))
        return found

    def measure(self, request: Any) -> Any:
        """Return what a request for a measurement asks for; raise CallError with the server's reasons."""
        try:
            return getattr(self._stub, request.DESCRIPTOR.name.removesuffix("Request"))(request)
        except grpc.RpcError as error:
            raise call_error(error) from None

    def layer(self, request: Any) -> bytes:
        """Return the map layer of a measurement, given its request, as GeoJSON; raise CallError."""
        kinds = pb.StreamLayerRequest.DESCRIPTOR.oneofs_by_name["indicator"].fields
        field = next(f.name for f in kinds if f.message_type is request.DESCRIPTOR)
        try:
            asked = pb.StreamLayerRequest(**{field: request})
            return b"".join(piece.content for piece in self._stub.StreamLayer(asked))
        except grpc.RpcError as error:
            raise call_error(error) from None


def _network(name: str) -> str:
    """Return a network's resource name."""
    return name if "/" in name else f"networks/{name}"
