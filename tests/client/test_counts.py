"""Counts from CSV: every way in which a file can be wrong is named."""

from pathlib import Path

import pytest
from greentrip.counts import read_counts


def test_counts_are_read_in_any_order_of_columns(tmp_path: Path) -> None:
    file = tmp_path / "counts.csv"
    file.write_text("period, count ,note,link,direction\nam,120.5,x,id:7,n2\npm,3,,12,\n", encoding="utf-8-sig")
    first, second = read_counts(file)
    assert (first.link, first.direction, first.period, first.vehicles_h) == ("id:7", "n2", "am", 120.5)
    assert (second.link, second.direction) == ("12", "")


@pytest.mark.parametrize(
    ("text", "place"),
    [("link,count\n1,2\n", "row 1"), ("", "row 1"), ("link,period,count\n1,am,5\n1,am,many\n", "row 3, column count")],
)
def test_wrong_files_are_named(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "counts.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=place):
        read_counts(file)
