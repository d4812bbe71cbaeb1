"""What is stored: scenarios, jobs (runs and designs, each a row with a lease), plans, experiments, tokens, audit."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Double, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = "queued", "running", "succeeded", "failed", "cancelled"
TERMINAL = (SUCCEEDED, FAILED, CANCELLED)


class Base(DeclarativeBase):
    """The set of tables; `migrations` makes them, a test holds the two equal."""


class Kept:
    """What every resource has beside its content. Times are seconds since 1970."""

    client: Mapped[str] = mapped_column(
        String(64), default=""
    )  # who made it: a token's name, or what a client calls itself
    revision: Mapped[int] = mapped_column(default=1)  # grows with every change that a caller makes; the etag follows it
    updated: Mapped[float] = mapped_column(Double, default=0.0)
    archived: Mapped[float | None] = mapped_column(Double)


class ScenarioRow(Kept, Base):
    """A scenario; only its description and whether it is archived can change."""

    __tablename__ = "scenarios"
    __table_args__ = ({"sqlite_autoincrement": True},)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(63), unique=True)
    network: Mapped[str] = mapped_column(String(100))
    interventions: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    description: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    created: Mapped[float] = mapped_column(Double)


class JobRow(Kept, Base):
    """Work that a worker process does: a run of a scenario or the design of a plan."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "id"),
        UniqueConstraint("kind", "request_id"),
        Index("ix_jobs_client_started", "client", "started"),
        {"sqlite_autoincrement": True},
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(10))  # "runs" or "plans"
    id: Mapped[str] = mapped_column(String(63))
    parent: Mapped[str] = mapped_column(String(100), index=True)  # a run's scenario, a design's run
    input: Mapped[dict[str, Any]] = mapped_column(JSON)
    input_hash: Mapped[str] = mapped_column(String(64), index=True)
    request_id: Mapped[str | None] = mapped_column(String(128))
    request_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10), index=True)
    attempt: Mapped[int]
    deaths: Mapped[int] = mapped_column(default=0)  # how many of the attempts ended with their worker's death
    description: Mapped[str] = mapped_column(Text, default="")
    history: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)  # {state, at, attempt, reason}
    files: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # name of each result file: [bytes, SHA-256]
    lease_owner: Mapped[str] = mapped_column(String(36))
    lease_until: Mapped[float] = mapped_column(Double)
    progress: Mapped[dict[str, Any]] = mapped_column(JSON)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created: Mapped[float] = mapped_column(Double)
    started: Mapped[float | None] = mapped_column(Double)
    ended: Mapped[float | None] = mapped_column(Double)

    @property
    def name(self) -> str:
        """The resource name, such as `runs/base-0`."""
        return f"{self.kind}/{self.id}"


class PlanRow(Kept, Base):
    """A finished plan; `document` is what the optimiser's `Plan.to_dict` gave."""

    __tablename__ = "plans"
    __table_args__ = ({"sqlite_autoincrement": True},)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(63), unique=True)
    network: Mapped[str] = mapped_column(String(100))
    placement: Mapped[int]
    run: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text, default="")
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    request_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    created: Mapped[float] = mapped_column(Double)


class TokenRow(Base):
    """A token that lets its bearer in; its secret is kept only as a hash."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    secret_hash: Mapped[str] = mapped_column(String(64))
    scope: Mapped[str] = mapped_column(String(10))  # "read", "write" or "admin"; each holds those before it
    created: Mapped[float] = mapped_column(Double)
    expires: Mapped[float | None] = mapped_column(Double)
    revoked: Mapped[float | None] = mapped_column(Double)


class AuditRow(Base):
    """One call that changed, or tried to change, something."""

    __tablename__ = "audit"
    __table_args__ = ({"sqlite_autoincrement": True},)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[float] = mapped_column(Double, index=True)
    client: Mapped[str] = mapped_column(String(64))
    peer: Mapped[str] = mapped_column(String(100))
    method: Mapped[str] = mapped_column(String(100))
    resource: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(30))


class FactRow(Base):
    """A fact about the store as a whole, such as the mark that its results folder must carry."""

    __tablename__ = "facts"
    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class ExperimentRow(Base):
    """A batch of runs; `spec` is what was asked for, `points` its scenarios after expansion."""

    __tablename__ = "experiments"
    __table_args__ = ({"sqlite_autoincrement": True},)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(63), unique=True)
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    points: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(10), index=True)
    created: Mapped[float] = mapped_column(Double)


class MemberRow(Base):
    """One scenario of an experiment under one seed, and the run that computes it once there is one."""

    __tablename__ = "experiment_runs"
    __table_args__ = (UniqueConstraint("experiment", "scenario", "seed"), {"sqlite_autoincrement": True})
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    experiment: Mapped[str] = mapped_column(String(63), index=True)
    scenario: Mapped[str] = mapped_column(String(200))
    seed: Mapped[int] = mapped_column(BigInteger)
    order: Mapped[int] = mapped_column("run_order")
    input_hash: Mapped[str] = mapped_column(String(64), index=True)
    run: Mapped[str] = mapped_column(String(63), index=True)  # the run's id; empty before it was started
    reused: Mapped[bool]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # why it could not even be started
