"""Bundles as jobs: what is asked for, its pieces, what is asked for at the end of each period.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.roles import grants_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "export",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("namespaces", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("dialect", sa.String(), nullable=False),
        sa.Column("filters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("schedule", sa.String(), nullable=True),
        sa.Column("period", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("manifest", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED', 'EXPIRED')",
            name=op.f("ck_export_state_known"),
        ),
        sa.CheckConstraint(
            "profile IN ('models', 'osfi-e23', 'omb-2025')", name=op.f("ck_export_profile_known")
        ),
        sa.CheckConstraint(
            "dialect IN ('plain', 'excel', 'raw')", name=op.f("ck_export_dialect_known")
        ),
        sa.CheckConstraint(
            "(schedule IS NULL) = (period IS NULL)", name=op.f("ck_export_period_whole")
        ),
        sa.CheckConstraint(
            "(state = 'RUNNING') = (worker IS NOT NULL)", name=op.f("ck_export_worker_known")
        ),
        sa.CheckConstraint(
            "state NOT IN ('DONE', 'EXPIRED') OR (size IS NOT NULL AND sha256 IS NOT NULL"
            " AND manifest IS NOT NULL AND expires_at IS NOT NULL)",
            name=op.f("ck_export_done_whole"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_export_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
        sa.UniqueConstraint("schedule", "period", name=op.f("uq_export_schedule_period")),
    )
    op.create_index(op.f("ix_export_account_id_id"), "export", ["account_id", "id"], unique=False)
    op.create_index(
        op.f("ix_export_asked_at_id"),
        "export",
        ["asked_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('QUEUED', 'RUNNING')"),
    )
    op.create_index(
        op.f("ix_export_expires_at"),
        "export",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'DONE'"),
    )
    op.create_table(
        "export_chunk",
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "octet_length(bytes) <= 1048576", name=op.f("ck_export_chunk_bytes_bounded")
        ),
        sa.ForeignKeyConstraint(
            ["export_id"], ["export.id"], name=op.f("fk_export_chunk_export_id")
        ),
        sa.PrimaryKeyConstraint("export_id", "number", name=op.f("pk_export_chunk")),
    )
    # A ZIP is compressed already: another try only takes time.
    op.execute("ALTER TABLE export_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL")
    op.create_table(
        "export_schedule",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("namespaces", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("dialect", sa.String(), nullable=False),
        sa.Column("filters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("every", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "name ~ '^[a-z0-9][a-z0-9-]{0,39}$'", name=op.f("ck_export_schedule_name_form")
        ),
        sa.CheckConstraint(
            "every IN ('month', 'quarter', 'year')", name=op.f("ck_export_schedule_every_known")
        ),
        sa.CheckConstraint(
            "profile IN ('models', 'osfi-e23', 'omb-2025')",
            name=op.f("ck_export_schedule_profile_known"),
        ),
        sa.CheckConstraint(
            "dialect IN ('plain', 'excel', 'raw')", name=op.f("ck_export_schedule_dialect_known")
        ),
        sa.CheckConstraint("next_from < due_at", name=op.f("ck_export_schedule_period_ends")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_export_schedule_account_id")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_export_schedule")),
    )
    op.create_index(
        op.f("ix_export_schedule_account_id"), "export_schedule", ["account_id"], unique=False
    )
    op.execute(grants_sql())


def downgrade() -> None:
    op.drop_index(op.f("ix_export_schedule_account_id"), table_name="export_schedule")
    op.drop_table("export_schedule")
    op.drop_table("export_chunk")
    op.drop_index(
        op.f("ix_export_expires_at"),
        table_name="export",
        postgresql_where=sa.text("state = 'DONE'"),
    )
    op.drop_index(
        op.f("ix_export_asked_at_id"),
        table_name="export",
        postgresql_where=sa.text("state IN ('QUEUED', 'RUNNING')"),
    )
    op.drop_index(op.f("ix_export_account_id_id"), table_name="export")
    op.drop_table("export")
