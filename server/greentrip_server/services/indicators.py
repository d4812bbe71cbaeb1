"""The indicator service: figures of networks and their map layers."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any

from greentrip.v1 import indicator_pb2, indicator_pb2_grpc
from greentrip_networks.indicators import Coverage, measure_coverage
from greentrip_networks.network import Network

from greentrip_server.answer import pieces, streaming, unary
from greentrip_server.cities import PREFIX, Cities
from greentrip_server.errors import FieldError
from greentrip_server.jobs import last_part


class IndicatorService(indicator_pb2_grpc.IndicatorServiceServicer):
    """Measures networks; the last measurements are kept, so that a table and its layer are one measurement."""

    def __init__(self, cities: Cities, keep: int = 8) -> None:
        self._cities = cities
        self._keep = keep
        self._made: OrderedDict[tuple[Network, str, bytes], Any] = OrderedDict()
        self._lock = threading.Lock()

    @unary
    def MeasureCoverage(self, request: indicator_pb2.MeasureCoverageRequest) -> indicator_pb2.Coverage:  # noqa: N802
        """Return the shares within a distance."""
        found = self._measured(request)
        made = indicator_pb2.Coverage(
            network=f"{PREFIX}{found.network}", stops=found.stops, distance_m=found.distance_m, notes=found.notes
        )
        for row in found.to_dict()["rows"]:
            made.rows.add(**row)
        return made

    @streaming
    async def StreamLayer(  # noqa: N802
        self, request: indicator_pb2.StreamLayerRequest
    ) -> AsyncIterator[indicator_pb2.LayerPiece]:
        """Yield the layer of a measurement."""
        chosen = request.WhichOneof("indicator")
        if chosen is None:
            raise FieldError("indicator", "saw none; expected the measurement whose layer is asked for")
        asked = getattr(request, chosen)
        text = await asyncio.to_thread(lambda: self._measured(asked).geojson())
        for piece in pieces(text.encode()):
            yield indicator_pb2.LayerPiece(content=piece)

    def _measured(self, request: Any) -> Any:
        """Measure what a request asks for, or return it if it was measured a moment ago."""
        network = self._cities.get(last_part(request.network, "networks", "network"))
        key = network, type(request).__name__, request.SerializeToString(deterministic=True)
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = _MEASURE[type(request)](network, request)
        with self._lock:
            self._made[key] = made
            while len(self._made) > self._keep:
                self._made.popitem(last=False)
        return made


def _coverage(network: Network, asked: indicator_pb2.MeasureCoverageRequest) -> Coverage:
    """Measure coverage."""
    more = {"built_up_per_km2": asked.built_up_per_km2} if asked.built_up_per_km2 else {}
    return measure_coverage(
        network, stops=asked.stops or "rail", distance_m=asked.distance_m or None, years=tuple(asked.years),
        areas=tuple(asked.areas), **more,
    )  # fmt: skip


_MEASURE: dict[type, Callable[[Network, Any], Any]] = {indicator_pb2.MeasureCoverageRequest: _coverage}
