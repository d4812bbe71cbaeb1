"""Keep who made what, descriptions, archives, states passed, result files, tokens, an audit log and facts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and tables; what was there is of nobody, at its first revision."""
    for table in ("scenarios", "jobs", "plans"):
        op.add_column(table, sa.Column("client", sa.String(64), nullable=False, server_default=""))
        op.add_column(table, sa.Column("revision", sa.Integer, nullable=False, server_default="1"))
        op.add_column(table, sa.Column("updated", sa.Double, nullable=False, server_default="0"))
        op.add_column(table, sa.Column("archived", sa.Double))
        op.execute(sa.text(f"UPDATE {table} SET updated = created"))  # noqa: S608 - the names stand above
    op.add_column("jobs", sa.Column("deaths", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("description", sa.Text, nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("history", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("jobs", sa.Column("files", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("plans", sa.Column("description", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_jobs_client_started", "jobs", ["client", "started"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(10), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double),
        sa.Column("revoked", sa.Double),
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Double, nullable=False, index=True),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("peer", sa.String(100), nullable=False),
        sa.Column("method", sa.String(100), nullable=False),
        sa.Column("resource", sa.String(200), nullable=False),
        sa.Column("code", sa.String(30), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.String(30), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("facts", "audit", "tokens"):
        op.drop_table(table)
    op.drop_index("ix_jobs_client_started", "jobs")
    op.drop_column("plans", "description")
    for column in ("files", "history", "description", "deaths"):
        op.drop_column("jobs", column)
    for table in ("plans", "jobs", "scenarios"):
        for column in ("archived", "updated", "revision", "client"):
            op.drop_column(table, column)
