"""Write a report as one HTML page that opens from disk without a network."""

from html import escape
from importlib.resources import files

from greentrip_server.report.council.document import (
    Block,
    Document,
    Drawing,
    Listing,
    Paragraph,
    Table,
    Words,
    is_figure,
    text,
)


def page(told: Document) -> bytes:
    """Return the page."""
    parts = [
        f"<h1>{escape(told.title.en)}<br><small>{escape(told.title.zh)}</small></h1>",
        f"<p>{_both(told.subtitle)}</p>",
    ]
    for i, section in enumerate(told.sections):
        head = f"{i + 1}. {escape(section.title.en)}<small>{escape(section.title.zh)}</small>"
        parts.append(f'<section id="s{i + 1}"><h2>{head}</h2>')
        parts.extend(_block(b) for b in section.blocks)
        parts.append("</section>")
    style = (files(__package__) / "council.css").read_text(encoding="utf-8")
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(told.title.en)}</title><style>{style}</style></head><body>\n"
    )
    return (head + "\n".join(parts) + "\n</body></html>\n").encode()


def _both(words: Words) -> str:
    return f'{escape(words.en)}<br><span class="zh" lang="zh">{escape(words.zh)}</span>'


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"<p{' class=strong' if block.strong else ''}>{_both(block.words)}</p>"
    if isinstance(block, Drawing):
        caption = f"{escape(block.title.en)} <span class=zh>{escape(block.title.zh)}</span>"
        return f"<figure><figcaption>{caption}</figcaption>{block.svg}</figure>"
    if isinstance(block, Table):
        return _table(block.printed()) if block.printed().rows else ""
    return _listing(block)


def _listing(block: Listing) -> str:
    head = f"<h3>{escape(block.title.en)} <span class=zh>{escape(block.title.zh)}</span></h3>"
    if block.code:
        return head + f"<pre>{escape(chr(10).join(block.lines))}</pre>"
    return head + "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in block.lines) + "</ul>"


def _table(block: Table) -> str:
    figures = [is_figure(block.rows, i) for i in range(len(block.columns))]

    def cell(tag: str, i: int, content: str) -> str:
        return f"<{tag}{' class=n' if figures[i] else ''}>{content}</{tag}>"

    head = "".join(
        cell("th", i, f"{escape(c.en)}<br><span class=zh>{escape(c.zh)}</span>") for i, c in enumerate(block.columns)
    )
    rows = "".join(
        "<tr>"
        + "".join(cell("td", i, escape(text(v, block.digits)).replace("\n", "<br>")) for i, v in enumerate(row))
        + "</tr>"
        for row in block.rows
    )
    caption = f"{escape(block.title.en)} <span class=zh>{escape(block.title.zh)}</span>"
    return f"<div class=scroll><table><caption>{caption}</caption><thead><tr>{head}</tr></thead>{rows}</table></div>"
