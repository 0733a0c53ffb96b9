"""The whole service over real HTTP, behind the server that it runs on, with its tokens."""

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any, Final

import httpx2
import structlog
import uvicorn
from sqlmodel import Session

from service.access.accounts import find_holder
from service.access.tokens import create_token
from service.app import create_app
from service.db import Database
from service.ledger.notes import Keys
from service.ledger.sealing import as_sealer, count_unsealed, seal
from service.logs import set_up_logs
from service.settings import Settings
from tests.support.catalog import OPERATOR

KEY: Final = "a key for tests that is long enough, and no documented one"
HOST: Final = "127.0.0.1"


def make_settings(database: Database, **more: Any) -> Settings:
    """Settings of a service on a database."""
    url = database.url.render_as_string(hide_password=False)
    return Settings.model_validate({"database_url": url, "secret_key": KEY} | more)


def make_token(database: Database, role: str = "reader", **asked: Any) -> str:
    """A token that the service accepts."""
    given = {"kind": "r" if role == "source" else "p", "role": role} | asked
    text, _ = database.transact(lambda session: create_token(session, actor=OPERATOR, **given))
    return text


def bearer(token: str | None) -> dict[str, str]:
    """The header that carries a token."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


class Service:
    """A running service as its clients meet it."""

    def __init__(self, port: int, database: Database) -> None:
        """A reader of everything asks, unless told otherwise."""
        self.port, self.database = port, database
        self.http = httpx2.Client(base_url=f"http://{HOST}:{port}", trust_env=False, timeout=30)
        self.reader = make_token(database)

    def token(self, role: str = "reader", **asked: Any) -> str:
        """A token of another caller."""
        return make_token(self.database, role, **asked)

    def token_of(self, account: str, **asked: Any) -> str:
        """A token of an account."""

        def make(session: Session) -> str:
            holder = find_holder(session, account)
            text, _ = create_token(session, kind="p", holder=holder, actor=OPERATOR, **asked)
            return text

        return self.database.transact(make)

    def get(self, path: str, token: str | None = None, **params: Any) -> Any:
        """What is answered with success, as JSON."""
        answer = self.ask("GET", path, token or self.reader, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(
        self, method: str, path: str, token: str | None = None, **options: Any
    ) -> httpx2.Response:
        """Any answer; without a token the caller is anonymous."""
        address = path if path.startswith("/") else f"/api/v1/{path}"
        headers = bearer(token) | dict(options.pop("headers", {}))
        return self.http.request(method, address, headers=headers, **options)


@contextmanager
def opened(database: Database, **settings: Any) -> Iterator[Service]:
    """A running service on a database."""
    with served(database, **settings) as port:
        found = Service(port, database)
        with found.http:
            yield found


@contextmanager
def served(database: Database, **settings: Any) -> Iterator[int]:
    """The service behind the server that it runs on; answers the port on loopback."""
    app = create_app(make_settings(database, **settings), database)
    config = uvicorn.Config(
        app, host=HOST, port=0, http="httptools", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        settled(database)
        server.should_exit = True
        thread.join()


def settled(database: Database) -> None:
    """Wait until every session is closed: some end only after their answer was sent."""
    pool: Any = database.engine.pool
    while pool.checkedout():
        time.sleep(0.01)


def wait_for_feed(database: Database) -> None:
    """Seal what is committed, so that the change feed shows it."""
    sealer = as_sealer(database)
    try:
        while True:
            seal(sealer, keys=Keys())
            with database.reading() as session:
                if not count_unsealed(session):
                    return
            time.sleep(0.01)  # another one is at it
    finally:
        sealer.dispose()


def spoken(port: int, sent: bytes) -> bytes:
    """What the server says to these very bytes until it closes."""
    with socket.create_connection((HOST, port), timeout=10) as line:
        line.sendall(sent)
        return b"".join(iter(lambda: line.recv(65_536), b""))


@contextmanager
def logged() -> Iterator[list[Any]]:
    """What is logged meanwhile, with the processors that the service runs with; read it after."""
    root, written, events = logging.getLogger(), StringIO(), list[Any]()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    with redirect_stderr(written):
        set_up_logs(form="json", level="info")
    try:
        yield events
    finally:
        structlog.configure(**configured)
        root.handlers[:] = handlers
        root.setLevel(level)
        events += [json.loads(line) for line in written.getvalue().splitlines()]
