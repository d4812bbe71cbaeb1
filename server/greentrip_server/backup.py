"""A backup: one tar file of every row and every finished run's files; it goes back to SQLite and to PostgreSQL alike.

It can be made while servers work. Rows are read in one transaction, so they belong together, and a run's files do not
change once its row says that it has succeeded.
"""

import hashlib
import io
import json
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from greentrip import __version__
from sqlalchemy import Engine, func, insert, select, text

from greentrip_server.database import is_sqlite
from greentrip_server.directory import DataDirectory
from greentrip_server.errors import StateError
from greentrip_server.kinds import RUNS
from greentrip_server.tables import SUCCEEDED, Base

FORMAT = 1
_AT_ONCE = 500


def backup(engine: Engine, directory: DataDirectory, target: Path) -> dict[str, int]:
    """Write everything to a file; return how many rows, runs and bytes it holds.

    Raises
    ------
    StateError
        When the file exists, or a run's files are not what was recorded.

    """
    if target.exists():
        raise StateError(f"{target} exists", "name a new file")
    aside = target.with_name(f"{target.name}.part")
    counts = {"rows": 0, "runs": 0}
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(aside, "w") as tar:
        finished: list[tuple[str, dict[str, Any]]] = []
        with engine.connect() as connection, connection.begin():
            if not is_sqlite(engine):
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            facts = {
                "format": FORMAT,
                "version": __version__,
                "made": time.time(),
                "tables": connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one(),
            }
            _put(tar, "backup.json", json.dumps(facts).encode())
            for table in Base.metadata.sorted_tables:
                file = Path(folder) / f"{table.name}.jsonl"
                with file.open("w", encoding="utf-8") as out:
                    for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings():
                        out.write(json.dumps(dict(row), ensure_ascii=False) + "\n")
                        counts["rows"] += 1
                        if table.name == "jobs" and row["kind"] == RUNS and row["state"] == SUCCEEDED:
                            finished.append((row["id"], row["files"]))
                tar.add(file, f"rows/{file.name}")
        for run_id, files in finished:
            wrong = directory.damaged(run_id, files, hashes=True)
            if wrong:
                raise StateError(f"runs/{run_id}: {wrong}", "start the server once, it marks the run failed; retry it")
            for name in files:
                tar.add(directory.folder(run_id) / name, f"runs/{run_id}/{name}")
            counts["runs"] += 1
    aside.replace(target)
    return {**counts, "bytes": target.stat().st_size}


def restore(source: Path, engine: Engine, directory: DataDirectory) -> dict[str, int]:
    """Bring a backup into an empty store of this version's tables; return how many rows and runs came.

    Raises
    ------
    StateError
        When the store is not empty, or the backup is of another version or damaged.

    """
    runs_before = [p for p in directory.results.iterdir() if not p.name.startswith(".")]
    with engine.connect() as connection:
        held = sum(
            connection.execute(select(func.count()).select_from(t)).scalar_one() for t in Base.metadata.sorted_tables
        )
        at = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    if held or runs_before:
        raise StateError(f"the store holds {held} rows and {len(runs_before)} runs", "restore into an empty one")
    counts = {"rows": 0, "runs": 0}
    try:
        with tarfile.open(source) as tar:
            facts = json.loads(_take(tar, "backup.json"))
            if facts["format"] != FORMAT or facts["tables"] != at:
                raise StateError(
                    f"{source} was made by version {facts['version']} with tables {facts['tables']}, these are {at}",
                    "restore it with that version, then start this one on the result",
                )
            files: dict[str, dict[str, Any]] = {}
            with engine.execution_options(write=True).connect() as connection, connection.begin():
                for table in Base.metadata.sorted_tables:
                    for rows in _batches(_take(tar, f"rows/{table.name}.jsonl")):
                        connection.execute(insert(table), rows)
                        counts["rows"] += len(rows)
                        if table.name == "jobs":
                            files |= {
                                r["id"]: r["files"] for r in rows if r["kind"] == RUNS and r["state"] == SUCCEEDED
                            }
                _set_counters(connection, engine)
                for run_id, of in files.items():
                    _bring_run(tar, directory, run_id, of)
                    counts["runs"] += 1
    except (tarfile.TarError, KeyError, ValueError, OSError) as error:
        for found in directory.results.iterdir():
            if found.is_dir():
                shutil.rmtree(found, ignore_errors=True)
        raise StateError(f"{source} cannot be read as a backup ({error})", "use another backup") from error
    return counts


def _bring_run(tar: tarfile.TarFile, directory: DataDirectory, run_id: str, files: dict[str, Any]) -> None:
    """Write a run's files, each checked against its recorded hash."""
    folder = directory.folder(run_id)
    folder.mkdir()
    for name, (size, sha256) in files.items():
        content = _take(tar, f"runs/{run_id}/{name}")
        if len(content) != size or hashlib.sha256(content).hexdigest() != sha256:
            raise ValueError(f"runs/{run_id}/{name} has other bytes than were recorded")
        # The name comes from the backup: it must stay inside the run's folder.
        target = (folder / name).resolve()
        if folder.resolve() not in target.parents:
            raise ValueError(f"runs/{run_id}/{name} would be written outside the run's folder")
        target.write_bytes(content)


def _set_counters(connection: Any, engine: Engine) -> None:
    """Let new rows be numbered after those that came."""
    if is_sqlite(engine):
        return  # SQLite's own counter follows the highest number stored
    for table in Base.metadata.sorted_tables:
        if "number" in table.columns:
            highest = select(func.coalesce(func.max(table.c.number), 0) + 1).scalar_subquery()
            sequence = func.pg_get_serial_sequence(table.name, "number")
            connection.execute(select(func.setval(sequence, highest, False)))


def _batches(content: bytes) -> Iterator[list[dict[str, Any]]]:
    """Read rows, some at once."""
    rows: list[dict[str, Any]] = []
    for line in io.BytesIO(content):
        rows.append(json.loads(line))
        if len(rows) == _AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows


def _put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add bytes as a file."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _take(tar: tarfile.TarFile, name: str) -> bytes:
    """Read a file; raise KeyError when there is none."""
    held = tar.extractfile(name)
    if held is None:
        raise KeyError(name)
    return held.read()
