"""Open files, folders and archives that nobody vouches for: sizes bounded, paths held inside, links not followed."""

import gzip
import io
import shutil
import stat
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, BinaryIO, Self

from greentrip_networks.problems import bad_input

GIB = 1 << 30
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)  # archives'


@dataclass(frozen=True)
class Limits:
    """How much is read before a file is refused."""

    file_bytes: int = 8 * GIB  # one file, unpacked
    total_bytes: int = 16 * GIB  # all files of an archive, unpacked
    files: int = 10_000
    ratio: float = 250.0  # unpacked over packed, for files beyond ratio_from
    ratio_from: int = 64 << 20
    line_bytes: int = 4 << 20  # one line of text


class Source:
    """What one path holds: a file, a folder or an archive, as files by name. Close it, or use it in `with`.

    `name` is what messages call it. `files` lists names in `/` form with their size (-1 if not known before reading);
    a single file has one entry, its own name without `.gz`. An archive with everything in one folder shows the files
    without that folder.
    """

    def __init__(self, path: Path, limits: Limits, name: str = "") -> None:
        self.path, self.limits, self.name = path, limits, name or path.name
        self.files: dict[str, int] = {}
        self._zip: zipfile.ZipFile | None = None
        self._entry: dict[str, zipfile.ZipInfo] = {}
        self._gzip = False
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        try:
            self._list()
        except _DAMAGE as error:
            self.close()
            raise bad_input(
                "file", self.name, "unreadable", "a whole file or archive", saw=error, file=self.name
            ) from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close what is open."""
        self.close()

    def close(self) -> None:
        """Close the archive and remove what was unpacked."""
        if self._zip is not None:
            self._zip.close()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def find(self, name: str) -> str | None:
        """Return the file of this name (any case, in any folder if only one matches), None if there is none."""
        if name in self.files:
            return name
        low = name.casefold()
        near = [f for f in self.files if f.casefold() == low or PurePosixPath(f).name.casefold() == low]
        return near[0] if len(near) == 1 else None

    def having(self, suffix: str) -> list[str]:
        """Return the files whose name ends so (any case), in order."""
        return [f for f in self.files if f.casefold().endswith(suffix.casefold())]

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading; reading more than the limits raises BadInputError."""
        try:
            return self._open(name)
        except _DAMAGE as error:
            raise bad_input("file", self.name, "damaged", "a whole file", saw=error, file=name) from None

    def _open(self, name: str) -> BinaryIO:
        packed = None
        if self._zip is not None:
            entry = self._entry[name]
            try:
                stream: IO[bytes] = self._zip.open(entry)
            except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
                raise bad_input("file", self.name, "damaged", "a whole archive", saw=error, file=name) from None
            packed = entry.compress_size
        elif self._gzip:
            stream = gzip.GzipFile(self.path)  # type: ignore[assignment]
            packed = self.path.stat().st_size
        else:
            stream = self._place(name).open("rb")
        return io.BufferedReader(_Bounded(stream, f"{self.name}/{name}", self.limits, packed), 1 << 16)

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        with self.open(name) as stream:
            return stream.read()

    def head(self, name: str, size: int = 4096) -> bytes:
        """Return a file's first bytes, for recognising it; empty if it cannot be read."""
        try:
            with self.open(name) as stream:
                return stream.read(size)
        except Exception:  # noqa: BLE001 - whatever is wrong is said when the file is read
            return b""

    def on_disk(self, name: str) -> Path:
        """Return a path that holds the file's bytes, unpacked to a temporary folder if need be, for libraries."""
        if self._zip is None and not self._gzip:
            return self._place(name)
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="greentrip-")
        target = Path(self._temporary.name, *PurePosixPath(name).parts)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with self.open(name) as stream, target.open("wb") as out:
                shutil.copyfileobj(stream, out, 1 << 20)
        return target

    def _place(self, name: str) -> Path:
        return self.path / name if self.path.is_dir() else self.path

    def _list(self) -> None:
        """Fill `files`, refusing what could write outside, never end, or does not fit."""
        if not self.path.exists():
            raise bad_input("file", self.name, "no-file", "a file or folder that exists", file=self.name)
        if self.path.is_dir():
            for place in sorted(self.path.rglob("*")):
                if place.is_file() and not place.is_symlink():
                    self.files[place.relative_to(self.path).as_posix()] = place.stat().st_size
                self._count()
            return
        with self.path.open("rb") as stream:
            start = stream.read(4)
        if start[:2] == b"\x1f\x8b":
            self._gzip = True
            self.files[self.name.removesuffix(".gz")] = -1
        elif start in (b"PK\x03\x04", b"PK\x05\x06"):
            self._zip = zipfile.ZipFile(self.path)
            self._list_zip(self._zip)
        else:
            self.files[self.name] = self.path.stat().st_size
        self._check_sizes()

    def _list_zip(self, archive: zipfile.ZipFile) -> None:
        entries: dict[str, zipfile.ZipInfo] = {}
        for entry in archive.infolist():
            name = entry.filename.replace("\\", "/")
            parts = PurePosixPath(name).parts
            if name.startswith("/") or ".." in parts or (parts and ":" in parts[0]):
                self._refuse("path-outside", "file names that stay inside the archive", entry.filename)
            if not parts and not name.endswith("/"):
                self._refuse("no-name", "a name for every file in the archive", entry.filename)
            if stat.S_ISLNK(entry.external_attr >> 16):
                self._refuse("link", "files, no links", entry.filename)
            if entry.flag_bits & 1:
                self._refuse("encrypted", "files without a password", entry.filename)
            if name.endswith("/") or "__MACOSX" in parts or parts[-1:] == (".DS_Store",):
                continue
            if name in entries:
                self._refuse("duplicate-file", "each file once", entry.filename)
            entries[name] = entry
            if len(entries) > self.limits.files:
                self._refuse("too-many-files", f"at most {self.limits.files:,} files", len(archive.infolist()))
        tops = {PurePosixPath(n).parts[0] for n in entries}
        inside = len(tops) == 1 and all("/" in n for n in entries)
        for name, entry in entries.items():
            short = name.split("/", 1)[1] if inside else name
            self._entry[short] = entry
            self.files[short] = entry.file_size
            if entry.file_size > self.limits.ratio_from and entry.file_size > self.limits.ratio * max(
                entry.compress_size, 1
            ):
                self._refuse("zip-bomb", f"files packed at most {self.limits.ratio:g} to 1", name)

    def _count(self) -> None:
        if len(self.files) > self.limits.files:
            self._refuse("too-many-files", f"at most {self.limits.files:,} files", f"more in {self.name}")

    def _check_sizes(self) -> None:
        for name, size in self.files.items():
            if size > self.limits.file_bytes:
                self._refuse("too-large", f"at most {self.limits.file_bytes:,} bytes", f"{name}: {size:,} bytes")
        if sum(max(s, 0) for s in self.files.values()) > self.limits.total_bytes:
            self._refuse("too-large", f"at most {self.limits.total_bytes:,} bytes together", self.name)

    def _refuse(self, code: str, expected: str, saw: object) -> None:
        raise bad_input("file", self.name, code, expected, saw=saw, file=self.name)


class _Bounded(io.RawIOBase):
    """A stream that counts what it gives and refuses more than the limits, whatever the archive declares."""

    def __init__(self, stream: IO[bytes], name: str, limits: Limits, packed: int | None) -> None:
        self._stream, self._name, self._limits, self._given = stream, name, limits, 0
        self._most = limits.file_bytes
        if packed is not None:
            self._most = min(self._most, int(max(limits.ratio * packed, limits.ratio_from)))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        try:
            data = self._stream.read(len(buffer))
        except _DAMAGE as error:
            raise bad_input("file", self._name, "damaged", "a whole file", saw=error, file=self._name) from None
        self._given += len(data)
        if self._given > self._most:
            raise bad_input("file", self._name, "zip-bomb", f"at most {self._most:,} bytes", file=self._name)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def open_source(path: Path, limits: Limits | None = None, name: str = "") -> Source:
    """Open a file, folder, zip archive or gzip file; raise BadInputError if it is not safe or not there.

    Messages call it `name`, or by its own name.
    """
    return Source(path, limits or Limits(), name)
