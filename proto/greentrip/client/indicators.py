"""The indicator service's verbs as methods: what is measured of a network, as a table and as a map layer."""

from collections.abc import Sequence
from typing import Any

from greentrip.client.frames import geo_frame
from greentrip.client.wire import AtOnce, Wire, at_once
from greentrip.v1 import indicator_pb2 as pb
from greentrip.v1 import indicator_pb2_grpc


class IndicatorVerbs:
    """Figures of the networks of one server; what is left out takes the service's defaults."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._stub = indicator_pb2_grpc.IndicatorServiceStub(wire.channel)

    async def coverage(
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
        found: pb.Coverage = await self.measure(request)
        return found

    async def reach(
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
        found: pb.Reach = await self.measure(request)
        return found

    async def lines(self, network: str, *, years: Sequence[int] = (), areas: Sequence[str] = ()) -> pb.LineFigures:
        """Return lines by mode and year, and the density of rail in areas."""
        request = pb.MeasureLinesRequest(network=_network(network), years=years, areas=areas)
        found: pb.LineFigures = await self.measure(request)
        return found

    async def bicycles(self, network: str, *, area: str = "", without: Sequence[str] = ()) -> pb.BicycleNetwork:
        """Return the length and continuity of an area's bicycle network."""
        request = pb.MeasureBicyclesRequest(network=_network(network), area=area, without=without)
        found: pb.BicycleNetwork = await self.measure(request)
        return found

    async def roads(self, network: str, *, area: str = "") -> pb.RoadStructure:
        """Return the density of an area's streets, dead ends and bottlenecks."""
        found: pb.RoadStructure = await self.measure(pb.MeasureRoadsRequest(network=_network(network), area=area))
        return found

    async def measure(self, request: Any) -> Any:
        """Return what a request for a measurement asks for; raise CallError with the server's reasons."""
        method = getattr(self._stub, request.DESCRIPTOR.name.removesuffix("Request"))
        return await self.wire.ask(method, request)

    async def layer(self, request: Any) -> bytes:
        """Return the map layer of a measurement, given its request, as GeoJSON; raise CallError."""
        kinds = pb.StreamLayerRequest.DESCRIPTOR.oneofs_by_name["indicator"].fields
        field = next(f.name for f in kinds if f.message_type is request.DESCRIPTOR)
        asked = pb.StreamLayerRequest(**{field: request})
        return b"".join([piece.content async for piece in self.wire.stream(self._stub.StreamLayer, asked)])

    async def layer_frame(self, request: Any) -> Any:
        """Return the map layer of a measurement, given its request, as a GeoPandas frame."""
        return geo_frame(await self.layer(request))


class Indicators:
    """Figures of the networks of one server, for a client that waits."""

    def __init__(self, wire: AtOnce) -> None:
        self.verbs = IndicatorVerbs(wire)

    coverage = at_once(IndicatorVerbs.coverage)
    reach = at_once(IndicatorVerbs.reach)
    lines = at_once(IndicatorVerbs.lines)
    bicycles = at_once(IndicatorVerbs.bicycles)
    roads = at_once(IndicatorVerbs.roads)
    measure = at_once(IndicatorVerbs.measure)
    layer = at_once(IndicatorVerbs.layer)
    layer_frame = at_once(IndicatorVerbs.layer_frame)


def _network(name: str) -> str:
    """Return a network's resource name."""
    return name if "/" in name else f"networks/{name}"
