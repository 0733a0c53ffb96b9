"""Runs migrations: one at a time, with short waits, on the database that the caller names."""

import os
import time

import sqlalchemy as sa
from alembic import context
from service.tables import METADATA

LOCK = "model-catalog:migrations"
WAIT_SECONDS = 120


def migrate() -> None:
    """Migrate over the caller's connection, or over the configured database."""
    given = context.config.attributes.get("connection")
    if given is not None:
        run_on(given)
        return
    url = sa.make_url(os.environ["MODEL_CATALOG_DATABASE_URL"])
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        run_on(connection)


def run_on(connection: sa.Connection) -> None:
    """Poll for the lock: a waiting one would hold a snapshot that concurrent index builds await."""
    connection.execute(sa.text("SET lock_timeout = '4s'"))
    connection.execute(sa.text("SET statement_timeout = '5s'"))
    connection.commit()
    lock_it(connection)
    try:
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
    finally:
        connection.rollback()
        connection.execute(sa.text("SELECT pg_advisory_unlock(hashtext(:name))"), {"name": LOCK})
        connection.commit()


def lock_it(connection: sa.Connection) -> None:
    """Take the one lock of all migrations; a session lock, since a revision may commit midway."""
    for _ in range(WAIT_SECONDS * 5):
        taken = sa.text("SELECT pg_try_advisory_lock(hashtext(:name))")
        got = connection.execute(taken, {"name": LOCK}).scalar_one()
        connection.commit()
        if got:
            return
        time.sleep(0.2)
    message = f"another migration has been running for {WAIT_SECONDS} s; try again when it is done"
    raise TimeoutError(message)


def plain_strings(kind: str, item: object, _context: object) -> str | bool:
    """SQLModel's own string type is nothing that a migration should depend on."""
    if kind == "type" and type(item).__name__ == "AutoString":
        return "sa.String()"
    return False


migrate()
