"""Where jobs are done: a pool opens workers, each a pipe to something that does one job after another."""

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Protocol

from greentrip_server.worker import work

if TYPE_CHECKING:
    from greentrip_server.tables import JobRow

SPAWN = multiprocessing.get_context("spawn")  # a fork beside gRPC's threads may hang


class Worker:
    """One pipe and the job done at its other end; `process` is what ends with it, None on a cluster."""

    def __init__(self, pool: "Pool", connection: Connection, process: BaseProcess | None) -> None:
        self.pool, self.connection, self.process = pool, connection, process
        self.job: JobRow | None = None
        self.ending = False  # its job has ended and is being recorded
        self.since = self.renewed = time.monotonic()  # idle, or at its job; and when its lease was

    @property
    def pid(self) -> int | None:
        """The process's id."""
        return self.process.pid if self.process is not None else None

    def kill(self) -> None:
        """End what is at the other end: a process by its id, waiting until it is gone; a cluster's task by its pipe."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
        self.connection.close()


class Pool(Protocol):
    """A place with room for workers."""

    kinds: Sequence[str]  # of jobs that are done here
    trouble: str  # why no worker can be opened now; empty when all is well

    @property
    def most(self) -> int:
        """Workers at most, now."""
        ...

    def open(self) -> Worker:
        """Return a new worker, without a job."""
        ...


class Here:
    """Worker processes of this machine."""

    trouble = ""

    def __init__(self, kinds: Sequence[str], most: int) -> None:
        self.kinds, self._most = kinds, most

    @property
    def most(self) -> int:
        """Processes at most."""
        return self._most

    def open(self) -> Worker:
        """Start a process."""
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=work, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        return Worker(self, ours, process)
