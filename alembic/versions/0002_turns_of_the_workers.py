"""Turns of the workers.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

from service.roles import grants_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turn",
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_turn_failures_counted")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_turn_source_id")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_turn")),
    )
    op.create_index(
        "ix_entry_replaced_by",
        "entry",
        ["replaced_by"],
        postgresql_where=sa.text("replaced_by IS NOT NULL"),
    )
    op.execute(grants_sql())


def downgrade() -> None:
    op.drop_index("ix_entry_replaced_by", table_name="entry")
    op.drop_table("turn")
