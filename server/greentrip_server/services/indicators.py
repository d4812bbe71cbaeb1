"""The indicator service: figures of networks and their map layers."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from greentrip.v1 import indicator_pb2, indicator_pb2_grpc, run_pb2
from greentrip_agents.parameters import Parameters, default_parameters
from greentrip_networks.errors import TableError, UnknownNameError

from greentrip_server.answer import pieces, streaming, unary
from greentrip_server.cities import PREFIX
from greentrip_server.clerks import Clerks
from greentrip_server.desk import Desk
from greentrip_server.errors import FieldError
from greentrip_server.jobs import last_part
from greentrip_server.services.runs import finished

if TYPE_CHECKING:
    from greentrip_networks.indicators import Pace
    from greentrip_networks.network import Network


class IndicatorService(indicator_pb2_grpc.IndicatorServiceServicer):
    """Measures networks."""

    def __init__(self, clerks: Clerks) -> None:
        self._clerks = clerks

    @unary
    async def MeasureCoverage(  # noqa: N802
        self, request: indicator_pb2.MeasureCoverageRequest
    ) -> indicator_pb2.Coverage:
        """Return the shares within a distance."""
        return indicator_pb2.Coverage(**await self._clerks.ask(figures, request))

    @unary
    async def MeasureReach(self, request: indicator_pb2.MeasureReachRequest) -> indicator_pb2.Reach:  # noqa: N802
        """Return whom a place reaches."""
        return indicator_pb2.Reach(**await self._clerks.ask(figures, request))

    @unary
    async def MeasureLines(self, request: indicator_pb2.MeasureLinesRequest) -> indicator_pb2.LineFigures:  # noqa: N802
        """Return lines by mode and year, and their density."""
        return indicator_pb2.LineFigures(**await self._clerks.ask(figures, request))

    @unary
    async def MeasureBicycles(  # noqa: N802
        self, request: indicator_pb2.MeasureBicyclesRequest
    ) -> indicator_pb2.BicycleNetwork:
        """Return the bicycle network of an area."""
        return indicator_pb2.BicycleNetwork(**await self._clerks.ask(figures, request))

    @unary
    async def MeasureRoads(self, request: indicator_pb2.MeasureRoadsRequest) -> indicator_pb2.RoadStructure:  # noqa: N802
        """Return the structure of an area's streets."""
        return indicator_pb2.RoadStructure(**await self._clerks.ask(figures, request))

    @streaming
    async def StreamLayer(  # noqa: N802
        self, request: indicator_pb2.StreamLayerRequest
    ) -> AsyncIterator[indicator_pb2.LayerPiece]:
        """Yield the layer of a measurement."""
        chosen = request.WhichOneof("indicator")
        if chosen is None:
            raise FieldError("indicator", "saw none; expected the measurement whose layer is asked for")
        text = await self._clerks.ask(table_layer if chosen == "table" else network_layer, getattr(request, chosen))
        for piece in pieces(text.encode()):
            yield indicator_pb2.LayerPiece(content=piece)


def network_layer(desk: Desk, asked: Any) -> str:
    """Return the layer of a network's measurement."""
    return str(_measured(desk, asked).geojson())


def table_layer(desk: Desk, asked: run_pb2.StreamTableRequest) -> str:
    """Return the layer of a table made of a run."""
    from greentrip_server.run_tables import TABLES, make_run_table, setting_of

    if asked.table not in TABLES:
        raise UnknownNameError("table", asked.table[:100], TABLES)
    row = finished(desk.jobs, asked.name, "table.name")
    made = make_run_table(row, asked, desk.cities, desk.directory)
    return made.geojson(setting_of(row, desk.cities).network.plane)


def figures(desk: Desk, request: Any) -> dict[str, Any]:
    """Return what was measured as the fields of its message, which bear the same names."""
    found: dict[str, Any] = _measured(desk, request).to_dict()
    return found | {"network": PREFIX + found["network"]}


def _measured(desk: Desk, request: Any) -> Any:
    """Measure what a request asks for, or return it if it was measured a moment ago: a table and its layer are one."""
    network = desk.cities.get(last_part(request.network, "networks", "network"))
    key = network, type(request).__name__, request.SerializeToString(deterministic=True)
    return desk.remembered(key, lambda: _measure(desk, network, request))


def _measure(desk: Desk, network: "Network", asked: Any) -> Any:
    """Measure; a field left out takes the default of what measures it."""
    from greentrip_networks.indicators import (
        measure_bicycles,
        measure_coverage,
        measure_lines,
        measure_reach,
        measure_roads,
    )

    if isinstance(asked, indicator_pb2.MeasureCoverageRequest):
        density = {"built_up_per_km2": asked.built_up_per_km2} if asked.built_up_per_km2 else {}
        return measure_coverage(
            network, stops=asked.stops or "rail", distance_m=asked.distance_m or None, years=tuple(asked.years),
            areas=tuple(asked.areas), **density,
        )  # fmt: skip
    if isinstance(asked, indicator_pb2.MeasureReachRequest):
        if not asked.place:
            raise FieldError("place", "saw none; expected a station, a zone or longitude,latitude")
        period = asked.period or "am"
        traffic = _traffic(desk, network, asked.run, period) if asked.run else None
        limits = {"minutes": tuple(asked.minutes)} if asked.minutes else {}
        return measure_reach(
            network, asked.place, mode=asked.mode or "transit", period=period, link_seconds=traffic,
            pace=pace_of(default_parameters(network.name)), **limits,
        )  # fmt: skip
    if isinstance(asked, indicator_pb2.MeasureLinesRequest):
        return measure_lines(network, years=tuple(asked.years), areas=tuple(asked.areas))
    if isinstance(asked, indicator_pb2.MeasureBicyclesRequest):
        return measure_bicycles(network, area=asked.area, without=tuple(asked.without))
    return measure_roads(network, area=asked.area or "whole city")


def _traffic(desk: Desk, network: "Network", run: str, period: str) -> Any:
    """Return the link times that a finished run met in a period."""
    import numpy as np

    row = finished(desk.jobs, run, "run")
    with np.load(desk.directory.folder(row.id) / "costs.npz") as costs:
        name = f"link_s_{period}"
        seconds = costs[name] if name in costs else np.zeros(0)
    if len(seconds) != len(network.compiled.roads.tail):
        expected = f"a run on the streets of {network.name}, {len(network.compiled.roads.tail)} links"
        raise TableError(run, expected, column=name, value=len(seconds))
    return seconds


def pace_of(parameters: Parameters) -> "Pace":
    """Return the model's speeds and fixed times for measuring reach."""
    from greentrip_networks.indicators import Pace

    p = parameters
    return Pace(
        street_detour=p["distance.street_detour"],
        walk_m_s=p["speed.walk_m_s"],
        bicycle_km_h=p["speed.bicycle_km_h"],
        bicycle_fixed_min=p["weight.bicycle_fixed_min"],
        car_terminal_min=p["speed.car_terminal_min"],
        bus_over_car=p["speed.bus_over_car"],
        bus_dwell_s=p["speed.bus_dwell_s"],
    )
