"""Migrations: one way up, one way back, one at a time, and the tables are those of the code."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from service import migrations
from service.db import Database
from service.roles import make_roles

ALEMBIC = Path(sys.executable).with_name("alembic")
ROOT = Path(__file__).parents[2]
SCHEMA = sa.text("""
SELECT 'column', table_name || '.' || column_name, data_type || is_nullable
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname, prosrc FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'right', relname, relacl::text FROM pg_class
  WHERE relnamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
""")


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    """A database without a schema."""
    opened = Database(empty_url, role=None)
    yield opened
    opened.dispose()


def schema(database: Database) -> list[tuple[str, ...]]:
    """Everything that migrations make; the table that counts them stays for ever."""
    with database.reading() as session:
        rows = [tuple(row) for row in session.execute(SCHEMA)]
    return [row for row in rows if "alembic_version" not in row[1]]


def test_migrations_match_tables(owner_database: Database) -> None:
    """The migrations make exactly the tables of the code, history tables too."""
    assert migrations.differences(owner_database) == []


def test_migrations_check(database_url: str) -> None:
    """`alembic check` finds nothing to generate."""
    done = subprocess.run(  # noqa: S603  # our own command
        [ALEMBIC, "check"],
        cwd=ROOT,
        env=os.environ | {"MODEL_CATALOG_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "No new upgrade operations detected.\n")


def test_migrations_up_down_up(empty: Database) -> None:
    """Every revision can be taken back, and done again to the same schema."""
    for revision in migrations.revisions():
        before = schema(empty)
        migrations.upgrade(empty, revision)
        after = schema(empty)
        migrations.downgrade(empty, "-1")
        assert schema(empty) == before
        migrations.upgrade(empty, revision)
        assert schema(empty) == after


def test_migrations_side_by_side(empty: Database, empty_url: str) -> None:
    """Of two upgrades at once one waits for the other, and both succeed."""
    both = [
        subprocess.Popen(  # noqa: S603  # our own command
            [ALEMBIC, "upgrade", "head"],
            cwd=ROOT,
            env=os.environ | {"MODEL_CATALOG_DATABASE_URL": empty_url},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    assert [(one.communicate()[1], one.returncode) for one in both] == [("", 0), ("", 0)]
    assert migrations.status(empty).ready
    assert migrations.differences(empty) == []


def test_status_empty(empty: Database) -> None:
    """An empty database is not ready, and every revision is to do."""
    found = migrations.status(empty)

    assert (found.current, found.ready) == (None, False)
    assert [step.split()[0] for step in found.pending] == migrations.revisions()


def test_status_newer(owner_database: Database) -> None:
    """The release goes on while the next one, which has migrated already, rolls out."""
    with owner_database.writing() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    found = migrations.status(owner_database)

    assert (found.current, found.newer, found.ready, found.pending) == ("9999", True, True, ())


def test_migrations_before_roles(empty: Database) -> None:
    """Roles may come after the schema: the login owns it, and the service has its rights."""
    migrations.upgrade(empty)
    with empty.engine.begin() as connection:
        make_roles(connection)
    service = Database(empty.url.render_as_string(hide_password=False))
    with service.reading() as session:
        working = session.execute(sa.text("SELECT current_user, count(*) FROM entry")).one()
    service.dispose()

    assert working == ("catalog_app", 0)
    assert schema_owners(empty) == [empty.url.username]


def test_migrations_owner(owner_database: Database) -> None:
    """The tables belong to a role that nobody logs in as."""
    assert schema_owners(owner_database) == ["catalog_owner"]


def schema_owners(database: Database) -> list[str]:
    """Who owns the tables."""
    owners = sa.text("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    with database.reading() as session:
        return list(session.execute(owners).scalars())
