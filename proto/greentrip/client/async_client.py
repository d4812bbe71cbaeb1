"""The client that is awaited: the same verbs as coroutines, for programs with an event loop."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from greentrip.client.channels import Credentials, open_async_channel
from greentrip.client.client import REACH_S, check_cluster, silent, start
from greentrip.client.embedded import Embedded
from greentrip.client.errors import ConnectError
from greentrip.client.experiment_verbs import ExperimentVerbs
from greentrip.client.indicators import IndicatorVerbs
from greentrip.client.networks import NetworkFileVerbs
from greentrip.client.plan_verbs import PlanVerbs
from greentrip.client.run_verbs import RunVerbs
from greentrip.client.runs import AsyncRuns
from greentrip.client.wire import Awaited, awaiting

if TYPE_CHECKING:
    import grpc


async def connect_async(
    address: str | None = None,
    data_dir: str | Path | None = None,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    credentials: Credentials | None = None,
) -> "AsyncClient":
    """Return a client whose verbs are awaited; what is given and raised is as for `connect`."""
    started, shown = None, credentials or Credentials.from_environment()
    if address is None:
        started = await asyncio.to_thread(start, data_dir, workers, cluster)
        address, shown = started.address, started.credentials
    else:
        check_cluster(address, cluster)
    channel, metadata = open_async_channel(address, shown)
    try:
        await asyncio.wait_for(channel.channel_ready(), REACH_S)
    except TimeoutError:
        await channel.close()
        if started is not None:
            await asyncio.to_thread(started.close)
        raise ConnectError(silent(address)) from None
    return AsyncClient(Awaited(channel, metadata), started)


class AsyncClient(RunVerbs, PlanVerbs, ExperimentVerbs):
    """One server; close it, or use it in an `async with` block."""

    def __init__(self, wire: Awaited, started: Embedded | None = None) -> None:
        RunVerbs.__init__(self, wire)
        PlanVerbs.__init__(self, wire)
        ExperimentVerbs.__init__(self, wire)
        self._started = started
        self.channel: grpc.aio.Channel = wire.channel
        self.indicators = IndicatorVerbs(wire)
        self.network_files = NetworkFileVerbs(wire)

    async def __aenter__(self) -> Self:
        """Use the client in a block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """Close the channel; a server that this client started ends, unfinished runs go on when it is next started."""
        await self.channel.close()
        if self._started is not None:
            await asyncio.to_thread(self._started.close)

    simulate = awaiting(RunVerbs.simulate_each, AsyncRuns)
