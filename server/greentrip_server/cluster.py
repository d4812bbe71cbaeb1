"""A Ray cluster as a place for runs: a pool of workers for the dispatcher, and the process that speaks with Ray.

Ray's client runs in a process of its own, the bridge: what ends it does not end the server. A worker is a pipe to the
bridge, which turns each order into one Ray task; closing the pipe cancels the task. Ray starts no run again by itself:
a run whose node is lost goes back to its row, and on from the last day that was sent home.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import structlog
from greentrip_networks.errors import GreentripError

from greentrip_server.bridge import bridge
from greentrip_server.directory import DataDirectory
from greentrip_server.kinds import RUNS
from greentrip_server.settings import Settings
from greentrip_server.workers import SPAWN, Worker

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

LEAVE_S = 10.0  # that the bridge gets to cancel its tasks and say goodbye
LONGEST_WAIT_S = 60.0  # between attempts to join a cluster that went away


class ClusterError(GreentripError):
    """A cluster that cannot be joined, and what to do."""


class Cluster:
    """The workers of one cluster; every method runs on the event loop."""

    kinds: Sequence[str] = (RUNS,)

    def __init__(self, settings: Settings, directory: DataDirectory) -> None:
        self._address = str(settings.cluster)
        self._about = {
            "address": self._address,
            "results": str(directory.results),
            "threads": settings.threads,
            "keep_s": settings.cluster_keep_s,
        }
        self._control: Connection
        self._process: BaseProcess
        self._slots = 0
        self._gone = asyncio.Event()
        self._log = structlog.get_logger("cluster")
        self.trouble = f"not yet joined to {self._address}"

    @property
    def most(self) -> int:
        """Runs that the cluster's processors take together, now."""
        return self._slots

    async def join(self) -> None:
        """Connect, and check that every node has this server's code.

        Raises
        ------
        ClusterError
            When Ray is not installed here, the address does not answer, or a node differs.

        """
        if find_spec("ray") is None:
            raise ClusterError("a cluster needs ray, which is not installed here: pip install 'greentrip[cluster]'")
        self._control, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=bridge, args=(theirs, self._about), daemon=True)
        self._process.start()
        theirs.close()
        try:
            kind, data = await asyncio.to_thread(self._control.recv)
        except EOFError:
            kind, data = "gone", f"ray's client ended with exit code {self._process.exitcode}"
        if kind == "gone":
            await asyncio.to_thread(self._end)
            self.trouble = f"cluster {self._address}: {data}"
            raise ClusterError(self.trouble)
        self.trouble = ""
        self._gone.clear()
        self._take(data)
        asyncio.get_running_loop().add_reader(self._control.fileno(), self._read)

    async def keep(self, wake: Callable[[], None]) -> None:
        """Join again whenever the cluster went away, until cancelled; wake is called when there is room again."""
        while True:
            await self._gone.wait()
            await asyncio.to_thread(self._end)
            wait_s = 1.0
            while True:
                await asyncio.sleep(wait_s)
                try:
                    await self.join()
                    break
                except ClusterError as error:
                    self._log.warning("not joined", reason=str(error))
                wait_s = min(LONGEST_WAIT_S, 2 * wait_s)
            wake()

    def open(self) -> Worker:
        """Return a new worker."""
        ours, theirs = SPAWN.Pipe()
        worker = Worker(self, ours, None)
        with contextlib.suppress(OSError):  # a bridge that is gone closes the pipe, and the worker is given up
            self._control.send(theirs)
        return worker

    async def close(self) -> None:
        """Leave the cluster; tasks that are still there are cancelled."""
        self._gone.clear()
        if not self.trouble:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self.trouble = "left"
            await asyncio.to_thread(self._end)

    def _read(self) -> None:
        """Take what the bridge says of the cluster as a whole."""
        try:
            kind, data = self._control.recv()
        except (EOFError, OSError):
            kind, data = "gone", "ray's client ended"
        if kind == "size":
            self._take(data)
            return
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._slots, self.trouble = 0, f"cluster {self._address}: {data}"
        self._log.warning("gone", reason=self.trouble)
        self._gone.set()

    def _take(self, size: dict[str, Any]) -> None:
        """Note how large the cluster is."""
        self._slots = int(size["slots"])
        self._log.info("size", slots=self._slots, nodes=size["nodes"])

    def _end(self) -> None:
        """End the bridge, and wait until it is gone."""
        self._control.close()
        self._process.join(LEAVE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
