"""The database's roles: who owns the tables, who migrates, what the service itself may do."""

from typing import Final

import sqlalchemy as sa

from service.db import APP_ROLE, MAY_BECOME, SESSION_SETTINGS

OWNER: Final = "catalog_owner"
MIGRATE: Final = "catalog_migrate"
SEALER: Final = "catalog_sealer"
ROLES: Final = {  # those that log in cannot, until an operator gives them a password
    OWNER: "NOLOGIN",  # owns every table
    MIGRATE: "LOGIN",  # may become the owner
    APP_ROLE: "LOGIN",  # what the service is
    SEALER: "LOGIN",  # what seals the ledger
}
ROLES_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('model-catalog:roles'))"

# Not where `db roles` was not run for this database, nor in a schema that another role began: only
# a table's owner may change it.
BECOME_OWNER: Final = f"""
SELECT set_config('role', rolname, false) FROM pg_roles
 WHERE rolname = '{OWNER}' AND rolname <> session_user AND {MAY_BECOME}
   AND has_schema_privilege(rolname, 'public', 'CREATE')
   AND NOT EXISTS (SELECT FROM pg_class
                    WHERE oid = to_regclass('alembic_version') AND relowner <> pg_roles.oid)
"""  # noqa: S608  # constants
IN_THIS_DATABASE: Final = f"""
DO $$ BEGIN
  EXECUTE format('GRANT CREATE ON DATABASE %I TO {OWNER}', current_database());  -- extensions
END $$;
GRANT USAGE, CREATE ON SCHEMA public TO {OWNER};
GRANT USAGE ON SCHEMA public TO {APP_ROLE}, {SEALER};
"""
# Whose transactions are open decides which past moments are settled (`service/catalog/moments.py`);
# an operator who may not grant this leaves that to somebody who may.
SEE_BACKENDS: Final = f"""
DO $$ BEGIN
  IF NOT pg_has_role('{OWNER}', 'pg_read_all_stats', 'USAGE') THEN
    GRANT pg_read_all_stats TO {OWNER};
  END IF;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
"""
GRANTS: Final = f"""
DO $$
DECLARE
  found record;
  allowed text;
BEGIN
  IF to_regrole('{APP_ROLE}') IS NULL OR to_regrole('{SEALER}') IS NULL THEN
    RETURN;  -- single-role mode
  END IF;
  FOR found IN
    SELECT c.relname AS name, c.relkind AS kind,
           EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'refuse_rows')
             AS append_only
      FROM pg_class c JOIN pg_class ours ON ours.relowner = c.relowner
     WHERE ours.oid = to_regclass('public.alembic_version')
       AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S')
  LOOP
    IF found.kind = 'S' THEN
      EXECUTE format('GRANT USAGE ON SEQUENCE %I TO {APP_ROLE}', found.name);
      CONTINUE;
    END IF;
    allowed := CASE
      WHEN found.name = 'change' THEN 'SELECT, INSERT (canon, kind, entry_id, field)'
      WHEN found.name ~ '_history$|^ledger_|^alembic_version$' THEN 'SELECT'
      WHEN found.append_only THEN 'SELECT, INSERT'
      ELSE 'SELECT, INSERT, UPDATE, DELETE' END;
    EXECUTE format('REVOKE ALL ON %I FROM {APP_ROLE}, {SEALER}', found.name);
    EXECUTE format('GRANT %s ON %I TO {APP_ROLE}', allowed, found.name);
    allowed := CASE
      WHEN found.name = 'change' THEN 'SELECT'
      WHEN found.name = 'ledger_checkpoint' THEN 'SELECT, INSERT (size, root, note)'
      WHEN found.name ~ '^ledger_' THEN 'SELECT, INSERT' END;
    IF allowed IS NOT NULL THEN
      EXECUTE format('GRANT %s ON %I TO {SEALER}', allowed, found.name);
    END IF;
  END LOOP;
END $$;
"""  # noqa: S608  # constants


def make_roles(connection: sa.Connection) -> list[str]:
    """Make the roles that are missing, with their rights in this database; answers the new ones.

    Roles belong to the whole cluster, so this is no migration. What is right already is left
    alone. Needs CREATEROLE and the database's owner; where a managed database allows one role
    only, everything runs in single-role mode without them.
    """
    connection.execute(sa.text(ROLES_LOCK))
    listed = sa.text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)")
    found = set(connection.execute(listed, {"names": list(ROLES)}).scalars())
    missing = [role for role in ROLES if role not in found]
    for role in missing:
        connection.execute(sa.text(f"CREATE ROLE {role} {ROLES[role]}"))
    for role in (APP_ROLE, SEALER):
        _bound(connection, role)
    login = connection.execute(sa.text("SELECT session_user")).scalar_one()
    _join(connection, OWNER, member=MIGRATE)
    for role in (OWNER, APP_ROLE, SEALER):
        _join(connection, role, member=login)
    connection.execute(sa.text(IN_THIS_DATABASE))
    connection.execute(sa.text(SEE_BACKENDS))
    connection.execute(sa.text(GRANTS))
    return missing


def become_owner(connection: sa.Connection) -> None:
    """Let `catalog_owner` own what is migrated, where the login may; else the login owns it."""
    connection.execute(sa.text(BECOME_OWNER))


def grants_sql() -> str:
    """What a revision that makes tables runs at its end; without the roles it grants nothing.

    Rights follow from the table: append-only ones have the trigger, others go by their name.
    """
    return GRANTS


def _bound(connection: sa.Connection, role: str) -> None:
    """On the role, where poolers keep it."""
    stored = sa.text(
        "SELECT unnest(setconfig) FROM pg_db_role_setting"
        " WHERE setrole = to_regrole(:role) AND setdatabase = 0"
    )
    present = set(connection.execute(stored, {"role": role}).scalars())
    for name, value in SESSION_SETTINGS.items():
        if f"{name}={value}" not in present:
            connection.execute(sa.text(f"ALTER ROLE {role} SET {name} = '{value}'"))


def _join(connection: sa.Connection, role: str, *, member: str) -> None:
    """Grant membership; superusers have it anyway."""
    right = MAY_BECOME.replace("session_user", ":member")
    holds = sa.text(f"SELECT {right} FROM pg_roles WHERE rolname = :role")  # noqa: S608  # constant
    if not connection.execute(holds, {"member": member, "role": role}).scalar_one():
        quoted = connection.dialect.identifier_preparer.quote(member)
        connection.execute(sa.text(f"GRANT {role} TO {quoted}"))
