"""Let atheris look for bytes that break a reader, guided by what the reader's code then runs.

    pip install atheris
    python tools/fuzz_guided.py MINUTES [--formats osm,gmns] [--keep FOLDER]

Beside `fuzz_readers.py`, whose changes are blind: here the lines of `greentrip_networks.formats` that an input
reaches are counted, and inputs that reach new ones are changed further. Each file of a format (one of a folder's
files, the others left as they are) has a process and an equal share of the minutes. Anything but a network or a
BadInputError is a find.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

KERNELS = (
    "greentrip_networks.formats.osm_graph",
    "greentrip_networks.formats.osm_layers",
)  # compiled by numba, which cannot take counted code
SECONDS = 20  # for one input
MEMORY_MB = 6000
LARGEST = 20_000  # bytes of an input


def main() -> int:
    """Fuzz every file of every format for its share of the time; return 1 if something was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("--formats", default="", help="comma-separated; all if left out")
    parser.add_argument("--keep", type=Path, help="folder for inputs that were finds")
    asked = parser.parse_args()
    from greentrip_networks.formats.samples import valid_files

    wanted = [f for f in asked.formats.split(",") if f]
    found = 0
    with tempfile.TemporaryDirectory(prefix="greentrip-guided-") as folder:
        valid = valid_files(Path(folder, "valid"), wanted=wanted)
        jobs = [
            (name, path, file)
            for name, path in valid.items()
            for file in ([path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()))
        ]
        seconds = max(2, round(60 * asked.minutes / max(len(jobs), 1)))
        sys.stdout.write(f"{'format':24}{'file':28}{'inputs':>9}{'reached':>9}  find\n")
        for name, path, file in jobs:
            inputs, reached, find = one(name, path, file, seconds, asked.keep)
            found += bool(find)
            sys.stdout.write(f"{name:24}{file.name:28}{inputs:>9}{reached:>9}  {find}\n")
            sys.stdout.flush()
    return 1 if found else 0


def one(name: str, path: Path, file: Path, seconds: int, keep: Path | None) -> tuple[str, str, str]:
    """Fuzz one file in a process; return (inputs tried, counters reached, what was found)."""
    with tempfile.TemporaryDirectory(prefix="greentrip-guided-") as work:
        seeds, finds = Path(work, "seeds"), Path(work, "finds")
        seeds.mkdir()
        finds.mkdir()
        shutil.copy(file, seeds / "valid")
        words = [
            sys.executable, __file__, "--child", name.split("/", maxsplit=1)[0], str(path), str(file),
            str(Path(work, "case")), str(seeds), f"-max_total_time={seconds}", f"-max_len={LARGEST}",
            f"-timeout={SECONDS}", f"-rss_limit_mb={MEMORY_MB}", "-seed=1", f"-artifact_prefix={finds}/",
            "-print_final_stats=1",
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - ours
        said = done.stderr
        inputs, reached = _last(said, "stat::number_of_executed_units:"), _last(said, " cov:")
        if done.returncode == 0:
            return inputs, reached, ""
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            for k, bad in enumerate(sorted(finds.iterdir())):
                shutil.copy(bad, keep / f"{name.replace('/', '-')}-{file.name}-{k}")
        lines = [x for x in said.splitlines() if "Error" in x or "ERROR" in x or "Exception" in x]
        return inputs, reached, (lines[0] if lines else said[-200:])[:160]


def _last(text: str, mark: str) -> str:
    """Return the word after a mark, or a dash."""
    return text.rsplit(mark, 1)[1].split(maxsplit=1)[0] if mark in text else "-"


def child(form: str, places: list[str], arguments: list[str]) -> None:
    """Give every input that atheris makes to the reader; places are what to read, its file that changes, and room."""
    atheris: Any = import_module("atheris")  # not among this project's own pins

    with atheris.instrument_imports(include=["greentrip_networks.formats"], exclude=list(KERNELS)):
        from greentrip_networks.formats import ReadOptions, read_layers
    from greentrip_networks.problems import BadInputError

    path, file, case = (Path(p) for p in places)
    made = case / path.name
    case.mkdir()
    if path.is_dir():
        shutil.copytree(path, made)
    target = made / file.relative_to(path) if path.is_dir() else made

    def read(data: bytes) -> None:
        target.write_bytes(data)
        try:
            read_layers(made, form=form, options=ReadOptions()).content_hash()
        except BadInputError as error:
            error.problems.to_json()

    read(file.read_bytes())  # compiles kernels
    atheris.Setup([sys.argv[0], *arguments], read)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:6], sys.argv[6:])
    else:
        sys.exit(main())
