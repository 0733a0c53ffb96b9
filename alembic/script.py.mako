"""${message}.

Revision: ${up_revision}, after ${down_revision | comma,n}.
"""

# Policy. A revision is one transaction, or one concurrent step that can be repeated; never both.
# It waits at most 4 s for a lock and runs at most 5 s a statement. Expand first, contract one
# release later: the previous release has to run on the new schema. New columns are nullable or
# have a constant default; constraints start NOT VALID; indexes of large tables are built
# concurrently in a revision of their own. A column of a versioned table is added to its history
# table too, and the table's triggers are made again, since they name the columns. A revision that
# makes tables ends with op.execute(grants_sql()), from service.roles: without it the service's role
# cannot read them.

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
