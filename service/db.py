"""The way to PostgreSQL: the base of all tables, sessions, and what its failures mean."""

import random
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Annotated, Any, ClassVar, Final, TypeVar
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Request
from psycopg import Connection as Driver
from psycopg import Error as DriverError
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import registry
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Field, Session, SQLModel

from service.endings import finish
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
NEEDS: Final = "needs"
SESSION_SETTINGS: Final = {  # as PostgreSQL shows them: compared before they are set
    "TimeZone": "UTC",
    "statement_timeout": "10s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "30s",
    "client_connection_check_interval": "5s",
}
PREPARED_AFTER: Final = 5  # uses; poolers keep protocol-level statements (PgBouncer since 1.22)
# Serialization, deadlock, lock not available; a row that another transaction took away meanwhile.
CONTENDED: Final = {"40001", "40P01", "55P03", "23503"}
LOST: Final = {"57P01", "57P02", "57P03", "53300", "25006"}  # and everything that begins with 08
Done = TypeVar("Done")

# Before PostgreSQL 16 every member of a role may become it.
MAY_BECOME: Final = """pg_has_role(session_user, oid, CASE
  WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)"""
# What a pooler or `db roles` set already is left alone: a session's own SET would leak in a pooler.
SET_UP: Final = f"""
SELECT set_config(name, value, false)
  FROM (SELECT unnest(%(names)s::text[]), unnest(%(values)s::text[])
        UNION ALL
        SELECT 'role', rolname FROM pg_roles
         WHERE rolname = %(role)s AND rolname <> session_user AND {MAY_BECOME}
       ) AS wanted (name, value)
 WHERE current_setting(name) IS DISTINCT FROM value
"""  # noqa: S608  # constants


class Table(SQLModel, registry=registry(metadata=sa.MetaData(naming_convention=NAMING))):
    """Base of every table. Rows come from validated schemas: SQLModel checks nothing."""

    __table__: ClassVar[sa.Table]  # statements start here


def identity() -> Any:
    """A number that the database gives each row."""
    return Field(default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True))


class Moved(Exception):
    """Another transaction changed what this one had read; roll back and do it again."""

    def __init__(self, needs: Iterable[UUID] = ()) -> None:
        """Say which entries the next try has to lock with its first ones."""
        super().__init__()
        self.needs = frozenset(needs)


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


class DatabaseSlow(Unavailable):
    """The database took too long.

    Nothing was changed. Ask for less at once, or try again when fewer others do.
    """


class Busy(Unavailable):
    """Too many others are changing the same things.

    Nothing was changed. Try again in a few seconds.
    """


class ConnectionsExhausted(Unavailable):
    """All connections to the database are in use.

    Nothing was changed. Try again in a few seconds, with fewer requests side by side.
    """


class AlreadyExists(Conflict):
    """Something with this name or id exists already.

    Read it, and change it or choose another name.
    """


class RightMissing(CatalogError):
    """The service has no right to do this in its database.

    Nothing was changed. An operator runs `model-catalog db roles`; if that changes nothing, the
    service tried what it must not, and its maintainers want to know.
    """


class _Pools:
    """Knows connections of pools that were disposed of: nobody else closes them."""

    def __init__(self) -> None:
        self.disposed = 0

    def note(self, _connection: object, record: ConnectionPoolEntry) -> None:
        """Remember of which pool a connection is."""
        record.info["pool"] = self.disposed

    def close_late(self, _connection: object, record: ConnectionPoolEntry) -> None:
        """Close what comes back to a pool that is gone."""
        if record.info.get("pool", self.disposed) != self.disposed:
            record.close()


class Database:
    """One PostgreSQL database and its connection pool."""

    def __init__(self, url: str, *, role: str | None = APP_ROLE, pool: int = POOL) -> None:
        """Prepare the pool; nothing connects yet.

        Sessions work as `role` where it exists and the login may become it; None keeps its own.
        """
        self.url, self._role = sa.make_url(url).set(drivername="postgresql+psycopg"), role
        self.engine = sa.create_engine(
            self.url,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=3,
            pool_recycle=1_800,
            pool_pre_ping=True,
            hide_parameters=True,  # they hold what people and sources wrote; errors are logged
            connect_args={
                "connect_timeout": 5,
                "tcp_user_timeout": 15_000,  # ms
                "target_session_attrs": "read-write",
                "application_name": "model-catalog",
                "prepare_threshold": PREPARED_AFTER,
            },
        )
        self._reader = self.engine.execution_options(postgresql_readonly=True)
        self._guard: Callable[[Session], None] | None = None
        self._pools = _Pools()
        sa.event.listen(self.engine, "connect", _set_up(role))
        sa.event.listen(self.engine, "connect", self._pools.note)
        sa.event.listen(self.engine, "checkin", self._pools.close_late)
        weakref.finalize(self, self.engine.dispose)  # whoever forgets to leaves nothing open
        sa.event.listen(self.engine, "handle_error", _discard_lost)

    def beside(self, pool: int) -> "Database":
        """The same database over connections of its own: what others hold is not waited for."""
        return Database(self.url.render_as_string(hide_password=False), role=self._role, pool=pool)

    def dispose(self) -> None:
        """Close the pool's connections; one that is in use is closed when it comes back."""
        self._pools.disposed += 1
        self.engine.dispose()

    def guarded(self, guard: Callable[[Session], None]) -> "Database":
        """The same database, in which each writing transaction begins with a check.

        So a request's writes read again whether its caller still may, whatever route it is.
        """
        found = copy(self)
        found._guard = guard  # noqa: SLF001  # of the same class
        return found

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session in a read-only transaction (`BEGIN READ ONLY`: no statement of its own)."""
        with translated(), Session(self._reader) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits at the end; an error rolls back."""
        with translated(), Session(self.engine) as session:
            if self._guard is not None:
                self._guard(session)
            yield session
            finish(session)
            with _saving():
                session.commit()

    def transact(self, work: Callable[[Session], Done]) -> Done:
        """Run a unit of work in a transaction of its own, up to four times.

        Repeated when others were in the way (`Moved`, deadlock, serialization, lock time-out),
        never when it may have been saved. No connection is held between two tries.
        """
        needs: set[UUID] = set()
        for tried in range(1, TRIES):
            try:
                return self._once(work, needs)
            except Busy:
                time.sleep(random.uniform(0.01, 0.05) * 2**tried)  # noqa: S311  # jitter
        return self._once(work, needs)

    def _once(self, work: Callable[[Session], Done], needs: set[UUID]) -> Done:
        try:
            with self.writing() as session:
                session.info[NEEDS] = frozenset(needs)
                return work(session)
        except Moved as moved:
            needs |= moved.needs
            raise Busy from moved


def needed(session: Session) -> frozenset[UUID]:
    """Entries that an earlier try of this unit of work could not lock."""
    found: frozenset[UUID] = session.info.get(NEEDS, frozenset())
    return found


@contextmanager
def translated() -> Iterator[None]:
    """What the database's failures mean to a caller."""
    try:
        yield
    except PoolTimeout as error:
        raise ConnectionsExhausted(cause=str(error)) from error
    except DBAPIError as error:
        raise _meaning(error) from error


@contextmanager
def _saving() -> Iterator[None]:
    """A connection that is lost during COMMIT leaves it open whether it was saved."""
    try:
        yield
    except DBAPIError as error:
        if not _state(error.orig) or error.connection_invalidated:
            raise OutcomeUnknown(cause=type(error.orig).__name__) from error
        raise


def _meaning(error: DBAPIError) -> CatalogError:
    state = _state(error.orig)
    fact = {"sqlstate": state, "cause": _cause(error.orig)}
    if _lost(error, state):
        return DatabaseUnavailable(**fact)
    if state in CONTENDED:
        return Busy(**fact)
    kinds: dict[str, type[CatalogError]] = {
        "53100": DatabaseFull,
        "57014": DatabaseSlow,
        "23505": AlreadyExists,
        "42501": RightMissing,
    }
    if state in kinds:
        return kinds[state](**fact)
    return CatalogError(**fact)


def _lost(error: DBAPIError, state: str) -> bool:
    """Did the database go away? A write in a read-only session is no failover but our fault."""
    if state:
        return error.connection_invalidated or (_means_lost(state) and state != "25006")
    if error.statement is None:  # while connecting, or at the end of a transaction
        return isinstance(error, OperationalError | InterfaceError)
    return error.connection_invalidated  # else the driver refused the statement: our fault


def _means_lost(state: str) -> bool:
    return state in LOST or state.startswith("08")


def _state(error: BaseException | None) -> str:
    """The SQLSTATE; empty when the server could say nothing any more."""
    return getattr(error, "sqlstate", None) or ""


def _cause(error: BaseException | None) -> str:
    """The first sentence for the log: details would quote rows, and rows are nobody's business."""
    said = error.diag.message_primary if isinstance(error, DriverError) else None
    return (said or str(error)).partition("\n")[0]


def _discard_lost(context: ExceptionContext) -> None:
    """After a failover the pool's other connections are as bad as this one: discard all."""
    ours = context.connection is not None and context.connection.get_execution_options().get(
        "postgresql_readonly"
    )
    state = _state(context.original_exception)
    if _means_lost(state) and not (state == "25006" and ours):
        context.is_disconnect = True


def _set_up(role: str | None) -> Callable[[Driver[Any], object], None]:
    """Bound each session, and let it work with the service's own rights."""

    def set_up(connection: Driver[Any], _record: object) -> None:
        values = {
            "names": list(SESSION_SETTINGS),
            "values": list(SESSION_SETTINGS.values()),
            "role": role,
        }
        try:
            connection.autocommit = True  # a setting made in a transaction ends with its rollback
            connection.execute(SET_UP, values, prepare=False)
            connection.autocommit = False
        except BaseException:
            connection.close()  # it has not reached the pool, which closes all others
            raise

    return set_up


def _database(request: Request) -> Database:
    found: Database = request.app.state.database
    guard: Callable[[Session], None] | None = getattr(request.state, "guard", None)
    return found if guard is None else found.guarded(guard)


Store = Annotated[Database, Depends(_database)]


def _read_session(database: Store) -> Iterator[Session]:
    with database.reading() as session:
        yield session


def _write_session(database: Store) -> Iterator[Session]:
    with database.writing() as session:
        yield session


ReadSession = Annotated[Session, Depends(_read_session, scope="request")]
WriteSession = Annotated[Session, Depends(_write_session, scope="function")]
