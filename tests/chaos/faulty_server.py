"""The server as it is, with a fault at one of its write boundaries: where it or a worker makes something durable.

A boundary is named `role module.function operation before|after`: the function of Greentrip that syncs, renames,
removes, writes a table or commits. So a new place is found by recording, and nothing of this is in the server itself.
Workers are spawned from this module too, so theirs are named alike.

CHAOS_FAULT names a JSON file {"at", "do", "marker", "filler"}, read at each boundary; CHAOS_RECORD a file that takes
the names of boundaries passed; CHAOS_CLOCK a file with seconds to add to the clock.
"""

import contextlib
import errno
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

ROLE = "worker" if __name__ == "__mp_main__" else "server"  # multiprocessing imports its main module by that name
_real_time = time.time
_clock = os.environ.get("CHAOS_CLOCK", "")


def _shifted_time() -> float:
    try:
        return _real_time() + float(Path(_clock).read_text())
    except (OSError, ValueError):
        return _real_time()


def _place() -> str:
    """Return the function of Greentrip nearest to the operation."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("numba"):
            return ""  # a kernel that is compiled and kept: no result depends on it
        if module.startswith("greentrip_") and module != "greentrip_networks.files":  # which syncs for others
            return f"{module.partition('.')[2]}.{frame.f_code.co_name}"
        frame = frame.f_back
    return ""


def passed(operation: str, when: str, connection: object = None) -> None:
    """Record a boundary and meet its fault, once."""
    place = _place()
    if not place:
        return
    name = f"{ROLE} {place} {operation} {when}"
    if record := os.environ.get("CHAOS_RECORD"):
        with Path(record).open("a") as out:
            out.write(name + "\n")
    try:
        fault = json.loads(Path(os.environ["CHAOS_FAULT"]).read_text())
    except (KeyError, OSError, ValueError):
        return
    if fault["at"] != name:
        return
    try:
        os.close(os.open(fault["marker"], os.O_CREAT | os.O_EXCL))
    except OSError:
        return
    if fault["do"] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault["do"] == "fill":
        with contextlib.suppress(OSError), Path(fault["filler"]).open("wb", buffering=0) as out:
            while True:
                out.write(bytes(4096))
    elif fault["do"] == "raise":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    elif fault["do"] == "cut" and connection is not None:
        os.kill(connection.connection.driver_connection.info.backend_pid, signal.SIGTERM)  # type: ignore[attr-defined]
        time.sleep(0.05)


def _around(owner: object, name: str, operation: str) -> None:
    """Put boundaries before and after a function."""
    real = getattr(owner, name)

    def wrapped(*arguments: object, **named: object) -> object:
        passed(operation, "before")
        answer = real(*arguments, **named)
        passed(operation, "after")
        return answer

    setattr(owner, name, wrapped)


def install() -> None:
    """Put boundaries around everything that makes something durable in this process."""
    if _clock:
        time.time = _shifted_time
    _around(os, "fsync", "fsync")
    _around(os, "replace", "rename")
    _around(os, "rename", "rename")
    _around(shutil, "rmtree", "remove")
    import numpy as np
    import polars as pl

    _around(pl.DataFrame, "write_parquet", "write table")
    _around(np, "savez", "write arrays")
    if ROLE == "server":
        from sqlalchemy import event
        from sqlalchemy.orm import Session

        event.listen(Session, "before_commit", lambda s: passed("commit", "before", s.connection()))
        event.listen(Session, "after_commit", lambda _: passed("commit", "after"))


install()

if __name__ == "__main__":
    from greentrip_server.__main__ import main

    sys.exit(main())
