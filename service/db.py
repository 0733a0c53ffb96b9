"""The database: base of all tables, sessions, and what its failures mean."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Final, TypeVar

import sqlalchemy as sa
from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import registry
from sqlmodel import Session, SQLModel

from service.errors import CatalogError, Conflict, Unavailable

NAMING: Final = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}
Timestamp: Final = sa.DateTime(timezone=True)
APP_ROLE: Final = "catalog_app"
POOL: Final = 10
TRIES: Final = 4
REPEATABLE: Final = {"40001", "40P01", "55P03"}  # serialization, deadlock, lock not available
LOST: Final = {"57P01", "57P02", "57P03", "53300", "25006"}  # and everything that begins with 08
FULL: Final = {"53100", "53200"}
Done = TypeVar("Done")


class Table(SQLModel, registry=registry(metadata=sa.MetaData(naming_convention=NAMING))):
    """Base of every table. Rows come from validated schemas: SQLModel checks nothing."""

    __table__: ClassVar[Any]  # statements start here


class Moved(Exception):  # noqa: N818  # not an error: the unit of work is repeated
    """Another transaction changed what this one had read; roll back and do it again."""


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached at the moment.

    Nothing was changed. Try again in a few seconds; `GET /readyz` says when it is back.
    """


class OutcomeUnknown(Unavailable):
    """The connection to the database was lost while it was saving.

    Send the same request again: observations may be repeated, they are never counted twice.
    """


class DatabaseFull(Unavailable):
    """The database has no space left.

    Reading goes on. An operator has to make space; what was acknowledged is safe.
    """


class AlreadyExists(Conflict):
    """Something with this name or id exists already.

    Read it, and change it or choose another name.
    """


class Busy(Unavailable):
    """Too many others are changing the same things.

    Nothing was changed. Try again in a few seconds.
    """


class Database:
    """One PostgreSQL database and its connection pool."""

    def __init__(self, url: str, *, role: str | None = APP_ROLE, pool: int = POOL) -> None:
        """Prepare the pool; nothing connects yet. Takes a libpq URL (`postgresql://…`)."""
        self.url = sa.make_url(url).set(drivername="postgresql+psycopg")
        self.engine = sa.create_engine(
            self.url,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=3,
            pool_recycle=1_800,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 5,
                "tcp_user_timeout": 15_000,
                "target_session_attrs": "read-write",
                "application_name": "model-catalog",
                "prepare_threshold": 5,
                "options": "-c timezone=UTC -c statement_timeout=10s -c lock_timeout=3s "
                "-c idle_in_transaction_session_timeout=30s -c client_connection_check_interval=5s",
            },
        )
        if role is not None:
            sa.event.listen(self.engine, "connect", _become(role))

    def dispose(self) -> None:
        """Close the pool's connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session in a read-only transaction."""
        with translated(), Session(self.engine) as session:
            session.execute(sa.text("SET TRANSACTION READ ONLY"))
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits at the end; an error rolls back."""
        with translated(), Session(self.engine) as session:
            yield session
            with _saving():
                session.commit()

    def transact(self, work: Callable[[Session], Done]) -> Done:
        """Run a unit of work in a transaction of its own, up to four times.

        Repeated when others were in the way (`Moved`, deadlock, serialization, lock time-out).
        """
        for tried in range(1, TRIES + 1):
            try:
                with self.writing() as session:
                    return work(session)
            except (Moved, Busy):
                if tried == TRIES:
                    raise Busy from None
                time.sleep(random.uniform(0.01, 0.1) * 2**tried)  # noqa: S311  # jitter
        raise Busy


def _become(role: str) -> Callable[[Any, Any], None]:
    """Work with the service's own rights, where the login role may; `db roles` makes the role."""

    def set_role(connection: Any, _record: Any) -> None:
        connection.autocommit = True
        found = connection.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = %s AND pg_has_role(current_user, oid, 'SET')",
            (role,),
        ).fetchone()
        if found:
            connection.execute(f"SET ROLE {role}")
        connection.autocommit = False

    return set_role


@contextmanager
def translated() -> Iterator[None]:
    """What the database's failures mean to a caller."""
    try:
        yield
    except PoolTimeout as error:
        raise Busy(cause=str(error)) from error
    except DBAPIError as error:
        raise _meaning(error) from error


@contextmanager
def _saving() -> Iterator[None]:
    """A connection that is lost during COMMIT leaves it open whether it was saved."""
    try:
        yield
    except DBAPIError as error:
        if _state(error) is None or error.connection_invalidated:
            raise OutcomeUnknown(cause=type(error.orig).__name__) from error
        raise


def _state(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _meaning(error: DBAPIError) -> Exception:
    state = _state(error) or ""
    if state in REPEATABLE or state == "57014":
        return Busy(sqlstate=state)
    if state in FULL:
        return DatabaseFull(sqlstate=state)
    if state in LOST or state.startswith("08") or (
        not state and isinstance(error, OperationalError)
    ):
        return DatabaseUnavailable(sqlstate=state, cause=str(error.orig)[:200])
    if state == "23505":
        return AlreadyExists(sqlstate=state)
    return CatalogError(sqlstate=state, cause=str(error.orig)[:500])


def _database(request: Request) -> Database:
    found: Database = request.app.state.database
    return found


def _read_session(database: Annotated[Database, Depends(_database)]) -> Iterator[Session]:
    with database.reading() as session:
        yield session


def _write_session(database: Annotated[Database, Depends(_database)]) -> Iterator[Session]:
    with database.writing() as session:
        yield session


Store = Annotated[Database, Depends(_database)]
ReadSession = Annotated[Session, Depends(_read_session, scope="request")]
WriteSession = Annotated[Session, Depends(_write_session, scope="function")]
