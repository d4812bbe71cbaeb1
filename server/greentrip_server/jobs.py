"""Jobs as rows: made once a request, claimed by compare-and-set, finished with what they found."""

import base64
import hashlib
import json
import re
import threading
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from greentrip_networks.errors import LimitError, UnknownNameError
from sqlalchemy import ColumnElement, Engine, event, func, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from greentrip_server.caller import CALLER
from greentrip_server.code import code_version
from greentrip_server.database import is_sqlite, now
from greentrip_server.errors import ChangedError, ExistsError, FieldError, StateError
from greentrip_server.kinds import PLANS, RUNS
from greentrip_server.tables import (
    CANCELLED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    TERMINAL,
    FactRow,
    JobRow,
    PlanRow,
    ScenarioRow,
)

ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MOST_ID = 63
MOST_DESCRIPTION = 4000
MOST_HISTORY = 100  # states kept of one job; in between they are left out
_ASKED_AT_ONCE = 500  # hashes in one question to the database
_MOST_READ = 2000  # rows held in memory, some kB each
_ASKED_AT_ONCE = 500  # hashes in one question to the database
_NEAREST_OF = 2000  # names among which the nearest are looked for

Row = TypeVar("Row", ScenarioRow, JobRow, PlanRow)


def digest(content: Any) -> str:
    """Return the SHA-256 of plain data, the same for the same content."""
    written = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


def etag(row: ScenarioRow | JobRow | PlanRow) -> str:
    """Return a mark that differs after every change that a caller could care for."""
    state = (row.state, row.attempt) if isinstance(row, JobRow) else ()
    return digest([row.number, row.revision, *state])[:16]


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
    """Return the hash of everything a job's result depends on: its inputs and the code that computes it."""
    return digest({**content, "version": code_version()})


def check_description(written: str, field: str) -> str:
    """Return a description that is not too long."""
    if len(written) > MOST_DESCRIPTION:
        raise FieldError(field, f"saw {len(written)} characters; expected at most {MOST_DESCRIPTION}")
    return written


def queued_run(
    content: Mapping[str, Any],
    *,
    parent: str,
    request_id: str = "",
    request_hash: str,
    description: str = "",
    time_limit_s: float | None = None,
) -> JobRow:
    """Return the row of a run that waits for a worker, without its id."""
    return queued(
        RUNS,
        content,
        parent=parent,
        request_id=request_id,
        request_hash=request_hash,
        description=description,
        time_limit_s=time_limit_s,
    )


def queued(
    kind: str,
    content: Mapping[str, Any],
    *,
    parent: str,
    request_id: str,
    request_hash: str,
    description: str = "",
    time_limit_s: float | None = None,
) -> JobRow:
    """Return the row of a job that waits for a worker, without its id.

    Parameters
    ----------
    kind
        `runs` or `plans`.
    content
        All that decides the result.
    parent
        What the job works on: a run's scenario or network, a design's run.
    request_id
        The caller's; empty for none.
    request_hash
        Hash of what must be equal when the request_id is used again.
    description
        A sentence for people.
    time_limit_s
        Seconds that one attempt may compute; no part of the result's hash.

    """
    return JobRow(
        kind=kind,
        parent=parent,
        input={**content, **({"time_limit_s": time_limit_s} if time_limit_s is not None else {})},
        input_hash=run_hash(content),
        request_id=request_id or None,
        request_hash=request_hash,
        description=description,
        state=QUEUED,
        attempt=0,
        deaths=0,
        lease_owner="",
        lease_until=0.0,
        progress={},
        files={},
        history=[_passed(QUEUED, 0, "")],
        created=time.time(),
    )


class Jobs:
    """The jobs, plans and scenarios of one database; each call is one transaction."""

    def __init__(self, engine: Engine, *, shared: bool | None = None) -> None:
        self.engine = self._engine = engine
        self._writing = engine.execution_options(write=True)
        self.owner = str(uuid.uuid4())
        # Whether other processes may write to the same database: other servers, or for a clerk its server.
        self.shared = not is_sqlite(engine) if shared is None else shared
        # Rows read since they were last written: only this process writes to a database that is not shared.
        self._read: dict[tuple[str, str, str], Any] = {}
        self._writes = 0
        self._memory = threading.Lock()

    @property
    def writes(self) -> int:
        """How often this process changed what callers see; it may grow without need."""
        return self._writes

    def close(self) -> None:
        """Close the database's connections."""
        self._engine.dispose()

    def session(self, *, write: bool = False, shown: bool = True) -> Session:
        """Open a session whose rows stay readable after it; shown: whether callers could see what it writes."""
        made = Session(self._writing if write else self._engine, expire_on_commit=False)
        if write and shown:
            touched: set[tuple[str, str, str]] = set()

            def note(session: Session, _: object) -> None:
                touched.update(_key(row) for row in (*session.new, *session.dirty, *session.deleted))

            def forget(_: Session) -> None:
                with self._memory:
                    self._writes += 1
                    for key in touched:
                        self._read.pop(key, None)

            event.listen(made, "after_flush", note)
            event.listen(made, "after_commit", forget)
        return made

    def mark(self) -> str:
        """Return the mark of this store, made when it is first asked for."""
        with self.session() as session:
            held = session.get(FactRow, "mark")
        if held is not None:
            return held.value
        try:
            with self.session(write=True) as session, session.begin():
                session.add(FactRow(name="mark", value=str(uuid.uuid4())))
        except IntegrityError:
            pass  # another server was quicker
        return self.mark()

    def ping(self) -> None:
        """Ask the database for an answer."""
        with self.session() as session:
            session.execute(text("SELECT 1"))

    def add(
        self, row: Row, wanted_id: str, id_field: str, *, dry: bool = False, at_most: Mapping[str, int] | None = None
    ) -> Row:
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
        at_most
            Unfinished jobs of the row's kind: `queue` in all, `queue_of_client` of its caller.

        Raises
        ------
        ExistsError
            When the id, or the request_id with other content, is taken.
        LimitError
            When the queue is full.

        """
        if wanted_id and not ID.fullmatch(wanted_id):
            raise FieldError(
                id_field, f"saw {wanted_id!r}; expected lower-case letters, digits and hyphens, at most {MOST_ID}"
            )
        if row.request_id is not None and len(row.request_id) > 128:
            raise FieldError("request_id", f"saw {len(row.request_id)} characters; expected at most 128")
        row.client, row.revision, row.updated = CALLER.get().name, 1, row.created
        for tries_left in reversed(range(5)):
            try:
                with self.session(write=True) as session, session.begin():
                    return self._add(session, row, wanted_id, id_field, dry=dry, at_most=at_most or {})
            except IntegrityError:  # another server stored the same name or request between our look and our write
                if not tries_left:
                    raise
                row = _copy(row)
        raise AssertionError

    def _add(
        self, session: Session, row: Row, wanted_id: str, id_field: str, *, dry: bool, at_most: Mapping[str, int]
    ) -> Row:
        """Do what `add` says in an open transaction."""
        table = type(row)
        same_kind: list[ColumnElement[bool]] = [JobRow.kind == row.kind] if isinstance(row, JobRow) else []
        if row.request_id is not None:
            earlier: Row | None = session.scalar(select(table).where(table.request_id == row.request_id, *same_kind))
            if earlier is not None:
                if earlier.request_hash == row.request_hash:
                    return earlier
                raise ExistsError(
                    earlier.id,
                    f"request_id {row.request_id!r} made {earlier.id!r} from other content; use a new request_id",
                )
        base, count = wanted_id or row.request_hash[:10], 1

        def ids(of: Any, *where: ColumnElement[bool]) -> set[str]:
            near = or_(of.id == base, of.id.startswith(f"{base}-", autoescape=True))
            return set(session.scalars(select(of.id).where(near, *where)))

        taken = ids(table, *same_kind)
        if isinstance(row, JobRow) and row.kind == PLANS:
            taken |= ids(PlanRow)
        elif isinstance(row, PlanRow):
            taken |= ids(JobRow, JobRow.kind == PLANS)
        if wanted_id in taken:
            raise ExistsError(wanted_id, f"{id_field} {wanted_id!r} is taken; choose another")
        row.id = base
        while row.id in taken:
            count += 1
            row.id = f"{base}-{count}"
        if isinstance(row, JobRow):
            live: list[ColumnElement[bool]] = [JobRow.kind == row.kind, JobRow.state.not_in(TERMINAL)]
            of_client = [*live, JobRow.client == row.client]
            for limit, where in (("queue", live), ("queue_of_client", of_client)):
                if limit in at_most:
                    waiting = session.scalar(select(func.count()).select_from(JobRow).where(*where)) or 0
                    if waiting >= at_most[limit]:
                        raise LimitError(limit, waiting + 1, at_most[limit], f"unfinished {row.kind}")
        if not dry:
            session.add(row)
            session.flush()
        return row

    def get(self, table: type[Row], name: str, collection: str, field: str = "name") -> Row:
        """Return a row by resource name, not to be changed; raise UnknownNameError with the nearest names."""
        wanted = last_part(name, collection, field)
        row = self.known(table, name, collection)
        if row is not None:
            return row
        writes = self._writes
        where = [JobRow.kind == collection] if table is JobRow else []
        with self.session() as session:
            row = session.scalar(select(table).where(table.id == wanted, *where))
            if row is None:
                known = session.scalars(
                    select(table.id).where(*where).order_by(table.number.desc()).limit(_NEAREST_OF)
                ).all()
                raise UnknownNameError(collection.removesuffix("s"), name[:200], [f"{collection}/{k}" for k in known])
        if not self.shared:
            with self._memory:
                if writes == self._writes and len(self._read) < _MOST_READ:
                    self._read[table.__tablename__, collection, name] = row
        return row

    def known(self, table: type[Row], name: str, collection: str) -> Row | None:
        """Return a row that was read and cannot have changed since; None when it must be read."""
        row: Row | None = self._read.get((table.__tablename__, collection, name))
        return row

    def tries(self, input_hash: str) -> int:
        """Return how many runs were made of the same inputs, code and seed, however they ended."""
        with self.session() as session:
            same = select(func.count()).select_from(JobRow).where(JobRow.kind == RUNS, JobRow.input_hash == input_hash)
            return session.scalar(same) or 0

    def reusable(self, input_hashes: Collection[str]) -> dict[str, JobRow]:
        """Return, by hash of inputs, code and seed, a run of them that has finished or will, a finished one first."""
        asked, rows = sorted(input_hashes), list[JobRow]()
        with self.session() as session:
            for first in range(0, len(asked), _ASKED_AT_ONCE):
                same = JobRow.input_hash.in_(asked[first : first + _ASKED_AT_ONCE])
                live = JobRow.state.in_((SUCCEEDED, RUNNING, QUEUED))
                rows += session.scalars(select(JobRow).where(JobRow.kind == RUNS, same, live)).all()
        rows.sort(key=lambda r: (r.state == SUCCEEDED, -r.number))
        return {r.input_hash: r for r in rows}  # the last of a hash counts

    def page(
        self,
        table: type[Row],
        size: int,
        token: str,
        *,
        kind: str = "",
        where: Sequence[ColumnElement[bool]] = (),
        asked: Any = None,
        archived: bool = True,
    ) -> tuple[Sequence[Row], str]:
        """Return rows in order of creation after the token's, and the next page's token.

        Rows made or removed meanwhile neither shift nor repeat the others. asked is what else of the request the pages
        follow from, such as its filter; a token goes with the request that it came from.
        """
        if size < 0:
            raise FieldError("page_size", f"saw {size}; expected 0 or more")
        limit = min(size or 100, 1000)
        of = digest([table.__tablename__, kind, archived, asked])[:12]
        clauses = [table.number > page_after(token, of), *where]
        if kind:
            clauses.append(JobRow.kind == kind)
        if not archived:
            clauses.append(table.archived.is_(None))
        with self.session() as session:
            rows = session.scalars(select(table).where(*clauses).order_by(table.number).limit(limit + 1)).all()
        more = len(rows) > limit
        return rows[:limit], page_token(rows[limit - 1].number, of) if more else ""

    def update(self, table: type[Row], name: str, collection: str, mark: str, values: Mapping[str, Any]) -> Row:
        """Change what a caller may change of a resource; an etag that is not its own is refused."""
        found = self.get(table, name, collection)
        with self.session(write=True) as session, session.begin():
            row = session.get(table, found.number, with_for_update=True)
            if row is None:
                raise UnknownNameError(collection.removesuffix("s"), name, [])
            _check_etag(row, mark, name)
            if any(getattr(row, field) != value for field, value in values.items()):
                for field, value in values.items():
                    setattr(row, field, value)
                row.revision += 1
                row.updated = time.time()
        return row

    def delete(self, row: ScenarioRow | JobRow | PlanRow, mark: str = "") -> None:
        """Remove a row, unless it is in use or an etag is given that is not its own."""
        with self.session(write=True) as session, session.begin():
            held: Any = session.get(type(row), row.number, with_for_update=True)
            if held is None:
                return
            _check_etag(held, mark, "it")
            if isinstance(held, ScenarioRow):
                uses = session.scalar(
                    select(func.count()).select_from(JobRow).where(JobRow.parent == f"scenarios/{held.id}")
                )
                if uses:
                    raise StateError(f"{uses} runs refer to scenarios/{held.id}", "delete those runs first")
            if isinstance(held, JobRow) and held.state not in TERMINAL:
                raise StateError(f"{held.name} is {held.state}", "cancel it first")
            session.delete(held)
            if isinstance(held, PlanRow):
                job = session.scalar(select(JobRow).where(JobRow.kind == PLANS, JobRow.id == held.id))
                if job is not None:
                    session.delete(job)

    def archived_before(self, moment: float) -> list[ScenarioRow | JobRow | PlanRow]:
        """Return what was archived before a moment and has ended, those first that others refer to least."""
        found: list[ScenarioRow | JobRow | PlanRow] = []
        with self.session() as session:
            found += session.scalars(select(JobRow).where(JobRow.archived < moment, JobRow.state.in_(TERMINAL)))
            found += session.scalars(select(PlanRow).where(PlanRow.archived < moment))
            found += session.scalars(select(ScenarioRow).where(ScenarioRow.archived < moment))
        return found

    def requeue_lost(self) -> int:
        """Queue again what a former owner of this data directory left running; return how many."""
        with self.session(write=True) as session, session.begin():
            lost = session.scalars(
                select(JobRow).where(JobRow.state == RUNNING, JobRow.lease_owner != self.owner)
            ).all()
            for row in lost:
                _turn(row, QUEUED, "its server ended", lease_owner="", lease_until=0.0)
            return len(lost)

    def count_by_state(self) -> list[tuple[str, str, int]]:
        """Return how many jobs there are of each kind and state."""
        with self.session() as session:
            found = session.execute(select(JobRow.kind, JobRow.state, func.count()).group_by(JobRow.kind, JobRow.state))
            return [(kind, state, count) for kind, state, count in found]

    def state(self, number: int) -> str:
        """Return a job's state; empty when it is gone."""
        with self.session() as session:
            return session.scalar(select(JobRow.state).where(JobRow.number == number)) or ""

    def unfinished(self, kind: str) -> dict[str, int]:
        """Return the ids and attempts of jobs that have not ended."""
        with self.session() as session:
            found = session.execute(
                select(JobRow.id, JobRow.attempt).where(JobRow.kind == kind, JobRow.state.not_in(TERMINAL))
            )
            return {job_id: attempt for job_id, attempt in found}  # noqa: C416 - rows are no pairs to the type checker

    def succeeded(self, kind: str) -> list[JobRow]:
        """Return the jobs that have succeeded."""
        with self.session() as session:
            return list(session.scalars(select(JobRow).where(JobRow.kind == kind, JobRow.state == SUCCEEDED)))

    def claim(self, lease_s: float, kinds: Sequence[str] = (RUNS, PLANS)) -> JobRow | None:
        """Take a queued job of these kinds, or one whose lease another server let run out; None when there is none.

        Clients take turns: first those with the fewest running jobs, then the one that was served longest ago; of its
        jobs the oldest.
        """
        clock = now(self._engine)
        turns = (
            select(
                JobRow.client,
                func.count().filter(JobRow.state == RUNNING).label("running"),
                func.max(JobRow.started).label("served"),
            )
            .group_by(JobRow.client)
            .subquery()
        )
        # Not this server's own: a clock that jumps must not make it start a job beside itself.
        lost = (JobRow.state == RUNNING) & (JobRow.lease_until < clock) & (JobRow.lease_owner != self.owner)
        fair = (
            select(JobRow)
            .join(turns, turns.c.client == JobRow.client)
            .where((JobRow.state == QUEUED) | lost, JobRow.kind.in_(kinds))
            .order_by(turns.c.running, func.coalesce(turns.c.served, 0.0), JobRow.number)
            .limit(1)
        )
        while True:
            with self.session(write=True) as session, session.begin():
                first = session.scalar(fair)
                if first is None:
                    return None
                seen = (first.state, first.attempt)
                row = session.get(JobRow, first.number, with_for_update={"skip_locked": True}, populate_existing=True)
                if row is None or (row.state, row.attempt) != seen:
                    continue  # another server was quicker
                reason = "its server was not heard of" if row.state == RUNNING else ""
                moment = session.scalar(select(clock)) or 0.0
                _turn(
                    row,
                    RUNNING,
                    reason,
                    attempt=row.attempt + 1,
                    lease_owner=self.owner,
                    lease_until=float(moment) + lease_s,
                    started=time.time(),
                    progress={},
                )
                return row

    def renew(self, number: int, lease_s: float, progress: Mapping[str, Any]) -> bool:
        """Extend a lease and record progress; False when the job is no longer this server's."""
        with self.session(write=True, shown=False) as session, session.begin():
            row = self._mine(session, number)
            if row is None:
                return False
            row.lease_until = float(session.scalar(select(now(self._engine))) or 0.0) + lease_s
            row.progress = dict(progress)
            return True

    def succeed(
        self,
        number: int,
        result: Mapping[str, Any],
        progress: Mapping[str, Any],
        plan: PlanRow | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> bool:
        """Record what a job found, and its plan in the same transaction."""
        with self.session(write=True) as session, session.begin():
            row = self._mine(session, number)
            if row is None:
                return False
            _end(row, SUCCEEDED, "", result=dict(result), progress=dict(progress), files=dict(files or {}))
            if plan is not None:
                plan.client, plan.revision, plan.updated = row.client, 1, plan.created
                plan.description = row.description
                session.add(plan)
            return True

    def fail(self, number: int, error: Mapping[str, Any]) -> bool:
        """Record why a job failed."""
        with self.session(write=True) as session, session.begin():
            row = self._mine(session, number)
            if row is not None:
                _end(row, FAILED, str(error.get("message", ""))[:500], error=dict(error))
            return row is not None

    def release(self, number: int, reason: str = "", *, died: bool = False) -> bool:
        """Queue a claimed job again; died counts an attempt that ended with its worker's death."""
        with self.session(write=True) as session, session.begin():
            row = self._mine(session, number)
            if row is not None:
                _turn(row, QUEUED, reason, lease_owner="", lease_until=0.0, deaths=row.deaths + died)
            return row is not None

    def cancel(self, number: int) -> bool:
        """Mark a job cancelled unless it has ended; False when it had."""
        with self.session(write=True) as session, session.begin():
            row = session.get(JobRow, number, with_for_update=True)
            if row is None or row.state in TERMINAL:
                return False
            _end(row, CANCELLED, f"asked for by {CALLER.get().name}")
            return True

    def retry(self, number: int, mark: str = "") -> JobRow:
        """Queue a failed or cancelled job again; one that waits or runs stays as it is."""
        with self.session(write=True) as session, session.begin():
            row = session.get(JobRow, number, with_for_update=True)
            if row is None:  # deleted since the caller looked it up
                raise UnknownNameError("job", str(number), [])
            _check_etag(row, mark, row.name)
            if row.state == SUCCEEDED:
                raise StateError(f"{row.name} has succeeded", "create a new one to compute it again")
            if row.state in TERMINAL:
                _turn(row, QUEUED, f"asked for by {CALLER.get().name}", error=None, ended=None, deaths=0, progress={})
            return row

    def lose(self, number: int, error: Mapping[str, Any]) -> None:
        """Mark a succeeded job failed because what it found is gone."""
        with self.session(write=True) as session, session.begin():
            row = session.get(JobRow, number, with_for_update=True)
            if row is not None:
                _end(row, FAILED, str(error.get("message", ""))[:500], error=dict(error), result=None, files={})

    def _mine(self, session: Session, number: int) -> JobRow | None:
        """Return a job that this server runs, held until the transaction ends."""
        row = session.get(JobRow, number, with_for_update=True)
        return row if row is not None and row.state == RUNNING and row.lease_owner == self.owner else None


def page_token(after: int, of: str) -> str:
    """Return the token of the page after a row."""
    return base64.urlsafe_b64encode(f"{after}.{of}".encode()).decode().rstrip("=")


def page_after(token: str, of: str) -> int:
    """Return the row that a token's page comes after, 0 for the first; raise FieldError for a token of another list."""
    if not token:
        return 0
    try:
        after, _, made_for = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii").partition(".")
        number = int(after)
    except ValueError:
        number, made_for = -1, ""
    if not 0 <= number < 1 << 63 or made_for != of:
        raise FieldError(
            "page_token",
            f"saw {token[:100]!r}; expected the next_page_token of the page before, with the same filter",
        )
    return number


def _check_etag(row: ScenarioRow | JobRow | PlanRow, mark: str, name: str) -> None:
    """Refuse an etag that is given and not the row's."""
    if mark and mark != etag(row):
        raise ChangedError(f"{name} has changed since it was read; read it again and decide anew")


def _passed(state: str, attempt: int, reason: str) -> dict[str, Any]:
    """Return an entry of a job's history."""
    return {"state": state, "at": time.time(), "attempt": attempt, "reason": reason}


def _turn(row: JobRow, state: str, reason: str, **values: Any) -> None:
    """Bring a job to a state and remember it."""
    for field, value in values.items():
        setattr(row, field, value)
    row.state = state
    history = [*row.history, _passed(state, row.attempt, reason)]
    row.history = [history[0], *history[1 - MOST_HISTORY :]] if len(history) > MOST_HISTORY else history


def _end(row: JobRow, state: str, reason: str, **values: Any) -> None:
    """Bring a job to an end."""
    _turn(row, state, reason, ended=time.time(), lease_until=0.0, **values)


def _key(row: Any) -> tuple[str, str, str]:
    """Return what a row is remembered by: its table, its collection and its resource name."""
    table = str(row.__tablename__)
    collection = row.kind if isinstance(row, JobRow) else table
    return table, collection, f"{collection}/{getattr(row, 'id', '')}"


def _copy(row: Row) -> Row:
    """Return a row that no session has seen."""
    return type(row)(
        **{c.key: getattr(row, c.key) for c in type(row).__table__.columns if c.key not in ("number", "id")}
    )
