"""Servers on loopback that answer as a test tells them, and certificates made on the spot."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[BaseHTTPRequestHandler], None]


class Source(NamedTuple):
    """A server and what it was asked: path and Authorization of every request."""

    port: int
    asked: list[tuple[str, str | None]]
    connected: list[object]
    stopping: threading.Event

    @property
    def url(self) -> str:
        """Where it listens, by address."""
        return f"http://127.0.0.1:{self.port}/"


Serve = Callable[..., Source]
Certify = Callable[..., Path]


@contextmanager
def serving(answer: Answer, certificate: Path | None) -> Iterator[Source]:
    """One server, its threads joined at the end."""
    source = Source(0, [], [], threading.Event())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            source.asked.append((self.path, self.headers["Authorization"]))
            self.close_connection = True
            with suppress(OSError):  # the client has left, as it should
                answer(self)

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def verify_request(self, _request: Any, client_address: Any) -> bool:
            source.connected.append(client_address)
            return True

        def finish_request(self, request: Any, client_address: Any) -> None:
            with (
                suppress(OSError),
                secured(request, certificate) as connection,
            ):  # certificates may be refused
                super().finish_request(connection, client_address)

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield source._replace(port=server.server_port)
        finally:
            source.stopping.set()
            server.shutdown()
            thread.join()


def secured(request: socket.socket, certificate: Path | None) -> socket.socket:
    """The server's end of a connection, behind TLS if there is a certificate."""
    if certificate is None:
        return request
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context.wrap_socket(request, server_side=True)


def say(handler: BaseHTTPRequestHandler, body: bytes = b"hello", **headers: str) -> None:
    """Answer 200 with a body."""
    handler.send_response(200)
    handler.send_header("Connection", "close")  # said, so that the client does not ask there again
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def certificate_for(name: str, folder: Path, *, days: int = 1) -> Path:
    """A self-signed certificate with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    until = datetime.now(UTC) + timedelta(days=days)
    certificate = (
        x509.CertificateBuilder(subject, subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=30))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}{days}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
