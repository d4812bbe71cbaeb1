"""What is stored: scenarios, jobs (runs and designs, each a row with a lease) and plans."""

from typing import Any

from sqlalchemy import JSON, Double, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = "queued", "running", "succeeded", "failed", "cancelled"
TERMINAL = (SUCCEEDED, FAILED, CANCELLED)


class Base(DeclarativeBase):
    """The set of tables; `migrations` makes them, a test holds the two equal."""


class ScenarioRow(Base):
    """A scenario as it was created."""

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


class JobRow(Base):
    """Work that a worker process does: a run of a scenario or the design of a plan. Times are seconds since 1970."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "id"),
        UniqueConstraint("kind", "request_id"),
        {"sqlite_autoincrement": True},
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(10))  # "runs" or "plans"
    id: Mapped[str] = mapped_column(String(63))
    parent: Mapped[str] = mapped_column(String(100), index=True)  # a run's scenario, a design's run
    input: Mapped[dict[str, Any]] = mapped_column(JSON)
    input_hash: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(128))
    request_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10), index=True)
    attempt: Mapped[int]
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


class PlanRow(Base):
    """A finished plan; `document` is what the optimiser's `Plan.to_dict` gave."""

    __tablename__ = "plans"
    __table_args__ = ({"sqlite_autoincrement": True},)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(63), unique=True)
    network: Mapped[str] = mapped_column(String(100))
    placement: Mapped[int]
    run: Mapped[str] = mapped_column(String(100))
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    request_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    created: Mapped[float] = mapped_column(Double)
