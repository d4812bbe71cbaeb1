"""The database: SQLite in the data directory or PostgreSQL by URL, brought to this version's tables when opened."""

import json
import math
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Engine,
    cast,
    create_engine,
    event,
    extract,
    func,
    literal,
    make_url,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from greentrip_server.errors import StateError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 10.0  # after which a writer that waits asks SQLite itself, and is refused when it is busy still
_TURN = "turn"
CONNECTIONS = 40  # to SQLite, kept open; as many as there are threads that answer
_MIGRATING = 7_305_001  # PostgreSQL's advisory lock while the tables are brought up to date


_NUMBER = "$number"  # the key under which a number that JSON does not have is kept, as text


def dumps(data: Any) -> str:
    """Return plain data as JSON that every database takes: a run's gap may be infinite, JSON has no such number."""
    try:
        return json.dumps(data, allow_nan=False, ensure_ascii=False)
    except ValueError:
        return json.dumps(_finite(data), allow_nan=False, ensure_ascii=False)


def loads(written: str) -> Any:
    """Read what `dumps` wrote."""
    return json.loads(written, object_hook=_number)


def _finite(data: Any) -> Any:
    """Replace numbers that JSON does not have."""
    if isinstance(data, float) and not math.isfinite(data):
        return {_NUMBER: str(data)}
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data


def _number(data: dict[str, Any]) -> Any:
    """Undo `_finite` in one object."""
    return float(data[_NUMBER]) if data.keys() == {_NUMBER} else data


_JSON: Any = {"json_serializer": dumps, "json_deserializer": loads}


def connect_database(where: Path | str) -> Engine:
    """Return a database that is brought up to date already; `where` as for `open_database`."""
    if not isinstance(where, Path):
        return _by_url(where)
    engine = create_engine(f"sqlite:///{where}", **_JSON, pool_size=CONNECTIONS)
    event.listen(engine, "connect", _set_pragmas)
    turn = threading.Lock()  # writers of this process take turns, and do not ask SQLite again and again
    event.listen(engine, "begin", partial(_begin, turn))
    event.listen(engine, "checkin", partial(_let_go, turn))
    return engine


def open_database(where: Path | str) -> Engine:
    """Open or make the database and run the migrations that it lacks.

    Parameters
    ----------
    where
        A SQLite file, or the URL of a PostgreSQL database (`postgresql://user@host/name`).

    Raises
    ------
    StateError
        When the database was written by a newer version, cannot be reached, or is damaged.

    """
    engine = connect_database(where)
    shown = engine.url.render_as_string(hide_password=True)
    try:
        if is_sqlite(engine):
            _check(engine, shown)
        # One server at a time; the others wait, and then find nothing left to do.
        with engine.connect().execution_options(write=True) as connection, connection.begin():
            if not is_sqlite(engine):
                connection.execute(func.pg_advisory_xact_lock(_MIGRATING).select())
            _migrate(connection, shown)
    except DBAPIError as error:
        engine.dispose()
        raise StateError(
            f"{shown} cannot be opened ({_first_line(error)})", "see that it exists and answers"
        ) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def is_sqlite(engine: Engine) -> bool:
    """Return whether a database is a file of this process's own, not shared with other servers."""
    return engine.dialect.name == "sqlite"


def now(engine: Engine) -> ColumnElement[float]:
    """Return the clock that leases follow: the database's own where servers share it, so that theirs may differ."""
    if is_sqlite(engine):
        return literal(time.time())
    return cast(extract("epoch", func.clock_timestamp()), Double)


def _by_url(text: str) -> Engine:
    """Open a database by its URL."""
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise StateError("the database's URL cannot be read", "write it as postgresql://user@host/name") from error
    if url.get_backend_name() != "postgresql":
        raise StateError(
            f"the database's URL names {url.get_backend_name()!r}", "use postgresql://, or none for SQLite"
        )
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        **_JSON,
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=8,
        pool_timeout=10,
        # A connection that is half open must not hold a thread for the minutes that TCP would.
        connect_args={
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "tcp_user_timeout": 10_000,
        },
    )


def _check(engine: Engine, shown: str) -> None:
    """Refuse a damaged SQLite file."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(3)").scalars().all()
    if found != ["ok"]:
        raise StateError(
            f"{shown} is damaged ({'; '.join(map(str, found))})", "restore a backup with `greentrip restore`"
        )


def _migrate(connection: Connection, shown: str) -> None:
    """Bring the tables up to date; nothing is imported for tables that are."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(MIGRATIONS))
    heads = set(scripts.get_heads())
    if connection.dialect.has_table(connection, "alembic_version"):
        at = set(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars())
        if at == heads:
            return
        known = {revision.revision for revision in scripts.walk_revisions()}
        if not at <= known:
            raise StateError(
                f"{shown} was written by another version of Greentrip (its tables are at {', '.join(sorted(at))})",
                "use the version that wrote it, or another data directory",
            )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Make commits durable before they are reported, and let readers go on during a write."""
    held: Any = connection
    held.isolation_level = None  # `_begin` begins
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(turn: threading.Lock, connection: Connection) -> None:
    """Take the write lock before the first read of a transaction that will write, so that no other can slip between."""
    if not connection.get_execution_options().get("write", False):
        connection.exec_driver_sql("BEGIN")
        return
    if not connection.info.get(_TURN):  # which it has until it is given back to the pool
        connection.info[_TURN] = turn.acquire(timeout=BUSY_S)
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _let_go(turn: threading.Lock, _: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    """Let the next writer begin."""
    if record.info.pop(_TURN, False):
        turn.release()


def _first_line(error: DBAPIError) -> str:
    """Return what the driver said, without the statement."""
    return str(error.orig).strip().partition("\n")[0]
