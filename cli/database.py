"""The database that the settings name, for commands that work on it directly."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from getpass import getuser
from pathlib import Path

from cli.exits import Exit, Stop
from service.db import Database, translated
from service.embedded import PREFIX, EmbeddedRefused, start_embedded
from service.errors import CatalogError
from service.ledger.change import Actor
from service.ledger.notes import KeyRefused, Keys, read_keys
from service.logs import set_up_logs
from service.roles import make_roles
from service.settings import (
    SettingsRefused,
    WorkerSettings,
    check_database_url,
    read_secret,
    read_worker_settings,
)

CONFLICT = 409
VARIABLE = "MODEL_CATALOG_DATABASE_URL"


@contextmanager
def operated(role: str | None = None) -> Iterator[Database]:
    """The database, by default with the login's own rights: for migrations and the first token.

    What goes wrong with it ends the command with one sentence and what to do.
    """
    url = named_url()
    set_up_logs(form="text", level="warning")  # structlog's own default is standard output
    with explained(), translated():
        database = Database(started_url(url), role=role, pool=2)
        try:
            yield database
        finally:
            database.dispose()


def operator() -> Actor:
    """Who works on the database itself, for the ledger; a container's number may have no name."""
    name = "unknown"
    with suppress(KeyError, OSError):
        name = getuser()
    return Actor("operator", name, authn="database host")


def named_url() -> str:
    """What the settings name: a PostgreSQL URL or `embedded:DIR`."""
    try:
        url = read_secret("database_url", os.environ)
        check_database_url(url)
    except SettingsRefused as refused:
        raise Stop(str(refused), Exit.WRONG_USE) from None
    except ValueError as error:
        message = f"{VARIABLE} {error}"
        raise Stop(message, Exit.WRONG_USE) from None
    return url


def worker_settings() -> WorkerSettings:
    """What the environment tells the worker and the periodic jobs."""
    try:
        return read_worker_settings()
    except SettingsRefused as refused:
        raise Stop(str(refused), Exit.WRONG_USE) from None


def signing_keys(path: str | None) -> Keys:
    """The keys that sign checkpoints; a file that holds none ends the command."""
    try:
        return read_keys(path)
    except KeyRefused as refused:
        message = f"MODEL_CATALOG_EXPORT_SIGNING_KEY_FILE {refused}. See docs/ledger.md."
        raise Stop(message, Exit.WRONG_USE) from None


def started_url(url: str) -> str:
    """A PostgreSQL URL; for `embedded:DIR` the private server is started first, with its roles."""
    if not url.startswith(PREFIX):
        return url
    started = start_embedded(Path(url.removeprefix(PREFIX)))
    owner = Database(started, role=None)
    with owner.engine.begin() as connection:
        make_roles(connection)
    owner.dispose()
    return started


@contextmanager
def explained() -> Iterator[None]:
    """What the service's parts refuse, as the command's last words."""
    try:
        yield
    except CatalogError as error:
        facts = " ".join(f"{name}={value}" for name, value in error.facts.items() if value)
        said = f"{error.title} {' '.join(error.fix.split())}"
        code = Exit.CONFLICT if error.status == CONFLICT else Exit.UNAVAILABLE
        raise Stop(f"{said}\n{facts}".strip(), code) from None
    except (EmbeddedRefused, TimeoutError) as error:
        raise Stop(str(error), Exit.UNAVAILABLE) from None
