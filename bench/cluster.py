"""A durable private PostgreSQL server for one bench; databases are copies of a migrated one."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from service import migrations
from service.db import Database
from service.embedded import embedded
from service.roles import make_roles

TEMPLATE: Final = "catalog"  # what the embedded server makes
DISCONNECT: Final = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = %s AND pid <> pg_backend_pid()"
)


class Cluster(NamedTuple):
    """A running server. It keeps what is committed (fsync on), as the one in production does."""

    url: str

    def fresh(self, name: str) -> str:
        """The URL of a new database with this release's schema and nothing in it."""
        self._alone("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self._alone("CREATE DATABASE {} TEMPLATE {}", name, TEMPLATE)
        return self.url_of(name)

    def url_of(self, name: str) -> str:
        """The URL of one of its databases."""
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        """Drop a database: its vacuuming would take time from what is measured next."""
        self._alone("DROP DATABASE {} WITH (FORCE)", name)

    def settle(self) -> None:
        """Write all that is dirty now, not during the next measurement."""
        self._alone("CHECKPOINT")

    def disconnect(self, name: str) -> None:
        """End a database's connections: the figures of theirs that are late count from then on."""
        with closing(psycopg.connect(self.url_of("postgres"), autocommit=True)) as connection:
            connection.execute(DISCONNECT, [name])

    def _alone(self, statement: str, *names: str) -> None:
        with closing(psycopg.connect(self.url_of("postgres"), autocommit=True)) as connection:
            text = sql.SQL(statement)
            connection.execute(text.format(*(sql.Identifier(name) for name in names)))


@contextmanager
def run_cluster() -> Iterator[Cluster]:
    """Start a server in a folder of its own, which root's server account can enter."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with embedded(folder, durable=True) as url:
            owner = Database(url, role=None, pool=1)
            with owner.engine.begin() as connection:
                make_roles(connection)
            migrations.upgrade(owner)
            owner.dispose()  # a template may have no connections
            yield Cluster(url)
    finally:
        shutil.rmtree(folder)
