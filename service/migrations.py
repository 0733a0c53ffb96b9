"""Brings a database to this release's schema, and says where it stands."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from service.db import Database
from service.tables import METADATA

ROOT = Path(__file__).resolve().parent.parent


class SchemaStatus(NamedTuple):
    """The revision a database has, the one this release needs, and what lies between."""

    current: str | None
    expected: str
    pending: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Does the release run on this schema?"""
        return self.current == self.expected


def status(database: Database) -> SchemaStatus:
    """Where the schema of a database stands."""
    scripts = ScriptDirectory.from_config(_config())
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    head = scripts.get_current_head() or ""
    revisions = list(scripts.iterate_revisions(head, current or "base"))
    pending = tuple(f"{r.revision} {r.doc}" for r in reversed(revisions))
    return SchemaStatus(current, head, () if current == head else pending)


def upgrade(database: Database, revision: str = "head") -> None:
    """Run what is pending; waits for another migration that runs at the same time."""
    _run(database, lambda config: command.upgrade(config, revision))


def downgrade(database: Database, revision: str) -> None:
    """Go back to a revision: for development, data of newer tables is lost."""
    _run(database, lambda config: command.downgrade(config, revision))


def differences(database: Database) -> list[object]:
    """What the tables of the code and those of the database do not agree about."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))


def _run(database: Database, step: Callable[[Config], None]) -> None:
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        step(config)


def _config() -> Config:
    return Config(str(ROOT / "alembic.ini"))
