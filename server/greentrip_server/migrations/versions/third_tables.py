"""Make the tables of experiments and their runs; let runs be found by what they were computed from."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "experiments",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(63), nullable=False, unique=True),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("points", sa.JSON, nullable=False),
        sa.Column("state", sa.String(10), nullable=False, index=True),
        sa.Column("created", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "experiment_runs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("experiment", sa.String(63), nullable=False, index=True),
        sa.Column("scenario", sa.String(200), nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("run_order", sa.Integer, nullable=False),
        sa.Column("input_hash", sa.String(64), nullable=False, index=True),
        sa.Column("run", sa.String(63), nullable=False, index=True),
        sa.Column("reused", sa.Boolean, nullable=False),
        sa.Column("error", sa.JSON),
        sa.UniqueConstraint("experiment", "scenario", "seed"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_input_hash", "jobs", ["input_hash"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index("ix_jobs_input_hash", "jobs")
    for table in ("experiment_runs", "experiments"):
        op.drop_table(table)
