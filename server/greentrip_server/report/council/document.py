"""What a report is made of, whatever it is written as: sections of paragraphs, tables and drawings in two languages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

Cell = str | float | int | None


@dataclass(frozen=True)
class Words:
    """The same in English and Chinese."""

    en: str
    zh: str


@dataclass(frozen=True)
class Paragraph:
    """A sentence or a few; `strong` ones are what a reader must not miss."""

    words: Words
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Columns and rows; `name` becomes the file and sheet of its figures.

    A key, the last column, stands only there. `as_read` is what readers get in place of a table that is made for files;
    a cell may have several lines.
    """

    name: str
    title: Words
    columns: tuple[Words, ...]
    rows: tuple[tuple[Cell, ...], ...]
    digits: int = 2
    keyed: bool = False
    as_read: "Table | None" = None

    def as_filled(self) -> "Table":
        """Return the table for readers without the columns that no row fills; its files keep them."""
        kept = [i for i in range(len(self.columns)) if any(row[i] is not None for row in self.rows)]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return replace(self, as_read=replace(self, columns=tuple(self.columns[i] for i in kept), rows=rows))

    def printed(self) -> "Table":
        """Return the table as it is printed."""
        if self.as_read is not None:
            return self.as_read
        if not self.keyed:
            return self
        return replace(self, columns=self.columns[:-1], rows=tuple(row[:-1] for row in self.rows), keyed=False)


@dataclass(frozen=True)
class Drawing:
    """A chart or map as SVG."""

    title: Words
    svg: str


@dataclass(frozen=True)
class Listing:
    """Lines of text shown as they are: assumptions in two languages, sources, commands."""

    title: Words
    lines: tuple[str, ...]
    code: bool = False


Block = Paragraph | Table | Drawing | Listing


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: Words
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A report."""

    title: Words
    subtitle: Words
    sections: tuple[Section, ...]

    def tables(self) -> Iterator[Table]:
        """Go through every table."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Table):
                    yield block


def text(cell: Cell, digits: int) -> str:
    """Return a cell as a reader sees it."""
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    return (f"{cell:,}" if isinstance(cell, int) else f"{cell:,.{digits}f}").replace("-", "−")


def is_figure(rows: Sequence[Sequence[Cell]], column: int) -> bool:
    """Return whether a column holds numbers only."""
    return all(not isinstance(row[column], str) for row in rows)
