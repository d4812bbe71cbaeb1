"""Files that a client streams to the service, kept in a temporary folder under names of our own."""

import re
from pathlib import Path

from greentrip.v1 import network_pb2
from greentrip_networks.errors import LimitError

from greentrip_server.errors import FieldError

MOST_BYTES = 8 << 30  # of one upload
MOST_FILES = 100
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}")
_SUFFIX = re.compile(r"(\.[a-z0-9]{1,8}){0,2}$")


class Upload:
    """An upload while it comes in: settings, then files; on disk a file is called by its number and suffix only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bytes = 0
        self._settings: network_pb2.ImportSettings | None = None
        self.paths: list[Path] = []
        self.names: list[str] = []

    @property
    def settings(self) -> network_pb2.ImportSettings:
        """The settings; raise FieldError if none came."""
        if self._settings is None:
            raise FieldError("settings", "saw none; expected the settings in the first message")
        return self._settings

    def take(self, request: network_pb2.ImportNetworkRequest) -> None:
        """Take one message; raise FieldError if it comes out of turn, LimitError if it is too much."""
        part = request.WhichOneof("part")
        if part == "settings":
            if self._settings is not None:
                raise FieldError("settings", "saw them twice; expected them in the first message only")
            self._settings = network_pb2.ImportSettings()
            self._settings.CopyFrom(request.settings)
        elif part == "file":
            self._begin(request.file.name)
        elif part == "content":
            self._append(request.content)
        else:
            raise FieldError("part", "saw an empty message; expected settings, file or content")

    def end(self) -> None:
        """Raise FieldError unless settings and a file came."""
        _ = self.settings
        if not self.paths:
            raise FieldError("file", "saw none; expected at least one file")

    def _begin(self, name: str) -> None:
        _ = self.settings
        if not _NAME.fullmatch(name) or name in (".", ".."):
            raise FieldError("file.name", f"saw {name!r:.80}; expected the name of a file, without folders")
        if len(self.paths) >= MOST_FILES:
            raise LimitError("files of an upload", len(self.paths) + 1, MOST_FILES, "files")
        suffix = _SUFFIX.search(name.lower())
        path = self._folder / f"{len(self.paths)}{suffix.group() if suffix else ''}"
        path.touch()
        self.paths.append(path)
        self.names.append(name)

    def _append(self, content: bytes) -> None:
        if not self.paths:
            raise FieldError("content", "saw bytes; expected the name of their file first")
        self._bytes += len(content)
        if self._bytes > MOST_BYTES:
            raise LimitError("size of an upload", self._bytes, MOST_BYTES, "bytes")
        with self.paths[-1].open("ab") as out:
            out.write(content)
