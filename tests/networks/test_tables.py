"""Tables: good ones come back as they were, bad ones name file, row, column, value and expectation."""

import csv
from pathlib import Path

import pytest
from greentrip_networks import TableError
from greentrip_networks.tables import Column, read_table
from hypothesis import given
from hypothesis import strategies as st

COLUMNS = (
    Column("id", unique=True),
    Column("size", "number", 0, 100),
    Column("count", "whole", 0),
    Column("open", "flag"),
    Column("note", empty=True, optional=True, default=""),
)
HEAD = "id,size,count,open\n"


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "row", "column", "value", "expected"),
    [
        (HEAD + "a,x,1,0\n", 2, "size", "x", "a number"),
        (HEAD + "a,1,1,0\nb,nan,1,0\n", 3, "size", "nan", "a finite number"),
        (HEAD + "a,inf,1,0\n", 2, "size", "inf", "a finite number"),
        (HEAD + "a,101,1,0\n", 2, "size", "101", "0 to 100"),
        (HEAD + "a,1,-1,0\n", 2, "count", "-1", "at least 0"),
        (HEAD + "a,1,1.5,0\n", 2, "count", "1.5", "a whole number"),
        (HEAD + "a,1,1,2\n", 2, "open", "2", "0 or 1"),
        (HEAD + "a,,1,0\n", 2, "size", "", "a number"),
        (HEAD + ",1,1,0\n", 2, "id", "", "some text"),
        (HEAD + "a,1,1,0\nb,1,1,0\na,1,1,0\n", 4, "id", "a", "a value used once; row 2 has it too"),
        (HEAD + "a,1,1\n", 2, "", "3 cells", "4 cells as in the header"),
        ("id,size,open\n", 1, "count", None, "a column of this name"),
        ("id,size,size,count,open\n", 1, "size", "size", "each column once"),
        ("", 1, "id", None, "a column of this name"),
    ],
)
def test_a_bad_cell_is_named(
    tmp_path: Path, text: str, row: int, column: str, value: str | None, expected: str
) -> None:
    with pytest.raises(TableError) as caught:
        read_table(write(tmp_path, text), COLUMNS)
    error = caught.value
    assert error.file.endswith("t.csv")
    assert (error.row, error.column, error.value) == (row, column, value)
    assert expected in error.expected
    for part in ("t.csv", f"row {row}", column):
        assert part in str(error)


def test_other_problems_are_counted_and_capped(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"row 2, column size.*and 1 other problem in this table"):
        read_table(write(tmp_path, HEAD + "a,x,1,0\nb,1,y,0\n"), COLUMNS)
    with pytest.raises(TableError, match="19 other problems at least"):
        read_table(write(tmp_path, HEAD + "".join(f"a{i},x,1,0\n" for i in range(100))), COLUMNS)


def test_a_missing_table_says_what_is_there(tmp_path: Path) -> None:
    write(tmp_path, HEAD)
    with pytest.raises(TableError, match=r"no\.csv; expected this table to be there \(found: t\.csv\)"):
        read_table(tmp_path / "no.csv", COLUMNS)


def test_other_encodings_are_refused_and_a_byte_order_mark_is_not(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"row 2.*UTF-8"):
        read_table(write(tmp_path, HEAD.encode() + "北京,1,1,0\n".encode("gbk")), COLUMNS)
    assert read_table(write(tmp_path, b"\xef\xbb\xbf" + HEAD.encode() + "北京,1,1,0\n".encode()), COLUMNS)["id"] == [
        "北京"
    ]


def test_broken_quotes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="well-formed CSV"):
        read_table(write(tmp_path, HEAD + '"a"b,1,1,0\n'), COLUMNS)


rows = st.lists(
    st.tuples(
        st.text(
            st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=8
        ),
        st.floats(0, 100),
        st.integers(0, 10**9),
        st.booleans(),
    ),
    unique_by=lambda r: r[0],
    max_size=20,
)


@given(rows)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, data: list[tuple[str, float, int, bool]]
) -> None:
    path = tmp_path_factory.mktemp("round") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "size", "count", "open"])
        writer.writerows([(a, repr(b), c, int(d)) for a, b, c, d in data])
    table = read_table(path, COLUMNS)
    assert list(zip(table["id"], table["size"], table["count"], table["open"], strict=True)) == data
    assert table["note"] == [""] * len(data)
