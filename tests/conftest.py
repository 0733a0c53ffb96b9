"""What every test may ask for: a database of its own, a count of statements, recorded corpora.

One PostgreSQL server runs for the whole session, whatever the number of workers. Its template
database is built by the migrations, once; each test gets a copy. `TEST_DATABASE_URL` names another
server (PostgreSQL 15 or newer, a login that may create databases and roles).
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from service import migrations
from service.db import Database
from service.embedded import embedded
from service.roles import make_roles

ROOT = Path(__file__).parents[1]
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
Statements = Callable[[], AbstractContextManager[list[str]]]
MakeDatabase = Callable[[], AbstractContextManager[Database]]
settings.register_profile(  # machines are shared: how long an example takes proves nothing
    "shared", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared")


def pytest_configure() -> None:
    """No engine of any test leaves this machine, and no variable names a host in its stead."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    sa.event.listen(sa.Engine, "do_connect", refuse_remote)


def refuse_remote(_dialect: object, _record: object, _args: object, options: Any) -> None:
    """Refuse a database elsewhere: libpq opens its own sockets, which no other guard sees."""
    hosts = f"{options.get('host', '')},{options.get('hostaddr', '127.0.0.1')}".split(",")
    if not all(host in LOOPBACK or host.startswith("/") for host in hosts):
        pytest.fail(f"{hosts} is not this machine; tests may wipe what they connect to")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def server(shared_folder: Path) -> Iterator[str]:
    """The URL of the session's server: started by the first worker, stopped by the last."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    record, lock = shared_folder / "server", shared_folder / "server.lock"
    stack = ExitStack()
    with alone(lock):
        if not record.exists():  # not below this session's folder, which root alone may enter
            record.write_text(tempfile.mkdtemp(prefix="catalog-"))
        folder = Path(record.read_text())
        url = stack.enter_context(embedded(folder, durable=False))
    yield url
    with alone(lock):
        stack.close()
        if not (folder / "postmaster.pid").exists():
            shutil.rmtree(folder)
            record.unlink()


@pytest.fixture(scope="session")
def template(server: str, shared_folder: Path) -> Iterator[str]:
    """The name of the database that the migrations built; the last worker drops it."""
    record, lock = shared_folder / "template", shared_folder / "template.lock"
    with (shared_folder / "template.users").open("w") as users:
        with alone(lock):
            fcntl.flock(users, fcntl.LOCK_SH)
            if not record.exists():
                name = f"template_{uuid4().hex}"
                build(server, name)
                record.write_text(name)
        yield record.read_text()
        with alone(lock):
            fcntl.flock(users, fcntl.LOCK_UN)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            drop(server, record.read_text())
            record.unlink()


@pytest.fixture
def database_url(server: str, template: str) -> Iterator[str]:
    """The URL of a database of this test's own, with this release's schema and nothing in it."""
    with created(server, template) as url:
        yield url


@pytest.fixture
def empty_url(server: str) -> Iterator[str]:
    """The URL of a database without a schema."""
    with created(server, "template1") as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The test's database, with the rights that the service has."""
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def make_database(server: str, template: str) -> MakeDatabase:
    """Makes databases like `database`, for a test that compares several; opened by `with`."""

    @contextmanager
    def made() -> Iterator[Database]:
        with created(server, template) as url:
            opened = Database(url)
            try:
                yield opened
            finally:
                opened.dispose()

    return made


@pytest.fixture
def owner_database(database_url: str) -> Iterator[Database]:
    """The test's database, with the rights of the login, who may do anything."""
    opened = Database(database_url, role=None)
    yield opened
    opened.dispose()


@pytest.fixture
def statements() -> Statements:
    """Lists what any database is sent meanwhile; opened by `with`, so that set-up is not in it."""

    @contextmanager
    def collected() -> Iterator[list[str]]:
        said: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            said.append(statement)

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            yield said
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)

    return collected


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of recorded payloads, `TEST_CORPORA`; without it the test is skipped."""
    folder = Path(os.environ.get("TEST_CORPORA", ROOT.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist: set TEST_CORPORA to the recorded payloads")
    return folder


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One worker at a time."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def created(server: str, template: str) -> Iterator[str]:
    """A copy of a database, dropped afterwards whoever is still connected."""
    name = f"test_{uuid4().hex}"
    # Files are copied: through the log, as is usual, it takes three times as long.
    execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    try:
        yield named(server, name)
    finally:
        drop(server, name)


def build(server: str, name: str) -> None:
    """Make a database with the roles and every revision."""
    execute(server, f'CREATE DATABASE "{name}"')
    made = Database(named(server, name), role=None)
    with made.engine.begin() as connection:
        make_roles(connection)
    migrations.upgrade(made)
    made.dispose()  # a template may have no connections


def drop(server: str, name: str) -> None:
    """Drop a database."""
    execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def execute(server: str, statement: str) -> None:
    """Run a statement outside every transaction."""
    url = sa.make_url(server).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


def named(server: str, name: str) -> str:
    """The URL of another database of the same server."""
    url = sa.make_url(server).set(database=name)
    return url.render_as_string(hide_password=False)
