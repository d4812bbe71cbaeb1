import json

import pytest
from google.longrunning import operations_pb2
from greentrip.client import CallError, Client
from greentrip.client.wire import AtOnce, finish
from greentrip.plain import plain
from greentrip.v1 import network_pb2, network_pb2_grpc
from greentrip_networks import summary, tiny
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc


def test_a_network_has_the_counts_of_the_model(client: Client) -> None:
    found = client.network("tiny")
    assert found.name == "networks/tiny"
    assert plain(found.summary) == json.loads(json.dumps(summary(tiny())))
    assert found.target.percent == 75
    assert found.sources


def test_an_unknown_network_is_not_found_with_the_nearest(client: Client) -> None:
    with pytest.raises(CallError, match="beijing-2109") as caught:
        client.network("beijing-2109")
    assert caught.value.code == "NOT_FOUND"
    assert "beijing-2019" in caught.value.nearest


def test_pages_make_the_whole_list(client: Client) -> None:
    stub = network_pb2_grpc.NetworkServiceStub(client.channel)
    names, token = [], ""
    while True:
        page = stub.ListNetworks(network_pb2.ListNetworksRequest(page_size=2, page_token=token))
        assert len(page.networks) <= 2
        names += [n.name.removeprefix("networks/") for n in page.networks]
        token = page.next_page_token
        if not token:
            break
    assert names == client.networks()


@pytest.mark.parametrize("token", ["x", "-1", "¹", "9" * 5000])
def test_a_bad_page_token_names_its_field(client: Client, token: str) -> None:
    stub = network_pb2_grpc.NetworkServiceStub(client.channel)
    with pytest.raises(CallError) as caught:
        finish(AtOnce(client.channel).ask(stub.ListNetworks, network_pb2.ListNetworksRequest(page_token=token)))
    assert caught.value.code == "INVALID_ARGUMENT"
    assert "page_token" in caught.value.fields


def test_health_and_reflection_know_every_service(client: Client) -> None:
    health = health_pb2_grpc.HealthStub(client.channel)
    listing = reflection_pb2_grpc.ServerReflectionStub(client.channel).ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    )
    services = {s.name for s in next(listing).list_services_response.service}
    ours = {
        f"greentrip.v1.{n}Service" for n in ("Network", "Indicator", "Scenario", "Plan", "Run", "Comparison", "Report")
    }
    assert services >= ours | {operations_pb2.DESCRIPTOR.services_by_name["Operations"].full_name}
    for service in ("", *sorted(ours)):
        assert (
            health.Check(health_pb2.HealthCheckRequest(service=service)).status
            == health_pb2.HealthCheckResponse.SERVING
        )
