# ruff: noqa: S603
"""Generate the Python stubs of the contract and lint it, without a network.

`python tools/stubs.py` writes the stubs beside the .proto files; `--check` writes them to a temporary folder instead
and fails when the committed ones differ; `--lint` runs buf on the contract, `--breaking`
compares it with the last release's or the commit before. protoc runs in a process of its own because
grpc_tools and OR-Tools abort when they meet in one.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = ROOT / "proto"
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")
# googleapis-common-protos names this file after the module it makes, not after its own import path.
RENAMED = {"longrunning/operations_proto.proto": "longrunning/operations.proto"}


def place_of(module: str) -> Path:
    """Return the file that a module is loaded from."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{module} is not installed; run `make setup`")
    return Path(spec.origin)


def stage_imports(folder: Path) -> None:
    """Lay the google files that the contract imports under their import paths, as found in the installed package."""
    source = place_of("google.rpc.status_pb2").parent.parent
    for path in [*source.glob("longrunning/*.proto"), *source.glob("rpc/*.proto"), *source.glob("api/*.proto")]:
        relative = path.relative_to(source).as_posix()
        target = folder / "google" / RENAMED.get(relative, relative)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def generate(target: Path) -> None:
    """Write the stubs of every .proto file under the target folder."""
    scripts = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as temporary:
        imports = Path(temporary)
        stage_imports(imports)
        protos = sorted(p.relative_to(CONTRACT).as_posix() for p in CONTRACT.glob("greentrip/v1/*.proto"))
        subprocess.run(
            [
                sys.executable,
                "-m",
                "grpc_tools.protoc",
                f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
                f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
                f"-I{CONTRACT}",
                f"-I{imports}",
                f"-I{place_of('grpc_tools').parent / '_proto'}",
                f"--python_out={target}",
                f"--grpc_python_out={target}",
                f"--mypy_out=quiet:{target}",
                f"--mypy_grpc_out=quiet:{target}",
                *protos,
            ],
            check=True,
        )


def stubs_under(folder: Path) -> dict[str, bytes]:
    """Return the generated files under a folder by relative path."""
    found = (p for p in sorted(folder.rglob("*_pb2*")) if p.name.endswith(SUFFIXES))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def check() -> int:
    """Return 1, naming the files, when the committed stubs are not what the contract generates."""
    with tempfile.TemporaryDirectory() as temporary:
        generate(Path(temporary))
        fresh, committed = stubs_under(Path(temporary)), stubs_under(CONTRACT)
    stale = sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))
    for name in stale:
        sys.stderr.write(f"proto/{name} is not what the contract generates; run `make stubs` and commit it\n")
    return 1 if stale else 0


def lint() -> int:
    """Run buf on a copy of the contract laid beside the files it imports; return its exit code."""
    with tempfile.TemporaryDirectory() as temporary:
        workspace = Path(temporary)
        for path in CONTRACT.glob("greentrip/v1/*.proto"):
            copy = workspace / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        shutil.copyfile(ROOT / "buf.yaml", workspace / "buf.yaml")
        stage_imports(workspace / "proto")
        buf = Path(sys.executable).parent / "buf"
        return subprocess.run([str(buf), "lint", "--path", "proto/greentrip"], cwd=workspace, check=False).returncode


def breaking(against: str) -> int:
    """Compare the contract with an earlier one; return buf's exit code, not 0 when it breaks clients of then.

    Parameters
    ----------
    against
        A commit, branch or tag; empty takes the newest release's tag, or else the commit before this one.

    """
    git = ["git", "-C", str(ROOT)]
    if not against:
        tag = subprocess.run([*git, "describe", "--tags", "--abbrev=0"], capture_output=True, text=True, check=False)
        against = tag.stdout.strip() or "HEAD~1"
    old = subprocess.run([*git, "archive", against, "proto"], capture_output=True, check=False)
    if old.returncode:
        sys.stderr.write(f"the contract is compared with nothing: git knows no {against} here\n")
        return 0
    with tempfile.TemporaryDirectory() as then, tempfile.TemporaryDirectory() as now:
        with tarfile.open(fileobj=io.BytesIO(old.stdout)) as archive:
            archive.extractall(then, filter="data")
        for path in CONTRACT.glob("greentrip/v1/*.proto"):
            copy = Path(now) / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        for workspace in (Path(then), Path(now)):
            shutil.copyfile(ROOT / "buf.yaml", workspace / "buf.yaml")
            stage_imports(workspace / "proto")
        buf = Path(sys.executable).parent / "buf"
        command = [str(buf), "breaking", "--against", then]
        return subprocess.run(command, cwd=now, check=False).returncode


def main() -> int:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="fail when committed stubs are stale")
    parser.add_argument("--lint", action="store_true", help="lint the contract with buf")
    parser.add_argument(
        "--breaking", nargs="?", const="", metavar="REF", help="fail when clients of an earlier contract would break"
    )
    arguments = parser.parse_args()
    if arguments.breaking is not None:
        return breaking(arguments.breaking)
    if arguments.lint:
        return lint()
    if arguments.check:
        return check()
    generate(CONTRACT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
