import gzip
import io
import struct
import zipfile
from pathlib import Path

import polars as pl
import pytest
from greentrip_networks.formats.checks import check_coordinates, check_known, check_unique
from greentrip_networks.formats.sources import Limits, open_source
from greentrip_networks.formats.text import read_lines, read_utf8
from greentrip_networks.problems import BadInputError, Problems

SMALL = Limits(file_bytes=1000, total_bytes=1500, files=5, ratio_from=100, ratio=10, line_bytes=50)


def made_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def code(path: Path, limits: Limits | None = None) -> str:
    try:
        with open_source(path, limits) as source:
            for file in source.files:
                source.read(file)
    except BadInputError as error:
        return error.problems.kept[0].code
    return "read"


def test_archives_files_and_folders_look_alike(tmp_path: Path) -> None:
    inside = made_zip(tmp_path / "a.zip", {"top/stops.txt": b"1", "top/sub/x.txt": b"2", "__MACOSX/top/y": b""})
    with open_source(inside) as source:
        assert source.files == {"stops.txt": 1, "sub/x.txt": 1}
        assert source.find("STOPS.TXT") == "stops.txt"
        assert source.find("x.txt") == "sub/x.txt"
        assert source.on_disk("sub/x.txt").read_bytes() == b"2"
        unpacked = source.on_disk("stops.txt")
    assert not unpacked.exists()
    (tmp_path / "n.xml.gz").write_bytes(gzip.compress(b"<a/>"))
    with open_source(tmp_path / "n.xml.gz") as source:
        assert source.files == {"n.xml": -1}
        assert source.read("n.xml") == source.on_disk("n.xml").read_bytes() == b"<a/>"
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a.txt").write_bytes(b"3")
    (tmp_path / "f" / "link").symlink_to("/etc/hostname")
    with open_source(tmp_path / "f") as source:
        assert source.files == {"a.txt": 1}


def test_unsafe_archives_are_refused(tmp_path: Path) -> None:
    for bad in ("../evil.txt", "/etc/evil", "a/../../b", "C:\\x.txt", "..\\x.txt"):
        assert code(made_zip(tmp_path / "a.zip", {bad: b"1"})) == "path-outside"
    link = zipfile.ZipInfo("a")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert code(tmp_path / "l.zip") == "link"
    assert code(made_zip(tmp_path / "b.zip", {"a": b"0" * 900}), SMALL) == "zip-bomb"
    assert code(made_zip(tmp_path / "b.zip", {"a": b"0" * 1200}), SMALL) in ("zip-bomb", "too-large")
    assert code(made_zip(tmp_path / "b.zip", {str(i): b"" for i in range(6)}), SMALL) == "too-many-files"
    (tmp_path / "g.gz").write_bytes(gzip.compress(b"0" * 100_000))
    assert code(tmp_path / "g.gz", SMALL) == "zip-bomb"
    assert code(tmp_path / "none.zip") == "no-file"


def test_an_archive_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"0" * 100_000)
    data = bytearray(sink.getvalue())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark)
        data[at + offset : at + offset + 4] = struct.pack("<I", 90)
    (tmp_path / "lie.zip").write_bytes(data)
    assert code(tmp_path / "lie.zip", SMALL) in ("zip-bomb", "damaged")


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    whole = made_zip(tmp_path / "a.zip", {"a.txt": bytes(range(256)) * 50}).read_bytes()
    for cut in (10, 60, len(whole) // 2, len(whole) - 5):
        (tmp_path / "cut.zip").write_bytes(whole[:cut])
        assert code(tmp_path / "cut.zip") in ("unreadable", "damaged")
    flipped = bytearray(whole)
    flipped[60] ^= 0xFF
    (tmp_path / "flip.zip").write_bytes(flipped)
    assert code(tmp_path / "flip.zip") == "damaged"


def read(tmp_path: Path, data: bytes, limits: Limits | None = None, encoding: str = "") -> tuple[bytes, Problems]:
    (tmp_path / "t.txt").write_bytes(data)
    problems = Problems()
    with open_source(tmp_path / "t.txt", limits) as source:
        return read_utf8(source, "t.txt", problems, encoding), problems


def test_encodings(tmp_path: Path) -> None:
    text = "编号,名称\n1,回龙观\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "gbk"):
        data, problems = read(tmp_path, text.encode(encoding))
        assert data == text.encode()
        assert [p.code for p in problems.kept] == (["encoding"] if encoding == "gbk" else [])
    data, problems = read(tmp_path, text.encode("gbk"), encoding="gbk")
    assert (data, len(problems)) == (text.encode(), 0)
    for bad, line in ((b"a\nb\xff\xff\xffc\n", 2), (b"a\n\n\0", 3)):
        with pytest.raises(BadInputError) as e:
            read(tmp_path, bad)
        assert e.value.problems.kept[0].line == line
    with pytest.raises(BadInputError, match="the name of an encoding"):
        read(tmp_path, b"\xff", encoding="klingon")


def test_long_lines_are_refused(tmp_path: Path) -> None:
    fine = b"x" * 50 + b"\n" + b"y" * 50 + b"\nz"
    assert read(tmp_path, fine, SMALL)[0] == fine
    with pytest.raises(BadInputError) as e:
        read(tmp_path, b"a\nb\n" + b"x" * 51 + b"\nz", SMALL)
    assert (e.value.problems.kept[0].code, e.value.problems.kept[0].line) == ("long-line", 3)


def test_lines_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"a\r\nb\n")
    with open_source(tmp_path / "t.txt") as source:
        assert list(read_lines(source, "t.txt", Problems())) == [(1, "a"), (2, "b")]


def test_coordinates(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "id": list("abcdefghijk"),
            "lon": [116.3, 116.4, float("nan"), 39.9, 500.0, 0.0, 39.9, -70.0, 116.2, 116.3, 116.4],
            "lat": [39.9, 39.8, 39.9, 116.4, 39.9, 0.0, 66.4, 40.0, 40.0, 40.0, 40.0],
        }
    )
    problems = Problems()
    usable = check_coordinates(frame, problems, file="s.txt", id_column="id")
    assert usable.to_list() == [True, True, False, False, False, *[True] * 6]
    assert [(p.code, p.record, p.line, p.level) for p in problems.kept] == [
        ("not-finite", "c", 4, "error"),
        ("swapped", "d", 5, "error"),
        ("out-of-range", "e", 6, "error"),
        ("at-zero", "f", 7, "warning"),
        ("far-away", "g", 8, "warning"),
        ("far-away", "h", 9, "warning"),
    ]
    swapped = pl.DataFrame({"id": list("abc"), "lon": [2.3, 2.4, 48.8], "lat": [48.8, 48.9, 2.3]})
    problems = Problems()
    check_coordinates(swapped, problems, file="s.txt", id_column="id")
    assert [(p.code, p.record) for p in problems.kept] == [("swapped", "c")]


def test_ids() -> None:
    problems = Problems()
    frame = check_unique(
        pl.DataFrame({"id": ["a", "", "a", None, "b"], "of": ["b", "a", "a", "a", "x"]}), "id", problems, file="f"
    )
    assert frame["id"].to_list() == ["a", "b"]
    assert [(p.code, p.line) for p in problems.kept] == [("no-id", 3), ("no-id", 5), ("duplicate-id", 4)]
    left = check_known(frame, "of", frame["id"], problems, file="f", what="thing")
    assert left["id"].to_list() == ["a"]
    assert problems.kept[-1].code == "unknown-thing"


def test_an_archive_with_a_nameless_file_is_refused(tmp_path: Path) -> None:
    assert code(made_zip(tmp_path / "a.zip", {".": b"1"})) == "no-name"
    assert code(made_zip(tmp_path / "a.zip", {"./": b"", "a": b"1"})) == "read"
    data = bytearray(made_zip(tmp_path / "a.zip", {"a": b"1"}).read_bytes())
    for mark, offset in ((b"PK\x03\x04", 26), (b"PK\x01\x02", 28)):
        at = data.index(mark) + offset
        data[at : at + 4] = struct.pack("<HH", 0, 1)  # the name's byte becomes an extra field's
    (tmp_path / "b.zip").write_bytes(data)
    assert code(tmp_path / "b.zip") == "no-name"
