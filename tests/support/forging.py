"""Changes what is sealed, as an owner of the database can who turns the triggers off."""

from typing import Final

import sqlalchemy as sa

from service.db import Database

KEPT: Final = ("change", "ledger_leaf", "ledger_tile", "ledger_checkpoint")


def forge_ledger(owner: Database, *statements: str, **values: object) -> None:
    """Run statements with everything turned off that refuses them; then it is as it was."""
    with owner.writing() as session:
        for table in KEPT:
            session.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for statement in statements:
            session.execute(sa.text(statement), values)
        for table in KEPT:
            session.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER ALL"))
            for trigger in ("refuse_rows", "refuse_truncate"):
                session.execute(sa.text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"))
