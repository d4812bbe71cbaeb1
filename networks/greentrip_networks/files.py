"""Files that must last: flushed to disk, known by a hash of their bytes."""

import hashlib
import os
from pathlib import Path

DAY = "day.arrays"  # the last day of a run that is under way, in its folder of days


def sync(path: Path) -> None:
    """Flush a file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
