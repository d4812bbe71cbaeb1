"""Write a report as PDF with typst and a font that a package brings; the same report gives the same bytes."""

import json
import re
import tempfile
from importlib.util import find_spec
from pathlib import Path

import typst
from greentrip_networks.errors import GreentripError

from greentrip_server.report.council.document import (
    Block,
    Cell,
    Document,
    Drawing,
    Listing,
    Paragraph,
    Table,
    Words,
    is_figure,
    text,
)

_HEAD = """
#set document(title: TITLE, author: "Greentrip", date: none)
#set page(paper: "a4", margin: (x: 2cm, y: 2.2cm), numbering: "1 / 1")
#set text(font: "Noto Sans CJK SC", size: 9.5pt, lang: "en")
#set par(leading: 0.62em)
#show heading.where(level: 1): it => block(above: 1.4em, below: 0.7em, sticky: true, text(13pt, it.body))
#show heading.where(level: 2): it => block(above: 1em, below: 0.5em, sticky: true, text(10pt, it.body))
#let zh(body) = text(fill: rgb("#52606b"), lang: "zh", body)
#let strong-box(body) = block(fill: rgb("#eef4f9"), inset: 8pt, width: 100%, stroke: (left: 3pt + rgb("#1f5a92")), body)
"""
_MOST_ROWS = 60  # of one table in print; the files beside it hold all
_WIDEST = 40  # room that a column of text may ask for; longer cells break into lines
_LONGEST = 64  # of a word that does not break
_BREAK = "\u200b"  # where a line may break without a mark


def pdf(told: Document) -> bytes:
    """Return the PDF."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source = [_HEAD.replace("TITLE", _quoted(told.title.en))]
        source.append(
            f"#text(18pt, weight: 700, {_quoted(told.title.en)})\\\n#zh(text(14pt, {_quoted(told.title.zh)}))\n"
        )
        source.append(_both(told.subtitle) + "\n")
        count = 0
        for i, section in enumerate(told.sections):
            source.append(f"= #{_quoted(f'{i + 1}. {section.title.en}')} #h(0.5em) #zh({_quoted(section.title.zh)})\n")
            for block in section.blocks:
                if isinstance(block, Drawing):
                    count += 1
                    (root / f"{count}.svg").write_text(block.svg, encoding="utf-8")
                    source.append(
                        f"#block(breakable: false)[#text(weight: 700, {_quoted(block.title.en)}) "
                        f'#zh({_quoted(block.title.zh)}) \\\n#image("{count}.svg", width: 100%)]\n'
                    )
                else:
                    source.append(_block(block))
        main = root / "report.typ"
        main.write_text("\n".join(source), encoding="utf-8")
        made = typst.compile(
            str(main), root=folder, font_paths=[str(fonts())], ignore_system_fonts=True, format="pdf", timestamp=0
        )
    return bytes(made)


def fonts() -> Path:
    """Return the folder of the CJK fonts; raise GreentripError when their package is not installed."""
    spec = find_spec("mplfonts")  # found, not imported: importing it would load matplotlib
    for place in spec.submodule_search_locations or () if spec is not None else ():
        folder = Path(place) / "fonts"
        if (folder / "NotoSansCJKsc-Regular.otf").is_file():
            return folder
    raise GreentripError("the package mplfonts, which brings the report's font, is missing; install greentrip[engine]")


def _quoted(words: str) -> str:
    """Return text as typst's string: JSON's, without the control characters that typst does not read."""
    return json.dumps("".join(c for c in words if c >= " " or c == "\n"), ensure_ascii=False)


def _both(words: Words) -> str:
    return f"#{_quoted(words.en)} \\\n#zh({_quoted(words.zh)})\n"


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"#strong-box[{_both(block.words)}]\n" if block.strong else _both(block.words)
    if isinstance(block, Table):
        return _table(block.printed()) if block.printed().rows else ""
    assert isinstance(block, Listing)
    head = f"== #{_quoted(block.title.en)} #zh({_quoted(block.title.zh)})\n"
    if block.code:
        lines = "\n".join(block.lines)
        return head + f'#block(fill: rgb("#f4f6f8"), inset: 6pt, width: 100%, raw({_quoted(lines)}, block: true))\n'
    return head + "".join(f"- #{_quoted(line)}\n" for line in block.lines)


def _room(cells: list[Cell]) -> int:
    """Return the room that a column of text wants: its longest line, 16 to 40, and more for a long word (a hash).

    A Chinese character counts as two.
    """
    lines = [line for cell in cells for line in str(cell).split("\n")]
    wide = max(sum(2 if c >= "\u2e80" else 1 for c in line) for line in lines)
    word = max((len(w) for line in lines for w in re.findall(r"[^\s~=_\u2e80-\uffff]+", line)), default=0)
    return max(16, min(_WIDEST, wide), min(_LONGEST, word))


def _breakable(name: str, *, anywhere: bool) -> str:
    """Return a name that may break after ~, = and _, as swept scenarios' do, and, where asked, within a long word."""
    parts = re.sub(r"([~=_])", rf"\1{_BREAK}", name)
    return re.sub(r"(\w{14})(?=\w)", rf"\1{_BREAK}", parts) if anywhere else parts


def _table(block: Table) -> str:
    figures = [is_figure(block.rows, i) for i in range(len(block.columns))]
    shown = block.rows[:_MOST_ROWS]
    aligned = ", ".join("right" if f else "left" for f in figures)
    head = ", ".join(f"[#strong({_quoted(c.en)}) \\\n #zh({_quoted(c.zh)})]" for c in block.columns)
    cells = "".join(
        "  "
        + ", ".join(f"[#{_quoted(_breakable(text(v, block.digits), anywhere=i == 0))}]" for i, v in enumerate(row))
        + ",\n"
        for row in shown
    )
    left = len(block.rows) - len(shown)
    told = Words(f"{left} more rows: {block.name}.csv", f"另有 {left} 行，见 {block.name}.csv")
    more = f"#{_quoted(told.en)} #zh({_quoted(told.zh)})\n" if left else ""
    widths = ", ".join(
        "auto" if f else f"{_room([block.columns[i].en, *(row[i] for row in shown)])}fr" for i, f in enumerate(figures)
    )
    return (
        f"#block(sticky: true)[#text(weight: 700, {_quoted(block.title.en)}) #zh({_quoted(block.title.zh)})]\n\n"
        f"#text(7.5pt)[#table(columns: ({widths},), align: ({aligned},), inset: 3.5pt, "
        f'stroke: (x: none, y: 0.4pt + rgb("#dde3e8")),\n  table.header({head}),\n{cells})]\n{more}'
    )
