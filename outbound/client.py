"""The guarded HTTP client: checked addresses, bounded time and size, no redirects."""

import ssl
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple, Self

import httpcore2
import httpx2

from outbound.addresses import Address, Allowed, OutboundRefused, Resolver, check_url, resolve
from outbound.credentials import Credential

CONNECTIONS: Final = 4
ENCODINGS: Final = {"", "identity", "gzip", "deflate"}  # not nested: each layer multiplies
OF_PACKED: Final = {b"content-encoding", b"content-length"}
LONGEST_WAIT: Final = 15 * 60.0


class Limits(NamedTuple):
    """Seconds to connect, between bytes and for everything; bytes of an answer once unpacked."""

    connect: float = 5
    read: float = 30
    total: float = 120
    decoded: int = 32 * 2**20


USUAL: Final = Limits()


class AnswerRefused(Exception):
    """An answer is larger, or packed otherwise, than what is read. Trying again does not help."""


class TimeLeft(float):
    """Seconds that also end with their request.

    httpcore hands a request's timeouts to the stream untouched, so a request carries its own
    deadline through a pool that knows none.
    """

    ends: float

    def __new__(cls, seconds: float, ends: float) -> Self:
        """So many seconds, but never beyond `ends`, a reading of the monotonic clock."""
        timeout = super().__new__(cls, seconds)
        timeout.ends = ends
        return timeout

    @classmethod
    def of(cls, timeout: float | None) -> float | None:
        """What is left of a timeout now. Raises `httpcore2.ReadTimeout` if nothing is."""
        if not isinstance(timeout, cls):
            return timeout
        left = timeout.ends - monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the whole answer took too long")
        return min(float(timeout), left)


class GuardedStream(httpcore2.NetworkStream):
    """A connection that ends with the time of the request it serves."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, within what is left."""
        return self._stream.read(max_bytes, TimeLeft.of(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all, within what is left."""
        self._stream.write(buffer, TimeLeft.of(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(  # noqa: PLR0917  # the signature is httpcore's
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Shake hands for the name, though the address was dialled."""
        left = TimeLeft.of(timeout)
        return GuardedStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows about itself."""
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore2.NetworkBackend):
    """Dials checked addresses only, so that a second look-up cannot change them."""

    def __init__(self, allowed: Allowed, *, plain: bool, resolver: Resolver | None) -> None:
        self._allowed, self._plain, self._resolver = allowed, plain, resolver
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(  # noqa: PLR0917  # the signature is httpcore's
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002  # never asked for
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that answers. Raises `OutboundRefused`."""
        failure: Exception
        for address in self._addresses(host, port):
            try:
                left = TimeLeft.of(timeout)
                stream = self._sockets.connect_tcp(str(address), port, left, None, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                _check_peer(stream, address)
                return GuardedStream(stream)
        raise failure

    def _addresses(self, host: str, port: int) -> tuple[Address, ...]:
        try:
            return resolve(
                host, port, allowed=self._allowed, plain=self._plain, resolver=self._resolver
            )
        except OutboundRefused:
            raise
        except OSError as error:
            message = f"{host} cannot be resolved"
            raise httpcore2.ConnectError(message) from error


class GuardedTransport(httpx2.BaseTransport):
    """What any httpx2 client may stand on: nothing it asks for passes the guards."""

    def __init__(
        self,
        allowed: Allowed,
        *,
        ca_file: Path | None = None,
        limits: Limits = USUAL,
        resolver: Resolver | None = None,
    ) -> None:
        """Certificates are always verified: by the system's authorities, or by `ca_file` alone."""
        self._limits = limits
        if ca_file is None:
            context = httpx2.create_ssl_context(trust_env=False)
        else:
            context = ssl.create_default_context(cafile=ca_file)
        self._schemes = {
            scheme: _Pool(context, GuardedBackend(allowed, plain=plain, resolver=resolver))
            for scheme, plain in (("https", False), ("http", True))
        }

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request. Raises `OutboundRefused`, `AnswerRefused` and what httpx2 raises."""
        url, limits = check_url(request.url), self._limits
        ends = monotonic() + limits.total
        seconds = limits._asdict() | {"write": limits.read, "pool": limits.total}
        # Replaced, not amended: a caller's `sni_hostname` would verify another name.
        request.extensions = {
            "timeout": {
                name: TimeLeft(seconds[name], ends) for name in ("connect", "read", "write", "pool")
            }
        }
        packed = self._schemes[url.scheme].handle_request(request)
        if packed.headers.get("Content-Encoding", "").strip().lower() not in ENCODINGS:
            packed.close()
            raise AnswerRefused("an answer is packed neither as gzip nor as deflate")
        headers = [  # as bytes: a name of a file may be written in any encoding
            (name, value) for name, value in packed.headers.raw if name.lower() not in OF_PACKED
        ]
        return httpx2.Response(
            packed.status_code,
            headers=headers,
            stream=_Unpacked(packed, limits.decoded),
            extensions=packed.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        for pool in self._schemes.values():
            pool.close()


class _Pool(httpx2.HTTPTransport):
    """httpx2's transport takes no network backend of ours: its pool is replaced."""

    def __init__(self, context: ssl.SSLContext, backend: GuardedBackend) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context, max_connections=CONNECTIONS, network_backend=backend
        )


class _Unpacked(httpx2.SyncByteStream):
    """The content of an answer, counted as it is unpacked."""

    def __init__(self, packed: httpx2.Response, most: int) -> None:
        self._packed, self._most = packed, most

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._packed.iter_bytes():
            size += len(piece)
            if size > self._most:
                message = f"an answer is larger than {self._most} bytes"
                raise AnswerRefused(message)
            yield piece

    def close(self) -> None:
        self._packed.close()


def guarded_client(
    allowed: Allowed,
    *,
    credential: Credential | None = None,
    ca_file: Path | None = None,
    limits: Limits = USUAL,
    resolver: Resolver | None = None,
) -> httpx2.Client:
    """A client for one source; answers that redirect are given back, not followed."""
    return httpx2.Client(
        transport=GuardedTransport(allowed, ca_file=ca_file, limits=limits, resolver=resolver),
        auth=credential,
        headers={"Accept-Encoding": "gzip, deflate", "User-Agent": "model-catalog"},
        trust_env=False,  # no proxy variables, no .netrc
        follow_redirects=False,
    )


def retry_after(text: str | None, *, now: datetime) -> float | None:
    """Seconds to wait as `Retry-After` asks, 15 minutes at most; None if it says nothing clear."""
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    waiting = until.replace(tzinfo=until.tzinfo or UTC) - now
    return min(max(waiting.total_seconds(), 0.0), LONGEST_WAIT)


def _check_peer(stream: httpcore2.NetworkStream, address: Address) -> None:
    """Before TLS and before any byte: who is at the other end."""
    try:
        peer = ip_address(stream.get_extra_info("server_addr")[0])
    except OSError as error:
        stream.close()
        raise httpcore2.ConnectError("the connection is gone already") from error
    if peer != address:
        stream.close()
        message = f"{peer} answered in the place of {address}"
        raise OutboundRefused(message)
