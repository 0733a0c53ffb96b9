"""A receiver that answers as a test tells it, and what a service is told to send there."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple
from uuid import uuid4

import sqlalchemy as sa
from standardwebhooks import Webhook

from service.outgoing.outbox import Event, announce
from service.outgoing.post import Sender, make_sender
from service.outgoing.sending import Sent, send_waiting
from tests.support.catalog import rows
from tests.support.http import KEY, Service

LOOPBACK: Final = "127.0.0.1/32"
SOURCE: Final = "https://catalog.acme.example"
WHY: Final = {"reason": "tests"}
Answer = Callable[[BaseHTTPRequestHandler], None]


class Got(NamedTuple):
    """One delivery as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """By which a receiver knows what it has taken already."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        """What it says."""
        return json.loads(self.body)

    def proved_by(self, secret: str) -> bool:
        """Does the reference implementation of Standard Webhooks accept it?"""
        try:
            Webhook(secret).verify(self.body, dict(self.headers))
        except Exception:  # noqa: BLE001  # any refusal
            return False
        return True


class Sink:
    """What listens, what came, and how it answers."""

    def __init__(self, port: int) -> None:
        """Answers 204 to everything."""
        self.port, self.got = port, list[Got]()
        self.answer: Answer = answering(204)
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/events"

    @property
    def ids(self) -> list[str]:
        """Of what came, in order."""
        return [one.id for one in self.got]


def answering(status: int, **headers: str) -> Answer:
    """Answers this, without a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@contextmanager
def listening() -> Iterator[Sink]:
    """A receiver, its threads joined at the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            named = {name.lower(): value for name, value in self.headers.items()}
            sink.got.append(Got(self.path, named, body))
            self.close_connection = True
            with suppress(OSError):  # the sender has left, as it should
                sink.answer(self)

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_arguments: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        sink = Sink(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield sink
        finally:
            sink.stopping.set()
            server.shutdown()
            thread.join()


def sender(allow: str = LOOPBACK, key: str = KEY) -> Sender:
    """The way out of a worker."""
    return make_sender(secret_key=key, source=SOURCE, allow=allow)


class Desk:
    """A service and its receivers."""

    def __init__(self, service: Service, sink: Sink) -> None:
        """None is made yet."""
        self.service, self.database, self.sink = service, service.database, sink
        self.admin = service.token("admin")

    def make(self, name: str = "desk", **asked: Any) -> str:
        """Make a receiver; answers its secret."""
        body = {"name": name, "url": self.sink.url, **WHY, **asked}
        return str(self.ask("POST", "receivers", body, status=201)["secret"])

    def ask(
        self, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any
    ) -> Any:
        """What an admin is answered, with this status."""
        answer = self.service.ask(method, path, self.admin, json=body, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def tell(self, *subjects: str, of: str = "tier.changed", namespace: str = "retail") -> None:
        """Let something happen to these, in one transaction."""
        told = [Event(of, subject, namespace, None, {"tier": "HIGH"}) for subject in subjects]
        self.database.transact(lambda session: announce(session, told))

    def send(self, **way: str) -> Sent:
        """What a worker does every second."""
        out = sender(**way)
        with out.client:
            return send_waiting(self.database, out)

    def log(self, name: str = "desk", **asked: str) -> list[Any]:
        """The deliveries, the newest first."""
        found: list[Any] = self.service.get(f"receivers/{name}/deliveries", self.admin, **asked)[
            "items"
        ]
        return found

    def shown(self, name: str = "desk") -> Any:
        """A receiver as it is shown."""
        return self.service.get(f"receivers/{name}", self.admin)

    def later(self, by: str, *, events: bool = False) -> None:
        """Let everything that was noted so far be so much longer ago; of events only if asked."""
        moved: dict[str, tuple[str, ...]] = {
            "outgoing_delivery": ("next_at", "last_at", "delivered_at"),
            "receiver": ("rotated_at", "failing_since", "resting_until"),
        }
        if events:  # what they say would differ
            moved["outgoing_event"] = ("at",)
        with self.database.engine.begin() as connection:
            for table, names in moved.items():
                each = ", ".join(f"{name} = {name} - CAST(:by AS interval)" for name in names)
                connection.execute(sa.text(f"UPDATE {table} SET {each}"), {"by": by})  # noqa: S608

    def ledger(self) -> list[Any]:
        """What the ledger says about receivers, in order."""
        found = rows(self.database, "SELECT canon FROM change WHERE kind = 'receiver' ORDER BY id")
        return [json.loads(canon) for (canon,) in found]


def somebody() -> str:
    """A name that nothing else has."""
    return f"retail/{uuid4().hex[:8]}"
