"""Text of unknown encoding: byte-order marks, GBK and UTF-16 recognised, lines bounded, faults named by line."""

import codecs
from collections.abc import Iterator

from greentrip_networks.formats.sources import Limits, Source
from greentrip_networks.problems import Problems, bad_input

CHUNK = 4 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_utf8(source: Source, name: str, problems: Problems, encoding: str = "") -> bytes:
    """Return a text file as UTF-8 bytes without byte-order mark; one bounded copy in memory.

    A file that is not UTF-8 but GBK (GB 18030) is converted with a warning. Raises BadInputError if it is neither, if
    it holds NUL bytes, or if a line is longer than the limits.
    """
    data = source.read(name)
    mark = next(((m, e) for m, e in _MARKS if data.startswith(m)), None)
    if mark:
        data = data[len(mark[0]) :]
    known = encoding or (mark[1] if mark else "")
    if known in ("", "utf-8", "utf8"):
        wrong = _not_utf8(data)
        if wrong is None:
            known = "utf-8"
        elif known:
            raise _undecodable(source, name, data, wrong, "UTF-8")
        else:
            known = "gb18030"
    if known != "utf-8":
        data = _convert(source, name, data, known, problems, told=bool(encoding or mark))
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise bad_input("text", source.name, "nul-byte", "text without NUL bytes", file=name, line=line)
    _check_lines(source, name, data, source.limits)
    return data


def read_lines(source: Source, name: str, problems: Problems, encoding: str = "") -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a text file; see `read_utf8`."""
    for number, line in enumerate(read_utf8(source, name, problems, encoding).splitlines(), 1):
        yield number, line.decode("utf-8")


def _not_utf8(data: bytes) -> int | None:
    """Return where the first byte is that is not UTF-8, None if all is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    for start in range(0, len(data), CHUNK):
        try:
            decoder.decode(view[start : start + CHUNK], final=start + CHUNK >= len(data))
        except UnicodeDecodeError as error:
            return max(start + error.start, 0)
    return None


def _convert(source: Source, name: str, data: bytes, encoding: str, problems: Problems, *, told: bool) -> bytes:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        at = _not_utf8(data) if encoding == "gb18030" and not told else None
        what = "UTF-8 or GBK" if at is not None else encoding
        raise _undecodable(source, name, data, error.start if at is None else at, what) from None
    except LookupError:
        raise bad_input(
            "text", source.name, "unknown-encoding", "the name of an encoding", saw=encoding, file=name
        ) from None
    if not told:
        problems.warn(
            "encoding", "UTF-8", saw="GBK", remedy="read as GBK; save it as UTF-8 if names look wrong", file=name
        )
    return text.encode("utf-8", "replace")


def _undecodable(source: Source, name: str, data: bytes, at: int, expected: str) -> Exception:
    line = data[:at].count(b"\n") + 1
    return bad_input(
        "text",
        source.name,
        "encoding",
        f"text in {expected}",
        saw=bytes(data[at : at + 8]),
        remedy="name its encoding with --encoding, or save it as UTF-8",
        file=name,
        line=line,
    )


def _check_lines(source: Source, name: str, data: bytes, limits: Limits) -> None:
    """Raise BadInputError if a line is longer than the limit."""
    start, most = 0, limits.line_bytes
    while len(data) - start > most:
        end = data.rfind(b"\n", start, start + most + 1)
        if end < 0:
            line = data[:start].count(b"\n") + 1
            raise bad_input("text", source.name, "long-line", f"lines of at most {most:,} bytes", file=name, line=line)
        start = end + 1
