"""A stored table as the bytes of an Arrow IPC stream, the same every time, a batch of rows in memory at once."""

from collections.abc import Iterator
from pathlib import Path

from greentrip_server.answer import CHUNK

ROWS = 1 << 16  # a batch
_SUFFIX = ".parquet"


def table_names(folder: Path) -> list[str]:
    """Return the names of a run's tables."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}"))


def table_pieces(folder: Path, table: str, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield a table's bytes from an offset on, each piece with its place; beyond the end one empty piece.

    Parameters
    ----------
    folder
        A finished run's folder.
    table
        One of `table_names(folder)`.
    offset
        Bytes to leave out at the start.

    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(folder / f"{table}{_SUFFIX}", memory_map=True) as file:
        sink = _Sink()
        told, at = False, 0
        with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), file.schema_arrow) as out:
            for batch in file.iter_batches(batch_size=ROWS):
                out.write_batch(batch)
                for piece in sink.take(whole=False):
                    if at + len(piece) > offset:
                        skip = max(0, offset - at)
                        yield at + skip, piece[skip:]
                        told = True
                    at += len(piece)
        for piece in sink.take(whole=True):
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
