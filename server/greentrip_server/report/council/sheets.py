"""Write a report's figures as CSV files and as one workbook."""

import csv
import io
from datetime import datetime

import xlsxwriter

from greentrip_server.report.council.document import Document, Table

_STAMP = datetime(2000, 1, 1)


def csv_files(told: Document) -> dict[str, bytes]:
    """Return one CSV file a table, UTF-8 with a byte order mark so that spreadsheets read the Chinese."""
    made = {}
    for table in told.tables():
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(_heads(table))
        writer.writerows(["" if cell is None else cell for cell in row] for row in table.rows)
        made[f"figures/{table.name}.csv"] = out.getvalue().encode("utf-8-sig")
    return made


def workbook(told: Document) -> bytes:
    """Return an XLSX workbook with one sheet a table."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": told.title.en, "author": "Greentrip", "created": _STAMP})
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    lines = book.add_format({"text_wrap": True, "valign": "top"})
    for table in told.tables():
        sheet = book.add_worksheet(table.name[:31])
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(table.columns) - 1, 18)
        for i, head in enumerate(_heads(table)):
            sheet.write_string(0, i, head, bold)
        for r, row in enumerate(table.rows):
            for c, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(r + 1, c, cell, lines if "\n" in cell else None)
                elif cell is not None:
                    sheet.write_number(r + 1, c, cell)
    book.close()
    return out.getvalue()


def _heads(table: Table) -> list[str]:
    return [f"{c.en} {c.zh}" if c.zh != c.en else c.en for c in table.columns]
