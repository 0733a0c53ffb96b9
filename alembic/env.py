"""Runs migrations: one at a time, with short waits, on the database that the caller names."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import context

from service.embedded import PREFIX, start_embedded
from service.roles import become_owner
from service.tables import METADATA

VARIABLE = "MODEL_CATALOG_DATABASE_URL"
LOCK = {"name": "model-catalog:migrations"}
WAIT_SECONDS = 120


def migrate() -> None:
    """Migrate over the caller's connection, or over the configured database."""
    given = context.config.attributes.get("connection")
    if given is not None:
        run_on(given)
        return
    url = os.environ[VARIABLE]
    if url.startswith(PREFIX):
        url = start_embedded(Path(url.removeprefix(PREFIX)))
    named = sa.make_url(url).set(drivername="postgresql+psycopg")
    with sa.create_engine(named, poolclass=sa.NullPool).connect() as connection:
        run_on(connection)


def run_on(connection: sa.Connection) -> None:
    """Run what is asked for, alone, as the owner of the tables."""
    connection.execute(sa.text("SET lock_timeout = '4s'"))
    connection.execute(sa.text("SET statement_timeout = '5s'"))
    connection.commit()
    with alone(connection):
        become_owner(connection)
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=METADATA,
            transaction_per_migration=True,
            compare_type=True,
            compare_server_default=False,
            render_item=plain_strings,
        )
        with context.begin_transaction():
            context.run_migrations()


@contextmanager
def alone(connection: sa.Connection) -> Iterator[None]:
    """Hold the one lock of all migrations; a session's, since a revision may commit midway.

    Polled: a waiting lock holds a snapshot, and the concurrent index build of whoever has the lock
    waits for that snapshot.
    """
    for _ in range(WAIT_SECONDS * 5):
        taken = sa.text("SELECT pg_try_advisory_lock(hashtext(:name))")
        got = connection.execute(taken, LOCK).scalar_one()
        connection.commit()
        if got:
            break
        time.sleep(0.2)
    else:
        message = f"another migration has run for {WAIT_SECONDS} s; try again when it is done"
        raise TimeoutError(message)
    yield
    connection.rollback()  # after an error the connection is closed, and the lock with it
    connection.execute(sa.text("RESET ROLE"))
    connection.execute(sa.text("SELECT pg_advisory_unlock(hashtext(:name))"), LOCK)
    connection.commit()


def plain_strings(kind: str, item: object, _context: object) -> str | bool:
    """SQLModel's own string type is nothing that a migration should depend on."""
    if kind == "type" and type(item).__name__ == "AutoString":
        return "sa.String()"
    return False


migrate()
