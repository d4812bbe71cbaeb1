"""A data directory: owned by one process at a time, results written aside and renamed."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from greentrip_networks.files import sha256_of, sync

from greentrip_server.errors import StateError

Files = dict[str, Any]  # name of each file of a result: [bytes, SHA-256]


class DataDirectory:
    """The places of one data directory, and the lock that its owner holds.

    results is where runs' tables and last days go: a folder of the directory, or one that several servers share.
    """

    def __init__(self, path: Path, results: Path | None = None) -> None:
        self.path = path.resolve()
        self.database = self.path / "greentrip.sqlite"
        self.results = results.resolve() if results is not None else self.path / "runs"
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
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
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

    def check_mark(self, mark: str) -> None:
        """Mark a results folder as this store's; raise StateError when it is another's.

        Servers that share a database must share the folder too, else one could not read what another finished.
        """
        file = self.results / ".store"
        seen = file.read_text() if file.exists() else ""
        if not seen:
            aside = self.results / f".store.{os.getpid()}"
            aside.write_text(mark)
            aside.replace(file)
        elif seen != mark:
            raise StateError(
                f"{self.results} holds the results of another store ({seen}, this one is {mark})",
                "name the folder that all servers of this database share, or an empty one",
            )

    def folder(self, run_id: str) -> Path:
        """Return where a finished run's tables are."""
        return self.results / run_id

    def aside(self, run_id: str, attempt: int) -> Path:
        """Return where one attempt writes, so that a late writer of an older attempt harms nothing."""
        return self.results / f".{run_id}.{attempt}.part"

    def days(self, run_id: str) -> Path:
        """Return where a run that is not finished keeps its last day, whatever the attempt."""
        return self.results / f".{run_id}.days"

    def keep(self, aside: Path, folder: Path) -> Files:
        """Make an attempt's files durable, then the run's; return their sizes and hashes. A repeat only reads."""
        if aside.exists():
            for file in sorted(p for p in aside.rglob("*") if p.is_file()):
                sync(file)
            sync(aside)
            if folder.exists():
                shutil.rmtree(folder)
            aside.rename(folder)
        sync(folder.parent)
        return {
            file.relative_to(folder).as_posix(): [file.stat().st_size, sha256_of(file)]
            for file in sorted(p for p in folder.rglob("*") if p.is_file())
        }

    def sweep(self, unfinished: Mapping[str, int], succeeded: Mapping[str, Files]) -> None:
        """Remove what attempts of a former owner left behind: parts, days of ended runs, tables that no run has."""
        kept = {self.days(run_id) for run_id in unfinished} | {self.aside(*item) for item in unfinished.items()}
        folders = {self.folder(run_id) for run_id in (*unfinished, *succeeded)}
        for found in self.results.iterdir():
            leftover = found.name.startswith(".") and found.suffix in (".part", ".days") and found not in kept
            orphan = not found.name.startswith(".") and found.is_dir() and found not in folders
            if leftover or orphan:
                shutil.rmtree(found, ignore_errors=True)

    def damaged(self, run_id: str, files: Files, *, hashes: bool = False) -> str:
        """Return what is wrong with a finished run's files, in words; empty when nothing is."""
        folder = self.folder(run_id)
        if not folder.is_dir():
            return f"its folder {folder.name} is gone"
        for name, (size, sha256) in files.items():
            file = folder / name
            if not file.is_file():
                return f"{name} is gone"
            if file.stat().st_size != size:
                return f"{name} holds {file.stat().st_size} bytes, not {size}"
            if hashes and sha256_of(file) != sha256:
                return f"{name} has other bytes than were written"
        return ""

    def free_mb(self) -> float:
        """Return how much the results' disk still takes, MB."""
        return shutil.disk_usage(self.results).free / 1e6
