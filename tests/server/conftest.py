"""A real server on a temporary data directory, reached over a real gRPC channel."""

from collections.abc import Iterator

import greentrip
import pytest
from greentrip.client import Client, Runs

SAMPLE = 0.002
DAYS = 3


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with greentrip.connect(data_dir=tmp_path_factory.mktemp("data")) as connected:
        yield connected


@pytest.fixture(scope="session")
def base(client: Client) -> Runs:
    return client.simulate("tiny", seeds=(0, 1), sample=SAMPLE, max_days=DAYS)
