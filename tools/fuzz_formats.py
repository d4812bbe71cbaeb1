"""Feed mutated files to a reader until time is over: only BadInputError may leave it, soon, with bounded memory.

    python tools/fuzz_formats.py --format gtfs --minutes 5 --seed 1 VALID...

VALID are files that the reader accepts. A mutation is drawn from the seed and its number, so a find can be made again
with `--seed S --only N`. Finds are kept beside the given folder.
"""

import argparse
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path

from greentrip_networks.formats import ReadOptions, format_named, read_layers, write_layers
from greentrip_networks.formats.sources import Limits
from greentrip_networks.layer_checks import validate_layers
from greentrip_networks.problems import BadInputError, Problems
from greentrip_networks.repair import repair

SLOW_S = 20.0
LIMITS = Limits(file_bytes=50 << 20, total_bytes=100 << 20, line_bytes=1 << 20)
NASTY = (
    *(b"", b"NaN", b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"99999999999999999999", b"1e300", b"3.5", b"0x10"),
    *(
        b"\xff\xfe",
        b"\x00",
        b'"',
        b'""',
        b"'",
        b",",
        b",,,,,,,,",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\xef\xbb\xbf",
        b";",
        b"\t",
    ),
    *(b"24:00:00", b"-1:00:00", b"999:59:59", b"8:5:5", b"25", b"20240230", b"00000000", b"99991231", b"2024-01-01"),
    *(
        "回龙观".encode("gbk"),
        "回龙观".encode(),
        "\u202e\u0000".encode(),
        "é".encode("latin-1"),
        b"../../x",
        b"S1",
        b"T1",
    ),
    *(b"<a/>", b"<!ENTITY x 'y'>", b"]]>", b"&lt;", b"&x;", b"{", b"}", b"[", b"null", b"x" * 5000, b"1" * 400),
)


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Return bytes changed in one to four places: cells, lines, bytes, encoding."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        kind = draw.randrange(9)
        at, to = sorted((draw.randint(0, len(data)), draw.randint(0, len(data))))
        if kind <= 2:  # a cell, or what stands between two marks
            marks = [i for i, c in enumerate(data) if c in b',\n<>"=\t ;{}[]:'] or [0]
            i = draw.randrange(len(marks))
            end = marks[i + 1] if i + 1 < len(marks) else len(data)
            data = data[: marks[i] + 1] + draw.choice(NASTY) + data[end:]
        elif kind == 3:
            data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
        elif kind == 4:
            lines = data.split(b"\n")
            i, j = draw.randrange(len(lines)), draw.randrange(len(lines))
            lines[i] = draw.choice((lines[j], b"", lines[i] + b"," + lines[j], lines[i][: len(lines[i]) // 2]))
            data = b"\n".join(lines)
        elif kind == 5:
            data = data[:at]
        elif kind == 6:
            data = data[:at] + data[at : min(to, at + 2000)] * 2 + data[to:]
        elif kind == 7:
            data = data[:at] + draw.choice(NASTY) + data[at:]
        else:
            try:
                text = data.decode()
                data = text.encode(draw.choice(("gbk", "utf-16", "latin-1", "utf-8-sig")), "replace")
            except UnicodeDecodeError:
                data = data[::-1]
    return data


def mutate_file(valid: Path, target: Path, draw: random.Random) -> None:
    """Write a mutated copy of a file; in an archive, mostly of one of its files."""
    if zipfile.is_zipfile(valid) and draw.random() < 0.9:
        with zipfile.ZipFile(valid) as old, zipfile.ZipFile(target, "w") as new:
            names = old.namelist()
            chosen = {draw.choice(names) for _ in range(draw.choice((1, 1, 2)))}
            for name in names:
                data = old.read(name)
                if name in chosen:
                    if draw.random() < 0.05:
                        continue
                    data = mutate(data, draw)
                new.writestr(name, data)
    else:
        target.write_bytes(mutate(valid.read_bytes(), draw))


def attempt(path: Path, form: str, folder: Path, *, mend: bool) -> str:
    """Read a file and what follows from it; return what came of it in a word. Anything but BadInputError is a find."""
    try:
        layers = read_layers(path, form=form, options=ReadOptions(limits=LIMITS, repair=mend), problems=Problems())
    except BadInputError as error:
        if not error.problems.kept or not str(error) or len(str(error)) > 2000:
            raise AssertionError("an error that says nothing, or too much") from error
        return "refused"
    validate_layers(layers)
    mended, _ = repair(layers)
    left = [p for p in validate_layers(mended).kept if p.level == "error" and "repair" in p.remedy]
    if left:
        raise AssertionError(f"repair left {left[0]}")
    if format_named(form).write and not validate_layers(mended).errors:
        try:
            write_layers(mended, folder / "out", form)
        except BadInputError:
            return "read, not written"
    return "read"


def main() -> None:
    """Run for the minutes asked for and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", required=True)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one mutation")
    parser.add_argument("--finds", type=Path, default=Path(tempfile.gettempdir(), "greentrip-finds"))
    parser.add_argument("valid", nargs="+", type=Path)
    given = parser.parse_args()
    end = time.monotonic() + 60 * given.minutes
    came: dict[str, int] = {}
    number = given.only or 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end or given.only is not None:
            draw = random.Random(f"{given.seed}-{number}")  # noqa: S311 - repeatable, not secret
            valid = draw.choice(given.valid)
            target = Path(folder, f"mutated{''.join(valid.suffixes)}")
            mutate_file(valid, target, draw)
            began = time.monotonic()
            try:
                result = attempt(target, given.format, Path(folder), mend=draw.random() < 0.5)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                result = f"FOUND {type(error).__name__}"
                given.finds.mkdir(parents=True, exist_ok=True)
                shutil.copy(target, given.finds / f"{given.format}-{given.seed}-{number}{target.suffix}")
                sys.stderr.write(f"--- {number}\n{''.join(traceback.format_exception(error)[-3:])[-1500:]}\n")
            if time.monotonic() - began > SLOW_S:
                result = "FOUND slow"
                sys.stderr.write(f"--- {number}: {time.monotonic() - began:.0f} s\n")
            came[result] = came.get(result, 0) + 1
            number += 1
            if given.only is not None:
                break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sys.stdout.write(f"{given.format}: {number:,} mutations of seed {given.seed}: {came}; peak {peak:.2f} GiB\n")
    sys.exit(any(k.startswith("FOUND") for k in came))


if __name__ == "__main__":
    main()
