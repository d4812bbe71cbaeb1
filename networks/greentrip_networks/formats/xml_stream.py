"""Read XML that nobody vouches for as a stream of elements: entities refused, depth and sizes bounded, lines known.

Expat is used directly: a document type is allowed (MATSim's files name one) but nothing it points to is fetched, and a
declared entity ends the reading, so neither a billion laughs nor a file of the machine can come in.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from xml.parsers import expat

import polars as pl

from greentrip_networks.formats.csv_tables import LINE
from greentrip_networks.formats.sources import Source
from greentrip_networks.problems import bad_input

DEPTH = 64  # elements inside each other; the formats read here need fewer than ten
CHUNK = 1 << 18
TEXT = 1 << 20  # characters of one element's text

Start = Callable[[str, dict[str, str], int], None]  # tag, attributes, line
End = Callable[[str, str], None]  # tag, text


def parse_xml(source: Source, name: str, start: Start, end: End | None = None) -> None:
    """Call `start` for every element and `end` where it closes; raise BadInputError for what is no safe XML."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0
    held: list[str] = []
    size = 0

    def refuse(code: str, expected: str, saw: object = None, remedy: str = "") -> Exception:
        line = parser.CurrentLineNumber
        return bad_input("xml", source.name, code, expected, file=name, line=line, saw=saw, remedy=remedy)

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, size
        depth += 1
        if depth > DEPTH:
            raise refuse("too-deep", f"at most {DEPTH} elements inside each other")
        held.clear()
        size = 0
        start(tag, attributes, parser.CurrentLineNumber)

    def on_end(tag: str) -> None:
        nonlocal depth, size
        depth -= 1
        if end is not None:
            end(tag, "".join(held).strip())
        held.clear()
        size = 0

    def on_text(text: str) -> None:
        nonlocal size
        size += len(text)
        if size > TEXT:
            raise refuse("long-text", f"at most {TEXT:,} characters in an element")
        held.append(text)

    def on_entity(entity: str, *_: object) -> None:
        raise refuse("xml-entity", "XML that declares no entities", entity, "write it without a DOCTYPE of its own")

    parser.StartElementHandler = on_start
    parser.EndElementHandler = on_end
    if end is not None:
        parser.CharacterDataHandler = on_text
    parser.EntityDeclHandler = on_entity
    fed = 0
    try:
        with source.open(name) as stream:
            while block := stream.read(CHUNK):
                parser.Parse(block, False)
                fed += len(block)
                if fed - parser.CurrentByteIndex > source.limits.line_bytes * 2:
                    raise refuse("long-token", f"tags of at most {source.limits.line_bytes:,} bytes")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise refuse("bad-xml", "well-formed XML", expat.errors.messages.get(error.code, error.code)) from None
    except (ValueError, LookupError, UnicodeDecodeError) as error:
        raise refuse("encoding", "a known encoding, such as UTF-8", error) from None


def root_of(source: Source, name: str) -> str:
    """Return the name of a file's first element, "" if it seems to be no XML; only the first kilobytes are read."""
    head = source.head(name, 16384)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "replace").encode()
    found: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, _: found.append(tag) if not found else None
    with suppress(Exception):  # whatever is wrong is said when the file is read
        parser.Parse(head, False)
    return found[0] if found else ""


class Rows:
    """Columns of text gathered from elements' attributes, to be typed by `csv_tables.typed_frame`."""

    def __init__(self, *names: str) -> None:
        self.columns: dict[str, list[str]] = {n: [] for n in names}
        self.lines: list[int] = []

    def add(self, attributes: Mapping[str, str], line: int) -> None:
        """Add a row; attributes that are not asked for are left out, those that are not there are empty."""
        for name, column in self.columns.items():
            column.append(attributes.get(name, "").strip())
        self.lines.append(line)

    def set(self, name: str, value: str) -> None:
        """Change a cell of the last row."""
        self.columns[name][-1] = value

    def frame(self) -> pl.DataFrame:
        """Return the columns and `LINE`."""
        schema = {**dict.fromkeys(self.columns, pl.String), LINE: pl.UInt32}
        return pl.DataFrame({**self.columns, LINE: self.lines}, schema=schema)
