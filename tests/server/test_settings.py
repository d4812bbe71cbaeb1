import pytest
from greentrip_server.settings import Settings, cores, is_loopback
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError


@pytest.mark.parametrize("address", ["0.0.0.0:50051", "[::]:1", "192.168.1.2:80", "example.org:443"])
def test_other_addresses_than_loopback_are_refused_with_the_reason(address: str) -> None:
    with pytest.raises(ValidationError, match="needs TLS and tokens"):
        Settings(address=address)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:50051", "[::1]:50051"])
def test_loopback_is_served(address: str) -> None:
    assert Settings(address=address).address == address


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"])
def test_an_address_without_a_port_says_what_is_expected(address: str) -> None:
    with pytest.raises(ValidationError, match="HOST:PORT"):
        Settings(address=address)


def test_more_threads_than_cores_are_refused() -> None:
    with pytest.raises(ValidationError, match="expected at most"):
        Settings(workers=cores(), threads=2)


@given(st.ip_addresses())
def test_only_loopback_addresses_count_as_loopback(address) -> None:
    assert is_loopback(str(address)) == address.is_loopback
