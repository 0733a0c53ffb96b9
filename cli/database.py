"""The database that the settings name, for commands that work on it directly."""

import os
from pathlib import Path

from cli.exits import Exit, Stop
from service.db import Database
from service.embedded import PREFIX, start_embedded
from service.roles import make_roles

VARIABLE = "MODEL_CATALOG_DATABASE_URL"


def database_url(url: str | None = None) -> str:
    """A PostgreSQL URL; an `embedded:DIR` one starts the private server first."""
    url = url or os.environ.get(VARIABLE)
    path = os.environ.get(f"{VARIABLE}_FILE")
    if not url and path:
        url = Path(path).read_text(encoding="utf-8").strip()
    if not url:
        raise Stop(
            f"{VARIABLE} is not set: give a PostgreSQL URL (postgresql://user@host/db), or "
            "embedded:DIR for a private server in that folder",
            Exit.WRONG_USE,
        )
    if not url.startswith(PREFIX):
        return url
    started = start_embedded(Path(url.removeprefix(PREFIX)))
    owner = Database(started, role=None)
    with owner.engine.begin() as connection:
        make_roles(connection)
    owner.dispose()
    return started


def owner_database(url: str | None = None) -> Database:
    """The database with the login role's own rights: for migrations and the first token."""
    return Database(database_url(url), role=None, pool=2)
