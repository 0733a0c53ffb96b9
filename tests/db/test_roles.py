"""The roles: made once, bounded, and what the service may not do even if it tried."""

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from service.db import Database, RightMissing
from service.roles import ROLES, make_roles

CHANGE = "INSERT INTO change (canon, kind) VALUES ('{}', 'model')"
ROLE_STATE = sa.text(
    "SELECT rolname, rolcanlogin, rolsuper, setconfig FROM pg_roles"
    " LEFT JOIN pg_db_role_setting ON setrole = pg_roles.oid"
    " WHERE rolname LIKE 'catalog\\_%' ORDER BY rolname"
)
FORBIDDEN = [
    "UPDATE change SET canon = 'forged'",
    "DELETE FROM change",
    "TRUNCATE change",
    "INSERT INTO change (id, canon, kind) VALUES (7, '{}', 'model')",
    "INSERT INTO change (canon, kind, recorded_at) VALUES ('{}', 'model', 'epoch')",
    "INSERT INTO change (canon, kind, xid) VALUES ('{}', 'model', 1)",
    "SELECT setval('change_id_seq', 1)",
    "UPDATE observation SET digest = 'forged'",
    "DELETE FROM observation",
    "TRUNCATE observation CASCADE",
    "INSERT INTO entry_history (valid_from, valid_to) VALUES ('epoch', 'epoch')",
    "UPDATE entry_history SET valid_to = 'epoch'",
    "DELETE FROM entry_history",
    "TRUNCATE entry CASCADE",
    "ALTER TABLE entry DISABLE TRIGGER ALL",
    "ALTER TABLE change DISABLE TRIGGER refuse_rows",
    "DROP TABLE change",
    "DROP TRIGGER refuse_rows ON change",
    "CREATE RULE quiet AS ON INSERT TO change DO INSTEAD NOTHING",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE change OWNER TO catalog_app",
    "LOCK TABLE change IN ACCESS EXCLUSIVE MODE",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY change (id, canon, kind) FROM '/dev/null'",
    "CREATE TABLE public.mine ()",
    "UPDATE alembic_version SET version_num = 'forged'",
    "SET session_replication_role = replica",
]
KEPT = [
    "UPDATE change SET canon = 'forged'",
    "DELETE FROM change",
    "TRUNCATE change CASCADE",
    "UPDATE observation SET digest = 'forged'",
    "DELETE FROM observation",
    "TRUNCATE observation CASCADE",
    "TRUNCATE entry CASCADE",
]
FORGE = """
CREATE TEMP TABLE entry (id uuid, valid_from timestamptz);
CREATE TRIGGER forge AFTER DELETE ON pg_temp.entry REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION keep_history('id', 'id')
"""


def test_make_roles_again(owner_database: Database) -> None:
    """Making the roles again makes and changes nothing."""
    with owner_database.engine.begin() as connection:
        before = connection.execute(ROLE_STATE).all()
        made = make_roles(connection)
        after = connection.execute(ROLE_STATE).all()

    assert made == []
    assert after == before
    assert [row.rolname for row in after] == sorted(ROLES)


def test_make_roles_bounded(owner_database: Database) -> None:
    """The service's role is bounded on the role itself, where poolers keep it; no role is super."""
    with owner_database.engine.connect() as connection:
        state = {row.rolname: row for row in connection.execute(ROLE_STATE)}

    assert set(state["catalog_app"].setconfig) == {
        "TimeZone=UTC",
        "statement_timeout=10s",
        "lock_timeout=3s",
        "idle_in_transaction_session_timeout=30s",
        "client_connection_check_interval=5s",
    }
    assert not state["catalog_owner"].rolcanlogin
    assert not any(row.rolsuper for row in state.values())


def test_session_service_role(database: Database) -> None:
    """A session of the service has the service's rights and bounds, whatever its login may do."""
    with database.reading() as session:
        row = session.execute(
            sa.text(
                "SELECT current_user, current_setting('TimeZone'),"
                " current_setting('statement_timeout'), current_setting('transaction_read_only')"
            )
        ).one()

    assert row == ("catalog_app", "UTC", "10s", "on")


def test_session_single_role(empty_url: str) -> None:
    """Where the service's role does not exist, the login works with its own rights."""
    single = Database(empty_url, role="catalog_nobody")
    with single.writing() as session:
        same = session.execute(sa.text("SELECT current_user = session_user")).scalar_one()
    single.dispose()

    assert same


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_service_forbidden(database: Database, statement: str) -> None:
    """The service can add to the ledger and to the observations, and take nothing back."""
    with database.writing() as session:
        session.execute(sa.text(CHANGE))

    with pytest.raises(RightMissing), database.writing() as session:
        session.execute(sa.text(statement))


@pytest.mark.parametrize("statement", KEPT)
@pytest.mark.parametrize("replication_role", ["origin", "replica"])
def test_owner_append_only(owner_database: Database, statement: str, replication_role: str) -> None:
    """Not even a superuser in replica mode takes back what is stored."""
    with owner_database.writing() as session:
        _store_observation(session)
    attempt = f"SET LOCAL session_replication_role = {replication_role}; {statement}"

    with pytest.raises(RightMissing), owner_database.writing() as session:
        session.execute(sa.text(attempt))


def test_history_function_not_for_the_service(database: Database) -> None:
    """Only a SECURITY DEFINER trigger writes history: the service cannot borrow its rights."""
    with pytest.raises(RightMissing), database.writing() as session:
        session.execute(sa.text(FORGE))


def _store_observation(session: Session) -> None:
    """One row in each append-only table: a row trigger says nothing about an empty one."""
    session.execute(sa.text(CHANGE))
    session.execute(sa.text("SET LOCAL session_replication_role = replica"))  # no foreign keys
    session.execute(
        sa.text(
            "INSERT INTO observation (source_id, subject_id, observed_at, digest, inferred,"
            " same_as, facts_version) VALUES (1, 1, now(), 'a', '[]', '[]', 1)"
        )
    )
