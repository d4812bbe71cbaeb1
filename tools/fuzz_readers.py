"""Mutate valid files of every format, read them and what follows, for some minutes: no crash, no hang, bounded memory.

    python tools/fuzz_readers.py MINUTES [--formats osm,gmns] [--seed 0] [--json] [--keep FOLDER]

A file is taken in turn from each format, changed by a keyed generator (bytes flipped, cut, doubled; numbers, words and
lines swapped for nasty ones; in an archive mostly within one of its files), and read in a child process that lives for
many files, every other one with repair. What was read is checked, repaired and, where its format is written, written
again. Right answers are a network or a BadInputError. Anything else is a find: another exception, a child that dies,
one that takes longer than a set time or more memory than a set size. Finds are kept as files. The same seed draws the
same changes.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
import zipfile
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from greentrip_networks.formats.samples import valid_files
from greentrip_networks.hashing import hash64

if TYPE_CHECKING:
    from greentrip_networks.layers import Layers

SECONDS = 20.0  # for one small file
MEMORY = 3 << 30  # address space of the child beyond what it starts with
WORDS = """
0 -1 NaN nan inf -inf 1e999 1e308 -0.0 99999999999999999999 2147483648
-2147483649 0x10 1,5 1_000 ' " ; , < & &a; ]]> <!-- {
[ %s ../../x 24:00:00 99:99:99 180.1 -90.5 EPSG:4326 EPSG:32650 true LINESTRING(1_1) POLYGON_EMPTY LINESTRING_EMPTY
GEOMETRYCOLLECTION(POINT(1_1))
"""
BYTES = (
    b"",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xb1\xb1\xbe\xa9",
    b"\x00",
    b"\r",
    b"\n",
    b"A" * 5000,
    b"\xf0\x9f\x9a\x8c",
)
NASTY = (*BYTES, *(w.replace("_", " ").encode() for w in WORDS.split()))


@dataclass(frozen=True)
class Find:
    """Something a reader must not do."""

    format: str
    case: int
    kind: str
    text: str


@dataclass
class Tally:
    """What came of the files of one format."""

    cases: int = 0
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    finds: list[Find] = field(default_factory=list)


def draw(below: int, *keys: int) -> int:
    """Return a whole number from 0 to below - 1, by keys."""
    return int(hash64(*keys)[0] % np.uint64(max(below, 1)))


def mutate(data: bytes, *keys: int) -> bytes:
    """Return changed bytes; a few changes, drawn by keys."""
    for i in range(1 + draw(4, *keys, 0)):
        key = (*keys, 1, i)
        n = len(data)
        at, size = draw(n + 1, *key, 0), 1 + draw(40, *key, 1)
        kind = draw(9, *key, 2)
        nasty = NASTY[draw(len(NASTY), *key, 3)]
        if kind == 0 and n:
            at = min(at, n - 1)
            data = data[:at] + bytes([data[at] ^ (1 << draw(8, *key, 4))]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[at + size :]
        elif kind == 2:
            data = data[: at + size] + data[at:]
        elif kind == 3:
            data = data[:at] + nasty + data[at:]
        elif kind == 4:
            data = data[:at] + nasty + data[at + size :]
        elif kind in (5, 6):  # a whole number or word for another
            data = _swap_word(data, nasty, *key)
        elif kind == 7:
            lines = data.split(b"\n")
            a, b = draw(len(lines), *key, 5), draw(len(lines), *key, 6)
            lines[a], lines[b] = lines[b], lines[a]
            data = b"\n".join(lines)
        elif n:
            data = data[: max(1, at)] if draw(4, *key, 7) == 0 else data
    return data


def _swap_word(data: bytes, nasty: bytes, *key: int) -> bytes:
    """Put a nasty word where a number or word of the file is."""
    marks = b" ;,\"'\n\t<>=():"
    at = draw(len(data) + 1, *key, 8)
    start = max(data.rfind(bytes([m]), 0, at) for m in marks) + 1
    ends = [e for e in (data.find(bytes([m]), start) for m in marks) if e >= 0]
    return data[:start] + nasty + data[min(ends, default=len(data)) :]


def child(pipe: Connection) -> None:
    """Read the paths that come through the pipe; answer with what happened."""
    from greentrip_networks.formats import ReadOptions, read_layers
    from greentrip_networks.problems import BadInputError

    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # libraries complain there
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    while True:
        message = pipe.recv()
        if message is None:
            return
        path, form, mend = message
        try:
            layers = read_layers(path, form=form, options=ReadOptions(repair=mend))
            layers.content_hash()
            follow(layers, form)
            pipe.send(("read", ""))
        except BadInputError as error:
            text = str(error)
            error.problems.to_json()
            pipe.send(("refused", "") if len(text) < 10_000 else ("long-message", text[:200]))
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            pipe.send((type(error).__name__, "".join(traceback.format_exception(error))[-3000:]))


def follow(layers: "Layers", form: str) -> None:
    """Do what follows reading: check, repair, write; what repair says it can mend must be mended."""
    from greentrip_networks.formats import format_named, write_layers
    from greentrip_networks.layer_checks import validate_layers
    from greentrip_networks.problems import BadInputError
    from greentrip_networks.repair import repair

    validate_layers(layers)
    mended, _ = repair(layers)
    found = validate_layers(mended)
    left = [p for p in found.kept if p.level == "error" and "repair" in p.remedy]
    if left:
        raise AssertionError(f"repair left {left[0]}")
    if form and format_named(form).write and not found.errors:
        with tempfile.TemporaryDirectory(prefix="greentrip-fuzz-out-") as folder, contextlib.suppress(BadInputError):
            write_layers(mended, Path(folder, "out"), form)


class Reader:
    """A child process, made anew when it dies or hangs."""

    def __init__(self) -> None:
        self.context = multiprocessing.get_context("spawn")
        self.start()

    def start(self) -> None:
        """Start a child."""
        self.pipe, other = self.context.Pipe()
        self.process = self.context.Process(target=child, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def read(self, path: Path, form: str, seconds: float, *, mend: bool = False) -> tuple[str, str]:
        """Return what came of reading a path."""
        self.pipe.send((path, form, mend))
        try:
            if self.pipe.poll(seconds):
                answer: tuple[str, str] = self.pipe.recv()
                return answer
            what = ("hang", f"more than {seconds:g} s")
        except EOFError:
            self.process.join(5)
            what = ("died", f"exit code {self.process.exitcode}")
        self.stop()
        self.start()
        return what

    def stop(self) -> None:
        """End the child."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run(minutes: float, wanted: list[str], seed: int, keep: Path | None) -> dict[str, Tally]:
    """Fuzz for some minutes; return cases, minutes and finds of each format."""
    result: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory(prefix="greentrip-fuzz-") as temporary:
        folder = Path(temporary)
        corpus = valid_files(folder / "valid", wanted=wanted)
        reader = Reader()
        for path in corpus.values():
            reader.read(path, "", 120)  # compiles kernels
        seen: set[tuple[str, str]] = set()
        spent = dict.fromkeys(corpus, 0.0)
        case = 0
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            name = min(spent, key=lambda n: (spent[n], n))  # the one that had the least time
            start = time.monotonic()
            form = name.split("/")[0]
            row = result.setdefault(form, Tally())
            path = changed(corpus[name], folder / "case", seed, list(corpus).index(name), case)
            kind, text = reader.read(path, form, SECONDS, mend=case % 2 == 1)
            spent[name] += time.monotonic() - start
            row.seconds += time.monotonic() - start
            row.cases += 1
            row.read += kind == "read"
            row.refused += kind == "refused"
            if kind not in ("read", "refused"):
                place = next((x.strip() for x in reversed(text.splitlines()) if "greentrip_networks" in x), text[:80])
                if (form, place) not in seen:
                    seen.add((form, place))
                    row.finds.append(Find(form, case, kind, text))
                    sys.stderr.write(f"{name} case {case}: {kind}: {text[-400:]}\n")
                    if keep:
                        keep.mkdir(parents=True, exist_ok=True)
                        changed(corpus[name], keep / f"{form}-{case}", seed, list(corpus).index(name), case)
            case += 1
        reader.stop()
    return result


def changed(valid: Path, target: Path, seed: int, row: int, case: int) -> Path:
    """Write a changed copy of a file, or of a folder with one of its files changed; return its path."""
    import shutil

    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    if valid.is_file():
        made = target / valid.name
        made.write_bytes(_mutate_file(valid, seed, row, case))
        return made
    made = target / valid.name
    shutil.copytree(valid, made)
    files = sorted(p for p in made.rglob("*") if p.is_file())
    file = files[draw(len(files), seed, row, case, 9)]
    file.write_bytes(mutate(file.read_bytes(), seed, row, case))
    return made


def _mutate_file(valid: Path, *keys: int) -> bytes:
    """Return the bytes of a changed file; of an archive nine times in ten one whose entry is changed."""
    if not zipfile.is_zipfile(valid) or draw(10, *keys, 10) == 0:
        return mutate(valid.read_bytes(), *keys)
    out = io.BytesIO()
    with zipfile.ZipFile(valid) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        chosen = names[draw(len(names), *keys, 11)]
        for name in names:
            data = old.read(name)
            if name != chosen:
                new.writestr(name, data)
            elif draw(20, *keys, 12):  # else left out
                new.writestr(name, mutate(data, *keys))
    return out.getvalue()


def main() -> int:
    """Fuzz and say what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("--formats", default="", help="comma-separated; all if left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for files that were finds")
    args = parser.parse_args()
    result = run(args.minutes, [f for f in args.formats.split(",") if f], args.seed, args.keep)
    finds = sum(len(r.finds) for r in result.values())
    if args.json:
        sys.stdout.write(json.dumps({name: asdict(row) for name, row in result.items()}) + "\n")
    else:
        sys.stdout.write(f"{'format':14}{'minutes':>8}{'cases':>9}{'read':>9}{'refused':>9}{'finds':>7}\n")
        for form, row in sorted(result.items()):
            counts = f"{row.cases:>9}{row.read:>9}{row.refused:>9}{len(row.finds):>7}"
            sys.stdout.write(f"{form:14}{row.seconds / 60:>8.2f}{counts}\n")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
