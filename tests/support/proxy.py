"""A TCP proxy in front of PostgreSQL that cuts a connection at a chosen message."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import sqlalchemy as sa

COMMIT: Final = b"COMMIT\0"


class Proxy:
    """Passes everything on; once armed, it lets a COMMIT through and cuts before the answer."""

    def __init__(self, target: str) -> None:
        """Listen; connections go on to the socket file of a server."""
        self.target, self.armed, self.cuts = target, False, 0
        self.folder = tempfile.TemporaryDirectory(prefix="proxy-")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(Path(self.folder.name, ".s.PGSQL.5432")))
        self.listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no longer."""
        self.listener.close()
        self.folder.cleanup()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.socket(socket.AF_UNIX)
                super(socket.socket, far).connect(self.target)  # the guard knows no socket files
                for one, other, asks in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass, args=(one, other), kwargs={"asks": asks},
                                     daemon=True).start()  # fmt: skip

    def _pass(self, one: socket.socket, other: socket.socket, *, asks: bool) -> None:
        with suppress(OSError):
            while sent := one.recv(65_536):
                if asks and self.armed and COMMIT in sent:
                    self.armed, self.cuts = False, self.cuts + 1
                    one.shutdown(socket.SHUT_RDWR)  # nobody hears the answer
                    other.sendall(sent)
                    other.recv(1)  # the server has done it once it says so
                    break
                other.sendall(sent)
        one.close()
        other.close()


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy in front of a server on this machine, and the URL that leads through it."""
    asked = sa.make_url(url)
    proxy = Proxy(str(Path(str(asked.query["host"]), ".s.PGSQL.5432")))
    through = asked.update_query_dict({"host": proxy.folder.name})
    try:
        yield proxy, through.render_as_string(hide_password=False)
    finally:
        proxy.close()
