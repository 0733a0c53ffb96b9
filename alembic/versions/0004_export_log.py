"""What was exported is found in the ledger without reading all of it.

Revision: 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")  # blocks no writer, takes its time
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_change_id_export")  # of a failed try
        op.create_index(
            "ix_change_id_export",
            "change",
            ["id"],
            unique=False,
            postgresql_where=sa.text("kind = 'export'"),
            postgresql_concurrently=True,
        )
        op.execute("SET statement_timeout = '5s'")


def downgrade() -> None:
    op.drop_index(
        "ix_change_id_export",
        table_name="change",
        postgresql_where=sa.text("kind = 'export'"),
    )
