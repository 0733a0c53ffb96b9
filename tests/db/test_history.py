"""System versioning: what was replaced is kept, whoever replaced it, without gap or overlap."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from service.db import NAMING, Database, RightMissing, Timestamp
from service.history import history_table, versioning_sql
from service.roles import OWNER
from service.tables import VERSIONED

METADATA = sa.MetaData(naming_convention=NAMING)
THING = sa.Table(
    "thing",
    METADATA,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("order", sa.Text),  # a reserved word
    sa.Column("valid_from", Timestamp, nullable=False),
)
HISTORY = history_table(THING)
FILL = "INSERT INTO thing SELECT n, 'k', 'first', 'epoch' FROM generate_series(1, 500) AS n"
KEPT = sa.select(*HISTORY.c["id", "key", "order"]).order_by(HISTORY.c.id, HISTORY.c.valid_from)
# At each moment at which something began: how many rows of each key were valid then?
VALID_ROWS = sa.text("""
WITH everything AS (
  SELECT id, valid_from, valid_to FROM thing_history
  UNION ALL SELECT id, valid_from, 'infinity' FROM thing
), moment AS (SELECT DISTINCT id, valid_from AS at FROM everything)
SELECT DISTINCT count(everything.id) FROM moment JOIN everything
    ON everything.id = moment.id AND valid_from <= at AND at < valid_to
 GROUP BY moment.id, at
""")


@pytest.fixture
def kept(database_url: str) -> Iterator[Database]:
    """A database with a versioned table, seen by the owner of the tables."""
    owner = Database(database_url, role=OWNER)
    with owner.engine.begin() as connection:
        METADATA.create_all(connection)
        connection.execute(sa.text(versioning_sql(THING)))
    yield owner
    owner.dispose()


def run(database: Database, *statements: str) -> None:
    """Each statement in a transaction of its own."""
    for statement in statements:
        with database.writing() as session:
            session.execute(sa.text(statement))


def read(database: Database, statement: Any) -> Sequence[Any]:
    """All rows."""
    with database.reading() as session:
        return session.execute(statement).all()


def test_history_update_adjoins(kept: Database) -> None:
    """An update keeps the old row, and it ends at the moment at which the new one begins."""
    run(kept, FILL, "UPDATE thing SET \"order\" = 'second' WHERE id = 7")

    joined = sa.select(HISTORY.c.order, HISTORY.c.valid_to == THING.c.valid_from).join(
        THING, THING.c.id == HISTORY.c.id
    )
    assert read(kept, joined) == [("first", True)]


def test_history_delete(kept: Database) -> None:
    """A deleted row is kept."""
    run(kept, FILL, "DELETE FROM thing WHERE id <= 2")

    assert read(kept, KEPT) == [(1, "k", "first"), (2, "k", "first")]


def test_history_no_gap_no_overlap(kept: Database) -> None:
    """At every moment since it began, a thing has exactly one row, also after changes in bulk."""
    changes = [f'UPDATE thing SET "order" = id % {n} WHERE id > {n}' for n in range(1, 6)]  # noqa: S608  # numbers
    run(kept, FILL, *changes, "; ".join(changes))  # alone, and several in one transaction

    assert read(kept, VALID_ROWS) == [(1,)]


def test_history_key_changed(kept: Database) -> None:
    """A row whose key changes ends under its old key: history cannot be slipped that way."""
    run(kept, FILL, "UPDATE thing SET id = 1001 WHERE id = 1")

    assert read(kept, KEPT) == [(1, "k", "first")]


def test_history_upsert(kept: Database) -> None:
    """An upsert keeps the row that it replaces, and nothing for the one that it inserts."""
    run(
        kept,
        "INSERT INTO thing VALUES (1, 'k', 'first')",
        "INSERT INTO thing VALUES (1, 'k', 'second'), (2, 'k', 'first')"
        ' ON CONFLICT (id, key) DO UPDATE SET "order" = excluded."order"',
    )

    assert read(kept, KEPT) == [(1, "k", "first")]


def test_history_stamp_not_forged(kept: Database) -> None:
    """When a row began is the database's word, not the writer's."""
    run(kept, FILL, "UPDATE thing SET valid_from = 'epoch' WHERE id = 1")

    forged = sa.text("SELECT count(*) FROM thing WHERE valid_from < now() - interval '1 day'")
    assert read(kept, forged) == [(0,)]


@pytest.mark.parametrize("statement", ["UPDATE thing SET key = key", "DELETE FROM thing"])
def test_history_replica_mode(kept: Database, database_url: str, statement: str) -> None:
    """Replica mode, which skips ordinary triggers, keeps history too."""
    superuser = Database(database_url, role=None)
    run(kept, "INSERT INTO thing VALUES (1, 'k', 'first')")
    run(superuser, f"SET LOCAL session_replication_role = replica; {statement}")
    superuser.dispose()

    assert read(kept, KEPT) == [(1, "k", "first")]


def test_history_truncate_refused(kept: Database) -> None:
    """A TRUNCATE, which no row trigger sees, is refused."""
    with pytest.raises(RightMissing):
        run(kept, FILL, "TRUNCATE thing")


@pytest.mark.parametrize("table", VERSIONED, ids=lambda table: table.name)
def test_history_complete(database: Database, table: sa.Table) -> None:
    """Each versioned table has all triggers, always on, and they name every column."""
    found = sa.text(
        "SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE tgrelid = to_regclass(:name) AND NOT tgisinternal AND tgname NOT LIKE 'card%'"
        " ORDER BY tgname"
    ).bindparams(name=table.name)
    rows = read(database, found)
    keeping = [text for name, _, text in rows if name.startswith("keep_")]
    columns = [f'"{column.name}"' for column in table.columns if column.name != "valid_from"]

    assert [(name, enabled) for name, enabled, _ in rows] == [
        ("keep_deleted", "A"),
        ("keep_updated", "A"),
        ("refuse_truncate", "A"),
        ("stamp", "A"),
    ]
    assert all(f"keep_history('{', '.join(columns)}'" in text for text in keeping)
