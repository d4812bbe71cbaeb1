"""Jobs as rows: made once a request, claimed by compare-and-set, finished with what they found."""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from greentrip_networks.errors import UnknownNameError
from sqlalchemy import ColumnElement, Engine, func, select, update
from sqlalchemy.orm import Session

from greentrip_server.code import code_version
from greentrip_server.errors import ExistsError, FieldError, StateError
from greentrip_server.tables import (
    CANCELLED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    TERMINAL,
    JobRow,
    PlanRow,
    ScenarioRow,
)

RUNS, PLANS = "runs", "plans"
ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

Row = TypeVar("Row", ScenarioRow, JobRow, PlanRow)


def digest(content: Any) -> str:
    """Return the SHA-256 of plain data, the same for the same content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def last_part(name: str, collection: str, field: str) -> str:
    """Return the id in a resource name; raise FieldError when it is not of the collection."""
    head, slash, rest = name.partition("/")
    if head != collection or not slash or not rest:
        raise FieldError(field, f"saw {name!r}; expected {collection}/ and an id")
    return rest


def run_content(
    *,
    network: str,
    interventions: Sequence[Mapping[str, Any]],
    placement: int,
    seed: int,
    sample: float,
    max_days: int,
    parameters: Mapping[str, float],
) -> dict[str, Any]:
    """Return what a run is computed from, as plain data; without parameters of its own it names none."""
    content = {
        "network": network,
        "interventions": list(interventions),
        "placement": placement,
        "seed": seed,
        "sample": sample,
        "max_days": max_days,
    }
    return {**content, "parameters": dict(parameters)} if parameters else content


def run_hash(content: Mapping[str, Any]) -> str:
    """Return the hash of everything a run's result depends on: its inputs and the code that computes it."""
    return digest({**content, "version": code_version()})


def queued_run(content: Mapping[str, Any], *, parent: str, request_id: str = "", request_hash: str) -> JobRow:
    """Return the row of a run that waits for a worker, without its id."""
    return JobRow(
        kind=RUNS,
        parent=parent,
        input=dict(content),
        input_hash=run_hash(content),
        request_id=request_id or None,
        request_hash=request_hash,
        state=QUEUED,
        attempt=0,
        lease_owner="",
        lease_until=0.0,
        progress={},
        created=time.time(),
    )


class Jobs:
    """The jobs, plans and scenarios of one database; each call is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.owner = str(uuid.uuid4())

    def close(self) -> None:
        """Close the database's connections."""
        self._engine.dispose()

    def session(self) -> Session:
        """Open a session whose rows stay readable after it closes."""
        return Session(self._engine, expire_on_commit=False)

    def add(self, row: Row, wanted_id: str, id_field: str, *, dry: bool = False) -> Row:
        """Store a row under the wanted id or one made from its content; a repeated request returns the row it made.

        Parameters
        ----------
        row
            The row without its id, with `request_id` (None for none) and `request_hash` set.
        wanted_id
            The id asked for; empty lets the content choose.
        id_field
            The request's field that holds the id, for errors.
        dry
            Check only.

        Raises
        ------
        ExistsError
            When the id, or the request_id with other content, is taken.

        """
        if wanted_id and not ID.fullmatch(wanted_id):
            raise FieldError(
                id_field, f"saw {wanted_id!r}; expected lower-case letters, digits and hyphens, at most 63"
            )
        if row.request_id is not None and len(row.request_id) > 128:
            raise FieldError("request_id", f"saw {len(row.request_id)} characters; expected at most 128")
        table = type(row)
        with self.session() as session, session.begin():
            same_kind: list[ColumnElement[bool]] = [JobRow.kind == row.kind] if isinstance(row, JobRow) else []
            if row.request_id is not None:
                earlier: Row | None = session.scalar(
                    select(table).where(table.request_id == row.request_id, *same_kind)
                )
                if earlier is not None:
                    if earlier.request_hash == row.request_hash:
                        return earlier
                    raise ExistsError(
                        earlier.id,
                        f"request_id {row.request_id!r} made {earlier.id!r} from other content; use a new request_id",
                    )
            taken = set(session.scalars(select(table.id).where(*same_kind)))
            if isinstance(row, JobRow) and row.kind == PLANS:
                taken |= set(session.scalars(select(PlanRow.id)))
            elif isinstance(row, PlanRow):
                taken |= set(session.scalars(select(JobRow.id).where(JobRow.kind == PLANS)))
            if wanted_id in taken:
                raise ExistsError(wanted_id, f"{id_field} {wanted_id!r} is taken; choose another")
            base, count = wanted_id or row.request_hash[:10], 1
            row.id = base
            while row.id in taken:
                count += 1
                row.id = f"{base}-{count}"
            if not dry:
                session.add(row)
        return row

    def get(self, table: type[Row], name: str, collection: str, field: str = "name") -> Row:
        """Return a row by resource name; raise UnknownNameError with the nearest names."""
        wanted = last_part(name, collection, field)
        where = [JobRow.kind == collection] if table is JobRow else []
        with self.session() as session:
            row = session.scalar(select(table).where(table.id == wanted, *where))
            if row is None:
                known = session.scalars(select(table.id).where(*where))
                raise UnknownNameError(collection.removesuffix("s"), name, [f"{collection}/{k}" for k in known])
            return row

    def page(self, table: type[Row], size: int, token: str, *, kind: str = "") -> tuple[Sequence[Row], str]:
        """Return rows in order of creation after the token's, and the next page's token."""
        if size < 0:
            raise FieldError("page_size", f"saw {size}; expected 0 or more")
        if token and not token.isdigit():
            raise FieldError("page_token", f"saw {token!r}; expected the next_page_token of the page before")
        limit = min(size or 100, 1000)
        where = [JobRow.kind == kind] if kind else []
        with self.session() as session:
            rows = session.scalars(
                select(table).where(table.number > int(token or 0), *where).order_by(table.number).limit(limit + 1)
            ).all()
        more = len(rows) > limit
        return rows[:limit], str(rows[limit - 1].number) if more else ""

    def delete(self, row: ScenarioRow | JobRow | PlanRow) -> None:
        """Remove a row, unless it is in use."""
        with self.session() as session, session.begin():
            if isinstance(row, ScenarioRow):
                uses = session.scalar(
                    select(func.count()).select_from(JobRow).where(JobRow.parent == f"scenarios/{row.id}")
                )
                if uses:
                    raise StateError(f"{uses} runs refer to scenarios/{row.id}", "delete those runs first")
            if isinstance(row, JobRow) and row.state not in TERMINAL:
                raise StateError(f"{row.name} is {row.state}", "cancel it first")
            held = session.get(type(row), row.number)
            if held is not None:
                session.delete(held)
            if isinstance(row, PlanRow):
                job = session.scalar(select(JobRow).where(JobRow.kind == PLANS, JobRow.id == row.id))
                if job is not None:
                    session.delete(job)

    def requeue_lost(self) -> int:
        """Queue again what a former owner left running; return how many."""
        with self.session() as session, session.begin():
            lost = update(JobRow).where(JobRow.state == RUNNING, JobRow.lease_owner != self.owner)
            return session.connection().execute(lost.values(state=QUEUED, lease_owner="", lease_until=0.0)).rowcount

    def unfinished(self, kind: str) -> set[str]:
        """Return the ids of jobs that have not ended."""
        with self.session() as session:
            return set(session.scalars(select(JobRow.id).where(JobRow.kind == kind, JobRow.state.not_in(TERMINAL))))

    def claim(self, lease_s: float) -> JobRow | None:
        """Take the oldest queued job, or one whose lease ran out; None when there is none."""
        now = time.time()
        free = (JobRow.state == QUEUED) | ((JobRow.state == RUNNING) & (JobRow.lease_until < now))
        while True:
            with self.session() as session, session.begin():
                row = session.scalar(select(JobRow).where(free).order_by(JobRow.number).limit(1))
                if row is None:
                    return None
                take = update(JobRow).where(
                    JobRow.number == row.number, JobRow.state == row.state, JobRow.attempt == row.attempt
                )
                taken = session.connection().execute(
                    take.values(
                        state=RUNNING,
                        attempt=row.attempt + 1,
                        lease_owner=self.owner,
                        lease_until=now + lease_s,
                        started=now,
                        progress={},
                    )
                )
            if taken.rowcount == 1:
                with self.session() as session:
                    return session.get_one(JobRow, row.number)

    def renew(self, number: int, lease_s: float, progress: Mapping[str, Any]) -> bool:
        """Extend a lease and record progress; False when the job is no longer this server's."""
        return self._mine(number, lease_until=time.time() + lease_s, progress=dict(progress))

    def succeed(
        self, number: int, result: Mapping[str, Any], progress: Mapping[str, Any], plan: PlanRow | None = None
    ) -> bool:
        """Record what a job found, and its plan in the same transaction."""
        values = {
            "state": SUCCEEDED,
            "result": dict(result),
            "progress": dict(progress),
            "ended": time.time(),
            "lease_until": 0.0,
        }
        with self.session() as session, session.begin():
            mine = update(JobRow).where(
                JobRow.number == number, JobRow.state == RUNNING, JobRow.lease_owner == self.owner
            )
            if session.connection().execute(mine.values(**values)).rowcount != 1:
                return False
            if plan is not None:
                session.add(plan)
            return True

    def fail(self, number: int, error: Mapping[str, Any]) -> bool:
        """Record why a job failed."""
        return self._mine(number, state=FAILED, error=dict(error), ended=time.time(), lease_until=0.0)

    def release(self, number: int) -> bool:
        """Queue a claimed job again."""
        return self._mine(number, state=QUEUED, lease_owner="", lease_until=0.0)

    def cancel(self, number: int) -> bool:
        """Mark a job cancelled unless it has ended; False when it had."""
        with self.session() as session, session.begin():
            live = update(JobRow).where(JobRow.number == number, JobRow.state.in_((QUEUED, RUNNING)))
            return (
                session.connection().execute(live.values(state=CANCELLED, ended=time.time(), lease_until=0.0)).rowcount
                == 1
            )

    def _mine(self, number: int, **values: Any) -> bool:
        """Change a job that this server runs."""
        with self.session() as session, session.begin():
            mine = update(JobRow).where(
                JobRow.number == number, JobRow.state == RUNNING, JobRow.lease_owner == self.owner
            )
            return session.connection().execute(mine.values(**values)).rowcount == 1
