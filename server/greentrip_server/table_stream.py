"""A table as the bytes of an Arrow IPC stream or of CSV, the same every time, a batch of rows in memory at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from greentrip_server.answer import CHUNK
from greentrip_server.errors import FieldError

ROWS = 1 << 16  # a batch
ARROW, CSV = OUTPUTS = ("arrow", "csv")
_SUFFIX = ".parquet"


def table_names(folder: Path) -> list[str]:
    """Return the names of a run's tables."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}"))


def table_pieces(folder: Path, table: str, offset: int = 0, output: str = "") -> Iterator[tuple[int, bytes]]:
    """Yield a kept table's bytes from an offset on, each piece with its place; beyond the end one empty piece.

    Parameters
    ----------
    folder
        A finished run's folder.
    table
        One of `table_names(folder)`.
    offset
        Bytes to leave out at the start.
    output
        One of OUTPUTS; nothing means Arrow.

    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(folder / f"{table}{_SUFFIX}", memory_map=True) as file:
        yield from _pieces(file.iter_batches(batch_size=ROWS), file.schema_arrow, table, offset, output)


def made_pieces(frame: Any, table: str, offset: int = 0, output: str = "") -> Iterator[tuple[int, bytes]]:
    """Yield the bytes of a table made when asked for (a polars frame), as `table_pieces` does those of a kept one."""
    made = frame.to_arrow()
    yield from _pieces(made.to_batches(max_chunksize=ROWS), made.schema, table, offset, output)


def _pieces(batches: Any, schema: Any, table: str, offset: int, output: str) -> Iterator[tuple[int, bytes]]:
    """Yield the bytes of some batches from an offset on."""
    import pyarrow as pa
    import pyarrow.csv as pc

    if output not in ("", *OUTPUTS):
        raise FieldError("output", f"saw {output[:20]!r}; expected {' or '.join(OUTPUTS)}")
    if output == CSV and any(pa.types.is_nested(field.type) for field in schema):
        raise FieldError("output", f"{table} has lists, which CSV has no place for; ask for arrow")

    def written() -> Iterator[bytes]:
        sink = _Sink()
        target = pa.PythonFile(sink, mode="w")
        with pc.CSVWriter(target, schema) if output == CSV else pa.ipc.new_stream(target, schema) as out:
            for batch in batches:
                out.write_batch(batch)
                yield from sink.take(whole=False)
        yield from sink.take(whole=True)

    told, at = False, 0
    for piece in written():
        if at + len(piece) > offset:
            skip = max(0, offset - at)
            yield at + skip, piece[skip:]
            told = True
        at += len(piece)
    if not told:
        yield offset, b""


class _Sink:
    """Where Arrow writes; what it has written is taken in pieces."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.closed = False

    def write(self, content: bytes) -> int:
        """Hold some bytes."""
        self._held += content
        return len(content)

    def flush(self) -> None:
        """Do nothing: what is written is held."""

    def close(self) -> None:
        """Do nothing: what is held is still to be taken."""

    def take(self, *, whole: bool) -> Iterator[bytes]:
        """Yield full pieces, and with whole the rest."""
        while len(self._held) >= CHUNK or (whole and self._held):
            piece = bytes(self._held[:CHUNK])
            del self._held[:CHUNK]
            yield piece
