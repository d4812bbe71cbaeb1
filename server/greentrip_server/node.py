"""What a node of a cluster does with a run: fetch its network once, simulate as a worker does, hand back the tables."""

import fcntl
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from greentrip_networks.files import DAY

NUMERIC = ("numpy", "numba", "scipy", "polars")  # other versions of these may compute or write other bytes
Shipped = Mapping[str, Any]  # name and content of an imported network, and `files`: a call that brings them
Say = Callable[[dict[str, Any], bytes | None], None]


class NodeError(RuntimeError):
    """A node that cannot compute what this server would."""


def facts() -> dict[str, str]:
    """Return what must be the same on every node for the same bytes to come out."""
    from greentrip_server.code import code_version

    versions = {name: version(name) for name in NUMERIC}
    return {"greentrip": code_version(), "machine": platform.machine()} | versions


def compute(
    order: Mapping[str, Any], shipped: Shipped | None, day: bytes | None, say: Say, keep_s: float
) -> tuple[str, dict[str, Any], dict[str, bytes]]:
    """Do one run.

    Parameters
    ----------
    order
        What a worker process is sent, with `threads` and `facts`, those of the server.
    shipped
        The imported network that the run is of; None for a bundled one, which goes with the code.
    day
        The last day that another node sent home; None starts from the first.
    say
        Called with progress, and with the bytes of the last day when `keep_s` seconds have passed since the one before.
    keep_s
        Seconds between days that are sent home.

    Returns
    -------
        ("done" | "failed" | "blocked", data) as a worker process sends it, and a run's files by name.

    Raises
    ------
    NodeError
        When this node has other code or libraries than the server.

    """
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[name] = str(order["threads"]) if name.startswith("NUMBA") else "1"  # before the engine is imported
    check(order["facts"])
    from greentrip_server.worker import outcome

    base = _own_folder()
    results, fetched = fetch(base, shipped) if shipped is not None else (base, False)
    with _work_folder(base) as folder:
        local = {**order, "aside": str(folder / "run"), "checkpoint": str(folder / "days")}
        kept = folder / "days" / DAY
        if day is not None:
            kept.parent.mkdir()
            kept.write_bytes(day)
        sent = time.monotonic()

        def tell(message: tuple[str, dict[str, Any]]) -> None:
            nonlocal sent
            if time.monotonic() - sent >= keep_s and kept.is_file():
                sent = time.monotonic()
                say(message[1], kept.read_bytes())
            else:
                say(message[1], None)

        cities = _cities()
        cities.look_in(results)
        kind, data = outcome(local, cities, tell)
        found = {p.name: p.read_bytes() for p in sorted((folder / "run").glob("*"))} if kind == "done" else {}
    return kind, {**data, "fetched": fetched, "resumed": day is not None}, found


def check(expected: Mapping[str, str]) -> None:
    """Raise NodeError when this node has other code or libraries than the server."""
    seen = facts()
    other = [f"{name} {seen[name]}, not {expected[name]}" for name in expected if seen[name] != expected[name]]
    if other:
        raise NodeError(f"node {platform.node()} has {', '.join(other)}; install the same greentrip on every node")


def fetch(base: Path, shipped: Shipped) -> tuple[Path, bool]:
    """Return a folder that holds an imported network, and whether it had to be brought: once a node."""
    from greentrip_server.cities import FOLDER

    results: Path = base / "inputs" / shipped["content"]
    target = results / FOLDER / shipped["name"]
    target.parent.mkdir(parents=True, exist_ok=True)
    with (results / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return results, False
        aside = target.with_name(f".{target.name}.part")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for name, content in shipped["files"]().items():
            (aside / Path(name).name).write_bytes(content)
        aside.rename(target)
    return results, True


@cache
def _cities() -> Any:
    """Return the networks of this process, kept between runs."""
    from greentrip_server.cities import Cities

    return Cities()


def _own_folder() -> Path:
    """Return this user's folder on this node."""
    base = Path(tempfile.gettempdir()) / f"greentrip-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    if base.lstat().st_uid != os.getuid() or base.is_symlink():
        raise NodeError(f"{base} on node {platform.node()} belongs to somebody else; remove it, or set TMPDIR there")
    return base


@contextmanager
def _work_folder(base: Path) -> Iterator[Path]:
    """Give a folder for one run, and remove those of runs whose process was killed."""
    runs = base / "runs"
    runs.mkdir(exist_ok=True)
    with (runs / ".lock").open("a") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        for old in runs.glob("run-*"):
            with (old / "lock").open("a") as held:
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=runs))
        mine = (folder / "lock").open("a")
        fcntl.flock(mine, fcntl.LOCK_EX)
    try:
        with mine:
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
