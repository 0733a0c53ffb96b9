"""Looks whether a database is as migrations and roles leave it: rights, triggers, indexes."""

from typing import Any, Final

import sqlalchemy as sa

from service.db import APP_ROLE, Database
from service.tables import APPEND_ONLY, METADATA, VERSIONED

NEEDED: Final = sa.text("""
SELECT has_table_privilege(:role, to_regclass(:table), wanted)
  FROM unnest(CAST(:rights AS text[])) AS wanted
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
FORBIDDEN: Final = ("UPDATE", "DELETE", "TRUNCATE")  # to the service, on what is only appended to


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
        if not _may(connection, table.name, rights=["SELECT"]):
            found.append(f"{APP_ROLE} may not read {table.name}")
        kept = table.name in APPEND_ONLY or table.name.endswith("_history")
        if kept and _may(connection, table.name, rights=list(FORBIDDEN)):
            found.append(f"{APP_ROLE} may change {table.name}, which is kept as it was written")
    return found


def _may(connection: sa.Connection, table: str, *, rights: list[str]) -> bool:
    given: dict[str, Any] = {"role": APP_ROLE, "table": f'public."{table}"', "rights": rights}
    return any(connection.execute(NEEDED, given).scalars())
