"""Looks whether a database is as migrations and roles leave it: rights, triggers, indexes."""

from typing import Any, Final

import sqlalchemy as sa

from service.db import APP_ROLE, Database
from service.ledger.tables import CheckpointRow, LeafRow, TileRow
from service.roles import SEALER
from service.tables import APPEND_ONLY, METADATA, VERSIONED

NEEDED: Final = sa.text("""
SELECT wanted FROM unnest(CAST(:rights AS text[])) AS wanted
 WHERE CASE WHEN wanted IN ('DELETE', 'TRUNCATE')
            THEN has_table_privilege(:role, to_regclass(:table), wanted)
            ELSE has_any_column_privilege(:role, to_regclass(:table), wanted) END
""")
HAS_ROLE: Final = sa.text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)")
OWNS: Final = sa.text("""
SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class
 WHERE oid = 'public.observation'::regclass
""")
INVALID: Final = sa.text("""
SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
 WHERE NOT indisvalid AND relnamespace = 'public'::regnamespace ORDER BY 1
""")
ALWAYS: Final = sa.text("""
SELECT relname || ' ' || tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
 WHERE c.relnamespace = 'public'::regnamespace AND NOT tgisinternal AND tgenabled = 'A'
""")
KEEPING: Final = ("stamp", "keep_updated", "keep_deleted", "refuse_truncate")
REFUSING: Final = ("refuse_rows", "refuse_truncate")
FORBIDDEN: Final = frozenset({"UPDATE", "DELETE", "TRUNCATE"})  # on what is only appended to
SEALED: Final = tuple(table.__table__.name for table in (LeafRow, TileRow, CheckpointRow))
SEALS: Final = {"change": {"SELECT"}} | {name: {"SELECT", "INSERT"} for name in SEALED}


def single_role(database: Database) -> bool:
    """Does the service's session work with the owner's rights, because it may have no others?"""
    with database.engine.connect() as connection:
        return bool(connection.execute(OWNS).scalar_one())


def faults(database: Database) -> list[str]:
    """What is not as it should be, a line each."""
    found = []
    with database.engine.connect() as connection:
        found += [f"index {name} is invalid: drop it and run `db upgrade`"
                  for name in connection.execute(INVALID).scalars()]  # fmt: skip
        there = set(connection.execute(ALWAYS).scalars())
        found += [f"trigger {name} is missing or off" for name in sorted(expected() - there)]
        if connection.execute(HAS_ROLE, {"role": APP_ROLE}).scalar_one():
            found += _wrong_rights(connection)
        if connection.execute(HAS_ROLE, {"role": SEALER}).scalar_one():
            found += _wrong_sealing(connection)
    return found


def expected() -> set[str]:
    """The triggers that keep what is written, as `table trigger`."""
    kept = {(table.name, name) for table in VERSIONED for name in KEEPING}
    kept |= {(table, name) for table in APPEND_ONLY for name in REFUSING}
    return {" ".join(one) for one in kept}


def _wrong_rights(connection: sa.Connection) -> list[str]:
    found = []
    for table in METADATA.sorted_tables:
        if (
            connection.execute(sa.text("SELECT to_regclass(:t)"), {"t": table.name}).scalar()
            is None
        ):
            continue
        may = _may(connection, APP_ROLE, table=table.name)
        if "SELECT" not in may:
            found.append(f"{APP_ROLE} may not read {table.name}")
        kept = table.name in APPEND_ONLY or table.name.endswith("_history")
        if kept and may & FORBIDDEN:
            found.append(f"{APP_ROLE} may change {table.name}, which is kept as it was written")
        if table.name in SEALED and "INSERT" in may:
            found.append(f"{APP_ROLE} may write {table.name}, which only {SEALER} may")
    return found


def _wrong_sealing(connection: sa.Connection) -> list[str]:
    found = []
    for table, needed in SEALS.items():
        may = _may(connection, SEALER, table=table)
        if lacks := needed - may:
            found.append(f"{SEALER} lacks {' and '.join(sorted(lacks))} on {table}")
        if may - needed:
            found.append(f"{SEALER} may {' and '.join(sorted(may - needed))} on {table}")
    return found


def _may(connection: sa.Connection, role: str, *, table: str) -> set[str]:
    """The rights of a role on a table, or on a column of it."""
    asked = ["SELECT", "INSERT", *sorted(FORBIDDEN)]
    given: dict[str, Any] = {"role": role, "table": f'public."{table}"', "rights": asked}
    return set(connection.execute(NEEDED, given).scalars())
