"""A service process that kills itself, as SIGKILL does, at the n-th commit boundary.

Run as a program it forks one service after the other, each as soon as its own death is ordered:
imports happen once. The product has no failpoints; a boundary is where SQLAlchemy commits.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import uvicorn

from service.app import create_app
from service.db import Database
from service.logs import set_up_logs
from tests.support.harvester import make_settings

ROOT: Final = Path(__file__).parents[2]
NEVER: Final = 0


class Killable:
    """Starts services on one address; each lives until its boundary."""

    def __init__(self, orders: IO[str], answers: IO[str], address: str) -> None:
        """Speak with the supervisor."""
        self.orders, self.answers, self.address = orders, answers, address
        self._alive = 0

    def start(self, url: str, boundary: int = NEVER) -> None:
        """Start a service on a database.

        It dies at the boundary: 1 is before its first commit, 2 after that, and so on.
        """
        self.orders.write(f"{boundary} {url}\n")
        self.orders.flush()
        self._alive = int(self.answers.readline())

    def wait(self) -> int:
        """The signal that the service died of."""
        died_of = int(self.answers.readline())
        self._alive = 0
        return died_of

    def kill(self) -> None:
        """Kill the service, if there is one, wherever it is."""
        if self._alive:
            os.kill(self._alive, signal.SIGKILL)
            assert self.wait() == signal.SIGKILL


@contextmanager
def killable() -> Iterator[Killable]:
    """A supervisor of services on one address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        with subprocess.Popen(  # noqa: S603  # this module
            [sys.executable, "-m", "tests.support.killable", str(listener.fileno())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            pass_fds=[listener.fileno()],
        ) as supervisor:  # fmt: skip
            assert supervisor.stdin is not None
            assert supervisor.stdout is not None
            host, port = listener.getsockname()
            service = Killable(supervisor.stdin, supervisor.stdout, f"http://{host}:{port}")
            try:
                yield service
            finally:
                service.kill()
                supervisor.stdin.close()


def supervise(descriptor: int) -> None:
    """Fork a service for each order, and say what it died of; the end of orders ends it."""
    for order in sys.stdin:
        boundary, url = order.split()
        child = _forked(url, descriptor, boundary=int(boundary))
        print(child, flush=True)  # noqa: T201  # the listener is open since before
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status), flush=True)  # noqa: T201


def _forked(url: str, descriptor: int, *, boundary: int) -> int:
    child = os.fork()
    if child == 0:
        database = Database(url)
        if boundary != NEVER:
            die_at(database, boundary)
        app = create_app(make_settings(url), database)
        config = uvicorn.Config(app, http="httptools", log_config=None, access_log=False)
        with socket.socket(fileno=descriptor) as listener:
            uvicorn.Server(config).run(sockets=[listener])
        os._exit(0)
    return child


def die_at(database: Database, boundary: int) -> None:
    """Count the boundaries of every commit of this process, and die at one of them."""
    passed = 0
    dialect: Any = type(database.engine.dialect)
    commit: Callable[[Any, Any], None] = dialect.do_commit

    def reach() -> None:
        nonlocal passed
        passed += 1
        if passed == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    def dying(self: Any, connection: Any) -> None:
        reach()
        commit(self, connection)
        reach()

    dialect.do_commit = dying


if __name__ == "__main__":
    set_up_logs(form="json", level="error")
    supervise(int(sys.argv[1]))
