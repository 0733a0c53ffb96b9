"""Units of work: repeated when others are in the way, never when they may have been saved."""

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from service.db import (
    AlreadyExists,
    Busy,
    ConnectionsExhausted,
    Database,
    DatabaseFull,
    DatabaseSlow,
    DatabaseUnavailable,
    Moved,
    OutcomeUnknown,
    RightMissing,
)
from service.errors import CatalogError

TALLY = """
CREATE TABLE tally (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO tally VALUES (1, 0), (2, 0);
GRANT SELECT, INSERT, UPDATE ON tally TO catalog_app
"""
# The connection is cut while it commits: after the work, before the answer.
CUT_AT_COMMIT = """
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER cut AFTER UPDATE ON tally DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION cut()
"""
MEANINGS = {
    "40001": Busy,
    "40P01": Busy,
    "55P03": Busy,
    "57014": DatabaseSlow,
    "53100": DatabaseFull,
    "23505": AlreadyExists,
    "42501": RightMissing,
    "57P01": DatabaseUnavailable,
    "57P03": DatabaseUnavailable,
    "08006": DatabaseUnavailable,
    "53300": DatabaseUnavailable,
    "25006": DatabaseUnavailable,
    "22012": CatalogError,
}
ADD = sa.text("UPDATE tally SET n = n + 1 WHERE id = :id")


@pytest.fixture
def tally(database: Database, owner_database: Database) -> Database:
    """The service's database with a small table to quarrel about."""
    with owner_database.writing() as session:
        session.execute(sa.text(TALLY))
    return database


def add(session: Session, *rows: int) -> None:
    """Count one up in each row, in this order."""
    for row in rows:
        session.execute(ADD, {"id": row})


def counted(database: Database) -> list[int]:
    """What the rows say."""
    with database.reading() as session:
        return list(session.execute(sa.text("SELECT n FROM tally ORDER BY id")).scalars())


def test_transact_deadlock(tally: Database) -> None:
    """Two that lock each other out both succeed: the loser is repeated."""
    both_hold_one = threading.Barrier(2)
    tries: list[str] = []

    def crossing(first: int, second: int) -> Callable[[Session], None]:
        def work(session: Session) -> None:
            tries.append(f"{first}{second}")
            add(session, first)
            if tries.count(f"{first}{second}") == 1:
                both_hold_one.wait(10)
            add(session, second)

        return work

    other = threading.Thread(target=tally.transact, args=[crossing(2, 1)])
    other.start()
    tally.transact(crossing(1, 2))
    other.join()

    assert counted(tally) == [2, 2]
    assert sorted(tries) in (["12", "12", "21"], ["12", "21", "21"])


def test_transact_serialization(tally: Database) -> None:
    """A unit that read what another changed meanwhile is repeated on the new state."""
    tries: list[int] = []

    def work(session: Session) -> None:
        session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        tries.append(session.execute(sa.text("SELECT n FROM tally WHERE id = 1")).scalar_one())
        if len(tries) == 1:
            tally.transact(lambda other: add(other, 1))
        add(session, 1)

    tally.transact(work)

    assert tries == [0, 1]
    assert counted(tally) == [2, 0]


def test_transact_locked(tally: Database) -> None:
    """A lock that is not to be had in time repeats the unit, and is had the next time."""
    tries = []

    with Session(tally.engine) as holder:
        add(holder, 1)

        def work(session: Session) -> None:
            tries.append("once")
            session.execute(sa.text("SET LOCAL lock_timeout = '10ms'"))
            try:
                add(session, 1)
            finally:
                holder.rollback()

        tally.transact(work)

    assert len(tries) == 2
    assert counted(tally) == [1, 0]


def test_transact_moved(tally: Database) -> None:
    """If anything moved, roll back and repeat; after four tries the caller hears it."""
    tries = []

    def work(session: Session) -> None:
        tries.append("once")
        add(session, 1)
        raise Moved

    with pytest.raises(Busy):
        tally.transact(work)
    assert len(tries) == 4
    assert counted(tally) == [0, 0]


@pytest.mark.usefixtures("tally")
def test_transact_lost_while_saving(owner_database: Database) -> None:
    """A connection lost during COMMIT leaves the outcome unknown; nothing is repeated by itself."""
    with owner_database.writing() as session:
        session.execute(sa.text(CUT_AT_COMMIT))
    tries = []

    def work(session: Session) -> None:
        tries.append("once")
        add(session, 1)

    with pytest.raises(OutcomeUnknown):
        owner_database.transact(work)
    assert tries == ["once"]


@pytest.mark.parametrize(("sqlstate", "meaning"), MEANINGS.items())
def test_failure_meaning(database: Database, sqlstate: str, meaning: type[CatalogError]) -> None:
    """Each failure has one meaning, and the database is used again as if nothing had been."""
    failing = sa.text(f"DO $$ BEGIN RAISE 'on purpose' USING ERRCODE = '{sqlstate}'; END $$")

    with pytest.raises(CatalogError) as caught, database.writing() as session:
        session.execute(failing)

    assert type(caught.value) is meaning
    assert caught.value.facts == {"sqlstate": sqlstate, "cause": "on purpose"}
    with database.reading() as session:
        assert session.execute(sa.text("SELECT 1")).scalar_one() == 1


def test_failure_terminated(owner_database: Database) -> None:
    """After a failover the whole pool is discarded, and the next request finds a connection."""
    with owner_database.reading() as session:
        before = session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()

    with pytest.raises(DatabaseUnavailable), owner_database.writing() as session:
        session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with owner_database.reading() as session:
        after = session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    assert after != before


def test_failure_slow(tally: Database) -> None:
    """A statement that takes too long is not repeated: it would take as long again."""
    tries = []

    def work(session: Session) -> None:
        tries.append("once")
        session.execute(sa.text("SET LOCAL statement_timeout = '10ms'"))
        session.execute(sa.text("SELECT pg_sleep(10)"))

    with pytest.raises(DatabaseSlow):
        tally.transact(work)
    assert tries == ["once"]


def test_failure_nobody_there() -> None:
    """Where no server listens the database is unavailable."""
    nowhere = Database("postgresql://postgres@/catalog?host=/nonexistent")

    with pytest.raises(DatabaseUnavailable), nowhere.reading() as session:
        session.execute(sa.text("SELECT 1"))


def test_failure_pool_empty(database_url: str) -> None:
    """Who finds no connection within three seconds hears that, and the holder is undisturbed."""
    narrow = Database(database_url, pool=1)

    with narrow.reading() as holder:
        holder.execute(sa.text("SELECT 1"))
        with pytest.raises(ConnectionsExhausted), narrow.reading() as session:
            session.execute(sa.text("SELECT 1"))
        assert holder.execute(sa.text("SELECT 1")).scalar_one() == 1
    narrow.dispose()


def test_reading_refuses_writes(tally: Database) -> None:
    """A write in a reading session is our fault and no failover: the pool stays as it is."""
    with tally.reading() as session:
        before = session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()

    with pytest.raises(CatalogError) as caught, tally.reading() as session:
        add(session, 1)

    assert type(caught.value) is CatalogError
    with tally.reading() as session:
        assert session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one() == before
    assert counted(tally) == [0, 0]
