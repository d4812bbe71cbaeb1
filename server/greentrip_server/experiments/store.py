"""An experiment's results as one Parquet data set, by scenario and seed, and questions to it in SQL.

`experiments/NAME/trips/scenario=.../seed=.../trips.parquet` and so on: hard links to the runs' own files, so a run that
several experiments share is stored once. Any tool that reads hive-partitioned Parquet reads it as one table.
"""

import json
import os
import re
import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from greentrip_networks.errors import LimitError

from greentrip_server.errors import FieldError

if TYPE_CHECKING:
    import polars as pl

TABLES = ("trips", "sums", "links", "lines", "figures", "scenarios")
SUMMED_BY = ("purpose", "period", "mode", "has_car", "counted")
QUERY_S = 60.0
MOST_ROWS = 1_000_000
_MEMORY = "2GB"


def partition(root: Path, table: str, scenario: str, seed: int) -> Path:
    """Return the folder of one run's part of a table; the scenario's name is percent-encoded, as readers expect."""
    return root / table / folder_of(scenario) / f"seed={seed}"


def folder_of(scenario: str) -> str:
    """Return the name of a scenario's folder."""
    return f"scenario={quote(scenario, safe='')}"


def clear(root: Path, points: Sequence[Mapping[str, Any]]) -> None:
    """Begin an experiment's data set anew, with the table of its scenarios."""
    import polars as pl

    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    rows = [
        {
            "scenario": p["name"],
            "family": p["family"],
            "network": p["network"],
            "plan": p["plan"],
            "description": p["description"],
            "cost_million_cny_year": p["cost_million_cny_year"],
            "values": json.dumps(p["values"], ensure_ascii=False, sort_keys=True),
        }
        for p in points
    ]
    schema = {"cost_million_cny_year": pl.Float64}
    pl.DataFrame(rows, schema_overrides=schema).write_parquet(root / "scenarios.parquet")


def add(root: Path, scenario: str, seed: int, run: Path, indicators: Mapping[str, Any]) -> None:
    """Add a finished run: links to its tables, its trips summed, and its figures as rows."""
    import polars as pl
    from greentrip_agents.statistics import figures

    for table in ("trips", "links", "lines"):
        target = partition(root, table, scenario, seed) / f"{table}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(run / f"{table}.parquet", target)
        except OSError:  # another file system
            shutil.copyfile(run / f"{table}.parquet", target)
    found = figures(indicators)
    table_of = {
        "figures": pl.DataFrame({"indicator": list(found), "value": list(found.values())}),
        "sums": sums(pl.scan_parquet(run / "trips.parquet")),
    }
    for table, frame in table_of.items():
        target = partition(root, table, scenario, seed) / f"{table}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(target)


def sums(trips: "pl.LazyFrame") -> "pl.DataFrame":
    """Return a run's trips summed by what is asked for most: a few hundred rows instead of all trips."""
    import polars as pl

    weight = pl.col("weight")
    return (
        trips.group_by(SUMMED_BY)
        .agg(
            weight.sum().alias("trips"),
            *((weight * pl.col(c)).filter(pl.col(c).is_finite()).sum().alias(c) for c in ("minutes", "cost_min", "km")),
            pl.len().cast(pl.Int64).alias("rows"),
        )
        .sort(SUMMED_BY)
        .collect()
    )


def ask(root: Path, sql: str, *, threads: int | None = None, seconds: float = QUERY_S) -> "pl.DataFrame":
    """Answer one SQL question about an experiment.

    Parameters
    ----------
    root
        The experiment's folder.
    sql
        DuckDB's SQL over the tables trips, sums, links, lines, figures (each with `scenario` and `seed`) and scenarios.
    threads
        Threads at most; None means all.
    seconds
        After this long the question is given up.

    Raises
    ------
    FieldError
        When the question cannot be understood; it can read nothing but the experiment's own tables.
    LimitError
        When the answer takes too long or has more than MOST_ROWS rows.

    """
    import duckdb
    import polars as pl

    connection = duckdb.connect(":memory:")
    try:
        if threads is not None:
            connection.execute(f"SET threads = {int(threads)}")
        connection.execute("SET enable_progress_bar = false")  # it would be written where the server's address goes
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        for statement in _views(root, sql):
            connection.execute(statement)
        connection.execute(f"SET allowed_directories = [{_text(root)}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        alarm = threading.Timer(seconds, connection.interrupt)
        alarm.start()
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise FieldError("sql", f"saw {len(statements)} statements or no SELECT; expected one SELECT")
            found = pl.DataFrame(connection.sql(sql).limit(MOST_ROWS + 1).to_arrow_table())
        except duckdb.InterruptException:
            raise LimitError("query time", seconds, seconds, "seconds") from None
        except duckdb.Error as error:
            raise FieldError("sql", " ".join(str(error).split())[:1000]) from None
        finally:
            alarm.cancel()
    finally:
        connection.close()
    if found.height > MOST_ROWS:
        raise LimitError("rows", found.height, MOST_ROWS, "rows")
    return found


def _views(root: Path, sql: str) -> Iterable[str]:
    """Yield the statements that name the tables which a question could mean: to name one lists all of its files."""
    said = set(re.findall(r"\w+", sql.lower()))
    types = "hive_partitioning = true, hive_types = {'scenario': VARCHAR, 'seed': BIGINT}"
    for table in TABLES[:-1]:
        if table in said and (root / table).is_dir():
            files = _text(root / table / "*" / "*" / "*.parquet")
            yield f"CREATE VIEW {table} AS SELECT * FROM read_parquet({files}, {types})"  # noqa: S608 - names of our own
    scenarios = _text(root / "scenarios.parquet")
    yield f"CREATE VIEW scenarios AS SELECT * FROM read_parquet({scenarios})"  # noqa: S608


def _text(path: Path) -> str:
    """Return a path as an SQL text."""
    return "'" + str(path).replace("'", "''") + "'"
