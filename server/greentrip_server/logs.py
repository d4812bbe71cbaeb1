"""The server's log: one JSON object a line in the data directory, kept small, never the reason that something fails."""

import contextlib
import io
from pathlib import Path
from typing import Any

import structlog

LARGEST = 10_000_000  # bytes of a log file before the next one is begun
KEPT = 3
SECRET = ("authorization", "token", "secret", "password", "key", "database")


class LogFile(io.StringIO):
    """A text file that gives way to a new one when it is large, and drops what a full disk does not take."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._out: Any = None
        self.dropped = 0

    def write(self, written: str) -> int:
        """Write, or count what could not be."""
        try:
            if self._out is None:
                self._out = self._path.open("a", encoding="utf-8")
            self._out.write(written)
            self._out.flush()
            if self._out.tell() > LARGEST:
                self._turn()
        except (OSError, ValueError):
            self.dropped += 1
            self.close()
        return len(written)

    def flush(self) -> None:
        """Do nothing: every line is flushed."""

    def close(self) -> None:
        """Close the file; the next line opens it anew."""
        with contextlib.suppress(OSError, ValueError):
            if self._out is not None:
                self._out.close()
        self._out = None

    def _turn(self) -> None:
        """Begin a new file and keep the last few."""
        self.close()
        for i in reversed(range(KEPT)):
            older = self._path.with_name(f"{self._path.name}.{i}" if i else self._path.name)
            if older.exists():
                older.replace(self._path.with_name(f"{self._path.name}.{i + 1}"))


def log_to(file: LogFile) -> None:
    """Send every structured event of this process to a file."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            without_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=file),
    )


def without_secrets(_: Any, __: str, event: Any) -> Any:
    """Replace what must not be logged, by its name."""
    return {name: "(secret)" if name.lower() in SECRET else value for name, value in event.items()}
