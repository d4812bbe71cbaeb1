"""A data directory: owned by one process at a time, results written aside and renamed."""

import fcntl
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from greentrip_server.errors import StateError


class DataDirectory:
    """The places of one data directory, and the lock that its owner holds."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.database = self.path / "greentrip.sqlite"
        self.results = self.path / "runs"
        self.address_file = self.path / "server.json"
        self.log = self.path / "server.log"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the directory until the block ends; the kernel drops the lock with the process, however it ends.

        Raises
        ------
        StateError
            When another process owns it.

        """
        self.results.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                raise StateError(
                    f"{self.path} is owned by process {lock.read().strip() or 'unknown'}",
                    "connect to that server, or name another data directory",
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                self.address_file.unlink(missing_ok=True)

    def announce(self, facts: dict[str, Any]) -> None:
        """Tell other commands how to reach the owner."""
        aside = self.address_file.with_suffix(".tmp")
        aside.write_text(json.dumps(facts))
        aside.replace(self.address_file)

    def folder(self, run_id: str) -> Path:
        """Return where a finished run's tables are."""
        return self.results / run_id

    def aside(self, run_id: str, attempt: int) -> Path:
        """Return where one attempt writes, so that a late writer of an older attempt harms nothing."""
        return self.results / f".{run_id}.{attempt}.part"

    def days(self, run_id: str) -> Path:
        """Return where a run that is not finished keeps its last day, whatever the attempt."""
        return self.results / f".{run_id}.days"

    def keep(self, aside: Path, folder: Path) -> None:
        """Make an attempt's files durable, then the run's."""
        for file in sorted(p for p in aside.rglob("*") if p.is_file()):
            _sync(file)
        _sync(aside)
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
        _sync(folder.parent)

    def sweep(self, unfinished: Collection[str]) -> None:
        """Remove what attempts of a former owner left behind, and the days of runs that are not unfinished."""
        kept = {self.days(run_id) for run_id in unfinished}
        for leftover in [*self.results.glob(".*.part"), *(p for p in self.results.glob(".*.days") if p not in kept)]:
            shutil.rmtree(leftover, ignore_errors=True)


def _sync(path: Path) -> None:
    """Flush a file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
