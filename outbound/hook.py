"""The address policy for clients with a transport of their own (mlflow, boto3): a connect hook."""

import socket
import sys
from typing import Any, Final
from urllib.parse import urlsplit

from outbound.addresses import Allowed, OutboundRefused

INET: Final = {socket.AF_INET, socket.AF_INET6}
_guards: list[Allowed] = []


def guard_sockets(allowed: str, *, also: tuple[str, ...] = ()) -> None:
    """Check every connection of this process from now on; cannot be undone.

    `allowed` are ranges as `MODEL_CATALOG_OUTBOUND_ALLOW` writes them; `also` are URLs of our own
    (the catalog itself), whose present addresses may be reached too. C libraries that open their
    own sockets (libpq) are not seen. Raises `ValueError` for ranges that cannot be read.
    """
    own = [address for url in also for address in _addresses(url)]
    guard = Allowed(allowed, also=own)
    if not _guards:
        sys.addaudithook(_audit)
    _guards[:] = [guard]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in {"socket.connect", "socket.sendto"} or not _guards:
        return
    sock, address = arguments[0], arguments[-1]
    if getattr(sock, "family", None) not in INET:
        return
    host = address[0] if isinstance(address, tuple) else ""
    try:
        _guards[0].check(host)
    except OutboundRefused:
        raise
    except ValueError:  # a name: the resolver would decide after us
        _guards[0].check(socket.getaddrinfo(host, None)[0][4][0])  # type: ignore[arg-type]  # INET


def _addresses(url: str) -> set[str]:
    parts = urlsplit(url)
    if not parts.hostname:
        return set()
    return {str(found[4][0]) for found in socket.getaddrinfo(parts.hostname, parts.port)}
