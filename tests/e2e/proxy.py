"""A way to a real server on which a test may lie, cut, kill or wait, request by request."""

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple
from urllib.parse import urlsplit

HOP_BY_HOP: Final = {"connection", "content-length", "date", "server", "transfer-encoding"}


class Asked(NamedTuple):
    """A request on its way."""

    method: str
    path: str  # with its query
    body: bytes

    @property
    def step(self) -> str:
        """What it is in the ingest protocol: `source`, `open`, `sightings` and so on."""
        path = urlsplit(self.path).path
        if path.rsplit("/", 2)[1] == "sources":
            return "source"
        if path.endswith("/harvests"):
            return "open"
        return path.replace(":", "/").rsplit("/", 1)[1]


class Answered(NamedTuple):
    """An answer on its way back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {"Content-Type": "application/json"}
    drip: float = 0.0  # seconds before each byte of the body


class CutConnection(Exception):
    """Raised by a hook: the connection ends without an answer."""


Before = Callable[[Asked], Answered | None]  # an answer in the server's stead, or None
After = Callable[[Asked, Answered], Answered]  # what the client gets


class Proxy:
    """Passes requests on to a server; notes what was asked and what was answered in the end."""

    def __init__(self, server: str) -> None:
        """Nothing happens on the way."""
        self.server, self.url = server, ""
        self.before: Before = lambda _asked: None
        self.after: After = lambda _asked, answered: answered
        self.asked: list[Asked] = []
        self.answered: list[tuple[Asked, Answered]] = []
        self.stopping = threading.Event()

    def answer(self, asked: Asked, headers: Mapping[str, str]) -> Answered:
        """Ask the server, unless told otherwise."""
        self.asked.append(asked)
        answered = self.before(asked) or self.after(asked, self._forward(asked, headers))
        self.answered.append((asked, answered))
        return answered

    def _forward(self, asked: Asked, headers: Mapping[str, str]) -> Answered:
        connection = http.client.HTTPConnection(urlsplit(self.server).netloc, timeout=60)
        try:
            connection.request(asked.method, asked.path, body=asked.body, headers=dict(headers))
            answer = connection.getresponse()
            kept = {n: v for n, v in answer.getheaders() if n.lower() not in HOP_BY_HOP}
            return Answered(answer.status, answer.read(), kept)
        finally:
            connection.close()


def parts(answered: Answered) -> Iterator[bytes]:
    """The body in one, or byte by byte."""
    size = 1 if answered.drip else max(len(answered.body), 1)
    for start in range(0, len(answered.body), size):
        yield answered.body[start : start + size]


@contextmanager
def proxied(server: str) -> Iterator[Proxy]:
    """A proxy in front of a server; its threads are joined at the end."""
    proxy = Proxy(server)

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            self.close_connection = True
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            passed = {n: v for n, v in self.headers.items() if n.lower() not in HOP_BY_HOP}
            with suppress(CutConnection, OSError):  # the client may have left
                answered = proxy.answer(Asked(self.command, self.path, body), passed)
                self.send_response(answered.status)
                for name, value in answered.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answered.body)))
                self.end_headers()
                for part in parts(answered):
                    proxy.stopping.wait(answered.drip)
                    self.wfile.write(part)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815  # http.server's

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = False
        proxy.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.stopping.set()
            listening.shutdown()
            thread.join()
