"""Brings a database to this release's schema, and says where it stands."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.db import Database
from service.tables import METADATA

ROOT: Final = Path(__file__).resolve().parent.parent


class SchemaStatus(NamedTuple):
    """The revision a database has, the one this release needs, and what lies between."""

    current: str | None
    expected: str
    pending: tuple[str, ...]
    newer: bool = False

    @property
    def ready(self) -> bool:
        """Does the release run on this schema?

        On a newer one too: a schema grows a release before it shrinks, and while a new release
        rolls out, the previous one has to go on.
        """
        return self.newer or self.current == self.expected


def status(database: Database) -> SchemaStatus:
    """Where the schema of a database stands."""
    scripts = _scripts()
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    head = scripts.get_current_head() or ""
    known = [revision.revision for revision in scripts.walk_revisions()]
    if current is not None and current not in known:
        return SchemaStatus(current, head, (), newer=True)
    between = reversed(list(scripts.iterate_revisions(head, current or "base")))
    pending = tuple(f"{step.revision} {step.doc}" for step in between)
    return SchemaStatus(current, head, pending)


def revisions() -> list[str]:
    """Every revision of this release, the oldest first."""
    return [step.revision for step in reversed(list(_scripts().walk_revisions()))]


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


@cache
def _scripts() -> ScriptDirectory:
    """Read once: `GET /readyz` asks every few seconds."""
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    return Config(str(ROOT / "alembic.ini"))
