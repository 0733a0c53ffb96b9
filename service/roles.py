"""The database's roles: who owns the tables, who migrates, what the service itself may do."""

from typing import Final

import sqlalchemy as sa

ROLES: Final = {
    "catalog_owner": "NOLOGIN",  # owns every table
    "catalog_migrate": "NOLOGIN",  # may become the owner
    "catalog_app": "NOLOGIN",  # what the service is
    "catalog_sealer": "NOLOGIN",  # what seals the ledger
}
SETTINGS: Final = {
    "statement_timeout": "10s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "30s",
    "client_connection_check_interval": "5s",
    "timezone": "UTC",
}
ROLES_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('model-catalog:roles'))"
APP_INSERTS_ONLY: Final = "INSERT (canon, kind, entry_id, field)"


def make_roles(connection: sa.Connection) -> list[str]:
    """Make the roles that are missing, and set what poolers would lose; answers the new ones.

    Roles belong to the whole cluster, so this is no migration. Needs CREATEROLE; where a managed
    database allows one role only, everything runs in single-role mode without them.
    """
    connection.execute(sa.text(ROLES_LOCK))
    found = set(
        connection.execute(
            sa.text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)"),
            {"names": list(ROLES)},
        ).scalars()
    )
    missing = [role for role in ROLES if role not in found]
    for role in missing:
        connection.execute(sa.text(f"CREATE ROLE {role} {ROLES[role]}"))
    for role in ("catalog_app", "catalog_sealer"):
        for setting, value in SETTINGS.items():
            connection.execute(sa.text(f"ALTER ROLE {role} SET {setting} = '{value}'"))
    connection.execute(sa.text("GRANT catalog_owner TO catalog_migrate"))
    return missing


def grants_sql() -> str:
    """What the first migration grants, where the roles exist; without them it grants nothing."""
    return f"""
DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'catalog_app') THEN
    RETURN;
  END IF;
  GRANT USAGE ON SCHEMA public TO catalog_app, catalog_sealer;
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO catalog_app;
  GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO catalog_app;
  REVOKE INSERT, UPDATE, DELETE ON change FROM catalog_app;
  GRANT {APP_INSERTS_ONLY} ON change TO catalog_app;
  REVOKE UPDATE, DELETE ON observation FROM catalog_app;
  REVOKE ALL ON alembic_version FROM catalog_app;
  GRANT SELECT ON alembic_version TO catalog_app;
  GRANT SELECT ON change TO catalog_sealer;
END $$;
DO $$
DECLARE name text;
BEGIN
  IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'catalog_app') THEN
    FOR name IN SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename LIKE '%\\_history' LOOP
      EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %I FROM catalog_app', name);
    END LOOP;
  END IF;
END $$;
"""
