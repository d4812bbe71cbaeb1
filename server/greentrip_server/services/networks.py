"""The network service: what cities there are and what is in them."""

from greentrip.v1 import network_pb2, network_pb2_grpc
from greentrip_networks import NAMES, summary

from greentrip_server.answer import unary
from greentrip_server.cities import PREFIX, Cities
from greentrip_server.convert import struct
from greentrip_server.errors import FieldError
from greentrip_server.jobs import last_part


class NetworkService(network_pb2_grpc.NetworkServiceServicer):
    """Reads bundled networks."""

    def __init__(self, cities: Cities) -> None:
        self._cities = cities

    @unary
    def GetNetwork(self, request: network_pb2.GetNetworkRequest) -> network_pb2.Network:  # noqa: N802
        """Return one network with its counts."""
        network = self._cities.get(last_part(request.name, "networks", "name"))
        target = network.target
        return network_pb2.Network(
            name=f"{PREFIX}{network.name}",
            display_name=network.name_en,
            year=network.year,
            target=network_pb2.Target(
                indicator=target.name, percent=target.value, year=target.year, area=target.area, source=target.source
            ),
            summary=struct(summary(network)),
            assumptions=network.assumptions,
            sources=network.sources,
        )

    @unary
    def ListNetworks(self, request: network_pb2.ListNetworksRequest) -> network_pb2.ListNetworksResponse:  # noqa: N802
        """List names, without loading."""
        if request.page_size < 0:
            raise FieldError("page_size", f"saw {request.page_size}; expected 0 or more")
        if request.page_token and not request.page_token.isdigit():
            raise FieldError(
                "page_token", f"saw {request.page_token!r}; expected the next_page_token of the page before"
            )
        first = int(request.page_token or 0)
        last = first + min(request.page_size or 100, 1000)
        return network_pb2.ListNetworksResponse(
            networks=[network_pb2.Network(name=f"{PREFIX}{name}") for name in NAMES[first:last]],
            next_page_token=str(last) if last < len(NAMES) else "",
        )
